//! What becomes of a phantom: whether it lasts, and whether the fans follow it. No I/O, no clock.

use std::sync::Arc;

use super::class::Class;
use super::held::{Cause, Held, Kind, Level, Verdict, What};
use super::measure::Measure;
use super::median::median;
use super::observed::Observed;
use super::phantom::{MOST, SHARE, those, told};
use super::record::Phantom;
use super::sensors::{enough, neighbours, run_up, watts_now};
use super::watched::Watched;

/// The fans answer a phantom within so many seconds.
const ANSWER: f64 = 900.0;
/// A drive that came warm was put in less than so many seconds ago.
const WARM_DRIVE: f64 = 1200.0;
/// One that has cooled by this share of its jump until then, and by so many degrees, goes on as one for as long
/// again: a sensor that lies stays where it is.
const COOLED: f64 = 0.25;
const COOLED_DEGREES: f64 = 3.0;
/// A sensor that gives no value for so many seconds is a phantom no more.
const UNREADABLE: f64 = 600.0;
/// For so many seconds the other parts may still follow, which makes it true.
const DOUBT: f64 = 1800.0;

/// Goes on with each phantom of the machine.
pub(super) fn phantoms(seen: &mut Observed, held: &mut Held) {
    let mut room = MOST.saturating_sub(told(seen));
    let mut others = [None; MINUTES + 1];
    for place in 0..seen.sensors.len() {
        let it = &mut seen.sensors[place];
        if !it.is_temperature() {
            continue;
        }
        let Some(mut phantom) = it.heat_mut().and_then(|heat| heat.phantom.take()) else {
            held.drop(Kind::PhantomTemperature, Some(&it.known));
            held.drop(Kind::FansFollowPhantom, Some(&it.known));
            continue;
        };
        let known = Arc::clone(&it.known);
        if phantom.is_spare && room > 0 {
            (phantom.is_spare, room) = (false, room - 1);
        }
        match go_on(seen, place, &mut phantom, &mut others) {
            Fate::Over => {
                room += usize::from(!phantom.is_spare);
                held.drop(Kind::PhantomTemperature, Some(&known));
                held.drop(Kind::FansFollowPhantom, Some(&known));
                continue;
            }
            Fate::Unsaid => {}
            Fate::Said if phantom.is_spare => {}
            Fate::Said => say(seen, place, &phantom, held),
        }
        if let Some(heat) = seen.sensors[place].heat_mut() {
            heat.phantom = Some(phantom);
        }
    }
}

enum Fate {
    /// It is no phantom any more.
    Over,
    /// Nothing new is said of it.
    Unsaid,
    /// It is held.
    Said,
}

/// By how much the parts that are believed rose in so many minutes, as far as it was asked in this poll: a
/// machine can have a thousand phantoms, each of another age.
type Others = [Option<Option<f64>>; MINUTES + 1];

/// Minutes of [`DOUBT`].
const MINUTES: usize = 30;

fn others_rose(seen: &Observed, it: &Watched, age: f64, known: &mut Others) -> Option<f64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and positive"
    )]
    let minutes = (((age + 60.0) / 60.0).round_ties_even() as usize).min(MINUTES);
    *known[minutes].get_or_insert_with(|| {
        #[cfg(test)]
        LOOKS.set(LOOKS.get() + 1);
        let span = minutes as f64 * 60.0;
        let rise = |it: &Watched| Some(it.value()? - it.ago(&seen.clock, span, 2)?);
        median(neighbours(&seen.sensors, it).filter_map(rise))
    })
}

#[cfg(test)]
thread_local! {
    /// How often the other parts were looked at.
    pub(super) static LOOKS: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

fn go_on(seen: &Observed, place: usize, phantom: &mut Phantom, others: &mut Others) -> Fate {
    let (now, it) = (seen.now(), &seen.sensors[place]);
    let is_gone = it.gone().is_some_and(|(_, polls)| polls >= 2);
    if is_gone || it.unreadable.is_some_and(|since| now.since(since) > UNREADABLE) {
        return Fate::Over;
    }
    if seen.running.is_off() {
        return Fate::Unsaid;
    }
    let age = now.since(phantom.since);
    if let Some(value) = it.believed().filter(|_| it.pending().is_none()) {
        let is_low = value <= f64::midpoint(phantom.base, phantom.top);
        phantom.low = if is_low { phantom.low + 1 } else { 0 };
        if phantom.low >= 2 {
            return Fate::Over;
        }
        if age < 120.0 {
            phantom.top = phantom.top.max(value.min(phantom.top + 20.0));
        }
    }
    let is_air = matches!(it.class, Class::Inlet | Class::Exhaust);
    if (is_air || matches!(it.class, Class::Board | Class::Memory)) && age < DOUBT {
        let others = others_rose(seen, it, age, others);
        if age >= 60.0 && others.is_some_and(|rise| rise >= SHARE * (phantom.top - phantom.base)) {
            return Fate::Over;
        }
        // Air can jump at one machine: it is waited for what follows.
        if is_air && age < 90.0 && !phantom.told {
            return Fate::Unsaid;
        }
    }
    phantom.told = true;
    follow(seen, it, phantom, age);
    Fate::Said
}

/// Whether the fans follow.
fn follow(seen: &Observed, it: &Watched, phantom: &mut Phantom, age: f64) {
    let now = seen.now();
    if phantom.fans.is_empty() {
        return;
    }
    let speeds = those(seen, &phantom.fans)
        .filter_map(|(fan, base)| Some((fan.measure, base, fan.value()?)));
    let (up, half, all) = run_up(speeds);
    let enough = enough(all);
    if phantom.followed.is_some() {
        if half >= enough {
            phantom.calming = None;
        } else if now.since(*phantom.calming.get_or_insert(now)) >= 60.0 {
            (phantom.followed, phantom.calming, phantom.following) = (None, None, None);
        }
        return;
    }
    let was_seen_to_jump = matches!(phantom.cause, Cause::Jump | Cause::Ramp);
    if up < enough || was_seen_to_jump && age > ANSWER {
        phantom.following = None;
        return;
    }
    let (since, polls) = phantom.following.map_or((now, 1), |(since, polls)| (since, polls + 1));
    phantom.following = Some((since, polls));
    // A load would explain it, and shows in the processors first.
    let processors = seen.temperatures().filter(|it| it.class == Class::Cpu);
    let hotter = median(processors.filter_map(Watched::believed))
        .zip(phantom.processors)
        .map_or(0.0, |(now, before)| now - before);
    let wait =
        if may_be_a_warm_drive(it, phantom) { 300.0 } else { (0.9 * seen.interval).min(10.0) };
    if hotter < 8.0 && polls >= 2 && now.since(since) >= wait {
        phantom.followed = Some(since);
    }
}

/// A drive from another machine comes warm.
fn may_be_a_warm_drive(it: &Watched, phantom: &Phantom) -> bool {
    it.class == Class::Hdd && phantom.top <= 55.0 && phantom.top - phantom.base < 20.0
}

fn has_cooled(it: &Watched, phantom: &Phantom) -> bool {
    let cooler = (COOLED * (phantom.top - phantom.base)).max(COOLED_DEGREES);
    it.believed().is_some_and(|value| value <= phantom.top - cooler)
}

fn say(seen: &Observed, place: usize, phantom: &Phantom, held: &mut Held) {
    let it = &seen.sensors[place];
    let sensor = Some(Arc::clone(&it.known));
    let age = seen.now().since(phantom.since);
    let may_be_new = age < WARM_DRIVE || age < 2.0 * WARM_DRIVE && has_cooled(it, phantom);
    let is_young = phantom.followed.is_none() && may_be_new;
    let (level, cause) = match phantom.cause {
        Cause::Boot => (Level::Info, Cause::Boot),
        _ if is_young && may_be_a_warm_drive(it, phantom) => (Level::Info, Cause::WarmDrive),
        cause => (Level::Ticket, cause),
    };
    let mut evidence = vec![(What::Base, phantom.base), (What::Limit, phantom.limit)];
    evidence.extend(it.believed().map(|now| (What::Now, now)));
    evidence.extend(phantom.rate.map(|rate| (What::Rate, rate)));
    let kind = Kind::PhantomTemperature;
    held.hold(Verdict {
        kind,
        sensor: sensor.clone(),
        level,
        cause,
        since: phantom.since,
        evidence,
    });

    let Some(since) = phantom.followed else {
        held.drop(Kind::FansFollowPhantom, sensor.as_ref());
        return;
    };
    // Machines that give both percent and rpm are told in percent.
    let fans: Vec<_> = those(seen, &phantom.fans).collect();
    let has_ratios = fans.iter().any(|(fan, _)| fan.measure == Measure::Ratio);
    let told = fans.iter().filter(|(fan, _)| !has_ratios || fan.measure == Measure::Ratio);
    let pairs: Vec<_> = told.filter_map(|(fan, base)| Some((*base, fan.value()?))).collect();
    let mean = |of: fn(&(f64, f64)) -> f64| {
        pairs.iter().map(of).sum::<f64>() / (pairs.len().max(1) as f64)
    };
    let mut evidence = Vec::new();
    if !pairs.is_empty() {
        evidence.push((What::FansBefore, mean(|pair| pair.0)));
        evidence.push((What::FansNow, mean(|pair| pair.1)));
    }
    evidence.extend(phantom.watts.map(|watts| (What::WattsBefore, watts)));
    evidence.extend(watts_now(seen).map(|watts| (What::WattsNow, watts)));
    let level = if phantom.cause == Cause::Boot { Level::Info } else { Level::Page };
    let kind = Kind::FansFollowPhantom;
    held.hold(Verdict { kind, sensor, level, cause: Cause::FansUp, since, evidence });
}
