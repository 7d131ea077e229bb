//! What a worker has asked so far, and whom. No I/O, no clock.

use std::collections::VecDeque;
use std::time::Duration;

use super::later::{Later, Put};

/// What a worker has asked so far.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Whom each query that is not over went to, by their order; and the index of the first.
    pub(super) members: VecDeque<usize>,
    pub(super) first: usize,
    /// What is known of each member's control question.
    pub(super) control_of: Vec<Shown>,
    /// Those that are not counted, in the order in which they were asked.
    pub(super) controls: VecDeque<usize>,
    /// Member and question of those that failed, and not on the control question.
    pub(super) failed: Vec<(usize, usize)>,
    pub(super) later: Later,
    /// Whether those that failed were asked once more.
    pub(super) is_checked: bool,
}

/// What is known of a member's control question.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shown {
    /// It was not asked.
    Unasked,
    /// Anything may come to it: its index.
    Asked(usize),
    /// It passed, or failed.
    Over(bool),
}

impl Asked {
    /// Whom a query went to that is not over.
    pub(super) fn member(&self, index: usize) -> usize {
        self.members[index - self.first]
    }

    /// Has those asked once more that failed on a name, and not on the control question: whether they have it if
    /// they need not validate it; and these members by which prefix they make addresses.
    pub(super) fn check(&mut self, now: Duration, may_make: Vec<usize>) {
        self.is_checked = true;
        for (member, question) in std::mem::take(&mut self.failed) {
            self.later.push(now, Put::Unchecked(member, question));
        }
        for member in may_make {
            self.later.push(now, Put::Prefix(member));
        }
    }
}
