//! Every metric of this exporter: name, help, unit, labels.

mod verdicts;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use exporter_kit::Targets;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Unit;

use crate::answer::Ignored;
use crate::config::Plan;
use crate::poll::SetState;

/// From a resolver next door to the longest timeout that anybody sets.
const BUCKETS: [f64; 13] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0];

/// How a query was sent. A closed set, since it is a label.
#[derive(Clone, Copy, Debug)]
pub enum Transport {
    /// One datagram.
    Udp,
    /// One connection.
    Tcp,
}

impl Transport {
    const ALL: [Self; 2] = [Self::Udp, Self::Tcp];

    fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

/// How a sweep ended. A closed set, since it is a label.
#[derive(Clone, Copy, Debug)]
pub enum SweepResult {
    /// Everybody was asked everything.
    Complete,
    /// The same, but more than a little was lost on this machine.
    Degraded,
    /// Nobody was asked.
    Failed,
}

impl SweepResult {
    const ALL: [Self; 3] = [Self::Complete, Self::Degraded, Self::Failed];

    fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Degraded => "degraded",
            Self::Failed => "failed",
        }
    }
}

/// What went wrong on this machine. A closed set, since it is a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalError {
    /// A datagram could not be sent.
    Send,
    /// There are no more file descriptors.
    Emfile,
    /// A datagram arrived, and the kernel had no room for it.
    ReceiveBufferDrop,
    /// The kernel had no memory to send from.
    NoBuffers,
}

impl LocalError {
    const ALL: [Self; 4] = [Self::Send, Self::Emfile, Self::ReceiveBufferDrop, Self::NoBuffers];

    fn as_str(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Emfile => "emfile",
            Self::ReceiveBufferDrop => "rcvbuf_drop",
            Self::NoBuffers => "nobufs",
        }
    }

    /// The kind of an error that opening or sending met.
    pub fn of(error: &io::Error) -> Self {
        use nix::errno::Errno;
        match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EMFILE | Errno::ENFILE) => Self::Emfile,
            Some(Errno::ENOBUFS | Errno::ENOMEM) => Self::NoBuffers,
            _ => Self::Send,
        }
    }
}

/// What is counted for one set. Dropped with it, so a removed set leaves no series behind.
#[derive(Debug)]
pub struct SetMetrics {
    queries: [Counter; Transport::ALL.len()],
    retries: Counter,
    ignored: [Counter; Ignored::ALL.len()],
    local_errors: [Counter; LocalError::ALL.len()],
    sweeps: [Counter; SweepResult::ALL.len()],
    response_seconds: Histogram,
    /// By number of the question.
    consensus_changes: Vec<Counter>,
}

impl SetMetrics {
    /// Everything at zero, for a set that is asked this many questions.
    pub fn new(questions: usize) -> Self {
        Self {
            queries: Default::default(),
            retries: Counter::default(),
            ignored: Default::default(),
            local_errors: Default::default(),
            sweeps: Default::default(),
            response_seconds: Histogram::new(BUCKETS),
            // Not `vec![counter; n]`: its clones would all count as one.
            consensus_changes: (0..questions).map(|_| Counter::default()).collect(),
        }
    }

    /// Counts a query that was sent.
    pub fn query(&self, transport: Transport) {
        self.queries[transport as usize].inc();
    }

    /// Counts a query that is sent again.
    pub fn retry(&self) {
        self.retries.inc();
    }

    /// Records the time that a first answer took.
    pub fn answered(&self, took: Duration) {
        self.response_seconds.observe(took.as_secs_f64());
    }

    /// Counts a datagram that was no answer.
    pub fn ignored(&self, reason: Ignored) {
        self.ignored[reason as usize].inc();
    }

    /// Counts what went wrong on this machine.
    pub fn local_error(&self, kind: LocalError, count: u64) {
        self.local_errors[kind as usize].inc_by(count);
    }

    /// Counts a sweep.
    pub fn sweep(&self, result: SweepResult) {
        self.sweeps[result as usize].inc();
    }

    /// Counts a change of the consensus on a question.
    pub fn consensus_changed(&self, question: usize) {
        self.consensus_changes[question].inc();
    }
}

/// Renders all sets: metric by metric, and within each, set by set.
#[derive(Debug)]
pub struct Metrics(pub Arc<Targets<Plan, SetState>>);

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        encode(&self.0.states(), &mut encoder)
    }
}

fn encode(sets: &[Arc<SetState>], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
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
            .map(|it| ([("result", it.as_str())], &set.metrics.sweeps[it as usize]))
            .to_vec()
    })?;
    counted(encoder, "dns_consistency_queries", "Queries sent.", sets, |set| {
        Transport::ALL
            .map(|it| ([("transport", it.as_str())], &set.metrics.queries[it as usize]))
            .to_vec()
    })?;
    counted(
        encoder,
        "dns_consistency_retries",
        "Queries sent again after a timeout.",
        sets,
        |set| vec![([], &set.metrics.retries)],
    )?;
    counted(
        encoder,
        "dns_consistency_datagrams_ignored",
        "Datagrams that were not taken for an answer.",
        sets,
        |set| {
            Ignored::ALL
                .map(|it| ([("reason", it.as_str())], &set.metrics.ignored[it as usize]))
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
                .map(|it| ([("kind", it.as_str())], &set.metrics.local_errors[it as usize]))
                .to_vec()
        },
    )?;
    counted(
        encoder,
        "dns_consistency_consensus_changes",
        "How often the consensus became another one, and stayed so for two sweeps.",
        sets,
        |set| {
            let questions = set.plan.questions.iter().zip(&set.metrics.consensus_changes);
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
        set.metrics.response_seconds.encode(family.encode_family(&labels.as_slice())?)?;
    }
    Ok(())
}

type Label<'a> = (&'static str, &'a str);

/// The labels of every metric.
fn set_labels(set: &SetState) -> Vec<Label<'_>> {
    let vantage = &set.plan.vantage;
    vec![("vantage", &vantage.name), ("region", &vantage.region), ("set", &set.plan.set.name)]
}

fn with<'a>(mut labels: Vec<Label<'a>>, label: Label<'a>) -> Vec<Label<'a>> {
    labels.push(label);
    labels
}

/// One gauge with all its series. A value that is not a number is a bug, and is left out.
fn gauges<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    series: impl Iterator<Item = (Vec<Label<'a>>, f64)>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
    for (labels, value) in series.filter(|(_, value)| value.is_finite()) {
        ConstGauge::new(value).encode(family.encode_family(&labels.as_slice())?)?;
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

#[cfg(test)]
mod tests;
