//! A list of resolvers in the making: each address once, countries and networks as numbers.
//! No I/O, no clock.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use jiff::civil::DateTime;

use super::{
    ANYCAST, Certified, Country, Entry, Geo, OptOut, Resolver, ResolverList, Skipped, UNKNOWN,
    network,
};
use crate::exchange::HostName;
use crate::special;

/// A list in the making.
#[derive(Clone, Debug)]
pub(crate) struct Builder {
    list: ResolverList,
    allow_private: bool,
    /// The port of the set.
    port: u16,
    opt_out: Arc<OptOut>,
    geo: Option<Arc<Geo>>,
    /// No entry was checked later than this.
    latest: Option<DateTime>,
    seen: HashSet<IpAddr>,
    countries: HashMap<String, u16>,
    networks: HashMap<Network, u32>,
}

/// Where a resolver is.
struct Placed {
    said: Option<Country>,
    elsewhere: Option<Country>,
    asn: Option<u32>,
}

/// What became of a resolver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// It is in the list now.
    New,
    /// It was there before.
    Again,
    /// It was left out for its special-purpose address.
    Special,
    /// Its owner does not want it to be asked.
    OptedOut,
}

/// What makes a network one voter.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Network {
    As(u32),
    /// All addresses of one name, which are somebody's: whoever has many has no more votes for that.
    Name(HostName),
    Prefix(IpAddr),
}

impl Network {
    fn of(address: IpAddr, asn: Option<u32>, host: Option<&HostName>) -> Self {
        // 0 stands for "unknown" in public lists.
        match (asn, host) {
            (Some(asn), _) if asn > 0 => Self::As(asn),
            (_, Some(host)) => Self::Name(host.clone()),
            (_, None) => Self::Prefix(network(address)),
        }
    }
}

impl Builder {
    /// An empty list of a set of this port; `allow_private` says whether it takes special-purpose addresses.
    pub(crate) fn new(allow_private: bool, port: u16) -> Self {
        Self {
            list: ResolverList::default(),
            allow_private,
            port,
            opt_out: Arc::default(),
            geo: None,
            latest: None,
            seen: HashSet::new(),
            countries: HashMap::new(),
            networks: HashMap::new(),
        }
    }

    /// The same list, which leaves these out.
    pub(crate) fn without(self, opt_out: &Arc<OptOut>) -> Self {
        Self { opt_out: Arc::clone(opt_out), ..self }
    }

    /// The same list, which looks up what is not said of a resolver.
    pub(crate) fn with(self, geo: Option<&Arc<Geo>>) -> Self {
        Self { geo: geo.map(Arc::clone), ..self }
    }

    /// The same list, none of whose entries was checked later than this.
    pub(crate) fn until(self, latest: DateTime) -> Self {
        Self { latest: Some(latest), ..self }
    }

    /// Notes an entry that is written by its name.
    pub(crate) fn named(&mut self) {
        self.list.names += 1;
    }

    /// Notes that a name stands for nobody; also whether that is because it was not looked up yet.
    pub(crate) fn unresolved(&mut self, is_awaited: bool) {
        self.list.unresolved += 1;
        self.list.is_awaited |= is_awaited;
    }

    /// Notes what there is to be told of a name.
    pub(crate) fn tell(&mut self, name: &HostName, text: String) {
        self.list.told.push((name.clone(), text));
    }

    /// Notes lines that were left out.
    pub(crate) fn skipped(&mut self, skipped: Skipped) {
        self.list.skipped = skipped;
    }

    /// Notes when an entry was checked, as in `2023-08-17 22:01:10`.
    pub(crate) fn checked(&mut self, at: Option<&str>) {
        let Some(at) = at.and_then(|at| at.get(..19)) else { return };
        let at = at.replace('T', " ");
        let is_newer = self.list.newest_check.as_ref().is_none_or(|newest| *newest < at);
        // A slip in one line would be the age of the list for ever.
        let may_be = |at: DateTime| self.latest.is_none_or(|latest| at <= latest);
        if is_newer && at.parse().is_ok_and(may_be) {
            self.list.newest_check = Some(at);
        }
    }

    /// Adds a resolver, unless it is there or has an address that is not asked; both are counted.
    pub(crate) fn add(&mut self, entry: &Entry) -> Added {
        let Entry { address, host, port, certified, .. } = entry;
        let added = self.look(*address);
        match added {
            Added::Special => self.list.excluded += 1,
            Added::OptedOut => self.list.opted_out += 1,
            Added::Again => self.list.duplicates += 1,
            Added::New => {}
        }
        if added != Added::New {
            return added;
        }
        self.seen.insert(*address);
        let Placed { said, elsewhere, asn } = self.placed(entry);
        let index = self.list.resolvers.len();
        if let (Some(elsewhere), Ok(index)) = (elsewhere, u32::try_from(index)) {
            let elsewhere = self.country(Some(&elsewhere));
            self.list.misplaced.push((index, elsewhere));
        }
        let country = self.country(said.as_ref());
        let next = u32::try_from(self.networks.len()).expect("no list has so many lines");
        let network =
            *self.networks.entry(Network::of(*address, asn, host.as_ref())).or_insert(next);
        let asn = asn.unwrap_or_default();
        // The set's own is none of its own.
        let port = port.filter(|port| *port != self.port);
        if let Ok(index) = u32::try_from(index) {
            self.list.ports.extend(port.map(|port| (index, port)));
            self.list.hosts.extend(host.clone().map(|host| (index, host)));
            if *certified != Certified::default() {
                self.list.certified.insert(index, certified.clone());
            }
        }
        self.list.resolvers.push(Resolver { address: *address, country, network, asn });
        Added::New
    }

    /// How many countries more there are with this one.
    pub(crate) fn new_countries(&self, entry: &Entry) -> usize {
        let Placed { said, elsewhere, .. } = self.placed(entry);
        let code =
            |country: &Option<Country>| country.as_ref().map_or(UNKNOWN, |it| &it.0).to_owned();
        let own = code(&said);
        let other = elsewhere.as_ref().map(|_| code(&elsewhere)).filter(|other| *other != own);
        let all = [Some(own), other].into_iter().flatten();
        all.filter(|code| !self.countries.contains_key(code)).count()
    }

    /// Where one is, as is said of it or else as the tables have it; and where by these, if that is elsewhere.
    fn placed(&self, entry: &Entry) -> Placed {
        let found = self.geo.as_ref().map(|geo| geo.find(entry.address)).unwrap_or_default();
        let asn = entry.asn.filter(|asn| *asn > 0).or(found.asn);
        let said = entry.country.clone().or_else(|| found.country.clone());
        let is_somewhere = |country: &Country| country.0 != ANYCAST;
        let is_elsewhere = |found: &Country| {
            said.as_ref().is_some_and(|said| said != found && is_somewhere(said))
                && is_somewhere(found)
        };
        let elsewhere = found.country.filter(is_elsewhere);
        Placed { said, elsewhere, asn }
    }

    /// What would become of a resolver at an address.
    pub(crate) fn look(&self, address: IpAddr) -> Added {
        let is_special = special::is_never_a_resolver(address)
            || (!self.allow_private && special::is_special(address));
        if is_special {
            Added::Special
        } else if self.opt_out.has(address) {
            Added::OptedOut
        } else if self.seen.contains(&address) {
            Added::Again
        } else {
            Added::New
        }
    }

    /// Whether nobody is in the list.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.resolvers.is_empty()
    }

    fn country(&mut self, country: Option<&Country>) -> u16 {
        let country = country.map_or(UNKNOWN, |country| &country.0);
        if let Some(&known) = self.countries.get(country) {
            return known;
        }
        let new = u16::try_from(self.list.countries.len()).expect("two letters make 676 countries");
        self.list.countries.push(country.to_owned());
        self.countries.insert(country.to_owned(), new);
        new
    }

    /// The list.
    pub(crate) fn finish(self) -> ResolverList {
        let opt_out = if self.list.names > 0 { self.opt_out } else { Arc::default() };
        ResolverList { networks: self.networks.len(), opt_out, ..self.list }
    }
}
