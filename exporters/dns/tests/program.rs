//! Runs the real program against resolvers of every kind.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::float_cmp, reason = "the values are counts and exact shares")]

#[path = "program/besides.rs"]
mod besides;
#[path = "program/config.rs"]
mod config_file;
#[path = "program/discovered.rs"]
mod discovered;
#[path = "program/edns.rs"]
mod edns;
#[path = "program/encrypted.rs"]
mod encrypted;
#[path = "program/files.rs"]
mod files;
#[path = "program/hostile.rs"]
mod hostile;
#[path = "program/nat64.rs"]
mod nat64;
#[path = "program/pages.rs"]
mod pages;
#[path = "program/real.rs"]
mod real;
#[path = "program/responder.rs"]
mod responder;
#[path = "program/sweeps.rs"]
mod sweeps;

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};

use peers::{Program, Scrape, free_port};

use responder::{Behaviour, LIE, Responder, TRUTH};

/// How many resolvers behave how, and where they are.
const WORLD: [(Behaviour, u8, &str); 24] = [
    (Behaviour::Honest, 12, "DE"),
    (Behaviour::Honest, 10, "FR"),
    (Behaviour::Honest, 8, "NL"),
    (Behaviour::Honest, 4, "CN"),
    (Behaviour::Dissent, 6, "CN"),
    (Behaviour::Nxdomain, 2, "IR"),
    (Behaviour::Nodata, 2, "IR"),
    (Behaviour::Servfail, 3, "US"),
    (Behaviour::Refused, 2, "US"),
    (Behaviour::Bogon, 2, "TR"),
    (Behaviour::WrongId, 1, "US"),
    (Behaviour::WrongSource, 1, "US"),
    (Behaviour::WrongQuestion, 1, "US"),
    (Behaviour::Malformed, 2, "US"),
    (Behaviour::TruncatedThenTcp, 2, "US"),
    (Behaviour::TruncatedOnly, 1, "US"),
    (Behaviour::Silent, 3, "US"),
    (Behaviour::Duplicates, 1, "US"),
    (Behaviour::ForgedThenReal, 1, "US"),
    (Behaviour::CaseMangled, 1, "US"),
    (Behaviour::HeaderOnlyFormerr, 1, "US"),
    (Behaviour::MalformedThenGood, 1, "US"),
    (Behaviour::Reflected, 1, "US"),
    (Behaviour::Oversize, 1, "US"),
];

/// The list of all of them, in the form of public-dns.info; and their addresses.
fn list() -> (String, Vec<Ipv4Addr>) {
    let mut text = String::from("\u{feff}ip_address,name,as_number,as_org,country_code\r\n");
    let (mut addresses, mut next) = (Vec::new(), [1_u8; 256]);
    for (number, (behaviour, count, country)) in (0_u32..).zip(WORLD) {
        for n in 0..count {
            let free = &mut next[behaviour as usize];
            let address = behaviour.address(*free);
            *free += 1;
            // Two resolvers share a network.
            let network = 64_512 + 100 * number + u32::from(n / 2);
            write!(text, "{address},,{network},\"Example, Inc.\",{country}\r\n").unwrap();
            addresses.push(address);
        }
    }
    text += "# the first once more\r\n127.0.1.1,,1,,DE\r\n";
    (text, addresses)
}

/// The program on this config, in a folder that may hold its lists.
fn start(folder: &Path, config: &str) -> Program {
    Program::start_in(Command::new(env!("CARGO_BIN_EXE_turbulence-dns")), folder, config)
}

fn config(port: u16, closed: u16, expected: &str) -> String {
    format!(
        "vantage: {{ name: fra, region: EMEA }}
sets:
  - {{ name: world, resolvers_file: list.csv, port: {port}, allow_private: true, timeout: 5s, rate: 200 }}
  - {{ name: closed, resolvers: [127.0.0.1, 127.0.0.2, 127.0.0.3], port: {closed}, allow_private: true, timeout: 5s }}
known_addresses: {{ block page: [174.37.154.236] }}
questions:
  - {{ name: api.messenger.example, types: [A, AAAA], sets: [world], expected: {{ A: {{ answers: [{expected}] }} }} }}
  - {{ name: api.messenger.example, types: [A], sets: [closed] }}
"
    )
}

const A: &str = "name=\"api.messenger.example\"";

fn responses(metrics: &Scrape, kind: &str, set: &str, outcome: &str) -> f64 {
    metrics.value(&format!(
        "dns_consistency_responses{{{A},outcome=\"{outcome}\",set=\"{set}\",type=\"{kind}\"}}"
    ))
}

fn of_world(metrics: &Scrape, metric: &str, labels: &str) -> f64 {
    let mut labels: Vec<_> = labels.split(',').filter(|it| !it.is_empty()).collect();
    labels.extend([A, "set=\"world\"", "type=\"A\""]);
    labels.sort_unstable();
    metrics.value(&format!("dns_consistency_{metric}{{{}}}", labels.join(",")))
}

#[test]
fn sweeps_classifies_reloads_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    let (list, addresses) = list();
    fs::write(folder.path().join("list.csv"), list).unwrap();
    let (responder, closed) = (Responder::start(), free_port());
    let pinned = config(responder.port, closed, &Ipv4Addr::from(TRUTH).to_string());
    let program = start(folder.path(), &pinned);
    assert_eq!(program.request("GET", "/-/healthy", "").status, 200);
    program.wait_until_ready();

    each_class_is_counted(&program.metrics(), addresses.len());
    the_evidence_is_kept(&program.metrics());
    the_consensus_is_judged(&program.metrics());
    nobody_is_asked_more_than_once(&responder, &addresses);
    the_pages_show_it_and_send_nothing(&program, &responder, &addresses);
    the_exposition_is_sound(&program);

    // A bad config changes nothing, and is shown.
    let refused = program.reload(&pinned.replace("rate:", "speed:"));
    assert_eq!(refused.status, 500);
    assert!(refused.body.contains("unknown field `speed`"), "{}", refused.body);
    assert_eq!(program.metrics().value("turbulence_config_last_reload_successful{}"), 0.0);
    assert_eq!(responses(&program.metrics(), "A", "closed", "unreachable"), 3.0);

    // Another pin and another region: nobody is asked again, the counters go on, and what is known is
    // judged and shown anew.
    let asked = responder.counts();
    let queries = |metrics: &Scrape, set: &str| {
        let labels = format!("set=\"{set}\",transport=\"udp\"");
        metrics.value(&format!("dns_consistency_queries_total{{{labels}}}"))
    };
    let sent = queries(&program.metrics(), "world");
    let moved = config(responder.port, closed, &Ipv4Addr::from(LIE).to_string());
    let moved = moved.replace("region: EMEA", "region: APAC");
    assert_eq!(program.reload(&moved).status, 200);
    // Who gives the former answer is not wrong while its TTL may last.
    program.wait_until("the former answer is stale", |it| {
        responses(it, "A", "world", "stale") == 34.0 + 2.0 + 1.0 + 1.0 + 1.0
    });
    assert_eq!(program.request("GET", "/-/ready", "").status, 200);
    let page = program.page("/metrics");
    assert!(page.contains("region=\"APAC\"") && !page.contains("region=\"EMEA\""), "{page}");
    assert_eq!(responses(&program.metrics(), "A", "world", "agree"), 6.0);
    assert_eq!((queries(&program.metrics(), "world"), responder.counts()), (sent, asked));

    // Other work: the set is swept again, and counts from the start; the other set goes on.
    assert_eq!(program.reload(&moved.replace("rate: 200", "rate: 199")).status, 200);
    program.wait_until_ready();
    let metrics = program.metrics();
    // Which pin was there before is known still.
    assert_eq!(of_world(&metrics, "consensus_matches_expected", ""), 1.0);
    assert_eq!(responses(&metrics, "A", "world", "agree"), 6.0);
    // Who says an error with EDNS and without it is not asked twice again, nor who may make addresses, by which prefix.
    let sent_since = (queries(&metrics, "world"), queries(&metrics, "closed"));
    let probed = WORLD.iter().filter(|(it, ..)| may_make(*it)).map(|(_, count, _)| *count);
    assert_eq!(sent_since, (sent - 1.0 - f64::from(probed.sum::<u8>()), 3.0));
    let asked = responder.counts();
    let is_usual = |it: &Ipv4Addr| {
        !matches!(Behaviour::of(*it), Behaviour::Servfail | Behaviour::HeaderOnlyFormerr)
    };
    let is_asked = |((it, kind), count): (&(Ipv4Addr, u16), &usize)| {
        *count == 2 + usize::from(*kind == 28 && may_make(Behaviour::of(*it)))
    };
    assert!(asked.iter().filter(|((it, _), _)| is_usual(it)).all(is_asked));

    assert!(program.stop().success());
}

/// Whether one gives IPv6 addresses that look as if made of the IPv4 ones that are given.
fn may_make(behaviour: Behaviour) -> bool {
    matches!(behaviour, Behaviour::Dissent | Behaviour::Bogon | Behaviour::ForgedThenReal)
}

fn each_class_is_counted(metrics: &Scrape, resolvers: usize) {
    for (outcome, count) in [
        ("agree", 34.0 + 2.0 + 1.0 + 1.0 + 1.0),
        ("dissent", 6.0),
        ("conflict", 1.0),
        ("nxdomain", 2.0),
        ("nodata", 2.0),
        ("servfail", 3.0),
        ("bogus", 0.0),
        ("refused", 2.0),
        ("other_rcode", 1.0),
        ("bogon", 2.0),
        ("truncated", 1.0),
        ("malformed", 2.0 + 1.0 + 1.0),
        ("timeout", 3.0 + 3.0),
        ("unreachable", 0.0),
        ("unhealthy", 0.0),
        ("local_error", 0.0),
    ] {
        assert_eq!(responses(metrics, "A", "world", outcome), count, "{outcome}");
    }
    for kind in ["A", "AAAA"] {
        let classes = [
            "agree",
            "dissent",
            "nxdomain",
            "nodata",
            "servfail",
            "bogus",
            "refused",
            "other_rcode",
            "bogon",
            "truncated",
            "malformed",
            "timeout",
            "unreachable",
            "unhealthy",
            "local_error",
            "conflict",
            "filtered",
            "stale",
            "local",
            "dns64",
            "referral",
            "offtype",
        ];
        let sum: f64 = classes.iter().map(|it| responses(metrics, kind, "world", it)).sum();
        assert_eq!(sum, resolvers as f64, "{kind}");
    }
    assert_eq!(responses(metrics, "A", "closed", "unreachable"), 3.0);
    // An IPv6 address that nobody has is the consensus of nobody: that there is none is, in both forms.
    assert_eq!(responses(metrics, "AAAA", "world", "agree"), 34.0 + 2.0 + 2.0 + 5.0);
}

fn the_evidence_is_kept(metrics: &Scrape) {
    for (reason, least) in [
        ("wrong_question", 2.0),
        // Malformed, MalformedThenGood, Reflected; for both types.
        ("malformed", 8.0),
        ("oversize", 2.0),
        // Four of each five; and the true answer after the forged one, of which there is one more for a prefix.
        ("duplicate", 11.0),
        ("late", 0.0),
    ] {
        let series =
            format!("dns_consistency_datagrams_ignored_total{{reason=\"{reason}\",set=\"world\"}}");
        assert_eq!(metrics.value(&series), least, "{reason}");
    }
    // A changed id may by chance be that of a query to somebody else.
    let strange = ["unmatched", "wrong_source"].map(|reason| {
        metrics.value(&format!(
            "dns_consistency_datagrams_ignored_total{{reason=\"{reason}\",set=\"world\"}}"
        ))
    });
    assert_eq!(strange.iter().sum::<f64>(), 4.0);
    for (flag, count) in
        [("multiple_answers", 1.0), ("case_mismatch", 1.0), ("tc", 3.0), ("ad", 0.0)]
    {
        assert_eq!(
            of_world(metrics, "flag_resolvers", &format!("flag=\"{flag}\"")),
            count,
            "{flag}"
        );
    }
    assert_eq!(
        metrics.value("dns_consistency_queries_total{set=\"world\",transport=\"tcp\"}"),
        6.0
    );
    assert_eq!(metrics.value("dns_consistency_resolvers{set=\"world\",state=\"duplicate\"}"), 1.0);
    assert_eq!(metrics.value("dns_consistency_sweep_degraded{set=\"world\"}"), 0.0);
    assert_eq!(metrics.sum("dns_consistency_local_errors_total"), 0.0);
}

fn the_consensus_is_judged(metrics: &Scrape) {
    let conclusive = 39.0 + 7.0 + 2.0 + 2.0 + 2.0;
    assert_eq!(of_world(metrics, "consensus_ratio", "weight=\"resolver\""), 39.0 / conclusive);
    assert_eq!(of_world(metrics, "outliers", ""), conclusive - 39.0);
    assert_eq!(of_world(metrics, "distinct_answers", ""), 5.0);
    assert_eq!(of_world(metrics, "consensus_state", "state=\"unexpected\""), 1.0);
    assert_eq!(of_world(metrics, "verdict", "verdict=\"unexpected\""), 1.0);
    assert_eq!(of_world(metrics, "consensus_matches_expected", ""), 1.0);
    assert_eq!(of_world(metrics, "unexpected_resolvers", ""), conclusive - 39.0 - 1.0);
    assert_eq!(of_world(metrics, "country_networks", "country=\"CN\""), 5.0);
    for (country, ratio) in [("DE", 1.0), ("FR", 1.0), ("CN", 0.4)] {
        let label = format!("country=\"{country}\"");
        assert_eq!(of_world(metrics, "country_agree_ratio", &label), ratio, "{country}");
    }
    assert_eq!(of_world(metrics, "country_resolvers", "country=\"CN\""), 10.0);
    // Too few answers make no consensus, and no ratio to alert on.
    let insufficient = format!(
        "dns_consistency_consensus_state{{{A},set=\"closed\",state=\"insufficient\",type=\"A\"}}"
    );
    assert_eq!(metrics.value(&insufficient), 1.0);
    assert_eq!(
        metrics.get(&format!("dns_consistency_outliers{{{A},set=\"closed\",type=\"A\"}}")),
        None
    );
}

fn nobody_is_asked_more_than_once(responder: &Responder, addresses: &[Ipv4Addr]) {
    let counts = responder.counts();
    assert_eq!(counts.len(), 2 * addresses.len(), "everybody got both questions");
    for ((address, kind), count) in counts {
        assert!(addresses.contains(&address), "{address} is not in the list");
        // One that fails is asked once more without validation, and one that gives an error without EDNS.
        let most = match Behaviour::of(address) {
            Behaviour::Servfail => 2..=2,
            Behaviour::HeaderOnlyFormerr => 1..=2,
            // Or by which prefix it makes addresses.
            it if may_make(it) && kind == 28 => 2..=2,
            _ => 1..=1,
        };
        assert!(most.contains(&count), "{address} was asked for type {kind} {count} times");
    }
}

fn the_pages_show_it_and_send_nothing(
    program: &Program,
    responder: &Responder,
    addresses: &[Ipv4Addr],
) {
    let before = responder.counts();
    let text = program.page("/answers?name=API.messenger.example.&type=A");
    assert!(text.contains("[149.154.167.220] : 39 occurrences ("), "{text}");
    assert!(
        text.contains("[174.37.154.236] : 6 occurrences, dissent, block page (CN 6)"),
        "{text}"
    );
    assert!(text.contains("[127.0.0.1] : 2 occurrences, bogon (TR 2)"), "{text}");
    assert!(text.contains("[ERROR: TIMEOUT] : 6 occurrences (US 6)"), "{text}");
    let json = program.page("/answers?name=api.messenger.example&type=A&set=world&format=json");
    assert!(
        json.starts_with("[{\"name\":\"api.messenger.example\",\"type\":\"A\",\"set\":\"world\""),
        "{json}"
    );
    let other = program.request("GET", "/answers?name=elsewhere.example", "");
    assert_eq!(other.status, 404);
    assert!(other.body.contains("?name=api.messenger.example&type=A"), "{}", other.body);
    assert_eq!(program.request("GET", "/answers?resolver=1.1.1.1", "").status, 400);
    assert!(program.page("/").contains("/answers"));
    pages::tell_programs_what_each_resolver_said(program, addresses);
    pages::tell_people(program);
    pages::tell_what_a_list_is_worth(program);
    for _ in 0..20 {
        program.page("/metrics");
    }
    assert_eq!(responder.counts(), before);
}

fn the_exposition_is_sound(program: &Program) {
    let classic = program.page("/metrics");
    assert!(!classic.contains("NaN"), "{classic}");
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is needed: Debian package prometheus");
    promtool.stdin.take().unwrap().write_all(classic.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let openmetrics = program.request(
        "GET",
        "/metrics",
        "accept: application/openmetrics-text; version=1.0.0\r\n",
    );
    assert!(openmetrics.body.ends_with("# EOF\n"));
    assert!(openmetrics.body.contains("# TYPE dns_consistency_response_seconds histogram"));
}

#[test]
fn a_reload_that_asks_anew_takes_back_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let responder = Responder::start();
    let liars: Vec<_> = (1..=8)
        .map(|n| format!("{{ address: {}, asn: {n} }}", Behaviour::Dissent.address(n)))
        .collect();
    let config = |rate: u32| {
        format!(
            "vantage: {{ name: fra, region: EMEA }}
sets:
  - {{ name: world, resolvers: [{}], port: {}, allow_private: true, rate: {rate}, min_networks: 1 }}
questions: [{{ name: api.messenger.example, types: [A], expected: {{ A: {{ answers: [{}] }} }} }}]
",
            liars.join(", "),
            responder.port,
            Ipv4Addr::from(TRUTH)
        )
    };
    let program = start(folder.path(), &config(100));
    program.wait_until_ready();
    let is_told = |metrics: &Scrape| of_world(metrics, "verdict", "verdict=\"unexpected\"");
    assert_eq!(is_told(&program.metrics()), 1.0);
    // A sweep at one query a second takes its time; what was told stands meanwhile.
    assert_eq!(program.reload(&config(1)).status, 200);
    assert_eq!(is_told(&program.metrics()), 1.0);
    assert!(
        program.metrics().get("dns_consistency_sweep_duration_seconds{set=\"world\"}").is_none()
    );
    pages::tell_of_before_a_reload(&program, liars.len());
}
