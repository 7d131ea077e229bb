//! Where targets are discovered, as a config says it. No I/O, no clock.

mod http;

pub(super) use http::ClientTls;
pub use http::HttpSd;

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::config;

/// How often a list is read again where the config does not say.
const REFRESH: Duration = Duration::from_secs(300);
/// The shortest time between two readings.
const SHORTEST: Duration = Duration::from_secs(1);
/// The longest.
const LONGEST: Duration = Duration::from_secs(86_400);

/// The sources of targets that a config names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Discovery {
    /// `file_sd_configs`.
    pub files: Vec<FileSd>,
    /// `http_sd_configs`.
    pub http: Vec<HttpSd>,
}

/// One entry of `file_sd_configs`, in Prometheus' words.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "RawFileSd")]
pub struct FileSd {
    /// Paths; the last part of one may have `*`, `?` and `[...]`. Relative ones begin at the config
    /// file's folder.
    pub(super) files: Vec<PathBuf>,
    /// How often the files are read again even if they look unchanged.
    pub(super) refresh_interval: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFileSd {
    files: Vec<Pattern>,
    refresh_interval: Option<config::Duration>,
}

/// A path whose last part may have wildcards.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Pattern(PathBuf);

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (folder, name) = text.rsplit_once('/').unwrap_or(("", &text));
        if !["json", "yml", "yaml"].iter().any(|it| name.ends_with(&format!(".{it}"))) {
            return Err("must end in .json, .yml or .yaml".to_owned());
        }
        if folder.contains(['*', '?', '[']) {
            return Err("only the last part of a path may have wildcards".to_owned());
        }
        Ok(Self(PathBuf::from(text)))
    }
}

impl TryFrom<RawFileSd> for FileSd {
    type Error = String;

    fn try_from(raw: RawFileSd) -> Result<Self, String> {
        if raw.files.is_empty() {
            return Err("files: there must be one at least".to_owned());
        }
        let refresh = raw.refresh_interval.map_or(Ok(REFRESH), |it| it.within(SHORTEST, LONGEST));
        Ok(Self {
            files: raw.files.into_iter().map(|pattern| pattern.0).collect(),
            refresh_interval: refresh.map_err(|error| format!("refresh_interval: {error}"))?,
        })
    }
}

/// Whether `name` fits `pattern`: `*` is anything, `?` one character, `[a-z]` one of these, `[^a]` one
/// of the others, and `\` takes the next character as it is (Go's `filepath.Match`).
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // Where to go on if what follows the last `*` does not fit.
    let mut back: Option<(usize, usize)> = None;
    while n < name.len() || p < pattern.len() {
        if pattern.get(p) == Some(&'*') {
            back = Some((p + 1, n + 1));
            p += 1;
            continue;
        }
        if let Some(length) = name.get(n).and_then(|c| one(&pattern[p..], *c)) {
            p += length;
            n += 1;
            continue;
        }
        match back {
            Some((after, next)) if next <= name.len() => {
                (p, n) = (after, next);
                back = Some((after, next + 1));
            }
            _ => return false,
        }
    }
    true
}

/// The length of the pattern's first element if it fits the character.
fn one(pattern: &[char], c: char) -> Option<usize> {
    match pattern {
        ['?', ..] => Some(1),
        ['\\', escaped, ..] => (*escaped == c).then_some(2),
        ['[', rest @ ..] => {
            let end = rest.iter().skip(1).position(|it| *it == ']')? + 1;
            let (negated, set) = match &rest[..end] {
                ['^', set @ ..] => (true, set),
                set => (false, set),
            };
            let mut found = false;
            let mut set = set;
            while let Some((first, after)) = set.split_first() {
                if let ['-', last, after @ ..] = after {
                    found |= (*first..=*last).contains(&c);
                    set = after;
                } else {
                    found |= *first == c;
                    set = after;
                }
            }
            (found != negated).then_some(end + 2)
        }
        [first, ..] => (*first == c).then_some(1),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_fits_a_pattern_as_in_prometheus() {
        for (pattern, name, wanted) in [
            ("a.yml", "a.yml", true),
            ("*.yml", "a.yml", true),
            ("*.yml", ".yml", true),
            ("*.yml", "a.yaml", false),
            ("a*b*.json", "axxbyyb.json", true),
            ("a*b*.json", "axx.json", false),
            ("?.yml", "ab.yml", false),
            ("[a-c]1.yml", "b1.yml", true),
            ("[^a-c]1.yml", "b1.yml", false),
            ("\\*.yml", "a.yml", false),
            ("\\*.yml", "*.yml", true),
            ("*", "", true),
        ] {
            assert_eq!(fits(pattern, name), wanted, "{pattern} {name}");
        }
    }

    #[test]
    fn a_source_that_cannot_be_is_refused() {
        let parse =
            |text: &str| config::parse::<FileSd>(text, "f").map_err(|error| error.to_string());
        assert!(parse("{files: [a/*.yml, b.json], refresh_interval: 10s}").is_ok());
        for (text, wanted) in [
            ("{files: []}", "files: there must be one at least"),
            ("{files: [a.txt]}", "files[0]: must end in .json, .yml or .yaml"),
            ("{files: ['*/a.yml']}", "files[0]: only the last part"),
            ("{files: [a.yml], refresh_interval: 10ms}", "refresh_interval: must be from 1s to 1d"),
            ("{file: [a.yml]}", "did you mean `files`?"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }
}
