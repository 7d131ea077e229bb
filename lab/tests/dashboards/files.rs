//! Where the dashboards are, and the series that the exporters give: the sample beside this file
//! and, of the same metrics, each exporter's golden file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The jobs of the shipped scrape config, and the sample of each.
pub(crate) const JOBS: [(&str, &str); 7] = [
    ("turbulence-ipmi", include_str!("ipmi.prom")),
    ("turbulence-latency", include_str!("latency.prom")),
    ("turbulence-dns", include_str!("dns.prom")),
    ("turbulence-homing", include_str!("homing.prom")),
    ("drives", include_str!("drives.prom")),
    ("prometheus", include_str!("prometheus.prom")),
    ("alertmanager", include_str!("alertmanager.prom")),
];

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

pub(crate) fn dashboards() -> PathBuf {
    root().join("dashboards")
}

/// The shipped dashboards, by file name.
pub(crate) fn boards() -> BTreeMap<String, Value> {
    let mut boards = BTreeMap::new();
    for entry in std::fs::read_dir(dashboards()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let text = std::fs::read_to_string(&path).unwrap();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            boards.insert(name, serde_json::from_str(&text).unwrap());
        }
    }
    boards
}

/// The golden file of the exporter behind a job, where it has one.
pub(crate) fn golden(job: &str) -> Option<String> {
    let exporter = job.strip_prefix("turbulence-")?;
    let path = root().join("exporters").join(exporter).join("tests/golden/metrics.prom");
    std::fs::read_to_string(path).ok()
}

/// Metric names of an exposition, each with the label names that its series have between them.
/// A histogram is one metric, without its suffix and without `le`.
pub(crate) fn metrics(exposition: &str) -> BTreeMap<String, BTreeSet<String>> {
    let histograms: Vec<&str> = exposition
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" histogram"))
        .collect();
    let mut metrics: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in exposition.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (series, _) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let name = base.filter(|base| histograms.contains(base)).unwrap_or(name);
        metrics.entry(name.to_owned()).or_default().extend(label_names(labels));
    }
    metrics
}

fn label_names(labels: &str) -> impl Iterator<Item = String> + '_ {
    let names = labels.split("=\"").map(|part| {
        let word = part.rfind(|c: char| c != '_' && !c.is_ascii_alphanumeric());
        part[word.map_or(0, |at| at + 1)..].to_owned()
    });
    names.filter(|name| !name.is_empty() && name != "le")
}

/// What the exporters' metrics begin with, as in `ipmi_`: the first words of the golden files.
pub(crate) fn prefixes() -> BTreeSet<String> {
    let golden = JOBS.iter().filter_map(|(job, _)| golden(job));
    let names = golden.flat_map(|golden| metrics(&golden).into_keys());
    names.filter_map(|name| Some(format!("{}_", name.split_once('_')?.0))).collect()
}

/// The metrics that the exporters give to users of another program: the tables below the headings
/// `Kept for users of ...` in their READMEs. No dashboard of ours has to show them.
pub(crate) fn kept() -> String {
    let mut kept = String::new();
    for (job, _) in JOBS {
        let Some(exporter) = job.strip_prefix("turbulence-") else { continue };
        let path = root().join("exporters").join(exporter).join("README.md");
        let readme = std::fs::read_to_string(path).unwrap();
        let sections = readme.split("\n#").filter(|section| {
            section.trim_start_matches('#').trim_start().starts_with("Kept for users of ")
        });
        kept.extend(sections);
    }
    kept
}

/// The metrics that every exporter has of the kit, by what stands in its source: no golden file has them.
pub(crate) fn of_the_kit() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = vec![root().join("crates/exporter-kit/src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_test = path.to_string_lossy().contains("tests");
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test {
                let text = std::fs::read_to_string(path).unwrap();
                let shipped = text.split("#[cfg(test)]").next().unwrap();
                let quoted = shipped.split('"').filter(|word| word.starts_with("turbulence_"));
                let is_name = |word: &&str| {
                    word.chars().all(|c| c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit())
                };
                names.extend(quoted.filter(is_name).map(str::to_owned));
            }
        }
    }
    names
}
