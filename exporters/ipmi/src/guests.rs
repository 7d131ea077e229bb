//! BMCs that neither the config nor a list names, and that a scraper asks for: each is polled from its
//! first question on, and given up when nobody has asked for a while.
//!
//! So their verdicts, their sessions and their inventories are those of any other target, and a scraper that
//! asks each minute costs the BMC no log-in each minute. Who may be asked for is the frame's business.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use exporter_kit::{Rounds, Running, TargetId};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{info, warn};

use crate::baseline::Baseline;
use crate::config::Guest;
use crate::poll;
use crate::source::Source;
use crate::state::{BmcState, Targets};

/// For how long a BMC is polled that nobody asks for any more: two of the longest intervals that
/// Prometheus is used with.
const KEPT: Duration = Duration::from_secs(600);
/// How often it is looked for those.
const SWEEP: Duration = Duration::from_secs(30);
/// So many are polled at once: each holds a socket, and a session at its BMC.
const MOST: usize = 4_096;
/// How often it is looked whether a BMC has answered.
const LOOK: Duration = Duration::from_millis(20);

/// All guests, and when each was last asked for.
#[derive(Debug, Default)]
pub(crate) struct Guests {
    targets: Targets,
    asked: Mutex<BTreeMap<TargetId, (Guest, Instant)>>,
    rounds: Rounds,
}

impl Guests {
    /// Nobody yet.
    pub(crate) fn new(rounds: Rounds) -> Self {
        Self { rounds, ..Self::default() }
    }

    /// Gives up those that nobody asks for, for ever.
    pub(crate) async fn sweep(self: Arc<Self>) {
        loop {
            sleep(SWEEP).await;
            let mut asked = self.asked();
            let before = asked.len();
            asked.retain(|_, (_, last)| last.elapsed() < KEPT);
            if asked.len() < before {
                info!(guests = asked.len(), "BMCs given up that nobody asks for");
                self.keep_in_step(&asked);
            }
        }
    }

    /// The state of a BMC, which is polled from now on if it was not.
    pub(crate) fn ask(&self, id: &TargetId, guest: Guest) -> Arc<BmcState> {
        let mut asked = self.asked();
        let now = Instant::now();
        let is_known = asked.get(id).is_some_and(|(known, _)| known.work == guest.work);
        if let Some((_, last)) = asked.get_mut(id).filter(|_| is_known) {
            *last = now;
        } else {
            if asked.len() >= MOST {
                let oldest = asked.iter().min_by_key(|(_, (_, last))| *last);
                let oldest = oldest.map(|(id, _)| id.clone());
                warn!("more than {MOST} BMCs are asked for; one is given up for another");
                oldest.map(|id| asked.remove(&id));
            }
            asked.insert(id.clone(), (guest, now));
            self.keep_in_step(&asked);
        }
        // It stands in the set, since `asked` is held.
        self.targets.state(id).expect("what was asked for is polled")
    }

    /// Puts a new config in force: `still` gives what there is to do for a guest, if it is one still.
    pub(crate) fn reload(&self, still: impl Fn(&TargetId) -> Option<Guest>) {
        let mut asked = self.asked();
        asked.retain(|id, (guest, _)| match still(id) {
            Some(new) => {
                *guest = new;
                true
            }
            None => false,
        });
        self.keep_in_step(&asked);
    }

    /// Closes every session.
    pub(crate) async fn close(&self) {
        self.asked().clear();
        self.targets.close().await;
    }

    fn keep_in_step(&self, asked: &BTreeMap<TargetId, (Guest, Instant)>) {
        let wanted = asked.iter().map(|(id, (guest, _))| (id.clone(), guest.clone())).collect();
        self.targets.update(
            wanted,
            |_, guest| {
                let bmc = Arc::clone(&guest.work);
                let source = Source::of(&bmc);
                let state =
                    BmcState::new(bmc, guest.labels.clone(), source, None, Baseline::default());
                let state = Arc::new(state);
                let polls = poll::run_at_once(Arc::clone(&state), self.rounds.clone());
                let farewell = Arc::clone(&state);
                let running = Running::new(state, tokio::spawn(polls));
                running.with_farewell(move || async move { farewell.close().await })
            },
            |state, labels| state.relabel(labels.clone()),
        );
    }

    fn asked(&self) -> MutexGuard<'_, BTreeMap<TargetId, (Guest, Instant)>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
