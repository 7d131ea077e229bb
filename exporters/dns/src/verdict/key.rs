//! The keys by which answers are counted: addresses, their networks, or the systems that announce these. No I/O, no clock.

use std::net::IpAddr;

use crate::resolvers::Systems;

/// Voters that must give a key before it is looked at by itself. Fewer say nothing one by one.
const RARE: usize = 3;

/// An address, the network of one, or the number of its system.
pub(super) type Key = u128;

/// How closely addresses are looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Detail<'a> {
    /// Each by itself.
    Address,
    /// A /24 or /48.
    Prefix,
    /// The autonomous system, by these tables; of an address that none of them knows, its /24 or /48.
    System(&'a Systems),
}

impl Detail<'_> {
    /// The key of an address.
    pub(super) fn key(self, address: IpAddr) -> Key {
        let (bits, kept) = match address {
            IpAddr::V4(v4) => (v4.to_ipv6_mapped().to_bits(), 120),
            IpAddr::V6(v6) => (v6.to_bits(), 48),
        };
        match self {
            Self::Address => bits,
            // No prefix that anybody has is as small a number.
            Self::System(systems) => match systems.of(address) {
                Some(system) => system.into(),
                None => Self::Prefix.key(address),
            },
            Self::Prefix => bits >> (128 - kept) << (128 - kept),
        }
    }
}

/// An answer in keys.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// The numbers of its keys that are not rare.
    pub(super) keys: Box<[u32]>,
    /// Whether it has others.
    pub(super) has_rare: bool,
}

/// The keys that three voters give at least, in their order. `voted` is the answer of each voter.
pub(super) fn common_keys(
    detail: Detail<'_>,
    answers: &[&[IpAddr]],
    voted: impl Iterator<Item = usize>,
) -> Vec<Key> {
    let mut given = vec![0; answers.len()];
    for answer in voted {
        given[answer] = RARE.min(given[answer] + 1);
    }
    let mut mentions = Vec::with_capacity(answers.iter().map(|answer| answer.len()).sum());
    for (answer, given) in answers.iter().zip(given) {
        for key in distinct(detail, answer) {
            mentions.extend(std::iter::repeat_n(key, given));
        }
    }
    mentions.sort_unstable();
    let common = mentions.chunk_by(|a, b| a == b).filter(|same| same.len() >= RARE);
    common.map(|same| same[0]).collect()
}

fn distinct(detail: Detail<'_>, answer: &[IpAddr]) -> Vec<Key> {
    let mut keys: Vec<Key> = answer.iter().map(|address| detail.key(*address)).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// An answer in these keys.
pub(super) fn in_keys(detail: Detail<'_>, answer: &[IpAddr], keys: &[Key]) -> Answer {
    let own = distinct(detail, answer);
    let known = own.iter().filter_map(|key| keys.binary_search(key).ok());
    let numbers: Box<[u32]> = known.filter_map(|at| u32::try_from(at).ok()).collect();
    Answer { has_rare: numbers.len() < own.len(), keys: numbers }
}
