//! The page of paths for a browser. No I/O, no clock.

use std::time::Duration;

use exporter_kit::{Exporter as _, document, duration, in_a_query};
use maud::{Markup, html};

use super::Filter;
use super::view::{HopView, PathView, WayView};
use crate::LatencyExporter;

/// So many paths are shown at once; a target's own are a click away.
pub(super) const MOST: usize = 100;

/// The page of these paths, and of so many more that are not shown.
pub(super) fn page<'a>(
    paths: &[PathView],
    more: usize,
    filter: &Filter,
    faults: impl Iterator<Item = &'a String>,
    now: f64,
) -> Markup {
    let title = html! { "Paths · " (LatencyExporter::NAME) };
    let body = html! {
        header {
            h1 { "Paths" }
            p {
                "The routers on the way to each address, as echoes (ICMP) go. That is not always the way of a TCP "
                "connection, and never the way back. " a href="/" { (LatencyExporter::NAME) }
            }
        }
        main {
            form method="get" action="/paths" role="search" {
                label for="target" { "Target" }
                input #target type="search" name="target" value=(filter.target);
                label for="module" { "Module" }
                input #module type="search" name="module" value=(filter.module);
                button { "Show" }
                @if !filter.target.is_empty() || !filter.module.is_empty() { a href="/paths" { "all" } }
            }
            @for fault in faults { p { span.down { "A table is not read: " (fault) } } }
            @for path in paths { (one(path, now)) }
            @if more > 0 { p { (more) " more: ask for a target." } }
            @if paths.is_empty() {
                p { "No path as asked for. A module with " code { "path: {}" } " has its targets traced." }
            }
        }
    };
    document(&title, None, &body)
}

fn one(path: &PathView, now: f64) -> Markup {
    let link = format!("target={}&module={}", in_a_query(&path.target), in_a_query(&path.module));
    html! {
        h2 {
            a href={ "/paths?" (link) } { (path.target) } " " span.since { (path.module) " " (path.address) }
        }
        p {
            @match path.traced { Some(at) => { "Traced " (ago(at, now)) }, None => "Not traced yet" }
            @match path.hops { Some(hops) => { ", " (hops) " hops. " }, None => ", the target did not answer. " }
            @if let Some(id) = path.id { "Path " code { (id) } ". " }
            @match path.changed {
                Some(at) => {
                    "Changes: " (path.changes) ", of networks " (path.as_changes) "; the last " (ago(at, now)) ". "
                },
                None => "No change since the start. ",
            }
            @if path.unstable > 0 { (path.unstable) " times a second trace did not confirm the first. " }
            a href={ "/api/v1/paths?" (link) } { "JSON" }
        }
        @match &path.path {
            Some(way) => (shown(way)),
            None => p { "Two traces that agree have not been seen yet." },
        }
        @if let Some(before) = &path.before {
            h3 { "Before the last change, until " @if let Some(at) = before.until { (ago(at, now)) } }
            (shown(before))
        }
    }
}

fn shown(way: &WayView) -> Markup {
    html! {
        p {
            @if !way.networks.is_empty() {
                "Networks:" @for asn in &way.networks { " AS" (asn) } ". "
            }
            @if let Some(handover) = &way.handover { "Handed over by " (handover) ". " }
            @if let Some(exchange) = &way.exchange { "Exchange: " (exchange) ". " }
            @match (&way.anchor, &way.last) {
                (Some(anchor), _) => { "Ends in " strong { (anchor) } ", by the name of a router near the target. " },
                (None, Some(last)) => { "Last place by a name: " (last) ". " },
                (None, None) => {}
            }
        }
        table.whole-words {
            thead { tr { th { "hop" } th { "address" } th { "smallest rtt" } th { "name" } th { "network" } th { "place" } } }
            tbody { @for hop in &way.hops { (row(hop)) } }
        }
    }
}

fn row(hop: &HopView) -> Markup {
    html! {
        tr {
            td { (hop.hop) }
            @match hop.address { Some(ip) => td.name { (ip) }, None => td.since { "silent" } }
            td.since { @if let Some(rtt) = hop.rtt { (format!("{:.1} ms", rtt * 1000.0)) } }
            td.what {
                @if let Some(name) = &hop.name { (name) }
                @if !hop.mpls.is_empty() {
                    " MPLS" @for (label, ttl) in &hop.mpls { " " (label) "/" (ttl) }
                }
            }
            td {
                @if let Some(asn) = hop.asn { "AS" (asn) " " }
                @if let Some(exchange) = &hop.exchange { (exchange) }
            }
            td {
                @if let Some(place) = &hop.place { span.up { (place) } }
                @if let Some(refused) = &hop.refused { span.since { "refused: " (refused) } }
            }
        }
    }
}

fn ago(at: f64, now: f64) -> Markup {
    let seconds = Duration::try_from_secs_f64((now - at).max(0.0)).unwrap_or_default();
    html! { (duration(Duration::from_secs(seconds.as_secs()))) " ago" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path() -> PathView {
        let hop = HopView {
            hop: 1,
            address: Some([192, 0, 2, 1].into()),
            rtt: Some(0.0012),
            name: Some("<script>.example".to_owned()),
            refused: Some("ear is Kearney, US: 7000 km away".to_owned()),
            mpls: vec![(18_750, 1)],
            ..HopView::default()
        };
        let way = |until, hop| WayView {
            until,
            is_whole: true,
            networks: vec![64500, 64501],
            last: None,
            anchor: Some("Amsterdam, NL".to_owned()),
            exchange: None,
            handover: Some("AS64500 in Amsterdam".to_owned()),
            hops: vec![hop, HopView { hop: 2, ..HopView::default() }],
        };
        PathView {
            target: "a&b".to_owned(),
            team: String::new(),
            module: "icmp".to_owned(),
            slot: 0,
            address: [192, 0, 2, 9].into(),
            traced: Some(100.0),
            hops: Some(2),
            id: Some(7),
            as_id: None,
            changes: 1,
            as_changes: 0,
            unstable: 0,
            changed: Some(40.0),
            path: Some(way(None, hop)),
            before: Some(way(Some(40.0), HopView { hop: 1, ..HopView::default() })),
        }
    }

    #[test]
    fn the_page_says_where_a_path_goes_where_it_went_before_and_runs_no_stranger_s_code() {
        let faults = ["asn.tsv: No such file".to_owned()];
        let page = page(&[path()], 0, &Filter::default(), faults.iter(), 160.0).into_string();
        for words in [
            "Traced 1m 0s ago",
            "Changes: 1, of networks 0; the last 2m 0s ago",
            "Networks: AS64500 AS64501.",
            "Handed over by AS64500 in Amsterdam.",
            "<strong>Amsterdam, NL</strong>",
            "refused: ear is Kearney, US",
            "MPLS 18750/1",
            "Before the last change, until 2m 0s ago",
            "silent",
            "target=a%26b",
            "A table is not read: asn.tsv",
            "&lt;script&gt;.example",
        ] {
            assert!(page.contains(words), "{words}\n{page}");
        }
        assert!(!page.contains("<script"));
    }

    #[test]
    fn a_program_gets_the_same() {
        let json = serde_json::to_value([path()]).unwrap();
        assert_eq!(json[0]["path"]["hops"][0]["address"], "192.0.2.1");
        assert_eq!(json[0]["path"]["hops"][1]["address"], serde_json::Value::Null);
        assert_eq!(json[0]["before"]["until"], 40.0);
    }
}
