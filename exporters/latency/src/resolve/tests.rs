//! Lookups, asked of servers of every temper.
//!
//! Those run among the lookups, and not on threads of their own as `peers::DnsServer` does: that one which says nothing
//! was asked is counted before the lookup ends.

use std::future::pending;
use std::sync::atomic::AtomicUsize;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{RData, Record};
use hickory_resolver::net::DnsError;
use peers::answer_to;
use tokio::net::UdpSocket;
use tokio::time::sleep;

use super::once::once_of;
use super::queues::{Limits, Queues};
use super::servers::tests::with_search;
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
    /// This code, after so many milliseconds.
    CodeAfter(ResponseCode, u64),
    /// The addresses of those names that end so, of their family; no records for others that end so, and of all
    /// else that there is no such name.
    Zone(&'static [(&'static str, &'static str)]),
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
    let mut answer = answer_to(query, ResponseCode::NoError);
    let code = match says {
        Says::Code(code) => Some(code),
        Says::AAnd(code) if !is_a => Some(code),
        Says::CodeAfter(code, delay) => {
            sleep(Duration::from_millis(delay)).await;
            Some(code)
        }
        Says::Zone(zone) => {
            let asked = question.name().to_ascii();
            let ips = zone.iter().filter(|(end, _)| asked.ends_with(end)).map(|(_, ip)| *ip);
            let ips: Vec<IpAddr> = ips.map(|ip| ip.parse().unwrap()).collect();
            for ip in ips.iter().filter(|ip| ip.is_ipv4() == is_a) {
                let ip = RData::from(*ip);
                answer.add_answer(Record::from_rdata(question.name().clone(), 1, ip));
            }
            let is_there = !ips.is_empty();
            Some(if is_there { ResponseCode::NoError } else { ResponseCode::NXDomain })
        }
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
    answer
}

/// A wait that does not end while a test runs, however busy the machine: the first server's answer is the one taken.
const LONG: Duration = Duration::from_secs(600);
/// One that makes servers silent soon.
const SHORT: Duration = Duration::from_millis(20);

/// Lookups that share nothing with those of other tests.
fn shared(patience: Duration) -> Arc<Shared> {
    Arc::new(Shared::new(patience, LONG, Queues::default()))
}

/// The addresses of a name, for a program that waits so long for a server.
fn addresses(patience: Duration, families: Families, server: SocketAddr) -> Named {
    let names = Names::new(shared(patience), families, vec![server]);
    Named::of("name.example".to_owned(), names, PATIENCE)
}

/// The addresses of a name, asked for once by servers that say these things, each of which is waited for so long;
/// how often each was asked.
async fn asked(patience: Duration, says: &[Says]) -> (Result<Found, Failure>, Vec<usize>) {
    let (mut servers, mut counts) = (Vec::new(), Vec::new());
    for says in says {
        let (address, count) = server(*says).await;
        servers.push(address);
        counts.push(count);
    }
    let once = (Kind::Target, LONG);
    let found = once_of(shared(patience), "name.example", Families::OnlyV4, &servers, once).await;
    (found, counts.iter().map(|count| count.load(Ordering::SeqCst)).collect())
}

fn found(ip: &str) -> Found {
    (vec![ip.parse().unwrap()], None)
}

#[tokio::test]
async fn a_server_that_fails_or_refuses_or_says_nothing_breaks_no_name() {
    for bad in [SERVFAIL, REFUSED, Says::Code(ResponseCode::NotImp), Says::Nothing] {
        // Only who says nothing is not waited for.
        let patience = if matches!(bad, Says::Nothing) { SHORT } else { LONG };
        let (answer, counts) = asked(patience, &[bad, WELL]).await;
        assert_eq!(answer, Ok(found(A)), "{bad:?} {counts:?}");
        let (answer, counts) = asked(LONG, &[WELL, bad]).await;
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
        let (answer, counts) = asked(LONG, says).await;
        assert_eq!(answer, Err(wanted), "{says:?} {counts:?}");
        assert!(counts.iter().all(|count| *count <= 2), "{says:?} {counts:?}: as often as libc");
    }
}

#[tokio::test]
async fn a_server_that_takes_its_time_is_waited_for() {
    // The other one says nothing: who was asked first, and long ago, is still listened to.
    for says in [&[Says::After(500)][..], &[Says::After(500), Says::Nothing]] {
        let (answer, counts) = asked(SHORT, says).await;
        assert_eq!(answer, Ok(found(A)), "{counts:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_slow_and_fails_is_not_asked_again_and_again() {
    for (code, wanted) in
        [(ResponseCode::ServFail, Failure::Resolver), (ResponseCode::NXDomain, Failure::Dns)]
    {
        let (server, asked) = server(Says::CodeAfter(code, 400)).await;
        for families in [Families::OnlyV4, Families::Both] {
            let addresses = addresses(SHORT, families, server);
            let before = asked.load(Ordering::SeqCst);
            let failure = tokio::select! {
                resolved = addresses.get() => resolved.err(),
                // Both families, as often as a lookup asks; and all of it once more on a busy machine.
                () = more_than(&asked, before + 24) => panic!("{code} {families:?}: without an end"),
            };
            assert_eq!(failure, Some(wanted), "{code} {families:?}");
            assert_eq!(addresses.names.shared.occasions(), Occasions::default());
        }
    }
}

/// Ends when it was asked more often than that.
async fn more_than(asked: &AtomicUsize, times: usize) {
    while asked.load(Ordering::SeqCst) <= times {
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_server_that_is_dead_costs_no_lookup_but_the_first() {
    let ((dead, asked), (good, _)) = (server(Says::Nothing).await, server(WELL).await);
    let look_up = |shared| async move {
        once_of(shared, "a.example", Families::OnlyV4, &[dead, good], (Kind::Target, LONG)).await
    };
    let quick = shared(SHORT);
    assert_eq!(look_up(Arc::clone(&quick)).await, Ok(found(A)));
    assert!(asked.load(Ordering::SeqCst) > 0);
    // The others are patient, so that it is the order alone that spares them the dead one.
    let patient = shared(LONG);
    *patient.silence() = std::mem::take(&mut *quick.silence());
    for _ in 0..4 {
        let before = asked.load(Ordering::SeqCst);
        assert_eq!(look_up(Arc::clone(&patient)).await, Ok(found(A)));
        assert_eq!(asked.load(Ordering::SeqCst), before);
    }
}

#[tokio::test]
async fn a_family_that_nobody_speaks_of_does_not_hide_the_other() {
    for families in [Families::Both, Families::V4ElseV6, Families::V6ElseV4] {
        let v4: Vec<IpAddr> = vec![A.parse().unwrap()];
        let ips = |addresses: Named| async move {
            let ips = addresses.get().await.map(|resolved| resolved.ips);
            (ips, addresses.falls_back.load(Ordering::Relaxed))
        };
        for code in [ResponseCode::ServFail, ResponseCode::NoError, ResponseCode::NXDomain] {
            let addresses = addresses(LONG, families, server(Says::AAnd(code)).await.0);
            let is_missed = families == Families::V6ElseV4 && code == ResponseCode::ServFail;
            assert_eq!(ips(addresses).await, (Ok(v4.clone()), is_missed), "{families:?} {code}");
        }
        let addresses = addresses(LONG, families, server(Says::OnlyA).await.0);
        let is_missed = families == Families::V6ElseV4;
        assert_eq!(ips(addresses).await, (Ok(v4), is_missed), "{families:?}");
    }
}

#[tokio::test]
async fn both_families_are_probed_where_both_are_there() {
    let (server, asked) = server(Says::After(20)).await;
    let addresses = addresses(LONG, Families::Both, server);
    let both: Vec<IpAddr> = vec![A.parse().unwrap(), AAAA.parse().unwrap()];
    // On a busy machine one of them may be late, and is there at the next round; before they are asked for anew.
    let probed = async {
        while addresses.get().await.unwrap().ips != both {
            sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        () = probed => {}
        () = more_than(&asked, 20) => panic!("never both of them"),
    }
}

#[tokio::test]
async fn a_name_that_fails_is_not_asked_for_by_each_round() {
    let (server, asked) = server(SERVFAIL).await;
    let addresses = addresses(LONG, Families::OnlyV4, server);
    let started = Instant::now();
    for _ in 0..100 {
        assert_eq!(addresses.get().await.err(), Some(Failure::Resolver));
    }
    let before = asked.load(Ordering::SeqCst);
    // Two questions a lookup, one lookup at first and at most one for each second that the machine was busy.
    let most = 2 * (1 + started.elapsed().as_secs());
    assert!(u64::try_from(before).unwrap() <= most, "{before} questions");
    addresses.names.shared.reload();
    assert_eq!(addresses.get().await.err(), Some(Failure::Resolver));
    assert!(asked.load(Ordering::SeqCst) > before, "it is asked for anew");
}

#[tokio::test]
async fn both_families_are_of_one_machine() {
    // Whatever is below the domain has an address of the other family; so has the second domain what the first has not.
    let wildcard: Says = Says::Zone(&[("www.example.", A), (".corp.example.", AAAA)]);
    let split = Says::Zone(&[("host.a.example.", AAAA), ("host.b.example.", A)]);
    for (says, search, name, v4, v6) in [
        (wildcard, &["corp.example"][..], "www.example", Some(A), None),
        (wildcard, &["corp.example"], "www", None, Some(AAAA)),
        (split, &["a.example", "b.example"], "host", None, Some(AAAA)),
        (split, &["c.example", "b.example"], "host", Some(A), None),
    ] {
        let (server, _) = server(says).await;
        let (servers, shared) = (with_search(server, search), shared(LONG));
        let kinds = [RecordType::A, RecordType::AAAA];
        for (kind, other, wanted) in [(kinds[0], kinds[1], v4), (kinds[1], kinds[0], v6)] {
            let name = Name::from_ascii(name).unwrap();
            let answer = servers.look_up(&shared, &name, (kind, Some(other)), LIMIT).await;
            let ip = answer.ok().and_then(|answer| answer.answers()[0].data.ip_addr());
            assert_eq!(ip, wanted.map(|ip| ip.parse().unwrap()), "{name} {kind}");
        }
    }
    // Of one family alone there is but that one machine.
    let (servers, shared) =
        (with_search(server(split).await.0, &["a.example", "b.example"]), shared(LONG));
    let name = Name::from_ascii("host").unwrap();
    assert!(servers.look_up(&shared, &name, (RecordType::A, None), LIMIT).await.is_ok());
}

/// So many places of each kind.
fn places(all: usize) -> Arc<Shared> {
    let all = Limits { known: all, first: all, failed: all, once: all, once_failed: all };
    Arc::new(Shared::new(LONG, LONG, Queues::new(all)))
}

#[tokio::test]
async fn lookups_wait_for_their_turn_and_nobody_is_asked_for_who_is_gone() {
    let (server, asked) = server(WELL).await;
    let shared = places(1);
    let look_up = |kind| {
        let shared = Arc::clone(&shared);
        let once = (kind, LONG);
        async move { once_of(shared, "a.example", Families::OnlyV4, &[server], once).await }
    };
    let place = shared.queues.try_enter(Kind::Scraper).unwrap();
    assert!(timeout(SHORT, look_up(Kind::Scraper)).await.is_err(), "it was not its turn");
    assert_eq!(
        look_up(Kind::Target).await,
        Ok(found(A)),
        "those of targets wait for none of these"
    );
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    drop(place);
    for times in 2..5 {
        assert_eq!(look_up(Kind::Scraper).await, Ok(found(A)), "each gives its turn back");
        assert_eq!(asked.load(Ordering::SeqCst), times, "none was asked for who was gone");
    }
}

#[tokio::test]
async fn nobody_makes_room_for_who_is_gone() {
    let (server, _) = server(WELL).await;
    let shared = places(1);
    let place = shared.queues.try_enter(Kind::Scraper).unwrap();
    let waits = async {
        let once = (Kind::Scraper, LONG);
        once_of(Arc::clone(&shared), "a.example", Families::OnlyV4, &[server], once).await
    };
    assert!(timeout(SHORT, waits).await.is_err(), "it was not its turn");
    // While somebody waits, whoever has a place makes room at once.
    for _ in 0..1_000 {
        if futures_util::FutureExt::now_or_never(shared.queues.make_room(Kind::Scraper)).is_none() {
            return drop(place);
        }
        sleep(SHORT).await;
    }
    panic!("it waits though nobody wants to know");
}

#[tokio::test]
async fn names_that_nobody_answers_hold_up_none_that_are_well() {
    let shared = places(1);
    let names = |server| {
        let names = Names::new(Arc::clone(&shared), Families::OnlyV4, vec![server]);
        Named::of("name.example".to_owned(), names, LONG)
    };
    let (silent, asked_in_vain) = server(Says::Nothing).await;
    let (well, asked) = server(WELL).await;
    let (bad, good) = (names(silent), names(well));
    assert!(timeout(SHORT, bad.get()).await.is_err(), "it has the one place");
    let wanted: Vec<IpAddr> = vec![A.parse().unwrap()];
    assert_eq!(good.get().await.map(|found| found.ips), Ok(wanted.clone()), "it makes room");
    // From then on it waits with those that failed.
    while shared.queues.try_enter(Kind::Failed).is_some() {
        let _ = timeout(SHORT, bad.get()).await;
        sleep(Duration::from_millis(5)).await;
    }
    for times in 2..5 {
        let expired = Instant::now().checked_sub(Duration::from_secs(6)).unwrap();
        good.names.state().known[0].answered(wanted.clone(), Duration::ZERO, expired);
        assert_eq!(good.get().await.map(|found| found.ips), Ok(wanted.clone()));
        more_than(&asked, times - 1).await;
        while !good.names.state().known[0].is_well() {
            sleep(Duration::from_millis(1)).await;
        }
    }
    more_than(&asked_in_vain, 1).await;
}

#[tokio::test]
async fn names_that_probes_look_up_in_vain_hold_up_none_that_are_well() {
    for (kind, failed) in [(Kind::Target, Kind::TargetFailed), (Kind::Scraper, Kind::ScraperFailed)]
    {
        let shared = places(1);
        let (silent, asked_in_vain) = server(Says::Nothing).await;
        let (well, _) = server(WELL).await;
        let look_up = |server| {
            let (shared, once) = (Arc::clone(&shared), (kind, LONG));
            async move { once_of(shared, "a.example", Families::OnlyV4, &[server], once).await }
        };
        let bad = tokio::spawn(look_up(silent));
        more_than(&asked_in_vain, 0).await;
        assert_eq!(look_up(well).await, Ok(found(A)), "{kind:?}: who has the one place makes room");
        assert_eq!(bad.await.unwrap(), Err(Failure::Queued), "it was cut short");
        // From then on it waits with those that failed.
        let bad = tokio::spawn(look_up(silent));
        while shared.queues.try_enter(failed).is_some() {
            sleep(Duration::from_millis(1)).await;
        }
        for _ in 0..4 {
            assert!(shared.queues.try_enter(kind).is_some(), "it has no place among the others");
            assert_eq!(look_up(well).await, Ok(found(A)));
        }
        bad.abort();
    }
}

#[tokio::test]
async fn who_waits_for_a_turn_is_not_judged() {
    let shared = places(1);
    let (well, asked) = server(WELL).await;
    let (silent, _) = server(Says::Nothing).await;
    let look_up = |server| {
        let (shared, once) = (Arc::clone(&shared), (Kind::Target, SHORT * 10));
        async move { once_of(shared, "a.example", Families::OnlyV4, &[server], once).await }
    };
    let names = |server| {
        let names = Names::new(Arc::clone(&shared), Families::OnlyV4, vec![server]);
        Addresses::Named(Box::new(Named::of("name.example".to_owned(), names, LONG)))
    };
    let new = names(well);
    {
        let _places = [Kind::First, Kind::Target].map(|kind| shared.queues.try_enter(kind));
        assert_eq!(look_up(well).await, Err(Failure::Queued), "where a redirect leads, say");
        assert_eq!(new.get(SHORT * 10).await.err(), Some(Failure::Queued));
        assert_eq!(asked.load(Ordering::SeqCst), 0);
    }
    // It has its turn.
    assert!(new.get(LONG).await.is_ok());
    while [Kind::First, Kind::Target].iter().any(|kind| shared.queues.try_enter(*kind).is_none()) {
        sleep(Duration::from_millis(1)).await;
    }
    // Who was asked all the time says so.
    let failure = look_up(silent).await;
    assert!(matches!(failure, Err(Failure::Timeout | Failure::Resolver)), "{failure:?}");
    assert_eq!(names(silent).get(SHORT).await.err(), Some(Failure::Timeout));
}

#[tokio::test]
async fn a_name_behind_which_many_targets_stand_is_looked_up_once_for_all() {
    let (shared, (server, asked)) = (places(1), server(Says::After(300)).await);
    let look_up = |_| {
        let (shared, once) = (Arc::clone(&shared), (Kind::Target, LONG));
        async move { once_of(shared, "a.example", Families::OnlyV4, &[server], once).await }
    };
    let all = futures_util::future::join_all((0..50).map(look_up)).await;
    assert!(all.iter().all(|one| *one == Ok(found(A))), "{all:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    // What they shared is kept by nobody.
    assert_eq!(look_up(0).await, Ok(found(A)));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_name_that_nobody_answers_fails_for_all_that_stand_behind_it() {
    let shared = places(1);
    let all = |server: SocketAddr| {
        let look_up = |_| {
            let (shared, once) = (Arc::clone(&shared), (Kind::Target, SHORT * 10));
            async move { once_of(shared, "a.example", Families::OnlyV4, &[server], once).await }
        };
        futures_util::future::join_all((0..50).map(look_up).collect::<Vec<_>>())
    };
    let are = |wanted| move |found: &Result<Found, Failure>| *found == Err(wanted);
    let (silent, asked) = server(Says::Nothing).await;
    let found = all(silent).await;
    assert!(found.iter().all(are(Failure::Timeout)), "none of them waits for another: {found:?}");
    assert!(asked.load(Ordering::SeqCst) > 0);
    // One that was looked up in vain is not well while others have the place; of a new one nothing is known.
    let (silent, new) = (server(Says::Nothing).await, server(Says::Nothing).await);
    let in_vain = ("a.example", 0, &[silent.0][..]);
    shared.troubled.note(Kind::Target, in_vain, End::InVain, Instant::now());
    let places = [Kind::Target, Kind::TargetFailed].map(|kind| shared.queues.try_enter(kind));
    for ((server, asked), wanted) in [(silent, Failure::Timeout), (new, Failure::Queued)] {
        let found = all(server).await;
        assert!(found.iter().all(are(wanted)), "{found:?}");
        assert_eq!(asked.load(Ordering::SeqCst), 0, "it had no turn");
    }
    drop(places);
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
