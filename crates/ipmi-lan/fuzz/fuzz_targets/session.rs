//! Datagrams in log-ins and open sessions: a BMC of the test suite answers truly, and the fuzzer
//! drops, keeps, repeats and damages what it says, or adds datagrams of its own. A value that comes
//! out is the sensor's, across sessions, too.
//!
//! Half of the inputs are about a BMC that knows the keys and lies: there, any value may come.
#![no_main]

use std::time::Duration;

use ipmi_lan::command::{Command, SensorQuery};
use ipmi_lan::connection::{Connection, Event};
use ipmi_lan::{CipherSuite, Credentials, Options, Password, Privilege, SensorId, Workaround};
use libfuzzer_sys::fuzz_target;

#[allow(clippy::unwrap_used, reason = "the tests' own BMC")]
#[path = "../../tests/bmc/responder.rs"]
mod responder;
use responder::{Bmc, put_checksums_right};

/// Sessions of one input; what was heard in one is repeated in the next.
const SESSIONS: u8 = 4;

/// More datagrams than any log-in takes: eleven steps (two suites, two lookups, two restarts), each
/// with two repetitions, and its farewells.
const LOGIN_DATAGRAMS: u64 = 48;

fuzz_target!(|data: &[u8]| {
    let [mode, pieces @ ..] = data else { return };
    World::new(*mode).run(pieces);
});

struct World {
    bmc: Bmc,
    now: Duration,
    credentials: Credentials,
    options: Options,
    /// The BMC's own answers may be lies.
    liar: bool,
    /// What the BMC ever said.
    heard: Vec<Vec<u8>>,
    /// What it said and the network keeps.
    kept: Vec<Vec<u8>>,
    session: u8,
    asked: u64,
}

impl World {
    fn new(mode: u8) -> World {
        let is = |bit: u8| mode & (1 << bit) != 0;
        let secret = |text: &str| Password::new(text).expect("it is short");
        let credentials = Credentials {
            user: "monitor".into(),
            password: secret("s3cretpass"),
            k_g: is(1).then(|| secret("key")),
        };
        let options = Options {
            bridge_sensors: true,
            suites: vec![if is(2) { CipherSuite::Suite3 } else { CipherSuite::Suite17 }],
            privilege: if is(3) { Privilege::Operator } else { Privilege::User },
            workarounds: if is(4) { vec![Workaround::NoChecksumCheck] } else { Vec::new() },
            ..Options::default()
        };
        let mut bmc = Bmc { session_limit: 64, answers_inside: is(5), ..Bmc::new() };
        bmc.k_g = is(1).then(|| b"key".to_vec());
        for command in commands() {
            let [value, ..] = truth(command);
            match command {
                Command::SensorReading(id) => {
                    bmc.sensors.insert((id.lun, id.number), value);
                }
                Command::Bridged { channel, id, .. } => {
                    bmc.behind.insert((channel, id.owner, id.lun, id.number), value);
                }
                _ => {}
            }
        }
        let (heard, kept) = (Vec::new(), Vec::new());
        let now = Duration::ZERO;
        World { bmc, now, credentials, options, liar: is(0), heard, kept, session: 0, asked: 0 }
    }

    /// Pieces begin with how many bytes they have and with what becomes of them.
    fn run(&mut self, mut pieces: &[u8]) {
        while self.session < SESSIONS {
            let mut connection = self.open();
            while let [length, how, rest @ ..] = pieces {
                let (piece, rest) = rest.split_at(usize::from(*length).min(rest.len()));
                pieces = rest;
                if !self.turn(&mut connection, *how, piece) {
                    break;
                }
            }
            if pieces.len() < 2 {
                return self.close(connection);
            }
        }
    }

    fn open(&mut self) -> Connection {
        self.session += 1;
        self.asked = 0;
        let entropy = [self.session; 32];
        Connection::new(self.now, &self.credentials, &self.options, entropy)
    }

    /// What the client sends is answered, and the answers come as `how` says. Then what happened is
    /// looked at; `false` at the end of the connection.
    fn turn(&mut self, connection: &mut Connection, how: u8, piece: &[u8]) -> bool {
        let which = usize::from(how >> 3);
        if self.liar && how & 7 == 7 {
            self.bmc.bend = piece.to_vec();
        }
        let mut answers = Vec::new();
        while let Some(datagram) = connection.next_datagram() {
            let answer = self.bmc.receive(self.now, &datagram);
            answers.extend(answer.into_iter().chain(self.bmc.more.drain(..)));
        }
        self.heard.extend(answers.iter().cloned());
        match how & 7 {
            1 => self.kept.append(&mut answers),
            2 if which % 2 == 0 => answers.clear(),
            2 => answers.reverse(),
            3 => answers = [answers.clone(), answers].concat(),
            4 => {
                for answer in &mut answers {
                    let place = which * 2;
                    let target = answer.iter_mut().skip(place);
                    target.zip(piece).for_each(|(byte, other)| *byte ^= other);
                }
            }
            5 if !self.heard.is_empty() => {
                answers
                    .insert(0, self.heard[self.heard.len() - 1 - which % self.heard.len()].clone());
            }
            6 if !self.kept.is_empty() => {
                answers.insert(0, self.kept.remove(which % self.kept.len()))
            }
            0 if self.liar => {
                let mut message = piece.to_vec();
                if which % 2 == 0 {
                    put_checksums_right(&mut message);
                }
                answers.extend(self.bmc.seal(&message));
            }
            0 => answers.push(piece.to_vec()),
            _ => {}
        }
        for answer in answers {
            connection.datagram_received(self.now, &answer);
        }
        self.happened(connection, which)
    }

    fn happened(&mut self, connection: &mut Connection, which: usize) -> bool {
        let mut goes_on = true;
        let mut idle = connection.deadline().is_none();
        while let Some(event) = connection.next_event() {
            match event {
                Event::OpenFailed(_) | Event::Closed => goes_on = false,
                Event::Opened => idle = true,
                Event::Reply(command, result) => {
                    idle = true;
                    if let (Ok(data), false) = (result, self.liar) {
                        assert_eq!(data, truth(command), "WRONG VALUE for {command:?}");
                    }
                }
            }
        }
        assert!(connection.counters().sent <= LOGIN_DATAGRAMS + 3 * self.asked, "a flood");
        if !goes_on || connection.is_worn() {
            return false;
        }
        if idle {
            let commands = commands();
            connection.request(self.now, commands[which % commands.len()]);
            self.asked += 1;
        } else if let Some(deadline) = connection.deadline() {
            // A second passes only if no reply is there.
            self.now = deadline;
            connection.time_passed(self.now);
        }
        true
    }

    /// Every connection ends, and with an honest BMC no session is left.
    fn close(&mut self, mut connection: Connection) {
        connection.close(self.now);
        self.asked += 1;
        for _ in 0..8 {
            while let Some(datagram) = connection.next_datagram() {
                if let Some(answer) = self.bmc.receive(self.now, &datagram) {
                    connection.datagram_received(self.now, &answer);
                }
            }
            while let Some(event) = connection.next_event() {
                if matches!(event, Event::Closed | Event::OpenFailed(_)) {
                    assert_eq!(connection.deadline(), None);
                    return;
                }
            }
            if let Some(deadline) = connection.deadline() {
                self.now = deadline;
                connection.time_passed(self.now);
            }
        }
        panic!("the connection does not end");
    }
}

/// Sensors of one number: on two LUNs of the BMC, and of two other controllers.
fn commands() -> [Command; 5] {
    let own = SensorId { owner: 0x20, lun: 0, number: 5 };
    let query = SensorQuery::Reading;
    let behind = |owner| Command::Bridged { channel: 0, id: SensorId { owner, ..own }, query };
    [
        Command::SensorReading(own),
        behind(0x2C),
        Command::SensorReading(SensorId { lun: 1, ..own }),
        behind(0x2E),
        Command::SensorReading(SensorId { number: 6, ..own }),
    ]
}

/// What a reading of a sensor is: no two are the same.
fn truth(command: Command) -> [u8; 3] {
    let value = match command {
        Command::SensorReading(id) => 10 + 40 * id.lun + id.number,
        Command::Bridged { id, .. } => id.owner,
        _ => 0,
    };
    [value, 0xC0, 0xC0]
}
