//! Sweeps that are hindered: by the control question, silence, a machine that stands still or has no sockets left, and the end.

use super::*;

#[test]
fn resolvers_that_fail_the_control_question_are_unhealthy() {
    let folder = tempfile::tempdir().unwrap();
    let responder = Responder::start();
    let good: Vec<_> = (1..=20).map(|n| Behaviour::Honest.address(n)).collect();
    let bad: Vec<_> = (1..=5).map(|n| Behaviour::Refused.address(n)).collect();
    let all: Vec<_> = good
        .iter()
        .chain(&bad)
        .map(|it| format!("{{ address: {it}, asn: {} }}", 1 + it.octets()[3]))
        .collect();
    // They are asked nevertheless, since so few do not show whether the control itself is good.
    let program = start(
        folder.path(),
        &format!(
            "vantage: {{ name: fra, region: EMEA }}
sets:
  - {{ name: world, resolvers: [{}], port: {}, allow_private: true, timeout: 5s, rate: 10, control: control.example }}
questions: [{{ name: api.messenger.example, types: [A] }}]
",
            all.join(", "),
            responder.port
        ),
    );
    program.wait_until_ready();
    let metrics = program.metrics();
    assert_eq!(responses(&metrics, "A", "world", "agree"), 20.0);
    assert_eq!(responses(&metrics, "A", "world", "unhealthy"), 5.0);
    assert_eq!(of_world(&metrics, "consensus_state", "state=\"uniform\""), 1.0);
    let counts = responder.counts();
    assert!(good.iter().all(|it| counts[&(*it, 1)] == 2), "{counts:?}");
    assert!(bad.iter().all(|it| counts[&(*it, 1)] == 2), "{counts:?}");
}

#[test]
fn answers_that_came_while_the_program_stood_still_are_no_silence() {
    let folder = tempfile::tempdir().unwrap();
    let responder = Responder::start();
    let all: Vec<_> = (1..=250).map(|n| Behaviour::Late.address(n).to_string()).collect();
    let program = start(
        folder.path(),
        &format!(
            "vantage: {{ name: fra, region: EMEA }}
sets:
  - {{ name: world, resolvers: [{}], port: {}, allow_private: true, rate: 500, timeout: 1s, control: c.example }}
questions: [{{ name: api.messenger.example, types: [A] }}]
",
            all.join(", "),
            responder.port
        ),
    );
    program.wait_until("some are asked", |it| {
        it.value("dns_consistency_queries_total{set=\"world\",transport=\"udp\"}") > 100.0
    });
    program.signal("STOP");
    // Longer than an answer may take.
    std::thread::sleep(std::time::Duration::from_secs(2));
    program.signal("CONT");
    program.wait_until_ready();
    assert_eq!(responses(&program.metrics(), "A", "world", "agree"), 250.0);
}

#[test]
fn a_silent_resolver_is_asked_once_more_if_so_configured_and_nobody_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let responder = Responder::start();
    let silent: Vec<_> = (1..=3).map(|n| Behaviour::Silent.address(n)).collect();
    let garbled: Vec<_> = (1..=3).map(|n| Behaviour::Malformed.address(n)).collect();
    let all: Vec<_> = silent.iter().chain(&garbled).map(Ipv4Addr::to_string).collect();
    let program = start(
        folder.path(),
        &format!(
            "vantage: {{ name: fra, region: EMEA }}
sets:
  - {{ name: world, resolvers: [{}], port: {}, allow_private: true, timeout: 2s, retries: 1 }}
questions: [{{ name: api.messenger.example, types: [A] }}]
",
            all.join(", "),
            responder.port
        ),
    );
    program.wait_until_ready();
    let (metrics, counts) = (program.metrics(), responder.counts());
    assert_eq!(responses(&metrics, "A", "world", "timeout"), 3.0);
    assert_eq!(responses(&metrics, "A", "world", "malformed"), 3.0);
    assert_eq!(metrics.value("dns_consistency_retries_total{set=\"world\"}"), 3.0);
    assert_eq!(
        metrics.value("dns_consistency_queries_total{set=\"world\",transport=\"udp\"}"),
        9.0
    );
    assert!(silent.iter().all(|it| counts[&(*it, 1)] == 2), "{counts:?}");
    assert!(garbled.iter().all(|it| counts[&(*it, 1)] == 1), "{counts:?}");
}

#[test]
fn a_sweep_that_cannot_open_sockets_fails_and_the_next_one_mends_it() {
    let folder = tempfile::tempdir().unwrap();
    let responder = Responder::start();
    let program = start(
        folder.path(),
        &format!(
            "vantage: {{ name: fra, region: EMEA }}
sets:
  - {{ name: world, resolvers: [{}], port: {}, allow_private: true, timeout: 1500ms, interval: 2s }}
questions: [{{ name: api.messenger.example, types: [A] }}]
",
            Behaviour::Honest.address(1),
            responder.port
        ),
    );
    program.wait_until_ready();
    let limit_files = |limit: &str| {
        let pid = program.id().to_string();
        let nofile = format!("--nofile={limit}:4096");
        let status = Command::new("prlimit").args(["--pid", &pid, &nofile]).status();
        assert!(status.expect("prlimit is needed: Debian package util-linux").success());
    };
    limit_files("3");
    program.wait_for_log(&["sweep failed"]);
    limit_files("1024");
    let metrics = program.metrics();
    assert!(metrics.value("dns_consistency_sweeps_total{result=\"failed\",set=\"world\"}") >= 1.0);
    assert!(
        metrics.value("dns_consistency_local_errors_total{kind=\"emfile\",set=\"world\"}") >= 1.0
    );
    assert!(
        metrics
            .get("dns_consistency_sweep_last_completed_timestamp_seconds{set=\"world\"}")
            .is_some()
    );
    program.wait_for_log(&["target is up again"]);
    assert_eq!(responses(&program.metrics(), "A", "world", "agree"), 1.0);
}

#[test]
fn a_sweep_that_is_under_way_does_not_hold_up_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let responder = Responder::start();
    let config = format!(
        "vantage: {{ name: fra, region: EMEA }}
sets:
  - {{ name: slow, resolvers: [{}], port: {}, allow_private: true, rate: 1 }}
questions: [{{ name: api.messenger.example, types: [A] }}]
",
        (1..200).map(|n| Behaviour::Honest.address(n).to_string()).collect::<Vec<_>>().join(", "),
        responder.port
    );
    let program = start(folder.path(), &config);
    program.wait("the first query was sent", || !responder.counts().is_empty());
    assert_eq!(program.request("GET", "/-/ready", "").status, 503);
    assert!(
        !program.page("/metrics").contains("dns_consistency_responses{"),
        "half a sweep is none"
    );
    assert!(program.stop().success());
}

#[test]
fn who_has_a_port_of_its_own_is_asked_there() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (Responder::start(), Responder::start());
    let (listed, given) = (Behaviour::Honest.address(1), Behaviour::Honest.address(2));
    fs::write(folder.path().join("list.txt"), format!("{listed}:{}\n", other.port)).unwrap();
    let config = format!(
        "vantage: {{ name: fra, region: EMEA }}
sets:
  - {{ name: world, resolvers_file: list.txt, port: {0}, allow_private: true, min_resolvers: 1, min_networks: 1 }}
  - {{ name: own, resolvers: [\"{given}:{1}\", {{ address: {listed} }}], port: {0}, allow_private: true }}
questions: [{{ name: api.messenger.example, types: [A] }}]
",
        one.port, other.port
    );
    let program = start(folder.path(), &config);
    program.wait_until_ready();
    let asked = |it: &Responder| it.counts().into_keys().map(|(it, _)| it).collect::<Vec<_>>();
    assert_eq!((asked(&one), asked(&other)), (vec![listed], vec![listed, given]));
    assert_eq!(responses(&program.metrics(), "A", "world", "agree"), 1.0);
    let row = program.page(&format!("/api/v1/resolvers/{given}?format=ndjson"));
    assert!(row.contains(&format!("\"port\":{}", other.port)), "{row}");
}
