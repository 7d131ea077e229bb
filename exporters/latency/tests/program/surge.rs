//! The second opinion on echoes, on the hosts of the other.

use std::time::Duration;

use peers::Program;

use super::echoes::{self, in_a_namespace};
use super::running::{command, of_target, start, wait_for_probes};
use super::{SILENT, assert_down, assert_up, config, hosts};

const HEAD: &str = "icmp: {backend: surge}\n";

#[test]
fn surge_ping_judges_the_same_hosts_as_far_as_it_can() {
    if !in_a_namespace("surge::surge_ping_judges_the_same_hosts_as_far_as_it_can") {
        return;
    }
    for (prefix, family) in [("127.8.0.", "ip4"), ("fd08::", "ip6")] {
        let hosts = hosts(prefix);
        // Nobody tells it why they do not answer.
        let mute = ["unreachable", "terse", "exceeded", "routed"];
        let is_brief = |name: &str| SILENT.contains(&name) || mute.contains(&name);
        let module = |name: &str| if is_brief(name) { "brief-icmp" } else { "icmp" };
        let mut targets: Vec<_> =
            hosts.iter().map(|(name, ip)| (*name, module(name), ip.as_str())).collect();
        let no_route = if family == "ip4" { "192.0.2.1" } else { "2001:db8::1" };
        targets.push(("no-route", "icmp", no_route));
        for (allowed, mode) in [(true, "dgram"), (false, "raw")] {
            echoes::allow_dgram(allowed);
            let program = Program::start(command(), &config(HEAD, &targets));
            for (name, ..) in &targets {
                wait_for_probes(&program, name, 10.0);
            }
            let metrics = program.metrics();
            eprintln!("{family} {mode}");
            let info = format!("latency_icmp_socket_info{{family=\"{family}\",mode=\"{mode}\"}}");
            assert_eq!(metrics.get(&info), Some(1.0));
            // It does not look into a reply.
            for target in ["steady", "twice", "mtu", "slandered", "altered"] {
                assert_up(&metrics, target);
            }
            for target in SILENT.into_iter().chain(mute).filter(|target| *target != "altered") {
                assert_down(&metrics, target, "timeout");
            }
            assert_down(&metrics, "no-route", "unreachable");
            // Never shorter than the truth, and no stray is seen.
            let rtt = "latency_rtt_min_seconds{target=\"steady\",slot=\"0\",window=\"1m\"}";
            assert!(metrics.value(rtt) >= Duration::from_millis(20).as_secs_f64());
            let late = of_target(&metrics, "latency_icmp_late_replies_total", "late");
            assert!(late < 0.5, "{late}");
            let stamps = format!(
                "latency_icmp_socket_feature{{family=\"{family}\",feature=\"receive_stamps\"}}"
            );
            assert_eq!(metrics.get(&stamps), Some(0.0));
            assert!(program.stop().success());
        }
    }
}

#[test]
fn another_backend_takes_effect_at_the_next_start() {
    let targets = [("a", "icmp", "127.0.0.1")];
    let program = start(&config(HEAD, &targets), &[]);
    assert_up(&wait_for_probes(&program, "a", 2.0), "a");
    assert_eq!(program.reload(&config("", &targets)).status, 200);
    program.wait_for_log(&["icmp.backend: is another"]);
    assert_up(&wait_for_probes(&program, "a", 4.0), "a");
    assert!(program.stop().success());
}
