//! The life of a real exporter process: the example `tick`, started, scraped, reloaded, stopped.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "program/prometheus.rs"]
mod prometheus;

use std::cell::Cell;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::time::Duration;

use peers::exposition::samples;
use peers::{Program, Scrape, example, free_port};
use tempfile::TempDir;
use tokio::time::Instant;

fn start(config: &str) -> Program {
    Program::start(example("tick"), config)
}

/// Scrapes until a line of the exposition holds `wanted`.
#[track_caller]
fn wait_for(program: &Program, wanted: &str) -> Scrape {
    program.wait_until(wanted, |page| page.text.contains(wanted))
}

const TWO: &str = "clocks: {a: {period: 10ms}, b: {period: 10ms, mood: bad}}";

#[test]
fn it_lives_is_reloaded_and_ends() {
    let program = start(TWO);
    wait_for(&program, "tick_ticks_total{clock=\"b\"}");
    program.wait_until_ready();
    let get = |path: &str| program.request("GET", path, "");
    assert_eq!(get("/-/healthy").status, 200);

    let page = get("/");
    assert_eq!(page.status, 200);
    let page = page.body;
    assert!(page.contains("down: bad_mood") && page.contains("/metrics"), "{page}");

    // A bad file changes nothing, and says what is wrong with it.
    let refused = program.reload("clocks: {a: {perid: 10ms}}");
    assert_eq!(refused.status, 500);
    let said = "config.yml:1:14: clocks.a: unknown field `perid`, did you mean `period`?";
    assert!(refused.body.contains(said), "{refused:?}");
    let page = wait_for(&program, "turbulence_config_last_reload_successful 0");
    let before = page.value("tick_ticks_total{clock=\"a\"}");

    // A good one, by signal this time: `a` keeps its count, `b` is gone, `c` is new.
    let other = "clocks: {a: {period: 10ms}, c: {period: 10ms}}";
    std::fs::write(program.config_file(), other).unwrap();
    program.signal("HUP");
    let page = wait_for(&program, "tick_ticks_total{clock=\"c\"}");
    assert!(page.value("tick_ticks_total{clock=\"a\"}") >= before);
    assert!(!page.text.contains("clock=\"b\""));
    wait_for(&program, "turbulence_config_last_reload_successful 1");

    assert_eq!(get("/-/reload").status, 405);
    assert_eq!(get("/nowhere").status, 404);
    assert!(program.stop().success());
}

/// A reload that ran on the thread that measures would leave the clock no tick for as long as it takes.
#[test]
fn a_reload_of_a_large_fleet_holds_up_no_measurement() {
    const CLOCKS: usize = 20_000;
    let mut config = "clocks:\n  fast: {period: 10ms}\n".to_owned();
    for clock in 0..CLOCKS {
        writeln!(config, "  c{clock}: {{period: 1h}}").unwrap();
    }
    let program = start(&config);
    let ticks = || {
        let page = program.page("/metrics?target=fast");
        let tick = samples(&page).find(|it| it.name == "tick_ticks_total").unwrap();
        tick.value
    };
    let rate = |during: &dyn Fn()| {
        let (begun, before) = (Instant::now(), ticks());
        // As often as it takes for a machine that is fast.
        while begun.elapsed() < Duration::from_millis(500) {
            during();
        }
        (ticks() - before) / begun.elapsed().as_secs_f64()
    };
    let round = Cell::new(0);
    let reload = || {
        // With another label each time, so that every clock is written.
        round.set(round.get() + 1);
        let labels = format!("period: 1h, labels: {{round: r{}}}", round.get());
        assert_eq!(program.reload(&config.replace("period: 1h", &labels)).status, 200);
    };
    let idle = || std::thread::sleep(Duration::from_millis(500));
    // What else the machine does costs both, slice by slice.
    let (mut beside, mut alone) = (0.0, 0.0);
    for _ in 0..5 {
        beside += rate(&reload);
        alone += rate(&idle);
    }
    // A reload costs ticks as well where there are few processors, but not nine of ten.
    assert!(beside >= alone / 10.0, "{beside} ticks a second beside reloads, {alone} without");
}

#[test]
fn a_change_of_state_is_logged_once() {
    let program = start(TWO);
    program.wait_for_log(&["target is down"]);
    program
        .wait_until("more ticks", |page| page.get("tick_ticks_total{clock=\"b\"}") >= Some(20.0));
    let (_, log) = program.end();
    assert_eq!(log.matches("target is down").count(), 1, "{log}");
}

#[test]
fn the_exposition_suits_who_asks() {
    let program = start(TWO);
    let ask = |path: &str, headers: &str| program.request("GET", path, headers);
    let classic = ask("/metrics", "").body;
    assert!(classic.contains("# TYPE tick_ticks_total counter"), "{classic}");
    assert!(classic.contains("turbulence_build_info{program=\"tick\""), "{classic}");
    assert!(!classic.contains("# EOF"));
    let open = ask("/metrics", "Accept: application/openmetrics-text\r\n").body;
    assert!(open.contains("# TYPE tick_ticks counter") && open.contains("# EOF"), "{open}");
    let packed = ask("/metrics", "Accept-Encoding: gzip\r\n").head;
    let packings = |answer: &str| answer.to_lowercase().matches("content-encoding: ").count();
    assert!(packed.to_lowercase().contains("content-encoding: gzip"), "{packed}");
    assert_eq!(packings(&packed), 1);
    let plain = ask("/metrics", "Accept-Encoding: gzip;q=0\r\n").head;
    assert_eq!(packings(&plain), 0);
    let page = ask("/", "Accept-Encoding: gzip\r\n").head;
    assert_eq!(packings(&page), 1);
    let classic = Scrape::of(classic);
    for name in ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"] {
        assert!(classic.value(name) >= 0.0, "{name}");
    }
}

#[test]
fn the_healthcheck_asks_the_running_program() {
    let program = start(TWO);
    let check = |address: &str| {
        example("tick")
            .args(["healthcheck", "--address", address])
            .stderr(Stdio::null())
            .status()
            .unwrap()
    };
    assert!(check(&program.address().to_string()).success());
    // Nobody answers there.
    assert_eq!(check(&format!("127.0.0.1:{}", free_port())).code(), Some(1));
}

#[test]
fn a_socket_can_be_handed_over() {
    // A socket as standard input is the one that a child keeps; the shell moves it to descriptor 3,
    // where systemd's protocol wants it.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("tick.yml");
    std::fs::write(&file, TWO).unwrap();
    let mut child = Command::new("sh")
        .args(["-c", "exec \"$0\" --web.systemd-socket --config.file \"$1\" 3<&0 0</dev/null"])
        .arg(example("tick").get_program())
        .arg(&file)
        .env("LISTEN_FDS", "1")
        .stdin(OwnedFd::from(listener))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = BufReader::new(child.stderr.take().unwrap());
    assert!(log.lines().any(|line| line.unwrap().contains("listening")), "it says so");
    assert!(TcpStream::connect(address).is_ok());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn the_help_says_what_holds_unless_told_otherwise() {
    let output = example("tick").arg("--help").output().unwrap();
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    for (flag, default) in [
        ("--web.listen-address", "[default: :9799, every address of the machine]"),
        ("--web.telemetry-path", "[default: /metrics]"),
        ("--log.level", "[default: info]"),
        ("--log.format", "[default: text]"),
    ] {
        let about = help.lines().find(|line| line.trim_start().starts_with(flag));
        assert!(about.is_some_and(|about| about.contains(default)), "{flag}: {about:?}");
    }
}

#[test]
fn what_cannot_work_is_refused_at_once() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("tick.yml");
    let run = |config: &str, flags: &[&str]| {
        std::fs::write(&file, config).unwrap();
        let output = example("tick").arg("--config.file").arg(&file).args(flags).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(run(TWO, &["--config.check"]).0, 0);
    let cases: [(&str, &[&str], i32, &str); 9] = [
        ("clocks: {a: {}}", &[], 1, "tick.yml:1:13: clocks.a: missing field `period`"),
        ("clocks: {a: {period: 2h}}", &["--config.check"], 1, "period: must be from 1ms to 1h"),
        ("a: b: c", &[], 1, "tick.yml:1:"),
        ("", &[], 1, "tick.yml:"),
        (
            TWO,
            &["--config.check", "--web.config.file", "x.yml"],
            1,
            "reading web config file x.yml",
        ),
        (TWO, &["--web.telemetry-path", "/-/x"], 2, "must start with a slash"),
        (
            TWO,
            &["--config.check", "--web.telemetry-path", "/listen"],
            2,
            "/listen is another page of tick; must be none of /listen",
        ),
        (TWO, &["--web.systemd-socket"], 1, "no socket was handed over"),
        (TWO, &["--log.level", "loud"], 2, "error, warn, info, debug, trace"),
    ];
    for (config, flags, code, message) in cases {
        let (got, stderr) = run(config, flags);
        assert!(got == code && stderr.contains(message), "{config} {flags:?}: {got} {stderr}");
    }
}
