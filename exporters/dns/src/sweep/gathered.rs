//! What the workers of a sweep have brought: each different outcome once, and four bytes for each query that is over.
//! No I/O, no clock.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Sweep, probe};
use crate::answer::{Answer, Content, Flag};
use crate::config::Plan;
use crate::courtesy::{Impression, Turn};
use crate::kept::{Different, Kept};
use crate::nat64::Prefix;
use crate::outcome::{Control, Outcome};
use crate::pending::Query;
use crate::special;
use crate::ttl::{self, Ttls};

/// Share of the queries that may be lost on this machine before the sweep is called degraded. A
/// single loss changes no verdict; a hundredth of all, on the resolvers of one country, may.
const TOLERATED_LOSS: f64 = 0.01;

/// What was brought so far.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    different: Different,
    /// For each question (outer) and resolver (inner): the number of its outcome.
    numbers: Vec<Vec<u32>>,
    control: Vec<Control>,
    /// The TTL of each answer, seconds: by question, and by resolver.
    ttls: Vec<Box<[u32]>>,
    /// Which of its machines answered, for each resolver; empty if that is not asked.
    nsids: Vec<Option<Box<str>>>,
    /// How each resolver is asked, and how it showed itself over all questions.
    turns: Vec<Turn>,
    shown: Vec<Impression>,
    /// Resolver and question of those that failed, and have an answer where they are told not to validate.
    bogus: Vec<(usize, usize)>,
    /// Resolvers that said an error with EDNS, and without.
    erring: Vec<usize>,
    /// The number of the question for prefixes, who was asked it, and what those said that did.
    probe: usize,
    probed: Vec<usize>,
    prefixes: Vec<(usize, Option<Prefix>)>,
}

/// What is learnt of resolvers from a sweep, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Learnt {
    /// How each resolver showed itself over all questions.
    pub(super) shown: Vec<Impression>,
    /// Who said an error with EDNS, and without.
    pub(super) erring: Vec<usize>,
    /// Who was asked by which prefix it makes addresses,
    pub(super) probed: Vec<usize>,
    /// and what those said that did: by none, or by this one.
    pub(super) prefixes: Vec<(usize, Option<Prefix>)>,
}

/// What some resolvers said to some questions: four bytes each, and each different outcome once.
#[derive(Debug, Default)]
pub(super) struct Brought {
    numbers: HashMap<usize, Vec<u32>>,
    outcomes: HashMap<u32, Arc<Outcome>>,
}

impl Brought {
    /// What a question brought of a resolver, by their numbers; that of the resolver is its place among those noted.
    pub(super) fn outcome(&self, question: usize, place: usize) -> Option<&Outcome> {
        let number = self.numbers.get(&question)?.get(place)?;
        self.outcomes.get(number).map(|it| &**it)
    }
}

impl Gathered {
    /// Nothing yet.
    pub(super) fn new(plan: &Plan, turns: &[Turn]) -> Self {
        let (resolvers, questions) = (plan.set.list.resolvers.len(), plan.questions.len());
        // Of one that is left alone, what it said before stands.
        let known =
            |turn: &Turn| if *turn == Turn::Rest { Control::Resting } else { Control::Unknown };
        Self {
            different: Different::default(),
            numbers: vec![vec![Different::NONE; resolvers]; questions],
            control: turns.iter().map(known).collect(),
            ttls: vec![vec![ttl::NONE; resolvers].into(); questions],
            nsids: vec![None; if plan.set.nsid { resolvers } else { 0 }],
            turns: turns.to_vec(),
            shown: vec![Impression::None; resolvers],
            bogus: Vec::new(),
            erring: Vec::new(),
            probe: probe(plan),
            probed: Vec::new(),
            prefixes: Vec::new(),
        }
    }

    /// Notes what some resolvers said to these questions, after what others did.
    pub(super) fn note(&self, questions: &[usize], resolvers: &[usize], brought: &mut Brought) {
        for question in questions {
            let of_question = brought.numbers.entry(*question).or_default();
            for resolver in resolvers {
                let number = self.numbers[*question][*resolver];
                of_question.push(number);
                if let Some(outcome) = self.different.shared(number) {
                    brought.outcomes.entry(number).or_insert_with(|| Arc::clone(outcome));
                }
            }
        }
    }

    /// Takes a query to a resolver that is over.
    pub(super) fn add(&mut self, resolver: usize, query: Query) {
        let (question, is_unchecked) = (query.question(), query.form.is_unchecked);
        let is_plain = query.form.is_plain && self.turns[resolver] != Turn::Trial;
        let is_fallback = query.is_fallback();
        if query.errs_either_way {
            self.erring.push(resolver);
        }
        let mut outcome = query.into_outcome();
        if question == self.probe {
            if outcome != Outcome::LocalError {
                self.probed.push(resolver);
            }
            let Outcome::Answer(answer) = outcome else { return };
            match answer.content {
                Content::Addresses(it) => self.prefixes.push((resolver, Prefix::of_probe(&it))),
                other if other.is_conclusive() => self.prefixes.push((resolver, None)),
                _ => {}
            }
            return;
        }
        if is_unchecked {
            if matches!(&outcome, Outcome::Answer(it) if it.content.is_conclusive()) {
                self.bogus.push((resolver, question));
            }
            return;
        }
        if let Outcome::Answer(answer) = &mut outcome {
            // It was asked without EDNS for good reason: as is known, or by its word to another question of this sweep.
            if is_plain && !is_fallback && answer.content != Content::OtherRcode {
                answer.flags.set(Flag::NoEdns);
            }
            self.note_answer(resolver, question, answer);
        }
        self.note_outcome(resolver, question, outcome, is_plain || is_fallback);
    }

    /// Takes what came of a question that was put over a connection.
    pub(super) fn take(&mut self, resolver: usize, question: usize, mut outcome: Outcome) {
        if let Outcome::Answer(answer) = &mut outcome {
            self.note_answer(resolver, question, answer);
        }
        self.note_outcome(resolver, question, outcome, false);
    }

    /// Notes what is told of an answer for itself.
    fn note_answer(&mut self, resolver: usize, question: usize, answer: &mut Answer) {
        if let Some(nsid) = answer.nsid.take()
            && let Some(known) = self.nsids.get_mut(resolver)
        {
            *known = Some(nsid);
        }
        let ttl = std::mem::take(&mut answer.ttl);
        if let Content::Addresses(_) | Content::Records(_) = answer.content
            && let Some(ttls) = self.ttls.get_mut(question)
        {
            ttls[resolver] = ttl;
        }
    }

    fn note_outcome(&mut self, resolver: usize, question: usize, outcome: Outcome, is_plain: bool) {
        let impression = impression(&outcome, self.turns[resolver], is_plain);
        self.shown[resolver] = self.shown[resolver].and(impression);
        match self.numbers.get_mut(question) {
            Some(of_question) => of_question[resolver] = self.different.number(outcome),
            None => self.control[resolver] = judged_control(&outcome),
        }
    }

    /// The sweep as a whole, of which so many datagrams were lost on this machine; and what is learnt of resolvers.
    /// `known` are those of whom a prefix is known.
    pub(super) fn end(
        mut self,
        plan: &Plan,
        mut lost: u64,
        known: &BTreeMap<usize, Prefix>,
    ) -> (Sweep, Learnt) {
        for (resolver, question) in std::mem::take(&mut self.bogus) {
            let Some(number) = self.numbers.get(question).map(|of_one| of_one[resolver]) else {
                continue;
            };
            if let Some(Outcome::Answer(answer)) = self.different.outcome(number)
                && answer.content == Content::Servfail
            {
                let mut answer = answer.clone();
                answer.content = Content::Bogus;
                self.numbers[question][resolver] = self.different.number(Outcome::Answer(answer));
            }
        }
        let not_sent = self.different.number(Outcome::LocalError);
        for of_question in &mut self.numbers {
            for (number, control) in of_question.iter_mut().zip(&self.control) {
                // Not asked, though it passed: the sweep was cut short.
                if *number == Different::NONE && !control.is_bad() {
                    *number = not_sent;
                }
                lost += u64::from(*number == not_sent);
            }
        }
        let queries = plan.set.list.resolvers.len() * plan.queries_per_resolver();
        let degraded = lost as f64 > queries as f64 * TOLERATED_LOSS;
        if plan.set.control.is_none() {
            self.control.clear();
        }
        let ttls = self.ttls.iter().map(|given| Ttls::of(given)).collect();
        let mut kept = Kept::new(self.different, self.numbers, self.control, ttls, self.nsids);
        let ttls: Vec<Arc<[u32]>> = self.ttls.into_iter().map(Arc::from).collect();
        kept.given.clone_from(&ttls);
        kept.prefixes.clone_from(known);
        for (resolver, prefix) in &self.prefixes {
            match prefix {
                Some(prefix) => kept.prefixes.insert(*resolver, *prefix),
                None => kept.prefixes.remove(resolver),
            };
        }
        let Self { shown, erring, probed, prefixes, .. } = self;
        (Sweep { kept, ttls, degraded }, Learnt { shown, erring, probed, prefixes })
    }
}

/// How a resolver showed itself by one outcome; `is_plain` says that it was to be asked without EDNS, and not for a trial.
fn impression(outcome: &Outcome, turn: Turn, is_plain: bool) -> Impression {
    match outcome {
        Outcome::LocalError => Impression::None,
        Outcome::Timeout | Outcome::Unreachable => Impression::Silent,
        Outcome::Answer(answer) if answer.content == Content::Refused => Impression::Refused,
        Outcome::Answer(answer) if answer.flags.has(Flag::NoEdns) => Impression::Plain,
        // Its word about EDNS stands, though what followed could not be had.
        Outcome::NotAsked | Outcome::Truncated | Outcome::Malformed if is_plain => {
            Impression::Plain
        }
        _ if turn == Turn::Trial => Impression::Tried,
        _ => Impression::Replied,
    }
}

/// What the control question's outcome says of the resolver.
fn judged_control(outcome: &Outcome) -> Control {
    match outcome {
        Outcome::LocalError | Outcome::NotAsked => Control::Unknown,
        Outcome::Timeout => Control::Silent,
        outcome if passes_control(outcome) => Control::Passed,
        Outcome::Answer(answer) => match answer.content {
            Content::Refused => Control::Refused,
            ref content if content.is_conclusive() => Control::Lied,
            _ => Control::Failed,
        },
        _ => Control::Failed,
    }
}

/// Whether the control question's outcome speaks for the resolver. One that was never sent, or that we did not ask on,
/// does not speak against it.
pub(super) fn passes_control(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::LocalError | Outcome::NotAsked => true,
        Outcome::Answer(answer) => match &answer.content {
            Content::Addresses(addresses) => !addresses.iter().any(|it| special::is_special(*it)),
            _ => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::Asked;
    use crate::exchange::question::{Form, Question, Template};
    use crate::pending::{Pending, Received};

    #[test]
    fn how_a_resolver_showed_itself_rests_on_what_it_was_asked_and_said() {
        use Impression::{None, Plain, Refused, Replied, Silent, Tried};
        let answer = |content| Outcome::Answer(Answer::new(content));
        let mut plain = Answer::new(Content::Nodata);
        plain.flags.set(Flag::NoEdns);
        for (outcome, usual, known, trial) in [
            (Outcome::LocalError, None, None, None),
            (Outcome::Timeout, Silent, Silent, Silent),
            (Outcome::Unreachable, Silent, Silent, Silent),
            (answer(Content::Refused), Refused, Refused, Refused),
            (Outcome::Answer(plain), Plain, Plain, Plain),
            (answer(Content::Nodata), Replied, Replied, Tried),
            // It says so either way.
            (answer(Content::OtherRcode), Replied, Replied, Tried),
            (Outcome::NotAsked, Replied, Plain, Tried),
            (Outcome::Truncated, Replied, Plain, Tried),
            (Outcome::Malformed, Replied, Plain, Tried),
        ] {
            let of = |turn, is_plain| impression(&outcome, turn, is_plain);
            let shown = (of(Turn::Usual, false), of(Turn::Plain, true), of(Turn::Trial, false));
            assert_eq!(shown, (usual, known, trial), "{outcome:?}");
        }
    }

    #[test]
    fn what_some_said_is_known_to_who_looks_at_it_while_others_go_on() {
        let answer = |last: u8| {
            Outcome::Answer(Answer::new(Content::Addresses([[192, 0, 2, last].into()].into())))
        };
        let mut gathered = Gathered::default();
        let mut numbers = |all: [Outcome; 3]| all.map(|it| gathered.different.number(it)).to_vec();
        let of_questions = [
            numbers([answer(1), answer(2), Outcome::Timeout]),
            numbers([answer(9), answer(9), answer(9)]),
            numbers([answer(2), answer(1), answer(3)]),
        ];
        gathered.numbers = of_questions.to_vec();
        gathered.numbers[0].push(Different::NONE);
        gathered.numbers[2].push(Different::NONE);
        let mut brought = Brought::default();
        for some in [&[2, 0][..], &[3]] {
            gathered.note(&[0, 2], some, &mut brought);
        }
        drop(gathered);
        let of = |question| [0, 1, 2].map(|place| brought.outcome(question, place).cloned());
        assert_eq!(of(0), [Some(Outcome::Timeout), Some(answer(1)), None]);
        assert_eq!(of(2), [Some(answer(3)), Some(answer(2)), None]);
        assert_eq!((brought.outcome(1, 0), brought.outcome(0, 3)), (None, None));
    }

    #[test]
    fn who_says_that_it_knows_no_edns_is_known_for_it_by_all_that_follows() {
        let text = "vantage: { name: fra, region: EMEA }\n\
                    sets: [{ name: world, resolvers: [127.0.0.1], allow_private: true }]\n\
                    questions: [{ name: a.example, types: [A, AAAA] }]\n";
        let config: crate::config::Config = exporter_kit::config::parse(text, "test.yml").unwrap();
        let config = config.complete(std::path::Path::new(".")).unwrap();
        let plan = &config.plans(&[]).0["world"];
        let question = |it: &Asked| Question::recursive(it.name.clone(), it.kind.record_type());
        let templates: Vec<_> =
            plan.questions.iter().map(|it| Template::new(&question(it))).collect();
        let (peer, second) = (([127, 0, 0, 1], 53).into(), Duration::from_secs(1));
        let reply = |id: u16, question: usize, rcode: u8| {
            let mut bytes = Vec::new();
            templates[question].write(id, 0, &mut bytes);
            (bytes[2], bytes[3]) = (bytes[2] | 0x80, 0x80 | rcode);
            bytes
        };
        let mut gathered = Gathered::new(plan, &[Turn::Usual]);
        let mut pending = Pending::new(&templates, second * 2, 0);
        // By its word, to the first question; there was no room to ask that one without.
        let first = pending.begin(Duration::ZERO, peer, 0, 7, 0, Form::default());
        pending.received(second, peer, &reply(7, 0, 1));
        pending.not_sent_again(first);
        // So the second went without at once.
        let form = Form { is_plain: true, ..Form::default() };
        pending.begin(Duration::ZERO, peer, 1, 8, 0, form);
        assert_eq!(pending.received(second, peer, &reply(8, 1, 3)), Received::Answered(second));
        pending.into_queries().for_each(|query| gathered.add(0, query));
        let (sweep, learnt) = gathered.end(plan, 0, &BTreeMap::new());
        assert_eq!(sweep.kept.outcome(0, 0), Some(&Outcome::NotAsked));
        let Some(Outcome::Answer(answer)) = sweep.kept.outcome(1, 0) else { panic!() };
        assert!(answer.flags.has(Flag::NoEdns));
        assert_eq!(learnt.shown, [Impression::Plain]);
    }
}
