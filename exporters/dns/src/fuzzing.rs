//! What others send and write, as a fuzzer likes it: doors for `fuzz/`, which no program has.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_proto::rr::RecordType;

use crate::config::Config;
use crate::exchange::question::{Form, Question, Template};
use crate::pending::{Pending, Query};
use crate::resolvers::{self, Builder};

/// The types that are asked for, as a byte chooses them.
const KINDS: [RecordType; 8] = [
    RecordType::A,
    RecordType::AAAA,
    RecordType::CAA,
    RecordType::HTTPS,
    RecordType::MX,
    RecordType::SOA,
    RecordType::SVCB,
    RecordType::TXT,
];
/// The header of a message: id, flags, and four counts.
const HEADER: usize = 12;

/// Datagrams and a message over TCP, to a query that was sent: as they are, or behind the question that was asked.
pub fn reply(data: &[u8]) {
    let Some(([choice, is_bare, cut], rest)) = data.split_first_chunk() else { return };
    let name = "a.example".parse().expect("a constant");
    let kind = KINDS[usize::from(*choice) % KINDS.len()];
    let templates = [Template::new(&Question::recursive(name, kind))];
    let (peer, second) = (SocketAddr::from(([11, 0, 0, 1], 53)), Duration::from_secs(1));
    let mut pending = Pending::new(&templates, second * 2, 1);
    let index = pending.begin(Duration::ZERO, peer, 0, 7, 0, Form::default());
    let mut query = Vec::new();
    templates[0].write(7, 0, &mut query);
    // Its name, and type and class.
    query.truncate(HEADER + "a.example".len() + 2 + 4);
    let at = usize::from(*cut).min(rest.len());
    for part in [&rest[..at], &rest[at..]] {
        let datagram = match part.split_first_chunk::<8>() {
            Some((head, body)) if is_bare % 2 == 0 => {
                let mut datagram = query.clone();
                datagram[2..4].copy_from_slice(&head[..2]);
                datagram[2] |= 0x80;
                datagram[6..HEADER].copy_from_slice(&head[2..8]);
                datagram.extend_from_slice(body);
                datagram
            }
            _ => part.to_vec(),
        };
        let _ = pending.received(second, peer, &datagram);
        pending.whole(index, Some(&datagram));
    }
    pending.expire(second * 2);
    let outcomes = pending.into_queries().map(Query::into_outcome).count();
    assert_eq!(outcomes, 1, "one query has one outcome");
}

/// A list of resolvers.
pub fn list(data: &[u8]) {
    if let Ok(builder) = resolvers::parse(data, Builder::new(false, 53)) {
        let list = builder.finish();
        let countries = list.countries.len();
        assert!(list.resolvers.iter().all(|it| usize::from(it.country) < countries));
        assert!(list.resolvers.len() <= data.len());
    }
}

/// A config; what it names is not read.
pub fn config(data: &[u8]) {
    if let Ok(text) = str::from_utf8(data)
        && let Ok(config) = exporter_kit::config::parse::<Config>(text, "fuzz.yml")
    {
        let _ = (config.zone_plans(), config.ecs_plans(), config.interception_plans());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each seed as it is, and with what is wrong in one place: what the fuzzer begins with, in each run of the tests.
    #[test]
    fn seeds_and_what_is_near_them_end_nothing() {
        let runs: [fn(&[u8]); 3] = [reply, list, config];
        for (target, run) in ["reply", "list", "config"].into_iter().zip(runs) {
            let folder = format!("{}/fuzz/seeds/{target}", env!("CARGO_MANIFEST_DIR"));
            let mut count = 0;
            for seed in std::fs::read_dir(folder).unwrap() {
                let seed = std::fs::read(seed.unwrap().path()).unwrap();
                run(&seed);
                let step = 1 + seed.len() / 200;
                for at in (0..seed.len()).step_by(step) {
                    for byte in [0, 1, b'-', 0x7f, 0xc0, 0xff] {
                        let mut wrong = seed.clone();
                        wrong[at] = byte;
                        run(&wrong);
                    }
                    run(&seed[..at]);
                }
                count += 1;
            }
            assert!(count >= 2, "{target}");
        }
    }
}
