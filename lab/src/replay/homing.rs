//! Where a service lives, before anything breaks: what one person found by hand after Amsterdam 2018.

use super::fault::Fault;
use super::untold::Untold;
use super::{Concern, Replay, Sentence, seconds};
use crate::verdict::Expectation;
use crate::world::homing::Service;
use crate::world::router::WATCHED;

/// A calm world.
pub(super) fn single_homed() -> Replay {
    Replay {
        name: "single-homed",
        story: "All is well. The messenger's API has one address everywhere; how far it is from six vantages says where \
                it can be, and that it is in one place, and their paths to it who carries it there. Its twin has one address too, and \
                is proven to be in several places.",
        watch: seconds(600),
        homing: vec![
            Sentence {
                target: "messenger-api",
                says: &[
                    "consistent with one site within",
                    "nearest",
                    "farthest",
                    "no distance is impossible",
                    "AS62041, entered through AS6762 (3 vantages), AS1273 (2), AS3356 (1)",
                    "always in Amsterdam",
                ],
            },
            // How many are certain hangs on a millisecond; that it is not one does not.
            Sentence {
                target: "anycast-web",
                says: &["several sites, ", "would have to be wrong"],
            },
        ],
        ..Replay::about(Concern::Homing("messenger-api"))
    }
}

/// Three sets that one fault takes, as who wrote them down did not know.
pub(super) fn sets_not_independent() -> Replay {
    const SERVICE: Service = Service { name: "store", sets: &["blog", "dc-ams", "shop"] };
    Replay {
        name: "sets-not-independent",
        story: "An operator writes down that the store can be reached in three ways, of which two may fail, and has turbulence-homing read it. \
                All three are in Amsterdam: nothing is down, and one fault takes them together.",
        fault: Fault::Declared(SERVICE),
        watch: seconds(300),
        untold: Some(Untold {
            about: SERVICE.name,
            due: Some((
                "HomingSetsNotIndependent",
                &[
                    "store: sets that share a place",
                    "1 of its sets at most are independent by place, 3 should be",
                    "the same have blog and dc-ams, blog and shop, dc-ams and shop",
                ],
            )),
            // Nothing is lost: that the sets are not independent is no word of their being up.
            never: &["HomingSetLost"],
        }),
        // Where each is must be known, or all three may be elsewhere.
        ready: Some(
            "count(homing_site_info{target=~\"blog|dc-ams|shop\",city=\"Amsterdam\",source=\"name\"} \
             and on (target) homing_one_site == 1) == 3",
        ),
        ..Replay::about(Concern::Homing(SERVICE.name))
    }
}

/// Who carries a service is another than before: to be known, no alarm.
pub(super) fn path_change() -> Replay {
    Replay {
        name: "path-change",
        story: "From New York, the way to the messenger's API goes through another carrier than before. It is as fast as it was, and \
                nobody is told; who looks finds the way before beside it.",
        fault: Fault::Path { from: "nyc", to: "svc-ams", like: "syd" },
        watch: seconds(300),
        untold: Some(Untold {
            about: "messenger-api",
            due: Some(("LatencyPathChanged", &["The way from nyc (AMER)", "AS3356 in Amsterdam"])),
            never: &[],
        }),
        ready: Some(
            "latency_path_handover_info{target=\"messenger-api\",vantage=\"nyc\",asn=\"6762\"}",
        ),
        ..Replay::about(Concern::Target("messenger-api"))
    }
}

/// Who announces it is somebody else.
pub(super) fn origin_change() -> Replay {
    Replay {
        name: "origin-change",
        story: "Three carriers hear the messenger's prefix from another network than its own, as two tables of a route server say. \
                Its packets still go where they went, so that nobody has to get up.",
        fault: Fault::Origin(64511),
        watch: seconds(240),
        expectation: Expectation {
            must: vec!["HomingOriginUnexpected"],
            says: vec![
                "203.0.113.128/25 is announced by AS64511",
                "Endpoints in it: messenger-api",
            ],
            ..Expectation::default()
        },
        ready: Some("homing_route_endpoints_info{target=\"messenger-api\"}"),
        ..Replay::about(Concern::Prefix(WATCHED))
    }
}
