//! Servers behind a forger, who says of each question that nobody is there.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;

use hickory_proto::op::{Message, ResponseCode};
use peers::answer_to;
use socket2::{Domain, Protocol, Socket, Type};

use super::VANTAGE;
use super::assert_up;
use super::echoes::{in_a_namespace, sealed};
use super::running::{fails_for, start, wait_for_probes};

/// The port is closed, or there is no way to the host.
const PORT: u8 = 3;
const HOST: u8 = 1;

/// Says that it cannot be reached (type 3) by this code, quoting what was sent from `from` to `to`.
fn forge(socket: &Socket, code: u8, from: SocketAddr, to: SocketAddr) {
    let octets = |address: SocketAddr| match address.ip() {
        IpAddr::V4(ip) => ip.octets(),
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED.octets(),
    };
    let mut message = vec![3, code, 0, 0, 0, 0, 0, 0];
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
fn server(answers: bool, code: u8) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let forger = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).unwrap();
    let own = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut bytes = [0; 1500];
        loop {
            let (length, from) = socket.recv_from(&mut bytes).unwrap();
            forge(&forger, code, from, own);
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
    let (well, gone) = (server(true, PORT), server(false, PORT));
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

#[test]
fn what_a_router_says_is_why_a_host_is_not_reached_by_http3() {
    if !in_a_namespace("forged::what_a_router_says_is_why_a_host_is_not_reached_by_http3") {
        return;
    }
    let (closed, gone) = (server(false, PORT), server(false, HOST));
    let text = format!(
        "{VANTAGE}modules:\n  h3: {{prober: http, interval: 100ms, timeout: 500ms, http: {{enable_http3: true, \
         enable_http2: false, tls_config: {{insecure_skip_verify: true}}}}}}\ntargets:\n  \
         - {{name: closed, module: h3, address: 'https://{closed}/'}}\n  \
         - {{name: gone, module: h3, address: 'https://{gone}/'}}\n"
    );
    let program = start(&text, &[]);
    for (name, reason) in [("closed", "refused"), ("gone", "unreachable")] {
        let metrics = wait_for_probes(&program, name, 4.0);
        assert!(fails_for(&metrics, name, reason), "{}", metrics.text);
    }
    assert!(program.stop().success());
}
