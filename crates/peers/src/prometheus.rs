//! A real Prometheus: the installed one, and the newest one where it is to be had.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::{PATIENCE, free_port};

/// Between two looks at an answer.
const PAUSE: Duration = Duration::from_millis(100);

/// A running Prometheus. It is killed when this is dropped.
#[derive(Debug)]
pub struct Prometheus {
    child: Child,
    address: SocketAddr,
    folder: TempDir,
}

/// What a query finds: each series by its labels, as JSON, with its value or native histogram.
pub type Found = BTreeMap<String, Value>;

impl Prometheus {
    /// The programs to try: the installed one, and the one that `PROMETHEUS_NEWEST` names, or else the one
    /// of Debian's sid that `turbulence-lab debian-sid prometheus` has unpacked beside the build.
    pub fn programs() -> Vec<PathBuf> {
        let named = std::env::var_os("PROMETHEUS_NEWEST").map(PathBuf::from);
        let newest = named.or_else(unpacked);
        if newest.is_none() {
            eprintln!("the newest Prometheus is not to be had: only the installed one is tried");
        }
        [PathBuf::from("prometheus")].into_iter().chain(newest).collect()
    }

    /// The promtool of one of them: beside it, or in Debian's package of its own that was unpacked beside that of the program.
    pub fn promtool(program: &Path) -> PathBuf {
        let own = unpacked_program("promtool").filter(|_| Some(program) == unpacked().as_deref());
        own.unwrap_or_else(|| program.with_file_name("promtool"))
    }

    /// Starts that program on this config, whose relative paths are taken from `/`.
    pub fn start(program: &Path, config: &str, flags: &[&str]) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, config).expect("a config file");
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let child = Command::new(program)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .args(flags)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = child.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        Self { child, address, folder }
    }

    /// The URL of its page.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The folder of its data.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// What a query finds; nothing while it does not answer.
    pub fn query(&self, query: &str) -> Found {
        let mut escaped = String::new();
        for byte in query.bytes() {
            write!(escaped, "%{byte:02x}").expect("a string takes everything");
        }
        let body = self.get(&format!("/api/v1/query?query={escaped}")).unwrap_or_default();
        let body: Value = serde_json::from_str(&body).unwrap_or_default();
        let found = body["data"]["result"].as_array().cloned().unwrap_or_default();
        let series = found.into_iter().map(|series| {
            let value = [&series["value"][1], &series["histogram"][1]];
            let value = value.into_iter().find(|it| !it.is_null()).cloned();
            (series["metric"].to_string(), value.unwrap_or_default())
        });
        series.collect()
    }

    /// Asks until so many series are found.
    #[track_caller]
    pub fn wait_for(&self, query: &str, series: usize) -> Found {
        for _ in 0..PATIENCE.as_millis() / PAUSE.as_millis() {
            let found = self.query(query);
            if found.len() == series {
                return found;
            }
            sleep(PAUSE);
        }
        panic!(
            "{query}: {:?}\n{}",
            self.query(query),
            self.get("/api/v1/targets").unwrap_or_default()
        );
    }

    /// The value of the only series that a query finds, once it does.
    #[track_caller]
    pub fn number(&self, query: &str) -> f64 {
        let found = self.wait_for(query, 1);
        let value = found.into_values().next().and_then(|value| value.as_str()?.parse().ok());
        value.unwrap_or_else(|| panic!("{query} is no number"))
    }

    fn get(&self, path: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.split_once("\r\n\r\n").map_or(String::new(), |(_, body)| body.to_owned()))
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The Prometheus that was unpacked into the target folder in which the test itself was built.
fn unpacked() -> Option<PathBuf> {
    unpacked_program("prometheus")
}

/// A program of the package of its name that was unpacked there.
fn unpacked_program(name: &str) -> Option<PathBuf> {
    let test = std::env::current_exe().ok()?;
    let target = test.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file())?;
    let sid = target.join("debian-sid").join(name);
    // Written last, so that half of one is none.
    let is_whole = sid.join("unpacked").is_file();
    let program = sid.join("root/usr/bin").join(name);
    Some(program).filter(|program| is_whole && program.is_file())
}

/// The block of YAML in a text of Markdown that holds `word`.
#[track_caller]
pub fn yaml_block<'a>(markdown: &'a str, word: &str) -> &'a str {
    let mut blocks = markdown.split("```yaml\n").skip(1).filter_map(|it| it.split("```").next());
    blocks.find(|block| block.contains(word)).unwrap_or_else(|| panic!("no block with {word}"))
}
