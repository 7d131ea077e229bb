//! BMCs that reboot, forget their sessions, have no room for one, or answer late: values are right or
//! absent, the counters say why, and at the end no session is left.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipmi_lan::{Credentials, Options, Password, Session};
use peers::Program;
use turbulence_lab::testbmc::fleet::Fleet;
use turbulence_lab::testbmc::quirks::Late;
use turbulence_lab::testbmc::server::rack_server;
use turbulence_lab::testbmc::{Machine, Quirks, TestBmc};

use crate::exporter::{self, count, page_where, sample};

/// The sensors of the rack server: name and value, as its script has them.
pub(crate) const VALUES: [(&str, f64); 13] = [
    ("01-Inlet Ambient", 22.0),
    ("02-CPU", 40.0),
    ("03-P1 DIMM 1-2", 31.0),
    ("04-P1 DIMM 3-4", 32.0),
    ("05-HD Max", 24.0),
    ("06-Chipset", 45.0),
    ("07-VR P1", 38.0),
    ("Fan 1", 4500.0),
    ("Fan 2", 4600.0),
    ("Power Meter", 70.0),
    ("PS 1 Input", 0.3),
    ("12V", 12.06),
    ("Fan 1 DutyCycle", 0.19208),
];

pub(crate) const METRICS: [&str; 6] = [
    "ipmi_temperature_celsius",
    "ipmi_fan_speed_rpm",
    "ipmi_fan_speed_ratio",
    "ipmi_power_watts",
    "ipmi_current_amperes",
    "ipmi_voltage_volts",
];

/// How many values are there; each must be what the script says.
fn right_values(text: &str) -> usize {
    let found = VALUES.iter().filter_map(|(name, value)| {
        let read = METRICS.iter().find_map(|metric| sample(text, metric, &[("name", name)]))?;
        assert!((read - value).abs() < 1e-9, "{name}: {read} instead of {value}");
        Some(())
    });
    found.count()
}

fn counted(text: &str, metric: &str, reason: &str) -> u64 {
    let labels = [("reason", reason)];
    if reason.is_empty() {
        return count(text, metric, &[]);
    }
    // A reason is there once it has occurred.
    sample(text, metric, &labels).map_or(0, |_| count(text, metric, &labels))
}

fn is_up(text: &str) -> bool {
    sample(text, "ipmi_up", &[("collector", "ipmi")]) == Some(1.0)
}

/// A BMC at an address of its own, with the exporter polling it, which is as patient as a busy
/// machine needs it.
fn start(address: Ipv4Addr, machine: Machine, quirks: Quirks) -> (Fleet, Program) {
    start_with("2s", address, machine, quirks)
}

fn start_with(
    timeout: &str,
    address: Ipv4Addr,
    machine: Machine,
    quirks: Quirks,
) -> (Fleet, Program) {
    start_as(&format!("timeout: {timeout}, retries: 1"), address, machine, quirks)
}

/// With more of the module.
fn start_as(module: &str, address: Ipv4Addr, machine: Machine, quirks: Quirks) -> (Fleet, Program) {
    let bmc = TestBmc::new(Arc::new(machine), quirks, 1);
    let fleet = Fleet::start(0, [(address, bmc)]).unwrap();
    let port = fleet.port();
    let exporter = exporter::start(&format!(
        "modules:\n\
         \x20 default: {{user: monitor, pass: s3cretpass, interval: 1s, {module}}}\n\
         targets:\n\
         \x20 - {{name: bmc, address: \"{address}:{port}\"}}\n"
    ));
    (fleet, exporter)
}

fn all_are_there(text: &str) -> bool {
    is_up(text) && right_values(text) == VALUES.len()
}

fn ends_without_sessions(exporter: Program, fleet: &Fleet, address: Ipv4Addr) {
    assert!(exporter.stop().success());
    let (open, counted) = fleet.with(address, |bmc| (bmc.open_sessions(), bmc.counters())).unwrap();
    assert_eq!((open, counted.refused_changes), (0, 0), "{counted:?}");
}

#[test]
fn a_reboot_in_mid_session_leaves_no_value_standing() {
    const BMC: Ipv4Addr = Ipv4Addr::new(127, 46, 0, 1);
    let (fleet, exporter) = start(BMC, rack_server(), Quirks::default());
    page_where(&exporter, "all values", all_are_there);

    let forever = Duration::from_secs(86_400);
    fleet.with(BMC, |bmc| bmc.quirks.reboot = Some((Duration::ZERO, forever)));
    let down = page_where(&exporter, "the BMC down", |text| !is_up(text));
    assert_eq!(right_values(&down), 0, "no value of a BMC that is down");
    let down = page_where(&exporter, "a refused log-in", |text| {
        counted(text, "ipmi_session_failures_total", "no_answer") >= 1
    });
    assert!(counted(&down, "ipmi_poll_failures_total", "no_answer") >= 1);
    assert_eq!(right_values(&down), 0);

    fleet.with(BMC, |bmc| bmc.quirks.reboot = None);
    let back = page_where(&exporter, "all values again", all_are_there);
    assert_eq!(counted(&back, "ipmi_sessions_opened_total", ""), 2);
    ends_without_sessions(exporter, &fleet, BMC);
}

#[test]
fn a_bmc_of_17_sensors_has_110_series_at_most() {
    const BMC: Ipv4Addr = Ipv4Addr::new(127, 46, 0, 8);
    let module = "timeout: 2s, slow_interval: 10s, collectors: [bmc, ipmi, chassis, dcmi, sel]";
    let (fleet, exporter) = start_as(module, BMC, rack_server(), Quirks::default());
    let is_series = |line: &&str| line.starts_with("ipmi_");
    let all_have_answered = |text: &str| {
        let up = |it| sample(text, "ipmi_up", &[("collector", it)]).is_some();
        ["bmc", "ipmi", "chassis", "dcmi", "sel"].into_iter().all(up)
            && sample(text, "ipmi_sensor_state_asserted", &[]).is_some()
    };
    let text = page_where(&exporter, "each collector's answers", all_have_answered);
    let sensors = text.lines().filter(|line| line.starts_with("ipmi_sensor_present{")).count();
    let series = text.lines().filter(is_series).count();
    assert_eq!(sensors, 17, "{text}");
    assert!(series <= 110, "{series} series:\n{text}");
    ends_without_sessions(exporter, &fleet, BMC);
}

#[test]
fn a_lost_session_table_costs_a_log_in() {
    const BMC: Ipv4Addr = Ipv4Addr::new(127, 46, 0, 2);
    let (fleet, exporter) = start(BMC, rack_server(), Quirks::default());
    page_where(&exporter, "all values", all_are_there);
    for opened in [2, 3] {
        fleet.with(BMC, TestBmc::lose_sessions);
        let again = |text: &str| {
            right_values(text);
            counted(text, "ipmi_sessions_opened_total", "") == opened && all_are_there(text)
        };
        let text = page_where(&exporter, "all values in a new session", again);
        assert_eq!(counted(&text, "ipmi_session_failures_total", "no_answer"), 0);
    }
    let dropped = fleet.with(BMC, |bmc| bmc.counters().dropped).unwrap();
    assert!(dropped >= 2, "requests of forgotten sessions: {dropped}");
    ends_without_sessions(exporter, &fleet, BMC);
}

#[tokio::test]
async fn a_full_session_table_is_named() {
    const BMC: Ipv4Addr = Ipv4Addr::new(127, 46, 0, 3);
    let machine = Machine { session_limit: 1, ..rack_server() };
    let (fleet, exporter) = start(BMC, machine, Quirks::default());
    page_where(&exporter, "all values", all_are_there);

    // Somebody else takes the only slot.
    fleet.with(BMC, TestBmc::lose_sessions);
    let credentials = Credentials {
        user: "operator".into(),
        password: Password::new("operatorpass").unwrap(),
        k_g: None,
    };
    let address = SocketAddr::from((BMC, fleet.port()));
    let mut other = None;
    while other.is_none() {
        other = Session::open(address, &credentials, &Options::default()).await.ok();
        if other.is_none() {
            fleet.with(BMC, TestBmc::lose_sessions);
        }
    }
    let full = page_where(&exporter, "the table full", |text| {
        !is_up(text) && counted(text, "ipmi_session_failures_total", "session_table_full") >= 1
    });
    assert_eq!(right_values(&full), 0);
    assert!(counted(&full, "ipmi_poll_failures_total", "session_table_full") >= 1);
    assert!(fleet.with(BMC, |bmc| bmc.counters().table_full).unwrap() >= 1);

    other.unwrap().close().await;
    page_where(&exporter, "all values again", all_are_there);
    ends_without_sessions(exporter, &fleet, BMC);
}

#[test]
fn late_replies_are_nobodys_values() {
    const BMC: Ipv4Addr = Ipv4Addr::new(127, 46, 0, 4);
    // Later than both attempts of a request: the reply comes while another sensor is asked for.
    let late = Late { every: 7, by: Duration::from_millis(260) };
    let quirks = Quirks { late: Some(late), duplicated: Some(5), ..Quirks::default() };
    let (fleet, exporter) = start_with("100ms", BMC, rack_server(), quirks);
    let text = page_where(&exporter, "ten polls and thirty late replies", |text| {
        // Every page on the way is judged as well.
        right_values(text);
        counted(text, "ipmi_polls_total", "") >= 10
            && counted(text, "ipmi_stale_replies_total", "") >= 30
    });
    assert!(counted(&text, "ipmi_retries_total", "") >= 10);
    fleet.with(BMC, |bmc| bmc.quirks = Quirks::default());
    page_where(&exporter, "all values", all_are_there);
    ends_without_sessions(exporter, &fleet, BMC);
}
