//! The gauges of a sweep's verdicts: replaced as a whole with the snapshot, absent without one.

use std::sync::Arc;

use exporter_kit::Page;

use super::labels::{Label, set_labels, with};
use crate::answer::Flag;
use crate::config::Asked;
use crate::consensus::{Ratios, State, Verdict};
use crate::outcome::Class;
use crate::state::{SetState, Snapshot};

/// The snapshots of one scrape: taken once, so that a sweep that ends meanwhile cannot mix in.
type Snapshots<'a> = Vec<(&'a SetState, Arc<Snapshot>)>;

pub(super) fn encode(sets: &[Arc<SetState>], page: &mut Page<'_>) {
    let snapshots: Snapshots<'_> =
        sets.iter().filter_map(|set| Some((&**set, set.latest().snapshot?))).collect();
    responses(&snapshots, page);
    consensus(&snapshots, page);
    outliers(&snapshots, page);
    countries(&snapshots, page);
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
        "Shannon entropy of the conclusive answers, in bits: 0 if all are the same.",
        each(snapshots).filter_map(|(labels, verdict)| Some((labels, verdict.entropy_bits?))),
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
        "Share of the conclusive answers that agree with the consensus.",
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
        "Whether the consensus is as the config expects it.",
        each(snapshots).filter_map(|(labels, verdict)| {
            Some((labels, f64::from(u8::from(verdict.matches_expected?))))
        }),
    );
    page.gauge(
        "dns_consistency_unexpected_resolvers",
        "Resolvers whose answer is not as the config expects it.",
        each(snapshots).filter_map(|(labels, verdict)| Some((labels, verdict.unexpected? as f64))),
    );
}

fn outliers(snapshots: &Snapshots<'_>, page: &mut Page<'_>) {
    page.gauge(
        "dns_consistency_outliers",
        "Resolvers with a conclusive answer that does not agree with the consensus.",
        each(snapshots)
            .filter(|(_, verdict)| verdict.state.has_consensus())
            .map(|(labels, verdict)| (labels, verdict.outliers() as f64)),
    );
    page.gauge(
        "dns_consistency_outlier_ratio",
        "Share of the conclusive answers that does not agree with the consensus.",
        weighted(snapshots, |verdict| verdict.outlier.filter(|_| verdict.state.has_consensus())),
    );
}

fn countries(snapshots: &Snapshots<'_>, page: &mut Page<'_>) {
    let by_country = || {
        each(snapshots).flat_map(|(labels, verdict)| {
            verdict.countries.iter().map(move |country| {
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
        "Share of a country's conclusive answers that agree with the consensus of all.",
        agreed_upon()
            .map(|(labels, country)| (labels, country.agree as f64 / country.conclusive as f64)),
    );
    page.gauge(
        "dns_consistency_country_outliers",
        "Resolvers of a country with a conclusive answer that does not agree.",
        agreed_upon()
            .map(|(labels, country)| (labels, (country.conclusive - country.agree) as f64)),
    );
}

/// Every verdict with its labels.
fn each<'a>(snapshots: &'a Snapshots<'a>) -> impl Iterator<Item = (Vec<Label<'a>>, &'a Verdict)> {
    snapshots.iter().flat_map(|(set, snapshot)| {
        let verdicts = set.plan.questions.iter().zip(&snapshot.verdicts);
        verdicts.map(|(asked, verdict)| (labels(set, asked), verdict))
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
