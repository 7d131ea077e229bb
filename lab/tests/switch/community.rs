//! The alerts and panels that users of `ipmi_exporter` share, asked of our page by a real Prometheus that
//! names the BMCs: each alert fires for the machine that has its fault, for none that is well, and each panel
//! has an answer.

use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::Arc;

use peers::{Program, Prometheus};
use turbulence_lab::process::find_own;
use turbulence_lab::testbmc::fleet::Fleet;
use turbulence_lab::testbmc::inventory::event;
use turbulence_lab::testbmc::machine::{Sensor, Value};
use turbulence_lab::testbmc::records::{Compact, Full, Name, Owner, Share};
use turbulence_lab::testbmc::server::rack_server;
use turbulence_lab::testbmc::{Machine, Quirks, TestBmc};

use crate::machines::sensor;

const WELL: &str = "127.51.0.1";
/// Something is wrong with it in each way that a sensor can tell, and its event log is nearly full.
const FAULTY: &str = "127.51.0.2";
/// It is off, and its chassis tells of two faults.
const OFF: &str = "127.51.0.3";
/// Its BMC does not answer.
const DEAD: &str = "127.51.0.4";

/// An alert's expression, and the machine for which it fires.
const ALERTS: [(&str, &str); 21] = [
    ("ipmi_up == 0", DEAD),
    ("ipmi_up{collector=\"ipmi\"} == 0", DEAD),
    ("ipmi_temperature_state == 1", FAULTY),
    ("ipmi_temperature_state == 2", FAULTY),
    ("ipmi_fan_speed_state == 1", FAULTY),
    ("ipmi_fan_speed_state == 2", FAULTY),
    ("ipmi_fan_speed_state != 0", FAULTY),
    ("ipmi_fan_speed_rpm == 0", FAULTY),
    ("ipmi_voltage_state == 1", FAULTY),
    ("ipmi_voltage_state == 2", FAULTY),
    ("ipmi_current_state == 1", FAULTY),
    ("ipmi_current_state == 2", FAULTY),
    ("ipmi_power_state == 1", FAULTY),
    ("ipmi_power_state == 2", FAULTY),
    ("ipmi_sensor_state == 1", FAULTY),
    ("ipmi_sensor_state == 2", FAULTY),
    ("ipmi_sensor_state{type=\"Power Supply\"} != 0", FAULTY),
    ("ipmi_chassis_power_state == 0", OFF),
    ("ipmi_chassis_drive_fault_state == 0", OFF),
    ("ipmi_chassis_cooling_fault_state == 0", OFF),
    ("ipmi_sel_free_space_bytes < 512", FAULTY),
];

/// What a panel asks; each has an answer for the machine that is well.
const PANELS: [&str; 10] = [
    "ipmi_up{collector=\"ipmi\"}",
    "ipmi_bmc_info",
    "ipmi_chassis_power_state",
    "ipmi_dcmi_power_consumption_watts",
    "ipmi_power_watts",
    "ipmi_temperature_celsius{name=~\".*CPU.*\"}",
    "max by (instance) (ipmi_temperature_celsius)",
    "ipmi_fan_speed_rpm",
    "ipmi_voltage_volts{name=\"12V\"}",
    "ipmi_sel_logs_count",
];

/// What has no answer here, and why.
const WITHOUT: [(&str, &str); 1] =
    [("ipmi_scrape_duration_seconds", "no scrape asks a BMC: it is ipmi_poll_duration_seconds")];

/// Event/reading types: of thresholds, and of the states that a sensor type has for itself.
const THRESHOLD: u8 = 0x01;
const SENSOR_SPECIFIC: u8 = 0x6F;
/// Thresholds, as raw bytes, and values beyond them.
const LIMITS: [Option<u8>; 6] = [Some(20), Some(10), None, Some(40), Some(60), None];
const BEYOND: [(&str, u8); 2] = [("warm", 50), ("hot", 70)];

fn faulty() -> Machine {
    let mut machine = Machine { records: Vec::new(), sensors: Vec::new(), ..rack_server() };
    // What each kind of number is of: type and unit (tables 42-3 and 43-15).
    let kinds = [("T", 0x01, 1), ("V", 0x02, 4), ("A", 0x03, 5), ("Fan", 0x04, 18), ("W", 0x0B, 6)];
    let numbers = kinds.iter().flat_map(|kind| BEYOND.map(|(word, value)| (*kind, word, value)));
    let stopped = (("Fan", 0x04, 18), "stopped", 0);
    for (number, ((name, kind, base), word, value)) in (1..).zip(numbers.chain([stopped])) {
        let full = Full {
            kind,
            base,
            thresholds: LIMITS,
            ..Full::celsius(number, &format!("{name} {word}"))
        };
        machine.records.push(full.bytes());
        machine.sensors.push(Sensor {
            kind: (kind, THRESHOLD),
            value: Value::Fixed(value),
            thresholds: LIMITS,
            ..sensor(number)
        });
    }
    // A supply whose input is lost, and a memory whose errors are corrected.
    for (number, kind, state, name) in [(100, 0x08, 3, "PS 1"), (101, 0x0C, 0, "DIMM 1")] {
        let compact = Compact {
            owner: Owner::bmc(0),
            number,
            entity: (0x07, 1),
            kind,
            reading: SENSOR_SPECIFIC,
            states: 0x7FFF,
            share: Share::default(),
            name: Name::latin(name),
        };
        machine.records.push(compact.bytes());
        let kind = (kind, SENSOR_SPECIFIC);
        machine.sensors.push(Sensor { kind, states: 1 << state, ..sensor(number) });
    }
    machine.events = vec![event(60, (0x08, 0x31), 0x6F, [0x00, 0xFF, 0xFF]); 500];
    machine
}

/// The machines for which a query has an answer.
fn answered(prometheus: &Prometheus, query: &str, port: u16) -> Vec<&'static str> {
    let found = prometheus.query(query);
    let has = |machine: &&str| {
        let label = format!("\"instance\":\"{machine}:{port}\"");
        found.keys().any(|labels| labels.contains(&label))
    };
    [WELL, FAULTY, OFF, DEAD].into_iter().filter(has).collect()
}

#[test]
fn what_the_users_of_ipmi_exporter_ask_has_an_answer() {
    // Off, with a fault of a drive and one of the cooling (table 28-3).
    let off = Machine { chassis: [0x00, 0x00, 0x0C], ..rack_server() };
    let machines = [(WELL, rack_server()), (FAULTY, faulty()), (OFF, off)];
    let bmcs = machines.map(|(at, machine)| {
        let at: Ipv4Addr = at.parse().unwrap();
        (at, TestBmc::new(Arc::new(machine), Quirks::default(), 1))
    });
    let fleet = Fleet::start(0, bmcs).unwrap();
    let port = fleet.port();
    let config = "modules: {default: {user: monitor, pass: s3cretpass, interval: 1s, slow_interval: 10s, \
                  timeout: 1s}}\non_demand: {allow: [127.51.0.0/24]}\n";
    let exporter = Program::start(Command::new(find_own("turbulence-ipmi").unwrap()), config);
    let targets = [WELL, FAULTY, OFF, DEAD].map(|machine| format!("'{machine}:{port}'")).join(", ");
    // As the README of either exporter has it.
    let config = format!(
        "scrape_configs:\n\
         - job_name: ipmi\n\
        \x20 metrics_path: /ipmi\n\
        \x20 scrape_interval: 2s\n\
        \x20 static_configs: [{{targets: [{targets}]}}]\n\
        \x20 relabel_configs:\n\
        \x20 - {{source_labels: [__address__], target_label: __param_target}}\n\
        \x20 - {{source_labels: [__param_target], target_label: instance}}\n\
        \x20 - {{target_label: __address__, replacement: '{}'}}\n",
        exporter.address()
    );
    let prometheus = Prometheus::start("prometheus".as_ref(), &config, &[]);
    prometheus.wait_for("count(up{job=\"ipmi\"} == 1) == 4", 1);
    for (expression, machine) in ALERTS {
        let fires = || answered(&prometheus, expression, port).contains(&machine);
        exporter.wait(&format!("{expression} for {machine}"), fires);
    }
    for (expression, _) in ALERTS {
        let fires = answered(&prometheus, expression, port);
        assert!(!fires.contains(&WELL), "{expression}: {fires:?}");
    }
    for query in PANELS {
        exporter.wait(query, || answered(&prometheus, query, port).contains(&WELL));
    }
    for (query, why) in WITHOUT {
        let has = answered(&prometheus, query, port);
        assert!(has.is_empty(), "{query} ({why}) has an answer for {has:?}");
    }
    println!("RESULT community alerts={} panels={}", ALERTS.len(), PANELS.len());
}
