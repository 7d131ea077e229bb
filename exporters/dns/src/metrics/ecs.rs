//! The metrics of sweeps over subnets, and of the way from here: what is asked besides the sets and zones.

use std::sync::Arc;

use exporter_kit::{Collector, LabelEnum, Page};
use tokio::time::Instant;

use super::labels::{Label, own, with};
use crate::ecs::answers::{Fit, groups};
use crate::ecs::state::{EcsSets, Latest, RunningEcs};
use crate::interception::{Interceptions, RunningInterception};
use crate::state::Moment;

/// Renders both.
#[derive(Debug)]
pub(crate) struct EcsMetrics(pub(crate) Arc<EcsSets>, pub(crate) Arc<Interceptions>);

impl Collector for EcsMetrics {
    fn collect(&self, page: &mut Page<'_>) {
        let (ecs, tests) = (self.0.wanted_on(page), self.1.wanted_on(page));
        encode(&ecs, Moment::Real(Instant::now()), page);
        intercepted(&tests, Instant::now(), page);
    }
}

pub(super) fn encode(all: &[Arc<RunningEcs>], now: Moment, page: &mut Page<'_>) {
    let read: Vec<(&RunningEcs, Latest)> = all.iter().map(|ecs| (&**ecs, ecs.latest())).collect();
    let questions = || {
        read.iter().flat_map(|(ecs, latest)| {
            let told = latest.told.iter().flat_map(|told| told.iter());
            ecs.plan.questions.iter().zip(told).map(|((name, kind), told)| {
                let question = [("name", name.as_str()), ("type", kind.as_str())];
                ([labels(ecs), question.to_vec()].concat(), told)
            })
        })
    };
    page.gauge(
        "dns_consistency_ecs_subnets",
        "Subnets on whose behalf one server was asked, by what the answer is to them: tailored, general (for everybody), \
         ignored (the server does not heed the subnet), mismatched (of another subnet), failed.",
        questions().flat_map(|(labels, told)| {
            Fit::ALL.map(|kind| {
                let count = told.iter().filter(|told| told.fit == kind).count();
                (with(labels.clone(), ("outcome", kind.name())), count as f64)
            })
        }),
    );
    page.gauge(
        "dns_consistency_ecs_answers",
        "Different answers for all these subnets.",
        questions().map(|(labels, told)| (labels, groups(told).len() as f64)),
    );
    page.gauge(
        "dns_consistency_ecs_age_seconds",
        "How long ago the last sweep over subnets ended in which any answer came, or else the first one began.",
        read.iter().map(|(ecs, latest)| (labels(ecs), latest.since.age(now))),
    );
    page.gauge(
        "dns_consistency_ecs_interval_seconds",
        "From the start of one sweep over subnets to the start of the next.",
        read.iter().map(|(ecs, _)| (labels(ecs), ecs.plan.interval.as_secs_f64())),
    );
}

pub(super) fn intercepted(tests: &[Arc<RunningInterception>], now: Instant, page: &mut Page<'_>) {
    page.gauge(
        "dns_consistency_vantage_intercepted",
        "Whether somebody on the way answers questions to addresses at which nobody is, or to a resolver that is another one \
         by TLS.",
        tests.iter().filter_map(|test| {
            let vantage = &test.plan.vantage;
            let labels =
                vec![("vantage", vantage.name.as_str()), ("region", vantage.region.as_str())];
            Some((labels, f64::from(u8::from(!test.answered(now)?.is_empty()))))
        }),
    );
}

fn labels(ecs: &RunningEcs) -> Vec<Label<'_>> {
    let vantage = &ecs.plan.vantage;
    let known = [("vantage", &*vantage.name), ("region", &vantage.region), ("set", &ecs.plan.name)];
    own(known, &ecs.plan.labels)
}
