//! Which sensors a BMC once had, and which of them it has lost. No I/O, no clock.
//!
//! A sensor that vanishes takes its series with it, and "all quiet" then looks like "all well". So
//! every sensor that was ever seen stays in a baseline until someone accepts that it is gone.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::entity::Entity;

/// Polls without a sensor after which it is lost. One miss alone is common when a BMC restarts.
const POLLS_UNTIL_LOST: u32 = 2;

/// The most sensors that are remembered of one BMC. Real ones have up to a few hundred; one that makes
/// up new ones must not fill this machine's memory and disk.
pub(crate) const MOST_SENSORS: usize = 1_024;
/// The most characters of a sensor's id and of its name that are kept.
const MOST_CHARACTERS: usize = 96;

/// A sensor, as it is remembered. Shared by all that remembers it.
#[derive(Clone, Debug, Deserialize, Hash, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Known {
    /// What its source tells it from others by, as in `32.0.5`: opaque here.
    pub(crate) id: String,
    /// As the BMC names it, less what [`clean`] takes out.
    pub(crate) name: String,
    /// The part that it watches.
    pub(crate) entity: Entity,
}

/// Every sensor that was ever seen, and for how many polls each has been missing.
///
/// A sensor is told from another by id and name together: firmware that renumbers its sensors must
/// not pass one off as the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Inventory {
    /// In the order of their ids and names. A list, since thousands of machines each have one.
    sensors: Vec<Entry>,
    /// Sensors of the last list that found no room.
    left_out: usize,
}

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    known: Arc<Known>,
    /// Polls in a row that showed that it is not there.
    missing: u32,
    /// Whether the last list had it.
    listed: bool,
}

impl Entry {
    fn there(known: Arc<Known>) -> Self {
        Self { known, missing: 0, listed: true }
    }
}

/// Whether a sensor of the baseline is there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Presence {
    /// The sensor.
    pub(crate) sensor: Arc<Known>,
    /// False once it is lost.
    pub(crate) present: bool,
}

impl Known {
    /// A sensor by what its source says of it.
    pub(crate) fn new(id: &str, name: &str, entity: Entity) -> Self {
        Self { id: clean(id), name: clean(name), entity }
    }

    /// What tells it from another.
    fn key(&self) -> (&str, &str) {
        (&self.id, &self.name)
    }
}

/// The text of a BMC, fit for a label, a log and a page: without what would turn the direction of the
/// text around it, is not seen, or is no text at all; and of bounded length.
fn clean(text: &str) -> String {
    let fit = |c: char| if is_deceptive(c) { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().take(MOST_CHARACTERS).map(fit).collect()
}

/// Control characters, and those of Unicode's category Cf (format) that are invisible or turn the
/// direction of text, with line and paragraph separators.
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{AD}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{180E}' | '\u{200B}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
}

impl Inventory {
    /// The inventory of a baseline that was kept; each of its sensors is taken for present until
    /// polls say otherwise.
    pub(crate) fn from_baseline(baseline: impl IntoIterator<Item = Arc<Known>>) -> Self {
        let mut inventory = Self::default();
        for known in baseline {
            inventory.see(known);
        }
        inventory.sensors.shrink_to_fit();
        inventory
    }

    /// The baseline: every sensor that was ever seen.
    pub(crate) fn baseline(&self) -> Vec<Known> {
        self.sensors.iter().map(|entry| Known::clone(&entry.known)).collect()
    }

    /// Records a poll that went well, with the sensors that the source lists. Returns whether the baseline grew.
    ///
    /// A list that is not `complete` shows what is there, and nothing of what is not.
    pub(crate) fn observe(&mut self, seen: &[Arc<Known>], complete: bool) -> bool {
        let before = self.sensors.len();
        for entry in &mut self.sensors {
            entry.missing = entry.missing.saturating_add(u32::from(complete));
            entry.listed = false;
        }
        self.left_out = 0;
        for known in seen {
            self.see(Arc::clone(known));
        }
        self.sensors.shrink_to_fit();
        self.sensors.len() > before
    }

    /// The same of the list that was observed last: nothing is looked up by name for that, in ten thousand
    /// polls each few seconds.
    pub(crate) fn observe_again(&mut self, complete: bool) {
        for entry in self.sensors.iter_mut().filter(|entry| !entry.listed) {
            entry.missing = entry.missing.saturating_add(u32::from(complete));
        }
    }

    /// Takes what is there now for the baseline. Returns the sensors that were given up.
    pub(crate) fn accept(&mut self, seen: &[Arc<Known>]) -> Vec<Arc<Known>> {
        let accepted = Self::from_baseline(seen.iter().cloned());
        let before = std::mem::replace(self, accepted);
        let gone = |known: &Arc<Known>| self.place(known).is_err();
        before.sensors.into_iter().map(|entry| entry.known).filter(gone).collect()
    }

    /// Forgets a sensor: it is another one now.
    pub(crate) fn forget(&mut self, known: &Known) {
        if let Ok(place) = self.place(known) {
            self.sensors.remove(place);
        }
    }

    /// Each sensor of the baseline that the last list did not have, and whether it is taken to be there.
    pub(crate) fn missing(&self) -> Vec<Presence> {
        let presence = |entry: &Entry| Presence {
            sensor: Arc::clone(&entry.known),
            present: entry.missing < POLLS_UNTIL_LOST,
        };
        self.sensors.iter().filter(|entry| !entry.listed).map(presence).collect()
    }

    /// How many sensors of the last list are not remembered, since there are too many.
    pub(crate) fn left_out(&self) -> usize {
        self.left_out
    }

    fn see(&mut self, known: Arc<Known>) {
        match self.place(&known) {
            Ok(place) => self.sensors[place] = Entry::there(known),
            Err(_) if self.sensors.len() >= MOST_SENSORS => self.left_out += 1,
            Err(place) => self.sensors.insert(place, Entry::there(known)),
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
        let lost = inventory.missing().into_iter().filter(|it| !it.present);
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
    fn the_same_list_again_says_the_same() {
        let all: Vec<_> = (0..4).map(|n| known(&format!("32.0.{n}"), "Fan")).collect();
        for complete in [true, false] {
            let mut inventory = Inventory::from_baseline(all.clone());
            inventory.observe(&all[1..], complete);
            let mut again = inventory.clone();
            for _ in 0..3 {
                inventory.observe(&all[1..], complete);
                again.observe_again(complete);
                assert_eq!(inventory, again, "{complete}");
            }
        }
    }

    #[test]
    fn accepting_gives_up_what_is_gone() {
        let (hd, cpu) = (known("32.0.5", "05-HD Max"), known("32.0.2", "02-CPU"));
        let mut inventory = Inventory::from_baseline(vec![hd.clone(), cpu.clone()]);
        assert_eq!(inventory.accept(std::slice::from_ref(&cpu)), [hd]);
        assert_eq!(inventory.baseline(), [Known::clone(&cpu)]);
    }

    #[test]
    fn a_bmc_that_makes_up_sensors_fills_no_more_than_its_room() {
        let mut inventory = Inventory::default();
        for poll in 0..40 {
            let made_up: Vec<_> = (0..100).map(|n| known(&format!("{poll}.{n}"), "new")).collect();
            inventory.observe(&made_up, true);
        }
        assert_eq!((inventory.baseline().len(), inventory.left_out()), (MOST_SENSORS, 100));
        // Those that are remembered are still missed, and accepting makes room again.
        assert_eq!(lost(&inventory).len(), MOST_SENSORS);
        inventory.accept(&[known("1", "one")]);
        inventory.observe(&[known("1", "one")], true);
        assert_eq!((inventory.baseline().len(), inventory.left_out()), (1, 0));
    }

    #[test]
    fn a_name_that_deceives_the_eye_is_made_to_show_it() {
        let name = |name: &str| Known::new("1", name, Entity::Other).name;
        assert_eq!(name("In\u{202E}let\u{200B} \u{7}1"), "In\u{FFFD}let\u{FFFD} \u{FFFD}1");
        assert_eq!(name("Zuluft \u{FC} \u{6E29}\u{5EA6}"), "Zuluft \u{FC} \u{6E29}\u{5EA6}");
        assert_eq!(name(&"x".repeat(1000)).len(), MOST_CHARACTERS);
    }
}
