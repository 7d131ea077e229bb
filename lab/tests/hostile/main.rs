//! 100,000 polls by `ipmi-lan`'s driver over the worst of networks: no wrong value, and at the end no session.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod proxy;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipmi_lan::{CommandError, Counters, Credentials, Options, Password, SensorId, Session};
use rand::RngExt as _;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::sleep;
use turbulence_lab::testbmc::fleet::Fleet;
use turbulence_lab::testbmc::{Machine, Quirks, TestBmc, server};

use proxy::Weather;

const BMCS: u8 = 125;
const POLLS: u32 = 800;

/// How long a BMC keeps a session whose Close Session was lost, and for how many it has room. Real
/// ones wait a minute and have room for four, which would make this a test of patience.
const SESSION_TIMEOUT: Duration = Duration::from_secs(5);
const SESSIONS: usize = 32;

const WEATHER: Weather = Weather {
    drop: 0.2,
    duplicate: 0.1,
    corrupt: 0.02,
    delay: Duration::from_millis(10),
    late: (0.1, Duration::from_secs(2)),
};

/// Sensors that are asked: those of the rack server that have a number.
const SENSORS: [u8; 14] = [1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 32, 33, 34];

fn address(bmc: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 46, 0, bmc)
}

/// The raw value of a sensor, another one for each sensor of a BMC.
fn raw(bmc: u8, place: u8) -> u8 {
    place * 18 + bmc % 18
}

fn fleet() -> Fleet {
    let (session_timeout, session_limit) = (SESSION_TIMEOUT, SESSIONS);
    let machine = Arc::new(Machine { session_timeout, session_limit, ..server::rack_server() });
    let bmcs = (0..BMCS).map(|bmc| {
        let mut machine = TestBmc::new(Arc::clone(&machine), Quirks::default(), u64::from(bmc));
        for (place, number) in (0..).zip(SENSORS) {
            machine.set_value(0, number, raw(bmc, place));
        }
        (address(bmc), machine)
    });
    Fleet::start(0, bmcs).unwrap()
}

fn credentials() -> Credentials {
    let password = Password::new("s3cretpass").unwrap();
    Credentials { user: "monitor".into(), password, k_g: None }
}

/// What polling one or more BMCs came to.
#[derive(Debug, Default)]
struct Tally {
    polls: u32,
    read: u32,
    wrong: u32,
    given_up: u32,
    sessions: u32,
    refused: u32,
    counters: Counters,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.polls += other.polls;
        self.read += other.read;
        self.wrong += other.wrong;
        self.given_up += other.given_up;
        self.sessions += other.sessions;
        self.refused += other.refused;
        self.counters = self.counters + other.counters;
    }
}

/// Polls sensors of one BMC at random, in as many sessions as it takes.
async fn poll(bmc: u8, target: SocketAddr) -> Tally {
    let options = Options { timeout: Duration::from_millis(50), ..Options::default() };
    let mut rng = SmallRng::seed_from_u64(u64::from(bmc));
    let mut tally = Tally::default();
    let mut kept = None;
    while tally.polls < POLLS {
        let mut session = if let Some(session) = kept.take() {
            session
        } else {
            // Nothing is wrong but the network, which may turn a bit of a log-in, too.
            let Ok(session) = Session::open(target, &credentials(), &options).await else {
                tally.refused += 1;
                assert!(tally.refused < POLLS, "log-ins of {target} keep failing");
                continue;
            };
            tally.sessions += 1;
            session
        };
        tally.polls += 1;
        let place = rng.random_range(0..14_u8);
        let id = SensorId { owner: 0x20, lun: 0, number: SENSORS[usize::from(place)] };
        // Some callers lose patience: their future is dropped, its answer is still under way.
        let patience = Duration::from_millis(if rng.random_bool(0.02) { 5 } else { 10_000 });
        match tokio::time::timeout(patience, session.sensor_reading(id)).await {
            Ok(Ok(reading)) => {
                tally.read += 1;
                tally.wrong += u32::from(reading.value != raw(bmc, place));
                kept = Some(session);
            }
            Ok(Err(CommandError::Timeout | CommandError::SessionLost)) => {
                tally.counters = tally.counters + session.counters();
            }
            Ok(Err(error)) => panic!("{id} of {target}: {error}"),
            Err(_) => {
                tally.given_up += 1;
                kept = Some(session);
            }
        }
    }
    if let Some(session) = kept {
        tally.counters = tally.counters + session.counters();
        session.close().await;
    }
    tally
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_reading_is_wrong_and_no_session_is_left() {
    let fleet = fleet();
    let mut networks = JoinSet::new();
    let mut polls = JoinSet::new();
    for bmc in 0..BMCS {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let target = socket.local_addr().unwrap();
        let upstream = SocketAddr::from((address(bmc), fleet.port()));
        networks.spawn(proxy::carry(Arc::new(socket), upstream, WEATHER, u64::from(bmc)));
        polls.spawn(poll(bmc, target));
    }
    let mut all = Tally::default();
    while let Some(tally) = polls.join_next().await {
        all.add(&tally.unwrap());
    }
    println!("RESULT hostile {all:?}");
    assert_eq!(all.polls, u32::from(BMCS) * POLLS, "100,000");
    assert_eq!(all.wrong, 0, "values of other sensors");
    // How many depends on how busy the machine is.
    assert!(all.read > all.polls / 5, "many polls succeed all the same");
    let Counters { retries, stale_replies, corrupt, .. } = all.counters;
    assert!(retries > 10_000 && stale_replies > 1_000 && corrupt > 1_000, "the network was bad");

    // Half the Close Session were lost. What is under way arrives, and the BMCs' patience ends.
    networks.shutdown().await;
    sleep(WEATHER.late.1 + SESSION_TIMEOUT).await;
    for bmc in 0..BMCS {
        // A BMC looks at its table when it is asked for something.
        let target = SocketAddr::from((address(bmc), fleet.port()));
        Session::open(target, &credentials(), &Options::default()).await.unwrap().close().await;
        let (open, counted) =
            fleet.with(address(bmc), |bmc| (bmc.open_sessions(), bmc.counters())).unwrap();
        assert_eq!((open, counted.refused_changes), (0, 0), "BMC {bmc}: {counted:?}");
        assert!(counted.closed > 1, "BMC {bmc}: {counted:?}");
    }
}
