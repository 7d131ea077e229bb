//! Times the phases of one probe, also the one in which it was cut off.

use std::time::Duration;

use tokio::time::Instant;

use crate::outcome::{Phase, Phases};

/// The phases so far.
#[derive(Debug, Default)]
pub(crate) struct Stopwatch {
    ended: Phases,
    running: Option<(Phase, Instant)>,
}

impl Stopwatch {
    /// Begins a phase.
    pub(crate) fn begin(&mut self, phase: Phase) {
        self.running = Some((phase, Instant::now()));
    }

    /// Ends the running phase; returns how long it took.
    pub(crate) fn end(&mut self) -> Duration {
        let Some((phase, began)) = self.running.take() else { return Duration::ZERO };
        let took = began.elapsed();
        self.ended.set(phase, took);
        took
    }

    /// The phases of a probe that is decided, and the round trip if it got as far as one (that of the
    /// TCP handshake). Of a probe that was cut off by its timeout, the phase in which that happened
    /// is kept too; of any other, the phases that ended.
    pub(crate) fn stop(mut self, was_cut_off: bool) -> (Phases, Option<Duration>) {
        let rtt = self.ended.get(Phase::Connect);
        if was_cut_off {
            self.end();
        }
        (self.ended, rtt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_phase_that_was_cut_off_is_kept() {
        let second = Duration::from_secs(1);
        for (cut, expected) in [(true, Some(second)), (false, None)] {
            let mut watch = Stopwatch::default();
            watch.begin(Phase::Connect);
            tokio::time::sleep(second / 10).await;
            assert_eq!(watch.end(), second / 10);
            watch.begin(Phase::Ttfb);
            tokio::time::sleep(second).await;
            let (phases, rtt) = watch.stop(cut);
            assert_eq!(rtt, Some(second / 10));
            assert_eq!(phases.get(Phase::Connect), Some(second / 10));
            assert_eq!(phases.get(Phase::Ttfb), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_handshake_that_was_cut_off_is_no_round_trip() {
        let mut watch = Stopwatch::default();
        watch.begin(Phase::Connect);
        tokio::time::sleep(Duration::from_secs(3)).await;
        let (phases, rtt) = watch.stop(true);
        assert_eq!((phases.get(Phase::Connect), rtt), (Some(Duration::from_secs(3)), None));
    }
}
