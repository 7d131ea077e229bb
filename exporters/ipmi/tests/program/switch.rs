//! What a user of `ipmi_exporter` brings along: his configs, a Prometheus that names the BMCs, his events
//! and his watchdog; each against the tool that he knows.

use std::process::Command;

use peers::ipmi_sim::{ADMIN, ADMIN_PASSWORD, PASSWORD, USER};
use peers::{Program, Prometheus, yaml_block};

use crate::sim::Sim;
use crate::{check, config, module, shows, start, start_in};

/// The first of the published examples, `ipmi_remote.yml`, less its comments.
const REMOTE: &str = r#"
modules:
  default:
    user: "default_user"
    pass: "example_pw"
    driver: "LAN_2_0"
    privilege: "user"
    timeout: 10000
    collectors: [bmc, ipmi, chassis]
    exclude_sensor_ids: [2, 29, 32, 50, 52, 55]
  dcmi:
    user: "admin_user"
    pass: "another_pw"
    privilege: "admin"
    driver: "LAN_2_0"
    collectors: [dcmi]
  thatspecialhost:
    user: "some_user"
    pass: "secret_pw"
    privilege: "admin"
    driver: "LAN"
    collectors: [ipmi, sel]
    workaround_flags: [discretereading]
    custom_args:
      ipmi: ["--bridge-sensors"]
  advanced:
    user: "some_user"
    pass: "secret_pw"
    privilege: "admin"
    driver: "LAN"
    collectors: [ipmi, sel]
    collector_cmd:
      ipmi: sudo
      sel: sudo
    custom_args:
      ipmi: ["ipmimonitoring"]
      sel: ["ipmi-sel"]
"#;

/// `ipmi_local.yml`.
const LOCAL: &str = "
modules:
  default:
    collectors: [bmc, ipmi, dcmi, chassis, sel, sel-events]
    exclude_sensor_ids: [2, 29, 32]
    sel_events:
      - name: correctable_memory_error
        regex: Correctable memory error.*
";

/// `ipmi_local_sudo.yml`.
const SUDO: &str = "
modules:
  default:
    collectors: [ipmi, sel]
    exclude_sensor_ids: [2, 29, 32]
    sel_events:
      - name: correctable_memory_error
        regex: Correctable memory error.*
    collector_cmd:
      ipmi: /usr/bin/sudo
      sel: /usr/bin/sudo
    custom_args:
      ipmi: [/usr/sbin/ipmimonitoring]
      sel: [/usr/sbin/ipmi-sel]
";

#[test]
fn the_published_examples_are_taken_and_what_is_left_aside_is_said() {
    for (text, warnings) in [
        (
            REMOTE,
            &[
                "exclude_sensor_ids: bare numbers",
                "driver: LAN",
                "custom_args: no other",
                "collector_cmd: no other",
            ][..],
        ),
        (LOCAL, &["exclude_sensor_ids: bare numbers"]),
        (
            SUDO,
            &["collector_cmd: no other", "custom_args: no other", "sel_events: are not counted"],
        ),
    ] {
        let (good, said) = check(text);
        assert!(good, "{said}");
        for warning in warnings {
            assert!(said.contains(warning), "{warning} is not in: {said}");
        }
        assert!(!said.contains("_pw"), "{said}");
    }
}

#[test]
fn without_a_config_the_machines_own_bmc_is_polled() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_turbulence-ipmi"));
    let output = program.args(["--config.check"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    let exporter = start("{}");
    let page = exporter.wait_until("a poll", |page| page.get("ipmi_polls_total") > Some(0.0));
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let up = format!("ipmi_up{{target=\"{}\",collector=\"ipmi\"}}", hostname.trim());
    assert!(page.get(&up).is_some(), "{up}: {page}");
    assert!(exporter.page("/").contains("/dev/ipmi0"));
}

#[test]
fn prometheus_names_the_bmcs_and_their_sessions_are_kept_and_given_back() {
    let (sim, stranger) = (Sim::start(), Sim::start());
    let allowed = format!("on_demand: {{ allow: ['{}'] }}\n", sim.address());
    let modules = format!(
        "modules: {{ default: {}, other: {} }}\n",
        module(""),
        module(", collectors: [chassis]")
    );
    let exporter = start(&format!("{modules}targets: []\n{allowed}"));
    let list = exporter.folder().join("bmcs.yml");
    let (address, other) = (sim.address(), stranger.address());
    std::fs::write(
        &list,
        format!("[{{targets: ['{address}', '{other}'], labels: {{__param_module: default}}}}]"),
    )
    .unwrap();
    let config = yaml_block(include_str!("../../README.md"), "metrics_path: /ipmi")
        .replace("bmcs/*.yml", list.to_str().unwrap())
        .replace("localhost:9290", &exporter.address().to_string())
        .replace("15s", "5s");
    let prometheus = Prometheus::start(&Prometheus::programs()[0], &config, &[]);
    prometheus.wait_for(
        &format!("ipmi_temperature_celsius{{instance='{address}',name='05-HD Max'}} == 24"),
        1,
    );
    prometheus.wait_for("ipmi_chassis_power_state == 1", 1);
    prometheus.wait_for("ipmi_sensor_state{name='Bay 1',type='Drive Slot'} == 2", 1);
    prometheus.wait_for(&format!("up{{instance='{other}'}} == 0"), 1);
    prometheus.wait_for("ipmi_polls_total > 5", 1);
    // One session for all scrapes; who is not listed was never spoken to.
    assert_eq!((sim.sessions(), stranger.sessions()), (1, 0));

    // However it is spelt, it is one.
    let mapped = address.replace("127.0.0.1", "[::ffff:127.0.0.1]");
    let page = exporter.page(&format!("/ipmi?target={mapped}&module=default"));
    assert!(page.contains(&format!("ipmi_polls_total{{target=\"{address}\"")), "{page}");
    assert_eq!(sim.sessions(), 1);

    // By another module the same BMC is another one, with what that module reads alone.
    let page = exporter.page(&format!("/ipmi?target={address}&module=other"));
    assert!(
        page.contains("collector=\"chassis\"} 1") && !page.contains("ipmi_temperature"),
        "{page}"
    );
    assert_eq!(exporter.request("GET", &format!("/ipmi?target={other}"), "").status, 403);
    assert!(!exporter.metrics().text.contains("ipmi_up"), "they are on no page but their own");

    // Nobody may be named any more.
    assert_eq!(exporter.reload(&format!("{modules}targets: []\n")).status, 200);
    exporter.wait("the sessions are given back", || sim.sessions() == 0);
    assert_eq!(exporter.request("GET", &format!("/ipmi?target={address}"), "").status, 403);
}

/// A config by which that BMC may be named, by two modules.
fn named(sim: &Sim, more: &str) -> String {
    format!(
        "modules: {{ default: {}, other: {} }}\ntargets: []\non_demand: {{ allow: ['{}'] }}\n",
        module(more),
        module(""),
        sim.address()
    )
}

/// Whether the sensor is there that a BMC which Prometheus names loses; `None` where it is not known.
fn is_there(exporter: &Program, sim: &Sim) -> Option<f64> {
    let page = exporter.page(&format!("/ipmi?target={}&module=default", sim.address()));
    let is_it =
        |line: &&str| line.starts_with("ipmi_sensor_present{") && line.contains("05-HD Max");
    page.lines().find(is_it).and_then(|line| line.rsplit(' ').next()?.parse().ok())
}

#[test]
fn what_is_known_of_a_bmc_that_prometheus_names_outlives_a_restart_until_it_is_accepted() {
    let mut sim = Sim::start();
    let folder = tempfile::tempdir().unwrap();
    let config = format!("{}state_directory: state\n", named(&sim, ""));
    let exporter = start_in(folder.path(), &config);
    exporter.wait("the sensor is there", || is_there(&exporter, &sim) == Some(1.0));
    assert!(exporter.stop().success());
    let files = std::fs::read_dir(folder.path().join("state")).unwrap();
    let files: Vec<_> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert!(matches!(&files[..], [one] if one.starts_with("on-demand@127")), "{files:?}");

    sim.kill();
    sim.start_again_without(&[5]);
    let exporter = start_in(folder.path(), &config);
    exporter.wait("the sensor is missed", || is_there(&exporter, &sim) == Some(0.0));
    // It was taken out for good. By another module the BMC is another one.
    let address = sim.address();
    exporter.page(&format!("/ipmi?target={address}&module=other"));
    let accept = |more: &str| {
        let target = format!("/-/accept-inventory?target={address}{more}");
        exporter.request("POST", &target, "")
    };
    let doubtful = accept("");
    assert!(
        doubtful.status == 300 && doubtful.body.ends_with("allowed: default, other\n"),
        "{doubtful:?}"
    );
    assert_eq!(accept("&module=none").status, 404);
    assert_eq!(accept("&module=default&site=ams").status, 404);
    let accepted = accept("&module=default");
    assert_eq!(
        (accepted.status, accepted.body.as_str()),
        (200, "Accepted: no longer expected: 05-HD Max (32.0.5)\n")
    );
    exporter.wait("no more of the sensor", || is_there(&exporter, &sim).is_none());
    assert!(exporter.stop().success());
    let exporter = start_in(folder.path(), &config);
    let polls = || {
        let page = exporter.page(&format!("/ipmi?target={address}&module=default"));
        let polls = page.lines().find_map(|line| line.strip_prefix("ipmi_polls_total{"));
        polls.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
    };
    exporter.wait("polls enough to miss it", || polls() > Some(3.0));
    assert_eq!(is_there(&exporter, &sim), None);
}

#[test]
fn what_is_known_of_a_bmc_that_prometheus_names_outlives_a_reload_without_a_file() {
    let mut sim = Sim::start();
    let exporter = start(&named(&sim, ""));
    exporter.wait("the sensor is there", || is_there(&exporter, &sim) == Some(1.0));
    sim.kill();
    sim.start_again_without(&[5]);
    exporter.wait("the sensor is missed", || is_there(&exporter, &sim) == Some(0.0));
    // Polled in another way it goes on.
    assert_eq!(exporter.reload(&named(&sim, ", slow_interval: 20s")).status, 200);
    exporter.wait("the sensor is missed still", || is_there(&exporter, &sim) == Some(0.0));
}

#[test]
fn an_event_has_the_words_and_the_state_that_ipmi_sel_gives_it() {
    let sim = Sim::start();
    let events =
        "sel_events: [ { name: hot, regex: 'Upper Critical.*' }, { name: none, regex: '^x' } ]";
    let exporter = start(&config(&sim).replace(
        "retries: 1",
        &format!("retries: 1, collectors: [ipmi, sel, sel-events], {events}"),
    ));
    let page = shows(&exporter, "ipmi_sel_events_count_by_name{name=\"hot\"}", 1.0);
    assert_eq!(page.get("ipmi_sel_events_count_by_name{name=\"none\"}"), Some(0.0), "{page}");
    assert_eq!(page.get("ipmi_sel_logs_count"), Some(1.0), "{page}");

    let folder = tempfile::tempdir().unwrap();
    let output = Command::new("ipmi-sel")
        .args([
            "-D",
            "LAN_2_0",
            "-h",
            &sim.address(),
            "-u",
            ADMIN,
            "-p",
            ADMIN_PASSWORD,
            "-l",
            "ADMIN",
        ])
        .args([
            "--comma-separated-output",
            "--no-header-output",
            "--output-event-state",
            "--quiet-cache",
        ])
        .args(["-W", "opensesspriv", "--sdr-cache-directory", folder.path().to_str().unwrap()])
        .env("HOME", folder.path())
        .output()
        .expect("freeipmi-tools is there");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let fields: Vec<_> = said.trim().splitn(7, ',').collect();
    let [_id, _date, _time, name, kind, state, event] = fields[..] else { panic!("{output:?}") };
    let shown = exporter.page("/events?target=srv-1");
    for word in [name, kind, state, event] {
        assert!(shown.contains(word), "{word} is not in:\n{shown}");
    }
    assert_eq!(
        page.get(&format!("ipmi_sel_events_count_by_state{{state=\"{state}\"}}")),
        Some(1.0),
        "{page}"
    );
    // The log was read once, and since then its newest entry alone.
    let read = "ipmi_commands_total{command=\"get_sel_entry\"}";
    assert!(exporter.metrics().get(read) <= Some(2.0));
}

#[test]
fn the_watchdog_timer_is_as_ipmitool_has_it() {
    let sim = Sim::start();
    let account = format!("user: {ADMIN}, pass: {ADMIN_PASSWORD}, privilege: admin");
    let exporter = start(
        &config(&sim)
            .replace(&format!("user: {USER}, pass: {PASSWORD}"), &account)
            .replace("retries: 1", "retries: 1, collectors: [bmc-watchdog]"),
    );
    let page = shows(&exporter, "ipmi_up{collector=\"bmc-watchdog\"}", 1.0);
    let address = sim.address();
    let (host, port) = address.rsplit_once(':').unwrap();
    let output = Command::new("ipmitool")
        .args([
            "-I",
            "lanplus",
            "-C",
            "3",
            "-L",
            "ADMINISTRATOR",
            "-H",
            host,
            "-p",
            port,
            "-U",
            ADMIN,
            "-P",
            ADMIN_PASSWORD,
        ])
        .args(["mc", "watchdog", "get"])
        .output()
        .expect("ipmitool is there");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = |name: &str| {
        let line = said.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
    };
    let initial = line("Initial Countdown").unwrap_or_else(|| panic!("{output:?}"));
    let initial: f64 = initial.split(' ').next().unwrap().parse().unwrap();
    assert_eq!(page.get("ipmi_bmc_watchdog_initial_countdown_seconds"), Some(initial), "{said}");
    let running = line("Watchdog Timer Is").is_some_and(|it| it.starts_with("Started"));
    assert_eq!(
        page.get("ipmi_bmc_watchdog_timer_state"),
        Some(f64::from(u8::from(running))),
        "{said}"
    );
    for (metric, series) in
        [("timer_use_state", 5), ("timeout_action_state", 4), ("pretimeout_interrupt_state", 4)]
    {
        let of_it = |line: &&str| line.starts_with(&format!("ipmi_bmc_watchdog_{metric}{{"));
        assert_eq!(page.text.lines().filter(of_it).count(), series, "{page}");
    }
}
