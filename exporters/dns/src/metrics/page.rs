//! The page of metrics: name, help, unit and labels of each, metric by metric and set by set.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Unit;

use super::labels::{Label, gauges, set_labels, with};
use super::verdicts;
use crate::exchange::Transport;
use crate::outcome::{Ignored, LocalError, SweepResult};
use crate::state::{SetState, Sets};

/// Renders all sets: metric by metric, and within each, set by set.
#[derive(Debug)]
pub(crate) struct Metrics(pub(crate) Arc<Sets>);

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        encode(&self.0.states(), &mut encoder)
    }
}

pub(super) fn encode(sets: &[Arc<SetState>], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    verdicts::encode(sets, encoder)?;
    sweeps(sets, encoder)?;
    counters(sets, encoder)
}

/// The last sweep of each set, as a whole.
fn sweeps(sets: &[Arc<SetState>], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    gauges(
        encoder,
        "dns_consistency_resolvers",
        "Resolvers of the list: configured (entries), active (asked), duplicate (entries left out), \
         excluded (entries left out for a special-purpose address).",
        None,
        sets.iter().flat_map(|set| {
            let list = &set.plan.set.list;
            let active = list.resolvers.len();
            let states = [
                ("configured", active + list.duplicates + list.excluded),
                ("active", active),
                ("duplicate", list.duplicates),
                ("excluded", list.excluded),
            ];
            states.map(|(state, count)| (with(set_labels(set), ("state", state)), count as f64))
        }),
    )?;
    gauges(
        encoder,
        "dns_consistency_sweep_duration",
        "How long the last sweep took.",
        Some(&Unit::Seconds),
        sets.iter().filter_map(|set| Some((set_labels(set), set.latest().snapshot?.seconds))),
    )?;
    gauges(
        encoder,
        "dns_consistency_sweep_last_completed_timestamp",
        "When the last sweep was completed, as seconds since the epoch.",
        Some(&Unit::Seconds),
        sets.iter().filter_map(|set| Some((set_labels(set), set.latest().completed?))),
    )?;
    gauges(
        encoder,
        "dns_consistency_sweep_degraded",
        "Whether the last sweep lost more than 1 % on this machine, so that resolvers may look worse than they are.",
        None,
        sets.iter().filter_map(|set| {
            Some((set_labels(set), f64::from(u8::from(set.latest().snapshot?.degraded))))
        }),
    )
}

fn counters(sets: &[Arc<SetState>], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    counted(encoder, "dns_consistency_sweeps", "Sweeps that ended.", sets, |set| {
        SweepResult::ALL
            .map(|it| ([("result", it.as_str())], &set.counts.sweeps[it as usize]))
            .to_vec()
    })?;
    counted(encoder, "dns_consistency_queries", "Queries sent.", sets, |set| {
        Transport::ALL
            .map(|it| ([("transport", it.as_str())], &set.counts.queries[it as usize]))
            .to_vec()
    })?;
    counted(
        encoder,
        "dns_consistency_retries",
        "Queries sent again after a timeout.",
        sets,
        |set| vec![([], &set.counts.retries)],
    )?;
    counted(
        encoder,
        "dns_consistency_datagrams_ignored",
        "Datagrams that were not taken for an answer.",
        sets,
        |set| {
            Ignored::ALL
                .map(|it| ([("reason", it.as_str())], &set.counts.ignored[it as usize]))
                .to_vec()
        },
    )?;
    counted(
        encoder,
        "dns_consistency_local_errors",
        "Queries and answers that were lost on this machine.",
        sets,
        |set| {
            LocalError::ALL
                .map(|it| ([("kind", it.as_str())], &set.counts.local_errors[it as usize]))
                .to_vec()
        },
    )?;
    counted(
        encoder,
        "dns_consistency_consensus_changes",
        "How often the consensus became another one, and stayed so for two sweeps.",
        sets,
        |set| {
            let questions = set.plan.questions.iter().zip(&set.counts.consensus_changes);
            questions
                .map(|(asked, counter)| {
                    ([("name", asked.name.as_str()), ("type", asked.kind.as_str())], counter)
                })
                .collect()
        },
    )?;
    let mut family = encoder.encode_descriptor(
        "dns_consistency_response",
        "Time from a query to its first answer, over UDP.",
        Some(&Unit::Seconds),
        MetricType::Histogram,
    )?;
    for set in sets {
        let labels = set_labels(set);
        set.counts.response_seconds.encode(family.encode_family(&labels.as_slice())?)?;
    }
    Ok(())
}

/// One counter with all its series: set by set, those that `of_set` names with labels of their own.
fn counted<'a, const N: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    sets: &'a [Arc<SetState>],
    of_set: impl Fn(&'a SetState) -> Vec<([Label<'a>; N], &'a Counter)>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for set in sets {
        for (own, counter) in of_set(set) {
            let labels = [set_labels(set), own.to_vec()].concat();
            counter.encode(family.encode_family(&labels.as_slice())?)?;
        }
    }
    Ok(())
}
