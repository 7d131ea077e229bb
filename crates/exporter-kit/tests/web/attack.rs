//! What strangers do to the web server, and what is left to those who scrape.
//!
//! Nothing here is timed: what counts is whether a scrape came.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, connect, setsockopt, socket, sockopt,
};
use peers::free_port;
use tempfile::TempDir;

use crate::{ask, clocks, limited, metric, resident_megabytes, scrape, start};

/// A connection that has asked for a page, and reads nothing of it. It takes small segments and few of them, so that the
/// kernel keeps next to nothing of the answer: on loopback that would be some megabytes.
fn silent(address: SocketAddr, path: &str) -> TcpStream {
    let (family, kind) = (AddressFamily::Inet, SockType::Stream);
    // No program that a test starts has it as well.
    let socket = socket(family, kind, SockFlag::SOCK_CLOEXEC, None).unwrap();
    setsockopt(&socket, sockopt::TcpMaxSeg, &536).unwrap();
    setsockopt(&socket, sockopt::RcvBuf, &4096).unwrap();
    connect(socket.as_raw_fd(), &SockaddrStorage::from(address)).unwrap();
    let mut stream = TcpStream::from(socket);
    // Who is one too many is refused, or closed.
    let _ = write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    stream
}

/// Scrapes come through beside so many silent readers of that page; returns how many megabytes those cost.
fn beside_silent_readers(path: &str, readers: usize) -> u64 {
    let program = start(&clocks(4_000, "good"), 16_384, &[]);
    let address = program.address();
    assert!((0..3).all(|_| scrape(address)));
    let before = resident_megabytes(program.id());
    let silent: Vec<_> = (0..readers).map(|_| silent(address, path)).collect();
    // Whoever comes in the very moment of the rush may be the one too many; a scraper that comes again is not.
    assert!((0..4).any(|_| scrape(address)), "three scrapes in a row were refused");
    let scrapes = (0..8).filter(|_| scrape(address)).count();
    assert_eq!(scrapes, 8, "beside {}", silent.len());
    resident_megabytes(program.id()).saturating_sub(before)
}

#[test]
fn too_few_descriptors_for_the_targets_are_told_at_the_start_and_once() {
    let config = clocks(30, "good");
    let program = start(&config, 48, &[]);
    let words = "limit of open files is low";
    program.wait_for_log(&[words]);
    assert_eq!((program.reload(&config).status, program.reload(&config).status), (200, 200));
    let (_, log) = program.end();
    assert_eq!(log.matches(words).count(), 1, "{log}");

    let program = start(&config, 1_024, &[]);
    assert!(scrape(program.address()));
    let (_, log) = program.end();
    assert!(!log.contains(words), "{log}");
}

#[test]
fn readers_that_read_nothing_keep_no_scrape_waiting() {
    beside_silent_readers("/metrics", 60);
}

/// A list of 1.4 MB, and a page of 0.2 MB: each, made whole for each reader, would take 70 MB and more.
#[test]
fn readers_that_read_nothing_keep_no_list_of_targets_in_memory() {
    for (path, readers) in [("/sd", 60), ("/", 350)] {
        let more = beside_silent_readers(path, readers);
        assert!(more < 40, "{path}: {more} MB more");
    }
}

#[test]
fn unfinished_requests_cost_neither_memory_nor_scrapes() {
    let program = start(&clocks(1_500, "good"), 4096, &[]);
    let address = program.address();
    assert!(scrape(address));
    let head = [b"GET / HTTP/1.1\r\nHost: x\r\nX: ".as_slice(), &vec![b'A'; 400_000]].concat();
    let mut kept = Vec::new();
    for number in 0..1_300 {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
        // A connection that is refused is as good as one that is kept.
        if number < 300 {
            let _ = stream.write_all(&head);
        } else {
            let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-a: b\r\n");
        }
        kept.push(stream);
        if number % 100 == 0 {
            assert!(scrape(address), "beside {number}");
        }
    }
    assert!(scrape(address));
    let resident = resident_megabytes(program.id());
    assert!(resident < 64, "{resident} MB");
}

#[test]
fn idle_connections_take_no_descriptor_that_measuring_needs() {
    let program = start(&clocks(3, "good"), 32, &[]);
    let address = program.address();
    let idle: Vec<_> = (0..60).map(|_| TcpStream::connect(address).unwrap()).collect();
    for _ in 0..3 {
        let left = metric(address, "process_max_fds") - metric(address, "process_open_fds");
        assert!(left >= 6.0, "{left} descriptors are left beside {} connections", idle.len());
    }
    assert!(scrape(address));
}

/// How many descriptors are left.
fn left(address: SocketAddr) -> f64 {
    metric(address, "process_max_fds") - metric(address, "process_open_fds")
}

#[test]
fn idle_connections_leave_when_targets_come() {
    const FOUND: usize = 17;
    let config = "clocks: {own: {period: 1s}}\nmodules: {m: {period: 1s}}\n\
                  file_sd_configs: [{files: [list.json], refresh_interval: 1s}]\n";
    let program = start(config, 64, &[]);
    let address = program.address();
    let idle: Vec<_> = (0..60).map(|_| TcpStream::connect(address).unwrap()).collect();
    let needed = f64::from(u32::try_from(2 * (FOUND + 1)).unwrap());
    let before = left(address);
    assert!(before < needed, "{before} would do without a word");
    let targets: Vec<_> = (0..FOUND).map(|number| format!("t{number}")).collect();
    let labels = serde_json::json!({"__param_module": "m"});
    let list = serde_json::json!([{"targets": targets, "labels": labels}]).to_string();
    let folder = program.folder();
    std::fs::write(folder.join("new"), list).unwrap();
    std::fs::rename(folder.join("new"), folder.join("list.json")).unwrap();
    program
        .wait_until("they are measured", |it| it.get("tick_ticks_total{clock=\"t16\"}").is_some());
    let after = left(address);
    assert!(after >= needed, "{after} are left beside {} connections", idle.len());
    assert!(scrape(address));
}

#[test]
fn what_is_measured_on_demand_takes_no_descriptor_that_measuring_needs() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().map(|address| (silent, address)).unwrap();
    let config = "clocks: {a: {period: 1s}, b: {period: 1s}, c: {period: 1s}}\n\
                  modules: {m: {period: 3600s}}\non_demand: {allow: [127.0.0.0/8]}\n";
    let program = start(config, 64, &[]);
    let address = program.address();
    let mut asked = Vec::new();
    for _ in 0..60 {
        let mut stream = TcpStream::connect(address).unwrap();
        let query = format!("target={}&module=m", silent.1);
        // Whoever is one too many is refused, or closed.
        let _ = write!(stream, "GET /listen?{query} HTTP/1.1\r\nHost: t\r\n\r\n");
        asked.push(stream);
    }
    for _ in 0..3 {
        let left = left(address);
        assert!(left >= 6.0, "{left} descriptors are left beside {} questions", asked.len());
    }
    assert!(scrape(address));
}

#[test]
fn reloads_that_nobody_waits_for_do_not_pile_up() {
    const ASKED: usize = 60;
    let program = start(&clocks(4_000, "good"), 16_384, &[]);
    let address = program.address();
    let post = "POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
    let mut asked: Vec<_> = (0..ASKED).map(|_| TcpStream::connect(address).unwrap()).collect();
    for stream in &mut asked {
        stream.write_all(post.as_bytes()).unwrap();
    }
    // Half of them hang up, and the others are all told how it went.
    let waiting = asked.split_off(ASKED / 2);
    drop(asked);
    for mut stream in waiting {
        let mut answer = [0; 15];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer, *b"HTTP/1.1 200 OK");
    }
    let reloads = program.log().matches("config reloaded").count();
    assert!((1..ASKED / 2).contains(&reloads), "{reloads} reloads");
}

/// Ends with the test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Not by the common runner, which reads the log.
#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("tick.yml");
    std::fs::write(&file, clocks(6_000, "bad")).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let mut command = limited(16_384, &["--web.listen-address", &address.to_string()]);
    let command = command.arg("--config.file").arg(&file).stderr(Stdio::piped());
    let mut tick = Killed(command.spawn().unwrap());
    while TcpStream::connect(address).is_err() {
        thread::sleep(Duration::from_millis(100));
        assert!(tick.0.try_wait().unwrap().is_none(), "it ended");
    }
    while metric(address, "turbulence_log_lines_dropped_total") == 0.0 {
        thread::sleep(Duration::from_millis(100));
    }
    assert!(scrape(address));
    assert!(
        Command::new("kill")
            .args(["-s", "TERM", &tick.0.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    assert!(tick.0.wait().unwrap().success());
    let mut rest = Vec::new();
    tick.0.stderr.take().unwrap().read_to_end(&mut rest).unwrap();
    assert!(!rest.is_empty());
}

#[test]
fn a_page_of_a_stranger_changes_nothing() {
    let program = start(&clocks(1, "good"), 4096, &[]);
    let address = program.address();
    let post = |headers: &str| {
        let request = format!("POST /-/reload HTTP/1.1\r\nContent-Length: 0\r\n{headers}");
        ask(address, &request).unwrap().0
    };
    assert_eq!(post("Host: localhost"), 200);
    assert_eq!(post(&format!("Host: {address}\r\nOrigin: http://{address}")), 200);
    assert_eq!(post("Host: localhost\r\nOrigin: http://evil.example"), 403);
    assert_eq!(post("Host: localhost\r\nSec-Fetch-Site: cross-site"), 403);
    assert_eq!(post("Host: evil.example\r\nOrigin: http://evil.example"), 403);
    assert_eq!(post("Host: evil.example"), 403);
    for malformed in ["X: y", "Host:", "Host: localhost\r\nHost: localhost", "Host: a b"] {
        assert_eq!(post(malformed), 400, "{malformed}");
    }
}

#[test]
fn every_answer_binds_a_browser_and_an_error_says_something() {
    let program = start(&clocks(1, "good"), 4096, &[]);
    let address = program.address();
    for path in ["/", "/metrics", "/-/healthy", "/nowhere", "/-/reload"] {
        let (_, answer) = ask(address, &format!("GET {path} HTTP/1.1\r\nHost: t")).unwrap();
        let answer = answer.to_lowercase();
        for header in ["x-content-type-options: nosniff", "content-security-policy: default-src"] {
            assert!(answer.contains(header), "{path}: {answer}");
        }
    }
    let browser = "Host: t\r\nAccept: text/html";
    let (status, page) = ask(address, &format!("GET /nowhere HTTP/1.1\r\n{browser}")).unwrap();
    assert!(status == 404 && page.contains("<h1>404 Not Found</h1>"), "{page}");
    let (status, text) = ask(address, "GET /nowhere HTTP/1.1\r\nHost: t").unwrap();
    assert!(status == 404 && text.ends_with("There is no such page.\n"), "{text}");
    let (status, text) = ask(address, "GET /-/reload HTTP/1.1\r\nHost: t").unwrap();
    assert!(status == 405 && text.ends_with("does not take GET.\n"), "{text}");
    assert!(text.to_lowercase().contains("allow: "), "{text}");
}
