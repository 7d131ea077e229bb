//! What is known of one target, shared by the task that probes it and the pages that show it.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use exporter_kit::Health;

use crate::config::{Host, Probe, Role, Target, Vantage};
use crate::metrics::counts::{Counts, Strays};
use crate::outcome::{Failure, Outcome, Phase};
use crate::standing::{Moment, Standing};

/// Where this exporter stands. A reload may move it without a target losing its counters.
#[derive(Debug)]
pub(crate) struct CurrentVantage(RwLock<Arc<Vantage>>);

impl CurrentVantage {
    pub(crate) fn new(vantage: Vantage) -> Self {
        Self(RwLock::new(Arc::new(vantage)))
    }

    pub(crate) fn set(&self, vantage: Vantage) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(vantage);
    }

    pub(crate) fn get(&self) -> Arc<Vantage> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What is known of one target. Dropped with it, so a removed target leaves no series behind.
#[derive(Debug)]
pub(crate) struct TargetState {
    pub(crate) labels: TargetLabels,
    pub(crate) counts: Counts,
    pub(crate) is_icmp: bool,
    health: Arc<Health>,
    standing: Mutex<Standing>,
}

/// The labels of a target's series.
#[derive(Clone, Debug)]
pub(crate) struct TargetLabels {
    pub(crate) target: String,
    pub(crate) module: String,
    pub(crate) role: Role,
}

impl TargetState {
    /// Nothing is known yet; all counters are zero.
    pub(crate) fn new(target: &Target) -> Self {
        let health = Health::new(&target.name, detail(target));
        Self {
            labels: TargetLabels {
                target: target.name.clone(),
                module: target.module.clone(),
                role: target.role,
            },
            counts: Counts::new(phases_of(target)),
            is_icmp: target.probe == Probe::Icmp,
            health: Arc::new(health),
            standing: Mutex::default(),
        }
    }

    /// Its health, for the landing page.
    pub(crate) fn health(&self) -> Arc<Health> {
        Arc::clone(&self.health)
    }

    /// Where its stray echo replies are counted.
    pub(crate) fn strays(&self) -> &Arc<Strays> {
        &self.counts.strays
    }

    /// The target has these addresses; `took` is the time of the lookup, if there was one.
    pub(crate) fn resolved(&self, ips: &[IpAddr], took: Option<Duration>) {
        if let Some(took) = took {
            self.counts.observe_phase(Phase::Resolve, took);
        }
        self.standing().resolved(ips);
    }

    /// No address was found: the one probe of this round has failed. Where the lookup failed on our
    /// side, the addresses are what they were.
    pub(crate) fn unresolved(&self, outcome: &Outcome) {
        self.counts.count(outcome);
        if !outcome.failure.is_some_and(Failure::is_ours) {
            self.standing().resolved(&[]);
        }
    }

    /// One probe of one address is decided.
    pub(crate) fn decided(&self, round: u64, ip: IpAddr, outcome: &Outcome, at: Moment) {
        self.counts.count(outcome);
        let mut standing = self.standing();
        standing.decided(round, ip, outcome, at);
        if outcome.failure.is_none() && standing.is_up(at.monotonic) == Some(true) {
            self.health.up();
        }
    }

    /// Every probe of this round has failed; the first one for this reason.
    pub(crate) fn silent(&self, round: u64, reason: Failure, at: Moment) {
        let mut standing = self.standing();
        standing.silent(round, reason, at);
        // What fails on our side is told at once to those who look after this exporter.
        if reason.is_ours() || standing.is_up(at.monotonic) == Some(false) {
            self.health.down(reason.as_str());
        }
    }

    /// How the target stands.
    pub(crate) fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The phases that a target's probes can have; a name is looked up, a literal is not.
fn phases_of(target: &Target) -> Vec<Phase> {
    let rest: &[Phase] = match &target.probe {
        Probe::Icmp => return Vec::new(),
        Probe::Tcp { .. } => &[Phase::Connect],
        Probe::Http { http, .. } if http.tls.is_none() => {
            &[Phase::Connect, Phase::Ttfb, Phase::Transfer]
        }
        Probe::Http { .. } => &[Phase::Connect, Phase::Tls, Phase::Ttfb, Phase::Transfer],
    };
    let resolve = matches!(target.host, Host::Name(_)).then_some(Phase::Resolve);
    resolve.into_iter().chain(rest.iter().copied()).collect()
}

/// What is probed, in a few words.
fn detail(target: &Target) -> String {
    let host = match &target.host {
        Host::Ip(ip) => ip.to_string(),
        Host::Name(name) => name.clone(),
    };
    match &target.probe {
        Probe::Icmp => format!("icmp {host}"),
        Probe::Tcp { port } => format!("tcp {host} port {port}"),
        Probe::Http { http, .. } => {
            let scheme = if http.tls.is_some() { "https" } else { "http" };
            let authority = http.host.to_str().unwrap_or(&host);
            format!("{} {scheme}://{authority}{}", http.method, http.path.path())
        }
    }
}
