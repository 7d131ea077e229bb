//! A target's state, logged when it changes and shown on the landing page.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tracing::{info, warn};

use crate::changes::{self, Change};
use crate::state::State;

/// The health of one target. Shared by the task that polls it and the pages that show it.
#[derive(Debug)]
pub struct Health {
    name: String,
    detail: String,
    /// Its site or team; empty for none.
    group: Mutex<String>,
    current: Mutex<Standing>,
}

/// How a target stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    pub(crate) state: State,
    /// When that state was entered.
    pub(crate) since: SystemTime,
    /// Why it was last down, and until when.
    pub(crate) last_failure: Option<(&'static str, SystemTime)>,
}

impl Health {
    /// A target called `name`, pending; `detail` says in a few words what is polled there.
    pub fn new(name: impl Into<String>, detail: impl Into<String>) -> Self {
        let (state, since) = (State::Pending, SystemTime::now());
        let current = Mutex::new(Standing { state, since, last_failure: None });
        Self { name: name.into(), detail: detail.into(), group: Mutex::default(), current }
    }

    /// Says which site or team it belongs to, where one is configured.
    pub fn set_group(&self, group: &str) {
        group.clone_into(&mut self.group.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Its site or team; empty for none.
    pub(crate) fn group(&self) -> String {
        self.group.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The target's name, as in the config.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is polled there, as in `icmp 192.0.2.1`.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The present state.
    pub fn state(&self) -> State {
        self.lock().state
    }

    /// When the present state was entered.
    pub fn since(&self) -> SystemTime {
        self.lock().since
    }

    /// All of it at one moment.
    pub(crate) fn standing(&self) -> Standing {
        *self.lock()
    }

    /// Records a round that succeeded.
    pub fn up(&self) {
        if let Some((before, since)) = self.enter(State::Up) {
            let seconds = since.elapsed().unwrap_or_default().as_secs();
            match before {
                State::Pending => info!(target_name = self.name, "target is up"),
                State::Down(reason) => info!(
                    target_name = self.name,
                    was = reason,
                    down_seconds = seconds,
                    "target is up again"
                ),
                State::Up => {}
            }
        }
    }

    /// Records a round that failed.
    pub fn down(&self, reason: &'static str) {
        if self.enter(State::Down(reason)).is_some() {
            warn!(target_name = self.name, reason, "target is down");
        }
    }

    /// Enters a state; returns the one that was left, if it was another.
    fn enter(&self, state: State) -> Option<(State, SystemTime)> {
        let now = SystemTime::now();
        let before = {
            let mut current = self.lock();
            if current.state == state {
                return None;
            }
            let last_failure = match current.state {
                State::Down(reason) => Some((reason, now)),
                State::Up | State::Pending => current.last_failure,
            };
            std::mem::replace(&mut *current, Standing { state, since: now, last_failure })
        };
        // That a target came up for the first time is no news; at a start all of them do.
        if before.state != State::Pending || state != State::Up {
            changes::record(Change { name: self.name.clone(), state, at: now });
        }
        Some((before.state, before.since))
    }

    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_state_is_the_time_of_the_change() {
        let health = Health::new("a", "");
        health.down("timeout");
        let since = health.since();
        health.down("timeout");
        assert_eq!(health.since(), since);
        assert_eq!(health.state(), State::Down("timeout"));
        health.up();
        assert_eq!(health.state(), State::Up);
    }
}
