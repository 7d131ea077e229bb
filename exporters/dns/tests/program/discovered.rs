//! Resolvers that are discovered.

use std::fs;
use std::path::Path;
use std::process::Command;

use peers::Scrape;

use super::real::unbound;
use super::{A, start};

/// Writes a list of resolvers as Prometheus would take it: by promtool's word.
fn list_of_resolvers(folder: &Path, text: &str) {
    // Moved into its place whole, as the programs that write such lists do.
    fs::write(folder.join("new.tmp"), text).unwrap();
    fs::rename(folder.join("new.tmp"), folder.join("list.json")).unwrap();
    let scrape = "scrape_configs: [{job_name: x, file_sd_configs: [{files: [list.json]}]}]";
    fs::write(folder.join("prometheus.yml"), scrape).unwrap();
    let mut promtool = Command::new("promtool");
    let output = promtool.args(["check", "config"]).arg(folder.join("prometheus.yml")).output();
    let output = output.expect("promtool is needed: Debian package prometheus");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn resolvers_are_discovered() {
    let (unbound, folder) = (unbound(), tempfile::tempdir().unwrap());
    let config = format!(
        "vantage: {{ name: fra, region: EMEA }}
file_sd_configs: [{{ files: [list.json] }}]
sets:
  - {{ name: own, resolvers: [127.0.0.4], port: {0}, allow_private: true }}
  - {{ name: found, port: {0}, allow_private: true, min_resolvers: 1, min_networks: 1 }}
questions: [{{ name: api.messenger.example, types: [A] }}]
",
        unbound.address().port()
    );
    let listed = |addresses: &str| {
        format!(
            r#"[{{"targets": [{addresses}, "224.0.0.1", "u:s3cret@h"], "labels": {{"set": "found", "country": "NL"}}}},
                {{"targets": ["127.0.0.1:0"], "labels": {{"set": "own"}}}},
                {{"targets": ["127.0.0.1"], "labels": {{"env": "prod"}}}}]"#
        )
    };
    list_of_resolvers(folder.path(), &listed(r#""127.0.0.1""#));
    let program = start(folder.path(), &config);
    let agree = |it: &Scrape| {
        it.get(&format!(
            "dns_consistency_responses{{{A},outcome=\"agree\",set=\"found\",type=\"A\"}}"
        ))
    };
    program.wait_until("the one that is found", |it| agree(it) == Some(1.0));
    let metrics = program.metrics();
    assert_eq!(metrics.value("turbulence_sd_targets{}"), 1.0);
    assert_eq!(metrics.value("turbulence_sd_skipped_targets{}"), 4.0);
    let page = program.page("/-/discovery");
    for said in ["special-purpose", "must be an IP address", "set: must be one of"] {
        assert!(page.contains(said), "{said} is not in: {page}");
    }
    assert!(!page.contains("s3cret"), "{page}");

    // One more: the set is swept anew, the other goes on.
    let queries = |it: &Scrape, set: &str| {
        it.get(&format!("dns_consistency_queries_total{{set=\"{set}\",transport=\"udp\"}}"))
    };
    program.wait_until("the config's own", |it| queries(it, "own") == Some(1.0));
    list_of_resolvers(folder.path(), &listed(r#""127.0.0.1", "127.0.0.2""#));
    program.wait_until("one more", |it| agree(it) == Some(2.0));
    // A reload keeps what is discovered, and asks nobody.
    assert_eq!(program.reload(&config.replace("min_resolvers: 1", "min_resolvers: 2")).status, 200);
    let metrics = program.metrics();
    assert_eq!((queries(&metrics, "own"), queries(&metrics, "found")), (Some(1.0), Some(2.0)));
    assert_eq!(agree(&metrics), Some(2.0));

    // A list that breaks leaves the last one; an empty one ends the set.
    fs::write(folder.path().join("list.json"), "[{").unwrap();
    program
        .wait_until("the broken list", |it| it.get("turbulence_sd_broken_sources{}") == Some(1.0));
    assert_eq!(agree(&program.metrics()), Some(2.0));
    list_of_resolvers(folder.path(), "[]");
    program.wait_until("no set of none", |it| agree(it).is_none());
    assert_eq!(program.request("GET", "/-/ready", "").status, 200);
}

#[test]
fn a_resolver_is_found_by_its_name() {
    let (unbound, folder) = (unbound(), tempfile::tempdir().unwrap());
    let config = format!(
        "vantage: {{ name: fra, region: EMEA }}
sets:
  - {{ name: known, resolvers: ['localhost:{port}'], allow_private: true, min_resolvers: 1, min_networks: 1 }}
  - {{ name: lost, resolvers: [nowhere.invalid], allow_private: true }}
questions: [{{ name: api.messenger.example, types: [A] }}]
",
        port = unbound.address().port()
    );
    let program = start(folder.path(), &config);
    let resolvers = |it: &Scrape, set: &str, state: &str| {
        it.get(&format!("dns_consistency_resolvers{{set=\"{set}\",state=\"{state}\"}}"))
    };
    let agree =
        format!("dns_consistency_responses{{{A},outcome=\"agree\",set=\"known\",type=\"A\"}}");
    program.wait_until("the one that has an address", |it| it.get(&agree) >= Some(1.0));
    let failed = "dns_consistency_sweeps_total{result=\"failed\",set=\"lost\"}";
    program.wait_until("the one that has none", |it| it.get(failed) >= Some(1.0));
    // Whoever looks it up, there is no such name (RFC 6761).
    while !program.page("/lists").contains("nowhere.invalid is not asked: there is no such name") {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let metrics = program.metrics();
    assert_eq!(resolvers(&metrics, "known", "unresolved"), Some(0.0));
    assert_eq!(resolvers(&metrics, "lost", "unresolved"), Some(1.0));
    assert_eq!(resolvers(&metrics, "lost", "active"), Some(0.0));
    let results = program.page("/api/v1/results?set=known");
    assert!(results.contains("\"host\":\"localhost\",\"port\":"), "{results}");
}
