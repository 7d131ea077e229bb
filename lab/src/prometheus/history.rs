//! Yesterday: samples of the past, for rules that look back over a day.
//!
//! The rules compare the round trip of now with that of the last day. A replay cannot wait for a
//! day, so the day is written into Prometheus before it starts, from the emulator's own geometry.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};

use crate::process::find;

/// A series that had one value all the time.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// Label names and values.
    pub labels: Vec<(&'static str, String)>,
    /// What it was, in the metric's unit.
    pub value: f64,
}

/// Samples of one gauge from `back` ago until `now`, one each `step`, as OpenMetrics text.
pub fn constant(
    metric: &str,
    series: &[Constant],
    now: SystemTime,
    back: Duration,
    step: Duration,
) -> String {
    let end = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut text = format!("# TYPE {metric} gauge\n");
    for Constant { labels, value } in series {
        let labels: Vec<_> =
            labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        let labels = labels.join(",");
        let mut at = end.saturating_sub(back);
        while at < end {
            writeln!(text, "{metric}{{{labels}}} {value} {}", at.as_secs())
                .expect("a String takes everything");
            at += step;
        }
    }
    text
}

/// Writes OpenMetrics text into a data folder of a Prometheus that is not running.
pub fn fill(folder: &Path, data: &Path, text: &str) -> anyhow::Result<()> {
    fs::create_dir_all(data)?;
    if text.is_empty() {
        return Ok(());
    }
    let file = folder.join("history.om");
    fs::write(&file, format!("{text}# EOF\n"))?;
    let output = Command::new(find("promtool", "prometheus")?)
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .args([&file, data])
        .output()
        .context("running promtool")?;
    ensure!(
        output.status.success(),
        "promtool could not write the history: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_fills_its_time_with_samples() {
        let series = Constant { labels: vec![("vantage", "fra".to_owned())], value: 0.007 };
        let now = UNIX_EPOCH + Duration::from_secs(1000);
        let seconds = Duration::from_secs;
        assert_eq!(
            constant("rtt", &[series], now, seconds(120), seconds(60)),
            "# TYPE rtt gauge\nrtt{vantage=\"fra\"} 0.007 880\nrtt{vantage=\"fra\"} 0.007 940\n"
        );
    }
}
