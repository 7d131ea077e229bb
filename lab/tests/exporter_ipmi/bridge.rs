//! Sensors of controllers behind the BMC, with and without leave to ask them.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use turbulence_lab::testbmc::fleet::Fleet;
use turbulence_lab::testbmc::quirks::{BridgeReply, ControllerFault};
use turbulence_lab::testbmc::server::{ENGINE, SUPPLY, neighbours};
use turbulence_lab::testbmc::{Quirks, TestBmc};

use crate::exporter::{count, page_where, sample, start};

const OFF: Ipv4Addr = Ipv4Addr::new(127, 45, 0, 1);
const OWN: Ipv4Addr = Ipv4Addr::new(127, 45, 0, 2);
const EMBEDDED: Ipv4Addr = Ipv4Addr::new(127, 45, 0, 3);
const SILENT: Ipv4Addr = Ipv4Addr::new(127, 45, 0, 4);
const ALL: [Ipv4Addr; 4] = [OFF, OWN, EMBEDDED, SILENT];

const CELSIUS: &str = "ipmi_temperature_celsius";
const FAILURES: &str = "ipmi_sensor_read_failures_total";

/// The sensors of others: name, owner, LUN, number, value, metric.
const THEIRS: [(&str, u8, u8, u8, f64, &str); 6] = [
    ("ME PCH Temp", ENGINE.1, 0, 0x05, 57.0, CELSIUS),
    ("ME Margin", ENGINE.1, 1, 0x08, 33.0, CELSIUS),
    ("ME Bent", ENGINE.1, 0, 0x09, 140.0, "ipmi_voltage_volts"),
    ("PSU Hot Spot", SUPPLY.1, 0, 0x05, 71.0, CELSIUS),
    ("PSU Input", SUPPLY.1, 0, 0x01, 23.1, "ipmi_voltage_volts"),
    ("PSU Fan Exhaust", SUPPLY.1, 0, 0x99, 48.0, CELSIUS),
];

fn fleet() -> Fleet {
    let machine = Arc::new(neighbours());
    let embedded = BridgeReply::Embedded;
    let silent = BTreeMap::from([(SUPPLY.1, ControllerFault::Silent)]);
    let bmcs = [
        (OFF, Quirks::default()),
        (OWN, Quirks::default()),
        (EMBEDDED, Quirks { bridge: embedded, ..Quirks::default() }),
        (SILENT, Quirks { controllers: silent, ..Quirks::default() }),
    ];
    let bmcs = bmcs.map(|(at, quirks)| (at, TestBmc::new(Arc::clone(&machine), quirks, 1)));
    Fleet::start(0, bmcs).unwrap()
}

fn config(port: u16) -> String {
    let module = "user: monitor, pass: s3cretpass, interval: 1s, retries: 1";
    format!(
        "modules:\n\
         \x20 default: {{{module}, timeout: 5s}}\n\
         \x20 bridging: {{{module}, timeout: 5s, bridge_sensors: true}}\n\
         \x20 impatient: {{{module}, timeout: 500ms, bridge_sensors: true}}\n\
         targets:\n\
         \x20 - {{name: \"off\", address: \"{OFF}:{port}\"}}\n\
         \x20 - {{name: own, address: \"{OWN}:{port}\", module: bridging}}\n\
         \x20 - {{name: embedded, address: \"{EMBEDDED}:{port}\", module: bridging}}\n\
         \x20 - {{name: silent, address: \"{SILENT}:{port}\", module: impatient}}\n"
    )
}

fn value(text: &str, metric: &str, target: &str, name: &str) -> Option<f64> {
    sample(text, metric, &[("target", target), ("name", name)])
}

fn failures(text: &str, target: &str, reason: &str) -> u64 {
    let labels = [("target", target), ("reason", reason)];
    // A reason is there once it has occurred.
    sample(text, FAILURES, &labels).map_or(0, |_| count(text, FAILURES, &labels))
}

fn has_polled_thrice(text: &str) -> bool {
    ["off", "own", "embedded", "silent"].iter().all(|target| {
        count(text, "ipmi_polls_total", &[("target", target)]) >= 3
            && value(text, CELSIUS, target, "05-HD Max").is_some()
    })
}

#[test]
fn a_sensor_of_another_controller_is_read_there_or_not_at_all() {
    let fleet = fleet();
    let exporter = start(&config(fleet.port()));
    let text = page_where(&exporter, "three polls of each", has_polled_thrice);
    for target in ["off", "own", "embedded", "silent"] {
        assert_eq!(value(&text, CELSIUS, target, "05-HD Max"), Some(24.0), "{target}");
        assert_eq!(value(&text, CELSIUS, target, "01-Inlet Ambient"), Some(22.0), "{target}");
        for (name, owner, _, _, expected, metric) in THEIRS {
            let readable = match target {
                "off" => false,
                "silent" => owner != SUPPLY.1,
                _ => true,
            };
            let expected = readable.then_some(expected);
            assert_eq!(value(&text, metric, target, name), expected, "{target} {name}");
            let flag = value(&text, "ipmi_sensor_readable", target, name);
            assert_eq!(flag, (!readable).then_some(0.0), "{target} {name}");
            assert_eq!(value(&text, "ipmi_sensor_present", target, name), Some(1.0));
        }
    }
    let limit = [("name", "ME PCH Temp"), ("target", "own"), ("level", "upper_critical")];
    assert_eq!(sample(&text, "ipmi_temperature_threshold_celsius", &limit), Some(95.0));
    assert!(failures(&text, "off", "not_bridged") >= 18, "six of three polls");
    assert_eq!(failures(&text, "own", "not_bridged"), 0);
    assert_eq!(failures(&text, "own", "timeout") + failures(&text, "embedded", "timeout"), 0);
    assert!(failures(&text, "silent", "timeout") >= 3);

    // Two sensors with one number change: each at its own owner.
    for bmc in ALL {
        fleet.with(bmc, |bmc| {
            bmc.set_value(0, 5, 30);
            bmc.set_value_of(ENGINE.1, 0, 5, 62);
            bmc.set_value_of(SUPPLY.1, 0, 5, 77);
        });
    }
    let changed = |text: &str| {
        ["off", "own", "embedded", "silent"]
            .iter()
            .all(|target| value(text, CELSIUS, target, "05-HD Max") == Some(30.0))
            && ["own", "embedded", "silent"]
                .iter()
                .all(|target| value(text, CELSIUS, target, "ME PCH Temp") == Some(62.0))
            && ["own", "embedded"]
                .iter()
                .all(|target| value(text, CELSIUS, target, "PSU Hot Spot") == Some(77.0))
    };
    let text = page_where(&exporter, "the changed values", changed);
    assert_eq!(value(&text, CELSIUS, "off", "ME PCH Temp"), None);
    assert!(exporter.stop().success());

    for bmc in ALL {
        let (open, counted) = fleet.with(bmc, |bmc| (bmc.open_sessions(), bmc.counters())).unwrap();
        assert_eq!((open, counted.refused_changes), (0, 0), "{bmc}: {counted:?}");
        assert_eq!(counted.bridged == 0, bmc == OFF, "{bmc}: {counted:?}");
        let asked =
            |owner, lun, number| fleet.with(bmc, |bmc| bmc.asked(owner, lun, number)).unwrap();
        // Numbers that only others have were never asked for at the BMC; those that both have no more
        // often than a number that is the BMC's alone.
        assert_eq!(asked(0x20, 0, 0x99) + asked(0x20, 1, 0x08), 0, "{bmc}");
        assert!(asked(0x20, 0, 0x05).abs_diff(asked(0x20, 0, 0x02)) <= 1, "{bmc}");
        for (name, owner, lun, number, ..) in THEIRS {
            assert_eq!(asked(owner, lun, number) == 0, bmc == OFF, "{bmc} {name}");
        }
    }
}
