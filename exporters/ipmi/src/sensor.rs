//! From SDR records and raw readings to what is exported of a sensor. No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ipmi_lan::conversion::Factors;
use ipmi_lan::sdr::{FullSensor, Record};
use ipmi_lan::sensor::{RawReading, ReadingError, Severity, ThresholdState};
use ipmi_lan::threshold::{Level, Thresholds};
use ipmi_lan::{SensorId, SensorType, Unit, UnitCode, states};

use crate::entity::Entity;
use crate::inventory::Known;
use crate::slew;

/// What a BMC's SDR repository says, as far as it is exported.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sensors {
    /// The sensors that are read, in the order of the repository.
    pub read: Vec<Sensor>,
    /// Those that have states instead of thresholds, among them some that are read.
    pub discrete: Vec<Discrete>,
    /// Every sensor, also those without a number to read.
    pub known: Vec<Arc<Known>>,
    /// Records that describe a sensor that an earlier record describes too.
    pub duplicates: usize,
}

/// A sensor that is read.
#[derive(Clone, Debug, PartialEq)]
pub struct Sensor {
    /// Its number, owner and LUN.
    pub id: SensorId,
    /// Its identity and labels.
    pub known: Arc<Known>,
    /// What it measures; decides the metric.
    pub quantity: Quantity,
    /// Its thresholds, in the metric's unit.
    pub thresholds: Vec<(Level, f64)>,
    /// For a temperature: the fastest that its part can rise, degrees Celsius per second.
    pub rise_limit: Option<f64>,
    /// Its record.
    pub record: FullSensor,
}

/// A sensor with states.
#[derive(Clone, Debug, PartialEq)]
pub struct Discrete {
    /// Its number, owner and LUN.
    pub id: SensorId,
    /// The channel of an owner that is not the BMC.
    pub channel: u8,
    /// Its identity and labels.
    pub known: Arc<Known>,
    event_type: u8,
    sensor_type: SensorType,
}

/// What a sensor measures, and so the metric and the unit that its value has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Degrees Celsius.
    Temperature,
    /// Revolutions per minute.
    FanSpeed,
    /// A share of a fan's full speed, 0 to 1.
    FanRatio,
    /// Volts.
    Voltage,
    /// Amperes.
    Current,
    /// Watts.
    Power,
    /// A number in the sensor's own unit, with the sensor type's name (IPMI 2.0 table 42-3).
    Other(&'static str),
}

/// One value of a sensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// In the unit of the sensor's [`Quantity`]; finite.
    pub value: f64,
    /// What the BMC holds of it; `None` for a sensor without thresholds' states.
    pub severity: Option<Severity>,
}

impl Sensors {
    /// Sorts the records of a repository. `excluded` holds ids and names of sensors to leave out,
    /// `rise_limits` the config's own limits by name or entity.
    pub fn of(
        records: &[Record],
        excluded: &[String],
        rise_limits: &BTreeMap<String, f64>,
    ) -> Self {
        let mut sensors = Self::default();
        let mut seen = BTreeSet::new();
        for record in records {
            let (id, name, entity) = match record {
                Record::Full(it) => (it.id, &it.name, it.entity),
                Record::Compact(it) => (it.id, &it.name, it.entity),
                _ => continue,
            };
            let known = Arc::new(Known {
                id: id.to_string(),
                name: name.clone(),
                entity: Entity::of(entity.id, name),
            });
            if excluded.contains(&known.id) || excluded.contains(&known.name) {
                continue;
            }
            if !seen.insert((known.id.clone(), known.name.clone())) {
                sensors.duplicates += 1;
                continue;
            }
            sensors.known.push(Arc::clone(&known));
            sensors.discrete.extend(Discrete::of(record, &known));
            if let Record::Full(record) = record
                && record.is_analog()
            {
                sensors.read.push(Sensor::new(record.clone(), known, rise_limits));
            }
        }
        // Kept as long as the machine is polled.
        sensors.read.shrink_to_fit();
        sensors.discrete.shrink_to_fit();
        sensors.known.shrink_to_fit();
        sensors
    }
}

impl Sensor {
    fn new(record: FullSensor, known: Arc<Known>, rise_limits: &BTreeMap<String, f64>) -> Self {
        let quantity = Quantity::of(record.unit, record.sensor_type);
        let configured = rise_limits.get(&known.name).or(rise_limits.get(known.entity.as_str()));
        let limit = || configured.copied().or_else(|| slew::limit(known.entity, &known.name));
        let rise_limit = if quantity == Quantity::Temperature { limit() } else { None };
        let thresholds = thresholds(quantity, &record, &record.thresholds);
        Self { id: record.id, known, quantity, thresholds, rise_limit, record }
    }

    /// The value of a raw reading, or why there is none.
    pub fn reading(&self, raw: RawReading) -> Result<Reading, ReadingError> {
        let value = self.quantity.in_base_unit(self.record.value(&raw)?, self.record.unit);
        let severity = self.record.state(&raw).map(ThresholdState::severity);
        Ok(Reading { value, severity })
    }

    /// The value of a non-linear sensor's raw reading, by the factors the BMC gave for it.
    pub fn reading_by_factors(
        &self,
        raw: RawReading,
        factors: &Factors,
    ) -> Result<Reading, ReadingError> {
        let value = self.record.value_by_factors(&raw, factors)?;
        let value = self.quantity.in_base_unit(value, self.record.unit);
        Ok(Reading { value, severity: self.record.state(&raw).map(ThresholdState::severity) })
    }

    /// Takes the thresholds that the BMC has in force, in the record's unit; they may differ from
    /// the record's. A BMC that names none says nothing of those of the record.
    pub fn take_thresholds(&mut self, in_force: &Thresholds<f64>) {
        if in_force.iter().next().is_some() {
            self.thresholds = thresholds(self.quantity, &self.record, in_force);
        }
    }
}

impl Discrete {
    fn of(record: &Record, known: &Arc<Known>) -> Option<Self> {
        let (id, channel, event_type, sensor_type) = match record {
            Record::Full(it) => (it.id, it.channel, it.event_type, it.sensor_type),
            Record::Compact(it) => (it.id, it.channel, it.event_type, it.sensor_type),
            _ => return None,
        };
        let known = Arc::clone(known);
        (event_type != THRESHOLD).then_some(Self { id, channel, known, event_type, sensor_type })
    }

    /// The names of the states that are set in `bits`, each once: those of IPMI 2.0 tables 42-2 and
    /// 42-3 for the sensor's event type, `state N` where these name none.
    pub fn states(&self, bits: u16) -> BTreeSet<&'static str> {
        let names = states::names(self.event_type, self.sensor_type, bits);
        names.map(|(offset, name)| name.unwrap_or(UNNAMED[usize::from(offset)])).collect()
    }
}

/// Event/reading type of sensors with thresholds (IPMI 2.0 table 42-1).
const THRESHOLD: u8 = 0x01;

/// States that only the maker can name.
const UNNAMED: [&str; 15] = [
    "state 0", "state 1", "state 2", "state 3", "state 4", "state 5", "state 6", "state 7",
    "state 8", "state 9", "state 10", "state 11", "state 12", "state 13", "state 14",
];

fn thresholds(
    quantity: Quantity,
    record: &FullSensor,
    thresholds: &Thresholds<f64>,
) -> Vec<(Level, f64)> {
    let in_base_unit = |(level, value)| (level, quantity.in_base_unit(value, record.unit));
    thresholds.iter().map(in_base_unit).collect()
}

impl Quantity {
    fn of(unit: Unit, sensor_type: SensorType) -> Self {
        if unit.modifier.is_some() || unit.rate.is_some() {
            return Self::Other(sensor_type.name());
        }
        match (unit.percentage, unit.base) {
            // iLO's fans: a percentage of nothing in particular.
            (true, UnitCode::RPM | UnitCode::UNSPECIFIED) if sensor_type == SensorType::FAN => {
                Self::FanRatio
            }
            (false, UnitCode::RPM) => Self::FanSpeed,
            (false, UnitCode::CELSIUS | UnitCode::FAHRENHEIT | UnitCode::KELVIN) => {
                Self::Temperature
            }
            (false, UnitCode::VOLTS) => Self::Voltage,
            (false, UnitCode::AMPERES) => Self::Current,
            (false, UnitCode::WATTS) => Self::Power,
            _ => Self::Other(sensor_type.name()),
        }
    }

    fn in_base_unit(self, value: f64, unit: Unit) -> f64 {
        match (self, unit.base) {
            (Self::FanRatio, _) => value / 100.0,
            (Self::Temperature, UnitCode::FAHRENHEIT) => (value - 32.0) / 1.8,
            (Self::Temperature, UnitCode::KELVIN) => value - 273.15,
            _ => value,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
