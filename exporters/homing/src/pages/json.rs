//! What is told, as a program reads it. No I/O, no clock.

use std::collections::BTreeMap;

use exporter_kit::LabelEnum as _;
use serde::Serialize;

use crate::claims::state::Shown;
use crate::judge::Verdict;
use crate::outcome::Impact;
use crate::panel::{beside, judge};
use crate::routes::state::{Latest, Prefix};
use crate::sets::{Dimension, ServiceVerdict};
use crate::state::Snapshot;
use crate::verdict::{AddressVerdict, TargetVerdict};
use crate::world::{Endpoint, Target, World};
use crate::{edge, evidence};

/// All of it.
#[derive(Debug, Default, Serialize)]
pub(super) struct Told {
    /// How old the evaluation is, in seconds; none where nothing is judged.
    pub(super) age_seconds: Option<f64>,
    /// Vantages that are left out.
    pub(super) suspects: Vec<String>,
    /// The endpoints.
    pub(super) targets: Vec<ToldTarget>,
    /// The services.
    pub(super) services: Vec<ToldService>,
    /// What providers say.
    pub(super) claims: Vec<ToldClaim>,
    /// What strangers' probes say.
    pub(super) panels: Vec<ToldPanel>,
    /// Who announces the prefixes that are watched.
    pub(super) routes: Option<ToldRoutes>,
}

/// An endpoint.
#[derive(Debug, Serialize)]
pub(super) struct ToldTarget {
    pub(super) team: String,
    pub(super) target: String,
    pub(super) several_addresses: bool,
    /// Sentences about the ways to it.
    pub(super) paths: String,
    pub(super) addresses: Vec<ToldAddress>,
    /// What looks to be behind its edge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) origin: Option<String>,
}

/// One of its addresses.
#[derive(Debug, Serialize)]
pub(super) struct ToldAddress {
    pub(super) address: String,
    pub(super) class: &'static str,
    /// The sentence.
    pub(super) evidence: String,
    pub(super) sites: Vec<ToldSite>,
    /// The nearest first.
    pub(super) vantages: Vec<ToldVantage>,
}

/// Where it can be.
#[derive(Debug, Serialize)]
pub(super) struct ToldSite {
    pub(super) latitude: f64,
    pub(super) longitude: f64,
    pub(super) radius_km: f64,
    pub(super) city: Option<&'static str>,
}

/// From where it was measured.
#[derive(Debug, Serialize)]
pub(super) struct ToldVantage {
    pub(super) region: String,
    pub(super) vantage: String,
    pub(super) rtt_ms: f64,
    /// Kilometres away at most, by its kind of lines.
    pub(super) at_most_km: f64,
}

/// A service.
#[derive(Debug, Serialize)]
pub(super) struct ToldService {
    pub(super) service: String,
    pub(super) sets: Vec<String>,
    /// Two sets, what they may share, and whether they do.
    pub(super) shared: Vec<(String, String, &'static str, bool)>,
    /// How many are independent, by what.
    pub(super) independent: Vec<(&'static str, usize)>,
    /// How many may be, by what nobody knows; this is what is held against the config.
    pub(super) possible: Vec<(&'static str, usize)>,
    /// How many should be.
    pub(super) expected: Option<u32>,
    /// How many sets are not down for everyone; none where that is not known of all.
    pub(super) up: Option<usize>,
}

/// The routes to all prefixes that are watched.
#[derive(Debug, Serialize)]
pub(super) struct ToldRoutes {
    /// How many tables are in which state, those that are in none left out.
    pub(super) tables: Vec<(&'static str, u64)>,
    /// When the oldest of the last good ones was written, in seconds since the epoch.
    pub(super) oldest: Option<u64>,
    /// Nothing is told of any where no table stands.
    pub(super) prefixes: Vec<ToldPrefix>,
}

/// A prefix.
#[derive(Debug, Serialize)]
pub(super) struct ToldPrefix {
    pub(super) prefix: String,
    /// The share of the peers that have a route to it.
    pub(super) visible: Option<f64>,
    /// Autonomous systems, and how many peers hear it from, or through, each.
    pub(super) origins: Vec<(u32, usize)>,
    pub(super) upstreams: Vec<(u32, usize)>,
    /// Parts that are announced by themselves.
    pub(super) parts: usize,
    /// What should not be: the kind, what is announced, and by or through whom.
    pub(super) unexpected: Vec<(&'static str, String, Option<u32>)>,
}

/// A measurement of strangers' probes.
#[derive(Debug, Serialize)]
pub(super) struct ToldPanel {
    pub(super) panel: String,
    /// Whom it measures.
    pub(super) targets: Vec<String>,
    pub(super) evidence: String,
    /// Those of which own vantages tell another class.
    pub(super) disagrees: Vec<String>,
}

impl ToldPanel {
    pub(super) fn new(
        name: &str,
        endpoints: &[Endpoint],
        told: &judge::Told,
        verdict: Option<&Verdict>,
    ) -> Self {
        let targets = endpoints.iter().map(|it| it.target.clone()).collect();
        let otherwise = |it: &&Endpoint| {
            verdict.and_then(|verdict| beside::disagrees(told, it, verdict)) == Some(true)
        };
        let disagrees: Vec<_> =
            endpoints.iter().filter(otherwise).map(|it| it.target.clone()).collect();
        let mut evidence = judge::sentence(told);
        if !disagrees.is_empty() {
            evidence =
                format!("{evidence} Your vantages say otherwise of {}.", disagrees.join(", "));
        }
        Self { panel: name.to_owned(), targets, evidence, disagrees }
    }
}

/// A page.
#[derive(Debug, Serialize)]
pub(super) struct ToldClaim {
    pub(super) page: String,
    pub(super) state: &'static str,
    /// Its open incidents by their impact, those of which there is none left out; none where the page cannot be read.
    pub(super) incidents: Option<Vec<(&'static str, usize)>>,
    pub(super) components: Vec<(String, &'static str)>,
}

impl Told {
    pub(super) fn new(
        snapshot: Option<&Snapshot>,
        claims: &[(String, Shown)],
        routes: Option<&Latest>,
        age: Option<f64>,
        takes: impl Fn(&Endpoint) -> bool,
    ) -> Self {
        let open = |all: &Vec<(Impact, usize)>| {
            all.iter()
                .filter(|it| it.1 > 0)
                .map(|(impact, count)| (impact.name(), *count))
                .collect()
        };
        let claim = |(page, shown): &(String, Shown)| ToldClaim {
            page: page.clone(),
            state: shown.told.whole.name(),
            incidents: shown.told.incidents.as_ref().map(open),
            components: shown
                .told
                .components
                .iter()
                .map(|(name, state)| (name.clone(), state.name()))
                .collect(),
        };
        let claims = claims.iter().map(claim).collect();
        let routes = routes.map(ToldRoutes::new);
        let Some(snapshot) = snapshot else { return Self { claims, routes, ..Self::default() } };
        let (world, verdict) = (&snapshot.world, &snapshot.verdict);
        let name =
            |at: &usize| format!("{} ({})", world.vantages[*at].name, world.vantages[*at].region);
        let asked = verdict.targets.iter().filter(|(endpoint, _)| takes(endpoint));
        Self {
            age_seconds: age,
            suspects: verdict.suspects.iter().map(name).collect(),
            targets: asked
                .filter_map(|(endpoint, it)| {
                    Some(ToldTarget::new(
                        world,
                        verdict,
                        endpoint,
                        it,
                        world.targets.get(endpoint)?,
                    ))
                })
                .collect(),
            services: verdict.services.iter().map(ToldService::new).collect(),
            claims,
            panels: Vec::new(),
            routes,
        }
    }
}

impl ToldTarget {
    fn new(
        world: &World,
        verdict: &Verdict,
        endpoint: &Endpoint,
        of: &TargetVerdict,
        target: &Target,
    ) -> Self {
        let address = |it: &AddressVerdict| ToldAddress {
            address: it.ip.to_string(),
            class: it.told.name(),
            evidence: evidence::of_address(world, verdict, endpoint, it),
            sites: it
                .judged
                .sites
                .iter()
                .map(|site| ToldSite {
                    latitude: site.place.latitude,
                    longitude: site.place.longitude,
                    radius_km: site.radius,
                    city: site.city.map(|(city, _)| city.name),
                })
                .collect(),
            vantages: it
                .judged
                .voters
                .iter()
                .map(|seen| ToldVantage {
                    region: world.vantages[seen.vantage].region.clone(),
                    vantage: world.vantages[seen.vantage].name.clone(),
                    rtt_ms: seen.rtt_ms,
                    at_most_km: world.vantages[seen.vantage].reach_km(seen.rtt_ms),
                })
                .collect(),
        };
        Self {
            team: endpoint.team.clone(),
            target: endpoint.target.clone(),
            several_addresses: of.has_several_addresses,
            paths: evidence::of_paths(world, &verdict.suspects, target, of),
            origin: of.origin.as_ref().map(|it| edge::sentence(world, it)),
            addresses: of.addresses.iter().map(address).collect(),
        }
    }
}

impl ToldRoutes {
    fn new(latest: &Latest) -> Self {
        let prefix = |it: &Prefix| {
            let Prefix { of, verdict, .. } = it;
            let most_first = |counts: &BTreeMap<u32, usize>| {
                let mut counts: Vec<_> = counts.iter().map(|(asn, peers)| (*asn, *peers)).collect();
                counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
                counts
            };
            let told = verdict.told.iter();
            ToldPrefix {
                prefix: of.to_string(),
                visible: verdict.visible,
                origins: most_first(&verdict.figures.origins),
                upstreams: most_first(&verdict.figures.upstreams),
                parts: verdict.figures.parts.len(),
                unexpected: told
                    .map(|it| (it.kind.name(), it.announced.to_string(), it.asn))
                    .collect(),
            }
        };
        Self {
            tables: latest.states.counted().map(|(it, count)| (it.name(), count)).collect(),
            oldest: latest.oldest,
            prefixes: latest.prefixes.iter().map(prefix).collect(),
        }
    }
}

impl ToldService {
    fn new(service: &ServiceVerdict) -> Self {
        let sets = &service.sets;
        let named = |counts: &[(Dimension, usize)]| {
            counts.iter().map(|(it, count)| (it.name(), *count)).collect()
        };
        Self {
            service: service.name.clone(),
            sets: sets.clone(),
            shared: service
                .shared
                .iter()
                .map(|(a, b, what, is)| (sets[*a].clone(), sets[*b].clone(), what.name(), *is))
                .collect(),
            independent: named(&service.independent),
            possible: named(&service.possible),
            expected: service.expect_independent,
            up: service.up,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::standing::Standing;
    use crate::world::{Address, Seen, Vantage};

    #[test]
    fn a_radio_link_reaches_farther_than_glass() {
        let vantage = |is_radio: bool| Vantage {
            region: String::new(),
            name: is_radio.to_string(),
            place: earth::Point::new(50.0, 8.0),
            is_trusted: true,
            is_radio,
        };
        let mut world = World::new(vec![vantage(false), vantage(true)]);
        let seen = |vantage| Seen { vantage, rtt_ms: 10.0, now_ms: 10.0 };
        let address = Address {
            ip: [192, 0, 2, 1].into(),
            seen: vec![seen(0), seen(1)],
            absent: BTreeSet::new(),
            hints: BTreeMap::new(),
            asns: BTreeSet::new(),
        };
        let target = Target { addresses: vec![address], ..Target::default() };
        world.targets.insert(Endpoint::default(), target.clone());
        let verdict = crate::judge::judge(&world, &[], &mut Standing::default());
        let of = &verdict.targets[&Endpoint::default()];
        let told = ToldTarget::new(&world, &verdict, &Endpoint::default(), of, &target);
        let km: Vec<f64> =
            told.addresses[0].vantages.iter().map(|it| it.at_most_km.round()).collect();
        assert_eq!(km, [1_000.0, 1_500.0]);
    }
}
