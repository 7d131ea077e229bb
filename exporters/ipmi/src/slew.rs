//! How fast a temperature rose, and how fast its part can rise. No I/O, no clock.
//!
//! A BMC's sensor has counts of a degree or so, and is read every few seconds. What tells a phantom
//! from a fire is not the height of a temperature but its slope: a 3.5" disk that takes 10 W cannot
//! rise faster than 0.017 degrees per second (585 J/K), and a step of 34 degrees between two polls
//! 5 s apart would need 4 kW in it.

use std::collections::VecDeque;
use std::time::Duration;

use crate::entity::Entity;

/// For how long a reading counts: several scrapes long, so that no scrape interval misses a jump.
pub(crate) const WINDOW: Duration = Duration::from_secs(60);

/// A smaller rise is not taken for one: counts of 1 degree are exact to about +-1.
const LEAST_RISE: f64 = 3.0;

/// The readings of one temperature in the last [`WINDOW`].
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Window {
    /// In the order of their times.
    samples: VecDeque<Sample>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Sample {
    /// When it was asked for, since any fixed moment.
    asked: Duration,
    /// Degrees Celsius.
    value: f64,
    /// The steepest rise that ends here, degrees Celsius per second; 0 if none does.
    rise: f64,
}

/// What the last [`WINDOW`] shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Slew {
    /// The lowest reading, degrees Celsius.
    pub(crate) min: f64,
    /// The highest reading, degrees Celsius.
    pub(crate) max: f64,
    /// The steepest rise of at least 3 degrees between any two readings, in degrees Celsius per
    /// second of the true time between them; 0 when there was none.
    pub(crate) rise: f64,
}

impl Window {
    /// Adds a reading that was `asked` for and `answered` at these times since any fixed moment, and
    /// returns what the window shows.
    ///
    /// When within that span the value was measured, nobody says. So a rise counts over the longest
    /// time that it may have taken, and a slow answer never makes a rise steeper than it was.
    pub(crate) fn push(&mut self, asked: Duration, answered: Duration, value: f64) -> Slew {
        self.forget_before(asked.saturating_sub(WINDOW));
        let rise =
            self.samples.iter().filter_map(|from| rise(*from, answered, value)).fold(0.0, f64::max);
        // Grown by one, not doubled: ten thousand machines have seventy thousand of these windows.
        self.samples.reserve_exact(1);
        self.samples.push_back(Sample { asked, value, rise });
        let values = || self.samples.iter().map(|sample| sample.value);
        Slew {
            min: values().fold(f64::INFINITY, f64::min),
            max: values().fold(f64::NEG_INFINITY, f64::max),
            rise: self.samples.iter().map(|sample| sample.rise).fold(0.0, f64::max),
        }
    }

    /// Whether no reading of it counts any more at `now`.
    pub(crate) fn is_over(&self, now: Duration) -> bool {
        self.samples.back().is_none_or(|last| last.asked < now.saturating_sub(WINDOW))
    }

    fn forget_before(&mut self, start: Duration) {
        while self.samples.front().is_some_and(|oldest| oldest.asked < start) {
            self.samples.pop_front();
        }
    }
}

fn rise(from: Sample, answered: Duration, value: f64) -> Option<f64> {
    let seconds = answered.saturating_sub(from.asked).as_secs_f64();
    let degrees = value - from.value;
    (degrees >= LEAST_RISE && seconds > 0.0).then(|| degrees / seconds)
}

/// The fastest that a part of this class can rise, in degrees Celsius per second, with room to
/// spare; `None` where a fast rise proves nothing. Judged from heat capacities and powers: a disk's
/// true ceiling is 0.03, a DIMM's 0.2, a SATA SSD's 0.09 (its die 1), an M.2 drive's 1 to 3, a
/// voltage regulator's 0.5 to 3. A CPU rises 20 to 40 degrees in less than a second.
pub(crate) fn limit(entity: Entity, name: &str) -> Option<f64> {
    let name = name.to_ascii_uppercase();
    let has = |part: &str| name.contains(part);
    match entity {
        Entity::Disk if has("NVME") || has("M.2") => Some(5.0),
        Entity::Disk if has("SSD") => Some(2.0),
        Entity::Disk | Entity::Inlet => Some(0.5),
        Entity::Board if has("VR") => Some(5.0),
        Entity::Memory | Entity::Exhaust | Entity::Board => Some(1.0),
        Entity::Psu => Some(5.0),
        Entity::Cpu | Entity::Fan | Entity::Other => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In hundredths of a degree per second.
    fn rise(readings: &[(u64, f64)]) -> i64 {
        format!("{:.0}", last(readings).rise * 100.0).parse().unwrap()
    }

    fn last(readings: &[(u64, f64)]) -> Slew {
        let mut window = Window::default();
        let at = |seconds| Duration::from_secs(1000 + seconds);
        readings
            .iter()
            .map(|(seconds, value)| window.push(at(*seconds), at(*seconds), *value))
            .last()
            .unwrap()
    }

    #[test]
    fn a_step_between_two_polls_counts_over_the_time_between_them() {
        assert_eq!(
            last(&[(0, 24.0), (5, 24.0), (10, 58.0)]),
            Slew { min: 24.0, max: 58.0, rise: 6.8 }
        );
        assert_eq!(rise(&[(0, 24.0), (20, 58.0)]), 170);
    }

    #[test]
    fn a_step_stays_in_sight_for_the_window_and_then_leaves_it() {
        assert_eq!(rise(&[(0, 24.0), (5, 58.0), (65, 58.0)]), 680);
        assert_eq!(
            last(&[(0, 24.0), (5, 58.0), (66, 58.0)]),
            Slew { min: 58.0, max: 58.0, rise: 0.0 }
        );
    }

    #[test]
    fn less_than_three_degrees_is_no_rise_however_fast() {
        assert_eq!(rise(&[(0, 24.0), (1, 26.9)]), 0);
        assert_eq!(rise(&[(0, 24.0), (1, 27.0)]), 300);
    }

    #[test]
    fn a_slow_climb_is_measured_over_the_three_degrees_that_it_takes() {
        let climb: Vec<_> = (0..=12).map(|n| (n * 5, 24.0 + n as f64)).collect();
        assert!((last(&climb).rise - 0.2).abs() < 1e-9);
    }

    #[test]
    fn a_fall_is_no_rise() {
        assert_eq!(last(&[(0, 58.0), (5, 24.0)]), Slew { min: 24.0, max: 58.0, rise: 0.0 });
    }

    #[test]
    fn a_gap_longer_than_the_window_hides_what_happened_in_it() {
        assert_eq!(rise(&[(0, 24.0), (600, 58.0)]), 0);
    }

    #[test]
    fn two_readings_at_one_moment_are_no_rise() {
        assert_eq!(rise(&[(0, 24.0), (0, 58.0)]), 0);
    }

    #[test]
    fn a_slow_answer_makes_no_rise_steeper() {
        let mut window = Window::default();
        let at = Duration::from_secs;
        window.push(at(0), at(12), 24.0);
        // At once this time: measured 1 to 16 s after the first.
        let slew = window.push(at(15), at(16), 40.0);
        assert!((slew.rise - 1.0).abs() < 1e-9, "{slew:?}");
    }

    #[test]
    fn a_window_is_over_when_its_last_reading_is() {
        let mut window = Window::default();
        assert!(window.is_over(Duration::ZERO));
        window.push(Duration::ZERO, Duration::from_secs(1), 24.0);
        assert!(!window.is_over(WINDOW) && window.is_over(WINDOW + Duration::from_secs(1)));
    }

    #[test]
    fn a_cpu_has_no_limit_and_a_disk_a_low_one() {
        assert_eq!(limit(Entity::Cpu, "02-CPU"), None);
        assert_eq!(limit(Entity::Disk, "05-HD Max"), Some(0.5));
        assert_eq!(limit(Entity::Disk, "NVMe Zone"), Some(5.0));
    }
}
