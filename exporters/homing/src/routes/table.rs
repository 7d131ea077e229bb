//! The tables of one file in the making: views, dumps, and the paths of what is watched. No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ipnet::IpNet;

use super::figures::{Figures, Said};
use super::heard::{OfPrefix, Paths};
use super::mrt::{PathEnd, Sink};

/// A route to so much of the Internet says nothing of a prefix in it.
const SHORTEST: (u8, u8) = (8, 16);
/// Parts of a prefix that are told apart.
const MOST_PARTS: usize = 1_000;
/// Ways of one peer to one prefix that are told apart.
const MOST_WAYS: usize = 16;
/// Views of one router in one file: one for each of its tables, of which a route server has one for each peer.
const MOST_VIEWS: usize = 1_000;

/// The tables of one file in the making: of each view the last one, and the one before it.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    watch: &'a [IpNet],
    /// A view that is older than the newest one by more says nothing: nobody writes it any more.
    max_age: Duration,
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

impl<'a> Table<'a> {
    /// Nothing was read yet.
    pub(crate) fn new(watch: &'a [IpNet], max_age: Duration) -> Self {
        Self { watch, max_age, views: Vec::new(), current: None }
    }

    /// What the last table says of each watched prefix, and the one before it where the file holds that as well; none
    /// where the last one holds no route at all. A file that is appended to holds all tables since it was made. A view that
    /// claims to be of the future, of a router whose clock was ahead, makes no other one old.
    pub(crate) fn finish(self, now: u64) -> Option<(Said, Option<Said>)> {
        let Self { watch, max_age, views, .. } = self;
        let times = views.iter().map(|it| it.time);
        let newest = times.filter(|it| u64::from(*it) <= now).max().unwrap_or_default();
        let stands = |view: &View| u64::from(newest.saturating_sub(view.time)) <= max_age.as_secs();
        let (mut now, mut before) = (Routes::default(), Some(Routes::default()));
        for mut view in views.into_iter().filter(stands) {
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

/// Whether a route leads to all of a prefix, and not to half of the Internet besides.
fn covers(route: IpNet, prefix: IpNet) -> bool {
    let shortest = if prefix.addr().is_ipv4() { SHORTEST.0 } else { SHORTEST.1 };
    route.contains(&prefix) && (route.prefix_len() >= shortest || route == prefix)
}
