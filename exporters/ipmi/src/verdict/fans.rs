//! Fans that stand still, or are far slower than they should be. No I/O, no clock.

use std::sync::Arc;

use super::class::Class;
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
            && it.limits.lower.is_none()
            && it.usual.lowest.is_some()
    };
    let still: Vec<_> =
        (0..seen.sensors.len()).filter(|place| is_still(&seen.sensors[*place])).collect();
    let warms = |it: &Watched| it.rise(&seen.clock, 600.0, 1).is_some_and(|rise| rise >= 5.0);
    let is_warming = seen.temperatures().filter(|it| !it.class.is_processor()).any(warms);
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
    let peers: Vec<&Watched> = seen
        .sensors
        .iter()
        .enumerate()
        .filter(|(other, fan)| *other != place && fan.is_system_fan() && fan.measure == it.measure)
        .filter_map(|(_, fan)| fan.value().map(|_| fan))
        .collect();
    let turning = peers.iter().any(|fan| fan.value().is_some_and(|speed| speed > 0.0));
    let is_alone = peers.is_empty();
    let may_judge = seen.running.is_on()
        && !seen.boots(60.0)
        && it.usual.observed >= LEARNT
        && (!is_system || turning || is_alone);
    if !may_judge || it.is_gone() {
        return Finding::Nothing;
    }
    let Some(speed) = it.value() else { return unreadable(seen, it, &peers) };
    let Some(lowest) = it.usual.lowest.map(f64::from) else { return Finding::Nothing };
    let peers = median(peers.iter().filter_map(|fan| fan.value())).filter(|peers| *peers > 0.0);
    let of_peers = it.usual.share.map(f64::from).zip(peers).map(|(share, peers)| share * peers);
    let lower = it.limits.lower.map(f64::from).filter(|lower| *lower > 0.0 && *lower < lowest);
    if speed <= standstill(it.measure) || speed < 0.1 * lowest {
        let may_stand = it.usual.stood >= MAY_STAND || parked.contains(&place);
        if (!is_system || turning) && !may_stand {
            return Finding::Fails(Cause::Stopped);
        }
    } else if of_peers.is_some_and(|usual| speed < 0.6 * lowest && speed < 0.5 * usual) {
        return Finding::Fails(Cause::Slow);
    } else if lower.is_some_and(|lower| speed < lower) {
        return Finding::Fails(Cause::BelowLimit);
    }
    let is_well = speed >= 0.8 * lowest || of_peers.is_none_or(|usual| speed >= 0.7 * usual);
    if is_well { Finding::Well } else { Finding::Nothing }
}

/// A fan that gives no value while the others run up.
fn unreadable(seen: &Observed, it: &Watched, peers: &[&Watched]) -> Finding {
    let is_long = it.unreadable.is_some_and(|since| seen.now().since(since) >= 60.0);
    if it.usual.lowest.is_none() || !is_long || !it.is_system_fan() {
        return Finding::Nothing;
    }
    let runs_up = |fan: &&Watched| {
        Some(fan.value()? >= 1.2 * f64::from(fan.usual.value.filter(|it| *it > 0.0)?))
    };
    let run: Vec<bool> = peers.iter().filter_map(runs_up).collect();
    let up = run.iter().filter(|it| **it).count();
    if !run.is_empty() && up * 2 >= run.len() {
        Finding::Fails(Cause::NoReading)
    } else {
        Finding::Nothing
    }
}

fn note(seen: &mut Observed, place: usize, finding: Finding) {
    let now = seen.now();
    let it = &mut seen.sensors[place];
    match finding {
        Finding::Fails(cause) => {
            it.recovering = None;
            let (since, polls) = it.failing.map_or((now, 1), |(since, polls)| (since, polls + 1));
            it.failing = Some((since, polls));
            if it.failed.is_none() && polls >= 3 && now.since(since) >= 15.0 {
                it.failed = Some(FanFailure { since, cause });
            }
        }
        Finding::Well => {
            it.failing = None;
            if it.failed.is_some() && now.since(*it.recovering.get_or_insert(now)) >= 60.0 {
                (it.failed, it.recovering) = (None, None);
            }
        }
        Finding::Nothing => {
            if it.failed.is_none() {
                it.failing = None;
            }
        }
    }
    if it.gone.is_some_and(|(_, polls)| polls >= 2) {
        it.failed = None;
    }
}

fn say(seen: &Observed, place: usize, held: &mut Held) {
    let it = &seen.sensors[place];
    let Some(failure) = it.failed.filter(|_| seen.running.is_on()) else {
        held.drop(Kind::FanFailed, Some(&it.known));
        return;
    };
    // A supply's fan may stop when there is little to cool; only the BMC's own limit says more.
    let is_sure = it.is_system_fan() || it.limits.lower.is_some();
    let level = if is_sure { Level::Ticket } else { Level::Info };
    let mut evidence = Vec::new();
    evidence.extend(it.value().map(|now| (What::Now, now)));
    evidence.extend(it.usual.value.map(|usual| (What::Usual, f64::from(usual))));
    evidence.extend(it.limits.lower.map(|lower| (What::Limit, f64::from(lower))));
    let peers = seen.system_fans().filter(|fan| fan.measure == it.measure && fan.known != it.known);
    evidence.extend(median(peers.filter_map(Watched::value)).map(|peers| (What::Peers, peers)));
    let sensor = Some(Arc::clone(&it.known));
    let (cause, since) = (failure.cause, failure.since);
    held.hold(Verdict { kind: Kind::FanFailed, sensor, level, cause, since, evidence });
}

/// Every fan of the machine stands still, and its processors warm.
fn all_stopped(seen: &mut Observed) {
    if !seen.running.is_on() || seen.boots(120.0) {
        return;
    }
    let counts = |it: &Watched| {
        it.is_system_fan()
            && !matches!(it.raw, Raw::Gone | Raw::Unknown)
            && it.usual.lowest.is_some()
            && it.usual.stood < MAY_STAND
    };
    let fans: Vec<_> = seen.sensors.iter().filter(|it| counts(it)).collect();
    let is_still = |it: &&Watched| it.value().is_none_or(|speed| speed <= 0.0);
    let have_stopped =
        fans.len() >= 2 && fans.iter().all(is_still) && fans.iter().any(|it| it.value().is_some());
    let warms = |it: &Watched| it.rise(&seen.clock, 120.0, 1).is_some_and(|rise| rise >= 6.0);
    let is_warm = seen.temperatures().any(|it| it.class == Class::Cpu && warms(it));
    if !have_stopped || !is_warm {
        return;
    }
    let since = seen.now();
    for it in seen.sensors.iter_mut().filter(|it| counts(it)) {
        it.failed.get_or_insert(FanFailure { since, cause: Cause::AllStopped });
    }
}
