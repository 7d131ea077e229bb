//! A list of resolvers in the making: each address once, countries and networks as numbers.
//! No I/O, no clock.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::{Country, Entry, Resolver, ResolverList, UNKNOWN};
use crate::special;

/// A list in the making.
#[derive(Clone, Debug)]
pub(crate) struct Builder {
    list: ResolverList,
    allow_private: bool,
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
}

/// What makes a network one voter.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Network {
    As(u32),
    Prefix(IpAddr),
}

impl Network {
    fn of(address: IpAddr, asn: Option<u32>) -> Self {
        match (asn, address) {
            // 0 stands for "unknown" in public lists.
            (Some(asn), _) if asn > 0 => Self::As(asn),
            (_, IpAddr::V4(v4)) => Self::Prefix(((v4.to_bits() & !0xff).to_be_bytes()).into()),
            (_, IpAddr::V6(v6)) => Self::Prefix((v6.to_bits() >> 80 << 80).to_be_bytes().into()),
        }
    }
}

impl Builder {
    /// An empty list; `allow_private` says whether it takes special-purpose addresses.
    pub(crate) fn new(allow_private: bool) -> Self {
        Self {
            list: ResolverList::default(),
            allow_private,
            seen: HashSet::new(),
            countries: HashMap::new(),
            networks: HashMap::new(),
        }
    }

    /// Adds a resolver, unless it is there or has an address that is not asked; both are counted.
    pub(crate) fn add(&mut self, entry: &Entry) -> Added {
        let Entry { address, country, asn } = entry;
        if !self.takes(*address) {
            self.list.excluded += 1;
            return Added::Special;
        }
        if !self.seen.insert(*address) {
            self.list.duplicates += 1;
            return Added::Again;
        }
        let country = self.country(country.as_ref());
        let next = u32::try_from(self.networks.len()).expect("no list has so many lines");
        let network = *self.networks.entry(Network::of(*address, *asn)).or_insert(next);
        self.list.resolvers.push(Resolver { address: *address, country, network });
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
