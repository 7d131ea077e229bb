//! The page of metrics: name, help, unit and labels of each, metric by metric and set by set.

use std::sync::Arc;

use exporter_kit::{Collector, CountsBy, LabelEnum, Page};
use tokio::time::Instant;

use super::labels::{Label, set_labels, with};
use super::verdicts;
use crate::exchange::Transport;
use crate::state::{Moment, SetState, Sets};

/// Renders all sets: metric by metric, and within each, set by set.
#[derive(Debug)]
pub(crate) struct Metrics(pub(crate) Arc<Sets>);

impl Collector for Metrics {
    fn collect(&self, page: &mut Page<'_>) {
        let sets: Vec<_> = self.0.wanted_on(page).iter().map(|set| set.state()).collect();
        encode(&sets, Moment::Real(Instant::now()), page);
    }
}

/// The page of these sets, at a moment.
pub(crate) fn page_of(sets: &[Arc<SetState>], now: Moment) -> String {
    exporter_kit::openmetrics(|page| encode(sets, now, page))
}

pub(super) fn encode(sets: &[Arc<SetState>], now: Moment, page: &mut Page<'_>) {
    verdicts::encode(sets, now, page);
    sweeps(sets, now, page);
    counters(sets, page);
}

/// The last sweep of each set, as a whole.
fn sweeps(sets: &[Arc<SetState>], now: Moment, page: &mut Page<'_>) {
    page.gauge(
        "dns_consistency_resolvers",
        "Resolvers of the list: configured (entries), active (asked), quarantined (dead or refusing, and left alone), \
         duplicate (entries left out), excluded (left out for a special-purpose address), opted_out (left out as \
         their owners want it), unresolved (names of which no address is known that may be asked).",
        sets.iter().flat_map(|set| {
            let (list, quarantined) = (&set.next, set.counts.resting());
            let states = [
                ("configured", list.configured()),
                ("active", list.resolvers.len().saturating_sub(quarantined)),
                ("quarantined", quarantined),
                ("duplicate", list.duplicates),
                ("excluded", list.excluded),
                ("opted_out", list.opted_out),
                ("unresolved", list.unresolved),
            ];
            states.map(|(state, count)| (with(set_labels(set), ("state", state)), count as f64))
        }),
    );
    page.gauge(
        "dns_consistency_resolver_list_timestamp_seconds",
        "When a resolver of the list was checked last by the list's makers, as seconds since the epoch.",
        sets.iter().filter_map(|set| Some((set_labels(set), set.next.newest_check_seconds()?))),
    );
    page.gauge(
        "dns_consistency_sweep_duration_seconds",
        "How long the last sweep took.",
        sets.iter().filter_map(|set| Some((set_labels(set), set.latest().last?.0))),
    );
    page.gauge(
        "dns_consistency_sweep_last_completed_timestamp_seconds",
        "When the last sweep was completed, as seconds since the epoch.",
        sets.iter().filter_map(|set| Some((set_labels(set), set.latest().completed?))),
    );
    page.gauge(
        "dns_consistency_sweep_age_seconds",
        "How long ago the last complete sweep ended; before the first one, how long ago the set began.",
        sets.iter().filter_map(|set| Some((set_labels(set), set.latest().since?.age(now)))),
    );
    page.gauge(
        "dns_consistency_sweep_interval_seconds",
        "From the start of one sweep to the start of the next.",
        sets.iter().map(|set| (set_labels(set), set.plan.set.interval.as_secs_f64())),
    );
    page.gauge(
        "dns_consistency_sweep_degraded",
        "Whether the last sweep lost more than 1 % on this machine, so that resolvers may look worse than they are.",
        sets.iter().filter_map(|set| {
            Some((set_labels(set), f64::from(u8::from(set.latest().last?.1))))
        }),
    );
}

fn counters(sets: &[Arc<SetState>], page: &mut Page<'_>) {
    page.counter(
        "dns_consistency_sweeps_total",
        "Sweeps that ended.",
        by(sets, "result", |set| &set.counts.sweeps),
    );
    page.counter(
        "dns_consistency_queries_total",
        "Queries sent.",
        sets.iter().flat_map(|set| {
            let counts = set.counts.queries.iter();
            let counts = counts.filter(|(transport, _)| is_of(set, *transport));
            counts.map(|(it, count)| (with(set_labels(set), ("transport", it.as_str())), count))
        }),
    );
    page.counter(
        "dns_consistency_retries_total",
        "Queries sent again: after a timeout, or without EDNS to who does not understand it.",
        sets.iter().map(|set| (set_labels(set), &set.counts.retries)),
    );
    page.counter(
        "dns_consistency_datagrams_ignored_total",
        "Datagrams that were not taken for an answer.",
        by(sets, "reason", |set| &set.counts.ignored),
    );
    page.counter(
        "dns_consistency_local_errors_total",
        "Queries and answers that were lost on this machine.",
        by(sets, "kind", |set| &set.counts.local_errors),
    );
    page.counter(
        "dns_consistency_consensus_changes_total",
        "How often the answer became another one, none, or one again.",
        sets.iter().flat_map(|set| {
            let questions = set.plan.questions.iter().zip(&set.counts.consensus_changes);
            questions.map(|(asked, counter)| {
                let question = [("name", asked.name.as_str()), ("type", asked.kind.as_str())];
                ((set_labels(set), question), counter)
            })
        }),
    );
    page.histogram(
        "dns_consistency_response_seconds",
        "Time from a query to its first answer: over UDP, or over a connection that is open.",
        sets.iter().map(|set| (set_labels(set), &set.counts.response_seconds)),
    );
    let encrypted = || sets.iter().filter(|set| set.plan.set.encrypted.is_some());
    page.counter(
        "dns_consistency_unanswered_total",
        "Questions and connections by TLS, HTTPS or QUIC that brought no answer.",
        encrypted().flat_map(|set| {
            let counts = set.counts.unanswered.iter();
            counts.map(|(why, count)| (with(set_labels(set), ("reason", why.as_str())), count))
        }),
    );
    page.histogram(
        "dns_consistency_connect_seconds",
        "Time to a connection by TLS, HTTPS or QUIC, with its handshake.",
        encrypted().map(|set| (set_labels(set), &set.counts.connect_seconds)),
    );
}

/// Whether a set may be asked over this.
fn is_of(set: &SetState, transport: Transport) -> bool {
    match &set.plan.set.encrypted {
        Some(how) => transport == how.way.transport(),
        None => matches!(transport, Transport::Udp | Transport::Tcp),
    }
}

/// The counts of each set by the values of a label.
fn by<'a, E: LabelEnum>(
    sets: &'a [Arc<SetState>],
    label: &'static str,
    counts: impl Fn(&'a SetState) -> &'a CountsBy<E>,
) -> impl Iterator<Item = (Vec<Label<'a>>, u64)> {
    sets.iter().flat_map(move |set| {
        let counts = counts(set).iter();
        counts.map(move |(value, count)| (with(set_labels(set), (label, value.name())), count))
    })
}
