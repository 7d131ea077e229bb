//! The reasons and commands of IPMI in words that hold for every source, and which of them the LAN and
//! the device can have. No I/O, no clock.

use std::sync::LazyLock;

use ipmi_lan::sensor::ReadingError;
use ipmi_lan::{CommandError, CompletionCode, Refusal, SessionError};

use crate::command::Command;
use crate::metrics::counts::Possible;
use crate::outcome::{PollFailure, ReadFailure};

/// What can be counted of a BMC over the LAN. The two reasons of a device are among these since they
/// were exported for every BMC from the start.
pub(super) static LAN: LazyLock<Possible> =
    LazyLock::new(|| possible(&[When::Resolving, When::LoggingIn, When::Opening, When::Talking]));

/// What can be counted of the machine's own BMC.
pub(super) static DEVICE: LazyLock<Possible> =
    LazyLock::new(|| possible(&[When::Opening, When::Talking]));

/// Why a reading can fail in other sources alone.
const READS_ELSEWHERE: &[ReadFailure] = &[
    #[cfg(test)]
    ReadFailure::HttpStatus,
];

/// What other sources alone send.
const SENT_ELSEWHERE: &[Command] = &[
    #[cfg(test)]
    Command::Get,
];

/// When a poll of a BMC fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// While its name is resolved.
    Resolving,
    /// While somebody logs in over the LAN.
    LoggingIn,
    /// While a session is opened, be it of the device.
    Opening,
    /// In a session.
    Talking,
    /// In another source.
    #[cfg(test)]
    Elsewhere,
}

impl When {
    fn fails(failure: PollFailure) -> &'static [Self] {
        match failure {
            PollFailure::Resolve => &[Self::Resolving],
            PollFailure::Privilege => &[Self::LoggingIn, Self::Talking],
            PollFailure::Slow
            | PollFailure::Unreachable
            | PollFailure::Ipmi15Only
            | PollFailure::WrongPassword
            | PollFailure::WrongKg
            | PollFailure::UnknownUser
            | PollFailure::SuiteRefused
            | PollFailure::SuiteMismatch
            | PollFailure::SessionTableFull
            | PollFailure::Credentials => &[Self::LoggingIn],
            PollFailure::NoAnswer
            | PollFailure::NotIpmi
            | PollFailure::Protocol
            | PollFailure::Local
            | PollFailure::NoDevice
            | PollFailure::DevicePermission => &[Self::Opening],
            PollFailure::Timeout
            | PollFailure::NotSupported
            | PollFailure::Busy
            | PollFailure::OutOfSpace
            | PollFailure::BmcTimeout
            | PollFailure::NotPresent
            | PollFailure::NotInThisState
            | PollFailure::InvalidRequest
            | PollFailure::Other
            | PollFailure::Malformed
            | PollFailure::SessionLost
            | PollFailure::Deadline => &[Self::Talking],
            #[cfg(test)]
            PollFailure::Licence => &[Self::Elsewhere],
        }
    }
}

fn possible(when: &[When]) -> Possible {
    let failures = |when: &[When]| -> Vec<_> {
        let can_fail = |it: &PollFailure| When::fails(*it).iter().any(|it| when.contains(it));
        PollFailure::ALL.into_iter().filter(can_fail).collect()
    };
    let of_a_session = |when: &When| matches!(when, When::LoggingIn | When::Opening);
    let opening: Vec<_> = when.iter().copied().filter(of_a_session).collect();
    Possible {
        poll_failures: failures(when),
        session_failures: failures(&opening),
        read_failures: ReadFailure::ALL
            .into_iter()
            .filter(|it| !READS_ELSEWHERE.contains(it))
            .collect(),
        commands: Command::ALL.into_iter().filter(|it| !SENT_ELSEWHERE.contains(it)).collect(),
        stale_replies: true,
    }
}

/// Why no session could be opened.
pub(super) fn of_opening(error: SessionError) -> PollFailure {
    match error {
        SessionError::NoAnswer => PollFailure::NoAnswer,
        SessionError::Slow => PollFailure::Slow,
        SessionError::Unreachable => PollFailure::Unreachable,
        SessionError::NotIpmi => PollFailure::NotIpmi,
        SessionError::Ipmi15Only => PollFailure::Ipmi15Only,
        SessionError::WrongPassword => PollFailure::WrongPassword,
        SessionError::WrongKg => PollFailure::WrongKg,
        SessionError::UnknownUser => PollFailure::UnknownUser,
        SessionError::Privilege => PollFailure::Privilege,
        SessionError::SuiteRefused => PollFailure::SuiteRefused,
        SessionError::SuiteMismatch => PollFailure::SuiteMismatch,
        SessionError::SessionTableFull => PollFailure::SessionTableFull,
        SessionError::Protocol => PollFailure::Protocol,
        SessionError::Credentials => PollFailure::Credentials,
        SessionError::Local => PollFailure::Local,
        SessionError::NoDevice => PollFailure::NoDevice,
        SessionError::DevicePermission => PollFailure::DevicePermission,
    }
}

/// Why a command failed on which the whole poll depends.
pub(super) fn of_command(error: CommandError) -> PollFailure {
    match error {
        CommandError::Timeout => PollFailure::Timeout,
        CommandError::Unreachable => PollFailure::Unreachable,
        CommandError::Completion(code) => of_refusal(code),
        // Only a sensor's reading can be refused for belonging to another controller, and no poll
        // depends on one.
        CommandError::Malformed | CommandError::NotBridged => PollFailure::Malformed,
        CommandError::SessionLost => PollFailure::SessionLost,
    }
}

fn of_refusal(code: CompletionCode) -> PollFailure {
    match code.refusal() {
        Refusal::Privilege => PollFailure::Privilege,
        Refusal::NotSupported => PollFailure::NotSupported,
        Refusal::Busy => PollFailure::Busy,
        Refusal::OutOfSpace => PollFailure::OutOfSpace,
        Refusal::BmcTimeout => PollFailure::BmcTimeout,
        Refusal::NotPresent => PollFailure::NotPresent,
        Refusal::NotInThisState => PollFailure::NotInThisState,
        Refusal::InvalidRequest => PollFailure::InvalidRequest,
        Refusal::Other => PollFailure::Other,
    }
}

/// Why a sensor gave no value.
pub(super) fn of_reading(error: ReadingError) -> ReadFailure {
    match error {
        ReadingError::Unavailable => ReadFailure::Unavailable,
        ReadingError::ScanningDisabled => ReadFailure::ScanningDisabled,
        ReadingError::NotPresent => ReadFailure::NotPresent,
        ReadingError::NotInThisState => ReadFailure::NotInThisState,
        ReadingError::Completion(code) => match code.refusal() {
            Refusal::Privilege => ReadFailure::Privilege,
            Refusal::NotSupported => ReadFailure::NotSupported,
            Refusal::Busy => ReadFailure::Busy,
            Refusal::OutOfSpace => ReadFailure::OutOfSpace,
            Refusal::BmcTimeout => ReadFailure::BmcTimeout,
            Refusal::NotPresent => ReadFailure::NotPresent,
            Refusal::NotInThisState => ReadFailure::NotInThisState,
            Refusal::InvalidRequest => ReadFailure::InvalidRequest,
            Refusal::Other => ReadFailure::Other,
        },
        ReadingError::Timeout => ReadFailure::Timeout,
        ReadingError::Unreachable => ReadFailure::Unreachable,
        ReadingError::SessionLost => ReadFailure::SessionLost,
        ReadingError::NotBridged => ReadFailure::NotBridged,
        ReadingError::Malformed => ReadFailure::Malformed,
        ReadingError::NotAnalog => ReadFailure::NotAnalog,
        ReadingError::NonLinear => ReadFailure::NonLinear,
        ReadingError::NotFinite => ReadFailure::NotFinite,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_of_the_client_keeps_its_label_and_is_counted() {
        for error in SessionError::ALL {
            let failure = of_opening(error);
            assert_eq!(failure.as_str(), error.as_str());
            assert!(LAN.session_failures.contains(&failure), "{failure:?}");
            assert!(LAN.poll_failures.contains(&failure), "{failure:?}");
        }
        let codes = (1..=0xFF).map(|code| CommandError::Completion(CompletionCode(code)));
        let others = [
            CommandError::Timeout,
            CommandError::Unreachable,
            CommandError::Malformed,
            CommandError::SessionLost,
        ];
        for error in codes.chain(others) {
            let failure = of_command(error);
            assert_eq!(failure.as_str(), error.as_str());
            assert_eq!(failure.is_of_the_session(), error.ends_session());
            assert!(LAN.poll_failures.contains(&failure), "{failure:?}");
        }
        let codes = (1..=0xFF).map(|code| ReadingError::Completion(CompletionCode(code)));
        let others = [
            ReadingError::Unavailable,
            ReadingError::ScanningDisabled,
            ReadingError::NotPresent,
            ReadingError::NotInThisState,
            ReadingError::Timeout,
            ReadingError::Unreachable,
            ReadingError::SessionLost,
            ReadingError::NotBridged,
            ReadingError::Malformed,
            ReadingError::NotAnalog,
            ReadingError::NonLinear,
            ReadingError::NotFinite,
        ];
        for error in codes.chain(others) {
            let failure = of_reading(error);
            assert_eq!(failure.as_str(), error.as_str());
            assert!(LAN.read_failures.contains(&failure), "{failure:?}");
        }
    }

    #[test]
    fn a_refusal_tells_what_to_do() {
        let reason = |code| of_command(CommandError::Completion(CompletionCode(code))).as_str();
        assert_eq!(
            [0xD4, 0xC1, 0xC0, 0xC4].map(reason),
            ["privilege", "not_supported", "busy", "out_of_space"]
        );
        assert_eq!([0xCC, 0xFF, 0x80].map(reason), ["invalid_request", "other", "other"]);
    }

    #[test]
    fn nothing_is_counted_of_a_device_that_only_a_log_in_can_have() {
        assert!(DEVICE.poll_failures.contains(&PollFailure::Privilege), "a command's");
        assert!(!DEVICE.session_failures.contains(&PollFailure::Privilege));
        for of_the_lan in [PollFailure::WrongPassword, PollFailure::Resolve, PollFailure::Slow] {
            assert!(!DEVICE.poll_failures.contains(&of_the_lan));
        }
        assert!(DEVICE.poll_failures.contains(&PollFailure::NoDevice));
        assert!(DEVICE.session_failures.iter().all(|it| DEVICE.poll_failures.contains(it)));
    }
}
