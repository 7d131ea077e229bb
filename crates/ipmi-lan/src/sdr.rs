//! Sensor data records: what sensors a BMC has, and how to read them. No I/O, no clock.

use crate::conversion::{Conversion, Factors, Format, Linearization};
use crate::entity::Entity;
use crate::error::CommandError;
use crate::sensor::{BMC_ADDRESS, RawReading, ReadingError, SensorId, ThresholdState};
use crate::sensor_type::SensorType;
use crate::threshold::{RawThresholds, Thresholds};
use crate::unit::Unit;

pub mod fetch;
mod parse;
mod stamp;

pub use stamp::SdrStamp;

/// The reply to Get SDR Repository Info (specification table 33-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SdrRepositoryInfo {
    /// How many records there are, as the BMC says.
    pub record_count: u16,
    /// Free space in bytes; 0xFFFE means 64 KiB or more, 0xFFFF unspecified.
    pub free_space: u16,
    /// When a record was last added, in seconds of the BMC's clock since 1970.
    pub last_addition: u32,
    /// When records were last erased, in seconds of the BMC's clock since 1970.
    pub last_erase: u32,
    /// The operation support byte, as it came; bit 1 says that records can be reserved.
    pub operations: u8,
}

impl SdrRepositoryInfo {
    /// Decodes the reply's data (without completion code).
    pub fn parse(data: &[u8]) -> Result<SdrRepositoryInfo, CommandError> {
        let [_version, c0, c1, f0, f1, a0, a1, a2, a3, e0, e1, e2, e3, operations, ..] = *data
        else {
            return Err(CommandError::Malformed);
        };
        Ok(SdrRepositoryInfo {
            record_count: u16::from_le_bytes([c0, c1]),
            free_space: u16::from_le_bytes([f0, f1]),
            last_addition: u32::from_le_bytes([a0, a1, a2, a3]),
            last_erase: u32::from_le_bytes([e0, e1, e2, e3]),
            operations,
        })
    }
}

/// The reply to Get Device SDR Info (specification table 35-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeviceSdrInfo {
    /// How many records there are, on all LUNs.
    pub record_count: u8,
    /// Bit n: LUN n has sensors.
    pub luns: u8,
    /// The sensor population change indicator; `None` where sensors never come and go.
    pub population: Option<u32>,
}

impl DeviceSdrInfo {
    /// Decodes the data (without completion code) of the reply to the question for records.
    pub fn parse(data: &[u8]) -> Result<DeviceSdrInfo, CommandError> {
        let [record_count, flags, rest @ ..] = data else { return Err(CommandError::Malformed) };
        let population = rest.first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes));
        Ok(DeviceSdrInfo {
            record_count: *record_count,
            luns: flags & 0x0F,
            population: population.filter(|_| flags & 0x80 != 0),
        })
    }
}

/// The records that a BMC has of its own, beside its repository.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceSdrs {
    /// What the BMC said of them; `None` where it does not say.
    pub info: Option<DeviceSdrInfo>,
    /// The records by LUN and then in the BMC's order, shared ones expanded.
    pub records: Vec<Record>,
    /// How many records were read, before expansion.
    pub read: usize,
    /// Whether every record was read, as in [`SdrRepository::complete`].
    pub complete: bool,
}

/// What was read of a BMC's list of records: of its SDR repository, or of its device SDRs where it has
/// no other.
#[derive(Debug, Clone, PartialEq)]
pub struct SdrRepository {
    /// What the BMC said of the list when the reading began; `None` where it does not say.
    pub stamp: Option<SdrStamp>,
    /// The records in the BMC's order; a record that several sensors share is expanded into one
    /// per sensor.
    pub records: Vec<Record>,
    /// How many records were read, before expansion.
    pub read: usize,
    /// Whether every record was read, the list ended as it should, it is no shorter than the BMC
    /// said, and nothing changed meanwhile. An incomplete list must not replace a complete one.
    pub complete: bool,
}

impl SdrRepository {
    /// Whether there is a sensor in it.
    pub fn has_sensors(&self) -> bool {
        self.records.iter().any(|record| record.sensor_id().is_some())
    }
}

/// A sensor data record (specification §43).
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// Type 01h.
    Full(FullSensor),
    /// Type 02h.
    Compact(CompactSensor),
    /// Type 03h: a sensor that only sends events and cannot be read.
    EventOnly(EventOnlySensor),
    /// Type 11h.
    FruLocator(FruLocator),
    /// Type 12h.
    McLocator(McLocator),
    /// Type 08h or 09h.
    EntityAssociation(EntityAssociation),
    /// Any other type, an OEM's for instance, and records too short for their type.
    Other(RawRecord),
}

impl Record {
    /// The sensor's identity, if the record describes a sensor.
    pub fn sensor_id(&self) -> Option<SensorId> {
        match self {
            Record::Full(sensor) => Some(sensor.id),
            Record::Compact(sensor) => Some(sensor.id),
            Record::EventOnly(sensor) => Some(sensor.id),
            _ => None,
        }
    }

    /// The name in the record, if its type has one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Record::Full(sensor) => Some(&sensor.name),
            Record::Compact(sensor) => Some(&sensor.name),
            Record::EventOnly(sensor) => Some(&sensor.name),
            Record::FruLocator(locator) => Some(&locator.name),
            Record::McLocator(locator) => Some(&locator.name),
            Record::EntityAssociation(_) | Record::Other(_) => None,
        }
    }
}

/// A sensor with an analog reading or thresholds: record type 01h (specification table 43-1).
#[derive(Debug, Clone, PartialEq)]
pub struct FullSensor {
    /// The record's ID. It may change whenever the repository does: no identity.
    pub record_id: u16,
    /// The sensor's identity.
    pub id: SensorId,
    /// The channel of an owner that is not the BMC.
    pub channel: u8,
    /// The sensor's name.
    pub name: String,
    /// What it senses.
    pub sensor_type: SensorType,
    /// Event/reading type: 0x01 threshold, 0x02-0x0C generic discrete, 0x6F sensor-specific.
    pub event_type: u8,
    /// What it is attached to.
    pub entity: Entity,
    /// The unit of its value.
    pub unit: Unit,
    /// How the raw reading becomes a value.
    pub conversion: Conversion,
    /// The thresholds of the record in the sensor's unit; the BMC's present ones may differ
    /// ([`FullSensor::convert_thresholds`]).
    pub thresholds: Thresholds<f64>,
    /// The value in normal operation, if the record has one, in the sensor's unit.
    pub nominal: Option<f64>,
    /// Hysteresis as raw counts: how far a reading must come back below an upper threshold
    /// (positive-going), and above a lower one (negative-going).
    pub hysteresis: Hysteresis,
}

/// Hysteresis in raw counts, 0 for none: of a record (table 43-1, bytes 43 and 44) or in force (table
/// 35-7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hysteresis {
    /// Positive-going threshold hysteresis.
    pub positive: u8,
    /// Negative-going threshold hysteresis.
    pub negative: u8,
}

impl FullSensor {
    /// The sensor's value in its unit, or why there is none.
    pub fn value(&self, reading: &RawReading) -> Result<f64, ReadingError> {
        reading.usable()?;
        self.conversion.value(reading.value)
    }

    /// The value by the factors that the BMC gave for this raw reading: what a non-linear sensor
    /// needs (specification §36.5).
    pub fn value_by_factors(
        &self,
        reading: &RawReading,
        factors: &Factors,
    ) -> Result<f64, ReadingError> {
        reading.usable()?;
        let linear = Linearization::Linear;
        Conversion { linearization: linear, factors: *factors, ..self.conversion }
            .value(reading.value)
    }

    /// Whether the factors differ from reading to reading.
    pub fn is_non_linear(&self) -> bool {
        matches!(self.conversion.linearization, Linearization::NonLinear(_))
    }

    /// Where the reading stands among the thresholds, as the BMC says; `None` for a sensor without
    /// threshold states, or when the reading cannot be used.
    pub fn state(&self, reading: &RawReading) -> Option<ThresholdState> {
        if self.is_threshold() { reading.threshold_state() } else { None }
    }

    /// Thresholds in the sensor's unit from raw ones; those that are no number are left out.
    pub fn convert_thresholds(&self, raw: &RawThresholds) -> Thresholds<f64> {
        Thresholds::from_levels(|level| self.conversion.value(raw.get(level)?).ok())
    }

    /// Whether the sensor is one of thresholds (event/reading type 01h).
    pub fn is_threshold(&self) -> bool {
        self.event_type == 0x01
    }

    /// Whether readings of the sensor are numbers.
    pub fn is_analog(&self) -> bool {
        self.conversion.format != Format::NotAnalog
    }
}

/// A sensor with states and no analog value: record type 02h (specification table 43-2).
#[derive(Debug, Clone, PartialEq)]
pub struct CompactSensor {
    /// The record's ID; the same for all sensors that share a record.
    pub record_id: u16,
    /// The sensor's identity.
    pub id: SensorId,
    /// The channel of an owner that is not the BMC.
    pub channel: u8,
    /// The sensor's name, with its suffix where a record is shared.
    pub name: String,
    /// What it senses.
    pub sensor_type: SensorType,
    /// Event/reading type: 0x01 threshold, 0x02-0x0C generic discrete, 0x6F sensor-specific.
    pub event_type: u8,
    /// What it is attached to.
    pub entity: Entity,
    /// The unit.
    pub unit: Unit,
}

impl CompactSensor {
    /// The states as a bit set, bits 0-14; `None` when the reading cannot be used.
    pub fn states(&self, reading: &RawReading) -> Option<u16> {
        reading.discrete_states()
    }

    /// Where the reading stands among the thresholds; `None` for a discrete sensor.
    pub fn state(&self, reading: &RawReading) -> Option<ThresholdState> {
        if self.event_type == 0x01 { reading.threshold_state() } else { None }
    }
}

/// A sensor that only sends events: record type 03h (specification table 43-3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventOnlySensor {
    /// The record's ID.
    pub record_id: u16,
    /// The sensor's identity.
    pub id: SensorId,
    /// The sensor's name, with its suffix where a record is shared.
    pub name: String,
    /// What it senses.
    pub sensor_type: SensorType,
    /// Event/reading type.
    pub event_type: u8,
    /// What it is attached to.
    pub entity: Entity,
}

/// Where a FRU's inventory is: record type 11h (specification table 43-7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FruLocator {
    /// The record's ID.
    pub record_id: u16,
    /// Slave address of the controller through which it is read.
    pub access_address: u8,
    /// FRU device ID (logical devices) or slave address.
    pub device: u8,
    /// Whether `device` is a FRU device ID behind a controller.
    pub logical: bool,
    /// LUN of the controller.
    pub lun: u8,
    /// Channel of the controller.
    pub channel: u8,
    /// What it is the inventory of.
    pub entity: Entity,
    /// The device's name.
    pub name: String,
}

impl FruLocator {
    /// Whether the BMC itself reads the inventory, by the number [`FruLocator::device`].
    pub fn is_at_the_bmc(&self) -> bool {
        self.logical && self.access_address == BMC_ADDRESS && self.lun == 0
    }
}

/// Another management controller: record type 12h (specification table 43-8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct McLocator {
    /// The record's ID.
    pub record_id: u16,
    /// Slave address.
    pub address: u8,
    /// Channel.
    pub channel: u8,
    /// Device capabilities, as they came.
    pub capabilities: u8,
    /// What it is part of.
    pub entity: Entity,
    /// The controller's name.
    pub name: String,
}

/// What contains what: record types 08h and 09h (specification tables 43-4 and 43-5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityAssociation {
    /// The record's ID.
    pub record_id: u16,
    /// The container.
    pub container: Entity,
    /// Whether `contained` gives ranges (pairs of first and last) instead of single entities.
    pub ranges: bool,
    /// Up to four contained entities, or two ranges.
    pub contained: Vec<Entity>,
}

/// A record as it came, behind the header of table 43-1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRecord {
    /// The record's ID.
    pub record_id: u16,
    /// The record's type; 0xC0 is an OEM's.
    pub record_type: u8,
    /// The bytes after the five-byte header.
    pub body: Vec<u8>,
}
