//! What strangers do to the web server, and what is left to those who scrape.
//!
//! Nothing here is timed: what counts is whether a scrape came.

use std::io::{Read as _, Write as _};
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::{Program, clocks};

#[test]
fn readers_that_read_nothing_keep_no_scrape_waiting() {
    let program = Program::start(&clocks(4_000, "good"), 16_384, &[]);
    assert!(program.scrape());
    let mut silent: Vec<_> = (0..60).map(|_| program.connect()).collect();
    for stream in &mut silent {
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    }
    // Whoever comes in the very moment of the rush may be the one too many.
    while !program.scrape() {}
    let scrapes = (0..8).filter(|_| program.scrape()).count();
    assert_eq!(scrapes, 8);
}

#[test]
fn unfinished_requests_cost_neither_memory_nor_scrapes() {
    let program = Program::start(&clocks(1_500, "good"), 4096, &[]);
    assert!(program.scrape());
    let head = [b"GET / HTTP/1.1\r\nHost: x\r\nX: ".as_slice(), &vec![b'A'; 400_000]].concat();
    let mut kept = Vec::new();
    for number in 0..1_300 {
        let mut stream = program.connect();
        stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
        // A connection that is refused is as good as one that is kept.
        if number < 300 {
            let _ = stream.write_all(&head);
        } else {
            let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-a: b\r\n");
        }
        kept.push(stream);
        if number % 100 == 0 {
            assert!(program.scrape(), "beside {number}");
        }
    }
    assert!(program.scrape());
    let resident = program.resident_megabytes();
    assert!(resident < 64, "{resident} MB");
}

#[test]
fn idle_connections_take_no_descriptor_that_measuring_needs() {
    let program = Program::start(&clocks(3, "good"), 32, &[]);
    let idle: Vec<_> = (0..60).map(|_| program.connect()).collect();
    for _ in 0..3 {
        let left = program.metric("process_max_fds") - program.metric("process_open_fds");
        assert!(left >= 6.0, "{left} descriptors are left beside {} connections", idle.len());
    }
    assert!(program.scrape());
}

#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    let mut program = Program::start(&clocks(6_000, "bad"), 16_384, &[]);
    while program.metric("turbulence_log_lines_dropped_total") == 0.0 {
        thread::sleep(Duration::from_millis(100));
    }
    assert!(program.scrape());
    let pid = program.child.id().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
    assert!(program.child.wait().unwrap().success());
    let mut rest = Vec::new();
    program.stderr.read_to_end(&mut rest).unwrap();
    assert!(!rest.is_empty());
}

#[test]
fn a_page_of_a_stranger_changes_nothing() {
    let program = Program::start(&clocks(1, "good"), 4096, &[]);
    let post = |headers: &str| {
        let request = format!("POST /-/reload HTTP/1.1\r\nContent-Length: 0\r\n{headers}");
        program.ask(&request).unwrap().0
    };
    assert_eq!(post("Host: localhost"), 200);
    assert_eq!(post(&format!("Host: {0}\r\nOrigin: http://{0}", program.address)), 200);
    assert_eq!(post("Host: localhost\r\nOrigin: http://evil.example"), 403);
    assert_eq!(post("Host: localhost\r\nSec-Fetch-Site: cross-site"), 403);
    assert_eq!(post("Host: evil.example\r\nOrigin: http://evil.example"), 403);
    assert_eq!(post("Host: evil.example"), 403);
}

#[test]
fn every_answer_binds_a_browser_and_an_error_says_something() {
    let program = Program::start(&clocks(1, "good"), 4096, &[]);
    for path in ["/", "/metrics", "/-/healthy", "/nowhere", "/-/reload"] {
        let (_, answer) = program.ask(&format!("GET {path} HTTP/1.1\r\nHost: t")).unwrap();
        let answer = answer.to_lowercase();
        for header in ["x-content-type-options: nosniff", "content-security-policy: default-src"] {
            assert!(answer.contains(header), "{path}: {answer}");
        }
    }
    let browser = "Host: t\r\nAccept: text/html";
    let (status, page) = program.ask(&format!("GET /nowhere HTTP/1.1\r\n{browser}")).unwrap();
    assert!(status == 404 && page.contains("<h1>404 Not Found</h1>"), "{page}");
    let (status, text) = program.ask("GET /nowhere HTTP/1.1\r\nHost: t").unwrap();
    assert!(status == 404 && text.ends_with("There is no such page.\n"), "{text}");
    let (status, text) = program.ask("GET /-/reload HTTP/1.1\r\nHost: t").unwrap();
    assert!(status == 405 && text.ends_with("does not take GET.\n"), "{text}");
    assert!(text.to_lowercase().contains("allow: "), "{text}");
}
