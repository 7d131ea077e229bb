//! Who is due next, of many that are due again and again. No I/O, no clock.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

/// So many dates of who has left are kept beside those of who is there.
const MOST_LEFT: usize = 64;

/// Everybody who is there, and when each is due, by any clock. Whoever was due has no date until it is given the next.
#[derive(Debug)]
pub(crate) struct Calendar<At, T> {
    dates: BinaryHeap<Reverse<(At, Slot)>>,
    /// Who has each place, or had it last; each has a number of its own.
    places: Vec<(u32, Option<T>)>,
    free: BTreeSet<u32>,
    /// The number of the next.
    turns: u32,
}

/// Somebody's place. It is no other's, also when the place is given to another.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Slot {
    place: u32,
    turn: u32,
}

impl<At: Ord, T> Default for Calendar<At, T> {
    fn default() -> Self {
        Self { dates: BinaryHeap::new(), places: Vec::new(), free: BTreeSet::new(), turns: 0 }
    }
}

impl<At: Copy + Ord, T> Calendar<At, T> {
    /// Takes in somebody who is due then.
    pub(crate) fn add(&mut self, at: At, who: T) -> Slot {
        let place = self.free.pop_first().unwrap_or_else(|| {
            self.places.push((0, None));
            u32::try_from(self.places.len() - 1).expect("nobody has four billion targets")
        });
        let slot = Slot { place, turn: self.turns };
        self.turns = self.turns.wrapping_add(1);
        self.places[place as usize] = (slot.turn, Some(who));
        self.dates.push(Reverse((at, slot)));
        slot
    }

    /// Lets somebody go.
    pub(crate) fn remove(&mut self, slot: Slot) -> Option<T> {
        let (turn, there) = self.places.get_mut(slot.place as usize)?;
        let gone = if *turn == slot.turn { there.take() } else { None }?;
        self.free.insert(slot.place);
        self.give_back();
        Some(gone)
    }

    /// Forgets the dates of who has left, and keeps no more room than those who are there need.
    fn give_back(&mut self) {
        let Self { dates, places, free, .. } = self;
        while free.last().is_some_and(|last| *last as usize + 1 == places.len()) {
            free.pop_last();
            places.pop();
        }
        if places.capacity() > 4 * places.len() + MOST_LEFT {
            places.shrink_to(2 * places.len());
        }
        let there = places.len() - free.len();
        if dates.len() > 2 * there + MOST_LEFT {
            dates.retain(|Reverse((_, slot))| {
                let known = places.get(slot.place as usize);
                known.is_some_and(|(turn, there)| *turn == slot.turn && there.is_some())
            });
            dates.shrink_to(2 * there + MOST_LEFT);
        }
    }

    /// Somebody who is there.
    pub(crate) fn get_mut(&mut self, slot: Slot) -> Option<&mut T> {
        let (turn, there) = self.places.get_mut(slot.place as usize)?;
        there.as_mut().filter(|_| *turn == slot.turn)
    }

    /// Somebody who is due now: the first of them.
    pub(crate) fn due(&mut self, now: At) -> Option<Slot> {
        while let Some(Reverse((at, slot))) = self.dates.peek().copied() {
            let is_there = self.get_mut(slot).is_some();
            if is_there && at > now {
                return None;
            }
            self.dates.pop();
            if is_there {
                return Some(slot);
            }
        }
        None
    }

    /// Somebody who was due is due again then.
    pub(crate) fn put_off(&mut self, slot: Slot, at: At) {
        self.dates.push(Reverse((at, slot)));
    }

    /// When the next is due.
    pub(crate) fn next(&self) -> Option<At> {
        self.dates.peek().map(|Reverse((at, _))| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_due_comes_in_order_and_once() {
        let mut calendar = Calendar::default();
        let [c, a, b] = [(3, "c"), (1, "a"), (2, "b")].map(|(at, who)| calendar.add(at, who));
        assert_eq!((calendar.due(0), calendar.next()), (None, Some(1)));
        assert_eq!((calendar.due(2), calendar.due(2), calendar.due(2)), (Some(a), Some(b), None));
        calendar.put_off(a, 5);
        assert_eq!((calendar.due(9), calendar.due(9), calendar.due(9)), (Some(c), Some(a), None));
        assert_eq!(calendar.next(), None, "they are under way");
        assert_eq!(calendar.get_mut(b), Some(&mut "b"));
    }

    #[test]
    fn a_place_that_is_given_to_another_is_not_that_of_who_had_it() {
        let (mut calendar, now) = (Calendar::default(), 0);
        let first = calendar.add(now, "first");
        assert_eq!(calendar.remove(first), Some("first"));
        let second = calendar.add(now, "second");
        assert_eq!((calendar.get_mut(first).copied(), calendar.remove(first)), (None, None));
        assert_eq!(
            (calendar.due(now), calendar.due(now)),
            (Some(second), None),
            "the date of the first is nobody's"
        );
    }

    #[test]
    fn dates_of_who_has_left_are_not_kept_for_ever() {
        let (mut calendar, now) = (Calendar::default(), 0);
        let stays = calendar.add(now, 0);
        for number in 1..10_000 {
            let slot = calendar.add(now, number);
            assert_eq!(calendar.remove(slot), Some(number));
        }
        assert!(calendar.dates.len() <= MOST_LEFT + 3, "{}", calendar.dates.len());
        assert!(calendar.places.len() <= 2);
        assert_eq!((calendar.due(now), calendar.due(now)), (Some(stays), None));
    }

    #[test]
    fn room_for_those_who_have_left_is_given_back() {
        let mut calendar = Calendar::default();
        let slots: Vec<_> = (0..10_000).map(|who| calendar.add(who, who)).collect();
        for slot in &slots[10..] {
            calendar.remove(*slot);
        }
        let Calendar { dates, places, free, .. } = &calendar;
        let room = [dates.capacity(), places.capacity(), free.len()];
        assert!(room.iter().all(|room| *room < 500), "{room:?}");
        // No place that is made anew is that of who left.
        let other = calendar.add(10, 10);
        assert!(slots[10..].iter().all(|slot| calendar.get_mut(*slot).is_none()));
        assert!(slots[..10].iter().all(|slot| calendar.get_mut(*slot).is_some()));
        assert_eq!((0..11).filter_map(|_| calendar.due(99)).last(), Some(other));
    }
}
