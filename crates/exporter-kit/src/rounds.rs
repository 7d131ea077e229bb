//! The beginnings of rounds at an interval: splayed, never overlapping, missed ones skipped and counted.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::counts::Counter;
use crate::page::{Collector, Page};
use crate::registry::Registry;

/// The first round of a slow target is not put off for longer than this.
const LONGEST_SPLAY: Duration = Duration::from_secs(5);

/// Runs rounds at an interval, and counts those that had to be left out.
#[derive(Clone, Debug, Default)]
pub struct Rounds {
    missed: Arc<Counter>,
}

impl Rounds {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register_process(self.clone());
    }

    /// The beginnings of rounds every `period`, for a task that loops over [`Every::next`]. The first
    /// is put off by a share of the period (at most five seconds) that depends on `key` alone, so
    /// that targets which started together do not burst together.
    pub fn every(&self, period: Duration, key: &str) -> Every {
        let period = period.max(Duration::from_millis(1));
        Every {
            start: Instant::now() + splay(period, key),
            period,
            tick: None,
            missed: Arc::clone(&self.missed),
        }
    }
}

impl Collector for Rounds {
    fn collect(&self, page: &mut Page<'_>) {
        page.counter(
            "turbulence_rounds_missed_total",
            "Rounds left out because the one before had not ended in time.",
            [((), &*self.missed)],
        );
    }
}

/// The beginnings of one task's rounds.
#[derive(Debug)]
pub struct Every {
    start: Instant,
    period: Duration,
    /// The tick that last began; none before the first.
    tick: Option<u64>,
    missed: Arc<Counter>,
}

impl Every {
    /// Waits until the next round is due. Rounds never overlap, since the caller is one task: a
    /// round that takes longer than the period costs the rounds that it ran into, which are counted.
    pub async fn next(&mut self) {
        sleep_until(self.due()).await;
    }

    /// When the next round is due, for who waits for many of them: to be asked for each once, when the one before has
    /// begun. Rounds that are past are left out and counted, as by [`Every::next`].
    pub fn due(&mut self) -> Instant {
        let tick = match self.tick {
            None => 0,
            Some(last) => {
                let next = next_tick(self.start.elapsed(), self.period);
                self.missed.inc_by(next.saturating_sub(last + 1));
                next
            }
        };
        self.tick = Some(tick);
        self.start + multiple(self.period, tick)
    }
}

/// The tick that comes after `elapsed` time since tick 0.
fn next_tick(elapsed: Duration, period: Duration) -> u64 {
    u64::try_from(elapsed.as_nanos() / period.as_nanos() + 1).unwrap_or(u64::MAX)
}

fn multiple(period: Duration, tick: u64) -> Duration {
    let nanos = period.as_nanos() * u128::from(tick);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// The same share of the period for the same key in every run, so that a restart moves nothing.
fn splay(period: Duration, key: &str) -> Duration {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    let share = f64::from(u32::try_from(hasher.finish() >> 32).unwrap_or(0)) / f64::from(u32::MAX);
    period.min(LONGEST_SPLAY).mul_f64(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn run(period: u64, works: &[u64], until: u64) -> (Vec<u64>, u64) {
        let rounds = Rounds::default();
        let began = Instant::now();
        let mut every = rounds.every(Duration::from_secs(period), "key");
        let mut starts: Vec<u64> = Vec::new();
        let looping = async {
            loop {
                every.next().await;
                let work = works.get(starts.len()).copied().unwrap_or(0);
                starts.push(began.elapsed().as_secs());
                tokio::time::sleep(Duration::from_secs(work)).await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(until), looping).await;
        let first = starts[0];
        (starts.into_iter().map(|start| start - first).collect(), rounds.missed.get())
    }

    #[tokio::test(start_paused = true)]
    async fn rounds_keep_to_the_grid() {
        assert_eq!(run(10, &[1, 9, 0], 45).await, (vec![0, 10, 20, 30, 40], 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_round_costs_the_rounds_it_ran_into() {
        assert_eq!(run(10, &[25], 55).await, (vec![0, 30, 40, 50], 2));
    }

    #[test]
    fn the_splay_depends_on_the_key_alone_and_is_bounded() {
        let hour = Duration::from_secs(3600);
        assert_eq!(splay(hour, "a"), splay(hour, "a"));
        assert_ne!(splay(hour, "a"), splay(hour, "b"));
        assert!(splay(hour, "a") <= LONGEST_SPLAY);
        assert!(splay(Duration::from_secs(1), "a") <= Duration::from_secs(1));
    }
}
