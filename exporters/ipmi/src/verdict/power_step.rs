//! Power that stepped up and stayed, and that nothing explains. No I/O, no clock.

use serde::{Deserialize, Serialize};

use super::class::Class;
use super::held::{Cause, Held, Kind, Level, Verdict, What};
use super::history::Clock;
use super::measure::Measure;
use super::moment::Moment;
use super::observed::Observed;
use super::sensors::{amperes, fan_gain, watts};
use super::trend::Trend;
use super::watched::Watched;

/// It is looked at each so many slots.
const SLOTS: u64 = 4;
/// Seconds after a start in which power settles.
const BOOT: f64 = 2400.0;
/// Slots that are needed: half an hour.
const HISTORY: usize = 62;

/// A step that is held.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Step {
    since: Moment,
    meter: Meter,
    before: f64,
    after: f64,
}

/// What the power is known by.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Meter {
    Watts,
    /// A machine without a meter of watts may still tell the current into its supplies.
    Amperes,
}

impl Meter {
    fn of(seen: &Observed) -> Self {
        let has_amperes = seen.sensors.iter().any(|it| it.measure == Measure::Amperes);
        if has_amperes { Self::Amperes } else { Self::Watts }
    }

    /// The least step that counts: 15 W, which at 230 V are 65 mA.
    const fn least(self) -> f64 {
        match self {
            Self::Watts => 15.0,
            Self::Amperes => 0.065,
        }
    }

    fn read(self, seen: &Observed, of: impl Fn(&Watched) -> Option<f64>) -> Option<f64> {
        match self {
            Self::Watts => watts(seen, of),
            Self::Amperes => amperes(&seen.sensors, of),
        }
    }

    /// Each minute's power from `first` to `last` seconds ago.
    fn between(self, seen: &Observed, first: u32, last: u32) -> Vec<f64> {
        let ago = |ago| self.read(seen, |it| it.ago(&seen.clock, f64::from(ago), 1));
        (first..=last).step_by(60).filter_map(ago).collect()
    }

    const fn evidence(self) -> (What, What) {
        match self {
            Self::Watts => (What::WattsBefore, What::WattsNow),
            Self::Amperes => (What::AmperesBefore, What::AmperesNow),
        }
    }
}

/// Judges the power at the end of a slot.
pub(super) fn judge(step: &mut Option<Step>, seen: &Observed, held: &mut Held) {
    if seen.running.is_off() {
        *step = None;
    } else if seen.clock.slot().is_multiple_of(SLOTS) && !seen.boots(BOOT) {
        look(step, seen);
    }
    let Some(Step { since, meter, before, .. }) = *step else {
        held.drop(Kind::PowerStep, None);
        return;
    };
    let (then, now) = meter.evidence();
    let mut evidence = vec![(then, before)];
    evidence.extend(meter.read(seen, Watched::value).map(|it| (now, it)));
    let (level, cause) = (Level::Info, Cause::NothingElse);
    held.hold(Verdict { kind: Kind::PowerStep, sensor: None, level, cause, since, evidence });
}

fn look(step: &mut Option<Step>, seen: &Observed) {
    // The last ten minutes, and those from half an hour ago to twenty minutes ago.
    let recent = |meter: Meter| meter.between(seen, 30, 599);
    if let Some(Step { meter, before, after, .. }) = *step {
        let new = recent(meter);
        let most = new.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if new.len() >= 6 && most < f64::midpoint(before, after) {
            *step = None;
        }
        return;
    }
    let meter = Meter::of(seen);
    let (new, old) = (recent(meter), meter.between(seen, 1260, 1859));
    if new.len() < 6 || old.len() < 6 || seen.clock.filled() < HISTORY {
        return;
    }
    let least = new.iter().copied().fold(f64::INFINITY, f64::min);
    let most_old = old.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if least - most_old >= (0.25 * most_old).max(meter.least()) && !has_a_cause(seen) {
        let since = seen.now().after(-900.0);
        *step = Some(Step { since, meter, before: most_old, after: least });
    }
}

/// A part warmed more than the air did, or the fans hold what a load makes.
fn has_a_cause(seen: &Observed) -> bool {
    let air = Trend::of(seen).over(1200).inlet.unwrap_or(0.0).max(0.0);
    let rise = |it: &Watched| Some(peak(it, &seen.clock)? - it.ago(&seen.clock, 1740.0, 2)? - air);
    let parts = seen
        .temperatures()
        .filter(|it| !matches!(it.class, Class::Inlet | Class::Psu) && !it.is_phantom());
    let Some(most) = parts.filter_map(rise).max_by(f64::total_cmp) else { return true };
    let fans_hold_it =
        fan_gain(&seen.sensors, &seen.clock, 1200.0).is_some_and(|gain| gain > 1.05) && most > -1.0;
    most >= 2.5 || fans_hold_it
}

fn peak(it: &Watched, clock: &Clock) -> Option<f64> {
    (60..1440).step_by(60).filter_map(|ago| it.ago(clock, f64::from(ago), 1)).max_by(f64::total_cmp)
}
