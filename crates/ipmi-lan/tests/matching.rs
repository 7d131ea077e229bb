//! Each thing that a reply is matched by is needed: a true reply that differs in nothing else, or
//! comes at another time, is not taken for the request in hand.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use ipmi_lan::command::{Command, SensorQuery};
use ipmi_lan::connection::{Connection, Event};
use ipmi_lan::{CommandError, Credentials, Options, Password, SensorId};

#[path = "bmc/responder.rs"]
mod responder;
use responder::Bmc;

const OWN: SensorId = SensorId { owner: 0x20, lun: 0, number: 5 };
const BRIDGED: Command = Command::Bridged {
    channel: 0,
    id: SensorId { owner: 0x2C, ..OWN },
    query: SensorQuery::Reading,
};

struct World {
    bmc: Bmc,
    now: Duration,
    connection: Connection,
}

impl World {
    fn new(mut bmc: Bmc) -> World {
        bmc.sensors.extend((0..=255).map(|number| ((0, number), number ^ 0x5A)));
        bmc.behind.insert((0, 0x2C, 0, 5), 42);
        let connection = connection();
        let mut world = World { bmc, now: Duration::ZERO, connection };
        world.log_in();
        world
    }

    fn log_in(&mut self) {
        while self.connection.next_event() != Some(Event::Opened) {
            self.exchange();
        }
    }

    /// Answers to what the connection sends.
    fn answers(&mut self) -> Vec<Vec<u8>> {
        let mut answers = Vec::new();
        while let Some(datagram) = self.connection.next_datagram() {
            answers.extend(self.bmc.receive(self.now, &datagram));
            answers.append(&mut self.bmc.more);
        }
        answers
    }

    fn exchange(&mut self) {
        for answer in self.answers() {
            self.connection.datagram_received(self.now, &answer);
        }
    }

    fn time_out(&mut self) {
        self.now = self.connection.deadline().unwrap();
        self.connection.time_passed(self.now);
    }

    fn request(&mut self, command: Command) {
        self.connection.request(self.now, command);
    }

    fn reading(number: u8) -> Command {
        Command::SensorReading(SensorId { number, ..OWN })
    }

    fn expect(&mut self, command: Command, value: u8) {
        let reply = Event::Reply(command, Ok(vec![value, 0xC0, 0xC0]));
        assert_eq!(self.connection.next_event(), Some(reply));
    }

    /// Reads sensor `number` with nothing in the way.
    fn read(&mut self, number: u8) {
        self.request(World::reading(number));
        self.exchange();
        self.expect(World::reading(number), number ^ 0x5A);
    }
}

fn connection() -> Connection {
    let password = Password::new("s3cretpass").unwrap();
    let credentials = Credentials { user: "monitor".into(), password, k_g: None };
    let options = Options { bridge_sensors: true, ..Options::default() };
    Connection::new(Duration::ZERO, &credentials, &options, [3; 32])
}

#[test]
fn a_reply_that_differs_in_one_field_is_not_the_requests() {
    // The reply is rqAddr, netFn and rqLUN, checksum, rsAddr, rqSeq and rsLUN, command, ...
    let fields: [(&str, &[u8]); 6] = [
        ("network function", &[0, 0x08]),
        ("a request instead of a reply", &[0, 0x04]),
        ("LUN", &[0, 0, 0, 0, 0x01]),
        ("rqSeq, the next", &[0, 0, 0, 0, 0x04]),
        ("rqSeq, any other", &[0, 0, 0, 0, 0x80]),
        ("command", &[0, 0, 0, 0, 0, 0x02]),
    ];
    let commands = [(World::reading(5), 5 ^ 0x5A), (BRIDGED, 42)];
    for (field, bend) in fields {
        for (command, value) in commands {
            // The answer inside the reply to Send Message is not bent, but that reply is.
            let mut world = World::new(Bmc { answers_inside: true, ..Bmc::new() });
            world.request(command);
            world.bmc.bend = bend.to_vec();
            world.exchange();
            let bridged = command == BRIDGED;
            // The LUN of Send Message's reply says nothing about the controller's answer.
            if bridged && field == "LUN" {
                world.expect(command, value);
                continue;
            }
            assert_eq!(world.connection.next_event(), None, "{field}, {command:?}");
            assert!(world.connection.counters().stale_replies > 0, "{field}, {command:?}");
            world.time_out();
            world.exchange();
            world.expect(command, value);
        }
    }
}

#[test]
fn another_controllers_answer_is_not_the_requests() {
    for answers_inside in [false, true] {
        let mut world = World::new(Bmc { answers_inside, answers_as: Some(0x2E), ..Bmc::new() });
        world.request(BRIDGED);
        world.exchange();
        assert_eq!(world.connection.next_event(), None);
        world.bmc.answers_as = None;
        world.time_out();
        world.exchange();
        world.expect(BRIDGED, 42);
    }
}

/// After 64 requests the numbers of requests begin again: only the sequence number of its packet
/// tells that a reply was there before.
#[test]
fn a_reply_that_the_network_repeats_is_taken_once() {
    for gap in [1, 2, 31, 32, 33, 63, 64, 65, 128] {
        let mut world = World::new(Bmc::new());
        world.request(World::reading(1));
        let heard = world.answers();
        world.connection.datagram_received(world.now, &heard[0]);
        world.expect(World::reading(1), 1 ^ 0x5A);
        for number in 1..gap {
            world.read(number);
        }
        world.request(World::reading(0xC8));
        world.connection.datagram_received(world.now, &heard[0]);
        assert_eq!(world.connection.next_event(), None, "after {gap} requests");
        world.exchange();
        world.expect(World::reading(0xC8), 0xC8 ^ 0x5A);
    }
}

/// The BMC takes its time: its reply is genuine and new, and its request is long given up.
#[test]
fn a_reply_that_comes_after_any_number_of_other_requests_is_not_theirs() {
    for gap in (0..4).chain(58..68).chain(120..132) {
        let mut world = World::new(Bmc::new());
        world.request(World::reading(1));
        let mut slow = Vec::new();
        let timeout = loop {
            while let Some(datagram) = world.connection.next_datagram() {
                slow.push(datagram);
            }
            world.time_out();
            if let Some(event) = world.connection.next_event() {
                break event;
            }
        };
        assert_eq!(timeout, Event::Reply(World::reading(1), Err(CommandError::Timeout)));
        assert_eq!(slow.len(), 3);
        for _ in 0..gap {
            world.read(2);
        }
        world.request(World::reading(0xC8));
        let true_answers = world.answers();
        for datagram in slow {
            let late = world.bmc.receive(world.now, &datagram).unwrap();
            world.connection.datagram_received(world.now, &late);
        }
        assert_eq!(world.connection.next_event(), None, "after {gap} requests");
        assert_eq!(world.connection.counters().stale_replies, 3);
        world.connection.datagram_received(world.now, &true_answers[0]);
        world.expect(World::reading(0xC8), 0xC8 ^ 0x5A);
    }
}

/// The same console, the same session ID, even: the keys are others.
#[test]
fn a_reply_of_an_earlier_session_is_not_taken_in_a_later_one() {
    let mut world = World::new(Bmc::new());
    let mut heard = Vec::new();
    for number in 0..100 {
        world.request(World::reading(number));
        heard.extend(world.answers());
        world.connection.datagram_received(world.now, heard.last().unwrap());
        world.expect(World::reading(number), number ^ 0x5A);
    }
    world.connection = connection();
    world.log_in();
    for number in 100..200 {
        world.request(World::reading(number));
        for datagram in &heard {
            world.connection.datagram_received(world.now, datagram);
        }
        assert_eq!(world.connection.next_event(), None);
        world.exchange();
        world.expect(World::reading(number), number ^ 0x5A);
    }
    let counters = world.connection.counters();
    assert_eq!((counters.corrupt, counters.stale_replies), (10_000, 0), "{counters:?}");
}

#[test]
fn a_packet_for_another_session_is_foreign_whatever_its_seal() {
    let mut world = World::new(Bmc::new());
    world.request(World::reading(5));
    let answers = world.answers();
    // The BMC seals for another console's session under the same keys.
    let session = world.bmc.sessions.values_mut().next().unwrap();
    session.console_id ^= 1;
    world.connection.time_passed(world.connection.deadline().unwrap());
    world.exchange();
    assert_eq!(world.connection.next_event(), None);
    assert_eq!(world.connection.counters().foreign, 1);
    world.connection.datagram_received(world.now, &answers[0]);
    world.expect(World::reading(5), 5 ^ 0x5A);
}
