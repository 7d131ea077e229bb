//! State files that cannot be had: each costs one warning, and the other sets nothing.

use std::fs;
use std::process::Command;

use super::responder::{Behaviour, Responder};
use super::start;

/// How many lines of a log warn of a file.
fn warned(log: &str, file: &str) -> usize {
    let is_it = |line: &&str| line.contains("WARN") && line.contains(file);
    log.lines().filter(is_it).count()
}

#[test]
fn a_state_file_that_cannot_be_had_costs_one_warning_and_the_other_sets_nothing() {
    let (folder, responder) = (tempfile::tempdir().unwrap(), Responder::start());
    let state = folder.path().join("state");
    fs::create_dir_all(state.join("folder.json")).unwrap();
    fs::write(state.join("no-text.json"), b"\xFF\xFE").unwrap();
    for fifo in ["fifo.json", "zone.a.example.json"] {
        assert!(Command::new("mkfifo").arg(state.join(fifo)).status().unwrap().success());
    }
    let set = |name: &str, number: u8| {
        let address = Behaviour::Honest.address(number);
        format!(
            "  - {{ name: {name}, resolvers: [{address}], port: {}, allow_private: true }}\n",
            responder.port
        )
    };
    let config = |sets: &str| {
        format!(
            "vantage: {{ name: fra, region: EMEA }}
state_directory: state
zones: {{ a.example: {{ servers: ['127.0.0.1:9'], allow_private: true }} }}
questions: [{{ name: api.messenger.example, types: [A] }}]
sets:
{sets}"
        )
    };
    let sets = [set("fifo", 1), set("folder", 2), set("no-text", 3), set("good", 4)].concat();
    let files = ["fifo.json", "folder.json", "no-text.json", "zone.a.example.json"];
    // It is seen before the start as well, and changes nothing.
    let file = folder.path().join("check.yml");
    fs::write(&file, config(&sets)).unwrap();
    let check = Command::new(env!("CARGO_BIN_EXE_turbulence-dns"))
        .args(["--config.check", "--config.file"])
        .arg(&file)
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&check.stderr).into_owned();
    assert!(check.status.success(), "{log}");
    for (file, line) in files.iter().zip([6, 7, 8, 3]) {
        let is_told = |it: &&str| {
            it.contains(file) && it.contains(&format!("line {line}: state_directory: "))
        };
        assert_eq!(log.lines().filter(is_told).count(), 1, "{file}: {log}");
    }
    assert!(!state.join("no-text.json.unreadable").exists());

    let program = start(folder.path(), &config(&sets));
    program.wait_until("all sets are swept", |it| {
        ["fifo", "folder", "no-text", "good"].iter().all(|set| {
            let series =
                format!("dns_consistency_sweeps_total{{result=\"complete\",set=\"{set}\"}}");
            it.get(&series) == Some(1.0)
        })
    });
    assert!(state.join("no-text.json.unreadable").exists() && state.join("good.json").exists());
    // A reload looks at the files of what it starts, and at no others.
    fs::create_dir(state.join("late.json")).unwrap();
    fs::remove_file(state.join("good.json")).unwrap();
    fs::create_dir(state.join("good.json")).unwrap();
    assert_eq!(program.reload(&config(&(sets + &set("late", 5)))).status, 200);
    program.wait_for_log(&["late.json"]);
    let (status, log) = program.end();
    assert!(status.success(), "{log}");
    for file in files.iter().chain(&["late.json"]) {
        assert_eq!(warned(&log, file), 1, "{file}: {log}");
    }
    assert_eq!(warned(&log, "good.json"), 0, "{log}");
}
