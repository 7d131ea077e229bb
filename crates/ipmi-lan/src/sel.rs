//! The system event log: its size, and its records. No I/O, no clock.

use crate::error::CommandError;
use crate::sensor_type::SensorType;
use crate::states;

pub mod fetch;

/// The reply to Get SEL Info (specification table 31-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SelInfo {
    /// How many records there are.
    pub entries: u16,
    /// Free space in bytes; 0xFFFF means 65,535 or more. A record takes 16.
    pub free_bytes: u16,
    /// When a record was last added.
    pub last_addition: SelTime,
    /// When records were last erased.
    pub last_erase: SelTime,
    /// The operation support byte, as it came; bit 7 is [`SelInfo::overflowed`].
    pub operations: u8,
}

impl SelInfo {
    /// Decodes the reply's data (without completion code).
    pub fn parse(data: &[u8]) -> Result<SelInfo, CommandError> {
        let [_version, c0, c1, f0, f1, a0, a1, a2, a3, e0, e1, e2, e3, operations, ..] = *data
        else {
            return Err(CommandError::Malformed);
        };
        Ok(SelInfo {
            entries: u16::from_le_bytes([c0, c1]),
            free_bytes: u16::from_le_bytes([f0, f1]),
            last_addition: SelTime::parse([a0, a1, a2, a3]),
            last_erase: SelTime::parse([e0, e1, e2, e3]),
            operations,
        })
    }

    /// Whether events were lost for lack of space.
    pub fn overflowed(&self) -> bool {
        self.operations & 0x80 != 0
    }
}

/// A time in the BMC's clock (specification §37).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SelTime {
    /// The BMC does not know.
    Unspecified,
    /// Seconds since the BMC started: its clock was not set.
    SinceStart(u32),
    /// Seconds since 1970. Which time zone is up to who set the clock; mostly UTC.
    Clock(u32),
}

impl SelTime {
    fn parse(bytes: [u8; 4]) -> SelTime {
        match u32::from_le_bytes(bytes) {
            u32::MAX => SelTime::Unspecified,
            seconds @ 0..=0x2000_0000 => SelTime::SinceStart(seconds),
            seconds => SelTime::Clock(seconds),
        }
    }
}

/// The reply to Get SEL Entry (specification table 31-5).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SelEntry {
    /// The ID of the record after this one; 0xFFFF when this is the last.
    pub next: u16,
    /// The record.
    pub record: SelRecord,
}

impl SelEntry {
    /// Decodes the reply's data (without completion code).
    pub fn parse(data: &[u8]) -> Result<SelEntry, CommandError> {
        let Some(([n0, n1], record)) = data.split_first_chunk::<2>() else {
            return Err(CommandError::Malformed);
        };
        let record = record.first_chunk::<16>().ok_or(CommandError::Malformed)?;
        Ok(SelEntry { next: u16::from_le_bytes([*n0, *n1]), record: SelRecord::parse(record) })
    }
}

/// A record of the log (specification §32).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SelRecord {
    /// Type 02h (specification table 32-1).
    Event(SelEvent),
    /// Types `0xC0` to `0xDF` (table 32-2): an OEM's, with a time.
    OemTimestamped {
        /// Record ID.
        record_id: u16,
        /// Record type.
        record_type: u8,
        /// When.
        time: SelTime,
        /// The maker's IANA enterprise number.
        manufacturer_id: u32,
        /// The OEM's data.
        data: [u8; 6],
    },
    /// Types `0xE0` to `0xFF` (table 32-3), and types the specification does not define.
    Other {
        /// Record ID.
        record_id: u16,
        /// Record type.
        record_type: u8,
        /// The bytes after the type.
        data: [u8; 13],
    },
}

impl SelRecord {
    /// Decodes a record.
    pub fn parse(record: &[u8; 16]) -> SelRecord {
        let [i0, i1, record_type, data @ ..] = *record;
        let record_id = u16::from_le_bytes([i0, i1]);
        let [t0, t1, t2, t3, body @ ..] = data;
        let time = SelTime::parse([t0, t1, t2, t3]);
        match record_type {
            0x02 => SelRecord::Event(SelEvent::parse(record_id, time, body)),
            0xC0..=0xDF => {
                let [m0, m1, m2, data @ ..] = body;
                let manufacturer_id = u32::from_le_bytes([m0, m1, m2, 0]);
                SelRecord::OemTimestamped { record_id, record_type, time, manufacturer_id, data }
            }
            _ => SelRecord::Other { record_id, record_type, data },
        }
    }

    /// The record's ID.
    pub fn record_id(&self) -> u16 {
        match self {
            SelRecord::Event(event) => event.record_id,
            SelRecord::OemTimestamped { record_id, .. } | SelRecord::Other { record_id, .. } => {
                *record_id
            }
        }
    }
}

/// Who logged an event (table 32-1, "generator ID").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Generator {
    /// A controller.
    Controller {
        /// Its slave address; 0x20 is the BMC.
        address: u8,
        /// The channel it is on.
        channel: u8,
        /// Its LUN.
        lun: u8,
    },
    /// Software: BIOS, operating system, management software.
    Software {
        /// Software ID (table 5-4).
        id: u8,
    },
}

/// A system event (specification table 32-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SelEvent {
    /// Record ID.
    pub record_id: u16,
    /// When.
    pub time: SelTime,
    /// Who says so.
    pub generator: Generator,
    /// Format of the event message; 04h in IPMI 1.5 and 2.0.
    pub revision: u8,
    /// What the sensor senses.
    pub sensor_type: SensorType,
    /// The sensor's number at the generator.
    pub sensor_number: u8,
    /// Whether the state ended, instead of having begun.
    pub deasserted: bool,
    /// Event/reading type: 0x01 threshold, 0x02-0x0C generic discrete, 0x6F sensor-specific.
    pub event_type: u8,
    /// The three bytes of event data.
    pub data: [u8; 3],
}

impl SelEvent {
    fn parse(record_id: u16, time: SelTime, body: [u8; 9]) -> SelEvent {
        let [owner, owner_lun, revision, sensor_type, sensor_number, kind, d1, d2, d3] = body;
        let generator = if owner & 0x01 == 0 {
            Generator::Controller { address: owner, channel: owner_lun >> 4, lun: owner_lun & 3 }
        } else {
            Generator::Software { id: owner >> 1 }
        };
        SelEvent {
            record_id,
            time,
            generator,
            revision,
            sensor_type: SensorType(sensor_type),
            sensor_number,
            deasserted: kind & 0x80 != 0,
            event_type: kind & 0x7F,
            data: [d1, d2, d3],
        }
    }

    /// Which state of the sensor the event is about.
    pub fn state(&self) -> u8 {
        self.data[0] & 0x0F
    }

    /// The state's name (specification tables 42-2 and 42-3); `None` for an OEM's.
    pub fn state_name(&self) -> Option<&'static str> {
        states::name(self.event_type, self.sensor_type, self.state())
    }

    /// The raw reading that triggered a threshold event, if it is in the record (table 29-6).
    pub fn trigger_reading(&self) -> Option<u8> {
        (self.event_type == 0x01 && self.data[0] >> 6 == 1).then_some(self.data[1])
    }

    /// The raw threshold that was crossed, if it is in the record (table 29-6).
    pub fn trigger_threshold(&self) -> Option<u8> {
        (self.event_type == 0x01 && (self.data[0] >> 4) & 0x03 == 1).then_some(self.data[2])
    }
}

/// What was read of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sel {
    /// What the BMC said of the log when the reading began.
    pub info: SelInfo,
    /// The records, in the BMC's order.
    pub records: Vec<SelRecord>,
    /// Whether the end of the log was reached; else there is more than was asked for, or an entry
    /// could not be read.
    pub complete: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(bytes: [u8; 16]) -> SelEvent {
        match SelRecord::parse(&bytes) {
            SelRecord::Event(event) => event,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_threshold_event_carries_reading_and_threshold() {
        let event = event([7, 0, 2, 0, 0, 0, 0x60, 0x20, 0, 4, 1, 5, 0x01, 0x59, 61, 60]);
        assert_eq!((event.record_id, event.time), (7, SelTime::Clock(0x6000_0000)));
        assert_eq!(event.generator, Generator::Controller { address: 0x20, channel: 0, lun: 0 });
        assert_eq!((event.trigger_reading(), event.trigger_threshold()), (Some(61), Some(60)));
        assert_eq!(event.state_name(), Some("upper critical going high"));
        assert!(!event.deasserted);
    }

    #[test]
    fn a_discrete_event_carries_neither() {
        let event = event([8, 0, 2, 9, 0, 0, 0, 0x41, 0, 4, 8, 0x31, 0xEF, 0x03, 0xFF, 0xFF]);
        assert_eq!(event.time, SelTime::SinceStart(9));
        assert_eq!(event.generator, Generator::Software { id: 0x20 });
        assert!(event.deasserted);
        assert_eq!((event.trigger_reading(), event.trigger_threshold()), (None, None));
        assert_eq!(event.state_name(), Some("power supply input lost (AC/DC)"));
    }

    #[test]
    fn oem_records_are_kept_as_they_came() {
        let mut bytes = [0x11; 16];
        bytes[2] = 0xC5;
        let expected = SelRecord::OemTimestamped {
            record_id: 0x1111,
            record_type: 0xC5,
            time: SelTime::SinceStart(0x1111_1111),
            manufacturer_id: 0x0011_1111,
            data: [0x11; 6],
        };
        assert_eq!(SelRecord::parse(&bytes), expected);
        for record_type in [0x00, 0x03, 0xBF, 0xE0, 0xFF] {
            bytes[2] = record_type;
            let expected = SelRecord::Other { record_id: 0x1111, record_type, data: [0x11; 13] };
            assert_eq!(SelRecord::parse(&bytes), expected);
            assert_eq!(expected.record_id(), 0x1111);
        }
    }

    #[test]
    fn every_shorter_reply_is_malformed() {
        for length in 0..18 {
            assert_eq!(SelEntry::parse(&vec![2; length]), Err(CommandError::Malformed));
        }
        for length in 0..14 {
            assert_eq!(SelInfo::parse(&vec![2; length]), Err(CommandError::Malformed));
        }
        let info = SelInfo::parse(&[0x51, 3, 0, 0xD0, 3, 255, 255, 255, 255, 0, 0, 0, 0, 0x82]);
        let info = info.unwrap();
        assert_eq!((info.entries, info.free_bytes), (3, 976));
        assert_eq!(info.last_addition, SelTime::Unspecified);
        assert!(info.overflowed());
    }
}
