//! Web servers that behave and that do not: one path, one behaviour.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use peers::{Authority, Signed};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// A server, which runs as long as the test process.
pub(crate) struct Web {
    pub(crate) port: u16,
    /// Requests that came in and were never answered.
    pub(crate) held: Arc<AtomicUsize>,
}

impl Web {
    /// Plain HTTP on these addresses' common port.
    pub(crate) fn plain(ip: [u8; 4]) -> Self {
        Self::serve(ip, None)
    }

    /// HTTPS.
    pub(crate) fn tls(config: ServerConfig) -> Self {
        Self::serve([127, 0, 0, 1], Some(Arc::new(config)))
    }

    fn serve(ip: [u8; 4], tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind(SocketAddr::from((ip, 0))).unwrap();
        let port = listener.local_addr().unwrap().port();
        let held = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&held);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (tls, held) = (tls.clone(), Arc::clone(&counter));
                thread::spawn(move || {
                    let stream = stream.unwrap();
                    match tls {
                        None => answer(stream, &held),
                        Some(config) => {
                            let session = ServerConnection::new(config).unwrap();
                            answer(StreamOwned::new(session, stream), &held);
                        }
                    }
                });
            }
        });
        Self { port, held }
    }
}

fn answer(mut stream: impl Read + Write, held: &AtomicUsize) {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => request.push(byte[0]),
            _ => return,
        }
    }
    let request = String::from_utf8(request).unwrap();
    let path = request.split(' ').nth(1).unwrap();
    let answer = match path {
        "/ok" => "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello".to_owned(),
        "/error" => "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n".to_owned(),
        "/moved" => "HTTP/1.1 301 No\r\nlocation: /ok\r\ncontent-length: 0\r\n\r\n".to_owned(),
        "/cut" | "/stall" => "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello".to_owned(),
        "/garbage" => "220 smtp.example ESMTP\r\n\r\n".to_owned(),
        "/half" => "HTTP/1.1 200 OK\r\ncontent-".to_owned(),
        "/echo" => {
            let header = |name: &str| {
                let lines = request.lines().map(str::to_lowercase);
                lines.into_iter().any(|line| line == name)
            };
            let good = header("host: vhost.example") && header("authorization: bearer abc");
            let status = if good { "200 OK" } else { "400 No" };
            format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n")
        }
        _ => String::new(),
    };
    let _ = stream.write_all(answer.as_bytes());
    let _ = stream.flush();
    if ["/hold", "/stall"].contains(&path) {
        held.fetch_add(1, Ordering::SeqCst);
        // Until the client hangs up.
        let _ = stream.read(&mut byte);
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

/// Answers whatever begins as a server of plain HTTP answers what is no request.
pub(crate) fn blunt() -> u16 {
    let listener = mute();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let _ = stream.read(&mut [0; 2048]);
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
                // Open until the other side has read it.
                let _ = stream.read(&mut [0; 2048]);
            });
        }
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
