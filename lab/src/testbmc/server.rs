//! The machines that the test BMCs manage: a rack server, alone and with neighbours. No I/O, no clock.

use std::collections::BTreeMap;
use std::time::Duration;

use super::crypto::Suite;
use super::inventory::{Inventory, NOW, controller_locator, event, fru_locator};
use super::machine::{
    Controller, Device, Factors, Format, Machine, Power, Privilege, Seldom, Sensor, User, Value,
};
use super::records::{Full, Owner};
use crate::bmc::Sensor as Dl320e;
use crate::bmc::dl320e::DISCRETE;
use crate::bmc::sdr::{self, Compact, Thresholds};

/// An HP `DL320e` Gen8 as it stands in a rack, with the accounts of [`accounts`].
pub fn rack_server() -> Machine {
    let mut machine = without_sensors();
    machine.records.push(controller_locator((0x06, 1), "iLO"));
    machine.records.push(fru_locator(1, (0x0A, 1), "PSU 1"));
    for sensor in Dl320e::ALL {
        let full = sensor.record();
        // Temperatures have a hysteresis of two degrees.
        let hysteresis = (full.kind == 1).then_some((2, 2));
        machine.add(&full, sensor.raw(usual(sensor)), hysteresis);
    }
    for sensor in DISCRETE {
        machine.add_discrete(&sensor);
    }
    machine.events = vec![
        // Power supply 1: presence detected, then input lost.
        event(60, (0x08, 0x31), 0x6F, [0x00, 0xFF, 0xFF]),
        event(3_600, (0x08, 0x31), 0x6F, [0x03, 0xFF, 0xFF]),
        // 02-CPU: upper critical going high, reading 71 over a threshold of 70.
        event(7_200, (0x01, 0x02), 0x01, [0x59, 71, 70]),
    ];
    machine.inventories = inventories();
    machine
}

/// The rack server with sixteen sensors and nothing else in its repository: the load of a benchmark.
pub fn sixteen_sensors() -> Machine {
    let mut machine = rack_server();
    // The controller, the power supply, and one of the discrete sensors.
    machine.records.drain(..2);
    machine.records.truncate(16);
    machine.sensors.truncate(16);
    machine
}

/// The rack server with its records as device SDRs: the quirk
/// [`RepositoryFault`](super::quirks::RepositoryFault) says how the repository is not there.
pub fn device_sdrs() -> Machine {
    let mut machine = rack_server();
    machine.device_records.insert(0, std::mem::take(&mut machine.records));
    machine
}

/// The management engine of [`neighbours`]: its channel and address.
pub const ENGINE: (u8, u8) = (6, 0x2C);
/// The power supply of [`neighbours`], on the primary IPMB.
pub const SUPPLY: (u8, u8) = (0, 0xB0);

/// The rack server with two more controllers, whose sensors have numbers that the BMC's have too: a
/// management engine behind channel 6 and a power supply on the IPMB.
pub fn neighbours() -> Machine {
    let mut machine = rack_server();
    for (address, product) in [(ENGINE, 0x0B01), (SUPPLY, 0x0350)] {
        machine.controllers.push(Controller {
            channel: address.0,
            address: address.1,
            device: Device { id: 0x50, revision: 1, firmware: (3, 4), manufacturer: 343, product },
            sensors: Vec::new(),
            records: BTreeMap::new(),
        });
    }
    let of = |(channel, address)| Owner { address, channel, lun: 0 };
    let celsius =
        |owner, number, name| Full { owner, entity: (0x2D, 1), ..Full::celsius(number, name) };
    let volts =
        |owner, number, name| Full { owner, entity: (0x0A, 1), ..Full::volts(number, name) };
    // Number 5 of the BMC is 05-HD Max, 1 is 01-Inlet Ambient.
    let warm = Full {
        thresholds: [None, None, None, None, Some(95), None],
        hysteresis: Some((3, 3)),
        ..celsius(of(ENGINE), 0x05, "ME PCH Temp")
    };
    machine.analog(&warm, 57);
    machine.analog(&celsius(Owner { lun: 1, ..of(ENGINE) }, 0x08, "ME Margin"), 33);
    // Not linear: two volts a count, less 100.
    let bent = Full { linearisation: 0x70, ..volts(of(ENGINE), 0x09, "ME Bent") };
    let factors = Factors { m: 2, b: -100, ..Factors::default() };
    machine.analog(&bent, 120).factors = vec![(255, factors)];
    machine.analog(&celsius(of(SUPPLY), 0x05, "PSU Hot Spot"), 71);
    machine.analog(&Full { exponent: -1, ..volts(of(SUPPLY), 0x01, "PSU Input") }, 231);
    // A number that the BMC has not.
    machine.analog(&celsius(of(SUPPLY), 0x99, "PSU Fan Exhaust"), 48);
    machine
}

/// The accounts: `monitor` (USER), `operator` (OPERATOR), `admin` (ADMINISTRATOR).
fn accounts() -> Vec<User> {
    let user = |name: &str, password: &str, limit| User {
        name: name.into(),
        password: password.into(),
        limit,
    };
    vec![
        user("monitor", "s3cretpass", Privilege::User),
        user("operator", "operatorpass", Privilege::Operator),
        user("admin", "twentybytespassword0", Privilege::Administrator),
    ]
}

/// The machine and its accounts without sensors and records.
pub(super) fn without_sensors() -> Machine {
    Machine {
        users: accounts(),
        k_g: None,
        suites: vec![Suite::Three, Suite::Seventeen],
        session_limit: 4,
        session_timeout: Duration::from_secs(60),
        guid: *b"\x31\x43\x37\x38\x41\x30\x5A\x43\x33\x31\x30\x34\x31\x58\x30\x38",
        // iLO 4 1.22.
        device: Device {
            id: 0x13,
            revision: 1,
            firmware: (1, 22),
            manufacturer: 11,
            product: 0x2000,
        },
        self_test: [0x55, 0x00],
        // Power is on and stays off when restored; no fault.
        chassis: [0x01, 0x00, 0x00],
        records: Vec::new(),
        device_records: BTreeMap::new(),
        controllers: Vec::new(),
        repository_times: (NOW, NOW - 86_400),
        sensors: Vec::new(),
        events: Vec::new(),
        inventories: BTreeMap::new(),
        power: Some(Power { now: 70, least: 61, most: 118, average: 72, active: true }),
        dcmi_privilege: Privilege::User,
        seldom: Seldom::default(),
        temperatures: vec![(0x40, 1, 22), (0x41, 1, 40)],
    }
}

fn inventories() -> BTreeMap<u8, Vec<u8>> {
    let server = Inventory {
        chassis_part: "717170-421",
        chassis_serial: "CZ1234ABCD",
        board_maker: "HP",
        board_product: "ProLiant DL320e Gen8",
        board_serial: "PBDS1234",
        board_part: "686659-001",
        product_maker: "HP",
        product_name: "ProLiant DL320e Gen8 v2",
        product_part: "717170-421",
        product_version: "02",
        product_serial: "CZ1234ABCD",
        capacity: 0,
    };
    let supply = Inventory {
        product_maker: "Delta",
        product_name: "Power Supply 350W",
        product_serial: "5AEHL0A1B2C3D4",
        capacity: 350,
        ..Inventory::default()
    };
    BTreeMap::from([(0, server.bytes()), (1, supply.bytes())])
}

/// The value of a sensor in normal operation.
fn usual(sensor: Dl320e) -> f64 {
    match sensor {
        Dl320e::Inlet => 22.0,
        Dl320e::Cpu => 40.0,
        Dl320e::Dimm1 => 31.0,
        Dl320e::Dimm2 => 32.0,
        Dl320e::HdMax => 24.0,
        Dl320e::Chipset => 45.0,
        Dl320e::Vr => 38.0,
        Dl320e::Fan1Duty | Dl320e::Fan2Duty => 19.2,
        Dl320e::Fan1Rpm => 4_500.0,
        Dl320e::Fan2Rpm => 4_600.0,
        Dl320e::Power => 70.0,
        Dl320e::Current => 0.3,
        Dl320e::Volts12 => 12.06,
    }
}

impl Machine {
    /// Adds a threshold sensor with its record.
    fn add(&mut self, full: &sdr::Full, raw: u8, hysteresis: Option<(u8, u8)>) {
        let id = u16::try_from(self.records.len() + 1).expect("a script has few records");
        self.records.push(with_hysteresis(sdr::full(id, full), hysteresis));
        self.sensors.push(Sensor {
            lun: 0,
            number: full.number,
            kind: (full.kind, 0x01),
            value: Value::Fixed(raw),
            states: 0,
            format: Format::Unsigned,
            thresholds: lowest_first(full.thresholds),
            hysteresis,
            factors: Vec::new(),
        });
    }

    /// Adds a discrete sensor with its record.
    fn add_discrete(&mut self, sensor: &Compact) {
        let id = u16::try_from(self.records.len() + 1).expect("a script has few records");
        self.records.push(sdr::compact(id, sensor));
        self.sensors.push(Sensor {
            lun: 0,
            number: sensor.number,
            kind: (sensor.kind, sensor.reading),
            value: Value::Fixed(0),
            states: 1 << sensor.state,
            format: Format::Unsigned,
            thresholds: [None; 6],
            hysteresis: None,
            factors: Vec::new(),
        });
    }
}

/// Lower non-critical, critical, non-recoverable, then the upper ones likewise: the other way round.
fn lowest_first(thresholds: Thresholds) -> [Option<u8>; 6] {
    let [upper_last, upper_second, upper_first, lower_last, lower_second, lower_first] =
        thresholds.highest_first();
    [lower_first, lower_second, lower_last, upper_first, upper_second, upper_last]
}

/// Writes a hysteresis into a full record (table 43-1; the places are those of its bytes less one).
fn with_hysteresis(mut record: Vec<u8>, hysteresis: Option<(u8, u8)>) -> Vec<u8> {
    if let Some((positive, negative)) = hysteresis {
        // It is readable.
        record[11] |= 0x10;
        record[42] = positive;
        record[43] = negative;
    }
    record
}
