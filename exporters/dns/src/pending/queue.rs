//! A queue that takes as much of the memory as what is in it, but for a piece at each end: one that grows by doubling
//! holds three times as much while it does. No I/O, no clock.

use std::collections::VecDeque;

/// Items of one piece.
const PIECE: usize = 128;

/// What was put in first is taken first. Each item has a number, from zero on.
#[derive(Debug)]
pub(super) struct Queue<T> {
    /// All but the last were full once, and of the first some may be taken.
    pieces: VecDeque<VecDeque<T>>,
    taken: usize,
    count: usize,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { pieces: VecDeque::new(), taken: 0, count: 0 }
    }
}

impl<T> Queue<T> {
    /// Adds an item; returns its number.
    pub(super) fn push(&mut self, item: T) -> usize {
        let number = self.count;
        if number.is_multiple_of(PIECE) || self.pieces.is_empty() {
            self.pieces.push_back(VecDeque::with_capacity(PIECE));
        }
        if let Some(last) = self.pieces.back_mut() {
            last.push_back(item);
        }
        self.count += 1;
        number
    }

    /// The number of the first item that was not taken.
    pub(super) fn first(&self) -> usize {
        self.taken
    }

    /// An item by its number; none if it was taken, or is to come.
    pub(super) fn get(&self, number: usize) -> Option<&T> {
        let (piece, at) = self.place(number)?;
        self.pieces.get(piece)?.get(at)
    }

    /// The same, to change it.
    pub(super) fn get_mut(&mut self, number: usize) -> Option<&mut T> {
        let (piece, at) = self.place(number)?;
        self.pieces.get_mut(piece)?.get_mut(at)
    }

    /// The first item.
    pub(super) fn front(&self) -> Option<&T> {
        self.pieces.front()?.front()
    }

    /// Takes it.
    pub(super) fn pop(&mut self) -> Option<T> {
        let item = self.pieces.front_mut()?.pop_front()?;
        self.taken += 1;
        if self.taken.is_multiple_of(PIECE) {
            self.pieces.pop_front();
        }
        Some(item)
    }

    /// Takes all.
    pub(super) fn clear(&mut self) {
        (self.pieces, self.taken) = (VecDeque::new(), self.count);
    }

    /// Takes them one by one.
    pub(super) fn into_iter(self) -> impl Iterator<Item = T> {
        self.pieces.into_iter().flatten()
    }

    /// In which piece an item is, and where there.
    fn place(&self, number: usize) -> Option<(usize, usize)> {
        let after = number.checked_sub(self.taken)?;
        // Numbers within the first piece count from the first that is left of it.
        let of_first = PIECE - self.taken % PIECE;
        match after.checked_sub(of_first) {
            None => Some((0, after)),
            Some(after) => Some((1 + after / PIECE, after % PIECE)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_is_found_by_its_number_until_it_is_taken() {
        let mut queue = Queue::default();
        let (mut put, mut taken) = (0, 0);
        for (more, less) in [(1, 0), (300, 1), (0, 127), (5, 172), (0, 6), (128, 128), (129, 100)] {
            for _ in 0..more {
                assert_eq!(queue.push(put), put);
                put += 1;
            }
            for _ in 0..less {
                assert_eq!((queue.front().copied(), queue.first()), (Some(taken), taken));
                assert_eq!(queue.pop(), Some(taken));
                taken += 1;
            }
            for number in 0..put + 2 {
                let wanted = (taken..put).contains(&number).then_some(number);
                assert_eq!(queue.get(number).copied(), wanted, "{taken} to {put}");
                assert_eq!(queue.get_mut(number).copied(), wanted);
            }
            let held: usize = queue.pieces.iter().map(VecDeque::capacity).sum();
            assert!(held <= put - taken + 2 * PIECE, "{held} for {taken} to {put}");
        }
        queue.clear();
        assert_eq!((queue.pop(), queue.push(7), queue.first()), (None, put, put));
        assert_eq!(queue.get(put), Some(&7));
        assert!(queue.into_iter().eq([7]));
    }
}
