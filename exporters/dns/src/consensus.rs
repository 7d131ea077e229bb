//! What the resolvers of a set agree on, and who does not. No I/O, no clock.
//!
//! Exact majority fails on every name that rotates, and joining answers that share an address can
//! be poisoned by one liar. The rule here is address support ([`pool`]): an address belongs to the
//! consensus if enough networks in enough places saw it, and a resolver agrees if it answers with
//! nothing else.

pub(crate) mod countries;
pub(crate) mod groups;
pub(crate) mod pool;
pub(crate) mod spread;
pub(crate) mod state;
pub(crate) mod votes;

pub(crate) use countries::CountryVerdict;
pub(crate) use state::State;
pub(crate) use votes::{Ratios, Votes};
use votes::{Share, Weight};

use crate::answer::{Content, Flag};
use crate::consensus::groups::Group;
use crate::expected::Expected;
use crate::outcome::{Class, Outcome};
use crate::resolvers::ResolverList;
use crate::special;

/// Share of the networks that must agree for the answers to be called one.
const NEARLY_ALL: Share = (19, 20);

/// Share of the networks that must agree for there to be a consensus at all.
const HALF: Share = (1, 2);

/// By which the answers to one question are judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules<'a> {
    /// The pinned set, if there is one.
    pub(crate) expected: Option<&'a Expected>,
    /// Fewer conclusive answers say nothing.
    pub(crate) min_resolvers: usize,
    /// Answers from fewer networks say nothing.
    pub(crate) min_networks: usize,
}

/// Everything that is said about the answers to one question in one sweep.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verdict {
    /// How many resolvers are in which class, in the order of [`Class::ALL`].
    pub(crate) responses: [usize; Class::ALL.len()],
    /// How the answers look as a whole.
    pub(crate) state: State,
    /// Share of the conclusive answers that agrees with the consensus; absent if there are none.
    pub(crate) consensus: Option<Ratios>,
    /// Share of the conclusive answers that does not agree; absent if there are none.
    pub(crate) outlier: Option<Ratios>,
    /// Share of the conclusive answers that is the most frequent one.
    pub(crate) plurality: Option<Ratios>,
    /// How many different conclusive answers there are.
    pub(crate) distinct_answers: usize,
    /// Entropy of the answers, in bits; absent if there are none.
    pub(crate) entropy_bits: Option<f64>,
    /// Fingerprint of the consensus; absent without one.
    pub(crate) fingerprint: Option<u64>,
    /// Whether the consensus is as expected; absent without a consensus or an expectation.
    pub(crate) matches_expected: Option<bool>,
    /// Resolvers whose answer is not as expected; absent without an expectation.
    pub(crate) unexpected: Option<usize>,
    /// Country by country.
    pub(crate) countries: Vec<CountryVerdict>,
    /// How many replies had which flag, in the order of [`Flag::ALL`].
    pub(crate) flags: [usize; Flag::ALL.len()],
    /// The answers themselves, the most frequent first.
    pub(crate) groups: Vec<Group>,
}

impl Verdict {
    /// Resolvers with a conclusive answer that do not agree.
    pub(crate) fn outliers(&self) -> usize {
        self.conclusive() - self.responses[Class::Agree as usize]
    }

    /// Resolvers with a conclusive answer.
    pub(crate) fn conclusive(&self) -> usize {
        let counted = Class::ALL.into_iter().zip(self.responses);
        counted.filter(|(class, _)| class.is_conclusive()).map(|(_, count)| count).sum()
    }
}

/// Judges the answers to one question. `outcomes` has one entry for each resolver of the list, in
/// its order; a resolver that failed the control question has none.
pub(crate) fn judge(
    list: &ResolverList,
    outcomes: &[Option<Outcome>],
    rules: Rules<'_>,
) -> Verdict {
    let contents: Vec<Option<&Content>> =
        outcomes.iter().map(|outcome| conclusive_content(outcome.as_ref())).collect();
    let votes = Votes::count(list, &contents);
    let bogon = |content: &Content| is_bogon(content, rules.expected);
    let consensus = pool::find(list, &contents, &votes, bogon);

    let class = |outcome: &Option<Outcome>| match (outcome, conclusive_content(outcome.as_ref())) {
        (_, Some(content)) if bogon(content) => Class::Bogon,
        (_, Some(content)) if consensus.has(content) => Class::Agree,
        (_, Some(Content::Nxdomain)) => Class::Nxdomain,
        (_, Some(Content::Nodata)) => Class::Nodata,
        (_, Some(_)) => Class::Dissent,
        (outcome, None) => inconclusive(outcome.as_ref()),
    };
    let classes: Vec<Class> = outcomes.iter().map(class).collect();
    let mut responses = [0; Class::ALL.len()];
    for class in &classes {
        responses[*class as usize] += 1;
    }

    let agrees = |at: usize| classes[at] == Class::Agree;
    let coverage = votes.ratios(list, agrees);
    let groups = groups::collect(list, outcomes, &classes);
    let plurality = groups
        .iter()
        .find(|group| group.class.is_conclusive())
        .and_then(|group| votes.ratios(list, |at| contents[at] == group.content.as_ref()));
    let entropy_bits = spread::entropy_bits(contents.iter().flatten().copied());
    let is = |weight: Weight, share| weight.is_at_least(share, votes.whole());
    let enough =
        votes.resolvers >= rules.min_resolvers.max(1) && votes.networks >= rules.min_networks;
    let state = match entropy_bits {
        Some(entropy) if enough => {
            let agreeing = votes.weight(list, agrees);
            let one_answer =
                || entropy < 0.5 || is(votes.largest_answer(list, &contents), NEARLY_ALL);
            let geo = || spread::geo_dependence(list, &contents, agrees);
            state(|share| is(agreeing, share), one_answer, geo)
        }
        _ => State::Insufficient,
    };
    let pinned = rules.expected.filter(|_| votes.resolvers > 0);

    Verdict {
        responses,
        state,
        consensus: coverage,
        outlier: votes.ratios(list, |at| !agrees(at)),
        plurality,
        distinct_answers: groups::distinct(&groups),
        entropy_bits,
        fingerprint: state.has_consensus().then(|| consensus.fingerprint()),
        matches_expected: pinned
            .filter(|_| state.has_consensus())
            .map(|expected| expected.is_met_by_consensus(consensus.addresses())),
        unexpected: pinned.map(|expected| {
            contents.iter().flatten().filter(|content| !expected.is_met_by_answer(content)).count()
        }),
        countries: countries::count(list, &classes),
        flags: flags(outcomes),
        groups: groups::shorten(groups),
    }
}

/// The state, from the share that agrees, whether nearly all give one answer, and how much the
/// answer depends on the country. Whether it is one answer comes first: a uniform name that one
/// country tampers with depends on the country as well.
fn state(
    agree: impl Fn(Share) -> bool,
    one_answer: impl FnOnce() -> bool,
    geo: impl FnOnce() -> f64,
) -> State {
    if !agree(HALF) {
        State::Dispersed
    } else if !agree(NEARLY_ALL) {
        State::Split
    } else if one_answer() {
        State::Uniform
    } else if geo() < 0.2 {
        State::Rotating
    } else {
        State::Geo
    }
}

/// What a resolver said about the name, if it said anything about it.
fn conclusive_content(outcome: Option<&Outcome>) -> Option<&Content> {
    match outcome {
        Some(Outcome::Answer(answer)) => match &answer.content {
            content @ (Content::Addresses(_) | Content::Nxdomain | Content::Nodata) => {
                Some(content)
            }
            Content::Servfail | Content::Refused | Content::OtherRcode => None,
        },
        _ => None,
    }
}

fn inconclusive(outcome: Option<&Outcome>) -> Class {
    match outcome {
        None => Class::Unhealthy,
        Some(Outcome::Truncated) => Class::Truncated,
        Some(Outcome::Malformed) => Class::Malformed,
        Some(Outcome::Timeout) => Class::Timeout,
        Some(Outcome::Unreachable) => Class::Unreachable,
        Some(Outcome::LocalError) => Class::LocalError,
        Some(Outcome::Answer(answer)) => match answer.content {
            Content::Servfail => Class::Servfail,
            Content::Refused => Class::Refused,
            _ => Class::OtherRcode,
        },
    }
}

/// An answer with an address that no public name has, unless the owner of the name expects it.
fn is_bogon(content: &Content, expected: Option<&Expected>) -> bool {
    let Content::Addresses(addresses) = content else { return false };
    let allowed = |address| expected.is_some_and(|expected| expected.allows(address));
    addresses.iter().any(|address| special::is_special(*address) && !allowed(address))
}

fn flags(outcomes: &[Option<Outcome>]) -> [usize; Flag::ALL.len()] {
    Flag::ALL.map(|flag| {
        let has = |outcome: &&Option<Outcome>| match outcome {
            Some(Outcome::Answer(answer)) => answer.flags.has(flag),
            Some(Outcome::Truncated) => flag == Flag::Tc,
            _ => false,
        };
        outcomes.iter().filter(has).count()
    })
}

#[cfg(test)]
mod tests;
