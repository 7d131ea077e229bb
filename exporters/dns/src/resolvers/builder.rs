//! A list of resolvers in the making: each address once, countries and networks as numbers.
//! No I/O, no clock.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::{Country, Entry, OptOut, Resolver, ResolverList, UNKNOWN, network};
use crate::special;

/// A list in the making.
#[derive(Clone, Debug)]
pub(crate) struct Builder {
    list: ResolverList,
    allow_private: bool,
    opt_out: Arc<OptOut>,
    seen: HashSet<IpAddr>,
    countries: HashMap<String, u16>,
    networks: HashMap<Network, u32>,
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
    Prefix(IpAddr),
}

impl Network {
    fn of(address: IpAddr, asn: Option<u32>) -> Self {
        // 0 stands for "unknown" in public lists.
        match asn {
            Some(asn) if asn > 0 => Self::As(asn),
            _ => Self::Prefix(network(address)),
        }
    }
}

impl Builder {
    /// An empty list; `allow_private` says whether it takes special-purpose addresses.
    pub(crate) fn new(allow_private: bool) -> Self {
        Self {
            list: ResolverList::default(),
            allow_private,
            opt_out: Arc::default(),
            seen: HashSet::new(),
            countries: HashMap::new(),
            networks: HashMap::new(),
        }
    }

    /// The same list, which leaves these out.
    pub(crate) fn without(self, opt_out: &Arc<OptOut>) -> Self {
        Self { opt_out: Arc::clone(opt_out), ..self }
    }

    /// Adds a resolver, unless it is there or has an address that is not asked; both are counted.
    pub(crate) fn add(&mut self, entry: &Entry) -> Added {
        let Entry { address, country, asn } = entry;
        if !self.takes(*address) {
            self.list.excluded += 1;
            return Added::Special;
        }
        if self.opt_out.has(*address) {
            self.list.opted_out += 1;
            return Added::OptedOut;
        }
        if !self.seen.insert(*address) {
            self.list.duplicates += 1;
            return Added::Again;
        }
        let country = self.country(country.as_ref());
        let next = u32::try_from(self.networks.len()).expect("no list has so many lines");
        let network = *self.networks.entry(Network::of(*address, *asn)).or_insert(next);
        let asn = asn.unwrap_or_default();
        self.list.resolvers.push(Resolver { address: *address, country, network, asn });
        Added::New
    }

    /// Whether an address is one that the list takes.
    pub(crate) fn takes(&self, address: IpAddr) -> bool {
        !special::is_never_a_resolver(address)
            && (self.allow_private || !special::is_special(address))
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
        ResolverList { networks: self.networks.len(), ..self.list }
    }
}
