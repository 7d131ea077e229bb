//! Where a service lives, before anything breaks: what one person found by hand after Amsterdam 2018.

use super::fault::Fault;
use super::{Concern, Replay, Sentence, seconds};
use crate::verdict::Expectation;

/// A calm world.
pub(super) fn single_homed() -> Replay {
    Replay {
        name: "single-homed",
        story: "All is well. The messenger's API has one address everywhere; how far it is from six vantages says where \
                it can be, and that it is in one place.",
        fault: Fault::Nothing,
        lasts: None,
        watch: seconds(600),
        expectation: Expectation::default(),
        homing: Some(Sentence {
            target: "messenger-api",
            says: &["consistent with one site within", "no distance is impossible", "Amsterdam"],
        }),
        concern: Concern::Homing("messenger-api"),
    }
}
