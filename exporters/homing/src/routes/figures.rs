//! What one table says of what is watched. No I/O, no clock.

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
    /// Those of them that have one to all of it.
    pub(crate) visible: usize,
    /// To what that route leads, where nobody has one to the prefix itself.
    pub(crate) covering: Option<IpNet>,
    /// Who hear it from each origin.
    pub(crate) origins: BTreeMap<u32, usize>,
    /// Who hear it, or any part of it, from each origin.
    pub(crate) announcers: BTreeMap<u32, usize>,
    /// Who hear any part of it from each origin.
    pub(crate) part_announcers: BTreeMap<u32, usize>,
    /// Who hear it through each neighbour of the origin.
    pub(crate) upstreams: BTreeMap<u32, usize>,
    /// Who know each part of it that is announced by itself.
    pub(crate) parts: BTreeMap<IpNet, usize>,
    /// Who hear such a part from each origin.
    pub(crate) part_origins: BTreeMap<(IpNet, u32), usize>,
    /// Routes to parts that are beyond those that are told apart.
    pub(crate) left_out: usize,
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
        // The longest decides, as it does for a packet.
        let longest = of.covering.iter().max_by_key(|(prefix, _)| prefix.prefix_len());
        let nothing = Paths::new();
        let paths = longest.map_or(&nothing, |(_, paths)| paths);
        let others = || of.others.iter().map(|(origin, (_, peers))| (*origin, peers));
        let mut figures = Self {
            peers,
            visible: paths.len(),
            covering: longest.map(|(route, _)| *route).filter(|route| *route != prefix),
            origins: heard([], paths.iter(), |it| it.origin),
            announcers: heard(others(), of.parts.values().flatten().chain(paths), |it| it.origin),
            part_announcers: heard(others(), of.parts.values().flatten(), |it| it.origin),
            upstreams: heard([], paths.iter(), |it| it.upstream),
            left_out: of.left_out,
            ..Self::default()
        };
        for (part, paths) in &of.parts {
            figures.parts.insert(*part, paths.len());
            let origins = heard([], paths.iter(), |it| it.origin);
            let origins = origins.into_iter().map(|(origin, peers)| ((*part, origin), peers));
            figures.part_origins.extend(origins);
        }
        let others = of.others.iter();
        figures.part_origins.extend(others.map(|(asn, (part, it))| ((*part, *asn), it.len())));
        figures
    }

    /// Without the route that only covers the prefix: as if nobody had one to it.
    pub(crate) fn without_covering(&self) -> Self {
        Self {
            peers: self.peers,
            announcers: self.part_announcers.clone(),
            part_announcers: self.part_announcers.clone(),
            parts: self.parts.clone(),
            part_origins: self.part_origins.clone(),
            left_out: self.left_out,
            ..Self::default()
        }
    }

    /// With those of another router, whose peers are others.
    pub(crate) fn add(&mut self, other: &Self) {
        self.peers += other.peers;
        // It covers only where no router has a route to the prefix itself.
        self.covering = match (self.visible, other.visible) {
            (0, _) => other.covering,
            (_, 0) => self.covering,
            _ => self.covering.and(other.covering),
        };
        self.visible += other.visible;
        sum(&mut self.origins, &other.origins);
        sum(&mut self.announcers, &other.announcers);
        sum(&mut self.part_announcers, &other.part_announcers);
        sum(&mut self.upstreams, &other.upstreams);
        sum(&mut self.parts, &other.parts);
        sum(&mut self.part_origins, &other.part_origins);
        self.left_out += other.left_out;
    }
}

/// How many peers hear each, with those of whom that is known already.
fn heard<'a>(
    known: impl IntoIterator<Item = (u32, &'a BTreeSet<u16>)>,
    paths: impl Iterator<Item = (&'a u16, &'a BTreeSet<PathEnd>)>,
    of: impl Fn(&PathEnd) -> Option<u32>,
) -> BTreeMap<u32, usize> {
    let known = known.into_iter().map(|(asn, peers)| (asn, peers.clone()));
    let mut peers: BTreeMap<u32, BTreeSet<u16>> = known.collect();
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
