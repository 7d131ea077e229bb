//! A server of fixed answers to HTTP requests, which keeps what it was asked.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How long a request may take to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// The head of a request is no longer than this.
const LONGEST_HEAD: u64 = 64 * 1024;
/// What is read of a body.
const LONGEST_BODY: usize = 16 * 1024;

/// What is answered: the status line, header lines that each end with `\r\n`, and the body. How long that is, and
/// that the connection is closed after it, the server says itself.
#[derive(Clone, Debug)]
pub struct Said {
    /// As in `503 Service Unavailable`.
    pub status: &'static str,
    /// As in `Content-Type: text/html\r\n`.
    pub headers: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

impl Said {
    /// A good answer, of JSON.
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { status: "200 OK", headers: "Content-Type: application/json\r\n", body: body.into() }
    }
}

/// What a path does.
#[derive(Clone, Debug)]
enum Manner {
    Says(Said),
    /// These bytes and no others, and then the end.
    Sends(Vec<u8>),
    /// Never a word, as long as anybody waits for one.
    Silent,
}

/// The server. Its threads end with the process.
#[derive(Clone, Debug)]
pub struct HttpServer {
    /// Where it listens.
    pub address: SocketAddr,
    manners: Arc<Mutex<BTreeMap<String, Manner>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl HttpServer {
    /// Starts one that knows no path yet.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of loopback");
        let address = listener.local_addr().expect("it is bound");
        let server = Self { address, manners: Arc::default(), asked: Arc::default() };
        let one = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let one = one.clone();
                thread::spawn(move || one.serve(&stream));
            }
        });
        server
    }

    /// From now on a path has this answer; where there is none, 404. A path without a query stands for all
    /// queries that have no answer of their own.
    pub fn answer(&self, path: &str, said: Said) {
        self.set(path, Manner::Says(said));
    }

    /// From now on these bytes are sent, status line and all, and then the connection is closed.
    pub fn send(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.set(path, Manner::Sends(bytes.into()));
    }

    /// From now on who asks for this is never answered.
    pub fn keep_silent(&self, path: &str) {
        self.set(path, Manner::Silent);
    }

    /// The heads of all requests, each with the body that came with it.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, path: &str, manner: Manner) {
        let mut manners = self.manners.lock().unwrap_or_else(PoisonError::into_inner);
        manners.insert(path.to_owned(), manner);
    }

    fn manner(&self, path: &str) -> Manner {
        let manners = self.manners.lock().unwrap_or_else(PoisonError::into_inner);
        let without_query = path.split('?').next().unwrap_or(path);
        let missing = Said { status: "404 Not Found", headers: "", body: Vec::new() };
        let found = manners.get(path).or_else(|| manners.get(without_query));
        found.cloned().unwrap_or(Manner::Says(missing))
    }

    fn serve(&self, mut stream: &TcpStream) {
        let _ = stream.set_read_timeout(Some(PATIENCE));
        let mut reader = BufReader::new(stream).take(LONGEST_HEAD);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let path = head.split(' ').nth(1).unwrap_or("/").to_owned();
        let named = |line: &str| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        };
        let mut body = vec![0; head.lines().find_map(named).unwrap_or(0).min(LONGEST_BODY)];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        head.push_str(&String::from_utf8_lossy(&body));
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(head);
        // Whoever hangs up meanwhile is no concern of the server's.
        let _ = match self.manner(&path) {
            Manner::Says(said) => stream.write_all(&whole(&said)),
            Manner::Sends(bytes) => stream.write_all(&bytes),
            Manner::Silent => reader.read(&mut [0]).map(drop),
        };
    }
}

fn whole(said: &Said) -> Vec<u8> {
    let Said { status, headers, body } = said;
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(server: &HttpServer, path: &str) -> String {
        let mut stream = TcpStream::connect(server.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn a_path_is_answered_as_it_was_told_and_what_was_asked_is_kept() {
        let server = HttpServer::start();
        server.answer("/a", Said::ok("1"));
        server.answer("/a?b=2", Said { status: "304 Not Modified", ..Said::ok("") });
        server.send("/raw", "no HTTP");
        assert!(
            ask(&server, "/a?b=1").ends_with("\r\nContent-Length: 1\r\nConnection: close\r\n\r\n1")
        );
        assert!(ask(&server, "/a?b=2").starts_with("HTTP/1.1 304 "));
        assert_eq!(ask(&server, "/raw"), "no HTTP");
        assert!(ask(&server, "/nowhere").starts_with("HTTP/1.1 404 "));
        assert_eq!(server.asked().len(), 4);
        assert_eq!(server.asked()[2], "GET /raw HTTP/1.1\r\nHost: a\r\n\r\n");
    }
}
