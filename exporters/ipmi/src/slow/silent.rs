//! Power supplies that have nothing to tell, asking after asking. No I/O, no clock.
//!
//! A slot that is empty has a sensor all the same, and so has a supply that is dead: neither carries the
//! machine. But a supply of which the BMC never told anything may be one that it cannot read, and carry it.

use std::sync::Arc;

use super::Slow;
use super::answer::{Answer, Part};
use crate::entity::Entity;
use crate::inventory::Known;
use crate::outcome::PollFailure;
use crate::sensor::list::SensorList;

/// After so many askings in a row it is no sensor that is not ready yet.
const LONG: u8 = 5;

/// The supplies that told something once, and those that tell nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Silent(Vec<Supply>);

#[derive(Clone, Debug, PartialEq)]
struct Supply {
    known: Arc<Known>,
    /// How often it told nothing since it last told something, while the machine was on: some BMCs read no sensor of
    /// a machine that is off.
    askings: u8,
    /// It told something once.
    has_told: bool,
    /// Its slot is empty, by what the BMC knows of the machine's parts.
    is_empty: bool,
}

impl Supply {
    fn new(known: Arc<Known>) -> Self {
        Self { known, askings: 0, has_told: false, is_empty: false }
    }

    fn carries_nothing(&self) -> bool {
        self.askings >= LONG && (self.has_told || self.is_empty)
    }
}

/// What of that outlives the process.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct KeptSupplies {
    /// Those that told something once.
    pub(crate) told: Vec<Known>,
    /// Those that carry nothing.
    pub(crate) silent: Vec<Known>,
}

impl Silent {
    /// As it was kept.
    pub(crate) fn kept(kept: KeptSupplies) -> Self {
        let mut all = Self::default();
        for known in kept.told {
            all.0.push(Supply { has_told: true, ..Supply::new(Arc::new(known)) });
        }
        for known in kept.silent {
            if let Some(supply) = all.0.iter_mut().find(|it| *it.known == known) {
                supply.askings = LONG;
                continue;
            }
            let supply = Supply::new(Arc::new(known));
            all.0.push(Supply { askings: LONG, is_empty: true, ..supply });
        }
        all
    }

    /// What is worth keeping.
    pub(crate) fn keep(&self) -> KeptSupplies {
        let those = |is_one: fn(&Supply) -> bool| {
            let those = self.0.iter().filter(|it| is_one(it));
            those.map(|it| Known::clone(&it.known)).collect()
        };
        KeptSupplies { told: those(|it| it.has_told), silent: those(Supply::carries_nothing) }
    }

    /// Whether nothing is known of any.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the answer of the sensor at that `place` of the list; `slow` is what is known beside it. Returns
    /// whether another one carries nothing since, or one less.
    pub(crate) fn learn(
        &mut self,
        list: &SensorList,
        place: usize,
        answer: &Result<Answer, PollFailure>,
        slow: &Slow,
    ) -> bool {
        let Some(known) = list.discrete.get(place).filter(|_| list.supplies.contains(&place))
        else {
            return false;
        };
        let was = self.carries_nothing(known);
        match answer {
            Ok(Answer::States(None)) | Err(PollFailure::NotPresent) => {
                if slow.power().is_some_and(|power| power.is_on) {
                    // The whole list of parts was not read yet: what was known of the slot holds.
                    let is_empty = slow.all_parts().map(|parts| self.has_no_more(parts));
                    let supply = self.of(list, known);
                    supply.askings = supply.askings.saturating_add(1);
                    supply.is_empty = is_empty.unwrap_or(supply.is_empty);
                }
            }
            Ok(_) => {
                let supply = self.of(list, known);
                (supply.askings, supply.has_told, supply.is_empty) = (0, true, false);
            }
            Err(_) => {}
        }
        self.carries_nothing(known) != was
    }

    fn of(&mut self, list: &SensorList, known: &Arc<Known>) -> &mut Supply {
        let place = self.0.iter().position(|it| it.known == *known).unwrap_or_else(|| {
            // What the BMC does not list any more would be there for good.
            self.0.retain(|it| list.discrete.contains(&it.known));
            self.0.push(Supply::new(Arc::clone(known)));
            self.0.len() - 1
        });
        &mut self.0[place]
    }

    /// Whether these parts have supplies, and no more than told something: then the others are empty slots.
    fn has_no_more(&self, parts: &[Part]) -> bool {
        // Rather one too many: what is taken for a supply that told nothing may carry the machine.
        let is_supply = |it: &&Part| {
            let name = it.name.to_ascii_uppercase();
            it.capacity.is_some()
                || ["SUPPLY", "PSU", "PWR"].iter().any(|word| name.contains(word))
                || Entity::Other.or_by_name(&it.name) == Entity::Psu
        };
        let supplies = parts.iter().filter(is_supply).count();
        (1..=self.0.iter().filter(|it| it.has_told).count()).contains(&supplies)
    }

    /// Whether this supply carries nothing: it has had nothing to tell for long, though it told something once,
    /// or its slot is empty.
    pub(crate) fn carries_nothing(&self, known: &Arc<Known>) -> bool {
        self.0.iter().any(|it| it.known == *known && it.carries_nothing())
    }
}
