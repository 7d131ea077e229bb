//! A proxy of SOCKS5; and modules of `blackbox_exporter` that ask through it, log in by files, or say nothing at
//! length.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::thread;

use super::modules::Row;

/// Those of the prober `http` for `pages`, and for `secure` by TLS.
pub(crate) const PROXIED: [Row; 11] = [
    ("page_socks", "{prober: http, http: {proxy_url: 'socks5://$SOCKS'}}", "pages/echo"),
    ("page_socks_login", "{prober: http, http: {proxy_url: 'socks5://u:p@$SOCKS'}}", "pages/echo"),
    (
        "page_socks_stranger",
        "{prober: http, http: {proxy_url: 'socks5://u:q@$SOCKS'}}",
        "pages/echo",
    ),
    (
        "page_socks_tls",
        "{prober: http, http: {proxy_url: 'socks5h://$SOCKS', tls_config: {ca_file: $CA}}}",
        "secure/",
    ),
    (
        "page_socks_that_looks_up",
        "{prober: http, http: {proxy_url: 'socks5://$SOCKS', skip_resolve_phase_with_proxy: true}}",
        "http://nowhere.invalid/echo",
    ),
    ("page_socks_refused", "{prober: http, http: {proxy_url: 'socks5://$SOCKS'}}", "closed"),
    (
        "page_socks_not_for_this_network",
        "{prober: http, http: {proxy_url: 'socks5://127.0.0.1:1', no_proxy: 127.0.0.0/8}}",
        "pages/echo",
    ),
    ("page_no_limit", "{prober: http, http: {body_size_limit: '-1B'}}", "pages/"),
    (
        "page_empty_words",
        "{prober: http, http: {method: '', body: '', bearer_token: '', bearer_token_file: '', proxy_url: '', \
         no_proxy: '', tls_config: {ca: '', ca_file: '', cert: '', cert_file: '', key: '', key_file: '', \
         server_name: ''}}}",
        "pages/echo",
    ),
    (
        "page_token_of_a_file",
        "{prober: http, http: {bearer_token_file: $TOKEN, \
         fail_if_body_not_matches_regexp: ['authorization: bearer t']}}",
        "pages/echo",
    ),
    (
        "page_token_of_no_file",
        "{prober: http, http: {bearer_token_file: /nowhere/token}}",
        "pages/echo",
    ),
];

/// A proxy that lets in nobody but `u` with the password `p`, or whoever does not say who he is. Every name is that of
/// `pages`.
pub(crate) fn socks(pages: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            // Whoever hangs up early is no fault of the test's.
            thread::spawn(move || serve(stream.unwrap(), pages));
        }
    });
    address
}

fn serve(mut client: TcpStream, pages: SocketAddr) -> std::io::Result<()> {
    let ways = usize::from(read::<2>(&mut client)?[1]);
    let mut offered = vec![0; ways];
    client.read_exact(&mut offered)?;
    let way = if offered.contains(&2) { 2 } else { 0 };
    client.write_all(&[5, way])?;
    if way == 2 {
        let mut login = Vec::new();
        read::<1>(&mut client)?;
        for _ in 0..2 {
            let mut word = vec![0; usize::from(read::<1>(&mut client)?[0])];
            client.read_exact(&mut word)?;
            login.push(word);
        }
        let is_known = login == [b"u", b"p"];
        client.write_all(&[1, u8::from(!is_known)])?;
        if !is_known {
            return Ok(());
        }
    }
    let host = match read::<4>(&mut client)?[3] {
        1 => Some(IpAddr::from(read::<4>(&mut client)?)),
        4 => Some(IpAddr::from(read::<16>(&mut client)?)),
        _ => {
            let mut name = vec![0; usize::from(read::<1>(&mut client)?[0])];
            client.read_exact(&mut name)?;
            None
        }
    };
    let port = u16::from_be_bytes(read(&mut client)?);
    let Ok(server) = TcpStream::connect(host.map_or(pages, |ip| SocketAddr::new(ip, port))) else {
        return client.write_all(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]);
    };
    client.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 0])?;
    join(client, server)
}

/// Hands on what each of the two says to the other, until both have ended.
pub(crate) fn join(client: TcpStream, server: TcpStream) -> std::io::Result<()> {
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        let _ = std::io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(std::net::Shutdown::Write);
    });
    let (mut from_server, mut to_client) = (server, client);
    let _ = std::io::copy(&mut from_server, &mut to_client);
    to_client.shutdown(std::net::Shutdown::Write)
}

fn read<const LENGTH: usize>(stream: &mut TcpStream) -> std::io::Result<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}
