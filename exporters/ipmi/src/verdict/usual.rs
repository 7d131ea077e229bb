//! What is usual for each sensor, learnt once a slot. No I/O, no clock.

use super::history::SLOT;
use super::measure::{Measure, small};
use super::median::median;
use super::observed::Observed;
use super::phantom::unusual;
use super::sensors::watts_now;
use super::watched::Watched;

/// Seconds in which a usual value follows.
const FOLLOWS_IN: f64 = 21_600.0;
/// Seconds in which a fan's share of its peers follows: three days.
const SHARE_FOLLOWS_IN: f64 = 259_200.0;
/// The same while it runs too slowly, so that a bearing that dies slowly is seen: thirty days.
const SLOW_SHARE_FOLLOWS_IN: f64 = 2_592_000.0;
/// A fan below this much of its usual share teaches nothing.
const TOO_SLOW: f64 = 0.7;
/// Seconds of a day.
const DAY: f64 = 86_400.0;

/// Learns from so many slots that were just closed, and finds what is unusual for a sensor.
pub(super) fn learn(seen: &mut Observed, closed: usize) {
    let seconds = closed as f64 * SLOT;
    let boots = seen.boots(600.0);
    if seen.running.is_on() && !boots {
        learn_watts(seen, seconds);
    }
    for place in 0..seen.sensors.len() {
        let it = &seen.sensors[place];
        let is_read = it.believed().is_some() && it.pending().is_none();
        if !is_read || seen.running.is_off() {
            continue;
        }
        if !seen.boots(300.0) {
            let readable = &mut seen.sensors[place].readable;
            *readable = small((f64::from(*readable) + seconds).min(DAY));
        }
        if boots || seen.sensors[place].is_phantom() {
            continue;
        }
        match seen.sensors[place].measure {
            Measure::Temperature => {
                if !unusual(seen, place) && seen.sensors[place].phantom().is_none() {
                    learn_temperature(&mut seen.sensors[place], seconds);
                }
            }
            Measure::Rpm | Measure::Ratio => learn_fan(seen, place, seconds),
            Measure::Watts | Measure::Amperes | Measure::Other | Measure::None => {}
        }
    }
}

fn learn_watts(seen: &mut Observed, seconds: f64) {
    let Some(watts) = watts_now(seen) else { return };
    let usual = seen.usual_watts.unwrap_or(watts);
    seen.usual_watts = Some(usual + (watts - usual) * (seconds / FOLLOWS_IN).min(0.2));
}

fn learn_temperature(it: &mut Watched, seconds: f64) {
    let Some(value) = it.accepted() else { return };
    let Some(heat) = it.heat_mut() else { return };
    heat.observed += small(seconds);
    heat.usual = Some(follow(heat.usual, heat.observed, value, seconds));
    let highest = heat.highest.get().map_or(value, |it| value.max(it - seconds / DAY));
    heat.highest = Some(highest).into();
}

/// The usual value after so many seconds at this one: quick at first, then in hours.
fn follow(usual: Option<f32>, observed: f32, value: f64, seconds: f64) -> f32 {
    let before = usual.map_or(value, f64::from);
    let share = share(f64::from(observed), seconds, FOLLOWS_IN);
    small(before + (value - before) * share)
}

fn share(observed: f64, seconds: f64, follows_in: f64) -> f64 {
    (seconds / follows_in).max((seconds / observed).min(0.5))
}

fn learn_fan(seen: &mut Observed, place: usize, seconds: f64) {
    let it = &seen.sensors[place];
    let Some(speed) = it.value() else { return };
    let peers = || {
        let others = seen.sensors.iter().enumerate().filter(|(other, _)| *other != place);
        let fans = others.filter(|(_, fan)| fan.is_system_fan() && fan.measure == it.measure);
        median(fans.filter_map(|(_, fan)| fan.value())).filter(|peers| *peers != 0.0)
    };
    let peers = if it.is_system_fan() { peers() } else { None };
    let minutes = [30.0, 90.0, 150.0, 210.0, 270.0].map(|ago| it.ago(&seen.clock, ago, 1));
    let held =
        minutes.into_iter().try_fold(f64::NEG_INFINITY, |most, speed| Some(most.max(speed?)));
    let is_on = seen.running.is_on();
    let still = standstill(it.measure);

    let Some(fan) = seen.sensors[place].fan_mut() else { return };
    let is_suspected = fan.failed.is_some() || fan.failing.is_some();
    fan.observed += small(seconds);
    let observed = f64::from(fan.observed);
    let mut is_well = true;
    if let Some(peers) = peers {
        let now = speed / peers;
        let before = fan.share.map_or(now, f64::from);
        is_well = fan.share.is_none() || now >= TOO_SLOW * before || observed <= 600.0;
        let gain = if is_well {
            share(observed, seconds, SHARE_FOLLOWS_IN)
        } else {
            seconds / SLOW_SHARE_FOLLOWS_IN
        };
        fan.share = Some(small(before + (now - before) * gain));
    }
    if is_suspected {
        return;
    }
    fan.usual = Some(follow(fan.usual, fan.observed, speed, seconds));
    let Some(held) = held.filter(|_| is_on) else { return };
    if held <= still {
        fan.stood += if speed == 0.0 { small(seconds) } else { 0.0 };
    } else if (is_well || observed < 1800.0)
        && fan.lowest.is_none_or(|lowest| held < f64::from(lowest))
    {
        fan.lowest = Some(small(held));
    }
}

/// A fan at this speed or below stands still.
pub(super) fn standstill(measure: Measure) -> f64 {
    if measure == Measure::Ratio { 0.001 } else { 1.0 }
}
