//! The page `/answers`: each answer, how many gave it, and where. No I/O, no clock.

use std::fmt::Write as _;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::answer::Content;
use crate::config::{Asked, Plan};
use crate::outcome::Class;
use crate::verdict::Verdict;
use crate::verdict::groups::Group;

/// Countries that are named for each answer in the text.
const COUNTRIES_SHOWN: usize = 12;

/// What is to be shown: everything, unless a part is named.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    name: Option<String>,
    r#type: Option<String>,
    set: Option<String>,
    /// `json` or `text`.
    format: Option<String>,
}

impl Filter {
    /// Whether JSON was asked for.
    pub(crate) fn wants_json(&self) -> bool {
        self.format.as_deref() == Some("json")
    }

    /// Whether the answers to this question were asked for.
    pub(crate) fn matches(&self, plan: &Plan, asked: &Asked) -> bool {
        let is = |wanted: &Option<String>, value: &str| {
            wanted.as_ref().is_none_or(|it| it.trim_end_matches('.').eq_ignore_ascii_case(value))
        };
        is(&self.name, asked.name.as_str())
            && is(&self.r#type, asked.kind.as_str())
            && self.set.as_ref().is_none_or(|it| *it == plan.set.name)
    }
}

/// The answers to one question.
#[derive(Debug, Serialize)]
pub(crate) struct Page<'a> {
    name: &'a str,
    r#type: &'static str,
    set: &'a str,
    /// Absent before the first sweep.
    state: Option<&'static str>,
    /// When the sweep ended, in seconds since the epoch.
    completed: Option<f64>,
    /// How many resolvers were asked.
    resolvers: usize,
    answers: Vec<Row<'a>>,
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    class: &'static str,
    /// Absent where there was no answer.
    addresses: Option<&'a [IpAddr]>,
    /// Records of another type, as `dig +short` prints them.
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<&'a [Box<str>]>,
    /// That there is none, and in which words.
    #[serde(skip_serializing_if = "Option::is_none")]
    absence: Option<&'static str>,
    resolvers: usize,
    countries: &'a [(String, usize)],
    /// A few of the resolvers.
    sample: &'a [IpAddr],
    /// How many rare answers this row sums up.
    #[serde(skip_serializing_if = "is_zero")]
    more_answers: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl<'a> Page<'a> {
    /// The page of one question; without a verdict, there was no sweep yet.
    pub(crate) fn new(
        plan: &'a Plan,
        asked: &'a Asked,
        verdict: Option<&'a Verdict>,
        completed: Option<f64>,
    ) -> Self {
        let row = |group: &'a Group| Row {
            class: group.class.as_str(),
            addresses: match &group.content {
                Some(Content::Addresses(addresses)) => Some(addresses),
                _ => None,
            },
            records: match &group.content {
                Some(Content::Records(records)) => Some(records.texts()),
                _ => None,
            },
            absence: match &group.content {
                Some(Content::Nxdomain) => Some("NXDOMAIN"),
                Some(Content::Nodata) => Some("NODATA"),
                _ => None,
            },
            resolvers: group.resolvers,
            countries: &group.countries,
            sample: &group.sample,
            more_answers: group.more_answers,
        };
        Self {
            name: asked.name.as_str(),
            r#type: asked.kind.as_str(),
            set: &plan.set.name,
            state: verdict.map(|verdict| verdict.state.as_str()),
            completed: completed.filter(|_| verdict.is_some()),
            resolvers: plan.set.list.resolvers.len(),
            answers: verdict.iter().flat_map(|verdict| &verdict.groups).map(row).collect(),
        }
    }

    /// The page as text, in the manner of `blaeu-resolve`.
    pub(crate) fn write(&self, out: &mut String) {
        let Self { name, r#type: kind, set, resolvers, .. } = self;
        let state = self.state.unwrap_or("no sweep yet");
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{name} {kind} (set {set}, {resolvers} resolvers): {state}");
        for row in &self.answers {
            row.write(out);
        }
        out.push('\n');
    }
}

impl Row<'_> {
    fn write(&self, out: &mut String) {
        let answer = match self.addresses {
            _ if self.more_answers > 0 => format!("{} more answers", self.more_answers),
            Some(addresses) => {
                addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(" ")
            }
            None => match (self.records, self.absence) {
                (Some(records), _) => records.join(", "),
                (None, Some(absence)) => absence.to_owned(),
                (None, None) => format!("ERROR: {}", self.class.to_ascii_uppercase()),
            },
        };
        let _ = write!(out, "[{answer}] : {} occurrences", self.resolvers);
        let is_answer =
            self.addresses.is_some() || self.records.is_some() || self.absence.is_some();
        if is_answer && self.class != Class::Agree.as_str() {
            let _ = write!(out, ", {}", self.class);
        }
        let shown = self.countries.iter().take(COUNTRIES_SHOWN);
        let mut shown: Vec<_> =
            shown.map(|(country, count)| format!("{country} {count}")).collect();
        if let Some(more @ 1..) = self.countries.len().checked_sub(COUNTRIES_SHOWN) {
            shown.push(format!("{more} more"));
        }
        if !shown.is_empty() {
            let _ = write!(out, " ({})", shown.join(", "));
        }
        out.push('\n');
    }
}
