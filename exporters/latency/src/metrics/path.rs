//! What is said of the paths to targets.

use std::net::IpAddr;

use exporter_kit::{LabelSet, Page};

use crate::path::TraceResult;
use crate::path::slots::{SlotView, Slots};

const IP: (&str, &str) = ("level", "ip");
const AS: (&str, &str) = ("level", "as");

/// The paths to one target.
pub(super) struct Traced<'a, L> {
    labels: L,
    paths: &'a Slots,
    slots: Vec<(&'static str, SlotView)>,
}

impl<'a, L> Traced<'a, L> {
    /// Those to a target with these labels, to the addresses of its slots.
    pub(super) fn new(
        labels: L,
        paths: &'a Slots,
        slots: impl Iterator<Item = (&'static str, IpAddr)>,
    ) -> Self {
        let views = slots.enumerate().filter_map(|(number, (slot, ip))| {
            let view = paths.view(number, ip)?;
            Some((slot, view))
        });
        Self { labels, paths, slots: views.collect() }
    }
}

/// The paths of those targets that are traced.
pub(super) fn all<L: LabelSet + Copy>(page: &mut Page<'_>, targets: &[Traced<'_, L>]) {
    page.counter(
        "latency_path_traces_total",
        "Traces of the path to the target, by how they ended.",
        targets.iter().flat_map(|target| {
            TraceResult::ALL.into_iter().map(|result| {
                let labels = (target.labels, [("result", result.as_str())]);
                (labels, target.paths.traces.get(result))
            })
        }),
    );
    let slots = || {
        targets
            .iter()
            .flat_map(|target| target.slots.iter().map(|(slot, view)| (target.labels, *slot, view)))
    };
    page.gauge(
        "latency_path_last_completed_timestamp_seconds",
        "When a trace to this address last ended, in seconds since the epoch.",
        slots().map(|(of, slot, view)| {
            let at = view.completed.map(|completed| completed.at);
            ((of, [("slot", slot)]), at)
        }),
    );
    page.gauge(
        "latency_path_hops",
        "How many hops away the target was in the newest trace.",
        slots().map(|(of, slot, view)| {
            let hops = view.completed.and_then(|completed| completed.hops);
            ((of, [("slot", slot)]), hops.map(f64::from))
        }),
    );
    page.gauge(
        "latency_path_silent_hops",
        "How many hops of the newest trace stayed silent, up to the last that answered.",
        slots().map(|(of, slot, view)| {
            let silent = view.completed.map(|completed| f64::from(completed.silent));
            ((of, [("slot", slot)]), silent)
        }),
    );
    let ids = |view: &SlotView| [(IP, view.id), (AS, view.as_id)];
    page.gauge(
        "latency_path_id",
        "A number below 2^48 for the path, by its routers or by their networks: to compare.",
        slots().flat_map(|(of, slot, view)| {
            ids(view).map(|(level, id)| ((of, [("slot", slot), level]), id))
        }),
    );
    page.counter(
        "latency_path_changes_total",
        "How often the path was another one, seen by two traces.",
        slots().flat_map(|(of, slot, view)| {
            let of = move |level| (of, [("slot", slot), level]);
            let by_network = view.as_id.map(|_| view.counts.as_changes);
            [(of(IP), Some(view.counts.changes)), (of(AS), by_network)]
        }),
    );
    page.counter(
        "latency_path_unstable_total",
        "How often the path was not the same from one trace to the next.",
        slots().map(|(of, slot, view)| ((of, [("slot", slot), IP]), view.counts.unstable)),
    );
    page.gauge(
        "latency_path_last_change_timestamp_seconds",
        "When the path last changed, in seconds since the epoch.",
        slots().flat_map(|(of, slot, view)| {
            let of = move |level| (of, [("slot", slot), level]);
            [(of(IP), view.counts.changed), (of(AS), view.counts.as_changed)]
        }),
    );
}
