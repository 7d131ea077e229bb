//! Which nodes a world has, where they stand and what they are called. No I/O, no clock.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::geometry::{Fibre, Place};
use super::turns::Answers;

mod default;

pub use self::default::{DATA_CENTRES, default_world};

/// A simulated world, before anything of it runs.
#[derive(Debug, Clone, Default)]
pub struct Topology {
    /// Everything with an address. Names are unique.
    pub nodes: Vec<Node>,
    /// Addresses that several nodes announce; the nearest live one gets the packets.
    pub anycast: Vec<Anycast>,
    /// What is served on the nodes, over HTTPS.
    pub services: Vec<Service>,
    /// Names beyond those of the services, for the vantages' resolvers.
    pub names: Vec<(String, IpAddr)>,
    /// How distance becomes time.
    pub fibre: Fibre,
    /// The mean of the delay that is added to each packet's way, exponentially distributed. Packets
    /// of one direction never overtake each other.
    pub jitter: Duration,
    /// Round trips that do not follow from the distance, either way round.
    pub round_trips: Vec<(String, String, Duration)>,
    /// Transit routers between two nodes, in this direction only, beside the nodes' own. Several entries of two nodes are ways of
    /// equal cost: each flow takes one of them.
    pub transit: Vec<(String, String, Vec<Router>)>,
}

/// A machine at a place, in a network namespace of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its name in the lab: short, unique.
    pub name: String,
    /// What it is there for.
    pub role: Role,
    /// The city it stands in.
    pub city: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// EMEA, AMER or APAC.
    pub region: String,
    /// Where it stands.
    pub place: Place,
    /// Its own addresses; the first of a family is the one it sends from.
    pub addresses: Vec<IpAddr>,
    /// Prefixes of which every address is its own.
    pub prefixes: Vec<Prefix>,
    /// The router before it, which answers when a packet's TTL ends there.
    pub router: Option<Router>,
}

/// What a node is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Probes the others.
    Vantage,
    /// Serves something.
    Service,
    /// Is probed to learn whether the prober itself is well.
    Canary,
}

/// An address that several nodes announce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anycast {
    /// The shared address.
    pub address: IpAddr,
    /// The nodes that announce it.
    pub sites: Vec<String>,
}

/// Something served over HTTPS at port 443 of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name in the lab.
    pub name: String,
    /// Its name in the DNS and in its certificate.
    pub host: String,
    /// Where it listens: on every node that has this address.
    pub address: IpAddr,
}

/// A virtual router: nothing but the source of "time exceeded".
#[derive(Debug, Clone, PartialEq)]
pub struct Router {
    /// Its name in the reverse DNS.
    pub name: String,
    /// Where it stands, which says what share of the way lies before it.
    pub place: Place,
    /// Where its IPv4 answers come from; without one it stays silent.
    pub v4: Option<Ipv4Addr>,
    /// Where its IPv6 answers come from; without one it stays silent.
    pub v6: Option<Ipv6Addr>,
    /// How often it answers.
    pub answers: Answers,
    /// The MPLS labels, the outermost first, that packets come to it with, and that its answers tell of.
    pub labels: Vec<u32>,
}

/// A block of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    /// Its first address.
    pub network: IpAddr,
    /// How many leading bits count.
    pub length: u8,
}

impl Prefix {
    /// Whether the address lies in the block.
    pub fn contains(self, address: IpAddr) -> bool {
        match (self.network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let differing = network.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= u32::from(self.length)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let differing = network.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= u32::from(self.length)
            }
            _ => false,
        }
    }
}

impl Topology {
    /// The nodes of one role.
    pub fn with_role(&self, role: Role) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(move |node| node.role == role)
    }

    /// The node of this name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// The nodes that have this address, their own or announced.
    pub fn holders(&self, address: IpAddr) -> impl Iterator<Item = &Node> {
        let sites = self.anycast.iter().find(|anycast| anycast.address == address);
        self.nodes.iter().filter(move |node| {
            node.addresses.contains(&address)
                || sites.is_some_and(|anycast| anycast.sites.contains(&node.name))
        })
    }

    /// Every name of this world with its address.
    pub fn names(&self) -> impl Iterator<Item = (&str, IpAddr)> {
        let services = self.services.iter().map(|service| (service.host.as_str(), service.address));
        services.chain(self.names.iter().map(|(name, address)| (name.as_str(), *address)))
    }

    /// Every router of this world.
    pub fn routers(&self) -> impl Iterator<Item = &Router> {
        let transit = self.transit.iter().flat_map(|(_, _, routers)| routers);
        self.nodes.iter().filter_map(|node| node.router.as_ref()).chain(transit)
    }

    /// What contradicts itself in this world, if anything.
    pub fn fault(&self) -> Option<String> {
        let unknown = |name: &String| self.node(name).is_none();
        let mut seen = std::collections::BTreeSet::new();
        for node in &self.nodes {
            if !seen.insert(&node.name) {
                return Some(format!("two nodes are called {}", node.name));
            }
            if node.addresses.is_empty() {
                return Some(format!("node {} has no address", node.name));
            }
        }
        if let Some(name) = self.anycast.iter().flat_map(|one| &one.sites).find(|n| unknown(n)) {
            return Some(format!("{name} announces an anycast address but is no node"));
        }
        let pairs = self.round_trips.iter().map(|(from, to, _)| (from, to));
        let transit = self.transit.iter().map(|(from, to, _)| (from, to));
        if let Some((from, to)) = pairs.chain(transit).find(|(a, b)| unknown(a) || unknown(b)) {
            return Some(format!("{from} to {to}: one of them is no node"));
        }
        let orphan = self.services.iter().find(|it| self.holders(it.address).next().is_none());
        orphan.map(|service| format!("no node has the address of service {}", service.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_world_does_not_contradict_itself() {
        assert_eq!(default_world().fault(), None);
    }

    #[test]
    fn a_contradiction_is_named() {
        let mut world = default_world();
        world.anycast[0].sites.push("atlantis".to_owned());
        assert!(world.fault().is_some_and(|fault| fault.contains("atlantis")));
    }

    #[test]
    fn a_prefix_holds_its_addresses_and_no_others() {
        let block = Prefix { network: Ipv4Addr::new(10, 50, 0, 0).into(), length: 16 };
        assert!(block.contains("10.50.255.1".parse().unwrap()));
        assert!(!block.contains("10.51.0.0".parse().unwrap()));
        assert!(!block.contains("::1".parse().unwrap()));
        let all = Prefix { network: Ipv6Addr::UNSPECIFIED.into(), length: 0 };
        assert!(all.contains("2001:db8::1".parse().unwrap()));
    }

    #[test]
    fn an_anycast_address_has_all_its_sites_as_holders() {
        let world = default_world();
        let names: Vec<_> = world.holders(world.anycast[0].address).map(|n| &n.name).collect();
        assert_eq!(names, ["any-lon", "any-nyc", "any-sin"]);
    }
}
