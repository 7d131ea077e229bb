//! What is rendered of a target, and how a metric is written: each metric once, every target within.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use exporter_kit::{CountsBy, LabelEnum, LabelSet, Page};

use super::labels::{ReasonLabels, SensorLabels, TargetLabels};
use crate::inventory::{Known, Presence};
use crate::poll;
use crate::sensor::Sensor;
use crate::slow::Collector;
use crate::state::{BmcState, Outcome, Polled, Value};
use crate::verdict::{Moment, Verdict};

/// What is rendered of one target: taken at one moment, so that its metrics agree.
#[derive(Debug)]
pub(super) struct View {
    pub(super) labels: TargetLabels,
    pub(super) polled: Arc<Polled>,
    /// Whether its source can tell a reply from one that comes too late.
    pub(super) tells_stale_replies: bool,
    /// Sensors that were once seen and that the last list did not have: few, of ten thousand machines.
    pub(super) missing: Vec<Presence>,
    /// Verdicts that are held; `None` while the machine is not judged.
    pub(super) verdicts: Option<Vec<Verdict>>,
    /// Whether the machine is off.
    pub(super) is_off: bool,
    /// Sensors of the last list that are not remembered.
    pub(super) not_remembered: usize,
    /// Since the last successful poll.
    pub(super) age: Option<Duration>,
    /// This moment, by the clock that never jumps and by the wall clock.
    pub(super) now: (Moment, SystemTime),
}

impl View {
    pub(super) fn of(state: &BmcState) -> Self {
        let (mut polled, now) = (state.polled(), state.clock().now());
        let age = polled.success.map(|(at, _)| Duration::from_secs_f64(now.since(at).max(0.0)));
        // No poll ended for longer than any takes: whatever holds it up, nothing of it is fresh.
        if polled.snapshot.is_some() && age.is_some_and(|age| age > poll::longest(&state.bmc)) {
            Arc::make_mut(&mut polled).fall_silent();
        }
        if polled.has_stale(now) {
            Arc::make_mut(&mut polled).forget_stale(now);
        }
        Self {
            labels: TargetLabels { bmc: Arc::clone(&state.bmc), labels: state.labels() },
            tells_stale_replies: state.tells_stale_replies,
            missing: state.missing(),
            verdicts: state.verdicts(),
            not_remembered: state.not_remembered(),
            is_off: state.is_off(),
            age,
            now: (now, state.clock().wall()),
            polled,
        }
    }

    /// Whether each collector got what it asked for last; those that have not asked yet left out.
    pub(super) fn up(&self) -> impl Iterator<Item = (Collector, bool)> {
        let was_polled = self.polled.counts.polls > 0;
        let well = self.polled.snapshot.is_some();
        let up = move |of: Collector| match of {
            Collector::Ipmi => Some(well),
            // With no session there is no answer to anything.
            _ if !well => Some(false),
            other => self.polled.slow.is_up(other),
        };
        let parts = self.labels.bmc.module.collectors.iter().filter(move |_| was_polled);
        parts.filter_map(move |part| Some((*part, up(*part)?)))
    }

    /// The sensors that the last poll went by; none when it failed.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&Sensor, &Outcome)> {
        self.polled.snapshot.iter().flat_map(|snapshot| snapshot.rows())
    }

    /// Each sensor that was ever seen, and whether it is there. Only a poll that went well tells that one
    /// is there; one that was lost stays lost until a poll sees it again.
    pub(super) fn presence(&self) -> impl Iterator<Item = (&Arc<Known>, bool)> {
        let snapshot = self.polled.snapshot.as_ref();
        let listed = snapshot.map_or(&[][..], |snapshot| &snapshot.list.known);
        // A poll may have ended between the looks at the list and at what is missing.
        let missing = self.missing.iter().filter(|it| !listed.contains(&it.sensor));
        let told = missing.filter(move |it| snapshot.is_some() || !it.present);
        let there = listed.iter().map(|known| (known, true));
        there.chain(told.map(|it| (&it.sensor, it.present)))
    }

    pub(super) fn values(&self) -> impl Iterator<Item = (&Sensor, &Value)> {
        self.rows().filter_map(|(sensor, outcome)| match outcome {
            Outcome::Read(value) => Some((sensor, value)),
            Outcome::Failed(_) | Outcome::NotAsked => None,
        })
    }

    /// A moment as the wall clock has it now, seconds since the epoch.
    pub(super) fn timestamp(&self, moment: Moment) -> f64 {
        let (now, wall) = self.now;
        let wall = wall.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        // To the millisecond: more digits would change from scrape to scrape.
        ((wall - now.since(moment)) * 1000.0).round() / 1000.0
    }

    pub(super) fn sensor<'a>(&'a self, known: &'a Known) -> SensorLabels<'a> {
        SensorLabels { target: &self.labels, known }
    }
}

/// One metric at a time, every target within.
pub(super) struct Writer<'w, 'p> {
    pub(super) page: &'w mut Page<'p>,
    pub(super) views: &'w [View],
}

pub(super) type Counts<'v, L> = Vec<(L, u64)>;
pub(super) type Gauges<'v, L> = Vec<(L, f64)>;

impl<'w> Writer<'w, '_> {
    pub(super) fn counter<L: LabelSet>(
        &mut self,
        name: &str,
        help: &str,
        series: impl Fn(&'w View) -> Counts<'w, L>,
    ) {
        self.page.counter(name, help, self.views.iter().flat_map(series));
    }

    pub(super) fn gauge<L: LabelSet>(
        &mut self,
        name: &str,
        help: &str,
        series: impl Fn(&'w View) -> Gauges<'w, L>,
    ) {
        self.page.gauge(name, help, self.views.iter().flat_map(series));
    }
}

/// The counts of those values that were counted at all: most targets never have most of them.
pub(super) fn by_reason<'v, E: LabelEnum>(
    view: &'v View,
    counts: &CountsBy<E>,
) -> Counts<'v, ReasonLabels<'v>> {
    let labels = |reason: E| ReasonLabels { target: &view.labels, reason: reason.name() };
    counts.counted().map(|(reason, count)| (labels(reason), count)).collect()
}
