//! What was read in the last half hour, in slots of half a minute. No I/O, no clock.

use super::measure::small;
use super::median::median;
use super::moment::Moment;

/// Seconds of a slot.
pub(super) const SLOT: f64 = 30.0;
/// Slots that are kept: 32 minutes.
pub(super) const SLOTS: usize = 64;

const EMPTY: i16 = i16::MIN;

/// Which slot it is, for all the rings of a machine.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Clock {
    /// When it was first told the time: the start of slot 0.
    pub(super) born: Moment,
    /// The time.
    pub(super) now: Moment,
    /// Nothing before this is used.
    pub(super) cut: Option<Moment>,
    /// The number of the slot that is open.
    open: u64,
    /// Where in the rings the open slot will stand.
    head: usize,
    /// Slots that were closed, at most [`SLOTS`].
    filled: usize,
}

/// The means of one sensor's readings, slot by slot.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ring {
    slots: [i16; SLOTS],
    /// Counts per unit.
    scale: f32,
    /// Of the readings of the open slot. Seven digits are more than a slot has.
    sum: f32,
    readings: u16,
}

impl Clock {
    pub(super) fn new(now: Moment) -> Self {
        Self { born: now, now, cut: None, open: 0, head: 0, filled: 0 }
    }

    /// Goes on to `now`; returns how many slots were closed by that, which the rings must be told.
    pub(super) fn advance(&mut self, now: Moment) -> usize {
        self.now = now;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole and positive"
        )]
        let slot = (now.since(self.born).max(0.0) / SLOT).floor() as u64;
        let closed = usize::try_from(slot.saturating_sub(self.open)).unwrap_or(SLOTS).min(SLOTS);
        self.open = self.open.max(slot);
        self.head = (self.head + closed) % SLOTS;
        self.filled = (self.filled + closed).min(SLOTS);
        closed
    }

    /// Slots that were closed, at most [`SLOTS`].
    pub(super) fn filled(&self) -> usize {
        self.filled
    }

    /// The number of the open slot.
    pub(super) fn slot(&self) -> u64 {
        self.open
    }
}

impl Ring {
    /// For numbers of at most `32767 / scale`.
    pub(super) fn new(scale: f32) -> Self {
        Self { slots: [EMPTY; SLOTS], scale, sum: 0.0, readings: 0 }
    }

    /// Takes a reading into the open slot.
    pub(super) fn push(&mut self, value: f64) {
        self.sum += small(value);
        self.readings = self.readings.saturating_add(1);
    }

    /// Closes so many slots, as the clock said *after* it went on: the readings are in the first of them.
    pub(super) fn close(&mut self, clock: &Clock, closed: usize) {
        let mean = (self.readings > 0).then(|| f64::from(self.sum) / f64::from(self.readings));
        for n in 0..closed {
            let place = (clock.head + SLOTS - closed + n) % SLOTS;
            self.slots[place] = mean.filter(|_| n == 0).map_or(EMPTY, |mean| self.count(mean));
        }
        if closed > 0 {
            (self.sum, self.readings) = (0.0, 0);
        }
    }

    /// The mean of the slot that ended about so many seconds ago, or of its neighbour; `reach` says how
    /// far off a neighbour may be. Nothing before the clock's cut.
    pub(super) fn ago(&self, clock: &Clock, seconds: f64, reach: usize) -> Option<f64> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole and positive"
        )]
        let slot = ((seconds / SLOT).round_ties_even() as usize).max(1);
        let neighbours = [
            Some(slot),
            slot.checked_add(1),
            slot.checked_sub(1),
            slot.checked_add(2),
            slot.checked_sub(2),
        ];
        neighbours.into_iter().take(1 + 2 * reach).flatten().find_map(|slot| self.at(clock, slot))
    }

    /// The median of the last three slots with readings that ended before `then`.
    pub(super) fn before(&self, clock: &Clock, then: Moment) -> Option<f64> {
        let start_of_open = clock.born.seconds() + clock.open as f64 * SLOT;
        let ended_before =
            |slot: &usize| start_of_open - (*slot as f64 - 1.0) * SLOT <= then.seconds();
        let slots = (1..=clock.filled).filter(ended_before);
        median(slots.filter_map(|slot| self.raw(clock, slot)).take(3))
    }

    /// The slot so many back, if it is not cut off.
    fn at(&self, clock: &Clock, slot: usize) -> Option<f64> {
        let is_cut =
            clock.cut.is_some_and(|cut| clock.now.seconds() - slot as f64 * SLOT < cut.seconds());
        if is_cut { None } else { self.raw(clock, slot) }
    }

    fn raw(&self, clock: &Clock, slot: usize) -> Option<f64> {
        if slot < 1 || slot > clock.filled {
            return None;
        }
        let count = self.slots[(clock.head + SLOTS - slot) % SLOTS];
        (count != EMPTY).then(|| f64::from(count) / f64::from(self.scale))
    }

    fn count(&self, value: f64) -> i16 {
        let scaled = (value * f64::from(self.scale)).round();
        #[expect(clippy::cast_possible_truncation, reason = "held within the range before")]
        let count = scaled.clamp(f64::from(EMPTY) + 1.0, f64::from(i16::MAX)) as i16;
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Moment {
        Moment::from_seconds(1_000_000.0 + seconds)
    }

    /// A ring fed each 5 s.
    fn fed(seconds: u32, value: impl Fn(f64) -> f64) -> (Clock, Ring) {
        let (mut clock, mut ring) = (Clock::new(at(0.0)), Ring::new(16.0));
        for second in (0..=seconds).step_by(5) {
            let second = f64::from(second);
            let closed = clock.advance(at(second));
            ring.close(&clock, closed);
            ring.push(value(second));
        }
        (clock, ring)
    }

    #[test]
    fn a_slot_is_found_by_its_age() {
        let (clock, ring) = fed(600, |second| (second / 30.0).floor());
        assert_eq!(clock.filled(), 20);
        assert_eq!(
            [30.0, 60.0, 300.0].map(|ago| ring.ago(&clock, ago, 0)),
            [Some(19.0), Some(18.0), Some(10.0)]
        );
        assert_eq!(ring.ago(&clock, 900.0, 1), None);
    }

    #[test]
    fn what_is_older_than_the_ring_is_gone() {
        let (clock, ring) = fed(6_000, |second| (second / 30.0).floor());
        assert_eq!(ring.ago(&clock, SLOTS as f64 * SLOT, 0), Some(136.0));
        assert_eq!(ring.ago(&clock, SLOTS as f64 * SLOT + 60.0, 0), None);
    }

    #[test]
    fn slots_without_a_reading_are_empty_and_a_neighbour_stands_in() {
        let (mut clock, mut ring) = (Clock::new(at(0.0)), Ring::new(16.0));
        for minute in 0..=10 {
            let closed = clock.advance(at(f64::from(minute) * 60.0));
            ring.close(&clock, closed);
            ring.push(f64::from(minute));
        }
        assert_eq!((ring.ago(&clock, 30.0, 0), ring.ago(&clock, 30.0, 1)), (None, Some(9.0)));
    }

    #[test]
    fn before_a_moment_is_the_median_of_three_slots_that_had_ended() {
        let (clock, ring) = fed(600, |second| if second < 450.0 { 10.0 } else { 90.0 });
        assert_eq!(ring.before(&clock, at(460.0)), Some(10.0));
        assert_eq!(ring.before(&clock, at(600.0)), Some(90.0));
        assert_eq!(ring.before(&clock, at(20.0)), None);
    }

    #[test]
    fn a_long_gap_empties_the_ring() {
        let (mut clock, mut ring) = fed(600, |_| 10.0);
        let closed = clock.advance(at(100_000.0));
        ring.close(&clock, closed);
        assert_eq!(closed, SLOTS);
        assert_eq!(ring.ago(&clock, 30.0, 2), None);
    }
}
