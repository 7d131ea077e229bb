//! A server that cannot bear EDNS.

use super::*;

/// A server of 1986: whatever has a record in its additional section it does not understand, or does not answer at
/// all. False if the address is taken.
fn averse(address: SocketAddr, is_silent: bool) -> bool {
    let Ok(socket) = UdpSocket::bind(address) else { return false };
    std::thread::spawn(move || {
        let mut bytes = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut bytes) {
            let query = Message::from_vec(&bytes[..length]).unwrap();
            let mut reply = Message::response(query.metadata.id, OpCode::Query);
            if query.edns.is_some() {
                if is_silent {
                    continue;
                }
                reply.metadata.response_code = ResponseCode::FormErr;
            } else {
                let question = query.queries[0].clone();
                reply.metadata.authoritative = true;
                let name = |text: &str| Name::from_ascii(text).unwrap();
                let soa = SOA::new(name("ns."), name("host."), 77, 1, 1, 1, 1);
                if question.query_type() == RecordType::SOA {
                    let owner = question.name().clone();
                    reply.add_answer(Record::from_rdata(owner, 60, RData::SOA(soa)));
                }
                reply.add_query(question);
            }
            let _ = socket.send_to(&reply.to_vec().unwrap(), from);
        }
    });
    true
}

#[test]
fn a_server_that_cannot_bear_edns_is_asked_without_it() {
    let is_free = |port: &u16| averse(at(31, *port), false) && averse(at(32, *port), true);
    let port = std::iter::repeat_with(free_port).find(is_free).unwrap();
    let config = format!(
        "vantage: {{ name: fra, region: EMEA }}
zones:
  messenger.example:
    interval: 10s
    timeout: 500ms
    servers: ['127.0.53.31:{port}', '127.0.53.32:{port}']
"
    );
    let (_folder, program) = start(&config);
    program.wait_until_ready();
    let metrics = program.metrics();
    for last in [31, 32] {
        let serial = format!(
            "dns_auth_soa_serial{{address=\"127.0.53.{last}\",server=\"127.0.53.{last}\",zone=\"{MESSENGER}\"}}"
        );
        assert_eq!(metrics.value(&serial), 77.0);
    }
}
