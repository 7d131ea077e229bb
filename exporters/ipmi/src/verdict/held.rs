//! The verdicts that are held, with their evidence. No I/O, no clock.

use std::sync::Arc;

use exporter_kit::label_enum;

use super::moment::Moment;
use crate::inventory::Known;

label_enum! {
    /// What is said of a sensor, or of a machine.
    pub(crate) enum Kind {
        /// A temperature that its part cannot have.
        PhantomTemperature = "phantom_temperature",
        /// The fans run up because of one.
        FansFollowPhantom = "fans_follow_phantom",
        /// The machine loses its cooling.
        CoolingLost = "cooling_lost",
        /// The BMC says that a sensor is beyond a limit.
        LimitExceeded = "limit_exceeded",
        /// A fan stands still, or is far too slow.
        FanFailed = "fan_failed",
        /// The BMC lists a sensor no more.
        SensorLost = "sensor_lost",
        /// A sensor gives no value.
        SensorUnreadable = "sensor_unreadable",
        /// A temperature stays just below a limit.
        NearSilentLimit = "near_silent_limit",
        /// The power stepped up and stayed, and nothing explains it.
        PowerStep = "power_step",
        /// Limits that cannot be meant are not believed.
        ThresholdsImplausible = "thresholds_implausible",
    }
}

label_enum! {
    /// Why a verdict was reached.
    pub(crate) enum Cause {
        /// It jumped between two readings.
        Jump = "jump",
        /// It climbed too fast, in steps too small for a jump.
        Ramp = "ramp",
        /// It was far above all that was usual when it was first seen again.
        AboveUsual = "above_usual",
        /// It jumped while the machine booted: a candidate.
        Boot = "boot",
        /// A rise that a drive which came warm may have: a candidate for a while.
        WarmDrive = "warm_drive",
        /// A third of the fans run far faster than before the jump.
        FansUp = "fans_up",
        /// The air that comes in warms.
        AirWarms = "air_warms",
        /// All parts warm alike, and it is no load.
        PartsWarm = "parts_warm",
        /// It warms very fast.
        FastRise = "fast_rise",
        /// The air that comes in is hot, and warms.
        HotAir = "hot_air",
        /// It has warmed far.
        LargeRise = "large_rise",
        /// Parts warm while air, power and fans are as before.
        HeatWithoutLoad = "heat_without_load",
        /// A fan failed, and parts warm.
        FanFailed = "fan_failed",
        /// The processors reach their limit.
        ProcessorsAtLimit = "processors_at_limit",
        /// Two parts are beyond their critical limits.
        TwoPartsCritical = "two_parts_critical",
        /// The air that comes in is beyond its critical limit.
        AirCritical = "air_critical",
        /// A part is beyond its non-recoverable limit.
        NonRecoverable = "non_recoverable",
        /// Beyond the critical limit.
        Critical = "critical",
        /// Beyond the non-critical limit.
        NonCritical = "non_critical",
        /// It stands still.
        Stopped = "stopped",
        /// All fans stand still, and the processors warm.
        AllStopped = "all_stopped",
        /// Far slower than it ever ran, and than its peers.
        Slow = "slow",
        /// Below its lower critical limit.
        BelowLimit = "below_limit",
        /// It gives no value.
        NoReading = "no_reading",
        /// It is listed no more.
        NotListed = "not_listed",
        /// Less than three degrees below the limit.
        NearLimit = "near_limit",
        /// Nothing else changed.
        NothingElse = "nothing_else",
        /// The limits contradict each other, or are none that a part can have.
        Contradictory = "contradictory",
    }
}

label_enum! {
    /// What a number of the evidence is.
    pub(crate) enum What {
        /// The value before, in the sensor's unit.
        Base = "base",
        /// The value now, in the sensor's unit.
        Now = "now",
        /// The rise, degrees Celsius per second.
        Rate = "rate",
        /// What would be possible, or the limit, in the sensor's unit.
        Limit = "limit",
        /// The mean speed of the fans before, rpm or a share of full speed.
        FansBefore = "fans_before",
        /// The mean speed of the fans now.
        FansNow = "fans_now",
        /// Power before, watts.
        WattsBefore = "watts_before",
        /// Power now, watts.
        WattsNow = "watts_now",
        /// Current before, amperes.
        AmperesBefore = "amperes_before",
        /// Current now, amperes.
        AmperesNow = "amperes_now",
        /// The rise of the air or of all parts, degrees Celsius.
        Rise = "rise",
        /// The temperature of the air that comes in, degrees Celsius.
        Air = "air",
        /// The median of the sensor's peers, in its unit.
        Peers = "peers",
        /// What is usual, in the sensor's unit.
        Usual = "usual",
    }
}

/// One number: information, a ticket in working hours, or a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Level {
    /// Context.
    Info = 1,
    /// For working hours.
    Ticket = 2,
    /// For now.
    Page = 3,
}

impl Level {
    /// The level of a number of the state file.
    pub(super) fn of(number: u8) -> Self {
        match number {
            0 | 1 => Self::Info,
            2 => Self::Ticket,
            _ => Self::Page,
        }
    }
}

/// A verdict that is held.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verdict {
    /// What is said.
    pub(crate) kind: Kind,
    /// Of which sensor; `None` of the machine.
    pub(crate) sensor: Option<Arc<Known>>,
    /// How urgent it is.
    pub(crate) level: Level,
    /// Why it was reached.
    pub(crate) cause: Cause,
    /// Since when.
    pub(crate) since: Moment,
    /// What it rests on; at most six.
    pub(crate) evidence: Vec<(What, f64)>,
}

/// All verdicts of a machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Held {
    verdicts: Vec<Verdict>,
}

impl Held {
    /// Those that are held, in no order.
    pub(crate) fn all(&self) -> &[Verdict] {
        &self.verdicts
    }

    /// Holds a verdict; one that is held already keeps its start.
    pub(super) fn hold(&mut self, verdict: Verdict) {
        let same =
            self.verdicts.iter_mut().find(|it| it.is_of(verdict.kind, verdict.sensor.as_ref()));
        match same {
            Some(held) => *held = Verdict { since: held.since, ..verdict },
            None => self.verdicts.push(verdict),
        }
    }

    /// Holds a verdict no more.
    pub(super) fn drop(&mut self, kind: Kind, sensor: Option<&Arc<Known>>) {
        if !self.verdicts.is_empty() {
            self.verdicts.retain(|it| !it.is_of(kind, sensor));
        }
    }

    /// The level at which a verdict is held.
    pub(super) fn level(&self, kind: Kind, sensor: &Arc<Known>) -> Option<Level> {
        self.verdicts.iter().find(|it| it.is_of(kind, Some(sensor))).map(|it| it.level)
    }

    /// Holds nothing of a sensor any more.
    pub(super) fn forget(&mut self, sensor: &Arc<Known>) {
        self.verdicts.retain(|it| it.sensor.as_ref() != Some(sensor));
    }

    /// Says what is held of one sensor of another.
    pub(super) fn rename(&mut self, from: &Arc<Known>, to: &Arc<Known>) {
        for verdict in &mut self.verdicts {
            if verdict.sensor.as_ref() == Some(from) {
                verdict.sensor = Some(Arc::clone(to));
            }
        }
    }
}

impl Verdict {
    fn is_of(&self, kind: Kind, sensor: Option<&Arc<Known>>) -> bool {
        self.kind == kind && self.sensor.as_ref() == sensor
    }
}
