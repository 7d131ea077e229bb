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
    /// Get Sensor Hysteresis (table 35-7). Only for sensors of the BMC.
    SensorHysteresis(SensorId),
    /// Get Sensor Event Status (table 35-14). Only for sensors of the BMC.
    SensorEventStatus(SensorId),
    /// Get Sensor Reading Factors (table 35-5): the factors that hold for one raw reading of a
    /// non-linear sensor. Only for sensors of the BMC.
    SensorReadingFactors {
        /// The sensor.
        id: SensorId,
        /// The raw reading.
        reading: u8,
    },
    /// A question about a sensor of another controller, by Send Message (§22.7). Only with
    /// [`crate::Options::bridge_sensors`].
    Bridged {
        /// The channel of the sensor's owner, as its record tells; 0 is the IPMB.
        channel: u8,
        /// The sensor. Its owner is neither the BMC nor software.
        id: SensorId,
        /// What is asked.
        query: SensorQuery,
    },
    /// Get Device SDR Info (table 35-2): whether and on which LUNs the BMC has records of its own.
    DeviceSdrInfo,
    /// Reserve Device SDR Repository (table 35-4).
    ReserveDeviceSdrRepository {
        /// The LUN, 0-3.
        lun: u8,
    },
    /// Get Device SDR (table 35-3): part of a record.
    DeviceSdr {
        /// The LUN, 0-3.
        lun: u8,
        /// Ticket from [`Command::ReserveDeviceSdrRepository`]; 0 where there is none.
        reservation: u16,
        /// Record ID; 0 is the first record.
        record_id: u16,
        /// First byte wanted.
        offset: u8,
        /// How many bytes are wanted.
        length: u8,
    },
    /// Get Self Test Results (§20.4).
    SelfTestResults,
    /// Get System GUID (§22.14).
    SystemGuid,
    /// Get Chassis Status (table 28-3).
    ChassisStatus,
    /// Get System Restart Cause (table 28-11).
    RestartCause,
    /// Get Watchdog Timer (table 27-7).
    WatchdogTimer,
    /// Get System Info Parameters (table 22-16c): part of a text about the system.
    SystemInfo {
        /// Which text: 1 the system's firmware version, 6 the BMC's URL (table 22-16d).
        parameter: u8,
        /// Which part, from 0 on.
        set: u8,
    },
    /// Which of its ports a BMC of Supermicro uses (its own command; the data only ask).
    SupermicroLanMode,
    /// Get SEL Info (table 31-2).
    SelInfo,
    /// Get SEL Entry (table 31-5): a whole record.
    SelEntry {
        /// Record ID; 0 is the oldest record, 0xFFFF the newest.
        record_id: u16,
    },
    /// Get FRU Inventory Area Info (table 34-2).
    FruInfo {
        /// FRU device ID; 0 is the BMC's own.
        device: u8,
    },
    /// Read FRU Data (table 34-3).
    FruData {
        /// FRU device ID.
        device: u8,
        /// First byte or word wanted.
        offset: u16,
        /// How many bytes or words are wanted.
        count: u8,
    },
    /// Get DCMI Capabilities Info (DCMI 1.5 table 6-2).
    DcmiCapabilities {
        /// Which parameter: 1 supported capabilities, 5 enhanced power statistics (table 6-3).
        parameter: u8,
    },
    /// Get Power Reading (DCMI 1.5 §6.6.1).
    DcmiPowerReading,
    /// Get Power Limit (DCMI 1.5 §6.6.2).
    DcmiPowerLimit,
    /// Get Temperature Readings (DCMI 1.5 §6.7.3).
    DcmiTemperatures {
        /// Entity ID: 0x40 inlet, 0x41 processor, 0x42 baseboard.
        entity: u8,
        /// The first instance wanted, from 1 on.
        start: u8,
    },
}

/// What can be asked about a sensor of another controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SensorQuery {
    /// Get Sensor Reading (table 35-15).
    Reading,
    /// Get Sensor Thresholds (table 35-9).
    Thresholds,
    /// Get Sensor Hysteresis (table 35-7).
    Hysteresis,
    /// Get Sensor Event Status (table 35-14).
    EventStatus,
    /// Get Sensor Reading Factors (table 35-5) for a raw reading.
    Factors(u8),
}

impl SensorQuery {
    fn number(self) -> u8 {
        match self {
            SensorQuery::Factors(_) => 0x23,
            SensorQuery::Hysteresis => 0x25,
            SensorQuery::Thresholds => 0x27,
            SensorQuery::EventStatus => 0x2B,
            SensorQuery::Reading => 0x2D,
        }
    }

    fn data(self, sensor: u8) -> Vec<u8> {
        match self {
            SensorQuery::Factors(reading) => vec![sensor, reading],
            // The second byte is reserved for a mask and must be FFh.
            SensorQuery::Hysteresis => vec![sensor, 0xFF],
            SensorQuery::Thresholds | SensorQuery::EventStatus | SensorQuery::Reading => {
                vec![sensor]
            }
        }
    }
}

/// Where a bridged request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bridge {
    pub(crate) channel: u8,
    pub(crate) address: u8,
}

impl Command {
    /// The sensor that is asked and what about it, if a sensor is asked.
    fn sensor_query(self) -> Option<(SensorId, SensorQuery)> {
        match self {
            Command::SensorReading(id) => Some((id, SensorQuery::Reading)),
            Command::SensorThresholds(id) => Some((id, SensorQuery::Thresholds)),
            Command::SensorHysteresis(id) => Some((id, SensorQuery::Hysteresis)),
            Command::SensorEventStatus(id) => Some((id, SensorQuery::EventStatus)),
            Command::SensorReadingFactors { id, reading } => {
                Some((id, SensorQuery::Factors(reading)))
            }
            Command::Bridged { id, query, .. } => Some((id, query)),
            _ => None,
        }
    }

    /// Network function and command number (specification appendix G).
    pub(crate) fn code(self) -> (u8, u8) {
        match self {
            Command::DeviceId => (NET_FN_APP, 0x01),
            Command::SelfTestResults => (NET_FN_APP, 0x04),
            Command::SystemGuid => (NET_FN_APP, 0x37),
            Command::ChassisStatus => (NET_FN_CHASSIS, 0x01),
            Command::RestartCause => (NET_FN_CHASSIS, 0x07),
            Command::WatchdogTimer => (NET_FN_APP, 0x25),
            Command::SystemInfo { .. } => (NET_FN_APP, 0x59),
            Command::SupermicroLanMode => (NET_FN_OEM, 0x70),
            Command::FruInfo { .. } => (NET_FN_STORAGE, 0x10),
            Command::FruData { .. } => (NET_FN_STORAGE, 0x11),
            Command::SdrRepositoryInfo => (NET_FN_STORAGE, 0x20),
            Command::ReserveSdrRepository => (NET_FN_STORAGE, 0x22),
            Command::Sdr { .. } => (NET_FN_STORAGE, 0x23),
            Command::SelInfo => (NET_FN_STORAGE, 0x40),
            Command::SelEntry { .. } => (NET_FN_STORAGE, 0x43),
            Command::DeviceSdrInfo => (NET_FN_SENSOR, 0x20),
            Command::DeviceSdr { .. } => (NET_FN_SENSOR, 0x21),
            Command::ReserveDeviceSdrRepository { .. } => (NET_FN_SENSOR, 0x22),
            Command::SensorReading(_) => (NET_FN_SENSOR, SensorQuery::Reading.number()),
            Command::SensorThresholds(_) => (NET_FN_SENSOR, SensorQuery::Thresholds.number()),
            Command::SensorHysteresis(_) => (NET_FN_SENSOR, SensorQuery::Hysteresis.number()),
            Command::SensorEventStatus(_) => (NET_FN_SENSOR, SensorQuery::EventStatus.number()),
            Command::SensorReadingFactors { .. } => {
                (NET_FN_SENSOR, SensorQuery::Factors(0).number())
            }
            Command::Bridged { query, .. } => (NET_FN_SENSOR, query.number()),
            Command::DcmiCapabilities { .. } => (NET_FN_GROUP, 0x01),
            Command::DcmiPowerReading => (NET_FN_GROUP, 0x02),
            Command::DcmiPowerLimit => (NET_FN_GROUP, 0x03),
            Command::DcmiTemperatures { .. } => (NET_FN_GROUP, 0x10),
        }
    }

    /// The LUN that is addressed.
    pub(crate) fn lun(self) -> u8 {
        match self {
            Command::ReserveDeviceSdrRepository { lun } | Command::DeviceSdr { lun, .. } => {
                lun & 0x03
            }
            _ => self.sensor_query().map_or(0, |(id, _)| id.lun & 0x03),
        }
    }

    /// The request's data bytes.
    pub(crate) fn data(self) -> Vec<u8> {
        if let Some((id, query)) = self.sensor_query() {
            return query.data(id.number);
        }
        match self {
            Command::Sdr { reservation, record_id, offset, length }
            | Command::DeviceSdr { reservation, record_id, offset, length, .. } => {
                let [r0, r1] = reservation.to_le_bytes();
                let [i0, i1] = record_id.to_le_bytes();
                vec![r0, r1, i0, i1, offset, length]
            }
            // 1: the number of records, not of sensors.
            Command::DeviceSdrInfo => vec![1],
            // No reservation is needed for whole records: from byte 0 on, everything.
            Command::SelEntry { record_id } => {
                let [low, high] = record_id.to_le_bytes();
                vec![0, 0, low, high, 0, 0xFF]
            }
            Command::FruInfo { device } => vec![device],
            Command::FruData { device, offset, count } => {
                let [low, high] = offset.to_le_bytes();
                vec![device, low, high, count]
            }
            Command::DcmiCapabilities { parameter } => vec![DCMI_GROUP, parameter],
            // Mode 1: system power statistics.
            Command::DcmiPowerReading => vec![DCMI_GROUP, 1, 0, 0],
            Command::DcmiPowerLimit => vec![DCMI_GROUP, 0, 0],
            // The parameter itself, not its revision alone; no block.
            Command::SystemInfo { parameter, set } => vec![0, parameter, set, 0],
            // 0: tell; 1 would set.
            Command::SupermicroLanMode => vec![0x0C, 0],
            // Sensor type 1: temperature; instance 0: all of them.
            Command::DcmiTemperatures { entity, start } => vec![DCMI_GROUP, 1, entity, 0, start],
            _ => Vec::new(),
        }
    }

    /// The controller behind the BMC that the command is for, if it is for one.
    pub(crate) fn bridge(self) -> Option<Bridge> {
        match self {
            Command::Bridged { channel, id, .. } => {
                Some(Bridge { channel: channel & 0x0F, address: id.owner })
            }
            _ => None,
        }
    }

    /// Whether the command may be sent: not to the BMC for a sensor of another owner, and over a
    /// bridge only to another controller (software IDs are odd).
    pub(crate) fn may_be_sent(self, bridge_sensors: bool) -> bool {
        match self {
            Command::Bridged { id, .. } => {
                bridge_sensors && !id.is_bmc() && id.owner.is_multiple_of(2)
            }
            _ => self.sensor_query().is_none_or(|(id, _)| id.is_bmc()),
        }
    }
}

/// Network function Chassis.
const NET_FN_CHASSIS: u8 = 0x00;
/// Network function Sensor/Event.
const NET_FN_SENSOR: u8 = 0x04;
/// Network function App.
pub(crate) const NET_FN_APP: u8 = 0x06;
/// Network function Storage.
const NET_FN_STORAGE: u8 = 0x0A;
/// Network function that makers use as they please.
const NET_FN_OEM: u8 = 0x30;
/// Network function Group Extension.
const NET_FN_GROUP: u8 = 0x2C;
/// The group extension that is DCMI's, first byte of every request and reply.
pub(crate) const DCMI_GROUP: u8 = 0xDC;
