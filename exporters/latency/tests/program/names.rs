//! A resolver on loopback that knows a few names.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{RData, Record, RecordType};
use peers::{DnsServer, answer_to};

/// What a name has, and how long the answer takes; `None` is silence, an empty list is NXDOMAIN.
type Zone = Vec<(&'static str, Option<Vec<IpAddr>>, Duration)>;

/// How a resolver is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Temper {
    /// As its names say.
    Well,
    /// Each answer takes so long.
    Slow(Duration),
    /// Each answer is this code.
    Says(ResponseCode),
    /// Nothing is said but of A.
    OnlyA,
    /// Nothing is said.
    Silent,
}

/// The resolver, which runs as long as the test process.
pub(crate) struct Names {
    pub(crate) address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
}

impl Names {
    pub(crate) fn serve() -> Self {
        Self::serve_at("127.0.0.1:0", Temper::Well)
    }

    /// The same, at this address.
    pub(crate) fn serve_at(address: &str, temper: Temper) -> Self {
        let zone = Arc::new(Mutex::new(Zone::new()));
        let shared = Arc::clone(&zone);
        let server = DnsServer::start_at(address, move |query| {
            let (mut answer, mut delay) = answer(query, &shared.lock().unwrap())?;
            match temper {
                Temper::Slow(slow) => delay = slow,
                Temper::Says(code) => {
                    answer.answers.clear();
                    answer.metadata.response_code = code;
                }
                Temper::OnlyA if query.queries[0].query_type() != RecordType::A => return None,
                Temper::Well | Temper::OnlyA => {}
                Temper::Silent => return None,
            }
            thread::sleep(delay);
            Some(answer)
        });
        Self { address: server.address, zone }
    }

    /// From now on the name has these addresses; none is NXDOMAIN.
    pub(crate) fn set(&self, name: &'static str, addresses: &[&str]) {
        self.slow(name, addresses, Duration::ZERO);
    }

    /// The same, but the answer takes so long.
    pub(crate) fn slow(&self, name: &'static str, addresses: &[&str], delay: Duration) {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        self.put(name, Some(addresses), delay);
    }

    /// From now on nothing is said of the name.
    pub(crate) fn silence(&self, name: &'static str) {
        self.put(name, None, Duration::ZERO);
    }

    fn put(&self, name: &'static str, addresses: Option<Vec<IpAddr>>, delay: Duration) {
        let mut zone = self.zone.lock().unwrap();
        zone.retain(|(known, ..)| *known != name);
        zone.push((name, addresses, delay));
    }
}

fn answer(query: &Message, zone: &Zone) -> Option<(Message, Duration)> {
    let question = query.queries.first().unwrap();
    let name = question.name().to_ascii();
    let nothing = ("", Some(Vec::new()), Duration::ZERO);
    let known = zone.iter().find(|(known, ..)| name.trim_end_matches('.') == *known);
    let (_, addresses, delay) = known.unwrap_or(&nothing);
    let addresses = addresses.as_ref()?;
    let code = if addresses.is_empty() { ResponseCode::NXDomain } else { ResponseCode::NoError };
    let mut answer = answer_to(query, code);
    for address in addresses {
        let data = RData::from(*address);
        if data.record_type() == question.query_type() {
            answer.add_answer(Record::from_rdata(question.name().clone(), 1, data));
        }
    }
    Some((answer, *delay))
}
