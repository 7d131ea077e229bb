//! What one table says of what is watched. No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use super::Watched;
use super::mrt::{PathEnd, Sink};

/// A route to so much of the Internet says nothing of a prefix in it.
const SHORTEST: (u8, u8) = (8, 16);
/// Parts of a prefix that are told apart.
const MOST_PARTS: usize = 1_000;

/// A table in the making: all files of one look.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    watch: &'a [Watched],
    /// The file that is read; its peers are not those of another.
    file: usize,
    peers: [BTreeSet<(usize, u16)>; 2],
    /// Of each watched prefix: the paths to what covers it, and the peers that know parts of it.
    covering: Vec<BTreeMap<IpNet, Paths>>,
    parts: Vec<BTreeMap<IpNet, Peers>>,
}

/// The paths of each peer, by the number of its file and its own.
type Paths = BTreeMap<(usize, u16), PathEnd>;
type Peers = BTreeSet<(usize, u16)>;

/// What a table says of one prefix.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Figures {
    /// Peers that have any route of its family.
    pub(crate) peers: usize,
    /// Those of them that have one to it.
    pub(crate) visible: usize,
    /// How many paths end at each origin.
    pub(crate) origins: BTreeMap<u32, usize>,
    /// How many come through each neighbour of the origin.
    pub(crate) upstreams: BTreeMap<u32, usize>,
    /// How many peers know each part of it that is announced by itself.
    pub(crate) parts: BTreeMap<IpNet, usize>,
}

impl<'a> Table<'a> {
    /// Nothing was read yet.
    pub(crate) fn new(watch: &'a [Watched]) -> Self {
        let nothing = || watch.iter().map(|_| BTreeMap::new());
        Self {
            watch,
            file: 0,
            peers: Default::default(),
            covering: nothing().collect(),
            parts: watch.iter().map(|_| BTreeMap::new()).collect(),
        }
    }

    /// What comes from now on is of another file.
    pub(crate) fn next_file(&mut self) {
        self.file += 1;
    }

    /// What it says of each watched prefix, in their order.
    pub(crate) fn finish(self) -> Vec<Figures> {
        let Self { watch, peers, covering, parts, .. } = self;
        let all = watch.iter().zip(covering).zip(parts);
        let figures = all.map(|((watched, covering), parts)| {
            let peers = peers[usize::from(watched.prefix.addr().is_ipv6())].len();
            // The longest decides, as it does for a packet.
            let paths = covering.into_iter().max_by_key(|(prefix, _)| prefix.prefix_len());
            let paths = paths.map(|(_, paths)| paths).unwrap_or_default();
            let mut figures = Figures { peers, visible: paths.len(), ..Figures::default() };
            for path in paths.values() {
                if let Some(origin) = path.origin {
                    *figures.origins.entry(origin).or_default() += 1;
                }
                if let Some(upstream) = path.upstream {
                    *figures.upstreams.entry(upstream).or_default() += 1;
                }
            }
            figures.parts = parts.into_iter().map(|(part, peers)| (part, peers.len())).collect();
            figures
        });
        figures.collect()
    }
}

impl Sink for Table<'_> {
    fn wants(&self, prefix: IpNet) -> bool {
        self.watch.iter().any(|it| covers(prefix, it.prefix) || it.prefix.contains(&prefix))
    }

    fn peer(&mut self, number: u16, is_v4: bool) {
        self.peers[usize::from(!is_v4)].insert((self.file, number));
    }

    fn path(&mut self, number: u16, prefix: IpNet, path: PathEnd) {
        let peer = (self.file, number);
        for (at, watched) in self.watch.iter().enumerate() {
            if covers(prefix, watched.prefix) {
                self.covering[at].entry(prefix).or_default().insert(peer, path);
            } else if watched.prefix.contains(&prefix) {
                let parts = &mut self.parts[at];
                if parts.len() < MOST_PARTS || parts.contains_key(&prefix) {
                    parts.entry(prefix).or_default().insert(peer);
                }
            }
        }
    }
}

/// Whether a route leads to all of a prefix, and not to half of the Internet besides.
fn covers(route: IpNet, prefix: IpNet) -> bool {
    let shortest = if prefix.addr().is_ipv4() { SHORTEST.0 } else { SHORTEST.1 };
    route.contains(&prefix) && (route.prefix_len() >= shortest || route == prefix)
}
