//! What the status page of a provider says while its service is down for everyone. That a page says something else than what is
//! measured is a ticket after a quarter of an hour, since a page of people lags behind: the replays see that it is under way.

use super::fault::Fault;
use super::untold::Untold;
use super::{Concern, Replay, seconds};
use crate::verdict::Expectation;
use crate::world::claims::Says;

const DISAGREES: &str = "HomingStatusPageDisagrees";

/// All of them.
pub(super) fn all() -> [Replay; 4] {
    [green(), regional(), honest(), moved()]
}

fn green() -> Replay {
    Replay {
        name: "page-green",
        story: "The mail service answers with HTTP 500 everywhere, and its provider's page says that all is well.",
        fault: Fault::Outage("mail", Says::Operational),
        expectation: page(vec!["The page mail says: operational"]),
        untold: Some(Untold {
            about: "mail",
            due: Some((
                DISAGREES,
                &["down, its page says it is up", "the page mail has said that it works."],
            )),
            never: &[],
        }),
        ready: Some("homing_claim_state{page=\"mail\",state=\"operational\"} == 1"),
        ..outage("mail")
    }
}

fn regional() -> Replay {
    Replay {
        name: "page-regional",
        story: "The chat service answers with HTTP 500 everywhere, and its provider's page speaks of Europe alone.",
        fault: Fault::Outage("chat", Says::FirstIsOut),
        expectation: page(vec!["The page chat says: major_outage"]),
        untold: Some(Untold {
            about: "chat",
            due: Some((DISAGREES, &["works in AMER, APAC; it names trouble in EMEA"])),
            never: &[],
        }),
        ready: Some(
            "homing_claim_state{page=\"chat\",component=\"Europe\",state=\"operational\"} == 1",
        ),
        ..outage("chat")
    }
}

fn honest() -> Replay {
    Replay {
        name: "page-honest",
        story: "The wiki answers with HTTP 500 everywhere, and its provider's page says so: the page of the outage, and no word of its page.",
        fault: Fault::Outage("wiki", Says::FirstIsOut),
        expectation: page(vec!["The page wiki says: major_outage"]),
        untold: Some(Untold { about: "wiki", due: None, never: &[DISAGREES] }),
        ready: Some("homing_claim_state{page=\"wiki\",state=\"operational\"} == 1"),
        ..outage("wiki")
    }
}

fn moved() -> Replay {
    Replay {
        name: "page-moved",
        story: "The video service answers with HTTP 500 everywhere, and its provider's page is elsewhere since the same moment: nobody \
                knows what it says, and that is not that all is well.",
        fault: Fault::Outage("video", Says::Moved),
        expectation: page(vec!["The page video says: unknown"]),
        untold: Some(Untold {
            about: "video",
            due: Some((
                "HomingStatusPageUnreadable",
                &["video has said nothing that can be read", ": moved."],
            )),
            never: &[DISAGREES],
        }),
        ready: Some("homing_claim_state{page=\"video\",state=\"operational\"} == 1"),
        ..outage("video")
    }
}

/// An outage of a service of which that is the endpoint.
fn outage(target: &'static str) -> Replay {
    Replay { watch: seconds(300), ..Replay::about(Concern::Target(target)) }
}

/// One page, which says that.
fn page(says: Vec<&'static str>) -> Expectation {
    let must = vec!["LatencyEndpointDownGlobally"];
    Expectation { must, pages: 1, says, ..Expectation::default() }
}
