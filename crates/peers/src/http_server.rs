//! A server of HTTP requests, each path of which does what a test wants; it keeps what it was asked.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// How long a request may take to come, and who asked to hang up.
const PATIENCE: Duration = Duration::from_secs(60);

/// The head of a request is no longer than this.
const LONGEST_HEAD: usize = 64 * 1024;
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

/// The connection of who asks: plain, or of TLS.
pub trait Asker: Read + Write {
    /// Waits until it hangs up.
    fn wait(&mut self) -> io::Result<()> {
        while self.read(&mut [0; 1024])? > 0 {}
        Ok(())
    }
}

impl<T: Read + Write> Asker for T {}

/// What a path does, by the head of the request and the body that came with it.
type Manner = Arc<dyn Fn(&str, &mut dyn Asker) -> io::Result<()> + Send + Sync>;

/// The server. Its threads end with the process.
#[derive(Clone)]
pub struct HttpServer {
    /// Where it listens.
    pub address: SocketAddr,
    manners: Arc<Mutex<BTreeMap<String, Manner>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl HttpServer {
    /// Starts one that knows no path yet.
    pub fn start() -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST.into())
    }

    /// The same at this address, at a free port.
    pub fn start_at(ip: IpAddr) -> Self {
        Self::serve(ip, None)
    }

    /// The same by TLS.
    pub fn start_tls(config: ServerConfig) -> Self {
        Self::serve(Ipv4Addr::LOCALHOST.into(), Some(Arc::new(config)))
    }

    fn serve(ip: IpAddr, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind((ip, 0)).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let server = Self { address, manners: Arc::default(), asked: Arc::default() };
        let one = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (one, tls) = (one.clone(), tls.clone());
                // Whoever hangs up meanwhile is no concern of the server's.
                thread::spawn(move || one.receive(&stream, tls));
            }
        });
        server
    }

    /// From now on a path has this answer; where there is none, 404. A path without a query stands for all
    /// queries that have no answer of their own, and `*` for all paths.
    pub fn answer(&self, path: &str, said: Said) {
        self.send(path, whole(said));
    }

    /// From now on these bytes are sent, status line and all, and then the connection is closed.
    pub fn send(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        let bytes = bytes.into();
        self.act(path, move |_, asker| asker.write_all(&bytes));
    }

    /// From now on who asks for this is never answered.
    pub fn keep_silent(&self, path: &str) {
        self.act(path, |_, asker| asker.wait());
    }

    /// From now on this is done with the connection of who asks, by the head of the request with its body; then it is
    /// closed.
    pub fn act(
        &self,
        path: &str,
        manner: impl Fn(&str, &mut dyn Asker) -> io::Result<()> + Send + Sync + 'static,
    ) {
        let mut manners = self.manners.lock().unwrap_or_else(PoisonError::into_inner);
        manners.insert(path.to_owned(), Arc::new(manner));
    }

    /// The heads of all requests, each with the body that came with it.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn manner(&self, path: &str) -> Option<Manner> {
        let manners = self.manners.lock().unwrap_or_else(PoisonError::into_inner);
        let without_query = path.split('?').next().unwrap_or(path);
        [path, without_query, "*"].into_iter().find_map(|path| manners.get(path).cloned())
    }

    fn receive(&self, mut stream: &TcpStream, tls: Option<Arc<ServerConfig>>) -> io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        match tls {
            None => self.reply(&mut stream)?,
            Some(config) => {
                let session = ServerConnection::new(config).map_err(io::Error::other)?;
                let mut secure = StreamOwned::new(session, stream);
                self.reply(&mut secure)?;
                secure.conn.send_close_notify();
                secure.flush()?;
            }
        }
        // A body that nobody read would have the kernel take back what was said.
        stream.shutdown(Shutdown::Write)?;
        stream.wait()
    }

    fn reply(&self, stream: &mut dyn Asker) -> io::Result<()> {
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte)?;
            head.extend(byte);
            if head.len() > LONGEST_HEAD {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        let mut head = String::from_utf8_lossy(&head).into_owned();
        let named = |line: &str| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        };
        let mut body = vec![0; head.lines().find_map(named).unwrap_or(0).min(LONGEST_BODY)];
        stream.read_exact(&mut body)?;
        head.push_str(&String::from_utf8_lossy(&body));
        let manner = self.manner(head.split(' ').nth(1).unwrap_or("/"));
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(head.clone());
        match manner {
            Some(manner) => manner(&head, stream)?,
            None => stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")?,
        }
        stream.flush()
    }
}

impl std::fmt::Debug for HttpServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpServer").field("address", &self.address).finish_non_exhaustive()
    }
}

fn whole(said: Said) -> Vec<u8> {
    let Said { status, headers, body } = said;
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    let mut bytes = head.into_bytes();
    bytes.extend(body);
    bytes
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
        server.act("*", |head, asker| asker.write_all(head.as_bytes()));
        assert!(ask(&server, "/any").starts_with("GET /any HTTP/1.1\r\n"));
        assert_eq!(server.asked().len(), 5);
        assert_eq!(server.asked()[2], "GET /raw HTTP/1.1\r\nHost: a\r\n\r\n");
    }
}
