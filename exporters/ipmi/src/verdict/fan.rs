//! What is remembered of a fan. No I/O, no clock.

use super::history::Ring;
use super::measure::Short;
use super::moment::Moment;
use super::record::FanFailure;

/// What is remembered of a fan.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fan {
    pub(super) ring: Ring,
    /// The value of the poll before.
    pub(super) previous: Short,
    /// The usual value: it follows in six hours. This and the next four are kept over a restart.
    pub(super) usual: Option<f32>,
    /// Seconds that it was learnt from.
    pub(super) observed: f32,
    /// The lowest speed that it held for five minutes.
    pub(super) lowest: Option<f32>,
    /// Its speed as a share of its peers' median.
    pub(super) share: Option<f32>,
    /// Seconds that it stood still in peace.
    pub(super) stood: f32,
    pub(super) failed: Option<FanFailure>,
    /// It seems to fail since, and for how many polls.
    pub(super) failing: Option<Moment>,
    pub(super) failing_polls: u8,
    /// It failed, and seems well since.
    pub(super) recovering: Option<Moment>,
    /// Its value when the machine began to lose its cooling.
    pub(super) at_onset: Short,
}

impl Fan {
    /// Its history is kept in `scale` counts per unit.
    pub(super) fn new(scale: f32) -> Self {
        Self {
            ring: Ring::new(scale),
            previous: Short::default(),
            usual: None,
            observed: 0.0,
            lowest: None,
            share: None,
            stood: 0.0,
            failed: None,
            failing: None,
            failing_polls: 0,
            recovering: None,
            at_onset: Short::default(),
        }
    }
}
