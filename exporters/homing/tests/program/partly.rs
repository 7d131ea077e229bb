//! A Prometheus whose answers become parts of the truth, as its own word says.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

/// Stands before a Prometheus; from when it is told to, each answer says that a store is gone.
fn before(prometheus: &Prometheus) -> (SocketAddr, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = listener.local_addr().unwrap();
    let behind = prometheus.url().trim_start_matches("http://").to_owned();
    let is_partly = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&is_partly);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (behind, is_partly) = (behind.clone(), Arc::clone(&told));
            // Who hangs up is no concern of a test's.
            std::thread::spawn(move || serve(&mut stream, &behind, &is_partly).ok());
        }
    });
    (here, is_partly)
}

fn serve(stream: &mut TcpStream, behind: &str, is_partly: &AtomicBool) -> std::io::Result<()> {
    let (mut head, mut byte) = (String::new(), [0]);
    while !head.ends_with("\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(char::from(byte[0]));
    }
    let path = head.split(' ').nth(1).unwrap_or("/");
    let mut other = TcpStream::connect(behind)?;
    // By 1.0 the body is in one piece, and ends with the connection.
    write!(other, "GET {path} HTTP/1.0\r\nHost: {behind}\r\n\r\n")?;
    let mut answer = String::new();
    other.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.lines().next().unwrap_or_default().replace("HTTP/1.0", "HTTP/1.1");
    let body = if is_partly.load(Ordering::Relaxed) {
        body.replacen('{', "{\"warnings\":[\"a store is gone\"],", 1)
    } else {
        body.to_owned()
    };
    let length = body.len();
    write!(
        stream,
        "{status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

#[test]
fn a_verdict_stands_for_three_intervals_while_answers_are_parts_of_the_truth_and_is_then_absent() {
    let server = Server::start();
    let prometheus = prometheus(&server);
    let (address, is_partly) = before(&prometheus);
    let program =
        start(&format!("prometheus: [{{url: 'http://{address}'}}]\ninterval: 5s\ntimeout: 5s\n"));
    let told = format!("{API},class=\"one_site\"}}");
    program.wait_until("a verdict", |it| it.get(&told) == Some(1.0));
    is_partly.store(true, Ordering::Relaxed);
    let warned = "homing_query_failures_total{reason=\"warnings\"}";
    let metrics = program.wait_until("a warning", |it| it.value(warned) >= 1.0);
    assert_eq!(metrics.get(&told), Some(1.0), "the verdict stands");
    let metrics = program.wait_until("its end", |it| it.get(&told).is_none());
    assert!(metrics.value(warned) >= 2.0, "three intervals and a half of five seconds");
    is_partly.store(false, Ordering::Relaxed);
    program.wait_until("the next verdict", |it| it.get(&told) == Some(1.0));
}
