//! What a vantage says of itself: its network, resolver, sockets, canaries, losses, clock. No I/O, no clock.
//!
//! The canaries of one provider are one witness, and no more: while services answer (HTTP 500 is an answer),
//! dead canaries blind nobody.

use exporter_kit::WRITTEN;

use super::evidence::ALIVE;
use super::members::Members;
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
        let network = self.network_of(members, now, started);
        if network == Some(true) && self.network == Some(false) {
            self.network_since = now;
        }
        self.network = network;
        let resolver = !self.is_resolver_dead(members, now);
        if resolver && !self.resolver {
            self.resolver_since = now;
        }
        self.resolver = resolver;
        self.local = !members.all().any(|member| member.is_local_fault(now));
        self.loss = loss_of(members, now);
        self.clock_of(members, now);
    }

    fn network_of(&mut self, members: &Members, now: f64, started: f64) -> Option<bool> {
        let (mut canaries, mut seen, mut patience) = (Vec::new(), false, ALIVE);
        for (member, canary) in members.canaries() {
            canaries.push((member.witness(), canary.is_alive(now, member.spec.timeout)));
            seen |= canary.known.is_some() || canary.no_evidence.is_some();
            patience = patience.max(canary.patience());
        }
        let has_canaries = !canaries.is_empty();
        let (alive, all) = present(canaries);
        let half = 2 * alive >= all;
        self.canaries = (has_canaries && seen).then_some(half);
        if has_canaries && half {
            return Some(true);
        }
        let mut services = Vec::new();
        let mut recent = Vec::new();
        let mut known = false;
        for (member, service) in members.services() {
            let judge = &service.judge;
            known |= judge.known.is_some();
            if judge.known.is_none() && judge.no_evidence.is_none() {
                continue;
            }
            let witness = (member.witness(), judge.is_alive(now, member.spec.timeout));
            services.push(witness);
            if judge.heard.is_some_and(|heard| now - heard < RECENT) {
                recent.push(witness);
            }
        }
        let (_, seen) = present(services.clone());
        let (alive, all) = present(if recent.is_empty() { services } else { recent });
        if alive > 0 && 3 * alive >= all {
            return Some(true);
        }
        if !has_canaries && seen < 2 {
            // Nothing to compare with: unproven, but it may vote.
            return Some(true);
        }
        if !has_canaries && !known {
            return None;
        }
        let young = self.network.is_none() && now - started < patience + 5.0;
        (!young).then_some(false)
    }

    fn is_resolver_dead(&self, members: &Members, now: f64) -> bool {
        let is_silent = self.silent.is_some_and(|since| now - since >= RESOLVER);
        if is_silent && members.services().any(|(member, _)| member.unresolved.is_some()) {
            return true;
        }
        let (mut names, mut bad, mut domains) = (Vec::new(), Vec::new(), Vec::new());
        for (member, _) in members.services() {
            let Some(domain) = &member.spec.domain else { continue };
            names.push(member.endpoint());
            // The one name to which many lead can go without any fault of ours.
            if member.own_unresolved().is_some_and(|since| now - since >= RESOLVER) {
                bad.push(member.endpoint());
                domains.push(domain);
            }
        }
        if bad.is_empty() {
            return false;
        }
        for list in [&mut names, &mut bad] {
            list.sort_unstable();
            list.dedup();
        }
        domains.sort_unstable();
        domains.dedup();
        // The names of one domain can go without any fault of ours.
        bad.len() >= 2 && 2 * bad.len() > names.len() && domains.len() >= 2
    }

    fn clock_of(&mut self, members: &Members, now: f64) {
        let mut said: Vec<(u64, f64)> = members
            .all()
            .filter_map(|member| {
                let (at, ahead) = member.ahead?;
                let is_fresh = now - at <= (2.0 * CLOCK_LASTS).max(3.5 * member.spec.interval);
                is_fresh.then(|| (member.endpoint(), ahead))
            })
            .collect();
        said.sort_unstable_by_key(|(endpoint, _)| *endpoint);
        said.dedup_by_key(|(endpoint, _)| *endpoint);
        let mut ahead: Vec<f64> = said.into_iter().map(|(_, ahead)| ahead).collect();
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

fn loss_of(members: &Members, now: f64) -> f64 {
    let living =
        members.canaries().filter(|(member, canary)| canary.is_alive(now, member.spec.timeout));
    let mut losses: Vec<f64> = living.filter_map(|(_, canary)| canary.loss()).collect();
    losses.sort_unstable_by(f64::total_cmp);
    losses.get(losses.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}
