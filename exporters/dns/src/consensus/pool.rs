//! The address-support rule: which addresses so many vouch for that they are the answer. No I/O, no clock.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use crate::answer::{Content, fingerprint};
use crate::consensus::votes::{Share, Tally, Votes};
use crate::resolvers::{ANYCAST, Resolver, ResolverList, UNKNOWN};

/// Share of the network votes that an address needs. Judged from simulations with 25,000 resolvers
/// (see the tests): a name that rotates over eight addresses gives each far more, and scattered
/// poison far less.
const MIN_SUPPORT: Share = (1, 50);

/// Places that an address must be seen from. One country can tamper with all its resolvers, and a
/// large one has more than the share above.
const MIN_PLACES: usize = 3;

/// What the voters agree on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Consensus {
    /// These addresses, sorted; a resolver may see a part of them. Empty: on nothing.
    Pool(Vec<IpAddr>),
    /// That there is no such name, or no such record.
    Absence(Content),
}

impl Consensus {
    /// Whether an answer is in keeping with it.
    pub(crate) fn has(&self, content: &Content) -> bool {
        match (self, content) {
            (Self::Pool(pool), Content::Addresses(addresses)) => {
                addresses.iter().all(|address| pool.binary_search(address).is_ok())
            }
            (Self::Absence(agreed), content) => agreed == content,
            (Self::Pool(_), _) => false,
        }
    }

    /// Its addresses.
    pub(crate) fn addresses(&self) -> &[IpAddr] {
        match self {
            Self::Pool(pool) => pool,
            Self::Absence(_) => &[],
        }
    }

    /// A number that changes when it does.
    pub(crate) fn fingerprint(&self) -> u64 {
        match self {
            Self::Pool(pool) => fingerprint(pool.iter()),
            Self::Absence(content) => content.fingerprint(),
        }
    }
}

/// Finds what the voters agree on.
///
/// 1. Addresses, no name or no record: whichever has most of the network votes (addresses, if even).
/// 2. If addresses: those that have at least 2 % of the network votes and come from at least three
///    places. Answers that are bogons vouch for nothing.
///
/// A place is a country. An anycast or unplaced resolver is a place by its network; and where fewer
/// than three countries are known at all, every resolver is.
pub(crate) fn find(
    list: &ResolverList,
    contents: &[Option<&Content>],
    votes: &Votes,
    is_bogon: impl Fn(&Content) -> bool,
) -> Consensus {
    let weight_of = |wanted: &dyn Fn(&Content) -> bool| {
        votes.weight(list, |at| contents[at].is_some_and(wanted))
    };
    let data = weight_of(&|content| matches!(content, Content::Addresses(_)));
    let nxdomain = weight_of(&|content| *content == Content::Nxdomain);
    let nodata = weight_of(&|content| *content == Content::Nodata);
    if nxdomain > data && nxdomain >= nodata {
        return Consensus::Absence(Content::Nxdomain);
    }
    if nodata > data {
        return Consensus::Absence(Content::Nodata);
    }

    let places = Places::new(list);
    let mut support: HashMap<IpAddr, Support> = HashMap::new();
    let mut seen = HashSet::new();
    for at in votes.voters() {
        let (resolver, content) = (&list.resolvers[at], contents[at]);
        let Some(content) = content.filter(|content| !is_bogon(content)) else { continue };
        let Content::Addresses(addresses) = content else { continue };
        let place = places.of(resolver);
        seen.insert(place);
        for address in addresses {
            let support = support.entry(*address).or_default();
            votes.add(&mut support.tally, resolver.network);
            support.add_place(place);
        }
    }
    let places = MIN_PLACES.min(seen.len());
    let enough = |support: &Support| {
        support.tally.weight().is_at_least(MIN_SUPPORT, votes.whole()) && support.places() >= places
    };
    let supported = support.into_iter().filter(|(_, support)| enough(support));
    let mut pool: Vec<IpAddr> = supported.map(|(address, _)| address).collect();
    pool.sort_unstable();
    Consensus::Pool(pool)
}

/// What speaks for one address.
#[derive(Default)]
struct Support {
    tally: Tally,
    /// The first few places; more than are needed need not be known.
    first_places: [Option<Place>; MIN_PLACES],
}

impl Support {
    fn add_place(&mut self, place: Place) {
        for known in &mut self.first_places {
            match known {
                Some(known) if *known == place => return,
                Some(_) => {}
                None => {
                    *known = Some(place);
                    return;
                }
            }
        }
    }

    fn places(&self) -> usize {
        self.first_places.iter().flatten().count()
    }
}

#[derive(Clone, Copy, Eq, Hash, PartialEq)]
enum Place {
    Country(u16),
    Network(u32),
}

/// Which resolvers are placed by their country.
struct Places {
    /// By index of the country; all false where too few countries are known.
    is_country: Vec<bool>,
}

impl Places {
    fn new(list: &ResolverList) -> Self {
        let known = |code: &String| code != ANYCAST && code != UNKNOWN;
        let enough = list.countries.iter().filter(|code| known(code)).count() >= MIN_PLACES;
        Self { is_country: list.countries.iter().map(|code| enough && known(code)).collect() }
    }

    fn of(&self, resolver: &Resolver) -> Place {
        if self.is_country[usize::from(resolver.country)] {
            Place::Country(resolver.country)
        } else {
            Place::Network(resolver.network)
        }
    }
}
