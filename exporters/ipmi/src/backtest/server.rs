//! A Prometheus that is asked for its history.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use exporter_kit::discovery::{HttpClient, HttpSd};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::history::{History, Place};
use super::line::Labels;

/// As long as Prometheus lets a query take.
const PATIENCE: Duration = Duration::from_secs(120);
/// Bytes of one answer: more than six hours of a machine of 1,000 sensors each 15 s.
const LARGEST: u64 = 512 << 20;

/// What changes from poll to poll.
const READINGS: &str = "ipmi_(temperature_celsius|fan_speed_rpm|fan_speed_ratio|power_watts|voltage_volts\
                        |current_amperes|(temperature|fan_speed|power|voltage|current)_state|sensor_readable\
                        |up|chassis_power_state|dcmi_power_consumption_watts\
                        |last_success_timestamp_seconds)";
/// What as a rule does not.
const THRESHOLDS: &str = "ipmi_(temperature|fan_speed|power|voltage|current)_threshold_.+";
/// What names a machine, with as few series as possible; the second where the first is not kept.
const NAMES: [&str; 2] = ["ipmi_up", "ipmi_temperature_celsius"];

/// The query API.
#[derive(Debug)]
pub(super) struct Server {
    client: HttpClient,
    /// More matchers, with a comma behind the last.
    matchers: String,
}

#[derive(Deserialize)]
struct Answer<D> {
    data: Option<D>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Data {
    result: Vec<Found>,
}

/// A series; a range has values, a moment has one.
#[derive(Deserialize)]
struct Found {
    metric: Labels,
    #[serde(default)]
    values: Vec<(f64, String)>,
    value: Option<(f64, String)>,
}

impl Server {
    /// The Prometheus of that URL, with what a file says of how to log in.
    pub(super) fn new(url: &str, file: Option<&Path>, matchers: &str) -> anyhow::Result<Self> {
        let shown = file.map_or("--prometheus.url".to_owned(), |file| file.display().to_string());
        let told = match file {
            Some(file) => std::fs::read_to_string(file).with_context(|| shown.clone())?,
            None => String::new(),
        };
        // Behind what the file says, so that a mistake there is told with its line.
        let settings = format!("{told}\nurl: {}\n", serde_json::to_string(url)?);
        let settings: HttpSd = exporter_kit::parse(&settings, &shown)?;
        let folder = file.and_then(Path::parent).unwrap_or(Path::new("."));
        let client = HttpClient::new(settings, folder).context(shown)?;
        let comma = if matchers.is_empty() { "" } else { "," };
        Ok(Self { client, matchers: format!("{matchers}{comma}") })
    }

    /// Every machine of that time.
    pub(super) async fn machines(
        &self,
        from: Duration,
        to: Duration,
    ) -> anyhow::Result<BTreeSet<Place>> {
        let (start, end) = (from.as_secs().to_string(), to.as_secs().to_string());
        for name in NAMES {
            let selector = format!("{{{}__name__={name:?}}}", self.matchers);
            let query = [("match[]", &*selector), ("start", &*start), ("end", &*end)];
            let series: Vec<Labels> = self.ask("/api/v1/series", &query).await?;
            let machines: BTreeSet<Place> = series.iter().filter_map(Place::of).collect();
            if !machines.is_empty() {
                return Ok(machines);
            }
        }
        Ok(BTreeSet::new())
    }

    /// What is told of a machine from one moment to another.
    pub(super) async fn history(
        &self,
        place: &Place,
        from: Duration,
        to: Duration,
    ) -> anyhow::Result<History> {
        let mut history = History::default();
        let seconds = to.saturating_sub(from).as_secs().max(1);
        let time = format!("{:.3}", to.as_secs_f64());
        let quoted = |text: &str| serde_json::to_string(text);
        let (target, site) = (quoted(&place.target)?, quoted(&place.site)?);
        // With ipmi_exporter the machine is the instance.
        for name in [format!("target={target}"), format!("target=\"\",instance={target}")] {
            let of = format!("{}{name},site={site}", self.matchers);
            for query in [
                format!("{{__name__=~\"{READINGS}\",{of}}}[{seconds}s]"),
                format!("last_over_time({{__name__=~\"{THRESHOLDS}\",{of}}}[{seconds}s])"),
            ] {
                let query = [("query", &*query), ("time", &*time)];
                let data: Data = self.ask("/api/v1/query", &query).await?;
                for Found { mut metric, values, value } in data.result {
                    let name = metric.remove("__name__").unwrap_or_default();
                    let samples = values
                        .into_iter()
                        .chain(value)
                        .filter_map(|(at, value)| Some((milliseconds(at), value.parse().ok()?)));
                    history.add(&name, &metric, samples);
                }
            }
        }
        Ok(history)
    }

    async fn ask<D: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> anyhow::Result<D> {
        let asked = self.client.get(path, query, LARGEST, PATIENCE).await;
        let (status, text) = asked.with_context(|| format!("asking Prometheus for {path}"))?;
        match serde_json::from_str(&text) {
            Ok(Answer { data: Some(data), .. }) if status == 200 => Ok(data),
            Ok(Answer { error: Some(error), .. }) => {
                Err(anyhow!(error).context(format!("Prometheus answered {path} with {status}")))
            }
            _ => bail!(
                "{path}: answered {status}, and not as a Prometheus does: --prometheus.url must be its own, \
                 as in http://localhost:9090"
            ),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a time of this era fits by far")]
fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}
