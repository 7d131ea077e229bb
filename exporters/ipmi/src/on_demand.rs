//! BMCs that neither the config nor a list names, and that a scraper asks for: each is polled from its
//! first question on, and given up when nobody has asked for a while.
//!
//! So their verdicts, their sessions and their inventories are those of any other target, and a scraper that
//! asks each minute costs the BMC no log-in each minute. Who may be asked for is the frame's business.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use exporter_kit::{Rounds, Running, TargetId, off_the_thread};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{info, warn};

use crate::baseline::{self, Kept};
use crate::config::OnDemandBmc;
use crate::poll;
use crate::source::Source;
use crate::state::{BmcState, Handover, Leaving, Targets};

/// For how long a BMC is polled that nobody asks for any more: two of the longest intervals that
/// Prometheus is used with.
const POLLED: Duration = Duration::from_secs(600);
/// How often it is looked for those.
const SWEEP: Duration = Duration::from_secs(30);
/// So many are polled at once: each holds a socket, and a session at its BMC.
const MOST: usize = 4_096;
/// How often it is looked whether a BMC has answered.
const LOOK: Duration = Duration::from_millis(20);
/// For how long the file is kept of one that nobody asks for any more: a machine that is repaired comes back.
const KEPT: Duration = Duration::from_secs(30 * 86_400);
/// How often it is looked for files that are older.
const TIDY: Duration = Duration::from_secs(86_400);
/// So many files are kept: twice as many as are polled.
const MOST_FILES: usize = 2 * MOST;
/// After so many that were asked for anew it is looked for files as well: whoever makes up names waits for no day.
const MANY: usize = 1_024;

/// All of them, and when each was last asked for.
#[derive(Debug, Default)]
pub(crate) struct OnDemand {
    targets: Targets,
    asked: Mutex<BTreeMap<TargetId, (OnDemandBmc, Instant)>>,
    /// Where what is known of them outlives the process.
    directory: Mutex<Option<PathBuf>>,
    leaving: Leaving,
    /// How many were asked for anew since it was looked for files.
    came: AtomicUsize,
    rounds: Rounds,
}

impl OnDemand {
    /// Nobody yet.
    pub(crate) fn new(rounds: Rounds) -> Self {
        Self { rounds, ..Self::default() }
    }

    /// Gives up those that nobody asks for, for ever.
    pub(crate) async fn sweep(self: Arc<Self>) {
        // Not before those were asked for again that were polled before a restart.
        let mut due = Instant::now() + POLLED;
        loop {
            sleep(SWEEP).await;
            self.give_up();
            if Instant::now() >= due || self.came.load(Ordering::Relaxed) >= MANY {
                due = Instant::now() + TIDY;
                self.came.store(0, Ordering::Relaxed);
                let all = Arc::clone(&self);
                // It waits for a disk.
                let forgotten = off_the_thread(move || all.tidy()).await;
                if forgotten > 0 {
                    info!(files = forgotten, "BMCs forgotten that nobody asks for");
                }
            }
        }
    }

    /// Removes the files of those that nobody asks for any more; returns how many.
    fn tidy(&self) -> usize {
        let Some(directory) = lock(&self.directory).clone() else { return 0 };
        let polled: Vec<TargetId> = lock(&self.asked).keys().cloned().collect();
        let polled = polled.iter().map(|id| (&*id.name, &*id.module));
        baseline::forget_on_demand(&directory, KEPT, MOST_FILES, polled)
    }

    fn give_up(&self) {
        let mut asked = lock(&self.asked);
        let before = asked.len();
        asked.retain(|_, (_, last)| last.elapsed() < POLLED);
        if asked.len() < before {
            info!(bmcs = asked.len(), "BMCs given up that nobody asks for");
            self.keep_in_step(&asked, BTreeMap::new());
        }
    }

    /// The state of a BMC, which is polled from now on if it was not; `None` if it may not be named any more.
    /// `still` gives what there is to do for it by the config in force. May wait for a disk.
    pub(crate) fn ask(
        &self,
        id: &TargetId,
        still: impl Fn() -> Option<OnDemandBmc>,
    ) -> Option<Arc<BmcState>> {
        self.ask_with(id, still, || self.on_disk(id))
    }

    fn ask_with(
        &self,
        id: &TargetId,
        still: impl Fn() -> Option<OnDemandBmc>,
        on_disk: impl FnOnce() -> Handover,
    ) -> Option<Arc<BmcState>> {
        let before = {
            let mut asked = lock(&self.asked);
            let bmc = still()?;
            if let Some(state) = self.known(&mut asked, id, &bmc) {
                return Some(state);
            }
            self.leaving.find(&bmc.work, &bmc.labels)
        };
        // Meanwhile nobody waits who asks for another. Who says farewell is held, and still found after it.
        let on_disk = on_disk();
        let mut asked = lock(&self.asked);
        // A config may have come meanwhile that names it in another way, or not at all.
        let bmc = still()?;
        if let Some(state) = self.known(&mut asked, id, &bmc) {
            return Some(state);
        }
        if asked.len() >= MOST {
            let oldest = asked.iter().min_by_key(|(_, (_, last))| *last);
            let oldest = oldest.map(|(id, _)| id.clone());
            warn!("more than {MOST} BMCs are asked for; one is given up for another");
            oldest.map(|id| asked.remove(&id));
        }
        let known = self.handed_over(id, &bmc, on_disk);
        drop(before);
        asked.insert(id.clone(), (bmc, Instant::now()));
        self.came.fetch_add(1, Ordering::Relaxed);
        self.keep_in_step(&asked, BTreeMap::from([(id.clone(), known)]));
        self.targets.state(id)
    }

    /// Those that are polled of this host, by this module or any.
    pub(crate) fn polled(&self, host: &str, module: Option<&str>) -> Vec<Arc<BmcState>> {
        let mut states = self.targets.states();
        states.retain(|it| {
            module.is_none_or(|module| module == it.labels().module_name)
                && (it.bmc.name == host || it.bmc.address.is(host))
        });
        states
    }

    /// The state of one that is polled already, which somebody asks for again.
    fn known(
        &self,
        asked: &mut BTreeMap<TargetId, (OnDemandBmc, Instant)>,
        id: &TargetId,
        bmc: &OnDemandBmc,
    ) -> Option<Arc<BmcState>> {
        let (_, last) = asked.get_mut(id).filter(|(known, _)| known.work == bmc.work)?;
        *last = Instant::now();
        self.targets.state(id)
    }

    /// Puts a new config in force: `still` gives what there is to do for one, if it may be named still.
    /// May wait for a disk.
    pub(crate) fn reload(
        &self,
        directory: Option<PathBuf>,
        still: impl Fn(&TargetId) -> Option<OnDemandBmc>,
    ) {
        *lock(&self.directory) = directory;
        self.reload_with(still, |id| self.on_disk(id));
    }

    fn reload_with(
        &self,
        still: impl Fn(&TargetId) -> Option<OnDemandBmc>,
        on_disk: impl Fn(&TargetId) -> Handover,
    ) {
        let mut changed = Vec::new();
        let mut asked = lock(&self.asked);
        // Who may not be named any more waits for no disk.
        asked.retain(|id, (bmc, _)| {
            let Some(new) = still(id) else { return false };
            if new.work != bmc.work {
                changed.push(id.clone());
            }
            true
        });
        self.keep_in_step(&asked, BTreeMap::new());
        drop(asked);
        // Nor does anybody else meanwhile: what measures takes the lock as well.
        let found = changed.into_iter().map(|id| {
            let on_disk = on_disk(&id);
            (id, on_disk)
        });
        let mut found: BTreeMap<_, _> = found.collect();
        let mut known = BTreeMap::new();
        let mut asked = lock(&self.asked);
        asked.retain(|id, (bmc, _)| {
            let Some(new) = still(id) else { return false };
            if new.work != bmc.work {
                let on_disk = found.remove(id).unwrap_or_default();
                known.insert(id.clone(), self.handed_over(id, &new, on_disk));
            }
            *bmc = new;
            true
        });
        self.keep_in_step(&asked, known);
    }

    /// What the disk has of it.
    fn on_disk(&self, id: &TargetId) -> Handover {
        let directory = lock(&self.directory).clone();
        let kept = directory.and_then(|it| Kept::find_on_demand(&it, &id.name, &id.module));
        Handover::of_disk(kept.map(Kept::open).unwrap_or_default())
    }

    /// What is known of it: by the state that is to be replaced, or that is not quite gone, if there is one.
    fn handed_over(&self, id: &TargetId, bmc: &OnDemandBmc, on_disk: Handover) -> Handover {
        self.leaving.known(&bmc.work, &bmc.labels, self.targets.state(id), || on_disk)
    }

    /// Closes every session.
    pub(crate) async fn close(&self) {
        lock(&self.asked).clear();
        self.targets.close().await;
    }

    /// `known` is what is known of those that start.
    fn keep_in_step(
        &self,
        asked: &BTreeMap<TargetId, (OnDemandBmc, Instant)>,
        known: BTreeMap<TargetId, Handover>,
    ) {
        let wanted = asked.iter().map(|(id, (bmc, _))| (id.clone(), bmc.clone())).collect();
        let known = Mutex::new(known);
        let running = self.targets.states();
        self.leaving.add(running.iter().filter(|it| {
            let id = |it: &BmcState| TargetId {
                name: it.bmc.name.clone(),
                module: it.labels().module_name.clone(),
                ..TargetId::default()
            };
            !asked.contains_key(&id(it))
        }));
        self.targets.update(
            wanted,
            |id, wanted| {
                let bmc = Arc::clone(&wanted.work);
                let source = Source::of(&bmc);
                let known = lock(&known).remove(id).unwrap_or_default();
                let state = BmcState::going_on(bmc, wanted.labels.clone(), source, known);
                let state = Arc::new(state);
                let polls = poll::run_at_once(Arc::clone(&state), self.rounds.clone());
                let farewell = Arc::clone(&state);
                let running = Running::new(state, tokio::spawn(polls));
                running.with_farewell(move || async move { farewell.close().await })
            },
            |state, labels| state.relabel(labels.clone()),
        );
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until a BMC has told all that its module wants to know once, or cannot be read, and no longer
/// than until `deadline`.
pub(crate) async fn heard(state: &BmcState, deadline: Instant) {
    let all = async {
        while !has_told_all(state) {
            sleep(LOOK).await;
        }
    };
    // What was not told in time is on the next page.
    let _ = timeout_at(deadline, all).await;
}

fn has_told_all(state: &BmcState) -> bool {
    let polled = state.polled();
    let collectors = &state.bmc.module.collectors;
    match &polled.snapshot {
        None => polled.counts.polls > 0,
        Some(snapshot) => polled.slow.has_told(collectors, snapshot.list.discrete.len()),
    }
}

#[cfg(test)]
mod tests;
