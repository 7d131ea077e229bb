//! What a config file does to a running exporter, and what is said of one that is wrong.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::process::Command;

use peers::example;
use peers::exposition::samples;
use tempfile::TempDir;

#[path = "tick/running.rs"]
mod running;

use running::{start, wait_for};

/// The value of the one series of the clock `a`.
fn ticks(page: &str) -> Option<f64> {
    let of_a = samples(page).filter(|it| it.label("clock").as_deref() == Some("a"));
    of_a.into_iter().find(|it| it.name == "tick_ticks_total").map(|it| it.value)
}

#[test]
fn a_label_changes_without_a_restart() {
    let config = |labels: &str| format!("clocks: {{a: {{period: 10ms, labels: {{{labels}}}}}}}");
    let tick = start(&[], &config("env: test"));
    let page = wait_for(&tick, |page| ticks(page).is_some_and(|ticks| ticks > 100.0));
    assert!(page.contains("{clock=\"a\",env=\"test\"}"), "{page}");

    assert_eq!(tick.reload(&config("env: prod, rank: '1'")).status, 200);
    let page = wait_for(&tick, |page| page.contains("env=\"prod\",rank=\"1\""));
    assert!(!page.contains("env=\"test\""), "{page}");
    assert!(ticks(&page).unwrap() > 100.0, "the clock was restarted: {page}");

    // Other work is another clock; the old one is said farewell to.
    assert_eq!(tick.reload(&config("env: prod").replace("10ms", "20s")).status, 200);
    tick.wait_for_log(&["clock stopped"]);
    wait_for(&tick, |page| ticks(page).is_some_and(|ticks| ticks < 100.0));
}

#[test]
fn buckets_change_without_a_restart() {
    let config = |buckets: &str| format!("clocks: {{a: {{period: 10ms}}}}\nbuckets: {buckets}\n");
    let bucket = |bound: &str| format!("tick_gap_seconds_bucket{{le=\"{bound}\",clock=\"a\"}} ");
    let tick = start(&[], &config("[0.001, 5]"));
    let page = wait_for(&tick, |page| ticks(page).is_some_and(|ticks| ticks > 50.0));
    for bound in ["0.001", "5.0", "+Inf"] {
        assert!(page.contains(&bucket(bound)), "{page}");
    }
    assert_eq!(page.matches("_bucket{").count(), 3, "{page}");

    assert_eq!(tick.reload(&config("[]")).status, 200);
    let page = wait_for(&tick, |page| !page.contains(&bucket("5.0")));
    assert!(ticks(&page).unwrap() > 50.0, "the clock was restarted: {page}");
    assert!(page.contains("tick_gap_seconds_count{clock=\"a\"}"), "{page}");
}

#[test]
fn a_config_file_that_never_ends_is_refused_at_once() {
    let config = "clocks: {a: {period: 10ms}}";
    let tick = start(&[], config);
    let replace = |command: &str, args: &[&str]| {
        std::fs::remove_file(tick.config_file()).unwrap();
        let mut make = Command::new(command);
        assert!(make.args(args).arg(tick.config_file()).status().unwrap().success());
    };
    for (command, args) in [("mkfifo", &[][..]), ("mkdir", &[]), ("ln", &["-s", "/dev/zero"])] {
        if tick.config_file().is_dir() {
            std::fs::remove_dir(tick.config_file()).unwrap();
            std::fs::write(tick.config_file(), config).unwrap();
        }
        replace(command, args);
        let refused = tick.request("POST", "/-/reload", "");
        let said = refused.body.trim_end();
        assert!(refused.status == 500 && said.ends_with("it is no regular file"), "{refused:?}");
        // By signal as well, and nobody waits for nobody.
        let broken = "turbulence_config_last_reload_successful 0";
        wait_for(&tick, |page| page.contains(broken));
        tick.signal("HUP");
        let last = ticks(&wait_for(&tick, |page| ticks(page).is_some()));
        wait_for(&tick, |page| ticks(page) > last);
    }
    std::fs::remove_file(tick.config_file()).unwrap();
    assert_eq!(tick.reload(config).status, 200);
}

/// What `--config.check` says of a file, and its exit code.
fn check(config: &[u8]) -> (i32, String) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("tick.yml");
    std::fs::write(&file, config).unwrap();
    let mut command = example("tick");
    let output = command.args(["--config.check", "--config.file"]).arg(file).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn every_kind_of_bad_file_is_answered_in_plain_words() {
    let long = format!("clocks: {{a: {{period: 1s, {}: 1}}}}", "k".repeat(1_000_000));
    let laughs: Vec<_> = (1..40).map(|n| format!("a{n}: &a{n} [*a{0}, *a{0}]\n", n - 1)).collect();
    let laughs = "a0: &a0 [x, x]\n".to_owned() + &laughs.concat();
    let cases: [(&[u8], &[&str]); 24] = [
        (b"", &["tick.yml:1:1: the file is empty"]),
        (b"\xff\xfe", &["line 1 is not UTF-8 text"]),
        (b"clocks: {}\nx: \"\xc3\x28\"", &["line 2 is not UTF-8 text"]),
        (b"clocks", &[":1:1: must be a mapping with the fields clocks, "]),
        (b"clocks:", &[":1:7: clocks: has no value; must be given"]),
        (b"clocks: []", &[":1:9: clocks: must be a mapping"]),
        (b"a: b: c", &[":1:5: a colon where none may be"]),
        (b"clocks: {a: {period: 1s}", &["a bracket is not closed"]),
        (b"clocks:\n\ta: 1", &[":2:", "a tab where spaces must be"]),
        (b"clocks: *x", &["an alias (`*`) names an anchor (`&`) that does not stand above it"]),
        (
            b"clocks: {a: {perid: hunter2}}",
            &[":1:14: clocks.a: unknown field `perid`, did you mean `period`?"],
        ),
        (
            b"clocks: {a: {period: 1s}, a: {period: 1s}}",
            &[":1:27: `a` is there twice; the first is in line 1"],
        ),
        (
            b"clocks: {a: {period: 5}}",
            &[":1:22: clocks.a.period: must be a duration above zero, as in 500ms"],
        ),
        (b"clocks: {a: {period: 0s}}", &["must be a duration above zero"]),
        (b"clocks: {a: {period: 2h}}", &[":1:22: clocks.a.period: must be from 1ms to 1h"]),
        (b"clocks: {a: {period: hunter2}}", &["clocks.a.period: must be a duration"]),
        (b"clocks: {a: {period: 1s, mood: hunter2}}", &["clocks.a.mood: must be one of good, bad"]),
        (
            b"clocks: {a: {period: 1s, labels: {job: hunter2}}}",
            &["clocks.a.labels.job: the suite itself"],
        ),
        (
            b"clocks: {a: {period: 1s, labels: {env: \"hunter2\\e\"}}}",
            &["clocks.a.labels.env: the value must have no"],
        ),
        (
            b"clocks: {a: {period: 1s, 'Basic hunter2': 1}}",
            &[":1:26: clocks.a: unknown field; known: "],
        ),
        (
            b"clocks: {\"hunter2\\u202e\": {period: 1s}}",
            &[":1:10: clocks: must have no control character"],
        ),
        (b"clocks: {}\n---\nclocks: {}", &["a second document begins"]),
        (long.as_bytes(), &["tick.yml:1:"]),
        (laughs.as_bytes(), &["more than 5000000 values, aliases written out"]),
    ];
    for (config, wanted) in cases {
        let (code, said) = check(config);
        let shown = String::from_utf8_lossy(&config[..config.len().min(200)]);
        assert_eq!(code, 1, "{shown}\n{said}");
        for wanted in wanted {
            assert!(said.contains(wanted), "{shown}\n  gave   {said}\n  wanted {wanted}");
        }
        assert!(!said.contains("hunter2"), "{shown}\n{said}");
        assert!(said.lines().all(|line| line.len() < 700), "{said}");
        for slang in
            ["panicked", "serde", "saphyr", "granit", "struct ", "untagged", "variant", "RUST_"]
        {
            assert!(!said.contains(slang), "{said}");
        }
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let (code, said) =
        check(b"clocks:\n  a: {period: x}\n  b: {mood: 1, period: 9m}\n  c: 5\nfile_sd_configs: [{files: [a.txt]}]\n");
    assert_eq!(code, 1);
    for place in [":2:15: ", ":3:13: ", ":4:6: ", ":5:28: "] {
        assert!(said.contains(place), "{said}\nwanted {place}");
    }
}

#[test]
fn what_may_not_be_meant_is_told() {
    let (code, said) = check(b"clocks: {}");
    assert_eq!(code, 0);
    assert!(said.contains("clocks: there is none, so nothing is measured"), "{said}");
}
