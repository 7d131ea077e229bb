//! Whether the machine loses its cooling. No I/O, no clock.

use std::collections::BTreeSet;

use super::class::Class;
use super::held::{Cause, Held, Kind, Level, Verdict, What};
use super::median::{median, quartiles};
use super::moment::Moment;
use super::observed::Observed;
use super::record::Episode;
use super::sensors::{watts_ago, watts_between, watts_now};
use super::trend::{Trend, air, rise_in, since_onset};
use super::watched::Watched;

const TICKET: u8 = 2;
const PAGE: u8 = 3;

/// After a start, parts warm for so many seconds.
const BOOT: f64 = 900.0;
/// The air of ASHRAE's class A2 ends here, degrees Celsius.
const HOT_AIR: f64 = 35.0;
/// An episode ends after so many seconds without a further degree.
const LEVELLED: f64 = 3600.0;
/// And not before so many seconds after the last condition held.
const CALM: f64 = 300.0;

/// What may say that cooling is lost, in the order in which one overrules another.
const CONDITIONS: [Condition; 11] = [
    Condition { cause: Cause::AirWarms, holds: 175.0, level: TICKET },
    Condition { cause: Cause::FastRise, holds: 55.0, level: PAGE },
    Condition { cause: Cause::HotAir, holds: 145.0, level: PAGE },
    Condition { cause: Cause::LargeRise, holds: 55.0, level: PAGE },
    Condition { cause: Cause::HeatWithoutLoad, holds: 85.0, level: PAGE },
    Condition { cause: Cause::FanFailed, holds: 55.0, level: PAGE },
    Condition { cause: Cause::AllStopped, holds: 0.0, level: PAGE },
    Condition { cause: Cause::ProcessorsAtLimit, holds: 14.0, level: PAGE },
    Condition { cause: Cause::TwoPartsCritical, holds: 55.0, level: PAGE },
    Condition { cause: Cause::AirCritical, holds: 55.0, level: PAGE },
    Condition { cause: Cause::NonRecoverable, holds: 25.0, level: PAGE },
];

struct Condition {
    cause: Cause,
    /// Seconds that it has to hold.
    holds: f64,
    level: u8,
}

/// Spans of which one is taken for the time that an episode's rise took so far, seconds.
const ONSETS: [u32; 4] = [300, 600, 1200, 1800];

/// What is remembered of a trend from slot to slot.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Slope {
    /// Whether the air is known by an inlet.
    has_inlet: bool,
    /// Which of [`ONSETS`] has the largest rise.
    span: u32,
}

impl Slope {
    fn of(trend: &Trend) -> Self {
        let rise = |span: u32| trend.rise(span).unwrap_or(f64::NEG_INFINITY);
        let largest = |best, span| if rise(span) > rise(best) { span } else { best };
        let span = ONSETS.into_iter().fold(ONSETS[0], largest);
        Self { has_inlet: trend.has_inlet(), span }
    }
}

/// What is known of the machine's cooling.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Cooling {
    pub(super) episode: Option<Episode>,
    /// What is left of the trend at the last slot.
    trend: Option<Slope>,
    /// Since when each of [`CONDITIONS`] holds.
    since: [Option<Moment>; CONDITIONS.len()],
    /// The power, now and before, at the last slot.
    evidence: Vec<(What, f64)>,
    /// The episode is from the last process, and nothing was judged since.
    is_kept: bool,
}

impl Cooling {
    /// With what was kept of an episode.
    pub(super) fn of(episode: Option<Episode>) -> Self {
        Self { is_kept: episode.is_some(), episode, ..Self::default() }
    }

    /// Judges a poll; at the end of a slot also the trends.
    pub(super) fn judge(&mut self, seen: &mut Observed, slot_ended: bool, held: &mut Held) {
        if std::mem::take(&mut self.is_kept)
            && let Some(episode) = &mut self.episode
        {
            // Nobody looked while the exporter was away.
            (episode.seen, episode.rose) = (seen.now(), seen.now());
        }
        if seen.running.is_off() {
            self.since = Default::default();
            self.trend = None;
            self.end(seen, held);
            return;
        }
        if slot_ended {
            let trend = Trend::of(seen);
            self.trends(seen, &trend);
            self.trend = Some(Slope::of(&trend));
        }
        self.limits(seen);
        let now = seen.now();
        let mut reached = CONDITIONS.iter().zip(self.since).filter(|(it, since)| {
            // What rests on trends is looked at once a slot.
            (slot_ended || !it.rests_on_trends())
                && since.is_some_and(|since| now.since(since) >= it.holds)
        });
        if let Some((condition, _)) = reached.next_back() {
            self.reach(seen, condition.level, condition.cause);
        }
        if slot_ended && self.is_over(seen) {
            self.end(seen, held);
        }
        let Some(episode) = self.episode else {
            held.drop(Kind::CoolingLost, None);
            return;
        };
        let mut evidence = self.evidence.clone();
        let rise = since_onset(seen, self.has_inlet());
        evidence.extend(rise.map(|rise| (What::Rise, rise)));
        evidence.extend(air(seen).map(|air| (What::Air, air)));
        let (level, cause, since) = (Level::of(episode.level), episode.cause, episode.since);
        held.hold(Verdict { kind: Kind::CoolingLost, sensor: None, level, cause, since, evidence });
    }

    fn has_inlet(&self) -> bool {
        self.trend.is_some_and(|trend| trend.has_inlet)
    }

    fn set(&mut self, now: Moment, cause: Cause, holds: bool) {
        let place = CONDITIONS.iter().position(|it| it.cause == cause);
        if let Some(since) = place.and_then(|place| self.since.get_mut(place)) {
            *since = if holds { since.or(Some(now)) } else { None };
        }
    }

    fn trends(&mut self, seen: &Observed, trend: &Trend) {
        let now = seen.now();
        let is_old = !seen.boots(BOOT);
        let over = |span| trend.rise(span);
        let (r60, r180, r300, r600) = (over(60), over(180), over(300), over(600));
        let rises = [r300, r600, over(1200), over(1800)];
        let rise = rises.into_iter().flatten().fold(f64::NEG_INFINITY, f64::max);
        let rise = if rise.is_finite() { rise } else { 0.0 };
        let by_inlet = trend.has_inlet();
        let total = match self.episode {
            Some(_) => since_onset(seen, by_inlet).map_or(rise, |total| rise.max(total)),
            None => rise,
        };
        let slow = if by_inlet { 2.4 } else { 1.9 };
        let rising = r300.is_some_and(|r300| {
            r300 >= 1.4 && r180.unwrap_or(0.0) >= 0.6
                || r600.is_some_and(|r600| r600 >= slow) && r300 >= 0.8
        });
        let air = air(seen).filter(|_| trend.inlets > 0);
        self.set(now, Cause::AirWarms, is_old && rising && rise >= 7.0);
        let is_fast = r180.is_some_and(|rise| rise >= 5.0) && r60.unwrap_or(0.0) >= 1.2;
        self.set(now, Cause::FastRise, is_old && is_fast && total >= 10.0);
        let is_hot = air.is_some_and(|air| air >= HOT_AIR);
        self.set(now, Cause::HotAir, is_old && rising && is_hot && rise >= 6.0);
        let far = if by_inlet { 13.0 } else { 12.0 };
        self.set(now, Cause::LargeRise, is_old && rising && total >= far);
        self.set(now, Cause::HeatWithoutLoad, is_old && heat_without_load(seen, trend));
        let (fan, fans) = fans_failed(seen, trend);
        self.set(now, Cause::FanFailed, fan);
        self.set(now, Cause::AllStopped, fans);
        self.evidence.clear();
        self.evidence.extend(watts_now(seen).map(|watts| (What::WattsNow, watts)));
        self.evidence.extend(watts_ago(seen, 630.0).map(|watts| (What::WattsBefore, watts)));
    }

    fn limits(&mut self, seen: &Observed) {
        let (now, clock) = (seen.now(), &seen.clock);
        let counts = |it: &&Watched| {
            !it.is_phantom()
                && it.value().is_some()
                && it.beyond.degree >= 1
                && !it.beyond.from_the_start
        };
        let beyond: Vec<_> = seen.temperatures().filter(counts).collect();
        let critical: Vec<_> = beyond.iter().filter(|it| it.beyond.degree >= 2).collect();
        let at_limit: Vec<_> = beyond.iter().filter(|it| is_at_limit(it)).collect();
        let at_limit = at_limit
            .into_iter()
            .filter(|it| it.rise(clock, 60.0, 1).is_some_and(|rise| rise >= 1.0));
        let at_limit: Vec<_> = at_limit.collect();
        let processors =
            seen.temperatures().filter(|it| it.class == Class::Cpu && it.value().is_some()).count();
        let climbs = |it: &&Watched| {
            !it.class.works()
                && !it.is_phantom()
                && rise_in(it, clock, &[300.0, 180.0]).is_some_and(|rise| rise >= 8.0)
        };
        let is_load = || {
            let before = watts_ago(seen, 300.0);
            watts_now(seen).zip(before).is_some_and(|(now, before)| now > 1.15 * before)
        };
        let at_limits = !at_limit.is_empty()
            && at_limit.len() * 2 > processors
            && seen.temperatures().filter(climbs).count() >= if processors > 1 { 2 } else { 1 }
            && (at_limit.iter().any(|it| it.beyond.degree >= 2) || !is_load())
            && !seen.boots(180.0);
        self.set(now, Cause::ProcessorsAtLimit, at_limits);
        // Processors and memory modules count each, several sensors of another part once.
        let parts: BTreeSet<_> = critical.iter().map(|it| part(it)).collect();
        let climbs =
            critical.iter().any(|it| it.rise(clock, 180.0, 1).is_some_and(|rise| rise >= 1.0));
        self.set(now, Cause::TwoPartsCritical, parts.len() >= 2 && climbs);
        // One that read so when it was first seen may be broken: it takes another sensor that agrees.
        let is_alone = beyond.len() < 2;
        let critical = critical.iter().filter(|it| !(it.is_stuck() && is_alone));
        let (air, fatal) = critical.fold((false, false), |(air, fatal), it| {
            (air || it.class == Class::Inlet, fatal || it.beyond.degree >= 3)
        });
        self.set(now, Cause::AirCritical, air);
        self.set(now, Cause::NonRecoverable, fatal);
    }

    fn reach(&mut self, seen: &mut Observed, level: u8, cause: Cause) {
        let now = seen.now();
        // Without an inlet it is the parts that warm.
        let cause = match cause {
            Cause::AirWarms if !self.has_inlet() => Cause::PartsWarm,
            Cause::AllStopped => Cause::FanFailed,
            cause => cause,
        };
        if let Some(episode) = &mut self.episode {
            if level > episode.level {
                (episode.level, episode.cause) = (level, cause);
            }
            episode.seen = now;
            return;
        }
        self.episode = Some(Episode { level, cause, since: now, seen: now, peak: None, rose: now });
        let ago = f64::from(self.trend.map_or(ONSETS[0], |trend| trend.span)) + 30.0;
        for it in &mut seen.sensors {
            let counts = it.is_temperature() && !it.is_phantom() || it.measure.is_fan();
            let at_onset = it.ago(&seen.clock, ago, 2).or_else(|| it.ago(&seen.clock, 300.0, 2));
            it.set_onset(at_onset.filter(|_| counts));
        }
    }

    /// Whether the episode is over: the rise is half gone, or it grows no more.
    fn is_over(&mut self, seen: &Observed) -> bool {
        let by_inlet = self.has_inlet();
        let Some(episode) = &mut self.episode else { return false };
        let (now, rise) = (seen.now(), since_onset(seen, by_inlet));
        if let Some(rise) = rise
            && episode.peak.is_none_or(|peak| rise >= peak + 1.0)
        {
            (episode.peak, episode.rose) = (Some(rise), now);
        }
        let calm = now.since(episode.seen);
        let peak = episode.peak.unwrap_or(0.0);
        let is_half = episode.peak.zip(rise).is_some_and(|(peak, rise)| rise < 0.5 * peak);
        let is_back = is_half && peak >= 4.0;
        let has_levelled = is_half && calm > CALM
            || now.since(episode.rose) > LEVELLED
            || peak < 4.0 && calm > 600.0;
        // What levelled while most fans stand still is as hot as before.
        calm >= CALM && (is_back || has_levelled && !most_fans_failed(seen))
    }

    fn end(&mut self, seen: &mut Observed, held: &mut Held) {
        if self.episode.take().is_some() {
            for it in &mut seen.sensors {
                it.set_onset(None);
            }
        }
        held.drop(Kind::CoolingLost, None);
    }
}

impl Condition {
    fn rests_on_trends(&self) -> bool {
        !matches!(
            self.cause,
            Cause::ProcessorsAtLimit
                | Cause::TwoPartsCritical
                | Cause::AirCritical
                | Cause::NonRecoverable
        )
    }
}

/// Parts warm though the air is cool, the power as before, and the fans no slower.
fn heat_without_load(seen: &Observed, trend: &Trend) -> bool {
    if trend.inlets == 0 || trend.parts + trend.workers < 3 {
        return false;
    }
    let (last, long) = (trend.over(60), trend.over(300));
    let power = |first, last| watts_between(seen, first, last);
    let most = power(30, 300).max_by(f64::total_cmp);
    let lowest = power(330, 630).min_by(f64::total_cmp).unwrap_or(0.0);
    long.watts.is_some()
        && most.is_some_and(|most| most < 1.08 * lowest)
        && long.fans.is_none_or(|gain| gain >= 0.95)
        && quartiles(long.all()).is_some_and(|(low, _)| low >= 8.0)
        && last.inlet.unwrap_or(0.0) < 1.0
        && median(last.all()).unwrap_or(0.0) >= 0.8
}

/// Whether a fan failed and parts warm, and whether most failed and one warms.
fn fans_failed(seen: &Observed, trend: &Trend) -> (bool, bool) {
    let failed = seen.system_fans().filter(|it| it.failed().is_some()).count();
    if failed == 0 {
        return (false, false);
    }
    let rises = trend.over(300);
    let (parts, warm) = (rises.all().count(), rises.all().filter(|rise| *rise >= 5.0).count());
    let is_load = rises.watts.is_some_and(|share| share >= 0.15);
    let still_warms = median(trend.over(60).all()).unwrap_or(0.0) > 0.0;
    let one = (warm >= 3 || warm >= 2 && parts <= 4) && !is_load && still_warms;
    // Fans count as failed once that is certain: there is nothing to wait for.
    (one, most_fans_failed(seen) && warm >= 1 && still_warms)
}

fn most_fans_failed(seen: &Observed) -> bool {
    let failed = seen.system_fans().filter(|it| it.failed().is_some()).count();
    let all = seen.system_fans().filter(|it| !it.is_gone()).count();
    failed > 0 && failed * 2 > all
}

fn is_at_limit(it: &Watched) -> bool {
    let Some((warning, value)) = it.limits.warning().zip(it.accepted()) else { return false };
    let warning = f64::from(warning);
    let critical = it.limits.critical().map_or(warning + 6.0, f64::from);
    it.class == Class::Cpu && (it.beyond.degree >= 2 || value >= f64::midpoint(warning, critical))
}

/// What tells a part from another.
fn part(it: &Watched) -> String {
    match it.class {
        Class::Cpu | Class::Memory => format!("{} {}", it.known.id, it.known.name),
        class => format!("{class:?}"),
    }
}
