//! What the records of a section must be. No I/O, no clock.

use serde::Deserialize;

use crate::blackbox::pattern::Pattern;

/// Patterns that the records of one section must match, or must not; each record as a line.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Validator {
    #[serde(rename = "fail_if_matches_regexp")]
    matches: Option<Vec<Pattern>>,
    #[serde(rename = "fail_if_all_match_regexp")]
    all_match: Option<Vec<Pattern>>,
    #[serde(rename = "fail_if_not_matches_regexp")]
    not_matches: Option<Vec<Pattern>>,
    #[serde(rename = "fail_if_none_matches_regexp")]
    none_matches: Option<Vec<Pattern>>,
}

impl Validator {
    /// Whether the records are as they must be; else why not.
    ///
    /// `fail_if_all_match_regexp` fails where a record does *not* match, as it does in the program whose word
    /// this is: modules rely on what it does.
    pub(super) fn judge(&self, records: &[String]) -> Result<(), String> {
        let empty = &Vec::new();
        let [matches, all_match, not_matches, none_matches] =
            [&self.matches, &self.all_match, &self.not_matches, &self.none_matches]
                .map(|list| list.as_ref().unwrap_or(empty));
        if records.is_empty() && !(not_matches.is_empty() && none_matches.is_empty()) {
            return Err("there is no record, and a match is demanded".to_owned());
        }
        for record in records {
            if let Some(found) = matches.iter().find(|pattern| pattern.is_match(record)) {
                return Err(format!("a record matches {}", found.as_str()));
            }
            if let Some(found) = not_matches.iter().find(|pattern| !pattern.is_match(record)) {
                return Err(format!("a record does not match {}", found.as_str()));
            }
        }
        let every = |patterns: &[Pattern]| {
            records.iter().all(|record| patterns.iter().all(|pattern| pattern.is_match(record)))
        };
        if !all_match.is_empty() && !every(all_match) {
            return Err("not all records match fail_if_all_match_regexp".to_owned());
        }
        let any = |patterns: &[Pattern]| {
            records.iter().any(|record| patterns.iter().any(|pattern| pattern.is_match(record)))
        };
        if !none_matches.is_empty() && !any(none_matches) {
            return Err("no record matches fail_if_none_matches_regexp".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_held_against_all_four_lists() {
        let records = ["a.\t1\tIN\tA\t192.0.2.1".to_owned(), "a.\t1\tIN\tA\t192.0.2.2".to_owned()];
        for (text, whole, empty) in [
            ("{}", true, true),
            ("{fail_if_matches_regexp: ['2.2$']}", false, true),
            ("{fail_if_matches_regexp: ['2.3$']}", true, true),
            ("{fail_if_not_matches_regexp: ['2.2$']}", false, false),
            ("{fail_if_not_matches_regexp: ['192']}", true, false),
            ("{fail_if_all_match_regexp: ['192']}", true, true),
            ("{fail_if_all_match_regexp: ['2.2$']}", false, true),
            ("{fail_if_none_matches_regexp: ['2.3$', '2.1$']}", true, false),
            ("{fail_if_none_matches_regexp: ['2.3$']}", false, false),
            (r#"{fail_if_not_matches_regexp: ["^a.\t1\tIN\tA\t"]}"#, true, false),
        ] {
            let validator: Validator = exporter_kit::parse(text, "f").unwrap();
            assert_eq!(validator.judge(&records).is_ok(), whole, "{text}");
            assert_eq!(validator.judge(&[]).is_ok(), empty, "{text}");
        }
    }
}
