//! Serials of a zone: which is newer (RFC 1982), how far they are apart, and for how long a server is
//! behind. No I/O, no clock.

use serde::{Deserialize, Serialize};

use super::signature;

/// Serials that are remembered.
const MOST: usize = 256;

/// Whether one serial is newer than another. Half of the circle apart, none is (RFC 1982 §3.2): such a one counts
/// as newer, so that whoever is asked for it is never taken to have it.
pub(crate) fn is_newer(one: u32, other: u32) -> bool {
    one != other && one.wrapping_sub(other) <= 1 << 31
}

/// How far two serials are apart, by the shorter way.
fn distance(one: u32, other: u32) -> u32 {
    one.wrapping_sub(other).min(other.wrapping_sub(one))
}

/// The longest way between two of these serials.
pub(crate) fn spread(serials: &[u32]) -> Option<u32> {
    let pairs = serials.iter().flat_map(|one| serials.iter().map(|other| distance(*one, *other)));
    pairs.max()
}

/// The newest of these serials.
pub(crate) fn newest(serials: &[u32]) -> Option<u32> {
    serials.iter().copied().reduce(|one, other| if is_newer(other, one) { other } else { one })
}

/// The serials that a zone has had, each with the second in which it was first seen anywhere.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct History(Vec<(u32, u64)>);

impl History {
    /// Notes the serials of a round. `is_whole` says that every server told its serial: if none has the
    /// newest one any more, the zone has begun anew.
    pub(crate) fn note(&mut self, serials: &[u32], is_whole: bool, now: u64) {
        let Some(newest) = newest(serials) else { return };
        match self.0.last() {
            Some((last, _)) if *last == newest => return,
            Some((last, _)) if !is_newer(newest, *last) => {
                if !is_whole || serials.contains(last) {
                    return;
                }
                self.0.clear();
            }
            _ => {}
        }
        self.0.push((newest, now));
        if self.0.len() > MOST {
            // Every other one: how long a server is behind is known a little less well.
            let mut keep = false;
            self.0.retain(|_| {
                keep = !keep;
                keep
            });
        }
    }

    /// The last serial.
    pub(crate) fn last(&self) -> Option<u32> {
        self.0.last().map(|(serial, _)| *serial)
    }

    /// Whether a server with this serial may have been behind for longer than is known: since before anything was seen.
    pub(crate) fn is_open(&self, serial: u32) -> bool {
        self.0.first().is_some_and(|(oldest, _)| is_newer(*oldest, serial))
    }

    /// Whether all of it can have been seen when it says.
    pub(crate) fn is_possible(&self) -> bool {
        self.0.iter().all(|(_, since)| signature::is_possible(*since))
    }

    /// Dates it anew, by so many seconds.
    pub(crate) fn step(&mut self, step: i64) {
        self.0.iter_mut().for_each(|(_, since)| *since = since.saturating_add_signed(step));
    }

    /// Lets nothing have been seen later than now: the clock may have been set back.
    pub(crate) fn end_by(&mut self, now: u64) {
        self.0.iter_mut().for_each(|(_, since)| *since = now.min(*since));
    }

    /// For how many seconds there has been a newer serial than this one.
    pub(crate) fn lag(&self, serial: u32, now: u64) -> Option<u64> {
        let first = self.0.iter().find(|(known, _)| is_newer(*known, serial));
        first.map(|(_, since)| now.saturating_sub(*since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: u32 = 1 << 31;

    #[test]
    fn serials_are_compared_on_a_circle() {
        for (newer, older) in
            [(1, 0), (0, u32::MAX), (HALF - 1, 0), (5, u32::MAX - 5), (44, 0), (HALF + 99, 100)]
        {
            assert!(is_newer(newer, older) && !is_newer(older, newer), "{newer} {older}");
        }
        assert!(!is_newer(7, 7));
        assert!(is_newer(HALF, 0) && is_newer(0, HALF), "neither has the other");
        assert_eq!(spread(&[1, u32::MAX, 3]), Some(4));
        assert_eq!(spread(&[0, HALF]), Some(HALF));
        assert_eq!((spread(&[9]), spread(&[])), (Some(0), None));
        assert_eq!(newest(&[u32::MAX, 2, 1]), Some(2));
    }

    #[test]
    fn a_server_is_behind_since_the_first_newer_serial_was_seen() {
        let mut history = History::default();
        // The zone changes each minute, and one server is always two changes late.
        for minute in 0..600_u32 {
            let (serial, now) = (u32::MAX - 100, u64::from(minute) * 60);
            let serial = serial.wrapping_add(minute);
            history.note(&[serial, serial.wrapping_sub(2)], true, now);
            if minute > 2 && minute < 200 {
                assert_eq!(history.lag(serial.wrapping_sub(2), now), Some(60), "{minute}");
            }
            assert_eq!(history.lag(serial, now), None);
            assert!(history.0.len() <= MOST);
        }
        // One that stands still is later each minute.
        assert!(history.lag(u32::MAX - 90, 36_000).unwrap() > 35_000);
    }

    #[test]
    fn a_zone_that_begins_anew_does_so_when_nobody_has_the_former_serial() {
        let mut history = History::default();
        history.note(&[2_026_112_801, 2_026_112_801], true, 0);
        history.note(&[7, 2_026_112_801], true, 60);
        assert_eq!(
            history.lag(7, 120),
            Some(120),
            "the primary went back, and no secondary follows"
        );
        history.note(&[7], false, 180);
        assert_eq!(history.lag(7, 180), Some(180), "not all have told");
        history.note(&[7, 7], true, 240);
        assert_eq!(history.lag(7, 300), None);
    }
}
