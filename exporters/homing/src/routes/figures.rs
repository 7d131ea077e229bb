//! What one table says of what is watched. No I/O, no clock.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use super::heard::{OfPrefix, Paths};
use super::mrt::PathEnd;

/// What a file says of each watched prefix.
pub(crate) type Said = BTreeMap<IpNet, Figures>;

/// What a table says of one prefix. Each is a number of peers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Figures {
    /// That have any route of its family.
    pub(crate) peers: usize,
    /// Those of them that have one to it, and, once these are counted, to more than it.
    pub(crate) visible: usize,
    /// Who hear it from each origin.
    pub(crate) origins: BTreeMap<u32, usize>,
    /// The longest route by which each of these is heard: to the prefix, or to more than it.
    pub(crate) announced: BTreeMap<u32, IpNet>,
    /// Who hear it, or any part of it, from each origin.
    pub(crate) announcers: BTreeMap<u32, usize>,
    /// Who hear it through each neighbour of the origin.
    pub(crate) upstreams: BTreeMap<u32, usize>,
    /// Who know each part of it that is announced by itself.
    pub(crate) parts: BTreeMap<IpNet, usize>,
    /// Who hear such a part from each origin.
    pub(crate) part_origins: BTreeMap<(IpNet, u32), usize>,
    /// Routes to parts that are beyond those that are told apart.
    pub(crate) left_out: usize,
    /// The other peers, by what they have: not counted yet.
    pub(crate) covered: BTreeMap<Covered, usize>,
}

/// What a peer has that has no route to a prefix itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Covered {
    /// Its longest route to more than the prefix: that decides, as it does for a packet.
    pub(crate) route: IpNet,
    /// How it hears that.
    ways: BTreeSet<PathEnd>,
    /// From whom it hears parts of the prefix.
    parts_by: BTreeSet<u32>,
}

impl Covered {
    /// Who announces the route.
    pub(crate) fn origins(&self) -> BTreeSet<u32> {
        self.ways.iter().filter_map(|it| it.origin).collect()
    }
}

impl Figures {
    pub(super) fn new(prefix: IpNet, peers: usize, of: &OfPrefix) -> Self {
        let nothing = Paths::new();
        let paths = of.covering.get(&prefix).unwrap_or(&nothing);
        let mut parts_by = hearers(of.parts.values().flatten(), |it| it.origin);
        for (origin, (_, peers)) in &of.others {
            parts_by.entry(*origin).or_default().extend(peers);
        }
        let origins = count(&hearers(paths, |it| it.origin));
        let mut announcers = hearers(paths, |it| it.origin);
        for (origin, peers) in &parts_by {
            announcers.entry(*origin).or_default().extend(peers);
        }
        let mut figures = Self {
            peers,
            visible: paths.len(),
            announced: origins.keys().map(|origin| (*origin, prefix)).collect(),
            origins,
            announcers: count(&announcers),
            upstreams: count(&hearers(paths, |it| it.upstream)),
            left_out: of.left_out,
            covered: covered(prefix, of, &parts_by),
            ..Self::default()
        };
        for (part, paths) in &of.parts {
            figures.parts.insert(*part, paths.len());
            let origins = count(&hearers(paths, |it| it.origin));
            let origins = origins.into_iter().map(|(origin, peers)| ((*part, origin), peers));
            figures.part_origins.extend(origins);
        }
        let others = of.others.iter();
        figures.part_origins.extend(others.map(|(asn, (part, it))| ((*part, *asn), it.len())));
        figures
    }

    /// With the peers of which a route to more than the prefix counts as one to it.
    pub(crate) fn with_covered(&self, counts: impl Fn(&Covered) -> bool) -> Cow<'_, Self> {
        if self.covered.is_empty() {
            return Cow::Borrowed(self);
        }
        let mut all = Self { covered: BTreeMap::new(), ..self.clone() };
        for (covered, peers) in self.covered.iter().filter(|(covered, _)| counts(covered)) {
            all.visible += peers;
            for origin in covered.origins() {
                *all.origins.entry(origin).or_default() += peers;
                longer(&mut all.announced, origin, covered.route);
                let is_counted = covered.parts_by.contains(&origin);
                *all.announcers.entry(origin).or_default() += if is_counted { 0 } else { *peers };
            }
            let upstreams: BTreeSet<u32> =
                covered.ways.iter().filter_map(|it| it.upstream).collect();
            for upstream in upstreams {
                *all.upstreams.entry(upstream).or_default() += peers;
            }
        }
        Cow::Owned(all)
    }

    /// With those of another router, whose peers are others.
    pub(crate) fn add(&mut self, other: &Self) {
        self.peers += other.peers;
        self.visible += other.visible;
        for (origin, route) in &other.announced {
            longer(&mut self.announced, *origin, *route);
        }
        sum(&mut self.origins, &other.origins);
        sum(&mut self.announcers, &other.announcers);
        sum(&mut self.upstreams, &other.upstreams);
        sum(&mut self.parts, &other.parts);
        sum(&mut self.part_origins, &other.part_origins);
        sum(&mut self.covered, &other.covered);
        self.left_out += other.left_out;
    }
}

/// The peers that have no route to the prefix itself, each with its longest one to more.
fn covered(
    prefix: IpNet,
    of: &OfPrefix,
    parts_by: &BTreeMap<u32, BTreeSet<u16>>,
) -> BTreeMap<Covered, usize> {
    let mut routes: Vec<_> = of.covering.iter().collect();
    routes.sort_by_key(|(route, _)| Reverse(route.prefix_len()));
    let (mut covered, mut seen) = (BTreeMap::new(), BTreeSet::new());
    for (route, paths) in routes {
        for (peer, ways) in paths {
            if !seen.insert(*peer) || *route == prefix {
                continue;
            }
            let parts_by = parts_by.iter().filter(|(_, peers)| peers.contains(peer));
            let parts_by = parts_by.map(|(origin, _)| *origin).collect();
            let it = Covered { route: *route, ways: ways.clone(), parts_by };
            *covered.entry(it).or_default() += 1;
        }
    }
    covered
}

/// Who hear each.
fn hearers<'a>(
    paths: impl IntoIterator<Item = (&'a u16, &'a BTreeSet<PathEnd>)>,
    of: impl Fn(&PathEnd) -> Option<u32>,
) -> BTreeMap<u32, BTreeSet<u16>> {
    let mut peers: BTreeMap<u32, BTreeSet<u16>> = BTreeMap::new();
    for (peer, ways) in paths {
        for asn in ways.iter().filter_map(&of) {
            peers.entry(asn).or_default().insert(*peer);
        }
    }
    peers
}

fn count(peers: &BTreeMap<u32, BTreeSet<u16>>) -> BTreeMap<u32, usize> {
    peers.iter().map(|(asn, peers)| (*asn, peers.len())).collect()
}

/// Of the routes of an origin the longest is kept.
fn longer(announced: &mut BTreeMap<u32, IpNet>, origin: u32, route: IpNet) {
    let known = announced.entry(origin).or_insert(route);
    if known.prefix_len() < route.prefix_len() {
        *known = route;
    }
}

fn sum<K: Clone + Ord>(all: &mut BTreeMap<K, usize>, more: &BTreeMap<K, usize>) {
    for (key, peers) in more {
        *all.entry(key.clone()).or_default() += peers;
    }
}
