//! What can be read off the dashboard files without running a query.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde_json::{Value, json};
use turbulence_lab::dashboards::{DATA_SOURCE_INTERVAL_SECONDS, MAY_BE_EMPTY};

use crate::files;
use crate::panels::{all_panels, expressions, items, panels, words};

/// Panels that Grafana ships; anything else is a plugin to install.
const PANEL_TYPES: [&str; 8] =
    ["geomap", "heatmap", "row", "stat", "state-timeline", "table", "timeseries", "xychart"];

/// Unit of a metric by the end of its name, where a query shows it as it is.
const UNITS: [(&str, &str); 8] = [
    ("_celsius", "celsius"),
    ("_seconds", "s"),
    ("_ratio", "percentunit"),
    ("_rpm", "rotrpm"),
    ("_watts", "watt"),
    ("_volts", "volt"),
    ("_amperes", "amp"),
    ("_bytes", "bytes"),
];

/// Whether a word begins as the exporters' metrics do.
fn is_ours(word: &str) -> bool {
    static PREFIXES: LazyLock<BTreeSet<String>> = LazyLock::new(files::prefixes);
    PREFIXES.iter().any(|prefix| word.starts_with(prefix))
}

/// The metrics of ours in an expression, without a histogram's suffix.
fn metrics_in<'a>(expression: &'a str, known: &BTreeSet<String>) -> Vec<(&'a str, &'a str)> {
    let words = words(expression);
    let mut metrics = Vec::new();
    for &(word, after) in words.iter().filter(|(word, _)| is_ours(word)) {
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| word.strip_suffix(end));
        metrics.push((base.filter(|base| known.contains(*base)).unwrap_or(word), after));
    }
    metrics
}

fn sampled_metrics() -> BTreeSet<String> {
    files::JOBS.iter().flat_map(|(_, sample)| files::metrics(sample).into_keys()).collect()
}

#[test]
fn each_dashboard_has_the_head_that_provisioning_needs() {
    let boards = files::boards();
    assert!(boards.len() >= 3, "{:?}", boards.keys());
    for (file, board) in &boards {
        assert_eq!(board["uid"], json!(file), "the file is named after the uid");
        assert_eq!(board["id"], Value::Null, "{file}");
        assert!((39..=42).contains(&board["schemaVersion"].as_u64().unwrap()), "{file}");
        assert_eq!(board["editable"], json!(false), "{file}");
        assert_eq!(board["graphTooltip"], json!(1), "{file}: shared crosshair");
        assert_eq!(board["refresh"], json!("30s"), "{file}");
        assert!(items(&board["tags"]).any(|tag| tag == "turbulence"), "{file}");
        assert!(board.get("__inputs").is_none() && board.get("__requires").is_none(), "{file}");
        assert!(!board.to_string().contains("${DS_"), "{file}: breaks under file provisioning");
    }
}

#[test]
fn every_panel_says_what_it_shows_and_has_a_title_of_its_own() {
    for board in files::boards().values() {
        let mut titles = BTreeSet::new();
        for panel in panels(board) {
            assert!(!panel.text("title").is_empty(), "{}: no title", panel.place);
            assert!(panel.text("description").len() > 20, "{}: no description", panel.place);
            assert!(titles.insert(panel.text("title").to_owned()), "{}: twice", panel.place);
            assert!(panel.expressions().count() > 0, "{}: asks nothing", panel.place);
        }
    }
}

#[test]
fn no_panel_needs_a_plugin_or_the_internet() {
    for (file, board) in files::boards() {
        for panel in items(&board["panels"]) {
            let kind = panel["type"].as_str().unwrap();
            assert!(PANEL_TYPES.contains(&kind), "{file}: {kind}");
        }
        for panel in panels(&board).iter().filter(|panel| panel.json["type"] == "geomap") {
            let base = &panel.json["options"]["basemap"];
            assert_eq!(base["type"], "geojson", "{}: tiles come from the internet", panel.place);
            assert_eq!(base["config"]["src"], "public/maps/countries.geojson");
        }
    }
}

#[test]
fn panels_lie_in_the_grid_and_do_not_overlap() {
    for (file, board) in files::boards() {
        let mut ids = BTreeSet::new();
        let mut taken = BTreeMap::new();
        let top = items(&board["panels"]);
        for panel in top.flat_map(|panel| std::iter::once(panel).chain(items(&panel["panels"]))) {
            let id = panel["id"].as_u64().unwrap();
            assert!(ids.insert(id), "{file}: id {id} twice");
            let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
            let (x, y, w, h) = (at("x"), at("y"), at("w"), at("h"));
            assert!(w > 0 && h > 0 && x + w <= 24, "{file}: panel {id} leaves the grid");
            for cell in (x..x + w).flat_map(|column| (y..y + h).map(move |row| (column, row))) {
                let other = taken.insert(cell, id);
                assert_eq!(other, None, "{file}: panel {id} lies on another");
            }
            let folded = panel["collapsed"] == json!(true);
            assert_eq!(folded, items(&panel["panels"]).count() > 0, "{file}: row {id}");
        }
    }
}

#[test]
fn everything_is_asked_of_the_chosen_data_source() {
    let chosen = json!({"type": "prometheus", "uid": "${datasource}"});
    for (file, board) in files::boards() {
        let variables = &board["templating"]["list"];
        assert_eq!(variables[0]["name"], "datasource", "{file}: the first variable");
        assert_eq!(variables[0]["query"], "prometheus");
        for variable in items(variables).skip(1) {
            assert_eq!(variable["datasource"], chosen, "{file}: {variable}");
            assert_eq!(variable["refresh"], json!(2), "{file}: on a change of the time range");
            assert_eq!(variable["sort"], json!(1), "{file}");
            assert!(variable["label"].is_string(), "{file}: {variable}");
            // One that nobody sees has one value; jobs are those of one program, and not whatever there is.
            let all = variable["hide"] != json!(2) && variable["name"] != "job";
            let any = all || file.as_str() == "turbulence-meta" && variable["name"] == "job";
            assert_eq!(variable["allValue"].is_string(), any, "{file}: {variable}");
        }
        for annotation in items(&board["annotations"]["list"]) {
            assert_eq!(annotation["datasource"], chosen, "{file}: {annotation}");
            assert!(annotation["expr"].as_str().unwrap().contains("ALERTS{"), "{annotation}");
        }
        for panel in panels(&board) {
            assert_eq!(panel.json["datasource"], chosen, "{}", panel.place);
            let mut refs = BTreeSet::new();
            for target in items(&panel.json["targets"]) {
                assert_eq!(target["datasource"], chosen, "{}", panel.place);
                assert!(refs.insert(target["refId"].to_string()), "{}: refId twice", panel.place);
            }
        }
    }
}

#[test]
fn what_picks_the_lines_of_a_graph_picks_once_and_the_same_for_all_of_its_queries() {
    let mut picking = 0;
    for panel in all_panels() {
        let mut by_labels: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for target in items(&panel.json["targets"]).filter(|target| target["range"] == true) {
            let expression = target["expr"].as_str().unwrap();
            for name in ["topk(", "bottomk("] {
                let Some((_, picker)) = expression.split_once(name) else { continue };
                assert!(picker.contains("@ end()"), "{}: picks anew: {expression}", panel.place);
                let labels = picker.split_once(" by (").unwrap().1.split(')').next().unwrap();
                by_labels.entry(labels).or_default().insert(picker);
                picking += 1;
            }
        }
        for (labels, pickers) in by_labels {
            assert!(pickers.len() == 1, "{}: two sets of ({labels}): {pickers:#?}", panel.place);
        }
    }
    assert!(picking > 60, "only {picking} queries pick");
}

#[test]
fn no_table_has_two_columns_of_one_title() {
    for panel in all_panels() {
        for transformation in items(&panel.json["transformations"]) {
            let Some(titles) = transformation["options"]["renameByName"].as_object() else {
                continue;
            };
            let mut seen = BTreeSet::new();
            for title in titles.values() {
                assert!(seen.insert(title.to_string()), "{}: {title} twice", panel.place);
            }
        }
    }
}

#[test]
fn rates_are_taken_over_the_rate_interval_and_counters_only_as_rates() {
    for panel in all_panels() {
        for expression in panel.expressions() {
            let place = format!("{}: {expression}", panel.place);
            assert!(!words(expression).iter().any(|(word, _)| *word == "irate"), "{place}");
            for (at, _) in expression.match_indices("rate(") {
                let (range, after) =
                    expression[at..].split_once('[').unwrap().1.split_once(']').unwrap();
                // What picks the lines of a graph reads all of it, as of its end.
                let picks = range == "$__range" && after.starts_with(" @ end()");
                assert!(picks || range == "$__rate_interval", "{place}");
            }
            let asked = expression.matches("[$__rate_interval]").count();
            let ranges = ["rate(", "increase("].iter().map(|f| expression.matches(f).count());
            assert!(asked <= ranges.sum(), "{place}: $__rate_interval outside a rate");
            for (word, _) in words(expression) {
                let counter =
                    ["_total", "_bucket", "_sum", "_count"].iter().any(|end| word.ends_with(end));
                let ours = is_ours(word);
                let before = &expression[..expression.find(word).unwrap()];
                let as_rate = before.ends_with("rate(") || before.ends_with("increase(");
                assert!(!(counter && ours) || as_rate, "{place}: {word} is a counter");
            }
        }
    }
}

#[test]
fn units_fit_the_metrics() {
    for panel in all_panels() {
        let mut mappings = items(&panel.json["fieldConfig"]["defaults"]["mappings"]);
        let stateless = mappings.all(|mapping| mapping["type"] == "special");
        let table = panel.json["type"] == "table";
        assert!(table || !stateless || !panel.unit().is_empty(), "{}: no unit", panel.place);
        for expression in panel.expressions().filter(|_| stateless && !table) {
            let plain = words(expression);
            let plain = plain.first().filter(|(word, _)| is_ours(word));
            let alone = expression.ends_with('}') && expression.matches('}').count() == 1;
            let Some((metric, _)) = plain.filter(|_| alone) else { continue };
            let unit = UNITS.iter().find(|(end, _)| metric.ends_with(end));
            if let Some((_, unit)) = unit {
                assert_eq!(panel.unit(), *unit, "{}: {metric}", panel.place);
            }
        }
    }
}

#[test]
fn colour_is_not_the_only_sign_of_a_state() {
    for panel in all_panels().iter().filter(|panel| panel.json["type"] == "state-timeline") {
        let mappings = items(&panel.json["fieldConfig"]["defaults"]["mappings"]);
        let texts = mappings.flat_map(|mapping| mapping["options"].as_object().unwrap().values());
        assert!(texts.clone().count() > 0, "{}: colours without words", panel.place);
        assert!(texts.clone().all(|one| one["text"].is_string()), "{}", panel.place);
    }
}

/// A stat without an answer has the colour of the smallest values, unless "no data" has one.
#[test]
fn no_data_is_never_green() {
    for panel in all_panels().iter().filter(|panel| panel.json["type"] == "stat") {
        let mut mappings = items(&panel.json["fieldConfig"]["defaults"]["mappings"]);
        let nothing = mappings.find(|mapping| mapping["options"]["match"] == "null+nan");
        let shown = &nothing.unwrap_or(&Value::Null)["options"]["result"];
        assert_eq!(shown["color"], "#6e7680", "{}: grey", panel.place);
        for expression in panel.expressions() {
            assert!(!expression.contains("vector("), "{}: a number of nothing", panel.place);
        }
        let asked_now =
            items(&panel.json["targets"]).all(|target| target["instant"] == json!(true));
        assert!(asked_now, "{}: the last value of an hour is not the present", panel.place);
    }
}

#[test]
fn every_query_follows_the_drop_downs() {
    let known = sampled_metrics();
    let boards = files::boards();
    // The page to begin at has no drop-down: it is about everything.
    let followed = boards.iter().filter(|(file, _)| file.as_str() != "turbulence-triage");
    for panel in followed.flat_map(|(_, board)| panels(board)) {
        for expression in panel.expressions() {
            // Where a vantage stands is no matter of the endpoint that is selected.
            let placed = metrics_in(expression, &known);
            let place = |metric: &str| metric.ends_with("_degrees");
            for (metric, after) in placed.into_iter().filter(|(metric, _)| !place(metric)) {
                let selector = after.strip_prefix('{').and_then(|rest| rest.split_once('}'));
                let follows = selector.is_some_and(|(matchers, _)| matchers.contains("=~\"$"));
                assert!(follows, "{}: {metric} in {expression}", panel.place);
            }
        }
    }
}

#[test]
fn only_metrics_that_exist_are_asked_for_and_each_is_shown_somewhere() {
    let known = sampled_metrics();
    let mut used = BTreeSet::new();
    for (file, board) in files::boards() {
        for expression in expressions(&board) {
            for (metric, _) in metrics_in(&expression, &known) {
                assert!(known.contains(metric), "{file}: {metric} in {expression}");
                used.insert(metric.to_owned());
            }
        }
    }
    let kept = files::kept();
    let kept: Vec<&str> = words(&kept).into_iter().map(|(word, _)| word).collect();
    let ours = known.iter().filter(|metric| is_ours(metric) && !kept.contains(&metric.as_str()));
    let unused: Vec<&String> = ours.filter(|metric| !used.contains(*metric)).collect();
    assert!(unused.is_empty(), "in no dashboard: {unused:?}");
}

#[test]
fn what_every_exporter_has_of_the_kit_is_shown_somewhere() {
    let boards = files::boards();
    let asked: Vec<String> = boards.values().flat_map(expressions).collect();
    let known = files::of_the_kit();
    assert!(known.contains("turbulence_sd_skipped_targets") && known.len() > 8, "{known:?}");
    let is_shown = |name: &str| {
        asked.iter().any(|expression| words(expression).iter().any(|(word, _)| *word == name))
    };
    let unused: Vec<&String> = known.iter().filter(|name| !is_shown(name)).collect();
    assert!(unused.is_empty(), "in no dashboard: {unused:?}");
}

/// What a notification's link opens must show the alert that the notification is about.
#[test]
fn an_alert_s_dashboard_is_of_its_domain() {
    let boards = files::boards();
    let shows = |uid: &str, domain: &str| {
        let annotations = items(&boards[uid]["annotations"]["list"]);
        annotations.clone().count() > 0
            && annotations.clone().all(|one| asks_for(one["expr"].as_str().unwrap(), domain))
    };
    let mut looked_at = 0;
    for alert in rules().split("- alert: ").skip(1) {
        // What stands behind it in the file is no part of it.
        let alert = alert.split("\n  - name: ").next().unwrap();
        let name = alert.lines().next().unwrap();
        let labels = alert.split_once("labels: {").map(|(_, rest)| rest.split('}').next().unwrap());
        let domain = labels
            .and_then(|labels| labels.split(", ").find_map(|one| one.strip_prefix("domain: ")));
        let Some((domain, (_, link))) = domain.zip(alert.split_once("dashboard_url:")) else {
            continue;
        };
        for (at, _) in link.match_indices("turbulence-").take(1) {
            let uid =
                link[at..].split(|c: char| c != '-' && !c.is_ascii_lowercase()).next().unwrap();
            assert!(shows(uid, domain), "{name}: {uid} has no alerts of the domain {domain}");
            looked_at += 1;
        }
    }
    assert!(looked_at > 50, "only {looked_at} links");
}

#[test]
fn only_recorded_series_that_a_rule_records_are_asked_for() {
    let rules = rules();
    for (file, board) in files::boards() {
        for expression in expressions(&board) {
            for (series, _) in words(&expression).iter().filter(|(word, _)| word.contains(':')) {
                let recorded = rules.contains(&format!("- record: {series}\n"));
                // A word such as `10m:15s` is the range of a subquery.
                let range = series.starts_with(|c: char| c.is_ascii_digit() || c == '$');
                assert!(recorded || range, "{file}: no rule records {series}");
            }
        }
    }
}

/// Every rule file, one after the other.
fn rules() -> String {
    let mut rules = String::new();
    for entry in std::fs::read_dir(files::root().join("alerts")).unwrap() {
        let path = entry.unwrap().path();
        if path.to_str().unwrap().ends_with(".rules.yml") {
            rules += &std::fs::read_to_string(path).unwrap();
        }
    }
    rules
}

#[test]
fn the_samples_are_what_the_exporters_give() {
    for (job, sample) in files::JOBS {
        let Some(golden) = files::golden(job) else { continue };
        let golden = files::metrics(&golden);
        let sample = files::metrics(sample);
        for (metric, labels) in sample.iter().filter(|(name, _)| is_ours(name)) {
            let real = golden.get(metric).unwrap_or_else(|| panic!("{job} gives no {metric}"));
            // `env` stands in golden files for labels of the user's own.
            let optional =
                |label: &&String| ["site", "rack", "team", "env"].contains(&label.as_str());
            let differ: Vec<_> =
                labels.symmetric_difference(real).filter(|label| !optional(label)).collect();
            assert!(differ.is_empty(), "{metric}: {differ:?}, sample {labels:?}, real {real:?}");
        }
        let missing: Vec<_> = golden.keys().filter(|name| !sample.contains_key(*name)).collect();
        assert!(missing.is_empty(), "{job}: not in the sample: {missing:?}");
    }
}

#[test]
fn links_lead_to_dashboards_and_variables_that_exist() {
    let boards = files::boards();
    for (file, board) in &boards {
        let linked: BTreeSet<String> = links(board).into_iter().map(|(uid, _)| uid).collect();
        let others = boards.keys().filter(|other| *other != file);
        for other in others {
            assert!(linked.contains(other), "{file}: no link to {other}");
        }
        for (uid, variables) in links(board) {
            let target = boards.get(&uid).unwrap_or_else(|| panic!("{file}: no dashboard {uid}"));
            let names = items(&target["templating"]["list"]).map(|one| one["name"].clone());
            let names: Vec<Value> = names.collect();
            for variable in variables {
                assert!(names.contains(&json!(variable)), "{file}: {uid} has no {variable}");
            }
        }
    }
}

#[test]
fn the_links_of_the_alerts_lead_to_variables_that_exist() {
    let (boards, rules) = (files::boards(), rules());
    for (at, _) in rules.match_indices("/d/turbulence-") {
        let (uid, variables) = link(rules[at + 3..].split(['"', '\n']).next().unwrap());
        let board = boards.get(uid.trim_end()).unwrap_or_else(|| panic!("no dashboard {uid}"));
        for variable in variables {
            let mut names = items(&board["templating"]["list"]).map(|one| &one["name"]);
            assert!(names.any(|name| *name == json!(variable)), "{uid} has no {variable}");
        }
    }
}

/// What a person does about an alert stands one click behind it: its runbook, or a silence for it alone.
#[test]
fn each_list_of_what_fires_leads_to_runbook_and_silence() {
    let mut lists = 0;
    for (file, board) in files::boards() {
        for panel in panels(&board) {
            let asks = |what: &str| panel.expressions().any(|expression| expression.contains(what));
            if panel.json["type"] != "table" || !asks("ALERTS{") {
                continue;
            }
            let named = items(&panel.json["fieldConfig"]["overrides"])
                .find(|one| one["matcher"]["options"] == "Alert");
            let named = named.unwrap_or_else(|| panic!("{}: no alert's name", panel.place));
            let links = items(&named["properties"]).find(|one| one["id"] == "links");
            let links: Vec<&str> =
                items(&links.unwrap()["value"]).map(|link| link["url"].as_str().unwrap()).collect();
            let [runbook, silence] = links[..] else { panic!("{}: {links:?}", panel.place) };
            assert_eq!(runbook, "${turbulence_runbooks}/${__value.raw}.md", "{}", panel.place);
            let begin = "${turbulence_alertmanager}/#/silences/new?filter=%7Balertname%3D%22";
            assert!(silence.starts_with(begin), "{}: {silence}", panel.place);
            // Two rows that differ in a label are two alerts: the silence says which.
            for expression in panel.expressions().filter(|one| one.contains("ALERTS{")) {
                let (_, labels) = expression.split_once("by (").unwrap();
                for label in labels.split(')').next().unwrap().split(',').map(str::trim) {
                    let made = ["what", "where", "board", "chosen", "whose_variable", "whose"];
                    let made = made.contains(&label);
                    let held = silence.contains(&format!("{label}%3D%22${{__data.fields["));
                    assert!(made || held, "{}: {label} is not in {silence}", panel.place);
                }
            }
            // A ticket and the page that follows it are two as well, whether or not the list tells them apart.
            let all: Vec<&str> = panel.expressions().collect();
            for label in labels_of_alerts(&all.join("\n")) {
                let held = silence.contains(&format!("{label}%3D%22${{__data.fields["));
                assert!(held, "{}: {label} is not in {silence}", panel.place);
            }
            lists += 1;
        }
        for address in ["turbulence_runbooks", "turbulence_alertmanager"] {
            let mut variables = items(&board["templating"]["list"]);
            let variable = variables.find(|one| one["name"] == address);
            let variable = variable.unwrap_or_else(|| panic!("{file}: nobody knows {address}"));
            assert_eq!(variable["regex"], "/^https?:.*/", "{file}: `none` is no address");
        }
    }
    assert_eq!(lists, files::boards().len(), "a board without what fires, or with two lists");
}

/// Whether alerts of a domain are among those that a query asks for.
fn asks_for(expression: &str, domain: &str) -> bool {
    expression.split("domain=").skip(1).any(|rest| {
        let domains = rest.trim_start_matches('~').trim_start_matches('"').split('"').next();
        domains.is_some_and(|domains| domains.split('|').any(|one| one == domain))
    })
}

/// A vantage whose exporter is down measures nothing, and nothing else is told of it.
#[test]
fn what_is_told_of_a_vantage_is_told_on_its_board_whatever_the_domain() {
    let board = &files::boards()["turbulence-vantage"];
    let lists = expressions(board);
    let lists = lists.iter().filter(|one| one.contains("ALERTS{alertstate="));
    for list in lists.clone() {
        for domain in ["reachability", "dns", "meta"] {
            assert!(asks_for(list, domain), "{domain}: {list}");
        }
    }
    assert!(lists.count() >= 5);
}

/// An alert about every vantage, or about a machine of that name elsewhere, is not about the one that is chosen.
#[test]
fn a_board_of_one_lists_the_alerts_that_name_it() {
    let mut lists = 0;
    for one in ["machine", "endpoint", "vantage", "zone"] {
        for expression in expressions(&files::boards()[&format!("turbulence-{one}")]) {
            if expression.contains("ALERTS{alertstate=") {
                assert!(!expression.contains("|\""), "{one}: {expression}");
                lists += 1;
            }
        }
    }
    assert!(lists >= 4 * 5, "only {lists} lists of alerts");
}

/// The labels that alerts of a list have in the tests of the rules.
fn labels_of_alerts(list: &str) -> BTreeSet<String> {
    let mut labels = BTreeSet::new();
    for entry in std::fs::read_dir(files::root().join("alerts")).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap();
        let homing = !list.contains("alertname=~\"Homing.*\"") || file.starts_with("homing");
        if !file.ends_with(".test.yml") || !homing {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for alert in text.split("exp_labels:").skip(1) {
            let Some((_, alert)) = alert.lines().next().unwrap().split_once('{') else { continue };
            let alert = alert.rsplit_once('}').unwrap().0;
            let alert: BTreeMap<&str, &str> =
                alert.split(", ").filter_map(|pair| pair.split_once(": ")).collect();
            let asked = asks_for(list, alert["domain"]);
            let of_one = list.contains("vantage=~\"$vantage\", vantage!=\"\"");
            let placed = !of_one || alert.contains_key("vantage");
            let told = alert["severity"] != "none";
            let zone = !list.contains("zone!=\"\"") || alert.contains_key("zone");
            if told && zone && placed && asked {
                labels.extend(alert.keys().map(|label| (*label).to_owned()));
            }
        }
    }
    assert!(labels.remove("domain"), "no alert in {list}");
    labels
}

/// The triage makes the link of each alert in its query: `thermal?var-target` and the like, and what is chosen there.
#[test]
fn the_triage_leads_to_boards_and_variables_that_exist() {
    let boards = files::boards();
    let all = expressions(&boards["turbulence-triage"]).join("\n");
    let mut led = BTreeSet::new();
    for place in all.split("\"board\", \"").skip(1) {
        let (uid, variables) = link(place.split('"').next().unwrap());
        let board = boards.get(&format!("turbulence-{uid}")).unwrap_or_else(|| panic!("no {uid}"));
        for variable in variables {
            let mut names = items(&board["templating"]["list"]).map(|one| &one["name"]);
            assert!(names.any(|name| *name == json!(variable)), "{uid} has no {variable}");
        }
        // Two sites may both have a `web-1`, two teams a `www`.
        let owner = match uid.as_str() {
            "machine" => Some("site"),
            "endpoint" => Some("team"),
            "vantage" => Some("region"),
            _ => None,
        };
        let whose = owner.map(|owner| {
            format!(
                "\"whose_variable\", \"var-{owner}\", \"\", \"\"), \"whose\", \"$1\", \"{owner}\","
            )
        });
        let place = place.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(whose.is_none_or(|whose| place.contains(&whose)), "{uid}: whose it is, in {place}");
        led.insert(uid);
    }
    let others: BTreeSet<String> =
        boards.keys().map(|uid| uid.replace("turbulence-", "")).collect();
    let table = panels(&boards["turbulence-triage"])
        .iter()
        .map(|panel| panel.json.to_string())
        .find(|json| json.contains("/d/turbulence-${"));
    let whose = "&${__data.fields.whose_variable}=${__data.fields.whose:percentencode}";
    assert!(table.is_some_and(|table| table.contains(whose)), "the link does not say whose");
    // Rules of one's own stay on the triage.
    assert_eq!(led, others, "an alert of a board that the triage does not lead to");
    // Every alert that the stats count is in the table, whatever its domain is.
    let table = all.split("label_join(").nth(2).unwrap();
    for domain in ["thermal", "reachability", "dns", "meta"] {
        assert!(table.contains(&format!("domain=\"{domain}\"")), "{domain}");
    }
    assert!(table.contains("domain!~\"thermal|reachability|dns|meta\""), "no rules of one's own");
    let compose = std::fs::read_to_string(files::root().join("docker-compose.yml")).unwrap();
    assert!(
        compose.contains("HOME_DASHBOARD_PATH: /etc/turbulence/dashboards/turbulence-triage.json")
    );
}

/// The uid and the `var-` names of every link below a value.
fn links(value: &Value) -> Vec<(String, Vec<String>)> {
    match value {
        Value::Object(map) => map.values().flat_map(links).collect(),
        Value::Array(list) => list.iter().flat_map(links).collect(),
        // Which board it is stands in the row, by the query: see the test of the triage.
        Value::String(text) if text.starts_with("/d/turbulence-${") => Vec::new(),
        Value::String(text) => text.strip_prefix("/d/").into_iter().map(link).collect(),
        _ => Vec::new(),
    }
}

fn link(rest: &str) -> (String, Vec<String>) {
    let (uid, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let variables = parameters.split('&').filter_map(|one| one.strip_prefix("var-"));
    let variables = variables.map(|one| one.split('=').next().unwrap().to_owned());
    (uid.to_owned(), variables.collect())
}

#[test]
fn transformations_and_overrides_name_fields_that_exist() {
    for panel in all_panels() {
        let refs: Vec<String> = items(&panel.json["targets"])
            .map(|target| format!("Value #{}", target["refId"].as_str().unwrap()))
            .collect();
        let mut names = BTreeSet::new();
        let mut renamed = false;
        for step in items(&panel.json["transformations"]).filter(|one| one["id"] == "organize") {
            renamed = true;
            for (from, to) in step["options"]["renameByName"].as_object().unwrap() {
                let there = !from.starts_with("Value #") || refs.contains(from);
                assert!(there, "{}: {from} is no query", panel.place);
                names.insert(to.as_str().unwrap().to_owned());
            }
        }
        let overrides = items(&panel.json["fieldConfig"]["overrides"]).filter(|_| renamed);
        for one in overrides.filter(|one| one["matcher"]["id"] == "byName") {
            let name = one["matcher"]["options"].as_str().unwrap();
            assert!(names.contains(name), "{}: no field {name}", panel.place);
        }
    }
}

#[test]
fn the_data_source_has_the_interval_that_the_check_assumes() {
    let path = files::root().join("deploy/grafana/provisioning/datasources/turbulence.yml");
    let text = std::fs::read_to_string(path).unwrap();
    let interval = format!("timeInterval: {DATA_SOURCE_INTERVAL_SECONDS}s");
    assert!(text.contains(&interval), "{interval} is not in the data source");
}

/// What a board says of its incident would else be empty without a word: `make pictures` looks for these.
#[test]
fn each_board_has_panels_that_its_incident_must_fill() {
    let text = std::fs::read_to_string(files::root().join("pictures/boards.json")).unwrap();
    let situations: BTreeMap<String, Value> = serde_json::from_str(&text).unwrap();
    let boards = files::boards();
    assert!(situations.keys().eq(boards.keys()), "{:?}", situations.keys());
    for (uid, situation) in &situations {
        let shows: Vec<&str> = items(&situation["shows"]).filter_map(Value::as_str).collect();
        assert!(!shows.is_empty(), "{uid}: nothing must be seen in its incident");
        for title in shows {
            let panels = panels(&boards[uid]);
            let panel = panels.iter().find(|panel| panel.text("title") == title);
            let panel = panel.unwrap_or_else(|| panic!("{uid} has no panel {title}"));
            let may_be_empty = panel.text("description").contains(MAY_BE_EMPTY);
            assert!(may_be_empty, "{}: it must be filled at all times", panel.place);
        }
    }
}
