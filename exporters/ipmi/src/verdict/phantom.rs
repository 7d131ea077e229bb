//! Temperatures that their parts cannot have. No I/O, no clock.
//!
//! What tells a phantom from a fire is not the height of a temperature but its slope, and what the
//! parts beside it do: a disk that takes 10 W cannot warm by more than 0.03 degrees a second, and a
//! step of 34 degrees between two polls 5 s apart would need 4 kW in it.

use std::sync::Arc;

use super::class::{Class, Physics};
use super::held::Cause;
use super::median::median;
use super::moment::Moment;
use super::observed::Observed;
use super::record::Phantom;
use super::sensors::{common_rise, enough, neighbours, run_up, that_did_not_jump, warmed, watts};
use super::watched::Watched;
use crate::inventory::Known;

/// A gap longer than this hides how long a rise took; seconds.
const LONG_GAP: f64 = 60.0;
/// After a start all parts warm for so many seconds.
const BOOT: f64 = 600.0;
/// Seconds that a baseline was learnt from before it proves anything.
const LEARNT: f64 = 1800.0;

/// So many are told of one machine. What more there are says no more, and each costs time in every poll:
/// it is not believed either, and that is all.
pub(super) const MOST: usize = 32;
/// Degrees by which others are warmer when they warm, and the share of a jump by which they have to be, where it is large.
const WARMER: f64 = 3.0;
pub(super) const SHARE: f64 = 0.2;
/// Of so many fans it is remembered how fast they turned. Real machines have half as many.
const MOST_FANS: usize = 64;

/// Judges and accepts the jumps that this poll confirmed, at these places, of which the least comes first.
pub(super) fn jumps(seen: &mut Observed, jumped: &[usize]) {
    let mut room = MOST.saturating_sub(told(seen));
    let mut around = None;
    for &place in jumped {
        if room > 0 {
            around = None;
        }
        if let Some(phantom) = jump(seen, place, jumped, &mut around, room == 0) {
            room -= usize::from(!phantom.is_spare);
            seen.sensors[place].hold_phantom(phantom);
        }
    }
}

/// How many phantoms of the machine are told, candidates included.
pub(super) fn told(seen: &Observed) -> usize {
    seen.sensors.iter().filter_map(Watched::phantom).filter(|it| !it.is_spare).count()
}

/// What the other sensors do.
#[derive(Clone, Copy)]
struct Around {
    /// The rise that they share.
    common: Option<f64>,
    /// How many of them warm, and of how many.
    warmed: (usize, usize),
}

/// Judges one that jumped, and accepts it. Of one that is spare, what is `around` is that of the last,
/// if there was one: they jumped in the same poll.
fn jump(
    seen: &mut Observed,
    place: usize,
    jumped: &[usize],
    around: &mut Option<Around>,
    is_spare: bool,
) -> Option<Phantom> {
    let now = seen.now();
    let it = &mut seen.sensors[place];
    let (value, base) = (it.value()?, it.accepted()?);
    let heat = it.heat_mut()?;
    let (first, read, refresh) =
        (heat.pending.take()?.since, heat.accepted_at, f64::from(heat.refresh));
    it.accept(now, value);
    if value <= base || !seen.running.is_on() {
        return None;
    }
    let it = &seen.sensors[place];
    let physics = it.physics()?;
    if it.is_phantom() {
        return None;
    }
    let took = read.map(|read| first.since(read).max(0.0));
    let is_long = took.is_none_or(|took| took > LONG_GAP);
    let allowed = match (took, physics.cap) {
        (_, None) if is_long => return None,
        (None, cap) => cap?,
        (Some(took), cap) => {
            let refresh = if took < LONG_GAP { refresh } else { 0.0 };
            let allowed = physics.offset + physics.rate * (took + refresh);
            if is_long { cap.map_or(allowed, |cap| allowed.min(cap)) } else { allowed }
        }
    };
    let rate = took.map(|took| (value - base) / took.max(1.0));
    if seen.boots(BOOT) {
        // While everything warms, only the drives' own figures tell: a candidate for them.
        let is_disk = matches!(it.class, Class::Hdd | Class::Ssd);
        let is_candidate = is_disk && value - base > allowed && !is_spare;
        return is_candidate.then(|| record(seen, first, base, value, rate, allowed, Cause::Boot));
    }
    let around = *around.get_or_insert_with(|| {
        let (sensors, clock) = (&seen.sensors, &seen.clock);
        let others = || that_did_not_jump(sensors, it, jumped);
        // So quickly nothing warms as far as a jump has to go: only after a gap may all have.
        let common = if is_long {
            common_rise(neighbours(sensors, it), clock, read)
        } else {
            common_rise(others(), clock, read)
        };
        // By less of the jump a job warms them that began just then.
        let least = WARMER.max(SHARE * (value - base));
        Around { common, warmed: warmed(others(), clock, least) }
    });
    let common = around.common.filter(|_| it.class.shares_its_air());
    if value - base - common.unwrap_or(0.0).max(0.0) <= allowed || others_warm(it, around) {
        return None;
    }
    if is_spare {
        return Some(spare(first, base, value, rate, allowed, Cause::Jump));
    }
    let mut phantom = record(seen, first, base, value, rate, allowed, Cause::Jump);
    if took.is_none() {
        // What the fans did before is known from the last process alone.
        (phantom.fans, phantom.processors) = (fans(seen, None), processors(seen, None));
        phantom.following = None;
    }
    Some(phantom)
}

/// Whether so much else warms that it is no phantom.
fn others_warm(it: &Watched, Around { common, warmed: (warm, all) }: Around) -> bool {
    if it.class == Class::Hdd {
        return common.is_some_and(|common| common >= 5.0);
    }
    warm as f64 >= (0.3 * all as f64).max(2.0)
}

/// Looks, once a slot, for what no jump shows: a ramp in small steps, and a value far above all that
/// was usual when the sensor is seen again after a start.
pub(super) fn unusual(seen: &mut Observed, place: usize) -> bool {
    let it = &seen.sensors[place];
    let (Some(accepted), Some(physics)) = (it.accepted(), it.physics()) else { return false };
    let found = above_usual(seen, it, accepted, physics)
        .or_else(|| if it.phantom().is_some() { None } else { ramp(seen, it, accepted, physics) });
    let is_found = found.is_some();
    if let Some(phantom) = found {
        let is_told = it.phantom().is_some_and(|it| !it.is_spare) || told(seen) < MOST;
        let Phantom { since, base, top, rate, limit, cause, .. } = phantom;
        let spare = || spare(since, base, top, rate, limit, cause);
        seen.sensors[place].hold_phantom(if is_told { phantom } else { spare() });
    }
    is_found
}

fn above_usual(seen: &Observed, it: &Watched, accepted: f64, physics: Physics) -> Option<Phantom> {
    let (cap, highest) = (physics.cap?, it.heat()?.highest.get()?);
    let is_new = seen.now().since(seen.clock.born) < 300.0 || seen.boots(1200.0);
    let is_air = matches!(it.class, Class::Inlet | Class::Exhaust);
    if f64::from(it.observed()) < LEARNT || is_air || !is_new || accepted - highest <= cap {
        return None;
    }
    let off = |it: &Watched| Some(it.value()? - it.heat()?.highest.get()?);
    let is_usual_else = median(neighbours(&seen.sensors, it).filter_map(off))? < 6.0;
    let base = it.usual().unwrap_or(highest);
    is_usual_else.then(|| record(seen, seen.now(), base, accepted, None, cap, Cause::AboveUsual))
}

fn ramp(seen: &Observed, it: &Watched, accepted: f64, physics: Physics) -> Option<Phantom> {
    let is_slow_part = matches!(it.class, Class::Hdd | Class::Memory | Class::Board | Class::Inlet);
    if !is_slow_part || seen.boots(900.0) {
        return None;
    }
    let then = seen.now().after(-60.0);
    let before = it.ago(&seen.clock, 60.0, 1)?;
    let others = || neighbours(&seen.sensors, it);
    let common = common_rise(others(), &seen.clock, Some(then))?.max(0.0);
    let allowed = physics.offset + physics.rate * (90.0 + f64::from(it.heat()?.refresh)) + 3.0;
    let is_ramp =
        accepted - before - common > allowed && warmed(others(), &seen.clock, WARMER).0 < 2;
    let rate = Some((accepted - before) / 60.0);
    let limit = physics.offset + physics.rate * 90.0;
    is_ramp.then(|| record(seen, then, before, accepted, rate, limit, Cause::Ramp))
}

fn record(
    seen: &Observed,
    since: Moment,
    base: f64,
    top: f64,
    rate: Option<f64>,
    limit: f64,
    cause: Cause,
) -> Phantom {
    // Before a boot there were other speeds; what is usual is what counts then.
    let then = matches!(cause, Cause::Jump | Cause::Ramp).then_some(since);
    let fans = fans(seen, then);
    // They may have run up since the first false reading, while that waited to be confirmed.
    let previous = those(seen, &fans)
        .filter_map(|(fan, base)| Some((fan.measure, base, fan.fan()?.previous.get()?)));
    let (up, _, all) = run_up(previous);
    let ran_up = cause == Cause::Jump && all > 0.0 && up >= enough(all);
    let following = ran_up.then(|| (seen.now().after(-seen.interval), 1));
    let before = watts(seen, |it| it.before(&seen.clock, since)).filter(|watts| *watts > 0.0);
    Phantom {
        is_spare: false,
        fans,
        processors: processors(seen, then),
        watts: before.or(seen.usual_watts),
        following,
        ..spare(since, base, top, rate, limit, cause)
    }
}

/// One of too many: only the jump is remembered of it.
fn spare(
    since: Moment,
    base: f64,
    top: f64,
    rate: Option<f64>,
    limit: f64,
    cause: Cause,
) -> Phantom {
    Phantom {
        base,
        top,
        since,
        rate,
        limit,
        cause,
        told: false,
        is_spare: true,
        fans: Vec::new(),
        processors: None,
        watts: None,
        followed: None,
        following: None,
        calming: None,
        low: 0,
    }
}

/// Each system fan's speed before `then`; what is usual where that is not known.
fn fans(seen: &Observed, then: Option<Moment>) -> Vec<(Arc<Known>, f64)> {
    let speed = |it: &Watched| {
        let before = then.and_then(|then| it.before(&seen.clock, then));
        Some((Arc::clone(&it.known), before.or(it.usual())?))
    };
    seen.system_fans().filter_map(speed).take(MOST_FANS).collect()
}

/// These fans, each with its speed before. They stand in the order of the sensors, as a rule: then none is
/// looked for twice.
pub(super) fn those<'a>(
    seen: &'a Observed,
    fans: &'a [(Arc<Known>, f64)],
) -> impl Iterator<Item = (&'a Watched, f64)> {
    let mut next = 0;
    fans.iter().filter_map(move |(known, base)| {
        let is_it = |it: &&Watched| it.is_system_fan() && it.known == *known;
        let (before, behind) = seen.sensors.split_at(next.min(seen.sensors.len()));
        let place = behind.iter().position(|it| is_it(&it)).map(|place| next + place);
        let place = place.or_else(|| before.iter().position(|it| is_it(&it)))?;
        next = place + 1;
        Some((&seen.sensors[place], *base))
    })
}

/// The processors' median before `then`; what is usual where that is not known.
fn processors(seen: &Observed, then: Option<Moment>) -> Option<f64> {
    let processors = seen.temperatures().filter(|it| it.class == Class::Cpu);
    median(
        processors
            .filter_map(|it| then.and_then(|then| it.before(&seen.clock, then)).or(it.usual())),
    )
}
