//! One path as a page shows it. No I/O, no clock.

use std::net::IpAddr;

use serde::Serialize;

use crate::config::Labels;
use crate::path::evidence::{Crossed, Report, Seen};
use crate::path::hint::Hint;
use crate::path::slots::SlotView;
use crate::tables::Place;

/// The path to one address of a target. Times are in seconds since the epoch.
#[derive(Debug, Serialize)]
pub(crate) struct PathView {
    pub(crate) target: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) team: String,
    pub(crate) module: String,
    pub(crate) slot: usize,
    pub(crate) address: IpAddr,
    /// When the newest trace ended, and how far away the target was then.
    pub(crate) traced: Option<f64>,
    pub(crate) hops: Option<u8>,
    /// The numbers of the path, and of the way through the networks.
    pub(crate) id: Option<u64>,
    pub(crate) as_id: Option<u64>,
    pub(crate) changes: u64,
    pub(crate) as_changes: u64,
    pub(crate) unstable: u64,
    pub(crate) changed: Option<f64>,
    /// The path, once two traces agree on it.
    pub(crate) path: Option<WayView>,
    /// That before the last change.
    pub(crate) before: Option<WayView>,
}

/// A path with what it says.
#[derive(Debug, Serialize)]
pub(crate) struct WayView {
    /// Until when it was the path; none for the present one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<f64>,
    /// Whether its last hop is the target.
    pub(crate) is_whole: bool,
    /// The networks that it crosses.
    pub(crate) networks: Vec<u32>,
    /// The last place that was accepted, and that which speaks for the target.
    pub(crate) last: Option<String>,
    pub(crate) anchor: Option<String>,
    /// The last exchange that it crosses.
    pub(crate) exchange: Option<String>,
    /// The network before the target's own, and where it hands over.
    pub(crate) handover: Option<String>,
    pub(crate) hops: Vec<HopView>,
}

/// Who is at one distance; nothing but the number where it is silent.
#[derive(Debug, Default, Serialize)]
pub(crate) struct HopView {
    pub(crate) hop: usize,
    pub(crate) address: Option<IpAddr>,
    /// The smallest round trip of all traces, in seconds.
    pub(crate) rtt: Option<f64>,
    pub(crate) name: Option<String>,
    pub(crate) asn: Option<u32>,
    pub(crate) exchange: Option<String>,
    /// Where its name says that it is, where light allows that; else why it does not count.
    pub(crate) place: Option<String>,
    pub(crate) refused: Option<String>,
    /// Labels and TTLs of MPLS, the outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) mpls: Vec<(u32, u8)>,
}

impl PathView {
    pub(super) fn new(
        target: &str,
        labels: &Labels,
        slot: usize,
        address: IpAddr,
        view: &SlotView,
    ) -> Self {
        let report = view.report.as_deref();
        Self {
            target: target.to_owned(),
            team: labels.team.clone(),
            module: labels.module.clone(),
            slot,
            address,
            traced: view.completed.map(|completed| completed.at),
            hops: view.completed.and_then(|completed| completed.hops),
            id: view.id,
            as_id: view.as_id,
            changes: view.counts.changes,
            as_changes: view.counts.as_changes,
            unstable: view.counts.unstable,
            changed: view.counts.changed,
            path: report.map(|report| WayView::new(report, None)),
            before: view.before.as_ref().map(|(report, at)| WayView::new(report, Some(*at))),
        }
    }
}

impl WayView {
    fn new(report: &Report, until: Option<f64>) -> Self {
        let place = |place: &Place| format!("{}, {}", place.city, place.country);
        let handover = report.handover.as_ref().map(|handover| {
            let city = &handover.city;
            let at = if city.is_empty() { String::new() } else { format!(" in {city}") };
            format!("AS{}{at}", handover.asn)
        });
        Self {
            until,
            is_whole: report.is_whole,
            networks: report.networks.asns().to_vec(),
            last: report.last.as_deref().map(place),
            anchor: report.anchor.as_deref().map(place),
            exchange: report.exchange.as_ref().map(exchange),
            handover,
            hops: (1..)
                .zip(&report.hops)
                .map(|(hop, seen)| HopView::new(hop, seen.as_ref()))
                .collect(),
        }
    }
}

fn exchange(crossed: &Crossed) -> String {
    let Crossed { name, city } = crossed;
    if city.is_empty() { name.clone() } else { format!("{name}, {city}") }
}

impl HopView {
    fn new(hop: usize, seen: Option<&Seen>) -> Self {
        let Some(seen) = seen else { return Self { hop, ..Self::default() } };
        let (place, refused) = match &seen.hint {
            Hint::None => (None, None),
            Hint::Accepted(place) => (Some(format!("{}, {}", place.city, place.country)), None),
            Hint::Refused(reason) => (None, Some(reason.clone())),
        };
        Self {
            hop,
            address: Some(seen.router.address),
            rtt: Some(seen.router.rtt.as_secs_f64()),
            name: seen.name.clone(),
            asn: seen.asn,
            exchange: seen.exchange.as_ref().map(exchange),
            place,
            refused,
            mpls: seen.router.mpls.iter().map(|label| (label.label, label.ttl)).collect(),
        }
    }
}
