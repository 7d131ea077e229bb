//! What one server answers for whom: each answer with the subnets and countries that get it. No I/O, no clock.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use exporter_kit::LabelEnum as _;
use maud::{Markup, html};
use serde::Serialize;

use super::filter::Filter;
use super::said::Shown;
use crate::ecs::answers::{Fit, Group, Told, groups};
use crate::ecs::state::{Latest, RunningEcs};

/// Subnets that are shown for each answer to people; all are in the JSON.
const SHOWN: usize = 12;

/// The answers to one question.
#[derive(Debug, Serialize)]
pub(crate) struct EcsPage {
    set: String,
    name: String,
    r#type: &'static str,
    server: String,
    /// How many subnets got what.
    outcomes: BTreeMap<&'static str, usize>,
    answers: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    /// As `dig +short` would say it, in one line.
    answer: String,
    /// How many subnets of each country get it.
    countries: BTreeMap<String, usize>,
    /// The shortest and the longest prefix for which the server says that it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<(u8, u8)>,
    subnets: Vec<String>,
}

impl EcsPage {
    /// The pages of a server's questions, as far as they are asked for; none before the first sweep.
    pub(crate) fn all(ecs: &RunningEcs, latest: &Latest, filter: &Filter) -> Vec<Self> {
        let Some(told) = &latest.told else { return Vec::new() };
        let [name, kind, set] = filter.question();
        let is = |wanted: Option<&str>, value: &str| {
            wanted.is_none_or(|it| it.trim_end_matches('.').eq_ignore_ascii_case(value))
        };
        let asked = ecs.plan.questions.iter().zip(told.iter());
        let asked = asked.filter(|((of, it), _)| {
            is(name, of.as_str())
                && is(kind, it.as_str())
                && set.is_none_or(|set| set == ecs.plan.name)
        });
        asked
            .map(|((name, kind), told)| Self {
                set: ecs.plan.name.clone(),
                name: name.to_string(),
                r#type: kind.as_str(),
                server: ecs.plan.server.to_string(),
                outcomes: outcomes(told),
                answers: groups(told)
                    .iter()
                    .map(|(content, group)| Row::new(ecs, &Shown::of(Some(content)), group))
                    .collect(),
            })
            .collect()
    }

    /// The page as text.
    pub(crate) fn write(&self, out: &mut String) {
        let outcomes: Vec<_> =
            self.outcomes.iter().map(|(what, count)| format!("{what} {count}")).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "{} {} (subnets {}, asked of {}): {}",
            self.name,
            self.r#type,
            self.set,
            self.server,
            outcomes.join(", ")
        );
        for row in &self.answers {
            let _ = writeln!(
                out,
                "[{}] : {} subnets ({})",
                row.answer,
                row.subnets.len(),
                row.places()
            );
        }
        out.push('\n');
    }

    /// The page for a browser.
    pub(crate) fn markup(&self) -> Markup {
        html! {
            h2 { (self.name) " " (self.r#type) " " span.since { "for subnets, " (self.set) ", asked of " (self.server) } }
            p { @for (number, (what, count)) in self.outcomes.iter().enumerate() {
                @if number > 0 { ", " }
                (what) " " (count)
            } "." }
            table.whole-words {
                thead { tr { th { "answer" } th { "subnets" } th { "countries" } th { "scope" } th { "some of them" } } }
                tbody { @for row in &self.answers { tr {
                    td.name { "[" (row.answer) "]" }
                    td { (row.subnets.len()) }
                    td.what { (row.places()) }
                    td { @if let Some((least, most)) = row.scopes { "/" (least) @if least < most { " to /" (most) } } }
                    td.what { (row.subnets.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ")) }
                } } }
            }
        }
    }
}

impl Row {
    fn new(ecs: &RunningEcs, shown: &Shown<'_>, group: &Group) -> Self {
        let subnets = || group.subnets.iter().map(|number| &ecs.plan.subnets[*number]);
        let mut countries = BTreeMap::new();
        for subnet in subnets() {
            *countries.entry(subnet.country.clone()).or_default() += 1;
        }
        Self {
            answer: shown.line().unwrap_or_default(),
            countries,
            scopes: group.scopes,
            subnets: subnets().map(|subnet| subnet.net.to_string()).collect(),
        }
    }

    fn places(&self) -> String {
        let places: Vec<_> =
            self.countries.iter().map(|(country, count)| format!("{country} {count}")).collect();
        places.join(", ")
    }
}

fn outcomes(told: &[Told]) -> BTreeMap<&'static str, usize> {
    let count = |kind: Fit| told.iter().filter(|told| told.fit == kind).count();
    let all = Fit::ALL.into_iter().map(|kind| (kind.name(), count(kind)));
    all.filter(|(_, count)| *count > 0).collect()
}
