//! How far the machine has warmed, by the air or by all of its parts. No I/O, no clock.
//!
//! Load warms a machine as the loss of its cooling does, but the processors first and most. What all
//! parts share, less what the load and the fans explain, is the rise of the air.

use super::class::Class;
use super::history::Clock;
use super::median::{median, quartiles};
use super::observed::Observed;
use super::sensors::{fan_gain, watts_ago};
use super::watched::Watched;

/// Spans that rises are taken over, seconds.
pub(super) const SPANS: [u32; 6] = [60, 180, 300, 600, 1200, 1800];

/// The excess of a part over its air that fans act on, degrees, of a processor at least, and the exponent of forced
/// convection.
const EXCESS: f64 = 12.0;
const WORKING_EXCESS: f64 = 20.0;
const CONVECTION: f64 = -0.4;
/// By which share the power of a machine whose load did not change may differ.
const STILL: f64 = 0.08;

/// What was found at the last slot.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Trend {
    /// By the places of [`SPANS`].
    spans: [Rises; 6],
    /// How many inlets, and how many parts of the other two kinds there are.
    pub(super) inlets: usize,
    pub(super) parts: usize,
    pub(super) workers: usize,
}

/// The rises over one span, degrees.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Rises {
    /// The least of the inlets'.
    pub(super) inlet: Option<f64>,
    /// Of all but inlets, what works by itself, and power supplies; where a load may have grown, but
    /// regulators and the air that goes out.
    pub(super) parts: Vec<f64>,
    /// Of what works by itself; where a load may have grown, of regulators and of the air that goes out, too.
    pub(super) workers: Vec<f64>,
    /// The median of the kind of workers that rose most: one that rests says nothing of another.
    hottest: Option<f64>,
    /// By which share the power grew.
    pub(super) watts: Option<f64>,
    /// How much faster the fans turn.
    pub(super) fans: Option<f64>,
}

impl Rises {
    /// Of all but inlets and power supplies.
    pub(super) fn all(&self) -> impl Iterator<Item = f64> + '_ {
        self.parts.iter().chain(&self.workers).copied()
    }
}

impl Trend {
    /// Takes the trend at the end of a slot.
    pub(super) fn of(seen: &Observed) -> Self {
        let sensors = || {
            let whole = |it: &&Watched| {
                !it.is_phantom()
                    && it.pending().is_none()
                    && it.value().is_some()
                    && it.class != Class::Psu
            };
            seen.temperatures().filter(whole)
        };
        let is_part = |it: &Watched| it.class != Class::Inlet && !it.class.works();
        let inlets = sensors().filter(|it| it.class == Class::Inlet).count();
        let rises = |span: u32| {
            let seconds = f64::from(span);
            let fans = fan_gain(&seen.sensors, &seen.clock, seconds);
            // A machine that was never seen before may have been switched on just then.
            let may_have_started = inlets == 0
                && !seen.was_known
                && seen.now().since(seen.clock.born) < seconds + 30.0 + 600.0;
            if may_have_started {
                return Rises { fans, ..Rises::default() };
            }
            let rise = |it: &Watched| {
                Some(it.ago(&seen.clock, 30.0, 1)? - it.ago(&seen.clock, seconds + 30.0, 1)?)
            };
            let of = |kind: &dyn Fn(&Watched) -> bool| -> Vec<f64> {
                sensors().filter(|it| kind(it)).filter_map(rise).collect()
            };
            let watts = |ago| watts_ago(seen, ago).filter(|watts| *watts > 0.0);
            let watts =
                watts(30.0).zip(watts(seconds + 30.0)).map(|(now, before)| now / before - 1.0);
            // Unless a meter says that no load grew, regulators, and the air behind all of it, tell of one and not of
            // the air in front, as processors do.
            let may_be_loaded = watts.is_none() || is_load(watts);
            let follows_load = |it: &Watched| matches!(it.class, Class::Regulator | Class::Exhaust);
            let is_loaded = |it: &Watched| may_be_loaded && follows_load(it);
            let kinds = Class::WORKERS.map(|class| median(of(&|it| it.class == class)));
            Rises {
                inlet: of(&|it| it.class == Class::Inlet).into_iter().min_by(f64::total_cmp),
                parts: of(&|it| is_part(it) && !is_loaded(it)),
                workers: of(&|it| it.class.works() || is_loaded(it)),
                hottest: kinds.into_iter().flatten().max_by(f64::total_cmp),
                watts,
                fans,
            }
        };
        Self {
            spans: SPANS.map(rises),
            inlets,
            parts: sensors().filter(|it| is_part(it)).count(),
            workers: sensors().filter(|it| it.class.works()).count(),
        }
    }

    /// The rises over a span of [`SPANS`].
    pub(super) fn over(&self, span: u32) -> &Rises {
        let place = SPANS.iter().position(|it| *it == span).unwrap_or_default();
        &self.spans[place]
    }

    /// The rise of the air over a span, degrees, as far as this machine can know it.
    pub(super) fn rise(&self, span: u32) -> Option<f64> {
        let rises = self.over(span);
        if self.inlets == 0 || self.inlet_is_stuck() {
            return common_rise(rises);
        }
        let inlet = rises.inlet?;
        Some(if inlet < 1.0 || followed(rises, inlet) { inlet } else { 0.0 })
    }

    /// An inlet that stays where it is while all parts climb and the fans speed up is no reference.
    fn inlet_is_stuck(&self) -> bool {
        let rises = self.over(300);
        let stays = rises.inlet.is_some_and(|inlet| inlet.abs() < 0.5);
        let climbs =
            rises.parts.len() >= 3 && quartiles(rises.all()).is_some_and(|(low, _)| low >= 4.0);
        stays
            && climbs
            && rises.fans.is_some_and(|gain| gain >= 1.1)
            && common_rise(rises).is_some_and(|rise| rise >= 4.0)
    }

    /// Whether it is known by an inlet.
    pub(super) fn has_inlet(&self) -> bool {
        self.inlets > 0 && !self.inlet_is_stuck()
    }
}

/// What all parts share, without the load's part and with what the fans took away; `None` where
/// that proves nothing.
fn common_rise(rises: &Rises) -> Option<f64> {
    let parts = &rises.parts;
    // Fans that slow down warm everything.
    if rises.all().count() < 2 || rises.fans.is_some_and(|gain| gain < 0.9) {
        return None;
    }
    if parts.is_empty() {
        // All may be at work: only a meter that stands still says that they are not.
        let rests = rises.watts.is_some_and(|share| share.abs() < STILL);
        return rises.all().min_by(f64::total_cmp).filter(|_| rests);
    }
    let (middle, (low, high)) = (median(parts.iter().copied())?, quartiles(parts.iter().copied())?);
    let Some(hot) = rises.hottest else {
        return Some(low - if is_load(rises.watts) { 4.0 } else { 0.0 });
    };
    if hot - middle > 3.0 {
        let of_the_load = if parts.len() >= 3 { 0.25 } else { 0.4 };
        return Some(low - of_the_load * (hot - low));
    }
    // The air warms what rests as it warms the parts: one part or two alone may have been put in warm.
    // Faster fans hold a processor where it is: what they took from it is part of its rise.
    let faster = rises.fans.filter(|gain| *gain > 1.1);
    let hot = hot + faster.map_or(0.0, |gain| WORKING_EXCESS * (1.0 - gain.powf(CONVECTION)));
    if parts.len() < 3 && hot < 0.4 * middle {
        return Some(hot.min(low));
    }
    let common = if high - low <= (0.6 * middle).max(4.0) { middle } else { low };
    Some(common + taken_away(rises.fans, common))
}

/// Whether the power grew by a share that makes a load.
fn is_load(share: Option<f64>) -> bool {
    share.is_some_and(|share| share > 0.15)
}

/// What faster fans took away from a rise, degrees.
pub(super) fn taken_away(gain: Option<f64>, rise: f64) -> f64 {
    let gain = gain.filter(|gain| *gain > 1.1 && rise >= 3.0);
    gain.map_or(0.0, |gain| EXCESS * (1.0 - gain.powf(CONVECTION)))
}

/// Whether the parts follow the inlet, or the fans answer it and hold them.
fn followed(rises: &Rises, inlet: f64) -> bool {
    let all = rises.all().count();
    let following = rises.all().filter(|rise| *rise >= 0.4 * inlet).count();
    let most = rises.all().fold(f64::NEG_INFINITY, f64::max);
    let enough = (all.min(2) as f64).max(0.3 * all as f64);
    all == 0
        || following as f64 >= enough
        || rises.fans.is_some_and(|gain| gain >= 1.1) && most >= 0.2 * inlet
        || rises.fans.is_some_and(|gain| gain >= 1.25)
}

/// The rise of a machine since the moment at which `at_onset` was set, by the same reference.
pub(super) fn since_onset(seen: &Observed, by_inlet: bool) -> Option<f64> {
    let rise = |it: &Watched| Some(it.believed()? - it.at_onset()?);
    let temperatures = || seen.temperatures().filter(|it| !it.is_phantom());
    if by_inlet {
        let inlets = temperatures().filter(|it| it.class == Class::Inlet && it.pending().is_none());
        return inlets.filter_map(rise).min_by(f64::total_cmp);
    }
    let parts = || temperatures().filter(|it| it.class != Class::Psu);
    let rests = parts().filter(|it| !it.class.works()).filter_map(rise);
    let rise = median(rests).or_else(|| parts().filter_map(rise).min_by(f64::total_cmp))?;
    let gain = |it: &Watched| Some(it.believed()? / it.at_onset().filter(|it| *it != 0.0)?);
    Some(rise + taken_away(median(seen.system_fans().filter_map(gain)), rise))
}

/// The air that comes in, degrees: the coolest of the inlets.
pub(super) fn air(seen: &Observed) -> Option<f64> {
    let inlets = seen.temperatures().filter(|it| it.class == Class::Inlet && !it.is_phantom());
    inlets.filter(|it| it.pending().is_none()).filter_map(Watched::believed).min_by(f64::total_cmp)
}

/// By how much a part rose in so many seconds, or in fewer where more are not known.
pub(super) fn rise_in(it: &Watched, clock: &Clock, seconds: &[f64]) -> Option<f64> {
    seconds.iter().find_map(|seconds| it.rise(clock, *seconds, 2))
}
