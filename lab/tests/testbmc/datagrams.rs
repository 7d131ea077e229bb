//! The BMC without sockets: our client's core talks to it, and the test is the network and the clock.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ipmi_lan::command::Command;
use ipmi_lan::connection::{Connection, Event};
use ipmi_lan::{CommandError, Credentials, Options, Password, SensorId, SessionError};
use turbulence_lab::testbmc::{Quirks, TestBmc, server};

const START: Duration = Duration::ZERO;

fn bmc() -> TestBmc {
    TestBmc::new(Arc::new(server::rack_server()), Quirks::default(), 1)
}

fn peer(number: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], number))
}

fn connection(seed: u8) -> Connection {
    let password = Password::new("s3cretpass").unwrap();
    let credentials = Credentials { user: "monitor".into(), password, k_g: None };
    Connection::new(START, &credentials, &Options::default(), [seed; 32])
}

/// Carries datagrams to and fro until there are none.
fn exchange(
    bmc: &mut TestBmc,
    from: SocketAddr,
    connection: &mut Connection,
    now: Duration,
) -> Vec<Event> {
    while let Some(datagram) = connection.next_datagram() {
        for (_, reply) in bmc.datagram(from, &datagram, now) {
            let reply = bmc.send(reply).expect("the session is open");
            connection.datagram_received(now, &reply);
        }
    }
    std::iter::from_fn(|| connection.next_event()).collect()
}

/// A BMC with one open session.
fn logged_in() -> (TestBmc, Connection) {
    let (mut bmc, mut connection) = (bmc(), connection(1));
    assert_eq!(exchange(&mut bmc, peer(1), &mut connection, START), [Event::Opened]);
    (bmc, connection)
}

/// Get Device ID as a datagram of the session.
fn request(connection: &mut Connection) -> Vec<u8> {
    connection.request(START, Command::DeviceId);
    connection.next_datagram().unwrap()
}

#[test]
fn a_request_that_comes_twice_is_answered_once() {
    let (mut bmc, mut connection) = logged_in();
    let request = request(&mut connection);
    assert_eq!(bmc.datagram(peer(1), &request, START).len(), 1);
    assert_eq!(bmc.datagram(peer(1), &request, START).len(), 0);
    assert_eq!(bmc.counters().dropped, 1);
}

#[test]
fn a_request_from_elsewhere_or_with_a_changed_byte_is_dropped() {
    let (mut bmc, mut connection) = logged_in();
    let request = request(&mut connection);
    assert!(bmc.datagram(peer(2), &request, START).is_empty());
    // The second and third byte, reserved and RMCP sequence, are outside of what is signed.
    for place in (4..request.len()).chain([0, 3]) {
        let mut changed = request.clone();
        changed[place] ^= 0x10;
        assert!(bmc.datagram(peer(1), &changed, START).is_empty(), "byte {place}");
    }
    assert_eq!(bmc.datagram(peer(1), &request, START).len(), 1, "still new");
}

#[test]
fn a_session_ends_after_a_minute_without_requests() {
    let (mut bmc, mut connection) = logged_in();
    let ask = |bmc: &mut TestBmc, connection: &mut Connection, seconds| {
        let now = Duration::from_secs(seconds);
        connection.request(now, Command::DeviceId);
        exchange(bmc, peer(1), connection, now).len()
    };
    assert_eq!(ask(&mut bmc, &mut connection, 59), 1);
    assert_eq!(ask(&mut bmc, &mut connection, 118), 1);
    assert_eq!(ask(&mut bmc, &mut connection, 178), 0);
    assert_eq!(bmc.open_sessions(), 0);
}

#[test]
fn a_fifth_session_is_refused_until_one_is_closed() {
    let mut bmc = bmc();
    let mut open: Vec<_> = (1..=4).map(connection).collect();
    for (number, connection) in (1..).zip(&mut open) {
        assert_eq!(exchange(&mut bmc, peer(number), connection, START), [Event::Opened]);
    }
    let mut fifth = connection(5);
    let events = exchange(&mut bmc, peer(5), &mut fifth, START);
    assert_eq!(events, [Event::OpenFailed(SessionError::SessionTableFull)]);
    open[0].close(START);
    assert_eq!(exchange(&mut bmc, peer(1), &mut open[0], START), [Event::Closed]);
    let mut sixth = connection(6);
    assert_eq!(exchange(&mut bmc, peer(6), &mut sixth, START), [Event::Opened]);
    assert_eq!((bmc.open_sessions(), bmc.counters().table_full), (4, 1));
}

#[test]
fn a_bmc_that_reboots_is_silent_and_forgets_its_sessions() {
    let (mut bmc, mut connection) = logged_in();
    let second = Duration::from_secs;
    bmc.quirks.reboot = Some((second(10), second(20)));
    connection.request(second(5), Command::DeviceId);
    assert_eq!(exchange(&mut bmc, peer(1), &mut connection, second(5)).len(), 1);
    for moment in [12, 25] {
        connection.request(second(moment), Command::DeviceId);
        let events = exchange(&mut bmc, peer(1), &mut connection, second(moment));
        assert!(events.is_empty(), "{moment} s: {events:?}");
    }
    assert_eq!(bmc.open_sessions(), 0);
    let mut next = self::connection(2);
    assert_eq!(exchange(&mut bmc, peer(2), &mut next, second(25)), [Event::Opened]);
}

#[test]
fn sessions_that_are_lost_are_not_answered() {
    let (mut bmc, mut connection) = logged_in();
    let second = Duration::from_secs;
    bmc.quirks.sessions_lost_at = Some(second(10));
    for (moment, answers) in [(9, 1), (11, 0)] {
        connection.request(second(moment), Command::DeviceId);
        let events = exchange(&mut bmc, peer(1), &mut connection, second(moment));
        assert_eq!(events.len(), answers, "{moment} s");
    }
    let mut next = self::connection(2);
    assert_eq!(exchange(&mut bmc, peer(2), &mut next, second(12)), [Event::Opened]);
}

#[test]
fn nothing_that_is_sent_to_it_makes_it_panic() {
    let (mut bmc, mut connection) = logged_in();
    let request = request(&mut connection);
    let mut state = 1_u64;
    for _ in 0..200_000 {
        // A linear congruential generator: changes up to four bytes, and the length.
        let mut datagram = request.clone();
        for _ in 0..4 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let [.., value, place, _] = state.to_be_bytes();
            let length = datagram.len();
            datagram[usize::from(place) % length] = value;
        }
        datagram.truncate(usize::try_from(state >> 56).unwrap());
        bmc.datagram(peer(1), &datagram, START);
    }
}

#[test]
fn a_sensor_that_is_not_there_is_told_so() {
    let (mut bmc, mut connection) = logged_in();
    let command = Command::SensorReading(SensorId { owner: 0x20, lun: 0, number: 0x77 });
    connection.request(START, command);
    let events = exchange(&mut bmc, peer(1), &mut connection, START);
    assert!(
        matches!(&events[..], [Event::Reply(_, Err(CommandError::Completion(_)))]),
        "{command:?}: {events:?}"
    );
}
