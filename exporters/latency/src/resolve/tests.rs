//! Lookups, asked of servers of every temper.

use std::future::pending;
use std::sync::atomic::AtomicUsize;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{RData, Record};
use hickory_resolver::net::DnsError;
use tokio::net::UdpSocket;
use tokio::time::sleep;

use super::*;

/// What a server says of a question for this kind of record.
#[derive(Clone, Copy, Debug)]
enum Says {
    /// This code.
    Code(ResponseCode),
    /// The address of the family that is asked for, after so many milliseconds.
    After(u64),
    /// The same for A; nothing for AAAA.
    OnlyA,
    /// The same for A; this code for AAAA.
    AAnd(ResponseCode),
    /// Nothing.
    Nothing,
}

const SERVFAIL: Says = Says::Code(ResponseCode::ServFail);
const REFUSED: Says = Says::Code(ResponseCode::Refused);
const WELL: Says = Says::After(0);

const A: &str = "192.0.2.7";
const AAAA: &str = "2001:db8::7";

/// A server, and how often it was asked.
async fn server(says: Says) -> (SocketAddr, Arc<AtomicUsize>) {
    let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let (address, asked) = (socket.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut bytes = [0; 1500];
        loop {
            let (length, from) = socket.recv_from(&mut bytes).await.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            let (query, socket) = (bytes[..length].to_vec(), Arc::clone(&socket));
            tokio::spawn(async move {
                let answer = answer(&Message::from_vec(&query).unwrap(), says).await;
                socket.send_to(&answer.to_vec().unwrap(), from).await
            });
        }
    });
    (address, asked)
}

async fn answer(query: &Message, says: Says) -> Message {
    let question = query.queries.first().unwrap().clone();
    let is_a = question.query_type() == hickory_proto::rr::RecordType::A;
    let mut answer = Message::response(query.metadata.id, query.metadata.op_code);
    answer.metadata.recursion_available = true;
    let code = match says {
        Says::Code(code) => Some(code),
        Says::AAnd(code) if !is_a => Some(code),
        Says::Nothing => return pending().await,
        Says::OnlyA if !is_a => return pending().await,
        Says::After(delay) => {
            sleep(Duration::from_millis(delay)).await;
            None
        }
        Says::OnlyA | Says::AAnd(_) => None,
    };
    if let Some(code) = code {
        answer.metadata.response_code = code;
    } else {
        let ip: IpAddr = if is_a { A } else { AAAA }.parse().unwrap();
        answer.add_answer(Record::from_rdata(question.name().clone(), 1, RData::from(ip)));
    }
    answer.add_query(question);
    answer
}

/// The addresses of a name, asked for once by servers that say these things; how often each was asked, and how
/// long that took.
async fn asked(
    families: Families,
    says: &[Says],
) -> (Result<Found, Failure>, Vec<usize>, Duration) {
    let (mut servers, mut counts) = (Vec::new(), Vec::new());
    for says in says {
        let (address, count) = server(*says).await;
        servers.push(address);
        counts.push(count);
    }
    let started = Instant::now();
    let found = once("name.example", families, &servers, Duration::from_secs(20)).await;
    let counts = counts.iter().map(|count| count.load(Ordering::SeqCst)).collect();
    (found, counts, started.elapsed())
}

fn found(ip: &str) -> Found {
    (vec![ip.parse().unwrap()], None)
}

#[tokio::test]
async fn a_server_that_fails_or_refuses_or_says_nothing_breaks_no_name() {
    for bad in [SERVFAIL, REFUSED, Says::Code(ResponseCode::NotImp), Says::Nothing] {
        let (answer, counts, _) = asked(Families::OnlyV4, &[bad, WELL]).await;
        assert_eq!((answer, counts[1]), (Ok(found(A)), 1), "{bad:?}");
        let (answer, counts, _) = asked(Families::OnlyV4, &[WELL, bad]).await;
        assert_eq!((answer, counts), (Ok(found(A)), vec![1, 0]), "{bad:?}: the first one is asked");
    }
}

#[tokio::test]
async fn what_no_server_can_say_is_told_from_a_name_that_is_not_there() {
    for (says, wanted) in [
        (&[SERVFAIL, REFUSED][..], Failure::Resolver),
        (&[SERVFAIL, Says::Code(ResponseCode::NXDomain)], Failure::Dns),
        (&[Says::Code(ResponseCode::NXDomain), WELL], Failure::Dns),
        (&[Says::Code(ResponseCode::NoError), WELL], Failure::Dns),
    ] {
        let (answer, counts, _) = asked(Families::OnlyV4, says).await;
        assert_eq!(answer, Err(wanted), "{says:?} {counts:?}");
        assert!(counts.iter().all(|count| *count <= 2), "{says:?} {counts:?}: as often as libc");
    }
}

#[tokio::test]
async fn a_server_that_takes_its_time_is_waited_for() {
    let (answer, counts, _) = asked(Families::OnlyV4, &[Says::After(1_500)]).await;
    assert_eq!(answer, Ok(found(A)), "{counts:?}");
    // One after the other says something after two seconds: who was asked first is still listened to.
    let (answer, _, took) = asked(Families::OnlyV4, &[Says::After(2_000), Says::Nothing]).await;
    assert_eq!(answer, Ok(found(A)));
    assert!(took >= Duration::from_secs(2), "{took:?}");
}

#[tokio::test]
async fn a_server_that_is_dead_costs_no_lookup_but_the_first() {
    let ((dead, asked), (good, _)) = (server(Says::Nothing).await, server(WELL).await);
    let mut before = None;
    for turn in 0..4 {
        let answer = once("a.example", Families::OnlyV4, &[dead, good], LIMIT).await;
        assert_eq!(answer, Ok(found(A)));
        let asked = asked.load(Ordering::SeqCst);
        assert!(asked > 0 && before.is_none_or(|before| before == asked), "turn {turn}: {asked}");
        before = Some(asked);
    }
}

#[tokio::test]
async fn a_family_that_nobody_speaks_of_does_not_hide_the_other() {
    for families in [Families::Both, Families::V4ElseV6, Families::V6ElseV4] {
        let addresses = |says: Says| async move {
            let host = Host::Name("name.example".to_owned());
            let (server, _) = server(says).await;
            let addresses = Addresses::new(host, families, vec![server], LIMIT);
            (addresses.get().await.map(|resolved| resolved.ips), addresses)
        };
        let v4: Vec<IpAddr> = vec![A.parse().unwrap()];
        for code in [ResponseCode::ServFail, ResponseCode::NoError, ResponseCode::NXDomain] {
            let (ips, addresses) = addresses(Says::AAnd(code)).await;
            assert_eq!(ips, Ok(v4.clone()), "{families:?} {code}");
            let is_missed = families == Families::V6ElseV4 && code == ResponseCode::ServFail;
            assert_eq!(addresses.falls_back.load(Ordering::Relaxed), is_missed, "{code}");
        }
        let (ips, addresses) = addresses(Says::OnlyA).await;
        assert_eq!(ips, Ok(v4), "{families:?}");
        let is_missed = families == Families::V6ElseV4;
        assert_eq!(addresses.falls_back.load(Ordering::Relaxed), is_missed, "{families:?}");
    }
}

#[tokio::test]
async fn both_families_are_probed_where_both_are_there() {
    let (server, _) = server(Says::After(20)).await;
    let host = Host::Name("name.example".to_owned());
    let addresses = Addresses::new(host, Families::Both, vec![server], LIMIT);
    // On a busy machine one of them may be late, and is there at the next round.
    let both: Vec<IpAddr> = vec![A.parse().unwrap(), AAAA.parse().unwrap()];
    while addresses.get().await.unwrap().ips != both {
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_name_that_fails_is_not_asked_for_by_each_round() {
    let (server, asked) = server(SERVFAIL).await;
    let host = Host::Name("name.example".to_owned());
    let addresses = Addresses::new(host, Families::OnlyV4, vec![server], LIMIT);
    for _ in 0..100 {
        assert_eq!(addresses.get().await.err(), Some(Failure::Resolver));
    }
    let before = asked.load(Ordering::SeqCst);
    // Unless a hundred rounds take more than a second, on a busy machine.
    assert!(before <= 6, "{before} questions");
    addresses.names.state().known[0].forget_failures(Instant::now());
    assert_eq!(addresses.get().await.err(), Some(Failure::Resolver));
    assert!(asked.load(Ordering::SeqCst) > before, "it is asked for anew");
}

#[test]
fn a_lookup_that_could_not_be_asked_for_says_nothing_of_the_name() {
    use nix::libc::{ECONNREFUSED, EMFILE};
    let io = |errno| NetError::from(std::io::Error::from_raw_os_error(errno));
    let code = |code| NetError::from(DnsError::ResponseCode(code));
    for (error, wanted) in [
        (io(EMFILE), Failure::Local),
        (io(ECONNREFUSED), Failure::Resolver),
        (NetError::Timeout, Failure::Resolver),
        // There are sockets.
        (NetError::NoConnections, Failure::Resolver),
        (code(hickory_resolver::proto::op::ResponseCode::ServFail), Failure::Resolver),
        (code(hickory_resolver::proto::op::ResponseCode::NXDomain), Failure::Dns),
    ] {
        assert_eq!(classify(&error), wanted, "{error}");
    }
}
