//! The outcomes of a sweep, kept small until the next one: each different outcome once. No I/O, no clock.

use std::collections::HashMap;

use crate::outcome::{Control, Outcome};
use crate::sweep::Sweep;

/// Addresses and records beyond which a sweep is not kept to be compared with the next one: 25,000 resolvers
/// that each give their own 63 addresses have eight times as many.
const LARGE: usize = 200_000;

/// The outcomes of each question at each resolver, four bytes each.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    /// What the control question said of each resolver.
    pub(crate) control: Vec<Control>,
    /// The largest TTL of an answer to each question, seconds.
    pub(crate) ttls: Vec<Option<u32>>,
    /// Which of its machines answered, for each resolver; empty if that is not asked.
    nsids: Vec<Option<Box<str>>>,
    different: Vec<Option<Outcome>>,
    /// For each question (outer) and resolver (inner): an index into the different ones.
    numbers: Vec<Vec<u32>>,
}

impl Kept {
    /// Keeps what a sweep brought.
    pub(crate) fn new(sweep: Sweep) -> Self {
        let Sweep { outcomes, control, ttls, nsids, .. } = sweep;
        let mut known: HashMap<&Option<Outcome>, u32> = HashMap::new();
        let mut different = Vec::new();
        let mut number = |outcome| {
            *known.entry(outcome).or_insert_with(|| {
                different.push(outcome.clone());
                u32::try_from(different.len() - 1).expect("fewer outcomes than IPv4 addresses")
            })
        };
        let numbers = outcomes.iter().map(|of_one| of_one.iter().map(&mut number).collect());
        let numbers = numbers.collect();
        Self { control, ttls, nsids, different, numbers }
    }

    /// What became of a question at a resolver, by their numbers; `None` where it was not asked.
    pub(crate) fn outcome(&self, question: usize, resolver: usize) -> Option<&Outcome> {
        let number = *self.numbers.get(question)?.get(resolver)?;
        self.different[number as usize].as_ref()
    }

    /// Which of its machines a resolver answered from, if it says so.
    pub(crate) fn nsid(&self, resolver: usize) -> Option<&str> {
        self.nsids.get(resolver)?.as_deref()
    }

    /// Whether its answers are too many to be kept beside those of the next sweep.
    pub(crate) fn is_large(&self) -> bool {
        let size = |outcome: &Option<Outcome>| match outcome {
            Some(Outcome::Answer(answer)) => answer.content.len(),
            _ => 0,
        };
        self.different.iter().map(size).sum::<usize>() > LARGE
    }

    /// The outcomes of one question after the other, as they were.
    pub(crate) fn outcomes(&self) -> impl Iterator<Item = Vec<Option<Outcome>>> {
        let of_one = |numbers: &Vec<u32>| {
            numbers.iter().map(|number| self.different[*number as usize].clone()).collect()
        };
        self.numbers.iter().map(of_one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::{Answer, Content};

    #[test]
    fn what_was_kept_is_what_there_was() {
        let answer = |n: u8| {
            let content = Content::Addresses([[192, 0, 2, n].into()].into());
            Some(Outcome::Answer(Answer::new(content)))
        };
        let outcomes = [
            vec![answer(1), None, answer(1), Some(Outcome::Timeout)],
            vec![None, answer(2), answer(1), Some(Outcome::Timeout)],
        ];
        let (control, ttls) = (vec![Control::Passed; 4], vec![Some(60), None]);
        let sweep = Sweep {
            outcomes: outcomes.to_vec(),
            control,
            ttls,
            nsids: Vec::new(),
            degraded: false,
        };
        let kept = Kept::new(sweep);
        assert_eq!(kept.outcomes().collect::<Vec<_>>(), outcomes);
        assert_eq!(kept.different.len(), 4);
    }
}
