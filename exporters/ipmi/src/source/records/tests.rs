//! The sensors of an HP server, and some that are odd.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::*;
use crate::outcome::ReadFailure;
use crate::sensor::list::SensorList;
use crate::sensor::{Reading, Sensor};
use crate::source::reasons;

/// A full record (IPMI 2.0 table 43-1) as bytes. Thresholds are raw: unr, uc, unc, lnr, lc, lnc.
pub(crate) struct Sdr {
    pub(crate) number: u8,
    pub(crate) name: &'static str,
    pub(crate) sensor_type: u8,
    pub(crate) event_type: u8,
    pub(crate) entity: u8,
    pub(crate) units_1: u8,
    pub(crate) base_unit: u8,
    pub(crate) m: u8,
    pub(crate) m_high: u8,
    pub(crate) exponent: i8,
    pub(crate) thresholds: [Option<u8>; 6],
}

impl Default for Sdr {
    fn default() -> Self {
        Self {
            number: 1,
            name: "",
            sensor_type: 1,
            event_type: 1,
            entity: 7,
            units_1: 0,
            base_unit: 1,
            m: 1,
            m_high: 0,
            exponent: 0,
            thresholds: [None; 6],
        }
    }
}

impl Sdr {
    pub(crate) fn records(&self) -> Vec<Record> {
        // The order of the mask's bits: lnc, lc, lnr, unc, uc, unr.
        let [unr, uc, unc, lnr, lc, lnc] = self.thresholds;
        let mask = [lnc, lc, lnr, unc, uc, unr].into_iter().enumerate();
        let readable = mask.map(|(bit, it)| u8::from(it.is_some()) << bit).sum::<u8>();
        let capabilities = if readable == 0 { 0 } else { 0x04 };
        let mut body = vec![0x20, 0, self.number, self.entity, 1, 0x7F, capabilities];
        body.extend([self.sensor_type, self.event_type, 0, 0, 0, 0, readable, 0]);
        body.extend([self.units_1, self.base_unit, 0, 0]);
        body.extend([self.m, self.m_high << 6, 0, 0, 0, self.exponent.cast_unsigned() << 4]);
        body.extend([0, 0, 0, 0, 0xFF, 0]);
        body.extend(self.thresholds.map(|it| it.unwrap_or(0)));
        body.extend([0, 0, 0, 0, 0]);
        body.push(0xC0 | u8::try_from(self.name.len()).unwrap());
        body.extend(self.name.bytes());
        let mut record = vec![1, 0, 0x51, 0x01, u8::try_from(body.len()).unwrap()];
        record.extend(body);
        Record::parse(&record)
    }

    fn sensor(&self) -> Sampled {
        let mut list = Listed::of(&self.records());
        Sampled { sensor: list.list.sensors.remove(0), record: list.asked.numbers.remove(0) }
    }
}

/// A sensor beside the record by which it is read.
struct Sampled {
    sensor: Sensor,
    record: FullSensor,
}

impl Sampled {
    fn reading(&self, raw: RawReading) -> Result<(f64, Option<Severity>), ReadingError> {
        value(&self.record, raw)
    }
}

/// A list of sensors as a BMC with these records gives it.
pub(crate) struct Listed {
    pub(crate) list: SensorList,
    asked: Asked,
}

impl Listed {
    pub(crate) fn of(records: &[Record]) -> Self {
        let limits = BTreeMap::new();
        let mut lister = Lister::new(&[], &limits);
        let asked = super::list(records, &mut lister);
        let list = SensorList { records: Some(records.len()), ..lister.finish(true) };
        Self { list, asked }
    }

    /// What a reply to Get Sensor Reading says of the sensor at `place`.
    pub(crate) fn read(&self, place: usize, reply: &[u8]) -> Result<Reading, ReadFailure> {
        let raw = RawReading::parse(reply).unwrap();
        let (value, severity) =
            value(&self.asked.numbers[place], raw).map_err(reasons::of_reading)?;
        let now = Instant::now();
        Ok(Reading { value, severity, asked: now, answered: now })
    }

    /// The names of the states of the discrete sensor at `place`.
    pub(crate) fn states(&self, place: usize, bits: u16) -> Box<[&'static str]> {
        self.asked.states[place].states(bits)
    }

    /// Those states, and what they say.
    pub(crate) fn asserted(&self, place: usize, bits: u16) -> Asserted {
        self.asked.states[place].asserted(bits, &Own::new())
    }
}

/// The drive sensor of the incident: 60 degrees warn, nothing else is there.
pub(crate) fn hd_max() -> Sdr {
    let thresholds = [None, None, Some(60), None, None, None];
    Sdr { number: 5, name: "05-HD Max", entity: 4, thresholds, ..Sdr::default() }
}

/// An iLO's fan: 0.392 % a count, of nothing in particular.
pub(crate) fn fan() -> Sdr {
    Sdr {
        number: 16,
        name: "Fan 1 DutyCycle",
        sensor_type: 4,
        entity: 0x1D,
        units_1: 1,
        base_unit: 0,
        m: 0x88,
        m_high: 1,
        exponent: -3,
        ..Sdr::default()
    }
}

fn raw(value: u8, status: u8) -> RawReading {
    RawReading::parse(&[value, 0xC0, status]).unwrap()
}

#[test]
fn a_drive_has_its_threshold_and_its_limit() {
    let drive = hd_max().sensor();
    let sensor = &drive.sensor;
    assert_eq!((sensor.known.id.as_str(), sensor.known.entity), ("32.0.5", Entity::Disk));
    assert_eq!((sensor.quantity, sensor.kind), (Quantity::Temperature, Kind::Measured));
    assert_eq!(sensor.thresholds, [(Level::UpperNonCritical, 60.0)]);
    assert_eq!(sensor.rise_limit, None);
    assert_eq!(drive.reading(raw(58, 0xC0)), Ok((58.0, Some(Severity::Nominal))));
    assert_eq!(drive.reading(raw(61, 0xC8)), Ok((61.0, Some(Severity::Warning))));
}

#[test]
fn thresholds_in_force_come_in_the_metrics_unit() {
    let in_force = Thresholds { upper_non_critical: Some(212.0), ..Thresholds::default() };
    let fahrenheit = Sdr { base_unit: 2, ..hd_max() }.sensor();
    assert_eq!(super::in_force(&fahrenheit.record, &in_force), [(Level::UpperNonCritical, 100.0)]);
}

#[test]
fn a_percentage_of_nothing_is_a_ratio_for_a_fan() {
    let fan = fan().sensor();
    assert_eq!(fan.sensor.quantity, Quantity::FanRatio);
    let (ratio, _) = fan.reading(raw(255, 0)).unwrap();
    assert!((ratio - 0.9996).abs() < 1e-9, "{ratio}");
    assert_eq!(fan.sensor.rise_limit, None);
}

#[test]
fn an_analog_value_of_a_discrete_sensor_is_read_and_has_no_state() {
    let fan = Sdr { event_type: 0x0A, ..fan() }.sensor();
    assert_eq!(fan.reading(raw(0, 2)), Ok((0.0, None)));
}

#[test]
fn the_unit_decides_the_metric() {
    let quantity = |sensor_type, base_unit| {
        Sdr { sensor_type, base_unit, ..Sdr::default() }.sensor().sensor.quantity
    };
    assert_eq!(quantity(4, 18), Quantity::FanSpeed);
    assert_eq!(quantity(2, 4), Quantity::Voltage);
    assert_eq!(quantity(3, 5), Quantity::Current);
    assert_eq!(quantity(0x0B, 6), Quantity::Power);
    assert_eq!(quantity(0x0B, 17), Quantity::Other("Other Units Based Sensor"));
    let percent = Sdr { units_1: 1, base_unit: 0, sensor_type: 8, ..Sdr::default() }.sensor();
    assert_eq!(percent.sensor.quantity, Quantity::Other("Power Supply"));
}

#[test]
fn other_scales_become_celsius() {
    let celsius = |base_unit, raw_value| {
        Sdr { base_unit, ..Sdr::default() }.sensor().reading(raw(raw_value, 0)).unwrap().0
    };
    assert!((celsius(2, 212) - 100.0).abs() < 1e-9);
    assert!((celsius(3, 0) + 273.15).abs() < 1e-9);
}

#[test]
fn a_reading_that_is_not_available_is_no_number() {
    let drive = hd_max().sensor();
    let reading = |flags| drive.reading(RawReading::parse(&[0, flags, 0xC0]).unwrap());
    assert_eq!(reading(0xE0), Err(ReadingError::Unavailable));
    assert_eq!(reading(0x80), Err(ReadingError::ScanningDisabled));
}

#[test]
fn the_entity_id_decides_and_the_name_helps_where_it_says_little() {
    for (entity, name, expected) in [
        (0x04, "05-HD Max", Entity::Disk),
        (0x41, "02-CPU", Entity::Cpu),
        (0x20, "03-P1 DIMM 1-2", Entity::Memory),
        (0x40, "01-Inlet Ambient", Entity::Inlet),
        (0x40, "Exhaust Temp", Entity::Exhaust),
        (0x07, "06-Chipset", Entity::Board),
        (0x07, "12-HD Max", Entity::Disk),
        (0x13, "07-VR P1", Entity::Psu),
        (0x0A, "PS 1 Input", Entity::Psu),
        (0x1D, "Fan 1 DutyCycle", Entity::Fan),
        (0x0B, "GPU 1", Entity::Other),
    ] {
        let sensor = Sdr { name, entity, ..Sdr::default() }.sensor().sensor;
        assert_eq!(sensor.known.entity, expected, "{entity:#04x} {name}");
    }
}

#[test]
fn equal_records_are_one_sensor_and_each_is_asked_by_its_own_record() {
    let inlet = |number| Sdr { number, name: "01-Inlet Ambient", ..Sdr::default() }.records();
    let listed = Listed::of(&[inlet(1), inlet(2), inlet(1), fan().records()].concat());
    let numbers: Vec<_> = listed.asked.numbers.iter().map(|record| record.id.number).collect();
    assert_eq!((numbers, listed.list.duplicates), (vec![1, 2, 16], 1));
    let ids: Vec<_> = listed.list.sensors.iter().map(|it| it.known.id.as_str()).collect();
    assert_eq!(ids, ["32.0.1", "32.0.2", "32.0.16"]);
}

#[test]
fn a_discrete_sensors_states_have_the_names_of_its_event_type() {
    let listed = |event_type, sensor_type| {
        Listed::of(&Sdr { sensor_type, event_type, ..Sdr::default() }.records())
    };
    assert!(listed(1, 1).list.discrete.is_empty());
    let drive = listed(0x6F, 0x0D);
    assert_eq!(*drive.states(0, 0b11), ["drive fault", "drive presence"]);
    assert!(drive.states(0, 0x8000).is_empty());
    assert_eq!(*listed(0x70, 0xC0).states(0, 0x4001), ["state 0", "state 14"]);
}
