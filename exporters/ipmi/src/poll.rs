//! One BMC, polled for ever: when it is asked, and what is made of its answers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use exporter_kit::Rounds;
use tokio::time::Instant;
use tracing::debug;

use crate::backoff::BackOff;
use crate::config::Bmc;
use crate::inventory::Known;
use crate::metrics::counts::ReadFailures;
use crate::outcome::{PollFailure, ReadFailure};
use crate::sensor::list::SensorList;
use crate::sensor::{Sensor, Slot};
use crate::slow::Schedule;
use crate::source::Source;
use crate::state::{BmcState, Found, Outcome, Snapshot, Value};
use crate::verdict::Reading;

mod slow;

/// Reading the whole list of sensors takes minutes on the slowest BMCs that were reported.
const LONGEST_LOOK: Duration = Duration::from_secs(180);
/// Turns of its sensors for which a value is shown that was not read again.
const TURNS_SHOWN: u32 = 2;

/// Polls `state`'s BMC at its interval and records every poll, until its source is closed.
pub(crate) async fn run(state: Arc<BmcState>, rounds: Rounds) {
    Poller::new(&state).go_on(&rounds).await;
}

/// As [`run`], the first poll being at once since somebody waits for it.
pub(crate) async fn run_at_once(state: Arc<BmcState>, rounds: Rounds) {
    let mut poller = Poller::new(&state);
    Box::pin(poller.poll()).await;
    poller.go_on(&rounds).await;
}

/// What one poll leaves to the next.
struct Poller<'a> {
    state: &'a Arc<BmcState>,
    /// The sensors of the last poll that went well.
    list: Option<Arc<SensorList>>,
    /// Of the sensors that failed when they were last asked.
    back_offs: HashMap<Arc<Known>, BackOff>,
    /// Polls in a row in which a sensor was not asked, by its place. Empty while all are asked.
    not_asked: Vec<u32>,
    schedule: Schedule,
    /// The fixed moment that times are counted from.
    began: Instant,
}

impl<'a> Poller<'a> {
    fn new(state: &'a Arc<BmcState>) -> Self {
        Self {
            state,
            list: None,
            back_offs: HashMap::new(),
            not_asked: Vec::new(),
            schedule: Schedule::default(),
            began: Instant::now(),
        }
    }

    async fn go_on(mut self, rounds: &Rounds) {
        let bmc = &self.state.bmc;
        let mut ticks = rounds.every(bmc.module.interval, &bmc.name);
        loop {
            ticks.next().await;
            // A future of its own, so that a BMC holds the memory of a poll only while it is polled.
            Box::pin(self.poll()).await;
        }
    }

    async fn poll(&mut self) {
        let started = Instant::now();
        let state = self.state;
        let mut source = state.source.lock().await;
        let Some(source) = source.as_mut() else { return };
        let was_open = source.is_open();
        let failed = ReadFailures::default();
        let mut outcome = self.attempt(source, &failed).await;
        if was_open && outcome.as_ref().is_err_and(|failure| failure.is_of_the_session()) {
            debug!(target_name = self.state.bmc.name, "session lost");
            outcome = self.attempt(source, &failed).await;
        }
        let is_well = outcome.is_ok();
        self.state.record(outcome, &failed, started.elapsed());
        self.state.keep();
        if is_well {
            self.ask_slowly(source, started + self.state.bmc.module.interval).await;
        } else {
            self.schedule.start_over();
        }
    }

    /// One poll over the session there is, or a new one.
    async fn attempt(
        &mut self,
        source: &mut Source,
        failed: &ReadFailures,
    ) -> Result<Found, PollFailure> {
        let outcome = self.found(source, failed).await;
        self.state.count(&source.spent());
        outcome
    }

    async fn found(
        &mut self,
        source: &mut Source,
        failed: &ReadFailures,
    ) -> Result<Found, PollFailure> {
        let list = source.look(Instant::now() + LONGEST_LOOK).await?;
        self.follow(&list);
        let now = self.began.elapsed();
        let is_due = |place: usize| {
            let back_off = list.sensors.get(place).and_then(|it| self.back_offs.get(&it.known));
            back_off.is_none_or(|back_off| back_off.is_due(now))
        };
        let mut slots = source.read(is_due, Instant::now() + longest_read(&self.state.bmc)).await?;
        for (place, slot) in slots.iter_mut().enumerate() {
            if *slot == Slot::NotAsked && !is_due(place) {
                *slot = Slot::Failed(ReadFailure::BackOff);
            }
        }
        let readings = self.readings(&slots);
        let snapshot = Snapshot { outcomes: self.outcomes(&list, &slots, failed), list };
        Ok(Found { snapshot, readings })
    }

    /// Forgets what is known of sensors that are listed no more, once that says nothing any more: else
    /// a BMC that makes up new ones all the time would fill the memory.
    fn follow(&mut self, list: &Arc<SensorList>) {
        if self.list.as_ref().is_some_and(|last| Arc::ptr_eq(last, list)) {
            return;
        }
        self.back_offs.retain(|known, _| list.known.contains(known));
        if !self.list.as_ref().is_some_and(|last| last.has_the_places_of(list)) {
            self.not_asked.clear();
        }
        self.list = Some(Arc::clone(list));
    }

    fn outcomes(
        &mut self,
        list: &SensorList,
        slots: &[Slot],
        failed: &ReadFailures,
    ) -> Vec<Outcome> {
        let before = self.state.snapshot();
        let outcome = |(place, (sensor, slot)): (usize, (&Sensor, &Slot))| match *slot {
            Slot::Fresh(reading) => {
                // Of most BMCs no sensor fails, and a name that is looked up is hashed first.
                if !self.back_offs.is_empty() {
                    self.back_offs.remove(&sensor.known);
                }
                self.was_asked(place);
                Outcome::Read(Value { number: reading.value, severity: reading.severity })
            }
            Slot::Failed(failure) => {
                failed.inc(failure);
                if failure.is_costly() {
                    let now = self.began.elapsed();
                    self.back_offs.entry(Arc::clone(&sensor.known)).or_default().failed(now);
                }
                self.was_asked(place);
                Outcome::Failed(failure)
            }
            Slot::NotAsked => {
                let polls = self.was_not_asked(place, list.sensors.len());
                let is_shown = polls < TURNS_SHOWN * list.turn.max(1);
                let known = before.as_deref().and_then(|before| {
                    let same = before.list.sensors.get(place)?;
                    (same.known == sensor.known).then(|| before.outcomes.get(place))?
                });
                known.filter(|_| is_shown).copied().unwrap_or(Outcome::NotAsked)
            }
        };
        list.sensors.iter().zip(slots).enumerate().map(outcome).collect()
    }

    fn was_asked(&mut self, place: usize) {
        if let Some(polls) = self.not_asked.get_mut(place) {
            *polls = 0;
        }
    }

    /// For how many polls in a row it was not asked now.
    fn was_not_asked(&mut self, place: usize, sensors: usize) -> u32 {
        self.not_asked.resize(sensors, 0);
        self.not_asked[place] += 1;
        self.not_asked[place]
    }

    /// What was asked in this poll, for the verdicts.
    fn readings(&self, slots: &[Slot]) -> Vec<Reading> {
        let now = Instant::now();
        let reading = |(place, slot): (usize, &Slot)| {
            let (value, severity, asked, answered) = match *slot {
                Slot::Fresh(it) => (Some(it.value), it.severity, it.asked, it.answered),
                // A turn that was not reached tells nothing of the sensor.
                Slot::Failed(ReadFailure::Deadline) | Slot::NotAsked => return None,
                Slot::Failed(_) => (None, None, now, now),
            };
            let clock = self.state.clock();
            let (asked, answered) = (clock.moment(asked), clock.moment(answered));
            Some(Reading { place, value, severity, asked, answered })
        };
        slots.iter().enumerate().filter_map(reading).collect()
    }
}

/// How long a poll may take: twice, where its session was dead, and until the next one.
pub(crate) fn longest(bmc: &Bmc) -> Duration {
    2 * (LONGEST_LOOK + longest_read(bmc)) + bmc.module.interval
}

/// How long the readings of one poll may take together. A BMC with many sensors and slow answers
/// takes longer than an interval; what is not read by then is left to the next poll.
fn longest_read(bmc: &Bmc) -> Duration {
    bmc.module.interval.max(Duration::from_secs(5)) * 2
}

#[cfg(test)]
mod tests;
