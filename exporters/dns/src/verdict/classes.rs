//! The class of each resolver. No I/O, no clock.

use super::case::Case;
use super::said::Said;
use crate::answer::Content;
use crate::outcome::{Class, Outcome};

/// Extended errors by which a resolver says that it answers otherwise on purpose (RFC 8914 §4): forged,
/// blocked, censored, filtered, prohibited.
const FILTERS: [u16; 5] = [4, 15, 16, 17, 18];

/// What is accepted, and what is not held against a resolver.
#[derive(Debug)]
pub(super) struct Standards {
    /// For each answer: whether it is accepted.
    pub(super) accepted: Vec<bool>,
    /// Whether there should be no answer.
    pub(super) is_absence: bool,
    /// For each answer: whether it is that of a former pin, whose TTL lasts.
    pub(super) stale: Vec<bool>,
    /// Whether absence is.
    pub(super) is_absence_stale: bool,
    /// For each answer: whether it is seen in few places only, and the name is answered by place.
    pub(super) local: Vec<bool>,
    /// For each place: whether most of it answers otherwise, and the name is answered by place.
    pub(super) own_answers: Vec<bool>,
    /// Whether two different answers to one query tell a forger by themselves: nothing else would.
    pub(super) is_pair_telling: bool,
}

/// The class of each resolver.
pub(super) fn classes(case: &Case<'_>, standards: &Standards) -> Vec<Class> {
    (0..case.list.resolvers.len()).map(|at| class(case, standards, at)).collect()
}

fn class(case: &Case<'_>, standards: &Standards, at: usize) -> Class {
    let said = case.heard.said[at];
    match said {
        _ if case.health.failed_control[at] => return Class::Unhealthy,
        Said::NotAsked => return Class::Unhealthy,
        Said::NotSent => return Class::LocalError,
        Said::NotAskedOn => return Class::NotAsked,
        Said::Failure(class) if !case.heard.replies(at).any(Said::is_answer) => return class,
        _ => {}
    }
    let mut classes = case
        .heard
        .replies(at)
        .filter(|said| said.is_answer())
        .map(|said| of_answer(case, standards, at, said));
    let first = classes.next().unwrap_or(Class::Dissent);
    let (mut alike, mut agrees) = (true, first == Class::Agree);
    for class in classes {
        alike &= class == first;
        agrees |= class == Class::Agree;
    }
    alike &= case.heard.replies(at).all(Said::is_answer);
    let class = match () {
        () if !alike && agrees => Class::Conflict,
        () if standards.is_pair_telling && is_pair(case, at) => Class::Conflict,
        () => first,
    };
    if class.is_unexpected() && says_that_it_filters(case.outcomes[at]) {
        return Class::Filtered;
    }
    class
}

fn of_answer(case: &Case<'_>, standards: &Standards, at: usize, said: Said) -> Class {
    match said {
        Said::Dns64 if standards.is_absence => Class::Agree,
        Said::Dns64 => Class::Dns64,
        Said::Data(answer) if case.bogus[answer] => Class::Bogon,
        Said::Data(answer) if standards.accepted[answer] => Class::Agree,
        Said::Data(answer) if standards.stale[answer] => Class::Stale,
        Said::Data(answer) => {
            let place = case.places.of(&case.list.resolvers[at]);
            let own = place.is_some_and(|place| standards.own_answers[place]);
            if own || standards.local[answer] { Class::Local } else { Class::Dissent }
        }
        _ if standards.is_absence => Class::Agree,
        _ if standards.is_absence_stale => Class::Stale,
        _ => match case.outcomes[at] {
            Some(Outcome::Answer(answer)) if answer.content == Content::Nodata => Class::Nodata,
            _ => Class::Nxdomain,
        },
    }
}

/// Whether two answers came that have nothing in common: no resolver answers one query twice.
fn is_pair(case: &Case<'_>, at: usize) -> bool {
    let data = |said| match said {
        Said::Data(answer) => Some(case.heard.answers[answer]),
        _ => None,
    };
    let mut answers = case.heard.replies(at).filter_map(data);
    let Some(first) = answers.next() else { return false };
    answers.any(|other| other.iter().all(|address| !first.contains(address)))
}

fn says_that_it_filters(outcome: Option<&Outcome>) -> bool {
    let Some(Outcome::Answer(answer)) = outcome else { return false };
    answer.extended_error.is_some_and(|code| FILTERS.contains(&code))
}
