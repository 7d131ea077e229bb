//! Who a zone's servers are: what its parent says, and at which addresses they are.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use rand::seq::SliceRandom as _;
use tokio::time::Instant;

use super::ask::{authoritative, message, once, patiently};
use super::chain;
use super::counts::Counts;
use super::judge::{Parent, ROUNDS};
use super::said;
use crate::config::ZonePlan;
use crate::courtesy::Courtesy;
use crate::exchange::question::Question;
use crate::exchange::{Failure, HostName};
use crate::special;

/// How long what resolvers say is believed: a server's address.
const ADDRESSES: Duration = Duration::from_secs(300);
/// The same of the parent's servers.
const PARENTS: Duration = Duration::from_secs(3600);
/// Servers of the parent that are asked in a round until one replies.
const TRIES: usize = 3;
/// For how long a parent is not asked again where its servers are somebody else's: a little less than a minute, so that a
/// round each minute asks anew.
const TOLD: Duration = Duration::from_secs(55);
const MINUTE: Duration = Duration::from_secs(60);
/// Names that are looked up: more servers than any zone has.
const MOST_NAMES: usize = 16;
/// Where the machine's own resolvers stand.
const RESOLVERS: &str = "/etc/resolv.conf";

/// What is found out about a zone's servers, and kept for a while.
#[derive(Clone, Debug, Default)]
pub(crate) struct Finder {
    parents: Option<(Vec<SocketAddr>, Instant)>,
    addresses: BTreeMap<HostName, (BTreeSet<IpAddr>, Instant)>,
    /// What the parent said when it was asked last,
    told: Option<Parent>,
    /// and how often in a row it did, if it had said something else before.
    times: Option<u32>,
    /// When asking it last began, whatever came of it,
    asked: Option<Instant>,
    /// and up to when what it may be asked is used up.
    used: Option<Instant>,
}

/// A zone's servers, as far as they were found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// What the parent says, if it replied.
    pub(super) parent: Option<Parent>,
    /// Each server and its address.
    pub(super) servers: Vec<(HostName, IpAddr)>,
    /// Names of servers that have no address, as a resolver says.
    pub(super) unresolved: Vec<HostName>,
    /// Whether that is what it said before: strangers are asked no more than once a minute.
    pub(super) is_parent_kept: bool,
    /// Whether it was asked in this round.
    is_parent_asked: bool,
    /// Whether a server of the parent replied. What a resolver says may come from its cache, and proves no way to
    /// servers.
    pub(super) is_online: bool,
}

/// What is needed to ask on the way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way<'a> {
    /// The zone.
    pub(super) plan: &'a ZonePlan,
    /// What is counted.
    pub(super) counts: &'a Counts,
    /// What is owed to others.
    pub(super) courtesy: &'a Courtesy,
}

impl Finder {
    /// Finds the servers. `own` are those that the zone itself named in the round before, and their
    /// addresses.
    pub(super) async fn find(
        &mut self,
        way: Way<'_>,
        own: &BTreeMap<HostName, BTreeSet<IpAddr>>,
    ) -> Found {
        let resolvers = resolvers(way.plan);
        let mut found = Found::default();
        let parents = self.parents(way, &resolvers).await;
        let is_open = self.times.is_some_and(|times| times < ROUNDS);
        if self.may_ask(way, &parents, is_open) {
            self.ask_parent(way, parents, &mut found).await;
        } else {
            (found.parent, found.is_parent_kept) = (self.told.clone(), self.told.is_some());
        }
        let mut names: BTreeSet<HostName> = own.keys().cloned().collect();
        if let Some(parent) = &found.parent {
            names.extend(parent.ns.iter().cloned());
        } else {
            let reply = resolve(way, &resolvers, &way.plan.zone, RecordType::NS).await;
            names.extend(reply.iter().flat_map(|it| said::ns(&it.answers, &way.plan.zone)));
        }
        for name in names.into_iter().take(MOST_NAMES) {
            let glue = found.parent.as_ref().and_then(|it| it.glue.get(&name));
            let mut addresses: BTreeSet<IpAddr> = glue.into_iter().flatten().copied().collect();
            addresses.extend(own.get(&name).into_iter().flatten());
            let known = self.addresses(way, &resolvers, &name).await;
            if addresses.is_empty() && known.as_ref().is_some_and(BTreeSet::is_empty) {
                found.unresolved.push(name.clone());
            }
            addresses.extend(known.into_iter().flatten());
            found.servers.extend(addresses.into_iter().map(|address| (name.clone(), address)));
        }
        found
    }

    /// Asks the parent in a round in which no server of the zone answers, where it was not asked yet: whether this machine
    /// reaches anybody is not known from what was said before.
    pub(super) async fn look_for_life(&mut self, way: Way<'_>, found: &mut Found) {
        if found.is_parent_asked {
            return;
        }
        let parents = self.parents(way, &resolvers(way.plan)).await;
        if self.may_ask(way, &parents, true) {
            (found.parent, found.is_parent_kept) = (None, false);
            self.ask_parent(way, parents, found).await;
        }
    }

    /// Notes that the parent is asked now, if it may be: where a server of it is somebody else's, once a minute; and sooner,
    /// where something is open, as often at once as it takes to tell it.
    fn may_ask(&mut self, way: Way<'_>, parents: &[SocketAddr], is_open: bool) -> bool {
        let now = Instant::now();
        if parents.iter().any(|parent| way.courtesy.is_owed(parent.ip())) {
            let used = self.used.map_or(now, |used| used.max(now));
            let mut may =
                self.asked.is_none_or(|asked| now.saturating_duration_since(asked) >= TOLD);
            may |= is_open && used <= now + MINUTE * (ROUNDS - 1);
            if !may {
                return false;
            }
            self.used = Some(used + MINUTE);
        }
        self.asked = Some(now);
        true
    }

    /// Asks servers of the parent until one says something of the zone.
    async fn ask_parent(&mut self, way: Way<'_>, parents: Vec<SocketAddr>, found: &mut Found) {
        found.is_parent_asked = true;
        let mut tries = 0;
        for parent in parents {
            let question = Question::authoritative(way.plan.zone.clone(), RecordType::NS);
            let reply = patiently(parent, &question, way.plan, way.counts).await;
            found.is_online |= reply.is_ok();
            // One that cannot be asked from here, over IPv6 where there is none, is no try.
            tries += usize::from(!matches!(reply, Err(Failure::Local(_))));
            if let Some(mut told) = message(&reply).and_then(|it| read(it, &way.plan.zone)) {
                let question = Question::authoritative(way.plan.zone.clone(), RecordType::DS);
                let reply = patiently(parent, &question, way.plan, way.counts).await;
                let ds = authoritative(&reply);
                told.ds =
                    ds.map(|it| chain::of(&it.answers, &way.plan.zone, RecordType::DS).collect());
                found.parent = Some(told);
            }
            if found.parent.is_some() || tries >= TRIES {
                break;
            }
        }
        self.note(found.parent.clone());
    }

    /// Notes what the parent said.
    fn note(&mut self, told: Option<Parent>) {
        self.times = match (&self.told, &told) {
            (Some(was), Some(is)) if (&was.ns, &was.ds) != (&is.ns, &is.ds) => Some(1),
            (Some(_), Some(_)) => self.times.map(|times| times.saturating_add(1)),
            _ => None,
        };
        self.told = told;
    }

    /// Servers of the parent, in any order: those that are configured, or what resolvers know.
    async fn parents(&mut self, way: Way<'_>, resolvers: &[SocketAddr]) -> Vec<SocketAddr> {
        let mut parents = way.plan.parents.clone();
        if parents.is_empty() {
            parents = match &self.parents {
                Some((parents, since)) if since.elapsed() < PARENTS => parents.clone(),
                _ => self.find_parents(way, resolvers).await,
            };
        }
        parents.shuffle(&mut rand::rng());
        parents
    }

    async fn find_parents(&mut self, way: Way<'_>, resolvers: &[SocketAddr]) -> Vec<SocketAddr> {
        let mut parent = way.plan.zone.parent();
        while let Some(zone) = parent {
            let Some(reply) = resolve(way, resolvers, &zone, RecordType::NS).await else {
                return Vec::new();
            };
            let names = said::ns(&reply.answers, &zone);
            let mut parents = Vec::new();
            for name in names.iter().take(MOST_NAMES) {
                let addresses = self.addresses(way, resolvers, name).await;
                let allowed =
                    addresses.into_iter().flatten().filter(|it| is_allowed(way.plan, *it));
                parents.extend(allowed.map(|address| SocketAddr::new(address, way.plan.port)));
            }
            if !names.is_empty() {
                if !parents.is_empty() {
                    self.parents = Some((parents.clone(), Instant::now()));
                }
                return parents;
            }
            parent = zone.parent();
        }
        Vec::new()
    }

    /// The addresses of a name, as resolvers know them; nothing if none could say.
    async fn addresses(
        &mut self,
        way: Way<'_>,
        resolvers: &[SocketAddr],
        name: &HostName,
    ) -> Option<BTreeSet<IpAddr>> {
        if let Some((known, since)) = self.addresses.get(name)
            && since.elapsed() < ADDRESSES
        {
            return Some(known.clone());
        }
        let (mut addresses, mut is_told) = (BTreeSet::new(), true);
        for kind in [RecordType::A, RecordType::AAAA] {
            let reply = resolve(way, resolvers, name, kind).await;
            is_told &= reply.is_some();
            let records = reply.iter().flat_map(|it| &it.answers);
            let own = records.filter_map(|record| record.data.ip_addr());
            // One that a resolver with DNS64 makes of an IPv4 address is that server once more.
            addresses.extend(own.filter(|address| special::dns64_of(*address).is_none()));
        }
        if !addresses.is_empty() {
            self.addresses.retain(|_, (_, since)| since.elapsed() < ADDRESSES);
            self.addresses.insert(name.clone(), (addresses.clone(), Instant::now()));
        }
        (is_told || !addresses.is_empty()).then_some(addresses)
    }
}

/// Whether an address that came over the wire may be asked: one that nobody has for himself, or that is
/// configured.
pub(super) fn is_allowed(plan: &ZonePlan, address: IpAddr) -> bool {
    let is_configured = plan.servers.iter().any(|server| server.address.ip() == address);
    !special::is_never_a_resolver(address)
        && (plan.allow_private || is_configured || !special::is_special(address))
}

/// What the parent's answer says; nothing if it says nothing of the zone.
fn read(message: &Message, zone: &HostName) -> Option<Parent> {
    let mut ns = said::ns(&message.authorities, zone);
    ns.extend(said::ns(&message.answers, zone));
    let is_absence = match message.metadata.response_code {
        ResponseCode::NoError => message.metadata.authoritative,
        ResponseCode::NXDomain => true,
        _ => false,
    };
    let mut glue = said::addresses(message.additionals.iter());
    glue.retain(|name, _| ns.contains(name));
    (!ns.is_empty() || is_absence).then_some(Parent { ns, glue, ds: None })
}

/// The first answer of a resolver. It is asked as by any program on this machine, which keeps what it says.
async fn resolve(
    way: Way<'_>,
    resolvers: &[SocketAddr],
    name: &HostName,
    kind: RecordType,
) -> Option<Message> {
    let question = Question::recursive(name.clone(), kind);
    for resolver in resolvers {
        let reply = once(*resolver, &question, way.plan, way.counts).await;
        let Some(message) = message(&reply) else { continue };
        if matches!(message.metadata.response_code, ResponseCode::NoError | ResponseCode::NXDomain)
        {
            return Some(message.clone());
        }
    }
    None
}

/// Who is asked for what the parent does not say: those that are configured; those of this machine where nothing
/// is.
pub(super) fn resolvers(plan: &ZonePlan) -> Vec<SocketAddr> {
    if !plan.resolvers.is_empty() || !plan.servers.is_empty() || !plan.parents.is_empty() {
        return plan.resolvers.clone();
    }
    let text = fs::read_to_string(RESOLVERS).unwrap_or_default();
    let addresses = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let address = (words.next()? == "nameserver").then(|| words.next())??;
        address.parse::<IpAddr>().ok()
    });
    addresses.map(|address| SocketAddr::new(address, 53)).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    #[tokio::test(start_paused = true)]
    async fn a_parent_that_says_something_else_or_is_all_that_may_live_is_asked_sooner_and_no_more_in_an_hour()
     {
        let text =
            "vantage: { name: fra, region: EMEA }\nzones: { a.example: { ns: [ns.example] } }\n";
        let config: Config = exporter_kit::config::parse(text, "test.yml").unwrap();
        let plans = config.complete(Path::new(".")).unwrap().zone_plans();
        let plan = plans.get("a.example").unwrap();
        let (counts, courtesy) = (Counts::new(&plan.buckets), Courtesy::default());
        let way = Way { plan, counts: &counts, courtesy: &courtesy };
        let (parents, mut finder) = ([([9, 9, 9, 9], 53).into()], Finder::default());
        let mut asked = Vec::new();
        for round in 0..360_u32 {
            // From the tenth minute on.
            if finder.may_ask(way, &parents, round >= 60) {
                asked.push(round);
            }
            tokio::time::advance(Duration::from_secs(10)).await;
        }
        let quiet: Vec<_> = asked.iter().copied().filter(|round| *round < 60).collect();
        assert_eq!(quiet, (0..10).map(|minute| 6 * minute).collect::<Vec<_>>());
        assert_eq!(asked[10..13], [60, 61, 62]);
        assert!(asked.len() <= 64, "{}", asked.len());
        // What is told is open when it is another than before, until it was told often enough.
        let parent =
            |name: &str| Parent { ns: [name.parse().unwrap()].into(), ..Parent::default() };
        let mut finder = Finder::default();
        let mut note = |told: Option<Parent>| {
            finder.note(told);
            finder.times
        };
        assert_eq!(note(Some(parent("ns.example"))), None);
        assert_eq!(note(Some(parent("ns.example"))), None);
        for times in 1..=ROUNDS {
            assert_eq!(note(Some(parent("ns.evil.example"))), Some(times));
        }
        assert_eq!(note(None), None);
    }
}
