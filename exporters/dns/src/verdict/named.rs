//! What resolvers give that has a name in the config, and is not right. No I/O, no clock.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

use super::Rules;
use super::accepted::Accepted;
use super::case::Case;
use super::standard::Standard;
use crate::known::Known;
use crate::outcome::Class;

/// How many give it, by country and name.
pub(super) fn named(
    case: &Case<'_>,
    standard: &Standard,
    rules: &Rules<'_>,
    classes: &[Class],
) -> BTreeMap<(String, String), usize> {
    if rules.known.is_none_or(Known::is_empty) {
        return BTreeMap::new();
    }
    let given: HashSet<_> = standard.given(case).collect();
    let accepted = standard.accepted(case, rules);
    let is_right = |address: &IpAddr| match &accepted {
        Accepted::Within { .. } => given.contains(address),
        accepted => accepted.has(address),
    };
    Known::count(rules.known, case.list, case.outcomes, classes, is_right)
}
