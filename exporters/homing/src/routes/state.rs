//! What is known of the routes: written by their task, read by the page.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use exporter_kit::{CountsBy, Health, Targets};
use ipnet::IpNet;

use super::followed::Followed;
use super::standing::RouteVerdict;
use super::store::{Remembered, Store};
use super::{RouteWork, Rules};
use crate::outcome::{Record, RouteChange, TableState};

/// The routes, by their one name.
pub(crate) type Routing = Targets<RouteWork, Routes, Rules>;

/// All that is known of the routes.
#[derive(Debug)]
pub(crate) struct Routes {
    /// Whether the last tables could be read.
    pub(crate) health: Arc<Health>,
    /// Records of all tables that were read.
    pub(crate) records: CountsBy<Record>,
    /// What is remembered of prefixes, and which of those this is that looked by it.
    store: Arc<Store>,
    turn: u64,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    rules: Arc<Rules>,
    /// What is watched where the rules name nothing; none before it was begun with what is remembered.
    followed: Option<Followed>,
    latest: Option<Arc<Latest>>,
}

/// What the tables tell.
#[derive(Debug, Default)]
pub(crate) struct Latest {
    /// How many patterns of files are in which state.
    pub(crate) states: CountsBy<TableState>,
    /// Of how many the last good table still says something.
    pub(crate) files: usize,
    /// When the oldest of the last good tables was written, in seconds since the epoch.
    pub(crate) oldest: Option<u64>,
    /// What is told of each prefix; none where no table stands.
    pub(crate) prefixes: Vec<Prefix>,
}

/// What is told of one prefix.
#[derive(Debug)]
pub(crate) struct Prefix {
    pub(crate) of: IpNet,
    pub(crate) verdict: RouteVerdict,
    /// How often each thing changed.
    pub(crate) counts: CountsBy<RouteChange>,
}

impl Latest {
    /// The routes that lead to each prefix, to a part of it or to more. A part that fewer than half of the peers hear is none by
    /// which packets go; where not all parts are told apart, it is not known by which they do.
    pub(crate) fn routes(&self) -> BTreeMap<IpNet, BTreeSet<IpNet>> {
        let are_known = |it: &&Prefix| it.verdict.figures.left_out == 0;
        let routes = self.prefixes.iter().filter(are_known).map(|prefix| {
            let figures = &prefix.verdict.figures;
            let parts = figures.parts.iter().filter(|(_, peers)| **peers * 2 >= figures.peers);
            let parts = parts.map(|(part, _)| part);
            (prefix.of, parts.chain(figures.announced.values()).copied().collect())
        });
        routes.collect()
    }
}

impl Routes {
    /// Nothing is known yet.
    pub(crate) fn new(name: &str, rules: &Rules, store: Arc<Store>) -> Self {
        let inner = Inner { rules: Arc::new(rules.clone()), followed: None, latest: None };
        Self {
            health: Arc::new(Health::new(name, "tables of routes")),
            records: CountsBy::default(),
            turn: store.turn(),
            store,
            inner: Mutex::new(inner),
        }
    }

    /// What is remembered of prefixes; none where others look at them by now. Waits for the disk.
    pub(super) fn open(&self, unix: u64) -> Option<MutexGuard<'_, Remembered>> {
        self.store.open(self.turn, unix)
    }

    /// How tables are judged; what is watched is what is followed where the config names nothing.
    pub(crate) fn rules(&self) -> Arc<Rules> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let followed = inner.followed.as_ref().filter(|_| inner.rules.watch.is_empty());
        match followed {
            Some(followed) => Rules { watch: followed.watch(), ..(*inner.rules).clone() }.into(),
            None => Arc::clone(&inner.rules),
        }
    }

    /// Follows the addresses that are judged, and at first what is remembered, where the config names nothing. Returns how many
    /// networks are left out if these are others than before. Waits for the disk.
    pub(super) fn follow(&self, addresses: &[IpAddr], unix: u64) -> Option<usize> {
        let mut followed = {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            if !inner.rules.watch.is_empty() {
                return None;
            }
            inner.followed.take()
        };
        if followed.is_none() {
            let remembered = self.open(unix)?;
            followed.get_or_insert_default().go_on_with(remembered.prefixes(), unix);
        }
        let mut followed = followed?;
        let before = followed.left_out;
        followed.follow(addresses.iter().copied(), unix);
        let left_out = followed.left_out;
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).followed = Some(followed);
        (left_out != before).then_some(left_out)
    }

    /// From the next look on, they are judged otherwise.
    pub(crate) fn relabel(&self, rules: &Rules) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).rules = Arc::new(rules.clone());
    }

    /// What the last look tells.
    pub(crate) fn latest(&self) -> Option<Arc<Latest>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).latest.clone()
    }

    /// Nothing is told any more.
    pub(super) fn say_nothing(&self) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).latest = None;
    }

    /// Puts what a look tells in the place of what was told.
    pub(crate) fn publish(&self, latest: Latest) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).latest = Some(Arc::new(latest));
    }
}
