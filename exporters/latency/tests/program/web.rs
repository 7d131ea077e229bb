//! Web servers that behave and that do not: one path, one behaviour.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use peers::{Authority, HttpServer, Signed};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// A server, which runs as long as the test process.
pub(crate) struct Web {
    pub(crate) port: u16,
    /// Requests that came in and were never answered.
    pub(crate) held: Arc<AtomicUsize>,
}

impl Web {
    /// Plain HTTP at this address.
    pub(crate) fn plain(ip: [u8; 4]) -> Self {
        Self::behaving(&HttpServer::start_at(Ipv4Addr::from(ip).into()))
    }

    /// HTTPS.
    pub(crate) fn tls(config: ServerConfig) -> Self {
        Self::behaving(&HttpServer::start_tls(config))
    }

    fn behaving(server: &HttpServer) -> Self {
        let held = Arc::new(AtomicUsize::new(0));
        for (path, answer) in [
            ("/ok", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"),
            ("/error", "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"),
            ("/moved", "HTTP/1.1 301 No\r\nlocation: /ok\r\ncontent-length: 0\r\n\r\n"),
            ("/cut", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello"),
            ("/garbage", "220 smtp.example ESMTP\r\n\r\n"),
            ("/half", "HTTP/1.1 200 OK\r\ncontent-"),
            ("*", ""),
        ] {
            server.send(path, answer);
        }
        for (path, begun) in
            [("/hold", ""), ("/stall", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello")]
        {
            let held = Arc::clone(&held);
            server.act(path, move |_, asker| {
                asker.write_all(begun.as_bytes())?;
                asker.flush()?;
                held.fetch_add(1, Ordering::SeqCst);
                asker.wait()
            });
        }
        server.act("/echo", |head, asker| {
            let asked = head.to_lowercase();
            let has = |header: &str| asked.lines().any(|line| line == header);
            let is_good = has("host: vhost.example") && has("authorization: bearer abc");
            let status = if is_good { "200 OK" } else { "400 No" };
            write!(asker, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n")
        });
        Self { port: server.address.port(), held }
    }
}

/// Accepts connections and says nothing; what the kernel's backlog holds is enough for a handshake.
pub(crate) fn mute() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

/// Hangs up at once.
pub(crate) fn rude() -> u16 {
    let listener = mute();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        listener.incoming().for_each(|stream| drop::<TcpStream>(stream.unwrap()));
    });
    port
}

/// A server that shows a certificate of this CA for `name`.
pub(crate) fn server(authority: &Authority, name: &str) -> ServerConfig {
    chain(authority, name, 1)
}

/// One that shows it so many times.
pub(crate) fn chain(authority: &Authority, name: &str, length: usize) -> ServerConfig {
    let Signed { certificate, key } = authority.sign(name);
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate; length], key)
        .unwrap()
}
