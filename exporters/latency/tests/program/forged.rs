//! A server of names behind a forger, who says of each question that nobody is there.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;

use hickory_proto::op::{Message, ResponseCode};
use peers::answer_to;
use socket2::{Domain, Protocol, Socket, Type};

use super::VANTAGE;
use super::assert_up;
use super::echoes::{in_a_namespace, sealed};
use super::running::{fails_for, start, wait_for_probes};

/// Says that the port is closed (type 3, code 3), quoting what was sent from `from` to `to`.
fn forge(socket: &Socket, from: SocketAddr, to: SocketAddr) {
    let octets = |address: SocketAddr| match address.ip() {
        IpAddr::V4(ip) => ip.octets(),
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED.octets(),
    };
    let mut message = vec![3, 3, 0, 0, 0, 0, 0, 0];
    message.extend([0x45, 0, 0, 60, 0, 0, 0, 0, 64, 17, 0, 0]);
    message.extend(octets(from));
    message.extend(octets(to));
    message.extend(from.port().to_be_bytes());
    message.extend(to.port().to_be_bytes());
    message.extend([0, 40, 0, 0]);
    let to = SocketAddr::new(from.ip(), 0);
    socket.send_to(&sealed(message), &to.into()).unwrap();
}

/// Where nobody answers but the forger, and where the true server does after him.
fn server(answers: bool) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let forger = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).unwrap();
    let own = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut bytes = [0; 1500];
        loop {
            let (length, from) = socket.recv_from(&mut bytes).unwrap();
            forge(&forger, from, own);
            if answers {
                let query = Message::from_vec(&bytes[..length]).unwrap();
                let answer = answer_to(&query, ResponseCode::NoError);
                socket.send_to(&answer.to_vec().unwrap(), from).unwrap();
            }
        }
    });
    own
}

#[test]
fn a_forged_refusal_ends_no_wait_for_a_server_of_names() {
    if !in_a_namespace("forged::a_forged_refusal_ends_no_wait_for_a_server_of_names") {
        return;
    }
    let (well, gone) = (server(true), server(false));
    let text = format!(
        "{VANTAGE}modules:\n  patient: {{prober: dns, interval: 100ms, timeout: 6s, dns: {{query_name: a, \
         query_type: A}}}}\n  brief: {{prober: dns, interval: 100ms, timeout: 500ms, dns: {{query_name: \
         a}}}}\ntargets:\n  - {{name: well, module: patient, address: '{well}'}}\n  \
         - {{name: gone, module: brief, address: '{gone}'}}\n"
    );
    let program = start(&text, &[]);
    let metrics = wait_for_probes(&program, "well", 20.0);
    assert_up(&metrics, "well");
    let metrics = wait_for_probes(&program, "gone", 4.0);
    assert!(fails_for(&metrics, "gone", "refused"), "{}", metrics.text);
    assert!(program.stop().success());
}
