//! The paths to targets, as the program shows them: through real routers, without any privilege.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::PTR;
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

/// A resolver that knows what some addresses are called.
fn names(of: &'static [(&'static str, &'static str)]) -> SocketAddr {
    let server = DnsServer::start(move |query| {
        let name = query.queries.first()?.name();
        let asked = name.to_ascii();
        let known = of.iter().find(|(known, _)| asked.trim_end_matches('.') == *known);
        let code = if known.is_some() { ResponseCode::NoError } else { ResponseCode::NXDomain };
        let mut answer = answer_to(query, code);
        if let Some((_, called)) = known {
            let called = Name::from_labels(called.split('.').map(str::as_bytes)).unwrap();
            answer.add_answer(Record::from_rdata(name.clone(), 60, RData::PTR(PTR(called))));
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
    let mut command = if fs::read_to_string("/proc/self/uid_map").unwrap().contains("4294967295") {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
        command.args(["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"]);
        command.arg(program);
        command
    } else {
        eprintln!("skipped: a user without privileges, since there is no other one here");
        Command::new(program)
    };
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
