//! A simulated WAN: a network namespace for each node, joined in a star by one switch thread.
//!
//! Every node has one TUN device, and the switch has the far ends of all. It looks up the
//! destination of a packet, waits for as long as light needs to get there, and writes the packet
//! into that node's device. There is no Ethernet, so no ARP and no offloading, and one place for
//! every fault. It needs neither `netem` nor any kernel module but `tun`.
//!
//! | file | noun |
//! |---|---|
//! | `topology` | which nodes there are, and where |
//! | `geometry` | distance, and the time it costs |
//! | `broken` | what is broken |
//! | `faults` | the handle that breaks and mends |
//! | `routes` | who gets what, when, past which routers |
//! | `packet` | the parts of a packet that a router touches |
//! | `flow` | which packets take one of several ways of equal cost |
//! | `turns` | how often routers answer |
//! | `extension` | what a router adds about labels |
//! | `forward` | what becomes of one packet |
//! | `switch` | the thread that does it |
//! | `counters` | what it counted |

mod broken;
mod counters;
mod extension;
pub mod faults;
mod flow;
mod forward;
pub mod geometry;
mod packet;
pub mod routes;
mod switch;
pub mod topology;
mod turns;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, PipeWriter};
use std::net::IpAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, bail};

pub use self::broken::{ANY, Broken};
use self::counters::Counters;
pub use self::counters::Stats;
pub use self::faults::Faults;
use self::routes::NodeId;
use self::switch::Switch;
use self::topology::Node;
pub use self::topology::{DATA_CENTRES, Topology, default_world};
pub use self::turns::Answers;
use crate::netns::Namespace;
use crate::netns::kernel;
use crate::netns::rtnetlink::Rtnetlink;

/// The name of a node's one device.
const DEVICE: &str = "wan0";
/// As on the Internet's edge.
const MTU: u32 = 1500;
/// Bursts of a thousand probes must fit: what is dropped here is no loss that anyone configured.
const QUEUE: u32 = 10_000;

/// A running WAN. It ends when this is dropped.
#[derive(Debug)]
pub struct Wan {
    topology: Arc<Topology>,
    namespaces: BTreeMap<String, Arc<Namespace>>,
    faults: Faults,
    counters: Arc<Counters>,
    // Taken only on drop, which is what ends the thread.
    stop: Option<PipeWriter>,
    switch: Option<JoinHandle<()>>,
}

impl Wan {
    /// Makes the namespaces of a world and starts its switch.
    pub fn build(topology: Topology) -> anyhow::Result<Self> {
        if let Some(fault) = topology.fault() {
            bail!("this world contradicts itself: {fault}");
        }
        let topology = Arc::new(topology);
        let faults = Faults::new(Arc::clone(&topology));
        let counters = Arc::new(Counters::default());
        let mut namespaces = BTreeMap::new();
        let mut tuns = Vec::new();
        for node in &topology.nodes {
            let namespace = Namespace::new(&node.name)?;
            tuns.push(attach(&namespace, node, &topology)?);
            namespaces.insert(node.name.clone(), Arc::new(namespace));
        }
        let (over, stop) = io::pipe()?;
        let switch = Switch::new(tuns, over, faults.clone(), Arc::clone(&counters));
        let switch = thread::Builder::new().name("wan-switch".to_owned()).spawn(|| switch.run())?;
        Ok(Self { topology, namespaces, faults, counters, stop: Some(stop), switch: Some(switch) })
    }

    /// The world as it was before anything broke.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// A node's namespace.
    pub fn namespace(&self, node: &str) -> anyhow::Result<&Arc<Namespace>> {
        self.namespaces.get(node).with_context(|| format!("{node} is no node of this world"))
    }

    /// The handle that breaks and mends this world.
    pub fn faults(&self) -> Faults {
        self.faults.clone()
    }

    /// The shortest time from a node to another and back, as things are now.
    pub fn rtt(&self, a: &str, b: &str) -> anyhow::Result<Duration> {
        Ok(self.faults.routes().round_trip(self.id(a)?, self.id(b)?))
    }

    /// The node that gets what this one sends to an address, as things are now.
    pub fn receiver(&self, from: &str, address: IpAddr) -> anyhow::Result<Option<&Node>> {
        let receiver = self.faults.routes().receiver(self.id(from)?, address);
        Ok(receiver.map(|id| &self.topology.nodes[id]))
    }

    /// What became of the packets so far.
    pub fn stats(&self) -> Stats {
        self.counters.stats()
    }

    fn id(&self, name: &str) -> anyhow::Result<NodeId> {
        let place = self.topology.nodes.iter().position(|node| node.name == name);
        place.with_context(|| format!("{name} is no node of this world"))
    }
}

impl Drop for Wan {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(switch) = self.switch.take() {
            let _ = switch.join();
        }
    }
}

/// Gives a node's namespace its device, addresses and routes; returns the device's far end.
fn attach(namespace: &Namespace, node: &Node, world: &Topology) -> anyhow::Result<File> {
    let shared = world.anycast.iter().filter(|anycast| anycast.sites.contains(&node.name));
    let own = node.addresses.clone();
    let all: Vec<IpAddr> = own.iter().copied().chain(shared.map(|one| one.address)).collect();
    let prefixes = node.prefixes.clone();
    let connect = move || -> anyhow::Result<File> {
        let tun = kernel::open_tun(DEVICE)
            .context("/dev/net/tun (in a container: --device /dev/net/tun)")?;
        let mut rtnetlink = Rtnetlink::open()?;
        rtnetlink.device_up(DEVICE, MTU, QUEUE).context("link up")?;
        for address in all {
            rtnetlink.add_address(DEVICE, address).with_context(|| format!("address {address}"))?;
        }
        for family in [IpAddr::is_ipv4, IpAddr::is_ipv6] {
            if let Some(from) = own.iter().find(|address| family(address)) {
                rtnetlink.add_default_route(DEVICE, *from).context("default route")?;
            }
        }
        for prefix in prefixes {
            rtnetlink.add_local_prefix(prefix.network, prefix.length).context("prefix")?;
        }
        Ok(tun)
    };
    namespace.run(connect).with_context(|| format!("node {}", node.name))
}
