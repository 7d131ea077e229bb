//! Servers that speak TLS: at once, or when they are asked to.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use peers::HttpServer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::probed::reply;

type Shaken = StreamOwned<ServerConnection, TcpStream>;

/// A server that does this with each connection, once TLS is spoken.
fn served(config: ServerConfig, serve: fn(Shaken)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let config = Arc::new(config);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let session = ServerConnection::new(Arc::clone(&config)).unwrap();
            let stream = StreamOwned::new(session, stream.unwrap());
            thread::spawn(move || serve(stream));
        }
    });
    address
}

/// Says `hello`, and waits until the client has enough.
pub(crate) fn talker(config: ServerConfig) -> SocketAddr {
    served(config, |mut stream| {
        let _ = stream.write_all(b"hello\n");
        let _ = stream.read(&mut [0; 64]);
    })
}

/// Answers each request of HTTP.
pub(crate) fn web(config: ServerConfig) -> SocketAddr {
    let server = HttpServer::start_tls(config);
    server.send("*", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
    server.address
}

/// Answers one question about the zone.
pub(crate) fn zone(config: ServerConfig) -> SocketAddr {
    served(config, |mut stream| {
        let _ = reply(&mut stream);
    })
}

/// Begins TLS when it is asked to, as mail servers do.
pub(crate) fn starter(config: ServerConfig) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let config = Arc::new(config);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream.write_all(b"220 ready\n").unwrap();
            let mut asked = [0; 9];
            if stream.read_exact(&mut asked).is_err() {
                continue;
            }
            stream.write_all(b"220 go on\n").unwrap();
            let session = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(session, stream);
            let _ = stream.write_all(b"250 safe\n");
            let _ = stream.read(&mut [0; 64]);
        }
    });
    address
}
