//! In which manner a name is answered where nobody lies.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::list::List;
use crate::answer::{Answer, Content};
use crate::outcome::Outcome;
use crate::verdict::tests::world::Random;

/// How the answers of a name come about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Manner {
    /// So many addresses, so many an answer; each few of them in a network of their own, or all in a few.
    Pool { addresses: usize, each: usize, is_wide: bool },
    /// Two addresses for each of so many regions, or one for each of more.
    Regions(usize),
    /// One address, or regions, and in so many of a hundred places caches in the resolvers' own networks.
    Caches { share: u8, has_regions: bool },
    /// A planned change has reached so many of a hundred.
    Moving(u8),
    /// A tenth of the resolvers make an IPv6 address of the IPv4 one, where the name has one of its own, or none.
    Made { has_own: bool },
}

use Manner::{Caches, Made, Moving, Pool, Regions};

/// Those that are told apart where nothing is pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Family {
    Fixed,
    Moving,
    Pools,
    ByPlace,
    Made,
}

const fn pool(addresses: usize, each: usize) -> Manner {
    Pool { addresses, each, is_wide: false }
}

const fn wide(addresses: usize) -> Manner {
    Pool { addresses, each: 1, is_wide: true }
}

const fn caches(share: u8, has_regions: bool) -> Manner {
    Caches { share, has_regions }
}

pub(super) const MANNERS: [Manner; 30] = [
    pool(1, 1),
    pool(2, 2),
    pool(2, 1),
    pool(5, 1),
    pool(8, 2),
    pool(8, 4),
    pool(20, 1),
    pool(50, 1),
    wide(50),
    pool(200, 1),
    wide(200),
    pool(1_000, 1),
    wide(1_000),
    pool(5_000, 1),
    wide(5_000),
    pool(63, 20),
    Regions(2),
    Regions(6),
    Regions(150),
    caches(5, false),
    caches(30, false),
    caches(5, true),
    caches(30, true),
    Moving(10),
    Moving(30),
    Moving(50),
    Moving(70),
    Moving(90),
    Made { has_own: true },
    Made { has_own: false },
];

impl Manner {
    pub(super) fn family(self) -> Family {
        match self {
            Pool { addresses, each, .. } if addresses == each => Family::Fixed,
            Pool { .. } => Family::Pools,
            Regions(_) | Caches { .. } => Family::ByPlace,
            Moving(_) => Family::Moving,
            Made { .. } => Family::Made,
        }
    }

    /// Whether it is about IPv6.
    pub(super) fn is_v6(self) -> bool {
        matches!(self, Made { .. })
    }

    /// Whether nothing is what the name has.
    pub(super) fn is_absent(self) -> bool {
        matches!(self, Made { has_own: false })
    }

    /// What its owner pins.
    pub(super) fn pinned(self) -> Vec<String> {
        let pins: &[&str] = match self {
            Made { has_own: true } => &["2600::/16"],
            Made { has_own: false } => &[],
            Caches { .. } => &["20.0.0.0/8", "90.0.0.0/8"],
            Moving(_) => &["20.0.0.0/8", "21.0.0.1/32"],
            _ => &["20.0.0.0/8"],
        };
        pins.iter().map(|&it| it.to_owned()).collect()
    }

    /// The same before anything happened: a change had not begun.
    pub(super) fn before(self) -> Self {
        if let Moving(_) = self { pool(1, 1) } else { self }
    }

    /// The places with caches.
    pub(super) fn cached(self, places: usize, random: &mut Random) -> BTreeSet<usize> {
        let Caches { share, .. } = self else { return BTreeSet::new() };
        (0..places).filter(|_| random.is(f64::from(share) / 100.0)).collect()
    }

    /// What an honest resolver answers.
    pub(super) fn honest(
        self,
        list: &List,
        at: usize,
        cached: &BTreeSet<usize>,
        random: &mut Random,
    ) -> Outcome {
        let (place, network) = (list.places[at], list.world.members[at].1);
        // Of no place: of any.
        let of_region = |regions: usize, random: &mut Random| {
            let region = place.unwrap_or_else(|| random.below(150)) % regions;
            let end = if regions > 6 { vec![1] } else { vec![1, 2] };
            end.into_iter().map(|end| v4([20, number(region), 0, end])).collect()
        };
        let content = match self {
            Pool { addresses, each, is_wide } => {
                let first = random.below(addresses);
                let of_pool = |n: usize| {
                    let n = (first + n * addresses / each) % addresses;
                    let [two, three, end] = if is_wide {
                        [n % 7, n / 7 % 250, n / 1_750 + 1]
                    } else {
                        [0, n / 60, n % 60 + 1]
                    };
                    v4([20, number(two), number(three), number(end)])
                };
                addresses_of((0..each).map(of_pool).collect())
            }
            Regions(regions) => addresses_of(of_region(regions, random)),
            Caches { has_regions, .. } => {
                let own = place
                    .filter(|it| cached.contains(it) && (has_regions || network * 7_919 % 10 < 6));
                match own {
                    Some(place) => {
                        let of_network = number(network * 31 % 250);
                        addresses_of(vec![v4([90, number(place), of_network, 7])])
                    }
                    None if has_regions => addresses_of(of_region(6, random)),
                    None => addresses_of(vec![v4([20, 0, 0, 1])]),
                }
            }
            Moving(share) if random.is(f64::from(share) / 100.0) => {
                addresses_of(vec![v4([21, 0, 0, 1])])
            }
            Moving(_) => addresses_of(vec![v4([20, 0, 0, 1])]),
            Made { .. } if random.is(0.1) => addresses_of(vec![v6("64:ff9b::1400:1")]),
            Made { has_own: true } => addresses_of(vec![v6("2600::1")]),
            Made { has_own: false } if random.is(0.7) => Content::Nodata,
            Made { has_own: false } => Content::Nxdomain,
        };
        Outcome::Answer(Answer::new(content))
    }
}

fn number(of: usize) -> u8 {
    u8::try_from(of).unwrap()
}

pub(super) fn v4(octets: [u8; 4]) -> IpAddr {
    Ipv4Addr::from(octets).into()
}

pub(super) fn v6(text: &str) -> IpAddr {
    text.parse::<Ipv6Addr>().unwrap().into()
}

pub(super) fn addresses_of(mut addresses: Vec<IpAddr>) -> Content {
    addresses.sort_unstable();
    addresses.dedup();
    Content::Addresses(addresses.into())
}
