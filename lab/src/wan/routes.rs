//! Which node gets a packet, how long that takes, and past which routers. No I/O, no clock.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use super::broken::Broken;
use super::flow::Flow;
use super::topology::{Node, Prefix, Router, Topology};
use super::turns::Answers;

/// A router in the sender's own city is not nearer than this share of the way, and one in the
/// receiver's not farther than the rest.
const NEAREST_SHARE: f64 = 0.01;

/// A node's place in the topology.
pub type NodeId = usize;

/// Every decision that the switch takes for a packet, worked out for one set of faults.
#[derive(Debug, Clone)]
pub struct Routes {
    owners: HashMap<IpAddr, Owner>,
    prefixes: Vec<(Prefix, NodeId)>,
    /// By sender, then by receiver.
    links: Vec<Vec<Link>>,
    cut: Vec<bool>,
    /// The router before each node, and the time to it and back.
    gateways: Vec<Option<Hop>>,
    to_gateway: Duration,
}

/// Who has an address.
#[derive(Debug, Clone)]
enum Owner {
    One(NodeId),
    /// The nearest live site of each sender; nobody when no site is left.
    Nearest(Vec<Option<NodeId>>),
}

/// The way from one node to another.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// The delay of every packet.
    pub delay: Duration,
    /// The mean of the delay on top of it.
    pub jitter: Duration,
    /// The share of packets lost, 0 to 1.
    pub loss: f64,
    /// The share of packets that arrive twice, 0 to 1.
    pub duplicates: f64,
    /// The ways of equal cost, of which each flow takes one: the routers on it, in order; each takes one off the TTL. One at
    /// least.
    ways: Vec<Arc<[Hop]>>,
}

impl Link {
    /// The routers that the packets of a flow pass.
    pub(super) fn hops(&self, flow: &Flow) -> &[Hop] {
        self.ways.get(flow.way(self.ways.len())).map_or(&[], |hops| hops)
    }
}

/// A router on the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Hop {
    /// Where its IPv4 answers come from.
    pub v4: Option<Ipv4Addr>,
    /// Where its IPv6 answers come from.
    pub v6: Option<Ipv6Addr>,
    /// How much of the way lies before it, 0 to 1.
    pub share: f64,
    /// How often it answers.
    pub answers: Answers,
    /// The labels that its answers tell of.
    pub labels: Arc<[u32]>,
}

impl Routes {
    /// Works out the routes of a world with these faults.
    pub fn new(world: &Topology, broken: &Broken) -> Self {
        let link = |from: &Node, to: &Node| link(world, broken, from, to);
        let links: Vec<Vec<Link>> = world
            .nodes
            .iter()
            .map(|from| world.nodes.iter().map(|to| link(from, to)).collect())
            .collect();
        let own = world.nodes.iter().enumerate().flat_map(|(id, node)| {
            node.addresses.iter().map(move |address| (*address, Owner::One(id)))
        });
        let shared = world.anycast.iter().map(|anycast| {
            let live = live_sites(world, broken, anycast.address);
            let nearest = links.iter().map(|links| nearest(links, &live)).collect();
            (anycast.address, Owner::Nearest(nearest))
        });
        let prefixes = world
            .nodes
            .iter()
            .enumerate()
            .flat_map(|(id, node)| node.prefixes.iter().map(move |prefix| (*prefix, id)));
        let cut =
            |node: &Node| broken.down.contains(&node.name) || broken.isolated.contains(&node.name);
        Self {
            owners: own.chain(shared).collect(),
            prefixes: prefixes.collect(),
            cut: world.nodes.iter().map(cut).collect(),
            gateways: world.nodes.iter().map(gateway).collect(),
            to_gateway: world.fibre.base,
            links,
        }
    }

    /// The node that gets what this one sends to an address, if any does.
    pub fn receiver(&self, from: NodeId, address: IpAddr) -> Option<NodeId> {
        match self.owners.get(&address) {
            Some(Owner::One(node)) => Some(*node),
            Some(Owner::Nearest(sites)) => sites[from],
            None => {
                let block = self.prefixes.iter().find(|(prefix, _)| prefix.contains(address));
                block.map(|(_, node)| *node)
            }
        }
    }

    /// The way from one node to another.
    pub fn link(&self, from: NodeId, to: NodeId) -> &Link {
        &self.links[from][to]
    }

    /// Whether a node neither sends nor receives.
    pub fn is_cut(&self, node: NodeId) -> bool {
        self.cut[node]
    }

    /// The router before a node, and the time to it and back.
    pub fn gateway(&self, node: NodeId) -> Option<(&Hop, Duration)> {
        Some((self.gateways[node].as_ref()?, self.to_gateway))
    }

    /// The shortest time from a node to another and back.
    pub fn round_trip(&self, a: NodeId, b: NodeId) -> Duration {
        self.links[a][b].delay + self.links[b][a].delay
    }
}

fn gateway(node: &Node) -> Option<Hop> {
    let router = node.router.as_ref()?;
    Some(hop(router, NEAREST_SHARE))
}

fn live_sites(world: &Topology, broken: &Broken, address: IpAddr) -> Vec<NodeId> {
    let announces = |node: &Node| {
        !broken.down.contains(&node.name)
            && !broken.withdrawn.contains(&(address, node.name.clone()))
            && world.anycast.iter().any(|a| a.address == address && a.sites.contains(&node.name))
    };
    (0..world.nodes.len()).filter(|id| announces(&world.nodes[*id])).collect()
}

fn nearest(links: &[Link], sites: &[NodeId]) -> Option<NodeId> {
    sites.iter().copied().min_by_key(|site| links[*site].delay)
}

fn link(world: &Topology, broken: &Broken, from: &Node, to: &Node) -> Link {
    let place = |node| place(world, broken, node);
    let round_trip = round_trip(world, broken, place(from), place(to));
    let share = |table| Broken::of(table, &from.name, &to.name).copied().unwrap_or(0.0);
    Link {
        delay: round_trip / 2,
        jitter: world.jitter,
        loss: share(&broken.loss),
        duplicates: share(&broken.duplicates),
        ways: if from.name == to.name {
            Vec::new()
        } else {
            ways(world, broken, place(from), place(to))
        },
    }
}

/// The node that stands where this one does, as it was moved.
fn place<'a>(world: &'a Topology, broken: &Broken, node: &'a Node) -> &'a Node {
    broken.moved.get(&node.name).and_then(|there| world.node(there)).unwrap_or(node)
}

/// A fault outweighs what the world says, and that outweighs the distance.
fn round_trip(world: &Topology, broken: &Broken, from: &Node, to: &Node) -> Duration {
    let set = Broken::of(&broken.round_trips, &from.name, &to.name)
        .or_else(|| Broken::of(&broken.round_trips, &to.name, &from.name));
    let given = world
        .round_trips
        .iter()
        .find(|(a, b, _)| (*a == from.name && *b == to.name) || (*a == to.name && *b == from.name));
    set.or(given.map(|(_, _, time)| time))
        .copied()
        .unwrap_or_else(|| world.fibre.round_trip(from.place.distance_km(to.place)))
}

fn hop(router: &Router, share: f64) -> Hop {
    let Router { v4, v6, answers, labels, .. } = router;
    Hop { v4: *v4, v6: *v6, share, answers: *answers, labels: labels.as_slice().into() }
}

fn ways(world: &Topology, broken: &Broken, from: &Node, to: &Node) -> Vec<Arc<[Hop]>> {
    if let Some(transit) = Broken::of(&broken.paths, &from.name, &to.name) {
        return vec![hops(from, transit, to)];
    }
    let all = world.transit.iter().filter(|(a, b, _)| *a == from.name && *b == to.name);
    let ways: Vec<Arc<[Hop]>> = all.map(|(.., transit)| hops(from, transit, to)).collect();
    if ways.is_empty() { vec![hops(from, &[], to)] } else { ways }
}

/// The sender's own router, the transit between, the receiver's router.
fn hops(from: &Node, transit: &[Router], to: &Node) -> Arc<[Hop]> {
    let routers = from.router.iter().chain(transit).chain(&to.router);
    let mut farthest = NEAREST_SHARE;
    let place = |router: &Router| {
        let before = from.place.distance_km(router.place);
        let after = router.place.distance_km(to.place);
        let share = if before + after > 0.0 { before / (before + after) } else { 0.5 };
        // A packet does not go back in time where the routers are not in the order of distance.
        farthest = farthest.max(share.min(1.0 - NEAREST_SHARE));
        hop(router, farthest)
    };
    routers.map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wan::topology::default_world;

    const ANYCAST: &str = "203.0.113.53";

    fn id(world: &Topology, name: &str) -> NodeId {
        world.nodes.iter().position(|node| node.name == name).unwrap()
    }

    fn site_of(broken: &Broken, vantage: &str) -> Option<String> {
        let world = default_world();
        let routes = Routes::new(&world, broken);
        let site = routes.receiver(id(&world, vantage), ANYCAST.parse().unwrap())?;
        Some(world.nodes[site].name.clone())
    }

    fn names<const N: usize>(names: [&str; N]) -> std::collections::BTreeSet<String> {
        names.map(str::to_owned).into()
    }

    #[test]
    fn anycast_goes_to_the_nearest_site() {
        for (vantage, site) in [
            ("fra", "any-lon"),
            ("lon", "any-lon"),
            ("nyc", "any-nyc"),
            ("sfo", "any-nyc"),
            ("sin", "any-sin"),
            ("syd", "any-sin"),
        ] {
            assert_eq!(site_of(&Broken::default(), vantage).as_deref(), Some(site), "{vantage}");
        }
    }

    #[test]
    fn a_withdrawn_or_dark_site_hands_over_to_the_next() {
        let withdrawn = [(ANYCAST.parse().unwrap(), "any-lon".to_owned())].into();
        let broken = Broken { withdrawn, ..Broken::default() };
        assert_eq!(site_of(&broken, "fra").as_deref(), Some("any-nyc"));
        let broken = Broken { down: names(["any-sin"]), ..Broken::default() };
        assert_ne!(site_of(&broken, "syd").as_deref(), Some("any-sin"));
        let broken = Broken { down: names(["any-lon", "any-nyc", "any-sin"]), ..Broken::default() };
        assert_eq!(site_of(&broken, "syd"), None);
    }

    #[test]
    fn an_isolated_site_goes_on_announcing() {
        let broken = Broken { isolated: names(["any-lon"]), ..Broken::default() };
        assert_eq!(site_of(&broken, "fra").as_deref(), Some("any-lon"));
        let world = default_world();
        assert!(Routes::new(&world, &broken).is_cut(id(&world, "any-lon")));
    }

    #[test]
    fn delays_follow_the_distance_unless_told_otherwise() {
        let mut world = default_world();
        let (nyc, ams) = (id(&world, "nyc"), id(&world, "svc-ams"));
        let routes = Routes::new(&world, &Broken::default());
        let far = routes.round_trip(nyc, ams).as_secs_f64();
        assert!((0.120..0.127).contains(&far), "{far}");
        assert_eq!(routes.round_trip(nyc, ams), routes.round_trip(ams, nyc));

        let twenty = Duration::from_millis(20);
        world.round_trips.push(("svc-ams".to_owned(), "nyc".to_owned(), twenty));
        assert_eq!(Routes::new(&world, &Broken::default()).round_trip(nyc, ams), twenty);

        let fifty = Duration::from_millis(50);
        let round_trips = [(("nyc".to_owned(), "*".to_owned()), fifty)].into();
        let broken = Broken { round_trips, ..Broken::default() };
        assert_eq!(Routes::new(&world, &broken).round_trip(nyc, ams), fifty);
        assert_eq!(Routes::new(&world, &broken).link(ams, nyc).delay, fifty / 2);
    }

    #[test]
    fn routers_lie_on_the_way_in_order() {
        let world = default_world();
        let routes = Routes::new(&world, &Broken::default());
        let hops = &routes.link(id(&world, "nyc"), id(&world, "svc-ams")).ways[0];
        assert_eq!(hops.len(), 3);
        assert!(hops.is_sorted_by_key(|hop| hop.share), "{hops:?}");
        assert!(hops[0].share < 0.05 && hops[1].share > 0.9, "{hops:?}");
        assert!(routes.link(0, 0).ways.is_empty());
    }

    #[test]
    fn a_path_leads_past_other_routers_while_it_is_broken_and_takes_as_long() {
        let world = default_world();
        let (nyc, syd, ams) = (id(&world, "nyc"), id(&world, "syd"), id(&world, "svc-ams"));
        let transit = |from: &str| {
            let found = world.transit.iter().find(|(a, b, _)| a == from && b == "svc-ams");
            found.unwrap().2.clone()
        };
        let way = ("nyc".to_owned(), "svc-ams".to_owned());
        let broken = Broken { paths: [(way, transit("syd"))].into(), ..Broken::default() };
        let (before, after) =
            (Routes::new(&world, &Broken::default()), Routes::new(&world, &broken));
        let core = |routes: &Routes, from| routes.link(from, ams).ways[0][1].v4;
        assert_ne!(core(&before, nyc), core(&before, syd));
        assert_eq!(core(&after, nyc), core(&before, syd));
        assert_eq!(after.round_trip(nyc, ams), before.round_trip(nyc, ams));
    }

    #[test]
    fn a_node_that_is_moved_is_where_another_is_and_keeps_its_addresses() {
        let world = default_world();
        let [nyc, mia, ams] = ["nyc", "svc-mia", "svc-ams"].map(|name| id(&world, name));
        let broken = Broken {
            moved: [("svc-mia".to_owned(), "svc-ams".to_owned())].into(),
            ..Broken::default()
        };
        let (before, after) =
            (Routes::new(&world, &Broken::default()), Routes::new(&world, &broken));
        assert!(before.round_trip(nyc, mia) < before.round_trip(nyc, ams) / 2);
        assert_eq!(after.round_trip(nyc, mia), before.round_trip(nyc, ams));
        assert_eq!(after.link(nyc, mia).ways, before.link(nyc, ams).ways);
        assert_ne!(before.link(nyc, mia).ways, before.link(nyc, ams).ways);
        assert_eq!(after.receiver(nyc, world.nodes[mia].addresses[0]), Some(mia));
        assert_eq!(after.link(nyc, ams), before.link(nyc, ams));
    }

    #[test]
    fn each_flow_takes_one_of_the_ways_of_equal_cost() {
        let mut world = default_world();
        let (nyc, ams) = (id(&world, "nyc"), id(&world, "svc-ams"));
        let own = world.transit.iter().position(|(a, b, _)| a == "nyc" && b == "svc-ams").unwrap();
        let (a, b, way) = world.transit[own].clone();
        for last in 1..4 {
            let v4 = Some(Ipv4Addr::new(100, 64, 9, last));
            let others = way.iter().map(|it| Router { v4, ..it.clone() }).collect();
            world.transit.push((a.clone(), b.clone(), others));
        }
        let routes = Routes::new(&world, &Broken::default());
        let flow = |checksum: u8| Flow {
            source: world.nodes[nyc].addresses[0],
            destination: world.nodes[ams].addresses[0],
            protocol: 1,
            transport: [8, 0, 0, checksum],
        };
        let core = |checksum| routes.link(nyc, ams).hops(&flow(checksum))[1].v4;
        let all: std::collections::BTreeSet<_> = (0..64).map(core).collect();
        assert_eq!(all.len(), 4, "{all:?}");
        assert_eq!(core(9), core(9));
    }

    #[test]
    fn an_unknown_address_has_no_receiver_and_a_prefix_has_one() {
        let mut world = default_world();
        let network = Ipv4Addr::new(10, 50, 0, 0).into();
        world.nodes[3].prefixes.push(Prefix { network, length: 16 });
        let routes = Routes::new(&world, &Broken::default());
        assert_eq!(routes.receiver(0, "10.50.7.7".parse().unwrap()), Some(3));
        assert_eq!(routes.receiver(0, "10.51.7.7".parse().unwrap()), None);
    }
}
