//! Power supplies that have nothing to tell, asking after asking. No I/O, no clock.
//!
//! A slot that is empty has a sensor all the same, and so has a supply that is dead: neither carries the
//! machine. Of one that has not been asked often enough nobody can say so.

use std::sync::Arc;

use super::answer::Answer;
use crate::inventory::Known;
use crate::outcome::PollFailure;
use crate::sensor::list::SensorList;

/// After so many askings in a row, a minute apart, it is no sensor that is not ready yet.
const LONG: u8 = 5;

/// The supplies that told nothing when they were last asked, while the machine was on: some BMCs read no
/// sensor of a machine that is off.
#[derive(Clone, Debug, Default)]
pub(crate) struct Silent(Vec<(Arc<Known>, u8)>);

impl Silent {
    /// Those that had nothing to tell for long when it was kept.
    pub(crate) fn kept(known: Vec<Known>) -> Self {
        Self(known.into_iter().map(|it| (Arc::new(it), LONG)).collect())
    }

    /// Those that have had nothing to tell for long: what is worth keeping.
    pub(crate) fn for_long(&self) -> Vec<Known> {
        let long = self.0.iter().filter(|(_, askings)| *askings >= LONG);
        long.map(|(known, _)| Known::clone(known)).collect()
    }

    /// Whether none is silent.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the answer of the sensor at that `place` of the list; returns whether another one is silent for
    /// long since, or one less.
    pub(crate) fn learn(
        &mut self,
        list: &SensorList,
        place: usize,
        answer: &Result<Answer, PollFailure>,
        is_on: bool,
    ) -> bool {
        let Some(known) = list.discrete.get(place).filter(|_| list.supplies.contains(&place))
        else {
            return false;
        };
        let was = self.is_for_long(known);
        match answer {
            Ok(Answer::States(None)) | Err(PollFailure::NotPresent) => {
                if is_on {
                    self.count(list, known);
                }
            }
            Ok(_) => self.0.retain(|(it, _)| it != known),
            Err(_) => {}
        }
        self.is_for_long(known) != was
    }

    fn count(&mut self, list: &SensorList, known: &Arc<Known>) {
        if let Some((_, askings)) = self.0.iter_mut().find(|(it, _)| it == known) {
            *askings = askings.saturating_add(1);
            return;
        }
        // What the BMC does not list any more would be there for good.
        self.0.retain(|(it, _)| list.discrete.contains(it));
        self.0.push((Arc::clone(known), 1));
    }

    /// Whether this supply has had nothing to tell for long.
    pub(crate) fn is_for_long(&self, known: &Arc<Known>) -> bool {
        self.0.iter().any(|(it, askings)| it == known && *askings >= LONG)
    }
}
