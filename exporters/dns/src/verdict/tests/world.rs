//! A small world: resolvers in places and networks, and what each says.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

use super::super::*;
use crate::answer::{Answer, Content};
use crate::resolvers;

/// Numbers that look random, the same in each run.
pub(in crate::verdict) struct Random(pub(in crate::verdict) u64);

impl Random {
    /// A number below a bound.
    pub(in crate::verdict) fn below(&mut self, bound: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    /// Whether something of this chance happens.
    pub(super) fn is(&mut self, chance: f64) -> bool {
        (self.below(1 << 24) as f64) < chance * f64::from(1 << 24)
    }
}

/// Resolvers, and what they say.
pub(super) struct World {
    /// Country and network of each.
    pub(super) members: Vec<(String, usize)>,
    pub(super) outcomes: Vec<Option<Outcome>>,
    pub(super) control: Vec<Control>,
    /// By which prefix some make IPv6 addresses.
    pub(super) prefixes: BTreeMap<usize, Prefix>,
    list: std::cell::OnceCell<ResolverList>,
    /// Each resolver's number: what tells it from the others.
    numbers: Vec<usize>,
}

/// The code of a place.
pub(super) fn code(place: usize) -> String {
    let letter = |n: usize| char::from(b'A' + u8::try_from(n % 26).unwrap());
    String::from_iter([letter(place / 26), letter(place)])
}

pub(super) fn address(last: u8) -> IpAddr {
    IpAddr::from([149, 154, 167, last])
}

pub(super) fn answer(last: &[u8]) -> Answer {
    let mut addresses: Vec<_> = last.iter().map(|last| address(*last)).collect();
    addresses.sort_unstable();
    addresses.dedup();
    Answer::new(Content::Addresses(addresses.into()))
}

#[expect(clippy::unnecessary_wraps, reason = "as a sweep has it")]
pub(super) fn outcome(last: &[u8]) -> Option<Outcome> {
    Some(Outcome::Answer(answer(last)))
}

impl World {
    /// So many places with so many networks each, a resolver in each network; nobody says anything.
    pub(super) fn new(places: usize, networks: usize) -> Self {
        let mut world = Self::empty();
        for place in 0..places {
            for network in 0..networks {
                world.add(&code(place), place * networks + network, None);
            }
        }
        world
    }

    /// Twelve places with so many networks each, where all pass the control and give this answer, but for so many of the first
    /// resolvers, which are dark.
    pub(super) fn dark(networks: usize, answer: u8, count: usize) -> Self {
        let mut world = Self::new(12, networks).all(&[answer]);
        world.control = vec![Control::Passed; 12 * networks];
        for at in 0..count {
            (world.control[at], world.outcomes[at]) = (Control::Failed, None);
        }
        world
    }

    pub(super) fn empty() -> Self {
        Self {
            members: Vec::new(),
            outcomes: Vec::new(),
            control: Vec::new(),
            prefixes: BTreeMap::new(),
            list: std::cell::OnceCell::new(),
            numbers: Vec::new(),
        }
    }

    /// One resolver more.
    pub(super) fn add(&mut self, country: &str, network: usize, says: Option<Outcome>) {
        self.numbers.push(self.numbers.len());
        self.members.push((country.to_owned(), network));
        self.outcomes.push(says);
        self.list.take();
    }

    /// Everybody answers this.
    pub(super) fn all(mut self, last: &[u8]) -> Self {
        self.outcomes.fill(outcome(last));
        self
    }

    /// One says this.
    pub(super) fn say(&mut self, at: usize, says: Option<Outcome>) {
        self.outcomes[at] = says;
    }

    /// All of a country say this.
    pub(super) fn country(&mut self, country: &str, says: impl Fn() -> Option<Outcome>) {
        for (member, outcome) in self.members.iter().zip(&mut self.outcomes) {
            if member.0 == country {
                *outcome = says();
            }
        }
    }

    /// Another order.
    pub(super) fn shuffle(&mut self, random: &mut Random) {
        for last in (1..self.members.len()).rev() {
            let other = random.below(last + 1);
            self.members.swap(last, other);
            self.outcomes.swap(last, other);
            self.numbers.swap(last, other);
        }
        self.list.take();
    }

    pub(super) fn list(&self) -> &ResolverList {
        self.list.get_or_init(|| {
            let mut text = String::from("ip_address,as_number,country_code\n");
            for ((country, network), number) in self.members.iter().zip(&self.numbers) {
                let address = Ipv4Addr::from(0x0b00_0000 + u32::try_from(*number).unwrap());
                writeln!(text, "{address},{},{country}", network + 1).unwrap();
            }
            resolvers::parse(text.as_bytes(), resolvers::Builder::new(false, 53)).unwrap().finish()
        })
    }

    /// The first verdict without a pin.
    pub(super) fn verdict(&self) -> Verdict {
        self.by(Rules::default())
    }

    /// The first verdict by a pin.
    pub(super) fn judged(&self, expected: &Expected) -> Verdict {
        self.by(Rules { expected: Some(expected), ..Rules::default() })
    }

    /// The first verdict by these rules.
    pub(super) fn by(&self, rules: Rules<'_>) -> Verdict {
        self.with(rules, &Memory::default(), 60).verdict
    }

    /// The verdict with what is remembered.
    pub(super) fn with(&self, rules: Rules<'_>, memory: &Memory, now: u64) -> Judged {
        self.later(rules, memory, now, now)
    }

    /// The same of answers that came before.
    pub(super) fn later(&self, rules: Rules<'_>, memory: &Memory, at: u64, now: u64) -> Judged {
        let outcomes: Vec<_> = self.outcomes.iter().map(Option::as_ref).collect();
        let (list, control, prefixes) = (self.list(), &self.control, &self.prefixes);
        let outcomes = &outcomes;
        let evidence = Evidence { list, outcomes, control, prefixes, ttl: None, given: &[], at };
        judge(&evidence, &rules, memory, now)
    }
}
