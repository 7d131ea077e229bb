//! A connection to a web server that is kept from one request to the next.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread::sleep;

use crate::program::{PAUSE, looks};
use crate::scrape::Scrape;

/// A kept connection, for the time when a program can open no other.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
}

impl Connection {
    /// Connects.
    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        Self { stream: BufReader::new(stream), address }
    }

    /// Its metrics.
    pub fn metrics(&mut self) -> Scrape {
        let request = format!("GET /metrics HTTP/1.1\r\nhost: {}\r\n\r\n", self.address);
        self.stream.get_mut().write_all(request.as_bytes()).expect("a request");
        let mut length = None;
        loop {
            let line = self.line().to_ascii_lowercase();
            match line.split_once(": ") {
                Some(("content-length", value)) => length = value.parse().ok(),
                _ if line.is_empty() => break,
                _ => {}
            }
        }
        let mut body = Vec::new();
        if let Some(length) = length {
            self.take(length, &mut body);
        } else {
            // In chunks (RFC 9112 section 7.1), the last of which is empty.
            loop {
                let line = self.line();
                let length = usize::from_str_radix(&line, 16).expect("the length of a chunk");
                self.take(length, &mut body);
                self.line();
                if length == 0 {
                    break;
                }
            }
        }
        Scrape::of(String::from_utf8(body).expect("an answer of text"))
    }

    /// Waits until the metrics show a state; returns them.
    #[track_caller]
    pub fn wait_until(&mut self, what: &str, holds: impl Fn(&Scrape) -> bool) -> Scrape {
        for _ in 0..looks() {
            let metrics = self.metrics();
            if holds(&metrics) {
                return metrics;
            }
            sleep(PAUSE);
        }
        panic!("never: {what}\n{}", self.metrics().text);
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("a line of an answer");
        line.truncate(line.trim_end().len());
        line
    }

    fn take(&mut self, length: usize, body: &mut Vec<u8>) {
        let start = body.len();
        body.resize(start + length, 0);
        self.stream.read_exact(&mut body[start..]).expect("the whole answer");
    }
}
