//! A server of fixed answers, which counts who asks for what.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What it answers: the status line, header lines that each end with `\r\n`, and the body.
#[derive(Clone)]
pub(crate) struct Said {
    pub(crate) status: &'static str,
    pub(crate) headers: &'static str,
    pub(crate) body: Vec<u8>,
}

impl Said {
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { status: "200 OK", headers: "Content-Type: application/json\r\n", body: body.into() }
    }
}

type Answers = BTreeMap<String, Said>;

/// The server. Its threads end with the process.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    answers: Arc<Mutex<Answers>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (answers, asked) =
            (Arc::<Mutex<Answers>>::default(), Arc::<Mutex<Vec<String>>>::default());
        let (all, heads) = (Arc::clone(&answers), Arc::clone(&asked));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (all, heads) = (Arc::clone(&all), Arc::clone(&heads));
                thread::spawn(move || serve(stream, &all, &heads));
            }
        });
        Self { address, answers, asked }
    }

    /// From now on a path has this answer; where there is none, 404.
    pub(crate) fn answer(&self, path: &str, said: Said) {
        self.answers.lock().unwrap().insert(path.to_owned(), said);
    }

    /// The heads of all requests.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, answers: &Mutex<Answers>, asked: &Mutex<Vec<String>>) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count == 1) {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or("/").split('?').next().unwrap_or("/").to_owned();
    asked.lock().unwrap().push(head);
    let missing = Said { status: "404 Not Found", headers: "", body: Vec::new() };
    let said = answers.lock().unwrap().get(&path).cloned().unwrap_or(missing);
    let length = said.body.len();
    let head = format!(
        "HTTP/1.1 {}\r\n{}Content-Length: {length}\r\nConnection: close\r\n\r\n",
        said.status, said.headers
    );
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(&said.body);
}
