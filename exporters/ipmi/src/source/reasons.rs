//! The reasons of IPMI in words that hold for every source. No I/O, no clock.

use ipmi_lan::sensor::ReadingError;
use ipmi_lan::{CommandError, CompletionCode, Refusal, SessionError};

use crate::outcome::{PollFailure, ReadFailure};

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
    fn every_reason_of_the_client_keeps_its_label() {
        for error in SessionError::ALL {
            let failure = of_opening(error);
            assert_eq!(failure.as_str(), error.as_str());
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
}
