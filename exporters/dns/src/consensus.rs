//! What the resolvers of a set agree on, and who does not. No I/O, no clock.
//!
//! Exact majority fails on every name that rotates, and joining answers that share an address can
//! be poisoned by one liar. The rule here is address support ([`pool`]): an address belongs to the
//! consensus if enough networks in enough places saw it, and a resolver agrees if it answers with
//! nothing else.

pub mod groups;
pub mod pool;
pub mod spread;

use crate::answer::{Content, Flag};
use crate::consensus::groups::Group;
use crate::expected::Expected;
use crate::pending::Outcome;
use crate::resolvers::{ANYCAST, ResolverList};
use crate::special;

/// A country gets figures of its own from this many resolvers on: fewer make no ratio.
const MIN_COUNTRY_RESOLVERS: usize = 5;

/// Countries with figures of their own, at most; the rest is summed up.
const MAX_COUNTRIES: usize = 60;

/// Share of the networks that must agree for the answers to be called one.
const NEARLY_ALL: f64 = 0.95;

/// What a resolver's answer is, measured against the others: a partition of those that were asked.
/// A closed set, since it is a label.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Class {
    /// It answers as the consensus does.
    Agree,
    /// It answers with other addresses, or with addresses where the others say there are none.
    Dissent,
    /// It says that there is no such name, and the others do not.
    Nxdomain,
    /// It says that there is no such record, and the others do not.
    Nodata,
    /// It failed.
    Servfail,
    /// It does not serve us.
    Refused,
    /// Another response code.
    OtherRcode,
    /// It answers with a special-purpose address, as a block page or sinkhole does.
    Bogon,
    /// It sent a truncated answer, and TCP did not bring the whole.
    Truncated,
    /// It sent something that cannot be read.
    Malformed,
    /// It was silent.
    Timeout,
    /// The network says that it cannot be reached.
    Unreachable,
    /// It failed the control question, so nothing follows from its answers.
    Unhealthy,
    /// The query never left this machine: never part of a ratio.
    LocalError,
}

impl Class {
    /// All values.
    pub const ALL: [Self; 14] = [
        Self::Agree,
        Self::Dissent,
        Self::Nxdomain,
        Self::Nodata,
        Self::Servfail,
        Self::Refused,
        Self::OtherRcode,
        Self::Bogon,
        Self::Truncated,
        Self::Malformed,
        Self::Timeout,
        Self::Unreachable,
        Self::Unhealthy,
        Self::LocalError,
    ];

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agree => "agree",
            Self::Dissent => "dissent",
            Self::Nxdomain => "nxdomain",
            Self::Nodata => "nodata",
            Self::Servfail => "servfail",
            Self::Refused => "refused",
            Self::OtherRcode => "other_rcode",
            Self::Bogon => "bogon",
            Self::Truncated => "truncated",
            Self::Malformed => "malformed",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Unhealthy => "unhealthy",
            Self::LocalError => "local_error",
        }
    }

    /// Whether it says something about the name.
    pub fn is_conclusive(self) -> bool {
        matches!(self, Self::Agree | Self::Dissent | Self::Nxdomain | Self::Nodata | Self::Bogon)
    }
}

/// How the answers as a whole look. A closed set, since it is a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Too few resolvers or networks answered to say anything.
    Insufficient,
    /// Nearly all give one and the same answer.
    Uniform,
    /// Nearly all answer out of one pool, each with another part of it, wherever they are.
    Rotating,
    /// Nearly all answer out of one pool, and which part depends on the country.
    Geo,
    /// Most answer out of one pool, but many do not.
    Split,
    /// There is no pool that half of them answer from.
    Dispersed,
}

impl State {
    /// All values.
    pub const ALL: [Self; 6] = [
        Self::Insufficient,
        Self::Uniform,
        Self::Rotating,
        Self::Geo,
        Self::Split,
        Self::Dispersed,
    ];

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Insufficient => "insufficient",
            Self::Uniform => "uniform",
            Self::Rotating => "rotating",
            Self::Geo => "geo",
            Self::Split => "split",
            Self::Dispersed => "dispersed",
        }
    }

    /// Whether there is a consensus that an outlier can be an outlier from.
    pub fn has_consensus(self) -> bool {
        !matches!(self, Self::Insufficient | Self::Dispersed)
    }
}

/// A share, counted once with one vote a resolver and once with one vote a network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratios {
    /// One vote a resolver.
    pub resolver: f64,
    /// One vote a network, divided among its resolvers.
    pub network: f64,
}

/// What measures the answers to one question.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The pinned set, if there is one.
    pub expected: Option<&'a Expected>,
    /// Fewer conclusive answers say nothing.
    pub min_resolvers: usize,
    /// Answers from fewer networks say nothing.
    pub min_networks: usize,
}

/// One country's part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountryVerdict {
    /// Its code, or `other` for the sum of the small ones.
    pub country: String,
    /// Resolvers there with a conclusive answer.
    pub conclusive: usize,
    /// Those of them that agree.
    pub agree: usize,
}

/// Everything that is said about the answers to one question in one sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// How many resolvers are in which class, in the order of [`Class::ALL`].
    pub responses: [usize; Class::ALL.len()],
    /// How the answers look as a whole.
    pub state: State,
    /// Share that agrees, of the conclusive answers; absent if there are none.
    pub consensus: Option<Ratios>,
    /// Share of the most frequent answer.
    pub plurality: Option<Ratios>,
    /// Different answers.
    pub distinct_answers: usize,
    /// Entropy of the answers, in bits; absent if there are none.
    pub entropy_bits: Option<f64>,
    /// Fingerprint of the consensus; absent without one.
    pub fingerprint: Option<u64>,
    /// Whether the consensus is as expected; absent without a consensus or an expectation.
    pub matches_expected: Option<bool>,
    /// Resolvers whose answer is not as expected; absent without an expectation.
    pub unexpected: Option<usize>,
    /// Country by country.
    pub countries: Vec<CountryVerdict>,
    /// How many replies had which flag, in the order of [`Flag::ALL`].
    pub flags: [usize; Flag::ALL.len()],
    /// The answers themselves, the most frequent first.
    pub groups: Vec<Group>,
}

impl Verdict {
    /// Resolvers with a conclusive answer that do not agree.
    pub fn outliers(&self) -> usize {
        self.conclusive() - self.responses[Class::Agree as usize]
    }

    /// Resolvers with a conclusive answer.
    pub fn conclusive(&self) -> usize {
        let counted = Class::ALL.into_iter().zip(self.responses);
        counted.filter(|(class, _)| class.is_conclusive()).map(|(_, count)| count).sum()
    }
}

/// Judges the answers to one question. `outcomes` has one entry for each resolver of the list, in
/// its order; a resolver that failed the control question has none.
pub fn judge(list: &ResolverList, outcomes: &[Option<Outcome>], rules: Rules<'_>) -> Verdict {
    let contents: Vec<Option<&Content>> = outcomes.iter().map(conclusive_content).collect();
    let votes = Votes::count(list, &contents);
    let bogon = |content: &Content| is_bogon(content, rules.expected);
    let consensus = pool::find(list, &contents, &votes, bogon);

    let class = |outcome: &Option<Outcome>| match (outcome, conclusive_content(outcome)) {
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
    let coverage = votes.ratios(list, &contents, agrees);
    let groups = groups::collect(list, outcomes, &classes);
    let plurality = groups.iter().find(|group| group.class.is_conclusive()).and_then(|group| {
        votes.ratios(list, &contents, |at| {
            contents[at].is_some() && contents[at] == group.content.as_ref()
        })
    });
    let entropy_bits = spread::entropy_bits(contents.iter().flatten().copied());
    let enough =
        votes.resolvers >= rules.min_resolvers.max(1) && votes.networks >= rules.min_networks;
    let state = match (coverage, entropy_bits) {
        (Some(coverage), Some(entropy)) if enough => {
            let geo = || spread::geo_dependence(list, &contents, agrees);
            state(coverage.network, entropy, geo)
        }
        _ => State::Insufficient,
    };
    let pinned = rules.expected.filter(|_| votes.resolvers > 0);

    Verdict {
        responses,
        state,
        consensus: coverage,
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
        countries: countries(list, &classes),
        flags: flags(outcomes),
        groups: groups::shorten(groups),
    }
}

/// The state, from the share that agrees, the entropy of all answers, and how much the answer
/// depends on the country. Entropy comes first: a uniform name that one country tampers with
/// depends on the country as well.
fn state(coverage: f64, entropy_bits: f64, geo: impl FnOnce() -> f64) -> State {
    if coverage < 0.5 {
        State::Dispersed
    } else if coverage < NEARLY_ALL {
        State::Split
    } else if entropy_bits < 0.5 {
        State::Uniform
    } else if geo() < 0.2 {
        State::Rotating
    } else {
        State::Geo
    }
}

/// What a resolver said about the name, if it said anything about it.
fn conclusive_content(outcome: &Option<Outcome>) -> Option<&Content> {
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

/// Who votes: the resolvers with a conclusive answer, network by network.
#[derive(Debug)]
pub struct Votes {
    /// Conclusive answers of each network.
    of_network: Vec<u32>,
    resolvers: usize,
    networks: usize,
}

impl Votes {
    fn count(list: &ResolverList, contents: &[Option<&Content>]) -> Self {
        let mut of_network = vec![0; list.networks];
        for (resolver, _) in list.resolvers.iter().zip(contents).filter(|(_, c)| c.is_some()) {
            of_network[resolver.network as usize] += 1;
        }
        let resolvers = contents.iter().flatten().count();
        let networks = of_network.iter().filter(|count| **count > 0).count();
        Self { of_network, resolvers, networks }
    }

    /// The part of its network's vote that a voter has.
    fn weight(&self, network: u32) -> f64 {
        1.0 / f64::from(self.of_network[network as usize].max(1))
    }

    /// The share of the voters for which `holds`, or nothing if nobody votes.
    fn ratios(
        &self,
        list: &ResolverList,
        contents: &[Option<&Content>],
        holds: impl Fn(usize) -> bool,
    ) -> Option<Ratios> {
        if self.resolvers == 0 {
            return None;
        }
        let mut holding = vec![0_u32; list.networks];
        for (at, resolver) in list.resolvers.iter().enumerate() {
            holding[resolver.network as usize] += u32::from(contents[at].is_some() && holds(at));
        }
        // By network, not by resolver: where all hold, each network adds exactly 1.
        let share = |(holding, of): (&u32, &u32)| f64::from(*holding) / f64::from((*of).max(1));
        let network: f64 = holding.iter().zip(&self.of_network).map(share).sum();
        let resolver = holding.iter().sum::<u32>();
        Some(Ratios {
            resolver: f64::from(resolver) / self.resolvers as f64,
            network: network / self.networks as f64,
        })
    }
}

/// Country by country: those with enough resolvers by themselves, the largest first to be kept, the
/// rest as `other`. Anycast is no country. A country's own resolvers are counted, not those that
/// happened to answer, so that a country does not come and go.
fn countries(list: &ResolverList, classes: &[Class]) -> Vec<CountryVerdict> {
    let mut size = vec![0_usize; list.countries.len()];
    for resolver in &list.resolvers {
        size[usize::from(resolver.country)] += 1;
    }
    let is_place = |country: &usize| list.countries[*country] != ANYCAST;
    let mut named: Vec<usize> =
        (0..size.len()).filter(is_place).filter(|at| size[*at] >= MIN_COUNTRY_RESOLVERS).collect();
    named.sort_by_key(|&at| (std::cmp::Reverse(size[at]), &list.countries[at]));
    named.truncate(MAX_COUNTRIES);
    named.sort_by_key(|&at| &list.countries[at]);

    let other = named.len();
    let row_of = |country: usize| named.iter().position(|named| *named == country).unwrap_or(other);
    let rows: Vec<usize> = (0..size.len()).map(row_of).collect();
    let mut verdicts: Vec<_> = named.iter().map(|&at| list.countries[at].clone()).collect();
    if (0..size.len()).filter(is_place).any(|country| rows[country] == other) {
        verdicts.push("other".to_owned());
    }
    let empty = |country| CountryVerdict { country, conclusive: 0, agree: 0 };
    let mut verdicts: Vec<_> = verdicts.into_iter().map(empty).collect();
    for (resolver, class) in list.resolvers.iter().zip(classes) {
        let country = usize::from(resolver.country);
        if class.is_conclusive() && is_place(&country) {
            let verdict = &mut verdicts[rows[country]];
            verdict.conclusive += 1;
            verdict.agree += usize::from(*class == Class::Agree);
        }
    }
    verdicts
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
