//! What a vantage says of itself: its network, resolver, sockets, canaries, losses, clock. No I/O, no clock.
//!
//! The canaries of one provider are one witness, and no more: while services answer (HTTP 500 is an answer),
//! dead canaries blind nobody.

use std::collections::HashSet;

use exporter_kit::WRITTEN;

use super::canary::Canary;
use super::evidence::ALIVE;
use super::judge::Judge;
use super::members::{Member, Members, Role};
use super::witness::{Heard, present};

/// Services count as witnesses if they were heard within so many seconds.
const RECENT: f64 = 3600.0;

/// Names must fail for so many seconds before the resolver is at fault, and the check as long.
const RESOLVER: f64 = 30.0;

/// Canaries that lose so much show that our own network does.
const LOSSY: f64 = 0.05;

/// A clock is wrong that is so many seconds off, for so many seconds, by the word of so many endpoints.
const CLOCK: f64 = 30.0;
const CLOCK_LASTS: f64 = 300.0;
const CLOCK_ENDPOINTS: usize = 3;

/// Beyond so many seconds nothing is said of certificates.
const CLOCK_OFF: f64 = 86_400.0;

/// A part of a vantage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Whether it reaches anything.
    Network,
    /// Whether names can be looked up.
    Resolver,
    /// Whether probes leave at all.
    Local,
    /// Whether half of the canaries answer.
    Canaries,
    /// Whether canaries lose less than one in twenty.
    Loss,
    /// Whether its wall clock is right.
    Clock,
}

impl Part {
    /// The value of the label `part`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Resolver => "resolver",
            Self::Local => "local",
            Self::Canaries => "canaries",
            Self::Loss => "loss",
            Self::Clock => "clock",
        }
    }
}

/// How a vantage is.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    /// When it was judged first.
    started: Option<f64>,
    /// Whether its network works; none as long as that cannot be known.
    pub(crate) network: Option<bool>,
    /// When it last began to work.
    pub(crate) network_since: f64,
    /// Whether names can be looked up, and since when.
    pub(crate) resolver: bool,
    pub(crate) resolver_since: f64,
    /// Since when the resolver has not answered when it was asked by the way.
    silent: Option<f64>,
    local: bool,
    canaries: Option<bool>,
    /// The median loss of the living canaries.
    pub(crate) loss: f64,
    /// By how many seconds the wall clock is ahead, as far as enough servers say.
    ahead: Option<f64>,
    /// Since when that is too much.
    wrong: Option<f64>,
    /// Whether that shows a day that is long past.
    is_in_the_past: bool,
}

impl Default for Own {
    fn default() -> Self {
        Self {
            started: None,
            network: None,
            network_since: f64::NEG_INFINITY,
            resolver: true,
            resolver_since: f64::NEG_INFINITY,
            silent: None,
            local: true,
            canaries: None,
            loss: 0.0,
            ahead: None,
            wrong: None,
            is_in_the_past: false,
        }
    }
}

impl Own {
    /// The resolver was asked by the way at this moment, and answered or did not.
    pub(crate) fn resolver_asked(&mut self, at: f64, answered: bool) {
        self.silent = (!answered).then(|| self.silent.unwrap_or(at));
    }

    /// Another resolver is asked from now on.
    pub(crate) fn resolver_replaced(&mut self) {
        self.silent = None;
    }

    /// The wall clock showed this, in seconds since the epoch.
    pub(crate) fn wall_showed(&mut self, unix_seconds: f64) {
        self.is_in_the_past = unix_seconds < WRITTEN as f64;
    }

    /// Judges it anew.
    pub(crate) fn judge(&mut self, members: &Members, now: f64) {
        let started = *self.started.get_or_insert(now);
        let said = Said::by(members, now);
        let resolver = !self.is_resolver_dead(&said);
        self.local = !said.is_local;
        self.loss = said.loss();
        self.clock_of(&said, now);
        let network = self.network_of(said, now, started);
        if network == Some(true) && self.network == Some(false) {
            self.network_since = now;
        }
        self.network = network;
        if resolver && !self.resolver {
            self.resolver_since = now;
        }
        self.resolver = resolver;
    }

    fn network_of(&mut self, said: Said<'_>, now: f64, started: f64) -> Option<bool> {
        let has_canaries = !said.canaries.is_empty();
        let (alive, all) = present(said.canaries);
        let half = 2 * alive >= all;
        self.canaries = (has_canaries && said.knows_canaries).then_some(half);
        if has_canaries && half {
            return Some(true);
        }
        let lately = (!said.recent.is_empty()).then(|| present(said.recent));
        let is_enough = |(alive, all)| alive > 0 && 3 * alive >= all;
        if lately.is_some_and(is_enough) {
            return Some(true);
        }
        let services = present(said.services);
        if lately.is_none() && is_enough(services) || !has_canaries && services.1 < 2 {
            // With nothing to compare with it is unproven, but may vote.
            return Some(true);
        }
        if !has_canaries && !said.knows_services {
            return None;
        }
        let young = self.network.is_none() && now - started < said.patience + 5.0;
        (!young).then_some(false)
    }

    fn is_resolver_dead(&self, said: &Said<'_>) -> bool {
        let is_silent = self.silent.is_some_and(|since| said.now - since >= RESOLVER);
        if is_silent && said.unresolved > 0 {
            return true;
        }
        if said.bad.is_empty() {
            return false;
        }
        let different = |list: &[u64]| list.iter().collect::<HashSet<_>>().len();
        let (names, bad) = (different(&said.names), different(&said.bad));
        let domains = said.domains.iter().collect::<HashSet<_>>().len();
        // The names of one domain can go without any fault of ours.
        bad >= 2 && 2 * bad > names && domains >= 2
    }

    fn clock_of(&mut self, said: &Said<'_>, now: f64) {
        let mut ahead = said.ahead.clone();
        ahead.sort_unstable_by_key(|(endpoint, _)| *endpoint);
        ahead.dedup_by_key(|(endpoint, _)| *endpoint);
        let mut ahead: Vec<f64> = ahead.into_iter().map(|(_, ahead)| ahead).collect();
        ahead.sort_unstable_by(f64::total_cmp);
        self.ahead = (ahead.len() >= CLOCK_ENDPOINTS).then(|| ahead[ahead.len() / 2]);
        self.wrong = match self.ahead {
            Some(ahead) if ahead.abs() > CLOCK => Some(self.wrong.unwrap_or(now)),
            _ if self.is_in_the_past => Some(self.wrong.unwrap_or(now)),
            _ => None,
        };
    }

    /// Whether the wall clock is so wrong that nothing can be said of certificates.
    pub(crate) fn is_clock_off(&self) -> bool {
        self.is_in_the_past || self.ahead.is_some_and(|ahead| ahead.abs() > CLOCK_OFF)
    }

    /// Each part that something is known of, and whether it is well.
    pub(crate) fn parts(&self, now: f64) -> Vec<(Part, bool)> {
        let Some(network) = self.network else { return Vec::new() };
        let clock = || !self.wrong.is_some_and(|since| now - since >= CLOCK_LASTS);
        [
            Some((Part::Network, network)),
            Some((Part::Resolver, self.resolver)),
            Some((Part::Local, self.local)),
            self.canaries.map(|half| (Part::Canaries, half)),
            Some((Part::Loss, self.loss < LOSSY)),
            (self.is_in_the_past || self.ahead.is_some()).then(|| (Part::Clock, clock())),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Who was heard, and when: what proves that our network worked while a target failed.
    pub(crate) fn heard(members: &Members, now: f64) -> Heard {
        let canaries = members.canaries().map(|(member, canary)| (member.witness(), canary.heard));
        let services = members.services().filter_map(|(member, service)| {
            let heard = service.judge.heard.filter(|heard| now - heard < RECENT)?;
            Some((member.witness(), member.endpoint(), heard))
        });
        Heard::new(canaries, services)
    }
}

/// What all that is probed says at one moment, read in one pass: there may be ten thousand.
#[derive(Debug, Default)]
struct Said<'a> {
    now: f64,
    /// Each canary as a witness, and whether it is alive.
    canaries: Vec<(u64, bool)>,
    /// Whether anything came of any of them.
    knows_canaries: bool,
    /// How long their silence says nothing.
    patience: f64,
    /// What the living lose.
    losses: Vec<f64>,
    /// Each service of which anything came, and those that were heard lately.
    services: Vec<(u64, bool)>,
    recent: Vec<(u64, bool)>,
    /// Whether there is evidence of any.
    knows_services: bool,
    /// Whether there is anybody whose probes do not leave this machine.
    is_local: bool,
    /// How many services have a name that cannot be looked up.
    unresolved: usize,
    /// Services with names, those of them that cannot be looked up for a while, and their domains.
    names: Vec<u64>,
    bad: Vec<u64>,
    domains: Vec<&'a str>,
    /// By how many seconds our clock is ahead, by the word of each endpoint.
    ahead: Vec<(u64, f64)>,
}

impl<'a> Said<'a> {
    fn by(members: &'a Members, now: f64) -> Self {
        let mut said = Self { now, patience: ALIVE, ..Self::default() };
        for member in members.all() {
            said.is_local |= member.is_local_fault(now);
            let fresh = (2.0 * CLOCK_LASTS).max(3.5 * member.spec.interval);
            if let Some((_, ahead)) = member.ahead.filter(|(at, _)| now - at <= fresh) {
                said.ahead.push((member.endpoint(), ahead));
            }
            match &member.role {
                Role::Canary(canary) => said.take_canary(member, canary),
                Role::Service(service) => said.take_service(member, &service.judge),
            }
        }
        said
    }

    fn take_canary(&mut self, member: &Member, canary: &Canary) {
        let is_alive = canary.is_alive(self.now, member.spec.timeout);
        self.canaries.push((member.witness(), is_alive));
        self.knows_canaries |= canary.known.is_some() || canary.no_evidence.is_some();
        self.patience = self.patience.max(canary.patience());
        if is_alive {
            self.losses.extend(canary.loss());
        }
    }

    fn take_service(&mut self, member: &'a Member, judge: &Judge) {
        self.unresolved += usize::from(member.unresolved.is_some());
        if let Some(domain) = &member.spec.domain {
            self.names.push(member.endpoint());
            // The one name to which many lead can go without any fault of ours.
            if member.own_unresolved().is_some_and(|since| self.now - since >= RESOLVER) {
                self.bad.push(member.endpoint());
                self.domains.push(domain);
            }
        }
        self.knows_services |= judge.known.is_some();
        if judge.known.is_none() && judge.no_evidence.is_none() {
            return;
        }
        let witness = (member.witness(), judge.is_alive(self.now, member.spec.timeout));
        self.services.push(witness);
        if judge.heard.is_some_and(|heard| self.now - heard < RECENT) {
            self.recent.push(witness);
        }
    }

    /// The median loss of the living canaries.
    fn loss(&self) -> f64 {
        let mut losses = self.losses.clone();
        losses.sort_unstable_by(f64::total_cmp);
        losses.get(losses.len().saturating_sub(1) / 2).copied().unwrap_or_default()
    }
}
