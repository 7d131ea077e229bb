//! The handle by which a replay breaks and mends the world.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::broken::{ANY, Broken};
use super::routes::Routes;
use super::topology::Topology;

/// The handle that breaks and mends the world while it runs. Clones break the same world.
#[derive(Debug, Clone)]
pub struct Faults {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    topology: Arc<Topology>,
    state: Mutex<State>,
    // Counts the changes, so that the switch need not take the lock for each packet.
    edition: AtomicU64,
}

#[derive(Debug)]
struct State {
    broken: Broken,
    routes: Arc<Routes>,
}

impl Faults {
    pub(super) fn new(topology: Arc<Topology>) -> Self {
        let broken = Broken::default();
        let routes = Arc::new(Routes::new(&topology, &broken));
        let state = Mutex::new(State { broken, routes });
        Self { shared: Arc::new(Shared { topology, state, edition: AtomicU64::new(0) }) }
    }

    /// Cuts a node's power: it is silent, and its anycast addresses move to the next site.
    pub fn down(&self, node: &str) -> anyhow::Result<()> {
        self.change(&[node], |broken| broken.down.insert(node.to_owned()))
    }

    /// Gives a node its power back.
    pub fn up(&self, node: &str) -> anyhow::Result<()> {
        self.change(&[node], |broken| broken.down.remove(node))
    }

    /// Cuts a node's uplink: it runs, but nothing gets in or out.
    pub fn isolate(&self, node: &str) -> anyhow::Result<()> {
        self.change(&[node], |broken| broken.isolated.insert(node.to_owned()))
    }

    /// Mends a node's uplink.
    pub fn rejoin(&self, node: &str) -> anyhow::Result<()> {
        self.change(&[node], |broken| broken.isolated.remove(node))
    }

    /// Loses this share of the packets from one node to another, 0 to 1; either may be [`ANY`].
    /// Zero also outweighs a less exact entry.
    pub fn loss(&self, from: &str, to: &str, share: f64) -> anyhow::Result<()> {
        ensure!((0.0..=1.0).contains(&share), "a loss is between 0 and 1, not {share}");
        let way = (from.to_owned(), to.to_owned());
        self.change(&[from, to], |broken| broken.loss.insert(way, share))
    }

    /// Delivers this share of the packets from one node to another twice; either may be [`ANY`].
    pub fn duplicates(&self, from: &str, to: &str, share: f64) -> anyhow::Result<()> {
        ensure!((0.0..=1.0).contains(&share), "a share is between 0 and 1, not {share}");
        let way = (from.to_owned(), to.to_owned());
        self.change(&[from, to], |broken| broken.duplicates.insert(way, share))
    }

    /// Makes a node unreachable from all of these, as when a region loses its transit to it.
    pub fn dark<'a>(
        &self,
        from: impl IntoIterator<Item = &'a str>,
        to: &str,
    ) -> anyhow::Result<()> {
        from.into_iter().try_for_each(|from| self.loss(from, to, 1.0))
    }

    /// Forgets the loss from one node to another.
    pub fn restore_link(&self, from: &str, to: &str) -> anyhow::Result<()> {
        let way = (from.to_owned(), to.to_owned());
        self.change(&[from, to], |broken| broken.loss.remove(&way))
    }

    /// Sets the round trip between two nodes, either way round.
    pub fn round_trip(&self, a: &str, b: &str, time: Duration) -> anyhow::Result<()> {
        let ends = (a.to_owned(), b.to_owned());
        self.change(&[a, b], |broken| broken.round_trips.insert(ends, time))
    }

    /// Sends what goes from one node to another past the transit routers that a third one's packets pass on their way there.
    pub fn reroute(&self, from: &str, to: &str, like: &str) -> anyhow::Result<()> {
        let transit = &self.shared.topology.transit;
        let routers = transit.iter().find(|(a, b, _)| a == like && b == to);
        let (.., routers) =
            routers.with_context(|| format!("{like} has no transit to {to}"))?.clone();
        let way = (from.to_owned(), to.to_owned());
        self.change(&[from, to], |broken| broken.paths.insert(way, routers))
    }

    /// Sends them past the world's own routers again.
    pub fn restore_path(&self, from: &str, to: &str) -> anyhow::Result<()> {
        let way = (from.to_owned(), to.to_owned());
        self.change(&[from, to], |broken| broken.paths.remove(&way))
    }

    /// Moves a node to where another stands, with its addresses.
    pub fn relocate(&self, node: &str, to: &str) -> anyhow::Result<()> {
        self.change(&[node, to], |broken| broken.moved.insert(node.to_owned(), to.to_owned()))
    }

    /// Moves it back.
    pub fn bring_back(&self, node: &str) -> anyhow::Result<()> {
        self.change(&[node], |broken| broken.moved.remove(node))
    }

    /// Stops a site's announcement of an anycast address: its clients move to the next site.
    pub fn withdraw(&self, address: IpAddr, node: &str) -> anyhow::Result<()> {
        self.change(&[node], |broken| broken.withdrawn.insert((address, node.to_owned())))
    }

    /// Announces an anycast address at a site again.
    pub fn announce(&self, address: IpAddr, node: &str) -> anyhow::Result<()> {
        self.change(&[node], |broken| broken.withdrawn.remove(&(address, node.to_owned())))
    }

    /// Mends everything.
    pub fn heal_all(&self) {
        self.put(&mut self.state(), Broken::default());
    }

    /// What is broken now.
    pub fn broken(&self) -> Broken {
        self.state().broken.clone()
    }

    /// The routes in force.
    pub(super) fn routes(&self) -> Arc<Routes> {
        Arc::clone(&self.state().routes)
    }

    /// Differs from an earlier answer when the routes do.
    pub(super) fn edition(&self) -> u64 {
        self.shared.edition.load(Ordering::Acquire)
    }

    fn change<T>(&self, named: &[&str], edit: impl FnOnce(&mut Broken) -> T) -> anyhow::Result<()> {
        for name in named {
            let known = *name == ANY || self.shared.topology.node(name).is_some();
            ensure!(known, "{name} is no node of this world");
        }
        let mut state = self.state();
        let mut broken = state.broken.clone();
        edit(&mut broken);
        self.put(&mut state, broken);
        Ok(())
    }

    fn put(&self, state: &mut State, broken: Broken) {
        state.routes = Arc::new(Routes::new(&self.shared.topology, &broken));
        state.broken = broken;
        self.shared.edition.fetch_add(1, Ordering::Release);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is replaced whole, so it is consistent even after a panic elsewhere.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wan::topology::default_world;

    fn faults() -> Faults {
        Faults::new(Arc::new(default_world()))
    }

    #[test]
    fn an_unknown_node_is_refused_and_changes_nothing() {
        let faults = faults();
        assert!(faults.down("atlantis").is_err());
        assert!(faults.loss("fra", "shop", 1.5).is_err());
        assert!(faults.reroute("fra", "shop", "canary-a").is_err());
        assert_eq!(faults.broken(), Broken::default());
        assert_eq!(faults.edition(), 0);
    }

    #[test]
    fn every_fault_can_be_taken_back() {
        let faults = faults();
        let anycast = "203.0.113.53".parse().unwrap();
        faults.down("shop").unwrap();
        faults.isolate("fra").unwrap();
        faults.dark(["fra", "lon"], "blog").unwrap();
        faults.withdraw(anycast, "any-lon").unwrap();
        faults.reroute("nyc", "shop", "syd").unwrap();
        faults.relocate("svc-mia", "svc-ams").unwrap();
        assert_ne!(faults.broken(), Broken::default());

        faults.up("shop").unwrap();
        faults.rejoin("fra").unwrap();
        faults.restore_link("fra", "blog").unwrap();
        faults.restore_link("lon", "blog").unwrap();
        faults.announce(anycast, "any-lon").unwrap();
        faults.restore_path("nyc", "shop").unwrap();
        faults.bring_back("svc-mia").unwrap();
        assert_eq!(faults.broken(), Broken::default());
    }
}
