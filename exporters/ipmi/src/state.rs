//! What is known of one BMC: its counters, its last poll, its inventory, its session.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use exporter_kit::Health;
use ipmi_lan::{Counters, Session, SessionError};
use tokio::time::Instant;
use tracing::{info, warn};

use crate::baseline::Store;
use crate::command::{self, Kind};
use crate::config::Bmc;
use crate::inventory::{Inventory, Known, Presence};
use crate::outcome::{PollFailure, ReadFailure};
use crate::sensor::{Reading, Sensor, Sensors};
use crate::slew::Slew;
use crate::slow::Slow;

/// One BMC's state, shared by the task that polls it and the pages that show it. Dropped with its
/// target, so a removed target leaves no series behind.
#[derive(Debug)]
pub struct BmcState {
    /// What is polled, and the place labels.
    pub bmc: Bmc,
    /// For the log and the landing page.
    pub health: Arc<Health>,
    /// The one session with the BMC. Held by the poll while it runs.
    pub session: tokio::sync::Mutex<Option<Session>>,
    memory: Mutex<Memory>,
    store: Option<Store>,
    account: Mutex<Account>,
}

/// The inventory, and whether it is on disk.
#[derive(Debug, Default)]
struct Memory {
    inventory: Inventory,
    unsaved: bool,
}

/// What the polls so far add up to.
#[derive(Clone, Debug)]
pub struct Account {
    /// Polls that ended.
    pub polls: u64,
    /// Those that failed, by [`PollFailure::REASONS`].
    pub poll_failures: [u64; PollFailure::REASONS.len()],
    /// Sensors that gave no reading in a poll that went well, by [`ReadFailure::REASONS`].
    pub read_failures: [u64; ReadFailure::REASONS.len()],
    /// Sessions that were opened.
    pub sessions: u64,
    /// Sessions that could not be opened, by [`SessionError::ALL`].
    pub session_failures: [u64; SessionError::ALL.len()],
    /// Commands that were sent, by [`Kind::ALL`].
    pub commands: [u64; Kind::ALL.len()],
    /// Requests that were sent again.
    pub retries: u64,
    /// Replies that came too late to be used.
    pub stale_replies: u64,
    /// How long the last poll took.
    pub duration: Option<Duration>,
    /// When the last successful poll ended.
    pub success: Option<(Instant, SystemTime)>,
    /// What the last poll found; `None` when it failed, so that nothing stale is shown.
    pub snapshot: Option<Arc<Snapshot>>,
    /// What was last learnt beside the polls; nothing once one failed.
    pub slow: Slow,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            polls: 0,
            poll_failures: [0; PollFailure::REASONS.len()],
            read_failures: [0; ReadFailure::REASONS.len()],
            sessions: 0,
            session_failures: [0; SessionError::ALL.len()],
            commands: [0; Kind::ALL.len()],
            retries: 0,
            stale_replies: 0,
            duration: None,
            success: None,
            snapshot: None,
            slow: Slow::default(),
        }
    }
}

/// What one successful poll found.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The repository that the poll went by.
    pub repository: Arc<Repository>,
    /// Outcomes in the order of [`Sensors::read`].
    pub outcomes: Vec<Result<Value, ReadFailure>>,
}

/// A value that was read, and what the last minute shows of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Value {
    /// The reading.
    pub reading: Reading,
    /// For a temperature.
    pub slew: Option<Slew>,
}

/// An SDR repository as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Repository {
    /// Its sensors.
    pub sensors: Sensors,
    /// How many records it has.
    pub records: usize,
    /// Whether every record was read: only then does a missing sensor count as missing.
    pub complete: bool,
}

impl Snapshot {
    /// Each sensor with its outcome.
    pub fn rows(&self) -> impl Iterator<Item = (&Sensor, &Result<Value, ReadFailure>)> {
        self.repository.sensors.read.iter().zip(&self.outcomes)
    }
}

impl BmcState {
    /// Nothing is known yet but the baseline that was kept.
    pub(crate) fn new(bmc: Bmc, store: Option<Store>, baseline: Vec<Known>) -> Self {
        let detail = format!("ipmi {} each {:?}", bmc.address, bmc.module.interval);
        Self {
            health: Arc::new(Health::new(&bmc.name, detail)),
            session: tokio::sync::Mutex::new(None),
            memory: Mutex::new(Memory {
                inventory: Inventory::from_baseline(baseline.into_iter().map(Arc::new)),
                unsaved: false,
            }),
            store,
            account: Mutex::default(),
            bmc,
        }
    }

    /// Records a poll.
    pub fn record(&self, outcome: Result<Snapshot, PollFailure>, duration: Duration) {
        if let Ok(snapshot) = &outcome {
            self.observe(&snapshot.repository);
        }
        let mut account = lock(&self.account);
        account.polls += 1;
        account.duration = Some(duration);
        match &outcome {
            Ok(snapshot) => {
                account.success = Some((Instant::now(), SystemTime::now()));
                for failure in snapshot.outcomes.iter().filter_map(|it| it.as_ref().err()) {
                    count(&mut account.read_failures, &ReadFailure::REASONS, failure.as_str());
                }
            }
            Err(failure) => {
                count(&mut account.poll_failures, &PollFailure::REASONS, failure.as_str());
                account.slow = Slow::default();
            }
        }
        let health = outcome.as_ref().map(|_| ()).map_err(|failure| failure.as_str());
        account.snapshot = outcome.ok().map(Arc::new);
        drop(account);
        match health {
            Ok(()) => self.health.up(),
            Err(reason) => self.health.down(reason),
        }
    }

    /// Records what the slow lane was told.
    pub fn learn(&self, lesson: impl FnOnce(&mut Slow)) {
        lesson(&mut lock(&self.account).slow);
    }

    /// Records a session that could not be opened.
    pub fn refused(&self, error: SessionError) {
        let place = SessionError::ALL.iter().position(|it| *it == error);
        if let Some(place) = place {
            lock(&self.account).session_failures[place] += 1;
        }
    }

    /// Adds what a session counted since `before`, its commands being of one `kind`.
    pub fn traffic(&self, before: Counters, now: Counters, kind: Option<Kind>) {
        let mut account = lock(&self.account);
        if let Some(kind) = kind {
            account.commands[kind as usize] += command::sent(before, now);
        }
        account.sessions += now.sessions.saturating_sub(before.sessions);
        account.retries += now.retries.saturating_sub(before.retries);
        account.stale_replies += now.stale_replies.saturating_sub(before.stale_replies);
    }

    /// What the polls so far add up to.
    pub fn account(&self) -> Account {
        lock(&self.account).clone()
    }

    /// Each sensor that was ever seen, and whether it is there.
    pub fn presence(&self) -> Vec<Presence> {
        lock(&self.memory).inventory.presence()
    }

    /// Takes the sensors of the last poll for the baseline; returns those that were given up, or
    /// `None` when the last poll failed, or did not see the whole repository.
    pub fn accept_inventory(&self) -> anyhow::Result<Option<Vec<Arc<Known>>>> {
        let snapshot = lock(&self.account).snapshot.clone();
        let Some(snapshot) = snapshot.filter(|it| it.repository.complete) else { return Ok(None) };
        let mut memory = lock(&self.memory);
        let gone = memory.inventory.accept(&snapshot.repository.sensors.known);
        memory.unsaved = true;
        self.save(&mut memory)?;
        info!(target_name = self.bmc.name, given_up = gone.len(), "inventory accepted");
        Ok(Some(gone))
    }

    fn observe(&self, repository: &Repository) {
        let mut memory = lock(&self.memory);
        let grew = memory.inventory.observe(&repository.sensors.known, repository.complete);
        memory.unsaved |= grew;
        match self.save(&mut memory) {
            // Tried again after each poll, and said once.
            Err(error) if grew => {
                warn!(target_name = self.bmc.name, "baseline not kept: {error:#}");
            }
            Ok(()) | Err(_) => {}
        }
    }

    fn save(&self, memory: &mut Memory) -> anyhow::Result<()> {
        if let Some(store) = self.store.as_ref().filter(|_| memory.unsaved) {
            store.save(memory.inventory.baseline())?;
        }
        memory.unsaved = false;
        Ok(())
    }
}

fn count(counts: &mut [u64], reasons: &[&str], reason: &str) {
    if let Some(place) = reasons.iter().position(|it| *it == reason) {
        counts[place] += 1;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
