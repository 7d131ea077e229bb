//! Which alerts fired, and when. No I/O, no clock.

use std::collections::BTreeMap;

/// The labels of an alert.
pub type Labels = BTreeMap<String, String>;

/// Alerts over time, looked at each few seconds.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// Seconds from one look to the next.
    pub step: u64,
    /// How many looks there are.
    pub looks: usize,
    /// Each alert that ever fired, and in which looks it did.
    pub alerts: BTreeMap<Labels, Vec<bool>>,
}

impl Timeline {
    /// Nothing fires.
    pub fn new(step: u64, seconds: u64) -> Self {
        let looks = usize::try_from(seconds / step).unwrap_or(usize::MAX).saturating_add(1);
        Self { step, looks, alerts: BTreeMap::new() }
    }

    /// An alert fires in that look.
    pub fn fires(&mut self, labels: Labels, look: usize) {
        let looks = self.alerts.entry(labels).or_insert_with(|| vec![false; self.looks]);
        if let Some(fires) = looks.get_mut(look) {
            *fires = true;
        }
    }

    /// The last look that is not later than a second.
    pub fn look_at(&self, second: u64) -> usize {
        usize::try_from(second / self.step).unwrap_or(usize::MAX).min(self.looks.saturating_sub(1))
    }

    /// The second of a look.
    pub fn second(&self, look: usize) -> u64 {
        self.step * look as u64
    }

    /// The alerts that fire in a look.
    pub fn firing(&self, look: usize) -> impl Iterator<Item = &Labels> {
        self.alerts.iter().filter(move |(_, looks)| looks[look]).map(|(labels, _)| labels)
    }
}
