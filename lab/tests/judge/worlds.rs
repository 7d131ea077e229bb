//! The worlds of the repository, judged; and what is said of one that cannot be read.
//!
//! With `TURBULENCE_SHARE=SEED` (a commit, say) a share of them is judged, drawn by the seed; with `all`,
//! or without it, every one is.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use sha2::{Digest as _, Sha256};
use turbulence_lab::judge::{Suite, worlds};

use crate::suite;

/// One in so many is judged where a share is.
const ONE_IN: u8 = 4;

/// Worlds that do not come out as wanted yet, by `worlds/not-yet.txt`: they may, and nobody asks.
fn not_yet() -> BTreeSet<String> {
    let text = fs::read_to_string(suite().join("worlds/not-yet.txt")).unwrap_or_default();
    let lines =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

fn all() -> Vec<PathBuf> {
    let root = suite().join("worlds");
    let folders = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path());
    let folders: Vec<PathBuf> = folders.filter(|path| path.is_dir()).collect();
    worlds(&folders).unwrap()
}

fn drawn(files: Vec<PathBuf>) -> Vec<PathBuf> {
    let seed = std::env::var("TURBULENCE_SHARE").unwrap_or_default();
    if seed.is_empty() || seed == "all" {
        return files;
    }
    let is_drawn = |file: &PathBuf| {
        let name = file.file_stem().unwrap().to_string_lossy();
        Sha256::digest(format!("{seed} {name}"))[0] % ONE_IN == 0
    };
    files.into_iter().filter(is_drawn).collect()
}

#[test]
fn every_world_comes_out_as_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let (not_yet, files) = (not_yet(), drawn(all()));
    let mut wrong = Vec::new();
    Suite::read(&suite()).unwrap().judge_all(&files, folder.path(), |file, judgement| {
        let name = file.file_stem().unwrap().to_string_lossy();
        match judgement {
            _ if not_yet.contains(&*name) => {}
            Ok(it) if it.opinion.wrong.is_empty() => {}
            Ok(it) => wrong.push(it.line()),
            Err(error) => wrong.push(format!("{}: {error:#}", file.display())),
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_world_has_the_name_of_its_file() {
    let files = all();
    for file in &files {
        let name = file.file_stem().unwrap().to_string_lossy();
        let text = fs::read_to_string(file).unwrap();
        assert!(text.contains(&format!("name: {name}\n")), "{}", file.display());
    }
    let names: BTreeSet<String> =
        files.iter().map(|file| file.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(names.len(), files.len(), "two worlds have one name");
    let gone: Vec<_> = not_yet().into_iter().filter(|name| !names.contains(name)).collect();
    assert!(gone.is_empty(), "worlds/not-yet.txt names {gone:?}");
}

/// The page of the format shows a world, and what it says of it is so.
#[test]
fn the_example_of_the_page_is_read_and_judged() {
    let page = fs::read_to_string(suite().join("worlds/FORMAT.md")).unwrap();
    let example = page.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("example.yml");
    fs::write(&file, example).unwrap();
    let (text, good) = judge(&[file.to_str().unwrap()]);
    let begin =
        "world=example wanted=<a ticket for the fan, no page; the page of the outage> got=<";
    assert!(good && text.starts_with(begin), "{text}");
    for told in ["IpmiFanFailed:ticket@", "LatencyEndpointDownGlobally:page@", " ok\n"] {
        assert!(text.contains(told), "no {told} in {text}");
    }
}

#[test]
fn a_world_with_a_mistake_is_told_with_its_place_and_the_exit_code_is_1() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("odd.yml");
    fs::write(&file, "name: odd\nseconds: 60\nscrapes: {interval: 5}\n").unwrap();
    let (text, good) = judge(&[file.to_str().unwrap()]);
    assert!(!good);
    let told = format!("{}:3:21: scrapes.interval: must be a duration", file.display());
    assert!(text.contains(&told), "{text}");
}

fn judge(files: &[&str]) -> (String, bool) {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_turbulence-lab"));
    let output = lab.arg("judge").arg("--suite").arg(suite()).args(files).output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.success())
}
