//! What is remembered of a set between its sweeps, and how the next one is judged with it. No I/O, no clock.

use std::sync::Arc;

use crate::config::{Asked, Plan};
use crate::kept::Kept;
use crate::kind::Kind;
use crate::verdict::{Accepted, Evidence, Judged, Memory, Rules, Severity, Verdict, judge};

/// What is remembered of a set: for each question of its plan, in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    /// After the last sweep, and the reloads since.
    memories: Arc<Vec<Memory>>,
    /// Before the last sweep: what it is judged anew with.
    before: Arc<Vec<Memory>>,
    /// Right after the last sweep: whose pins a reload replaces.
    swept: Arc<Vec<Memory>>,
    /// The last sweep.
    kept: Option<Arc<Kept>>,
    /// When it ended, in seconds since the epoch.
    at: u64,
    /// Whether addresses of documentation are answers like others.
    examples_are_public: bool,
}

impl Standing {
    /// What a file remembers.
    pub(crate) fn new(memories: Vec<Memory>) -> Self {
        Self { memories: Arc::new(memories), ..Self::default() }
    }

    /// The same, of a world in virtual time.
    pub(crate) fn of_a_world(memories: Vec<Memory>) -> Self {
        Self { memories: Arc::new(memories), examples_are_public: true, ..Self::default() }
    }

    /// The same, in the order of another list: of the last sweep, which was of the former one, nothing.
    pub(crate) fn in_order(&self, memories: Vec<Memory>) -> Self {
        let examples_are_public = self.examples_are_public;
        Self { memories: Arc::new(memories), examples_are_public, ..Self::default() }
    }

    /// What was told of each question, and stands: of the pinned answer, and of failing.
    pub(crate) fn told(&self, plan: &Plan, now: u64) -> Vec<(Severity, Severity)> {
        let none = Memory::default();
        let told = |(number, asked): (usize, &Asked)| {
            let memory = self.memories.get(number).unwrap_or(&none);
            let unexpected = asked.expected.as_ref().map(|pin| memory.still_unexpected(pin, now));
            (unexpected.unwrap_or_default(), memory.still_failing(now))
        };
        plan.questions.iter().enumerate().map(told).collect()
    }

    /// What is to be kept in a file.
    pub(crate) fn memories(&self) -> &Arc<Vec<Memory>> {
        &self.memories
    }

    /// Judges a sweep that ended at `now`, in seconds since the epoch. What was lost on our side teaches
    /// nothing, and takes the place of nothing.
    pub(crate) fn swept(
        &mut self,
        plan: &Plan,
        kept: Arc<Kept>,
        is_degraded: bool,
        pinned_at: u64,
        now: u64,
    ) -> Vec<Verdict> {
        let (verdicts, memories) = self.judge(plan, &kept, &self.memories, pinned_at, (now, now));
        if is_degraded {
            return verdicts;
        }
        self.before = std::mem::replace(&mut self.memories, Arc::new(memories));
        self.swept = Arc::clone(&self.memories);
        self.kept = Some(kept);
        self.at = now;
        verdicts
    }

    /// Judges the last sweep by another plan, whose pins came into force at `pinned_at`, which may be before that
    /// sweep ended; nothing without a sweep.
    pub(crate) fn judged_anew(
        &mut self,
        plan: &Plan,
        pinned_at: u64,
        now: u64,
    ) -> Option<Vec<Verdict>> {
        let now = now.max(self.at);
        let kept = self.kept.take()?;
        let before = |(number, swept): (usize, &Memory)| {
            self.before.get(number).cloned().unwrap_or_default().with_pins_of(swept)
        };
        let before: Vec<Memory> = self.swept.iter().enumerate().map(before).collect();
        let (verdicts, memories) = self.judge(plan, &kept, &before, pinned_at, (self.at, now));
        self.kept = Some(kept);
        self.memories = Arc::new(memories);
        Some(verdicts)
    }

    fn judge(
        &self,
        plan: &Plan,
        kept: &Kept,
        memories: &[Memory],
        pinned_at: u64,
        (at, now): (u64, u64),
    ) -> (Vec<Verdict>, Vec<Memory>) {
        let none = Memory::default();
        let mut judged: Vec<Option<(Verdict, Memory)>> = Vec::new();
        judged.resize_with(plan.questions.len(), || None);
        let mut v4: Vec<(usize, Accepted)> = Vec::new();
        // IPv4 first: what IPv6 addresses may be made of.
        let mut order: Vec<usize> = (0..plan.questions.len()).collect();
        order.sort_by_key(|number| plan.questions[*number].kind);
        for number in order {
            let asked = &plan.questions[number];
            let Some(outcomes) = kept.outcomes(number) else { continue };
            let made_of = v4.iter().find(|(of, _)| plan.questions[*of].name == asked.name);
            let evidence = Evidence {
                list: &plan.set.list,
                outcomes: &outcomes,
                control: &kept.control,
                prefixes: &kept.prefixes,
                ttl: kept.ttls.get(number).copied().flatten(),
                given: kept.given.get(number).map_or(&[], |it| it),
                at,
            };
            let rules = Rules {
                expected: asked.expected.as_ref(),
                expected_since: Some(pinned_at),
                min_resolvers: plan.set.min_resolvers,
                min_networks: plan.set.min_networks,
                v4: made_of.map(|(_, accepted)| accepted).filter(|_| asked.kind == Kind::Aaaa),
                examples_are_public: self.examples_are_public,
                known: Some(&plan.known),
                systems: &plan.systems,
            };
            let memory = memories.get(number).unwrap_or(&none);
            let Judged { verdict, memory, accepted } = judge(&evidence, &rules, memory, now);
            if asked.kind == Kind::A {
                v4.push((number, accepted));
            }
            judged[number] = Some((verdict, memory));
        }
        judged.into_iter().flatten().unzip()
    }
}
