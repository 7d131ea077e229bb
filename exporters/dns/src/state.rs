//! What is known about one set of resolvers: written by its task, read by the pages.

mod latest;

pub(crate) use latest::{Latest, Moment, Snapshot};

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use exporter_kit::{Health, State, Targets};
use tokio::sync::Notify;

use crate::config::{Asked, Plan, Work};
use crate::metrics::counts::Counts;
use crate::progress::Progress;
use crate::resolvers::ResolverList;
use crate::store::memories_of;
use crate::verdict::{Memory, Severity, Verdict};

/// All sets, by name.
pub(crate) type Sets = Targets<Work, RunningSet, Plan>;

/// A set that is swept. A reload that does not touch its work exchanges its plan in place; whom it asks is exchanged
/// together with what a sweep brought, whose parts are in the order of the list.
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
    /// Whom the next sweep asks: others than the last one where a name is elsewhere by now.
    pub(crate) next: Arc<ResolverList>,
    /// Whether a sweep has begun, from which on the list is exchanged between two of them.
    is_swept: bool,
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

impl RunningSet {
    /// Nothing is known yet.
    pub(crate) fn new(plan: Plan, now: u64) -> Self {
        let state = Mutex::new(Arc::new(SetState::new(plan, now)));
        Self { state, relabelled: Notify::new() }
    }

    /// The set as it is now.
    pub(crate) fn state(&self) -> Arc<SetState> {
        Arc::clone(&self.lock())
    }

    /// Exchanges a plan for one with the same work, and tells the task. Other resolvers wait for the next sweep.
    pub(crate) fn relabel(&self, plan: &Plan, now: u64) {
        loop {
            // The task, which measures, waits for nobody who makes a long list.
            let before = self.state();
            let after = Arc::new(before.relabelled(plan, now));
            let mut state = self.lock();
            if Arc::ptr_eq(&state, &before) {
                *state = after;
                break;
            }
        }
        self.relabelled.notify_one();
    }

    /// What the next sweep is judged with, in the order of the list of this plan.
    pub(crate) fn remembers(&self, plan: &Plan, memories: &Arc<Vec<Memory>>) {
        let state = self.lock();
        if state.plan.set.list.asks_as(&plan.set.list) {
            state.remembers(Arc::clone(memories));
        } else {
            state.remembers(Arc::new(memories_of(plan, memories, &state.plan)));
        }
    }

    /// What the next sweep does. From here on, whom it asks is theirs until it is over.
    pub(crate) fn next_sweep(&self) -> Arc<Plan> {
        let mut state = self.lock();
        if !state.is_swept {
            *state = Arc::new(SetState { is_swept: true, ..SetState::clone(&state) });
        }
        state.next_plan()
    }

    /// Puts a good sweep of a list, which is not that of the one before, in the place of that, with what is remembered
    /// of it. That takes a while, for what it replaces.
    pub(crate) fn exchange(
        &self,
        list: &Arc<ResolverList>,
        memories: &Arc<Vec<Memory>>,
        snapshot: Snapshot,
        completed: f64,
        now: Moment,
    ) {
        let gone = {
            let mut state = self.lock();
            let with = state.with(&state.plan.of(list), state.since).anew(Arc::clone(memories));
            with.publish(snapshot, completed, now);
            std::mem::replace(&mut *state, Arc::new(with))
        };
        // It may be large: nobody is to wait while it goes.
        drop(gone);
    }

    fn lock(&self) -> MutexGuard<'_, Arc<SetState>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Completes when the plan was exchanged since this was called last.
    pub(crate) async fn relabelled(&self) {
        self.relabelled.notified().await;
    }
}

impl SetState {
    /// Nothing is known yet.
    pub(crate) fn new(plan: Plan, now: u64) -> Self {
        let detail = detail(&plan, &plan.set.list);
        Self {
            health: Arc::new(Health::new(&plan.set.name, detail)),
            next: Arc::clone(&plan.set.list),
            is_swept: false,
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
        let state = Self { plan: Arc::new(plan.clone()), since, ..self.clone() };
        // What was said of another pin says nothing of this one.
        let is_same = |number: usize| {
            let pin = |plan: &Plan| plan.questions.get(number).map(|asked| asked.expected.clone());
            pin(plan) == pin(&self.plan)
        };
        let carried = Arc::clone(&self.lock().carried);
        let carried = carried.iter().filter(|(number, _)| is_same(*number)).cloned().collect();
        self.lock().carried = Arc::new(carried);
        state.counts.set_buckets(&plan.buckets);
        state
    }

    /// The same set, under another plan with the same work. Whom it asks is another where no sweep has begun, else from the
    /// next one on.
    fn relabelled(&self, plan: &Plan, now: u64) -> Self {
        let list = &plan.set.list;
        let is_same_list = list.asks_as(&self.plan.set.list);
        let is_waiting = self.is_swept && !is_same_list;
        let shown = if is_waiting { plan.of(&self.plan.set.list) } else { plan.clone() };
        let mut with = if shown == *self.plan {
            self.clone()
        } else if is_waiting || is_same_list {
            self.with(&shown, now)
        } else {
            let memories = memories_of(&self.plan, &self.latest().memories, &shown);
            self.with(&shown, now).anew(Arc::new(memories))
        };
        with.next = Arc::clone(list);
        with.show_detail();
        with
    }

    /// The same set, of which nothing was swept in the order of its list, and this is remembered.
    fn anew(self, memories: Arc<Vec<Memory>>) -> Self {
        let mut latest = self.latest();
        (latest.snapshot, latest.previous, latest.before_reload) = (None, None, None);
        latest.memories = memories;
        // Whoever reads the set as it was goes on with what that has.
        Self { latest: Arc::new(Mutex::new(latest)), ..self }
    }

    /// Has the landing page say of it what it is now.
    fn show_detail(&mut self) {
        let detail = detail(&self.plan, &self.next);
        if self.health.detail() == detail {
            return;
        }
        let health = Health::new(&self.plan.set.name, detail);
        match self.health.state() {
            State::Pending => {}
            State::Up => health.up(),
            State::Down(reason) => health.down(reason),
        }
        self.health = Arc::new(health);
    }

    /// What the next sweep does.
    pub(crate) fn next_plan(&self) -> Arc<Plan> {
        if self.next.asks_as(&self.plan.set.list) {
            Arc::clone(&self.plan)
        } else {
            Arc::new(self.plan.of(&self.next))
        }
    }

    /// Of a sweep too much was lost, and it was of a list that is not shown: that it was is all that is known of it.
    pub(crate) fn lost(&self, seconds: f64) {
        self.lock().last = Some((seconds, true));
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

/// The snapshot, without what is too much to be kept beside the next one.
fn without_much(mut snapshot: Arc<Snapshot>) -> Arc<Snapshot> {
    if snapshot.kept.as_ref().is_some_and(|kept| kept.is_large()) {
        Arc::make_mut(&mut snapshot).kept = None;
    }
    snapshot
}

/// A few words for the landing page; with whom to write to, if that is configured.
fn detail(plan: &Plan, list: &ResolverList) -> String {
    let count = |number: usize, noun: &str| {
        format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
    };
    let mut detail = format!(
        "{} asked {}",
        count(list.resolvers.len(), "resolver"),
        count(plan.questions.len(), "question")
    );
    if let Some(contact) = &plan.set.contact {
        detail.extend(["; contact: ", contact]);
    }
    detail
}
