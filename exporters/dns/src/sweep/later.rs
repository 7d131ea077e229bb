//! What is to be sent at a later time than its turn: what politeness puts off, and what is asked once more.
//! No I/O, no clock.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::config::WINDOW;
use crate::courtesy::Want;

/// A query whose time has come.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Due {
    /// Its number: first every member's first query, then every member's second, and so on.
    pub(super) number: usize,
    /// Whom it goes to.
    pub(super) member: usize,
    /// What it asks; the control question comes after all others.
    pub(super) question: usize,
}

/// What is to be sent.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Put {
    /// A query whose turn it was.
    Due(Due),
    /// One that was sent before: its index.
    Again(usize),
    /// One whose answer was cut, to be asked over TCP: its index.
    Whole(usize),
    /// A question that a resolver failed on, to be asked without validation: member and question.
    Unchecked(usize, usize),
    /// By which prefix a resolver makes addresses: the member.
    Prefix(usize),
}

impl Put {
    /// Whether it was counted when the config was read. A fall-back to no EDNS was not; TCP was where
    /// there is room for it (`has_tcp`).
    pub(super) fn want(self, is_fallback: bool, has_tcp: bool) -> Want {
        match self {
            Self::Again(_) if is_fallback => Want::Besides,
            Self::Due(_) | Self::Again(_) => Want::Planned,
            Self::Whole(_) if has_tcp => Want::Planned,
            Self::Whole(_) | Self::Unchecked(..) | Self::Prefix(_) => Want::Besides,
        }
    }

    /// Whether it is about a query that was sent, and has its place in the window.
    fn is_in_flight(self) -> bool {
        matches!(self, Self::Again(_) | Self::Whole(_))
    }
}

/// What waits, by the time at which it may go.
type Waiting = BinaryHeap<Reverse<(Duration, Put)>>;

/// All that waits.
#[derive(Debug, Default)]
pub(super) struct Later {
    /// What was sent before has its place in the window: a window full of it would wait for itself.
    again: Waiting,
    /// The rest waits for one.
    others: Waiting,
}

impl Later {
    /// Puts something off until then.
    pub(super) fn push(&mut self, at: Duration, put: Put) {
        let waiting = if put.is_in_flight() { &mut self.again } else { &mut self.others };
        waiting.push(Reverse((at, put)));
    }

    /// Takes what may go now, while so many are in flight.
    pub(super) fn due(&mut self, now: Duration, in_flight: usize) -> Option<Put> {
        let is_due = |waiting: &Waiting| first(waiting).filter(|at| *at <= now);
        let waiting = match (is_due(&self.again), is_due(&self.others)) {
            (Some(again), Some(other)) if other < again && in_flight < WINDOW => &mut self.others,
            (Some(_), _) => &mut self.again,
            (None, Some(_)) if in_flight < WINDOW => &mut self.others,
            (None, _) => return None,
        };
        waiting.pop().map(|Reverse((_, put))| put)
    }

    /// When the next may go, while so many are in flight.
    pub(super) fn next(&self, in_flight: usize) -> Option<Duration> {
        let others = first(&self.others).filter(|_| in_flight < WINDOW);
        [first(&self.again), others].into_iter().flatten().min()
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.again.is_empty() && self.others.is_empty()
    }
}

/// When the first of them may go.
fn first(waiting: &Waiting) -> Option<Duration> {
    waiting.peek().map(|Reverse((at, _))| *at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_goes_in_the_order_of_time() {
        let (mut later, second) = (Later::default(), Duration::from_secs(1));
        later.push(second * 2, Put::Again(2));
        later.push(second, Put::Unchecked(0, 1));
        assert_eq!((later.next(0), later.due(Duration::ZERO, 0)), (Some(second), None));
        assert_eq!(later.due(second * 3, 0), Some(Put::Unchecked(0, 1)));
        assert_eq!(later.due(second * 3, 0), Some(Put::Again(2)));
        assert_eq!((later.next(0), later.due(second * 3, 0)), (None, None));
    }

    #[test]
    fn what_no_config_counted_is_besides() {
        assert_eq!(Put::Again(1).want(false, true), Want::Planned);
        assert_eq!(Put::Again(1).want(true, true), Want::Besides);
        assert_eq!(Put::Unchecked(0, 1).want(false, true), Want::Besides);
        assert_eq!(Put::Prefix(0).want(false, false), Want::Besides);
        assert_eq!(Put::Whole(1).want(false, true), Want::Planned);
        assert_eq!(Put::Whole(1).want(false, false), Want::Besides);
    }

    #[test]
    fn what_was_sent_before_has_its_place_in_a_full_window_and_the_rest_waits() {
        let (mut later, second) = (Later::default(), Duration::from_secs(1));
        later.push(second * 2, Put::Again(2));
        later.push(second, Put::Unchecked(0, 1));
        assert_eq!((later.next(WINDOW), later.due(second, WINDOW)), (Some(second * 2), None));
        assert_eq!(later.due(second * 2, WINDOW), Some(Put::Again(2)));
        assert_eq!((later.next(WINDOW), later.due(second * 2, WINDOW)), (None, None));
        assert!(!later.is_empty());
        assert_eq!(later.due(second * 2, WINDOW - 1), Some(Put::Unchecked(0, 1)));
    }
}
