//! What is said of the paths to targets.

use std::net::IpAddr;

use exporter_kit::config::Vantage;
use exporter_kit::{LabelSet, LabelWriter, Page};

use crate::path::TraceResult;
use crate::path::evidence::{Crossed, Handover};
use crate::path::slots::{SlotView, Slots};
use crate::tables::{Place, TableFigures};

const IP: (&str, &str) = ("level", "ip");
const AS: (&str, &str) = ("level", "as");
/// The label of a network.
pub(super) const ASN: &str = "asn";

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
        slots: impl Iterator<Item = (usize, &'static str, IpAddr)>,
    ) -> Self {
        let views = slots.filter_map(|(number, slot, ip)| {
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
    let slots = || slots(targets);
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
            let silent = view.completed.and_then(|completed| completed.silent);
            ((of, [("slot", slot)]), silent.map(f64::from))
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
    evidence(page, targets);
}

/// What the paths say of where they go.
fn evidence<L: LabelSet + Copy>(page: &mut Page<'_>, targets: &[Traced<'_, L>]) {
    let slots = || slots(targets);
    page.gauge(
        "latency_path_hop_place",
        "Where a router at the end of the path says that it is, by its name: the last one that says it, and as anchor \
         where the target is not 300 km beyond it.",
        slots().flat_map(|(of, slot, view)| {
            let report = view.report.as_ref();
            let anchor = report.and_then(|report| report.anchor.as_deref());
            let last = report.and_then(|report| report.last.as_deref());
            let places = [("anchor", anchor), ("last", last)].into_iter();
            places.filter_map(move |(position, place)| {
                let Place { city, country, .. } = place?;
                let labels = [("position", position), ("city", city), ("country", country)];
                Some(((of, ([("slot", slot)], labels)), 1.0))
            })
        }),
    );
    page.info(
        "latency_path_ix_info",
        "The last internet exchange that the path crosses.",
        slots().filter_map(|(of, slot, view)| {
            let Crossed { name, city } = view.report.as_ref()?.exchange.as_ref()?;
            Some((of, [("slot", slot), ("ix", name), ("city", city)]))
        }),
    );
    page.info(
        "latency_path_handover_info",
        "The network before the target's own, and where its last router is.",
        slots().filter_map(|(of, slot, view)| {
            let Handover { asn, city } = view.report.as_ref()?.handover.as_ref()?;
            Some((of, ([("slot", slot), ("city", city)], Network(*asn))))
        }),
    );
}

/// Each slot, with the labels of its target.
fn slots<'a, L: Copy>(
    targets: &'a [Traced<'_, L>],
) -> impl Iterator<Item = (L, &'static str, &'a SlotView)> {
    targets
        .iter()
        .flat_map(|target| target.slots.iter().map(|(slot, view)| (target.labels, *slot, view)))
}

/// The label of a network, in digits.
struct Network(u32);

impl LabelSet for Network {
    fn put(&self, to: &mut LabelWriter<'_>) {
        to.label(ASN, &self.0.to_string());
    }
}

/// Who announces the address of each slot.
pub(super) fn networks<L: LabelSet>(
    page: &mut Page<'_>,
    slots: impl Iterator<Item = (L, &'static str, u32)>,
) {
    page.info(
        "latency_address_asn_info",
        "Which network announces the address that is probed as this slot.",
        slots.map(|(of, slot, asn)| (of, ([("slot", slot)], Network(asn)))),
    );
}

/// The tables of the user's own.
pub(super) fn tables(page: &mut Page<'_>, vantage: &Vantage, tables: &[TableFigures]) {
    let of = |table: &TableFigures| (vantage, [("table", table.table)]);
    page.gauge(
        "latency_table_entries",
        "Entries of a table that is in force.",
        tables.iter().map(|table| (of(table), table.entries as f64)),
    );
    page.gauge(
        "latency_table_rejected_lines",
        "Lines of its newest file that could not be read; above one of a hundred the old table stays.",
        tables.iter().map(|table| (of(table), table.rejected as f64)),
    );
    page.gauge(
        "latency_table_last_modified_timestamp_seconds",
        "When the file that is in force was written, in seconds since the epoch.",
        tables.iter().map(|table| (of(table), table.modified)),
    );
}
