//! What was agreed upon in a sweep, as the next one remembers it. No I/O, no clock.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::consensus::Kind;

/// What was agreed upon.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub(super) struct Reference {
    /// What kind of name it was.
    pub(super) kind: Kind,
    /// The addresses, where they were counted one by one; in their order.
    pub(super) addresses: Option<Vec<IpAddr>>,
    /// Those that were seen at all, and not only here and there.
    pub(super) seen: Vec<IpAddr>,
    /// That there is no answer.
    pub(super) is_absence: bool,
    /// What stands for the answer, where nearly all give one.
    pub(super) fingerprint: Option<u64>,
}

impl Reference {
    /// Whether the answer has become another one: there was one and now is none, or the other way
    /// round; nearly all gave one and now give another; or nothing is left of what was.
    pub(super) fn is_replaced_by(&self, other: &Self) -> bool {
        let is_known = |it: &Self| it.is_absence || it.addresses.is_some();
        if is_known(self) && is_known(other) && self.is_absence != other.is_absence {
            return true;
        }
        if let (Some(before), Some(now)) = (self.fingerprint, other.fingerprint) {
            return before != now;
        }
        match (&self.addresses, &other.addresses) {
            (Some(before), Some(now)) => {
                !before.is_empty() && !now.is_empty() && !before.iter().any(|it| now.contains(it))
            }
            _ => false,
        }
    }
}
