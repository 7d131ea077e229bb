//! The web server of a real exporter process, the example `tick`, met by peers that are real as well.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod attack;
mod tls;

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// How long a scraper waits, and says that it does: long, because the machine may be busy.
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(120);

/// The path of `tick`.
fn tick() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join("examples/tick");
    assert!(program.exists(), "{}: build it: cargo build --examples", program.display());
    program
}

/// A config of so many clocks, whose page is a kilobyte a clock.
fn clocks(count: usize, mood: &str) -> String {
    let mut config = "clocks:\n".to_owned();
    let long = "x".repeat(190);
    for clock in 0..count {
        let labels = format!("{{a: {long}, b: {long}, c: {long}, d: {long}}}");
        let clock = format!("  c{clock}{long}: {{period: 1s, mood: {mood}, labels: {labels}}}");
        writeln!(config, "{clock}").unwrap();
    }
    config
}

/// A running `tick`.
struct Program {
    child: Child,
    address: SocketAddr,
    /// Read up to the line that names the address, and no further.
    stderr: BufReader<ChildStderr>,
    _folder: TempDir,
}

impl Program {
    /// Starts it with that config, so many file descriptors and these flags.
    fn start(config: &str, descriptors: usize, flags: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("tick.yml");
        std::fs::write(&file, config).unwrap();
        let mut child = Command::new("sh")
            .args(["-c", &format!("ulimit -n {descriptors}; exec \"$0\" \"$@\"")])
            .arg(tick())
            .args(["--web.listen-address", "127.0.0.1:0", "--config.file"])
            .arg(&file)
            .args(flags)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let address = loop {
            let mut line = String::new();
            assert!(stderr.read_line(&mut line).unwrap() > 0, "it ended");
            if let Some((_, address)) = line.split_once("listening address=") {
                break address.trim().parse().unwrap();
            }
        };
        Self { child, address, stderr, _folder: folder }
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).unwrap()
    }

    /// The status and the text of an answer; an error if it did not come whole and in time.
    fn ask(&self, request: &str) -> std::io::Result<(u16, String)> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(SCRAPE_TIMEOUT))?;
        write!(stream, "{request}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let status = answer.split(' ').nth(1).and_then(|it| it.parse().ok());
        Ok((status.ok_or(std::io::ErrorKind::UnexpectedEof)?, answer))
    }

    /// A scrape; true if the whole page came.
    fn scrape(&self) -> bool {
        let seconds = SCRAPE_TIMEOUT.as_secs();
        let answer = self.ask(&format!(
            "GET /metrics HTTP/1.1\r\nHost: t\r\nAccept: application/openmetrics-text\r\n\
             X-Prometheus-Scrape-Timeout-Seconds: {seconds}"
        ));
        let whole = |text: &str| text.contains("# EOF\n") && text.ends_with("\r\n0\r\n\r\n");
        let came = answer.as_ref().is_ok_and(|(status, text)| *status == 200 && whole(text));
        if !came {
            let what = answer.map(|(status, text)| format!("{status} and {} bytes", text.len()));
            eprintln!("a scrape got {what:?}");
        }
        came
    }

    fn metric(&self, name: &str) -> f64 {
        let (_, text) = self.ask("GET /metrics HTTP/1.1\r\nHost: t").unwrap();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    fn resident_megabytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
