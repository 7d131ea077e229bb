//! The ways in which a real BMC misbehaves, each a switch. No I/O, no clock.

use std::collections::BTreeMap;
use std::time::Duration;

/// What is wrong with a BMC; nothing, by default.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
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
    /// The last record names a successor, which is refused with this code.
    pub sdr_unended: Option<u8>,
    /// How the BMC has no SDR repository, or not all of it.
    pub repository: RepositoryFault,
    /// How much more is given than was asked of a record.
    pub sdr_gives: SdrGives,
    /// By how much the length byte of each sensor's record is wrong.
    pub record_length: i8,
    /// Names have a length, and say nothing of their encoding.
    pub bare_names: bool,
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
    /// Open Session is answered with suite 3, whatever was asked.
    pub answers_suite_3: bool,
    /// Open Session that asks for a suite that is not spoken is not answered.
    pub silent_about_suites: bool,
    /// What refusals of a log-in leave out.
    pub refusals: Refusals,
    /// How long Open Session takes, and what asks for the capabilities before it, one after the other.
    pub open_takes: Duration,
    /// How long each message of RAKP takes, one after the other.
    pub rakp_takes: Duration,
    /// RAKP 1 that comes again is answered with another random number.
    pub rakp_forgets: bool,
    /// The minor firmware revision as it is sent, instead of the device's in BCD.
    pub firmware_minor: Option<u8>,
    /// Get Sensor Thresholds calls four thresholds readable that are all 0.
    pub zero_thresholds: bool,
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

/// How a BMC has no SDR repository, or not all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RepositoryFault {
    /// It has one.
    #[default]
    None,
    /// Everything about it is refused with this code, e.g. 0xC1.
    Refused(u8),
    /// Get SDR Repository Info is refused with this code.
    InfoRefused(u8),
    /// Reserve SDR Repository is refused with this code; parts of records are given without.
    ReserveRefused(u8),
    /// Nothing about it is answered at all.
    Silent,
}

/// How much Get SDR gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SdrGives {
    /// What was asked for.
    #[default]
    Asked,
    /// So many bytes more, which are no part of the record.
    Junk(u8),
    /// The rest of the record.
    Rest,
    /// The record from its start on.
    Whole,
}

/// What a refusal of a log-in leaves out: it is 0 there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Refusals {
    /// Nothing.
    #[default]
    Whole,
    /// The message tag.
    NoTag,
    /// The console's session ID.
    NoSession,
    /// Both, as OpenBMC's phosphor-net-ipmid does.
    Nobody,
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
    /// With as few bytes as do, all of them 0 where the specification has 1, 2, 3 and so on; the
    /// session trailer's padding and next header are 0, too.
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
