//! The real program: started, scraped, signalled, stopped.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

/// For a state that must come, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(20);

pub(crate) struct Exporter {
    child: Child,
    address: SocketAddr,
    pub(crate) folder: TempDir,
    log: Receiver<String>,
}

impl Exporter {
    pub(crate) fn start(config: &str) -> Self {
        Self::start_in(TempDir::new().unwrap(), config)
    }

    pub(crate) fn start_in(folder: TempDir, config: &str) -> Self {
        fs::write(folder.path().join("ipmi.yml"), config).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_turbulence-ipmi"))
            .args(["--web.listen-address", "127.0.0.1:0", "--config.file"])
            .arg(folder.path().join("ipmi.yml"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, log) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || {
            stderr.lines().map_while(Result::ok).try_for_each(|it| sender.send(it))
        });
        let address = loop {
            let line = log.recv_timeout(PATIENCE).expect("the program says where it listens");
            if let Some((_, address)) = line.split_once("listening address=") {
                break address.trim().parse().unwrap();
            }
        };
        Self { child, address, folder, log }
    }

    pub(crate) fn ask(&self, method: &str, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(stream, "{method} {path} HTTP/1.0\r\nHost: t\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    pub(crate) fn metrics(&self) -> String {
        let (status, body) = self.ask("GET", "/metrics");
        assert_eq!(status, 200);
        body
    }

    /// Scrapes until the exposition is as wanted.
    #[track_caller]
    pub(crate) fn wait(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        for _ in 0..PATIENCE.as_millis() / PAUSE.as_millis() {
            let text = self.metrics();
            if wanted(&text) {
                return text;
            }
            thread::sleep(PAUSE);
        }
        panic!("never saw {what} in:\n{}", self.metrics());
    }

    /// Scrapes until the first line that holds every one of `parts` ends with `value`.
    #[track_caller]
    pub(crate) fn wait_for(&self, parts: &[&str], value: f64) -> String {
        let what = format!("{parts:?} {value}");
        self.wait(&what, |text| sample(text, parts).is_some_and(|it| (it - value).abs() < 1e-6))
    }

    pub(crate) fn config(&self, config: &str) -> (u16, String) {
        fs::write(self.config_file(), config).unwrap();
        self.ask("POST", "/-/reload")
    }

    pub(crate) fn config_file(&self) -> PathBuf {
        self.folder.path().join("ipmi.yml")
    }

    /// Ends the program by SIGTERM; what it logged since it listened, and its folder.
    pub(crate) fn stop(mut self) -> (ExitStatus, String, TempDir) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        let log: Vec<_> = self.log.iter().collect();
        (status, log.join("\n"), std::mem::replace(&mut self.folder, TempDir::new().unwrap()))
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The value of the first sample whose line holds every one of `parts`.
pub(crate) fn sample(text: &str, parts: &[&str]) -> Option<f64> {
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let line = samples.into_iter().find(|line| parts.iter().all(|part| line.contains(part)))?;
    line.rsplit(' ').next()?.parse().ok()
}
