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

/// For how long what was told stands while the program does not run, seconds: a day.
const STANDS: u64 = 86_400;
pub(super) const HOUR: u64 = 3_600;

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
    /// When the last of them was had by a server, to the hour.
    pub(super) newest_at: BTreeMap<String, u64>,
    /// Since when servers of different providers answer otherwise.
    pub(super) apart_since: Option<u64>,
    /// What had been so for long enough to be told, and of whom: what is so in the first round after a restart is told
    /// at once.
    pub(super) standing: BTreeSet<String>,
    pub(super) lame: BTreeSet<SocketAddr>,
    pub(super) unresolved: BTreeSet<String>,
    /// Whether the parent's DS records led to no key when both were seen last.
    pub(super) is_astray: bool,
    /// When this was remembered last, to the hour.
    pub(super) at: u64,
}

impl Kept {
    /// It, dated by a clock that is so many seconds ahead: that by which rounds are dated may have begun before this
    /// machine knew the time.
    pub(super) fn dated_anew(&self, step: i64) -> Self {
        let mut kept = self.clone();
        kept.history.values_mut().for_each(|history| history.step(step));
        kept.step(step);
        kept
    }

    /// Dates all anew but the serials.
    fn step(&mut self, step: i64) {
        let since = self.newest_at.values_mut().chain(&mut self.apart_since);
        since.chain([&mut self.at]).for_each(|at| *at = at.saturating_add_signed(step));
    }

    /// What is of use of it when the process begins, at this second: what stood a day ago may have ended since, and while
    /// nobody looked nobody was seen to be behind, but for those that have the same serial still.
    fn taken_up(mut self, now: u64) -> Self {
        self.history.retain(|_, history| history.is_possible());
        self.history.values_mut().for_each(|history| history.end_by(now));
        // A file of an earlier release does not say when it was written.
        let unseen = if self.at == 0 { 0 } else { now.saturating_sub(self.at) };
        if unseen > STANDS {
            (self.standing, self.lame, self.unresolved) = Default::default();
            self.is_astray = false;
        }
        self.step(unseen.saturating_sub(HOUR).try_into().unwrap_or_default());
        let since = self.newest_at.values_mut().chain(&mut self.apart_since);
        since.for_each(|since| *since = now.min(*since));
        Self { at: now, ..self }
    }
}

impl Memory {
    /// What is remembered when the process begins, at this second.
    pub(crate) fn new(kept: Kept, now: u64) -> Self {
        let kept = kept.taken_up(now);
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

    /// Notes what outlives the process: what has been so for long enough, and what was before it began and could not be
    /// measured since.
    pub(super) fn keep(&mut self, now: u64) {
        let Kept { standing, lame, unresolved, .. } = &self.kept;
        let stands = |streak: u32, did: bool| streak >= ROUNDS || did && streak + 1 == ROUNDS;
        let is =
            |(name, (streak, _)): &(&&str, &(u32, u32))| stands(*streak, standing.contains(**name));
        let standing = self.streaks.iter().filter(is).map(|(name, _)| (*name).to_owned()).collect();
        let is = |(server, streak): &(&SocketAddr, &u32)| stands(**streak, lame.contains(*server));
        let lame = self.lame.iter().filter(is).map(|(server, _)| *server).collect();
        let is = |(name, streak): &(&String, &u32)| stands(**streak, unresolved.contains(*name));
        let unresolved = self.unresolved.iter().filter(is).map(|(name, _)| name.clone()).collect();
        let kept = &mut self.kept;
        (kept.standing, kept.lame, kept.unresolved) = (standing, lame, unresolved);
        if now.saturating_sub(kept.at) >= HOUR {
            kept.at = now;
        }
    }
}
