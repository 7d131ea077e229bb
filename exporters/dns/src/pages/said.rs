//! What one resolver said of one question, as a page shows it. No I/O, no clock.

use std::net::IpAddr;

use serde::Serialize;

use crate::answer::{Content, Flag};
use crate::outcome::{Class, Outcome};

/// The substance of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Shown<'a> {
    /// Absent where there was no answer.
    pub(crate) addresses: Option<&'a [IpAddr]>,
    /// Records of another type, as `dig +short` prints them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) records: Option<&'a [Box<str>]>,
    /// That there is none, and in which words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) absence: Option<&'static str>,
}

impl<'a> Shown<'a> {
    /// Of no answer where there is none.
    pub(crate) fn of(content: Option<&'a Content>) -> Self {
        let (mut addresses, mut records, mut absence) = (None, None, None);
        match content {
            Some(Content::Addresses(all)) => addresses = Some(&**all),
            Some(Content::Records(all)) => records = Some(all.texts()),
            Some(Content::Nxdomain) => absence = Some("NXDOMAIN"),
            Some(Content::Nodata) => absence = Some("NODATA"),
            _ => {}
        }
        Self { addresses, records, absence }
    }

    /// In one line, as `dig +short` would say it; nothing where there is no answer.
    pub(crate) fn line(&self) -> Option<String> {
        let addresses = |all: &[IpAddr]| all.iter().map(IpAddr::to_string).collect::<Vec<_>>();
        let records = || self.records.map(|all| all.iter().map(ToString::to_string).collect());
        let parts: Option<Vec<String>> = self.addresses.map(addresses).or_else(records);
        let between = if self.records.is_some() { ", " } else { " " };
        parts.map(|parts| parts.join(between)).or_else(|| self.absence.map(str::to_owned))
    }
}

/// All that one resolver said of one question.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Said<'a> {
    pub(crate) class: &'static str,
    #[serde(flatten)]
    shown: Shown<'a>,
    /// What was peculiar of the reply.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    flags: Vec<&'static str>,
    /// The code of the reason that the resolver gives by itself (RFC 8914).
    #[serde(skip_serializing_if = "Option::is_none")]
    extended_error: Option<u16>,
    /// What else came in reply to the same query.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    others: Vec<Shown<'a>>,
}

impl<'a> Said<'a> {
    pub(crate) fn new(class: Class, outcome: Option<&'a Outcome>) -> Self {
        let answer = match outcome {
            Some(Outcome::Answer(answer)) => Some(answer),
            _ => None,
        };
        let flags =
            Flag::ALL.into_iter().filter(|flag| answer.is_some_and(|it| it.flags.has(*flag)));
        Self {
            class: class.as_str(),
            shown: Shown::of(answer.map(|answer| &answer.content)),
            flags: flags.map(Flag::as_str).collect(),
            extended_error: answer.and_then(|answer| answer.extended_error),
            others: answer
                .map(|answer| answer.others.iter().map(|it| Shown::of(Some(it))).collect())
                .unwrap_or_default(),
        }
    }

    /// Whether the same was said: the substance; where there is none, the class. What the class of an answer is
    /// depends on others.
    pub(crate) fn is_as(&self, other: &Said<'_>) -> bool {
        let has_substance = [self, other].iter().any(|said| said.shown.line().is_some());
        self.shown == other.shown && (has_substance || self.class == other.class)
    }

    /// In a few words: the answer, or how there came none.
    pub(crate) fn words(&self) -> String {
        self.shown.line().unwrap_or_else(|| self.class.to_owned())
    }
}
