//! fping, which is Debian's package of that name: no exporter, but the cheapest prober there is.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::ensure;

use super::echoes::Seen;
use super::usage;
use crate::netns::Namespace;
use crate::process::find;

/// As it stands in the results.
pub(super) const PEER: &str = "fping";

/// Its table of 65,536 echoes keeps each for 10 s, so that faster it gives up ("not enough sequence
/// numbers available"); with some room.
const MOST_PER_SECOND: f64 = 6_300.0;

pub(super) async fn measure(hosts: &[Ipv4Addr], watched: Duration) -> anyhow::Result<Seen> {
    let program = find("fping", "fping")?;
    let namespace = Namespace::new("bench-fping")?;
    let folder = tempfile::Builder::new().prefix("turbulence-bench-").tempdir()?;
    let (list, results) = (folder.path().join("hosts"), folder.path().join("results"));
    let mut text = String::new();
    for host in hosts {
        writeln!(text, "{host}")?;
    }
    fs::write(&list, text)?;

    let rate = (hosts.len() as f64).min(MOST_PER_SECOND);
    let period = hosts.len() as f64 / rate;
    let rounds = (watched.as_secs_f64() / period).ceil().max(2.0);
    let mut command = Command::new(program);
    command.args(["-q", "-t", "900", "-C", &format!("{rounds:.0}")]);
    command.args(["-p", &format!("{:.0}", period * 1e3), "-i", &format!("{:.3}", 0.95e3 / rate)]);
    command.arg("-f").arg(&list);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&results)?);
    let mut child = namespace.spawn(command)?;
    let ended = usage::until_end(&mut child, watched * 4 + Duration::from_secs(30)).await?;
    let printed = fs::read_to_string(&results)?;
    // 1 means that some host did not answer.
    ensure!(matches!(ended.status.code(), Some(0 | 1)), "{}: {}", ended.status, printed.trim());

    let (probes, round_trips) = round_trips(&printed);
    Ok(Seen {
        cpu_seconds: ended.usage.cpu_seconds,
        seconds: ended.seconds,
        probing_seconds: ended.seconds,
        rss: ended.usage.rss,
        peak_rss: ended.usage.peak_rss,
        probes: probes as f64,
        answered: round_trips.len() as f64,
        round_trips,
        ..Seen::default()
    })
}

/// How many echoes were sent, and the round trips of those that were answered: seconds, sorted.
fn round_trips(printed: &str) -> (usize, Vec<f64>) {
    let results = printed.lines().filter_map(|line| line.split_once(" : "));
    let words: Vec<&str> = results.flat_map(|(_, words)| words.split_ascii_whitespace()).collect();
    let mut found: Vec<f64> =
        words.iter().filter_map(|word| Some(word.parse::<f64>().ok()? / 1e3)).collect();
    found.sort_by(f64::total_cmp);
    (words.len(), found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dash_is_an_echo_without_an_answer() {
        let printed = "127.1.0.1 : 0.05 - 0.03\n127.1.0.10   : 0.01 0.02 0.04\n";
        let (probes, found) = round_trips(printed);
        assert_eq!((probes, found.len()), (6, 5));
        assert!(found.is_sorted() && (found[4] - 0.000_05).abs() < 1e-12);
    }
}
