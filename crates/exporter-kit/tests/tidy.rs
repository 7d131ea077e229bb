//! The invariants of ARCHITECTURE.md, held against the text of the repository.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "tidy/circles.rs"]
mod circles;
#[path = "tidy/metrics.rs"]
mod metrics;
#[path = "tidy/places.rs"]
mod places;
#[path = "tidy/purity.rs"]
mod purity;
#[path = "tidy/turns.rs"]
mod turns;
#[path = "tidy/units.rs"]
mod units;
#[path = "tidy/words.rs"]
mod words;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What the kit must not know of.
const PROTOCOLS: [&str; 11] = [
    "ipmi", "icmp", "dns", "hickory", "bmc", "latency", "sensor", "resolver", "probe", "homing",
    "atlas",
];

/// Files over 400 lines before their tests, each with its reason.
const LONG: [(&str, &str); 0] = [];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn exporters() -> Vec<PathBuf> {
    let mut folders: Vec<_> =
        fs::read_dir(root().join("exporters")).unwrap().map(|e| e.unwrap().path()).collect();
    folders.sort();
    assert!(folders.len() >= 3);
    folders
}

/// All files below `folder` whose names end so, with their text.
fn files(folder: &Path, ending: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if name.ends_with(ending) {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<(PathBuf, String)> {
    ["crates", "exporters", "lab"]
        .iter()
        .flat_map(|folder| files(&root().join(folder), ".rs"))
        .collect()
}

fn is_test(path: &Path) -> bool {
    let inner = path.strip_prefix(root()).unwrap();
    inner.components().any(|part| {
        let part = part.as_os_str();
        part == "tests"
            || part == "tests.rs"
            || part == "benches"
            || part == "examples"
            || part == "fuzz"
    })
}

/// The lines before the unit tests, less the comments.
fn production(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"))
        .filter(|line| !line.trim_start().starts_with("//"))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

/// Fails with every offender named.
fn assert_none(offenders: impl IntoIterator<Item = String>) {
    let offenders: Vec<_> = offenders.into_iter().collect();
    assert!(offenders.is_empty(), "\n  {}\n", offenders.join("\n  "));
}

/// `cargo test` looks for none in a crate that says that it has none, which spares it a compilation.
#[test]
fn an_example_in_the_docs_is_run() {
    let silent = files(&root(), "Cargo.toml");
    let silent = silent.iter().filter(|(_, text)| text.contains("doctest = false"));
    let silent: Vec<_> = silent.map(|(path, _)| path.parent().unwrap().join("src")).collect();
    assert!(silent.len() >= 6, "{silent:?}");
    let offenders = silent.iter().flat_map(|folder| files(folder, ".rs"));
    let offenders = offenders.filter(|(_, text)| {
        text.lines().any(|line| line.trim_start().starts_with("//") && line.contains("```"))
    });
    assert_none(
        offenders.map(|(path, _)| format!("{} has an example, its crate none", shown(&path))),
    );
}

#[test]
fn only_metrics_rs_writes_pages_of_metrics() {
    let offenders = exporters()
        .into_iter()
        .flat_map(|folder| files(&folder.join("src"), ".rs"))
        .filter(|(path, _)| path.file_name().unwrap() != "metrics.rs")
        .filter(|(path, _)| !path.parent().unwrap().ends_with("metrics"))
        .filter(|(path, text)| {
            let calls =
                ["gauge(", "counter(", "histogram(", "info("].map(|it| format!("page.{it}"));
            let writes = |line: &str| {
                line.contains("impl Collector for") || calls.iter().any(|it| line.contains(it))
            };
            !is_test(path) && production(text).any(writes)
        })
        .map(|(path, _)| format!("{} writes a page of metrics", shown(&path)));
    assert_none(offenders);
}

#[test]
fn only_the_sources_of_ipmi_name_the_client() {
    let source = root().join("exporters/ipmi/src");
    let offenders = files(&source, ".rs")
        .into_iter()
        .filter(|(path, _)| !path.starts_with(source.join("source")))
        .filter(|(_, text)| text.contains("ipmi_lan"))
        .map(|(path, _)| format!("{} names ipmi_lan", shown(&path)));
    assert_none(offenders);
}

#[test]
fn the_kit_names_no_protocol() {
    let kit = root().join("crates/exporter-kit");
    let mut texts = files(&kit.join("src"), ".rs");
    texts.push((kit.join("Cargo.toml"), fs::read_to_string(kit.join("Cargo.toml")).unwrap()));
    let offenders = texts.into_iter().flat_map(|(path, text)| {
        // A kind of name in a certificate, and what says which one is asked for, by the libraries' words.
        let lines = production(&text).map(|line| {
            let words = ["GeneralName::DNSName", "ServerNameResolver", "server_name_resolver"];
            words.iter().fold(line.to_owned(), |line, word| line.replace(word, ""))
        });
        let lines: Vec<_> = lines.map(|line| line.to_lowercase()).collect();
        PROTOCOLS
            .iter()
            .filter(|word| lines.iter().any(|line| line.contains(**word)))
            .map(|word| format!("{} names {word}", shown(&path)))
            .collect::<Vec<_>>()
    });
    assert_none(offenders);
}

#[test]
fn no_exporter_depends_on_another_or_on_the_lab() {
    let name = |folder: PathBuf| folder.file_name().unwrap().to_string_lossy().into_owned();
    let mut products: Vec<String> =
        exporters().into_iter().map(|folder| format!("turbulence-{}", name(folder))).collect();
    products.push("turbulence-lab".to_owned());
    let manifests =
        ["crates", "exporters"].map(|folder| files(&root().join(folder), "Cargo.toml")).concat();
    let offenders = manifests.into_iter().flat_map(|(path, text)| {
        let dependencies: String = text.split("[dependencies]").skip(1).collect();
        products
            .iter()
            .filter(|product| dependencies.contains(product.as_str()))
            // What fuzzes an exporter is a crate of its own.
            .filter(|product| {
                let exporter = product.trim_start_matches("turbulence-");
                shown(&path) != format!("exporters/{exporter}/fuzz/Cargo.toml")
            })
            .map(|product| format!("{} depends on {product}", shown(&path)))
            .collect::<Vec<_>>()
    });
    assert_none(offenders);
}

#[test]
fn every_exporter_has_the_same_rooms() {
    let offenders = exporters().into_iter().flat_map(|folder| {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let rooms = [
            "README.md",
            "src/main.rs",
            "src/lib.rs",
            "src/config.rs",
            "src/poll.rs",
            "src/state.rs",
            "src/outcome.rs",
            "src/metrics.rs",
            "src/metrics/counts.rs",
            "src/metrics/page.rs",
            "tests/program.rs",
            "tests/golden/metrics.prom",
            &format!("turbulence-{name}.example.yml"),
        ]
        .map(|room| folder.join(room));
        // Who has pages of its own has them in one place.
        let says =
            |word: &str| fs::read_to_string(folder.join("src/lib.rs")).unwrap().contains(word);
        let pages = says("const PAGES: ").then(|| folder.join("src/pages.rs"));
        rooms
            .into_iter()
            .chain(pages)
            .filter(|room| !room.exists())
            .map(|room| format!("{} is missing", shown(&room)))
            .collect::<Vec<_>>()
    });
    assert_none(offenders);
}

/// promtool, which the judge of worlds gives the order of all groups, and Prometheus' own metrics know a group by its name.
#[test]
fn no_two_groups_of_rules_have_one_name() {
    let rules = files(&root().join("alerts"), ".rules.yml");
    let names = rules.iter().flat_map(|(path, text)| {
        let names = text.lines().filter_map(|line| line.trim().strip_prefix("- name: "));
        names.map(move |name| (name.to_owned(), shown(path)))
    });
    let mut known = std::collections::BTreeMap::new();
    let again = names.filter_map(|(name, file)| {
        let before = known.insert(name.clone(), file.clone())?;
        Some(format!("{name} in {before} and in {file}"))
    });
    assert_none(again.collect::<Vec<_>>());
}

#[test]
fn files_are_about_one_noun_and_short() {
    let vague = [
        "mod.rs",
        "util.rs",
        "utils.rs",
        "common.rs",
        "helpers.rs",
        "misc.rs",
        "types.rs",
        "prelude.rs",
        "core.rs",
    ];
    let named = sources()
        .into_iter()
        .filter(|(path, _)| vague.iter().any(|name| path.file_name().unwrap() == *name));
    let named = named.map(|(path, _)| format!("{} is a name for anything", shown(&path)));
    let long =
        sources().into_iter().filter(|(path, _)| !is_test(path)).filter_map(|(path, text)| {
            let lines = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count();
            let excused = LONG.iter().any(|(file, _)| *file == shown(&path));
            (lines > 400 && !excused).then(|| format!("{} has {lines} lines", shown(&path)))
        });
    let mute = sources().into_iter().filter(|(_, text)| !text.starts_with("//!"));
    let mute =
        mute.map(|(path, _)| format!("{} does not begin by saying what it is", shown(&path)));
    assert_none(named.chain(long).chain(mute).collect::<Vec<_>>());
}

#[test]
fn every_exporter_names_its_pages_to_the_kit() {
    let mut offenders = Vec::new();
    for folder in exporters() {
        let named = fs::read_to_string(folder.join("src/lib.rs")).unwrap();
        let named = named.split_once("const PAGES:").map_or("", |(_, rest)| rest);
        let named = named.split_once("];").map_or("", |(pages, _)| pages);
        for (path, text) in files(&folder.join("src"), ".rs") {
            for call in [".route(", "on_demand::page("] {
                let paths = text.split(call).skip(1);
                let paths = paths.filter_map(|rest| rest.trim_start().strip_prefix('"'));
                let paths = paths.filter_map(|rest| rest.split('"').next());
                let missing = paths.filter(|it| !it.starts_with("/-/"));
                let missing = missing.filter(|it| !named.contains(&format!("\"{it}\"")));
                offenders.extend(missing.map(|page| format!("{}: {page}", shown(&path))));
            }
        }
    }
    assert_none(offenders);
}

#[test]
fn unsafe_code_stands_in_files_that_say_why() {
    let offenders = sources()
        .into_iter()
        .filter(|(path, _)| !path.ends_with("tests/tidy.rs"))
        .filter(|(_, text)| {
            production(text).any(|line| line.contains("unsafe {") || line.contains("unsafe fn"))
        })
        .filter(|(_, text)| !text.contains("#![expect(unsafe_code, reason = "))
        .map(|(path, _)| format!("{} is unsafe and does not say why at its top", shown(&path)));
    assert_none(offenders);
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let alerts: BTreeSet<String> = files(&root().join("alerts"), ".rules.yml")
        .iter()
        .flat_map(|(_, text)| text.lines())
        .filter_map(|line| line.trim_start().trim_start_matches("- ").strip_prefix("alert: "))
        .map(|name| name.trim().to_owned())
        .collect();
    let runbooks: BTreeSet<String> = files(&root().join("alerts/runbooks"), ".md")
        .iter()
        .map(|(path, _)| path.file_stem().unwrap().to_string_lossy().into_owned())
        .filter(|name| name != "README")
        .collect();
    assert!(!alerts.is_empty());
    let without = alerts.difference(&runbooks).map(|name| format!("{name} has no runbook"));
    let orphaned =
        runbooks.difference(&alerts).map(|name| format!("{name} is a runbook of no alert"));
    assert_none(without.chain(orphaned).collect::<Vec<_>>());
}
