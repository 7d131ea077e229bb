//! What is probed from here, and what is known of each. No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use super::canary::Canary;
use super::evidence::{Class, Family, Round};
use super::judge::Judge;
use super::path::Path;
use super::saturation::Saturation;

/// What a module probes, from the ground up: the verdict is the highest one's, the others explain it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Layer {
    /// Echoes.
    Icmp,
    /// The TCP handshake.
    Tcp,
    /// The service itself.
    Http,
}

impl Layer {
    /// Whether it tells of a service that runs full: its time has a part that is the service's own.
    fn tells_saturation(self) -> bool {
        match self {
            Self::Icmp | Self::Tcp => false,
            Self::Http => true,
        }
    }

    /// Whether a probe begins to count its time when the name is looked up.
    pub(crate) fn begins_after_lookup(self) -> bool {
        match self {
            Self::Icmp => true,
            Self::Tcp | Self::Http => false,
        }
    }
}

/// An endpoint: whose it is (empty where no team is configured), and its name.
pub(crate) type Id = (Arc<str>, Arc<str>);

/// What is probed by one module.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    /// The endpoint.
    pub(crate) endpoint: Id,
    /// The name of the module.
    pub(crate) module: Arc<str>,
    /// What the module probes.
    pub(crate) layer: Layer,
    /// Whether it shows how our own network is.
    pub(crate) is_canary: bool,
    /// Seconds from one round to the next.
    pub(crate) interval: f64,
    /// Seconds that a probe may take.
    pub(crate) timeout: f64,
    /// The domain that its name is of; none of an address.
    pub(crate) domain: Option<Arc<str>>,
}

/// One of what is probed, and what is known of it.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) spec: Spec,
    pub(crate) role: Role,
    /// The network that it is in, once that is known.
    network: Option<u64>,
    /// By how many seconds our wall clock was ahead of its, and when it said so.
    pub(crate) ahead: Option<(f64, f64)>,
    /// Since when its name cannot be looked up, or one that it leads to.
    pub(crate) unresolved: Option<f64>,
    /// Whether its own name is known all the same: what it leads to is another, of somebody's.
    is_led_astray: bool,
    /// A number for the endpoint that it is of.
    endpoint: u64,
}

/// What it is there for.
#[derive(Clone, Debug)]
pub(crate) enum Role {
    /// It shows how our own network is.
    Canary(Box<Canary>),
    /// It is judged.
    Service(Box<Service>),
}

/// What is known of a service.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) judge: Judge,
    /// IPv4 and IPv6, where it has both.
    pub(crate) families: Option<Box<[Judge; 2]>>,
    pub(crate) saturation: Option<Box<Saturation>>,
    pub(crate) path: Path,
}

/// How we are ourselves, as far as evidence is weighed by it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Unwell {
    /// No network, or it came back only after the round began.
    pub(crate) network: bool,
    /// The same of the resolver.
    pub(crate) resolver: bool,
    /// The wall clock is days off.
    pub(crate) clock: bool,
}

impl Member {
    pub(crate) fn new(spec: Spec) -> Self {
        let (role, endpoint) = (Self::fresh(&spec), number_of(&spec.endpoint));
        Self {
            spec,
            role,
            network: None,
            ahead: None,
            unresolved: None,
            is_led_astray: false,
            endpoint,
        }
    }

    fn fresh(spec: &Spec) -> Role {
        if spec.is_canary {
            return Role::Canary(Box::new(Canary::new(spec.interval)));
        }
        let saturation =
            spec.layer.tells_saturation().then(|| Box::new(Saturation::new(spec.interval)));
        Role::Service(Box::new(Service {
            judge: Judge::new(spec.interval),
            families: None,
            saturation,
            path: Path::new(spec.interval),
        }))
    }

    /// Has other labels from now on; as another role it begins anew.
    pub(crate) fn relabel(&mut self, endpoint: Id, module: Arc<str>, is_canary: bool) {
        let was_canary = self.spec.is_canary;
        self.endpoint = number_of(&endpoint);
        self.spec = Spec { endpoint, module, is_canary, ..self.spec.clone() };
        if was_canary != is_canary {
            self.role = Self::fresh(&self.spec);
        }
    }

    /// Takes in a round.
    pub(crate) fn feed(&mut self, round: &Round, unwell: Unwell) {
        self.network = round.network.or(self.network);
        if let Some(ahead) = round.ahead {
            self.ahead = Some((round.decided, ahead));
        }
        let class = Class::of(round.failed, unwell.clock);
        match class {
            Class::Name => {
                self.unresolved.get_or_insert(round.begun);
                self.is_led_astray = round.network.is_some();
            }
            Class::Local | Class::Queued => {}
            _ => self.unresolved = None,
        }
        match &mut self.role {
            Role::Canary(canary) => canary.feed(round, class),
            Role::Service(service) => service.feed(round, class, unwell),
        }
    }

    /// Since when its own name cannot be looked up.
    pub(crate) fn own_unresolved(&self) -> Option<f64> {
        self.unresolved.filter(|_| !self.is_led_astray)
    }

    /// The domain that it is of. A name without a dot is of one that only the search list knows.
    fn domain(&self) -> Option<&str> {
        self.spec.domain.as_deref().filter(|domain| domain.contains('.'))
    }

    /// By what it is told from others as a witness: its network, or itself.
    pub(crate) fn witness(&self) -> u64 {
        self.network.unwrap_or_else(|| self.endpoint())
    }

    /// A number for the endpoint that it is of.
    pub(crate) fn endpoint(&self) -> u64 {
        self.endpoint
    }

    /// Whether for a minute nothing for it has left this machine.
    pub(crate) fn is_local_fault(&self, now: f64) -> bool {
        match &self.role {
            Role::Canary(canary) => canary.is_local_fault(now),
            Role::Service(service) => service.judge.is_local_fault(now),
        }
    }
}

impl Service {
    fn feed(&mut self, round: &Round, class: Class, unwell: Unwell) {
        let is_unwell = |class: Class| unwell.network || (class == Class::Name && unwell.resolver);
        self.judge.feed(round, round.failed, class, is_unwell(class));
        if self.families.is_none() && round.families.iter().all(Option::is_some) {
            let judge = self.judge.another();
            self.families = Some(Box::new([judge.clone(), judge]));
        }
        if let Some(judges) = &mut self.families {
            for (judge, failed) in judges.iter_mut().zip(round.families) {
                if let Some(failed) = failed.map(Result::err) {
                    let class = Class::of(failed, unwell.clock);
                    judge.feed(round, failed, class, is_unwell(class));
                }
            }
        }
        if let (Some(saturation), Some((connect, ttfb)), false) =
            (&mut self.saturation, round.times, unwell.network)
        {
            saturation.feed(round.begun, connect, ttfb);
        }
        self.path.feed(round.begun, round.rtts.iter().flatten().copied());
    }

    /// All that is judged of it: the whole, and each family.
    pub(crate) fn judges(&mut self) -> impl Iterator<Item = &mut Judge> {
        let families = self.families.iter_mut().flat_map(|judges| judges.iter_mut());
        std::iter::once(&mut self.judge).chain(families)
    }

    /// The families that it has, with what is known of each.
    pub(crate) fn each_family(&self) -> impl Iterator<Item = (Family, &Judge)> {
        let judges = self.families.iter().flat_map(|judges| judges.iter());
        Family::ALL.into_iter().zip(judges)
    }
}

/// All that is probed from here.
#[derive(Debug, Default)]
pub(crate) struct Members {
    /// Each at the place that the lower half of its number says. Boxed: a list that grows has room for twice as many.
    all: Vec<Option<(u64, Box<Member>)>>,
    /// Places that nobody has.
    free: Vec<u32>,
    endpoints: BTreeMap<Id, Vec<u64>>,
    /// How many there were: the upper half of the next number, so that none is given twice.
    turn: u32,
}

/// How much of a number is its place.
const PLACE: u64 = u32::MAX as u64;

impl Members {
    /// Adds one; the number stands for it.
    pub(crate) fn add(&mut self, spec: Spec) -> u64 {
        let place = self.free.pop().unwrap_or_else(|| {
            self.all.push(None);
            u32::try_from(self.all.len() - 1).expect("nobody has four billion targets")
        });
        let number = u64::from(self.turn) << u32::BITS | u64::from(place);
        self.turn = self.turn.wrapping_add(1);
        let modules = self.endpoints.entry(spec.endpoint.clone()).or_default();
        // Most have one, and a list that grows begins with room for four.
        modules.reserve_exact(1);
        modules.push(number);
        self.all[place as usize] = Some((number, Box::new(Member::new(spec))));
        number
    }

    /// Removes one.
    pub(crate) fn remove(&mut self, number: u64) {
        let Some(there) = self.all.get_mut(place(number)) else { return };
        if let Some((_, member)) = there.take_if(|(known, _)| *known == number) {
            self.free.extend(u32::try_from(number & PLACE));
            self.leave(&member.spec.endpoint, number);
        }
    }

    /// Gives one other labels.
    pub(crate) fn relabel(&mut self, number: u64, endpoint: Id, module: Arc<str>, is_canary: bool) {
        let Some(member) = self.get_mut(number) else { return };
        let before = member.spec.endpoint.clone();
        member.relabel(endpoint.clone(), module, is_canary);
        self.leave(&before, number);
        self.endpoints.entry(endpoint).or_default().push(number);
    }

    fn leave(&mut self, endpoint: &Id, number: u64) {
        if let Some(members) = self.endpoints.get_mut(endpoint) {
            members.retain(|member| *member != number);
            if members.is_empty() {
                self.endpoints.remove(endpoint);
            }
        }
    }

    /// A domain that a resolver can be asked about, another each turn. Of one of whose names none can be looked
    /// up it may be the servers that are dead. A name that leads to another is none of them: its own is answered.
    pub(crate) fn domain(&self, turn: usize) -> Option<Arc<str>> {
        let well = self.all().filter(|member| member.own_unresolved().is_none());
        let good: BTreeSet<&str> = well.filter_map(Member::domain).collect();
        good.iter().nth(turn.checked_rem(good.len())?).map(|domain| Arc::from(*domain))
    }

    fn get(&self, number: u64) -> Option<&Member> {
        let there = self.all.get(place(number))?.as_ref();
        there.filter(|(known, _)| *known == number).map(|(_, member)| &**member)
    }

    /// One of them.
    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut Member> {
        let there = self.all.get_mut(place(number))?.as_mut();
        there.filter(|(known, _)| *known == number).map(|(_, member)| &mut **member)
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Member> {
        self.all.iter().flatten().map(|(_, member)| &**member)
    }

    /// All of them, to be changed.
    pub(crate) fn all_mut(&mut self) -> impl Iterator<Item = &mut Member> {
        self.all.iter_mut().flatten().map(|(_, member)| &mut **member)
    }

    /// The canaries.
    pub(crate) fn canaries(&self) -> impl Iterator<Item = (&Member, &Canary)> {
        self.all().filter_map(|member| match &member.role {
            Role::Canary(canary) => Some((member, &**canary)),
            Role::Service(_) => None,
        })
    }

    /// The services.
    pub(crate) fn services(&self) -> impl Iterator<Item = (&Member, &Service)> {
        self.all().filter_map(as_service)
    }

    /// How many endpoints there are.
    pub(crate) fn count_endpoints(&self) -> usize {
        self.endpoints.len()
    }

    /// Each endpoint, with the modules that probe it.
    pub(crate) fn endpoints(&self) -> impl Iterator<Item = (&Id, Vec<(&Member, &Service)>)> {
        self.endpoints.iter().filter_map(|(id, numbers)| {
            let members = numbers.iter().filter_map(|number| self.get(*number));
            let services: Vec<_> = members.filter_map(as_service).collect();
            (!services.is_empty()).then_some((id, services))
        })
    }
}

fn number_of(endpoint: &Id) -> u64 {
    let mut hasher = DefaultHasher::new();
    endpoint.hash(&mut hasher);
    hasher.finish()
}

/// Where the one with this number is.
fn place(number: u64) -> usize {
    usize::try_from(number & PLACE).unwrap_or(usize::MAX)
}

fn as_service(member: &Member) -> Option<(&Member, &Service)> {
    match &member.role {
        Role::Service(service) => Some((member, &**service)),
        Role::Canary(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Spec {
        Spec {
            endpoint: ("".into(), name.into()),
            module: "m".into(),
            layer: Layer::Icmp,
            is_canary: false,
            interval: 1.0,
            timeout: 1.0,
            domain: None,
        }
    }

    #[test]
    fn a_number_is_of_one_alone_also_where_its_place_is_anothers() {
        let mut members = Members::default();
        let [first, second] = ["a", "b"].map(|name| members.add(named(name)));
        members.remove(first);
        members.remove(first);
        let third = members.add(named("c"));
        assert_eq!(members.all.len(), 2, "it has the place of the first");
        assert!(members.get_mut(first).is_none() && first != third);
        members.relabel(first, ("".into(), "d".into()), "m".into(), true);
        let name = |members: &mut Members, number| {
            members.get_mut(number).map(|member| member.spec.endpoint.1.to_string())
        };
        let [second, third] = [second, third].map(|number| name(&mut members, number));
        assert_eq!((second.as_deref(), third.as_deref()), (Some("b"), Some("c")));
        assert_eq!((members.all().count(), members.count_endpoints()), (2, 2));
    }
}
