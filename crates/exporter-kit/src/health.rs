//! A target's state, logged when it changes and shown on the landing page.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tracing::{info, warn};

/// Whether a target can be read at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its first round has not ended yet.
    Pending,
    /// The last round succeeded.
    Up,
    /// The last round failed, for a reason out of the exporter's closed set.
    Down(&'static str),
}

/// The health of one target. Shared by the task that polls it and the pages that show it.
#[derive(Debug)]
pub struct Health {
    name: String,
    detail: String,
    current: Mutex<(State, SystemTime)>,
}

impl Health {
    /// A target called `name`, pending; `detail` says in a few words what is polled there.
    pub fn new(name: impl Into<String>, detail: impl Into<String>) -> Self {
        let current = Mutex::new((State::Pending, SystemTime::now()));
        Self { name: name.into(), detail: detail.into(), current }
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
        self.lock().0
    }

    /// When the present state was entered.
    pub fn since(&self) -> SystemTime {
        self.lock().1
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
        let mut current = self.lock();
        if current.0 == state {
            return None;
        }
        Some(std::mem::replace(&mut current, (state, SystemTime::now())))
    }

    fn lock(&self) -> MutexGuard<'_, (State, SystemTime)> {
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
