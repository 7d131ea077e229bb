//! The DNS of the simulated world: what the resolver beside each vantage answers.

use std::collections::BTreeMap;
use std::net::{IpAddr, UdpSocket as StdSocket};
use std::sync::Arc;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::PTR;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use crate::wan::Topology;

/// Short, so that nothing that a replay changes stays in a cache.
const TTL_SECONDS: u32 = 5;
const LARGEST_QUESTION: usize = 4096;

/// The names of a world, forward and reverse.
#[derive(Debug, Default)]
pub(super) struct Names {
    addresses: BTreeMap<Name, Vec<IpAddr>>,
    pointers: BTreeMap<Name, Name>,
}

impl Names {
    pub(super) fn of(world: &Topology) -> anyhow::Result<Self> {
        let mut names = Self::default();
        for (name, address) in world.names() {
            names.addresses.entry(lookup_key(name)?).or_default().push(address);
        }
        for router in world.routers() {
            let own = [router.v4.map(IpAddr::from), router.v6.map(IpAddr::from)];
            for address in own.into_iter().flatten() {
                names
                    .pointers
                    .insert(Name::from(address).to_lowercase(), lookup_key(&router.name)?);
            }
        }
        Ok(names)
    }

    /// The answer to a question, as octets; nothing when it is no question at all.
    pub(super) fn answer(&self, question: &[u8]) -> Option<Vec<u8>> {
        let question = Message::from_vec(question).ok()?;
        if question.metadata.message_type != MessageType::Query {
            return None;
        }
        let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
        answer.metadata.recursion_desired = question.metadata.recursion_desired;
        answer.metadata.recursion_available = true;
        match (question.metadata.op_code, &question.queries[..]) {
            (OpCode::Query, [query]) => {
                match self.records(query) {
                    Some(records) => {
                        answer.add_answers(records);
                    }
                    None => answer.metadata.response_code = ResponseCode::NXDomain,
                }
                answer.add_query(query.clone());
            }
            _ => answer.metadata.response_code = ResponseCode::NotImp,
        }
        answer.to_vec().ok()
    }

    /// The records of that name and type, perhaps none; nothing when there is no such name.
    fn records(&self, query: &Query) -> Option<Vec<Record>> {
        let key = query.name().to_lowercase();
        let record = |data| Record::from_rdata(query.name().clone(), TTL_SECONDS, data);
        if let Some(host) = self.pointers.get(&key) {
            let pointer = RData::PTR(PTR(host.clone()));
            return Some(if query.query_type() == RecordType::PTR {
                vec![record(pointer)]
            } else {
                Vec::new()
            });
        }
        let addresses = self.addresses.get(&key)?.iter().copied().map(RData::from);
        let wanted = addresses.filter(|data| data.record_type() == query.query_type());
        Some(wanted.map(record).collect())
    }
}

fn lookup_key(name: &str) -> anyhow::Result<Name> {
    let mut name = Name::from_utf8(name)?.to_lowercase();
    name.set_fqdn(true);
    Ok(name)
}

/// Answers on a socket until aborted.
pub(super) fn serve(socket: StdSocket, names: Arc<Names>) -> anyhow::Result<JoinHandle<()>> {
    let socket = UdpSocket::from_std(socket)?;
    let task = tokio::spawn(async move {
        let mut question = [0; LARGEST_QUESTION];
        loop {
            // An error belongs to an earlier answer (its port is closed), not to the socket.
            let Ok((length, client)) = socket.recv_from(&mut question).await else { continue };
            if let Some(answer) = names.answer(&question[..length]) {
                let _ = socket.send_to(&answer, client).await;
            }
        }
    });
    Ok(task)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wan::default_world;

    fn ask(name: &str, kind: RecordType) -> Message {
        let mut question = Message::query();
        question.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
        let names = Names::of(&default_world()).unwrap();
        Message::from_vec(&names.answer(&question.to_vec().unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn a_service_has_its_address_in_any_spelling() {
        for name in ["api.messenger.example.", "API.Messenger.EXAMPLE."] {
            let answer = ask(name, RecordType::A);
            assert_eq!(answer.metadata.response_code, ResponseCode::NoError);
            assert_eq!(answer.answers[0].data, RData::A("203.0.113.220".parse().unwrap()));
        }
    }

    #[test]
    fn another_type_is_nodata_and_another_name_is_nxdomain() {
        let answer = ask("shop.example.", RecordType::AAAA);
        assert_eq!(answer.metadata.response_code, ResponseCode::NoError);
        assert!(answer.answers.is_empty());
        let answer = ask("nothing.example.", RecordType::A);
        assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain);
    }

    #[test]
    fn a_router_says_where_it_is() {
        let answer = ask("129.100.51.198.in-addr.arpa.", RecordType::PTR);
        let name = answer.answers[0].data.to_string();
        assert_eq!(name, "et3-1-2.amster1.ams.seabone.example.");
    }

    #[test]
    fn what_is_no_question_gets_no_answer() {
        let names = Names::of(&default_world()).unwrap();
        assert_eq!(names.answer(&[0; 3]), None);
        let answer = ask("shop.example.", RecordType::A).to_vec().unwrap();
        assert_eq!(names.answer(&answer), None);
    }
}
