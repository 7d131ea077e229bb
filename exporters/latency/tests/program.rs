//! The real program against real peers: hosts, web servers and a resolver on loopback.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::Duration;

#[path = "program/community.rs"]
mod community;
#[path = "program/configs.rs"]
mod configs;
#[path = "program/crowd.rs"]
mod crowd;
#[path = "program/echoes.rs"]
mod echoes;
#[path = "program/families.rs"]
mod families;
#[path = "program/forged.rs"]
mod forged;
#[path = "program/healthy.rs"]
mod healthy;
#[path = "program/hostile.rs"]
mod hostile;
#[path = "program/local.rs"]
mod local;
#[path = "program/logins.rs"]
mod logins;
#[path = "program/modules.rs"]
mod modules;
#[path = "program/names.rs"]
mod names;
#[path = "../src/path/tests/net.rs"]
mod net;
#[path = "program/paced.rs"]
mod paced;
#[path = "program/paths.rs"]
mod paths;
#[path = "program/probe.rs"]
mod probe;
#[path = "program/probed.rs"]
mod probed;
#[path = "program/proxied.rs"]
mod proxied;
#[path = "program/quic.rs"]
mod quic;
#[path = "program/refused.rs"]
mod refused;
#[path = "program/resolvers.rs"]
mod resolvers;
#[path = "program/running.rs"]
mod running;
#[path = "program/sent.rs"]
mod sent;
#[path = "program/shaking.rs"]
mod shaking;
#[path = "program/surge.rs"]
mod surge;
#[path = "program/switched.rs"]
mod switched;
#[path = "program/traced.rs"]
mod traced;
#[path = "program/web.rs"]
mod web;

use echoes::{Manner, host, in_a_namespace};
use names::Names;
use peers::exposition::samples;
use peers::{Authority, Program, Scrape, free_port};
use running::{command, fails_for, failures, list, of_target, start, wait_for_probes};
use web::Web;

const VANTAGE: &str = "vantage: {name: test, region: EMEA, latitude: 1, longitude: 2}\n";

/// Modules that wait for an answer as long as a busy machine may take for one, and those of targets
/// that give none.
const MODULES: &str = "
modules:
  icmp: {prober: icmp, interval: 100ms, timeout: 6s}
  tcp: {prober: tcp, interval: 100ms, timeout: 6s}
  http: {prober: http, interval: 100ms, timeout: 6s}
  brief-icmp: {prober: icmp, interval: 50ms, timeout: 500ms}
  brief-http: {prober: http, interval: 100ms, timeout: 500ms}
";

/// A config of these targets, as `(name, module, address)`.
fn config(head: &str, targets: &[(&str, &str, &str)]) -> String {
    let mut text = format!("{VANTAGE}{head}{MODULES}targets:\n");
    for (name, module, address) in targets {
        writeln!(text, "  - {{name: {name}, module: {module}, address: '{address}'}}").unwrap();
    }
    text
}

/// Starts the program on these targets, and waits until each was probed a few times.
#[track_caller]
fn probe(head: &str, files: &[(&str, &str)], targets: &[(&str, &str, &str)]) -> (Program, Scrape) {
    let program = start(&config(head, targets), files);
    for (name, ..) in targets {
        wait_for_probes(&program, name, 4.0);
    }
    let metrics = program.metrics();
    (program, metrics)
}

#[track_caller]
fn assert_up(metrics: &Scrape, target: &str) {
    assert_eq!(failures(metrics, target), [].into(), "{target}");
    assert!((of_target(metrics, "latency_up", target) - 1.0).abs() < f64::EPSILON, "{target}");
}

#[track_caller]
fn assert_down(metrics: &Scrape, target: &str, reason: &str) {
    assert!(fails_for(metrics, target, reason), "{target}: {:?}", failures(metrics, target));
    assert_eq!(metrics.get(&format!("latency_up{{target=\"{target}\"}}")), Some(0.0), "{target}");
}

fn count(metrics: &Scrape, name: &str, target: &str) -> u64 {
    let count = of_target(metrics, name, target).round();
    format!("{count}").parse().unwrap()
}

#[test]
fn every_prober_answers_and_the_page_is_well_formed() {
    let web = Web::plain([127, 0, 0, 1]);
    let tcp = web::mute();
    let (tcp, url) =
        (tcp.local_addr().unwrap().to_string(), format!("http://127.0.0.1:{}/ok", web.port));
    let targets = [
        ("v4", "icmp", "127.0.0.1"),
        ("v6", "icmp", "::1"),
        ("tcp", "tcp", &tcp),
        ("web", "http", &url),
    ];
    let (program, metrics) = probe("", &[], &targets);
    for (name, ..) in targets {
        assert_up(&metrics, name);
        let rtt = metrics.value(&format!(
            "latency_rtt_min_seconds{{target=\"{name}\",slot=\"0\",window=\"1m\"}}"
        ));
        assert!(rtt > 0.0 && rtt < 6.0, "{name}: {rtt}");
        // Some may be decided while a page is made: times are counted before probes are.
        let probes = count(&metrics, "latency_probes_total", name);
        program.wait_until("the time of each", |it| {
            count(it, "latency_probe_duration_seconds_count", name) >= probes
        });
        let page = program.metrics();
        let times = count(&page, "latency_probe_duration_seconds_count", name);
        assert!(times <= count(&page, "latency_probes_total", name), "{name}");
    }
    for phase in ["connect", "ttfb", "transfer"] {
        assert!(
            metrics.value(&format!(
                "latency_phase_duration_seconds_count{{target=\"web\",phase=\"{phase}\"}}"
            )) >= 4.0
        );
    }
    assert_eq!(metrics.get("latency_http_status_code{target=\"web\",slot=\"0\"}"), Some(200.0));
    assert_eq!(
        metrics.get("latency_address_info{target=\"v6\",slot=\"0\",address=\"::1\"}"),
        Some(1.0)
    );
    assert_eq!(program.request("GET", "/-/ready", "").status, 200);
    assert!(samples(&metrics.text).all(|sample| !sample.value.is_nan()), "{}", metrics.text);
    promtool(&metrics.text);
    assert!(program.stop().success());
}

fn promtool(text: &str) {
    let mut promtool = match Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
    {
        Ok(promtool) => promtool,
        Err(error) => return eprintln!("skipped: promtool: {error}"),
    };
    std::io::Write::write_all(&mut promtool.stdin.take().unwrap(), text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[test]
fn each_way_to_fail_has_its_reason() {
    let web = Web::plain([127, 0, 0, 1]);
    let url = |path: &str| format!("http://127.0.0.1:{}{path}", web.port);
    let closed = format!("127.0.0.1:{}", free_port());
    let rude = format!("http://127.0.0.1:{}/", web::rude());
    // A listener whose backlog is never emptied still shakes hands; it never speaks.
    let mute = web::mute();
    let mute = format!("http://{}/", mute.local_addr().unwrap());
    let (error, moved, hold) = (url("/error"), url("/moved"), url("/hold"));
    let (cut, stall, garbage, half) = (url("/cut"), url("/stall"), url("/garbage"), url("/half"));
    let (program, metrics) = probe(
        "",
        &[],
        &[
            ("refused", "tcp", &closed),
            ("error", "http", &error),
            ("moved", "http", &moved),
            ("hold", "brief-http", &hold),
            ("stall", "brief-http", &stall),
            ("cut", "http", &cut),
            ("garbage", "http", &garbage),
            ("half", "http", &half),
            ("rude", "http", &rude),
            ("mute", "brief-http", &mute),
        ],
    );
    assert_down(&metrics, "refused", "refused");
    assert_down(&metrics, "error", "http_status");
    assert_down(&metrics, "moved", "http_status");
    assert_down(&metrics, "hold", "timeout");
    assert_down(&metrics, "stall", "timeout");
    assert_down(&metrics, "cut", "body");
    assert_down(&metrics, "garbage", "http_status");
    assert_down(&metrics, "half", "reset");
    assert_down(&metrics, "rude", "reset");
    assert_down(&metrics, "mute", "timeout");

    // The wrong answer is an answer; no answer has no status.
    assert_eq!(metrics.get("latency_http_status_code{target=\"error\",slot=\"0\"}"), Some(500.0));
    assert_eq!(metrics.get("latency_http_status_code{target=\"hold\",slot=\"0\"}"), None);
    assert_eq!(metrics.get("latency_last_success_timestamp_seconds{target=\"error\"}"), Some(0.0));
    assert!(of_target(&metrics, "latency_consecutive_failures", "error") >= 4.0);

    // What timed out is in the distribution as the timeout, and in the phase that it was cut in.
    for (target, phase) in [("hold", "ttfb"), ("stall", "transfer"), ("mute", "ttfb")] {
        let count = of_target(&metrics, "latency_probe_duration_seconds_count", target);
        let sum = of_target(&metrics, "latency_probe_duration_seconds_sum", target);
        assert!(count >= 4.0 && (sum - count * 0.5).abs() < 1e-6, "{target}: {count} {sum}");
        let series = format!(
            "latency_phase_duration_seconds_count{{target=\"{target}\",phase=\"{phase}\"}}"
        );
        // A machine that is busy may be cut off in an earlier one.
        program.wait_until(&series, |it| it.get(&series) >= Some(4.0));
    }
    // What was refused is not: it would look like a fast answer.
    assert_eq!(count(&metrics, "latency_probe_duration_seconds_count", "refused"), 0);
    assert!(program.stop().success());
}

#[test]
fn probes_do_not_wait_for_each_other() {
    let web = Web::plain([127, 0, 0, 1]);
    let url = format!("http://127.0.0.1:{}/hold", web.port);
    let program = start(&config("", &[("slow", "http", &url)]), &[]);
    // Before the first of them has timed out.
    program.wait_until("many requests are held", |_| web.held.load(Ordering::SeqCst) >= 10);
    assert_eq!(count(&program.metrics(), "latency_probes_total", "slow"), 0);
    assert_eq!(program.request("GET", "/-/ready", "").status, 503, "nothing is decided yet");
    let metrics = wait_for_probes(&program, "slow", 10.0);
    assert_down(&metrics, "slow", "timeout");
    assert!(program.stop().success());
}

#[test]
fn certificates_are_verified() {
    let (good, other) = (Authority::default(), Authority::default());
    let right = Web::tls(web::server(&good, "www.test"));
    let plain = Web::plain([127, 0, 0, 1]);
    // What a server of plain HTTP says of what is no request.
    let blunt = hostile::says(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").port();
    let names = Names::serve();
    for name in ["www.test", "wrong.test"] {
        names.set(name, &["127.0.0.1"]);
    }
    let head = format!("resolvers: ['{}']\n", names.address);
    let tls = |name: &str, tls: &str| {
        format!(
            "  {name}: {{prober: http, interval: 100ms, timeout: 6s, http: {{tls_config: {{{tls}}}}}}}\n"
        )
    };
    let modules = [
        tls("trusting", "ca_file: ca.pem"),
        tls("suspicious", "ca_file: other.pem"),
        tls("renaming", "ca_file: ca.pem, server_name: www.test"),
        tls("careless", "insecure_skip_verify: true"),
    ];
    let url = |host: &str, web: &Web| format!("https://{host}:{}/ok", web.port);
    let targets = [
        ("good", "trusting", url("www.test", &right)),
        ("wrong-name", "trusting", url("wrong.test", &right)),
        ("wrong-ca", "suspicious", url("www.test", &right)),
        ("by-address", "trusting", url("127.0.0.1", &right)),
        ("renamed", "renaming", url("127.0.0.1", &right)),
        ("careless", "careless", url("wrong.test", &right)),
        ("not-tls", "trusting", url("www.test", &plain)),
        ("blunt", "trusting", format!("https://www.test:{blunt}/")),
    ];
    let targets: Vec<(&str, &str, &str)> =
        targets.iter().map(|(name, module, url)| (*name, *module, url.as_str())).collect();
    let text =
        config(&head, &targets).replace("modules:\n", &format!("modules:\n{}", modules.concat()));
    let files = [("ca.pem", good.pem()), ("other.pem", other.pem())];
    let program = start(&text, &files.each_ref().map(|(name, pem)| (*name, pem.as_str())));
    for (name, ..) in &targets {
        wait_for_probes(&program, name, 3.0);
    }
    let metrics = program.metrics();
    for target in ["good", "renamed", "careless"] {
        assert_up(&metrics, target);
        assert!(
            metrics.value(&format!(
                "latency_phase_duration_seconds_count{{target=\"{target}\",phase=\"tls\"}}"
            )) >= 3.0
        );
    }
    for target in ["wrong-name", "wrong-ca", "by-address"] {
        assert_down(&metrics, target, "tls_verify");
    }
    assert!(
        metrics.value("latency_phase_duration_seconds_count{target=\"good\",phase=\"resolve\"}")
            >= 1.0
    );
    // The other side does not speak TLS: it waits for the end of a request, or says that this is none.
    assert_down(&metrics, "not-tls", "timeout");
    assert_down(&metrics, "blunt", "tls_handshake");

    // What was shown is known, also where it is refused, and why.
    for (target, verified, reason) in [
        ("good", Some(1.0), None),
        ("careless", None, None),
        ("wrong-name", Some(0.0), Some("name")),
        ("by-address", Some(0.0), Some("name")),
        ("wrong-ca", Some(0.0), Some("authority")),
    ] {
        let of = |name: &str, more: &str| {
            metrics.get(&format!("{name}{{target=\"{target}\",slot=\"0\"{more}}}"))
        };
        assert_eq!(of("latency_tls_verified", ""), verified, "{target}");
        let expiry = of("latency_tls_expiry_timestamp_seconds", "");
        assert!(expiry.is_some_and(|expiry| expiry > 1.7e9), "{target}: {expiry:?}");
        let suite = ",version=\"TLS 1.3\",cipher=\"TLS_AES_128_GCM_SHA256\"";
        assert_eq!(of("latency_tls_info", suite), Some(1.0), "{target}: {}", metrics.text);
        for known in ["expired", "name", "authority", "other"] {
            let refused = of("latency_tls_refusal_info", &format!(",reason=\"{known}\""));
            assert_eq!(refused.is_some(), reason == Some(known), "{target} {known}");
        }
    }
    assert!(
        !metrics.text.contains("latency_tls_info{vantage=\"test\",region=\"EMEA\",target=\"blunt")
    );
    assert!(program.stop().success());
}

#[test]
fn headers_of_the_module_are_sent() {
    let web = Web::plain([127, 0, 0, 1]);
    let url = format!("http://127.0.0.1:{}/echo", web.port);
    let module = "modules:\n  headers: {prober: http, interval: 100ms, http: {headers: \
                  {Host: vhost.example, Authorization: Bearer abc}}}\n";
    let text = config("", &[("echo", "headers", &url)]).replace("modules:\n", module);
    let program = start(&text, &[]);
    assert_up(&wait_for_probes(&program, "echo", 2.0), "echo");
}

#[test]
fn secrets_of_a_request_may_stand_in_files() {
    const UP: &str = "latency_up{target=\"echo\"}";
    let web = Web::plain([127, 0, 0, 1]);
    let url = format!("http://127.0.0.1:{}/echo", web.port);
    // What the page asks for is a host and this header.
    let with = |section: &str| {
        let module = format!(
            "modules:\n  secret: {{prober: http, interval: 100ms, http: {{headers: {{Host: \
             vhost.example}}, {section}}}}}\n"
        );
        config("", &[("echo", "secret", &url)]).replace("modules:\n", &module)
    };
    let program = start(&with("authorization: {credentials: abd}"), &[]);
    program.wait_until("that it is down", |it| it.get(UP) == Some(0.0));
    list(&program, "token", "abc\n");
    let by_file = with("authorization: {credentials_file: token}");
    assert_eq!(program.reload(&by_file).status, 200);
    program.wait_until("that it is up", |it| it.get(UP) == Some(1.0));
    // Another secret is read by the next probe; a file that is gone is no secret.
    list(&program, "token", "abd");
    program.wait_until("that it is down", |it| it.get(UP) == Some(0.0));
    list(&program, "token", "abc");
    program.wait_until("that it is up again", |it| it.get(UP) == Some(1.0));
    let said = program.reload(&with("basic_auth: {username: a, password_file: nowhere}"));
    assert_eq!(said.status, 500);
    assert!(said.body.contains("modules.secret.http: reading secret file"), "{said:?}");
}

#[test]
fn each_address_of_a_name_is_probed_by_itself() {
    // On one of the two addresses only.
    let web = Web::plain([127, 0, 0, 2]);
    let names = Names::serve();
    names.set("two.test", &["127.0.0.3", "127.0.0.2"]);
    names.set(
        "six.test",
        &["127.0.0.9", "127.0.0.8", "127.0.0.7", "127.0.0.6", "127.0.0.5", "127.0.0.4"],
    );
    names.set("both.test", &["::1", "127.0.0.1"]);
    names.set("under_score.test", &["127.0.0.1"]);
    names.silence("silent.test");
    let head = format!("resolvers: ['{}']\n", names.address);
    let url = format!("http://two.test:{}/ok", web.port);
    let (program, metrics) = probe(
        &head,
        &[],
        &[
            ("two", "icmp", "two.test"),
            ("half", "http", &url),
            ("six", "icmp", "six.test"),
            ("both", "icmp", "both.test"),
            ("underscore", "icmp", "under_score.test"),
            ("nowhere", "icmp", "nowhere.test"),
            ("silent", "brief-http", "http://silent.test/"),
        ],
    );
    assert_up(&metrics, "two");
    for (slot, address) in ["127.0.0.2", "127.0.0.3"].iter().enumerate() {
        assert_eq!(
            metrics.get(&format!(
                "latency_address_info{{target=\"two\",slot=\"{slot}\",address=\"{address}\"}}"
            )),
            Some(1.0)
        );
        assert_eq!(
            metrics.get(&format!("latency_address_up{{target=\"two\",slot=\"{slot}\"}}")),
            Some(1.0)
        );
    }
    // One address is enough to be up.
    assert_eq!(metrics.get("latency_up{target=\"half\"}"), Some(1.0));
    assert_eq!(metrics.get("latency_consecutive_failures{target=\"half\"}"), Some(0.0));
    assert_eq!(metrics.get("latency_address_up{target=\"half\",slot=\"0\"}"), Some(1.0));
    assert_eq!(metrics.get("latency_address_up{target=\"half\",slot=\"1\"}"), Some(0.0));
    assert_eq!(failures(&metrics, "half").keys().collect::<Vec<_>>(), ["refused"]);
    // Four of six are probed.
    assert_eq!(metrics.get("latency_addresses{target=\"six\"}"), Some(6.0));
    assert!(metrics.get("latency_address_up{target=\"six\",slot=\"3\"}").is_some());
    assert!(metrics.get("latency_address_up{target=\"six\",slot=\"4\"}").is_none());
    assert_eq!(
        metrics.get("latency_address_info{target=\"both\",slot=\"1\",address=\"::1\"}"),
        Some(1.0)
    );
    assert_up(&metrics, "underscore");
    // No address: a failed probe, and no slot.
    assert_down(&metrics, "nowhere", "dns");
    assert_down(&metrics, "silent", "resolver");
    assert_eq!(metrics.get("latency_addresses{target=\"nowhere\"}"), Some(0.0));
    assert!(
        !metrics
            .text
            .contains("latency_address_up{vantage=\"test\",region=\"EMEA\",target=\"nowhere\"")
    );
    // Who waited for the resolver waited.
    let waited = of_target(&metrics, "latency_probe_duration_seconds_count", "silent");
    assert!(waited >= 4.0, "{waited}");

    // The name moves, to a slot that nobody had: followed when the answer has expired, which is after five seconds at least.
    names.set("two.test", &["127.0.0.5"]);
    names.set("nowhere.test", &["127.0.0.1"]);
    program.wait_until("the name is followed", |metrics| {
        metrics
            .get("latency_address_info{target=\"two\",slot=\"2\",address=\"127.0.0.5\"}")
            .is_some()
    });
    program.wait_until("the name is there", |metrics| {
        of_target(metrics, "latency_up", "nowhere") > 0.0
    });
    names.set("two.test", &[]);
    let metrics = program.wait_until("the name is gone", |metrics| {
        metrics.get("latency_up{target=\"two\"}") == Some(0.0)
    });
    assert_eq!(failures(&metrics, "two").keys().collect::<Vec<_>>(), ["dns"]);
    assert!(program.stop().success());
}

#[test]
fn a_resolver_that_is_slower_than_a_probe_is_waited_for() {
    let names = Names::serve();
    // Its module's timeout is 500 ms.
    names.slow("slow.test", &["127.0.0.1"], Duration::from_millis(800));
    let head = format!("resolvers: ['{}']\n", names.address);
    let program = start(&config(&head, &[("slow", "brief-icmp", "slow.test")]), &[]);
    let metrics =
        program.wait_until("it is up", |metrics| of_target(metrics, "latency_up", "slow") > 0.0);
    assert!(failures(&metrics, "slow").contains_key("resolver"), "{}", metrics.text);
    assert!(program.stop().success());
}

#[test]
fn a_bad_reload_changes_nothing_and_a_good_one_keeps_the_counters() {
    let closed = format!("127.0.0.1:{}", free_port());
    let program =
        start(&config("", &[("kept", "icmp", "127.0.0.1"), ("gone", "tcp", &closed)]), &[]);
    wait_for_probes(&program, "gone", 3.0);
    let before =
        of_target(&wait_for_probes(&program, "kept", 20.0), "latency_probes_total", "kept");

    for bad in [
        "nonsense: true\n".to_owned(),
        config("", &[("kept", "icmp", "not an address")]),
        config("", &[("kept", "nothing", "127.0.0.1")]),
    ] {
        let refused = program.reload(&bad);
        assert!(refused.status == 500 && refused.body.contains("config.yml"), "{refused:?}");
    }
    let metrics = program.metrics();
    assert_eq!(metrics.get("turbulence_config_last_reload_successful{}"), Some(0.0));
    assert!(of_target(&metrics, "latency_probes_total", "kept") >= before, "it goes on");
    assert!(metrics.text.contains("target=\"gone\""));

    // The vantage moves, a module has another name, a target another role; one goes, another comes.
    let text = config("", &[("kept", "icmp", "127.0.0.1"), ("new", "icmp", "::1")])
        .replace("name: test, region: EMEA", "name: moved, region: APAC")
        .replace("  icmp: {", "  ping: {")
        .replace("module: icmp", "module: ping")
        .replace("{name: kept,", "{name: kept, role: canary,");
    assert_eq!(program.reload(&text).status, 200);
    let metrics = wait_for_probes(&program, "new", 1.0);
    assert_eq!(metrics.get("turbulence_config_last_reload_successful{}"), Some(1.0));
    assert!(of_target(&metrics, "latency_probes_total", "kept") >= before, "its counters stay");
    let series = "latency_up{vantage=\"moved\",region=\"APAC\",target=\"kept\",module=\"ping\",role=\"canary\"}";
    assert!(metrics.text.contains(series), "{}", metrics.text);
    assert!(
        !metrics.text.contains("target=\"gone\"") && !metrics.text.contains("vantage=\"test\"")
    );
    assert!(program.stop().success());
}

#[test]
fn one_name_is_several_targets_by_its_team_and_its_module() {
    let web = Web::plain([127, 0, 0, 1]);
    let targets = format!(
        "targets:\n  - {{name: www, address: 'http://127.0.0.1:{}/ok', modules: [icmp, http]}}\n  \
         - {{name: www, team: shop, address: 127.0.0.2, module: icmp}}\n",
        web.port
    );
    let program = start(&config("", &[]).replace("targets:\n", &targets), &[]);
    let of = |labels: &str| {
        format!(
            "latency_up{{vantage=\"test\",region=\"EMEA\",target=\"www\",{labels},role=\"service\"}} 1"
        )
    };
    program.wait_until("all three", |it| {
        [of("module=\"icmp\""), of("module=\"http\""), of("team=\"shop\",module=\"icmp\"")]
            .iter()
            .all(|series| it.text.contains(series))
    });
    let page = program.page("/");
    assert!(page.contains("(team shop)"), "{page}");
    // A team that has another name is the same team: nothing restarts.
    let probes = "latency_probes_total{vantage=\"test\",region=\"EMEA\",target=\"www\",team=\"TEAM\",module=\"icmp\",role=\"service\"} ";
    let count = |text: &str, team: &str| {
        let probes = probes.replace("TEAM", team);
        let line =
            text.lines().find_map(|line| line.strip_prefix(probes.as_str()).map(str::to_owned));
        line.map(|value| value.parse::<f64>().unwrap())
    };
    let before = program.wait_until("ten", |it| count(&it.text, "shop") >= Some(10.0));
    let renamed = config("", &[]).replace("targets:\n", &targets.replace("shop", "store"));
    assert_eq!(program.reload(&renamed).status, 200);
    let after = program.metrics();
    assert!(count(&after.text, "store") >= count(&before.text, "shop"), "{}", after.text);
    assert_eq!(count(&after.text, "shop"), None);
}

#[test]
fn targets_are_discovered_beside_those_of_the_config() {
    let head = "file_sd_configs: [{files: [list-*.json]}]\n";
    let program = start(&config(head, &[("own", "icmp", "127.0.0.1")]), &[]);
    list(
        &program,
        "list-a.json",
        r#"[{"targets": ["127.0.0.2", "not an address"],
             "labels": {"__param_module": "icmp", "env": "prod", "role": "canary"}},
            {"targets": ["127.0.0.3"], "labels": {"module": "icmp", "target": "own"}},
            {"targets": ["127.0.0.4"], "labels": {"module": "nothing"}},
            {"targets": ["127.0.0.5"], "labels": {"module": "icmp", "slot": "9"}}]"#,
    );
    let found = r#"latency_up{target="127.0.0.2",env="prod"}"#;
    let metrics = program.wait_until("the one that is good", |it| it.get(found) == Some(1.0));
    assert!(metrics.text.contains(r#"role="canary",env="prod"}"#), "{}", metrics.text);
    assert_eq!(metrics.get("turbulence_sd_skipped_targets{}"), Some(4.0), "{}", metrics.text);
    let page = program.page("/-/discovery");
    for said in ["address: ", "another target has its team", "module: is not among", "slot"] {
        assert!(page.contains(said), "{said} is not in: {page}");
    }

    // A reload keeps what is discovered, and its counters; a list without it ends it.
    let probes = r#"latency_probes_total{target="127.0.0.2",env="prod"}"#;
    let before = program.wait_until("ten probes", |it| it.get(probes) >= Some(10.0)).value(probes);
    assert_eq!(program.request("POST", "/-/reload", "").status, 200);
    assert!(program.metrics().value(probes) >= before);
    list(&program, "list-a.json", "[]");
    let metrics = program.wait_until("the end of it", |it| it.get(found).is_none());
    assert!(of_target(&metrics, "latency_probes_total", "own") > 0.0);
}

#[test]
fn a_bad_config_starts_nothing_and_the_example_is_good() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("bad.yml");
    std::fs::write(
        &file,
        format!("{VANTAGE}modules: {{m: {{prober: icmp, intervall: 1s}}}}\ntargets: []\n"),
    )
    .unwrap();
    let output = command().arg("--config.file").arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    for words in ["bad.yml:2:", "unknown field `intervall`", "interval"] {
        assert!(said.contains(words), "{said}");
    }
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/turbulence-latency.example.yml");
    let output = command().args(["--config.check", "--config.file", example]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Hosts whose answers do not come, or not within the timeout, or are none.
const SILENT: [&str; 4] = ["late", "silent", "elsewhere", "altered"];

/// Hosts of one family that behave in every way, as targets.
fn hosts(prefix: &str) -> Vec<(&'static str, String)> {
    let is_v4 = !prefix.contains(':');
    let (unreachable, exceeded, too_big) =
        if is_v4 { ((3, 1), (11, 0), (3, 4)) } else { ((1, 3), (3, 0), (2, 0)) };
    let error = |(kind, code), quoted| Manner::Error { kind, code, quoted };
    let manners = [
        ("steady", Manner::After(Duration::from_millis(20))),
        ("late", Manner::After(Duration::from_millis(900))),
        ("twice", Manner::Twice),
        ("silent", Manner::Silent),
        ("elsewhere", Manner::FromElsewhere),
        ("altered", Manner::Altered),
        ("unreachable", error(unreachable, 64)),
        ("terse", error(unreachable, 8)),
        ("exceeded", error(exceeded, 64)),
        ("routed", Manner::Router { kind: unreachable.0, code: unreachable.1 }),
        ("mtu", Manner::ErrorThenReply { kind: too_big.0, code: too_big.1 }),
        ("slandered", Manner::ErrorThenReply { kind: unreachable.0, code: unreachable.1 }),
    ];
    manners
        .iter()
        .enumerate()
        .map(|(index, (name, manner))| {
            let ip = format!("{prefix}{}", index + 1);
            host(&ip, *manner);
            (*name, ip)
        })
        .collect()
}

#[test]
fn echoes_are_judged_one_by_one() {
    if !in_a_namespace("echoes_are_judged_one_by_one") {
        return;
    }
    for (prefix, families) in [("127.1.0.", "ip4"), ("fd00::", "ip6")] {
        let hosts = hosts(prefix);
        let module = |name: &str| if SILENT.contains(&name) { "brief-icmp" } else { "icmp" };
        let mut targets: Vec<_> =
            hosts.iter().map(|(name, ip)| (*name, module(name), ip.as_str())).collect();
        // The namespace has no way out.
        targets.push((
            "no-route",
            "icmp",
            if families == "ip4" { "192.0.2.1" } else { "2001:db8::1" },
        ));
        for (allowed, mode) in [(true, "dgram"), (false, "raw")] {
            echoes::allow_dgram(allowed);
            let mut command = command();
            command.args(["--log.level", "debug"]);
            let program = Program::start(command, &config("", &targets));
            for (name, ..) in &targets {
                wait_for_probes(&program, name, 20.0);
            }
            // Who refused an echo is told, also where it is not who was asked.
            let router = echoes::elsewhere(hosts[0].1.parse().unwrap()).to_string();
            program.wait_for_log(&["\"offender\":", &router]);
            let metrics = program.wait_until("strays", |metrics| {
                of_target(metrics, "latency_icmp_late_replies_total", "late") >= 5.0
                    && of_target(metrics, "latency_icmp_duplicate_replies_total", "twice") >= 5.0
            });
            eprintln!("{families} {mode}");
            assert_eq!(
                metrics.get(&format!(
                    "latency_icmp_socket_info{{family=\"{families}\",mode=\"{mode}\"}}"
                )),
                Some(1.0)
            );
            let drops = format!("latency_icmp_receive_buffer_drops_total{{family=\"{families}\"}}");
            assert_eq!(metrics.get(&drops), Some(0.0), "there was room");
            judge(&metrics);
            if families == "ip4" {
                compare_with_fping(&program, &format!("{prefix}1"));
            }
            assert!(program.stop().success());
        }
    }
}

#[track_caller]
fn judge(metrics: &Scrape) {
    // Whoever says that it is unreachable: it answers.
    for target in ["steady", "twice", "mtu", "slandered"] {
        assert_up(metrics, target);
    }
    for target in SILENT {
        assert_down(metrics, target, "timeout");
    }
    for target in ["unreachable", "terse", "routed", "no-route"] {
        assert_down(metrics, target, "unreachable");
    }
    assert_down(metrics, "exceeded", "ttl_exceeded");
    // A reply was waited for all the same; what was never sent has waited for nothing.
    for target in ["silent", "unreachable", "terse", "routed", "exceeded"] {
        assert!(count(metrics, "latency_probe_duration_seconds_count", target) >= 10, "{target}");
    }
    assert_eq!(count(metrics, "latency_probe_duration_seconds_count", "no-route"), 0);
    for target in
        ["steady", "silent", "elsewhere", "altered", "unreachable", "exceeded", "mtu", "slandered"]
    {
        assert_eq!(count(metrics, "latency_icmp_late_replies_total", target), 0, "{target}");
        assert_eq!(count(metrics, "latency_icmp_duplicate_replies_total", target), 0, "{target}");
    }
    // Never shorter than the truth.
    let rtt = metrics.value("latency_rtt_min_seconds{target=\"steady\",slot=\"0\",window=\"1m\"}");
    assert!(rtt >= 0.02, "{rtt}");
}

/// The minimum of twenty echoes of another program that has the kernel's time stamps. Both fall to
/// the truth, however rarely a busy machine's hosts answer in time.
fn compare_with_fping(program: &Program, ip: &str) {
    let mut both = (0.0, 0.0);
    for _ in 0..60 {
        let Ok(output) =
            Command::new("fping").args(["-q", "-p", "20", "-t", "500", "-c", "20", ip]).output()
        else {
            return eprintln!("skipped: no fping");
        };
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let theirs = said.rsplit_once("= ");
        let theirs = theirs.and_then(|(_, times)| times.split('/').next()?.parse::<f64>().ok());
        let theirs = theirs.unwrap_or_else(|| panic!("fping said {said}")) / 1000.0;
        let ours = "latency_rtt_min_seconds{target=\"steady\",slot=\"0\",window=\"1m\"}";
        both = (program.metrics().value(ours), theirs);
        if (both.0 - both.1).abs() < 0.005 {
            return;
        }
    }
    panic!("ours {}, fping's {}", both.0, both.1);
}
