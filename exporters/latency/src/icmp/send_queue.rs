//! Echoes of about the same limit, in the order of sending, found by their numbers. No I/O, no clock.
//!
//! They lie in blocks: a queue that doubles holds up to twice of what it needs, and with ten thousand echoes
//! a second that is as much as all the rest.

use std::collections::VecDeque;

/// So many echoes lie in a block.
const BLOCK: usize = 256;

/// What is kept of echoes, the oldest first. Numbers rise, and begin anew at 2^32: none is kept for so long
/// that this matters.
#[derive(Debug)]
pub(super) struct SendQueue<T>(VecDeque<VecDeque<T>>);

/// Something that has a number.
pub(super) trait Numbered {
    /// Its number.
    fn number(&self) -> u32;
}

impl<T> Default for SendQueue<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T: Numbered> SendQueue<T> {
    /// Takes in the newest.
    pub(super) fn push(&mut self, echo: T) {
        if let Some(block) = self.0.back_mut().filter(|block| block.len() < block.capacity()) {
            return block.push_back(echo);
        }
        let mut block = VecDeque::with_capacity(BLOCK);
        block.push_back(echo);
        self.0.push_back(block);
    }

    /// Lets the newest go, if it has this number.
    pub(super) fn take_back(&mut self, number: u32) -> Option<T> {
        let block = self.0.back_mut()?;
        let newest = if block.back()?.number() == number { block.pop_back() } else { None };
        if block.is_empty() {
            self.0.pop_back();
        }
        newest
    }

    /// The one with this number.
    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        let first = self.first()?;
        let wanted = number.wrapping_sub(first);
        let later = |echo: &T| echo.number().wrapping_sub(first) > wanted;
        let after = self.0.partition_point(|block| !block.front().is_some_and(later));
        let block = self.0.get_mut(after.checked_sub(1)?)?;
        let place = block.partition_point(|echo| !later(echo)).checked_sub(1)?;
        block.get_mut(place).filter(|echo| echo.number() == number)
    }

    /// The number of the oldest.
    pub(super) fn first(&self) -> Option<u32> {
        Some(self.0.front()?.front()?.number())
    }

    /// Lets the oldest go, if it is such.
    pub(super) fn pop_if(&mut self, is_it: impl Fn(&T) -> bool) -> Option<T> {
        let block = self.0.front_mut()?;
        let oldest = if is_it(block.front()?) { block.pop_front() } else { None };
        if block.is_empty() {
            self.0.pop_front();
        }
        oldest
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(VecDeque::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Numbered for u32 {
        fn number(&self) -> u32 {
            *self
        }
    }

    #[test]
    fn each_is_found_by_its_number_and_no_other_is() {
        // Every third number, past the largest there is.
        let numbers = || (0..2000_u32).map(|n| (u32::MAX - 3000).wrapping_add(3 * n));
        let mut queue = SendQueue::default();
        numbers().for_each(|number| queue.push(number));
        assert_eq!(queue.len(), 2000);
        for number in numbers() {
            assert_eq!(queue.get_mut(number).copied(), Some(number));
            assert_eq!(queue.get_mut(number.wrapping_add(1)), None);
        }
        assert_eq!(queue.get_mut(numbers().next().unwrap().wrapping_sub(3)), None);
        let kept = numbers().nth(777).unwrap();
        while queue.pop_if(|number| number.wrapping_sub(kept) > u32::MAX / 2).is_some() {}
        assert_eq!((queue.first(), queue.len()), (Some(kept), 1223));
        assert!(numbers().skip(777).all(|number| queue.get_mut(number).is_some()));
    }

    #[test]
    fn the_newest_can_be_taken_back() {
        let mut queue = SendQueue::default();
        queue.push(1_u32);
        assert_eq!((queue.take_back(2), queue.len()), (None, 1));
        assert_eq!((queue.take_back(1), queue.len()), (Some(1), 0));
        assert_eq!((queue.take_back(1), queue.first()), (None, None));
    }
}
