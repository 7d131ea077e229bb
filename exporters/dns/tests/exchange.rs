//! Asks a real authoritative server (nsd) and a real resolver (unbound) what dig asks them, and compares. What is
//! forged or garbage a socket of its own sends, byte by byte.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::{RData, RecordType};
use peers::{NameServer, free_port};
use tokio::time::sleep;
use turbulence_dns::exchange::message::Reply;
use turbulence_dns::exchange::question::{Edns, Flags, Question};
use turbulence_dns::exchange::{Failure, HostName, Transport, ask};

const LIMIT: Duration = Duration::from_secs(30);

const ZONE: &str = "\
$ORIGIN messenger.example.
$TTL 300
@        SOA   ns1 hostmaster 2026112801 3600 600 86400 300
@        NS    ns1
@        NS    ns2
@        TXT   \"v=spf1 -all\" \"of two parts\"
@        CAA   0 issue \"ca.example\"
@        TYPE65280 \\# 4 0A000001
ns1      A     127.0.0.1
ns2      AAAA  ::1
api      A     149.154.167.220
sub      NS    ns.sub
ns.sub   A     127.0.0.2
";

/// The zone, with two hundred addresses of one name.
fn zone() -> String {
    let mut zone = ZONE.to_owned();
    for n in 0..200 {
        writeln!(zone, "many     A     149.154.167.{n}").unwrap();
    }
    zone
}

fn nsd() -> NameServer {
    NameServer::nsd(None, "first", "messenger.example", &zone())
}

fn unbound() -> NameServer {
    NameServer::unbound_of_zone("second", "messenger.example", &zone())
}

/// What dig prints with these arguments.
fn dig_says(server: &NameServer, arguments: &[&str]) -> String {
    let port = server.address().port().to_string();
    let output = Command::new("dig")
        .args(["-r", "@127.0.0.1", "-p", &port, "+time=30", "+nocookie"])
        .args(arguments)
        .output()
        .expect("dig is needed: Debian package bind9-dnsutils");
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

fn name(text: &str) -> HostName {
    text.parse().unwrap()
}

/// The flags of a message, as dig prints them.
fn flags(message: &Message) -> String {
    let it = &message.metadata;
    let flags = [
        ("qr", true),
        ("aa", it.authoritative),
        ("tc", it.truncation),
        ("rd", it.recursion_desired),
        ("ra", it.recursion_available),
        ("ad", it.authentic_data),
        ("cd", it.checking_disabled),
    ];
    flags
        .into_iter()
        .filter(|(_, is_set)| *is_set)
        .map(|(flag, _)| flag)
        .collect::<Vec<_>>()
        .join(" ")
}

fn flags_of_dig(text: &str) -> String {
    let line = text.lines().find(|line| line.starts_with(";; flags: ")).unwrap();
    line[";; flags: ".len()..line.find(';').map_or(0, |_| line.rfind("; QUERY").unwrap())]
        .to_owned()
}

/// The answer section as lines of words in lower case: the name comes back in the case of the question.
fn answers(message: &Message) -> BTreeSet<String> {
    let line = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    message.answers.iter().map(|record| line(record.to_string())).collect()
}

fn answers_of_dig(text: &str) -> BTreeSet<String> {
    let lines = text.lines().skip_while(|line| !line.starts_with(";; ANSWER SECTION"));
    let lines = lines.skip(1).take_while(|line| !line.is_empty());
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    lines.map(words).collect()
}

fn nsid(message: &Message) -> Option<Vec<u8>> {
    match message.edns.as_ref()?.option(EdnsCode::NSID)? {
        EdnsOption::NSID(payload) => Some(payload.as_ref().to_vec()),
        _ => None,
    }
}

#[tokio::test]
async fn an_authoritative_server_is_asked_without_recursion_and_answers_as_it_answers_dig() {
    let server = nsd();
    for (asked, kind, kind_name) in [
        ("messenger.example", RecordType::SOA, "SOA"),
        ("messenger.example", RecordType::NS, "NS"),
        ("api.messenger.example", RecordType::A, "A"),
        ("ns2.messenger.example", RecordType::AAAA, "AAAA"),
        ("gone.messenger.example", RecordType::A, "A"),
        ("api.messenger.example", RecordType::AAAA, "AAAA"),
        // A delegation: a referral, without AA.
        ("www.sub.messenger.example", RecordType::A, "A"),
        ("elsewhere.example", RecordType::SOA, "SOA"),
    ] {
        let question = Question::authoritative(name(asked), kind);
        let answer = ask(server.address(), &question, LIMIT).await.unwrap();
        let message = answer.message().unwrap();
        let dig = dig_says(
            &server,
            &["+norecurse", "+noadflag", "+bufsize=1232", "+nsid", asked, kind_name],
        );
        assert_eq!(flags(message), flags_of_dig(&dig), "{asked} {kind_name}\n{dig}");
        assert_eq!(answers(message), answers_of_dig(&dig), "{asked} {kind_name}\n{dig}");
        let status = match message.metadata.response_code {
            ResponseCode::NoError => "NOERROR",
            ResponseCode::NXDomain => "NXDOMAIN",
            _ => "REFUSED",
        };
        assert!(dig.contains(&format!("status: {status}")), "{dig}");
        assert_eq!(nsid(message).as_deref(), Some(&b"first"[..]));
        assert!(dig.contains("NSID") && dig.contains("(\"first\")"), "{dig}");
        assert_eq!(answer.transport, Transport::Udp);
        assert!(answer.took < LIMIT);
        let is_own = !asked.starts_with("www.sub") && !asked.starts_with("elsewhere");
        assert_eq!(message.metadata.authoritative, is_own, "{asked}");
    }
}

#[tokio::test]
async fn text_and_types_that_nobody_knows_are_carried_as_they_are() {
    let server = nsd();
    let ask_for = async |kind: RecordType| {
        let question = Question::authoritative(name("messenger.example"), kind);
        ask(server.address(), &question, LIMIT).await.unwrap().message().unwrap().clone()
    };
    let message = ask_for(RecordType::TXT).await;
    let [record] = &message.answers[..] else { panic!("{message:?}") };
    let RData::TXT(text) = &record.data else { panic!("{record:?}") };
    let parts: Vec<_> = text.txt_data.iter().map(|part| String::from_utf8_lossy(part)).collect();
    assert_eq!(parts, ["v=spf1 -all", "of two parts"]);
    let dig = dig_says(&server, &["+norecurse", "+short", "messenger.example", "TXT"]);
    assert_eq!(dig.trim(), "\"v=spf1 -all\" \"of two parts\"");

    let message = ask_for(RecordType::Unknown(65280)).await;
    let [record] = &message.answers[..] else { panic!("{message:?}") };
    let RData::Unknown { rdata, .. } = &record.data else { panic!("{record:?}") };
    assert_eq!(rdata.anything, [10, 0, 0, 1]);
    let dig = dig_says(&server, &["+norecurse", "+short", "messenger.example", "TYPE65280"]);
    assert_eq!(dig.trim(), "\\# 4 0A000001");
}

#[tokio::test]
async fn what_does_not_fit_a_datagram_is_asked_for_over_tcp() {
    for server in [nsd(), unbound()] {
        let question = Question::authoritative(name("many.messenger.example"), RecordType::A);
        let answer = ask(server.address(), &question, LIMIT).await.unwrap();
        let message = answer.message().unwrap();
        let dig = dig_says(
            &server,
            &["+norecurse", "+noadflag", "+bufsize=1232", "many.messenger.example", "A"],
        );
        assert!(dig.contains("Truncated, retrying in TCP mode"), "{dig}");
        assert_eq!((answer.transport, message.answers.len()), (Transport::Tcp, 200));
        assert_eq!(flags(message), flags_of_dig(&dig));
        assert_eq!(answers(message), answers_of_dig(&dig));
    }
}

#[tokio::test]
async fn a_resolver_gets_the_flags_that_it_gets_from_dig() {
    let server = unbound();
    for bits in 0..8 {
        let is_set = |bit: u8| bits >> bit & 1 == 1;
        let flags_sent = Flags {
            recursion_desired: is_set(0),
            authentic_data: is_set(1),
            checking_disabled: is_set(2),
        };
        let edns = (bits != 5).then(|| Edns { nsid: true, ..Edns::default() });
        let question = Question {
            class: hickory_proto::rr::DNSClass::IN,
            name: name("api.messenger.example"),
            kind: RecordType::A,
            flags: flags_sent,
            edns,
        };
        let answer = ask(server.address(), &question, LIMIT).await.unwrap();
        let message = answer.message().unwrap();
        let flag =
            |is_set, with: &'static str, without: &'static str| if is_set { with } else { without };
        let dig = dig_says(
            &server,
            &[
                flag(is_set(0), "+recurse", "+norecurse"),
                flag(is_set(1), "+adflag", "+noadflag"),
                flag(is_set(2), "+cdflag", "+nocdflag"),
                flag(edns.is_some(), "+nsid", "+noedns"),
                "api.messenger.example",
                "A",
            ],
        );
        assert_eq!(flags(message), flags_of_dig(&dig), "{dig}");
        assert_eq!(message.edns.is_some(), dig.contains("OPT PSEUDOSECTION"), "{dig}");
        let told = nsid(message);
        assert_eq!(told.as_deref(), edns.map(|_| &b"second"[..]));
    }
}

#[tokio::test]
async fn silence_a_closed_port_and_forged_answers_are_told_apart() {
    let limit = Duration::from_millis(300);
    let question = Question::recursive(name("a.example"), RecordType::A);
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let failure = ask(silent.local_addr().unwrap(), &question, limit).await.unwrap_err();
    assert!(matches!(failure, Failure::Timeout), "{failure:?}");

    let closed = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let failure = ask(closed, &question, LIMIT).await.unwrap_err();
    let Failure::Unreachable(offender) = failure else { panic!("{failure:?}") };
    assert_eq!(offender, Some(closed.ip()));

    // First somebody else, then another id, then garbage, then the answer.
    let server = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let stranger = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    let serve = async {
        let mut query = [0; 512];
        let (length, from) = server.recv_from(&mut query).await.unwrap();
        let mut reply = query[..length].to_vec();
        (reply[2], reply[3]) = (0x81, 3);
        stranger.send_to(&reply, from).await.unwrap();
        let mut other = reply.clone();
        other[0] ^= 1;
        server.send_to(&other, from).await.unwrap();
        server.send_to(&reply[..20], from).await.unwrap();
        sleep(Duration::from_millis(50)).await;
        server.send_to(&reply, from).await.unwrap();
    };
    let (answer, ()) = tokio::join!(ask(address, &question, LIMIT), serve);
    let answer = answer.unwrap();
    assert!(matches!(answer.reply, Reply::Whole(_)), "{answer:?}");
    assert!(answer.took >= Duration::from_millis(50), "{:?}", answer.took);
}
