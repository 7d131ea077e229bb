//! `panel.globalping`: measurements that are begun there, of whose addresses, and whether that is within its limits.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use exporter_kit::Wanted;
use exporter_kit::config::{self as kit, Labels, Located, Name, Place, Problems};
use ipnet::IpNet;
use serde::Deserialize;

use super::measurement::{
    LOOPBACK_INTERVAL, Own, PanelLabels, PanelWork, TAKEN, Way, is_here, settings,
};
use super::public::is_public;
use crate::world::Endpoint;

/// Whose it is.
const GLOBALPING: &str = "https://api.globalping.io";
/// Probes of one measurement: one round costs as many tests, of which an hour has few hundred.
const PROBES: usize = 12;
/// Fewer could never tell a class, and would leave out continents: each has one in turn.
const LEAST_PROBES: usize = 6;
/// One round in a quarter of an hour at most.
const INTERVAL: (Duration, Duration) = (Duration::from_secs(900), Duration::from_secs(86_400));
/// Tests that an hour has for who shows no token, and for who does, by its documentation.
const TESTS: (usize, usize) = (250, 500);
/// Of these the share, in hundredths, that a config may ask for.
const SHARE: usize = 80;
/// A network that is larger is nobody's own.
const LARGEST: (u8, u8) = (8, 16);

/// The section, as the file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGlobalping {
    #[serde(default)]
    acknowledge_own_infrastructure: bool,
    token_file: Option<Located<PathBuf>>,
    url: Option<String>,
    networks: Vec<Located<IpNet>>,
    endpoints: Vec<Located<RawEndpoint>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEndpoint {
    name: Name,
    team: Option<Name>,
    target: Name,
    probes: Option<usize>,
    interval: Option<kit::Duration>,
    #[serde(default)]
    labels: Labels,
}

/// A measurement: where and at which place of the list it stands, its name, and what it does.
pub(super) type Measured = (Place, usize, String, Wanted<PanelWork, PanelLabels>);

/// Where its token is named, or the section.
pub(super) fn token(raw: &Located<RawGlobalping>) -> Place {
    raw.value.token_file.as_ref().map_or(raw.place, |it| it.place)
}

/// The measurements.
pub(super) fn checked(
    raw: Located<RawGlobalping>,
    regions: &BTreeMap<String, String>,
    problems: &mut Problems,
) -> Vec<Measured> {
    let Located { place, value: raw } = raw;
    let mut refuse = |place, what: &str| problems.add(place, format!("panel.globalping.{what}"));
    if !raw.acknowledge_own_infrastructure {
        refuse(
            place,
            "acknowledge_own_infrastructure: must be true: its terms are for measurements of your own infrastructure, and \
             strangers learn the addresses",
        );
    }
    if raw.networks.is_empty() {
        refuse(place, "networks: must have one entry at least: what is elsewhere is not measured");
    }
    for (at, it) in raw.networks.iter().enumerate() {
        if !is_of_one(it) {
            refuse(
                it.place,
                &format!(
                    "networks[{at}]: must be public, and no larger than a /8, or a /16 of IPv6"
                ),
            );
        }
    }
    if raw.endpoints.is_empty() {
        refuse(place, "endpoints: must have one entry at least");
    }
    let url = raw.url.unwrap_or_else(|| GLOBALPING.to_owned());
    let url = url.trim_end_matches('/').to_owned();
    let is_here = is_here(&url);
    if !is_here && !url.starts_with("https://") {
        refuse(place, "url: must be https://HOST: a token is sent there");
    }
    let token_file = raw.token_file.as_ref().map(|it| it.value.as_path());
    let limits = settings(&format!("{url}/v1/limits"), token_file);
    let (Some(settings), Some(limits)) = (settings(&url, token_file), limits) else {
        refuse(place, "url: must be a URL, as https://HOST");
        return Vec::new();
    };
    let networks: Vec<IpNet> = raw.networks.into_iter().map(|it| it.value).collect();
    let shortest = if is_here { LOOPBACK_INTERVAL } else { INTERVAL.0 };
    let (mut all, mut tests, mut sum) = (Vec::new(), 0_usize, Vec::new());
    for (at, Located { place, value: it }) in raw.endpoints.into_iter().enumerate() {
        let mut refuse = |what: String| refuse(place, &format!("endpoints[{at}].{what}"));
        let interval = it.interval.unwrap_or_else(|| kit::Duration::new(INTERVAL.0));
        let interval = interval.within(shortest, INTERVAL.1).unwrap_or_else(|error| {
            refuse(format!("interval: {error}"));
            INTERVAL.0
        });
        let probes = it.probes.unwrap_or(PROBES);
        if !(LEAST_PROBES..=PROBES).contains(&probes) {
            refuse(format!("probes: must be from {LEAST_PROBES} to {PROBES}"));
        }
        if let Err(error) = it.labels.refuse(&TAKEN) {
            refuse(format!("labels: {error}"));
        }
        let seconds = usize::try_from(interval.as_secs()).unwrap_or(usize::MAX).max(1);
        // Of an hour in which all are due: rounds begin together, and one a day is made in one of its hours.
        let hourly = probes.saturating_mul(3_600_usize.div_ceil(seconds));
        tests = tests.saturating_add(hourly);
        sum.push(format!("{hourly} ({probes} probes each {} min)", seconds / 60));
        let team = it.team.map(Name::into_string).unwrap_or_default();
        let endpoint = Endpoint { team, target: it.target.into_string() };
        let endpoints = vec![endpoint.clone()];
        let labels = PanelLabels { endpoints, own: it.labels, regions: regions.clone() };
        let own = Own {
            endpoint,
            limits: Box::new(limits.clone()),
            url: url.clone(),
            networks: networks.clone(),
            probes,
        };
        let work = PanelWork {
            settings: settings.clone(),
            interval,
            max_age: interval * 2,
            folder: Arc::from(Path::new(".")),
            way: Way::Globalping(own),
        };
        all.push((place, at, it.name.into_string(), Wanted { work, labels }));
    }
    let (of, whose) = match raw.token_file {
        None => (TESTS.0, "without a token"),
        Some(_) => (TESTS.1, "with a token"),
    };
    let most = of * SHARE / 100;
    if tests > most && !is_here {
        let sum = sum.join(" + ");
        refuse(
            place,
            &format!(
                "endpoints: {sum} are {tests} tests an hour; must be at most {most}, {SHARE} % of the {of} that an hour has {whose}"
            ),
        );
    }
    all
}

/// Whether a network can be one's own, and be reached by strangers.
fn is_of_one(network: &IpNet) -> bool {
    let largest = if network.network().is_ipv4() { LARGEST.0 } else { LARGEST.1 };
    network.prefix_len() >= largest && is_public(network)
}
