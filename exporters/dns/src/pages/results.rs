//! What each resolver said, and what became another since the sweep before: row by row, so that a list of a
//! million resolvers is no page in memory. No I/O, no clock.

use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;

use super::filter::{Filter, Format};
use super::said::Said;
use crate::exchange::HostName;
use crate::outcome::{Class, Control};
use crate::state::{Latest, SetState, Snapshot};

/// As much is given away at once,
const PART: usize = 64 * 1024;
/// after so many places at most: who asks must not keep a thread.
const PLACES: usize = 10_000;

/// What is told of each resolver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// All that it said in the last sweep.
    Results,
    /// What it says otherwise than in the sweep before, if it does.
    Differences,
}

/// The sets at one moment.
pub(crate) type Sets = Vec<(Arc<SetState>, Latest)>;

/// Goes through all resolvers of all questions that are asked for.
#[derive(Debug)]
pub(crate) struct Rows {
    sets: Sets,
    filter: Filter,
    told: Told,
    format: Format,
    /// Only this one, if one is named.
    only: Option<IpAddr>,
    /// Where it has come to: the number of the set, the question, the resolver.
    at: (usize, usize, usize),
    has_begun: bool,
    is_within: bool,
    is_done: bool,
}

#[derive(Serialize)]
struct Row<'a> {
    set: &'a str,
    name: &'a str,
    r#type: &'static str,
    resolver: IpAddr,
    /// By which it was found, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    /// Where it is not that of the set.
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    country: &'a str,
    /// What the control question said of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    control: Option<&'static str>,
    /// Which of its machines answered (RFC 5001).
    #[serde(skip_serializing_if = "Option::is_none")]
    nsid: Option<&'a str>,
    #[serde(flatten)]
    said: Option<Said<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Said<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Said<'a>>,
}

impl Rows {
    pub(crate) fn new(
        sets: Sets,
        filter: Filter,
        told: Told,
        format: Format,
        only: Option<IpAddr>,
    ) -> Self {
        Self {
            sets,
            filter,
            told,
            format,
            only,
            at: (0, 0, 0),
            has_begun: false,
            is_within: false,
            is_done: false,
        }
    }

    /// Adds the row at this place, unless it is not wanted; says whether there is such a place.
    fn write(&mut self, at: (usize, usize, usize), out: &mut Vec<u8>) -> bool {
        let (set, latest) = &self.sets[at.0];
        let Some(snapshot) = latest.trusted().or(latest.snapshot.as_ref()) else { return false };
        let list = &set.plan.set.list;
        let (Some(asked), Some(resolver)) =
            (set.plan.questions.get(at.1), list.resolvers.get(at.2))
        else {
            return false;
        };
        if self.only.is_some_and(|only| only != resolver.address) {
            return true;
        }
        let country = &list.countries[usize::from(resolver.country)];
        let Some((class, said)) = said_in(snapshot, at.1, at.2) else { return true };
        if !self.filter.admits(country, class) {
            return true;
        }
        let control = snapshot.kept.as_ref().and_then(|kept| kept.control.get(at.2));
        let mut row = Row {
            set: &set.plan.set.name,
            name: asked.name.as_str(),
            r#type: asked.kind.as_str(),
            resolver: resolver.address,
            host: list.host(at.2).map(HostName::as_str),
            port: list.other_port(at.2),
            country,
            control: control.copied().and_then(control_word),
            nsid: snapshot.kept.as_ref().and_then(|kept| kept.nsid(at.2)),
            said: None,
            before: None,
            after: None,
        };
        match self.told {
            Told::Results => row.said = Some(said),
            Told::Differences => {
                let before = latest.previous.as_ref().and_then(|it| said_in(it, at.1, at.2));
                let Some((_, before)) = before.filter(|(_, before)| !before.is_as(&said)) else {
                    return true;
                };
                (row.before, row.after) = (Some(before), Some(said));
            }
        }
        if self.format == Format::Json && std::mem::replace(&mut self.is_within, true) {
            out.push(b',');
        }
        // A vector takes whatever is written to it.
        let _ = serde_json::to_writer(&mut *out, &row);
        if self.format == Format::Ndjson {
            out.push(b'\n');
        }
        true
    }

    /// Goes to the next place: the next resolver, or where there was none, the next question.
    fn step(&mut self, was_there: bool) {
        let (_, question, resolver) = &mut self.at;
        if was_there {
            *resolver += 1;
        } else {
            (*question, *resolver) = (*question + 1, 0);
        }
        self.settle();
    }

    /// Goes on to a question that is asked for.
    fn settle(&mut self) {
        let (set, question, resolver) = &mut self.at;
        while let Some((state, _)) = self.sets.get(*set) {
            let asked = state.plan.questions.get(*question);
            match asked {
                Some(asked) if self.filter.matches(&state.plan, asked) => return,
                Some(_) => (*question, *resolver) = (*question + 1, 0),
                None => (*set, *question, *resolver) = (*set + 1, 0, 0),
            }
        }
    }
}

impl Iterator for Rows {
    type Item = Vec<u8>;

    /// The next part of the page.
    fn next(&mut self) -> Option<Vec<u8>> {
        if self.is_done {
            return None;
        }
        let mut part = Vec::new();
        if !std::mem::replace(&mut self.has_begun, true) {
            self.settle();
            if self.format == Format::Json {
                part.push(b'[');
            }
        }
        for _ in 0..PLACES {
            if part.len() >= PART {
                break;
            }
            if self.at.0 >= self.sets.len() {
                self.is_done = true;
                if self.format == Format::Json {
                    part.extend(b"]\n");
                }
                break;
            }
            let was_there = self.write(self.at, &mut part);
            self.step(was_there);
        }
        Some(part)
    }
}

/// What a resolver said of a question, both by their numbers, and its class.
pub(crate) fn said_in(
    snapshot: &Snapshot,
    question: usize,
    resolver: usize,
) -> Option<(Class, Said<'_>)> {
    let class = *snapshot.verdicts.get(question)?.classes.get(resolver)?;
    let outcome = snapshot.kept.as_ref()?.outcome(question, resolver);
    Some((class, Said::new(class, outcome)))
}

fn control_word(control: Control) -> Option<&'static str> {
    match control {
        Control::Unknown => None,
        Control::Passed => Some("passed"),
        Control::Failed => Some("failed"),
        Control::Refused => Some("refused"),
        Control::Lied => Some("lied"),
        Control::Silent => Some("silent"),
        Control::Resting => Some("left_alone"),
    }
}
