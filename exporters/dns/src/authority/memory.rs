//! What is remembered of a zone from round to round, over a reload and over a restart. No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use exporter_kit::LabelEnum as _;
use serde::{Deserialize, Serialize};

use super::finding::{Finding, ROUNDS, Severity};
use super::serial::History;
use crate::exchange::HostName;

/// That a signature does not hold, or hardly does any more: a page once that has been so for long enough.
pub(super) const INVALID: &str = "signature_invalid";

/// What is remembered from round to round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    /// What outlives the process.
    pub(crate) kept: Kept,
    /// Rounds in a row in which each server was lame, and in which each name had no address.
    pub(super) lame: BTreeMap<SocketAddr, u32>,
    pub(super) unresolved: BTreeMap<String, u32>,
    /// Rounds in a row in which no question to a server left this machine.
    pub(super) unasked: BTreeMap<SocketAddr, u32>,
    /// When the parent was last seen to name servers, in the round before.
    pub(super) parent_seen: Option<u64>,
    /// Rounds in a row in which each finding was so, and in which it could not be measured since.
    pub(super) streaks: BTreeMap<&'static str, (u32, u32)>,
    /// The verdict of the last round that could be judged.
    pub(super) last: BTreeMap<&'static str, Severity>,
}

/// What outlives the process.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub(crate) struct Kept {
    /// The servers that the parent named when that was accepted.
    pub(crate) accepted: BTreeSet<HostName>,
    /// Others that it names now, and since when, in seconds since the epoch.
    pub(crate) other: Option<(BTreeSet<HostName>, u64)>,
    /// For how long these have been seen to stand, seconds: a wall clock that steps accepts nothing.
    pub(crate) stood: u64,
    /// The serials of the zone; of each provider, where they have their own.
    pub(super) history: BTreeMap<String, History>,
    /// Since when servers of different providers answer otherwise.
    pub(super) apart_since: Option<u64>,
    /// What had been so for long enough to be told, and of whom: what is so in the first round after a restart is told
    /// at once.
    pub(super) standing: BTreeSet<String>,
    pub(super) lame: BTreeSet<SocketAddr>,
    pub(super) unresolved: BTreeSet<String>,
}

impl Memory {
    /// What is remembered when the process begins, at this second.
    pub(crate) fn new(mut kept: Kept, now: u64) -> Self {
        kept.history.values_mut().for_each(|history| history.end_by(now));
        kept.apart_since = kept.apart_since.map(|since| since.min(now));
        // A file of an earlier release has no more than this of what was told.
        let is_other = kept.other.is_some().then(|| Finding::DelegationChanged.name());
        let names = Finding::VALUES.iter().map(|finding| finding.name()).chain([INVALID]);
        let stood = names.filter(|name| kept.standing.contains(*name)).chain(is_other);
        Self {
            streaks: stood.map(|name| (name, (ROUNDS - 1, 0))).collect(),
            lame: kept.lame.iter().map(|server| (*server, ROUNDS - 1)).collect(),
            unresolved: kept.unresolved.iter().map(|name| (name.clone(), ROUNDS - 1)).collect(),
            kept,
            ..Self::default()
        }
    }

    /// Forgets what was told of a finding, since what it was about is asked no more.
    pub(super) fn forget(&mut self, finding: Finding) {
        self.streaks.remove(finding.name());
        self.last.remove(finding.name());
        self.kept.standing.remove(finding.name());
        if finding == Finding::AnswersDiffer {
            self.kept.apart_since = None;
        }
    }

    /// Notes what outlives the process of what has been so for long enough.
    pub(super) fn keep(&mut self) {
        let is_long = |streak: u32| streak >= ROUNDS;
        let standing = self.streaks.iter().filter(|(_, (streak, _))| is_long(*streak));
        self.kept.standing = standing.map(|(name, _)| (*name).to_owned()).collect();
        let lame = self.lame.iter().filter(|(_, streak)| is_long(**streak));
        self.kept.lame = lame.map(|(server, _)| *server).collect();
        let unresolved = self.unresolved.iter().filter(|(_, streak)| is_long(**streak));
        self.kept.unresolved = unresolved.map(|(name, _)| name.clone()).collect();
    }
}
