//! What follows from a round over a zone's servers, and from those before. No I/O, no clock.
//!
//! 1. Nothing is judged if neither a server of the zone nor one of its parent replied: that says more of this
//!    machine's network than of the zone. Resolvers prove nothing, since they answer from their caches. What was told
//!    stands meanwhile if a server of the parent replied a moment ago.
//! 2. A server is lame after [`ROUNDS`] rounds without an answer for the zone, each of which asked it twice;
//!    and no more after one with an answer.
//! 3. What differs between servers differs after as many rounds in a row; a round in which it could not
//!    be measured neither adds nor ends anything, until there were thirty of these.
//! 4. A server is behind from the moment at which a newer serial was seen anywhere.
//! 5. The delegation is compared with the pinned one, or with the one that was accepted last: the first
//!    that was ever seen, or one that has stood for a day.

mod compare;
mod delegated;
mod lame;
mod signed;
mod versions;

use versions::provider;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use exporter_kit::LabelEnum as _;

pub(crate) use super::finding::ROUNDS;
use super::finding::{Finding, Outcome, Severity};
use super::memory::HOUR;
pub(crate) use super::memory::{Kept, Memory};
use super::said::{Canary, Said};
use super::serial;
use super::signature;
use crate::exchange::HostName;

/// Rounds without a measurement after which nothing is told of it any more.
const UNKNOWN: u32 = 30;
/// After how long a serial that no server has any more is no measure, whoever may have it and is silent, seconds: a day.
const UNSEEN: u64 = 86_400;
/// Providers of one zone whose serials are remembered.
const MOST_PROVIDERS: usize = 32;
/// Servers that are named as the reason of a finding, over all of them.
pub(crate) const MAX_CULPRITS: usize = 32;
/// One round over a zone's servers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Round {
    /// Each address that was to be asked.
    pub(crate) servers: Vec<Server>,
    /// Names of servers that have no address.
    pub(crate) unresolved: Vec<String>,
    /// What the parent says, if it was asked and replied.
    pub(crate) parent: Option<Parent>,
    /// Whether that is what it said in a round before: nothing new.
    pub(crate) is_parent_kept: bool,
    /// The addresses of servers within the zone, as the zone itself gives them.
    pub(crate) own: BTreeMap<HostName, BTreeSet<IpAddr>>,
    /// Whether a server of the parent replied, whatever it said.
    pub(crate) is_online: bool,
    /// Whether a validating resolver takes the zone for forged; nothing where none could be asked.
    pub(crate) bogus: Option<bool>,
    /// Addresses beyond those that are asked.
    pub(crate) left_out: usize,
    /// Seconds, by a clock that nobody sets.
    pub(crate) now: u64,
    /// Seconds since the epoch.
    pub(crate) unix: u64,
    /// Whether these cannot be, so that no signature is judged by them.
    pub(crate) is_clock_wrong: bool,
}

impl Round {
    /// The address of a server, with its port where another has the same address.
    pub(crate) fn shown(&self, server: &Server) -> String {
        let ip = server.address.ip();
        let is_shared = self.servers.iter().filter(|it| it.address.ip() == ip).count() > 1;
        if is_shared { server.address.to_string() } else { ip.to_string() }
    }

    /// Whether the zone has no server anywhere: the parent names none, or only names that have no address, as a
    /// resolver says of each of them.
    fn has_no_server(&self) -> bool {
        let is_gone = |name: &HostName| self.unresolved.iter().any(|it| it == name.as_str());
        self.parent.as_ref().is_some_and(|parent| parent.ns.iter().all(is_gone))
    }
}

/// One address of one server.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Server {
    /// The server's name; as it is configured, where it is.
    pub(crate) name: String,
    /// Where it was asked.
    pub(crate) address: SocketAddr,
    /// What came of it.
    pub(crate) outcome: Outcome,
    /// What it said.
    pub(crate) said: Said,
    /// Whether it is asked only because it is configured: nobody is sent there, as to a hidden primary.
    pub(crate) is_hidden: bool,
}

/// What the parent says of a zone.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Parent {
    /// The zone's servers.
    pub(crate) ns: BTreeSet<HostName>,
    /// Addresses that it gives for them.
    pub(crate) glue: BTreeMap<HostName, BTreeSet<IpAddr>>,
    /// The DS records of the zone, as they are on the wire; none if it did not say.
    pub(crate) ds: Option<Vec<Vec<u8>>>,
}

/// How rounds are judged.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rules {
    /// The zone.
    pub(crate) zone: HostName,
    /// For how long a server may be behind, seconds.
    pub(crate) grace: u64,
    /// The servers that the parent must name.
    pub(crate) ns: Option<BTreeSet<HostName>>,
    /// How old the canary may be, seconds.
    pub(crate) canary_age: Option<u64>,
    /// Whether the canary is asked for.
    pub(crate) has_canary: bool,
    /// Whether the providers of the zone number its versions each by itself.
    pub(crate) has_own_serials: bool,
}

/// What is told after a round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    /// How bad each finding is; none of them if nothing could be judged.
    pub(crate) findings: Vec<(Finding, Severity)>,
    /// Whether no server is known, for want of somebody who could say its address: nothing follows but of the
    /// delegation.
    pub(crate) is_blind: bool,
    /// Whether nothing was judged, since nobody new replied, and what was told stands: the parent was asked a moment ago.
    /// Of what was well nothing is told.
    pub(crate) is_kept: bool,
    /// Who is the reason.
    pub(crate) culprits: Vec<Culprit>,
    /// How many more are.
    pub(crate) culprits_left_out: usize,
    /// How far serials are apart.
    pub(crate) spread: Option<u32>,
    /// For how long the server that is behind the longest has been so, seconds.
    pub(crate) lag: Option<u64>,
    /// Whether all servers name the same ones.
    pub(crate) ns_consistent: Option<bool>,
    /// Whether the parent names the same as the zone.
    pub(crate) delegation_consistent: Option<bool>,
    /// Whether the parent's addresses are the servers' own.
    pub(crate) glue_consistent: Option<bool>,
    /// The same for each configured question.
    pub(crate) answers_consistent: Vec<Option<bool>>,
    /// When the signature that ends first does, in seconds since the epoch.
    pub(crate) signature_ends: Option<u64>,
    /// The age of the oldest canary, seconds.
    pub(crate) canary_age: Option<u64>,
}

impl Verdict {
    /// Whether anything was judged.
    pub(crate) fn is_judged(&self) -> bool {
        !self.is_blind && !self.is_kept
    }
}

/// A server that is the reason of a finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Culprit {
    /// Of which one.
    pub(crate) finding: &'static str,
    /// The server's name.
    pub(crate) server: String,
    /// Its address; empty where none is known.
    pub(crate) address: String,
    /// What is wrong with it.
    pub(crate) reason: &'static str,
}

/// Judges a round.
pub(crate) fn judge(round: &Round, rules: &Rules, memory: &mut Memory) -> Verdict {
    let mut judging = Judging { round, memory, verdict: Verdict::default() };
    let is_reachable = round.is_online
        || round.parent.is_some() && !round.is_parent_kept
        || round.servers.iter().any(|server| server.outcome.is_reply());
    if is_reachable || round.servers.is_empty() {
        judging.delegation_change(rules);
    }
    judging.measures(rules);
    judging.verdict.is_blind = round.servers.is_empty() && !round.has_no_server();
    let is_blind = judging.verdict.is_blind;
    if is_reachable && !is_blind {
        judging.lame();
        judging.serials(rules);
        judging.differences(rules);
        judging.signatures();
        judging.bogus(&rules.zone);
        judging.canary(rules);
    }
    judging.memory.keep(round.now);
    judging.verdict.is_kept = !is_reachable && round.is_parent_kept;
    if is_reachable || judging.verdict.is_kept {
        let memory = &judging.memory;
        // One that hears nobody does not know that all is well.
        let is_told = |severity: Severity| is_reachable || severity != Severity::None;
        let severity = |it: &Finding| {
            let severity = *memory.last.get(it.name())?;
            is_told(severity).then_some((*it, severity))
        };
        let told = Finding::VALUES.iter();
        let told = told.filter(|it| !is_blind || **it == Finding::DelegationChanged);
        judging.verdict.findings = told.filter_map(severity).collect();
    }
    let mut verdict = judging.verdict;
    verdict.culprits.sort_unstable();
    verdict.culprits.dedup();
    verdict.culprits_left_out = verdict.culprits.len().saturating_sub(MAX_CULPRITS);
    verdict.culprits.truncate(MAX_CULPRITS);
    verdict
}

/// A round while it is judged.
struct Judging<'a> {
    round: &'a Round,
    memory: &'a mut Memory,
    verdict: Verdict,
}

impl<'a> Judging<'a> {
    /// The servers that answered for the zone.
    fn good(&self) -> impl Iterator<Item = &'a Server> + use<'a> {
        self.round.servers.iter().filter(|server| server.outcome == Outcome::Answers)
    }

    fn tell(&mut self, finding: Finding, severity: Severity) {
        self.memory.last.insert(finding.name(), severity);
    }

    /// Tells a finding, so bad, once it has been so for long enough; that it is not so once that was measured; and
    /// nothing any more once nothing has been measured for too long. Whether it holds.
    fn settle(&mut self, finding: Finding, is: Option<bool>, severity: Severity) -> bool {
        let holds = self.holds(finding, is);
        let severity = if holds { severity } else { Severity::None };
        let is_open = is == Some(true) && !holds;
        self.tell_measured(
            finding,
            is.filter(|_| !self.is_new(finding, is_open)).map(|_| severity),
        );
        holds
    }

    /// Whether nothing was told of a finding yet, and what it looks like is not certain: a restart must not tell
    /// that all is well while it is not, and so end a page.
    fn is_new(&self, finding: Finding, is_open: bool) -> bool {
        is_open && !self.memory.last.contains_key(finding.name())
    }

    /// Tells a finding, if it was measured; forgets it once it has not been for too long.
    fn tell_measured(&mut self, finding: Finding, severity: Option<Severity>) {
        let unknown = self.memory.streaks.get(finding.name()).map_or(0, |(_, unknown)| *unknown);
        match severity {
            Some(severity) => self.tell(finding, severity),
            None if unknown >= UNKNOWN => {
                self.memory.last.remove(finding.name());
            }
            None => {}
        }
    }

    fn blame(&mut self, finding: Finding, server: &Server, reason: &'static str) {
        let (server, address) = (server.name.clone(), self.round.shown(server));
        self.verdict.culprits.push(Culprit { finding: finding.name(), server, address, reason });
    }

    /// Notes whether something is so, if it was measured; tells whether it has been for long enough.
    fn holds(&mut self, finding: Finding, is: Option<bool>) -> bool {
        self.stands(finding.name(), is)
    }

    /// The same of what is no finding by itself.
    fn stands(&mut self, name: &'static str, is: Option<bool>) -> bool {
        let (streak, unknown) = self.memory.streaks.entry(name).or_default();
        *unknown = if is.is_none() { unknown.saturating_add(1) } else { 0 };
        match is {
            Some(true) => *streak = streak.saturating_add(1),
            None if *unknown < UNKNOWN => {}
            Some(false) | None => *streak = 0,
        }
        *streak >= ROUNDS
    }

    /// What is measured, and decides nothing by itself.
    fn measures(&mut self, rules: &Rules) {
        let good: Vec<_> = self.good().collect();
        // One that can never be asked from here, over IPv6 where there is none, keeps no zone from beginning anew.
        let is_asked = |server: &&Server| {
            let unasked = self.memory.unasked.get(&server.address);
            server.outcome != Outcome::LocalError || unasked.is_none_or(|rounds| *rounds < ROUNDS)
        };
        let count = self.round.servers.iter().filter(is_asked).count();
        let is_whole = !good.is_empty() && good.len() == count;
        let now = self.round.now;
        let mut by_provider: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for server in &good {
            if let Some(serial) = server.said.serial {
                by_provider.entry(provider(server, rules)).or_default().push(serial);
            }
        }
        let kept = &mut self.memory.kept;
        let is_many = kept.history.len() > MOST_PROVIDERS;
        let is_kept =
            |provider: &String| by_provider.contains_key(provider) || !is_whole && !is_many;
        kept.history.retain(|provider, _| is_kept(provider));
        kept.newest_at.retain(|provider, _| is_kept(provider));
        let (mut spread, mut lag) = (None, None);
        for (provider, serials) in by_provider {
            spread = spread.max(serial::spread(&serials));
            let at = kept.newest_at.entry(provider.clone()).or_insert(now);
            let history = kept.history.entry(provider).or_default();
            let passed = now.saturating_sub(*at);
            history.note(&serials, is_whole || passed > UNSEEN, now);
            if history.last().is_some_and(|last| serials.contains(&last)) && passed >= HOUR {
                *at = now;
            }
            let lags = serials.iter().filter_map(|it| history.lag(*it, now));
            lag = lag.max(Some(lags.max().unwrap_or(0)));
        }
        (self.verdict.spread, self.verdict.lag) = (spread, lag);
        let best = good.iter().flat_map(|it| signature::best(&it.said.signatures, self.round.unix));
        let left = best.map(|it| it.remaining(self.round.unix)).min();
        self.verdict.signature_ends = left.map(|left| self.round.unix.saturating_add_signed(left));
        if rules.has_canary {
            let stamps = good.iter().filter_map(|server| server.said.canary.stamp());
            let oldest = stamps.min();
            self.verdict.canary_age = oldest.map(|it| self.round.unix.saturating_sub(it));
        }
    }

    fn canary(&mut self, rules: &Rules) {
        if !rules.has_canary {
            return;
        }
        let (mut is_measured, mut bad) = (false, Vec::new());
        for server in self.good() {
            let is_old = |stamp| {
                let age = self.round.unix.saturating_sub(stamp);
                rules.canary_age.is_some_and(|most| age > most)
            };
            match server.said.canary {
                Canary::Unknown => continue,
                Canary::Absent => bad.push((server, "absent")),
                Canary::Stamp(stamp) if is_old(stamp) => bad.push((server, "old")),
                Canary::Stamp(_) => {}
            }
            is_measured = true;
        }
        let is_bad = is_measured.then_some(!bad.is_empty());
        if self.settle(Finding::CanaryStale, is_bad, Severity::Ticket) {
            for (server, reason) in bad {
                self.blame(Finding::CanaryStale, server, reason);
            }
        }
    }
}
