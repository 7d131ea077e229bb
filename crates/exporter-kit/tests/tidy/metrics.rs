//! The metrics: each stands in a README, and serves a rule or a dashboard.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use crate::{assert_none, exporters, files, root};

/// Words in tables, rules and dashboards that look like metrics and are programs, keys, or the kernel's.
const PROGRAMS: [&str; 6] =
    ["dns_over_tls", "blackbox_exporter", "ipmi_exporter", "ipmi_sim", "ipmi_lan", "ipmi_devintf"];

/// The metrics of all golden files; histograms by their base names.
fn golden_metrics() -> BTreeSet<String> {
    let golden =
        exporters().into_iter().flat_map(|folder| files(&folder.join("tests/golden"), ".prom"));
    golden
        .flat_map(|(_, text)| {
            let kinds = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
            kinds
                .map(|line| {
                    let (name, kind) = line.split_once(' ').unwrap();
                    match kind {
                        // OpenMetrics names a counter and an info without their suffixes.
                        "counter" if !name.ends_with("_total") => format!("{name}_total"),
                        "info" if !name.ends_with("_info") => format!("{name}_info"),
                        _ => name.to_owned(),
                    }
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

/// What the suite's metrics begin with, up to the first `_`: an exporter that gives `homing_distance`
/// has every word that begins with `homing_` looked at.
fn prefixes(known: &BTreeSet<String>) -> BTreeSet<&str> {
    known.iter().filter_map(|name| Some(name.split_once('_')?.0)).collect()
}

/// The words of a text that look like metrics of the suite's exporters.
fn metrics_named(text: &str, known: &BTreeSet<String>) -> BTreeSet<String> {
    let prefixes = prefixes(known);
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))
        .filter(|word| word.split_once('_').is_some_and(|(first, _)| prefixes.contains(first)))
        .filter(|word| !word.contains(':') && !PROGRAMS.contains(word))
        .map(|word| {
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|s| word.strip_suffix(s));
            base.filter(|base| known.contains(*base)).unwrap_or(word).to_owned()
        })
        .collect()
}

/// The lines of a README below its headings `Kept for users of ...`: a table of names that another
/// program's dashboards and alerts ask for, which ours need not.
fn kept(readme: &str) -> String {
    let mut inside = false;
    let mut kept = String::new();
    for line in readme.lines() {
        if let Some(heading) = line.strip_prefix('#') {
            inside = heading.trim_start_matches('#').trim().starts_with("Kept for users of ");
        } else if inside && line.starts_with('|') {
            kept += line;
            kept.push('\n');
        }
    }
    kept
}

fn readmes() -> Vec<String> {
    let readme = |folder: PathBuf| fs::read_to_string(folder.join("README.md")).unwrap();
    exporters().into_iter().map(readme).collect()
}

fn rules_and_dashboards() -> Vec<(PathBuf, String)> {
    let mut texts = files(&root().join("alerts"), ".rules.yml");
    texts.extend(files(&root().join("dashboards"), ".json"));
    texts
}

#[test]
fn every_metric_is_documented_and_every_documented_metric_exists() {
    let golden = golden_metrics();
    let mut documented = BTreeSet::new();
    for readme in readmes() {
        let tables: Vec<_> = readme.lines().filter(|line| line.starts_with('|')).collect();
        documented.extend(metrics_named(&tables.join("\n"), &golden));
    }
    let missing =
        golden.difference(&documented).map(|name| format!("{name} is in no README's table"));
    let invented = documented
        .difference(&golden)
        .map(|name| format!("{name} is documented and in no golden file"));
    assert_none(missing.chain(invented).collect::<Vec<_>>());
}

#[test]
fn every_metric_serves_a_rule_or_a_dashboard_and_every_name_there_exists() {
    let golden = golden_metrics();
    let mut used = BTreeSet::new();
    for (_, text) in rules_and_dashboards() {
        used.extend(metrics_named(&text, &golden));
    }
    let kept: BTreeSet<String> =
        readmes().iter().flat_map(|readme| metrics_named(&kept(readme), &golden)).collect();
    let idle = golden
        .difference(&used)
        .filter(|name| !kept.contains(*name))
        .map(|name| format!("{name} is in no rule, in no dashboard, and kept for nobody"));
    let invented =
        used.difference(&golden).map(|name| format!("{name} is used and in no golden file"));
    assert_none(idle.chain(invented).collect::<Vec<_>>());
}

#[test]
fn a_new_prefix_is_looked_at_and_a_name_kept_for_others_needs_no_place() {
    let known = BTreeSet::from(["homing_distance_metres".to_owned(), "probe_success".to_owned()]);
    let named = metrics_named("min(homing_distance_meters) + homing + up{job=\"probe_\"}", &known);
    assert_eq!(named, BTreeSet::from(["homing_distance_meters".to_owned(), "probe_".to_owned()]));

    let readme = "## Metrics\n| `homing_distance_metres` |\n\n### Kept for users of blackbox_exporter\n\n\
                  | name |\n|---|\n| `probe_success` |\n## Flags\n| `probe_flag` |\n";
    let kept = metrics_named(&kept(readme), &known);
    assert_eq!(kept, BTreeSet::from(["probe_success".to_owned()]));
}
