//! Any datagrams in a log-in and in an open session: a BMC of the test suite answers truly, and
//! between its answers comes what the fuzzer makes, as it is, or sealed as if the BMC had said it.
#![no_main]

use std::time::Duration;

use ipmi_lan::command::{Command, SensorQuery};
use ipmi_lan::connection::{Connection, Event};
use ipmi_lan::{Credentials, Options, Password, SensorId};
use libfuzzer_sys::fuzz_target;

#[allow(clippy::unwrap_used, reason = "the tests' own BMC")]
#[path = "../../tests/bmc/responder.rs"]
mod responder;
use responder::Bmc;

fuzz_target!(|data: &[u8]| {
    let password = Password::new("s3cretpass").expect("it is short");
    let credentials = Credentials { user: "monitor".into(), password, k_g: None };
    let options = Options { bridge_sensors: true, ..Options::default() };
    let mut bmc = Bmc::new();
    bmc.sensors.insert((0, 5), 24);
    bmc.behind.insert((0, 0x2C, 0, 5), 42);
    let mut now = Duration::ZERO;
    let mut connection = Connection::new(now, &credentials, &options, [7; 32]);
    let own = SensorId { owner: 0x20, lun: 0, number: 5 };
    let theirs = SensorId { owner: 0x2C, ..own };
    let commands = [
        Command::SensorReading(own),
        Command::Bridged { channel: 0, id: theirs, query: SensorQuery::Reading },
    ];
    // Pieces begin with their length and with how they come.
    let mut rest = data;
    let mut turn = 0;
    for _ in 0..64 {
        if let [length, how, tail @ ..] = rest {
            let (piece, tail) = tail.split_at(usize::from(*length).min(tail.len()));
            rest = tail;
            if how % 2 == 0 {
                connection.datagram_received(now, piece);
            } else if let Some(packet) = bmc.seal(piece) {
                connection.datagram_received(now, &packet);
            }
        }
        while let Some(datagram) = connection.next_datagram() {
            let answer = bmc.receive(now, &datagram);
            for answer in answer.into_iter().chain(bmc.more.drain(..)) {
                connection.datagram_received(now, &answer);
            }
        }
        match connection.next_event() {
            Some(Event::OpenFailed(_) | Event::Closed) => break,
            Some(Event::Opened | Event::Reply(..)) => {
                connection.request(now, commands[turn % 2]);
                turn += 1;
            }
            None => {
                let Some(deadline) = connection.deadline() else { break };
                now = deadline;
                connection.time_passed(now);
            }
        }
    }
});
