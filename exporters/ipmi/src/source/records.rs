//! From SDR records and raw readings to sensors and values in words that hold for every source. No I/O,
//! no clock.

use std::collections::BTreeSet;

use ipmi_lan::conversion::Factors;
use ipmi_lan::sdr::{FullSensor, Record};
use ipmi_lan::sensor::{self, RawReading, ReadingError, ThresholdState};
use ipmi_lan::threshold::{self, Thresholds};
use ipmi_lan::{SensorId, SensorType, Unit, UnitCode, states};

use super::interpretation::{self, Own};
use crate::entity::Entity;
use crate::sensor::list::Lister;
use crate::sensor::{Kind, Level, Quantity, Severity};
use crate::slow::Asserted;

/// Event/reading type of sensors with thresholds (IPMI 2.0 table 42-1).
const THRESHOLD: u8 = 0x01;

/// How the sensors of a list are asked for, each by its place there.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Asked {
    /// Of those that are read: their records, without the names.
    pub(super) numbers: Vec<FullSensor>,
    /// Of those that have states.
    pub(super) states: Vec<Discrete>,
    /// The parts with an inventory that the BMC reads itself: their numbers and names.
    pub(super) parts: Vec<(u8, Box<str>)>,
}

/// So many parts have their inventories read; real machines have forty.
const MOST_PARTS: usize = 64;

/// How the states of a discrete sensor are asked for and named.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Discrete {
    pub(super) id: SensorId,
    /// The channel of an owner that is not the BMC.
    pub(super) channel: u8,
    event_type: u8,
    sensor_type: SensorType,
}

/// Takes the sensors of a repository into `lister`.
pub(super) fn list(records: &[Record], lister: &mut Lister<'_>) -> Asked {
    let mut asked = Asked::default();
    for record in records {
        let (id, name, entity) = match record {
            Record::Full(it) => (it.id, &it.name, it.entity),
            Record::Compact(it) => (it.id, &it.name, it.entity),
            Record::FruLocator(it) if it.is_at_the_bmc() => {
                if asked.parts.len() < MOST_PARTS && asked.parts.iter().all(|at| at.0 != it.device)
                {
                    asked.parts.push((it.device, it.name.as_str().into()));
                }
                continue;
            }
            _ => continue,
        };
        let Some(known) = lister.sensor(&id.to_string(), name, entity_of(entity.id)) else {
            continue;
        };
        if let Some(discrete) = Discrete::of(record) {
            lister.discrete(known.clone(), discrete.sensor_type.name());
            asked.states.push(discrete);
        }
        if let Record::Full(record) = record
            && record.is_analog()
        {
            let quantity = quantity(record.unit, record.sensor_type);
            let kind = Kind::by_name(quantity, &known.name);
            lister.number(known, quantity, kind, in_force(record, &record.thresholds));
            // The name is remembered once, and that with the sensor's identity.
            asked.numbers.push(FullSensor { name: String::new(), ..record.clone() });
        }
    }
    asked.numbers.shrink_to_fit();
    asked.states.shrink_to_fit();
    asked.parts.shrink_to_fit();
    asked
}

/// The class of part by entity id (IPMI 2.0 table 43-13).
pub(crate) fn entity_of(id: u8) -> Entity {
    match id {
        0x04 | 0x0F | 0x1A => Entity::Disk,
        0x03 | 0x09 | 0x41 => Entity::Cpu,
        0x08 | 0x20 => Entity::Memory,
        0x37 | 0x40 => Entity::Inlet,
        0x07 | 0x0C | 0x0D | 0x10 | 0x11 | 0x12 | 0x42 => Entity::Board,
        0x0A | 0x0E | 0x13 | 0x14 | 0x15 => Entity::Psu,
        0x1D | 0x1E => Entity::Fan,
        _ => Entity::Other,
    }
}

/// The value of a raw reading, and what the BMC holds of it.
pub(super) fn value(
    record: &FullSensor,
    raw: RawReading,
) -> Result<(f64, Option<Severity>), ReadingError> {
    Ok((in_base_unit(record, record.value(&raw)?), severity(record, raw)))
}

/// The value of a non-linear sensor's raw reading, by the factors the BMC gave for it.
pub(super) fn value_by_factors(
    record: &FullSensor,
    raw: RawReading,
    factors: &Factors,
) -> Result<(f64, Option<Severity>), ReadingError> {
    let value = record.value_by_factors(&raw, factors)?;
    Ok((in_base_unit(record, value), severity(record, raw)))
}

/// A sensor's thresholds in the unit of its metric.
pub(super) fn in_force(record: &FullSensor, thresholds: &Thresholds<f64>) -> Vec<(Level, f64)> {
    thresholds.iter().map(|(at, value)| (level(at), in_base_unit(record, value))).collect()
}

fn severity(record: &FullSensor, raw: RawReading) -> Option<Severity> {
    record.state(&raw).map(ThresholdState::severity).map(|severity| match severity {
        sensor::Severity::Nominal => Severity::Nominal,
        sensor::Severity::Warning => Severity::Warning,
        sensor::Severity::Critical => Severity::Critical,
    })
}

fn level(level: threshold::Level) -> Level {
    match level {
        threshold::Level::LowerNonRecoverable => Level::LowerNonRecoverable,
        threshold::Level::LowerCritical => Level::LowerCritical,
        threshold::Level::LowerNonCritical => Level::LowerNonCritical,
        threshold::Level::UpperNonCritical => Level::UpperNonCritical,
        threshold::Level::UpperCritical => Level::UpperCritical,
        threshold::Level::UpperNonRecoverable => Level::UpperNonRecoverable,
    }
}

impl Discrete {
    fn of(record: &Record) -> Option<Self> {
        let (id, channel, event_type, sensor_type) = match record {
            Record::Full(it) => (it.id, it.channel, it.event_type, it.sensor_type),
            Record::Compact(it) => (it.id, it.channel, it.event_type, it.sensor_type),
            _ => return None,
        };
        (event_type != THRESHOLD).then_some(Self { id, channel, event_type, sensor_type })
    }

    /// The names of the states that are set in `bits`, each once: those of IPMI 2.0 tables 42-2 and
    /// 42-3 for the sensor's event type, `state N` where these name none.
    fn states(self, bits: u16) -> Box<[&'static str]> {
        let states = states::names(self.event_type, self.sensor_type, bits);
        states.map(|(offset, _)| self.state(offset)).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The name of the state at an offset.
    fn state(self, offset: u8) -> &'static str {
        let name = states::name(self.event_type, self.sensor_type, offset);
        name.unwrap_or(UNNAMED[usize::from(offset)])
    }

    /// The states that are set in `bits`, and what they say, `own` being the config's own word on that.
    pub(super) fn asserted(self, bits: u16, own: &Own) -> Asserted {
        let said = interpretation::severity(self.event_type, self.sensor_type, bits, own);
        Asserted {
            sensor_type: self.sensor_type.name(),
            states: self.states(bits),
            severity: said.map(|(severity, _)| severity),
            worst: said.and_then(|(_, offset)| offset).map(|offset| self.state(offset)),
            is_confirmed: false,
        }
    }
}

/// States that only the maker can name.
const UNNAMED: [&str; 15] = [
    "state 0", "state 1", "state 2", "state 3", "state 4", "state 5", "state 6", "state 7",
    "state 8", "state 9", "state 10", "state 11", "state 12", "state 13", "state 14",
];

fn quantity(unit: Unit, sensor_type: SensorType) -> Quantity {
    if unit.modifier.is_some() || unit.rate.is_some() {
        return Quantity::Other(sensor_type.name());
    }
    match (unit.percentage, unit.base) {
        // iLO's fans: a percentage of nothing in particular.
        (true, UnitCode::RPM | UnitCode::UNSPECIFIED) if sensor_type == SensorType::FAN => {
            Quantity::FanRatio
        }
        (false, UnitCode::RPM) => Quantity::FanSpeed,
        (false, UnitCode::CELSIUS | UnitCode::FAHRENHEIT | UnitCode::KELVIN) => {
            Quantity::Temperature
        }
        (false, UnitCode::VOLTS) => Quantity::Voltage,
        (false, UnitCode::AMPERES) => Quantity::Current,
        (false, UnitCode::WATTS) => Quantity::Power,
        _ => Quantity::Other(sensor_type.name()),
    }
}

fn in_base_unit(record: &FullSensor, value: f64) -> f64 {
    let unit = record.unit;
    match (quantity(unit, record.sensor_type), unit.base) {
        (Quantity::FanRatio, _) => value / 100.0,
        (Quantity::Temperature, UnitCode::FAHRENHEIT) => (value - 32.0) / 1.8,
        (Quantity::Temperature, UnitCode::KELVIN) => value - 273.15,
        _ => value,
    }
}

#[cfg(test)]
pub(crate) mod tests;
