//! What is to be sent at a later time than its turn: what politeness puts off, and what is asked once more.
//! No I/O, no clock.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::schedule::Due;

/// What is to be sent.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Put {
    /// A query whose turn it was.
    Due(Due),
    /// One that was sent before: its index.
    Again(usize),
    /// A question that a resolver failed on, to be asked without validation: member and question.
    Unchecked(usize, usize),
}

/// What waits, by the time at which it may go.
#[derive(Debug, Default)]
pub(super) struct Later(BinaryHeap<Reverse<(Duration, Put)>>);

impl Later {
    /// Puts something off until then.
    pub(super) fn push(&mut self, at: Duration, put: Put) {
        self.0.push(Reverse((at, put)));
    }

    /// Takes what may go now.
    pub(super) fn due(&mut self, now: Duration) -> Option<Put> {
        self.0.peek().filter(|Reverse((at, _))| *at <= now)?;
        self.0.pop().map(|Reverse((_, put))| put)
    }

    /// When the next may go.
    pub(super) fn next(&self) -> Option<Duration> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_goes_in_the_order_of_time() {
        let (mut later, second) = (Later::default(), Duration::from_secs(1));
        later.push(second * 2, Put::Again(2));
        later.push(second, Put::Unchecked(0, 1));
        assert_eq!((later.next(), later.due(Duration::ZERO)), (Some(second), None));
        assert_eq!(later.due(second * 3), Some(Put::Unchecked(0, 1)));
        assert_eq!(later.due(second * 3), Some(Put::Again(2)));
        assert_eq!((later.next(), later.due(second * 3)), (None, None));
    }
}
