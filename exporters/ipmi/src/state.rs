//! What is known of one BMC: its counters, its last poll, its inventory, the way to it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use exporter_kit::{Health, TargetId};
use tokio::sync::Semaphore;
use tracing::{info, warn};

use crate::baseline::{Baseline, Store};
use crate::config::{Bmc, Labels};
use crate::inventory::{Known, Presence};
use crate::metrics::counts::{ReadFailures, Traffic};
use crate::outcome::{PollFailure, ReadFailure};
use crate::sensor::list::SensorList;
use crate::sensor::{Sensor, Severity};
use crate::slow::{Answer, Question, Silent};
use crate::source::{EventLog, Source};
use crate::verdict::{Reading, Says, Verdict};
use remembered::Remembered;

mod before;
mod clock;
mod handover;
mod polled;
mod remembered;

pub(crate) use before::Before;
pub(crate) use clock::Clock;
pub(crate) use handover::{Handover, Leaving};
pub(crate) use polled::Polled;

/// Baselines that are written at the same moment. Hundreds of threads would take the CPU from the one
/// that polls when thousands of machines change their verdicts at once, and memory for good.
static WRITERS: Semaphore = Semaphore::const_new(8);

/// All BMCs, by name: of each the work, the labels and the state.
pub(crate) type Targets = exporter_kit::Targets<Arc<Bmc>, BmcState, Labels, TargetId>;

/// One BMC's state, shared by the task that polls it and the pages that show it. Dropped with its
/// target, so a removed target leaves no series behind.
#[derive(Debug)]
pub(crate) struct BmcState {
    /// What is polled.
    pub(crate) bmc: Arc<Bmc>,
    /// For the log and the landing page.
    pub(crate) health: Arc<Health>,
    /// Whether its source can tell a reply from one that comes too late.
    pub(crate) tells_stale_replies: bool,
    /// The one way to the BMC. Held by the poll while it runs; `None` once it was closed.
    pub(crate) source: tokio::sync::Mutex<Option<Source>>,
    /// What its source has read of the event log.
    event_log: EventLog,
    labels: Mutex<Arc<Labels>>,
    remembered: Mutex<Remembered>,
    store: Option<Store>,
    /// Held while the baseline is written, so that an older one never replaces a newer one.
    saving: Arc<tokio::sync::Mutex<()>>,
    /// Another goes on with what this one knew.
    is_replaced: AtomicBool,
    /// Taken by a page as it is; written anew only while one holds it.
    polled: Mutex<Arc<Polled>>,
    clock: Clock,
}

/// What one successful poll found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Snapshot {
    /// The sensors that the poll went by.
    pub(crate) list: Arc<SensorList>,
    /// Outcomes by the places of [`SensorList::sensors`].
    pub(crate) outcomes: Vec<Outcome>,
}

/// What a poll that went well brought.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found {
    /// What is shown of it.
    pub(crate) snapshot: Snapshot,
    /// What was asked and answered in it.
    pub(crate) readings: Vec<Reading>,
}

/// What is known of one sensor after a poll.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// Its value, read in this poll or in the turn before.
    Read(Value),
    /// When it was last asked, it gave none.
    Failed(ReadFailure),
    /// It was not asked yet, or not for too long.
    NotAsked,
}

/// A value that was read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Value {
    /// In the unit of the sensor's quantity; finite.
    pub(crate) number: f64,
    /// What the BMC holds of it.
    pub(crate) severity: Option<Severity>,
}

impl Snapshot {
    /// Each sensor with its outcome.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&Sensor, &Outcome)> {
        self.list.sensors.iter().zip(&self.outcomes)
    }
}

impl BmcState {
    /// Nothing is known yet but the baseline that was kept.
    pub(crate) fn new(
        bmc: Arc<Bmc>,
        labels: Labels,
        source: Source,
        store: Option<Store>,
        baseline: Baseline,
    ) -> Self {
        let detail = format!("ipmi {} each {:?}", bmc.address, bmc.module.interval);
        let health = Health::new(&bmc.name, detail);
        health.set_group(labels.site.as_deref().unwrap_or_default());
        let silent = Silent::kept(baseline.supplies.clone());
        let polled = Polled { silent, ..Polled::default() };
        Self {
            health: Arc::new(health),
            tells_stale_replies: source.tells_stale_replies(),
            event_log: source.event_log(),
            source: tokio::sync::Mutex::new(Some(source)),
            labels: Mutex::new(Arc::new(labels)),
            remembered: Mutex::new(Remembered::new(&bmc.name, baseline)),
            clock: Clock::default(),
            store,
            saving: Arc::default(),
            is_replaced: AtomicBool::new(false),
            polled: Mutex::new(Arc::new(polled)),
            bmc,
        }
    }

    /// What is only said of it.
    pub(crate) fn labels(&self) -> Arc<Labels> {
        Arc::clone(&lock(&self.labels))
    }

    /// Says something else of it. Nothing is restarted for that.
    pub(crate) fn relabel(&self, labels: Labels) {
        let mut current = lock(&self.labels);
        if **current != labels {
            self.health.set_group(labels.site.as_deref().unwrap_or_default());
            *current = Arc::new(labels);
        }
    }

    /// Records a poll, and the sensors that gave nothing in it.
    pub(crate) fn record(
        &self,
        outcome: Result<Found, PollFailure>,
        failed: &ReadFailures,
        duration: Duration,
    ) {
        let now = self.clock.now();
        let outcome = outcome.map(|found| {
            let says = {
                let slow = &lock(&self.polled).slow;
                let (power, drawn) = (slow.power(), slow.drawn());
                Says { is_on: power.map(|it| it.is_on), watts: drawn.map(|it| it.now) }
            };
            let moved =
                lock(&self.remembered).observe(now, &found.snapshot.list, &found.readings, says);
            for (from, to) in moved {
                info!(
                    target_name = self.bmc.name,
                    from = format!("{} ({})", from.name, from.id),
                    to = format!("{} ({})", to.name, to.id),
                    "a sensor goes on by another id or name"
                );
            }
            found.snapshot
        });
        let mut shown = lock(&self.polled);
        let polled = Arc::make_mut(&mut shown);
        polled.counts.polls += 1;
        polled.duration = Some(duration);
        match &outcome {
            Ok(_) => {
                polled.success = Some((now, self.clock.wall()));
                polled.counts.read_failures.add_all(failed);
            }
            Err(failure) => {
                polled.counts.poll_failures.inc(*failure);
                polled.fall_silent();
            }
        }
        let health = outcome.as_ref().map(|_| ()).map_err(|failure| failure.as_str());
        polled.snapshot = outcome.ok().map(Arc::new);
        polled.forget_before(&self.bmc, now);
        drop(shown);
        match health {
            Ok(()) => self.health.up(),
            Err(reason) => self.health.down(reason),
        }
    }

    /// Records what a slow question brought; `sensor` is the one that a question about states was of.
    pub(crate) fn learn(
        &self,
        question: Question,
        sensor: Option<&Arc<Known>>,
        answer: Result<Answer, PollFailure>,
    ) {
        let mut shown = lock(&self.polled);
        let polled = Arc::make_mut(&mut shown);
        let is_to_be_kept = polled.learn(question, sensor, answer);
        if polled.before.is_some() {
            polled.forget_before(&self.bmc, self.clock.now());
        }
        drop(shown);
        if is_to_be_kept {
            lock(&self.remembered).changes();
        }
    }

    /// Whether the states of a sensor are to be read once more before all of them is said: those that
    /// hold also while a question about them has no answer.
    pub(crate) fn doubts_states_of(&self, sensor: &Arc<Known>) -> bool {
        let polled = lock(&self.polled);
        let before = || polled.before.as_ref()?.slow.states(sensor);
        polled.slow.states(sensor).or_else(before).is_some_and(|states| !states.is_confirmed)
    }

    /// Counts what the source has sent and received.
    pub(crate) fn count(&self, traffic: &Traffic) {
        Arc::make_mut(&mut lock(&self.polled)).counts.traffic.add(traffic);
    }

    /// What the polls so far have left.
    pub(crate) fn polled(&self) -> Arc<Polled> {
        Arc::clone(&lock(&self.polled))
    }

    /// What the last poll found, unless it failed.
    pub(crate) fn snapshot(&self) -> Option<Arc<Snapshot>> {
        lock(&self.polled).snapshot.clone()
    }

    /// The same with a clock that is set by hand.
    pub(crate) fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// The clock that its times are told by.
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The verdicts that are held; `None` while the machine is not judged.
    pub(crate) fn verdicts(&self) -> Option<Vec<Verdict>> {
        lock(&self.remembered).verdicts(self.clock.now())
    }

    /// Whether the machine is off, as far as all of its sensors tell.
    pub(crate) fn is_off(&self) -> bool {
        lock(&self.remembered).is_off()
    }

    /// Each sensor that was once seen and that the last list did not have.
    pub(crate) fn missing(&self) -> Vec<Presence> {
        lock(&self.remembered).inventory().missing()
    }

    /// Sensors that the last list had, and that found no room in the inventory.
    pub(crate) fn not_remembered(&self) -> usize {
        lock(&self.remembered).inventory().left_out()
    }

    /// Takes the sensors of the last poll for the baseline; returns those that were given up, or
    /// `None` when the last poll failed, or did not see the whole list.
    pub(crate) async fn accept_inventory(&self) -> anyhow::Result<Option<Vec<Arc<Known>>>> {
        let Some(snapshot) = self.snapshot().filter(|it| it.list.complete) else { return Ok(None) };
        let gone = lock(&self.remembered).accept(&snapshot.list.known);
        let turn = self.saving.lock().await;
        self.save(&turn).await?;
        info!(target_name = self.bmc.name, given_up = gone.len(), "inventory accepted");
        Ok(Some(gone))
    }

    /// Brings the baseline to disk if it changed, beside the polls: a disk that hangs must stop none. What
    /// fails is tried again after the next poll, and so is what changes while it is written.
    pub(crate) fn keep(self: &Arc<Self>) {
        if self.store.is_none() || !lock(&self.remembered).is_unsaved() {
            return;
        }
        let Ok(turn) = Arc::clone(&self.saving).try_lock_owned() else { return };
        let state = Arc::clone(self);
        tokio::spawn(async move {
            let saved = state.save(&turn).await;
            state.say(saved);
        });
    }

    /// Says that the baseline is not kept, once.
    fn say(&self, saved: anyhow::Result<()>) {
        if let Err(error) = saved
            && lock(&self.remembered).is_first_failure()
        {
            warn!(target_name = self.bmc.name, "baseline not kept: {error:#}");
        }
    }

    /// Closes the way to the BMC and brings to disk what is known, once no poll runs any more: neither waits
    /// for the other, since a BMC may not answer, and a disk may hang. For how long is for the caller to say.
    pub(crate) async fn close(&self) {
        let end = async {
            if let Some(source) = self.source.lock().await.take() {
                source.close().await;
            }
        };
        let keep = async {
            lock(&self.remembered).ends();
            let turn = self.saving.lock().await;
            let saved = self.save(&turn).await;
            self.say(saved);
        };
        tokio::join!(end, keep);
    }

    /// What is to be written to disk, if anything is.
    pub(crate) fn unsaved(&self) -> Option<Baseline> {
        let is_unsaved = lock(&self.remembered).is_unsaved();
        is_unsaved.then(|| self.take_unsaved())
    }

    /// What is to be written to disk now.
    pub(crate) fn take_unsaved(&self) -> Baseline {
        let supplies = self.polled().silent.keep();
        Baseline { supplies, ..lock(&self.remembered).take_unsaved() }
    }

    /// Writes on a thread that may wait for a disk; whoever calls it has the `turn` to.
    async fn save(&self, _turn: &impl std::ops::Deref<Target = ()>) -> anyhow::Result<()> {
        let Some(store) = &self.store else { return Ok(()) };
        if self.is_replaced.load(Ordering::Relaxed) || !lock(&self.remembered).is_unsaved() {
            return Ok(());
        }
        let _writer = WRITERS.acquire().await?;
        let baseline = self.take_unsaved();
        let (store, site) = (store.clone(), self.labels().site.clone().unwrap_or_default());
        let saved = tokio::task::spawn_blocking(move || store.save(&site, baseline)).await;
        let saved = saved.unwrap_or_else(|panicked| Err(panicked.into()));
        lock(&self.remembered).was_saved(saved.is_ok());
        saved
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
