//! What the world's resolvers answered in 2018, and the case that is worse.

use super::fault::Fault;
use super::{Concern, Replay, seconds};
use crate::resolvers::{CHINA, RUSSIA};
use crate::verdict::Expectation;

/// Both replays.
pub(super) fn all() -> [Replay; 2] {
    [country_diverges(), answer_unexpected()]
}

fn country_diverges() -> Replay {
    Replay {
        name: "country-diverges",
        story: "Resolvers in China and in Russia give other addresses for the messenger's API than \
                the rest of the world does.",
        fault: Fault::Tampered(&[("CN", CHINA), ("RU", RUSSIA)]),
        watch: seconds(180),
        expectation: Expectation {
            must: vec!["DnsCountryDiverges"],
            countries: vec!["CN", "RU"],
            ..Expectation::default()
        },
        ..Replay::about(Concern::Dns)
    }
}

fn answer_unexpected() -> Replay {
    Replay {
        name: "answer-unexpected",
        story: "The world agrees on an address for the messenger's API, and it is not one of its own.",
        // A real address of somebody else, as a hijacker would use: one of the documentation blocks
        // is told by itself.
        fault: Fault::Answered(CHINA),
        watch: seconds(240),
        expectation: Expectation {
            must: vec!["DnsAnswerUnexpected"],
            pages: 1,
            ..Expectation::default()
        },
        ..Replay::about(Concern::Dns)
    }
}
