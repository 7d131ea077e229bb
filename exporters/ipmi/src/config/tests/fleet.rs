//! A fleet that is larger than any is read in time that grows with it, with its state files.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use super::*;
use crate::inventory::Known;

/// Reads a config of so many targets; returns how long that took.
fn read(fleet: usize, folder: &Path) -> Duration {
    let mut text = "modules: {default: {user: monitor, pass: hunter2}}\nstate_directory: state\n\
                    targets:\n"
        .to_owned();
    for number in 0..fleet {
        let (high, low) = (number / 256, number % 256);
        let address = format!("10.{}.{}.{low}", high / 256, high % 256);
        let (site, rack) = (number % 20, number % 500);
        let line = format!("name: srv-{number}, address: {address}, site: s{site}, rack: r{rack}");
        writeln!(text, "- {{{line}}}").unwrap();
    }
    let begun = Instant::now();
    let config = parse(&text).unwrap().with_files(folder, true).unwrap();
    let (polled, skipped) = config.wanted(&[]);
    let took = begun.elapsed();
    eprintln!("{fleet} targets: {:.1} s", took.as_secs_f64());
    assert_eq!((polled.len(), skipped.len(), config.kept.len()), (fleet, 0, fleet));
    took
}

#[test]
fn a_fleet_of_a_hundred_thousand_takes_ten_times_as_long_as_one_of_ten_thousand() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    std::fs::create_dir(&state).unwrap();
    let sensors: Vec<_> = (0..20)
        .map(|number| Known::new(&format!("32.0.{number}"), "Fan", crate::entity::Entity::Fan))
        .collect();
    let kept = crate::baseline::text("", sensors.into()).unwrap();
    // Every tenth of the small fleet, and every hundredth of the large one.
    for number in 0..1_000 {
        std::fs::write(state.join(format!("srv-{}.json", number * 10)), &kept).unwrap();
    }
    // The machine has other work now and then: the quicker of two counts.
    let few = (0..2).map(|_| read(10_000, folder.path())).min().unwrap();
    let many = read(100_000, folder.path());
    // What went through all for each would take a hundred times as long.
    assert!(many < 40 * few, "{many:?} and {few:?}");
}

#[test]
fn a_reload_leaves_the_files_of_those_alone_that_run() {
    let text = "modules: {default: {user: u, pass: p}}\nstate_directory: state\n\
                targets: [{name: a, address: b}]\n";
    let folder = tempfile::tempdir().unwrap();
    let kept = |looked_for| {
        let config = parse(text).unwrap().with_files(folder.path(), looked_for).unwrap();
        (config.kept.len(), config.state_directory)
    };
    let directory = Some(folder.path().join("state"));
    assert_eq!([kept(true), kept(false)], [(1, directory.clone()), (0, directory)]);
}
