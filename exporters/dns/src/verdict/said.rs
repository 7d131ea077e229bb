//! What each resolver said of the name, each different answer once. No I/O, no clock.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};

use super::accepted::Accepted;
use super::{Evidence, Rules};
use crate::answer::{Answer, Content};
use crate::expected::Expected;
use crate::nat64::Prefix;
use crate::outcome::{Class, Outcome};
use crate::special;

/// What a resolver said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Addresses, or the numbers of other records: an index into [`Heard::answers`].
    Data(usize),
    /// No such name, or no such record: the two say the same of a type (RFC 9824).
    Absent,
    /// An IPv6 address made of the IPv4 one.
    Dns64,
    /// No answer.
    Failure(Class),
    /// It was not asked, since it failed the control.
    NotAsked,
    /// The query never left.
    NotSent,
    /// It was not asked on.
    NotAskedOn,
}

impl Said {
    /// Whether it is an answer about the name.
    pub(super) fn is_answer(self) -> bool {
        matches!(self, Self::Data(_) | Self::Absent | Self::Dns64)
    }
}

/// What all said.
#[derive(Debug)]
pub(super) struct Heard<'a> {
    /// For each resolver of the list: the first reply that answers, else the failure.
    pub(super) said: Vec<Said>,
    /// What else some said to the same query.
    pub(super) others: HashMap<usize, Vec<Said>>,
    /// The different sets of addresses.
    pub(super) answers: Vec<&'a [IpAddr]>,
}

impl<'a> Heard<'a> {
    /// Notes who said what. What one resolver of a network makes addresses by, the others of it do, where it is known of
    /// what they are made.
    pub(super) fn listen(evidence: &Evidence<'a>, rules: &Rules<'_>) -> Self {
        let (Evidence { list, outcomes, prefixes, .. }, v4) = (*evidence, rules.v4);
        let of_networks: HashSet<(u32, Prefix)> =
            prefixes.iter().map(|(at, prefix)| (list.resolvers[*at].network, *prefix)).collect();
        let mut known: HashMap<&'a [IpAddr], Said> = HashMap::new();
        let mut heard = Self { said: Vec::new(), others: HashMap::new(), answers: Vec::new() };
        for (at, outcome) in outcomes.iter().enumerate() {
            let Some(Outcome::Answer(answer)) = outcome else {
                heard.said.push(no_answer(*outcome));
                continue;
            };
            let network = list.resolvers[at].network;
            let is_by = |prefix: &Prefix| match v4 {
                Some(_) => of_networks.contains(&(network, *prefix)),
                // Its own word alone.
                None => prefixes.get(&at) == Some(prefix),
            };
            let is_own = |addresses: &[IpAddr]| match addresses.first() {
                Some(IpAddr::V6(first)) if !of_networks.is_empty() => Prefix::around(*first)
                    .filter(is_by)
                    .any(|prefix| is_made(addresses, prefix, rules)),
                _ => false,
            };
            let mut say = |content: &'a Content| match content {
                Content::Addresses(addresses) if is_own(addresses) => Said::Dns64,
                Content::Addresses(addresses) => {
                    *known.entry(addresses).or_insert_with(|| heard.number(addresses, v4))
                }
                Content::Records(records) => {
                    *known.entry(records.ids()).or_insert_with(|| heard.number(records.ids(), v4))
                }
                Content::Nxdomain | Content::Nodata => Said::Absent,
                failure => Said::Failure(class_of(failure)),
            };
            let said = say(&answer.content);
            let others: Vec<Said> = answer.others.iter().map(&mut say).collect();
            if !others.is_empty() {
                heard.others.insert(at, others);
            }
            heard.said.push(said);
        }
        heard
    }

    /// All that a resolver said to one query.
    pub(super) fn replies(&self, at: usize) -> impl Iterator<Item = Said> {
        std::iter::once(self.said[at]).chain(self.others.get(&at).into_iter().flatten().copied())
    }

    /// What a resolver said of the name, if it said one thing alone.
    pub(super) fn one_answer(&self, at: usize) -> Option<Said> {
        let mut answers =
            self.replies(at).filter(|said| matches!(said, Said::Data(_) | Said::Absent));
        let first = answers.next()?;
        answers.all(|said| said == first).then_some(first)
    }

    fn number(&mut self, addresses: &'a [IpAddr], v4: Option<&Accepted>) -> Said {
        if is_dns64(addresses, v4) {
            return Said::Dns64;
        }
        self.answers.push(addresses);
        Said::Data(self.answers.len() - 1)
    }
}

/// Whether all of the addresses are made of IPv4 ones that the name has, by the prefix that is the same everywhere.
fn is_dns64(addresses: &[IpAddr], v4: Option<&Accepted>) -> bool {
    let is_of = |made_of: Ipv4Addr| v4.is_none_or(|v4| v4.has(&made_of.into()));
    addresses.iter().all(|address| special::dns64_of(*address).is_some_and(is_of))
}

/// The same, by one of a network's own: of that anybody may say that it makes what it likes by it. So it must be known of
/// what an address is made; where the name's IPv4 is not asked, it must have no IPv6 by its pin, for where it has any,
/// none is made.
fn is_made(addresses: &[IpAddr], prefix: Prefix, rules: &Rules<'_>) -> bool {
    let pin = rules.expected;
    let is_public = |v4: Ipv4Addr| {
        !special::is_special(v4.into())
            || rules.examples_are_public && special::is_example(v4.into())
    };
    let is_of = |made_of: Ipv4Addr| match rules.v4 {
        // Where anything is given, a liar's is as well.
        Some(v4) => v4.is_near(made_of) && (v4.is_agreed() || pin.is_none_or(Expected::is_absence)),
        None => pin.is_some_and(Expected::is_absence) && is_public(made_of),
    };
    let is_pinned = |address: &IpAddr| pin.is_some_and(|pin| pin.allows(address, rules.systems));
    addresses.iter().all(|it| !is_pinned(it) && prefix.made_of(*it).is_some_and(is_of))
}

fn no_answer(outcome: Option<&Outcome>) -> Said {
    Said::Failure(match outcome {
        None => return Said::NotAsked,
        Some(Outcome::LocalError) => return Said::NotSent,
        Some(Outcome::NotAsked) => return Said::NotAskedOn,
        Some(Outcome::Truncated) => Class::Truncated,
        Some(Outcome::Malformed) => Class::Malformed,
        Some(Outcome::Unreachable) => Class::Unreachable,
        Some(Outcome::Timeout) => Class::Timeout,
        Some(Outcome::Answer(Answer { content, .. })) => class_of(content),
    })
}

fn class_of(failure: &Content) -> Class {
    match failure {
        Content::Servfail => Class::Servfail,
        Content::Bogus => Class::Bogus,
        Content::Refused => Class::Refused,
        Content::Referral => Class::Referral,
        Content::Offtype => Class::Offtype,
        _ => Class::OtherRcode,
    }
}
