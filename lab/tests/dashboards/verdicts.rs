//! A verdict over the world is not computed over a selection of it: an incident's link may select a
//! region, and what is down there is not "down everywhere".

use std::collections::BTreeSet;

use crate::files;
use crate::panels::{Panel, all_panels, expressions, items, panels, words};

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
const VOTES: [&str; 5] = [
    "latency_endpoint_verdict",
    "region_target:latency_down:ratio",
    "region_target:latency_voters",
    "target:latency_down:ratio",
    "ALERTS",
];

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

/// An agent or a pair of Prometheis gives a series several times: what is added up or counted is first
/// made one. Shares and quantiles are the same of one as of all copies.
#[test]
fn copies_of_a_series_count_once() {
    let mut counted = 0;
    for panel in all_panels() {
        for expression in panel.expressions() {
            let alike = expression.contains(" / ") || expression.contains("histogram_quantile(");
            for (at, _) in expression.match_indices('{').filter(|_| !alike) {
                let adds = ["sum", "count", "avg"].contains(&aggregation(&expression[..at]));
                assert!(!adds, "{}: {expression}", panel.place);
                counted += 1;
            }
        }
    }
    assert!(counted > 50, "only {counted} series are looked at");
}

/// What nothing aggregates is there once for each copy, under the same name: two lines, two rows.
#[test]
fn no_series_is_shown_as_it_is() {
    let mut series = 0;
    for panel in all_panels() {
        for expression in panel.expressions() {
            for (at, _) in expression.match_indices('{') {
                let selects =
                    expression[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
                let before = &expression[..at];
                let bare = selects && !is_aggregated(before) && !only_filters(before);
                assert!(!bare, "{}: a line for each copy: {expression}", panel.place);
                series += usize::from(selects);
            }
        }
    }
    assert!(series > 200, "only {series} series are looked at");
}

/// Whether the series whose name ends the text only says which of others are shown: `... and on (a, b) name`.
fn only_filters(before: &str) -> bool {
    let text = before.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || "_:".contains(c));
    let list = text.trim_end().strip_suffix(')').and_then(|rest| rest.rsplit_once("and on ("));
    list.is_some_and(|(_, labels)| !labels.contains(')'))
}

/// Whether the end of a text stands within an aggregation that makes copies one.
fn is_aggregated(before: &str) -> bool {
    const MAKE_ONE: [&str; 7] = ["sum", "min", "max", "avg", "count", "group", "quantile"];
    let word = |text: &str| -> String {
        text.trim_end()
            .rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .next()
            .unwrap()
            .to_owned()
    };
    // Of each open parenthesis: whether it is such an aggregation's, and whether it is the list behind `by`.
    let mut open: Vec<(bool, bool)> = Vec::new();
    let mut by = false;
    let mut quoted = false;
    for (at, c) in before.char_indices() {
        quoted ^= c == '"';
        match c {
            '(' if !quoted => {
                let text = &before[..at];
                let name = word(text);
                let list = name == "by" || name == "without";
                let of =
                    if list { word(text.trim_end().strip_suffix(&name).unwrap()) } else { name };
                let makes_one = MAKE_ONE.contains(&of.as_str());
                open.push((if list { makes_one } else { makes_one || by }, list));
                by = false;
            }
            ')' if !quoted => by = open.pop().is_some_and(|(makes_one, list)| makes_one && list),
            ' ' => {}
            _ => by = false,
        }
    }
    open.iter().any(|(makes_one, list)| *makes_one && !list)
}

/// A machine is its site and its name, an endpoint its team and its name: two sites may both have a `web-1`.
#[test]
fn what_is_grouped_by_name_is_grouped_by_site_or_team_too() {
    let mut groups = 0;
    let board = |panel: &Panel| panel.place.split(':').next().unwrap_or_default().to_owned();
    let asks_bmcs =
        |panel: &Panel| panel.expressions().any(|expression| expression.contains("ipmi_"));
    let of_machines: BTreeSet<String> =
        all_panels().iter().filter(|panel| asks_bmcs(panel)).map(board).collect();
    for panel in all_panels() {
        for expression in panel.expressions() {
            let is_machine = match board(&panel).as_str() {
                "turbulence-triage" => expression.contains("ipmi_"),
                board => of_machines.contains(board),
            };
            // An alert is of either.
            let owners: &[&str] = match (expression.contains("ALERTS{"), is_machine) {
                (true, _) => &["site", "team"],
                (false, true) => &["site"],
                (false, false) => &["team"],
            };
            for list in ["by (", "on ("].iter().flat_map(|word| expression.split(word).skip(1)) {
                let labels: Vec<&str> =
                    list.split(')').next().unwrap().split(',').map(str::trim).collect();
                if labels.contains(&"target") {
                    let is_owned = labels.iter().any(|label| owners.contains(label));
                    assert!(is_owned, "{}: {expression}", panel.place);
                    groups += 1;
                }
            }
        }
    }
    assert!(groups > 50, "only {groups} groups are looked at");
}

/// The innermost aggregation around a series whose name ends the text; "" where there is none.
fn aggregation(before: &str) -> &str {
    let mut text = before.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || "_:".contains(c));
    loop {
        let open = text.trim_end();
        let Some(rest) = open.strip_suffix('(') else { return "" };
        let rest = rest.trim_end();
        if let Some(labels) = rest.strip_suffix(')') {
            let by = labels.rfind('(').map_or("", |at| &labels[..at]);
            return by.trim_end().trim_end_matches(" by").rsplit([' ', '(']).next().unwrap();
        }
        let function = rest.rsplit([' ', '(']).next().unwrap();
        if !["rate", "increase", "avg_over_time", ""].contains(&function) {
            return function;
        }
        text = &rest[..rest.len() - function.len()];
    }
}

#[test]
fn no_link_to_an_endpoint_selects_a_region() {
    for panel in all_panels() {
        let json = panel.json.to_string();
        for link in json.split("/d/turbulence-").skip(1) {
            let link = link.split('"').next().unwrap();
            let endpoint = link.contains("var-target=");
            let place = link.contains("var-region=") || link.contains("var-vantage=");
            assert!(!(endpoint && place), "{}: {link}", panel.place);
        }
    }
}

/// Two sites may both have a `web-1`, two teams a `www`: a click on one shows that one, where the row says whose it is.
#[test]
fn a_link_to_one_thing_says_whose_it_is() {
    let mut whole = 0;
    for panel in all_panels() {
        for field in items(&panel.json["fieldConfig"]["overrides"]) {
            for link in items(&field["properties"]).flat_map(|property| items(&property["value"])) {
                let url = link["url"].as_str().unwrap_or_default();
                for (board, owner) in
                    [("machine", "site"), ("endpoint", "team"), ("vantage", "region")]
                {
                    if !url.starts_with(&format!("/d/turbulence-{board}?")) {
                        continue;
                    }
                    let organized = items(&panel.json["transformations"]);
                    let mut names =
                        organized.filter_map(|one| one["options"]["renameByName"][owner].as_str());
                    let Some(title) = names.next() else { continue };
                    let wanted =
                        format!("&var-{owner}=${{__data.fields[\"{title}\"]:percentencode}}");
                    assert!(url.contains(&wanted), "{}: {url}", panel.place);
                    whole += 1;
                }
            }
        }
    }
    assert!(whole > 20, "only {whole} links say whose it is");
}
