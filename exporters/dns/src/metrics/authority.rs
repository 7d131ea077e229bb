//! The metrics of zones: what their own servers say.

use std::sync::Arc;

use exporter_kit::{Collector, LabelEnum as _, Page};
use tokio::time::Instant;

use super::labels::{Label, own};
use crate::authority::finding::Outcome;
use crate::authority::state::{RunningZone, Snapshot, Zones};
use crate::config::ZonePlan;
use crate::exchange::Transport;
use crate::state::Moment;

/// Renders all zones: metric by metric, and within each, zone by zone.
#[derive(Debug)]
pub(crate) struct ZoneMetrics(pub(crate) Arc<Zones>);

impl Collector for ZoneMetrics {
    fn collect(&self, page: &mut Page<'_>) {
        encode(&self.0.wanted_on(page), Moment::Real(Instant::now()), page);
    }
}

/// A zone in one scrape: read once, so that a round that ends meanwhile cannot mix in.
struct Shown<'a> {
    zone: &'a RunningZone,
    plan: Arc<ZonePlan>,
    snapshot: Option<Arc<Snapshot>>,
    since: Moment,
}

impl Shown<'_> {
    fn labels(&self) -> Vec<Label<'_>> {
        let vantage = &self.plan.vantage;
        let zone = ("zone", self.plan.zone.as_str());
        own([("vantage", &*vantage.name), ("region", &vantage.region), zone], &self.plan.labels)
    }

    fn with<'a>(&'a self, more: &[Label<'a>]) -> Vec<Label<'a>> {
        [&self.labels()[..], more].concat()
    }
}

pub(super) fn encode(zones: &[Arc<RunningZone>], now: Moment, page: &mut Page<'_>) {
    let shown = |zone: &'_ Arc<RunningZone>| (zone.plan(), zone.latest());
    let read: Vec<_> = zones.iter().map(shown).collect();
    let zones: Vec<Shown<'_>> = zones
        .iter()
        .zip(read)
        .map(|(zone, (plan, latest))| Shown {
            zone,
            plan,
            snapshot: latest.snapshot,
            since: latest.since,
        })
        .collect();
    told(&zones, page);
    servers(&zones, page);
    consistency(&zones, page);
    rounds(&zones, now, page);
}

/// The zones that were judged.
fn judged<'a>(zones: &'a [Shown<'a>]) -> impl Iterator<Item = (&'a Shown<'a>, &'a Snapshot)> {
    zones.iter().filter_map(|zone| Some((zone, &**zone.snapshot.as_ref()?)))
}

fn told(zones: &[Shown<'_>], page: &mut Page<'_>) {
    page.gauge(
        "dns_auth_verdict",
        "What is told of a zone's own servers: 0 none, 1 information, 2 a ticket, 3 a page.",
        judged(zones).flat_map(|(zone, it)| {
            it.verdict.findings.iter().map(|(finding, severity)| {
                (zone.with(&[("verdict", finding.name())]), f64::from(*severity as u8))
            })
        }),
    );
    page.gauge(
        "dns_auth_culprit",
        "Servers that are the reason of a verdict.",
        judged(zones).flat_map(|(zone, it)| {
            it.verdict.culprits.iter().map(|culprit| {
                let labels = [
                    ("verdict", culprit.finding),
                    ("server", culprit.server.as_str()),
                    ("address", culprit.address.as_str()),
                    ("reason", culprit.reason),
                ];
                (zone.with(&labels), 1.0)
            })
        }),
    );
    page.gauge(
        "dns_auth_culprits_left_out",
        "Servers that are the reason of a verdict beyond those that are named.",
        judged(zones).map(|(zone, it)| (zone.labels(), it.verdict.culprits_left_out as f64)),
    );
}

fn servers(zones: &[Shown<'_>], page: &mut Page<'_>) {
    page.gauge(
        "dns_auth_servers",
        "Addresses of the zone's servers, by what came of asking each for the SOA; adds up to all that are asked.",
        judged(zones).flat_map(|(zone, it)| {
            Outcome::VALUES.iter().map(|outcome| {
                let count = it.round.servers.iter().filter(|server| server.outcome == *outcome);
                (zone.with(&[("outcome", outcome.name())]), count.count() as f64)
            })
        }),
    );
    page.gauge(
        "dns_auth_servers_left_out",
        "Addresses of the zone's servers beyond those that are asked.",
        judged(zones).map(|(zone, it)| (zone.labels(), it.round.left_out as f64)),
    );
    let serials: Vec<_> = judged(zones)
        .flat_map(|(zone, it)| {
            let serials = it.round.servers.iter();
            serials.filter_map(move |server| {
                Some((zone, &server.name, it.round.shown(server), server.said.serial?))
            })
        })
        .collect();
    page.gauge(
        "dns_auth_soa_serial",
        "The serial of the zone's SOA at each of its servers.",
        serials.iter().map(|(zone, name, address, serial)| {
            (
                zone.with(&[("server", name.as_str()), ("address", address.as_str())]),
                f64::from(*serial),
            )
        }),
    );
    page.gauge(
        "dns_auth_soa_serial_spread",
        "How far the serials of the zone's servers are apart, in serial arithmetic (RFC 1982).",
        judged(zones).filter_map(|(zone, it)| Some((zone.labels(), f64::from(it.verdict.spread?)))),
    );
    page.gauge(
        "dns_auth_soa_lag_seconds",
        "For how long the server that is behind the longest has not had a newer version of the zone; 0 if none is behind.",
        judged(zones).filter_map(|(zone, it)| Some((zone.labels(), it.verdict.lag? as f64))),
    );
}

fn consistency(zones: &[Shown<'_>], page: &mut Page<'_>) {
    let mut gauge = |name: &str, help: &str, value: fn(&Snapshot) -> Option<f64>| {
        let series = judged(zones).filter_map(|(zone, it)| Some((zone.labels(), value(it)?)));
        page.gauge(name, help, series);
    };
    let flag = |is: bool| f64::from(u8::from(is));
    gauge(
        "dns_auth_ns_set_consistent",
        "Whether all servers of the zone name the same ones.",
        |it| it.verdict.ns_consistent.map(|it| f64::from(u8::from(it))),
    );
    gauge(
        "dns_auth_delegation_consistent",
        "Whether the parent names the same servers as the zone itself.",
        |it| it.verdict.delegation_consistent.map(|it| f64::from(u8::from(it))),
    );
    gauge(
        "dns_auth_glue_consistent",
        "Whether the addresses that the parent gives for servers within the zone are their own.",
        |it| it.verdict.glue_consistent.map(|it| f64::from(u8::from(it))),
    );
    gauge(
        "dns_auth_signature_expiry_timestamp_seconds",
        "When the signature at the top of the zone that ends first does, as seconds since the epoch.",
        |it| it.verdict.signature_ends.map(|it| it as f64),
    );
    gauge(
        "dns_auth_canary_age_seconds",
        "The age of the time stamp in the zone, at the server that has the oldest one.",
        |it| it.verdict.canary_age.map(|it| it as f64),
    );
    page.gauge(
        "dns_auth_answers_consistent",
        "Whether all servers with the same version of the zone give the same answer.",
        judged(zones).flat_map(|(zone, it)| {
            let questions = zone.plan.questions.iter().zip(&it.verdict.answers_consistent);
            questions.filter_map(move |((name, kind), is_same)| {
                let labels = [("name", name.as_str()), ("type", kind.as_str())];
                Some((zone.with(&labels), flag((*is_same)?)))
            })
        }),
    );
}

fn rounds(zones: &[Shown<'_>], now: Moment, page: &mut Page<'_>) {
    page.gauge(
        "dns_auth_round_age_seconds",
        "How long ago the last round ended that could be judged; before the first one, how long ago the zone's task began.",
        zones.iter().map(|zone| (zone.labels(), zone.since.age(now))),
    );
    page.gauge(
        "dns_auth_round_interval_seconds",
        "From the start of one round to the start of the next.",
        zones.iter().map(|zone| (zone.labels(), zone.plan.interval.as_secs_f64())),
    );
    page.counter(
        "dns_auth_rounds_total",
        "Rounds that ended.",
        zones.iter().flat_map(|zone| {
            let rounds = zone.zone.counts.rounds.iter();
            rounds.map(|(result, count)| (zone.with(&[("result", result.name())]), count))
        }),
    );
    page.counter(
        "dns_auth_queries_total",
        "Queries sent, to a zone's servers and on the way to them.",
        zones.iter().flat_map(|zone| {
            let queries = zone.zone.counts.queries.iter();
            let queries = queries.filter(|(it, _)| matches!(it, Transport::Udp | Transport::Tcp));
            queries.map(|(transport, count)| (zone.with(&[("transport", transport.name())]), count))
        }),
    );
    page.histogram(
        "dns_auth_response_seconds",
        "Time from a question to its answer.",
        zones.iter().map(|zone| (zone.labels(), &zone.zone.counts.response_seconds)),
    );
}
