//! The running exporter, and its page.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use turbulence_lab::http;
use turbulence_lab::process::find_own;

/// An exporter; it is killed when this is dropped.
pub(crate) struct Exporter {
    child: Child,
    url: String,
    _folder: TempDir,
}

impl Exporter {
    /// Starts it with this configuration.
    pub(crate) fn start(config: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("ipmi.yml");
        std::fs::write(&file, config).unwrap();
        let mut child = Command::new(find_own("turbulence-ipmi").unwrap())
            .arg("--config.file")
            .arg(file)
            .args(["--web.listen-address", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines
            .find_map(|line| {
                Some(line.unwrap().split_once("listening address=")?.1.trim().to_owned())
            })
            .unwrap();
        // The pipe must not fill up, nor be closed.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url: format!("http://{address}/metrics"), _folder: folder }
    }

    /// What is exported now.
    pub(crate) async fn page(&self) -> String {
        http::fetch(&self.url).await.unwrap()
    }

    /// The first page for which `is_there` holds.
    pub(crate) async fn page_where(&self, what: &str, is_there: impl Fn(&str) -> bool) -> String {
        let mut text = String::new();
        for _ in 0..1200 {
            text = self.page().await;
            if is_there(&text) {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("never saw {what} in:\n{text}");
    }

    /// The first page on which there is a line for each of `wanted`: one with all its words, which are
    /// separated by blanks of two.
    pub(crate) async fn page_with(&self, wanted: &[&str]) -> String {
        self.page_where(&wanted.join("; "), |text| {
            wanted.iter().all(|wanted| line(text, wanted).is_some())
        })
        .await
    }

    /// Ends it as systemd does; it must end well.
    pub(crate) fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The line that holds all of these words, which are separated by blanks of two.
fn line<'a>(text: &'a str, words: &str) -> Option<&'a str> {
    text.lines().find(|line| words.split("  ").all(|word| line.contains(word)))
}

/// The value of the sample of `metric` that has all of these labels; none when there is none.
pub(crate) fn sample(text: &str, metric: &str, labels: &[(&str, &str)]) -> Option<f64> {
    Some(number(text, metric, labels)?.parse().unwrap())
}

/// The count of such a sample, which must be there.
pub(crate) fn count(text: &str, metric: &str, labels: &[(&str, &str)]) -> u64 {
    let number = number(text, metric, labels);
    number.unwrap_or_else(|| panic!("no {metric} {labels:?} in:\n{text}")).parse().unwrap()
}

fn number<'a>(text: &'a str, metric: &str, labels: &[(&str, &str)]) -> Option<&'a str> {
    let start = format!("{metric}{{");
    let has_all = |line: &&str| {
        labels.iter().all(|(label, value)| line.contains(&format!("{label}=\"{value}\"")))
    };
    text.lines().filter(|line| line.starts_with(&start)).find(has_all)?.rsplit(' ').next()
}
