//! The list of resolvers: who is asked, in which country and which network each of them is. No I/O, no clock.

mod builder;
mod entry;
mod file;
mod geo;
mod opt_out;

pub(crate) use builder::{Added, Builder};
pub(crate) use entry::{At, Certified, Country, Entry, Host, Listed};
pub(crate) use file::parse;
pub(crate) use geo::{Geo, Systems};
pub(crate) use opt_out::OptOut;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::exchange::HostName;
use crate::special;

/// The country of a resolver that answers from many places: its address says nothing about where.
pub(crate) const ANYCAST: &str = "anycast";

/// The country of a resolver of which none is known (a user-assigned code of ISO 3166-1).
pub(crate) const UNKNOWN: &str = "ZZ";

/// Addresses at which a resolver is asked that is written by its name: more than any has.
pub(crate) const MOST_OF_NAME: usize = 8;

/// One resolver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resolver {
    /// Its address.
    pub(crate) address: IpAddr,
    /// Its country: an index into [`ResolverList::countries`].
    pub(crate) country: u16,
    /// Its network (AS, else its /24 or /48): the same number for all that share one.
    pub(crate) network: u32,
    /// The number of its autonomous system; 0 where that is not known.
    pub(crate) asn: u32,
}

/// The /24 or /48 of an address.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) => (v4.to_bits() & !0xff).to_be_bytes().into(),
        IpAddr::V6(v6) => (v6.to_bits() >> 80 << 80).to_be_bytes().into(),
    }
}

/// The resolvers of a set, each address once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ResolverList {
    /// The resolvers, in the order of the list.
    pub(crate) resolvers: Vec<Resolver>,
    /// The ports of those that are asked at another than that of their set, by their numbers.
    pub(crate) ports: BTreeMap<u32, u16>,
    /// The names of those that were found by one, by their numbers.
    pub(crate) hosts: BTreeMap<u32, HostName>,
    /// Who they must be by TLS, where that is said of them.
    pub(crate) certified: BTreeMap<u32, Certified>,
    /// Entries that are written by their names.
    pub(crate) names: usize,
    /// Those of them that stand for nobody: no address is known, or none that may be asked.
    pub(crate) unresolved: usize,
    /// Whether one of them was not looked up yet.
    pub(crate) is_awaited: bool,
    /// What there is to be told of them: why one is not asked, or not at each of its addresses.
    pub(crate) told: Vec<(HostName, String)>,
    /// Who does not want to be asked, where somebody may turn out to be among them.
    pub(crate) opt_out: Arc<OptOut>,
    /// Country codes: two capitals, [`ANYCAST`] or [`UNKNOWN`].
    pub(crate) countries: Vec<String>,
    /// How many networks there are.
    pub(crate) networks: usize,
    /// Entries that named an address for a second time.
    pub(crate) duplicates: usize,
    /// Entries left out because their address is special-purpose.
    pub(crate) excluded: usize,
    /// Entries left out because their owners do not want to be asked.
    pub(crate) opted_out: usize,
    /// Lines of the file that are no resolvers.
    pub(crate) skipped: Skipped,
    /// When an entry was checked last, as the list says: `2023-08-17 22:01:10`, which is taken for UTC.
    pub(crate) newest_check: Option<String>,
    /// Resolvers that are elsewhere by the user's own tables, and where: indices.
    pub(crate) misplaced: Vec<(u32, u16)>,
}

/// Lines of a file that were left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Skipped {
    /// How many.
    pub(crate) lines: usize,
    /// The first of them, by their numbers.
    pub(crate) first: Vec<u32>,
}

impl ResolverList {
    /// Where a resolver is asked, by its number, in a set of this port.
    pub(crate) fn peer(&self, at: usize, port: u16) -> SocketAddr {
        (self.resolvers[at].address, self.other_port(at).unwrap_or(port)).into()
    }

    /// Its port, where that is another than that of the set.
    pub(crate) fn other_port(&self, at: usize) -> Option<u16> {
        self.ports.get(&u32::try_from(at).ok()?).copied()
    }

    /// Its name, where it was found by one.
    pub(crate) fn host(&self, at: usize) -> Option<&HostName> {
        self.hosts.get(&u32::try_from(at).ok()?)
    }

    /// Who it must be by TLS, where that is said of it.
    pub(crate) fn certified(&self, at: usize) -> Option<&Certified> {
        self.certified.get(&u32::try_from(at).ok()?)
    }

    /// Where each of them is asked.
    pub(crate) fn peers(&self, port: u16) -> impl Iterator<Item = SocketAddr> {
        (0..self.resolvers.len()).map(move |at| self.peer(at, port))
    }

    /// Where those of them are asked that stand in the list by their addresses, whatever its names stand for.
    pub(crate) fn written(&self, port: u16) -> impl Iterator<Item = SocketAddr> {
        let is_written = |at: &usize| self.host(*at).is_none();
        (0..self.resolvers.len()).filter(is_written).map(move |at| self.peer(at, port))
    }

    /// Whether another list asks the same as the same at the same places, in the same order.
    pub(crate) fn asks_as(&self, other: &Self) -> bool {
        let address = |it: &Resolver| it.address;
        // Mostly it is the same, which is not to take long.
        std::ptr::eq(self, other)
            || (&self.ports, &self.hosts, &self.certified)
                == (&other.ports, &other.hosts, &other.certified)
                && self.resolvers.iter().map(address).eq(other.resolvers.iter().map(address))
    }

    /// Entries: each address is one, and each name that stands for nobody.
    pub(crate) fn configured(&self) -> usize {
        let left_out = self.duplicates + self.excluded + self.opted_out;
        self.resolvers.len() + left_out + self.unresolved
    }

    /// How many are third parties: anybody on the public internet.
    pub(crate) fn third_parties(&self) -> usize {
        self.strangers().count()
    }

    /// How many have no known country, and how many no known system.
    pub(crate) fn unplaced(&self) -> (usize, usize) {
        let unknown = self.countries.iter().position(|country| country == UNKNOWN);
        let nowhere = |it: &&Resolver| Some(usize::from(it.country)) == unknown;
        let all = self.resolvers.iter();
        (all.clone().filter(nowhere).count(), all.filter(|it| it.asn == 0).count())
    }

    /// When an entry was checked last, in seconds since the epoch.
    pub(crate) fn newest_check_seconds(&self) -> Option<f64> {
        let time: DateTime = self.newest_check.as_ref()?.parse().ok()?;
        let seconds = time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second();
        Some(seconds as f64)
    }

    /// The third parties among them.
    pub(crate) fn strangers(&self) -> impl Iterator<Item = IpAddr> {
        let addresses = self.resolvers.iter().map(|resolver| resolver.address);
        addresses.filter(|address| !special::is_special(*address))
    }

    /// Whether all are on this very machine.
    pub(crate) fn is_loopback(&self) -> bool {
        self.resolvers.iter().all(|resolver| resolver.address.is_loopback())
    }
}
