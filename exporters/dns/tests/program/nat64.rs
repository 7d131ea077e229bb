//! Resolvers of carriers that make IPv6 addresses of IPv4 ones, by prefixes of their own.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::responder::{Responder, header, record};
use super::{of_world, start};

/// Those of 127.0.2.0/24 make addresses by `64:ff9b:1::/96`, which nobody has in public; those of 127.0.3.0/24 forge such,
/// and know nothing of a name that has IPv4 alone: half of them say so, and the others nothing.
fn replies(query: &[u8], to: Ipv4Addr) -> Vec<(Duration, Ipv4Addr, Vec<u8>)> {
    let name = query[12..].to_ascii_lowercase();
    let is_probe = name.starts_with(b"\x08ipv4only\x04arpa\0");
    let is_v6 = header(query, 0, 0).ends_with(&[0, 28, 0, 1]);
    if is_probe && to.octets()[2] == 3 && to.octets()[3].is_multiple_of(2) {
        return Vec::new();
    }
    let v4: [u8; 4] = if is_probe { [192, 0, 0, 170] } else { [149, 154, 167, 220] };
    let v6 = [&[0, 0x64, 0xff, 0x9b, 0, 1, 0, 0, 0, 0, 0, 0][..], &v4].concat();
    let is_made = match to.octets()[2] {
        2 => true,
        3 => !is_probe,
        _ => false,
    };
    let rdata = match is_v6 {
        true if is_made => v6,
        true => return vec![(Duration::ZERO, to, header(query, 0, 0))],
        false => v4.to_vec(),
    };
    vec![(Duration::ZERO, to, record(query, 1, if is_v6 { 28 } else { 1 }, 60, &rdata))]
}

#[test]
fn who_makes_addresses_by_a_prefix_of_its_own_is_asked_for_it_once_and_diverges_nowhere() {
    let (folder, responder) = (tempfile::tempdir().unwrap(), Responder::start_with(replies));
    let resolvers = |third: u8, country: &'static str| {
        (1..=6_u16).map(move |n| {
            let asn = 100 * u16::from(third) + n;
            format!("{{ address: 127.0.{third}.{n}, country: {country}, asn: {asn} }}")
        })
    };
    let all = [(1, "DE"), (4, "FR"), (5, "NL"), (2, "IN"), (3, "CN")];
    let all: Vec<String> =
        all.into_iter().flat_map(|(it, country)| resolvers(it, country)).collect();
    let config = |rate: u32| {
        format!(
            "vantage: {{ name: fra, region: EMEA }}
sets:
  - {{ name: world, resolvers: [{}], port: {}, allow_private: true, timeout: 1s, rate: {rate} }}
questions: [{{ name: api.messenger.example, types: [A, AAAA], expected: {{ AAAA: {{ answers: [] }} }} }}]
",
            all.join(", "),
            responder.port,
        )
    };
    let program = start(folder.path(), &config(200));
    for sweep in 1..=2 {
        program.wait_until_ready();
        let metrics = program.metrics();
        let of = |outcome: &str| {
            metrics.value(&format!(
                "dns_consistency_responses{{name=\"api.messenger.example\",outcome=\"{outcome}\",set=\"world\",type=\"AAAA\"}}"
            ))
        };
        assert_eq!((of("agree"), of("bogon")), (24.0, 6.0), "sweep {sweep}");
        let diverges = |country: &str| {
            let verdict = format!(
                "dns_consistency_country_verdict{{country=\"{country}\",name=\"api.messenger.example\",set=\"world\",type=\"AAAA\",verdict=\"differs\"}}"
            );
            metrics.value(&verdict)
        };
        assert_eq!((diverges("IN"), diverges("CN")), (0.0, 1.0));
        assert_eq!(of_world(&metrics, "flag_resolvers", "flag=\"multiple_answers\""), 0.0);
        for ((address, kind), count) in responder.counts() {
            // Those that seem to make addresses are asked by which prefix, once a day.
            let is_asked = kind == 28 && [2, 3].contains(&address.octets()[2]);
            assert_eq!(count, sweep + usize::from(is_asked), "{address} {kind}");
        }
        if sweep == 1 {
            assert_eq!(program.reload(&config(201)).status, 200);
        }
    }
}
