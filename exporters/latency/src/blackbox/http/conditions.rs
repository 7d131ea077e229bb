//! What an answer has to be: its status, version, headers, body, and whether it came by TLS. No I/O, no clock.
//!
//! Each condition gives the sentence that says why an answer does not meet it, or nothing.

use std::sync::Arc;

use hyper::header::{HeaderMap, HeaderName};
use serde::Deserialize;

use super::body::{MOST_KEPT, Read};
use super::cel::Expression;
use super::json::Body;
use crate::blackbox::pattern::{Pattern, readable};

/// The conditions of a module.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Conditions {
    /// Any 2xx when empty.
    pub(super) valid_status_codes: Vec<u16>,
    /// Any when empty.
    pub(super) valid_versions: Vec<String>,
    pub(super) fail_if_tls: bool,
    pub(super) fail_if_not_tls: bool,
    pub(super) header_matches: Vec<HeaderMatch>,
    pub(super) header_not_matches: Vec<HeaderMatch>,
    pub(super) body: Arc<BodyConditions>,
}

/// Those that look at the body.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct BodyConditions {
    pub(super) matches: Vec<Pattern>,
    pub(super) not_matches: Vec<Pattern>,
    pub(super) matches_cel: Option<Expression>,
    pub(super) not_matches_cel: Option<Expression>,
}

/// A pattern for the values of one header.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "RawHeaderMatch")]
pub(super) struct HeaderMatch {
    header: HeaderName,
    regexp: Pattern,
    allow_missing: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHeaderMatch {
    header: String,
    regexp: Pattern,
    #[serde(default)]
    allow_missing: bool,
}

/// What a body does not meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Pattern,
    Cel,
}

impl TryFrom<RawHeaderMatch> for HeaderMatch {
    type Error = String;

    fn try_from(raw: RawHeaderMatch) -> Result<Self, String> {
        if raw.regexp.as_str().is_empty() {
            return Err("regexp: must not be empty".to_owned());
        }
        let header = HeaderName::from_bytes(raw.header.as_bytes())
            .map_err(|_| "header: must be the name of a header".to_owned())?;
        Ok(Self { header, regexp: raw.regexp, allow_missing: raw.allow_missing })
    }
}

impl Conditions {
    pub(super) fn status(&self, status: u16) -> Option<String> {
        let is_valid = if self.valid_status_codes.is_empty() {
            (200..300).contains(&status)
        } else {
            self.valid_status_codes.contains(&status)
        };
        (!is_valid).then(|| format!("the status {status} is not among the valid ones"))
    }

    pub(super) fn version(&self, version: &str) -> Option<String> {
        let is_valid =
            self.valid_versions.is_empty() || self.valid_versions.iter().any(|it| it == version);
        (!is_valid).then(|| format!("the version {version} is not among the valid ones"))
    }

    /// By the last answer; a missing TLS is no further fault of one that failed already, as in the peer.
    pub(super) fn tls(&self, is_tls: bool, is_good: bool) -> Option<String> {
        match is_tls {
            true if self.fail_if_tls => Some("the answer came by TLS".to_owned()),
            false if self.fail_if_not_tls && is_good => {
                Some("the answer did not come by TLS".to_owned())
            }
            _ => None,
        }
    }

    pub(super) fn has_header_patterns(&self) -> bool {
        !self.header_matches.is_empty() || !self.header_not_matches.is_empty()
    }

    pub(super) fn has_cel(&self) -> bool {
        self.body.matches_cel.is_some() || self.body.not_matches_cel.is_some()
    }

    /// Whether any looks at the body.
    pub(super) fn needs_body(&self) -> bool {
        self.body.has_patterns() || self.has_cel()
    }

    pub(super) fn headers(&self, headers: &HeaderMap) -> Option<String> {
        let judge = |condition: &HeaderMatch, fails_on: bool| {
            let HeaderMatch { header, regexp, allow_missing } = condition;
            let mut values = headers.get_all(header).iter().peekable();
            if values.peek().is_none() {
                return (!allow_missing).then(|| format!("there is no header {header}"));
            }
            let matches = values.any(|value| regexp.is_match(&readable(value.as_bytes())));
            let verb = if fails_on { "matches" } else { "does not match" };
            (matches == fails_on)
                .then(|| format!("the header {header} {verb} {:?}", regexp.as_str()))
        };
        let matches = self.header_matches.iter().map(|condition| judge(condition, true));
        let not_matches = self.header_not_matches.iter().map(|condition| judge(condition, false));
        matches.chain(not_matches).flatten().next()
    }
}

impl BodyConditions {
    fn has_patterns(&self) -> bool {
        !self.matches.is_empty() || !self.not_matches.is_empty()
    }

    /// Judges what was read of a body: nothing is taken for good that was not looked at.
    pub(super) fn judge(&self, read: &Read) -> Option<(String, Kind)> {
        if self.has_patterns() {
            if let Some(error) = &read.error {
                return Some((format!("the body could not be read: {error}"), Kind::Pattern));
            }
            let text = readable(&read.kept);
            let failed =
                (self.matches.iter().find(|it| it.is_match(&text)).map(|it| (it, "matches")))
                    .or_else(|| {
                        let missing = self.not_matches.iter().find(|it| !it.is_match(&text));
                        missing.map(|it| (it, "does not match"))
                    });
            let beyond = if read.is_cut { ", as far as it is kept" } else { "" };
            if let Some((pattern, verb)) = failed {
                let why = format!("the body {verb} {:?}{beyond}", pattern.as_str());
                return Some((why, Kind::Pattern));
            }
            // What must not be there might be in the rest.
            if read.is_cut && !self.matches.is_empty() {
                let why = format!("the body is longer than the {MOST_KEPT} bytes that are kept");
                return Some((why, Kind::Pattern));
            }
        }
        let expressions = [(&self.matches_cel, true), (&self.not_matches_cel, false)];
        if expressions.iter().all(|(expression, _)| expression.is_none()) {
            return None;
        }
        let failed = |why: String| Some((why, Kind::Cel));
        if read.is_cut {
            return failed("the body is too long to be taken for JSON".to_owned());
        }
        let body = match Body::parse(&read.kept) {
            Ok(body) => body,
            Err(error) => return failed(format!("the body is no JSON: {error}")),
        };
        for (expression, fails_on) in expressions {
            let Some(expression) = expression else { continue };
            match expression.evaluate(&body) {
                Err(error) => return failed(format!("the CEL expression fails: {error}")),
                Ok(is) if is == fails_on => {
                    let verb = if fails_on { "matches" } else { "does not match" };
                    return failed(format!("the body {verb} {:?}", expression.as_str()));
                }
                Ok(_) => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matching(header: &str, regexp: &str, allow_missing: bool) -> HeaderMatch {
        HeaderMatch {
            header: header.parse().unwrap(),
            regexp: Pattern::new(regexp).unwrap(),
            allow_missing,
        }
    }

    #[test]
    fn one_value_of_a_header_is_enough() {
        let mut headers = HeaderMap::new();
        headers.append("x-a", "one".parse().unwrap());
        headers.append("x-a", "two".parse().unwrap());
        for (name, regexp, allow_missing, matches_fails, not_matches_fails) in [
            ("X-A", "two", false, true, false),
            ("X-A", "three", false, false, true),
            ("X-B", ".*", false, true, true),
            ("X-B", ".*", true, false, false),
        ] {
            let condition = || vec![matching(name, regexp, allow_missing)];
            let one = Conditions { header_matches: condition(), ..Conditions::default() };
            let other = Conditions { header_not_matches: condition(), ..Conditions::default() };
            let fails = (one.headers(&headers).is_some(), other.headers(&headers).is_some());
            assert_eq!(fails, (matches_fails, not_matches_fails), "{name} {regexp}");
        }
    }

    #[test]
    fn a_body_is_held_against_patterns_first() {
        let body = |text: &str| Read { kept: text.into(), ..Read::default() };
        let conditions = BodyConditions {
            matches: vec![Pattern::new("database").unwrap()],
            not_matches: vec![Pattern::new("welcome").unwrap(), Pattern::new("^.").unwrap()],
            not_matches_cel: Some("body.ok".to_owned().try_into().unwrap()),
            ..BodyConditions::default()
        };
        let judged = |text: &str| conditions.judge(&body(text)).map(|(_, kind)| kind);
        assert_eq!(judged("no database, welcome"), Some(Kind::Pattern));
        assert_eq!(judged("nothing"), Some(Kind::Pattern));
        assert_eq!(judged("welcome"), Some(Kind::Cel));
        assert_eq!(judged(r#"{"welcome": 1, "ok": false}"#), Some(Kind::Cel));
        assert_eq!(judged(r#"{"welcome": 1, "ok": true}"#), None);
        let cut = Read { error: Some("reset".to_owned()), ..body("welcome") };
        assert_eq!(conditions.judge(&cut).map(|(_, kind)| kind), Some(Kind::Pattern));
    }

    #[test]
    fn a_status_is_valid_as_the_module_says() {
        let any = Conditions::default();
        assert!(any.status(204).is_none() && any.status(301).is_some());
        let one = Conditions { valid_status_codes: vec![418], ..Conditions::default() };
        assert!(one.status(418).is_none() && one.status(200).is_some());
        let tls = Conditions { fail_if_tls: true, fail_if_not_tls: true, ..Conditions::default() };
        assert!(tls.tls(true, true).is_some() && tls.tls(false, true).is_some());
        assert!(tls.tls(false, false).is_none());
    }
}
