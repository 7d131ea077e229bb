//! A verdict over the world is not computed over a selection of it: an incident's link may select a
//! region, and what is down there is not "down everywhere".

use std::collections::BTreeSet;

use crate::files;
use crate::panels::{all_panels, expressions, panels, words};

/// Panels of the World dashboard whose sentence is about the world.
const GLOBAL: [&str; 7] = [
    "Critical alerts",
    "Down everywhere",
    "Down in a region",
    "Regions voting",
    "Down, as each vantage sees it",
    "Firing now",
    "Region by endpoint",
];

/// Series of votes and verdicts; whoever filters them by region or vantage holds a vote of his own.
const VOTES: [&str; 3] =
    ["vantage_target:latency_down:bool", "region_target:latency_down:bool", "ALERTS"];

#[test]
fn global_verdicts_follow_neither_region_nor_vantage() {
    let world = &files::boards()["turbulence-world"];
    let mut seen = BTreeSet::new();
    for panel in panels(world).iter().filter(|panel| GLOBAL.contains(&panel.text("title"))) {
        seen.insert(panel.text("title").to_owned());
        for expression in panel.expressions() {
            let follows = expression.contains("$region") || expression.contains("$vantage");
            assert!(!follows, "{}: {expression}", panel.place);
        }
    }
    assert_eq!(seen.len(), GLOBAL.len(), "a panel has another title: {seen:?}");
}

#[test]
fn no_vote_is_filtered_by_region_or_vantage() {
    let world = &files::boards()["turbulence-world"];
    let mut votes = 0;
    for expression in expressions(world) {
        for (_, after) in words(&expression).iter().filter(|(word, _)| VOTES.contains(word)) {
            let selector = after.strip_prefix('{').and_then(|rest| rest.split_once('}'));
            let matchers = selector.map_or("", |(matchers, _)| matchers);
            let filtered = matchers.contains("$region") || matchers.contains("$vantage");
            assert!(!filtered, "{expression}");
            votes += 1;
        }
    }
    assert!(votes > GLOBAL.len(), "only {votes} votes are asked for");
}

#[test]
fn no_link_to_an_endpoint_selects_a_region() {
    for panel in all_panels() {
        let json = panel.json.to_string();
        for link in json.split("/d/turbulence-world?").skip(1) {
            let link = link.split('"').next().unwrap();
            let endpoint = link.contains("var-target=");
            let place = link.contains("var-region=") || link.contains("var-vantage=");
            assert!(!(endpoint && place), "{}: {link}", panel.place);
        }
    }
}
