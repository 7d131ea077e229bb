//! A network that drops, delays, duplicates, reorders and corrupts, in virtual time: whatever it
//! does, a sensor's value is the sensor's.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::time::Duration;

use ipmi_lan::command::Command;
use ipmi_lan::connection::{Connection, Event};
use ipmi_lan::{CommandError, Counters, Credentials, Options, Password, SensorId, SessionError};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

#[path = "bmc/responder.rs"]
mod responder;
use responder::Bmc;

/// Where a datagram goes.
#[derive(Debug)]
enum To {
    Bmc,
    Client,
}

/// How bad the network is; probabilities of each datagram on each way.
struct Weather {
    drop: f64,
    duplicate: f64,
    corrupt: f64,
    /// A datagram takes up to this long.
    delay: Duration,
    /// And with this probability up to this long.
    late: (f64, Duration),
}

struct Network {
    weather: Weather,
    rng: StdRng,
    /// In order of arrival.
    under_way: BTreeMap<(Duration, u64), (To, Vec<u8>)>,
    count: u64,
}

impl Network {
    fn new(weather: Weather, seed: u64) -> Network {
        let rng = StdRng::seed_from_u64(seed);
        Network { weather, rng, under_way: BTreeMap::new(), count: 0 }
    }

    fn send(&mut self, now: Duration, to: &To, datagram: &[u8]) {
        let copies = 1 + u32::from(self.rng.random_bool(self.weather.duplicate));
        for _ in 0..copies {
            if self.rng.random_bool(self.weather.drop) {
                continue;
            }
            let mut datagram = datagram.to_vec();
            if self.rng.random_bool(self.weather.corrupt) {
                let bit = self.rng.random_range(0..datagram.len() * 8);
                datagram[bit / 8] ^= 1 << (bit % 8);
            }
            let (chance, late) = self.weather.late;
            let limit = if self.rng.random_bool(chance) { late } else { self.weather.delay };
            let delay = limit.mul_f64(self.rng.random());
            self.count += 1;
            let to = match to {
                To::Bmc => To::Bmc,
                To::Client => To::Client,
            };
            self.under_way.insert((now + delay, self.count), (to, datagram));
        }
    }

    /// The next arrival not after `deadline`.
    fn next(&mut self, deadline: Duration) -> Option<(Duration, To, Vec<u8>)> {
        let arrival = self.under_way.first_entry().filter(|entry| entry.key().0 <= deadline)?;
        let ((at, _), (to, datagram)) = arrival.remove_entry();
        Some((at, to, datagram))
    }
}

/// A client, a BMC, and the network between.
struct World {
    network: Network,
    bmc: Bmc,
    now: Duration,
    credentials: Credentials,
    options: Options,
    seed: u8,
    /// Counters of the connections that ended.
    ended: Counters,
}

impl World {
    fn new(weather: Weather, suites: Vec<u8>, seed: u8) -> World {
        let mut bmc = Bmc { suites, session_limit: 64, ..Bmc::new() };
        // Every sensor has its own value: one that comes from another sensor is seen.
        bmc.sensors.extend((0..=255).map(|number| ((0, number), number ^ 0x5A)));
        World {
            network: Network::new(weather, u64::from(seed)),
            bmc,
            now: Duration::ZERO,
            credentials: Credentials {
                user: "monitor".into(),
                password: Password::new("s3cretpass").unwrap(),
                k_g: None,
            },
            options: Options::default(),
            seed,
            ended: Counters::default(),
        }
    }

    /// Lets things happen until the connection has an event. What an earlier connection left
    /// under way arrives at the present one, as if they had used the same port.
    fn run(&mut self, connection: &mut Connection) -> Event {
        loop {
            while let Some(datagram) = connection.next_datagram() {
                self.network.send(self.now, &To::Bmc, &datagram);
            }
            if let Some(event) = connection.next_event() {
                return event;
            }
            let deadline = connection.deadline().expect("something is awaited");
            match self.network.next(deadline) {
                Some((at, To::Bmc, datagram)) => {
                    self.now = at;
                    if let Some(answer) = self.bmc.receive(at, &datagram) {
                        self.network.send(at, &To::Client, &answer);
                    }
                }
                Some((at, To::Client, datagram)) => {
                    self.now = at;
                    connection.datagram_received(at, &datagram);
                }
                None => {
                    self.now = deadline;
                    connection.time_passed(deadline);
                }
            }
        }
    }

    fn open(&mut self) -> Connection {
        loop {
            self.seed = self.seed.wrapping_add(1);
            let entropy = [self.seed; 32];
            let mut connection =
                Connection::new(self.now, &self.credentials, &self.options, entropy);
            match self.run(&mut connection) {
                Event::Opened => return connection,
                Event::OpenFailed(error) => {
                    // Nothing but the network is wrong. A log-in is not protected yet, so only a
                    // changed bit, which UDP's own checksum would catch, may look like more.
                    let corrupt = self.network.weather.corrupt > 0.0;
                    let network =
                        [SessionError::NoAnswer, SessionError::Slow, SessionError::Protocol];
                    assert!(corrupt || network.contains(&error), "{error:?}");
                    self.end(connection);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn end(&mut self, mut connection: Connection) {
        for datagram in connection.farewell() {
            self.network.send(self.now, &To::Bmc, &datagram);
        }
        self.ended = self.ended + connection.counters();
    }

    /// What is still under way to the BMC arrives.
    fn settle(&mut self) {
        while let Some((at, to, datagram)) = self.network.next(Duration::MAX) {
            self.now = self.now.max(at);
            if let To::Bmc = to {
                self.bmc.receive(self.now, &datagram);
            }
        }
    }

    /// Reads `polls` sensors and gives how many were read; panics at the first wrong value.
    fn poll(&mut self, polls: u32) -> u32 {
        let mut connection = self.open();
        let mut read = 0;
        for _ in 0..polls {
            let number: u8 = self.network.rng.random();
            let id = SensorId { owner: 0x20, lun: 0, number };
            connection.request(self.now, Command::SensorReading(id));
            // Some requests are given up early, as when a caller loses patience.
            if self.network.rng.random_bool(0.02) {
                continue;
            }
            match self.run(&mut connection) {
                Event::Reply(Command::SensorReading(answered), Ok(data)) => {
                    assert_eq!(answered, id);
                    assert_eq!(data, [number ^ 0x5A, 0xC0, 0xC0], "WRONG VALUE for {id}");
                    read += 1;
                }
                Event::Reply(_, Err(error)) => {
                    assert!(matches!(error, CommandError::Timeout | CommandError::SessionLost));
                    self.end(connection);
                    connection = self.open();
                }
                other => panic!("{other:?}"),
            }
        }
        connection.close(self.now);
        assert_eq!(self.run(&mut connection), Event::Closed);
        self.end(connection);
        read
    }
}

#[test]
fn no_value_ever_comes_from_another_sensor() {
    for (seed, suite, corrupt) in [(1, 3, 0.0), (2, 17, 0.0), (3, 3, 0.02), (4, 17, 0.02)] {
        let weather = Weather {
            drop: 0.2,
            duplicate: 0.1,
            corrupt,
            delay: Duration::from_millis(50),
            late: (0.1, Duration::from_secs(2)),
        };
        let mut world = World::new(weather, vec![suite], seed);
        let read = world.poll(25_000);
        let counters = world.ended;
        println!("suite {suite}: {read} of 25000 read; {counters:?}");
        assert!(read > 22_500, "{read} readings");
        assert!(counters.stale_replies > 5_000, "{counters:?}");
        assert_eq!(counters.corrupt > 0, corrupt > 0.0, "{counters:?}");
        // Whatever was half open or whose Close Session was lost is forgotten after a minute.
        world.settle();
        assert_eq!(world.bmc.sessions(world.now + Duration::from_secs(61)), 0);
        let (opened, forgotten) = (world.bmc.opened, world.bmc.forgotten);
        println!("{opened} sessions, {forgotten} of them ended by the BMC's patience");
        assert!(forgotten * 2 < opened, "most Close Session arrive");
    }
}

#[test]
fn every_session_is_closed_if_nothing_is_lost() {
    let weather = Weather {
        drop: 0.0,
        duplicate: 0.2,
        corrupt: 0.0,
        delay: Duration::from_millis(50),
        late: (0.1, Duration::from_secs(4)),
    };
    let mut world = World::new(weather, vec![17], 5);
    for _ in 0..100 {
        world.poll(50);
        world.settle();
        let open = world.bmc.sessions.values().filter(|session| session.is_open()).count();
        assert_eq!((open, world.bmc.forgotten), (0, 0));
    }
    println!("{} sessions", world.bmc.opened);
    assert!(world.bmc.opened > 100, "some were renewed");
}

#[test]
fn a_bmc_that_is_always_too_late_for_one_attempt_is_still_read_right() {
    let weather = Weather {
        drop: 0.0,
        duplicate: 0.0,
        corrupt: 0.0,
        delay: Duration::from_millis(1_400),
        late: (0.0, Duration::ZERO),
    };
    let mut world = World::new(weather, vec![3], 3);
    let read = world.poll(2_000);
    println!("{read} of 2000 read; {:?}", world.ended);
    assert!(read > 1_900, "{read} readings");
}

#[test]
fn a_good_network_needs_one_session_and_no_retry() {
    let weather = Weather {
        drop: 0.0,
        duplicate: 0.0,
        corrupt: 0.0,
        delay: Duration::from_millis(5),
        late: (0.0, Duration::ZERO),
    };
    let mut world = World::new(weather, vec![17], 4);
    world.network.rng = StdRng::seed_from_u64(9);
    let mut connection = world.open();
    for round in 0..1_000_u32 {
        let number = u8::try_from(round % 256).unwrap();
        let id = SensorId { owner: 0x20, lun: 0, number };
        connection.request(world.now, Command::SensorReading(id));
        let reply = Ok(vec![number ^ 0x5A, 0xC0, 0xC0]);
        assert_eq!(world.run(&mut connection), Event::Reply(Command::SensorReading(id), reply));
    }
    let counters = connection.counters();
    assert_eq!((counters.retries, counters.stale_replies), (0, 0));
    assert_eq!(counters.sent, 1_004, "four messages of the log-in and one a reading");
}
