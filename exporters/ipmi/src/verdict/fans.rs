//! Fans that stand still, or are far slower than they should be. No I/O, no clock.

use std::sync::Arc;

use super::class::Class;
use super::fan::Fan;
use super::held::{Cause, Held, Kind, Level, Verdict, What};
use super::median::median;
use super::observed::Observed;
use super::record::FanFailure;
use super::usual::standstill;
use super::watched::{Raw, Watched};

/// Seconds of history that are enough: ten minutes, less the polls at both ends.
const LEARNT: f32 = 540.0;
/// A fan that stood still for so many seconds before may do so again.
const MAY_STAND: f32 = 300.0;

/// The share of the lowest speed that it ever had below which a fan is slow.
const SLOW: f64 = 0.6;

/// Judges each fan.
pub(super) fn judge(seen: &mut Observed, held: &mut Held) {
    let parked = parked(seen);
    for place in 0..seen.sensors.len() {
        if !seen.sensors[place].measure.is_fan() {
            continue;
        }
        let finding = look(seen, place, &parked);
        note(seen, place, finding);
        say(seen, place, held);
    }
    all_stopped(seen);
}

/// The fans that stand still without a limit of the BMC, where several do and nothing warms.
fn parked(seen: &Observed) -> Vec<usize> {
    let is_still = |it: &Watched| {
        it.is_system_fan()
            && it.value() == Some(0.0)
            && it.limits.lower().is_none()
            && it.fan().is_some_and(|fan| fan.lowest.is_some())
    };
    let still: Vec<_> =
        (0..seen.sensors.len()).filter(|place| is_still(&seen.sensors[*place])).collect();
    let warms = |it: &Watched| it.rise(&seen.clock, 600.0, 1).is_some_and(|rise| rise >= 5.0);
    let is_warming = seen.temperatures().filter(|it| !it.class.works()).any(warms);
    if still.len() >= 2 && !is_warming { still } else { Vec::new() }
}

/// What a poll says of a fan.
#[derive(Clone, Copy)]
enum Finding {
    Fails(Cause),
    Well,
    Nothing,
}

fn look(seen: &Observed, place: usize, parked: &[usize]) -> Finding {
    let it = &seen.sensors[place];
    let is_system = it.is_system_fan();
    let Some(fan) = it.fan() else { return Finding::Nothing };
    let speeds = || peers(seen, place).filter_map(Watched::value);
    let turning = speeds().any(|speed| speed > 0.0);
    let is_alone = speeds().next().is_none();
    let may_judge = seen.running.is_on()
        && !seen.boots(60.0)
        && fan.observed >= LEARNT
        && (!is_system || turning || is_alone);
    if !may_judge || it.is_gone() {
        return Finding::Nothing;
    }
    let Some(speed) = it.value() else { return unreadable(seen, place, fan) };
    let Some(lowest) = fan.lowest.map(f64::from) else { return Finding::Nothing };
    let of_peers = fan.share.map(f64::from).zip(median(speeds()).filter(|peers| *peers > 0.0));
    let of_peers = of_peers.map(|(share, peers)| share * peers);
    let lower = it.limits.lower().map(f64::from).filter(|lower| *lower > 0.0 && *lower < lowest);
    if speed <= standstill(it.measure) || speed < 0.1 * lowest {
        let may_stand = fan.stood >= MAY_STAND || parked.contains(&place);
        if (!is_system || turning) && !may_stand {
            return Finding::Fails(Cause::Stopped);
        }
    } else if of_peers.is_some_and(|usual| speed < SLOW * lowest && speed < 0.5 * usual)
        && !is_told_to(seen, place, speed / lowest)
    {
        return Finding::Fails(Cause::Slow);
    } else if lower.is_some_and(|lower| speed < lower) {
        return Finding::Fails(Cause::BelowLimit);
    }
    let is_well = speed >= 0.8 * lowest || of_peers.is_none_or(|usual| speed >= 0.7 * usual);
    if is_well { Finding::Well } else { Finding::Nothing }
}

/// The share of the lowest speed that it ever had at which a fan turns, if it is slow.
fn slowness(it: &Watched) -> Option<f64> {
    let lowest = f64::from(it.fan()?.lowest?);
    let share = it.value().filter(|speed| *speed > 0.0)? / lowest;
    (share < SLOW).then_some(share)
}

/// Whether a fan is slow because it shall be: a controller slows down all fans of a zone alike, and bearings
/// wear one by one.
fn is_told_to(seen: &Observed, place: usize, share: f64) -> bool {
    peers(seen, place).filter_map(slowness).any(|other| alike(other, share))
}

/// Whether two fans are slow by the same share, but for the steps that a BMC counts in.
fn alike(one: f64, other: f64) -> bool {
    (one - other).abs() <= 0.15 * one.max(other)
}

/// The other system fans whose speed is given in the same unit.
fn peers(seen: &Observed, place: usize) -> impl Iterator<Item = &Watched> {
    let measure = seen.sensors[place].measure;
    let others = seen.sensors.iter().enumerate().filter(move |(other, _)| *other != place);
    others.map(|(_, fan)| fan).filter(move |fan| fan.is_system_fan() && fan.measure == measure)
}

/// A fan that gives no value while the others run up.
fn unreadable(seen: &Observed, place: usize, fan: &Fan) -> Finding {
    let it = &seen.sensors[place];
    let is_long = it.unreadable.is_some_and(|since| seen.now().since(since) >= 60.0);
    if fan.lowest.is_none() || !is_long || !it.is_system_fan() {
        return Finding::Nothing;
    }
    let runs_up =
        |peer: &Watched| Some(peer.value()? >= 1.2 * peer.usual().filter(|it| *it > 0.0)?);
    let (mut run, mut up) = (0, 0);
    for is_up in peers(seen, place).filter_map(runs_up) {
        run += 1;
        up += usize::from(is_up);
    }
    if run > 0 && up * 2 >= run { Finding::Fails(Cause::NoReading) } else { Finding::Nothing }
}

fn note(seen: &mut Observed, place: usize, finding: Finding) {
    let now = seen.now();
    let it = &mut seen.sensors[place];
    let is_gone = it.gone().is_some_and(|(_, polls)| polls >= 2);
    let Some(fan) = it.fan_mut() else { return };
    match finding {
        Finding::Fails(cause) => {
            fan.recovering = None;
            fan.failing_polls =
                if fan.failing.is_none() { 1 } else { fan.failing_polls.saturating_add(1) };
            let since = *fan.failing.get_or_insert(now);
            if fan.failed.is_none() && fan.failing_polls >= 3 && now.since(since) >= 15.0 {
                fan.failed = Some(FanFailure { since, cause });
            }
        }
        Finding::Well => {
            fan.failing = None;
            if fan.failed.is_some() && now.since(*fan.recovering.get_or_insert(now)) >= 60.0 {
                (fan.failed, fan.recovering) = (None, None);
            }
        }
        Finding::Nothing => {
            if fan.failed.is_none() {
                fan.failing = None;
            }
        }
    }
    if is_gone {
        fan.failed = None;
    }
}

fn say(seen: &Observed, place: usize, held: &mut Held) {
    let it = &seen.sensors[place];
    let Some(failure) = it.failed().filter(|_| seen.running.is_on()) else {
        held.drop(Kind::FanFailed, Some(&it.known));
        return;
    };
    // A supply's fan may stop when there is little to cool; only the BMC's own limit says more.
    let is_sure = it.is_system_fan() || it.limits.lower().is_some();
    let level = if is_sure { Level::Ticket } else { Level::Info };
    let mut evidence = Vec::new();
    evidence.extend(it.value().map(|now| (What::Now, now)));
    evidence.extend(it.usual().map(|usual| (What::Usual, usual)));
    evidence.extend(it.limits.lower().map(|lower| (What::Limit, f64::from(lower))));
    let peers = seen.system_fans().filter(|fan| fan.measure == it.measure && fan.known != it.known);
    evidence.extend(median(peers.filter_map(Watched::value)).map(|peers| (What::Peers, peers)));
    let sensor = Some(Arc::clone(&it.known));
    let (cause, since) = (failure.cause, failure.since);
    held.hold(Verdict { kind: Kind::FanFailed, sensor, level, cause, since, evidence });
}

/// Every fan of the machine stands still, and its processors warm; its parts, where it has none.
fn all_stopped(seen: &mut Observed) {
    if !seen.running.is_on() || seen.boots(120.0) {
        return;
    }
    let counts = |it: &Watched| {
        it.is_system_fan()
            && !matches!(it.raw(), Raw::Gone | Raw::Unknown)
            && it.fan().is_some_and(|fan| fan.lowest.is_some() && fan.stood < MAY_STAND)
    };
    let fans = || seen.sensors.iter().filter(|it| counts(it));
    let is_still = |it: &Watched| it.value().is_none_or(|speed| speed <= 0.0);
    let have_stopped =
        fans().all(is_still) && fans().nth(1).is_some() && fans().any(|it| it.value().is_some());
    if !have_stopped || !is_warming(seen) {
        return;
    }
    let since = seen.now();
    for it in seen.sensors.iter_mut().filter(|it| counts(it)) {
        if let Some(fan) = it.fan_mut() {
            fan.failed.get_or_insert(FanFailure { since, cause: Cause::AllStopped });
        }
    }
}

/// Whether the machine warms as one without a fan does.
fn is_warming(seen: &Observed) -> bool {
    let rose =
        |it: &Watched, seconds, by| it.rise(&seen.clock, seconds, 1).is_some_and(|rise| rise >= by);
    let mut processors = seen.temperatures().filter(|it| it.class == Class::Cpu).peekable();
    if processors.peek().is_some() {
        return processors.any(|it| rose(it, 120.0, 6.0));
    }
    let parts = || seen.temperatures().filter(|it| it.class != Class::Inlet && !it.is_phantom());
    parts().filter(|it| rose(it, 300.0, 5.0)).count() * 2 > parts().count()
}
