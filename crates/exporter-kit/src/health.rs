//! A target's state, logged when it changes and shown on the landing page.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

use tracing::{info, warn};

use crate::changes::{self, Change};
use crate::state::State;

/// What the exporter calls the group that a name is unique within.
static GROUP: OnceLock<&'static str> = OnceLock::new();

/// Says what a group is called in the log.
pub(crate) fn call_groups(name: &'static str) {
    // Called once.
    let _ = GROUP.set(name);
}

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
            let (what, [site, team, group]) = (&*self.detail, self.whose());
            match before {
                State::Pending => {
                    info!(target_name = self.name, site, team, group, what, "target is up");
                }
                State::Down(reason) => info!(
                    target_name = self.name,
                    site,
                    team,
                    group,
                    what,
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
            let (what, [site, team, group]) = (&*self.detail, self.whose());
            warn!(target_name = self.name, site, team, group, what, reason, "target is down");
        }
    }

    /// Its group, in the field of its name.
    fn whose(&self) -> [Option<String>; 3] {
        whose(GROUP.get().copied().unwrap_or_default(), self.group())
    }

    /// Enters a state; returns the one that was left, if it was another.
    fn enter(&self, state: State) -> Option<(State, SystemTime)> {
        let (before, now) = {
            let mut current = self.lock();
            // Most rounds find what the one before found, and need no clock.
            if current.state == state {
                return None;
            }
            let now = SystemTime::now();
            let last_failure = match current.state {
                State::Down(reason) => Some((reason, now)),
                State::Up | State::Pending => current.last_failure,
            };
            let entered = Standing { state, since: now, last_failure };
            (std::mem::replace(&mut *current, entered), now)
        };
        // That a target came up for the first time is no news; at a start all of them do.
        if before.state != State::Pending || state != State::Up {
            let (name, group) = (self.name.clone(), self.group());
            changes::record(Change { name, group, detail: self.detail.clone(), state, at: now });
        }
        Some((before.state, before.since))
    }

    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A group as a site, a team, or where groups are called otherwise as that: the fields of a line of the log are known
/// beforehand.
fn whose(called: &str, group: String) -> [Option<String>; 3] {
    let group = Some(group).filter(|group| !group.is_empty());
    match called {
        "site" => [group, None, None],
        "team" => [None, group, None],
        _ => [None, None, group],
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use super::*;

    /// What was logged.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_says_which_of_two_targets_of_one_name_it_is() {
        call_groups("site");
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone());
        let subscriber = subscriber.with_ansi(false).without_time().finish();
        tracing::subscriber::with_default(subscriber, || {
            let health = Health::new("web-1", "icmp 192.0.2.1");
            health.set_group("hq");
            health.down("timeout");
            health.up();
            let health = Health::new("web-2", "");
            health.up();
        });
        let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<_> = log.lines().collect();
        for line in &lines[..2] {
            for part in ["\"web-1\"", "site=\"hq\"", "what=\"icmp 192.0.2.1\""] {
                assert!(line.contains(part) && !line.contains("team="), "{part}: {log}");
            }
        }
        assert!(!lines[2].contains("site="), "{log}");
    }

    #[test]
    fn a_group_is_told_whatever_it_is_called() {
        let is_told = |called: &str| {
            assert_eq!(whose(called, String::new()), [None, None, None]);
            whose(called, "a".to_owned()).map(|it| it.is_some())
        };
        assert_eq!(is_told("site"), [true, false, false]);
        assert_eq!(is_told("team"), [false, true, false]);
        for other in ["group", "", "rack"] {
            assert_eq!(is_told(other), [false, false, true], "{other}");
        }
    }

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
