//! A kernel that gives less, and a machine that drops what it should read.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use peers::{Program, Scrape};

use super::echoes::{self, Manner, host, in_a_namespace};
use super::running::{command, failures, of_target, wait_for_probes};
use super::{VANTAGE, assert_up, config};

/// Stands before the C library: options of the sockets for echoes are refused as a sandbox does it, and sockets of
/// Unix. `REFUSE` has the options' numbers, each with its level, and the word `unix`.
const REFUSAL: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
int setsockopt(int socket, int level, int option, const void *value, socklen_t length) {
    static int (*real)(int, int, int, const void *, socklen_t);
    char wanted[32];
    const char *refused = getenv("REFUSE");
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "setsockopt");
    snprintf(wanted, sizeof wanted, " %d/%d ", level, option);
    if (refused && strstr(refused, wanted)) { errno = ENOPROTOOPT; return -1; }
    return real(socket, level, option, value, length);
}
int getsockopt(int socket, int level, int option, void *value, socklen_t *length) {
    static int (*real)(int, int, int, void *, socklen_t *);
    char wanted[32];
    const char *refused = getenv("REFUSE");
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "getsockopt");
    snprintf(wanted, sizeof wanted, " %d/%d ", level, option);
    if (refused && strstr(refused, wanted)) { errno = ENOPROTOOPT; return -1; }
    return real(socket, level, option, value, length);
}
int socket(int domain, int type, int protocol) {
    static int (*real)(int, int, int);
    const char *refused = getenv("REFUSE");
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "socket");
    if (domain == AF_UNIX && refused && strstr(refused, " unix ")) { errno = EAFNOSUPPORT; return -1; }
    return real(domain, type, protocol);
}
"#;

/// Builds it; `None` where there is no C compiler.
pub(crate) fn refusal(folder: &Path) -> Option<String> {
    let (source, library) = (folder.join("refusal.c"), folder.join("refusal.so"));
    std::fs::write(&source, REFUSAL).unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).args([&library, &source]).arg("-ldl");
    let is_built = compiler.status().is_ok_and(|status| status.success());
    is_built.then(|| library.display().to_string())
}

fn feature(metrics: &Scrape, name: &str) -> Option<f64> {
    metrics.get(&format!("latency_icmp_socket_feature{{family=\"ip4\",feature=\"{name}\"}}"))
}

#[test]
fn echoes_go_on_where_the_kernel_gives_less() {
    if !in_a_namespace("refused::echoes_go_on_where_the_kernel_gives_less") {
        return;
    }
    let folder = tempfile::TempDir::new().unwrap();
    let Some(library) = refusal(folder.path()) else { return eprintln!("skipped: no C compiler") };
    host("127.6.0.1", Manner::After(Duration::from_millis(20)));
    host("127.6.0.2", Manner::Error { kind: 3, code: 1, quoted: 64 });
    let text = config(
        "",
        // A busy machine may take long for an answer; what is refused is told at the end of its time.
        &[("steady", "icmp", "127.6.0.1"), ("refused", "brief-icmp", "127.6.0.2")],
    );
    // SO_TIMESTAMPNS by both its numbers, IP_RECVERR, a filter, IP_RECVTTL, the buffer by both, SO_RXQ_OVFL with
    // SO_MEMINFO.
    let cases = [
        (" 1/35 1/64 ", "receive_stamps", "on a busy machine"),
        (" 0/11 ", "error_queue", "told as timeout"),
        (" 1/26 ", "filter", "every ICMP packet"),
        (" 0/12 ", "reply_hop_limit", "TTL of replies"),
        (" 1/33 1/8 ", "receive_buffer", "net.core.rmem_max"),
        (" 1/40 1/55 ", "drop_counter", "told as losses of the target"),
    ];
    for allowed in [true, false] {
        echoes::allow_dgram(allowed);
        for (refused, missing, said) in cases {
            let mut command = command();
            command.env("LD_PRELOAD", &library).env("REFUSE", refused);
            let program = Program::start(command, &text);
            let metrics = wait_for_probes(&program, "steady", 4.0);
            assert_up(&metrics, "steady");
            let reason = if missing == "error_queue" { "timeout" } else { "unreachable" };
            let metrics = program.wait_until(reason, |it| {
                let times = failures(it, "refused").get(reason).copied();
                of_target(it, "latency_probes_total", "refused") >= 4.0 && times > Some(0.0)
            });
            assert_eq!(metrics.get("latency_up{target=\"refused\"}"), Some(0.0));
            let others = failures(&metrics, "refused").into_keys().filter(|it| it != reason);
            // An error that a busy machine reads too late is told as a timeout, and never the other way round.
            assert!(others.into_iter().all(|it| it == "timeout"), "{}", metrics.text);
            // An unprivileged socket has no filter, and needs none.
            let is_there = missing != "filter" || !allowed;
            assert_eq!(feature(&metrics, missing), is_there.then_some(0.0), "{missing}");
            let counts = f64::from(missing != "drop_counter");
            assert_eq!(feature(&metrics, "drop_counter"), Some(counts));
            if is_there {
                program.wait_for_log(&["echoes go on with less", missing, said]);
            }
            assert!(program.stop().success());
        }
    }
}

/// Whether what this machine drops is told as its own, where the kernel counts it; else as the target's.
fn what_is_dropped_is(reason: &str, refused: &str) {
    echoes::allow_dgram(true);
    // A small buffer, of which one host's replies take all while nobody reads.
    let folder = tempfile::TempDir::new().unwrap();
    let Some(library) = refusal(folder.path()) else { return eprintln!("skipped: no C compiler") };
    host("127.6.1.1", Manner::Flood);
    host("127.6.1.2", Manner::After(Duration::from_millis(300)));
    host("127.6.1.3", Manner::Silent);
    let text = format!(
        "{VANTAGE}modules: {{icmp: {{prober: icmp, interval: 100ms, timeout: 3s}}}}\ntargets:\n  \
         - {{name: flood, module: icmp, address: 127.6.1.1}}\n  - {{name: victim, module: icmp, \
         address: 127.6.1.2}}\n  - {{name: dead, module: icmp, address: 127.6.1.3}}\n"
    );
    let mut command = command();
    command.env("LD_PRELOAD", &library).env("REFUSE", refused);
    let program = Program::start(command, &text);
    assert_up(&wait_for_probes(&program, "victim", 4.0), "victim");
    let lost = |metrics: &Scrape| failures(metrics, "victim").contains_key(reason);
    for _ in 0..60 {
        program.signal("STOP");
        std::thread::sleep(Duration::from_millis(700));
        program.signal("CONT");
        if lost(&program.metrics()) {
            break;
        }
        std::thread::sleep(Duration::from_millis(1500));
    }
    let metrics = program.wait_until("a reply that was dropped here", lost);
    let drops = metrics.get("latency_icmp_receive_buffer_drops_total{family=\"ip4\"}");
    assert_eq!(drops.map(|drops| drops > 0.0), (reason == "local").then_some(true));
    assert_eq!(failures(&metrics, "victim").keys().collect::<Vec<_>>(), [reason]);
    // Whoever answers nothing is down all the same, and who answers is up again: its newest replies were lost.
    program.wait_until("that it is down, and the other is not", |it| {
        let timeouts = failures(it, "dead").get("timeout").copied();
        let is_down = it.get("latency_up{target=\"dead\"}") == Some(0.0) && timeouts > Some(10.0);
        is_down && of_target(it, "latency_up", "victim") > 0.0
    });
    // Whoever is silent is asked by fresh sockets, which lack the same: it is said once of each family.
    let moves = "latency_icmp_socket_moves_total{family=\"ip4\"}";
    program.wait_until("a fresh socket", |it| it.get(moves) > Some(0.0));
    assert!(program.log().matches("echoes go on with less").count() <= 2, "{}", program.log());
    assert!(program.stop().success());
}

#[test]
fn what_this_machine_drops_is_no_loss_of_a_target_and_hides_no_outage() {
    if in_a_namespace("refused::what_this_machine_drops_is_no_loss_of_a_target_and_hides_no_outage")
    {
        what_is_dropped_is("local", " 1/33 1/8 ");
    }
}

#[test]
fn what_this_machine_drops_and_does_not_count_is_told_as_a_loss() {
    if in_a_namespace("refused::what_this_machine_drops_and_does_not_count_is_told_as_a_loss") {
        what_is_dropped_is("timeout", " 1/33 1/8 1/40 1/55 ");
    }
}
