//! Every metric of this exporter: what is counted for a target, and the page that shows it.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use exporter_kit::Health;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;

use crate::config::{Host, Probe, Role, Target, Vantage};
use crate::icmp::Strays;
use crate::outcome::{Failure, Outcome, Phase};
use crate::standing::{Moment, Standing};

mod page;
#[cfg(test)]
mod tests;

pub use page::Metrics;

/// Finest where the distances of a continent and of the world are.
const SECONDS: [f64; 16] =
    [0.001, 0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0];
const LONGEST: [f64; 1] = [10.0];
/// From an idle machine's 10 us to a starved one's 100 ms.
const QUEUE_SECONDS: [f64; 6] = [0.000_01, 0.000_1, 0.001, 0.01, 0.1, 1.0];

fn durations() -> Histogram {
    Histogram::new(SECONDS.into_iter().chain(LONGEST))
}

/// Where this exporter stands. A reload may move it without a target losing its counters.
#[derive(Debug)]
pub struct Place(RwLock<Arc<Vantage>>);

impl Place {
    /// Here.
    pub fn new(vantage: Vantage) -> Self {
        Self(RwLock::new(Arc::new(vantage)))
    }

    /// Moves it.
    pub fn set(&self, vantage: Vantage) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(vantage);
    }

    fn get(&self) -> Arc<Vantage> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// How long replies had waited in the ICMP sockets when they were read.
#[derive(Clone, Debug)]
pub struct ReceiveQueue(Histogram);

impl Default for ReceiveQueue {
    fn default() -> Self {
        Self(Histogram::new(QUEUE_SECONDS))
    }
}

impl ReceiveQueue {
    /// Records one reply.
    pub fn observe(&self, queued: Duration) {
        self.0.observe(queued.as_secs_f64());
    }
}

/// What is known of one target. Dropped with it, so a removed target leaves no series behind.
#[derive(Debug)]
pub struct TargetState {
    labels: TargetLabels,
    health: Arc<Health>,
    probes: Counter,
    failures: [Counter; Failure::ALL.len()],
    durations: Histogram,
    /// Those that a probe of this target can have.
    phases: Vec<(Phase, Histogram)>,
    /// Of an ICMP target.
    strays: Arc<Strays>,
    is_icmp: bool,
    standing: Mutex<Standing>,
}

#[derive(Clone, Debug)]
struct TargetLabels {
    target: String,
    module: String,
    role: Role,
}

impl TargetState {
    /// Nothing is known yet; all counters are zero.
    pub fn new(target: &Target) -> Self {
        let health = Health::new(&target.name, detail(target));
        Self {
            labels: TargetLabels {
                target: target.name.clone(),
                module: target.module.clone(),
                role: target.role,
            },
            health: Arc::new(health),
            probes: Counter::default(),
            failures: Default::default(),
            durations: durations(),
            phases: phases_of(target).into_iter().map(|phase| (phase, durations())).collect(),
            strays: Arc::default(),
            is_icmp: target.probe == Probe::Icmp,
            standing: Mutex::default(),
        }
    }

    /// Its health, for the landing page.
    pub fn health(&self) -> Arc<Health> {
        Arc::clone(&self.health)
    }

    /// Where its stray echo replies are counted.
    pub fn strays(&self) -> &Arc<Strays> {
        &self.strays
    }

    /// The target has these addresses; `took` is the time of the lookup, if there was one.
    pub fn resolved(&self, ips: &[IpAddr], took: Option<Duration>) {
        if let Some(took) = took {
            self.observe_phase(Phase::Resolve, took);
        }
        self.standing().resolved(ips);
    }

    /// No address was found: the one probe of this round has failed. Where the lookup failed on our
    /// side, the addresses are what they were.
    pub fn unresolved(&self, outcome: &Outcome) {
        self.count(outcome);
        if !outcome.failure.is_some_and(Failure::is_ours) {
            self.standing().resolved(&[]);
        }
    }

    /// One probe of one address is decided.
    pub fn decided(&self, round: u64, ip: IpAddr, outcome: &Outcome, at: Moment) {
        self.count(outcome);
        let mut standing = self.standing();
        standing.decided(round, ip, outcome, at);
        if outcome.failure.is_none() && standing.is_up(at.monotonic) == Some(true) {
            self.health.up();
        }
    }

    /// Every probe of this round has failed; the first one for this reason.
    pub fn silent(&self, round: u64, reason: Failure, at: Moment) {
        let mut standing = self.standing();
        standing.silent(round, reason, at);
        // What fails on our side is told at once to those who look after this exporter.
        if reason.is_ours() || standing.is_up(at.monotonic) == Some(false) {
            self.health.down(reason.as_str());
        }
    }

    fn count(&self, outcome: &Outcome) {
        self.probes.inc();
        if let Some(failure) = outcome.failure {
            self.failures[failure as usize].inc();
        }
        if let Some(duration) = outcome.duration {
            self.durations.observe(duration.as_secs_f64());
        }
        for phase in Phase::ALL {
            if let Some(took) = outcome.phases.get(phase) {
                self.observe_phase(phase, took);
            }
        }
    }

    fn observe_phase(&self, phase: Phase, took: Duration) {
        if let Some((_, histogram)) = self.phases.iter().find(|(known, _)| *known == phase) {
            histogram.observe(took.as_secs_f64());
        }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
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
