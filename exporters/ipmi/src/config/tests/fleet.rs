//! A fleet that is larger than any is read in seconds, with its state files.

use std::fmt::Write as _;

use tokio::time::Instant;

use super::*;

#[test]
fn a_fleet_of_a_hundred_thousand_is_ordinary() {
    const FLEET: usize = 100_000;
    let mut text = "modules: {default: {user: monitor, pass: hunter2}}\nstate_directory: state\n\
                    targets:\n"
        .to_owned();
    for number in 0..FLEET {
        let (high, low) = (number / 256, number % 256);
        let address = format!("10.{}.{}.{low}", high / 256, high % 256);
        let (site, rack) = (number % 20, number % 500);
        let line = format!("name: srv-{number}, address: {address}, site: s{site}, rack: r{rack}");
        writeln!(text, "- {{{line}}}").unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let config = parse(&text).unwrap().with_files(folder.path()).unwrap();
    let (polled, skipped) = config.wanted(&[]);
    eprintln!("{FLEET} targets: {:.1} s", begun.elapsed().as_secs_f64());
    assert_eq!((polled.len(), skipped.len(), config.kept.len()), (FLEET, 0, FLEET));
}
