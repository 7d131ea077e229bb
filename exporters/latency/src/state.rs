//! What is known of one target, shared by the task that probes it and the pages that show it.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use exporter_kit::config::Vantage;
use exporter_kit::{Descriptors, Health, Wanted};

use crate::config::{Labels, Work};
use crate::host::Host;
use crate::metrics::counts::Counts;
use crate::outcome::{Failure, Outcome, Phase};
use crate::path::slots::Slots;
use crate::registration::{Registration, SharedVerdicts};
use crate::standing::{Moment, Standing};
use crate::verdict::{self, Round, Span};

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
    name: String,
    labels: RwLock<Arc<Labels>>,
    pub(crate) counts: Counts,
    health: Arc<Health>,
    standing: Mutex<Standing>,
    registration: Registration,
    /// The paths to it, where they are traced. Boxed: most are not.
    pub(crate) paths: Option<Box<Slots>>,
    /// Kept for the sockets of its other addresses.
    descriptors: Descriptors,
    /// How many that are, and whether they have just become more.
    kept: AtomicUsize,
    has_more: AtomicBool,
    /// How long a probe may take, and a round with its lookup.
    timeout: Duration,
    limit: Duration,
    /// How many files an address needs.
    each: usize,
}

impl TargetState {
    /// Nothing is known yet; all counters are zero.
    pub(crate) fn new(
        name: &str,
        wanted: &Wanted<Arc<Work>, Arc<Labels>>,
        verdicts: &SharedVerdicts,
    ) -> Self {
        let Wanted { work, labels } = wanted;
        let health = Health::new(name, work.probe.detail(&work.host));
        health.set_group(&labels.team);
        Self {
            name: name.to_owned(),
            labels: RwLock::new(Arc::clone(labels)),
            counts: Counts::new(phases_of(work), &labels.buckets),
            health: Arc::new(health),
            standing: Mutex::default(),
            registration: Registration::new(verdicts, name, work, labels),
            paths: work.path.map(|_| Box::default()),
            descriptors: Descriptors::new(0),
            kept: AtomicUsize::new(0),
            has_more: AtomicBool::new(false),
            timeout: work.timeout,
            limit: longest_round(work),
            each: work.descriptors_of_an_address(),
        }
    }

    /// Its name; the label `target`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its other labels.
    pub(crate) fn labels(&self) -> Arc<Labels> {
        Arc::clone(&self.labels.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Shows other labels, and times by other bounds, from now on.
    pub(crate) fn relabel(&self, labels: &Arc<Labels>) {
        self.counts.set_buckets(&labels.buckets);
        self.health.set_group(&labels.team);
        self.registration.relabel(&self.name, labels);
        *self.labels.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(labels);
    }

    /// Its health, for the landing page.
    pub(crate) fn health(&self) -> Arc<Health> {
        Arc::clone(&self.health)
    }

    /// The target has these addresses; `took` is the time of the lookup, if there was one. Returns those that are
    /// probed.
    pub(crate) fn resolved<'a>(
        &self,
        ips: &'a [IpAddr],
        took: Option<Duration>,
        now: Duration,
    ) -> Cow<'a, [IpAddr]> {
        if let Some(took) = took {
            self.counts.observe_phase(Phase::Resolve, took);
        }
        let probed = self.standing().resolved(ips, now);
        let kept = self.each * probed.len().saturating_sub(1);
        if kept > self.kept.swap(kept, Ordering::Relaxed) {
            self.has_more.store(true, Ordering::Relaxed);
        }
        self.descriptors.set(kept);
        probed
    }

    /// A probe begins of a target that is an address: the only one it ever has.
    pub(crate) fn begun_at(&self, ip: IpAddr, now: Duration) {
        let mut standing = self.standing();
        standing.resolved(&[ip], now);
        standing.begun();
    }

    /// Waits, though not for long, until there is room for addresses that have come.
    pub(crate) async fn make_room(&self) {
        if self.has_more.swap(false, Ordering::Relaxed) {
            // They are kept already.
            drop(Descriptors::make_room(0).await);
        }
    }

    /// No address was found: the one probe of this round has failed. Where the lookup failed on our
    /// side, the addresses are what they were.
    pub(crate) fn unresolved(&self, outcome: &Outcome) {
        let mut standing = self.standing();
        standing.unresolved(outcome);
        self.counts.count(outcome);
        if !outcome.failure.is_some_and(Failure::is_ours) {
            standing.resolved(&[], Duration::ZERO);
        }
    }

    /// A probe of an address begins.
    pub(crate) fn begun(&self) {
        self.standing().begun();
    }

    /// One probe of one address is decided.
    pub(crate) fn decided(&self, round: u64, ip: IpAddr, outcome: &Outcome, at: Moment) {
        let mut standing = self.standing();
        standing.decided(round, ip, outcome, at);
        // After the tally, which a page reads last: it never shows more answers than probes.
        self.counts.count(outcome);
        if outcome.failure.is_none() && standing.is_up(at.monotonic) == Some(true) {
            self.health.up();
        }
    }

    /// Every probe of this round has failed; the first one for this reason.
    pub(crate) fn silent(&self, round: u64, reason: Failure, at: Moment) {
        let mut standing = self.standing();
        standing.silent(round, reason, at);
        // What fails on our side is told at once to those who look after this exporter, unless it is past.
        if reason.is_ours() && standing.is_newest(round)
            || standing.is_up(at.monotonic) == Some(false)
        {
            self.health.down(reason.as_str());
        }
    }

    /// A round is decided, of these outcomes.
    pub(crate) fn judge(&self, begun: Duration, decided: Moment, outcomes: &[(IpAddr, Outcome)]) {
        let outcomes = outcomes.iter().map(|(ip, outcome)| (*ip, outcome));
        let timeout = self.timeout.as_secs_f64();
        let round = verdict::round(self.span(begun, decided), timeout, outcomes);
        self.registration.feed(&Round { wall: Some(decided.unix_seconds), ..round });
    }

    /// A round found no address, for this reason.
    pub(crate) fn judge_unresolved(&self, begun: Duration, decided: Moment, reason: Failure) {
        let timeout = self.timeout.as_secs_f64();
        self.registration.feed(&verdict::without_address(
            self.span(begun, decided),
            timeout,
            reason,
        ));
    }

    fn span(&self, begun: Duration, decided: Moment) -> Span {
        Span {
            begun: begun.as_secs_f64(),
            decided: decided.monotonic.as_secs_f64(),
            limit: self.limit.as_secs_f64(),
        }
    }

    /// How the target stands.
    pub(crate) fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a round may take: an echo whose name had to be looked up, twice the timeout.
fn longest_round(work: &Work) -> Duration {
    let is_looked_up = matches!(work.host, Host::Name(_));
    let waits_anew = is_looked_up && work.probe.layer().begins_after_lookup();
    if waits_anew { 2 * work.timeout } else { work.timeout }
}

/// The phases that the probes can have; a name is looked up, a literal is not.
fn phases_of(work: &Work) -> Vec<Phase> {
    let phases = work.probe.phases();
    let is_looked_up = matches!(work.host, Host::Name(_)) && !phases.is_empty();
    is_looked_up.then_some(Phase::Resolve).into_iter().chain(phases.iter().copied()).collect()
}
