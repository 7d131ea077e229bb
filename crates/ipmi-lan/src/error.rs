//! Why a session or a command failed: closed sets, usable as labels. No I/O, no clock.

use std::fmt;

/// Why no session could be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionError {
    /// Nothing came back, or not enough of a log-in.
    NoAnswer,
    /// The BMC begins a log-in and does not answer its proofs in time: it is slow, or silent to an account
    /// that it does not know.
    Slow,
    /// The host or the port is unreachable (ICMP), or there is no route.
    Unreachable,
    /// Something answers on that port, but not with IPMI.
    NotIpmi,
    /// The BMC speaks IPMI 1.5 only.
    Ipmi15Only,
    /// The password is wrong: the BMC's proof, or the BMC's verdict on ours, says so.
    WrongPassword,
    /// The BMC's own key (`K_g`) is missing or wrong; the password is right.
    WrongKg,
    /// The BMC knows no such user, or the user is disabled.
    UnknownUser,
    /// The user may not log in with the privilege that was asked for.
    Privilege,
    /// The BMC refuses every cipher suite that was allowed.
    SuiteRefused,
    /// The BMC answered with other algorithms than those asked for.
    SuiteMismatch,
    /// The BMC has no room for another session now.
    SessionTableFull,
    /// The BMC answered with something the specification does not allow.
    Protocol,
    /// The credentials cannot be sent: a user name of more than 16 bytes.
    Credentials,
    /// This machine could not open or use a socket or a device.
    Local,
    /// There is no such device, or no driver behind it (in-band).
    NoDevice,
    /// The device may not be opened (in-band).
    DevicePermission,
}

impl SessionError {
    /// Every value, for counters that must all be there from the start.
    pub const ALL: [SessionError; 17] = [
        SessionError::NoAnswer,
        SessionError::Slow,
        SessionError::Unreachable,
        SessionError::NotIpmi,
        SessionError::Ipmi15Only,
        SessionError::WrongPassword,
        SessionError::WrongKg,
        SessionError::UnknownUser,
        SessionError::Privilege,
        SessionError::SuiteRefused,
        SessionError::SuiteMismatch,
        SessionError::SessionTableFull,
        SessionError::Protocol,
        SessionError::Credentials,
        SessionError::Local,
        SessionError::NoDevice,
        SessionError::DevicePermission,
    ];

    /// The reason as a label value.
    pub fn as_str(self) -> &'static str {
        match self {
            SessionError::NoAnswer => "no_answer",
            SessionError::Slow => "slow",
            SessionError::Unreachable => "unreachable",
            SessionError::NotIpmi => "not_ipmi",
            SessionError::Ipmi15Only => "ipmi_1_5_only",
            SessionError::WrongPassword => "wrong_password",
            SessionError::WrongKg => "wrong_k_g",
            SessionError::UnknownUser => "unknown_user",
            SessionError::Privilege => "privilege",
            SessionError::SuiteRefused => "suite_refused",
            SessionError::SuiteMismatch => "suite_mismatch",
            SessionError::SessionTableFull => "session_table_full",
            SessionError::Protocol => "protocol",
            SessionError::Credentials => "credentials",
            SessionError::Local => "local",
            SessionError::NoDevice => "no_device",
            SessionError::DevicePermission => "device_permission",
        }
    }
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SessionError::NoAnswer => "no answer from the BMC",
            SessionError::Slow => "the BMC begins a log-in and does not answer its proofs in time",
            SessionError::Unreachable => "host or port unreachable",
            SessionError::NotIpmi => "something answers, but it is not IPMI",
            SessionError::Ipmi15Only => "the BMC speaks IPMI 1.5 only",
            SessionError::WrongPassword => "wrong password",
            SessionError::WrongKg => "the BMC key (K_g) is missing or wrong",
            SessionError::UnknownUser => "unknown or disabled user",
            SessionError::Privilege => "the user may not have the privilege asked for",
            SessionError::SuiteRefused => "the BMC refuses every allowed cipher suite",
            SessionError::SuiteMismatch => "the BMC chose other algorithms than those asked for",
            SessionError::SessionTableFull => "the BMC has no room for another session",
            SessionError::Protocol => "the BMC's answer breaks the protocol",
            SessionError::Credentials => "the user name is longer than 16 bytes",
            SessionError::Local => "no socket, or no device, could be used",
            SessionError::NoDevice => {
                "no such device: are the kernel modules ipmi_si and ipmi_devintf loaded?"
            }
            SessionError::DevicePermission => "no permission to open the device",
        })
    }
}

impl std::error::Error for SessionError {}

/// A completion code other than 0, as a BMC gave it (specification table 5-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CompletionCode(pub u8);

impl CompletionCode {
    /// Node busy.
    pub const BUSY: CompletionCode = CompletionCode(0xC0);
    /// The BMC does not know the command.
    pub const INVALID_COMMAND: CompletionCode = CompletionCode(0xC1);
    /// Time-out inside the BMC.
    pub const TIMEOUT: CompletionCode = CompletionCode(0xC3);
    /// Out of space.
    pub const OUT_OF_SPACE: CompletionCode = CompletionCode(0xC4);
    /// The reservation was cancelled.
    pub const RESERVATION_LOST: CompletionCode = CompletionCode(0xC5);
    /// The BMC cannot return that many bytes at once.
    pub const TOO_MANY_BYTES: CompletionCode = CompletionCode(0xCA);
    /// The sensor, record or datum asked for is not there.
    pub const NOT_PRESENT: CompletionCode = CompletionCode(0xCB);
    /// The command is not legal for that sensor or record.
    pub const ILLEGAL: CompletionCode = CompletionCode(0xCD);
    /// The BMC could not give an answer.
    pub const NO_RESPONSE: CompletionCode = CompletionCode(0xCE);
    /// The privilege of the session is too low.
    pub const PRIVILEGE: CompletionCode = CompletionCode(0xD4);
    /// Not possible in the present state (host off, for instance).
    pub const NOT_IN_THIS_STATE: CompletionCode = CompletionCode(0xD5);
    /// Unspecified error.
    pub const UNSPECIFIED: CompletionCode = CompletionCode(0xFF);
}

/// What a completion code means for whoever has to do something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The account's privilege, or the firmware's firewall, does not allow it (D4h).
    Privilege,
    /// The BMC does not know the command or has switched it off (C1h, C2h, D6h).
    NotSupported,
    /// The BMC is busy, starting or being updated; it may answer later (C0h, D0h to D2h).
    Busy,
    /// The BMC has no space left (`C4h`).
    OutOfSpace,
    /// What is behind the BMC did not answer it (`C3h`, `CEh`, `D3h`).
    BmcTimeout,
    /// The sensor, record or datum is not there (`CBh`, `CDh`).
    NotPresent,
    /// Not possible in the present state, the host being off for instance (`D5h`).
    NotInThisState,
    /// The BMC does not take the request as it is (`C5h` to `CAh`, `CCh`, `CFh`).
    InvalidRequest,
    /// Any other code: the command's own, the maker's, or none in particular.
    Other,
}

impl Refusal {
    /// Every meaning.
    pub const ALL: [Refusal; 9] = [
        Refusal::Privilege,
        Refusal::NotSupported,
        Refusal::Busy,
        Refusal::OutOfSpace,
        Refusal::BmcTimeout,
        Refusal::NotPresent,
        Refusal::NotInThisState,
        Refusal::InvalidRequest,
        Refusal::Other,
    ];

    /// The meaning as a label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Refusal::Privilege => "privilege",
            Refusal::NotSupported => "not_supported",
            Refusal::Busy => "busy",
            Refusal::OutOfSpace => "out_of_space",
            Refusal::BmcTimeout => "bmc_timeout",
            Refusal::NotPresent => "not_present",
            Refusal::NotInThisState => "not_in_this_state",
            Refusal::InvalidRequest => "invalid_request",
            Refusal::Other => "other",
        }
    }
}

impl CompletionCode {
    /// What it means (specification table 5-2).
    pub fn refusal(self) -> Refusal {
        match self.0 {
            0xD4 => Refusal::Privilege,
            0xC1 | 0xC2 | 0xD6 => Refusal::NotSupported,
            0xC0 | 0xD0..=0xD2 => Refusal::Busy,
            0xC4 => Refusal::OutOfSpace,
            0xC3 | 0xCE | 0xD3 => Refusal::BmcTimeout,
            0xCB | 0xCD => Refusal::NotPresent,
            0xD5 => Refusal::NotInThisState,
            0xC5..=0xCA | 0xCC | 0xCF => Refusal::InvalidRequest,
            _ => Refusal::Other,
        }
    }
}

impl fmt::Display for CompletionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:02X}", self.0)
    }
}

/// Why a command in an open session gave no data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CommandError {
    /// No answer after every retry. The session may be dead: open a new one.
    Timeout,
    /// Host or port unreachable (ICMP) and no answer after every retry.
    Unreachable,
    /// The BMC refused with a completion code.
    Completion(CompletionCode),
    /// The answer is shorter than the specification says, or contradicts itself.
    Malformed,
    /// The sensor belongs to another controller; its number must not be read at the BMC.
    NotBridged,
    /// The session cannot be used any more: closed, or too many requests were never answered.
    /// Open a new one.
    SessionLost,
}

impl CommandError {
    /// The reason as a label value; of a refusal, what it means ([`Refusal::as_str`]).
    pub fn as_str(self) -> &'static str {
        match self {
            CommandError::Timeout => "timeout",
            CommandError::Unreachable => "unreachable",
            CommandError::Completion(code) => code.refusal().as_str(),
            CommandError::Malformed => "malformed",
            CommandError::NotBridged => "not_bridged",
            CommandError::SessionLost => "session_lost",
        }
    }

    /// Whether the session itself should be given up and a new one opened.
    pub fn ends_session(self) -> bool {
        matches!(
            self,
            CommandError::Timeout | CommandError::Unreachable | CommandError::SessionLost
        )
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommandError::Timeout => f.write_str("no answer from the BMC"),
            CommandError::Unreachable => f.write_str("host or port unreachable"),
            CommandError::Completion(code) => write!(f, "the BMC refused with {code}"),
            CommandError::Malformed => f.write_str("the BMC's answer is malformed"),
            CommandError::NotBridged => f.write_str("the sensor belongs to another controller"),
            CommandError::SessionLost => f.write_str("the session is no longer usable"),
        }
    }
}

impl std::error::Error for CommandError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_is_different() {
        let mut labels: Vec<_> = SessionError::ALL.map(SessionError::as_str).to_vec();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), SessionError::ALL.len());
    }
}
