//! What fails on our side: nothing is said of the targets.

use std::process::Command;

use hickory_proto::op::ResponseCode;
use peers::{Authority, Connection, Program, Scrape};

use super::echoes::{self, in_a_namespace, run};
use super::names::{Names, Temper};
use super::refused::refusal;
use super::running::{command, fails_for, failures, of_target, start, wait_for_probes};
use super::web::{self, Web};
use super::{assert_up, config};

/// No series says how the target stands; that and why its probes fail is counted.
fn is_not_judged(metrics: &Scrape, target: &str) -> bool {
    let gauges = ["latency_up", "latency_last_success_timestamp_seconds", "latency_addresses"];
    gauges.iter().all(|gauge| metrics.get(&format!("{gauge}{{target=\"{target}\"}}")).is_none())
        && metrics.get(&format!("latency_address_up{{target=\"{target}\",slot=\"0\"}}")).is_none()
        && failures(metrics, target).keys().eq(["local"])
}

#[test]
fn without_permission_to_send_echoes_their_targets_are_not_judged() {
    if !in_a_namespace("local::without_permission_to_send_echoes_their_targets_are_not_judged") {
        return;
    }
    echoes::allow_dgram(false);
    let web = Web::plain([127, 0, 0, 1]);
    let url = format!("http://127.0.0.1:{}/ok", web.port);
    let text = config("", &[("echo", "icmp", "127.0.0.1"), ("web", "http", &url)]);
    let mut program = Command::new("setpriv");
    program.args(["--bounding-set", "-net_raw", "--"]).arg(command().get_program());
    let program = Program::start(program, &text);
    wait_for_probes(&program, "web", 4.0);
    let metrics = wait_for_probes(&program, "echo", 4.0);
    assert!(is_not_judged(&metrics, "echo"), "{}", metrics.text);
    assert!(fails_for(&metrics, "echo", "local"));
    assert_up(&metrics, "web");
    // The first round is over all the same: the exporter is ready.
    assert_eq!(program.request("GET", "/-/ready", "").status, 200);
    assert!(program.stop().success());
}

/// Lets a process open no descriptor but those below `limit`.
fn limit_descriptors(id: u32, limit: u32) -> bool {
    let limit = format!("--nofile={limit}:");
    let status = Command::new("prlimit").args(["--pid", &id.to_string(), &limit]).status();
    status.is_ok_and(|status| status.success())
}

#[test]
fn without_descriptors_no_target_is_judged_and_with_them_each_is_again() {
    let web = Web::plain([127, 0, 0, 1]);
    let names = Names::serve();
    names.set("web.test", &["127.0.0.1"]);
    let head = format!("resolvers: ['{}']\n", names.address);
    let by_address = format!("http://127.0.0.1:{}/ok", web.port);
    let by_name = format!("http://web.test:{}/ok", web.port);
    let targets = [("address", "http", by_address.as_str()), ("name", "http", &by_name)];
    let program = start(&config(&head, &targets), &[]);
    let mut connection = Connection::open(program.address());
    let is_up = |metrics: &Scrape, (target, ..): &(&str, &str, &str)| {
        of_target(metrics, "latency_up", target) > 0.0
    };
    connection.wait_until("all are up", |page| targets.iter().all(|target| is_up(page, target)));
    if !limit_descriptors(program.id(), 3) {
        return eprintln!("skipped: no prlimit");
    }
    connection.wait_until("none is judged", |page| {
        targets.iter().all(|(target, ..)| is_not_judged(page, target))
    });
    // The name's answer has expired meanwhile: neither was the resolver to blame.
    assert!(limit_descriptors(program.id(), 256));
    let page = connection
        .wait_until("all are up again", |page| targets.iter().all(|target| is_up(page, target)));
    for (target, ..) in targets {
        assert_eq!(failures(&page, target).keys().collect::<Vec<_>>(), ["local"], "{target}");
    }
    assert!(program.stop().success());
}

#[test]
fn without_certificates_to_judge_by_no_server_is_judged_and_with_them_each_is() {
    let (authority, folder) = (Authority::default(), tempfile::TempDir::new().unwrap());
    let (certificates, none) = (folder.path().join("ca.pem"), folder.path().join("none"));
    std::fs::create_dir(&none).unwrap();
    std::fs::write(&certificates, "").unwrap();
    let server = Web::tls(web::server(&authority, "127.0.0.1"));
    let plain = Web::plain([127, 0, 0, 1]);
    let url = |scheme: &str, web: &Web| format!("{scheme}://127.0.0.1:{}/ok", web.port);
    let (https, http) = (url("https", &server), url("http", &plain));
    let text = config("", &[("https", "http", &https), ("http", "http", &http)]);
    let mut command = command();
    command.env("SSL_CERT_FILE", &certificates).env("SSL_CERT_DIR", &none);
    let program = Program::start(command, &text);
    program.wait_for_log(&["no CA certificates"]);
    wait_for_probes(&program, "http", 4.0);
    let metrics = wait_for_probes(&program, "https", 4.0);
    assert!(is_not_judged(&metrics, "https"), "{}", metrics.text);
    assert_up(&metrics, "http");
    // What is mounted late is found.
    std::fs::write(&certificates, authority.pem()).unwrap();
    let is_up = |page: &Scrape| of_target(page, "latency_up", "https") > 0.0;
    let metrics = program.wait_until("it is judged", is_up);
    assert_eq!(failures(&metrics, "https").keys().collect::<Vec<_>>(), ["local"]);
    assert!(program.stop().success());
}

#[test]
fn resolvers_that_refuse_are_to_blame_where_only_sockets_of_the_internet_are_allowed() {
    let folder = tempfile::TempDir::new().unwrap();
    let Some(library) = refusal(folder.path()) else { return eprintln!("skipped: no C compiler") };
    let names = Names::serve_at("127.0.0.1:0", Temper::Says(ResponseCode::Refused));
    let closed = peers::closed();
    for resolver in [names.address, closed] {
        let head = format!("resolvers: ['{resolver}']\n");
        let mut command = command();
        // As `RestrictAddressFamilies=` of the systemd unit does it.
        command.env("LD_PRELOAD", &library).env("REFUSE", " unix ");
        let program = Program::start(command, &config(&head, &[("name", "tcp", "www.test:80")]));
        let metrics = wait_for_probes(&program, "name", 4.0);
        assert!(fails_for(&metrics, "name", "resolver"), "{}", metrics.text);
        assert!(program.stop().success());
    }
}

#[test]
fn a_firewall_of_this_machine_that_rejects_echoes_says_nothing_of_a_target() {
    if !in_a_namespace(
        "local::a_firewall_of_this_machine_that_rejects_echoes_says_nothing_of_a_target",
    ) {
        return;
    }
    run("ip", &["link", "add", "out0", "type", "veth", "peer", "name", "out1"]);
    run("ip", &["address", "add", "192.0.2.1/24", "dev", "out0"]);
    // Nobody is asked who is there: what is sent leaves, and is gone.
    run("ip", &["link", "set", "out0", "arp", "off"]);
    for end in ["out0", "out1"] {
        run("ip", &["link", "set", end, "up"]);
    }
    let rule = "table ip t { chain c { type filter hook output priority 0; \
                ip daddr 192.0.2.9 icmp type echo-request reject with icmp type port-unreachable; } }";
    let script = format!("echo '{rule}' | nft -f -");
    if !Command::new("sh").args(["-c", &script]).status().is_ok_and(|status| status.success()) {
        return eprintln!("skipped: no nft");
    }
    for allowed in [true, false] {
        echoes::allow_dgram(allowed);
        let targets =
            [("barred", "brief-icmp", "192.0.2.9"), ("silent", "brief-icmp", "192.0.2.8")];
        let program = start(&config("", &targets), &[]);
        wait_for_probes(&program, "silent", 6.0);
        let metrics = wait_for_probes(&program, "barred", 6.0);
        assert!(is_not_judged(&metrics, "barred"), "{}", metrics.text);
        assert!(fails_for(&metrics, "silent", "timeout"), "{}", metrics.text);
        assert!(program.stop().success());
    }
}
