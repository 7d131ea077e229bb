//! The answers of all queries, joined into one world. No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use earth::Point;
use exporter_kit::CountsBy;

use crate::outcome::LeftOut;
use crate::samples::{Labels, Sample};
use crate::world::{Address, Endpoint, Handover, Request, Seen, Target, Vantage, World};

/// Vantages that are judged by.
pub(crate) const MOST_VANTAGES: usize = 200;
/// Addresses that are judged.
pub(crate) const MOST_ADDRESSES: usize = 2_000;
/// Addresses of one endpoint.
const MOST_OF_AN_ENDPOINT: usize = 64;
/// Seconds beyond which a round trip is none.
const LONGEST_RTT: f64 = 10.0;
/// Milliseconds by which two ways of probing one address may differ, and the share.
const BESIDE_MS: f64 = 20.0;
const BESIDE: f64 = 0.5;

/// What the config says of a vantage.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KnownVantage {
    /// Its region.
    pub(crate) region: String,
    /// Its name.
    pub(crate) name: String,
    /// Where it is; where it is not said, its exporter says it.
    pub(crate) place: Option<Point>,
    /// Whether its lines are radio links.
    pub(crate) is_radio: bool,
}

/// What was asked of all vantages.
#[derive(Clone, Debug, Default)]
pub(crate) struct OfVantages {
    /// Those that measure.
    pub(crate) there: Vec<Sample>,
    /// Degrees north.
    pub(crate) latitudes: Vec<Sample>,
    /// Degrees east.
    pub(crate) longitudes: Vec<Sample>,
    /// Whether the network of each works.
    pub(crate) trusted: Vec<Sample>,
}

impl OfVantages {
    /// How many vantages measure, whoever else has their series too.
    pub(crate) fn count(&self) -> usize {
        self.there.iter().map(|it| who(&it.labels)).collect::<BTreeSet<_>>().len()
    }
}

/// What was asked of some endpoints.
#[derive(Clone, Debug, Default)]
pub(crate) struct OfTargets {
    /// Smallest round trips, in seconds.
    pub(crate) rtts: Vec<Sample>,
    /// The same of the newest minute alone.
    pub(crate) now: Vec<Sample>,
    /// Every address that a slot had within the window.
    pub(crate) addresses: Vec<Sample>,
    /// Cities that routers next to an address are named after.
    pub(crate) places: Vec<Sample>,
    /// Who hands over, and where.
    pub(crate) handovers: Vec<Sample>,
    /// Who announces an address.
    pub(crate) asns: Vec<Sample>,
    /// Smallest times of connections, and of answers over them, in seconds: where that is asked for.
    pub(crate) connects: Vec<Sample>,
    pub(crate) answers: Vec<Sample>,
    /// How many vantages can judge the endpoint.
    pub(crate) voters: Vec<Sample>,
    /// The share of the regions where it is down, where that is above 0.
    pub(crate) down: Vec<Sample>,
}

impl OfTargets {
    /// Adds what another Prometheus says of the same endpoints.
    pub(crate) fn extend(&mut self, other: Self) {
        self.rtts.extend(other.rtts);
        self.now.extend(other.now);
        self.addresses.extend(other.addresses);
        self.places.extend(other.places);
        self.handovers.extend(other.handovers);
        self.asns.extend(other.asns);
        self.connects.extend(other.connects);
        self.answers.extend(other.answers);
        self.voters.extend(other.voters);
        self.down.extend(other.down);
    }
}

/// A world in the making.
#[derive(Debug)]
pub(crate) struct Gather {
    world: World,
    numbers: HashMap<(String, String), usize>,
    addresses: usize,
    left_out: CountsBy<LeftOut>,
}

/// One slot of an endpoint at a vantage, as one module probes it.
type Slot = (usize, Endpoint, String, String);

impl Gather {
    /// A world of the vantages that measure.
    pub(crate) fn new(of: &OfVantages, known: &[KnownVantage]) -> Self {
        let left_out = CountsBy::default();
        let names: BTreeSet<(&str, &str)> = of.there.iter().map(|it| who(&it.labels)).collect();
        left_out.inc_by(LeftOut::TooMany, names.len().saturating_sub(MOST_VANTAGES) as u64);
        // Of several that say otherwise, as after a move, none can be believed.
        let degrees = |samples: &[Sample]| {
            let mut all: HashMap<(String, String), f64> = HashMap::new();
            for sample in samples {
                let (region, vantage) = who(&sample.labels);
                let entry = all.entry((region.to_owned(), vantage.to_owned()));
                let value = entry.or_insert(sample.value);
                if (*value - sample.value).abs() > 1e-9 {
                    *value = f64::NAN;
                }
            }
            all
        };
        let (north, east) = (degrees(&of.latitudes), degrees(&of.longitudes));
        let mut trusted: HashMap<(&str, &str), bool> = HashMap::new();
        for sample in &of.trusted {
            *trusted.entry(who(&sample.labels)).or_insert(true) &= sample.value >= 1.0;
        }
        let vantage = |(region, name): (&str, &str)| {
            let key = (region.to_owned(), name.to_owned());
            let config = known.iter().find(|it| it.region == region && it.name == name);
            let told = north.get(&key).zip(east.get(&key));
            let place = config.and_then(|it| it.place).or_else(|| {
                let place = told.and_then(|(north, east)| Point::new(*north, *east));
                left_out.inc_by(LeftOut::Place, u64::from(told.is_some() && place.is_none()));
                place
            });
            Vantage {
                place,
                is_trusted: trusted.get(&(region, name)).copied().unwrap_or(false),
                is_radio: config.is_some_and(|it| it.is_radio),
                region: key.0,
                name: key.1,
            }
        };
        let vantages: Vec<Vantage> = names.into_iter().take(MOST_VANTAGES).map(vantage).collect();
        let numbers = vantages.iter().enumerate();
        let numbers = numbers.map(|(at, it)| ((it.region.clone(), it.name.clone()), at)).collect();
        Self { world: World::new(vantages), numbers, addresses: 0, left_out }
    }

    /// Adds endpoints, each of them whole.
    pub(crate) fn add(&mut self, of: &OfTargets) {
        let addresses = self.slots(&of.addresses);
        let rtts = self.rtts(&of.rtts, &addresses);
        let now = self.rtts(&of.now, &addresses);
        let mut fresh: BTreeMap<Endpoint, Target> = BTreeMap::new();
        for (key @ (vantage, endpoint, ip), rtt) in &rtts {
            let target = fresh.entry(endpoint.clone()).or_default();
            let now_ms = now.get(key).map_or(f64::INFINITY, smallest);
            let seen = Seen { vantage: *vantage, rtt_ms: smallest(rtt), now_ms };
            match target.addresses.iter_mut().find(|address| address.ip == *ip) {
                Some(address) => address.seen.push(seen),
                None => target.addresses.push(Address {
                    ip: *ip,
                    seen: vec![seen],
                    absent: BTreeSet::new(),
                    hints: BTreeMap::new(),
                    asns: BTreeSet::new(),
                }),
            }
        }
        for sample in of.rtts.iter().filter(|it| it.labels.role == "canary") {
            if let Some(target) = fresh.get_mut(&endpoint(&sample.labels)) {
                target.is_canary = true;
            }
        }
        absent(&mut fresh, &addresses);
        self.hear(&mut fresh, of, &addresses);
        self.requests(&mut fresh, of);
        // Of what is down for long the votes alone are left.
        for sample in of.voters.iter().filter(|it| it.value > 0.0) {
            fresh.entry(endpoint(&sample.labels)).or_default().down = Some(0.0);
        }
        for sample in of.down.iter().filter(|it| it.value.is_finite()) {
            let target = fresh.entry(endpoint(&sample.labels)).or_default();
            target.down = Some(target.down.unwrap_or(0.0).max(sample.value));
        }
        for (endpoint, mut target) in fresh {
            self.complete(&mut target);
            let is_voted_on = target.down.is_some() && self.world.targets.len() < MOST_ADDRESSES;
            if !target.addresses.is_empty() || is_voted_on {
                self.world.targets.insert(endpoint, target);
            }
        }
    }

    /// The world, and what was left out of it.
    pub(crate) fn finish(self) -> (World, CountsBy<LeftOut>) {
        (self.world, self.left_out)
    }

    /// The address of each slot that had one and the same for the whole window.
    fn slots(&self, samples: &[Sample]) -> HashMap<Slot, IpAddr> {
        let mut slots: HashMap<Slot, Option<IpAddr>> = HashMap::new();
        for sample in samples {
            let Some(slot) = self.slot(&sample.labels) else { continue };
            let Ok(ip) = sample.labels.address.parse::<IpAddr>() else {
                self.left_out.inc(LeftOut::Address);
                continue;
            };
            // However it is spelt: `::ffff:192.0.2.1` is an address of IPv4.
            let ip = ip.to_canonical();
            let before = slots.entry(slot).or_insert(Some(ip));
            if before.is_some_and(|before| before != ip) {
                self.left_out.inc(LeftOut::Changed);
                *before = None;
            }
        }
        slots.into_iter().filter_map(|(slot, ip)| Some((slot, ip?))).collect()
    }

    /// The round trips of each vantage to each address, by the module: of copies the larger, for too near
    /// is the dangerous error.
    fn rtts(
        &self,
        samples: &[Sample],
        addresses: &HashMap<Slot, IpAddr>,
    ) -> BTreeMap<(usize, Endpoint, IpAddr), BTreeMap<String, f64>> {
        let mut rtts: BTreeMap<(usize, Endpoint, IpAddr), BTreeMap<String, f64>> = BTreeMap::new();
        for sample in samples {
            let Some(slot) = self.slot(&sample.labels) else { continue };
            if !(sample.value > 0.0 && sample.value <= LONGEST_RTT) {
                self.left_out.inc(LeftOut::Rtt);
                continue;
            }
            let Some(ip) = addresses.get(&slot) else { continue };
            let (vantage, endpoint, module, _) = slot;
            let by_module = rtts.entry((vantage, endpoint, *ip)).or_default();
            let largest = by_module.entry(module).or_insert(0.0);
            *largest = largest.max(sample.value * 1_000.0);
        }
        rtts
    }

    /// Adds what the paths tell: cities, handovers, autonomous systems.
    fn hear(
        &self,
        fresh: &mut BTreeMap<Endpoint, Target>,
        of: &OfTargets,
        addresses: &HashMap<Slot, IpAddr>,
    ) {
        for sample in &of.places {
            let Some(slot) = self.slot(&sample.labels) else { continue };
            let Some(ip) = addresses.get(&slot) else { continue };
            if let Some(address) = fresh.get_mut(&slot.1).and_then(|it| it.address(*ip)) {
                address.hints.entry(sample.labels.city.clone()).or_default().insert(slot.0);
            }
        }
        for sample in &of.asns {
            let Some(slot) = self.slot(&sample.labels) else { continue };
            let (Some(ip), Ok(asn)) = (addresses.get(&slot), sample.labels.asn.parse()) else {
                continue;
            };
            if let Some(address) = fresh.get_mut(&slot.1).and_then(|it| it.address(*ip)) {
                address.asns.insert(asn);
            }
        }
        for sample in &of.handovers {
            let Some(slot) = self.slot(&sample.labels) else { continue };
            let Ok(asn) = sample.labels.asn.parse() else { continue };
            if let Some(target) = fresh.get_mut(&slot.1) {
                let handover = Handover { asn, city: sample.labels.city.clone() };
                target.handovers.entry(slot.0).or_default().insert(handover);
            }
        }
    }

    /// Adds the requests of each vantage: of several slots and modules the one that was answered first.
    fn requests(&self, fresh: &mut BTreeMap<Endpoint, Target>, of: &OfTargets) {
        let took = |samples: &[Sample]| {
            let mut all: BTreeMap<Slot, f64> = BTreeMap::new();
            for sample in samples.iter().filter(|it| it.value > 0.0 && it.value <= LONGEST_RTT) {
                let Some(slot) = self.slot(&sample.labels) else { continue };
                let largest = all.entry(slot).or_insert(0.0);
                *largest = largest.max(sample.value * 1_000.0);
            }
            all
        };
        let connects = took(&of.connects);
        for (slot, ttfb_ms) in took(&of.answers) {
            let Some(connect_ms) = connects.get(&slot).copied() else { continue };
            let (vantage, endpoint, ..) = slot;
            let Some(target) = fresh.get_mut(&endpoint) else { continue };
            let request = Request { vantage, connect_ms, ttfb_ms };
            match target.requests.iter_mut().find(|it| it.vantage == vantage) {
                Some(before) if before.ttfb_ms <= ttfb_ms => {}
                Some(before) => *before = request,
                None => target.requests.push(request),
            }
        }
    }

    /// Puts the addresses of an endpoint in order, and leaves out what is too much.
    fn complete(&mut self, target: &mut Target) {
        let room = MOST_OF_AN_ENDPOINT.min(MOST_ADDRESSES - self.addresses);
        target.addresses.sort_by_key(|address| address.ip);
        self.left_out.inc_by(LeftOut::TooMany, target.addresses.len().saturating_sub(room) as u64);
        target.addresses.truncate(room);
        self.addresses += target.addresses.len();
        for address in &mut target.addresses {
            address
                .seen
                .sort_by(|a, b| a.rtt_ms.total_cmp(&b.rtt_ms).then(a.vantage.cmp(&b.vantage)));
        }
    }

    fn slot(&self, labels: &Labels) -> Option<Slot> {
        let vantage = self.numbers.get(&(labels.region.clone(), labels.vantage.clone()))?;
        Some((*vantage, endpoint(labels), labels.module.clone(), labels.slot.clone()))
    }
}

impl Target {
    fn address(&mut self, ip: IpAddr) -> Option<&mut Address> {
        self.addresses.iter_mut().find(|address| address.ip == ip)
    }
}

/// Tells of each address which vantages have another one of its family and not this one, whether what they
/// have answers or not.
fn absent(fresh: &mut BTreeMap<Endpoint, Target>, addresses: &HashMap<Slot, IpAddr>) {
    let mut held: BTreeMap<&Endpoint, BTreeSet<(IpAddr, usize)>> = BTreeMap::new();
    for ((vantage, endpoint, ..), ip) in addresses {
        held.entry(endpoint).or_default().insert((*ip, *vantage));
    }
    for (endpoint, target) in fresh {
        let Some(held) = held.get(endpoint) else { continue };
        for address in &mut target.addresses {
            let others = held.iter().filter(|(ip, _)| ip.is_ipv4() == address.ip.is_ipv4());
            let others = others.map(|(_, vantage)| *vantage);
            address.absent = others.filter(|it| !held.contains(&(address.ip, *it))).collect();
        }
    }
}

fn who(labels: &Labels) -> (&str, &str) {
    (&labels.region, &labels.vantage)
}

/// The endpoint that a series is of.
pub(crate) fn endpoint(labels: &Labels) -> Endpoint {
    Endpoint { team: labels.team.clone(), target: labels.target.clone() }
}

/// The smallest of what several modules measured to one address. Where they differ as much as only a box
/// on the way can make them, which answers in the address's place, the larger ones count.
fn smallest(by_module: &BTreeMap<String, f64>) -> f64 {
    let largest = by_module.values().copied().fold(0.0, f64::max);
    let is_near = |it: &&f64| !(largest - **it > BESIDE_MS && **it < largest * BESIDE);
    by_module.values().filter(is_near).copied().fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests;
