//! A running `tick`, its config file and its log.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) fn tick() -> Command {
    let test = std::env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join("examples/tick");
    assert!(program.exists(), "{}: build it: cargo build --examples", program.display());
    Command::new(program)
}

pub(crate) struct Tick {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) folder: TempDir,
    pub(crate) log: Mutex<mpsc::Receiver<String>>,
}

impl Tick {
    /// Starts beside files that the config names.
    pub(crate) fn start_in(folder: TempDir, config: &str) -> Self {
        std::fs::write(folder.path().join("tick.yml"), config).unwrap();
        let mut command = tick();
        command.args(["--web.listen-address", "127.0.0.1:0", "--log.level", "debug"]);
        command.arg("--config.file").arg(folder.path().join("tick.yml"));
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let (sender, log) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines() {
                if sender.send(line.unwrap()).is_err() {
                    break;
                }
            }
        });
        let address = loop {
            let line = log.recv_timeout(PATIENCE).unwrap();
            if let Some((_, address)) = line.split_once("listening address=") {
                break address.trim().parse().unwrap();
            }
        };
        Self { child, address, folder, log: Mutex::new(log) }
    }

    pub(crate) fn ask(&self, method: &str, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            self.address
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
    }

    pub(crate) fn reload(&self) -> (u16, String) {
        self.ask("POST", "/-/reload")
    }

    /// Asks for `path` until the answer is as wanted.
    pub(crate) fn wait_for(&self, path: &str, wanted: impl Fn(&str) -> bool) -> String {
        for _ in 0..12_000 {
            let (_, text) = self.ask("GET", path);
            if wanted(&text) {
                return text;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("never saw what was wanted in:\n{}", self.ask("GET", path).1);
    }

    pub(crate) fn wait_for_log(&self, wanted: &str) -> String {
        let log = self.log.lock().unwrap();
        loop {
            let line = log.recv_timeout(PATIENCE).unwrap();
            if line.contains(wanted) {
                return line;
            }
        }
    }
}

impl Drop for Tick {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
