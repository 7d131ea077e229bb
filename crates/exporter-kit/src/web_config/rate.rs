//! How many requests are answered: a bucket of tokens, as exporter-toolkit has it. No I/O, no clock.

use std::time::Duration;

use serde::Deserialize;

use crate::config::{self, Located, Problems};

/// The section `rate_limit`, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RateLimit {
    /// A token comes back in this time; zero for no limit.
    interval: Option<Located<Interval>>,
    /// Tokens that there are at most.
    burst: Option<Located<u32>>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Interval(Duration);

impl TryFrom<String> for Interval {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        match text.as_str() {
            "0" | "0s" => Ok(Self(Duration::ZERO)),
            text => config::Duration::parse(text).map(|interval| Self(interval.get())),
        }
    }
}

/// The bucket. Times are since whenever its owner likes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bucket {
    interval: Duration,
    burst: u32,
    /// When it is full again.
    full: Duration,
}

impl Bucket {
    /// The full bucket of that section, if it limits anything; adds to `problems` what it may not say.
    pub(super) fn of(section: &Located<RateLimit>, problems: &mut Problems) -> Option<Self> {
        let RateLimit { interval, burst } = &section.value;
        let interval = interval.as_ref().map_or(Duration::ZERO, |it| it.value.0);
        let burst_is = burst.as_ref().map_or(0, |it| it.value);
        if interval.is_zero() {
            return None;
        }
        if burst_is == 0 {
            let place = burst.as_ref().map_or(section.place, |it| it.place);
            let what = "rate_limit.burst: must be 1 or more where an interval is set: nobody is answered else";
            problems.add(place, what);
        }
        Some(Self { interval, burst: burst_is, full: Duration::ZERO })
    }

    /// Whether there is a token, which is then taken.
    pub(super) fn take(&mut self, now: Duration) -> bool {
        let full = self.full.max(now).saturating_add(self.interval);
        let holds = self.interval.saturating_mul(self.burst);
        let is_there = full.saturating_sub(now) <= holds;
        if is_there {
            self.full = full;
        }
        is_there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_answered_and_then_one_each_interval() {
        let interval = Duration::from_secs(2);
        let mut bucket = Bucket { interval, burst: 3, full: Duration::ZERO };
        let taken = |bucket: &mut Bucket, second| {
            (0..10).filter(|_| bucket.take(Duration::from_secs(second))).count()
        };
        assert_eq!(taken(&mut bucket, 100), 3);
        assert_eq!(taken(&mut bucket, 101), 0);
        assert_eq!(taken(&mut bucket, 102), 1);
        assert_eq!(taken(&mut bucket, 106), 2);
        assert_eq!(taken(&mut bucket, 1_000), 3, "no more than it holds");
        let mut longest = Bucket { interval: Duration::MAX, burst: u32::MAX, full: Duration::ZERO };
        assert!(longest.take(Duration::MAX));
    }
}
