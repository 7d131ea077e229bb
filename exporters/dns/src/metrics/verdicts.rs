//! The gauges of a sweep's verdicts: replaced as a whole with the snapshot, absent without one.

use std::collections::BTreeMap;
use std::sync::Arc;

use exporter_kit::Page;

use super::labels::{Label, set_labels, with};
use crate::answer::Flag;
use crate::config::Asked;
use crate::outcome::Class;
use crate::state::{Latest, Moment, SetState, Snapshot};
use crate::verdict::{self, Difference, FEWEST_NETWORKS, Ratios, State, Verdict};

/// The verdicts of one scrape: taken once, so that a sweep that ends meanwhile cannot mix in.
type Snapshots<'a> = Vec<(&'a SetState, Verdicts)>;

/// The verdicts on a set.
enum Verdicts {
    /// Of its last sweep.
    Swept(Arc<Snapshot>),
    /// Of before a reload, by the numbers of the questions.
    Carried(Arc<Vec<(usize, Verdict)>>),
}

impl Verdicts {
    /// Those that are trusted.
    fn trusted(latest: &Latest) -> Self {
        let swept = latest.trusted().map(|snapshot| Self::Swept(Arc::clone(snapshot)));
        swept.unwrap_or_else(|| Self::Carried(Arc::clone(&latest.carried)))
    }

    /// All of them.
    fn all(latest: &Latest) -> Self {
        let swept = latest.snapshot.as_ref().map(|snapshot| Self::Swept(Arc::clone(snapshot)));
        swept.unwrap_or_else(|| Self::Carried(Arc::clone(&latest.carried)))
    }

    fn get(&self, number: usize) -> Option<&Verdict> {
        match self {
            Self::Swept(snapshot) => snapshot.verdicts.get(number),
            Self::Carried(carried) => {
                carried.iter().find(|(of, _)| *of == number).map(|(_, it)| it)
            }
        }
    }
}

pub(super) fn encode(sets: &[Arc<SetState>], now: Moment, page: &mut Page<'_>) {
    let latest: Vec<(&SetState, Latest)> = sets.iter().map(|set| (&**set, set.latest())).collect();
    // Too much was lost of the others for more than who said what.
    let all: Snapshots<'_> = latest.iter().map(|(set, it)| (*set, Verdicts::all(it))).collect();
    let trusted: Snapshots<'_> =
        latest.iter().map(|(set, it)| (*set, Verdicts::trusted(it))).collect();
    responses(&all, page);
    told(&latest, now, page);
    migration(&trusted, page);
    shares(&trusted, page);
    consensus(&trusted, page);
    outliers(&trusted, page);
    countries(&trusted, page);
    country_counts(&trusted, page);
}

fn responses(snapshots: &Snapshots<'_>, page: &mut Page<'_>) {
    page.gauge(
        "dns_consistency_responses",
        "Resolvers asked in the last sweep, by what became of it; adds up to all of them.",
        each(snapshots).flat_map(|(labels, verdict)| {
            let classes = Class::ALL.into_iter().zip(verdict.responses);
            classes.map(move |(class, count)| {
                (with(labels.clone(), ("outcome", class.as_str())), count as f64)
            })
        }),
    );
    page.gauge(
        "dns_consistency_distinct_answers",
        "Different conclusive answers.",
        each(snapshots).map(|(labels, verdict)| (labels, verdict.distinct_answers as f64)),
    );
    page.gauge(
        "dns_consistency_answer_entropy",
        "Shannon entropy of the answers that agree, in bits: 0 if all are the same.",
        each(snapshots).filter_map(|(labels, verdict)| Some((labels, verdict.entropy_bits?))),
    );
    page.gauge(
        "dns_consistency_ttl_seconds",
        "TTL of the answers: the smallest, the one in the middle, and the largest.",
        each(snapshots).flat_map(|(labels, verdict)| {
            let stats =
                verdict.ttls.map(|it| [("min", it.least), ("median", it.median), ("max", it.most)]);
            let stats = stats.into_iter().flatten();
            stats.map(move |(stat, ttl)| (with(labels.clone(), ("stat", stat)), f64::from(ttl)))
        }),
    );
    page.gauge(
        "dns_consistency_flag_resolvers",
        "Resolvers whose reply had a peculiarity.",
        each(snapshots).flat_map(|(labels, verdict)| {
            let flags = Flag::ALL.into_iter().zip(verdict.flags);
            flags.map(move |(flag, count)| {
                (with(labels.clone(), ("flag", flag.as_str())), count as f64)
            })
        }),
    );
    page.gauge(
        "dns_consistency_ede_resolvers",
        "Resolvers that gave a reason of their own, by the code of the extended error (RFC 8914); other: above 30.",
        each(snapshots).flat_map(|(labels, verdict)| {
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            for (code, count) in &verdict.extended_errors {
                let code = CODES.get(usize::from(*code)).copied().unwrap_or("other");
                *counts.entry(code).or_default() += count;
            }
            let counts = counts.into_iter();
            counts.map(move |(code, count)| (with(labels.clone(), ("code", code)), count as f64))
        }),
    );
    page.gauge(
        "dns_consistency_dns64_resolvers",
        "Resolvers that make an IPv6 address of the IPv4 one.",
        each(snapshots)
            .map(|(labels, verdict)| (labels, verdict.responses[Class::Dns64 as usize] as f64)),
    );
}

/// The codes of extended errors that are assigned (IANA), as labels.
const CODES: [&str; 31] = [
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16",
    "17", "18", "19", "20", "21", "22", "23", "24", "25", "26", "27", "28", "29", "30",
];

/// What is told of a name; what was told before the program started, as long as no sweep says otherwise. Nothing of a set
/// that no sweep could be judged of for a day.
fn told(latest: &[(&SetState, Latest)], now: Moment, page: &mut Page<'_>) {
    let standing = || latest.iter().filter(|(_, latest)| latest.stands(now));
    let trusted: Snapshots<'_> =
        standing().map(|(set, it)| (*set, Verdicts::trusted(it))).collect();
    let by_sweeps = each(&trusted).flat_map(|(labels, verdict)| {
        verdict.told().map(move |(name, is)| (with(labels.clone(), ("verdict", name)), is))
    });
    let before = standing().flat_map(|(set, latest)| {
        let questions = set.plan.questions.iter().zip(&latest.told_before).enumerate();
        let rest = questions.filter(|(number, _)| latest.verdict(*number).is_none());
        rest.flat_map(|(_, (asked, before))| {
            let told = verdict::told(before.0, before.1).into_iter().filter(|(_, is)| *is);
            told.map(|(name, is)| (with(labels(set, asked), ("verdict", name)), is))
        })
    });
    page.gauge(
        "dns_consistency_verdict",
        "What is told of a name: 1 where it is. unexpected, failing: a page; unexpected_some, failing_some: a ticket; split: a change has stopped half way; unseen: the pin was changed, and nobody gives the new answer.",
        by_sweeps.chain(before).map(|(labels, is)| (labels, f64::from(u8::from(is)))),
    );
}

/// What is missing of it, whether the control is believed, and how far a change has come.
fn migration(snapshots: &Snapshots<'_>, page: &mut Page<'_>) {
    page.gauge(
        "dns_consistency_expected_missing",
        "Expected addresses that were in answers before, and are in none now.",
        each(snapshots).filter_map(|(labels, verdict)| Some((labels, verdict.missing? as f64))),
    );
    page.gauge(
        "dns_consistency_control_void",
        "Whether the control question fails at most resolvers that reply, so that it is not used.",
        each(snapshots)
            .map(|(labels, verdict)| (labels, f64::from(u8::from(verdict.is_control_void)))),
    );
    let moving = || each(snapshots).filter_map(|(labels, it)| Some((labels, it.migration?)));
    page.gauge(
        "dns_consistency_migration_ratio",
        "Share of the votes that a change of the answer has reached.",
        moving().map(|(labels, progress)| (labels, progress.share)),
    );
    page.gauge(
        "dns_consistency_migration_monotone",
        "Whether that share has never fallen.",
        moving().map(|(labels, progress)| (labels, f64::from(u8::from(progress.is_monotone)))),
    );
    page.gauge(
        "dns_consistency_migration_remaining_seconds",
        "How long until all have the new answer, at the pace so far.",
        moving().filter_map(|(labels, progress)| Some((labels, progress.remaining?))),
    );
}

/// What that rests on.
fn shares(snapshots: &Snapshots<'_>, page: &mut Page<'_>) {
    page.gauge(
        "dns_consistency_unexpected_ratio",
        "Share of the conclusive votes for answers that the config does not expect.",
        each(snapshots).filter_map(|(labels, verdict)| Some((labels, verdict.unexpected_ratio?))),
    );
    page.gauge(
        "dns_consistency_unexpected_resolvers",
        "Resolvers whose answer is not as the config expects it.",
        each(snapshots)
            .filter_map(|(labels, verdict)| Some((labels, verdict.unexpected_resolvers? as f64))),
    );
    page.gauge(
        "dns_consistency_failing_ratio",
        "Share of the votes of resolvers that work, and fail on the name.",
        each(snapshots).filter_map(|(labels, verdict)| Some((labels, verdict.failing_ratio?))),
    );
    page.gauge(
        "dns_consistency_conflict_ratio",
        "Share of the conclusive votes of resolvers from which two different replies came.",
        each(snapshots).filter_map(|(labels, verdict)| Some((labels, verdict.conflict_ratio?))),
    );
    page.gauge(
        "dns_consistency_conclusive_resolvers",
        "Resolvers that answered about the name.",
        each(snapshots).map(|(labels, verdict)| (labels, verdict.conclusive() as f64)),
    );
    page.gauge(
        "dns_consistency_healthy_resolvers",
        "Resolvers that are known to work.",
        each(snapshots).map(|(labels, verdict)| (labels, verdict.healthy as f64)),
    );
    page.gauge(
        "dns_consistency_healthy_ratio",
        "Share of the list that is known to work.",
        each(snapshots).map(|(labels, verdict)| {
            let all: usize = verdict.responses.iter().sum();
            (labels, verdict.healthy as f64 / all.max(1) as f64)
        }),
    );
}

fn consensus(snapshots: &Snapshots<'_>, page: &mut Page<'_>) {
    page.gauge(
        "dns_consistency_consensus_state",
        "How the answers look as a whole: 1 for the present state.",
        each(snapshots).flat_map(|(labels, verdict)| {
            State::ALL.into_iter().map(move |state| {
                let is = f64::from(u8::from(state == verdict.state));
                (with(labels.clone(), ("state", state.as_str())), is)
            })
        }),
    );
    page.gauge(
        "dns_consistency_consensus_ratio",
        "Share of the conclusive answers that are accepted.",
        weighted(snapshots, |verdict| verdict.consensus),
    );
    page.gauge(
        "dns_consistency_plurality_ratio",
        "Share of the conclusive answers that are the most frequent one.",
        weighted(snapshots, |verdict| verdict.plurality),
    );
    page.gauge(
        "dns_consistency_consensus_fingerprint",
        "A number that stands for what is agreed upon.",
        each(snapshots).filter_map(|(labels, verdict)| Some((labels, verdict.fingerprint? as f64))),
    );
    page.gauge(
        "dns_consistency_consensus_matches_expected",
        "Whether most of the conclusive votes are as the config expects it.",
        each(snapshots).filter_map(|(labels, verdict)| {
            Some((labels, f64::from(u8::from(verdict.matches_expected()?))))
        }),
    );
}

fn outliers(snapshots: &Snapshots<'_>, page: &mut Page<'_>) {
    page.gauge(
        "dns_consistency_outliers",
        "Resolvers with an answer that differs from what is accepted.",
        each(snapshots)
            .filter(|(_, verdict)| verdict.state.has_consensus())
            .map(|(labels, verdict)| (labels, verdict.outliers() as f64)),
    );
    page.gauge(
        "dns_consistency_outlier_ratio",
        "Share of the conclusive answers that differ from what is accepted.",
        weighted(snapshots, |verdict| verdict.outlier.filter(|_| verdict.state.has_consensus())),
    );
}

/// The verdict on each country, by its networks. One with fewer than four can have none.
fn countries(snapshots: &Snapshots<'_>, page: &mut Page<'_>) {
    let judged = || {
        each(snapshots).flat_map(|(labels, verdict)| {
            let judged = verdict.countries.iter().filter(|it| it.networks >= FEWEST_NETWORKS);
            judged.map(move |country| (with(labels.clone(), ("country", &country.code)), country))
        })
    };
    page.gauge(
        "dns_consistency_country_networks",
        "Networks of a country that are judged.",
        judged().map(|(labels, country)| (labels, country.networks as f64)),
    );
    page.gauge(
        "dns_consistency_country_bad_ratio",
        "Share of a country's networks that answer otherwise or fail.",
        judged().map(|(labels, country)| (labels, country.bad)),
    );
    page.gauge(
        "dns_consistency_country_verdict",
        "How a country differs from the rest of the world: 1 where it does.",
        judged().flat_map(|(labels, country)| {
            Difference::ALL.map(|difference| {
                let is = f64::from(u8::from(country.difference == Some(difference)));
                (with(labels.clone(), ("verdict", difference.as_str())), is)
            })
        }),
    );
    page.gauge(
        "dns_consistency_country_known_resolvers",
        "Resolvers of a country whose answer is not the accepted one and has an address that the config knows by name.",
        each(snapshots).flat_map(|(labels, verdict)| {
            verdict.known.iter().map(move |((country, known), count)| {
                let labels = with(labels.clone(), ("country", country));
                (with(labels, ("known", known)), *count as f64)
            })
        }),
    );
    page.gauge(
        "dns_consistency_rest_bad_ratio",
        "Share of the votes outside of the countries that diverge that answer otherwise or fail.",
        each(snapshots).filter_map(|(labels, verdict)| Some((labels, verdict.rest_bad?))),
    );
}

fn country_counts(snapshots: &Snapshots<'_>, page: &mut Page<'_>) {
    let by_country = || {
        each(snapshots).flat_map(|(labels, verdict)| {
            verdict.country_counts.iter().map(move |country| {
                (with(labels.clone(), ("country", &country.country)), verdict.state, country)
            })
        })
    };
    let agreed_upon = || {
        by_country()
            .filter(|(_, state, country)| state.has_consensus() && country.conclusive > 0)
            .map(|(labels, _, country)| (labels, country))
    };
    page.gauge(
        "dns_consistency_country_resolvers",
        "Resolvers of a country with a conclusive answer.",
        by_country().map(|(labels, _, country)| (labels, country.conclusive as f64)),
    );
    page.gauge(
        "dns_consistency_country_agree_ratio",
        "Share of a country's conclusive answers that are accepted.",
        agreed_upon()
            .map(|(labels, country)| (labels, country.agree as f64 / country.conclusive as f64)),
    );
    page.gauge(
        "dns_consistency_country_outliers",
        "Resolvers of a country with a conclusive answer that is not accepted.",
        agreed_upon()
            .map(|(labels, country)| (labels, (country.conclusive - country.agree) as f64)),
    );
}

/// Every verdict with its labels.
fn each<'a>(snapshots: &'a Snapshots<'a>) -> impl Iterator<Item = (Vec<Label<'a>>, &'a Verdict)> {
    snapshots.iter().flat_map(|(set, verdicts)| {
        let questions = set.plan.questions.iter().enumerate();
        questions.filter_map(|(number, asked)| Some((labels(set, asked), verdicts.get(number)?)))
    })
}

fn weighted<'a>(
    snapshots: &'a Snapshots<'a>,
    ratios: impl Fn(&Verdict) -> Option<Ratios>,
) -> impl Iterator<Item = (Vec<Label<'a>>, f64)> {
    each(snapshots).flat_map(move |(labels, verdict)| {
        let ratios = ratios(verdict);
        let weights = ratios.map(|it| [("resolver", it.resolver), ("network", it.network)]);
        weights
            .into_iter()
            .flatten()
            .map(move |(weight, ratio)| (with(labels.clone(), ("weight", weight)), ratio))
    })
}

fn labels<'a>(set: &'a SetState, asked: &'a Asked) -> Vec<Label<'a>> {
    let question = [("name", asked.name.as_str()), ("type", asked.kind.as_str())];
    [set_labels(set), question.to_vec()].concat()
}
