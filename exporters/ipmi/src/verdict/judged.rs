//! What a sensor is judged for, with what is remembered for that alone. No I/O, no clock.

use super::fan::Fan;
use super::heat::Heat;
use super::history::Ring;
use super::measure::Measure;

/// What a sensor is judged for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Judged {
    /// A temperature, which may be a phantom.
    Heat(Box<Heat>),
    /// A fan, which may fail.
    Fan(Box<Fan>),
    /// Power, by what it was in the half hour behind it.
    Power(Box<Ring>),
    /// By the limits of the BMC alone, or for being there.
    Listed,
}

impl Judged {
    /// By what its number is; `rate` is the fastest that its part can warm, where the config says so.
    pub(super) fn of(measure: Measure, rate: Option<f64>) -> Self {
        match measure {
            Measure::Temperature => Self::Heat(Box::new(Heat::new(rate))),
            Measure::Rpm => Self::Fan(Box::new(Fan::new(0.5))),
            Measure::Ratio => Self::Fan(Box::new(Fan::new(8192.0))),
            Measure::Watts => Self::Power(Box::new(Ring::new(1.0))),
            // To two milliamperes, up to 64 A.
            Measure::Amperes => Self::Power(Box::new(Ring::new(500.0))),
            Measure::Other | Measure::None => Self::Listed,
        }
    }

    /// What is remembered of a temperature.
    pub(super) fn heat(&self) -> Option<&Heat> {
        match self {
            Self::Heat(heat) => Some(heat),
            _ => None,
        }
    }

    pub(super) fn heat_mut(&mut self) -> Option<&mut Heat> {
        match self {
            Self::Heat(heat) => Some(heat),
            _ => None,
        }
    }

    /// What is remembered of a fan.
    pub(super) fn fan(&self) -> Option<&Fan> {
        match self {
            Self::Fan(fan) => Some(fan),
            _ => None,
        }
    }

    pub(super) fn fan_mut(&mut self) -> Option<&mut Fan> {
        match self {
            Self::Fan(fan) => Some(fan),
            _ => None,
        }
    }

    /// The half hour behind it; of temperatures, fans and power only.
    pub(super) fn ring(&self) -> Option<&Ring> {
        match self {
            Self::Heat(heat) => Some(&heat.ring),
            Self::Fan(fan) => Some(&fan.ring),
            Self::Power(ring) => Some(ring),
            Self::Listed => None,
        }
    }

    pub(super) fn ring_mut(&mut self) -> Option<&mut Ring> {
        match self {
            Self::Heat(heat) => Some(&mut heat.ring),
            Self::Fan(fan) => Some(&mut fan.ring),
            Self::Power(ring) => Some(ring),
            Self::Listed => None,
        }
    }

    /// What is usual: of a temperature in degrees, of a fan in its own unit.
    pub(super) fn usual(&self) -> Option<f64> {
        let usual = match self {
            Self::Heat(heat) => heat.usual,
            Self::Fan(fan) => fan.usual,
            Self::Power(_) | Self::Listed => None,
        };
        usual.map(f64::from)
    }

    /// Seconds that the usual value was learnt from.
    pub(super) fn observed(&self) -> f32 {
        match self {
            Self::Heat(heat) => heat.observed,
            Self::Fan(fan) => fan.observed,
            Self::Power(_) | Self::Listed => 0.0,
        }
    }

    /// The value when the machine began to lose its cooling.
    pub(super) fn at_onset(&self) -> Option<f64> {
        match self {
            Self::Heat(heat) => heat.at_onset.get(),
            Self::Fan(fan) => fan.at_onset.get(),
            Self::Power(_) | Self::Listed => None,
        }
    }

    /// Says what that was, of a temperature or a fan.
    pub(super) fn set_onset(&mut self, value: Option<f64>) {
        match self {
            Self::Heat(heat) => heat.at_onset = value.into(),
            Self::Fan(fan) => fan.at_onset = value.into(),
            Self::Power(_) | Self::Listed => {}
        }
    }
}
