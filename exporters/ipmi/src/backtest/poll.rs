//! What a history has of each moment: a poll. No I/O, no clock.

use std::collections::BTreeMap;

use super::history::{Key, Series, Tells};
use crate::simulation::Reading;

/// What a poll of the history brought.
#[derive(Debug, Default)]
pub(super) struct Poll {
    /// Whether the BMC answered; `None` where that is not told.
    pub(super) answered: Option<bool>,
    /// Whether the machine was on.
    pub(super) is_on: Option<bool>,
    /// What the BMC said beside its sensors that the machine draws, watts.
    pub(super) watts: Option<f64>,
    /// When it was made, as its exporter says.
    pub(super) success: Option<f64>,
    /// By the places of the machine's sensors.
    pub(super) readings: Vec<Reading>,
    /// Whether one of them is a value.
    pub(super) has_value: bool,
}

/// Series, and how far each of them was read.
#[derive(Debug)]
pub(super) struct Reader<'s> {
    series: Vec<(&'s Series, usize, Option<usize>)>,
    sensors: usize,
}

impl<'s> Reader<'s> {
    /// Nothing was read yet. `places` are those of the sensors, of which the machine has so many.
    pub(super) fn new(series: &'s [Series], places: &BTreeMap<Key, usize>, sensors: usize) -> Self {
        let place = |series: &Series| match &series.tells {
            Tells::Value(sensor) => places.get(&(sensor.id.clone(), sensor.name.clone())).copied(),
            Tells::State(key) | Tells::Readable(key) => places.get(key).copied(),
            _ => None,
        };
        Self { series: series.iter().map(|it| (it, 0, place(it))).collect(), sensors }
    }

    /// What there is of a moment, which is not before the last one that was read.
    pub(super) fn poll(&mut self, at: i64) -> Poll {
        let mut poll = Poll { readings: vec![Reading::Gone; self.sensors], ..Poll::default() };
        let mut states = Vec::new();
        for (series, next, place) in &mut self.series {
            while series.samples.get(*next).is_some_and(|(earlier, _)| *earlier < at) {
                *next += 1;
            }
            let Some((_, value)) = series.samples.get(*next).filter(|(is, _)| *is == at) else {
                continue;
            };
            let reading = place.and_then(|place| poll.readings.get_mut(place));
            let is_told = value.is_finite();
            match (&series.tells, reading) {
                (Tells::Value(_), Some(reading)) => {
                    poll.has_value |= is_told;
                    *reading = if is_told { Reading::Value(*value) } else { Reading::Unreadable };
                }
                (Tells::Readable(_), Some(reading)) if is_told && *reading == Reading::Gone => {
                    *reading = Reading::Unreadable;
                }
                (Tells::State(_), Some(_)) => states.extend(place.map(|place| (place, *value))),
                (Tells::Up, _) => poll.answered = is_told.then_some(*value > 0.0),
                (Tells::IsOn, _) => poll.is_on = is_told.then_some(*value > 0.0),
                (Tells::Watts, _) => poll.watts = is_told.then_some(*value),
                (Tells::Success, _) => poll.success = is_told.then_some(*value),
                _ => {}
            }
        }
        for (place, state) in states {
            let known = [0_u8, 1, 2].into_iter().find(|it| (f64::from(*it) - state).abs() < 0.5);
            if let (Some(known), Reading::Value(value)) = (known, poll.readings[place]) {
                poll.readings[place] = Reading::Judged(value, known);
            }
        }
        poll
    }
}

/// The moments after `last` at which something was read, or was not because the BMC did not answer.
pub(super) fn moments(series: &[Series], last: i64) -> Vec<i64> {
    let is_poll =
        |it: &&Series| matches!(it.tells, Tells::Value(_) | Tells::Readable(_) | Tells::Up);
    let samples = series.iter().filter(is_poll).flat_map(|it| &it.samples);
    let mut moments: Vec<i64> = samples.map(|(at, _)| *at).filter(|at| *at > last).collect();
    moments.sort_unstable();
    moments.dedup();
    moments
}
