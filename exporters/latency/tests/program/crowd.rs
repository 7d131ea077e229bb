//! Targets by the thousand: many that are no good, many at the same moment, many over a reload.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use peers::Scrape;
use peers::exposition::samples;
use socket2::{Domain, Protocol, Socket, Type};

use super::echoes::{self, Manner, host, in_a_namespace};
use super::names::Names;
use super::running::{list, of_target, start};
use super::{VANTAGE, assert_up};

#[test]
fn a_list_with_a_thousand_bad_names_starts_and_says_so() {
    if !in_a_namespace("crowd::a_list_with_a_thousand_bad_names_starts_and_says_so") {
        return;
    }
    echoes::allow_dgram(true);
    host("127.9.0.1", Manner::After(Duration::from_millis(20)));
    // It knows no name.
    let names = Names::serve();
    let mut list = "[\n".to_owned();
    for number in 0..1_000 {
        let address = match number {
            0..500 => format!("gone-{number}.test"),
            500..800 => format!("no..host-{number}"),
            // Nobody answers there.
            _ => format!("127.9.1.{}", number - 799),
        };
        writeln!(list, "{{\"targets\": [\"{address}\"], \"labels\": {{\"module\": \"m\"}}}},")
            .unwrap();
    }
    list.push_str(
        "{\"targets\": [\"127.9.0.1\"], \"labels\": {\"module\": \"m\", \"target\": \"good\"}}]\n",
    );
    let text = format!(
        "{VANTAGE}resolvers: ['{}']\nmodules: {{m: {{prober: icmp, interval: 1s, timeout: 3s}}}}\n\
         file_sd_configs: [{{files: [all.json]}}]\n",
        names.address
    );
    let program = start(&text, &[("all.json", &list)]);
    let metrics = program.wait_until("the good one is probed", |it| {
        of_target(it, "latency_probes_total", "good") >= 5.0
    });
    assert_eq!(metrics.get("turbulence_sd_skipped_targets{}"), Some(300.0));
    assert_up(&metrics, "good");
    program
        .wait_until("each had its round", |_| program.request("GET", "/-/ready", "").status == 200);
    assert!(program.stop().success());
}

#[test]
fn about_a_thousand_targets_do_not_change_what_is_shown_with_each_one() {
    // Nobody probes them before the test is over.
    let found = |count: usize| {
        let address = |number: usize| format!("\"127.8.{}.{}\"", number / 250, number % 250 + 1);
        let all: Vec<_> = (0..count).map(address).collect();
        format!("[{{\"targets\": [{}], \"labels\": {{\"module\": \"m\"}}}}]", all.join(", "))
    };
    let text = format!(
        "{VANTAGE}modules: {{m: {{prober: icmp, interval: 1d, timeout: 3s}}}}\n\
         file_sd_configs: [{{files: [all.json], refresh_interval: 1s}}]\n"
    );
    let program = start(&text, &[("all.json", &found(1_000))]);
    let name = "latency_probes_sent_total{";
    for (count, are_shown) in
        [(1_000, true), (1_001, false), (1_000, false), (901, false), (900, true), (1_000, true)]
    {
        list(&program, "all.json", &found(count));
        program.wait_until(&format!("{count} targets, and {are_shown}"), |metrics| {
            let with = |name: &str| metrics.text.lines().filter(|it| it.starts_with(name)).count();
            with("latency_failures_total{") == count && (with(name) == count) == are_shown
        });
        let metrics = program.metrics();
        let shown = metrics.text.lines().filter(|line| line.starts_with(name)).count();
        assert_eq!(shown, if are_shown { count } else { 0 }, "{count}");
    }
    assert!(program.stop().success());
}

/// So many targets, each at an address of its own that this machine answers for.
fn fleet(numbers: impl Iterator<Item = usize>) -> String {
    let mut text =
        format!("{VANTAGE}modules: {{m: {{prober: icmp, interval: 1s, timeout: 5s}}}}\ntargets:\n");
    for number in numbers {
        let (high, low) = (number / 250, number % 250 + 1);
        writeln!(text, "- {{name: n{number}, module: m, address: 127.8.{high}.{low}}}").unwrap();
    }
    text
}

#[test]
fn a_thousand_targets_that_are_due_at_once_lose_nothing() {
    if !in_a_namespace("crowd::a_thousand_targets_that_are_due_at_once_lose_nothing") {
        return;
    }
    echoes::allow_dgram(true);
    fs::write("/proc/sys/net/ipv4/icmp_echo_ignore_all", "0").unwrap();
    let program = start(&fleet(0..1_000), &[]);
    let answered = |it: &Scrape| it.sum("latency_probes_total");
    program.wait_until("each was probed", |it| answered(it) >= 1_000.0);
    for _ in 0..3 {
        // All are due when it goes on.
        program.signal("STOP");
        thread::sleep(Duration::from_millis(2_200));
        program.signal("CONT");
        let before = answered(&program.metrics());
        program.wait_until("each was probed again", |it| answered(it) >= before + 1_000.0);
    }
    let metrics = program.metrics();
    assert!(metrics.sum("turbulence_rounds_missed_total") > 0.0, "it was not stopped");
    assert!(metrics.sum("latency_failures_total") < 0.5, "{}", metrics.text);
    assert!(metrics.sum("latency_icmp_receive_buffer_drops_total") < 0.5);
    assert!(program.stop().success());
}

/// The requests for echoes that each address got: what each carried first, which no other one does.
type Requests = Arc<Mutex<BTreeMap<[u8; 4], Vec<[u8; 16]>>>>;

/// Hears all requests of this namespace, beside the kernel that answers them.
fn count_requests() -> Requests {
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).unwrap();
    // Whoever counts must not lose what a busy machine has no time to count.
    echoes::make_room(&socket);
    let socket = std::net::UdpSocket::from(socket);
    let heard = Requests::default();
    let counted = Arc::clone(&heard);
    thread::spawn(move || {
        let mut bytes = [0; 1500];
        loop {
            let (length, _) = socket.recv_from(&mut bytes).unwrap();
            let packet = &bytes[..length];
            let message = &packet[usize::from(packet[0] & 15) * 4..];
            if message[0] == 8 {
                let to = [packet[16], packet[17], packet[18], packet[19]];
                let cookie = message[8..].first_chunk().copied().unwrap();
                counted.lock().unwrap().entry(to).or_default().push(cookie);
            }
        }
    });
    heard
}

/// What each target has sent, as the page says it.
fn sent(metrics: &Scrape) -> BTreeMap<String, f64> {
    let all = samples(&metrics.text).filter(|it| it.name == "latency_probes_sent_total");
    all.map(|it| (it.label("target").unwrap().into_owned(), it.value)).collect()
}

#[test]
fn a_reload_that_replaces_half_of_a_thousand_targets_loses_and_doubles_no_echo() {
    if !in_a_namespace(
        "crowd::a_reload_that_replaces_half_of_a_thousand_targets_loses_and_doubles_no_echo",
    ) {
        return;
    }
    echoes::allow_dgram(true);
    fs::write("/proc/sys/net/ipv4/icmp_echo_ignore_all", "0").unwrap();
    let heard = count_requests();
    let program = start(&fleet(0..1_000), &[]);
    let least = |metrics: &Scrape, kept: std::ops::Range<usize>| {
        let sent = sent(metrics);
        let of = |number: usize| sent.get(&format!("n{number}")).copied().unwrap_or(0.0);
        kept.map(of).fold(f64::INFINITY, f64::min)
    };
    program.wait_until("each was probed", |it| least(it, 0..1_000) >= 3.0);
    let before = sent(&program.metrics());
    // Those from 500 on stay, others come.
    assert_eq!(program.reload(&fleet(500..1_500)).status, 200);
    program.wait_until("each was probed, also the new ones", |it| {
        least(it, 500..1_500) >= 3.0 && least(it, 500..1_000) >= before["n999"] + 3.0
    });
    let of = |number: usize| {
        let (high, low) = (number / 250, number % 250 + 1);
        let octet = |number: usize| u8::try_from(number).unwrap();
        heard.lock().unwrap().get(&[127, 8, octet(high), octet(low)]).cloned().unwrap_or_default()
    };
    let first: Vec<usize> = (500..1_500).map(|number| of(number).len()).collect();
    let page = sent(&program.metrics());
    assert_eq!(page.len(), 1_000, "who is gone is gone");
    // What was heard after the page is no less than what it tells; a machine that is busy hears late.
    for (number, before_page) in (500..1_500).zip(first) {
        let told = page[&format!("n{number}")];
        program.wait_until(&format!("all that was told of {number} is heard"), |_| {
            of(number).len() as f64 >= told
        });
        assert!(told >= before_page as f64, "{number}: heard {before_page}, told {told}");
        if number < 1_000 {
            assert!(told >= before[&format!("n{number}")], "its counters go on");
        }
        let all = of(number);
        let distinct: BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len(), "{number}: an echo was doubled");
    }
    assert!(program.stop().success());
}
