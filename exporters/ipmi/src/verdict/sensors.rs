//! All sensors of a machine, and what several of them say together. No I/O, no clock.

use super::class::Class;
use super::history::Clock;
use super::measure::Measure;
use super::median::median;
use super::moment::Moment;
use super::observed::Observed;
use super::watched::Watched;
use crate::entity::Entity;

/// The sensors that take part when a part's neighbours are asked: temperatures that are believed, not
/// of processors or power supplies, and no phantoms.
pub(super) fn neighbours<'a>(
    sensors: &'a [Watched],
    of: &'a Watched,
) -> impl Iterator<Item = &'a Watched> {
    sensors.iter().filter(move |it| is_neighbour(it, of))
}

fn is_neighbour(it: &Watched, of: &Watched) -> bool {
    it.is_temperature()
        && !std::ptr::eq(it, of)
        && !it.class.is_processor()
        && it.class != Class::Psu
        && !it.is_phantom()
        && it.believed().is_some()
}

/// The median rise of the neighbours since `then`, by the half hour behind them, or by what is usual
/// where that is longer ago.
pub(super) fn common_rise<'a>(
    neighbours: impl Iterator<Item = &'a Watched>,
    clock: &Clock,
    then: Option<Moment>,
) -> Option<f64> {
    let seconds = then.map_or(90.0, |then| (clock.now.since(then) + 30.0).max(60.0));
    let rise = |it: &Watched| {
        let before = it.ago(clock, seconds, 2).or(it.usual())?;
        Some(it.value()? - before)
    };
    median(neighbours.filter_map(rise))
}

/// How many of the neighbours are so many degrees warmer than a minute and a half ago, and of how many.
pub(super) fn warmed<'a>(
    neighbours: impl Iterator<Item = &'a Watched>,
    clock: &Clock,
    least: f64,
) -> (usize, usize) {
    neighbours.fold((0, 0), |(warm, all), it| {
        let rise = it.value().zip(it.ago(clock, 90.0, 2)).map(|(now, before)| now - before);
        (warm + usize::from(rise.is_some_and(|rise| rise >= least)), all + 1)
    })
}

/// The neighbours without those that jumped in the same poll, at these places in their order, or have
/// begun to: what one BMC says of many sensors at once proves nothing of any.
pub(super) fn that_did_not_jump<'a>(
    sensors: &'a [Watched],
    of: &'a Watched,
    jumped: &'a [usize],
) -> impl Iterator<Item = &'a Watched> {
    let others = sensors.iter().enumerate();
    let others =
        others.filter(|(place, it)| jumped.binary_search(place).is_err() && it.pending().is_none());
    others.filter(move |(_, it)| is_neighbour(it, of)).map(|(_, it)| it)
}

/// The power of the machine, watts: that of its supplies together, or the largest meter; where no sensor
/// is one, what the BMC says beside its sensors.
pub(super) fn watts(seen: &Observed, of: impl Fn(&Watched) -> Option<f64>) -> Option<f64> {
    let mut meters = seen.sensors.iter().filter(|it| it.measure == Measure::Watts).peekable();
    if meters.peek().is_none() {
        return of(seen.meter.as_deref()?);
    }
    let mut supplies = None;
    let mut largest: Option<f64> = None;
    for meter in meters {
        let Some(watts) = of(meter) else { continue };
        if meter.known.entity == Entity::Psu {
            *supplies.get_or_insert(0.0) += watts;
        } else {
            largest = Some(largest.map_or(watts, |it| it.max(watts)));
        }
    }
    match (supplies, largest) {
        (Some(supplies), Some(largest)) => Some(supplies.max(largest)),
        (supplies, largest) => supplies.or(largest),
    }
}

/// The power so many seconds ago, watts.
pub(super) fn watts_ago(seen: &Observed, seconds: f64) -> Option<f64> {
    watts(seen, |it| it.ago(&seen.clock, seconds, 1))
}

/// The power now, watts.
pub(super) fn watts_now(seen: &Observed) -> Option<f64> {
    watts(seen, Watched::value)
}

/// Each minute's power from `first` to `last` seconds ago.
pub(super) fn watts_between(seen: &Observed, first: u32, last: u32) -> impl Iterator<Item = f64> {
    (first..=last).step_by(60).filter_map(move |ago| watts_ago(seen, f64::from(ago)))
}

/// The current into all supplies, amperes.
pub(super) fn amperes(sensors: &[Watched], of: impl Fn(&Watched) -> Option<f64>) -> Option<f64> {
    let supplies = sensors.iter().filter(|it| it.measure == Measure::Amperes);
    supplies.filter_map(of).reduce(|one, other| one + other)
}

/// How many of the system fans run far faster than they did, how many run half as much faster, and of
/// how many; `speeds` are pairs of before and now.
pub(super) fn run_up(speeds: impl Iterator<Item = (Measure, f64, f64)>) -> (f64, f64, f64) {
    speeds.fold((0.0, 0.0, 0.0), |(up, half, all), (measure, before, now)| {
        let (is_up, is_half) = match measure {
            Measure::Ratio => (now - before >= 0.2 && now >= 1.4 * before, now - before >= 0.1),
            _ => (now >= 1.5 * before.max(300.0), now >= 1.25 * before.max(300.0)),
        };
        (up + f64::from(u8::from(is_up)), half + f64::from(u8::from(is_half)), all + 1.0)
    })
}

/// How many of so many fans are enough: a third.
pub(super) fn enough(fans: f64) -> f64 {
    (fans / 3.0).max(1.0)
}

/// How much faster the system fans turn than so many seconds ago: the median of their ratios.
pub(super) fn fan_gain(sensors: &[Watched], clock: &Clock, seconds: f64) -> Option<f64> {
    let gain = |it: &Watched| {
        let before = it.ago(clock, seconds + 30.0, 1).filter(|it| *it > 0.0)?;
        Some(it.ago(clock, 30.0, 1)? / before)
    };
    median(sensors.iter().filter(|it| it.is_system_fan()).filter_map(gain))
}
