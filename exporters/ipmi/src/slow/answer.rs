//! The answers to the slow questions. No I/O, no clock.

use std::sync::Arc;

use crate::journal::Summary;
use crate::sensor::Severity;

/// The answer to a question.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// To [`Question::Power`](super::Question::Power).
    Power(Power),
    /// To [`Question::Log`](super::Question::Log).
    Log(Log),
    /// To [`Question::Watts`](super::Question::Watts).
    Watts(Watts),
    /// To [`Question::Who`](super::Question::Who).
    Who(Arc<Who>),
    /// To [`Question::Events`](super::Question::Events).
    Events(Arc<Summary>),
    /// To [`Question::Watchdog`](super::Question::Watchdog).
    Watchdog(Watchdog),
    /// To [`Question::LanMode`](super::Question::LanMode): 0 a port of its own, 1 one of the machine's,
    /// 2 either.
    LanMode(u8),
    /// To [`Question::Parts`](super::Question::Parts).
    Parts(Arc<Parts>),
    /// To [`Question::States`](super::Question::States); `None` while they cannot be read.
    States(Option<Asserted>),
}

/// The states of a discrete sensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asserted {
    /// The name of the sensor's type.
    pub(crate) sensor_type: &'static str,
    /// Those that hold, each once, in the order of their names.
    pub(crate) states: Box<[&'static str]>,
    /// What they say of the machine; `None` where nobody knows.
    pub(crate) severity: Option<Severity>,
    /// The state that says so; `None` where all is well.
    pub(crate) worst: Option<&'static str>,
    /// What is grave of it was read before too, if anything is.
    pub(crate) is_confirmed: bool,
}

/// Whether the machine is on, and what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "facts, none of which follows from another")]
pub(crate) struct Power {
    /// The machine is on.
    pub(crate) is_on: bool,
    /// Its main power has a fault, or cannot be switched.
    pub(crate) main_fault: bool,
    /// A drive has a fault.
    pub(crate) drive_fault: bool,
    /// The cooling has a fault.
    pub(crate) cooling_fault: bool,
    /// The chassis is open.
    pub(crate) intrusion: bool,
    /// Why it was last started; `None` where the BMC does not say.
    pub(crate) restart_cause: Option<&'static str>,
}

/// How full the event log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    /// Entries in it.
    pub(crate) entries: u32,
    /// Space left, bytes; `None` where nobody says.
    pub(crate) free_bytes: Option<u32>,
    /// When an entry was last added, seconds since the epoch by the BMC's clock; `None` while that is
    /// not set.
    pub(crate) last_entry: Option<u32>,
}

/// The power of the whole machine.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Watts {
    /// What it draws; `None` while that is not measured.
    pub(crate) drawn: Option<Drawn>,
    /// The limit that holds it, watts; `None` where there is none.
    pub(crate) limit: Option<f64>,
}

/// Power in watts, over the time that the BMC looks back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Drawn {
    /// Now.
    pub(crate) now: f64,
    /// The least.
    pub(crate) least: f64,
    /// The most.
    pub(crate) most: f64,
    /// The mean.
    pub(crate) average: f64,
}

/// The watchdog timer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Watchdog {
    /// It runs.
    pub(crate) is_running: bool,
    /// Its expiry is logged.
    pub(crate) logs: bool,
    /// What it is used for, of [`Watchdog::USES`]; `None` for nothing that has a name.
    pub(crate) used_for: Option<&'static str>,
    /// What happens when it expires, of [`Watchdog::ACTIONS`].
    pub(crate) action: Option<&'static str>,
    /// What happens before, of [`Watchdog::INTERRUPTS`].
    pub(crate) interrupt: Option<&'static str>,
    /// So long before its expiry the interrupt comes, seconds.
    pub(crate) pretimeout: f64,
    /// From where it counts down, seconds.
    pub(crate) initial: f64,
    /// What is left, seconds; `None` where the BMC does not tell.
    pub(crate) left: Option<f64>,
}

impl Watchdog {
    /// What it can be used for, by the names that `ipmi_exporter` has.
    pub(crate) const USES: [&'static str; 5] =
        ["BIOS FRB2", "BIOS POST", "OS LOAD", "SMS/OS", "OEM"];
    /// What can happen when it expires.
    pub(crate) const ACTIONS: [&'static str; 4] =
        ["None", "Hard Reset", "Power Down", "Power Cycle"];
    /// What can happen before.
    pub(crate) const INTERRUPTS: [&'static str; 4] =
        ["None", "SMI", "NMI / Diagnostic Interrupt", "Messaging Interrupt"];
}

/// Who made the BMC, its firmware, and the system that it belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Who {
    /// As in `2.70`.
    pub(crate) firmware: Box<str>,
    /// The maker, with its IANA enterprise number where the source tells one, as in `Dell Inc. (674)`.
    pub(crate) manufacturer: Box<str>,
    /// The product, by the maker's own number.
    pub(crate) product: Box<str>,
    /// The version of the system's firmware, mostly the BIOS; `None` where the BMC does not know.
    pub(crate) system_firmware: Option<Box<str>>,
    /// The URL of the BMC's own pages.
    pub(crate) url: Option<Box<str>>,
    /// The machine's GUID, as SMBIOS writes it.
    pub(crate) guid: Option<Box<str>>,
}

/// The parts of a machine that have an inventory of their own (FRU), as far as they were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    /// Those that say something.
    pub(crate) parts: Vec<Part>,
    /// All were read.
    pub(crate) is_whole: bool,
}

/// What a part says that it is. A text that it does not have is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    /// Its number at the BMC; 0 is the machine's own.
    pub(crate) id: u8,
    /// As the BMC calls it.
    pub(crate) name: Box<str>,
    /// Who made the board.
    pub(crate) board_maker: Box<str>,
    /// The board's name.
    pub(crate) board: Box<str>,
    /// The board's part number.
    pub(crate) board_number: Box<str>,
    /// Who sells it.
    pub(crate) maker: Box<str>,
    /// The product's name.
    pub(crate) product: Box<str>,
    /// The product's part or model number.
    pub(crate) number: Box<str>,
    /// The product's version.
    pub(crate) version: Box<str>,
    /// Serial numbers of chassis, board and product, where the config wants them.
    pub(crate) serials: Option<[Box<str>; 3]>,
    /// What a power supply can give, watts.
    pub(crate) capacity: Option<u16>,
}
