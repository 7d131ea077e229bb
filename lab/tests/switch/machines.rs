//! The machines that both exporters read.

use ipmi_lan::{SensorType, states};
use turbulence_lab::testbmc::Machine;
use turbulence_lab::testbmc::inventory::event;
use turbulence_lab::testbmc::machine::{Format, Sensor, Value};
use turbulence_lab::testbmc::records::{Compact, Name, Owner, Share};
use turbulence_lab::testbmc::server::rack_server;
use turbulence_lab::testbmc::specimens::specimens;

use crate::fixture;

/// Sensors of one of the machines that have states alone.
const SENSORS: usize = 240;
/// Event/reading type of the states that a sensor type has for itself.
const SENSOR_SPECIFIC: u8 = 0x6F;
/// Event/reading type of a sensor with thresholds.
const THRESHOLD: u8 = 0x01;
/// Of these sensor types the generic states are looked at, too; the others take them alike.
const GENERIC_OF: [u8; 12] =
    [0x01, 0x02, 0x03, 0x04, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x21];

/// All of them, by name.
pub(crate) fn all() -> Vec<(String, Machine)> {
    let own = [("test BMC with every event", eventful()), ("test BMC with every shape", shapes())];
    let own = own.map(|(name, machine)| (name.to_owned(), machine));
    let stately =
        (1..).zip(stately()).map(|(n, it)| (format!("test BMC with every state, {n}"), it));
    let real = fixture::machines().into_iter().map(|it| (it.name.clone(), real(&it)));
    own.into_iter().chain(stately).chain(real).collect()
}

fn without_sensors() -> Machine {
    Machine { records: Vec::new(), sensors: Vec::new(), ..rack_server() }
}

/// Sensors of every shape. A comma in a name ends a column of what `ipmi_exporter` reads, and with it the
/// whole collector; a name that is not UTF-8 as `ipmi-sensors` prints it, as those that are packed, ends
/// the whole program: there are none here.
fn shapes() -> Machine {
    let mut machine = specimens();
    machine.records.retain_mut(|record| {
        let name = match record.get(3) {
            Some(0x01) => 47,
            Some(0x02) => 31,
            _ => return true,
        };
        let letters = record.iter_mut().skip(name + 1);
        let breaks = |letter: &&mut u8| **letter == b',' || !letter.is_ascii();
        letters.filter(breaks).for_each(|letter| *letter = b'_');
        // Names of eight bits a letter, as their type byte says.
        record.get(name).is_some_and(|kind| kind >> 6 == 3)
    });
    machine
}

/// A sensor with one state for each that the tables name, as far as the types have such states.
fn stately() -> Vec<Machine> {
    let kinds = (0x01..=0x2C).chain([0xC0]).flat_map(|kind: u8| {
        let generic = (0x02..=0x0C).filter(move |_| GENERIC_OF.contains(&kind));
        generic.chain([SENSOR_SPECIFIC]).map(move |reading| (kind, reading))
    });
    let all = kinds.flat_map(|(kind, reading)| {
        let named = move |at: &u8| states::name(reading, SensorType(kind), *at).is_some();
        (0..15).filter(named).map(move |at| (kind, reading, at))
    });
    let all: Vec<_> = all.collect();
    all.chunks(SENSORS).map(machine_of).collect()
}

fn machine_of(sensors: &[(u8, u8, u8)]) -> Machine {
    let mut machine = without_sensors();
    for (number, (kind, reading, state)) in (1..).zip(sensors) {
        let compact = Compact {
            owner: Owner::bmc(0),
            number,
            entity: (0x07, 1),
            kind: *kind,
            reading: *reading,
            states: 0x7FFF,
            share: Share::default(),
            name: Name::latin(&format!("{kind:02x} {reading:02x} {state:x}")),
        };
        machine.records.push(compact.bytes());
        let kind = (*kind, *reading);
        machine.sensors.push(Sensor { kind, states: 1 << state, ..sensor(number) });
    }
    machine
}

/// A sensor that reads nothing yet.
pub(crate) fn sensor(number: u8) -> Sensor {
    Sensor {
        lun: 0,
        number,
        kind: (0x01, THRESHOLD),
        value: Value::Fixed(0),
        states: 0,
        format: Format::Unsigned,
        thresholds: [None; 6],
        hysteresis: None,
        factors: Vec::new(),
    }
}

/// The rack server with an event of each state that the tables name, and with its end.
fn eventful() -> Machine {
    let mut machine = rack_server();
    let generic = (0x02..=0x0C).map(|reading| (0x08, reading));
    for (kind, reading) in generic.chain((0x05..=0x2C).map(|kind| (kind, SENSOR_SPECIFIC))) {
        let named = |at: &u8| states::name(reading, SensorType(kind), *at).is_some();
        for at in (0..15).filter(named) {
            machine.events.push(event(10_000, (kind, 0x80), reading, [at, 0xFF, 0xFF]));
            machine.events.push(event(10_001, (kind, 0x80), reading | 0x80, [at, 0xFF, 0xFF]));
        }
    }
    machine
}

/// A real machine: its own records, its own answers. What its BMC does not scan is left out.
fn real(captured: &fixture::Machine) -> Machine {
    let mut machine = without_sensors();
    for (id, it) in (1..).zip(&captured.sensors) {
        let record = it.record(id);
        let format = match record[20] >> 6 {
            1 => Format::OnesComplement,
            2 => Format::TwosComplement,
            _ => Format::Unsigned,
        };
        let thresholds = it.thresholds.map_or([None; 6], |[readable, values @ ..]| {
            let mut bit = 0;
            values.map(|value| {
                bit += 1;
                (readable & 1 << (bit - 1) != 0).then_some(value)
            })
        });
        machine.sensors.push(Sensor {
            kind: (it.kind(), THRESHOLD),
            value: Value::Fixed(it.reading),
            format,
            thresholds,
            ..sensor(it.number)
        });
        machine.records.push(record);
    }
    for it in &captured.discrete {
        let Some(states) = it.states else { continue };
        let id = u16::try_from(machine.records.len() + 1).unwrap();
        let kind = (it.kind(), it.reading_kind());
        machine.sensors.push(Sensor { kind, states, ..sensor(it.number) });
        machine.records.push(it.record(id));
    }
    machine
}
