//! The outcomes of a sweep, kept small until the next one: each different outcome once. No I/O, no clock.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::answer::Flag;
use crate::nat64::Prefix;
use crate::outcome::{Control, Outcome};
use crate::ttl::Ttls;

/// Addresses and records beyond which a sweep is not kept to be compared with the next one: 25,000 resolvers
/// that each give their own 63 addresses have eight times as many.
const LARGE: usize = 200_000;

/// The outcomes of each question at each resolver, four bytes each.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    /// What the control question said of each resolver.
    pub(crate) control: Vec<Control>,
    /// The TTLs of the answers to each question.
    pub(crate) ttls: Vec<Option<Ttls>>,
    /// The same, of each resolver; empty in a world.
    pub(crate) given: Vec<Arc<[u32]>>,
    /// By which prefix of their network's own resolvers make IPv6 addresses: of each that is known to, by its number.
    pub(crate) prefixes: BTreeMap<usize, Prefix>,
    /// Which of its machines answered, for each resolver; empty if that is not asked.
    nsids: Vec<Option<Box<str>>>,
    different: Vec<Option<Arc<Outcome>>>,
    /// For each question (outer) and resolver (inner): an index into the different ones.
    numbers: Vec<Vec<u32>>,
}

/// Different outcomes, by numbers.
#[derive(Debug)]
pub(crate) struct Different {
    known: HashMap<Arc<Outcome>, u32>,
    outcomes: Vec<Option<Arc<Outcome>>>,
}

impl Default for Different {
    /// None but that of who was not asked.
    fn default() -> Self {
        Self { known: HashMap::new(), outcomes: vec![None] }
    }
}

impl Different {
    /// The number of who was not asked.
    pub(crate) const NONE: u32 = 0;

    /// The number of an outcome.
    pub(crate) fn number(&mut self, outcome: Outcome) -> u32 {
        if let Some(number) = self.known.get(&outcome) {
            return *number;
        }
        let number = u32::try_from(self.outcomes.len()).expect("fewer than IPv4 addresses");
        let outcome = Arc::new(outcome);
        self.known.insert(Arc::clone(&outcome), number);
        self.outcomes.push(Some(outcome));
        number
    }

    /// An outcome by its number.
    pub(crate) fn outcome(&self, number: u32) -> Option<&Outcome> {
        self.shared(number).map(|it| &**it)
    }

    /// The same, for whoever looks at it later.
    pub(crate) fn shared(&self, number: u32) -> Option<&Arc<Outcome>> {
        self.outcomes[number as usize].as_ref()
    }
}

impl Kept {
    /// Keeps what a sweep brought, which has given each outcome a number.
    pub(crate) fn new(
        different: Different,
        numbers: Vec<Vec<u32>>,
        control: Vec<Control>,
        ttls: Vec<Option<Ttls>>,
        nsids: Vec<Option<Box<str>>>,
    ) -> Self {
        let (given, prefixes) = (Vec::new(), BTreeMap::new());
        Self { control, ttls, given, prefixes, nsids, different: different.outcomes, numbers }
    }

    /// Keeps what a world says.
    pub(crate) fn of(
        outcomes: Vec<Vec<Option<Outcome>>>,
        control: Vec<Control>,
        ttls: Vec<Option<u32>>,
    ) -> Self {
        let mut different = Different::default();
        let mut number =
            |it: Option<Outcome>| it.map_or(Different::NONE, |it| different.number(it));
        let ttls = ttls.into_iter().map(|ttl| ttl.map(Ttls::all)).collect();
        let of_one = |of_one: Vec<_>| of_one.into_iter().map(&mut number).collect();
        let numbers = outcomes.into_iter().map(of_one).collect();
        Self::new(different, numbers, control, ttls, Vec::new())
    }

    /// Notes what is odd about the answers of some resolvers to a question, by its number and theirs.
    pub(crate) fn note(
        &mut self,
        question: usize,
        odd: impl Iterator<Item = (usize, [Option<Flag>; 2])>,
    ) {
        let Some(numbers) = self.numbers.get_mut(question) else { return };
        let mut noted: HashMap<(u32, [Option<Flag>; 2]), u32> = HashMap::new();
        for (resolver, flags) in odd {
            let number = numbers[resolver];
            numbers[resolver] = *noted.entry((number, flags)).or_insert_with(|| {
                let Some(Outcome::Answer(answer)) = self.different[number as usize].as_deref()
                else {
                    return number;
                };
                let mut answer = answer.clone();
                flags.into_iter().flatten().for_each(|flag| answer.flags.set(flag));
                self.different.push(Some(Arc::new(Outcome::Answer(answer))));
                u32::try_from(self.different.len() - 1).expect("fewer than IPv4 addresses")
            });
        }
    }

    /// What became of a question at a resolver, by their numbers; `None` where it was not asked.
    pub(crate) fn outcome(&self, question: usize, resolver: usize) -> Option<&Outcome> {
        let number = *self.numbers.get(question)?.get(resolver)?;
        self.different[number as usize].as_deref()
    }

    /// Which of its machines a resolver answered from, if it says so.
    pub(crate) fn nsid(&self, resolver: usize) -> Option<&str> {
        self.nsids.get(resolver)?.as_deref()
    }

    /// Whether its answers are too many to be kept beside those of the next sweep.
    pub(crate) fn is_large(&self) -> bool {
        let size = |outcome: &Option<Arc<Outcome>>| match outcome.as_deref() {
            Some(Outcome::Answer(answer)) => answer.content.len(),
            _ => 0,
        };
        self.different.iter().map(size).sum::<usize>() > LARGE
    }

    /// Whether the answers to each question came cut, more than a tenth of them; nothing where none came.
    pub(crate) fn cut(&self) -> impl Iterator<Item = Option<bool>> {
        let is_cut: Vec<Option<bool>> =
            self.different.iter().map(|it| it.as_deref().and_then(is_cut)).collect();
        self.numbers.iter().map(move |of_question| {
            let told = of_question.iter().filter_map(|number| is_cut[*number as usize]);
            let (all, cut) = told.fold((0, 0), |(all, cut), is| (all + 1, cut + usize::from(is)));
            (all > 0).then_some(10 * cut > all)
        })
    }

    /// The outcomes of a question, by its number: one for each resolver; none of a question that was not asked.
    pub(crate) fn outcomes(&self, question: usize) -> Option<Vec<Option<&Outcome>>> {
        let outcome = |number: &u32| self.different[*number as usize].as_deref();
        Some(self.numbers.get(question)?.iter().map(outcome).collect())
    }
}

/// Whether an answer came cut, if one came; one that was not fetched mostly did.
fn is_cut(outcome: &Outcome) -> Option<bool> {
    match outcome {
        Outcome::Answer(answer) => Some(answer.flags.has(Flag::Tc)),
        Outcome::Truncated | Outcome::NotAsked => Some(true),
        _ => None,
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
        let kept = Kept::of(outcomes.to_vec(), control, ttls);
        for (question, outcomes) in outcomes.iter().enumerate() {
            let kept = kept.outcomes(question).unwrap();
            assert!(kept.into_iter().eq(outcomes.iter().map(Option::as_ref)));
        }
        assert_eq!(kept.outcomes(2), None);
        assert_eq!(kept.different.len(), 4);
    }

    #[test]
    fn what_is_odd_is_noted_of_those_alone_of_whom_it_is_so() {
        let answer = |content| Some(Outcome::Answer(Answer::new(content)));
        let outcomes =
            vec![answer(Content::Nodata), answer(Content::Nodata), Some(Outcome::Timeout)];
        let mut kept = Kept::of(vec![outcomes], Vec::new(), vec![None]);
        let odd = [Some(Flag::TtlOverAuth), Some(Flag::TtlFrozen)];
        kept.note(0, [(1, odd), (2, odd)].into_iter());
        kept.note(7, [(0, odd)].into_iter());
        let has = |at: usize, flag| match kept.outcome(0, at) {
            Some(Outcome::Answer(answer)) => answer.flags.has(flag),
            _ => false,
        };
        for flag in [Flag::TtlOverAuth, Flag::TtlFrozen] {
            assert_eq!([0, 1, 2].map(|at| has(at, flag)), [false, true, false]);
        }
        assert_eq!(kept.outcome(0, 2), Some(&Outcome::Timeout));
    }
}
