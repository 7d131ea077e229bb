//! A sensor's number, its raw reading, and why there may be no value. No I/O, no clock.

use std::fmt;
use std::str::FromStr;

use crate::error::{CommandError, CompletionCode};
use crate::threshold::Level;

/// The slave address of the BMC itself.
pub const BMC_ADDRESS: u8 = 0x20;

/// What identifies a sensor for good: its owner's address, LUN and number (table 43-1, bytes 6 to 8).
///
/// Written `owner.lun.number` in decimal: `32.0.5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SensorId {
    /// Owner: a slave address (even) or a software ID (odd). The BMC is 0x20 = 32.
    pub owner: u8,
    /// The LUN of the owner that has the sensor, 0-3.
    pub lun: u8,
    /// Sensor number.
    pub number: u8,
}

impl SensorId {
    /// Whether the BMC itself owns the sensor. Any other owner has to be asked through a bridge.
    pub fn is_bmc(self) -> bool {
        self.owner == BMC_ADDRESS
    }
}

impl fmt::Display for SensorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{}.{}", self.owner, self.lun, self.number))
    }
}

/// A text that is not `owner.lun.number`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidSensorId;

impl fmt::Display for InvalidSensorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a sensor id: owner.lun.number in decimal, as in 32.0.5")
    }
}

impl std::error::Error for InvalidSensorId {}

impl FromStr for SensorId {
    type Err = InvalidSensorId;

    fn from_str(text: &str) -> Result<SensorId, InvalidSensorId> {
        let mut parts = text.split('.').map(|part| part.parse::<u8>().map_err(|_| InvalidSensorId));
        let mut next = || parts.next().unwrap_or(Err(InvalidSensorId));
        let id = SensorId { owner: next()?, lun: next()?, number: next()? };
        if parts.next().is_some() || id.lun > 3 { Err(InvalidSensorId) } else { Ok(id) }
    }
}

/// The reply to Get Sensor Reading, before any conversion (specification table 35-15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RawReading {
    /// The reading, in the format that the sensor's SDR tells.
    pub value: u8,
    /// Bit 5: the reading is not to be used now.
    pub unavailable: bool,
    /// Bit 6: the BMC scans the sensor.
    pub scanning: bool,
    /// Bit 7: the sensor may send event messages.
    pub events: bool,
    /// Comparison status (threshold sensors) or states 0-7 (discrete); `None` if not sent.
    pub status: Option<u8>,
    /// States 8-14 of a discrete sensor; `None` if not sent.
    pub more_status: Option<u8>,
}

impl RawReading {
    /// Decodes the reply's data (without completion code). At least two bytes must be there.
    pub fn parse(data: &[u8]) -> Result<RawReading, CommandError> {
        let [value, flags, ..] = *data else { return Err(CommandError::Malformed) };
        Ok(RawReading {
            value,
            unavailable: flags & 0x20 != 0,
            scanning: flags & 0x40 != 0,
            events: flags & 0x80 != 0,
            status: data.get(2).copied(),
            more_status: data.get(3).copied(),
        })
    }

    /// Whether the reading may be used at all.
    pub fn usable(&self) -> Result<(), ReadingError> {
        if self.unavailable {
            Err(ReadingError::Unavailable)
        } else if self.scanning {
            Ok(())
        } else {
            Err(ReadingError::ScanningDisabled)
        }
    }

    /// The states of a discrete sensor as a bit set, bits 0-14; `None` when not usable or not sent.
    pub fn discrete_states(&self) -> Option<u16> {
        self.usable().ok()?;
        let low = self.status?;
        Some(u16::from_le_bytes([low, self.more_status.unwrap_or(0) & 0x7F]))
    }

    /// How the BMC compares a threshold sensor's reading; `None` when not usable or not sent.
    pub fn threshold_state(&self) -> Option<ThresholdState> {
        self.usable().ok()?;
        let status = self.status?;
        let set = |level: Level| status & level.bit() != 0;
        let worst = [
            Level::UpperNonRecoverable,
            Level::LowerNonRecoverable,
            Level::UpperCritical,
            Level::LowerCritical,
            Level::UpperNonCritical,
            Level::LowerNonCritical,
        ]
        .into_iter()
        .find(|level| set(*level));
        Some(worst.map_or(ThresholdState::Nominal, ThresholdState::At))
    }
}

/// Where a reading stands among its thresholds, as the BMC says (table 35-15, byte 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ThresholdState {
    /// Within all thresholds.
    Nominal,
    /// At or beyond this threshold, the most severe one that is crossed.
    At(Level),
}

impl ThresholdState {
    /// The severity: 0 nominal, 1 warning, 2 critical.
    pub fn severity(self) -> Severity {
        match self {
            ThresholdState::Nominal => Severity::Nominal,
            ThresholdState::At(Level::LowerNonCritical | Level::UpperNonCritical) => {
                Severity::Warning
            }
            ThresholdState::At(_) => Severity::Critical,
        }
    }
}

/// How bad a state is; the discriminants are the values `ipmi_*_state` metrics carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Severity {
    /// Within all thresholds.
    Nominal = 0,
    /// Beyond a non-critical threshold.
    Warning = 1,
    /// Beyond a critical or non-recoverable threshold.
    Critical = 2,
}

/// Why a sensor has no value now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReadingError {
    /// The BMC says that the reading is not available now.
    Unavailable,
    /// The BMC does not scan the sensor.
    ScanningDisabled,
    /// The BMC says that there is no such sensor (0xCB).
    NotPresent,
    /// Not possible in the present state, the host being off for instance (0xD5).
    NotInThisState,
    /// The BMC refused with another completion code.
    Completion(CompletionCode),
    /// No answer.
    Timeout,
    /// Host or port unreachable.
    Unreachable,
    /// The session was lost.
    SessionLost,
    /// The sensor belongs to another controller.
    NotBridged,
    /// The answer is malformed.
    Malformed,
    /// The sensor gives no analog value.
    NotAnalog,
    /// The sensor's conversion differs from reading to reading; its factors were not asked for.
    NonLinear,
    /// The conversion gives no finite number (1/0, logarithm of 0).
    NotFinite,
}

impl ReadingError {
    /// The reason as a label value; of a refusal, what it means ([`crate::Refusal::as_str`]).
    pub fn as_str(self) -> &'static str {
        match self {
            ReadingError::Unavailable => "unavailable",
            ReadingError::ScanningDisabled => "scanning_disabled",
            ReadingError::NotPresent => "not_present",
            ReadingError::NotInThisState => "not_in_this_state",
            ReadingError::Completion(code) => code.refusal().as_str(),
            ReadingError::Timeout => "timeout",
            ReadingError::Unreachable => "unreachable",
            ReadingError::SessionLost => "session_lost",
            ReadingError::NotBridged => "not_bridged",
            ReadingError::Malformed => "malformed",
            ReadingError::NotAnalog => "not_analog",
            ReadingError::NonLinear => "non_linear",
            ReadingError::NotFinite => "not_finite",
        }
    }
}

impl From<CommandError> for ReadingError {
    fn from(error: CommandError) -> ReadingError {
        match error {
            CommandError::Timeout => ReadingError::Timeout,
            CommandError::Unreachable => ReadingError::Unreachable,
            CommandError::Completion(CompletionCode::NOT_PRESENT) => ReadingError::NotPresent,
            CommandError::Completion(CompletionCode::NOT_IN_THIS_STATE) => {
                ReadingError::NotInThisState
            }
            CommandError::Completion(code) => ReadingError::Completion(code),
            CommandError::Malformed => ReadingError::Malformed,
            CommandError::NotBridged => ReadingError::NotBridged,
            CommandError::SessionLost => ReadingError::SessionLost,
        }
    }
}

impl fmt::Display for ReadingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadingError::Completion(code) => write!(f, "completion code {code}"),
            other => f.write_str(&other.as_str().replace('_', " ")),
        }
    }
}

impl std::error::Error for ReadingError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(data: &[u8]) -> RawReading {
        RawReading::parse(data).unwrap()
    }

    #[test]
    fn an_id_is_written_in_decimal_and_read_back() {
        let id = SensorId { owner: 0x20, lun: 0, number: 5 };
        assert_eq!(id.to_string(), "32.0.5");
        assert_eq!("32.0.5".parse(), Ok(id));
        for wrong in ["", "5", "32.0", "32.0.5.1", "32.4.5", "300.0.5", "a.b.c", "32..5"] {
            assert_eq!(wrong.parse::<SensorId>(), Err(InvalidSensorId), "{wrong}");
        }
    }

    #[test]
    fn unavailable_and_unscanned_readings_are_not_usable() {
        assert_eq!(reading(&[24, 0xC0, 0]).usable(), Ok(()));
        assert_eq!(reading(&[0, 0xE0, 0]).usable(), Err(ReadingError::Unavailable));
        assert_eq!(reading(&[0, 0x80, 0]).usable(), Err(ReadingError::ScanningDisabled));
        assert_eq!(reading(&[0, 0xE0, 0x3F]).threshold_state(), None);
    }

    #[test]
    fn the_most_severe_threshold_is_the_state() {
        let state = |status| reading(&[0, 0xC0, status]).threshold_state().unwrap();
        assert_eq!(state(0xC0), ThresholdState::Nominal);
        assert_eq!(state(0x08), ThresholdState::At(Level::UpperNonCritical));
        assert_eq!(state(0x18), ThresholdState::At(Level::UpperCritical));
        assert_eq!(state(0x38), ThresholdState::At(Level::UpperNonRecoverable));
        assert_eq!(state(0x03), ThresholdState::At(Level::LowerCritical));
        assert_eq!(state(0x08).severity(), Severity::Warning);
        assert_eq!(state(0x38).severity(), Severity::Critical);
    }

    #[test]
    fn a_reply_without_status_has_no_state() {
        assert_eq!(reading(&[24, 0xC0]).threshold_state(), None);
        assert_eq!(RawReading::parse(&[24]), Err(CommandError::Malformed));
    }

    #[test]
    fn discrete_states_come_from_both_bytes() {
        assert_eq!(reading(&[0, 0xC0, 0x01, 0x82]).discrete_states(), Some(0x0201));
        assert_eq!(reading(&[0, 0xC0, 0x01]).discrete_states(), Some(0x0001));
    }
}
