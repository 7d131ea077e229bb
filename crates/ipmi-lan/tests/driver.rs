//! The tokio driver: sockets of either family, patience in virtual time, futures that are dropped.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use ipmi_lan::{CommandError, Credentials, Options, Password, SensorId, Session, SessionError};
use tokio::time::Instant;

#[path = "driver/no_ipv6.rs"]
mod no_ipv6;
#[path = "bmc/responder.rs"]
mod responder;
#[path = "bmc/served.rs"]
mod served;
use responder::Bmc;
use served::{serve, serve_on};

fn sensor(number: u8) -> SensorId {
    SensorId { owner: 0x20, lun: 0, number }
}

async fn open(bmc: SocketAddr, options: &Options) -> Result<Session, SessionError> {
    let password = Password::new("s3cretpass").unwrap();
    let credentials = Credentials { user: "monitor".into(), password, k_g: None };
    Session::open(bmc, &credentials, options).await
}

#[tokio::test]
async fn the_driver_logs_in_reads_and_closes() {
    let mut bmc = Bmc::new();
    bmc.sensors.insert((0, 5), 24);
    let address = serve(bmc);
    let mut session = open(address, &Options::default()).await.unwrap();
    assert_eq!(session.device_id().await.unwrap().manufacturer_id, 11);
    assert_eq!(session.sensor_reading(sensor(5)).await.unwrap().value, 24);
    let counters = session.counters();
    assert_eq!((counters.sessions, counters.retries, counters.stale_replies), (1, 0, 0));
    assert_eq!(counters.sent, counters.received);
    session.close().await;
}

#[tokio::test]
async fn the_driver_speaks_ipv6_where_there_is_any() {
    if UdpSocket::bind("[::1]:0").is_err() {
        println!("skipped: this machine has no IPv6 loopback address");
        return;
    }
    let address = serve_on("[::1]:0", Bmc::new());
    let mut session = open(address, &Options::default()).await.unwrap();
    assert!(session.device_id().await.is_ok());
    session.close().await;
}

#[tokio::test]
async fn a_reading_that_was_given_up_does_not_disturb_the_next() {
    let mut bmc = Bmc::new();
    bmc.sensors.extend((0..100).map(|number| ((0, number), number)));
    let address = serve(bmc);
    let mut session = open(address, &Options::default()).await.unwrap();
    for number in 0..50 {
        // Polled once, the request is sent; then its future is dropped.
        tokio::select! {
            biased;
            _ = session.sensor_reading(sensor(number)) => {}
            () = std::future::ready(()) => {}
        }
        let value = session.sensor_reading(sensor(number + 50)).await.unwrap().value;
        assert_eq!(value, number + 50);
    }
    session.close().await;
}

#[tokio::test]
async fn a_bmc_that_is_not_there_is_unreachable() {
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = open(nobody, &Options::default()).await.err();
    assert_eq!(error, Some(SessionError::Unreachable));
}

#[test]
fn the_driver_needs_no_ipv6() {
    no_ipv6::refuse();
    let refused = UdpSocket::bind("[::1]:0").unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(libc::EAFNOSUPPORT), "the kernel has none");
    let address = serve(Bmc::new());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut session = open(address, &Options::default()).await.unwrap();
        assert_eq!(session.device_id().await.unwrap().manufacturer_id, 11);
        session.close().await;
    });
}

/// The clock stands still while anything moves, and jumps to the next deadline else.
#[tokio::test(start_paused = true)]
async fn a_bmc_that_never_answers_costs_three_times_the_timeout_of_every_attempt_and_no_more() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let options = Options { timeout: Duration::from_secs(7), retries: 4, ..Options::default() };
    let began = Instant::now();
    let error = open(silent.local_addr().unwrap(), &options).await.unwrap_err();
    assert_eq!(error, SessionError::NoAnswer);
    assert_eq!(began.elapsed(), Duration::from_secs(3 * 5 * 7));
    silent.set_nonblocking(true).unwrap();
    let sent = std::iter::from_fn(|| silent.recv(&mut [0; 64]).ok()).count();
    assert_eq!(sent, 5, "one datagram an attempt");
}

#[tokio::test]
async fn a_sensor_that_does_not_answer_costs_its_attempts_and_the_session_goes_on() {
    let mut bmc = Bmc::new();
    bmc.sensors.extend([((0, 5), 24), ((0, 6), 45)]);
    // The BMC drops the request for one sensor, each time.
    bmc.silent_about.insert(6);
    let address = serve(bmc);
    let options = Options { timeout: Duration::from_secs(3), retries: 2, ..Options::default() };
    let mut session = open(address, &options).await.unwrap();

    tokio::time::pause();
    let began = Instant::now();
    let error = session.sensor_reading(sensor(6)).await.unwrap_err();
    assert_eq!(error, CommandError::Timeout);
    // Each of the three waits ends at a whole millisecond.
    assert_eq!(began.elapsed().as_secs(), 3 * 3);
    assert_eq!(session.counters().retries, 2);

    tokio::time::resume();
    assert_eq!(session.sensor_reading(sensor(5)).await.unwrap().value, 24);
    session.close().await;
}
