//! The pages for those who come from another exporter: what they name of ours is there.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use turbulence_lab::process::{find, find_own};

use super::{alerts, severities};

/// Every metric that an exporter's golden file or README names, and every alert.
fn ours() -> BTreeSet<String> {
    let mut names: BTreeSet<String> = severities().into_keys().collect();
    for exporter in ["ipmi", "latency"] {
        for file in ["tests/golden/metrics.prom", "README.md"] {
            let path = alerts().join("../exporters").join(exporter).join(file);
            let text = fs::read_to_string(path).unwrap();
            let words = text.split(|c: char| c != '_' && !c.is_ascii_alphanumeric());
            names.extend(words.map(str::to_owned));
        }
    }
    names
}

/// The second columns of a page's tables, without the head of each.
fn second_columns(page: &str) -> Vec<String> {
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()
    };
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| there"));
    rows.filter(|line| !line.starts_with("| yours")).map(|line| cells(line)[1].clone()).collect()
}

#[test]
fn what_the_pages_of_migration_promise_is_there() {
    let ours = ours();
    for page in ["ipmi", "blackbox", "smokeping"] {
        let file = alerts().join(format!("../docs/migrate-{page}.md"));
        let text = fs::read_to_string(file).unwrap();
        let named = second_columns(&text);
        assert!(named.len() > 8, "{page}: {named:?}");
        for cell in named {
            let name = cell.trim_matches('`');
            assert!(ours.contains(name), "{page}: there is no {name}");
        }
    }
}

/// The YAML blocks of a page, without their indentation.
fn blocks(page: &str) -> Vec<String> {
    let blocks =
        page.split("   ```yaml\n").skip(1).map(|rest| rest.split("   ```").next().unwrap());
    let lines = |it: &str| {
        let lines: Vec<&str> = it.lines().map(|line| line.get(3..).unwrap_or_default()).collect();
        lines.join("\n") + "\n"
    };
    blocks.map(lines).collect()
}

/// As who comes from there has it.
const BLACKBOX: &str = "modules: {http_2xx: {prober: http, timeout: 5s}, icmp: {prober: icmp}}\n";
const IPMI: &str = "modules: {default: {user: monitor, pass: secret, driver: LAN_2_0}}\n";

/// What is added to a file of the peer's is taken with it, what stands alone by itself, and Prometheus takes the scrape configs.
#[test]
fn the_blocks_of_the_pages_of_migration_are_good_configs() {
    let folder = tempfile::tempdir().unwrap();
    let mut checked = 0;
    for (page, program, peers) in [
        ("ipmi", "turbulence-ipmi", IPMI),
        ("blackbox", "turbulence-latency", BLACKBOX),
        ("smokeping", "turbulence-latency", ""),
    ] {
        let text = fs::read_to_string(alerts().join(format!("../docs/migrate-{page}.md"))).unwrap();
        let (scraped, own): (Vec<String>, Vec<String>) =
            blocks(&text).into_iter().partition(|it| it.starts_with("- job_name"));
        assert_eq!((scraped.len(), own.is_empty()), (1, false), "{page}");
        let file = folder.path().join(format!("{page}.yml"));
        let mut check = |command: &mut Command, config: &str| {
            fs::write(&file, config).unwrap();
            let output = command.output().unwrap();
            let said =
                [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap()).concat();
            assert!(output.status.success(), "{page}: {said}\n{config}");
            checked += 1;
        };
        let mut promtool = Command::new(find("promtool", "prometheus").unwrap());
        check(
            promtool.args(["check", "config"]).arg(&file),
            &format!("scrape_configs:\n{}", scraped[0]),
        );
        let mut config = peers.to_owned();
        for block in own {
            config = if block.starts_with("# added to") { config + &block } else { block };
            if config.lines().all(|line| line.starts_with('#')) {
                continue;
            }
            let mut exporter = Command::new(find_own(program).unwrap());
            let file = format!("--config.file={}", file.display());
            check(exporter.args(["--config.check", &file]), &config);
        }
    }
    assert_eq!(checked, 7);
}
