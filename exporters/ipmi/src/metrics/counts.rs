//! What is counted of a target. No I/O, no clock.

use exporter_kit::CountsBy;

use crate::command::Command;
use crate::outcome::{PollFailure, ReadFailure};

/// Counts by the reason of a failed poll, or of an opening that failed.
pub(crate) type PollFailures = CountsBy<PollFailure>;
/// Counts by the reason for which a sensor gave no value.
pub(crate) type ReadFailures = CountsBy<ReadFailure>;
/// Counts by the kind of command.
pub(crate) type Commands = CountsBy<Command>;

/// The counters of one target, which owns them: they go with it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Counts {
    /// Polls that ended.
    pub(crate) polls: u64,
    /// Those that failed.
    pub(crate) poll_failures: PollFailures,
    /// Sensors that gave no value in a poll that went well.
    pub(crate) read_failures: ReadFailures,
    /// What was sent and received for all that.
    pub(crate) traffic: Traffic,
}

/// What a source has sent and received.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Traffic {
    /// Commands, without those that were sent again.
    pub(crate) commands: Commands,
    /// Sessions that were opened.
    pub(crate) sessions: u64,
    /// Sessions that could not be opened.
    pub(crate) session_failures: PollFailures,
    /// Requests that were sent again.
    pub(crate) retries: u64,
    /// Replies that came too late to be used.
    pub(crate) stale_replies: u64,
}

impl Traffic {
    /// Counts what came since.
    pub(crate) fn add(&mut self, more: &Self) {
        self.commands.add_all(&more.commands);
        self.sessions += more.sessions;
        self.session_failures.add_all(&more.session_failures);
        self.retries += more.retries;
        self.stale_replies += more.stale_replies;
    }
}
