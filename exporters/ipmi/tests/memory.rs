//! What a machine of 17 sensors takes of the memory, once half an hour of it is known.

use std::time::Duration;

use peers::Counting;
use turbulence_ipmi::simulation::{Level, Machine, Quantity, Reading, Sensor, Setup};

#[global_allocator]
static ALLOCATOR: Counting = Counting::new();

const MACHINES: usize = 20;
/// What a machine may take, its list of sensors included, which equal machines share.
const MOST: usize = 16_500;

fn setup(machine: usize) -> Setup {
    let sensor = |number: usize, name: String, entity, quantity, limits: &[(Level, f64)]| Sensor {
        id: format!("32.0.{number}"),
        name,
        entity,
        quantity,
        thresholds: limits.to_vec(),
    };
    let upper = [(Level::UpperNonCritical, 70.0), (Level::UpperCritical, 80.0)];
    let lower = [(Level::LowerCritical, 300.0)];
    let heat = |it: usize| {
        let (name, entity) = [("CPU", 3), ("DIMM", 8), ("HD", 4), ("Board", 7)][it % 4];
        sensor(it, format!("{it:02}-{name}"), entity, Quantity::Temperature, &upper)
    };
    let mut sensors: Vec<_> = (1..=8).map(heat).collect();
    sensors.extend(
        (16..22).map(|it| sensor(it, format!("Fan {it}"), 0x1D, Quantity::FanSpeed, &lower)),
    );
    sensors.push(sensor(40, "Power Meter".to_owned(), 0x15, Quantity::Power, &[]));
    let volts = [(Level::LowerCritical, 10.8), (Level::UpperCritical, 13.2)];
    sensors
        .extend((50..52).map(|it| sensor(it, format!("12 V {it}"), 7, Quantity::Voltage, &volts)));
    assert_eq!(sensors.len(), 17);
    let (target, interval) = (format!("machine-{machine}"), Duration::from_secs(15));
    let (site, rack) = ("hall".to_owned(), "r1".to_owned());
    Setup { target, site, rack, interval, sensors, has_state_file: false }
}

/// What each sensor reads; the machine is warmer by that much.
fn readings(setup: &Setup, warmer: f64) -> Vec<Reading> {
    let value = |it: &Sensor| match it.quantity {
        Quantity::Temperature => 40.0 + warmer,
        Quantity::FanSpeed => 4_000.0,
        Quantity::Power => 180.0,
        _ => 12.0,
    };
    setup.sensors.iter().map(|it| Reading::Value(value(it))).collect()
}

#[test]
fn a_machine_of_17_sensors_takes_a_few_kilobytes() {
    let setups: Vec<_> = (0..MACHINES).map(setup).collect();
    let copies = setups.clone();
    let mut machines = Vec::with_capacity(MACHINES);
    let before = ALLOCATOR.held();
    machines.extend(copies.into_iter().map(|setup| Machine::new(setup, None).unwrap()));
    // Each trend and each history is full after that.
    for poll in 0..160_u32 {
        let at = Duration::from_secs(1_700_000_000) + Duration::from_secs(15) * poll;
        for (machine, setup) in machines.iter_mut().zip(&setups) {
            let answer = readings(setup, f64::from(poll % 3));
            machine.poll(at, Some(&answer));
        }
    }
    let each = (ALLOCATOR.held() - before) / MACHINES;
    println!("{each} bytes a machine");
    assert!(each <= MOST, "{each} bytes a machine");
    // So much is needed for half an hour of 15 sensors, as counts of two bytes.
    assert!(each >= 15 * 64 * 2, "{each} bytes a machine");
}
