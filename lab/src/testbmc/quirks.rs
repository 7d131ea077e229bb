//! The ways in which a real BMC misbehaves, each a switch. No I/O, no clock.

use std::collections::BTreeMap;
use std::time::Duration;

/// What is wrong with a BMC; nothing, by default.
#[derive(Clone, Debug, Default)]
pub struct Quirks {
    /// What is wrong with a sensor, by its number.
    pub sensors: BTreeMap<u8, SensorFault>,
    /// Most bytes that Get SDR gives; for more it answers 0xCA. None: 255.
    pub sdr_read_limit: Option<u8>,
    /// The completion code for a read of a whole record (0xFF bytes), e.g. 0xCA or 0xFF.
    pub whole_record: Option<u8>,
    /// A whole read of the last record is answered 0xC3 (timeout).
    pub last_record_times_out: bool,
    /// The count that Get SDR Repository Info tells instead of the true one.
    pub sdr_count: Option<u16>,
    /// The last record's successor is the first one.
    pub sdr_loops: bool,
    /// The time stamps of the repository are always zero.
    pub no_time_stamps: bool,
    /// The repository changes while it is being read.
    pub sdr_changes: Option<Changes>,
    /// A reply now and then comes late.
    pub late: Option<Late>,
    /// A reply now and then comes twice: each n-th.
    pub duplicated: Option<u32>,
    /// How the answer of another controller comes back.
    pub bridge: BridgeReply,
    /// What is wrong with another controller, by its address.
    pub controllers: BTreeMap<u8, ControllerFault>,
    /// How replies are filled up to whole blocks before they are encrypted.
    pub padding: Padding,
    /// The level that Open Session is answered with.
    pub open_session_level: OpenLevel,
    /// Dead and rebooting from one moment to the other, both since the start; sessions are lost.
    pub reboot: Option<(Duration, Duration)>,
    /// Forgets all sessions at that moment since the start, and goes on.
    pub sessions_lost_at: Option<Duration>,
}

/// The level that Open Session is answered with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OpenLevel {
    /// The one that is granted, as it should be.
    #[default]
    Granted,
    /// The one that was asked for, thus 0 for "the highest": `FreeIPMI` then needs `opensesspriv`.
    Echoed,
    /// Always 0.
    Zero,
}

/// How a reply is filled up to whole blocks of AES, 16 bytes with the padding's length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Padding {
    /// With as few bytes as do (IPMI 2.0 section 13.29).
    #[default]
    Least,
    /// With `16 - ((length + 1) & 0xF)` bytes, as OpenBMC's phosphor-net-ipmid reckons: 16 where none
    /// is needed.
    Phosphor,
    /// With as few bytes as do, all of them 0 where the specification has 1, 2, 3 and so on.
    Zeroes,
}

/// What is wrong with a sensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SensorFault {
    /// Readings take that long.
    Slow(Duration),
    /// Readings are refused with this code, e.g. 0xCE.
    Code(u8),
    /// Bit 5 of the reply: reading or state unavailable.
    Unavailable,
    /// Bit 6 of the reply is clear: scanning disabled.
    NotScanning,
}

/// How the answer of another controller comes back to the console that sent it a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BridgeReply {
    /// Send Message is acknowledged, the answer is a message of its own (IPMI 2.0 section 6.13).
    #[default]
    OwnMessage,
    /// The answer is the data of the reply to Send Message.
    Embedded,
}

/// What is wrong with another controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControllerFault {
    /// It never answers.
    Silent,
    /// Each of its answers takes that long.
    Slow(Duration),
    /// Its answers now and then come late.
    Late(Late),
    /// It refuses everything with this code, e.g. 0xC0 (busy).
    Code(u8),
    /// It answers under another address.
    AnswersAs(u8),
}

/// A repository that changes: the first record becomes the last, and all get new record IDs.
#[derive(Clone, Copy, Debug)]
pub struct Changes {
    /// After so many Get SDR requests.
    pub every: u32,
    /// So often in all.
    pub times: u32,
    /// Reservations stay valid, as they should not.
    pub keeps_reservation: bool,
}

/// Late replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Late {
    /// Each n-th reply inside a session, or of a controller.
    pub every: u32,
    /// That much later.
    pub by: Duration,
}
