//! What is known about one set of resolvers: written by its task, read by the pages.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use exporter_kit::{Health, State, Targets};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::config::{Asked, Plan, Work};
use crate::kept::Kept;
use crate::metrics::counts::Counts;
use crate::progress::Progress;
use crate::store::memories_of;
use crate::verdict::{Memory, STANDS, Severity, Verdict};

/// All sets, by name.
pub(crate) type Sets = Targets<Work, RunningSet, Plan>;

/// A set that is swept. A reload that does not touch its work exchanges its plan in place.
#[derive(Debug)]
pub(crate) struct RunningSet {
    state: Mutex<Arc<SetState>>,
    relabelled: Notify,
}

/// A set, and all that is known about it, under one plan. Written by its task, read by the pages.
#[derive(Clone, Debug)]
pub(crate) struct SetState {
    /// What is asked of whom, and how it is judged and shown.
    pub(crate) plan: Arc<Plan>,
    /// Whether the last sweep was good.
    pub(crate) health: Arc<Health>,
    /// Counters and histograms.
    pub(crate) counts: Arc<Counts>,
    /// How far the sweep has come that is going on.
    pub(crate) progress: Arc<Progress>,
    /// When the pins of this plan came into force: seconds since the epoch.
    pub(crate) since: u64,
    latest: Arc<Mutex<Latest>>,
}

/// The latest sweep.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latest {
    /// What it brought; absent before the first one. It stands, with its age, until another sweep
    /// says otherwise: that nothing could be measured changes nothing.
    pub(crate) snapshot: Option<Arc<Snapshot>>,
    /// What was told of each question before the program started, until a sweep says otherwise: of the pinned
    /// answer, and of failing.
    pub(crate) told_before: Vec<(Severity, Severity)>,
    /// The verdicts on the questions that were asked before a reload as well, by their numbers, until a sweep says
    /// otherwise.
    pub(crate) carried: Arc<Vec<(usize, Verdict)>>,
    /// The last sweep before a reload, if the same resolvers were asked: what their list is worth.
    pub(crate) before_reload: Option<Arc<Snapshot>>,
    /// What the next sweep is judged with.
    pub(crate) memories: Arc<Vec<Memory>>,
    /// What the sweep before that brought: what it is compared with.
    pub(crate) previous: Option<Arc<Snapshot>>,
    /// How long the last sweep took, in seconds, and whether too much of it was lost on this machine.
    pub(crate) last: Option<(f64, bool)>,
    /// When the latest complete sweep ended, in seconds since the epoch.
    pub(crate) completed: Option<f64>,
    /// From when on the age of the verdicts counts: when the latest complete sweep ended, or else when
    /// the set began.
    pub(crate) since: Option<Moment>,
}

impl Latest {
    /// The verdicts, unless too much of what they rest on was lost on this machine.
    pub(crate) fn trusted(&self) -> Option<&Arc<Snapshot>> {
        self.snapshot.as_ref().filter(|snapshot| !snapshot.degraded)
    }

    /// The verdict on a question, by its number: of the last sweep, or of before a reload.
    pub(crate) fn verdict(&self, number: usize) -> Option<&Verdict> {
        let of_sweep = self.trusted().and_then(|snapshot| snapshot.verdicts.get(number));
        let carried = || self.carried.iter().find(|(of, _)| *of == number).map(|(_, it)| it);
        of_sweep.or_else(carried)
    }

    /// Whether what was told stands: not when for a day no sweep came that could be judged.
    pub(crate) fn stands(&self, now: Moment) -> bool {
        self.since.is_none_or(|since| since.age(now) <= STANDS as f64)
    }
}

/// Since when something is, by a clock that nobody sets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Moment {
    /// Of this machine.
    Real(Instant),
    /// Seconds of a world in virtual time.
    Virtual(f64),
}

impl Moment {
    /// Seconds from then to now. Between two kinds of clocks there are none.
    pub(crate) fn age(self, now: Self) -> f64 {
        match (self, now) {
            (Self::Real(then), Self::Real(now)) => {
                now.saturating_duration_since(then).as_secs_f64()
            }
            (Self::Virtual(then), Self::Virtual(now)) => now - then,
            _ => 0.0,
        }
    }
}

/// One sweep, judged. Never changed once it is published.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    /// How long the sweep took, in seconds.
    pub(crate) seconds: f64,
    /// Whether more than a little was lost on this machine.
    pub(crate) degraded: bool,
    /// One verdict for each question of the plan, in its order.
    pub(crate) verdicts: Vec<Verdict>,
    /// What it rests on; none where that is too much to be kept any longer.
    pub(crate) kept: Option<Arc<Kept>>,
}

impl RunningSet {
    /// Nothing is known yet.
    pub(crate) fn new(plan: Plan, now: u64) -> Self {
        let state = Mutex::new(Arc::new(SetState::new(plan, now)));
        Self { state, relabelled: Notify::new() }
    }

    /// The set as it is now.
    pub(crate) fn state(&self) -> Arc<SetState> {
        Arc::clone(&self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Exchanges a plan for one with the same work, and tells the task.
    pub(crate) fn relabel(&self, plan: &Plan, now: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = Arc::new(state.with(plan, now));
        self.relabelled.notify_one();
    }

    /// Completes when the plan was exchanged since this was called last.
    pub(crate) async fn relabelled(&self) {
        self.relabelled.notified().await;
    }
}

impl SetState {
    /// Nothing is known yet.
    pub(crate) fn new(plan: Plan, now: u64) -> Self {
        let detail = detail(&plan);
        Self {
            health: Arc::new(Health::new(&plan.set.name, detail)),
            counts: Arc::new(Counts::new(plan.questions.len(), &plan.buckets)),
            plan: Arc::new(plan),
            progress: Arc::default(),
            since: now,
            latest: Arc::default(),
        }
    }

    /// The same set and what is known about it, under another plan.
    fn with(&self, plan: &Plan, now: u64) -> Self {
        let pins = |plan: &Plan| {
            plan.questions.iter().map(|asked| asked.expected.clone()).collect::<Vec<_>>()
        };
        // Another contact or country is no other pin.
        let since = if pins(plan) == pins(&self.plan) { self.since } else { now };
        let mut state = Self { plan: Arc::new(plan.clone()), since, ..self.clone() };
        // What was said of another pin says nothing of this one.
        let is_same = |number: usize| {
            let pin = |plan: &Plan| plan.questions.get(number).map(|asked| asked.expected.clone());
            pin(plan) == pin(&self.plan)
        };
        let carried = Arc::clone(&self.lock().carried);
        let carried = carried.iter().filter(|(number, _)| is_same(*number)).cloned().collect();
        self.lock().carried = Arc::new(carried);
        state.counts.set_buckets(&plan.buckets);
        let detail = detail(plan);
        if state.health.detail() != detail {
            let health = Health::new(&plan.set.name, detail);
            match self.health.state() {
                State::Pending => {}
                State::Up => health.up(),
                State::Down(reason) => health.down(reason),
            }
            state.health = Arc::new(health);
        }
        state
    }

    /// The latest sweep.
    pub(crate) fn latest(&self) -> Latest {
        self.lock().clone()
    }

    /// Puts a sweep in the place of the one before, as a whole. That takes a while, for what it replaces. One of which too much was lost takes the
    /// place only of its like.
    pub(crate) fn publish(&self, snapshot: Snapshot, completed: f64, now: Moment) {
        let Snapshot { seconds, degraded, .. } = snapshot;
        let (before, _gone) = {
            let mut latest = self.lock();
            latest.last = Some((seconds, degraded));
            if degraded && latest.trusted().is_some() {
                return;
            }
            if !degraded {
                latest.told_before.clear();
                (latest.completed, latest.since) = (Some(completed), Some(now));
            }
            let gone = (!degraded)
                .then(|| (std::mem::take(&mut latest.carried), latest.before_reload.take()));
            (latest.snapshot.replace(Arc::new(snapshot)), gone)
        };
        if !degraded {
            let before = before.filter(|before| !before.degraded).map(without_much);
            // It may be large: nobody is to wait while it goes.
            let gone = std::mem::replace(&mut self.lock().previous, before);
            drop(gone);
        }
    }

    /// What is known of the questions of another plan, as far as they are the same: so that asking anew takes nothing
    /// back.
    pub(crate) fn known_of(&self, other: &Plan) -> Latest {
        let latest = self.latest();
        let addresses = |plan: &Plan| plan.set.list.peers(plan.set.port).collect::<Vec<_>>();
        let swept = latest.trusted().or(latest.before_reload.as_ref());
        let is_same_list = swept.is_some() && addresses(&self.plan) == addresses(other);
        let mut known = Latest {
            before_reload: swept.filter(|_| is_same_list).cloned(),
            completed: latest.completed,
            since: latest.since,
            memories: Arc::new(memories_of(&self.plan, &latest.memories, other)),
            ..Latest::default()
        };
        let mut carried = Vec::new();
        for (number, asked) in other.questions.iter().enumerate() {
            let same = |it: &Asked| it.name == asked.name && it.kind == asked.kind;
            let Some(was) = self.plan.questions.iter().position(same) else {
                known.told_before.push(<_>::default());
                continue;
            };
            let is_pin_same = self.plan.questions[was].expected == asked.expected;
            let verdict = latest.verdict(was);
            let told = verdict.map(|verdict| (verdict.unexpected, verdict.failing));
            let told = told.or_else(|| latest.told_before.get(was).copied()).unwrap_or_default();
            match verdict {
                Some(verdict) if is_pin_same => {
                    carried.push((number, verdict.clone()));
                    known.told_before.push(<_>::default());
                }
                _ => {
                    let unexpected = if is_pin_same { told.0 } else { Severity::None };
                    known.told_before.push((unexpected, told.1));
                }
            }
        }
        known.carried = Arc::new(carried);
        known
    }

    /// Takes over what was known before a reload, until a sweep says otherwise.
    pub(crate) fn takes_over(&self, known: Latest) {
        *self.lock() = known;
    }

    /// What the next sweep is judged with.
    pub(crate) fn remembers(&self, memories: Arc<Vec<Memory>>) {
        self.lock().memories = memories;
    }

    /// What was told before the program started stands until a sweep says otherwise.
    pub(crate) fn was_told(&self, told: Vec<(Severity, Severity)>) {
        self.lock().told_before = told;
    }

    /// What was told before is this by now, as where a pin was exchanged; if it stands still.
    pub(crate) fn was_told_of(&self, told: &[(Severity, Severity)]) {
        let mut latest = self.lock();
        if !latest.told_before.is_empty() {
            latest.told_before = told.to_vec();
        }
    }

    /// The age of the verdicts counts from here on, until a sweep is complete.
    pub(crate) fn begins(&self, now: Moment) {
        self.lock().since.get_or_insert(now);
    }

    /// Puts other verdicts on the latest sweep. That takes a while, for what it replaces.
    pub(crate) fn judged_anew(&self, verdicts: Vec<Verdict>) {
        let _gone = {
            let mut latest = self.lock();
            latest
                .snapshot
                .as_ref()
                .map(|it| it.with(verdicts))
                .map(|it| latest.snapshot.replace(it))
        };
    }

    fn lock(&self) -> MutexGuard<'_, Latest> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Snapshot {
    /// The same sweep under other verdicts: nothing of the former ones is copied.
    fn with(&self, verdicts: Vec<Verdict>) -> Arc<Self> {
        let Self { seconds, degraded, ref kept, .. } = *self;
        Arc::new(Self { seconds, degraded, verdicts, kept: kept.clone() })
    }
}

/// The snapshot, without what is too much to be kept beside the next one.
fn without_much(mut snapshot: Arc<Snapshot>) -> Arc<Snapshot> {
    if snapshot.kept.as_ref().is_some_and(|kept| kept.is_large()) {
        Arc::make_mut(&mut snapshot).kept = None;
    }
    snapshot
}

/// A few words for the landing page; with whom to write to, if that is configured.
fn detail(plan: &Plan) -> String {
    let count = |number: usize, noun: &str| {
        format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
    };
    let mut detail = format!(
        "{} asked {}",
        count(plan.set.list.resolvers.len(), "resolver"),
        count(plan.questions.len(), "question")
    );
    if let Some(contact) = &plan.set.contact {
        detail.extend(["; contact: ", contact]);
    }
    detail
}
