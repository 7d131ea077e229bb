//! What the BMC's own limits say. No I/O, no clock.

use std::sync::Arc;

use super::class::Class;
use super::held::{Cause, Held, Kind, Level, Verdict, What};
use super::moment::Moment;
use super::observed::Observed;
use super::stuck::Stuck;
use super::watched::Watched;
use crate::sensor::Severity;

/// Just below a limit is so many degrees below it.
const NEAR: f64 = 3.0;
/// A value that was beyond a limit is back when it is back by that share of it.
const SLACK: f64 = 0.02;
/// Normal for so many seconds, a sensor that was above its warning from the start is like any other.
const NORMAL: f64 = 600.0;

/// Judges each sensor by its limits.
pub(super) fn judge(seen: &mut Observed, held: &mut Held) {
    let (now, interval, is_off) = (seen.now(), seen.interval, seen.running.is_off());
    for it in &mut seen.sensors {
        implausible(it, now, held);
        if it.measure.is_fan() {
            continue;
        }
        let Some(value) = it.believed().filter(|_| it.pending().is_none()) else {
            let is_lost =
                it.is_gone() || it.unreadable.is_some_and(|since| now.since(since) > 300.0);
            if is_lost {
                (it.beyond.degree, it.beyond.since, it.beyond.polls) = (0, None, 0);
                held.drop(Kind::LimitExceeded, Some(&it.known));
                held.drop(Kind::NearSilentLimit, Some(&it.known));
            }
            continue;
        };
        note(it, now, value);
        exceeded(it, now, value, interval, is_off, held);
        near(it, now, value, held);
    }
}

/// How far a value is beyond its limits, as the BMC says; by the limits where it says nothing.
fn degree(it: &Watched, value: f64) -> u8 {
    let is_at = |limit: Option<f32>| limit.is_some_and(|limit| value >= f64::from(limit));
    if !it.is_temperature() {
        let said = it.severity.unwrap_or(Severity::Nominal);
        let borne_out = |value| it.limits.bear_out(said, value) as u8;
        // A BMC takes its word back when the value is back by some more than the limit.
        let nearly = borne_out(value * (1.0 - SLACK)).max(borne_out(value * (1.0 + SLACK)));
        return borne_out(value).max(nearly.min(it.beyond.degree));
    }
    if it.limits.warning().is_none() && it.limits.critical().is_none() {
        return 0;
    }
    let is_fatal = is_at(it.limits.fatal()) && it.limits.fatal() != it.limits.critical();
    let by_limits = match () {
        () if is_fatal => 3,
        () if is_at(it.limits.critical()) => 2,
        () if is_at(it.limits.warning()) => 1,
        () => 0,
    };
    match it.severity.filter(|_| !it.limits.are_implausible()) {
        // The BMC knows critical and non-recoverable as one.
        Some(Severity::Critical) if is_fatal => 3,
        Some(severity) => severity as u8,
        None => by_limits,
    }
}

fn note(it: &mut Watched, now: Moment, value: f64) {
    let degree = degree(it, value);
    // Warning limits are set for many a part that lives above them. Nobody sets a critical one so, and
    // what the air and the voltages are, nothing in the machine has chosen.
    let is_temperature = it.is_temperature();
    let may_live_there = is_temperature && it.class != Class::Inlet;
    let beyond = &mut it.beyond;
    if !beyond.judged {
        beyond.judged = true;
        beyond.from_the_start = degree >= 1 && may_live_there;
        if degree >= 2 {
            it.hold_stuck(Stuck::default());
        }
    }
    if let Some(stuck) = it.stuck_mut() {
        stuck.read(now, value);
    }
    let beyond = &mut it.beyond;
    beyond.from_the_start &= degree < 2;
    if degree != beyond.degree {
        if degree == 0 || degree > beyond.degree {
            (beyond.since, beyond.polls) = (Some(now), 0);
        }
        beyond.degree = degree;
    }
    beyond.polls = beyond.polls.saturating_add(1);
    let age = beyond.since.map_or(0.0, |since| now.since(since));
    if degree == 0 && age > NORMAL {
        beyond.from_the_start = false;
        it.forget_stuck();
    }
    if degree > 0 && !it.is_phantom() {
        it.beyond.since.get_or_insert(now);
    }
}

fn exceeded(
    it: &mut Watched,
    now: Moment,
    value: f64,
    interval: f64,
    is_off: bool,
    held: &mut Held,
) {
    let beyond = it.beyond;
    let age = beyond.since.map_or(0.0, |since| now.since(since));
    let polls = if interval > 25.0 { 2 } else { 3 };
    let warns_after = if it.class == Class::Inlet { 115.0 } else { 300.0 };
    let level = match beyond.degree {
        2.. if age >= 55.0 && beyond.polls >= polls => Some(Level::Ticket),
        1 if age >= warns_after && it.class.runs_hot() => Some(Level::Info),
        1 if age >= warns_after => Some(Level::Ticket),
        _ => None,
    };
    let is_silent = it.is_phantom() || is_off && it.class != Class::Inlet;
    let level = level
        .filter(|_| !is_silent)
        .map(|level| if beyond.from_the_start { Level::Info } else { level });
    if let Some(level) = level {
        let before = held.level(Kind::LimitExceeded, &it.known);
        let level = if beyond.degree >= 2 {
            before.map_or(level, |before| before.max(level))
        } else {
            level
        };
        // The BMC may go on saying so a little below its limit.
        let (cause, severity, upper) = match beyond.degree {
            3 => (Cause::NonRecoverable, Severity::Nominal, it.limits.fatal()),
            2 => (Cause::Critical, Severity::Critical, it.limits.critical()),
            _ => (Cause::NonCritical, Severity::Warning, it.limits.warning()),
        };
        let upper = upper.filter(|_| it.is_temperature());
        let limit = it.limits.beyond(severity, value).or(upper);
        let mut evidence = vec![(What::Now, value)];
        evidence.extend(limit.map(|limit| (What::Limit, f64::from(limit))));
        let (sensor, since) = (Some(Arc::clone(&it.known)), beyond.since.unwrap_or(now));
        held.hold(Verdict { kind: Kind::LimitExceeded, sensor, level, cause, since, evidence });
    } else if beyond.degree == 0 && beyond.since.is_some() && age >= 60.0 || is_silent {
        held.drop(Kind::LimitExceeded, Some(&it.known));
    }
}

fn near(it: &mut Watched, now: Moment, value: f64, held: &mut Held) {
    let limit =
        it.limits.warning().map(f64::from).filter(|_| it.is_temperature() && !it.class.runs_hot());
    let Some(limit) = limit.filter(|limit| value >= limit - NEAR && value < *limit) else {
        it.beyond.near = None;
        held.drop(Kind::NearSilentLimit, Some(&it.known));
        return;
    };
    let since = *it.beyond.near.get_or_insert(now);
    if now.since(since) >= 300.0 {
        let evidence = vec![(What::Now, value), (What::Limit, limit)];
        let (sensor, level, cause) = (Some(Arc::clone(&it.known)), Level::Info, Cause::NearLimit);
        held.hold(Verdict { kind: Kind::NearSilentLimit, sensor, level, cause, since, evidence });
    }
}

fn implausible(it: &Watched, now: Moment, held: &mut Held) {
    if !it.limits.are_implausible() || it.is_gone() {
        held.drop(Kind::ThresholdsImplausible, Some(&it.known));
        return;
    }
    held.hold(Verdict {
        kind: Kind::ThresholdsImplausible,
        sensor: Some(Arc::clone(&it.known)),
        level: Level::Info,
        cause: Cause::Contradictory,
        since: now,
        evidence: Vec::new(),
    });
}
