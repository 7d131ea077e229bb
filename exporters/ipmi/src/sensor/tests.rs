//! The sensors of an HP server, and some that are odd.

use super::*;

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

    fn sensor(&self) -> Sensor {
        let mut sensors = Sensors::of(&self.records(), &[], &BTreeMap::new());
        sensors.read.remove(0)
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
    let sensor = hd_max().sensor();
    assert_eq!((sensor.known.id.as_str(), sensor.known.entity), ("32.0.5", Entity::Disk));
    assert_eq!(sensor.quantity, Quantity::Temperature);
    assert_eq!(sensor.thresholds, [(Level::UpperNonCritical, 60.0)]);
    assert_eq!(sensor.rise_limit, Some(0.5));
    let nominal = Some(Severity::Nominal);
    assert_eq!(sensor.reading(raw(58, 0xC0)), Ok(Reading { value: 58.0, severity: nominal }));
    let warning = Some(Severity::Warning);
    assert_eq!(sensor.reading(raw(61, 0xC8)), Ok(Reading { value: 61.0, severity: warning }));
}

#[test]
fn a_threshold_that_was_changed_on_the_bmc_is_the_one_in_force() {
    let mut sensor = hd_max().sensor();
    let in_force = Thresholds { upper_non_critical: Some(55.0), ..Thresholds::default() };
    sensor.take_thresholds(&in_force);
    assert_eq!(sensor.thresholds, [(Level::UpperNonCritical, 55.0)]);
    sensor.take_thresholds(&Thresholds::default());
    assert_eq!(sensor.thresholds, [(Level::UpperNonCritical, 55.0)]);
}

#[test]
fn a_percentage_of_nothing_is_a_ratio_for_a_fan() {
    let sensor = fan().sensor();
    assert_eq!(sensor.quantity, Quantity::FanRatio);
    let ratio = sensor.reading(raw(255, 0)).unwrap().value;
    assert!((ratio - 0.9996).abs() < 1e-9, "{ratio}");
    assert_eq!(sensor.rise_limit, None);
}

#[test]
fn an_analog_value_of_a_discrete_sensor_is_read_and_has_no_state() {
    let sensor = Sdr { event_type: 0x0A, ..fan() }.sensor();
    assert_eq!(sensor.reading(raw(0, 2)), Ok(Reading { value: 0.0, severity: None }));
}

#[test]
fn the_unit_decides_the_metric() {
    let quantity =
        |sensor_type, base_unit| Sdr { sensor_type, base_unit, ..Sdr::default() }.sensor().quantity;
    assert_eq!(quantity(4, 18), Quantity::FanSpeed);
    assert_eq!(quantity(2, 4), Quantity::Voltage);
    assert_eq!(quantity(3, 5), Quantity::Current);
    assert_eq!(quantity(0x0B, 6), Quantity::Power);
    assert_eq!(quantity(0x0B, 17), Quantity::Other("Other Units Based Sensor"));
    let percent = Sdr { units_1: 1, base_unit: 0, sensor_type: 8, ..Sdr::default() }.sensor();
    assert_eq!(percent.quantity, Quantity::Other("Power Supply"));
}

#[test]
fn other_scales_become_celsius() {
    let value = |base_unit, raw_value| {
        Sdr { base_unit, ..Sdr::default() }.sensor().reading(raw(raw_value, 0)).unwrap().value
    };
    assert!((value(2, 212) - 100.0).abs() < 1e-9);
    assert!((value(3, 0) + 273.15).abs() < 1e-9);
}

#[test]
fn a_reading_that_is_not_available_is_no_number() {
    let sensor = hd_max().sensor();
    let reading = |flags| sensor.reading(RawReading::parse(&[0, flags, 0xC0]).unwrap());
    assert_eq!(reading(0xE0), Err(ReadingError::Unavailable));
    assert_eq!(reading(0x80), Err(ReadingError::ScanningDisabled));
}

#[test]
fn equal_names_are_two_sensors_and_equal_records_are_one() {
    let inlet = |number| Sdr { number, name: "01-Inlet Ambient", ..Sdr::default() }.records();
    let records = [inlet(1), inlet(2), inlet(1)].concat();
    let sensors = Sensors::of(&records, &[], &BTreeMap::new());
    let ids: Vec<_> = sensors.known.iter().map(|known| known.id.as_str()).collect();
    assert_eq!((ids, sensors.duplicates), (vec!["32.0.1", "32.0.2"], 1));
}

#[test]
fn a_sensor_is_excluded_by_id_or_by_name() {
    let records = [hd_max().records(), fan().records()].concat();
    let names = |excluded: &str| {
        let sensors = Sensors::of(&records, &[excluded.to_owned()], &BTreeMap::new());
        sensors.known.iter().map(|known| known.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names("32.0.5"), ["Fan 1 DutyCycle"]);
    assert_eq!(names("Fan 1 DutyCycle"), ["05-HD Max"]);
    assert_eq!(names("32.0.99").len(), 2);
}

#[test]
fn a_limit_of_the_config_goes_before_the_class() {
    let limit = |limits: &[(&str, f64)]| {
        let limits = limits.iter().map(|(part, limit)| ((*part).to_owned(), *limit)).collect();
        Sensors::of(&hd_max().records(), &[], &limits).read.remove(0).rise_limit
    };
    assert_eq!(limit(&[("disk", 0.2)]), Some(0.2));
    assert_eq!(limit(&[("disk", 0.2), ("05-HD Max", 3.0)]), Some(3.0));
    assert_eq!(limit(&[("cpu", 9.0)]), Some(0.5));
}

#[test]
fn a_discrete_sensors_states_have_the_names_of_its_event_type() {
    let discrete = |event_type, sensor_type| {
        let records = Sdr { sensor_type, event_type, ..Sdr::default() }.records();
        Sensors::of(&records, &[], &BTreeMap::new()).discrete
    };
    assert!(discrete(1, 1).is_empty());
    let drive = discrete(0x6F, 0x0D).remove(0);
    assert_eq!(Vec::from_iter(drive.states(0b11)), ["drive fault", "drive presence"]);
    assert!(drive.states(0x8000).is_empty());
    let of_the_maker = discrete(0x70, 0xC0).remove(0);
    assert_eq!(Vec::from_iter(of_the_maker.states(0x4001)), ["state 0", "state 14"]);
}
