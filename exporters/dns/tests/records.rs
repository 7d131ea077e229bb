//! Every record type, asked of nsd, unbound and BIND by the real program: pinned as `dig +short` prints it, and
//! shown as `dig +short` prints it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::float_cmp, reason = "the values are counts")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Command;

use peers::{NameServer, Program};

const ZONE: &str = "\
$ORIGIN messenger.example.
$TTL 300
@        SOA    ns1 host\\.master 2026112801 3600 600 86400 300
@        NS     ns1
@        NS     NS2.Messenger.Example.
@        TXT    \"v=spf1 -all\" \"of \\\"two\\\" parts; \\200\"
@        TXT    \"another\"
@        CAA    0 issue \"ca.example; account=7\"
@        CAA    128 iodef \"mailto:x@example.org\"
@        MX     10 Mail
@        MX     0 mail.other.example.
@        DNSKEY 257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==
@        HTTPS  1 . alpn=h2,h3 ipv4hint=192.0.2.1,192.0.2.2 ipv6hint=2001:db8::1
@        HTTPS  2 other.example. port=8443
ns1      A      127.0.0.1
ns2      AAAA   ::1
api      A      149.154.167.220
www      CNAME  Api
sub      NS     ns.sub
sub      DS     60485 13 2 D4B7D520E7BB5F0F67674A0CCEB1E3E0614B93C4F9E99B8383F6A1E4469DA50A
ns.sub   A      127.0.0.2
_sip._tcp SRV   10 60 5060 Sip
_dns     SVCB   1 dns.example. alpn=dot key667=x
4.3.2.1  PTR    Host
";

/// What is asked, of which type.
const QUESTIONS: [(&str, &str); 13] = [
    ("messenger.example", "SOA"),
    ("messenger.example", "NS"),
    ("messenger.example", "TXT"),
    ("messenger.example", "CAA"),
    ("messenger.example", "MX"),
    ("messenger.example", "DNSKEY"),
    ("messenger.example", "HTTPS"),
    ("www.messenger.example", "CNAME"),
    ("www.messenger.example", "A"),
    ("sub.messenger.example", "DS"),
    ("_sip._tcp.messenger.example", "SRV"),
    ("_dns.messenger.example", "SVCB"),
    ("4.3.2.1.messenger.example", "PTR"),
];

/// Two hundred texts, which fit no datagram, and of which each is asked for whole.
fn zone() -> String {
    let mut zone = ZONE.to_owned();
    for n in 0..200 {
        writeln!(zone, "many     TXT    \"{n:0100}\"").unwrap();
    }
    zone
}

fn nsd() -> NameServer {
    NameServer::nsd(None, "nsd", "messenger.example", &zone())
}

fn unbound() -> NameServer {
    NameServer::unbound_of_zone("unbound", "messenger.example", &zone())
}

fn named() -> NameServer {
    NameServer::start("/usr/sbin/named", &zone(), |folder, port| {
        let folder = folder.display();
        format!(
            "options {{
  directory \"{folder}\";
  pid-file none;
  session-keyfile none;
  listen-on port {port} {{ 127.0.0.1; }};
  listen-on-v6 {{ none; }};
  recursion no;
  dnssec-validation no;
  notify no;
  empty-zones-enable no;
  max-records-per-type 0;
}};
controls {{ }};
zone \"messenger.example\" {{ type primary; file \"zone\"; check-names ignore; }};
"
        )
    })
}

/// The lines that dig prints.
fn dig(server: &NameServer, name: &str, kind: &str) -> BTreeSet<String> {
    let port = server.address().port().to_string();
    let output = Command::new("dig")
        .args(["-r", "@127.0.0.1", "-p", &port, "+time=30", "+nocookie", "+short", name, kind])
        .output()
        .expect("dig is needed: Debian package bind9-dnsutils");
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn every_type_is_pinned_and_shown_as_dig_prints_it() {
    let servers = [("nsd", nsd()), ("unbound", unbound()), ("named", named())];
    let mut config = "vantage: { name: fra, region: EMEA }\nsets:\n".to_owned();
    for (name, server) in &servers {
        let port = server.address().port();
        writeln!(
            config,
            "  - {{ name: {name}, resolvers: [127.0.0.1], port: {port}, allow_private: true, \
             timeout: 20s, rate: 1000, min_resolvers: 1, min_networks: 1 }}"
        )
        .unwrap();
    }
    config += "questions:\n";
    let many = ("many.messenger.example", "TXT");
    for (name, kind) in QUESTIONS.into_iter().chain([many]) {
        // The chain of CNAMEs is no part of an answer.
        let lines = dig(&servers[0].1, name, kind);
        let pins: Vec<_> = lines.iter().filter(|it| kind != "A" || !it.ends_with('.')).collect();
        assert!(!pins.is_empty(), "{name} {kind}");
        let pins = serde_json::to_string(&pins).unwrap();
        writeln!(
            config,
            "  - {{ name: {name}, types: [{kind}], expected: {{ {kind}: {{ answers: {pins} }} }} }}"
        )
        .unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let program = Command::new(env!("CARGO_BIN_EXE_turbulence-dns"));
    let program = Program::start_in(program, folder.path(), &config);
    program.wait_until_ready();
    let metrics = program.metrics();
    for (set, server) in &servers {
        for (name, kind) in QUESTIONS.into_iter().chain([many]) {
            let page = program.page(&format!("/answers?name={name}&type={kind}&set={set}"));
            let series = format!(
                "dns_consistency_responses{{name=\"{name}\",outcome=\"agree\",set=\"{set}\",type=\"{kind}\"}}"
            );
            assert_eq!(metrics.value(&series), 1.0, "{set} {name} {kind}: {page}");
            if kind == "A" || name.starts_with("many") {
                continue;
            }
            let json =
                program.page(&format!("/answers?name={name}&type={kind}&set={set}&format=json"));
            let json: serde_json::Value = serde_json::from_str(&json).unwrap();
            let shown =
                json[0]["answers"][0]["records"].as_array().unwrap_or_else(|| panic!("{json}"));
            let shown: BTreeSet<_> =
                shown.iter().map(|it| it.as_str().unwrap().to_owned()).collect();
            assert_eq!(
                shown,
                dig(server, name, kind).iter().map(|it| compared(kind, it)).collect()
            );
        }
    }
}

/// A line of dig with what is not compared taken out: the case of names, a serial, a space in a digest.
fn compared(kind: &str, line: &str) -> String {
    let words: Vec<_> = line.split(' ').collect();
    match (kind, &words[..]) {
        ("SOA", [mname, rname, _, rest @ ..]) => format!("{mname} {rname} * {}", rest.join(" ")),
        ("DS" | "DNSKEY", [a, b, c, rest @ ..]) => format!("{a} {b} {c} {}", rest.concat()),
        ("TXT" | "CAA" | "SVCB" | "HTTPS", _) => line.to_owned(),
        _ => line.to_lowercase(),
    }
}
