//! The page of metrics: what the last evaluation tells.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use exporter_kit::{Collector, LabelEnum, Page};
use tokio::time::Instant;

use crate::class::Class;
use crate::outcome::{Evaluation as Outcome, LeftOut, QueryFailure};
use crate::panel::beside;
use crate::panel::state::{Panel, Panels};
use crate::sets::{Dimension, ServiceVerdict};
use crate::state::{Evaluation, Evaluations, Snapshot};
use crate::verdict::AddressVerdict;
use crate::world::Endpoint;

/// Vantages of an address that are shown one by one, the nearest first.
const MOST_VANTAGES: usize = 50;
/// Sites of an address, by their numbers as a label has them.
const SITES: [&str; 16] =
    ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15"];

type Label<'a> = (&'static str, &'a str);

/// Renders the last evaluation.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) evaluations: Arc<Evaluations>,
    pub(crate) panels: Arc<Panels>,
}

impl Collector for Metrics {
    fn collect(&self, page: &mut Page<'_>) {
        for evaluation in self.evaluations.wanted_on(page) {
            encode(&evaluation, &self.panels.states(), Instant::now(), page);
        }
    }
}

/// One address of an endpoint, with its labels.
struct Row<'a> {
    endpoint: &'a Endpoint,
    ip: String,
    of: &'a AddressVerdict,
}

impl Row<'_> {
    fn labels(&self) -> Vec<Label<'_>> {
        let mut labels = of(self.endpoint);
        labels.push(("address", &self.ip));
        labels
    }

    fn with<'a>(&'a self, more: &[Label<'a>]) -> Vec<Label<'a>> {
        [&self.labels()[..], more].concat()
    }

    /// The sites that are told: where there may be one or many, none are.
    fn sites(&self) -> impl Iterator<Item = (&'static str, &crate::place::Site)> {
        let is_told = matches!(self.of.told, Class::OneSite | Class::SeveralSites);
        SITES.into_iter().zip(&self.of.judged.sites).filter(move |_| is_told)
    }
}

/// The labels of an endpoint; the team where there is one.
fn of(endpoint: &Endpoint) -> Vec<Label<'_>> {
    let team = (!endpoint.team.is_empty()).then_some(("team", endpoint.team.as_str()));
    team.into_iter().chain([("target", endpoint.target.as_str())]).collect()
}

pub(super) fn encode(
    evaluation: &Evaluation,
    panels: &[Arc<Panel>],
    now: Instant,
    page: &mut Page<'_>,
) {
    page.counter(
        "homing_evaluations_total",
        "Evaluations, by whether every query was answered as a whole; others judge nothing.",
        evaluation
            .counts
            .evaluations
            .iter()
            .map(|(it, count)| ([("result", Outcome::name(it))], count)),
    );
    page.counter(
        "homing_query_failures_total",
        "Queries to a Prometheus that brought nothing that can be judged.",
        evaluation
            .counts
            .failures
            .iter()
            .map(|(it, count)| ([("reason", QueryFailure::name(it))], count)),
    );
    let last = evaluation.last();
    page.gauge(
        "homing_last_evaluation_timestamp_seconds",
        "The moment that the last complete evaluation is about.",
        last.iter().map(|it| ((), it.unix)),
    );
    page.gauge(
        "homing_evaluation_duration_seconds",
        "How long asking and judging took.",
        last.iter().map(|it| ((), it.took)),
    );
    let Some(snapshot) = evaluation.standing(now) else { return };
    let rows: Vec<Row<'_>> = snapshot
        .verdict
        .targets
        .iter()
        .flat_map(|(endpoint, target)| target.addresses.iter().map(move |it| (endpoint, it)))
        .map(|(endpoint, of)| Row { endpoint, ip: of.ip.to_string(), of })
        .collect();
    let panels: Vec<_> =
        panels.iter().filter_map(|it| Some((it.labels(), it.standing(now)?))).collect();
    let told =
        panels.iter().flat_map(|(of, it)| of.endpoints.iter().map(|endpoint| (endpoint, &it.told)));
    classes(&rows, &beside::instead(told, &snapshot.verdict), page);
    sites(&rows, page);
    vantages(&snapshot, &rows, page);
    super::origins::encode(&snapshot, page);
    handovers(&snapshot, page);
    sets(&snapshot, page);
}

fn classes(rows: &[Row<'_>], instead: &BTreeMap<(&Endpoint, IpAddr), Class>, page: &mut Page<'_>) {
    let instead: Vec<_> =
        instead.iter().map(|((of, ip), class)| (*of, ip.to_string(), *class)).collect();
    let own = rows.iter().map(|row| (row.labels(), row.of.told, "own"));
    let by_probes = instead.iter().map(|(endpoint, ip, class)| {
        let mut labels = of(endpoint);
        labels.push(("address", ip));
        (labels, *class, "panel")
    });
    page.gauge(
        "homing_class",
        "What round trips allow: exactly one class of an address is 1. By own vantages, and where these are too few also by strangers' probes.",
        own.chain(by_probes).flat_map(|(labels, told, basis)| {
            Class::VALUES.iter().map(move |class| {
                let more = [("class", class.name()), ("basis", basis)];
                ([&labels[..], &more].concat(), told == *class)
            })
        }),
    );
    let judged = || rows.iter().filter(|row| row.of.judged.class != Class::Insufficient);
    page.gauge(
        "homing_sites_min",
        "At least so many sites an address has.",
        judged().map(|row| (row.labels(), row.of.judged.sites_min as f64)),
    );
    page.gauge(
        "homing_violations",
        "Pairs of vantages that cannot both see one site.",
        judged().map(|row| (row.labels(), row.of.judged.violations as f64)),
    );
    page.gauge(
        "homing_proof",
        "So many vantages at least must be wrong for an address to have one site after all.",
        judged().map(|row| (row.labels(), row.of.judged.proof as f64)),
    );
    page.gauge(
        "homing_vantages",
        "Vantages that took part.",
        rows.iter().map(|row| (row.labels(), row.of.judged.voters.len() as f64)),
    );
    page.gauge(
        "homing_regions",
        "Regions that took part.",
        rows.iter().map(|row| (row.labels(), row.of.judged.regions as f64)),
    );
}

fn sites(rows: &[Row<'_>], page: &mut Page<'_>) {
    let sites = || rows.iter().flat_map(|row| row.sites().map(move |(site, it)| (row, site, it)));
    page.info(
        "homing_site_info",
        "A city within the part of the world where a site can be: by the names of routers next to it, or the one nearest to its middle.",
        sites().filter_map(|(row, site, it)| {
            let (city, source) = it.city?;
            Some(row.with(&[
                ("site", site),
                ("city", city.name),
                ("country", city.country),
                ("source", source.as_str()),
            ]))
        }),
    );
    page.gauge(
        "homing_site_latitude_degrees",
        "Degrees north of the middle of where a site can be.",
        sites()
            .map(|(row, site, it)| (row.with(&[("site", site)]), rounded(it.place.latitude, 0.01))),
    );
    page.gauge(
        "homing_site_longitude_degrees",
        "Degrees east of the middle of where a site can be.",
        sites().map(|(row, site, it)| {
            (row.with(&[("site", site)]), rounded(it.place.longitude, 0.01))
        }),
    );
    page.gauge(
        "homing_site_radius_km",
        "Kilometres from there to the farthest place where it can be.",
        sites().map(|(row, site, it)| (row.with(&[("site", site)]), rounded(it.radius, 1.0))),
    );
}

fn vantages(snapshot: &Snapshot, rows: &[Row<'_>], page: &mut Page<'_>) {
    let world = &snapshot.world;
    let seen = || {
        rows.iter().flat_map(|row| {
            let voters = row.of.judged.voters.iter().take(MOST_VANTAGES);
            voters.map(move |it| (row, &world.vantages[it.vantage], it.rtt_ms))
        })
    };
    let labels = |row: &'_ Row<'_>, vantage: &crate::world::Vantage| {
        let mut labels: Vec<(&'static str, String)> =
            row.labels().into_iter().map(|(name, value)| (name, value.to_owned())).collect();
        labels.push(("vantage", vantage.name.clone()));
        labels.push(("region", vantage.region.clone()));
        Owned(labels)
    };
    page.gauge(
        "homing_vantage_rtt_seconds",
        "The smallest round trip of ten minutes from a vantage that took part, of the 50 nearest.",
        seen().map(|(row, vantage, ms)| (labels(row, vantage), ms / 1_000.0)),
    );
    // From the one site, where one is told.
    let away = || {
        seen().filter(|(row, ..)| row.of.told == Class::OneSite).filter_map(|(row, vantage, ms)| {
            let km = vantage.place?.km_to(row.of.judged.sites.first()?.place);
            Some((row, vantage, ms, km))
        })
    };
    page.gauge(
        "homing_vantage_distance_km",
        "Kilometres from a vantage to the middle of where the one site can be.",
        away().map(|(row, vantage, _, km)| (labels(row, vantage), rounded(km, 1.0))),
    );
    page.gauge(
        "homing_vantage_stretch_ratio",
        "How many times as long a round trip is as by light in glass on the straight line to there.",
        away().map(|(row, vantage, ms, km)| {
            let stretch = vantage.reach_km(ms) / km;
            (labels(row, vantage), if km >= 1.0 { rounded(stretch, 0.01) } else { f64::NAN })
        }),
    );
    page.gauge(
        "homing_vantage_suspect",
        "Whether a vantage cannot be where it says, or its packets do not go the way they seem to; it is left out.",
        world.vantages.iter().enumerate().map(|(at, vantage)| {
            let labels = [("vantage", vantage.name.as_str()), ("region", &vantage.region)];
            (labels, snapshot.verdict.suspects.contains(&at))
        }),
    );
    page.gauge(
        "homing_samples_left_out",
        "What the last evaluation left out of what was measured, by the reason.",
        snapshot.left_out.iter().map(|(it, count)| ([("reason", LeftOut::name(it))], count as f64)),
    );
}

fn handovers(snapshot: &Snapshot, page: &mut Page<'_>) {
    let targets = &snapshot.verdict.targets;
    // Nobody is served by a canary, so that its one site is nobody's risk.
    let is_canary =
        |endpoint: &Endpoint| snapshot.world.targets.get(endpoint).is_some_and(|it| it.is_canary);
    page.gauge(
        "homing_one_site",
        "Whether all addresses of an endpoint are consistent with one and the same site; canaries apart.",
        targets
            .iter()
            .filter(|(endpoint, it)| !it.addresses.is_empty() && !is_canary(endpoint))
            .map(|(endpoint, it)| (of(endpoint), it.is_at_one_site)),
    );
    page.gauge(
        "homing_several_addresses",
        "Whether most vantages of a region have an address that no other region has.",
        targets.iter().map(|(endpoint, it)| (of(endpoint), it.has_several_addresses)),
    );
    let rows: Vec<(&Endpoint, String, &str, usize)> = targets
        .iter()
        .flat_map(|(endpoint, it)| {
            let rows = it.handovers.rows.iter();
            let rest = (it.handovers.rest > 0)
                .then(|| (endpoint, "other".to_owned(), "other", it.handovers.rest));
            let row = move |(by, count): &'_ (crate::world::Handover, usize)| {
                (by.asn.to_string(), *count)
            };
            rows.map(move |it| {
                let (asn, count) = row(it);
                (endpoint, asn, it.0.city.as_str(), count)
            })
            .chain(rest)
        })
        .collect();
    page.gauge(
        "homing_handover_vantages",
        "Vantages whose packets enter the endpoint's network from this autonomous system in this city.",
        rows.iter().map(|(endpoint, asn, city, count)| {
            let labels = [&of(endpoint)[..], &[("asn", asn.as_str()), ("city", city)]].concat();
            (labels, *count as f64)
        }),
    );
    page.gauge(
        "homing_handover_cities",
        "Cities that are known in which packets enter the endpoint's network.",
        targets
            .iter()
            .filter(|(_, it)| !it.handovers.rows.is_empty())
            .map(|(endpoint, it)| (of(endpoint), it.handovers.cities as f64)),
    );
}

fn sets(snapshot: &Snapshot, page: &mut Page<'_>) {
    let services = &snapshot.verdict.services;
    page.gauge(
        "homing_set_shared",
        "Whether two sets of a service have it in common; absent where nobody knows.",
        services.iter().flat_map(|service| {
            service.shared.iter().map(|(a, b, dimension, shared)| {
                let pair = [("a", service.sets[*a].as_str()), ("b", &service.sets[*b])];
                let dimension = [("dimension", dimension.name())];
                ([&of_service(service)[..], &pair, &dimension].concat(), *shared)
            })
        }),
    );
    page.gauge(
        "homing_independent_sets",
        "The most sets of a service of which no two are known to, or may, share it.",
        by_dimension(services, |it| &it.independent),
    );
    page.gauge(
        "homing_independent_sets_possible",
        "The most sets of a service of which no two are known to share it.",
        by_dimension(services, |it| &it.possible),
    );
    page.gauge(
        "homing_independent_sets_up",
        "The same, of those that are not down for everyone.",
        by_dimension(services, |it| &it.independent_up),
    );
    page.gauge(
        "homing_sets_up",
        "Sets of a service that are not down for everyone; absent where that is not known of all.",
        services.iter().filter_map(|it| Some((of_service(it), it.up? as f64))),
    );
    page.gauge(
        "homing_expected_independent_sets",
        "How many sets of a service should be independent, as the config says.",
        services.iter().filter_map(|it| Some((of_service(it), f64::from(it.expect_independent?)))),
    );
}

/// The labels of a service; the team where there is one.
fn of_service(service: &ServiceVerdict) -> Vec<Label<'_>> {
    let team = (!service.team.is_empty()).then_some(("team", service.team.as_str()));
    team.into_iter().chain([("service", service.name.as_str())]).collect()
}

/// A number of each service and dimension.
fn by_dimension(
    services: &[ServiceVerdict],
    counts: impl Fn(&ServiceVerdict) -> &Vec<(Dimension, usize)>,
) -> impl Iterator<Item = (Vec<Label<'_>>, f64)> {
    services.iter().flat_map(move |service| {
        let counts = counts(service).clone();
        counts.into_iter().map(move |(it, count)| {
            let dimension = [("dimension", it.name())];
            ([&of_service(service)[..], &dimension].concat(), count as f64)
        })
    })
}

/// To so many units: more is not known.
fn rounded(value: f64, unit: f64) -> f64 {
    // By the inverse, so that a hundredth is written as one.
    let per = (1.0 / unit).round();
    (value * per).round() / per
}

/// Labels that live as long as their series.
struct Owned(Vec<(&'static str, String)>);

impl exporter_kit::LabelSet for Owned {
    fn put(&self, to: &mut exporter_kit::LabelWriter<'_>) {
        for (name, value) in &self.0 {
            to.label(name, value);
        }
    }
}
