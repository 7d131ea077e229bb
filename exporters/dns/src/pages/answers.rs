//! The answers to one question, each with how many gave it and where, and the countries that answer otherwise.
//! No I/O, no clock.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;

use super::filter::Filter;
use super::results::said_in;
use super::said::Shown;
use crate::answer::Content;
use crate::known::Known;
use crate::outcome::{Class, Outcome};
use crate::state::{Latest, SetState, Snapshot};
use crate::verdict::groups::Group;
use crate::verdict::{self, Country, FEWEST_NETWORKS, Verdict};

/// Countries that are named for each answer in the text.
pub(crate) const COUNTRIES_SHOWN: usize = 12;
/// Countries that answer otherwise, at most: there are 250.
const MOST_COUNTRIES: usize = 60;
/// Ways in which one country answers otherwise, and resolvers of each, at most.
const MOST_WAYS: usize = 5;
const SAMPLE: usize = 3;

/// The answers to one question.
#[derive(Debug, Serialize)]
pub(crate) struct Page<'a> {
    pub(crate) name: &'a str,
    pub(crate) r#type: &'static str,
    pub(crate) set: &'a str,
    /// Absent before the first sweep.
    pub(crate) state: Option<&'static str>,
    /// When the sweep ended, in seconds since the epoch.
    pub(crate) completed: Option<f64>,
    /// How many resolvers were asked.
    pub(crate) resolvers: usize,
    /// What is told of it, by the words of `dns_consistency_verdict`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) told: Vec<&'static str>,
    /// A change that is going on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) migration: Option<Moving>,
    pub(crate) answers: Vec<Row<'a>>,
    /// Where it is answered otherwise.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) countries: Vec<Elsewhere<'a>>,
    /// All that are judged, the largest first, and how many have too few networks; programs have them as metrics.
    #[serde(skip)]
    pub(crate) judged: (Vec<&'a Country>, usize),
    /// Whether they could be held against the rest of the world.
    #[serde(skip)]
    pub(crate) is_compared: bool,
}

/// How far a change has come.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Moving {
    /// The share of the votes that it has reached.
    pub(crate) ratio: f64,
    /// Seconds until all have it, at the pace so far.
    pub(crate) remaining_seconds: Option<f64>,
}

/// One answer.
#[derive(Debug, Serialize)]
pub(crate) struct Row<'a> {
    pub(crate) class: &'static str,
    #[serde(flatten)]
    pub(crate) shown: Shown<'a>,
    /// By which name the user knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) known: Option<&'a str>,
    pub(crate) resolvers: usize,
    /// How many gave it in the sweep before; absent without one, and of a row that sums up others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) previous: Option<usize>,
    pub(crate) countries: Vec<&'a (String, usize)>,
    /// A few of the resolvers.
    pub(crate) sample: &'a [IpAddr],
    /// How many rare answers this row sums up.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) more_answers: usize,
}

/// A country that answers otherwise.
#[derive(Debug, Serialize)]
pub(crate) struct Elsewhere<'a> {
    pub(crate) country: &'a str,
    /// Its networks with a resolver that is judged, and the share of them that differs.
    pub(crate) networks: usize,
    pub(crate) ratio: f64,
    /// How it differs, if that is beyond chance and the rest of the world does not.
    pub(crate) verdict: Option<&'static str>,
    /// What is said there, the most frequent first.
    pub(crate) ways: Vec<Way>,
}

/// What some resolvers of a country say.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Way {
    /// The answer, or how there came none.
    pub(crate) said: String,
    pub(crate) resolvers: usize,
    pub(crate) sample: Vec<IpAddr>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl<'a> Page<'a> {
    /// The page of one question, by its number; before the first sweep there is nothing on it.
    pub(crate) fn new(
        set: &'a SetState,
        latest: &'a Latest,
        number: usize,
        filter: &Filter,
    ) -> Option<Self> {
        let asked = set.plan.questions.get(number)?;
        // As `/metrics` tells it: of the last sweep, or of before a reload; else of one of which too much was lost.
        let shown = latest.trusted().or(latest.snapshot.as_ref());
        let of_before = latest.trusted().is_none().then(|| latest.verdict(number)).flatten();
        let snapshot = shown.filter(|_| of_before.is_none());
        let verdict = of_before.or_else(|| snapshot?.verdicts.get(number));
        let before = latest.previous.as_ref().and_then(|before| before.verdicts.get(number));
        let before = before.map(|before| Before::of(&before.groups));
        let previous = |group: &Group| before.as_ref()?.count(group);
        let rows = verdict.iter().flat_map(|verdict| &verdict.groups);
        let known = &set.plan.known;
        let rows = rows.filter_map(|group| Row::new(group, previous(group), known, filter));
        let moving = verdict.and_then(|verdict| verdict.migration);
        Some(Self {
            name: asked.name.as_str(),
            r#type: asked.kind.as_str(),
            set: &set.plan.set.name,
            state: verdict.map(|verdict| verdict.state.as_str()),
            completed: latest.completed.filter(|_| verdict.is_some()),
            resolvers: set.plan.set.list.resolvers.len(),
            told: told(latest, number),
            migration: moving.map(|it| Moving { ratio: it.share, remaining_seconds: it.remaining }),
            answers: rows.collect(),
            countries: verdict
                .map(|verdict| elsewhere(verdict, ways(set, snapshot, number), filter))
                .unwrap_or_default(),
            judged: verdict.map(|verdict| judged(&verdict.countries, filter)).unwrap_or_default(),
            is_compared: verdict.is_some_and(|verdict| verdict.is_compared),
        })
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

/// As `dns_consistency_verdict` tells it: by the last sweep that can be believed, or as before the program started.
fn told(latest: &Latest, number: usize) -> Vec<&'static str> {
    let verdict = latest.verdict(number);
    let before = || {
        let (unexpected, failing) = latest.told_before.get(number).copied().unwrap_or_default();
        verdict::told(unexpected, failing).to_vec()
    };
    let told = verdict.map_or_else(before, |verdict| verdict.told().collect());
    told.into_iter().filter(|(_, is)| *is).map(|(word, _)| word).collect()
}

/// How many gave which answer in the sweep before.
#[derive(Debug)]
struct Before<'a> {
    counts: HashMap<(Option<&'a Content>, Option<Class>), usize>,
    /// Whether rare answers were summed up.
    is_short: bool,
}

impl<'a> Before<'a> {
    fn of(groups: &'a [Group]) -> Self {
        let mut counts = HashMap::new();
        for group in groups {
            *counts.entry(key(group)).or_default() += group.resolvers;
        }
        Self { counts, is_short: groups.iter().any(|group| group.more_answers > 0) }
    }

    /// None where it cannot be known.
    fn count(&self, group: &Group) -> Option<usize> {
        let found = self.counts.get(&key(group)).copied();
        let is_known = group.more_answers == 0 && (found.is_some() || !self.is_short);
        is_known.then(|| found.unwrap_or_default())
    }
}

/// An answer is the same whatever its class: that depends on others, and on the pin.
fn key(group: &Group) -> (Option<&Content>, Option<Class>) {
    let class = group.content.is_none().then_some(group.class);
    (group.content.as_ref(), class)
}

impl<'a> Row<'a> {
    /// As far as the filter lets it through.
    fn new(
        group: &'a Group,
        previous: Option<usize>,
        known: &'a Known,
        filter: &Filter,
    ) -> Option<Self> {
        let countries: Vec<_> = match filter.country() {
            None => group.countries.iter().collect(),
            Some(wanted) => {
                let is = |it: &&(String, usize)| it.0.eq_ignore_ascii_case(wanted);
                group.countries.iter().filter(is).collect()
            }
        };
        let (resolvers, previous) = match filter.country() {
            None => (group.resolvers, previous),
            Some(_) => (countries.first()?.1, None),
        };
        let wanted = filter.class().ok().flatten();
        wanted.is_none_or(|class| class == group.class).then(|| Self {
            class: group.class.as_str(),
            shown: Shown::of(group.content.as_ref()),
            known: group.content.as_ref().and_then(|content| known.name_of(content)),
            resolvers,
            previous,
            countries,
            // Those of one country are not among the few of the world.
            sample: if filter.country().is_none() { &group.sample } else { &[] },
            more_answers: group.more_answers,
        })
    }

    /// The answer in one line.
    pub(crate) fn line(&self) -> String {
        if self.more_answers > 0 {
            return format!("{} more answers", self.more_answers);
        }
        self.shown.line().unwrap_or_else(|| format!("ERROR: {}", self.class.to_ascii_uppercase()))
    }

    /// The countries of those who gave it, the first few by name.
    pub(crate) fn places(&self) -> String {
        let shown = self.countries.iter().take(COUNTRIES_SHOWN);
        let mut shown: Vec<_> =
            shown.map(|(country, count)| format!("{country} {count}")).collect();
        if let Some(more @ 1..) = self.countries.len().checked_sub(COUNTRIES_SHOWN) {
            shown.push(format!("{more} more"));
        }
        shown.join(", ")
    }

    fn write(&self, out: &mut String) {
        let _ = write!(out, "[{}] : {} occurrences", self.line(), self.resolvers);
        let is_answer = self.more_answers > 0 || self.shown.line().is_some();
        if is_answer && self.class != Class::Agree.as_str() {
            let _ = write!(out, ", {}", self.class);
        }
        if let Some(known) = self.known {
            let _ = write!(out, ", {known}");
        }
        let places = self.places();
        if !places.is_empty() {
            let _ = write!(out, " ({places})");
        }
        out.push('\n');
    }
}

/// The countries that are judged, those of most networks first; and how many have too few.
fn judged<'a>(countries: &'a [Country], filter: &Filter) -> (Vec<&'a Country>, usize) {
    let is_wanted =
        |it: &&Country| filter.country().is_none_or(|wanted| wanted.eq_ignore_ascii_case(&it.code));
    let is_judged = |it: &&Country| it.networks >= FEWEST_NETWORKS || it.difference.is_some();
    let (mut all, few): (Vec<_>, Vec<_>) = countries.iter().filter(is_wanted).partition(is_judged);
    all.sort_by(|a, b| b.networks.cmp(&a.networks).then_with(|| a.code.cmp(&b.code)));
    (all, few.len())
}

/// The countries that answer otherwise, those first of which it is told, then the largest.
fn elsewhere<'a>(
    verdict: &'a Verdict,
    mut ways: BTreeMap<&'a str, Vec<Way>>,
    filter: &Filter,
) -> Vec<Elsewhere<'a>> {
    let is_wanted =
        |code: &str| filter.country().is_none_or(|wanted| wanted.eq_ignore_ascii_case(code));
    let mut countries: Vec<_> =
        verdict.countries.iter().filter(|it| it.bad > 0.0 && is_wanted(&it.code)).collect();
    let bad = |networks: usize, share: f64| networks as f64 * share;
    countries.sort_by(|a, b| {
        let told = b.difference.is_some().cmp(&a.difference.is_some());
        told.then(bad(b.networks, b.bad).total_cmp(&bad(a.networks, a.bad)))
            .then(a.code.cmp(&b.code))
    });
    countries.truncate(MOST_COUNTRIES);
    countries
        .into_iter()
        .map(|country| Elsewhere {
            country: &country.code,
            networks: country.networks,
            ratio: country.bad,
            verdict: country.difference.map(crate::verdict::Difference::as_str),
            ways: ways.remove(country.code.as_str()).unwrap_or_default(),
        })
        .collect()
}

/// In which ways each country answers otherwise; nothing of what was told before a reload, of other resolvers perhaps.
fn ways<'a>(
    set: &'a SetState,
    snapshot: Option<&Arc<Snapshot>>,
    number: usize,
) -> BTreeMap<&'a str, Vec<Way>> {
    let Some(snapshot) = snapshot else { return BTreeMap::new() };
    let list = &set.plan.set.list;
    let mut counts: BTreeMap<&str, HashMap<String, Way>> = BTreeMap::new();
    for (at, resolver) in list.resolvers.iter().enumerate() {
        let Some((class, said)) = said_in(snapshot, number, at) else { continue };
        // Without a control nobody knows whether a silent one is dead.
        let is_dead =
            set.plan.set.control.is_none() && matches!(class, Class::Timeout | Class::Unreachable);
        if is_dead || !(class.is_outlier() || class.is_failure()) {
            continue;
        }
        let country = list.countries[usize::from(resolver.country)].as_str();
        let known = match snapshot.kept.as_ref().and_then(|kept| kept.outcome(number, at)) {
            Some(Outcome::Answer(answer)) => set.plan.known.name_of(&answer.content),
            _ => None,
        };
        let words = match known {
            Some(known) => format!("{} ({known})", said.words()),
            None => said.words(),
        };
        let way = counts.entry(country).or_default().entry(words.clone()).or_default();
        way.said = words;
        way.resolvers += 1;
        if way.sample.len() < SAMPLE {
            way.sample.push(resolver.address);
        }
    }
    let largest = |ways: HashMap<String, Way>| {
        let mut ways: Vec<Way> = ways.into_values().collect();
        ways.sort_by(|a, b| (Reverse(a.resolvers), &a.said).cmp(&(Reverse(b.resolvers), &b.said)));
        ways.truncate(MOST_WAYS);
        ways
    };
    counts.into_iter().map(|(country, ways)| (country, largest(ways))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Difference;

    #[test]
    fn a_country_is_shown_as_judged_where_it_has_networks_enough_for_a_verdict() {
        let country = |code: &str, networks, difference| Country {
            code: code.to_owned(),
            networks,
            bad: 1.0,
            difference,
        };
        let countries = [
            country("IR", 3, None),
            country("DE", 4, None),
            country("FR", 9, None),
            country("TR", 2, None),
            country("CN", 3, Some(Difference::Differs)),
        ];
        let codes = |filter: &Filter| {
            let (judged, few) = judged(&countries, filter);
            (judged.iter().map(|it| it.code.as_str()).collect::<Vec<_>>(), few)
        };
        assert_eq!(codes(&Filter::default()), (vec!["FR", "DE", "CN"], 2));
        assert_eq!(
            codes(&exporter_kit::config::parse("country: ir", "test.yml").unwrap()),
            (vec![], 1)
        );
    }
}
