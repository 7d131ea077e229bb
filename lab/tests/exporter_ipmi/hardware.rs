//! What a BMC says of its machine's parts becomes one alert a machine: from the bytes of its answers, by the running
//! exporter and a real Prometheus, to the shipped rules.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use peers::Prometheus;
use peers::exposition::samples;
use turbulence_lab::testbmc::fleet::Fleet;
use turbulence_lab::testbmc::machine::{Format, Sensor, Value};
use turbulence_lab::testbmc::records::{Compact, Name, Owner, Share};
use turbulence_lab::testbmc::server::rack_server;
use turbulence_lab::testbmc::{Machine, Quirks, TestBmc};

use crate::exporter::start;

const WELL: Ipv4Addr = Ipv4Addr::new(127, 49, 2, 1);
/// A supply without input, a fan group that lost its redundancy.
const WORN: Ipv4Addr = Ipv4Addr::new(127, 49, 2, 2);
/// A memory with an error that cannot be corrected.
const DYING: Ipv4Addr = Ipv4Addr::new(127, 49, 2, 3);
/// Its chassis tells of a drive and of the cooling.
const TOLD: Ipv4Addr = Ipv4Addr::new(127, 49, 2, 4);

/// Event/reading types (IPMI 2.0 table 42-1).
const REDUNDANCY: u8 = 0x0B;
const SENSOR_SPECIFIC: u8 = 0x6F;

/// The rack server, with a sensor in a state: its type, event/reading type, the state, and its name.
fn with(states: &[(u8, u8, u8, &str)]) -> Machine {
    let mut machine = rack_server();
    for (number, (kind, reading, state, name)) in (0xC0..).zip(states) {
        let compact = Compact {
            owner: Owner::bmc(0),
            number,
            entity: (0x07, number - 0xBF),
            kind: *kind,
            reading: *reading,
            states: 0x7FFF,
            share: Share::default(),
            name: Name::latin(name),
        };
        machine.records.push(compact.bytes());
        machine.sensors.push(Sensor {
            lun: 0,
            number,
            kind: (*kind, *reading),
            value: Value::Fixed(0),
            states: 1 << state,
            format: Format::Unsigned,
            thresholds: [None; 6],
            hysteresis: None,
            factors: Vec::new(),
        });
    }
    machine
}

/// The shipped rules, in a hurry.
fn rules() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../alerts/hardware.rules.yml");
    let mut rules = std::fs::read_to_string(file).unwrap();
    for (shipped, hurried) in
        [("interval: 15s", "interval: 1s"), ("for: 2m", "for: 4s"), ("for: 15s", "for: 2s")]
    {
        assert!(rules.contains(shipped), "{shipped}");
        rules = rules.replace(shipped, hurried);
    }
    rules
}

#[test]
fn a_part_that_is_not_well_is_one_alert_of_its_machine() {
    let supply = (0x08, SENSOR_SPECIFIC, 3, "PS 2");
    let fans = (0x04, REDUNDANCY, 1, "Fan Redundancy");
    let memory = (0x0C, SENSOR_SPECIFIC, 1, "DIMM B3");
    let machines = [
        (
            WELL,
            "well",
            with(&[(0x08, SENSOR_SPECIFIC, 0, "PS 2"), (0x04, REDUNDANCY, 0, "Fan Redundancy")]),
        ),
        (WORN, "worn", with(&[supply, fans])),
        (DYING, "dying", with(&[memory])),
        // Table 28-3: a drive's fault, and one of the cooling.
        (TOLD, "told", Machine { chassis: [0x01, 0x00, 0x0C], ..rack_server() }),
    ];
    let names = machines.each_ref().map(|(at, name, _)| (*at, *name));
    let bmcs = machines.map(|(at, _, it)| (at, TestBmc::new(Arc::new(it), Quirks::default(), 1)));
    let fleet = Fleet::start(0, bmcs).unwrap();
    let targets = names
        .map(|(at, name)| format!("  - {{name: {name}, address: \"{at}:{}\"}}\n", fleet.port()));
    let exporter = start(&format!(
        "modules:\n  default: {{user: monitor, pass: s3cretpass, interval: 1s, slow_interval: 10s}}\ntargets:\n{}",
        targets.concat()
    ));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hardware.rules.yml");
    std::fs::write(&file, rules()).unwrap();
    let config = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: ['{}']\n\
         scrape_configs: [{{job_name: turbulence-ipmi, honor_labels: true, static_configs: [{{targets: ['{}']}}]}}]\n",
        file.display(),
        exporter.address()
    );
    let prometheus = Prometheus::start("prometheus".as_ref(), &config, &[]);

    let alerts = |name: &str, target: &str| {
        format!("ALERTS{{alertname=\"{name}\",alertstate=\"firing\",target=\"{target}\"}}")
    };
    for (name, target) in [
        ("IpmiHardwareFault", "worn"),
        ("IpmiHardwareFault", "dying"),
        ("IpmiHardwareFault", "told"),
        ("IpmiHardwareStopsMachine", "dying"),
    ] {
        prometheus.wait_for(&alerts(name, target), 1);
    }
    // One alert a machine, whatever it has.
    let all = prometheus.query("ALERTS{alertstate=\"firing\"}");
    assert_eq!(all.len(), 4, "{all:?}");
    let page = exporter.page("/metrics");
    let faults = samples(&page).filter(|it| it.name == "ipmi_fault_state");
    let mut faults: Vec<_> = faults
        .map(|it| {
            let label = |name| it.label(name).map(std::borrow::Cow::into_owned).unwrap_or_default();
            format!("{} {} {} {}", label("target"), label("name"), label("state"), it.value)
        })
        .collect();
    faults.sort();
    let expected = [
        "dying DIMM B3 uncorrectable ECC 3",
        "told a drive failed 2",
        "told the cooling failed 2",
        "worn Fan Redundancy redundancy lost 2",
        "worn PS 2 power supply input lost (AC/DC) 2",
    ];
    assert_eq!(faults, expected);
}
