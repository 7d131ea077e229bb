//! A health report of each list: which of its resolvers are dead, refuse, fail, lie, or are elsewhere than it says. No
//! I/O, no clock.

use std::net::IpAddr;

use exporter_kit::{Exporter as _, document};
use maud::{Markup, html};
use serde::Serialize;

use crate::DnsExporter;
use crate::answer::Flag;
use crate::outcome::{Class, Control, Outcome};
use crate::state::{Latest, SetState, Snapshot};

/// Resolvers that are named of each kind.
const NAMED: usize = 20;

/// The report of one list.
#[derive(Debug, Serialize)]
pub(crate) struct Report<'a> {
    set: &'a str,
    resolvers: usize,
    networks: usize,
    /// Entries that were left out, and why.
    duplicates: usize,
    excluded: usize,
    opted_out: usize,
    /// Lines that are no resolvers, and the numbers of the first.
    skipped_lines: usize,
    #[serde(skip_serializing_if = "<[u32]>::is_empty")]
    skipped: &'a [u32],
    /// Resolvers of which neither the list nor the user's tables know the country, and the system.
    without_country: usize,
    without_system: usize,
    /// When an entry was checked last, as the list says.
    #[serde(skip_serializing_if = "Option::is_none")]
    newest_check: Option<&'a str>,
    /// What the last sweep showed; absent before the first.
    shown: Option<Vec<Kind<'a>>>,
    /// What there is to be told of resolvers that are written by their names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    names: Vec<Told<'a>>,
}

#[derive(Debug, Serialize)]
struct Told<'a> {
    name: &'a str,
    told: &'a str,
}

/// Resolvers that have something in common.
#[derive(Debug, Serialize)]
struct Kind<'a> {
    what: &'static str,
    meaning: &'static str,
    resolvers: usize,
    /// A few of them, with the country where the list has another.
    sample: Vec<Named<'a>>,
}

#[derive(Debug, Serialize)]
struct Named<'a> {
    resolver: IpAddr,
    /// Where the list says that it is.
    country: &'a str,
    /// Where the user's tables say that it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    elsewhere: Option<&'a str>,
}

impl<'a> Report<'a> {
    /// The report of the list of a set.
    pub(crate) fn new(set: &'a SetState, latest: &'a Latest) -> Self {
        let list = &*set.next;
        let (without_country, without_system) = list.unplaced();
        let before = latest.before_reload.as_ref();
        let snapshot = latest.trusted().or(before).or(latest.snapshot.as_ref());
        Self {
            set: &set.plan.set.name,
            resolvers: list.resolvers.len(),
            networks: list.networks,
            duplicates: list.duplicates,
            excluded: list.excluded,
            opted_out: list.opted_out,
            skipped_lines: list.skipped.lines,
            skipped: &list.skipped.first,
            without_country,
            without_system,
            newest_check: list.newest_check.as_deref(),
            shown: snapshot.map(|snapshot| kinds(set, snapshot)),
            names: list
                .told
                .iter()
                .map(|(name, told)| Told { name: name.as_str(), told })
                .collect(),
        }
    }
}

fn kinds<'a>(set: &'a SetState, snapshot: &Snapshot) -> Vec<Kind<'a>> {
    let list = &set.plan.set.list;
    let named = |at: usize, elsewhere: Option<u16>| {
        let country = |number: u16| list.countries[usize::from(number)].as_str();
        let resolver = &list.resolvers[at];
        Named {
            resolver: resolver.address,
            country: country(resolver.country),
            elsewhere: elsewhere.map(country),
        }
    };
    let of = |what, meaning, is: &dyn Fn(&Shown) -> bool| {
        let all = (0..list.resolvers.len()).filter(|at| is(&Shown::of(snapshot, *at)));
        let mut kind = Kind { what, meaning, resolvers: 0, sample: Vec::new() };
        for at in all {
            kind.resolvers += 1;
            if kind.sample.len() < NAMED {
                kind.sample.push(named(at, None));
            }
        }
        kind
    };
    let misplaced = list.misplaced.iter().take(NAMED);
    vec![
        of("working", "answers the control, or a question", &|it| it.works),
        of("dead", "is silent to everything", &|it| it.is_silent),
        of("refusing", "refuses everything", &|it| it.refuses),
        of("failing", "replies, and resolves not even the control", &|it| it.fails),
        of("lying", "answers the control with what cannot be true", &|it| it.lies),
        of("left_alone", "dead or refusing before, and not asked in this sweep", &|it| it.rests),
        of("differing", "works, and answers some question otherwise than is accepted", &|it| {
            it.works && it.differs
        }),
        of("without_edns", "does not understand EDNS", &|it| it.is_plain),
        Kind {
            what: "elsewhere",
            meaning: "is in another country than the list says, by the tables in `geo_files`",
            resolvers: list.misplaced.len(),
            sample: misplaced.map(|(at, country)| named(*at as usize, Some(*country))).collect(),
        },
    ]
}

/// How a resolver showed itself.
#[expect(clippy::struct_excessive_bools, reason = "each is counted by itself")]
#[derive(Clone, Copy, Debug, Default)]
struct Shown {
    works: bool,
    is_silent: bool,
    refuses: bool,
    fails: bool,
    lies: bool,
    rests: bool,
    differs: bool,
    is_plain: bool,
}

impl Shown {
    fn of(snapshot: &Snapshot, at: usize) -> Self {
        let kept = snapshot.kept.as_ref();
        let control = kept.and_then(|kept| kept.control.get(at)).copied().unwrap_or_default();
        let classes = || snapshot.verdicts.iter().filter_map(|verdict| verdict.classes.get(at));
        let all = |is: &dyn Fn(Class) -> bool| {
            control == Control::Unknown && classes().next().is_some() && classes().all(|it| is(*it))
        };
        let is_plain = |question| match kept.and_then(|kept| kept.outcome(question, at)) {
            Some(Outcome::Answer(answer)) => answer.flags.has(Flag::NoEdns),
            _ => false,
        };
        Self {
            works: control == Control::Passed
                || control == Control::Unknown && classes().any(|class| class.is_conclusive()),
            is_silent: control == Control::Silent
                || all(&|class| matches!(class, Class::Timeout | Class::Unreachable)),
            refuses: control == Control::Refused || all(&|class| class == Class::Refused),
            fails: control == Control::Failed,
            lies: control == Control::Lied,
            rests: control == Control::Resting,
            differs: classes().any(|class| class.is_outlier()),
            is_plain: (0..snapshot.verdicts.len()).any(is_plain),
        }
    }
}

/// The reports for a browser.
pub(crate) fn page(reports: &[Report<'_>]) -> Markup {
    let title = html! { "Lists · " (DnsExporter::NAME) };
    let body = html! {
        header {
            h1 { "Lists of resolvers" }
            p { "What each list is worth, by the last sweep. " a href="/" { (DnsExporter::NAME) } }
        }
        main { @for report in reports { (section(report)) } }
    };
    document(&title, None, &body)
}

fn section(report: &Report<'_>) -> Markup {
    html! {
        h2 { (report.set) }
        p {
            (report.resolvers) " resolvers in " (report.networks) " networks; left out: " (report.duplicates)
            " that are there twice, " (report.excluded) " with special-purpose addresses, " (report.opted_out)
            " that do not want to be asked, " (report.skipped_lines) " lines that are no resolvers."
            @if let Some(at) = report.newest_check { " Checked by its makers last at " (at) "." }
        }
        @if report.without_country > 0 || report.without_system > 0 {
            p {
                (report.without_country) " have no known country, and are in none that is judged; " (report.without_system)
                " have no known AS, and vote by their /24 or /48. Tables in " code { "geo_files" } " would tell."
            }
        }
        @if !report.names.is_empty() {
            ul { @for it in &report.names { li { (it.name) " " (it.told) } } }
        }
        @match &report.shown {
            None => p { "No sweep yet." },
            Some(kinds) => table.whole-words {
                thead { tr { th { "" } th { "resolvers" } th { "what that means" } th { "some of them" } } }
                tbody { @for kind in kinds { tr {
                    td.name { (kind.what) }
                    td { (kind.resolvers) }
                    td.what { (kind.meaning) }
                    td.what { @for (number, it) in kind.sample.iter().enumerate() {
                        @if number > 0 { ", " }
                        a href={ "/api/v1/resolvers/" (it.resolver) } { (it.resolver) }
                        @if let Some(elsewhere) = it.elsewhere { " (" (it.country) ", rather " (elsewhere) ")" }
                    } }
                } } }
            },
        }
    }
}
