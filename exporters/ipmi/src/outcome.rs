//! Why a poll, or the reading of one sensor, gave nothing: closed sets, used as labels. No I/O, no clock.

use ipmi_lan::sensor::ReadingError;
use ipmi_lan::{CommandError, SessionError};

/// Why a whole poll failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PollFailure {
    /// The BMC's name has no address, or none could be asked for.
    Resolve,
    /// No session could be opened.
    Session(SessionError),
    /// The session broke, or the SDR repository could not be read.
    Command(CommandError),
    /// The SDR repository could not be read in time.
    Deadline,
}

impl PollFailure {
    /// Every reason, so that each is counted from the start.
    pub const REASONS: [&'static str; 22] = [
        "resolve",
        "no_answer",
        "unreachable",
        "not_ipmi",
        "ipmi_1_5_only",
        "wrong_password",
        "wrong_k_g",
        "unknown_user",
        "privilege",
        "suite_refused",
        "suite_mismatch",
        "session_table_full",
        "protocol",
        "credentials",
        "local",
        "no_device",
        "device_permission",
        "timeout",
        "completion_code",
        "malformed",
        "session_lost",
        "deadline",
    ];

    /// The reason as a label value, one of [`Self::REASONS`].
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Session(error) => error.as_str(),
            // Only a sensor belongs to another controller; the session and the SDR do not.
            Self::Command(CommandError::NotBridged) => CommandError::Malformed.as_str(),
            Self::Command(error) => error.as_str(),
            Self::Deadline => "deadline",
        }
    }

    /// Whether a new session may do better, as when the BMC was reset and forgot the old one.
    pub fn is_of_the_session(self) -> bool {
        matches!(self, Self::Command(error) if error.ends_session())
    }
}

/// Why one sensor gave no reading in a poll that went well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFailure {
    /// The BMC gave none, or none that can be used.
    Reading(ReadingError),
    /// The poll's time was over before it was this sensor's turn.
    Deadline,
    /// It failed several times in a row, and is only tried now and then.
    BackOff,
}

impl ReadFailure {
    /// Every reason, so that each is counted from the start.
    pub const REASONS: [&'static str; 15] = [
        "unavailable",
        "scanning_disabled",
        "not_present",
        "not_in_this_state",
        "completion_code",
        "timeout",
        "unreachable",
        "session_lost",
        "not_bridged",
        "malformed",
        "not_analog",
        "non_linear",
        "not_finite",
        "deadline",
        "back_off",
    ];

    /// The reason as a label value, one of [`Self::REASONS`].
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reading(error) => error.as_str(),
            Self::Deadline => "deadline",
            Self::BackOff => "back_off",
        }
    }

    /// Whether asking on in every poll costs the BMC, or the other sensors, more than it is worth.
    pub fn is_costly(self) -> bool {
        matches!(
            self,
            Self::Reading(
                ReadingError::Timeout
                    | ReadingError::Completion(_)
                    | ReadingError::NotPresent
                    | ReadingError::Malformed
            )
        )
    }
}

impl From<ReadingError> for ReadFailure {
    fn from(error: ReadingError) -> Self {
        Self::Reading(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn are_the_same(mut counted: Vec<&str>, mut possible: Vec<&str>) {
        possible.sort_unstable();
        possible.dedup();
        counted.sort_unstable();
        assert_eq!(counted, possible);
    }

    #[test]
    fn every_reason_is_counted_and_no_other() {
        let of_commands = CommandError::LABELS.into_iter().filter(|label| *label != "not_bridged");
        let of_sessions = SessionError::ALL.map(SessionError::as_str);
        let possible = of_sessions.into_iter().chain(of_commands).chain(["resolve", "deadline"]);
        are_the_same(PollFailure::REASONS.to_vec(), possible.collect());

        let possible = ReadingError::LABELS.into_iter().chain(["deadline", "back_off"]);
        are_the_same(ReadFailure::REASONS.to_vec(), possible.collect());
    }
}
