//! The simulated resolvers as `dig` sees them.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::process::Command;
use std::time::Duration;

use turbulence_lab::resolvers::world::{Behaviour, Resolver};
use turbulence_lab::resolvers::{CHINA, MAJORITY, NAME, Options, RUSSIA, Resolvers};

fn start(latency: f64) -> Resolvers {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    Resolvers::start(socket, Options { latency, ..Options::default() }).unwrap()
}

fn dig(resolvers: &Resolvers, at: Ipv4Addr, words: &[&str]) -> String {
    let mut command = Command::new("dig");
    command.args(["+tries=1", "+timeout=5", "+noall", "-p", &resolvers.port().to_string()]);
    command.arg(format!("@{at}")).args(words);
    let output = command.output().expect("install the Debian package bind9-dnsutils");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The answer of a resolver, as `dig +short` prints it.
fn short(resolvers: &Resolvers, at: Ipv4Addr, kind: &str) -> String {
    dig(resolvers, at, &["+short", NAME, kind])
}

fn answering(resolvers: &Resolvers, country: &str) -> Ipv4Addr {
    which(resolvers.of(country), Behaviour::Answers)
}

fn which<'a>(mut some: impl Iterator<Item = &'a Resolver>, behaviour: Behaviour) -> Ipv4Addr {
    some.find(|one| one.behaviour == behaviour).unwrap().address
}

#[test]
fn each_country_answers_as_in_the_incident() {
    let resolvers = start(0.0);
    for country in ["DE", "US", "AU", "BR", "KE"] {
        let at = answering(&resolvers, country);
        assert_eq!(short(&resolvers, at, "A"), "149.154.167.220", "{country}");
        assert_eq!(short(&resolvers, at, "AAAA"), "2001:67c:4e8:f004::9", "{country}");
    }
    let (china, russia) = (answering(&resolvers, "CN"), answering(&resolvers, "RU"));
    assert_eq!(short(&resolvers, china, "A"), CHINA.to_string());
    assert_eq!(short(&resolvers, russia, "A"), RUSSIA.to_string());
    assert_eq!(short(&resolvers, china, "AAAA"), "2001:67c:4e8:f004::9");
}

#[test]
fn what_they_answer_can_be_changed_while_they_run() {
    let resolvers = start(0.0);
    let (germany, iran) = (answering(&resolvers, "DE"), answering(&resolvers, "IR"));
    assert!(resolvers.tamper("IR", "10.10.34.36".parse().unwrap()));
    assert_eq!(short(&resolvers, iran, "A"), "10.10.34.36");
    assert_eq!(short(&resolvers, germany, "A"), MAJORITY.to_string());
    assert!(resolvers.heal("IR"));
    assert_eq!(short(&resolvers, iran, "A"), MAJORITY.to_string());
    resolvers.set_majority_answer(&["192.0.2.66".parse().unwrap()]);
    assert_eq!(short(&resolvers, germany, "A"), "192.0.2.66");
    assert_eq!(short(&resolvers, answering(&resolvers, "CN"), "A"), CHINA.to_string());
    resolvers.reset();
    assert_eq!(short(&resolvers, germany, "A"), MAJORITY.to_string());
    assert!(!resolvers.tamper("XX", MAJORITY));
}

#[test]
fn some_refuse_some_fail_and_some_are_silent() {
    let resolvers = start(0.0);
    let status = |at, name: &str| dig(&resolvers, at, &["+comments", name, "A"]);
    let all = || resolvers.all().iter();
    assert!(status(which(all(), Behaviour::Refused), NAME).contains("status: REFUSED"));
    assert!(status(which(all(), Behaviour::Servfail), NAME).contains("status: SERVFAIL"));
    let honest = answering(&resolvers, "DE");
    assert!(status(honest, "nowhere.example").contains("status: NXDOMAIN"));
    assert!(dig(&resolvers, honest, &["+comments", NAME, "TXT"]).contains("ANSWER: 0"));
    let silent = which(all(), Behaviour::Silent);
    let words = ["+timeout=1", "+comments", NAME];
    assert!(!dig(&resolvers, silent, &words).contains("status:"));
    assert_eq!(resolvers.received(silent), Some(1));
    resolvers.set_behaviour(honest, Some(Behaviour::Refused));
    assert!(status(honest, NAME).contains("status: REFUSED"));
}

#[test]
fn each_of_all_resolvers_gets_its_own_datagram_and_answers_from_its_own_address() {
    let resolvers = start(0.0);
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut buffer = [0; 512];
    for (number, resolver) in (0_u16..).zip(resolvers.all()) {
        let at = SocketAddr::new(IpAddr::V4(resolver.address), resolvers.port());
        socket.send_to(&query(number), at).unwrap();
        if resolver.behaviour != Behaviour::Silent {
            let (length, from) = socket.recv_from(&mut buffer).unwrap();
            assert_eq!(from, at);
            assert!(length > 12);
            assert_eq!(buffer[..2], number.to_be_bytes());
        }
    }
    // The last ones may be silent, and are counted a moment later.
    let last = resolvers.all().last().unwrap().address;
    while resolvers.received(last) == Some(0) {
        std::thread::yield_now();
    }
    assert!(resolvers.received_by_each().iter().all(|count| *count == 1));
    assert_eq!((resolvers.strays(), resolvers.unsent()), (0, 0));
    assert_eq!(resolvers.received(Ipv4Addr::LOCALHOST), None);
}

#[test]
fn a_distant_resolver_takes_its_time() {
    let resolvers = start(1.0);
    let time = |country| {
        let at = answering(&resolvers, country);
        let text = dig(&resolvers, at, &["+stats", NAME]);
        let line = text.lines().find(|line| line.contains("Query time")).unwrap().to_owned();
        line.split_whitespace().nth(3).unwrap().parse::<u32>().unwrap()
    };
    assert!(time("AU") >= 250);
}

#[test]
fn the_list_names_every_resolver() {
    let resolvers = start(0.0);
    let list = resolvers.csv();
    assert_eq!(list.lines().count(), 1 + resolvers.all().len());
    let china = answering(&resolvers, "CN");
    assert!(
        list.lines().any(|line| line.starts_with(&format!("{china},")) && line.contains(",CN,"))
    );
}

/// `api.messenger.example A`, as a datagram.
fn query(id: u16) -> Vec<u8> {
    let mut message = id.to_be_bytes().to_vec();
    message.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in NAME.split('.') {
        message.push(u8::try_from(label.len()).unwrap());
        message.extend(label.bytes());
    }
    message.extend([0, 0, 1, 0, 1]);
    message
}
