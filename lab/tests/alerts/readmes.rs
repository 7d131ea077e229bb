//! The configs in READMEs, which a reader copies: each is taken by the program that it is of.

use std::fs;
use std::path::Path;
use std::process::Command;

use turbulence_lab::process::find_own;

use super::alerts;

/// How far down a reader looks before he has seen one.
const FIRST_LINES: usize = 40;

#[test]
fn each_exporter_s_readme_begins_with_a_config_that_works() {
    let exporters = alerts().join("../exporters");
    let mut checked = 0;
    for entry in fs::read_dir(exporters).unwrap() {
        let entry = entry.unwrap();
        let Ok(text) = fs::read_to_string(entry.path().join("README.md")) else { continue };
        let name = entry.file_name().into_string().unwrap();
        let (before, rest) = text.split_once("```yaml\n").unwrap_or_else(|| panic!("{name}: none"));
        let config = rest.split("```").next().unwrap();
        let line = before.lines().count();
        assert!(line < FIRST_LINES, "{name}: its first config stands in line {line}");
        assert!(config.lines().count() < 10, "{name}: more than the least\n{config}");
        let said = refused(&name, config);
        assert!(said.is_none(), "{name}: {}\n{config}", said.unwrap());
        checked += 1;
    }
    assert!(checked >= 4, "only {checked} exporters");
}

/// A block is a file of Prometheus, or a part of the exporter's: the rest is that of the first block, and what stands in a
/// module stands in one by itself.
#[test]
fn each_config_in_a_readme_is_taken_by_its_own_program() {
    let (mut ours, mut of_prometheus) = (0, 0);
    for name in ["ipmi", "latency", "dns", "homing"] {
        let readme = alerts().join("../exporters").join(name).join("README.md");
        let text = fs::read_to_string(readme).unwrap();
        let blocks: Vec<&str> =
            text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
        for block in &blocks {
            if block.contains("scrape_configs:") {
                let said = refused_by_prometheus(block);
                assert!(said.is_none(), "{name}: {}\n{block}", said.unwrap());
                of_prometheus += 1;
                continue;
            }
            let keys: Vec<String> = parts(block).into_iter().map(|(key, _)| key).collect();
            let base = parts(blocks[0]).into_iter().filter(|(key, _)| !keys.contains(key));
            let whole: String = base.map(|(_, part)| part).chain([(*block).to_owned()]).collect();
            let said = refused(name, &whole);
            let of_a_module =
                |said: &str| said.contains("unknown field") && said.contains("modules");
            let said =
                said.filter(|said| !of_a_module(said) || refused(name, &module(block)).is_some());
            assert!(said.is_none(), "{name}: {}\n{whole}", said.unwrap());
            ours += 1;
        }
    }
    let kit = fs::read_to_string(alerts().join("../crates/exporter-kit/README.md")).unwrap();
    let block = kit.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(refused_by_prometheus(block), None);
    assert!(ours >= 13 && of_prometheus >= 7, "only {ours} and {of_prometheus}");
}

/// The table of series in docs/large-fleets.md, and the arithmetic that rests on it.
#[test]
fn the_series_of_a_fleet_are_those_of_the_exporters_pages() {
    let page = fs::read_to_string(alerts().join("../docs/large-fleets.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| turbulence-"));
    let mut counts = Vec::new();
    for row in rows {
        let cells: Vec<&str> = row.split(" | ").collect();
        let golden = format!("../exporters/{}/tests/golden/metrics.prom", cells[0]);
        let golden = fs::read_to_string(alerts().join(golden)).unwrap();
        let labels = cells[3].split('`').nth(1).unwrap();
        let is_of_it = |line: &&str| {
            !line.starts_with('#')
                && [",", "{"].iter().any(|before| line.contains(&format!("{before}{labels}")))
        };
        let of_it: Vec<&str> = golden.lines().filter(is_of_it).collect();
        assert_eq!(
            cells[2],
            of_it.len().to_string(),
            "docs/large-fleets.md, and its limits: {row}"
        );
        let buckets = of_it.iter().filter(|line| line.contains("_bucket{")).count();
        if buckets > 0 {
            assert!(
                cells[1].contains(&format!("{buckets} of them are buckets")),
                "{buckets}: {row}"
            );
        }
        counts.push(of_it.len());
    }
    let [bmc, _, endpoint, canary, question, zone, home] = counts[..] else { panic!("{counts:?}") };
    // A server has more sensors than the machine of the golden page.
    let server = bmc + (60 - 11) * (3 + 4);
    for limit in [
        format!("{bmc} + (S − 11) × (3 + T) series"),
        format!("of 4 thresholds, as servers have them, {server}."),
        format!("2 × 1,000 × ({bmc} + 49 × 7) | {} |", 2 * 1000 * server),
        format!("2 × (300 × {endpoint} + 3 × {canary}) | {} |", 2 * (300 * endpoint + 3 * canary)),
        format!("2 × (20 × {question} + 5 × {zone}) | {} |", 2 * (20 * question + 5 * zone)),
        format!("2 × 300 × {home} | {} |", 2 * 300 * home),
        format!("sample_limit: {} ", 2 * 1000 * server),
        format!("{},000 / 5 = {},{:03}", bmc, bmc * 200 / 1000, bmc * 200 % 1000),
        format!("{},000 / 5 = {},{:03}", server, server * 200 / 1000, server * 200 % 1000),
    ] {
        assert!(page.contains(&limit), "not there: {limit}");
    }
    let blocks = page.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    for block in blocks {
        assert_eq!(refused_by_prometheus(block), None, "{block}");
    }
}

/// The keys at the left edge, and what stands below each.
fn parts(config: &str) -> Vec<(String, String)> {
    let mut parts: Vec<(String, String)> = Vec::new();
    for line in config.lines() {
        if !line.starts_with([' ', '#', '-']) && !line.is_empty() {
            parts.push((line.split(':').next().unwrap().to_owned(), String::new()));
        }
        if let Some((_, part)) = parts.last_mut() {
            *part += line;
            part.push('\n');
        }
    }
    parts
}

/// These keys in a module of turbulence-ipmi.
fn module(keys: &str) -> String {
    let lines = keys.lines().map(|line| format!("    {line}\n"));
    let keys: String = lines.collect();
    format!(
        "modules:\n  default:\n    user: monitor\n    password_file: bmc.password\n{keys}targets: []\n"
    )
}

/// What an exporter says of a config that it does not take.
fn refused(name: &str, config: &str) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    for secret in ["bmc.password", "prometheus.password", "globalping.token"] {
        fs::write(folder.path().join(secret), "secret\n").unwrap();
    }
    let program = find_own(&format!("turbulence-{name}")).unwrap();
    said(Command::new(program).args(["--config.check", "--config.file"]), folder.path(), config)
}

fn refused_by_prometheus(config: &str) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    said(Command::new("promtool").args(["check", "config"]), folder.path(), config)
}

fn said(command: &mut Command, folder: &Path, config: &str) -> Option<String> {
    let file = folder.join("config.yml");
    fs::write(&file, config).unwrap();
    let output = command.arg(&file).output().unwrap();
    (!output.status.success()).then(|| String::from_utf8(output.stderr).unwrap())
}
