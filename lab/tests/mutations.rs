//! Breaks each clause of the rules once, and demands that a rule test notices: a test that cannot fail
//! is a defect.
//!
//! Takes a quarter of an hour on two cores, so only when asked for:
//! `cargo test -p turbulence-lab --test mutations -- --ignored --nocapture`, with `MUTATIONS=thermal` in
//! the environment for the changes whose name contains that word.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use turbulence_lab::process::find;

/// One change to one line of one rules file.
#[derive(Clone, Debug)]
struct Mutant {
    file: String,
    line: usize,
    from: String,
    to: String,
    text: String,
}

impl Mutant {
    fn name(&self) -> String {
        format!("{}:{} {} => {}", self.file, self.line + 1, self.from.trim(), self.to.trim())
    }
}

#[test]
#[ignore = "a quarter of an hour: --ignored runs it"]
fn every_broken_clause_is_noticed() {
    let only = std::env::var("MUTATIONS").unwrap_or_default();
    let files = fs::read_dir(alerts()).unwrap();
    let mutants: Vec<Mutant> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".rules.yml"))
        .flat_map(|name| mutants(&name))
        .filter(|mutant| mutant.name().contains(&only))
        .collect();
    assert!(mutants.len() > 100 || !only.is_empty(), "only {} changes", mutants.len());
    let next = AtomicUsize::new(0);
    let survivors = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(mutant) = mutants.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let noticed = is_noticed(mutant);
                    println!("{} {}", if noticed { "noticed " } else { "SURVIVED" }, mutant.name());
                    if !noticed {
                        survivors.lock().unwrap().push(mutant.name());
                    }
                }
            });
        }
    });
    let survivors = survivors.into_inner().unwrap();
    assert!(survivors.is_empty(), "of {}: {survivors:#?}", mutants.len());
}

#[test]
fn the_changes_are_those_that_are_meant() {
    let rules = "groups:\n  - rules:\n      - alert: A\n        expr: |\n          x{a!=\"b\"} > 3\n            \
                 and on (i) (y == 0)\n        for: 2m\n        annotations:\n          s: x > 3\n";
    let changes: Vec<String> = changes(rules)
        .into_iter()
        .map(|(line, to)| format!("{line} {}", to.unwrap_or_default().trim()))
        .collect();
    assert_eq!(
        changes,
        [
            "4 x{a!=\"b\"} <= 3",
            "4 x{a!=\"b\"} > 6",
            "4 x{a!=\"b\"} > 1.5",
            "5 unless on (i) (y == 0)",
            "5 and on (i) (y != 0)",
            "6 ",
            "6 for: 4m",
        ]
    );
}

fn alerts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../alerts")
}

fn mutants(file: &str) -> Vec<Mutant> {
    let rules = fs::read_to_string(alerts().join(file)).unwrap();
    let lines: Vec<&str> = rules.lines().collect();
    changes(&rules)
        .into_iter()
        .map(|(line, to)| {
            let mut changed = lines.clone();
            match &to {
                Some(to) => changed[line] = to,
                None => drop(changed.remove(line)),
            }
            Mutant {
                file: file.to_owned(),
                line,
                from: lines[line].to_owned(),
                text: changed.join("\n") + "\n",
                to: to.clone().unwrap_or_else(|| "(nothing)".to_owned()),
            }
        })
        .collect()
}

/// Line numbers, and what to put there instead; `None` takes the line out.
fn changes(rules: &str) -> Vec<(usize, Option<String>)> {
    let mut changes = Vec::new();
    let mut block: Option<usize> = None;
    for (number, line) in rules.lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        if block.is_some_and(|of| indent <= of) {
            block = None;
        }
        let entry = line.trim_start().trim_start_matches("- ");
        if entry.starts_with("expr: |") {
            block = Some(indent);
        } else if block.is_some() || entry.starts_with("expr: ") {
            changes.extend(of_expression(line).into_iter().map(|to| (number, Some(to))));
        } else if let Some(duration) =
            entry.strip_prefix("for: ").or_else(|| entry.strip_prefix("keep_firing_for: "))
        {
            changes.push((number, None));
            changes.push((number, Some(line.replace(duration, &doubled(duration)))));
        }
    }
    changes
}

fn doubled(duration: &str) -> String {
    let (number, unit) = duration.split_at(duration.len() - 1);
    format!("{}{unit}", 2 * number.parse::<u32>().unwrap())
}

/// The lines that come of breaking one operator or one number of a line, label matchers excepted.
fn of_expression(line: &str) -> Vec<String> {
    let mut changed = Vec::new();
    for (start, word) in words(line) {
        let mut put = |with: &str, from: usize, length: usize| {
            changed.push(format!("{}{with}{}", &line[..from], &line[from + length..]));
        };
        let opposite = match word {
            "==" => "!=",
            "!=" => "==",
            ">" => "<=",
            "<" => ">=",
            ">=" => "<",
            "<=" => ">",
            "and" => "unless",
            "unless" | "or" => "and",
            _ => "",
        };
        if !opposite.is_empty() {
            put(opposite, start, word.len());
            continue;
        }
        let number = word.trim_matches(['(', ')']);
        match number.parse::<f64>() {
            // 0 and 1 are truth values; their comparisons are broken above.
            Ok(value) if value != 0.0 && (value - 1.0).abs() > f64::EPSILON => {
                let at = start + word.find(number).unwrap();
                put(&format!("{}", value * 2.0), at, number.len());
                put(&format!("{}", value / 2.0), at, number.len());
            }
            _ => {}
        }
    }
    changed
}

/// The words of a line with their places; what stands in braces belongs to no word.
fn words(line: &str) -> Vec<(usize, &str)> {
    let mut depth = 0_u32;
    let mut words = Vec::new();
    let mut begin: Option<usize> = None;
    for (place, letter) in line.char_indices().chain([(line.len(), ' ')]) {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        let outside = depth == 0 && letter != '}';
        if outside && !letter.is_whitespace() {
            begin.get_or_insert(place);
        } else if let Some(begin) = begin.take() {
            words.push((begin, &line[begin..place]));
        }
    }
    words
}

/// Whether a rule test fails with the change.
fn is_noticed(mutant: &Mutant) -> bool {
    let promtool = find("promtool", "prometheus").unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(&mutant.file), &mutant.text).unwrap();
    let domain = mutant.file.strip_suffix(".rules.yml").unwrap();
    let mut tests: Vec<String> = fs::read_dir(alerts())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(domain) && name.ends_with(".test.yml"))
        .collect();
    // The short one first: one that fails is enough.
    tests.sort();
    tests.iter().any(|test| {
        fs::copy(alerts().join(test), folder.path().join(test)).unwrap();
        let output = Command::new(&promtool)
            .current_dir(folder.path())
            .args(["test", "rules", test])
            .output()
            .unwrap();
        !output.status.success()
    })
}
