//! A name server that says what a test wants it to say, by UDP and by TCP.
//!
//! It answers whole messages. What is hostile by its bytes (cut, forged, from elsewhere) tests send themselves.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use hickory_proto::op::{Message, Query, ResponseCode};

/// What is said to a question; nothing for silence. It may take its time: each question has a thread of its own.
type Says = Arc<dyn Fn(&Message) -> Option<Message> + Send + Sync>;

/// The server, which runs as long as the test process.
#[derive(Clone, Debug)]
pub struct DnsServer {
    /// Where it listens, by UDP and TCP.
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Query>>>,
}

impl DnsServer {
    /// Starts one on a free port of loopback.
    pub fn start(says: impl Fn(&Message) -> Option<Message> + Send + Sync + 'static) -> Self {
        Self::start_at("127.0.0.1:0", says)
    }

    /// The same at this address.
    pub fn start_at(
        address: &str,
        says: impl Fn(&Message) -> Option<Message> + Send + Sync + 'static,
    ) -> Self {
        let says: Says = Arc::new(says);
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind(address).expect("an address of loopback");
            // Where both are free.
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().expect("it is bound")) {
                break (Arc::new(udp), tcp);
            }
        };
        let address = udp.local_addr().expect("it is bound");
        let server = Self { address, asked: Arc::default() };
        let (by_udp, says_by_udp) = (server.clone(), Arc::clone(&says));
        thread::spawn(move || by_udp.serve_datagrams(&udp, &says_by_udp));
        let by_tcp = server.clone();
        thread::spawn(move || {
            for stream in tcp.incoming().flatten() {
                let (one, says) = (by_tcp.clone(), Arc::clone(&says));
                thread::spawn(move || while one.serve_stream(&stream, &says).is_some() {});
            }
        });
        server
    }

    /// What it was asked, one question a message.
    pub fn asked(&self) -> Vec<Query> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn serve_datagrams(&self, socket: &Arc<UdpSocket>, says: &Says) {
        let mut bytes = [0; 4096];
        loop {
            // What an earlier answer met (a closed port) is told here.
            let Ok((length, from)) = socket.recv_from(&mut bytes) else { continue };
            let Some(question) = self.question(&bytes[..length]) else { continue };
            let (socket, says) = (Arc::clone(socket), Arc::clone(says));
            thread::spawn(move || {
                if let Some(answer) = says(&question) {
                    // Whoever has gone needs none.
                    let _ = socket.send_to(&answer.to_vec().expect("a message"), from);
                }
            });
        }
    }

    fn serve_stream(&self, stream: impl Read + Write, says: &Says) -> Option<()> {
        let answer = |bytes: &[u8]| says(&self.question(bytes)?);
        reply(stream, answer)
    }

    fn question(&self, bytes: &[u8]) -> Option<Message> {
        let message = Message::from_vec(bytes).ok()?;
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.extend(message.queries.first().cloned());
        Some(message)
    }
}

/// Answers one question of a stream (RFC 1035 section 4.2.2), of TLS as well. Nothing where none came, or none is said.
pub fn reply(
    mut stream: impl Read + Write,
    says: impl FnOnce(&[u8]) -> Option<Message>,
) -> Option<()> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).ok()?;
    let mut bytes = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut bytes).ok()?;
    let answer = says(&bytes)?.to_vec().expect("a message");
    let length = u16::try_from(answer.len()).expect("a message fits a stream");
    stream.write_all(&[&length.to_be_bytes(), &*answer].concat()).ok()?;
    stream.flush().ok()
}

/// An answer to a question, with that code and no records yet.
pub fn answer_to(question: &Message, code: ResponseCode) -> Message {
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    answer.metadata.recursion_desired = question.metadata.recursion_desired;
    answer.metadata.recursion_available = true;
    answer.metadata.response_code = code;
    answer.queries.clone_from(&question.queries);
    answer
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::time::Duration;

    use hickory_proto::op::{MessageType, OpCode};
    use hickory_proto::rr::{Name, RecordType};

    use super::*;

    #[test]
    fn a_question_is_answered_by_either_way_and_counted() {
        let silent = Name::from_ascii("silent.example.").unwrap();
        let quiet = silent.clone();
        let server = DnsServer::start(move |question| {
            let is_silent = *question.queries[0].name() == quiet;
            (!is_silent).then(|| answer_to(question, ResponseCode::NXDomain))
        });
        let question = |name: Name| {
            let mut question = Message::new(7, MessageType::Query, OpCode::Query);
            question.add_query(Query::query(name, RecordType::A));
            question.to_vec().unwrap()
        };
        let is_answer = |bytes: &[u8]| {
            let answer = Message::from_vec(bytes).unwrap();
            assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain);
            let metadata = &answer.metadata;
            assert_eq!((metadata.id, metadata.message_type), (7, MessageType::Response));
        };
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        socket.send_to(&question(silent), server.address).unwrap();
        socket.send_to(b"no message", server.address).unwrap();
        socket.send_to(&question(Name::root()), server.address).unwrap();
        let mut bytes = [0; 512];
        let length = socket.recv(&mut bytes).unwrap();
        is_answer(&bytes[..length]);
        let mut stream = TcpStream::connect(server.address).unwrap();
        // Two by one connection.
        for _ in 0..2 {
            let question = question(Name::root());
            let length = u16::try_from(question.len()).unwrap();
            stream.write_all(&[&length.to_be_bytes(), &*question].concat()).unwrap();
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut answer).unwrap();
            is_answer(&answer);
        }
        let asked: Vec<_> = server.asked().iter().map(|it| it.name().to_ascii()).collect();
        assert_eq!(asked, ["silent.example.", ".", ".", "."]);
    }
}
