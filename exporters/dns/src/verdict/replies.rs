//! What is counted of the replies as they came. No I/O, no clock.

use std::collections::BTreeMap;

use crate::answer::Flag;
use crate::outcome::{Class, Outcome};

/// How many resolvers are in which class.
pub(super) fn responses(classes: &[Class]) -> [usize; Class::ALL.len()] {
    let mut responses = [0; Class::ALL.len()];
    for class in classes {
        responses[*class as usize] += 1;
    }
    responses
}

/// How many replies had which flag.
pub(super) fn flags(outcomes: &[Option<&Outcome>]) -> [usize; Flag::ALL.len()] {
    Flag::ALL.map(|flag| {
        let has = |outcome: Option<&Outcome>| match outcome {
            Some(Outcome::Answer(answer)) => answer.flags.has(flag),
            Some(Outcome::Truncated) => flag == Flag::Tc,
            _ => false,
        };
        outcomes.iter().filter(|outcome| has(**outcome)).count()
    })
}

/// How many resolvers gave which extended error.
pub(super) fn extended_errors(outcomes: &[Option<&Outcome>]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for outcome in outcomes {
        if let Some(Outcome::Answer(answer)) = outcome
            && let Some(code) = answer.extended_error
        {
            *counts.entry(code).or_default() += 1;
        }
    }
    counts
}
