//! What is told, as a program reads it. No I/O, no clock.

use exporter_kit::LabelEnum as _;
use serde::Serialize;

use crate::claims::state::Shown;
use crate::evidence;
use crate::judge::Verdict;
use crate::sets::ServiceVerdict;
use crate::state::Snapshot;
use crate::verdict::{AddressVerdict, TargetVerdict};
use crate::world::{Endpoint, Target, World};

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
}

/// A page.
#[derive(Debug, Serialize)]
pub(super) struct ToldClaim {
    pub(super) page: String,
    pub(super) state: &'static str,
    pub(super) components: Vec<(String, &'static str)>,
}

impl Told {
    pub(super) fn new(
        snapshot: Option<&Snapshot>,
        claims: &[(String, Shown)],
        age: Option<f64>,
        takes: impl Fn(&Endpoint) -> bool,
    ) -> Self {
        let claim = |(page, shown): &(String, Shown)| ToldClaim {
            page: page.clone(),
            state: shown.told.whole.name(),
            components: shown
                .told
                .components
                .iter()
                .map(|(name, state)| (name.clone(), state.name()))
                .collect(),
        };
        let claims = claims.iter().map(claim).collect();
        let Some(snapshot) = snapshot else { return Self { claims, ..Self::default() } };
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
                    city: site.city.map(|(city, _)| city.name.as_str()),
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
                })
                .collect(),
        };
        Self {
            team: endpoint.team.clone(),
            target: endpoint.target.clone(),
            several_addresses: of.has_several_addresses,
            paths: evidence::of_paths(target, of),
            addresses: of.addresses.iter().map(address).collect(),
        }
    }
}

impl ToldService {
    fn new(service: &ServiceVerdict) -> Self {
        let sets = &service.sets;
        Self {
            service: service.name.clone(),
            sets: sets.clone(),
            shared: service
                .shared
                .iter()
                .map(|(a, b, what, is)| (sets[*a].clone(), sets[*b].clone(), what.name(), *is))
                .collect(),
            independent: service
                .independent
                .iter()
                .map(|(it, count)| (it.name(), *count))
                .collect(),
        }
    }
}
