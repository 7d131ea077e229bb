//! The incident that the exporter is made for, at its size: 25,000 resolvers in forty countries, two of which lie, while
//! another name moves.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[expect(dead_code, reason = "its other resolvers are those of another test")]
#[path = "program/responder.rs"]
mod responder;

use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use peers::{Program, Scrape};
use responder::{LIE, Responder, TRUTH, data, header};

const RESOLVERS: usize = 25_000;
/// What the program may take for them beside its code, while it asks them six questions each and judges five.
const MOST_KILOBYTES: u64 = 24_000;
/// Those of China and Russia lie; and one resolver in each of two others does.
const LIARS: [&str; 2] = ["CN", "RU"];
const STRAYS: [(&str, usize); 2] = [("JP", 5), ("KR", 3)];
/// Countries, and what is each one's part of the world: as of lists of open resolvers.
const COUNTRIES: [(&str, usize); 40] = [
    ("US", 190),
    ("DE", 80),
    ("FR", 55),
    ("BR", 50),
    ("IN", 48),
    ("ID", 42),
    ("GB", 40),
    ("KR", 36),
    ("IT", 34),
    ("NL", 32),
    ("JP", 32),
    ("CA", 28),
    ("ES", 25),
    ("PL", 24),
    ("UA", 22),
    ("AU", 18),
    ("VN", 18),
    ("MX", 18),
    ("AR", 17),
    ("TW", 17),
    ("TH", 17),
    ("CN", 16),
    ("RU", 16),
    ("SE", 15),
    ("RO", 14),
    ("ZA", 14),
    ("TR", 13),
    ("HK", 13),
    ("SG", 13),
    ("CH", 12),
    ("CZ", 12),
    ("IR", 11),
    ("MY", 11),
    ("PH", 11),
    ("BD", 11),
    ("PK", 10),
    ("CO", 9),
    ("CL", 8),
    ("EG", 8),
    ("GR", 7),
];
/// The second byte of the first country's addresses.
const FIRST: u8 = 16;
/// The liars lie on the first, which is pinned, and on the second, which is not: no pin decides there. The third has an
/// answer for each of eight regions, the fourth is a pool, and the fifth moves to another address.
const NAMES: [&str; 5] = [
    "api.messenger.example",
    "web.messenger.example",
    "cdn.messenger.example",
    "pool.messenger.example",
    "mail.messenger.example",
];
/// Whether it has begun to: two of five resolvers know.
static MOVES: AtomicBool = AtomicBool::new(false);

/// Where a resolver is, and its number there; none if it is not of this world.
fn place(address: Ipv4Addr) -> Option<(usize, usize)> {
    let [_, second, third, fourth] = address.octets();
    let country = usize::from(second.checked_sub(FIRST)?);
    (country < COUNTRIES.len())
        .then(|| (country, 250 * usize::from(third) + usize::from(fourth) - 1))
}

/// What one replies.
fn replies(query: &[u8], address: Ipv4Addr) -> Vec<(Duration, Ipv4Addr, Vec<u8>)> {
    let Some((country, member)) = place(address) else { return Vec::new() };
    let code = COUNTRIES[country].0;
    let lies = LIARS.contains(&code) || STRAYS.contains(&(code, member));
    let of_name = |last: usize| [151, 101, 7, u8::try_from(last).unwrap()];
    let reply = match &query[13..15].to_ascii_lowercase()[..] {
        _ if member % 50 == 7 => return Vec::new(),
        _ if member % 97 == 11 => header(query, 5, 0),
        b"ap" | b"we" if lies => data(query, LIE),
        b"ma" if MOVES.load(Ordering::Relaxed) && member % 5 < 2 => data(query, of_name(77)),
        b"cd" => data(query, of_name(1 + country % 8)),
        b"po" => data(query, of_name(101 + member % 8)),
        _ => data(query, TRUTH),
    };
    vec![(Duration::ZERO, address, reply)]
}

/// Kilobytes that a program has beside its code.
fn anonymous(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

#[test]
fn two_of_forty_countries_that_lie_are_told_among_25_000_resolvers_and_neither_strays_nor_what_moves()
 {
    let (folder, responder) = (tempfile::tempdir().unwrap(), Responder::start_with(replies));
    let shares: usize = COUNTRIES.iter().map(|(_, share)| share).sum();
    let mut list = String::from("ip_address,as_number,country_code\n");
    let mut count = 0;
    for (second, (country, (code, share))) in (FIRST..).zip(COUNTRIES.iter().enumerate()) {
        for member in 0..(RESOLVERS * share).div_ceil(shares) {
            let [third, fourth] =
                [member / 250, 1 + member % 250].map(|it| u8::try_from(it).unwrap());
            let system = 64_512 + 1_000 * country + member / 5;
            writeln!(list, "127.{second}.{third}.{fourth},{system},{code}").unwrap();
            count += 1;
        }
    }
    assert!((RESOLVERS..RESOLVERS + 40).contains(&count));
    fs::write(folder.path().join("list.csv"), list).unwrap();
    let names: String = NAMES.map(|name| format!("  - {{ name: {name}, types: [A] }}\n")).concat();
    let pinned =
        names.replacen("[A] }", "[A], expected: { A: { answers: [149.154.167.220] } } }", 1);
    let config = format!(
        "vantage: {{ name: fra, region: EMEA }}
sets:
  - {{ name: world, resolvers_file: list.csv, port: {}, allow_private: true, control: control.example, rate: 8000,
      interval: 45s }}
questions:
{pinned}",
        responder.port
    );
    let program = Command::new(env!("CARGO_BIN_EXE_turbulence-dns"));
    let program = Program::start_in(program, folder.path(), &config);
    let most = looked_at(program.id());
    // What a sweep brought is on the page before it is counted, and a page is not written in a moment.
    let swept = |times: f64| {
        let completed = "dns_consistency_sweeps_total{result=\"complete\",set=\"world\"}";
        program.wait_until("everybody was asked", |it| it.get(completed) == Some(times));
        program.metrics()
    };
    let before = swept(1.0);
    let first = most();
    let most = looked_at(program.id());
    two_countries_are_told_and_nothing_else(&before);
    assert_eq!(told(&before, "dns_consistency_consensus_state{", &["state=\"moving\""]), [""; 0]);
    MOVES.store(true, Ordering::Relaxed);
    // Another name to ask, or another pace, would be another set: it waits for the next sweep.
    let after = swept(2.0);
    two_countries_are_told_and_nothing_else(&after);
    let moving = told(&after, "dns_consistency_consensus_state{", &["state=\"moving\""]);
    assert!(moving.len() == 1 && moving[0].contains(NAMES[4]), "{moving:#?}");
    let share = format!(
        "dns_consistency_migration_ratio{{name=\"{}\",set=\"world\",type=\"A\"}}",
        NAMES[4]
    );
    assert!((after.value(&share) - 0.4).abs() < 0.03, "{}", after.value(&share));
    println!("{first} kB at most, and {} kB then", most());
    assert!(first < MOST_KILOBYTES, "{first} kB");
}

/// Looks at what a program has each millisecond, from now on until the most of it is asked for.
fn looked_at(id: u32) -> impl FnOnce() -> u64 {
    let ends = Arc::new(AtomicBool::new(false));
    let is_over = Arc::clone(&ends);
    let looks = thread::spawn(move || {
        let mut most = 0;
        while !is_over.load(Ordering::Relaxed) {
            most = most.max(anonymous(id));
            thread::sleep(Duration::from_millis(1));
        }
        most
    });
    move || {
        ends.store(true, Ordering::Relaxed);
        looks.join().unwrap()
    }
}

/// The lines of a metric with these labels that are one.
fn told(metrics: &Scrape, metric: &str, labels: &[&str]) -> Vec<String> {
    let is_it = |line: &&str| {
        line.starts_with(metric)
            && line.ends_with(" 1.0")
            && labels.iter().all(|it| line.contains(it))
    };
    metrics.text.lines().filter(is_it).map(str::to_owned).collect()
}

fn two_countries_are_told_and_nothing_else(metrics: &Scrape) {
    let differ = told(metrics, "dns_consistency_country_verdict{", &[]);
    for (country, name) in LIARS.iter().flat_map(|it| [(it, NAMES[0]), (it, NAMES[1])]) {
        let labels = [format!("country=\"{country}\""), format!("name=\"{name}\"")];
        let is_it = |line: &&String| {
            line.contains("verdict=\"differs\"") && labels.iter().all(|it| line.contains(it))
        };
        assert_eq!(differ.iter().filter(is_it).count(), 1, "{labels:?}: {differ:#?}");
    }
    assert_eq!(differ.len(), 4, "{differ:#?}");
    assert_eq!(told(metrics, "dns_consistency_verdict{", &[]), [""; 0]);
}
