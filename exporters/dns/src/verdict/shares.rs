//! The shares of the votes that a verdict is made of. No I/O, no clock.

use std::collections::HashMap;

use super::case::Case;
use super::countries;
use super::said::Said;
use super::votes::Weight;
use crate::answer::Content;
use crate::outcome::{Class, Outcome};

/// A share, counted once with one vote a resolver and once with one vote a network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ratios {
    /// One vote a resolver.
    pub(crate) resolver: f64,
    /// One vote a network, divided among its resolvers, and less where a country has too many.
    pub(crate) network: f64,
}

/// The shares of one sweep.
#[derive(Debug)]
pub(super) struct Shares {
    /// Resolvers and networks with a conclusive answer,
    pub(super) resolvers: usize,
    pub(super) networks: usize,
    /// and their votes.
    pub(super) votes: Weight,
    /// Share of these with an answer that is not expected, and outside of the countries that diverge.
    pub(super) unexpected: (f64, f64),
    /// Share of all votes of those that fail, and outside.
    pub(super) failing: (f64, f64),
    /// Share of all votes of those that fail by saying nothing.
    pub(super) silent: f64,
    /// Share of the conclusive votes with two different replies.
    pub(super) conflict: f64,
    /// Share of the conclusive votes that agree.
    pub(super) agreeing: f64,
    /// Share of the agreeing votes for the answer that has most of them.
    pub(super) one_answer: f64,
}

impl Shares {
    /// Counts the votes of each class.
    pub(super) fn count(case: &Case<'_>, classes: &[Class]) -> Self {
        let is_conclusive = |at| case.is_conclusive(classes, at);
        let votes = case.votes.sum(is_conclusive);
        let of =
            |class| case.votes.sum(|at| case.health.works[at] && classes[at] == class).of(votes);
        let unexpected = countries::outside(case, is_conclusive, |at| classes[at].is_unexpected());
        let failing = countries::outside(case, |_| true, |at| case.health.fails[at]);
        let is_silent = |at: usize| {
            case.health.fails[at] && case.heard.said[at] == Said::Failure(Class::Timeout)
        };
        let all = case.votes.sum(|at| case.health.works[at]);
        Self {
            silent: case.votes.sum(is_silent).of(all),
            resolvers: (0..classes.len()).filter(|at| is_conclusive(*at)).count(),
            networks: case.networks_of(is_conclusive),
            votes,
            unexpected,
            failing,
            conflict: of(Class::Conflict),
            agreeing: of(Class::Agree),
            one_answer: one_answer(case, classes),
        }
    }

    /// The share of the conclusive answers for which it holds; nothing if there are none.
    pub(super) fn ratios(
        &self,
        case: &Case<'_>,
        classes: &[Class],
        holds: impl Fn(usize) -> bool,
    ) -> Option<Ratios> {
        let holds = |at| case.is_conclusive(classes, at) && holds(at);
        let count = (0..classes.len()).filter(|at| holds(*at)).count();
        (self.resolvers > 0).then(|| Ratios {
            resolver: count as f64 / self.resolvers as f64,
            network: case.votes.sum(holds).of(self.votes),
        })
    }

    /// The share of the most frequent answer.
    pub(super) fn plurality(&self, case: &Case<'_>, classes: &[Class]) -> Option<Ratios> {
        let content = |at: usize| match case.outcomes[at] {
            Some(Outcome::Answer(answer)) if case.is_conclusive(classes, at) => {
                Some(&answer.content)
            }
            _ => None,
        };
        let mut counts: HashMap<&Content, usize> = HashMap::new();
        for content in (0..classes.len()).filter_map(content) {
            *counts.entry(content).or_default() += 1;
        }
        let (largest, _) =
            counts.into_iter().max_by(|(a, of_a), (b, of_b)| (of_a, b).cmp(&(of_b, a)))?;
        self.ratios(case, classes, |at| content(at) == Some(largest))
    }
}

fn one_answer(case: &Case<'_>, classes: &[Class]) -> f64 {
    let mut answers: HashMap<Option<usize>, Weight> = HashMap::new();
    let mut all = Weight::default();
    for (at, class) in classes.iter().enumerate() {
        if *class == Class::Agree && case.health.works[at] {
            let answer = match case.heard.said[at] {
                Said::Data(answer) => Some(answer),
                _ => None,
            };
            *answers.entry(answer).or_default() += case.votes.vote[at];
            all += case.votes.vote[at];
        }
    }
    answers.into_values().max().unwrap_or_default().of(all)
}
