//! One sensor of every awkward shape that a record can describe: what tools may read differently. No I/O, no clock.

use std::collections::BTreeMap;

use super::inventory::{controller_locator, fru_locator};
use super::machine::{Controller, Device, Factors, Format, Machine, Sensor, Value};
use super::quirks::SensorFault;
use super::records::{
    Compact, Full, Name, Owner, Share, device_relative_association, entity_association, event_only,
    oem,
};
use super::server::{ENGINE, without_sensors};

/// Event/reading types (table 42-1): threshold, and states of the sensor type's own.
const THRESHOLD: u8 = 0x01;
const SENSOR_SPECIFIC: u8 = 0x6F;

/// Sensor units 1: analog formats, percentage, modifiers and rates (table 43-1, byte 21).
const ONES_COMPLEMENT: u8 = 0x40;
const TWOS_COMPLEMENT: u8 = 0x80;
const NOT_ANALOG: u8 = 0xC0;
const PERCENT: u8 = 0x01;
const DIVIDED: u8 = 0x02;
const TIMES: u8 = 0x04;
const PER_SECOND: u8 = 0x18;
const PER_HOUR: u8 = 0x28;

/// Base units (table 43-15).
const NONE: u8 = 0;
const AMPERES: u8 = 5;
const WATTS: u8 = 6;
const RPM: u8 = 18;
const SECOND: u8 = 22;
const HOUR: u8 = 24;
const METRE: u8 = 34;
const BYTE: u8 = 70;

/// A machine with all of them.
pub fn specimens() -> Machine {
    let mut machine = without_sensors();
    machine.controllers = vec![Controller {
        channel: ENGINE.0,
        address: ENGINE.1,
        device: Device { id: 0x50, revision: 1, firmware: (3, 4), manufacturer: 343, product: 11 },
        sensors: Vec::new(),
        records: BTreeMap::new(),
    }];
    formats(&mut machine);
    factors(&mut machine);
    formulas(&mut machine);
    units(&mut machine);
    names(&mut machine);
    thresholds(&mut machine);
    luns_and_owners(&mut machine);
    states(&mut machine);
    others(&mut machine);
    machine
}

/// What is wrong with some of them at the moment: [`super::Quirks::sensors`].
pub fn faults() -> BTreeMap<u8, SensorFault> {
    FAULTS.into_iter().map(|(number, _, fault)| (number, fault)).collect()
}

/// Sensors without a reading at the moment. D5h: not in the present state.
const FAULTS: [(u8, &str, SensorFault); 3] = [
    (0xB0, "unavailable", SensorFault::Unavailable),
    (0xB1, "not scanned", SensorFault::NotScanning),
    (0xB2, "in no such state", SensorFault::Code(0xD5)),
];

/// Analog formats: unsigned, one's and two's complement, positive, negative and both zeros.
fn formats(machine: &mut Machine) {
    let celsius = |number, name, units| Full { units, ..Full::celsius(number, name) };
    machine.analog(&celsius(0x01, "unsigned 255", 0), 255);
    machine.analog(&celsius(0x02, "ones 25", ONES_COMPLEMENT), 25);
    machine.analog(&celsius(0x03, "ones -25", ONES_COMPLEMENT), !25);
    machine.analog(&celsius(0x04, "ones -127", ONES_COMPLEMENT), 0x80);
    machine.analog(&celsius(0x05, "ones -0", ONES_COMPLEMENT), 0xFF);
    machine.analog(&celsius(0x06, "twos 127", TWOS_COMPLEMENT), 0x7F);
    machine.analog(&celsius(0x07, "twos -1", TWOS_COMPLEMENT), 0xFF);
    machine.analog(&celsius(0x08, "twos -128", TWOS_COMPLEMENT), 0x80);
    machine.analog(&celsius(0x09, "no number", NOT_ANALOG), 9);
}

/// M, B and both exponents at their ends and with each sign.
fn factors(machine: &mut Machine) {
    let volts = Full::volts;
    machine.analog(&Full { m: -1, b: 100, ..volts(0x10, "M -1 B 100") }, 40);
    machine.analog(&Full { m: 511, b: -512, ..volts(0x11, "M 511 B -512") }, 3);
    let ends = Full { m: -512, b: 511, b_exponent: 7, exponent: -8, ..volts(0x12, "ends") };
    machine.analog(&ends, 255);
    let other_ends = Full { m: 511, b: -512, b_exponent: -8, exponent: 7, ..volts(0x13, "ends 2") };
    machine.analog(&other_ends, 1);
    machine.analog(&Full { b: 5, b_exponent: -1, ..volts(0x14, "B exponent -1") }, 10);
    machine.analog(&Full { m: 392, exponent: -3, ..volts(0x15, "exponent -3") }, 49);
    machine.analog(&Full { m: 0, b: 7, ..volts(0x16, "M 0") }, 99);
    let negative = Full { m: -3, b: -7, units: TWOS_COMPLEMENT, ..volts(0x17, "twos, M -3") };
    machine.analog(&negative, 0xF6);
    let negative = Full { m: -3, units: ONES_COMPLEMENT, ..volts(0x18, "ones, M -3") };
    machine.analog(&negative, 0xF5);
}

/// The twelve formulas, with thresholds that the formula applies to as well; then none at all.
fn formulas(machine: &mut Machine) {
    const NAMES: [&str; 12] = [
        "linear",
        "ln",
        "log10",
        "log2",
        "e^x",
        "exp10",
        "exp2",
        "1/x",
        "sqr",
        "cube",
        "sqrt",
        "cube root",
    ];
    for (linearisation, name) in (0..).zip(NAMES) {
        let number = 0x20 + linearisation;
        let limits = [Some(2), None, None, None, Some(7), None];
        let full = Full { linearisation, thresholds: limits, ..Full::volts(number, name) };
        machine.analog(&full, 5);
    }
    // A value that is no number: ln 0, 1/0.
    machine.analog(&Full { linearisation: 1, ..Full::volts(0x2C, "ln of 0") }, 0);
    machine.analog(&Full { linearisation: 7, ..Full::volts(0x2D, "1/0") }, 0);
    machine.analog(&Full { linearisation: 10, m: -1, ..Full::volts(0x2E, "sqrt of -9") }, 9);
    for (number, raw, name) in [(0x2F, 50, "bent below"), (0x30, 120, "bent above")] {
        machine.bent(&Full::volts(number, name), raw);
    }
}

/// Percentages, rates, modifier units.
fn units(machine: &mut Machine) {
    let of = |number, name, units, base, modifier| Full {
        kind: 0x0B,
        units,
        base,
        modifier,
        ..Full::celsius(number, name)
    };
    let fan = |number, name, units, base| Full { kind: 0x04, ..of(number, name, units, base, 0) };
    machine.analog(&Full { m: 392, exponent: -3, ..fan(0x38, "duty", PERCENT, NONE) }, 49);
    machine.analog(&fan(0x39, "percent of RPM", PERCENT, RPM), 40);
    machine.analog(&Full { m: 60, ..fan(0x3A, "speed", 0, RPM) }, 75);
    machine.analog(&of(0x3B, "bytes per second", PER_SECOND, BYTE, 0), 12);
    machine.analog(&of(0x3C, "watt times hour", TIMES, WATTS, HOUR), 13);
    machine.analog(&of(0x3D, "metre by second", DIVIDED, METRE, SECOND), 14);
    machine.analog(&of(0x3E, "watt by A and h", DIVIDED | PER_HOUR, WATTS, AMPERES), 15);
    machine.analog(&of(0x3F, "no unit", 0, NONE, 0), 16);
    machine.analog(&of(0x40, "fahrenheit", 0, 2, 0), 100);
    machine.analog(&of(0x41, "kelvin", 0, 3, 0), 250);
    machine.analog(&of(0x42, "unit 60h", 0, 0x60, 0), 17);
}

/// Names in each encoding, of each length.
fn names(machine: &mut Machine) {
    let named = |number, name| Full { name, ..Full::celsius(number, "") };
    machine.analog(&named(0x48, Name::latin("sixteen letters!")), 20);
    machine.analog(&named(0x49, Name::latin("")), 21);
    machine.analog(&named(0x4A, Name::latin("Lüfter")), 22);
    machine.analog(&named(0x4B, Name::six_bit("SIX BIT")), 23);
    machine.analog(&named(0x4C, Name::six_bit("IPMI")), 24);
    machine.analog(&named(0x4D, Name::bcd_plus("12.5-3")), 25);
    machine.analog(&named(0x4E, Name::ucs_2("Temp Ω")), 26);
    machine.analog(&named(0x4F, Name::latin("padded   ")), 27);
    machine.analog(&named(0x50, Name::latin("twin")), 28);
    machine.analog(&named(0x51, Name::latin("twin")), 29);
}

/// Each of the six thresholds crossed, some of them alone, signed ones, and with hysteresis.
fn thresholds(machine: &mut Machine) {
    let all = [Some(20), Some(15), Some(10), Some(60), Some(65), Some(70)];
    let raws = [
        (40, "all, nominal"),
        (19, "all, below nc"),
        (14, "all, below cr"),
        (9, "all, below nr"),
        (61, "all, above nc"),
        (66, "all, above cr"),
        (71, "all, above nr"),
        (60, "all, at nc"),
    ];
    for (number, (raw, name)) in (0x58..).zip(raws) {
        machine.analog(&Full { thresholds: all, ..Full::celsius(number, name) }, raw);
    }
    let some = [None, Some(0), None, None, Some(100), None];
    machine.analog(&Full { thresholds: some, ..Full::celsius(0x60, "threshold of 0") }, 5);
    let signed = [None, Some(0xF6), Some(0xEC), Some(0xFB), None, Some(30)];
    for (number, units, name) in
        [(0x61, TWOS_COMPLEMENT, "signed limits"), (0x62, ONES_COMPLEMENT, "ones' limits")]
    {
        let full = Full { thresholds: signed, units, ..Full::celsius(number, name) };
        machine.analog(&full, 0xF5);
    }
    // A tenth of a volt a count: hysteresis is in the sensor's unit too, without B.
    let hysteresis = Full {
        thresholds: all,
        hysteresis: Some((2, 3)),
        m: 5,
        b: 40,
        exponent: -1,
        nominal: Some(33),
        ..Full::volts(0x63, "hysteresis")
    };
    machine.analog(&hysteresis, 33);
    // Falling: the lower thresholds of the record are the higher volts.
    let hysteresis = Some((2, 3));
    let falling =
        Full { thresholds: all, hysteresis, m: -2, b: 200, ..Full::volts(0x64, "falling") };
    machine.analog(&falling, 62);
    // As many counts are another distance at each threshold.
    let square = Full { linearisation: 8, hysteresis, ..Full::volts(0x65, "hysteresis, sqr") };
    machine.analog(&square, 5);
    // The BMC's thresholds are no longer those of the record.
    let record = [None, None, None, Some(60), Some(70), None];
    let moved = Full { thresholds: record, ..Full::celsius(0x66, "moved limits") };
    machine.analog(&moved, 58).thresholds = [None, None, None, Some(55), Some(75), None];
}

/// The same number on every LUN of the BMC, and on another controller.
fn luns_and_owners(machine: &mut Machine) {
    for (lun, name) in [(0, "on LUN 0"), (1, "on LUN 1"), (2, "on LUN 2"), (3, "on LUN 3")] {
        let full = Full { owner: Owner::bmc(lun), ..Full::celsius(0x70, name) };
        machine.analog(&full, 50 + lun);
    }
    let engine = |lun| Owner { address: ENGINE.1, channel: ENGINE.0, lun };
    machine.analog(&Full { owner: engine(0), ..Full::celsius(0x70, "engine's") }, 90);
    machine.analog(&Full { owner: engine(1), ..Full::celsius(0x70, "engine's LUN 1") }, 91);
    // The BMC's own sensor of this number has other thresholds.
    let limits = [None, None, None, None, Some(95), None];
    let full =
        Full { owner: engine(0), thresholds: limits, ..Full::celsius(0x58, "engine's limit") };
    machine.analog(&full, 96);
    machine.bent(&Full { owner: engine(0), ..Full::volts(0x72, "engine's bent") }, 120);
    // A software ID (system management software) owns this one: nobody can be asked for it.
    let software = Owner { address: 0x41, channel: 0, lun: 0 };
    machine.records.push(Full { owner: software, ..Full::celsius(0x70, "software's") }.bytes());
}

/// States: generic and sensor-specific ones, none, several, and of records that are shared.
fn states(machine: &mut Machine) {
    let plain = |number, kind, reading, name: &str| Compact {
        owner: Owner::bmc(0),
        number,
        entity: (0x07, 1),
        kind,
        reading,
        states: 0x7FFF,
        share: Share::default(),
        name: Name::latin(name),
    };
    for (number, kind, reading, states, name) in [
        (0x80, 0x08, SENSOR_SPECIFIC, 0x0001, "PSU present"),
        (0x81, 0x08, SENSOR_SPECIFIC, 0x000B, "PSU input lost"),
        (0x82, 0x0D, SENSOR_SPECIFIC, 0x0201, "drive in parts"),
        (0x83, 0x0D, SENSOR_SPECIFIC, 0x0000, "drive, no state"),
        (0x84, 0x07, SENSOR_SPECIFIC, 0x0482, "processor"),
        (0x85, 0x04, 0x0A, 0x0001, "fan running"),
        (0x86, 0x04, 0x0B, 0x0002, "fans redundant"),
        (0x87, 0x01, 0x07, 0x0004, "severity"),
        (0x88, 0x02, 0x03, 0x0002, "asserted"),
        (0x89, 0x15, 0x08, 0x0001, "device absent"),
        (0x8A, 0x12, 0x02, 0x0004, "usage busy"),
        (0x8B, 0x01, 0x05, 0x0002, "limit exceeded"),
        (0x8C, 0x22, 0x0C, 0x0001, "power D0"),
        (0x8D, 0xC1, SENSOR_SPECIFIC, 0x0003, "maker's type"),
        (0x8E, 0x0C, 0x71, 0x4001, "maker's states"),
        (0x8F, 0x0C, SENSOR_SPECIFIC, 0x7FFF, "every state"),
    ] {
        machine.discrete(&plain(number, kind, reading, name), states);
    }
    // Three fans in one record, numbered from 1; two in another, lettered, with their own instances.
    let share = Share { count: 3, offset: 1, ..Share::default() };
    machine.discrete(&Compact { share, ..plain(0x90, 0x04, 0x0A, "Fan ") }, 0x0001);
    let share = Share { count: 2, letters: true, instances: true, offset: 0 };
    machine.discrete(&Compact { share, ..plain(0x94, 0x0D, SENSOR_SPECIFIC, "Bay ") }, 0x0001);
    // A full record with states and a number as well: HPE's "discrete reading".
    let both = Full {
        kind: 0x04,
        reading: 0x0A,
        units: PERCENT,
        m: 392,
        exponent: -3,
        base: NONE,
        ..Full::celsius(0x98, "Fan 4")
    };
    machine.analog(&both, 55).states = 0x0001;
    // And one with states alone.
    let none = Full { kind: 0x0D, reading: SENSOR_SPECIFIC, units: NOT_ANALOG, ..both };
    machine.analog(&Full { number: 0x99, name: Name::latin("full, states"), ..none }, 0).states =
        0x0003;
}

/// Records of sensors that cannot be read now or ever, and of none.
fn others(machine: &mut Machine) {
    machine.records.extend([
        event_only(Owner::bmc(0), 0xA0, (0x22, 1), 0x0F, &Name::latin("events alone")),
        entity_association((0x17, 1), [(0x07, 1), (0x0A, 1), (0, 0), (0, 0)]),
        device_relative_association((0x17, 1), [(0x0A, 0x60), (0x0A, 0x61), (0, 0), (0, 0)]),
        fru_locator(1, (0x0A, 1), "PSU 1"),
        controller_locator((0x06, 1), "the BMC"),
        oem(343, &[1, 2, 3, 4]),
    ]);
    // A record whose sensor does not exist.
    machine.records.push(Full::celsius(0xA8, "record alone").bytes());
    for (number, name, _) in FAULTS {
        machine.analog(&Full::celsius(number, name), 33);
    }
}

impl Machine {
    /// Adds a sensor with a full record, to the BMC or to the controller that owns it.
    pub(super) fn analog(&mut self, full: &Full, raw: u8) -> &mut Sensor {
        let record = full.bytes();
        self.records.push(record.clone());
        let sensor = Sensor {
            lun: full.owner.lun,
            number: full.number,
            kind: (full.kind, full.reading),
            value: Value::Fixed(raw),
            states: 0,
            format: Format::of(full.units),
            thresholds: if full.reading == THRESHOLD { full.thresholds } else { [None; 6] },
            hysteresis: full.hysteresis,
            factors: Vec::new(),
        };
        self.add_sensor(full.owner.address, sensor, record)
    }

    /// Adds a sensor that is not linear: a unit a count up to 99, from 100 on two less 100.
    fn bent(&mut self, full: &Full, raw: u8) {
        let limits = [Some(10), None, None, None, Some(200), None];
        let full = Full { linearisation: 0x70, thresholds: limits, ..full.clone() };
        self.analog(&full, raw).factors = vec![
            (99, Factors { m: 1, ..Factors::default() }),
            (255, Factors { m: 2, b: -100, ..Factors::default() }),
        ];
    }

    /// Adds the sensors of a compact record, all with the same states.
    fn discrete(&mut self, compact: &Compact, states: u16) {
        self.records.push(compact.bytes());
        for step in 0..compact.share.count.max(1) {
            self.sensors.push(Sensor {
                lun: compact.owner.lun,
                number: compact.number + step,
                kind: (compact.kind, compact.reading),
                value: Value::Fixed(0),
                states,
                format: Format::Unsigned,
                thresholds: [None; 6],
                hysteresis: None,
                factors: Vec::new(),
            });
        }
    }
}
