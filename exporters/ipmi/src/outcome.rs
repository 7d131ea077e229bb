//! Why a poll, or the reading of one sensor, gave nothing: closed sets, used as labels. No I/O, no clock.

use exporter_kit::label_enum;

label_enum! {
    /// Why a whole poll failed. Which of these a target can have is for its source to say.
    pub(crate) enum PollFailure {
        /// The BMC's name has no address, or none could be asked for.
        Resolve = "resolve",
        /// Nothing came back, or not enough of a log-in.
        NoAnswer = "no_answer",
        /// The BMC begins a log-in and takes too long over its proofs.
        Slow = "slow",
        /// The host or the port is unreachable, or there is no route.
        Unreachable = "unreachable",
        /// Something answers, but not with IPMI.
        NotIpmi = "not_ipmi",
        /// The BMC speaks IPMI 1.5 only.
        Ipmi15Only = "ipmi_1_5_only",
        /// The password is wrong.
        WrongPassword = "wrong_password",
        /// The BMC's own key is missing or wrong.
        WrongKg = "wrong_k_g",
        /// The BMC knows no such user, or the user is disabled.
        UnknownUser = "unknown_user",
        /// The user may not log in with the privilege that was asked for, or not do with it what a poll
        /// needs.
        Privilege = "privilege",
        /// The BMC refuses every cipher suite that was allowed.
        SuiteRefused = "suite_refused",
        /// The BMC answered with other algorithms than those asked for.
        SuiteMismatch = "suite_mismatch",
        /// The BMC has no room for another session now.
        SessionTableFull = "session_table_full",
        /// The BMC answered with something that the protocol does not allow.
        Protocol = "protocol",
        /// The credentials cannot be sent.
        Credentials = "credentials",
        /// This machine could not open or use a socket or a device.
        Local = "local",
        /// There is no such device, or no driver behind it.
        NoDevice = "no_device",
        /// The device may not be opened.
        DevicePermission = "device_permission",
        /// An open session gave no answer.
        Timeout = "timeout",
        /// The BMC knows no list of sensors, or has it switched off.
        NotSupported = "not_supported",
        /// The BMC is busy, starting or being updated.
        Busy = "busy",
        /// The BMC has no space left.
        OutOfSpace = "out_of_space",
        /// What is behind the BMC did not answer it.
        BmcTimeout = "bmc_timeout",
        /// The BMC says that what was asked for is not there.
        NotPresent = "not_present",
        /// Not possible in the present state.
        NotInThisState = "not_in_this_state",
        /// The BMC does not take the request as it is.
        InvalidRequest = "invalid_request",
        /// The BMC refused for a reason of its own.
        Other = "other",
        /// The BMC's answer is too short, or contradicts itself.
        Malformed = "malformed",
        /// The session cannot be used any more.
        SessionLost = "session_lost",
        /// The list of sensors could not be read in time.
        Deadline = "deadline",
        /// Licence missing: of the source that exists in tests alone.
        #[cfg(test)]
        Licence = "licence",
    }
}

impl PollFailure {
    /// Whether a new session may do better, as when the BMC was reset and forgot the old one.
    pub(crate) fn is_of_the_session(self) -> bool {
        match self {
            Self::Unreachable | Self::Timeout | Self::SessionLost => true,
            Self::Resolve
            | Self::NoAnswer
            | Self::Slow
            | Self::NotIpmi
            | Self::Ipmi15Only
            | Self::WrongPassword
            | Self::WrongKg
            | Self::UnknownUser
            | Self::Privilege
            | Self::SuiteRefused
            | Self::SuiteMismatch
            | Self::SessionTableFull
            | Self::Protocol
            | Self::Credentials
            | Self::Local
            | Self::NoDevice
            | Self::DevicePermission
            | Self::NotSupported
            | Self::Busy
            | Self::OutOfSpace
            | Self::BmcTimeout
            | Self::NotPresent
            | Self::NotInThisState
            | Self::InvalidRequest
            | Self::Other
            | Self::Malformed
            | Self::Deadline => false,
            #[cfg(test)]
            Self::Licence => false,
        }
    }
}

label_enum! {
    /// Why one sensor gave no reading in a poll that went well.
    pub(crate) enum ReadFailure {
        /// The BMC says that the reading is not available now.
        Unavailable = "unavailable",
        /// The BMC does not scan the sensor.
        ScanningDisabled = "scanning_disabled",
        /// The BMC says that there is no such sensor.
        NotPresent = "not_present",
        /// Not possible in the present state, the host being off for instance.
        NotInThisState = "not_in_this_state",
        /// The account may not read it.
        Privilege = "privilege",
        /// The BMC does not know the command, or has it switched off.
        NotSupported = "not_supported",
        /// The BMC is busy, starting or being updated.
        Busy = "busy",
        /// The BMC has no space left.
        OutOfSpace = "out_of_space",
        /// What is behind the BMC did not answer it.
        BmcTimeout = "bmc_timeout",
        /// The BMC does not take the request as it is.
        InvalidRequest = "invalid_request",
        /// The BMC refused for a reason of its own.
        Other = "other",
        /// No answer.
        Timeout = "timeout",
        /// Host or port unreachable.
        Unreachable = "unreachable",
        /// The session was lost.
        SessionLost = "session_lost",
        /// The sensor belongs to another controller, which may not be asked.
        NotBridged = "not_bridged",
        /// The answer is malformed.
        Malformed = "malformed",
        /// The sensor gives no number.
        NotAnalog = "not_analog",
        /// The sensor's conversion differs from reading to reading and is not known.
        NonLinear = "non_linear",
        /// The conversion gives no finite number.
        NotFinite = "not_finite",
        /// The poll's time was over before it was this sensor's turn.
        Deadline = "deadline",
        /// It failed several times in a row, and is only tried now and then.
        BackOff = "back_off",
        /// HTTP status 500: of the source that exists in tests alone.
        #[cfg(test)]
        HttpStatus = "http_status",
    }
}

impl ReadFailure {
    /// Whether asking on in every poll costs the BMC, or the other sensors, more than it is worth.
    pub(crate) fn is_costly(self) -> bool {
        match self {
            Self::NotPresent
            | Self::Privilege
            | Self::NotSupported
            | Self::Busy
            | Self::OutOfSpace
            | Self::BmcTimeout
            | Self::InvalidRequest
            | Self::Other
            | Self::Timeout
            | Self::Malformed => true,
            Self::Unavailable
            | Self::ScanningDisabled
            | Self::NotInThisState
            | Self::Unreachable
            | Self::SessionLost
            | Self::NotBridged
            | Self::NotAnalog
            | Self::NonLinear
            | Self::NotFinite
            | Self::Deadline
            | Self::BackOff => false,
            #[cfg(test)]
            Self::HttpStatus => false,
        }
    }
}
