//! What one Prometheus is asked, and by which queries.

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use exporter_kit::discovery::{HttpClient, HttpSd};
use tracing::debug;

use crate::failure::Failure;
use crate::gather::{OfTargets, OfVantages};
use crate::outcome::QueryFailure;
use crate::samples::{self, Sample};

/// Bytes of one answer.
const LARGEST: u64 = 64 << 20;

/// The vantages that measure round trips.
const THERE: &str = "group by (region, vantage) (latency_rtt_min_seconds{window=\"1m\"})";
/// As they are, so that it is seen where two exporters of one name say otherwise.
const LATITUDES: &str = "latency_vantage_latitude_degrees";
const LONGITUDES: &str = "latency_vantage_longitude_degrees";
/// By the recorded word of the vantage, or where the rule is not installed by the vantage's own.
const TRUSTED: &str = "min by (region, vantage) (vantage:latency_trusted:bool) \
                       or min by (region, vantage) (latency_vantage_ok{part=\"network\"})";
/// How many series each endpoint has; one that is down has its votes alone.
const COUNTS: &str = "count by (target) (latency_rtt_min_seconds{window=\"1m\"}) \
                      or count by (target) (target:latency_voters)";

/// A Prometheus, asked about one moment.
#[derive(Debug)]
pub(crate) struct Server {
    client: HttpClient,
    patience: Duration,
    /// The moment, in seconds since the epoch, as the query has it.
    time: String,
}

impl Server {
    /// The Prometheus of these settings, to be asked about that moment.
    pub(crate) fn new(
        settings: HttpSd,
        folder: &Path,
        patience: Duration,
        unix: f64,
    ) -> anyhow::Result<Self> {
        let client = HttpClient::new(settings, folder).context("prometheus")?;
        Ok(Self { client, patience, time: format!("{unix:.3}") })
    }

    /// What is to be known of the vantages.
    pub(crate) async fn vantages(&self) -> Result<OfVantages, QueryFailure> {
        Ok(OfVantages {
            there: self.ask(THERE).await?,
            latitudes: self.ask(LATITUDES).await?,
            longitudes: self.ask(LONGITUDES).await?,
            trusted: self.ask(TRUSTED).await?,
        })
    }

    /// The time that it has, in seconds since the epoch.
    pub(crate) async fn clock(&self) -> Result<Option<f64>, QueryFailure> {
        let answer = self.ask_at("vector(time())", None).await?;
        Ok(answer.first().map(|it| it.value))
    }

    /// How many series each endpoint has.
    pub(crate) async fn counts(&self) -> Result<Vec<Sample>, QueryFailure> {
        self.ask(COUNTS).await
    }

    /// What is to be known of the endpoints whose names that expression fits.
    pub(crate) async fn targets(
        &self,
        names: &str,
        with_requests: bool,
    ) -> Result<OfTargets, QueryFailure> {
        let of = format!("target=~\"{names}\"");
        let slot = "region, vantage, team, target, module, slot";
        // As it is now, by the exporters' own minute: who moved is not at both places.
        let now = format!("max by ({slot}, role) (latency_rtt_min_seconds{{window=\"1m\",{of}}})");
        let now = self.ask(&now).await?;
        // Of copies the larger one: too near is the dangerous error. As homing.rules.yml records them each minute, so that
        // nobody need look through ten minutes of every series.
        let recorded = format!(
            "max by ({slot}, role) (last_over_time(vantage_slot:latency_rtt_min_seconds:10m{{{of}}}[90s]))"
        );
        let mut rtts = self.ask(&recorded).await?;
        if !are_all_recorded(&rtts, &now) {
            let all = format!(
                "max by ({slot}, role) (min_over_time(latency_rtt_min_seconds{{window=\"1m\",{of}}}[10m]))"
            );
            rtts = self.ask(&all).await?;
        }
        let asked = [
            // Longer than the minima reach back: a minimum must not be taken for another address's.
            format!(
                "group by ({slot}, address) (last_over_time(latency_address_info{{{of}}}[12m]))"
            ),
            format!("group by ({slot}, city) (latency_path_hop_place{{position=\"anchor\",{of}}})"),
            format!("group by ({slot}, asn, city) (latency_path_handover_info{{{of}}})"),
            format!("group by ({slot}, asn) (latency_address_asn_info{{{of}}})"),
            format!("max by (team, target) (target:latency_voters{{{of}}})"),
            format!("max by (team, target) (target:latency_down:ratio{{{of}}})"),
        ];
        let mut phases = [Vec::new(), Vec::new()];
        for (phase, samples) in ["connect", "ttfb"].into_iter().zip(&mut phases) {
            if with_requests {
                let least = format!(
                    "min_over_time(latency_phase_min_seconds{{window=\"1m\",phase=\"{phase}\",{of}}}[10m])"
                );
                *samples = self.ask(&format!("max by ({slot}) ({least})")).await?;
            }
        }
        let [connects, answers_over_them] = phases;
        let mut answers = Vec::new();
        for query in asked {
            answers.push(self.ask(&query).await?);
        }
        let mut answers = answers.into_iter();
        let mut next = || answers.next().unwrap_or_default();
        Ok(OfTargets {
            rtts,
            now,
            addresses: next(),
            places: next(),
            handovers: next(),
            asns: next(),
            connects,
            answers: answers_over_them,
            voters: next(),
            down: next(),
        })
    }

    async fn ask(&self, query: &str) -> Result<Vec<Sample>, QueryFailure> {
        self.ask_at(query, Some(&self.time)).await
    }

    async fn ask_at(&self, query: &str, time: Option<&str>) -> Result<Vec<Sample>, QueryFailure> {
        let mut asked = vec![("query", query)];
        asked.extend(time.map(|time| ("time", time)));
        let read = |status, body: &mut dyn Read| match status {
            200 => samples::read(body),
            _ => Err(QueryFailure::HttpStatus),
        };
        let answer = self.client.read("/api/v1/query", &asked, LARGEST, self.patience, read).await;
        answer.map_err(|error| {
            debug!("a query failed: {error:#}");
            match Failure::of(&error) {
                Failure::Timeout => QueryFailure::Timeout,
                Failure::TooLarge => QueryFailure::TooLarge,
                Failure::Tls => QueryFailure::Tls,
                Failure::Unreachable => QueryFailure::Unreachable,
            }
        })?
    }
}

/// Whether of all that is measured now minima are recorded. Behind one address there may be several Prometheis, of which some have
/// no such rules, or are late with them: a vantage that is missing would be a site that is missing.
fn are_all_recorded(recorded: &[Sample], now: &[Sample]) -> bool {
    let recorded: HashSet<_> = recorded.iter().map(|it| &it.labels).collect();
    !recorded.is_empty() && now.iter().all(|it| recorded.contains(&it.labels))
}
