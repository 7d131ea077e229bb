//! The clock that a target's times are told by.

use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use super::lock;
use crate::verdict::Moment;

/// The time: the machine's, or one that is set by hand.
#[derive(Debug)]
pub(crate) enum Clock {
    /// Counted from one moment by the clock that never jumps.
    Running {
        /// That moment by the monotonic clock.
        instant: Instant,
        /// And by the wall clock.
        time: SystemTime,
    },
    /// As it was set.
    Set(Mutex<Moment>),
}

impl Default for Clock {
    fn default() -> Self {
        Self::Running { instant: Instant::now(), time: SystemTime::now() }
    }
}

impl Clock {
    /// One that goes on telling the same times.
    pub(super) fn go_on(&self) -> Self {
        match self {
            Self::Running { instant, time } => Self::Running { instant: *instant, time: *time },
            Self::Set(moment) => Self::Set(Mutex::new(*lock(moment))),
        }
    }

    /// Now.
    pub(crate) fn now(&self) -> Moment {
        self.moment(Instant::now())
    }

    /// The moment of an instant; of any, the moment that was set.
    pub(crate) fn moment(&self, at: Instant) -> Moment {
        match self {
            Self::Running { instant, time } => {
                let began = time.duration_since(UNIX_EPOCH).unwrap_or_default();
                let since = at.saturating_duration_since(*instant);
                Moment::from_seconds((began + since).as_secs_f64())
            }
            Self::Set(moment) => *lock(moment),
        }
    }

    /// The wall clock's reading.
    pub(crate) fn wall(&self) -> SystemTime {
        match self {
            Self::Running { .. } => SystemTime::now(),
            Self::Set(moment) => UNIX_EPOCH + Duration::from_secs_f64(lock(moment).seconds()),
        }
    }

    /// Sets a clock that is set by hand.
    pub(crate) fn set(&self, now: Moment) {
        if let Self::Set(moment) = self {
            *lock(moment) = now;
        }
    }
}
