//! A real exporter: started on a free port of loopback, asked, reloaded, stopped.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle, sleep};
use std::time::Duration;

use tempfile::TempDir;

use crate::scrape::Scrape;

/// How long a state may take to come about on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Between two looks at a state.
pub(crate) const PAUSE: Duration = Duration::from_millis(20);

/// The binary of an example of the package whose test asks, ready for flags.
pub fn example(name: &str) -> Command {
    let test = std::env::current_exe().expect("a test has a file");
    // A test stands in a folder beside that of the examples.
    let folder = test.ancestors().nth(2).expect("target/debug");
    let program = folder.join("examples").join(name);
    assert!(program.exists(), "{}: build it: cargo build --examples", program.display());
    Command::new(program)
}

/// An exporter's process, its folder and its log. It is killed when this is dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    address: SocketAddr,
    folder: Folder,
    log: Arc<Mutex<String>>,
    /// Ends with what the program logs.
    reader: JoinHandle<()>,
}

/// Where the config lies.
#[derive(Debug)]
enum Folder {
    /// Removed with the program.
    Own(TempDir),
    Given(PathBuf),
}

/// What was answered to a request.
#[derive(Debug, Clone)]
pub struct Answer {
    /// 200, 503 ...
    pub status: u16,
    /// The status line and the headers.
    pub head: String,
    /// All after the headers; what is no text, in its place a sign for that.
    pub body: String,
}

impl Program {
    /// Starts an exporter's binary on this config, in a folder of its own.
    pub fn start(command: Command, config: &str) -> Self {
        Self::start_beside(command, &[], config)
    }

    /// The same, with files (their paths and texts) beside the config.
    pub fn start_beside(command: Command, files: &[(&str, &str)], config: &str) -> Self {
        let own = TempDir::new().expect("a temporary folder");
        for (name, text) in files {
            let file = own.path().join(name);
            let folder = file.parent().expect("it is in a folder");
            fs::create_dir_all(folder).expect("the folder of a file beside the config");
            fs::write(&file, text).expect("a file beside the config");
        }
        let mut program = Self::start_in(command, own.path(), config);
        program.folder = Folder::Own(own);
        program
    }

    /// The same in a folder that outlives it. Only flags are added to the command, and its log is
    /// read; it is printed, too, for whoever reads why a test failed.
    pub fn start_in(mut command: Command, folder: &Path, config: &str) -> Self {
        let file = folder.join("config.yml");
        fs::write(&file, config).expect("a config file");
        let mut child = command
            .args(["--web.listen-address", "127.0.0.1:0", "--config.file"])
            .arg(file)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("starting {command:?}: {error}"));
        let stderr = child.stderr.take().expect("stderr is piped");
        let log = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&log);
        let lines = BufReader::new(stderr).lines().map_while(Result::ok);
        let mut lines = lines.inspect(move |line| {
            eprintln!("{line}");
            let mut kept = kept.lock().expect("nobody panics with the log");
            kept.push_str(line);
            kept.push('\n');
        });
        let address = lines.find_map(|line| address_in(&line));
        let reader = thread::spawn(move || lines.for_each(drop));
        let address = address.expect("the program says where it listens");
        Self { child, address, folder: Folder::Given(folder.to_owned()), log, reader }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where its config lies.
    pub fn folder(&self) -> &Path {
        match &self.folder {
            Folder::Own(folder) => folder.path(),
            Folder::Given(folder) => folder,
        }
    }

    /// Its config.
    pub fn config_file(&self) -> PathBuf {
        self.folder().join("config.yml")
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.log.lock().expect("nobody panics with the log").clone()
    }

    /// Asks for a page, with header lines that each end with `\r\n`.
    pub fn request(&self, method: &str, path: &str, headers: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).expect("a connection");
        write!(stream, "{method} {path} HTTP/1.0\r\nhost: {}\r\n{headers}\r\n", self.address)
            .expect("a request");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").expect("headers and body");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status in {head:?}"));
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// The body of a page.
    pub fn page(&self, path: &str) -> String {
        self.request("GET", path, "").body
    }

    /// Its metrics, which it must give.
    #[track_caller]
    pub fn metrics(&self) -> Scrape {
        let answer = self.request("GET", "/metrics", "");
        assert_eq!(answer.status, 200, "{}", answer.body);
        Scrape::of(answer.body)
    }

    /// Waits until the metrics show a state; returns them.
    #[track_caller]
    pub fn wait_until(&self, what: &str, holds: impl Fn(&Scrape) -> bool) -> Scrape {
        self.wait_until_within(PATIENCE, what, holds)
    }

    /// The same of what takes longer than [`PATIENCE`].
    #[track_caller]
    pub fn wait_until_within(
        &self,
        patience: Duration,
        what: &str,
        holds: impl Fn(&Scrape) -> bool,
    ) -> Scrape {
        for _ in 0..patience.as_millis() / PAUSE.as_millis() {
            // One that is too busy for a scrape is asked again.
            let answer = self.request("GET", "/metrics", "");
            if answer.status == 200 {
                let metrics = Scrape::of(answer.body);
                if holds(&metrics) {
                    return metrics;
                }
            }
            sleep(PAUSE);
        }
        panic!("never: {what}\n{}", self.page("/metrics"));
    }

    /// Waits until every target had its first round.
    #[track_caller]
    pub fn wait_until_ready(&self) {
        self.wait("it is ready", || self.request("GET", "/-/ready", "").status == 200);
    }

    /// Waits for a line of its log that has all of these words.
    #[track_caller]
    pub fn wait_for_log(&self, words: &[&str]) {
        let has_all = |line: &str| words.iter().all(|word| line.contains(word));
        self.wait(&format!("the log says {words:?}"), || self.log().lines().any(has_all));
    }

    /// Waits for anything.
    #[track_caller]
    pub fn wait(&self, what: &str, holds: impl Fn() -> bool) {
        for _ in 0..looks() {
            if holds() {
                return;
            }
            sleep(PAUSE);
        }
        panic!("never: {what}");
    }

    /// Writes another config and asks it to reload.
    pub fn reload(&self, config: &str) -> Answer {
        fs::write(self.config_file(), config).expect("a config file");
        self.request("POST", "/-/reload", "")
    }

    /// Sends a signal: `HUP` ...
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.expect("the program kill").success(), "the exporter had ended by itself");
    }

    /// Ends it as systemd does, by SIGTERM.
    pub fn stop(self) -> ExitStatus {
        self.end().0
    }

    /// The same; also returns all that it logged.
    pub fn end(mut self) -> (ExitStatus, String) {
        self.signal("TERM");
        let status = self.child.wait().expect("it can be waited for");
        while !self.reader.is_finished() {
            sleep(PAUSE);
        }
        (status, self.log())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How often a state is looked at before it counts as never come.
pub(crate) fn looks() -> u128 {
    PATIENCE.as_millis() / PAUSE.as_millis()
}

/// The address in the log line that tells it, which may be coloured, or JSON.
fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, after) = line.contains("listening").then(|| line.rsplit_once("127.0.0.1:"))??;
    let port: String = after.chars().take_while(char::is_ascii_digit).collect();
    Some(SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::address_in;

    #[test]
    fn the_address_is_found_in_every_format_of_the_log() {
        for line in [
            "INFO listening address=127.0.0.1:9290",
            "\u{1b}[3maddress\u{1b}[0m=127.0.0.1:9290\u{1b}[0m listening",
            r#"{"message":"listening","address":"127.0.0.1:9290"}"#,
        ] {
            assert_eq!(address_in(line).map(|address| address.port()), Some(9290), "{line}");
        }
        assert_eq!(address_in("connected to 127.0.0.1:53"), None);
    }
}
