//! The closed sets of labels: who reads a word in a series finds in the exporter's README what it says.

use std::fs;

use crate::{assert_none, exporters, files, is_test, shown};

#[test]
fn every_word_of_a_closed_set_is_in_the_readme() {
    let (mut offenders, mut known) = (Vec::new(), 0);
    for folder in exporters() {
        let readme = fs::read_to_string(folder.join("README.md")).unwrap();
        for (path, text) in files(&folder.join("src"), ".rs") {
            for word in words(&text).filter(|_| !is_test(&path)) {
                known += 1;
                if !is_said(&readme, word) {
                    offenders.push(format!("{}: no word of {word:?} in the README", shown(&path)));
                }
            }
        }
    }
    assert!(known > 150, "only {known} words are looked for");
    assert_none(offenders);
}

#[test]
fn a_word_is_one_in_code_and_not_a_part_of_another() {
    let text = "label_enum! {\n    /// Why.\n    enum Reason {\n        /// One.\n        Late = \"late\",\n        \
                #[cfg(test)]\n        Never = \"never\",\n    }\n}\nconst OTHER: &str = \"other\";\n";
    assert_eq!(words(text).collect::<Vec<_>>(), ["late"]);
    assert!(is_said("| `reason` | `early`, `late` |", "late"));
    assert!(is_said("a row of `{reason=\"late\"}`", "late"));
    assert!(!is_said("| `later` | too late |", "late"));
}

/// The words of each `label_enum!` of a file, less those of its tests.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let sets = text.split("label_enum! {").skip(1);
    let bodies = sets.map(|rest| rest.split("\n}").next().unwrap_or(rest));
    bodies.flat_map(|body| {
        let lines = body.lines().map(str::trim);
        let before = std::iter::once("").chain(lines.clone());
        let own = lines.zip(before).filter(|(_, before)| *before != "#[cfg(test)]");
        own.filter_map(|(line, _)| line.strip_suffix("\",")?.split_once(" = \""))
            .map(|(_, word)| word)
    })
}

/// Whether a README has a word in code.
fn is_said(readme: &str, word: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let code = readme.split('`').skip(1).step_by(2);
    code.into_iter()
        .any(|code| code.split(|c| !inner(c)).any(|other| other == word) || code == word)
}
