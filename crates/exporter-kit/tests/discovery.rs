//! Targets that are discovered, from files and by HTTP, in Prometheus' own formats; never fatal.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::process::Command;

use peers::Program;

#[path = "discovery/http.rs"]
mod http;
#[path = "tick/running.rs"]
mod running;

use running::wait_for;

const CONFIG: &str = "
clocks: {own: {period: 10ms}}
modules: {fast: {period: 10ms}}
file_sd_configs: [{files: [sd/*.json, sd/one.yml], refresh_interval: 1s}]
";

/// Lists, and whether they are good.
const LISTS: [(&str, &str, bool); 8] = [
    (
        "a.json",
        r#"[{"targets": ["a", "b"], "labels": {"__param_module": "fast", "env": "prod"}}]"#,
        true,
    ),
    ("a.json", "[\n\t{\n\t\t\"targets\": [\"t\\u00e4b\"]\n\t}\n]", true),
    ("a.yml", "- targets: [c]\n  labels:\n    __param_module: fast\n", true),
    ("a.yml", "- targets:\n  - 'c'\n  - d:9100\n", true),
    ("a.json", r#"[{"targets": ["a"], "#, false),
    ("a.json", r#"{"targets": ["a"]}"#, false),
    ("a.yml", "- targets: [c]\n  label: {}\n", false),
    ("a.yml", "- targets: {c: d}\n", false),
];

fn start() -> Program {
    running::start(&[("sd/other", "")], CONFIG)
}

/// Writes a list as Prometheus' documents demand: whole, by a rename.
fn list(tick: &Program, name: &str, text: &str) {
    let folder = tick.folder().join("sd");
    std::fs::write(folder.join("new"), text).unwrap();
    std::fs::rename(folder.join("new"), folder.join(name)).unwrap();
}

#[test]
fn lists_are_watched_and_a_broken_one_changes_nothing() {
    let tick = start();
    list(&tick, "a.json", LISTS[0].1);
    let page = wait_for(&tick, |page| page.contains("{clock=\"a\",env=\"prod\"}"));
    assert!(
        page.contains("{clock=\"b\",env=\"prod\"}") && page.contains("{clock=\"own\"}"),
        "{page}"
    );

    // Broken, beside `one.yml`, which is not there: the last good list stays, and it is told.
    list(&tick, "a.json", LISTS[4].1);
    let page = wait_for(&tick, |page| page.contains("turbulence_sd_broken_sources 2.0\n"));
    assert!(page.contains("{clock=\"a\""), "{page}");
    let page = tick.page("/-/discovery");
    assert!(page.contains("sd/a.json:1:") && page.contains("the last good list stays"), "{page}");

    // Good again, with another target less and one that is wrong; a second file by its name.
    list(
        &tick,
        "a.json",
        r#"[{"targets": ["b"], "labels": {"__param_module": "fast", "env": "test"}}]"#,
    );
    list(
        &tick,
        "one.yml",
        "- targets: [c, own]\n  labels: {__param_module: fast}\n- targets: [d]\n",
    );
    let page = wait_for(&tick, |page| {
        page.contains("turbulence_sd_skipped_targets 2.0\n") && page.contains("env=\"test\"")
    });
    assert!(
        page.contains("{clock=\"c\"}") && page.contains("turbulence_sd_targets 2.0\n"),
        "{page}"
    );
    assert!(page.contains("{clock=\"own\"}") && !page.contains("{clock=\"a\""), "{page}");
    let page = tick.page("/-/discovery");
    assert!(page.contains("sd/one.yml: d: __param_module: must name a module"), "{page}");
    assert!(page.contains("sd/one.yml: own: another clock has its name"), "{page}");

    // A reload keeps what is discovered, and its history.
    assert_eq!(tick.request("POST", "/-/reload", "").status, 200);
    tick.wait_for_log(&["config reloaded"]);
    assert!(tick.page("/metrics").contains("{clock=\"c\"}"));

    // The file of a pattern goes, and so do its targets; that of a name goes, and its targets stay.
    std::fs::remove_file(tick.folder().join("sd/a.json")).unwrap();
    std::fs::remove_file(tick.folder().join("sd/one.yml")).unwrap();
    let page = wait_for(&tick, |page| !page.contains("{clock=\"b\""));
    assert!(page.contains("{clock=\"c\"}"), "{page}");
}

#[test]
fn a_list_is_good_where_promtool_says_so() {
    let promtool = |folder: &Path, name: &str| {
        let config =
            format!("scrape_configs: [{{job_name: a, file_sd_configs: [{{files: [{name}]}}]}}]");
        std::fs::write(folder.join("prometheus.yml"), config).unwrap();
        let mut promtool = Command::new("promtool");
        promtool.args(["check", "config", "prometheus.yml"]).current_dir(folder);
        promtool.output().unwrap().status.success()
    };
    for (name, text, good) in LISTS {
        let file = format!("sd/{name}");
        let tick = running::start(&[(&file, text)], &CONFIG.replace("one.yml", name));
        assert_eq!(promtool(tick.folder(), &file), good, "promtool, of {text}");
        // The other source of the config has no file, which is neither good nor bad.
        let read = if good {
            "turbulence_sd_broken_sources 0.0\n"
        } else {
            "turbulence_sd_broken_sources 1.0\n"
        };
        wait_for(&tick, |page| {
            page.contains(read)
                && (!good || !page.contains("turbulence_sd_last_success_timestamp_seconds 0.0\n"))
        });
    }
}

/// Nobody knows its targets, so nobody can say that all of them had a round.
#[test]
fn a_list_that_never_came_is_waited_for() {
    let tick =
        running::start(&[("other", "")], "clocks: {}\nfile_sd_configs: [{files: [list.json]}]\n");
    let answer = tick.request("GET", "/-/ready", "");
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("1 lists of targets were never read"), "{}", answer.body);
    std::fs::write(tick.folder().join("list.json"), "[]").unwrap();
    tick.wait_until_ready();
    // One that breaks later is known as it was.
    std::fs::write(tick.folder().join("list.json"), "[").unwrap();
    wait_for(&tick, |page| page.contains("turbulence_sd_broken_sources 1.0\n"));
    assert_eq!(tick.request("GET", "/-/ready", "").status, 200);
}
