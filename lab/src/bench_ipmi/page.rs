//! A metrics page of an exporter: fetched as Prometheus does, and its values held against the script.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context as _, ensure};
use peers::exposition::{self, Sample};

use super::bmcs;
use crate::bench::scrape::{self, Answer};

/// So many of a BMC's 16 sensors have a value; the other two have states.
pub(super) const VALUES: usize = 14;

/// The metrics that are values of sensors, by the same names in both exporters.
const METRICS: [&str; 7] = [
    "ipmi_temperature_celsius",
    "ipmi_fan_speed_rpm",
    RATIO,
    "ipmi_voltage_volts",
    "ipmi_current_amperes",
    "ipmi_power_watts",
    "ipmi_sensor_value",
];
const RATIO: &str = "ipmi_fan_speed_ratio";

/// Whether this is a value of a sensor of that BMC, and the script's; none for what is none.
pub(super) fn is_right(sample: &Sample<'_>, bmc: usize) -> Option<bool> {
    METRICS.contains(&sample.name).then_some(())?;
    let expected = bmcs::expected(bmc, &sample.label("name")?)?;
    let value = if sample.name == RATIO { sample.value * 100.0 } else { sample.value };
    Some(bmcs::is_right(value, expected))
}

/// Fetches a page compressed, as Prometheus does; blocks.
pub(super) fn fetch(address: SocketAddr, path: &str) -> anyhow::Result<Answer> {
    scrape::fetch(address, path, "Accept-Encoding: gzip\r\n")
}

/// The text of what came; blocks.
pub(super) fn text(answer: Answer) -> anyhow::Result<String> {
    let mut text = String::new();
    lines(answer, |line| text.push_str(line))?;
    Ok(text)
}

/// Looks at each sample of a page; gives the length of the text in bytes.
pub(super) fn read(page: Answer, mut look: impl FnMut(Sample<'_>)) -> anyhow::Result<usize> {
    let mut length = 0;
    lines(page, |line| {
        length += line.len();
        if let Some(sample) = exposition::sample(line.trim_end()) {
            look(sample);
        }
    })?;
    Ok(length)
}

/// Looks at each line, with its end.
fn lines(page: Answer, mut look: impl FnMut(&str)) -> anyhow::Result<()> {
    if !page.head.contains("content-encoding: gzip") {
        let text = String::from_utf8(page.body).context("the page is not text")?;
        text.split_inclusive('\n').for_each(look);
        return Ok(());
    }
    let mut gzip = Command::new("gzip")
        .arg("-dc")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("starting gzip")?;
    let mut input = gzip.stdin.take().context("gzip's input")?;
    let output = gzip.stdout.take().context("gzip's output")?;
    let writer = thread::spawn(move || input.write_all(&page.body));
    let mut lines = BufReader::with_capacity(1 << 16, output);
    let mut line = String::new();
    while lines.read_line(&mut line)? > 0 {
        look(&line);
        line.clear();
    }
    writer.join().ok().context("the thread that feeds gzip panicked")??;
    ensure!(gzip.wait()?.success(), "gzip does not take the page");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str =
        "ipmi_temperature_celsius{target=\"bmc-7\",id=\"32.0.1\",name=\"01-Inlet Ambient\"} 33";

    #[test]
    fn a_value_is_held_against_the_script() {
        let expected = bmcs::expected(7, "01-Inlet Ambient").unwrap();
        let good = Sample { value: expected, ..exposition::sample(LINE).unwrap() };
        assert_eq!(is_right(&good, 7), Some(true));
        assert_eq!(is_right(&Sample { value: expected + 1.0, ..good }, 7), Some(false));
        let other = Sample { name: "ipmi_temperature_threshold_celsius", ..good };
        assert_eq!(is_right(&other, 7), None);
    }
}
