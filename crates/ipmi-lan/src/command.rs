//! What can be asked of a BMC: a closed set that only reads. No I/O, no clock.

use crate::sensor::SensorId;

/// A request that reads. There is no variant that changes anything in the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command {
    /// Get Device ID (specification table 20-2).
    DeviceId,
    /// Get SDR Repository Info (table 33-3).
    SdrRepositoryInfo,
    /// Reserve SDR Repository (table 33-5): a ticket that ends when the repository changes.
    ReserveSdrRepository,
    /// Get SDR (table 33-6): part of a record.
    Sdr {
        /// Ticket from [`Command::ReserveSdrRepository`]; 0 where there is none.
        reservation: u16,
        /// Record ID; 0 is the first record.
        record_id: u16,
        /// First byte wanted.
        offset: u8,
        /// How many bytes are wanted.
        length: u8,
    },
    /// Get Sensor Reading (table 35-15). Only for sensors of the BMC.
    SensorReading(SensorId),
    /// Get Sensor Thresholds (table 35-9). Only for sensors of the BMC.
    SensorThresholds(SensorId),
}

impl Command {
    /// Network function and command number (specification appendix G).
    pub(crate) fn code(self) -> (u8, u8) {
        match self {
            Command::DeviceId => (NET_FN_APP, 0x01),
            Command::SdrRepositoryInfo => (NET_FN_STORAGE, 0x20),
            Command::ReserveSdrRepository => (NET_FN_STORAGE, 0x22),
            Command::Sdr { .. } => (NET_FN_STORAGE, 0x23),
            Command::SensorReading(_) => (NET_FN_SENSOR, 0x2D),
            Command::SensorThresholds(_) => (NET_FN_SENSOR, 0x27),
        }
    }

    /// The LUN of the BMC that is addressed.
    pub(crate) fn lun(self) -> u8 {
        match self {
            Command::SensorReading(id) | Command::SensorThresholds(id) => id.lun & 0x03,
            _ => 0,
        }
    }

    /// The request's data bytes.
    pub(crate) fn data(self) -> Vec<u8> {
        match self {
            Command::DeviceId | Command::SdrRepositoryInfo | Command::ReserveSdrRepository => {
                Vec::new()
            }
            Command::Sdr { reservation, record_id, offset, length } => {
                let [r0, r1] = reservation.to_le_bytes();
                let [i0, i1] = record_id.to_le_bytes();
                vec![r0, r1, i0, i1, offset, length]
            }
            Command::SensorReading(id) | Command::SensorThresholds(id) => vec![id.number],
        }
    }

    /// Whether the command may be sent to the BMC: a sensor of another owner may not.
    pub(crate) fn is_for_the_bmc(self) -> bool {
        match self {
            Command::SensorReading(id) | Command::SensorThresholds(id) => id.is_bmc(),
            _ => true,
        }
    }
}

/// Network function Sensor/Event.
const NET_FN_SENSOR: u8 = 0x04;
/// Network function App.
pub(crate) const NET_FN_APP: u8 = 0x06;
/// Network function Storage.
const NET_FN_STORAGE: u8 = 0x0A;
