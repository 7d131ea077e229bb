//! Which sensors a BMC once had, and which of them it has lost. No I/O, no clock.
//!
//! A sensor that vanishes takes its series with it, and "all quiet" then looks like "all well". So
//! every sensor that was ever seen stays in a baseline until someone accepts that it is gone.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::entity::Entity;

/// Polls without a sensor after which it is lost. One miss alone is common when a BMC restarts.
const POLLS_UNTIL_LOST: u32 = 2;

/// A sensor, as it is remembered. Shared by all that remembers it.
#[derive(Clone, Debug, Deserialize, Hash, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Known {
    /// `owner.lun.number`, decimal.
    pub id: String,
    /// As the SDR names it.
    pub name: String,
    /// The part that it watches.
    pub entity: Entity,
}

/// Every sensor that was ever seen, and for how many polls each has been missing.
///
/// A sensor is told from another by id and name together: firmware that renumbers its sensors must
/// not pass one off as the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inventory {
    /// In the order of their ids and names. A list, since thousands of machines each have one.
    sensors: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    known: Arc<Known>,
    /// Polls in a row without it.
    missing: u32,
}

/// Whether a sensor of the baseline is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Presence {
    /// The sensor.
    pub sensor: Arc<Known>,
    /// False once it is lost.
    pub present: bool,
}

impl Known {
    /// What tells it from another.
    fn key(&self) -> (&str, &str) {
        (&self.id, &self.name)
    }
}

impl Inventory {
    /// The inventory of a baseline that was kept; each of its sensors is taken for present until
    /// polls say otherwise.
    pub fn from_baseline(baseline: impl IntoIterator<Item = Arc<Known>>) -> Self {
        let mut inventory = Self::default();
        for known in baseline {
            inventory.see(known);
        }
        inventory.sensors.shrink_to_fit();
        inventory
    }

    /// The baseline: every sensor that was ever seen.
    pub fn baseline(&self) -> Vec<Known> {
        self.sensors.iter().map(|entry| Known::clone(&entry.known)).collect()
    }

    /// Records a poll that went well, with the sensors of the SDR. Returns whether the baseline grew.
    ///
    /// A list that is not `complete` shows what is there, and nothing of what is not.
    pub fn observe(&mut self, seen: &[Arc<Known>], complete: bool) -> bool {
        let before = self.sensors.len();
        for entry in self.sensors.iter_mut().filter(|_| complete) {
            entry.missing = entry.missing.saturating_add(1);
        }
        for known in seen {
            self.see(Arc::clone(known));
        }
        self.sensors.shrink_to_fit();
        self.sensors.len() > before
    }

    /// Takes what is there now for the baseline. Returns the sensors that were given up.
    pub fn accept(&mut self, seen: &[Arc<Known>]) -> Vec<Arc<Known>> {
        let accepted = Self::from_baseline(seen.iter().cloned());
        let before = std::mem::replace(self, accepted);
        let gone = |known: &Arc<Known>| self.place(known).is_err();
        before.sensors.into_iter().map(|entry| entry.known).filter(gone).collect()
    }

    /// Each sensor of the baseline, and whether it is there.
    pub fn presence(&self) -> Vec<Presence> {
        let presence = |entry: &Entry| Presence {
            sensor: Arc::clone(&entry.known),
            present: entry.missing < POLLS_UNTIL_LOST,
        };
        self.sensors.iter().map(presence).collect()
    }

    fn see(&mut self, known: Arc<Known>) {
        match self.place(&known) {
            Ok(place) => self.sensors[place] = Entry { known, missing: 0 },
            Err(place) => self.sensors.insert(place, Entry { known, missing: 0 }),
        }
    }

    /// Where a sensor stands, or where it would.
    fn place(&self, known: &Known) -> Result<usize, usize> {
        self.sensors.binary_search_by(|entry| entry.known.key().cmp(&known.key()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(id: &str, name: &str) -> Arc<Known> {
        Arc::new(Known { id: id.to_owned(), name: name.to_owned(), entity: Entity::Disk })
    }

    fn lost(inventory: &Inventory) -> Vec<String> {
        let lost = inventory.presence().into_iter().filter(|it| !it.present);
        lost.map(|it| it.sensor.name.clone()).collect()
    }

    #[test]
    fn a_sensor_is_lost_after_two_polls_without_it() {
        let (hd, cpu) = (known("32.0.5", "05-HD Max"), known("32.0.2", "02-CPU"));
        let mut inventory = Inventory::default();
        assert!(inventory.observe(&[hd.clone(), cpu.clone()], true));
        assert!(!inventory.observe(std::slice::from_ref(&cpu), true));
        assert_eq!(lost(&inventory), [""; 0]);
        assert!(!inventory.observe(std::slice::from_ref(&cpu), true));
        assert_eq!(lost(&inventory), ["05-HD Max"]);
        inventory.observe(&[hd.clone(), cpu.clone()], true);
        assert_eq!(lost(&inventory), [""; 0]);
    }

    #[test]
    fn a_lost_sensor_does_not_heal_by_waiting_or_by_a_restart() {
        let (hd, cpu) = (known("32.0.5", "05-HD Max"), known("32.0.2", "02-CPU"));
        let mut inventory = Inventory::default();
        inventory.observe(&[hd.clone(), cpu.clone()], true);
        let mut inventory =
            Inventory::from_baseline(inventory.baseline().into_iter().map(Arc::new));
        for _ in 0..1000 {
            inventory.observe(std::slice::from_ref(&cpu), true);
        }
        assert_eq!(lost(&inventory), ["05-HD Max"]);
    }

    #[test]
    fn a_renumbered_sensor_does_not_stand_in_for_another() {
        let mut inventory = Inventory::default();
        inventory.observe(&[known("32.0.5", "05-HD Max"), known("32.0.6", "06-Chipset")], true);
        for _ in 0..2 {
            inventory.observe(&[known("32.0.5", "06-Chipset")], true);
        }
        assert_eq!(lost(&inventory), ["05-HD Max", "06-Chipset"]);
    }

    #[test]
    fn a_list_with_holes_shows_what_is_there_and_loses_nothing() {
        let (hd, cpu) = (known("32.0.5", "05-HD Max"), known("32.0.2", "02-CPU"));
        let mut inventory = Inventory::default();
        assert!(inventory.observe(std::slice::from_ref(&hd), false));
        for _ in 0..5 {
            inventory.observe(std::slice::from_ref(&cpu), false);
        }
        assert_eq!((lost(&inventory).len(), inventory.baseline().len()), (0, 2));
    }

    #[test]
    fn accepting_gives_up_what_is_gone() {
        let (hd, cpu) = (known("32.0.5", "05-HD Max"), known("32.0.2", "02-CPU"));
        let mut inventory = Inventory::from_baseline(vec![hd.clone(), cpu.clone()]);
        assert_eq!(inventory.accept(std::slice::from_ref(&cpu)), [hd]);
        assert_eq!(inventory.baseline(), [Known::clone(&cpu)]);
    }
}
