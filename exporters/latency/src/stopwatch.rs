//! Times the phases of one probe, also the one in which it was cut off or failed.

use std::time::Duration;

use tokio::time::Instant;

use crate::outcome::{Phase, Phases};

/// The phases so far. One that takes place again, behind a redirect, adds to what it took before.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Stopwatch {
    ended: Phases,
    running: Option<(Phase, Instant)>,
    rtt: Option<Duration>,
}

impl Stopwatch {
    /// Begins a phase; the one that runs ends.
    pub(crate) fn begin(&mut self, phase: Phase) {
        let now = Instant::now();
        self.end_at(now);
        self.running = Some((phase, now));
    }

    /// Ends the running phase.
    pub(crate) fn end(&mut self) {
        self.end_at(Instant::now());
    }

    /// Ends the running phase at a moment that is over.
    pub(crate) fn end_at(&mut self, moment: Instant) {
        if let Some((phase, began)) = self.running.take() {
            self.ended.add(phase, moment.saturating_duration_since(began));
        }
    }

    /// The TCP handshake is over: of the first connection with the target itself it is the round trip.
    pub(crate) fn shook_hands(&mut self) {
        self.shook_hands_at(Instant::now());
    }

    /// The same of a handshake that was over at that moment.
    pub(crate) fn shook_hands_at(&mut self, moment: Instant) {
        let is_first = self.ended.get(Phase::Connect).is_none();
        self.end_at(moment);
        self.rtt = self.rtt.or(self.ended.get(Phase::Connect).filter(|_| is_first));
    }

    /// The phase that runs: of a probe that failed, the one in which it did.
    pub(crate) fn running(&self) -> Option<Phase> {
        self.running.map(|(phase, _)| phase)
    }

    /// The phases of a probe that is decided, and the round trip if it got as far as one. Of a probe that was cut
    /// off by its timeout, the phase in which that happened is kept too; of any other, the phases that ended.
    pub(crate) fn stop(mut self, was_cut_off: bool) -> (Phases, Option<Duration>) {
        if was_cut_off {
            self.end();
        }
        (self.ended, self.rtt)
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
            watch.shook_hands();
            watch.begin(Phase::Ttfb);
            tokio::time::sleep(second).await;
            assert_eq!(watch.running(), Some(Phase::Ttfb));
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

    #[tokio::test(start_paused = true)]
    async fn a_phase_that_takes_place_again_adds_up_and_is_no_round_trip() {
        let second = Duration::from_secs(1);
        for (is_itself, wanted) in [(true, Some(second)), (false, None)] {
            let mut watch = Stopwatch::default();
            for connection in 0..3 {
                watch.begin(Phase::Connect);
                tokio::time::sleep(second).await;
                // The first connection is one with a proxy, say.
                if is_itself || connection > 0 {
                    watch.shook_hands();
                } else {
                    watch.end();
                }
                watch.begin(Phase::Tls);
                tokio::time::sleep(second).await;
            }
            let (phases, rtt) = watch.stop(true);
            assert_eq!(rtt, wanted);
            assert_eq!(phases.get(Phase::Connect), Some(second * 3));
            assert_eq!(phases.get(Phase::Tls), Some(second * 3));
        }
    }
}
