//! What real firmware does that the specification does not have: every sensor is read all the same, or the
//! reason says what to do.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use turbulence_lab::testbmc::crypto::Suite;
use turbulence_lab::testbmc::fleet::Fleet;
use turbulence_lab::testbmc::quirks::{Padding, Refusals, RepositoryFault, SdrGives};
use turbulence_lab::testbmc::server::{device_sdrs, rack_server};
use turbulence_lab::testbmc::{Machine, Quirks, TestBmc};

use crate::exporter::{page_where, sample, start};
use crate::faults::{METRICS, VALUES};

/// A BMC's name, itself, the end of its module's name, and what its page has to say besides.
struct Case {
    name: &'static str,
    machine: fn() -> Machine,
    quirks: Quirks,
    /// Whether its list of sensors can be read to the end and counted.
    complete: f64,
}

fn case(name: &'static str, quirks: Quirks) -> Case {
    Case { name, machine: rack_server, quirks, complete: 1.0 }
}

fn cases() -> Vec<Case> {
    let repository = |repository| Quirks { repository, ..Quirks::default() };
    let gives = |sdr_gives| Quirks { sdr_gives, ..Quirks::default() };
    let without = |name, fault| Case { machine: device_sdrs, ..case(name, repository(fault)) };
    let endless = |name, quirks| Case { complete: 0.0, ..case(name, quirks) };
    let none = Quirks::default;
    vec![
        without("device-sdrs", RepositoryFault::Refused(0xC1)),
        without("device-sdrs-busy", RepositoryFault::Refused(0xFF)),
        without("device-sdrs-empty", RepositoryFault::None),
        case("info-refused", repository(RepositoryFault::InfoRefused(0xD4))),
        case("reserve-refused", repository(RepositoryFault::ReserveRefused(0xC1))),
        case("counts-few", Quirks { sdr_count: Some(2), ..none() }),
        endless("counts-many", Quirks { sdr_count: Some(300), ..none() }),
        endless("unended", Quirks { sdr_unended: Some(0xCC), sdr_count: Some(20), ..none() }),
        endless("circle", Quirks { sdr_loops: true, ..none() }),
        case("length-large", Quirks { record_length: 5, ..none() }),
        case("length-small", Quirks { record_length: -9, ..none() }),
        case("gives-junk", gives(SdrGives::Junk(9))),
        case("gives-rest", gives(SdrGives::Rest)),
        case("gives-whole", gives(SdrGives::Whole)),
        case("bare-names", Quirks { bare_names: true, ..none() }),
        case("padding", Quirks { padding: Padding::Phosphor, ..none() }),
        case("padding-zero", Quirks { padding: Padding::Zeroes, ..none() }),
        case("suite-3", Quirks { answers_suite_3: true, ..none() }),
        case("firmware", Quirks { firmware_minor: Some(0x3C), ..none() }),
        case("thresholds", Quirks { zero_thresholds: true, ..none() }),
        without("device-sdrs-silent", RepositoryFault::Silent),
        case("slow-to-open", Quirks { open_takes: Duration::from_millis(2_500), ..none() }),
        case("slow", Quirks { rakp_takes: Duration::from_millis(2_500), ..none() }),
        case(
            "slow-forgetful",
            Quirks { rakp_takes: Duration::from_millis(2_500), rakp_forgets: true, ..none() },
        ),
    ]
}

fn address(place: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 47, 0, u8::try_from(place + 1).unwrap())
}

fn fleet(cases: &[Case]) -> Fleet {
    let bmc = |case: &Case| TestBmc::new(Arc::new((case.machine)()), case.quirks.clone(), 1);
    Fleet::start(0, cases.iter().enumerate().map(|(place, it)| (address(place), bmc(it)))).unwrap()
}

fn config(cases: &[Case], port: u16) -> String {
    let targets = cases.iter().enumerate().map(|(place, case)| {
        format!("  - {{name: {}, address: \"{}:{port}\"}}\n", case.name, address(place))
    });
    format!(
        "modules:\n  default: {{user: monitor, pass: s3cretpass, interval: 1s, slow_interval: 10s, \
         timeout: 1s}}\ntargets:\n{}",
        targets.collect::<String>()
    )
}

/// How many of the machine's values are there; each must be what the script says.
fn right_values(text: &str, target: &str) -> usize {
    let found = VALUES.iter().filter_map(|(name, value)| {
        let labels = [("target", target), ("name", *name)];
        let read = METRICS.iter().find_map(|metric| sample(text, metric, &labels))?;
        assert!((read - value).abs() < 1e-9, "{target} {name}: {read} instead of {value}");
        Some(())
    });
    found.count()
}

#[test]
fn every_sensor_of_awkward_firmware_is_read() {
    let cases = cases();
    let fleet = fleet(&cases);
    let exporter = start(&config(&cases, fleet.port()));
    let of = |text: &str, metric: &str, target: &str| sample(text, metric, &[("target", target)]);
    let text = page_where(&exporter, "all values of all", |text| {
        cases.iter().all(|case| right_values(text, case.name) == VALUES.len())
    });
    for case in &cases {
        let complete = of(&text, "ipmi_sdr_complete", case.name);
        assert_eq!(complete, Some(case.complete), "{}", case.name);
        let doubtful = of(&text, "ipmi_sensors_implausible_thresholds", case.name).unwrap_or(0.0);
        assert_eq!(doubtful > 0.0, case.name == "thresholds", "{}: {doubtful}", case.name);
    }
    page_where(&exporter, "the firmware's revision", |text| {
        let labels = [("target", "firmware"), ("firmware_revision", "1.3c")];
        sample(text, "ipmi_bmc_info", &labels) == Some(1.0)
    });
    assert!(exporter.stop().success());
    for (place, case) in cases.iter().enumerate() {
        let counted = fleet.with(address(place), |bmc| bmc.counters()).unwrap();
        assert_eq!(counted.refused_changes, 0, "{}: {counted:?}", case.name);
    }
}

/// A fan that vanishes from a list that the BMC never counts right is lost, once the list has read the
/// same twice.
#[test]
fn a_sensor_is_lost_from_a_list_that_cannot_be_counted() {
    let quirks = Quirks { sdr_count: Some(300), ..Quirks::default() };
    let endless = Case { complete: 0.0, ..case("endless", quirks) };
    let cases = [endless];
    let fleet = fleet(&cases);
    let exporter = start(&config(&cases, fleet.port()));
    let present = |text: &str| sample(text, "ipmi_sensor_present", &[("name", "Fan 2")]);
    page_where(&exporter, "the fan", |text| present(text) == Some(1.0));
    // It has to be read twice before it is believed.
    let believed = |text: &str| {
        let labels = [("command", "get_sdr")];
        sample(text, "ipmi_commands_total", &labels).is_some_and(|sent| sent > 70.0)
    };
    page_where(&exporter, "a second reading", believed);
    let mut machine = rack_server();
    machine.repository_times.0 += 60;
    let is_fan = |record: &[u8]| record.windows(5).any(|name| name == b"Fan 2");
    machine.records.retain(|record| !is_fan(record));
    let smaller = TestBmc::new(Arc::new(machine), cases[0].quirks.clone(), 2);
    fleet.with(address(0), |bmc| *bmc = smaller).unwrap();
    page_where(&exporter, "the fan lost", |text| present(text) == Some(0.0));
    assert!(exporter.stop().success());
}

#[test]
fn a_refusal_says_what_to_do() {
    let refusals = [Refusals::Whole, Refusals::NoTag, Refusals::NoSession, Refusals::Nobody];
    let names = ["refused", "refused-no-tag", "refused-no-session", "refused-nobody"];
    let locked = || Machine { users: Vec::new(), ..rack_server() };
    let mut cases: Vec<_> = names
        .into_iter()
        .zip(refusals)
        .map(|(name, refusals)| Case {
            machine: locked,
            ..case(name, Quirks { refusals, ..Quirks::default() })
        })
        .collect();
    let fault = |code| RepositoryFault::Refused(code);
    for (name, code) in [("low", 0xD4), ("busy", 0xD2), ("full", 0xC4), ("unknown", 0xC1)] {
        cases.push(case(name, Quirks { repository: fault(code), ..Quirks::default() }));
    }
    let fleet = fleet(&cases);
    let exporter = start(&config(&cases, fleet.port()));
    let failed = |text: &str, target: &str, reason: &str| {
        let labels = [("target", target), ("reason", reason)];
        sample(text, "ipmi_poll_failures_total", &labels).is_some_and(|count| count >= 1.0)
    };
    page_where(&exporter, "each reason", |text| {
        names.iter().all(|name| failed(text, name, "unknown_user"))
            && failed(text, "low", "privilege")
            && failed(text, "busy", "busy")
            && failed(text, "full", "out_of_space")
            && failed(text, "unknown", "not_supported")
    });
    assert!(exporter.stop().success());
}

/// A session that ends between two polls costs a log-in, and no second look at the sensors.
#[test]
fn a_session_shorter_than_the_interval_is_opened_anew_and_no_more() {
    let short = || Machine { session_timeout: Duration::from_millis(200), ..rack_server() };
    let cases = [Case { machine: short, ..case("short", Quirks::default()) }];
    let fleet = fleet(&cases);
    let exporter = start(&config(&cases, fleet.port()));
    let sent = |text: &str, command: &str| {
        sample(text, "ipmi_commands_total", &[("command", command)]).unwrap_or_default()
    };
    let opened = |text: &str| sample(text, "ipmi_sessions_opened_total", &[]).unwrap_or_default();
    let early = page_where(&exporter, "two sessions", |text| opened(text) >= 2.0);
    let late = page_where(&exporter, "six sessions", |text| opened(text) >= 6.0);
    for command in ["get_sdr", "get_sensor_thresholds"] {
        let both = (sent(&early, command), sent(&late, command));
        assert!((both.0 - both.1).abs() < 0.5, "{command}: {both:?}");
    }
    assert!(exporter.stop().success());
}

/// A BMC that says nothing about suite 17 makes the first log-in wait, and no other.
#[test]
fn a_suite_that_is_not_answered_is_asked_for_once() {
    let only_three = || Machine {
        suites: vec![Suite::Three],
        session_timeout: Duration::from_millis(200),
        ..rack_server()
    };
    let quirks = Quirks { silent_about_suites: true, ..Quirks::default() };
    let cases = [Case { machine: only_three, ..case("only-three", quirks) }];
    let fleet = fleet(&cases);
    let exporter = start(&config(&cases, fleet.port()));
    let opened = |text: &str| sample(text, "ipmi_sessions_opened_total", &[]).unwrap_or_default();
    let unanswered = || fleet.with(address(0), |bmc| bmc.counters().unanswered_suites).unwrap();
    page_where(&exporter, "a session", |text| opened(text) >= 1.0);
    let first = unanswered();
    assert!(first >= 1, "suite 17 was never asked for");
    page_where(&exporter, "four sessions", |text| opened(text) >= 4.0);
    assert_eq!(unanswered(), first);
    assert!(exporter.stop().success());
}
