//! The real program against a BMC that is `ipmi_sim`: read it, break it, reload.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "program/sim.rs"]
mod sim;
#[path = "program/switch.rs"]
mod switch;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use peers::ipmi_sim::{PASSWORD, USER};
use peers::{Program, Scrape};
use sim::Sim;

const HD_MAX: &str = "id=\"32.0.5\",name=\"05-HD Max\"";

fn module(more: &str) -> String {
    format!("{{ user: {USER}, pass: {PASSWORD}, interval: 1s, timeout: 2s, retries: 1{more} }}")
}

fn config(sim: &Sim) -> String {
    format!(
        "modules: {{ default: {} }}\n\
         targets: [ {{ name: srv-1, address: '{}', site: lab, rack: r1 }} ]\n",
        module(""),
        sim.address()
    )
}

fn of_hd_max(metric: &str) -> String {
    format!("{metric}{{{HD_MAX}}}")
}

fn start(config: &str) -> Program {
    Program::start(Command::new(env!("CARGO_BIN_EXE_turbulence-ipmi")), config)
}

fn start_in(folder: &Path, config: &str) -> Program {
    Program::start_in(Command::new(env!("CARGO_BIN_EXE_turbulence-ipmi")), folder, config)
}

/// Waits until a series has that value; returns the page.
#[track_caller]
fn shows(exporter: &Program, series: &str, value: f64) -> Scrape {
    let what = format!("{series} {value}");
    exporter.wait_until(&what, |page| page.get(series).is_some_and(|it| (it - value).abs() < 1e-6))
}

#[test]
fn every_sensor_is_read_over_one_session() {
    let sim = Sim::start();
    let exporter = start(&config(&sim));
    let page = shows(&exporter, "ipmi_up{collector=\"ipmi\"}", 1.0);

    let place = "target=\"srv-1\",site=\"lab\",rack=\"r1\"";
    let close_to = |series: &str, value: f64| {
        let found = page.get(series).unwrap_or(f64::NAN);
        assert!((found - value).abs() < 1e-9, "{series} is {found}, not {value}, in:\n{page}");
    };
    close_to(&format!("ipmi_temperature_celsius{{{place},{HD_MAX},entity=\"disk\"}}"), 24.0);
    close_to(&of_hd_max("ipmi_temperature_state"), 0.0);
    close_to("ipmi_temperature_threshold_celsius{level=\"upper_non_critical\"}", 60.0);
    close_to("ipmi_verdicts_held", 0.0);
    close_to("ipmi_fan_speed_ratio{name=\"Fan 1 DutyCycle\",entity=\"fan\"}", 0.19208);
    close_to("ipmi_power_watts{name=\"Power Meter\"}", 70.0);
    close_to("ipmi_current_amperes{name=\"PS 1 Input\"}", 0.3);
    close_to(&of_hd_max("ipmi_sensor_present"), 1.0);
    assert_eq!(page.get(&of_hd_max("ipmi_sensor_readable")), None);
    close_to("ipmi_failures_total", 0.0);
    // Two sensors of one name, and a record that is there twice.
    close_to("ipmi_temperature_celsius{id=\"32.0.1\",name=\"01-Inlet Ambient\"}", 21.0);
    close_to("ipmi_temperature_celsius{id=\"32.0.6\",name=\"01-Inlet Ambient\"}", 22.0);
    close_to("ipmi_sdr_records", 10.0);
    close_to("ipmi_sdr_duplicate_records", 1.0);

    // A sensor that cannot be read does not cost the others their readings.
    close_to("ipmi_sensor_readable{name=\"61-AHCI HD Max\"}", 0.0);
    close_to("ipmi_sensor_present{name=\"61-AHCI HD Max\"}", 1.0);
    assert_eq!(page.get("ipmi_temperature_celsius{name=\"61-AHCI HD Max\"}"), None);
    let refused = "ipmi_sensor_read_failures_total{reason=\"invalid_request\"}";
    assert!(page.get(refused) > Some(0.0), "{page}");

    let page = exporter.wait_until("five polls", |page| {
        page.get("ipmi_polls_total").is_some_and(|polls| polls >= 5.0)
    });
    assert_eq!(page.get("ipmi_sessions_opened_total"), Some(1.0));
    assert_eq!(exporter.request("GET", "/-/ready", "").status, 200);
}

#[test]
fn the_slow_questions_tell_what_the_bmc_knows_and_nothing_of_what_it_refuses() {
    let sim = Sim::start();
    let exporter = start(&config(&sim));
    let bay = "ipmi_sensor_state_asserted{id=\"32.0.64\",state=\"drive fault\"}";
    let page = shows(&exporter, bay, 1.0);
    let bay =
        "ipmi_sensor_state{id=\"32.0.64\",name=\"Bay 1\",entity=\"disk\",type=\"Drive Slot\"}";
    assert_eq!(page.get(bay), Some(2.0), "{page}");

    let value = |series: &str| page.get(series);
    for (collector, up) in [("ipmi", 1.0), ("chassis", 1.0), ("sel", 1.0), ("bmc", 1.0)] {
        let collector = format!("collector=\"{collector}\"");
        assert_eq!(value(&format!("ipmi_up{{{collector}}}")), Some(up), "{collector}: {page}");
    }
    assert_eq!(value("ipmi_chassis_power_state"), Some(1.0), "{page}");
    assert_eq!(value("ipmi_chassis_drive_fault_state"), Some(1.0), "{page}");
    assert_eq!(value("ipmi_sel_entries"), Some(1.0), "{page}");
    assert!(value("ipmi_sel_free_space_bytes") > Some(0.0), "{page}");
    // Its clock was never set: the time since its start is no date.
    assert!(!page.text.contains("ipmi_sel_last_entry_timestamp_seconds"), "{page}");
    let info =
        "firmware_revision=\"2.70\",manufacturer_id=\"Hewlett-Packard (11)\",product_id=\"8192\"";
    assert_eq!(value(&format!("ipmi_bmc_info{{{info}}}")), Some(1.0), "{page}");

    // The simulator knows no DCMI.
    assert_eq!(value("ipmi_up{collector=\"dcmi\"}"), Some(0.0), "{page}");
    assert!(!page.text.contains("ipmi_dcmi_power"), "{page}");
    assert_eq!(value("ipmi_commands_total{command=\"get_power_reading\"}"), Some(1.0));
    assert_eq!(value("ipmi_commands_total{command=\"get_sel_info\"}"), Some(1.0));
    assert!(value("ipmi_commands_total{command=\"get_sensor_thresholds\"}") >= Some(7.0));
    assert_eq!(value("ipmi_sessions_opened_total"), Some(1.0), "{page}");
}

#[test]
fn only_the_collectors_that_are_wanted_ask() {
    let sim = Sim::start();
    let config =
        config(&sim).replace("retries: 1", "retries: 1, collectors: [ipmi, bmc], suites: [3]");
    let exporter = start(&config);
    let page = shows(&exporter, "ipmi_bmc_info", 1.0);
    for unasked in ["chassis", "sel", "dcmi"] {
        assert!(!page.text.contains(&format!("collector=\"{unasked}\"")), "{unasked}: {page}");
    }
}

#[test]
fn a_suite_that_the_bmc_refuses_is_a_reason_of_its_own() {
    let sim = Sim::start();
    let exporter = start(&config(&sim).replace("retries: 1", "retries: 1, suites: [17]"));
    let refused = "ipmi_session_failures_total{reason=\"suite_refused\"}";
    let page = exporter.wait_until("the reason", |page| page.get(refused) > Some(0.0));
    let ups: Vec<_> = page.text.lines().filter(|line| line.starts_with("ipmi_up{")).collect();
    assert!(
        ups.len() == 5 && ups.iter().all(|line| line.ends_with(" 0") || line.ends_with(" 0.0"))
    );
}

#[test]
fn a_device_that_is_not_there_is_a_reason_of_its_own_and_costs_the_others_nothing() {
    let sim = Sim::start();
    let config = format!(
        "modules: {{ default: {}, own: {{ driver: OPENIPMI, interval: 1s }} }}\n\
         targets: [ {{ name: srv-1, address: '{}' }},\n\
         {{ name: own, address: /dev/ipmi99, module: own }} ]\n",
        module(""),
        sim.address()
    );
    let exporter = start(&config);
    let missing = |metric| format!("{metric}{{target=\"own\",reason=\"no_device\"}}");
    let page = exporter.wait_until("the reason", |page| {
        page.get(&missing("ipmi_poll_failures_total")) > Some(0.0)
            && page.get("ipmi_up{target=\"srv-1\",collector=\"ipmi\"}") == Some(1.0)
    });
    assert!(page.get(&missing("ipmi_session_failures_total")) > Some(0.0), "{page}");
    let up = "ipmi_up{target=\"own\",collector=\"ipmi\"}";
    assert_eq!(page.get(up), Some(0.0), "{page}");
    let page = exporter.page("/ipmi?target=/dev/ipmi99");
    assert!(page.contains("target=\"own\"") && !page.contains("target=\"srv-1\""), "{page}");
}

/// Writes a list of targets as Prometheus would take it: by promtool's word.
fn list(exporter: &Program, text: &str) {
    let folder = exporter.folder();
    // Moved into its place whole, as the programs that write such lists do.
    std::fs::write(folder.join("new.tmp"), text).unwrap();
    std::fs::rename(folder.join("new.tmp"), folder.join("list.json")).unwrap();
    let scrape = "scrape_configs: [{job_name: x, file_sd_configs: [{files: [list.json]}]}]";
    std::fs::write(folder.join("prometheus.yml"), scrape).unwrap();
    let mut promtool = Command::new("promtool");
    let output =
        promtool.args(["check", "config"]).arg(folder.join("prometheus.yml")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn bmcs_are_discovered_and_the_session_of_one_that_goes_is_closed() {
    let (own, other) = (Sim::start(), Sim::start());
    let config = format!("{}file_sd_configs: [ {{ files: [list.json] }} ]\n", config(&own));
    let exporter = start(&config);
    let listed = |labels: &str| {
        format!(
            r#"[{{"targets": ["{}"], "labels": {{"target": "srv-2", {labels}}}}},
                {{"targets": ["{0}"], "labels": {{"target": "srv-1", "site": "lab"}}}},
                {{"targets": ["u:s3cret@h"], "labels": {{"target": "x"}}}},
                {{"targets": ["127.0.0.9"], "labels": {{"module": "none", "pass": "s3cret"}}}}]"#,
            other.address()
        )
    };
    list(&exporter, &listed(r#""site": "lab", "env": "prod""#));
    let found = "ipmi_up{target=\"srv-2\",site=\"lab\",env=\"prod\",collector=\"ipmi\"}";
    let metrics = shows(&exporter, found, 1.0);
    assert_eq!(metrics.get("turbulence_sd_targets"), Some(1.0), "{metrics}");
    assert_eq!(metrics.get("turbulence_sd_skipped_targets"), Some(3.0), "{metrics}");
    let page = exporter.page("/-/discovery");
    for said in ["another target has its name", "must be a host or", "among the modules"] {
        assert!(page.contains(said), "{said} is not in: {page}");
    }
    assert!(!page.contains("s3cret") && !metrics.text.contains("s3cret"), "{page}");
    assert!(exporter.page("/ipmi?target=srv-2").contains("target=\"srv-2\""));
    assert_eq!(other.sessions(), 1);

    // Other labels, and a reload: the same session, and the counters go on.
    list(&exporter, &listed(r#""site": "moon""#));
    shows(&exporter, "ipmi_up{target=\"srv-2\",site=\"moon\",collector=\"ipmi\"}", 1.0);
    assert_eq!(exporter.reload(&config).status, 200);
    let opened = "ipmi_sessions_opened_total{target=\"srv-2\",site=\"moon\"}";
    assert_eq!(exporter.metrics().get(opened), Some(1.0));

    list(&exporter, "[]");
    exporter.wait_until("no more of it", |page| !page.text.contains("srv-2"));
    exporter.wait("its session is given back", || other.sessions() == 0);
    assert_eq!(own.sessions(), 1);
}

#[test]
fn a_jump_that_no_disk_can_make_is_called_a_phantom_until_it_is_over() {
    let sim = Sim::start();
    let exporter = start(&config(&sim));
    shows(&exporter, &of_hd_max("ipmi_temperature_celsius"), 24.0);
    shows(&exporter, "ipmi_verdicts_held", 0.0);
    sim.set(5, 58);
    let verdict =
        |verdict: &str| format!("ipmi_verdict{{name=\"05-HD Max\",verdict=\"{verdict}\"}}");
    let page = shows(&exporter, &verdict("phantom_temperature"), 2.0);
    assert!(page.text.contains("verdict=\"phantom_temperature\",cause=\"jump\""), "{page}");
    let evidence = |what: &str| {
        page.get(&format!(
            "ipmi_verdict_evidence{{verdict=\"phantom_temperature\",what=\"{what}\"}}"
        ))
    };
    assert_eq!((evidence("base"), evidence("now")), (Some(24.0), Some(58.0)), "{page}");
    // The others did not move, and nothing is said of them.
    assert_eq!(page.get("ipmi_verdicts_held"), Some(1.0), "{page}");

    sim.set(5, 61);
    shows(&exporter, &of_hd_max("ipmi_temperature_state"), 1.0);
    sim.set(5, 24);
    shows(&exporter, "ipmi_verdicts_held", 0.0);
}

#[test]
fn a_bmc_that_is_gone_shows_no_reading_and_one_that_comes_back_without_a_sensor_has_lost_it() {
    let mut sim = Sim::start();
    let exporter = start(&config(&sim));
    shows(&exporter, &of_hd_max("ipmi_sensor_present"), 1.0);

    sim.kill();
    let page = shows(&exporter, "ipmi_up{collector=\"ipmi\"}", 0.0);
    for gone in ["celsius", "watts", "ipmi_sensor_", "ipmi_sdr_"] {
        let metric = |line: &str| line.starts_with("ipmi_") && !line.contains("_total");
        let left = page.text.lines().find(|line| metric(line) && line.contains(gone));
        assert_eq!(left, None);
    }
    let failures = |reason: &str| {
        page.get(&format!("ipmi_poll_failures_total{{{reason}}}")).unwrap_or_default()
    };
    assert!(page.get("ipmi_failures_total") > Some(0.0), "{page}");
    assert!(failures("reason=\"no_answer\"") + failures("reason=\"unreachable\"") > 0.0, "{page}");
    assert!(
        failures("reason=\"wrong_password\"") + failures("reason=\"protocol\"") < 1.0,
        "{page}"
    );
    assert!(page.get("ipmi_poll_age_seconds").is_some(), "{page}");

    sim.start_again_without(&[5]);
    let page = shows(&exporter, &of_hd_max("ipmi_sensor_present"), 0.0);
    assert_eq!(page.get("ipmi_sensor_present{name=\"02-CPU\"}"), Some(1.0));
    assert_eq!(page.get("ipmi_up{collector=\"ipmi\"}"), Some(1.0));
    assert_eq!(page.get(&of_hd_max("ipmi_temperature_celsius")), None);

    let accepted = exporter.request("POST", "/-/accept-inventory?target=srv-1", "");
    assert_eq!(
        (accepted.status, accepted.body.as_str()),
        (200, "Accepted: no longer expected: 05-HD Max (32.0.5)\n")
    );
    exporter.wait_until("no more of the sensor", |page| !page.text.contains("05-HD Max"));
}

#[test]
fn a_lost_sensor_is_still_lost_after_a_restart_of_the_exporter() {
    let mut sim = Sim::start();
    let config = format!("{}state_directory: state\n", config(&sim));
    let folder = tempfile::tempdir().unwrap();
    let exporter = start_in(folder.path(), &config);
    shows(&exporter, &of_hd_max("ipmi_sensor_present"), 1.0);
    exporter.stop();

    sim.start_again_without(&[5]);
    let exporter = start_in(folder.path(), &config);
    shows(&exporter, &of_hd_max("ipmi_sensor_present"), 0.0);
}

/// What stands in the place of state files that cannot be had: their targets, and a config with them.
fn broken_state(sim: &Sim, state: &Path) -> (Vec<String>, String) {
    std::fs::create_dir_all(state.join("directory.json")).unwrap();
    std::fs::write(state.join("no-text.json"), b"\xFF\xFE").unwrap();
    std::fs::write(state.join("elsewhere"), "precious").unwrap();
    std::os::unix::fs::symlink(state.join("elsewhere"), state.join("symlink.json")).unwrap();
    let fifo = Command::new("mkfifo").arg(state.join("fifo.json")).status().unwrap();
    assert!(fifo.success());
    let names = ["directory", "no-text", "symlink", "fifo"].map(str::to_owned).to_vec();
    let others = names.iter().map(|it| format!("{{ name: {it}, address: 127.0.0.1:9 }},"));
    let targets = format!("targets: [ {}", others.collect::<String>());
    let config = config(sim).replace("targets: [", &targets);
    (names, format!("{config}state_directory: state\n"))
}

#[test]
fn a_state_file_that_cannot_be_had_costs_one_warning_and_the_other_targets_nothing() {
    let sim = Sim::start();
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let (names, config) = broken_state(&sim, &state);
    let exporter = start_in(folder.path(), &config);
    shows(&exporter, &of_hd_max("ipmi_sensor_present"), 1.0);
    exporter.wait_until("the baseline on disk", |_| state.join("srv-1.json").exists());
    assert_eq!(std::fs::read_to_string(state.join("elsewhere")).unwrap(), "precious");
    assert!(state.join("no-text.json.unreadable").exists());

    // A reload looks at none of those that run.
    assert_eq!(exporter.reload(&config).status, 200);
    let (status, log) = exporter.end();
    assert!(status.success(), "{status}: {log}");
    for name in &names {
        let is_it = format!("target_name={name:?}");
        let about = |line: &&str| {
            line.contains("WARN") && line.contains("baseline") && line.contains(&is_it)
        };
        assert_eq!(log.lines().filter(about).count(), 1, "{name}: {log}");
    }
}

#[test]
fn a_state_file_that_cannot_be_had_is_seen_by_the_check_and_left_as_it_is() {
    let sim = Sim::start();
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let (names, config) = broken_state(&sim, &state);
    let file = folder.path().join("ipmi.yml");
    std::fs::write(&file, config).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_turbulence-ipmi"));
    let output = program.arg("--config.check").arg("--config.file").arg(file).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    for name in names {
        let is_it = format!("target_name={name:?}");
        let about = |line: &&str| {
            line.contains("WARN") && line.contains("baseline") && line.contains(&is_it)
        };
        assert_eq!(said.lines().filter(about).count(), 1, "{name}: {said}");
    }
    assert!(state.join("no-text.json").exists(), "a check changes nothing");
}

#[test]
fn a_session_is_closed_at_the_end() {
    let sim = Sim::start();
    let exporter = start(&config(&sim));
    shows(&exporter, "ipmi_up{collector=\"ipmi\"}", 1.0);
    assert_eq!(sim.sessions(), 1);
    let (status, log) = exporter.end();
    assert!(status.success(), "{status}: {log}");
    assert_eq!(sim.sessions(), 0);
}

#[test]
fn a_target_that_is_removed_gives_its_session_back() {
    let sim = Sim::start();
    let exporter = start(&config(&sim));
    shows(&exporter, "ipmi_up{collector=\"ipmi\"}", 1.0);
    let none = format!("modules: {{ default: {} }}\ntargets: []\n", module(""));
    assert_eq!(exporter.reload(&none).status, 200);
    exporter.wait_until("no target", |page| !page.text.contains("srv-1"));
    assert!((0..100).any(|_| sim.sessions() == 0), "{} sessions are left", sim.sessions());
}

#[test]
fn a_late_answer_is_never_taken_for_another_sensors() {
    let sim = Sim::start();
    let exporter = start(&config(&sim));
    shows(&exporter, "ipmi_up{collector=\"ipmi\"}", 1.0);
    sim.signal("STOP");
    shows(&exporter, "ipmi_up{collector=\"ipmi\"}", 0.0);
    sim.signal("CONT");
    for _ in 0..3 {
        let page = shows(&exporter, "ipmi_up{collector=\"ipmi\"}", 1.0);
        assert_eq!(page.get(&of_hd_max("ipmi_temperature_celsius")), Some(24.0), "{page}");
        assert_eq!(page.get("ipmi_temperature_celsius{name=\"02-CPU\"}"), Some(40.0), "{page}");
        let polls = page.get("ipmi_polls_total");
        exporter.wait_until("another poll", |page| page.get("ipmi_polls_total") > polls);
    }
}

#[test]
fn a_wrong_password_is_told_from_a_bmc_that_is_gone() {
    let sim = Sim::start();
    let config = config(&sim).replace(PASSWORD, "wrong");
    let exporter = start(&config);
    let page = shows(&exporter, "ipmi_up{collector=\"ipmi\"}", 0.0);
    let reason = "ipmi_poll_failures_total{reason=\"wrong_password\"}";
    exporter.wait_until("the reason", |page| page.get(reason) > Some(0.0));
    assert!(!page.text.contains("ipmi_temperature_celsius"), "{page}");
    assert_eq!(exporter.request("GET", "/-/ready", "").status, 200);
    let (_, log) = exporter.end();
    assert!(log.contains("reason=\"wrong_password\""), "{log}");
}

#[test]
fn a_name_that_has_no_address_is_a_reason_of_its_own() {
    let config = format!(
        "modules: {{ default: {} }}\ntargets: [ {{ name: a, address: bmc.invalid }} ]\n",
        module("")
    );
    let exporter = start(&config);
    let reason = "ipmi_poll_failures_total{reason=\"resolve\"}";
    exporter.wait_until("the reason", |page| page.get(reason) > Some(0.0));
}

#[test]
fn a_reload_is_taken_whole_or_not_at_all() {
    let sim = Sim::start();
    let exporter = start(&config(&sim));
    exporter.wait_until("two polls", |page| page.get("ipmi_polls_total") >= Some(2.0));

    let refused = exporter.reload("modules: {}\ntargets: [ { name: a, address: b } ]\n");
    assert_eq!(refused.status, 500);
    assert!(
        refused.body.contains("config.yml:2:12: targets[0].module: there is none"),
        "{refused:?}"
    );
    let page = shows(&exporter, "turbulence_config_last_reload_successful", 0.0);
    let polls = page.get("ipmi_polls_total");
    exporter.wait_until("polls that go on", |page| page.get("ipmi_polls_total") > polls);

    let two =
        config(&sim).replace("targets: [", "targets: [ { name: srv-2, address: 127.0.0.1:9 },");
    assert_eq!(exporter.reload(&two).status, 200);
    let page = shows(&exporter, "turbulence_config_last_reload_successful", 1.0);
    let kept = page.get("ipmi_polls_total{target=\"srv-1\"}");
    assert!(kept >= polls, "{page}");
    assert_eq!(page.get("ipmi_sessions_opened_total{target=\"srv-1\"}"), Some(1.0));
    shows(&exporter, "ipmi_up{target=\"srv-2\",collector=\"ipmi\"}", 0.0);

    assert_eq!(exporter.reload(&config(&sim)).status, 200);
    exporter.wait_until("a target less", |page| !page.text.contains("srv-2"));
}

#[test]
fn one_target_has_a_page_and_strangers_have_none() {
    let sim = Sim::start();
    let two =
        config(&sim).replace("targets: [", "targets: [ { name: srv-2, address: 127.0.0.1:9 },");
    let exporter = start(&two);
    shows(&exporter, &of_hd_max("ipmi_temperature_celsius"), 24.0);

    for allowed in ["srv-1", "srv-1&module=default", &sim.address()] {
        let answer = exporter.request("GET", &format!("/ipmi?target={allowed}"), "");
        assert_eq!(answer.status, 200, "{answer:?}");
        let page = Scrape::of(answer.body);
        assert!(page.get(&of_hd_max("ipmi_temperature_celsius")).is_some(), "{page}");
        assert!(!page.text.contains("srv-2") && !page.text.contains("process_"), "{page}");
    }
    // One that nobody answers for is told as such to who looks later.
    shows(&exporter, "ipmi_up{target=\"srv-2\",collector=\"ipmi\"}", 0.0);
    assert_eq!(exporter.request("GET", "/ipmi?target=srv-2", "").status, 200);
    let recent = exporter.page("/ipmi/recent");
    let (newest, before) = recent.split_once(">srv-1<").unwrap();
    assert!(newest.contains(">srv-2<") && newest.contains(">failed<"), "{recent}");
    assert!(before.contains(">well<") && !before.contains(">failed<"), "{recent}");
    let refused = exporter.request("GET", "/ipmi?target=192.0.2.1", "");
    assert_eq!(refused.status, 403, "{refused:?}");
    assert!(refused.body.starts_with("192.0.2.1:623 is not allowed"), "{refused:?}");
    assert_eq!(exporter.request("GET", "/ipmi", "").status, 400);
    assert_eq!(exporter.request("GET", "/ipmi?target=srv-1&module=other", "").status, 400);
    assert_eq!(exporter.request("POST", "/-/accept-inventory?target=192.0.2.1", "").status, 404);
    assert_eq!(exporter.request("POST", "/-/accept-inventory?target=srv-2", "").status, 409);
    assert_eq!(exporter.request("GET", "/-/accept-inventory?target=srv-1", "").status, 405);
}

#[test]
fn two_sites_may_each_have_a_machine_of_one_name() {
    let sim = Sim::start();
    let two = config(&sim)
        .replace("targets: [", "targets: [ { name: srv-1, site: fra, address: 127.0.0.1:9 },");
    let exporter = start(&two);
    let answer = exporter.request("GET", "/ipmi?target=srv-1", "");
    assert_eq!(answer.status, 400, "{answer:?}");
    for wanted in ["say which by `site`; allowed: ", "srv-1 (site fra)"] {
        assert!(answer.body.contains(wanted), "{answer:?}");
    }
    let answer = exporter.request("GET", "/ipmi?target=srv-1&site=fra", "");
    assert_eq!(answer.status, 200, "{answer:?}");
    let page = answer.body;
    assert!(page.contains("site=\"fra\"") && !page.contains("site=\"lab\""), "{page}");
    assert_eq!(exporter.request("GET", "/ipmi?target=srv-1&site=nowhere", "").status, 403);
    let page = exporter.request("GET", "/", "").body;
    assert!(page.contains("/ipmi?target=srv-1&amp;site=fra"), "{page}");
}

#[test]
fn promtool_finds_nothing_to_say_about_the_metrics() {
    let sim = Sim::start();
    let exporter = start(&config(&sim));
    let page = shows(&exporter, "ipmi_up{collector=\"ipmi\"}", 1.0);
    let samples = page.text.lines().filter(|line| !line.starts_with('#'));
    assert!(!samples.clone().any(|line| line.ends_with("NaN") || line.ends_with("Inf")), "{page}");
    assert!(!page.text.contains(PASSWORD));

    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]).stdin(Stdio::piped());
    let mut promtool = promtool.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A name of ipmi_exporter that no gauge should have.
    let judged: String = page
        .text
        .lines()
        .filter(|line| !line.contains("ipmi_sel_logs_count"))
        .flat_map(|line| [line, "\n"])
        .collect();
    promtool.stdin.take().unwrap().write_all(judged.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
}

/// Runs `--config.check`: whether it is content, and what it says.
fn check(config: &str) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bmc.password"), PASSWORD).unwrap();
    std::fs::write(folder.path().join("bmc.key"), "0x0102030405").unwrap();
    let file = folder.path().join("ipmi.yml");
    std::fs::write(&file, config).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_turbulence-ipmi"));
    let output = program.arg("--config.check").arg("--config.file").arg(file).output().unwrap();
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn the_example_is_good_and_a_mistake_is_named_with_its_place() {
    let example = include_str!("../turbulence-ipmi.example.yml");
    let (good, said) = check(example);
    assert!(good, "{said}");

    let (good, said) = check(&example.replace("privilege: user", "privilege: root"));
    assert!(!good);
    for part in ["ipmi.yml:15:16: modules.default.privilege:", "one of user, operator, admin"] {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
    // Whatever stands where a value should may be a secret.
    assert!(!said.contains("root"), "{said}");
    let (good, said) = check(&example.replace("bmc.password", "other.password"));
    assert!(!good && said.contains("modules.default.password_file"), "{said}");
}
