//! What all vantages measured at one moment: who they are, and how far each address is from each.
//! No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use earth::{KM_PER_MS, Point};
use ipnet::IpNet;

use crate::geodesy::{Distances, RADIO_KM_PER_MS};

/// A vantage, by (region, name).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Vantage {
    /// The part of the world, as its exporter says.
    pub(crate) region: String,
    /// Its name.
    pub(crate) name: String,
    /// Where it is; one without a place is in no geometry.
    pub(crate) place: Option<Point>,
    /// Whether its own network works.
    pub(crate) is_trusted: bool,
    /// Whether its lines are radio links, which are faster than glass.
    pub(crate) is_radio: bool,
}

/// The smallest round trip from a vantage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Seen {
    /// The vantage's number in the world.
    pub(crate) vantage: usize,
    /// Milliseconds: the smallest of ten minutes, which may be of a place that the address has left.
    pub(crate) rtt_ms: f64,
    /// The smallest of the newest minute; infinite where there is none.
    pub(crate) now_ms: f64,
}

/// Who owns an endpoint, and its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Endpoint {
    /// Empty where none is configured.
    pub(crate) team: String,
    /// Its name.
    pub(crate) target: String,
}

/// One address of an endpoint, as all vantages see it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Address {
    /// The address itself.
    pub(crate) ip: IpAddr,
    /// From where it was measured, nearest first.
    pub(crate) seen: Vec<Seen>,
    /// The vantages that have addresses of this family, whether these answer or not, and not this one.
    pub(crate) absent: BTreeSet<usize>,
    /// The cities that the routers next to it are named after, and on whose paths.
    pub(crate) hints: BTreeMap<String, BTreeSet<usize>>,
    /// The autonomous systems that announce it, as the vantages' tables say.
    pub(crate) asns: BTreeSet<u32>,
}

/// An endpoint with all of its addresses.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Target {
    /// Whether it is a canary.
    pub(crate) is_canary: bool,
    /// In order.
    pub(crate) addresses: Vec<Address>,
    /// Who hands the vantages' packets over to the endpoint's own network, and where; by the vantage's number.
    pub(crate) handovers: BTreeMap<usize, BTreeSet<Handover>>,
    /// How long a connection takes each vantage, and an answer over it: where that is asked for.
    pub(crate) requests: Vec<Request>,
    /// The share of the regions in which it is down, where that is known.
    pub(crate) down: Option<f64>,
}

/// The smallest times of a request, of ten minutes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Request {
    /// The vantage's number in the world.
    pub(crate) vantage: usize,
    /// Milliseconds until there is a connection.
    pub(crate) connect_ms: f64,
    /// Milliseconds from a request to the first byte of its answer.
    pub(crate) ttfb_ms: f64,
}

/// Where packets enter the network of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Handover {
    /// The autonomous system before the endpoint's own.
    pub(crate) asn: u32,
    /// Where its last router is; empty where nobody knows.
    pub(crate) city: String,
}

/// Everything of one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct World {
    /// In order of (region, name).
    pub(crate) vantages: Vec<Vantage>,
    /// Between each two of them.
    pub(crate) distances: Distances,
    /// What they measure.
    pub(crate) targets: BTreeMap<Endpoint, Target>,
    /// Of each prefix that is watched the routes that lead to it, to a part of it or to more, by tables of an operator's own routers.
    pub(crate) routes: BTreeMap<IpNet, BTreeSet<IpNet>>,
}

impl Vantage {
    /// How many kilometres away a thing can be with such a round trip.
    pub(crate) fn reach_km(&self, rtt_ms: f64) -> f64 {
        rtt_ms * if self.is_radio { RADIO_KM_PER_MS } else { KM_PER_MS }
    }
}

impl Address {
    /// The cities that routers next to it are named after, and by how many vantages' paths: of those that count.
    pub(crate) fn cities(&self, counts: impl Fn(usize) -> bool) -> BTreeMap<String, usize> {
        let heard = self.hints.iter().map(|(city, vantages)| {
            (city.clone(), vantages.iter().filter(|it| counts(**it)).count())
        });
        heard.filter(|(_, vantages)| *vantages > 0).collect()
    }
}

impl World {
    /// A world of these vantages, which measure nothing yet.
    pub(crate) fn new(vantages: Vec<Vantage>) -> Self {
        let places: Vec<_> = vantages.iter().map(|vantage| vantage.place).collect();
        Self {
            distances: Distances::new(&places),
            vantages,
            targets: BTreeMap::new(),
            routes: BTreeMap::new(),
        }
    }

    /// The route by which packets to an address go, where tables tell of it.
    pub(crate) fn route_to(&self, ip: IpAddr) -> Option<IpNet> {
        let of_it = self.routes.iter().filter(|(watched, _)| watched.contains(&ip));
        let routes = of_it.flat_map(|(_, routes)| routes).filter(|route| route.contains(&ip));
        routes.max_by_key(|route| route.prefix_len()).copied()
    }
}

/// The network of an address, as others route it at the least: its /24 or its /48.
pub(crate) fn network(ip: IpAddr) -> (bool, u64) {
    match ip {
        IpAddr::V4(ip) => (false, u64::from(u32::from(ip) >> 8)),
        IpAddr::V6(ip) => {
            let [a, b, c, ..] = ip.segments();
            (true, u64::from(a) << 32 | u64::from(b) << 16 | u64::from(c))
        }
    }
}
