//! What is wrong with a config file: each thing with its place, none with a refused value.
//! No I/O, no clock.

use std::fmt;

use super::place::Place;

/// So many are told at once.
const MOST: usize = 50;

/// Characters of what is said of one.
const LONGEST: usize = 800;

/// Bytes of a key that may be repeated: a longer one is none that anybody meant.
const LONGEST_KEY: usize = 64;

/// Everything that is wrong with a config.
///
/// An exporter that checks entries against each other collects what it finds here, with the place of
/// a [`Located`](super::Located) entry, and returns it as the error of its `TryFrom`: the kit tells
/// each by itself. What is said names the field and the mend; it must not repeat a refused value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    list: Vec<Problem>,
    /// Those that were found and are not told.
    more: usize,
    /// Whether the search was given up before its end.
    unfinished: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Problem {
    /// Another file than the config: a list that it names.
    file: Option<String>,
    place: Place,
    what: String,
}

impl Problems {
    /// Adds what is wrong at a place, as in `"name: must not be empty"`.
    pub fn add(&mut self, place: Place, what: impl fmt::Display) {
        self.push(Problem { file: None, place, what: one_line(&what.to_string()) });
    }

    /// Adds all that is wrong with a file that the config names.
    pub fn add_file(&mut self, file: impl fmt::Display, problems: Self) {
        let file = file.to_string();
        for problem in problems.list {
            self.push(Problem {
                file: Some(problem.file.unwrap_or_else(|| file.clone())),
                ..problem
            });
        }
        self.more += problems.more;
        self.unfinished |= problems.unfinished;
    }

    fn push(&mut self, problem: Problem) {
        if self.list.contains(&problem) {
            return;
        }
        if self.list.len() < MOST {
            self.list.push(problem);
        } else {
            self.more += 1;
        }
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// An error if something is wrong.
    pub fn into_result(self) -> Result<(), Self> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }

    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= MOST
    }

    pub(super) fn give_up(&mut self) {
        self.unfinished = true;
    }

    /// One line for each, in the order of the file.
    pub(crate) fn in_file(&self, file: &str) -> String {
        let mut list = self.list.clone();
        list.sort();
        let mut lines: Vec<_> = list
            .iter()
            .map(|Problem { file: other, place, what }| {
                let file = other.as_deref().unwrap_or(file);
                format!("{file}:{}:{}: {what}", place.line, place.column)
            })
            .collect();
        match (self.more, self.unfinished) {
            (0, false) => {}
            (0, true) => lines.push(format!("{file}: there may be more; these are the first")),
            (more, _) => lines.push(format!("{file}: and {more} more")),
        }
        lines.join("\n")
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, Problem { file, place, what }) in self.list.iter().enumerate() {
            let end = if number == 0 { "" } else { "\n" };
            let file = file.iter().fold(String::new(), |_, file| format!("{file}: "));
            write!(f, "{end}{file}line {}:{}: {what}", place.line, place.column)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// The errors of all checks, one a line. A `TryFrom` that returns them has each told by itself, at the
/// place of the field that it begins with, as in `"timeout: must be from 1s to 1m"`.
pub fn all(checks: impl IntoIterator<Item = Result<(), String>>) -> Result<(), String> {
    let errors: Vec<_> = checks.into_iter().filter_map(Result::err).collect();
    if errors.is_empty() { Ok(()) } else { Err(errors.join("\n")) }
}

/// A line as [`Problems`] writes it, taken apart again.
pub(super) fn with_place(line: &str) -> Option<(Place, &str)> {
    let (place, what) = line.strip_prefix("line ")?.split_once(": ")?;
    let (line, column) = place.split_once(':').unwrap_or((place, "1"));
    Some((Place { line: line.parse().ok()?, column: column.parse().ok()? }, what))
}

/// A key as it may be repeated: one that looks like a name, in backticks.
pub(super) fn shown(key: &str) -> String {
    if is_name(key) { format!("`{key}`") } else { "a key".to_owned() }
}

/// Whether a key looks like the name of a field: short, and nothing but letters, digits, `.`, `_`, `-`.
pub(super) fn is_name(key: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !key.is_empty() && key.len() <= LONGEST_KEY && key.chars().all(fits)
}

fn one_line(what: &str) -> String {
    let mut line: String =
        what.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.len() < what.len() {
        line.push('…');
    }
    line
}
