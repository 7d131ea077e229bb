//! What is said of endpoints and of the vantage: all but the verdict itself is there only while there is
//! something to say.

use std::collections::BTreeSet;

use exporter_kit::config::Vantage;
use exporter_kit::{LabelSet, LabelWriter, Page};

use crate::verdict::{Endpoint, Failed, Id, Report, Verdict};

/// Whose series it is: the endpoint's.
impl LabelSet for Endpoint {
    fn put(&self, to: &mut LabelWriter<'_>) {
        let (team, target) = &self.id;
        to.label("target", target);
        if !team.is_empty() {
            to.label("team", team);
        }
    }
}

/// Why an endpoint fails: the label `reason`, and `status` where one came.
struct Why(Failed);

impl LabelSet for Why {
    fn put(&self, to: &mut LabelWriter<'_>) {
        to.label("reason", self.0.reason.as_str());
        if let Some(status) = self.0.status {
            to.label("status", &status.to_string());
        }
        if let Some(phase) = self.0.phase {
            to.label("phase", phase.as_str());
        }
    }
}

/// The endpoints among those `shown`, each by its team and its name.
pub(super) fn endpoints(
    page: &mut Page<'_>,
    vantage: &Vantage,
    report: &Report,
    shown: &BTreeSet<(&str, &str)>,
) {
    let is_shown = |(team, target): &Id| shown.contains(&(&**team, &**target));
    let endpoints = || report.endpoints.iter().filter(|endpoint| is_shown(&endpoint.id));
    let troubled = || endpoints().filter_map(|it| Some((it, it.trouble?)));
    page.gauge(
        "latency_endpoint_verdict",
        "What this vantage says of an endpoint: 0 up, 1 some of it fails, 2 about half or more, 3 down, -1 not \
         judged by our own fault.",
        endpoints().map(|it| ((vantage, it), Some(f64::from(Verdict::code(it.verdict))))),
    );
    page.gauge(
        "latency_endpoint_verdict_seconds",
        "Time since the first round of probes that failed began, of an endpoint that is not up.",
        troubled().map(|(it, trouble)| ((vantage, it), Some(trouble.seconds))),
    );
    page.gauge(
        "latency_endpoint_failure_ratio",
        "Share of rounds that fail, of an endpoint that is not up.",
        troubled().map(|(it, trouble)| ((vantage, it), Some(trouble.ratio))),
    );
    page.info(
        "latency_endpoint_failure_info",
        "Main reason, HTTP status where one came, and phase, of an endpoint that is not up.",
        troubled().filter_map(|(it, trouble)| Some(((vantage, it), Why(trouble.reason?)))),
    );
    page.gauge(
        "latency_endpoint_layer_up",
        "A module of a lower layer answers while the endpoint is down: the host is there, the service is not.",
        endpoints().flat_map(|it| {
            let up = it.layers_up.iter();
            up.map(move |module| ((vantage, (it, [("module", &**module)])), Some(1_u8)))
        }),
    );
    page.gauge(
        "latency_endpoint_layer_down_seconds",
        "For how long a module of a lower layer fails while the endpoint is up, as when ICMP is filtered.",
        endpoints().flat_map(|it| {
            let down = it.layers_down.iter();
            down.map(move |(module, seconds)| ((vantage, (it, [("module", &**module)])), Some(*seconds)))
        }),
    );
    page.gauge(
        "latency_endpoint_family_down_seconds",
        "For how long one IP family of an endpoint is down while the other answers.",
        endpoints().flat_map(|it| {
            let down = it.families_down.iter();
            down.map(move |(family, seconds)| {
                ((vantage, (it, [("family", family.as_str())])), Some(*seconds))
            })
        }),
    );
    page.gauge(
        "latency_endpoint_saturation_ratio",
        "How many times its usual time to the first byte an endpoint takes, while connecting stays fast.",
        endpoints().map(|it| ((vantage, it), it.saturation)),
    );
    page.gauge(
        "latency_endpoint_path_ratio",
        "How many times its usual the smallest round trip of two minutes is, while the path is longer.",
        endpoints().map(|it| ((vantage, it), it.path.map(|(ratio, _)| ratio))),
    );
    page.gauge(
        "latency_endpoint_path_usual_seconds",
        "The usual smallest round trip, the median of a day, while the path is longer.",
        endpoints().map(|it| ((vantage, it), it.path.map(|(_, usual)| usual))),
    );
}

/// How the vantage is.
pub(super) fn own(page: &mut Page<'_>, vantage: &Vantage, report: &Report, unix_seconds: f64) {
    page.gauge(
        "latency_vantage_ok",
        "Whether a part of this vantage is well: its network, resolver, sockets (local), canaries, loss, clock.",
        report.own.iter().map(|(part, ok)| ((vantage, [("part", part.as_str())]), Some(u8::from(*ok)))),
    );
    page.gauge(
        "latency_vantage_clock_seconds",
        "This exporter's wall clock when it was scraped, in seconds since the epoch.",
        [(vantage, Some(unix_seconds))],
    );
}
