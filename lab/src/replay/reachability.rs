//! Incident B, Amsterdam 2018, and what must not be taken for it.

use super::fault::Fault;
use super::{Concern, Replay, seconds};
use crate::verdict::Expectation;

/// The incident itself.
pub(super) fn amsterdam() -> Replay {
    Replay {
        name: "amsterdam",
        story: "A power failure in Amsterdam, it is said, for users of Europe. From every vantage in \
                the world the messenger's API answers with HTTP 500: to a ping it is up, and its \
                provider's page says that all is well.",
        fault: Fault::Status("messenger-api", 500),
        watch: seconds(150),
        expectation: Expectation {
            must: vec!["LatencyEndpointDownGlobally"],
            pages: 1,
            within: Some(seconds(120)),
            says: vec![
                "500",
                "of 6 vantages",
                "All of it seems to be at one site, near Amsterdam.",
                "The page messenger says: operational",
            ],
            ..Expectation::default()
        },
        ready: Some(
            "homing_one_site{target=\"messenger-api\"} == 1 and on (target) homing_site_info \
             and on () homing_claim_state{page=\"messenger\",state=\"operational\"} == 1",
        ),
        ..Replay::about(Concern::Target("messenger-api"))
    }
}

/// What an outage of the world must be told from.
pub(super) fn rest() -> [Replay; 5] {
    [region_dark(), blip(), reroute(), vantage_broken(), uplink_down()]
}

fn region_dark() -> Replay {
    Replay {
        name: "region-dark",
        story: "A cable to Asia is cut: from Singapore and Sydney the shop cannot be reached, from \
                everywhere else it can.",
        fault: Fault::Dark(&["sin", "syd"], "shop"),
        watch: seconds(240),
        expectation: Expectation {
            must: vec!["LatencyEndpointDownRegion"],
            pages: 1,
            says: vec!["APAC"],
            ..Expectation::default()
        },
        ..Replay::about(Concern::Target("shop"))
    }
}

fn blip() -> Replay {
    Replay {
        name: "blip-90s",
        story: "The blog answers with HTTP 500 for 90 s, then it is well again. Nobody has to get up \
                for this.",
        fault: Fault::Status("blog", 500),
        lasts: Some(seconds(90)),
        watch: seconds(160),
        ..Replay::about(Concern::Target("blog"))
    }
}

fn reroute() -> Replay {
    Replay {
        name: "reroute",
        story: "London withdraws an anycast address: Europe's users now reach it in New York. Slower, \
                not down.",
        fault: Fault::Withdrawn("any-lon"),
        watch: seconds(480),
        expectation: Expectation {
            must: vec!["LatencyRegionRerouted"],
            says: vec!["EMEA"],
            ..Expectation::default()
        },
        ..Replay::about(Concern::Target("anycast"))
    }
}

fn vantage_broken() -> Replay {
    Replay {
        name: "vantage-broken",
        story: "The vantage in San Francisco loses its network. To it the whole world is down; it \
                cannot reach the canaries either, so it has no vote.",
        fault: Fault::Isolated(&["sfo"]),
        watch: seconds(300),
        expectation: Expectation {
            must: vec!["LatencyVantageBroken"],
            says: vec!["sfo"],
            ..Expectation::default()
        },
        ..Replay::about(Concern::Reachability)
    }
}

fn uplink_down() -> Replay {
    Replay {
        name: "uplink-down",
        story: "All of our vantages lose the network at once: not the world is down, we are blind.",
        fault: Fault::Isolated(&["fra", "lon", "nyc", "sfo", "sin", "syd"]),
        watch: seconds(240),
        expectation: Expectation {
            must: vec!["LatencyMonitoringBlind"],
            pages: 1,
            ..Expectation::default()
        },
        ..Replay::about(Concern::Reachability)
    }
}
