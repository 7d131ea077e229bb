//! The web server of a real exporter process, the example `tick`, met by peers that are real as well.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod attack;
mod looks;
mod tls;

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use peers::{Program, example};

/// How long a scraper waits, and says that it does: long, because the machine may be busy.
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(120);

fn tick() -> Command {
    example("tick")
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

/// A `tick` with that config, so many file descriptors and these flags.
fn start(config: &str, descriptors: usize, flags: &[&str]) -> Program {
    Program::start(limited(descriptors, flags), config)
}

/// What starts one that may have so many file descriptors.
fn limited(descriptors: usize, flags: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -n {descriptors}; exec \"$0\" \"$@\"")]);
    command.arg(tick().get_program()).args(flags);
    command
}

/// The status and the text of an answer; an error if it did not come whole and in time.
fn ask(address: SocketAddr, request: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(SCRAPE_TIMEOUT))?;
    write!(stream, "{request}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|it| it.parse().ok());
    Ok((status.ok_or(std::io::ErrorKind::UnexpectedEof)?, answer))
}

/// A scrape; true if the whole page came.
fn scrape(address: SocketAddr) -> bool {
    let seconds = SCRAPE_TIMEOUT.as_secs();
    let answer = ask(
        address,
        &format!(
            "GET /metrics HTTP/1.1\r\nHost: t\r\nAccept: application/openmetrics-text\r\n\
             X-Prometheus-Scrape-Timeout-Seconds: {seconds}"
        ),
    );
    let whole = |text: &str| text.contains("# EOF\n") && text.ends_with("\r\n0\r\n\r\n");
    let came = answer.as_ref().is_ok_and(|(status, text)| *status == 200 && whole(text));
    if !came {
        let what = answer.map(|(status, text)| format!("{status} and {} bytes", text.len()));
        eprintln!("a scrape got {what:?}");
    }
    came
}

fn metric(address: SocketAddr, name: &str) -> f64 {
    let (_, text) = ask(address, "GET /metrics HTTP/1.1\r\nHost: t").unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

fn resident_megabytes(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}
