//! What one Prometheus is asked, and by which queries.

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

/// Whether the rules of homing.rules.yml are installed, which record the smallest round trips of ten minutes each minute.
const RECORDED: &str = "count(last_over_time(vantage_slot:latency_rtt_min_seconds:10m[90s]))";

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

    /// Whether the rules are installed that record minima: then it need not look through ten minutes of every series.
    pub(crate) async fn has_minima(&self) -> Result<bool, QueryFailure> {
        Ok(self.ask(RECORDED).await?.first().is_some_and(|it| it.value > 0.0))
    }

    /// What is to be known of the endpoints whose names that expression fits.
    pub(crate) async fn targets(
        &self,
        names: &str,
        has_minima: bool,
    ) -> Result<OfTargets, QueryFailure> {
        let of = format!("target=~\"{names}\"");
        let slot = "region, vantage, team, target, module, slot";
        let asked = [
            // Of copies the larger one: too near is the dangerous error.
            if has_minima {
                format!(
                    "max by ({slot}, role) (last_over_time(vantage_slot:latency_rtt_min_seconds:10m{{{of}}}[90s]))"
                )
            } else {
                format!(
                    "max by ({slot}, role) (min_over_time(latency_rtt_min_seconds{{window=\"1m\",{of}}}[10m]))"
                )
            },
            // As it is now, by the exporters' own minute: who moved is not at both places.
            format!("max by ({slot}, role) (latency_rtt_min_seconds{{window=\"1m\",{of}}})"),
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
        let mut answers = Vec::new();
        for query in asked {
            answers.push(self.ask(&query).await?);
        }
        let mut answers = answers.into_iter();
        let mut next = || answers.next().unwrap_or_default();
        Ok(OfTargets {
            rtts: next(),
            now: next(),
            addresses: next(),
            places: next(),
            handovers: next(),
            asns: next(),
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
