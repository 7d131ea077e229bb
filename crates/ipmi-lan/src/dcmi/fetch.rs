//! Reading all temperatures of a DCMI entity, question by question. No I/O, no clock.

use super::{DcmiEntity, DcmiTemperature, DcmiTemperatures};
use crate::command::Command;
use crate::error::CommandError;

/// A reading under way: ask [`Fetch::question`], give [`Fetch::answer`]. Each answer but the last
/// brings an instance that was not known, so it takes 255 questions at most.
#[derive(Debug)]
pub struct Fetch {
    entity: DcmiEntity,
    readings: Vec<DcmiTemperature>,
}

/// What a fetch wants after an answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Ask the next question.
    Ask,
    /// Finished.
    Done(Result<Vec<DcmiTemperature>, CommandError>),
}

impl Fetch {
    /// Begins with the first instance of `entity`.
    pub fn new(entity: DcmiEntity) -> Fetch {
        Fetch { entity, readings: Vec::new() }
    }

    /// What to ask the BMC now.
    pub fn question(&self) -> Command {
        let start = u8::try_from(self.readings.len()).unwrap_or(u8::MAX).saturating_add(1);
        Command::DcmiTemperatures { entity: self.entity.id(), start }
    }

    /// Takes the answer to [`Fetch::question`].
    pub fn answer(&mut self, answer: Result<&[u8], CommandError>) -> Next {
        let reply = match answer.and_then(DcmiTemperatures::parse) {
            Ok(reply) => reply,
            Err(error) => return Next::Done(Err(error)),
        };
        let known = self.readings.len();
        for reading in reply.readings {
            if self.readings.iter().all(|other| other.instance != reading.instance) {
                self.readings.push(reading);
            }
        }
        let count = self.readings.len();
        // A BMC that gives nothing, or the same again, has no more; an instance is a byte.
        if count == known || count >= usize::from(reply.total) || count >= usize::from(u8::MAX) {
            return Next::Done(Ok(std::mem::take(&mut self.readings)));
        }
        Next::Ask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads from a BMC that gives `at_once` of `total` instances from the one asked for on, or
    /// always the first ones.
    fn read(total: u8, at_once: u8, obeys: bool) -> (Vec<u8>, u32) {
        let mut fetch = Fetch::new(DcmiEntity::Processor);
        let mut questions = 0;
        loop {
            let Command::DcmiTemperatures { entity: 0x41, start } = fetch.question() else {
                panic!("{fetch:?}")
            };
            let start = if obeys { start } else { 1 };
            let instances: Vec<u8> = (start..=total).take(usize::from(at_once)).collect();
            let mut answer = vec![0xDC, total, u8::try_from(instances.len()).unwrap()];
            answer.extend(instances.iter().flat_map(|instance| [*instance / 2, *instance]));
            questions += 1;
            assert!(questions <= 255, "this never ends");
            if let Next::Done(readings) = fetch.answer(Ok(&answer)) {
                let instances = readings.unwrap().iter().map(|reading| reading.instance).collect();
                return (instances, questions);
            }
        }
    }

    #[test]
    fn every_instance_is_read_once() {
        assert_eq!(read(20, 8, true), ((1..=20).collect(), 3));
        assert_eq!(read(8, 8, true), ((1..=8).collect(), 1));
        assert_eq!(read(0, 8, true), (vec![], 1));
        assert_eq!(read(255, 1, true), ((1..=255).collect(), 255));
    }

    #[test]
    fn a_bmc_that_repeats_itself_or_gives_nothing_has_no_more() {
        assert_eq!(read(20, 8, false), ((1..=8).collect(), 2));
        assert_eq!(read(20, 0, true), (vec![], 1));
    }

    #[test]
    fn an_error_is_the_end() {
        let mut fetch = Fetch::new(DcmiEntity::Inlet);
        let error = CommandError::Malformed;
        assert_eq!(fetch.answer(Ok(&[0, 1, 1, 20, 1])), Next::Done(Err(error)));
        assert_eq!(fetch.answer(Err(error)), Next::Done(Err(error)));
    }
}
