//! What one table says of what is watched. No I/O, no clock.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use super::mrt::{PathEnd, Sink};

/// A route to so much of the Internet says nothing of a prefix in it.
const SHORTEST: (u8, u8) = (8, 16);
/// Parts of a prefix that are told apart.
const MOST_PARTS: usize = 1_000;
/// Who announces the parts beyond these is told nevertheless, of so many.
const MOST_OTHERS: usize = 1_000;
/// Ways of one peer to one prefix that are told apart.
const MOST_WAYS: usize = 16;
/// Views of one router in one file: one for each of its tables, of which a route server has one for each peer.
const MOST_VIEWS: usize = 1_000;

/// The tables of one file in the making: of each view the last one, and the one before it.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    watch: &'a [IpNet],
    views: Vec<View>,
    /// The place of the view whose routes are read; none behind the index of one too many.
    current: Option<usize>,
}

#[derive(Debug, Default)]
struct View {
    name: Box<[u8]>,
    /// The dump that is read, and when its index was written.
    dump: Routes,
    time: u32,
    /// The dumps before it that are one table, and the table before that.
    last: Option<Routes>,
    before: Option<Routes>,
}

/// The routes of one table.
#[derive(Clone, Debug, Default)]
struct Routes {
    peers: [BTreeSet<u16>; 2],
    /// Of each watched prefix, by its place in the list.
    of: Vec<OfPrefix>,
}

/// The paths to what covers a prefix, and to parts of it.
#[derive(Clone, Debug, Default)]
struct OfPrefix {
    covering: BTreeMap<IpNet, Paths>,
    parts: BTreeMap<IpNet, Paths>,
    /// Who announces parts beyond those: one of these, and who hears it.
    others: BTreeMap<u32, (IpNet, BTreeSet<u16>)>,
    /// How many routes to parts there were beyond those.
    left_out: usize,
}

/// The paths of each peer, by its number. It may have several to one prefix (RFC 8050).
type Paths = BTreeMap<u16, BTreeSet<PathEnd>>;

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

impl<'a> Table<'a> {
    /// Nothing was read yet.
    pub(crate) fn new(watch: &'a [IpNet]) -> Self {
        Self { watch, views: Vec::new(), current: None }
    }

    /// What the last table says of each watched prefix, and the one before it where the file holds that as well; none
    /// where the last one holds no route at all. A file that is appended to holds all tables since it was made.
    pub(crate) fn finish(self) -> Option<(Said, Option<Said>)> {
        let Self { watch, views, .. } = self;
        let (mut now, mut before) = (Routes::default(), Some(Routes::default()));
        for mut view in views {
            view.end_of_dump();
            now.add(view.last.unwrap_or_default());
            before = before.zip(view.before).map(|(mut all, more)| {
                all.add(more);
                all
            });
        }
        let now = now.said(watch)?;
        Some((now, before.and_then(|it| it.said(watch))))
    }

    fn routes(&mut self) -> Option<&mut Routes> {
        // Routes before any peer index table are of a view without a name.
        if self.views.is_empty() {
            self.views.push(View::default());
            self.current = Some(0);
        }
        Some(&mut self.views.get_mut(self.current?)?.dump)
    }
}

impl View {
    /// A dump that has no family of routes in common with the one before it is the rest of the same table: routers write
    /// IPv4 and IPv6 one after the other.
    fn end_of_dump(&mut self) {
        let dump = std::mem::take(&mut self.dump);
        match &mut self.last {
            Some(last) if last.is_rest(&dump) => last.add(dump),
            _ => {
                let last = self.last.replace(dump);
                self.before = last.or(self.before.take());
            }
        }
    }
}

impl Routes {
    /// Whether both hold routes, and of other families.
    fn is_rest(&self, dump: &Self) -> bool {
        let has = |routes: &Self| routes.peers.each_ref().map(|peers| !peers.is_empty());
        let (here, there) = (has(self), has(dump));
        here != there && [here, there].iter().all(|it| it[0] != it[1])
    }

    /// Those of another view of the same router, whose peers have the same numbers.
    fn add(&mut self, other: Self) {
        for (all, more) in self.peers.iter_mut().zip(other.peers) {
            all.extend(more);
        }
        self.of.resize_with(self.of.len().max(other.of.len()), OfPrefix::default);
        for (all, more) in self.of.iter_mut().zip(other.of) {
            add(&mut all.covering, more.covering);
            add(&mut all.parts, more.parts);
            for (origin, (part, peers)) in more.others {
                all.others.entry(origin).or_insert((part, BTreeSet::new())).1.extend(peers);
            }
            all.left_out += more.left_out;
        }
    }

    fn said(mut self, watch: &[IpNet]) -> Option<Said> {
        let Self { peers, of } = &mut self;
        if peers.iter().all(BTreeSet::is_empty) {
            return None;
        }
        of.resize_with(watch.len(), OfPrefix::default);
        let figures = watch.iter().zip(of).map(|(prefix, of)| {
            let peers = peers[usize::from(prefix.addr().is_ipv6())].len();
            (*prefix, Figures::new(*prefix, peers, of))
        });
        Some(figures.collect())
    }
}

fn add(all: &mut BTreeMap<IpNet, Paths>, more: BTreeMap<IpNet, Paths>) {
    for (prefix, paths) in more {
        let all = all.entry(prefix).or_default();
        for (peer, ways) in paths {
            all.entry(peer).or_default().extend(ways);
        }
    }
}

impl Figures {
    fn new(prefix: IpNet, peers: usize, of: &OfPrefix) -> Self {
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

impl Sink for Table<'_> {
    fn begin(&mut self, view: &[u8], time: u32) -> Option<()> {
        let known = self.views.iter().position(|it| *it.name == *view);
        self.current = known.or((self.views.len() < MOST_VIEWS).then_some(self.views.len()));
        let current = self.current?;
        match self.views.get_mut(current) {
            // Of the same second it is the same table.
            Some(known) if known.time == time => {}
            Some(known) => {
                known.end_of_dump();
                known.time = time;
            }
            None => self.views.push(View { name: view.into(), time, ..View::default() }),
        }
        Some(())
    }

    fn wants(&self, prefix: IpNet) -> bool {
        self.watch.iter().any(|it| covers(prefix, *it) || it.contains(&prefix))
    }

    fn peer(&mut self, number: u16, is_v4: bool) {
        if let Some(routes) = self.routes() {
            routes.peers[usize::from(!is_v4)].insert(number);
        }
    }

    fn path(&mut self, number: u16, prefix: IpNet, path: PathEnd) {
        let watch = self.watch;
        let Some(routes) = self.routes() else { return };
        routes.of.resize_with(watch.len(), OfPrefix::default);
        for (watched, of) in watch.iter().zip(&mut routes.of) {
            let paths = if covers(prefix, *watched) {
                of.covering.entry(prefix).or_default()
            } else if !watched.contains(&prefix) {
                continue;
            } else if of.parts.len() < MOST_PARTS || of.parts.contains_key(&prefix) {
                of.parts.entry(prefix).or_default()
            } else {
                of.beyond(number, prefix, path);
                continue;
            };
            let ways = paths.entry(number).or_default();
            if ways.len() < MOST_WAYS {
                ways.insert(path);
            }
        }
    }
}

impl OfPrefix {
    /// Of a part beyond those that are told apart it is kept who announces it.
    fn beyond(&mut self, peer: u16, part: IpNet, path: PathEnd) {
        self.left_out += 1;
        let Some(origin) = path.origin else { return };
        if self.others.len() < MOST_OTHERS || self.others.contains_key(&origin) {
            self.others.entry(origin).or_insert((part, BTreeSet::new())).1.insert(peer);
        }
    }
}

/// Whether a route leads to all of a prefix, and not to half of the Internet besides.
fn covers(route: IpNet, prefix: IpNet) -> bool {
    let shortest = if prefix.addr().is_ipv4() { SHORTEST.0 } else { SHORTEST.1 };
    route.contains(&prefix) && (route.prefix_len() >= shortest || route == prefix)
}
