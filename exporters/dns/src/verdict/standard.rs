//! What the answers are held against: the pin, or what is agreed upon; and changes of either. No I/O, no clock.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::accepted::Accepted;
use super::case::Case;
use super::classes::Standards;
use super::consensus::{self, Consensus, Kind};
use super::figures::is_at_least;
use super::key::Detail;
use super::memory::Memory;
use super::migration::{self, Migration, Progress};
use super::pin::{self, Former};
use super::reference::Reference;
use super::shares::Shares;
use super::sighting::{Look, Sightings};
use super::state::State;
use super::votes::Weight;
use super::whole::Severity;
use super::{Evidence, Rules};
use crate::answer::{self, Content};
use crate::expected::Expected;
use crate::outcome::Class;
use crate::resolvers::Systems;
use crate::ttl::Ttls;

/// Share of the agreeing votes for one answer at which nearly all give one.
const ONE: f64 = 0.95;
/// Share of the conclusive votes that agree on an absence.
const MOST: f64 = 0.85;
/// Share of the votes from which on an address was seen, and not only here and there.
const SEEN: f64 = 0.02;
/// Addresses that are remembered.
const ADDRESSES: usize = 64;
/// With fewer networks a large pool cannot be told from answers by place.
const NETWORKS: usize = 20;

/// What the answers to one question are held against.
#[derive(Debug)]
pub(super) struct Standard {
    pin: Option<Expected>,
    former: Option<Former>,
    /// The former pin after this sweep; nothing once its answers are gone.
    former_left: Option<Former>,
    /// Share of the votes for the answers of the former pin, and whether they may last.
    former_share: f64,
    former_lasts: bool,
    ttl: u32,
    kind: Kind,
    /// Whether addresses are counted one by one, and not their networks.
    is_counted: bool,
    is_tailored: bool,
    migration: Option<Migration>,
    /// The addresses that are accepted, where they are counted one by one, and those that are seen.
    addresses: Option<Vec<IpAddr>>,
    seen: Vec<IpAddr>,
    networks: usize,
    /// For the classes.
    pub(super) classes: Standards,
}

impl Standard {
    /// Finds what is accepted.
    pub(super) fn find(
        case: &Case<'_>,
        rules: &Rules<'_>,
        memory: &Memory,
        ttl: Option<u32>,
        now: u64,
    ) -> Self {
        let ttl = pin::ttl(ttl, memory.ttl);
        match rules.expected {
            Some(pin) => {
                let changed = rules.expected_since.unwrap_or(now);
                let (before, former) = (memory.pin.as_ref(), memory.former.as_ref());
                let former = Former::of(pin, before, former, changed);
                Self::pinned(case, rules.systems, pin, former, ttl, now)
            }
            None => Self::agreed(case, rules.systems, memory, ttl, now),
        }
    }

    fn empty(case: &Case<'_>, ttl: u32) -> Self {
        let answers = case.heard.answers.len();
        Self {
            pin: None,
            former: None,
            former_left: None,
            former_share: 0.0,
            former_lasts: false,
            ttl,
            kind: Kind::None,
            is_counted: true,
            is_tailored: false,
            migration: None,
            addresses: None,
            seen: Vec::new(),
            networks: case.networks,
            classes: Standards {
                accepted: vec![true; answers],
                is_absence: false,
                stale: vec![false; answers],
                is_absence_stale: false,
                local: vec![false; answers],
                own_answers: vec![false; case.places.len()],
                is_pair_telling: false,
            },
        }
    }

    fn pinned(
        case: &Case<'_>,
        systems: &Systems,
        pin: &Expected,
        former: Option<Former>,
        ttl: u32,
        now: u64,
    ) -> Self {
        let mut standard = Self { pin: Some(pin.clone()), ..Self::empty(case, ttl) };
        let fits = |pin: &Expected| {
            let answers = case.heard.answers.iter();
            answers.map(|answer| pin.is_met_by_addresses(answer, systems)).collect::<Vec<_>>()
        };
        standard.classes.accepted = fits(pin);
        standard.classes.is_absence = pin.is_absence();
        let Some(former) = former else { return standard };
        let stale = fits(&former.pin);
        let is_absence_stale = former.pin.is_absence() && !pin.is_absence();
        let is_former = |at: usize| match case.heard.said[at] {
            super::said::Said::Data(answer) => stale[answer] && !standard.classes.accepted[answer],
            super::said::Said::Absent => is_absence_stale,
            _ => false,
        };
        let all = case.votes.sum(|at| case.health.works[at]);
        standard.former_share = case.votes.sum(|at| case.health.works[at] && is_former(at)).of(all);
        standard.former_lasts = former.lasts(standard.former_share, ttl, now);
        if standard.former_lasts {
            standard.classes.stale = stale;
            standard.classes.is_absence_stale = is_absence_stale;
        }
        standard.former_left = former.clone().after(standard.former_share, ttl, now);
        standard.former = Some(former);
        standard
    }

    fn agreed(case: &Case<'_>, systems: &Systems, memory: &Memory, ttl: u32, now: u64) -> Self {
        let mut standard = Self { migration: memory.migration.clone(), ..Self::empty(case, ttl) };
        let is_absence = !case.absent.is_zero() && case.absent + case.dns64 > case.data;
        standard.classes.is_absence = is_absence;
        if is_absence {
            standard.classes.accepted.fill(false);
        } else {
            standard.classes.is_pair_telling = true;
            if !case.voters.is_empty() {
                standard.agree(case, systems, memory, now);
            }
        }
        if let Some(migration) = &standard.migration {
            for (answer, accepted) in case.heard.answers.iter().zip(&mut standard.classes.accepted)
            {
                *accepted |= migration.has(answer);
            }
        }
        standard
    }

    /// Takes what the voters agree upon for the standard.
    fn agree(&mut self, case: &Case<'_>, systems: &Systems, memory: &Memory, now: u64) {
        let (answers, places) = (&case.heard.answers, case.places.len());
        let networks = case.networks_of_voters();
        let consensus = Consensus::find(answers, &case.voters, systems, places, networks);
        let share = |addresses: &[IpAddr]| {
            let within = |voter: &&super::level::Voter| {
                answers[voter.answer].iter().all(|address| addresses.contains(address))
            };
            let votes: Weight = case.voters.iter().filter(within).map(|voter| voter.vote).sum();
            votes.of(case.data)
        };
        self.migration = migration::follow(
            memory.migration.clone(),
            memory.reference.as_ref(),
            &consensus,
            case.networks,
            now,
            share,
        );
        let level = &consensus.level;
        let count = answers.len();
        self.classes.accepted = (0..count).map(|answer| consensus.accepts(answer)).collect();
        self.classes.is_pair_telling = matches!(consensus.kind, Kind::None | Kind::Spread);
        if consensus.is_tailored {
            self.classes.local =
                (0..count).map(|answer| consensus.is_of_few_places(answer)).collect();
            self.classes.own_answers = consensus.deviating(places);
        }
        self.is_counted = level.detail == Detail::Address;
        if self.is_counted {
            let mut seen: Vec<usize> =
                level.all().filter(|key| is_at_least(level.support(*key), SEEN)).collect();
            level.sort(&mut seen);
            seen.truncate(ADDRESSES);
            self.seen = seen.iter().map(|key| consensus::address(level.keys[*key])).collect();
            self.seen.sort_unstable();
        }
        self.kind = consensus.kind;
        self.is_tailored = consensus.is_tailored;
        self.addresses = consensus.addresses().map(|mut addresses| {
            addresses.sort_unstable();
            addresses
        });
    }

    /// The state, where enough answer and most of that can be believed.
    pub(super) fn state(&self, shares: &Shares, unexpected: Severity, now: u64) -> State {
        let is_one = is_at_least(shares.one_answer, ONE);
        let is_most = is_at_least(shares.agreeing, MOST);
        if self.pin.is_some() {
            return match () {
                () if unexpected == Severity::Page => State::Unexpected,
                () if self.former_lasts && self.former_share > 0.0 => State::Moving,
                () if is_one => State::Uniform,
                () => State::Rotating,
            };
        }
        let is_counted = self.is_counted;
        match self.kind {
            _ if self.is_stuck(now) => State::Split,
            _ if self.migration.is_some() => State::Moving,
            _ if self.classes.is_absence && is_most => State::Uniform,
            _ if self.classes.is_absence => State::Split,
            Kind::Dominant if is_counted && is_one => State::Uniform,
            Kind::Dominant | Kind::Rotating if is_counted && !self.is_tailored => State::Rotating,
            Kind::Dominant if is_counted => State::Rotating,
            Kind::Dominant | Kind::Rotating if self.is_tailored => State::Geo,
            Kind::Split => State::Split,
            Kind::None if self.networks >= NETWORKS => State::Geo,
            Kind::Dominant | Kind::Rotating | Kind::Spread | Kind::None => State::Spread,
        }
    }

    /// Whether a change without a pin has stopped half way.
    pub(super) fn is_stuck(&self, now: u64) -> bool {
        self.migration.as_ref().is_some_and(|migration| migration.is_stuck(now, self.ttl))
    }

    /// Whether the pin was changed, and nobody gives the new answer though somebody should by now.
    pub(super) fn is_unseen(&self, shares: &Shares, now: u64) -> bool {
        let is_due = self.former.as_ref().is_some_and(|former| former.is_due(now));
        is_due && shares.agreeing <= 0.0
    }

    /// How far a change has come.
    pub(super) fn progress(&self) -> Option<Progress> {
        let migration = self.migration.as_ref().map(Migration::progress);
        migration.or_else(|| self.former_left.as_ref().map(Former::progress))
    }

    /// What is known of each pinned address by now, and how many that were seen are seen no more.
    pub(super) fn missing(
        &self,
        case: &Case<'_>,
        classes: &[Class],
        memory: &Memory,
        evidence: &Evidence<'_>,
    ) -> (Sightings, Option<usize>) {
        let Some(pin) = self.pin.as_ref().filter(|pin| !pin.must_be_seen().is_empty()) else {
            return (Sightings::default(), None);
        };
        let mut given: BTreeMap<&IpAddr, Weight> = BTreeMap::new();
        let mut networks = Weight::default();
        for (voter, at) in case.voters.iter().zip(&case.voters_at) {
            if classes[*at] == Class::Agree {
                networks += voter.share;
                for address in case.heard.answers[voter.answer] {
                    *given.entry(address).or_default() += voter.share;
                }
            }
        }
        let is_same = memory.pin.as_ref() == Some(pin);
        let before = if is_same { memory.sightings.clone() } else { Sightings::default() };
        let agreeing = evidence.given.iter().zip(classes).filter(|(_, it)| **it == Class::Agree);
        let agreeing: Vec<u32> = agreeing.map(|(ttl, _)| *ttl).collect();
        let ttl = Ttls::of(&agreeing).or(evidence.ttl).map(|it| it.longest);
        let look = Look { networks: networks.networks(), ttl: pin::ttl(ttl, 0), now: evidence.at };
        let given = |address: &IpAddr| given.get(address).map_or(0.0, |it| it.networks());
        let (sightings, missing) = before.after(&pin.must_be_seen(), look, given);
        (sightings, Some(missing))
    }

    /// What stands for what is agreed upon.
    pub(super) fn fingerprint(
        &self,
        case: &Case<'_>,
        classes: &[Class],
        shares: &Shares,
    ) -> Option<u64> {
        if shares.agreeing <= 0.0 {
            return None;
        }
        if self.classes.is_absence {
            return Some(Content::Nodata.fingerprint());
        }
        if self.pin.is_none() {
            return self.addresses.as_ref().map(|addresses| answer::fingerprint(addresses.iter()));
        }
        let mut given: BTreeMap<&IpAddr, Weight> = BTreeMap::new();
        let mut all = Weight::default();
        for (voter, at) in case.voters.iter().zip(&case.voters_at) {
            if classes[*at] == Class::Agree {
                all += voter.vote;
                for address in case.heard.answers[voter.answer] {
                    *given.entry(address).or_default() += voter.vote;
                }
            }
        }
        let seen = given.into_iter().filter(|(_, votes)| is_at_least(votes.of(all), SEEN));
        Some(answer::fingerprint(seen.map(|(address, _)| address)))
    }

    /// What the next sweep is judged with, but for what the verdict adds.
    pub(super) fn remember(
        &self,
        case: &Case<'_>,
        shares: &Shares,
        memory: &Memory,
        state: State,
        fingerprint: Option<u64>,
        now: u64,
    ) -> Memory {
        let mut next = Memory {
            pin: self.pin.clone(),
            former: self.former_left.clone(),
            ttl: self.ttl,
            reference: memory.reference.clone(),
            migration: self.migration.clone(),
            answered: memory.answered.clone(),
            elsewhere: memory.elsewhere.clone(),
            ..Memory::default()
        };
        let is_answer = |at: usize| case.heard.replies(at).any(super::said::Said::is_answer);
        next.note_answers(is_answer, case.list.resolvers.len(), now);
        let is_blind = matches!(state, State::Insufficient | State::Contested | State::Failing);
        let done = self.migration.as_ref().filter(|it| migration::is_done(it.progress().share));
        let reference = Reference {
            kind: self.kind,
            addresses: self.addresses.clone().filter(|_| self.pin.is_none()),
            seen: self.seen.clone(),
            is_absence: self.classes.is_absence,
            fingerprint: fingerprint.filter(|_| is_at_least(shares.one_answer, ONE)),
        };
        match &self.migration {
            _ if is_blind => {}
            Some(migration) if done.is_some() => {
                next.migration = None;
                next.reference = Some(Reference {
                    kind: Kind::Dominant,
                    addresses: Some(migration.new.clone()),
                    fingerprint: Some(answer::fingerprint(migration.new.iter())),
                    ..reference
                });
            }
            Some(migration) if migration.is_forgotten(now, self.ttl) => {
                next.migration = None;
                next.reference = None;
            }
            Some(_) => {}
            None => {
                // What is not agreed upon by a few addresses is not remembered by them.
                let few = reference.addresses.as_ref().is_some_and(|it| it.len() <= ADDRESSES);
                let addresses = reference.addresses.clone().filter(|_| few);
                next.reference = Some(Reference { addresses, ..reference });
            }
        }
        if let (Some(reference), Some(_)) = (&mut next.reference, &self.migration) {
            reference.seen.clone_from(&self.seen);
        }
        next
    }

    /// The addresses in the answers that are accepted: 63 of each resolver of a large set, so nobody keeps them for nothing.
    pub(super) fn given<'a>(&self, case: &Case<'a>) -> impl Iterator<Item = &'a IpAddr> {
        let answers = case.heard.answers.iter().zip(&self.classes.accepted);
        answers.filter(|(_, is_accepted)| **is_accepted).flat_map(|(it, _)| it.iter())
    }

    /// The addresses that the name may have.
    pub(super) fn accepted(&self, case: &Case<'_>, rules: &Rules<'_>) -> Accepted {
        let given = self.given(case);
        match (rules.expected, &self.addresses) {
            (Some(pin), _) => Accepted::Pinned(pin.clone(), rules.systems.clone()),
            (None, Some(addresses)) => Accepted::These(addresses.clone()),
            (None, None) => Accepted::within(given, self.kind != Kind::None),
        }
    }
}
