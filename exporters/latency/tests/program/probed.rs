//! Servers for `/probe` to talk to, and the two programs that answer it: ours and the one whose words it is.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufReader, Read as _, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{MX, SOA, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use peers::exposition::samples;
use peers::{DnsServer, HttpServer, PATIENCE, answer_to, free_port};
use tempfile::TempDir;

use super::paths::LATE;

/// Between two looks whether a program listens.
const PAUSE: Duration = Duration::from_millis(20);

/// Each series of a page with its value; labels in the order of their names.
pub(crate) type Page = BTreeMap<String, f64>;

/// Reads a page of metrics.
pub(crate) fn page(text: &str) -> Page {
    let series = samples(text).map(|sample| {
        let mut labels: Vec<_> =
            sample.labels().map(|(name, value)| format!("{name}={value:?}")).collect();
        labels.sort_unstable();
        let labels =
            if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        (format!("{}{labels}", sample.name), sample.value)
    });
    series.collect()
}

/// `blackbox_exporter`, running; killed when this is dropped.
pub(crate) struct Peer {
    /// Whether it is older than 0.28, whose words we speak.
    pub(crate) is_old: bool,
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Peer {
    /// Starts it, if it is there: named by the environment, or by one of its names in the path. `config` is
    /// told whether it is old.
    pub(crate) fn start(config: impl FnOnce(bool) -> String) -> Option<Self> {
        let named = std::env::var("TURBULENCE_BLACKBOX_EXPORTER").ok();
        let usual = ["blackbox_exporter", "prometheus-blackbox-exporter"].map(str::to_owned);
        let mut programs = named.into_iter().chain(usual);
        let (program, is_old) = programs.find_map(|it| is_old(&it).map(|is_old| (it, is_old)))?;
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("blackbox.yml");
        fs::write(&file, config(is_old)).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let child = Command::new(program)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--web.listen-address={address}"))
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut peer = Self { is_old, child, address, _folder: folder };
        let mut looks = 0;
        while TcpStream::connect(address).is_err() {
            assert!(peer.child.try_wait().unwrap().is_none(), "the peer refuses the config");
            looks += 1;
            assert!(PAUSE * looks < PATIENCE, "the peer does not listen");
            thread::sleep(PAUSE);
        }
        Some(peer)
    }

    /// Asks it.
    pub(crate) fn ask(&self, path: &str, headers: &str) -> (u16, String) {
        ask(self.address, path, headers)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a program is older than 0.28; nothing, if there is none.
fn is_old(program: &str) -> Option<bool> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    let version = text.split("version ").nth(1)?.split([' ', ',']).next()?;
    let version: Vec<u32> = version.split('.').filter_map(|part| part.parse().ok()).collect();
    Some(version.as_slice() < [0, 28].as_slice())
}

/// Asks a program for a page; its status and its body.
pub(crate) fn ask(address: SocketAddr, path: &str, headers: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nhost: {address}\r\n{headers}\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// A server that says `banner`, then answers each line by its own text behind `re: `.
pub(crate) fn talker(banner: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || {
                let stream = stream.unwrap();
                talk(BufReader::new(stream.try_clone().unwrap()), stream, banner);
            });
        }
    });
    address
}

/// The same at a socket of this machine.
pub(crate) fn socket(path: &str, banner: &'static [u8]) {
    let listener = UnixListener::bind(path).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            talk(BufReader::new(stream.try_clone().unwrap()), stream, banner);
        }
    });
}

fn talk(mut lines: impl std::io::BufRead, mut out: impl Write, banner: &[u8]) {
    let _ = out.write_all(banner);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
        if line.starts_with(b"quit") {
            return;
        }
        if out.write_all(b"re: ").and_then(|()| out.write_all(&line)).is_err() {
            return;
        }
        line.clear();
    }
}

/// A server that says `text` and hangs up.
pub(crate) fn brief(text: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.write_all(text);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = stream.read(&mut [0; 64]);
        }
    });
    address
}

/// A web server that answers each request by this.
pub(crate) fn replier(answer: &'static [u8]) -> SocketAddr {
    let server = HttpServer::start();
    server.send("*", answer);
    server.address
}

/// A server of the zone `example.`, by UDP and TCP at one port; silent for the name `mute.example.`.
pub(crate) fn zone() -> SocketAddr {
    DnsServer::start(answer).address
}

/// Answers one question over a connection; nothing where none was asked.
pub(crate) fn reply(stream: impl std::io::Read + Write) -> Option<()> {
    peers::reply(stream, |bytes| answer(&Message::from_vec(bytes).ok()?))
}

fn answer(query: &Message) -> Option<Message> {
    let question = query.queries.first()?.clone();
    let owner = question.name().clone();
    let name = |text: &str| Name::from_ascii(text).unwrap();
    let mut answer = answer_to(query, ResponseCode::NoError);
    answer.metadata.recursion_available = false;
    let soa = SOA::new(name("ns.example."), name("host.example."), 2_016_365_489, 1, 2, 3, 4);
    let zone = Record::from_rdata(name("example."), 300, RData::SOA(soa));
    let own = |data: RData| Record::from_rdata(owner.clone(), 300, data);
    match (owner.to_ascii().as_str(), question.query_type()) {
        ("mute.example.", _) => return None,
        ("late.example.", _) => {
            thread::sleep(LATE);
            answer.metadata.response_code = ResponseCode::NXDomain;
        }
        ("example.", RecordType::SOA) => {
            answer.add_answer(zone);
        }
        ("www.example.", RecordType::A) => {
            answer.add_answer(own(RData::A("192.0.2.1".parse().unwrap())));
            answer.add_answer(own(RData::A("192.0.2.2".parse().unwrap())));
            answer.add_authority(zone);
            let more = RData::AAAA("2001:db8::1".parse().unwrap());
            answer.add_additional(Record::from_rdata(name("ns.example."), 60, more));
        }
        ("www.example.", RecordType::TXT) => {
            let strings = ["a \"b\" \\c", "\u{e9}\n"].map(str::to_owned);
            answer.add_answer(own(RData::TXT(TXT::new(strings.into()))));
        }
        ("www.example.", RecordType::MX) => {
            answer.add_answer(own(RData::MX(MX::new(10, name("a.b.example.")))));
        }
        ("www.example.", _) => {
            answer.add_authority(zone);
        }
        _ => {
            answer.metadata.response_code = ResponseCode::NXDomain;
            answer.add_authority(zone);
        }
    }
    Some(answer)
}
