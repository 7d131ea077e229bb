//! A temperature that was critical when it was first seen: whether it has risen since. No I/O, no clock.
//!
//! A sensor that is broken may wobble by more degrees than a fire brings in minutes, so what counts is not
//! how far a reading is above another, but that it stays above all there were.

use super::measure::{Short, small};
use super::moment::Moment;

/// So many degrees above all earlier readings it has risen.
const RISE: f64 = 3.0;
/// Less than so many, it is back.
const BACK: f64 = 1.0;
/// It rises and is back once that has lasted for so many seconds.
const LASTS: f64 = 55.0;
/// Earlier are readings that are older than one of these at least, seconds: a quick rise shows by the
/// first, a slow one by the second.
const SPANS: [f64; 2] = [300.0, 1800.0];

/// One that was critical at the very first reading, and was not normal for long since.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Stuck {
    earlier: [Earlier; SPANS.len()],
    /// The highest reading from before it rose, while it stays above that.
    risen: Option<f32>,
    /// It seems to be back since.
    back: Option<Moment>,
}

/// The highest of the readings in spans one behind the other.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Earlier {
    began: Option<Moment>,
    in_this: Short,
    in_the_last: Short,
    before: Short,
    /// Above all that was before the last span, since then.
    above: Option<Moment>,
}

impl Stuck {
    /// One of the last process, which never read more than `highest` before it has `risen`, if it has.
    pub(super) fn kept(highest: Option<f32>, risen: Option<f32>) -> Self {
        let before = Short::from(risen.or(highest).map(f64::from));
        let earlier = [Earlier { before, ..Earlier::default() }; SPANS.len()];
        Self { earlier, risen, back: None }
    }

    /// The highest reading from before it rose, if it has risen.
    pub(super) fn risen(&self) -> Option<f32> {
        self.risen
    }

    /// Whether it has not risen.
    pub(super) fn holds(&self) -> bool {
        self.risen.is_none()
    }

    /// Takes a reading that is believed.
    pub(super) fn read(&mut self, now: Moment, value: f64) {
        let rises = self.earlier.iter_mut().zip(SPANS);
        let rises = rises.filter_map(|(it, span)| it.read(now, value, span)).reduce(f64::min);
        let Some(highest) = self.risen else {
            self.risen = rises.map(small);
            return;
        };
        if value >= f64::from(highest) + BACK {
            self.back = None;
        } else if now.since(*self.back.get_or_insert(now)) >= LASTS {
            (self.risen, self.back) = (None, None);
        }
    }
}

impl Earlier {
    /// The highest of the earlier readings, if this one and those just before it are above it.
    fn read(&mut self, now: Moment, value: f64, span: f64) -> Option<f64> {
        if now.since(*self.began.get_or_insert(now)) >= span {
            self.before = higher(self.before, self.in_the_last);
            (self.in_the_last, self.in_this) = (self.in_this, Short::default());
            self.began = Some(now);
        }
        self.in_this = higher(self.in_this, Some(value).into());
        let before = self.before.get().filter(|before| value >= before + RISE);
        let Some(before) = before else {
            self.above = None;
            return None;
        };
        (now.since(*self.above.get_or_insert(now)) >= LASTS).then_some(before)
    }
}

fn higher(one: Short, other: Short) -> Short {
    match (one.get(), other.get()) {
        (Some(one), Some(other)) => Some(one.max(other)).into(),
        (Some(_), None) => one,
        (None, _) => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The seconds at which it begins to hold for risen and stops to, polled each five seconds.
    fn changes(stuck: &mut Stuck, minutes: u32, reads: impl Fn(f64) -> f64) -> Vec<f64> {
        let mut changes = Vec::new();
        for second in (0..minutes * 60).step_by(5).map(f64::from) {
            let before = stuck.holds();
            stuck.read(Moment::from_seconds(1e9 + second), reads(second));
            if stuck.holds() != before {
                changes.push(second);
            }
        }
        changes
    }

    #[test]
    fn one_that_wobbles_has_not_risen_and_one_that_rises_has() {
        let of = |reads: fn(f64) -> f64| changes(&mut Stuck::default(), 300, reads);
        let none: [f64; 0] = [];
        assert_eq!(of(|_| 90.0), none);
        // Each minute; in a saw's teeth of seven minutes; and as readings that know nothing of each other.
        assert_eq!(of(|second| if second % 120.0 < 60.0 { 88.0 } else { 92.0 }), none);
        assert_eq!(of(|second| 88.0 + (second % 420.0 / 60.0).floor()), none);
        assert_eq!(of(|second| 80.0 + (second * 7.3).sin().abs() * 20.0), none);
        // A degree an hour is a season.
        assert_eq!(of(|second| 88.0 + second / 3_600.0), none);
        let quick = of(|second| 47.0 + (second / 60.0).min(20.0));
        assert!(quick.len() == 1 && quick[0] < 720.0, "{quick:?}");
        let slow = of(|second| 47.0 + (second / 600.0).min(20.0));
        assert!(slow.len() == 1 && slow[0] < 5_400.0, "{slow:?}");
    }

    #[test]
    fn one_that_is_back_has_not_risen_and_does_not_rise_so_far_again() {
        let slowly = |second: f64| if second % 2_400.0 < 1_200.0 { 88.0 } else { 93.0 };
        let changes = changes(&mut Stuck::default(), 300, slowly);
        assert_eq!(changes, [1_255.0, 2_455.0]);
    }

    #[test]
    fn one_that_was_kept_rises_above_what_it_was_before() {
        let mut stuck = Stuck::kept(Some(92.0), None);
        assert_eq!(changes(&mut stuck, 30, |_| 92.0).len(), 0);
        assert_eq!(changes(&mut Stuck::kept(Some(92.0), None), 30, |_| 95.0), [55.0]);
    }
}
