//! The incident that the exporter is made for, at its size: 25,000 resolvers in forty countries, two of which lie.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[expect(dead_code, reason = "its other resolvers are those of another test")]
#[path = "program/responder.rs"]
mod responder;

use std::cell::Cell;
use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::process::Command;
use std::time::Duration;

use peers::Program;
use responder::{LIE, Responder, TRUTH, data, header};

const RESOLVERS: usize = 25_000;
/// What the program may take for them beside its code, while it asks them four questions each and judges three.
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
const NAMES: [&str; 3] =
    ["api.messenger.example", "cdn.messenger.example", "pool.messenger.example"];

/// Where a resolver is, and its number there; none if it is not of this world.
fn place(address: Ipv4Addr) -> Option<(usize, usize)> {
    let [_, second, third, fourth] = address.octets();
    let country = usize::from(second.checked_sub(FIRST)?);
    (country < COUNTRIES.len())
        .then(|| (country, 250 * usize::from(third) + usize::from(fourth) - 1))
}

/// What one replies: the liars lie on the first name alone; the second has an answer for each of eight regions, and
/// the third is a pool.
fn replies(query: &[u8], address: Ipv4Addr) -> Vec<(Duration, Ipv4Addr, Vec<u8>)> {
    let Some((country, member)) = place(address) else { return Vec::new() };
    let code = COUNTRIES[country].0;
    let lies = LIARS.contains(&code) || STRAYS.contains(&(code, member));
    let of_name = |last: usize| [151, 101, 7, u8::try_from(last).unwrap()];
    let reply = match &query[13..15].to_ascii_lowercase()[..] {
        _ if member % 50 == 7 => return Vec::new(),
        _ if member % 97 == 11 => header(query, 5, 0),
        b"ap" if lies => data(query, LIE),
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
fn two_of_forty_countries_that_lie_are_told_among_25_000_resolvers_and_nobody_else() {
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
  - {{ name: world, resolvers_file: list.csv, port: {}, allow_private: true, control: control.example, rate: 8000 }}
questions:
{pinned}",
        responder.port
    );
    let program = Command::new(env!("CARGO_BIN_EXE_turbulence-dns"));
    let program = Program::start_in(program, folder.path(), &config);
    let most = Cell::new(0);
    program.wait_until("everybody was asked", |it| {
        most.set(most.get().max(anonymous(program.id())));
        it.get("dns_consistency_sweeps_total{result=\"complete\",set=\"world\"}") == Some(1.0)
    });
    println!("{} kB at most", most.get());
    assert!(most.get() < MOST_KILOBYTES, "{} kB", most.get());
    let page = program.page("/metrics");
    let told = |metric: &str, labels: &[&str]| -> Vec<String> {
        let is_it = |line: &&str| {
            line.starts_with(metric)
                && line.ends_with(" 1.0")
                && labels.iter().all(|it| line.contains(it))
        };
        page.lines().filter(is_it).map(str::to_owned).collect()
    };
    let differ = told("dns_consistency_country_verdict{", &[]);
    for (line, country) in differ.iter().zip(LIARS) {
        let labels = [&format!("country=\"{country}\"") as &str, NAMES[0], "verdict=\"differs\""];
        assert!(labels.iter().all(|label| line.contains(label)), "{differ:#?}");
    }
    assert_eq!(differ.len(), 2, "{differ:#?}");
    assert_eq!(told("dns_consistency_verdict{", &[]), [""; 0]);
}
