//! What one table says of what is watched. No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use super::mrt::{PathEnd, Sink};

/// A route to so much of the Internet says nothing of a prefix in it.
const SHORTEST: (u8, u8) = (8, 16);
/// Parts of a prefix that are told apart.
const MOST_PARTS: usize = 1_000;
/// Ways of one peer to one prefix that are told apart.
const MOST_WAYS: usize = 16;

/// A table in the making.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    watch: &'a [IpNet],
    peers: [BTreeSet<u16>; 2],
    /// Of each watched prefix: the paths to what covers it, and to parts of it.
    covering: Vec<BTreeMap<IpNet, Paths>>,
    parts: Vec<BTreeMap<IpNet, Paths>>,
}

/// The paths of each peer, by its number. It may have several to one prefix (RFC 8050).
type Paths = BTreeMap<u16, BTreeSet<PathEnd>>;

/// What a table says of one prefix. Each is a number of peers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Figures {
    /// That have any route of its family.
    pub(crate) peers: usize,
    /// Those of them that have one to all of it.
    pub(crate) visible: usize,
    /// Who hear it from each origin.
    pub(crate) origins: BTreeMap<u32, usize>,
    /// Who hear it, or any part of it, from each origin.
    pub(crate) announcers: BTreeMap<u32, usize>,
    /// Who hear it through each neighbour of the origin.
    pub(crate) upstreams: BTreeMap<u32, usize>,
    /// Who know each part of it that is announced by itself.
    pub(crate) parts: BTreeMap<IpNet, usize>,
    /// Who hear such a part from each origin.
    pub(crate) part_origins: BTreeMap<(IpNet, u32), usize>,
}

impl<'a> Table<'a> {
    /// Nothing was read yet.
    pub(crate) fn new(watch: &'a [IpNet]) -> Self {
        let nothing = || watch.iter().map(|_| BTreeMap::new()).collect();
        Self { watch, peers: Default::default(), covering: nothing(), parts: nothing() }
    }

    /// What it says of each watched prefix; none where it holds no route at all.
    pub(crate) fn finish(self) -> Option<BTreeMap<IpNet, Figures>> {
        let Self { watch, peers, covering, parts } = self;
        if peers.iter().all(BTreeSet::is_empty) {
            return None;
        }
        let all = watch.iter().zip(covering).zip(parts);
        let figures = all.map(|((prefix, covering), parts)| {
            // The longest decides, as it does for a packet.
            let paths = covering.into_iter().max_by_key(|(prefix, _)| prefix.prefix_len());
            let paths = paths.map(|(_, paths)| paths).unwrap_or_default();
            let peers = peers[usize::from(prefix.addr().is_ipv6())].len();
            (*prefix, Figures::new(peers, &paths, &parts))
        });
        Some(figures.collect())
    }
}

impl Figures {
    fn new(peers: usize, paths: &Paths, parts: &BTreeMap<IpNet, Paths>) -> Self {
        let all = parts.values().flatten().chain(paths);
        let mut figures = Self {
            peers,
            visible: paths.len(),
            origins: heard(paths.iter(), |it| it.origin),
            announcers: heard(all, |it| it.origin),
            upstreams: heard(paths.iter(), |it| it.upstream),
            ..Self::default()
        };
        for (part, paths) in parts {
            figures.parts.insert(*part, paths.len());
            let origins = heard(paths.iter(), |it| it.origin);
            let origins = origins.into_iter().map(|(origin, peers)| ((*part, origin), peers));
            figures.part_origins.extend(origins);
        }
        figures
    }

    /// With those of another router, whose peers are others.
    pub(crate) fn add(&mut self, other: &Self) {
        self.peers += other.peers;
        self.visible += other.visible;
        sum(&mut self.origins, &other.origins);
        sum(&mut self.announcers, &other.announcers);
        sum(&mut self.upstreams, &other.upstreams);
        sum(&mut self.parts, &other.parts);
        sum(&mut self.part_origins, &other.part_origins);
    }
}

/// How many peers hear each.
fn heard<'a>(
    paths: impl Iterator<Item = (&'a u16, &'a BTreeSet<PathEnd>)>,
    of: impl Fn(&PathEnd) -> Option<u32>,
) -> BTreeMap<u32, usize> {
    let mut peers: BTreeMap<u32, BTreeSet<u16>> = BTreeMap::new();
    for (peer, ways) in paths {
        for asn in ways.iter().filter_map(&of) {
            peers.entry(asn).or_default().insert(*peer);
        }
    }
    peers.into_iter().map(|(asn, peers)| (asn, peers.len())).collect()
}

fn sum<K: Copy + Ord>(all: &mut BTreeMap<K, usize>, more: &BTreeMap<K, usize>) {
    for (key, peers) in more {
        *all.entry(*key).or_default() += peers;
    }
}

impl Sink for Table<'_> {
    fn wants(&self, prefix: IpNet) -> bool {
        self.watch.iter().any(|it| covers(prefix, *it) || it.contains(&prefix))
    }

    fn peer(&mut self, number: u16, is_v4: bool) {
        self.peers[usize::from(!is_v4)].insert(number);
    }

    fn path(&mut self, number: u16, prefix: IpNet, path: PathEnd) {
        for (at, watched) in self.watch.iter().enumerate() {
            let paths = if covers(prefix, *watched) {
                self.covering[at].entry(prefix).or_default()
            } else if watched.contains(&prefix) {
                let parts = &mut self.parts[at];
                if parts.len() >= MOST_PARTS && !parts.contains_key(&prefix) {
                    continue;
                }
                parts.entry(prefix).or_default()
            } else {
                continue;
            };
            let ways = paths.entry(number).or_default();
            if ways.len() < MOST_WAYS {
                ways.insert(path);
            }
        }
    }
}

/// Whether a route leads to all of a prefix, and not to half of the Internet besides.
fn covers(route: IpNet, prefix: IpNet) -> bool {
    let shortest = if prefix.addr().is_ipv4() { SHORTEST.0 } else { SHORTEST.1 };
    route.contains(&prefix) && (route.prefix_len() >= shortest || route == prefix)
}
