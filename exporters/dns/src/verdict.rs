//! What the resolvers of a set say of a name, and what is told of it. No I/O, no clock.
//!
//! A pin is the truth: with one, no vote decides what is right. Without one the reference is what the
//! median place answers ([`consensus`]), and only differences can be named. A place is the unit of
//! tampering, a network the unit of counting ([`votes`]). To fail is an outcome of the name where the
//! resolver is known to work ([`health`]). Where answers depend on the place by themselves, a place that
//! differs proves nothing.

mod accepted;
mod by_resolver;
mod case;
mod classes;
mod consensus;
mod countries;
mod country;
mod course;
mod entropy;
mod figures;
pub(crate) mod groups;
mod health;
mod key;
mod level;
mod memory;
mod migration;
mod named;
mod pin;
mod places;
mod reference;
mod replies;
mod said;
mod shares;
mod sighting;
mod standard;
mod state;
mod votes;
mod whole;

pub(crate) use accepted::Accepted;
pub(crate) use by_resolver::CountryCounts;
pub(crate) use country::{Country, Difference, FEWEST_NETWORKS};
pub(crate) use memory::{Memory, STANDS};
pub(crate) use migration::Progress;
pub(crate) use shares::Ratios;
pub(crate) use state::State;
pub(crate) use whole::{Severity, told};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::case::Case;
use self::groups::Group;
use self::replies::{extended_errors, flags, responses};
use self::shares::Shares;
use self::standard::Standard;
use self::whole::{Part, Silence};
use crate::answer::Flag;
use crate::expected::Expected;
use crate::known::Known;
use crate::nat64::Prefix;
use crate::outcome::{Class, Control, Outcome};
use crate::resolvers::{ResolverList, Systems};
use crate::ttl::Ttls;

/// Resolvers and networks that are enough for a verdict by a pin, and without one.
const ENOUGH_PINNED: usize = 3;
const ENOUGH: usize = 5;

/// Share of the conclusive votes with two different replies at which nothing is believed.
const CONTESTED: f64 = 0.5;

/// What a sweep brought on one question.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence<'a> {
    /// Who was asked.
    pub(crate) list: &'a ResolverList,
    /// One entry for each resolver, in the order of the list. One that failed the control question and
    /// was asked no further has none.
    pub(crate) outcomes: &'a [Option<&'a Outcome>],
    /// What the control question said of each; empty if none was asked.
    pub(crate) control: &'a [Control],
    /// By which prefix of their own some make IPv6 addresses.
    pub(crate) prefixes: &'a BTreeMap<usize, Prefix>,
    /// The TTLs of the answers.
    pub(crate) ttl: Option<Ttls>,
    /// The same, of each resolver; nothing in a world.
    pub(crate) given: &'a [u32],
    /// When the answers came, in seconds since the epoch.
    pub(crate) at: u64,
}

/// By which the answers to one question are judged.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rules<'a> {
    /// The pinned set, if there is one.
    pub(crate) expected: Option<&'a Expected>,
    /// When it came into force, if it is another than in the last sweep: seconds since the epoch.
    pub(crate) expected_since: Option<u64>,
    /// Fewer conclusive answers say nothing, if that is configured.
    pub(crate) min_resolvers: Option<usize>,
    /// Answers from fewer networks say nothing, if that is configured.
    pub(crate) min_networks: Option<usize>,
    /// What the same name has for IPv4, where this is about IPv6 and that is asked.
    pub(crate) v4: Option<&'a Accepted>,
    /// Whether addresses of documentation are answers like others: worlds are made of them.
    pub(crate) examples_are_public: bool,
    /// Addresses that are known by name.
    pub(crate) known: Option<&'a Known>,
    /// By which a pinned system is told from others.
    pub(crate) systems: &'a Systems,
}

/// A verdict, and what is to be remembered.
#[derive(Debug)]
pub(crate) struct Judged {
    /// The verdict.
    pub(crate) verdict: Verdict,
    /// What the next sweep is judged with.
    pub(crate) memory: Memory,
    /// The addresses that the name may have.
    pub(crate) accepted: Accepted,
}

/// Everything that is said about the answers to one question in one sweep.
#[expect(clippy::struct_excessive_bools, reason = "each is told by itself")]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verdict {
    /// How many resolvers are in which class, in the order of [`Class::ALL`].
    pub(crate) responses: [usize; Class::ALL.len()],
    /// How the answers look as a whole.
    pub(crate) state: State,
    /// How bad it is that the answer is not the pinned one.
    pub(crate) unexpected: Severity,
    /// How badly the name fails.
    pub(crate) failing: Severity,
    /// A change has stopped half way.
    pub(crate) is_split: bool,
    /// The pin was changed, and nobody gives the new answer.
    pub(crate) is_unseen: bool,
    /// The answer became another one in this sweep.
    pub(crate) is_changed: bool,
    /// Share of the conclusive votes for answers that are not expected; absent without a pin.
    pub(crate) unexpected_ratio: Option<f64>,
    /// Resolvers whose answer is not expected; absent without a pin.
    pub(crate) unexpected_resolvers: Option<usize>,
    /// Share of the votes of resolvers that work and fail on the name; absent if none works.
    pub(crate) failing_ratio: Option<f64>,
    /// Share of the conclusive votes with two different replies.
    pub(crate) conflict_ratio: Option<f64>,
    /// Resolvers that are known to work.
    pub(crate) healthy: usize,
    /// The control question fails at most that reply.
    pub(crate) is_control_void: bool,
    /// Pinned addresses that were seen before and are in no answer now; absent unless each is asked for.
    pub(crate) missing: Option<usize>,
    /// How far a change has come, if one is going on.
    pub(crate) migration: Option<Progress>,
    /// Country by country, by networks.
    pub(crate) countries: Vec<Country>,
    /// Whether they could be held against the rest of the world.
    pub(crate) is_compared: bool,
    /// How many resolvers of each country give an answer that is known, by country and name.
    pub(crate) known: BTreeMap<(String, String), usize>,
    /// Share of the rest of the world that differs or fails.
    pub(crate) rest_bad: Option<f64>,
    /// How many resolvers gave which extended error.
    pub(crate) extended_errors: BTreeMap<u16, usize>,
    /// Share of the conclusive answers that agrees; absent if there are none.
    pub(crate) consensus: Option<Ratios>,
    /// Share of the conclusive answers that does not agree; absent if there are none.
    pub(crate) outlier: Option<Ratios>,
    /// Share of the conclusive answers that is the most frequent one.
    pub(crate) plurality: Option<Ratios>,
    /// How many different conclusive answers there are.
    pub(crate) distinct_answers: usize,
    /// Entropy of the answers that agree, in bits; absent if there are none.
    pub(crate) entropy_bits: Option<f64>,
    /// The TTLs of the answers; absent if there are none.
    pub(crate) ttls: Option<Ttls>,
    /// Fingerprint of what is agreed upon; absent without it.
    pub(crate) fingerprint: Option<u64>,
    /// Country by country, by resolver.
    pub(crate) country_counts: Vec<CountryCounts>,
    /// How many replies had which flag, in the order of [`Flag::ALL`].
    pub(crate) flags: [usize; Flag::ALL.len()],
    /// The answers themselves, the most frequent first.
    pub(crate) groups: Vec<Group>,
    /// The class of each resolver, in the order of the list.
    pub(crate) classes: Arc<[Class]>,
}

impl Verdict {
    /// Resolvers that differ from what is accepted.
    pub(crate) fn outliers(&self) -> usize {
        self.sum(Class::is_outlier)
    }

    /// Resolvers with a conclusive answer.
    pub(crate) fn conclusive(&self) -> usize {
        self.sum(Class::is_conclusive)
    }

    /// Whether most of the answers are as pinned.
    pub(crate) fn matches_expected(&self) -> Option<bool> {
        self.unexpected_ratio.filter(|_| self.state.has_consensus()).map(|ratio| ratio < 0.5)
    }

    /// What may be told of the name, by the words of its metric, and whether it is.
    pub(crate) fn told(&self) -> impl Iterator<Item = (&'static str, bool)> {
        let rest = [("split", self.is_split), ("unseen", self.is_unseen)];
        told(self.unexpected, self.failing).into_iter().chain(rest)
    }

    fn sum(&self, is: impl Fn(Class) -> bool) -> usize {
        let counted = Class::ALL.into_iter().zip(self.responses);
        counted.filter(|(class, _)| is(*class)).map(|(_, count)| count).sum()
    }
}

/// Judges the answers to one question of a sweep that ended at `now`, in seconds since the epoch.
pub(crate) fn judge(
    evidence: &Evidence<'_>,
    rules: &Rules<'_>,
    memory: &Memory,
    now: u64,
) -> Judged {
    let case = Case::new(evidence, rules, memory, now);
    let standard = Standard::find(&case, rules, memory, evidence.ttl.map(|it| it.longest), now);
    let classes = classes::classes(&case, &standard.classes);
    let shares = Shares::count(&case, &classes);

    let enough = if rules.expected.is_some() { ENOUGH_PINNED } else { ENOUGH };
    let min_networks = rules.min_networks.unwrap_or(enough);
    let min_resolvers = rules.min_resolvers.unwrap_or(enough).max(1);
    let is_beyond_tables = case.is_beyond_tables(rules, &standard.classes.accepted);
    let is_conclusive =
        !is_beyond_tables && shares.networks >= min_networks && shares.resolvers >= min_resolvers;
    let works = case.votes.networks >= rules.min_networks.unwrap_or(whole::FEWEST);
    let (unexpected, failing) =
        severities(&case, &shares, rules, memory, (is_conclusive, works), now);
    let is_told = unexpected == Severity::Page || failing == Severity::Page;
    let may_speak =
        (is_conclusive || works && failing != Severity::None) && !is_told && !is_beyond_tables;
    let (mut countries, rest_bad) = countries::judge(&case, &classes, may_speak, &memory.countries);
    let is_measured = is_conclusive || works;
    let judged = codes(&countries);
    let standing = memory.still_diverging(rules.expected, now);
    // Where the whole is told, no country is; that it stands is remembered until one can be judged again.
    let stands = countries::with_standing(&case, &countries, standing, is_measured && may_speak);
    if !is_measured || may_speak || is_beyond_tables {
        countries.clone_from(&stands);
    }

    let has_answers = shares.resolvers > 0;
    let state = match () {
        () if failing == Severity::Page && works => State::Failing,
        () if !is_conclusive || case.votes.networks < min_networks => State::Insufficient,
        () if figures::is_at_least(shares.conflict, CONTESTED) => State::Contested,
        () => standard.state(&shares, unexpected, now),
    };
    let (sightings, missing) = standard.missing(&case, &classes, memory, evidence);
    let (is_split, (is_unseen, missing)) = if is_conclusive {
        let is_split = state == State::Split && standard.is_stuck(now);
        (is_split, (standard.is_unseen(&shares, now), missing))
    } else {
        let (was_unseen, was_missing) = memory.still_of_pin(rules.expected, now);
        (memory.still_split(now), (was_unseen, missing.and(was_missing.or(missing))))
    };
    let fingerprint = standard.fingerprint(&case, &classes, &shares);
    let next = standard.remember(&case, &shares, memory, state, fingerprint, now);
    let is_changed = match (&memory.reference, &next.reference) {
        (Some(before), Some(after)) => before.is_replaced_by(after),
        _ => false,
    };
    let at = |is: bool, before| if is { now } else { before };
    let memory = Memory {
        sightings,
        failing_share: failing_share(memory, (failing, works), &shares),
        failing,
        failing_at: at(works, memory.failing_at),
        unexpected,
        unexpected_at: at(is_conclusive, memory.unexpected_at),
        countries: codes(&stands),
        diverged_at: memory.diverged(&stands, &judged, now),
        diverging: diverging(&stands).cloned().collect(),
        diverging_at: at(is_measured, memory.diverging_at),
        is_split,
        is_unseen,
        missing,
        conclusive_at: at(is_conclusive, memory.conclusive_at),
        ..next
    };

    let (groups, distinct_answers) = groups::collect(case.list, case.outcomes, &classes);
    let pinned = rules.expected.filter(|_| has_answers && !is_beyond_tables);
    let verdict = Verdict {
        responses: responses(&classes),
        state,
        unexpected,
        failing,
        is_split,
        is_unseen,
        is_changed,
        unexpected_ratio: pinned.map(|_| shares.unexpected.0),
        unexpected_resolvers: pinned
            .map(|_| classes.iter().filter(|class| class.is_unexpected()).count()),
        failing_ratio: (case.votes.networks > 0).then_some(shares.failing.0),
        conflict_ratio: has_answers.then_some(shares.conflict),
        healthy: case.health.works.iter().filter(|works| **works).count(),
        is_control_void: case.health.is_control_void,
        missing,
        migration: standard.progress(),
        countries,
        is_compared: countries::is_measure(may_speak, rest_bad),
        rest_bad,
        known: named::named(&case, &standard, rules, &classes),
        extended_errors: extended_errors(evidence.outcomes),
        consensus: shares.ratios(&case, &classes, |at| classes[at] == Class::Agree),
        outlier: shares.ratios(&case, &classes, |at| classes[at].is_outlier()),
        plurality: shares.plurality(&case, &classes),
        distinct_answers,
        entropy_bits: entropy::entropy_bits(groups::agreeing(case.outcomes, &classes)),
        ttls: evidence.ttl,
        fingerprint: fingerprint.filter(|_| state.has_consensus()),
        country_counts: by_resolver::count(case.list, &classes),
        flags: flags(evidence.outcomes),
        groups: groups::shorten(groups),
        classes: classes.into(),
    };
    Judged { verdict, memory, accepted: standard.accepted(&case, rules) }
}

/// The countries that diverge.
fn diverging(countries: &[Country]) -> impl Iterator<Item = &Country> {
    countries.iter().filter(|country| country.difference.is_some())
}

/// Their codes.
fn codes(countries: &[Country]) -> BTreeSet<String> {
    diverging(countries).map(|country| country.code.clone()).collect()
}

/// How bad it is that the answer is not the pinned one, and how badly the name fails, where enough answer and enough
/// work to be judged.
fn severities(
    case: &Case<'_>,
    shares: &Shares,
    rules: &Rules<'_>,
    memory: &Memory,
    (is_conclusive, works): (bool, bool),
    now: u64,
) -> (Severity, Severity) {
    let resolvers = case.list.resolvers.len();
    let part = |(share, outside), networks| Part { share, outside, networks };
    // That nothing can be judged, as when our own network is cut, ends nothing that was told.
    let unexpected = match rules.expected {
        Some(_) if is_conclusive => part(shares.unexpected, shares.networks).severity(resolvers),
        Some(pin) => memory.still_unexpected(pin, now),
        None => Severity::None,
    };
    let before = whole::Before { share: memory.failing_share, severity: memory.failing };
    let failing = if works {
        let part = part(shares.failing, case.votes.networks);
        let silence = Silence { share: shares.silent, lost: case.health.lost };
        whole::failing(part, silence, case.health.has_control, resolvers, before)
    } else {
        memory.still_failing(now)
    };
    (unexpected, failing)
}

/// The share that fails, or that failed before the name did; where too few work to tell, what it was.
fn failing_share(
    memory: &Memory,
    (failing, works): (Severity, bool),
    shares: &Shares,
) -> Option<f64> {
    match memory.failing_share {
        before if !works => before,
        Some(before) if failing != Severity::None => Some(before.min(shares.failing.0)),
        _ => Some(shares.failing.0),
    }
}

#[cfg(test)]
mod tests;
