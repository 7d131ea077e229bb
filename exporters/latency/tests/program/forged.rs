//! Servers behind a forger, who says of each question that nobody is there.

use std::fmt::Write as _;
use std::net::{SocketAddr, UdpSocket};
use std::thread;

use hickory_proto::op::{Message, ResponseCode};
use peers::{Forgery, Program, Scrape, answer_to};

use super::VANTAGE;
use super::assert_up;
use super::echoes::in_a_namespace;
use super::running::{failures, of_target, start, wait_for_probes};

/// Where nobody answers but the forger, and where the true server does after him.
fn server(own: &str, answers: bool, tells: Forgery) -> SocketAddr {
    let socket = UdpSocket::bind(own).unwrap();
    let own = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut bytes = [0; 1500];
        loop {
            let (length, from) = socket.recv_from(&mut bytes).unwrap();
            tells.tell(from, own);
            if answers {
                let query = Message::from_vec(&bytes[..length]).unwrap();
                let answer = answer_to(&query, ResponseCode::NoError);
                socket.send_to(&answer.to_vec().unwrap(), from).unwrap();
            }
        }
    });
    own
}

/// The targets of a module, one of each family for each thing that the forger says: its name, and why it fails.
fn targets(module: &str, scheme: &str, answers: bool) -> (Vec<(String, &'static str)>, String) {
    let mut text = String::new();
    let mut names = Vec::new();
    for (family, own) in [("4", "127.0.0.1:0"), ("6", "[::1]:0")] {
        for (tells, reason) in [(Forgery::Port, "refused"), (Forgery::Host, "unreachable")] {
            let name = format!("{module}-{reason}-{family}");
            let at = server(own, answers, tells);
            writeln!(text, "  - {{name: {name}, module: {module}, address: '{scheme}{at}'}}")
                .unwrap();
            names.push((name, reason));
        }
    }
    (names, text)
}

/// Waits until probes of a target have failed for this reason, and for no other than that a busy machine had not said it in
/// time; and until all of them are in the distribution.
fn wait_for_failures(program: &Program, target: &str, reason: &str) {
    let metrics = program.wait_until(&format!("{target} is {reason}"), |metrics| {
        failures(metrics, target).get(reason).is_some_and(|count| *count >= 4.0)
    });
    let reasons = failures(&metrics, target);
    assert!(reasons.keys().all(|it| it == reason || it == "timeout"), "{target}: {reasons:?}");
    let decided = of_target(&metrics, "latency_probes_total", target);
    let timed = |it: &Scrape| of_target(it, "latency_probe_duration_seconds_count", target);
    program.wait_until(&format!("{target} is in the distribution"), |it| timed(it) >= decided);
}

#[test]
fn a_forged_message_ends_no_wait_for_a_server_of_names() {
    if !in_a_namespace("forged::a_forged_message_ends_no_wait_for_a_server_of_names") {
        return;
    }
    let (well, at) = targets("patient", "", true);
    let (gone, nowhere) = targets("brief", "", false);
    let text = format!(
        "{VANTAGE}modules:\n  patient: {{prober: dns, interval: 100ms, timeout: 6s, dns: {{query_name: a, \
         query_type: A}}}}\n  brief: {{prober: dns, interval: 100ms, timeout: 500ms, dns: {{query_name: \
         a}}}}\ntargets:\n{at}{nowhere}"
    );
    let program = start(&text, &[]);
    for (name, _) in well {
        let metrics = wait_for_probes(&program, &name, 20.0);
        assert_up(&metrics, &name);
    }
    for (name, reason) in gone {
        wait_for_failures(&program, &name, reason);
    }
    assert!(program.stop().success());
}

#[test]
fn what_a_router_says_is_why_a_host_is_not_reached_by_http3() {
    if !in_a_namespace("forged::what_a_router_says_is_why_a_host_is_not_reached_by_http3") {
        return;
    }
    let (gone, at) = targets("h3", "https://", false);
    let text = format!(
        "{VANTAGE}modules:\n  h3: {{prober: http, interval: 100ms, timeout: 500ms, http: {{enable_http3: true, \
         enable_http2: false, tls_config: {{insecure_skip_verify: true}}}}}}\ntargets:\n{at}"
    );
    let program = start(&text, &[]);
    for (name, reason) in gone {
        wait_for_failures(&program, &name, reason);
    }
    assert!(program.stop().success());
}
