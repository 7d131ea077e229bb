//! What a BMC is asked seldom, as `ipmitool` prints it: why the machine was started, its watchdog, the limit of its
//! power, the port of a Supermicro's BMC, the open chassis.

use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::Arc;

use peers::exposition::samples;
use turbulence_lab::testbmc::fleet::Fleet;
use turbulence_lab::testbmc::machine::{Device, Seldom};
use turbulence_lab::testbmc::server::rack_server;
use turbulence_lab::testbmc::{Machine, Quirks, TestBmc};

use crate::exporter::{page_where, sample, start};

/// Of the machine that was started by the first cause; the others follow.
const FIRST: Ipv4Addr = Ipv4Addr::new(127, 49, 1, 0);
/// Why a machine was started, by number: the word here, and what `ipmitool` prints.
const CAUSES: [(&str, &str); 12] = [
    ("unknown", "unknown"),
    ("chassis_control", "chassis power control command"),
    ("reset_button", "reset via pushbutton"),
    ("power_button", "power-up via pushbutton"),
    ("watchdog", "watchdog expired"),
    ("oem", "OEM"),
    ("power_restored_always_on", "power-up due to always-restore power policy"),
    ("power_restored_previous_state", "power-up due to restore-previous power policy"),
    ("pef_reset", "reset via PEF"),
    ("pef_power_cycle", "power-cycle via PEF"),
    ("soft_reset", "soft reset"),
    ("real_time_clock", "power-up via RTC wakeup"),
];
/// A watchdog of the operating system that runs: an NMI ten seconds before a hard reset, 500 s of which 360 are left.
const WATCHDOG: [u8; 8] = [0x44, 0x21, 10, 0, 0x88, 0x13, 0x10, 0x0E];
type Labels = &'static [(&'static str, &'static str)];
/// A line of `ipmitool mc watchdog get`, the metric and its label here, and the value.
const TIMER: [(&str, &str, Labels, f64); 8] = [
    ("Watchdog Timer Use:     SMS/OS", "timer_use_state", &[("name", "SMS/OS")], 1.0),
    ("Watchdog Timer Is:      Started/Running", "timer_state", &[], 1.0),
    ("Watchdog Timer Logging: On", "logging_state", &[], 1.0),
    (
        "Watchdog Timer Action:  Hard Reset",
        "timeout_action_state",
        &[("action", "Hard Reset")],
        1.0,
    ),
    (
        "Pre-timeout interrupt:  NMI/Diagnostic",
        "pretimeout_interrupt_state",
        &[("interrupt", "NMI / Diagnostic Interrupt")],
        1.0,
    ),
    ("Pre-timeout interval:   10 seconds", "pretimeout_interval_seconds", &[], 10.0),
    ("Initial Countdown:      500.0 sec", "initial_countdown_seconds", &[], 500.0),
    ("Present Countdown:      360.0 sec", "current_countdown_seconds", &[], 360.0),
];

/// The machine that was started by a cause; the third is open, has a limit, and a BMC that shares a port.
fn machine(cause: u8) -> Machine {
    let plain = rack_server();
    if cause != 3 {
        let seldom = Seldom { restart_cause: Some(cause), ..Seldom::default() };
        return Machine { seldom, ..plain };
    }
    let seldom = Seldom {
        restart_cause: Some(cause),
        watchdog: Some(WATCHDOG),
        power_limit: Some(412),
        lan_mode: Some(1),
    };
    // A Supermicro's, whose chassis is open (table 28-3).
    let device = Device { manufacturer: 10_876, ..plain.device };
    Machine { seldom, device, chassis: [0x01, 0x00, 0x01], ..plain }
}

/// What `ipmitool` prints.
fn ipmitool(at: Ipv4Addr, port: u16, command: &str) -> String {
    let (host, port) = (at.to_string(), port.to_string());
    let mut ipmitool = Command::new("ipmitool");
    ipmitool.args(["-I", "lanplus", "-H", &host, "-p", &port, "-U", "monitor", "-E", "-L", "USER"]);
    ipmitool.args(["-C", "3"]).args(command.split(' ')).env("IPMI_PASSWORD", "s3cretpass");
    let output = ipmitool.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8(text).unwrap()
}

#[test]
fn what_is_asked_seldom_is_what_ipmitool_prints() {
    let causes = (0..).zip(CAUSES);
    let at = |cause: u8| Ipv4Addr::from(u32::from(FIRST) + u32::from(cause));
    let bmcs = causes.clone().map(|(cause, _)| {
        (at(cause), TestBmc::new(Arc::new(machine(cause)), Quirks::default(), 1))
    });
    let fleet = Fleet::start(0, bmcs).unwrap();
    let port = fleet.port();
    let target = |cause: u8| format!("  - {{name: m{cause}, address: \"{}:{port}\"}}\n", at(cause));
    let targets: Vec<_> = causes.clone().map(|(cause, _)| target(cause)).collect();
    let exporter = start(&format!(
        "modules:\n  default: {{user: monitor, pass: s3cretpass, interval: 1s, slow_interval: 10s, \
         collectors: [bmc, ipmi, chassis, dcmi, bmc-watchdog, sm-lan-mode]}}\ntargets:\n{}",
        targets.concat()
    ));
    let text = page_where(&exporter, "what is asked seldom", |page| {
        let of = |metric: &str| samples(page).filter(|it| it.name == metric).count();
        of("ipmi_chassis_restart_cause_info") == CAUSES.len()
            && of("ipmi_dcmi_power_limit_watts") == 1
            && of("ipmi_config_lan_mode") == 1
            && of("ipmi_bmc_watchdog_timer_state") == 1
    });

    for (cause, (ours, theirs)) in causes {
        let printed = ipmitool(at(cause), port, "chassis restart_cause");
        assert!(printed.contains(theirs), "{cause}: {printed}");
        let name = format!("m{cause}");
        let told =
            sample(&text, "ipmi_chassis_restart_cause_info", &[("target", &name), ("cause", ours)]);
        assert_eq!(told, Some(1.0), "{cause}");
    }
    let printed = ipmitool(at(3), port, "mc watchdog get");
    for (theirs, metric, labels, value) in TIMER {
        assert!(printed.contains(theirs), "{theirs} in:\n{printed}");
        let labels = [&[("target", "m3")], labels].concat();
        assert_eq!(
            sample(&text, &format!("ipmi_bmc_watchdog_{metric}"), &labels),
            Some(value),
            "{metric}"
        );
    }
    let of = |metric: &str, target: &str| sample(&text, metric, &[("target", target)]);
    let printed = ipmitool(at(3), port, "dcmi power get_limit");
    assert!(printed.contains("412"), "{printed}");
    assert_eq!(of("ipmi_dcmi_power_limit_watts", "m3"), Some(412.0));
    // As Supermicro's owners ask for it.
    assert_eq!(ipmitool(at(3), port, "raw 0x30 0x70 0x0c 0").trim(), "01");
    assert_eq!(of("ipmi_config_lan_mode", "m3"), Some(1.0));
    for (target, state, value) in [(3, "active", 0.0), (2, "inactive", 1.0)] {
        let printed = ipmitool(at(target), port, "chassis status");
        let line = printed.lines().find(|line| line.starts_with("Chassis Intrusion")).unwrap();
        assert!(line.ends_with(&format!(": {state}")), "{line}");
        assert_eq!(of("ipmi_chassis_intrusion_state", &format!("m{target}")), Some(value));
    }

    assert!(exporter.stop().success());
    for cause in 0..12 {
        let counted = fleet.with(at(cause), |bmc| bmc.counters()).unwrap();
        assert_eq!(counted.refused_changes, 0, "{counted:?}");
    }
}
