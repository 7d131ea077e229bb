//! The paths to targets, as the program shows them: through real routers, without any privilege.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::{CNAME, PTR};
use hickory_proto::rr::{Name, RData, Record};
use peers::{Browser, DnsServer, Program, answer_to};

use super::net::{Namespace, in_a_namespace, run, veth};

const CONFIG: &str = "
vantage: {name: test, region: EMEA, latitude: 52.37, longitude: 4.90}
resolvers: ['RESOLVER']
tables: {asn: [asn.tsv], ix_prefixes_file: ix.csv}
modules: {icmp: {prober: icmp, interval: 200ms, path: {}}, plain: {prober: icmp}}
targets:
  - {name: four, module: icmp, address: 10.9.0.9}
  - {name: six, module: icmp, address: 'fd00:9::9'}
  - {name: plain, module: plain, address: 10.9.0.9}
";

/// A resolver that knows what some addresses are called; those that are called after themselves have aliases that lead in
/// a circle.
fn names(of: &'static [(&'static str, &'static str)]) -> SocketAddr {
    let server = DnsServer::start(move |query| {
        let name = query.queries.first()?.name();
        let asked = name.to_ascii();
        let known = of.iter().find(|(known, _)| asked.trim_end_matches('.') == *known);
        let code = if known.is_some() { ResponseCode::NoError } else { ResponseCode::NXDomain };
        let mut answer = answer_to(query, code);
        if let Some((known, called)) = known {
            let is_circle = known == called;
            let called = Name::from_labels(called.split('.').map(str::as_bytes)).unwrap();
            let data =
                if is_circle { RData::CNAME(CNAME(name.clone())) } else { RData::PTR(PTR(called)) };
            answer.add_answer(Record::from_rdata(name.clone(), 60, data));
        }
        Some(answer)
    });
    server.address
}

/// The vantage, three routers, the second of them silent, and the target: the third and the target have addresses
/// of networks.
fn way() -> Vec<Namespace> {
    let routers: Vec<Namespace> = (0..4).map(|_| Namespace::router()).collect();
    for (place, router) in routers.iter().enumerate() {
        let before = place.checked_sub(1).map(|before| &routers[before]);
        veth(before, router, u8::try_from(place + 1).unwrap());
    }
    for (number, router) in (1..).zip(&routers) {
        let next = number + 1;
        if number < 4 {
            router.run(&format!(
                "ip route add default via 10.0.{next}.2; ip -6 route add default via fd00:{next}::2"
            ));
        }
        if number > 1 {
            router.run(&format!(
                "ip route add 10.0.1.0/24 via 10.0.{number}.1; ip -6 route add fd00:1::/64 via fd00:{number}::1"
            ));
        }
    }
    routers[1].silence();
    routers[2].run(
        "ip addr add 203.0.113.3/32 dev lo; ip route replace 10.0.1.0/24 via 10.0.3.1 src 203.0.113.3",
    );
    routers[3].run("ip addr add 10.9.0.9/32 dev lo; ip addr add fd00:9::9/128 dev lo nodad");
    run("ip", &["route", "add", "default", "via", "10.0.1.2"]);
    run("ip", &["-6", "route", "add", "default", "via", "fd00:1::2"]);
    routers
}

/// The program, as a user without any privilege where the test may choose one, and a folder that it can read.
fn unprivileged(folder: &std::path::Path) -> Command {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.join("program");
    fs::copy(env!("CARGO_BIN_EXE_turbulence-latency"), &program).unwrap();
    let mut command = peers::unprivileged(&program);
    command.args(["--log.format", "json"]);
    command
}

#[test]
fn paths_are_found_without_privilege_and_say_where_they_go() {
    if !in_a_namespace("traced::paths_are_found_without_privilege_and_say_where_they_go") {
        return;
    }
    let _way = way();
    let resolver = names(&[
        ("3.113.0.203.in-addr.arpa", "ae-2-3201.ear3.Amsterdam1.example.net"),
        ("2.1.0.10.in-addr.arpa", "<script>.example.net"),
        ("9.0.9.10.in-addr.arpa", "9.0.9.10.in-addr.arpa"),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(
        "asn.tsv",
        "10.9.0.0\t10.9.255.255\t64500\tNL\tTARGET\n203.0.113.0\t203.0.113.255\t64501\tNL\tOTHER\n",
    );
    write("ix.csv", "prefix,name,city,country\n198.51.100.0/24,EXAMPLE-IX,Amsterdam,NL\n");
    let config = CONFIG.replace("RESOLVER", &resolver.to_string());
    let program = Program::start_in(unprivileged(folder.path()), folder.path(), &config);
    let metrics = program.wait_until("two paths that are confirmed, with names", |metrics| {
        let confirmed = |target| {
            metrics.get(&format!("latency_path_id{{target=\"{target}\",level=\"ip\"}}")).is_some()
        };
        confirmed("four") && confirmed("six") && metrics.text.contains("latency_path_hop_place{")
    });
    let is = |name: &str, labels: &str, value: f64| {
        let found = metrics.get(&format!("{name}{{{labels}}}"));
        assert_eq!(found, Some(value), "{name}{{{labels}}}\n{}", metrics.text);
    };
    for target in ["four", "six"] {
        is("latency_path_hops", &format!("target=\"{target}\""), 4.0);
        is("latency_path_silent_hops", &format!("target=\"{target}\""), 1.0);
        is("latency_path_changes_total", &format!("target=\"{target}\",level=\"ip\""), 0.0);
        is("latency_path_traces_total", &format!("target=\"{target}\",result=\"local\""), 0.0);
    }
    let amsterdam = "city=\"Amsterdam\",country=\"NL\"";
    is("latency_path_hop_place", &format!("target=\"four\",position=\"anchor\",{amsterdam}"), 1.0);
    is("latency_path_hop_place", &format!("target=\"four\",position=\"last\",{amsterdam}"), 1.0);
    is("latency_path_handover_info", "target=\"four\",asn=\"64501\",city=\"Amsterdam\"", 1.0);
    is("latency_address_asn_info", "target=\"four\",asn=\"64500\"", 1.0);
    is("latency_address_asn_info", "target=\"plain\",asn=\"64500\"", 1.0);
    is("latency_table_entries", "table=\"asn\"", 2.0);
    assert!(!metrics.text.contains("ear3"), "names are in no label");
    assert_eq!(metrics.get("latency_path_hops{target=\"plain\"}"), None);
    is("latency_icmp_socket_info", "family=\"ip4\",mode=\"dgram\"", 1.0);

    let json = program.page("/api/v1/paths?target=four");
    assert!(!json.contains("in-addr.arpa"), "an alias that leads in a circle is no name: {json}");
    for words in [
        "\"address\":\"10.0.1.2\"",
        "\"address\":\"203.0.113.3\"",
        "\"name\":\"ae-2-3201.ear3.amsterdam1.example.net\"",
        "\"place\":\"Amsterdam, NL\"",
        "\"networks\":[64501]",
        "\"before\":null",
    ] {
        assert!(json.contains(words), "{words}\n{json}");
    }
    let page = program.page("/paths");
    assert!(page.contains("Handed over by AS64501 in Amsterdam."), "{page}");
    assert!(page.contains("fd00:1::2") && !page.contains("script"), "{page}");
    assert!(program.page("/").contains("href=\"/paths\""));
    let browser = Browser::start();
    for path in ["/paths", "/paths?target=four", "/"] {
        browser.looks_well(&format!("http://{}{path}", program.address()));
    }
    assert!(program.stop().success());
}

/// A way through another network is a change of both levels, one through another router of a network that it crossed before is one
/// of addresses alone, and the way before is shown beside each.
#[test]
#[ignore = "it waits for traces each minute, beside others for longer than there is patience; `.ci/long` runs it"]
fn a_way_through_another_network_and_one_through_another_router_are_told_apart() {
    if !in_a_namespace(
        "traced::a_way_through_another_network_and_one_through_another_router_are_told_apart",
    ) {
        return;
    }
    let routers = way();
    // The second says where it is, so that somebody can be in its place.
    routers[1].run("ip rule del pref 5; ip -6 rule del pref 5");
    routers[3].run("ip addr add 10.9.0.8/32 dev lo");
    let detours: Vec<Namespace> = [(50_u8, "198.51.100.7"), (60, "203.0.113.7")]
        .map(|(near, address)| {
            let (detour, far) = (Namespace::router(), near + 1);
            veth(Some(&routers[0]), &detour, near);
            veth(Some(&detour), &routers[2], far);
            detour.run(&format!(
                "ip addr add {address}/32 dev lo; ip route add default via 10.0.{far}.2
                 ip route add 10.0.1.0/24 via 10.0.{near}.1 src {address}"
            ));
            detour
        })
        .into();
    let folder = tempfile::tempdir().unwrap();
    let table = "10.9.0.0\t10.9.255.255\t64500\tNL\tTARGET\n198.51.100.0\t198.51.100.255\t64502\tGB\tTHIRD\n\
        203.0.113.0\t203.0.113.255\t64501\tNL\tOTHER\n";
    fs::write(folder.path().join("asn.tsv"), table).unwrap();
    let config = "
vantage: {name: test, region: EMEA}
resolvers: ['127.0.0.1:9']
tables: {asn: [asn.tsv]}
modules: {icmp: {prober: icmp, path: {interval: 1m}}}
targets: [{name: abroad, module: icmp, address: 10.9.0.9}, {name: inside, module: icmp, address: 10.9.0.8}]
";
    let program = Program::start_in(unprivileged(folder.path()), folder.path(), config);
    let of = |metric: &str, target: &str, level: &str| {
        format!("{metric}{{target=\"{target}\",level=\"{level}\"}}")
    };
    let id = |target: &str, level: &str| of("latency_path_id", target, level);
    let last =
        |target: &str, level: &str| of("latency_path_last_change_timestamp_seconds", target, level);
    let all = [("abroad", "ip"), ("abroad", "as"), ("inside", "ip"), ("inside", "as")];
    let first = program.wait_until("two paths that are confirmed", |metrics| {
        all.iter().all(|(target, level)| metrics.get(&id(target, level)).is_some())
    });
    for (target, level) in all {
        assert_eq!(first.get(&last(target, level)), None, "before the first there is none");
    }
    let paths = |target: &str| program.page(&format!("/api/v1/paths?target={target}"));
    let is_at = |part: &str, address: &str| part.contains(&format!("\"address\":\"{address}\""));
    assert!(is_at(&paths("abroad"), "10.0.2.2") && paths("abroad").contains("\"before\":null"));

    // Each change is of so many levels, and has a time where it is one.
    let changed = |counts: [f64; 4]| {
        // A way that was known before counts once it was seen by more than one trace of its turn.
        let patience = Duration::from_secs(400);
        let metrics = program.wait_until_within(patience, "other paths", |metrics| {
            all.iter().zip(counts).all(|((target, level), count)| {
                metrics.get(&of("latency_path_changes_total", target, level)) == Some(count)
            })
        });
        for ((target, level), count) in all.iter().zip(counts) {
            let at = metrics.get(&last(target, level));
            assert_eq!(at.is_some_and(|at| at > 1.6e9), count > 0.0, "{target} {level}: {at:?}");
        }
        metrics
    };
    routers[0]
        .run("ip route add 10.9.0.9/32 via 10.0.50.2; ip route add 10.9.0.8/32 via 10.0.60.2");
    let metrics = changed([1.0, 1.0, 1.0, 0.0]);
    for (target, level) in all {
        let is_same = metrics.get(&id(target, level)) == first.get(&id(target, level));
        assert_eq!(is_same, (target, level) == ("inside", "as"), "{target} {level}");
    }
    for (target, address) in [("abroad", "198.51.100.7"), ("inside", "203.0.113.7")] {
        let json = paths(target);
        let (now, before) = json.split_once("\"before\":").unwrap();
        assert!(is_at(now, address) && !is_at(now, "10.0.2.2"), "{json}");
        assert!(is_at(before, "10.0.2.2") && !is_at(before, address), "{json}");
        assert!(before.contains("\"until\":"), "{json}");
    }
    let json = paths("abroad");
    let (now, before) = json.split_once("\"before\":").unwrap();
    assert!(
        now.contains("\"networks\":[64502,64501") && before.contains("\"networks\":[64501"),
        "{json}"
    );

    // Back again they have the numbers that they had.
    routers[0].run("ip route del 10.9.0.9/32; ip route del 10.9.0.8/32");
    let metrics = changed([2.0, 2.0, 2.0, 0.0]);
    for (target, level) in all {
        assert_eq!(
            metrics.get(&id(target, level)),
            first.get(&id(target, level)),
            "{target} {level}"
        );
    }
    drop(detours);
    assert!(program.stop().success());
}
