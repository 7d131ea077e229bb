//! promtool as the judge of rules: the series of a world in, which alerts fired when out.
//!
//! One run a world. promtool tells values only where a test fails, so each test expects nothing; and it
//! tells the value of one moment, so a value carries the alerts of up to fifty moments, a bit each.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use serde_json::json;

use super::recording::Recording;
use super::rules::{Rules, WATCHDOG};
use super::timeline::{Labels, Timeline};
use crate::process::find;

/// Moments that one value tells of: the bits of a float's whole numbers, and some to spare.
const BITS: usize = 48;

/// What is asked of promtool for one world.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    /// The rules, in the order in which they are evaluated.
    pub(crate) rules: &'a [&'a Rules],
    /// What was scraped.
    pub(crate) recording: &'a Recording,
    /// Seconds from one scrape to the next.
    pub(crate) scrapes: u64,
    /// Seconds from one evaluation to the next.
    pub(crate) evaluations: u64,
    /// How long the world lasts.
    pub(crate) seconds: u64,
}

/// Lets promtool run the rules on what was scraped; `file` is where it reads that.
pub(crate) fn ask(asked: &Asked<'_>, file: &Path) -> anyhow::Result<Timeline> {
    let timeline = Timeline::new(asked.evaluations, asked.seconds);
    fs::write(file, test(asked, &timeline).to_string())
        .with_context(|| format!("writing {}", file.display()))?;
    let output = Command::new(find("promtool", "prometheus")?)
        .args(["test", "rules"])
        .arg(file)
        // The worlds run side by side already.
        .env("GOMAXPROCS", "1")
        .stdin(Stdio::null())
        .output()
        .context("running promtool")?;
    let [out, err] =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    read(&format!("{out}{err}"), output.status.success(), timeline)
}

/// The test file: JSON, which is YAML.
fn test(asked: &Asked<'_>, timeline: &Timeline) -> serde_json::Value {
    let series = asked.recording.series();
    let series: Vec<_> =
        series.map(|(series, values)| json!({"series": series, "values": values})).collect();
    let expected: Vec<_> = (0..timeline.looks)
        .step_by(BITS)
        .map(|first| {
            let last = (first + BITS).min(timeline.looks) - 1;
            let (from, to) = (timeline.second(first), timeline.second(last));
            json!({
                "expr": expression(from, to, timeline.step),
                "eval_time": format!("{to}s"),
                "exp_samples": [],
            })
        })
        .collect();
    json!({
        "rule_files": asked.rules.iter().map(|it| &it.path).collect::<Vec<_>>(),
        "group_eval_order": asked.rules.iter().flat_map(|it| &it.groups).collect::<Vec<_>>(),
        "evaluation_interval": format!("{}s", asked.evaluations),
        "tests": [{
            "interval": format!("{}s", asked.scrapes),
            "external_labels": {"turbulence_grafana": "http://grafana", "turbulence_runbooks": "http://runbooks"},
            "input_series": series,
            "promql_expr_test": expected,
        }],
    })
}

/// Each alert that fires from one second to another, with a bit for each look at which it does. A second
/// more is asked for, since the range is without its beginning in newer versions.
fn expression(from: u64, to: u64, step: u64) -> String {
    format!(
        "sum_over_time((ALERTS{{alertstate=\"firing\",alertname!=\"{WATCHDOG}\"}} * 2 ^ ((time() - {from}) / \
         {step}))[{}s:{step}s])",
        to - from + 1
    )
}

/// Reads what promtool said of the tests.
fn read(said: &str, success: bool, mut timeline: Timeline) -> anyhow::Result<Timeline> {
    let mut from = None;
    for line in said.lines().map(str::trim) {
        if let Some(expression) = line.strip_prefix("expr: ") {
            let begins =
                expression.split_once("time() - ").and_then(|(_, rest)| rest.split_once(')'));
            from = begins.and_then(|(second, _)| second.parse::<u64>().ok());
        } else if let (Some(second), Some(got)) = (from, line.strip_prefix("got:")) {
            let first = timeline.look_at(second);
            for (labels, bits) in samples(got) {
                for bit in (0..BITS).filter(|bit| bits >> bit & 1 == 1) {
                    timeline.fires(labels.clone(), first + bit);
                }
            }
        } else if !line.starts_with("Unit Testing:")
            // The name of a folder, or of a world, may have it.
            && (line.contains("err:") || line.to_lowercase().contains("error"))
        {
            bail!("promtool: {line}");
        }
    }
    if !success && from.is_none() {
        bail!("promtool: {}", said.trim());
    }
    Ok(timeline)
}

/// The samples of a line: `{a="b", c="d"} 1.2E+01, {...} ...`.
fn samples(mut line: &str) -> Vec<(Labels, u64)> {
    let mut samples = Vec::new();
    while let Some((_, rest)) = line.split_once('{') {
        let Some((labels, rest)) = labels(rest) else { break };
        let end = rest.trim_start().find(',').unwrap_or(rest.trim_start().len());
        let (value, rest) = rest.trim_start().split_at(end);
        let value: f64 = value.trim().trim_end_matches(']').parse().unwrap_or_default();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a sum of powers of two below 2^48"
        )]
        samples.push((labels, value as u64));
        line = rest;
    }
    samples
}

/// Labels up to the closing brace, and what comes behind it.
fn labels(mut rest: &str) -> Option<(Labels, &str)> {
    let mut labels = Labels::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(behind) = rest.strip_prefix('}') {
            labels.remove("alertstate");
            return Some((labels, behind));
        }
        let (name, quoted) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut chars = quoted.char_indices();
        let end = loop {
            match chars.next()? {
                (at, '"') => break at,
                (_, '\\') => value.push(match chars.next()?.1 {
                    'n' => '\n',
                    't' => '\t',
                    other => other,
                }),
                (_, other) => value.push(other),
            }
        };
        labels.insert(name.to_owned(), value);
        rest = &quoted[end + 1..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alerts_of_many_looks_are_read_from_one_value() {
        let said = r#"Unit Testing:  x.yml
  FAILED:
    expr: "sum_over_time((ALERTS{alertstate=\"firing\"} * 2 ^ ((time() - 480) / 5))[236s:5s])", time: 11m55s,
        exp: nil
        got: {alertname="A", alertstate="firing", name="a \"b\", }"} 5E+00, {alertname="B", alertstate="firing"} 1.40737488355328E+14
"#;
        let timeline = read(said, false, Timeline::new(5, 1_000)).unwrap();
        let firing = |look| {
            timeline.firing(look).map(|labels| labels["alertname"].as_str()).collect::<Vec<_>>()
        };
        assert_eq!((firing(96), firing(97), firing(98)), (vec!["A"], vec![], vec!["A"]));
        assert_eq!(firing(96 + 47), ["B"]);
        let labels = timeline.firing(96).next().unwrap();
        assert_eq!((labels["name"].as_str(), labels.len()), ("a \"b\", }", 2));
    }

    #[test]
    fn a_world_may_be_called_error() {
        let said = "Unit Testing:  /tmp/errors/an-error.test.json\n  SUCCESS\n";
        assert!(read(said, true, Timeline::new(5, 10)).is_ok());
    }

    #[test]
    fn a_rule_that_fails_is_an_error() {
        let said = "    FAILED:\n    rule: X, time: 5s, err: found duplicate series";
        assert!(read(said, false, Timeline::new(5, 10)).is_err());
        assert!(read("no such file", false, Timeline::new(5, 10)).is_err());
        assert!(read("  SUCCESS", true, Timeline::new(5, 10)).is_ok());
    }
}
