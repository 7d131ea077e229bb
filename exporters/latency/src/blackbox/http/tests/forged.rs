//! Requests by HTTP/3 to servers behind a forger, who says of each datagram that nobody is there.

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

use peers::{Authority, Forgery, in_a_namespace};

use super::http3::{End, OK, head_of, insecure, server, shows};
use super::*;

/// Of which datagrams the forger tells.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Of {
    All,
    /// Those that nobody can send before the server has answered: their head is a short one (RFC 9000 §17.3).
    Later,
}

/// What carries datagrams to a server at this address of its own family, and tells whoever sends them, before it does.
fn before(server: SocketAddr, own: &str, of: Of, tells: Forgery) -> SocketAddr {
    let front = Arc::new(UdpSocket::bind(own).unwrap());
    let back = Arc::new(UdpSocket::bind("127.0.0.1:0").unwrap());
    back.connect(server).unwrap();
    let (own, client) = (front.local_addr().unwrap(), Arc::<Mutex<Option<SocketAddr>>>::default());
    let (there, here, asks) = (Arc::clone(&back), Arc::clone(&front), Arc::clone(&client));
    thread::spawn(move || {
        let mut bytes = [0; 2048];
        loop {
            let (length, from) = here.recv_from(&mut bytes).unwrap();
            *asks.lock().unwrap() = Some(from);
            if of == Of::All || bytes[0] & 0x80 == 0 {
                tells.tell(from, own);
            }
            // Nobody may be there any more.
            let _ = there.send(&bytes[..length]);
        }
    });
    thread::spawn(move || {
        let mut bytes = [0; 2048];
        loop {
            // Each error is told once.
            let Ok(length) = back.recv(&mut bytes) else { continue };
            let to = client.lock().unwrap().expect("who is answered has asked");
            front.send_to(&bytes[..length], to).unwrap();
        }
    });
    own
}

/// What a probe comes to that has time.
async fn probed(target: SocketAddr, is_of_target: bool) -> (Result<(), Failure>, String) {
    let (trial, mut found, settings) = (Trial::new(), Found::default(), settings(&insecure()));
    let url = format!("https://{target}/");
    let mut ask = trial.ask(&url);
    (ask.ip, ask.is_of_target) = (Some(target.ip()), is_of_target);
    let result = settings.probe(&ask, &mut found).await;
    (result, trial.said())
}

#[tokio::test]
async fn a_forged_message_ends_no_wait_of_a_target_nor_of_anybody_once_the_server_has_answered() {
    let name = "blackbox::http::tests::forged::a_forged_message_ends_no_wait_of_a_target_nor_of_anybody_once_the_server_has_answered";
    if !in_a_namespace(name) {
        return;
    }
    let signed = Authority::default().sign("localhost");
    let (server, _) = server(shows(&signed, b"h3", None), head_of(OK, Some(0)), End::Finish);
    for own in ["127.0.0.1:0", "[::1]:0"] {
        for (is_of_target, of, tells) in [
            (true, Of::All, Forgery::Port),
            (true, Of::All, Forgery::Host),
            (false, Of::Later, Forgery::Host),
        ] {
            let (result, said) = probed(before(server, own, of, tells), is_of_target).await;
            assert_eq!(result, Ok(()), "{own} {is_of_target} {tells:?}: {said}");
        }
    }
}

#[tokio::test]
async fn whoever_asks_once_is_told_at_once_that_nobody_is_there() {
    let name =
        "blackbox::http::tests::forged::whoever_asks_once_is_told_at_once_that_nobody_is_there";
    if !in_a_namespace(name) {
        return;
    }
    let gone = peers::closed();
    for own in ["127.0.0.1:0", "[::1]:0"] {
        for (tells, wanted) in
            [(Forgery::Port, Failure::Refused), (Forgery::Host, Failure::Unreachable)]
        {
            let (result, said) = probed(before(gone, own, Of::All, tells), false).await;
            assert_eq!(result, Err(wanted), "{own} {tells:?}: {said}");
        }
    }
}
