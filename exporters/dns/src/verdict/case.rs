//! What a sweep brought on one question, before it is judged. No I/O, no clock.

use std::collections::HashSet;
use std::net::IpAddr;

use super::health::Health;
use super::level::Voter;
use super::memory::Memory;
use super::places::Places;
use super::said::{Heard, Said};
use super::votes::{Votes, Weight};
use super::{Evidence, Rules};
use crate::outcome::{Class, Outcome};
use crate::resolvers::ResolverList;
use crate::special;

/// Who said what, who works, and who votes how.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub(super) list: &'a ResolverList,
    pub(super) outcomes: &'a [Option<&'a Outcome>],
    pub(super) places: Places,
    pub(super) heard: Heard<'a>,
    pub(super) health: Health,
    pub(super) votes: Votes,
    /// For each answer: whether it has an address that no public name has, and that is not pinned.
    pub(super) bogus: Vec<bool>,
    /// Those that voted with one set of addresses, and their numbers in the list.
    pub(super) voters: Vec<Voter>,
    pub(super) voters_at: Vec<usize>,
    /// The votes for data, for absence, and for addresses made by DNS64.
    pub(super) data: Weight,
    pub(super) absent: Weight,
    pub(super) dns64: Weight,
    /// The networks of these.
    pub(super) networks: usize,
}

impl<'a> Case<'a> {
    /// Notes who said what.
    pub(super) fn new(
        evidence: &Evidence<'a>,
        rules: &Rules<'_>,
        memory: &Memory,
        now: u64,
    ) -> Self {
        let Evidence { list, outcomes, control, .. } = *evidence;
        let places = Places::new(list);
        let heard = Heard::listen(evidence, rules);
        let health = Health::of(&heard, control, memory, now);
        let votes = Votes::count(list, &places, &health.works);
        let is_bogus = |address: &IpAddr| {
            special::is_special(*address)
                && !(rules.examples_are_public && special::is_example(*address))
                && !rules.expected.is_some_and(|expected| expected.allows(address, rules.systems))
        };
        let bogus = heard.answers.iter().map(|answer| answer.iter().any(is_bogus)).collect();
        let mut case = Self {
            list,
            outcomes,
            places,
            heard,
            health,
            votes,
            bogus,
            voters: Vec::new(),
            voters_at: Vec::new(),
            data: Weight::default(),
            absent: Weight::default(),
            dns64: Weight::default(),
            networks: 0,
        };
        case.vote();
        case
    }

    fn vote(&mut self) {
        let mut networks = vec![false; self.list.networks];
        for at in 0..self.list.resolvers.len() {
            if !self.health.works[at] {
                continue;
            }
            let resolver = &self.list.resolvers[at];
            let vote = self.votes.vote[at];
            match self.heard.one_answer(at) {
                Some(Said::Absent) => self.absent += vote,
                Some(Said::Data(answer)) if !self.bogus[answer] => {
                    self.data += vote;
                    let (place, share) = (self.places.of(resolver), self.votes.share[at]);
                    self.voters.push(Voter { place, answer, share, vote });
                    self.voters_at.push(at);
                }
                _ if self.heard.said[at] == Said::Dns64 => self.dns64 += vote,
                _ => continue,
            }
            networks[resolver.network as usize] = true;
        }
        self.networks = networks.into_iter().filter(|voted| *voted).count();
    }

    /// Whether nothing follows from a pinned system: none of the answers is as pinned, and of most of them no table knows
    /// any address.
    pub(super) fn is_beyond_tables(&self, rules: &Rules<'_>, accepted: &[bool]) -> bool {
        let is_pinned = rules.expected.is_some_and(|pin| !pin.systems.is_empty());
        let is_unknown = |answer: &usize| {
            self.heard.answers[*answer].iter().all(|it| rules.systems.of(*it).is_none())
        };
        let unknown: HashSet<usize> = (0..accepted.len()).filter(is_unknown).collect();
        let is_of = |voter: &&Voter| unknown.contains(&voter.answer);
        let votes: Weight = self.voters.iter().filter(is_of).map(|voter| voter.vote).sum();
        is_pinned
            && !self.voters.iter().any(|voter| accepted[voter.answer])
            && votes > (self.data + self.absent).without(votes)
    }

    /// The different networks of the voters.
    pub(super) fn networks_of_voters(&self) -> usize {
        let networks = self.voters_at.iter().map(|at| self.list.resolvers[*at].network);
        networks.collect::<std::collections::HashSet<_>>().len()
    }

    /// The different networks of those for whom it holds.
    pub(super) fn networks_of(&self, holds: impl Fn(usize) -> bool) -> usize {
        let mut seen = vec![false; self.list.networks];
        for (at, resolver) in self.list.resolvers.iter().enumerate() {
            if self.health.works[at] && holds(at) {
                seen[resolver.network as usize] = true;
            }
        }
        seen.into_iter().filter(|seen| *seen).count()
    }

    /// Whether a resolver works and has a class that says something about the name.
    pub(super) fn is_conclusive(&self, classes: &[Class], at: usize) -> bool {
        self.health.works[at] && classes[at].is_conclusive()
    }
}
