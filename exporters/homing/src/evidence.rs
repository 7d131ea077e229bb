//! What is told of an address, as sentences for people, each with what it rests on. Never that something
//! *is* so: distances alone cannot prove one site. No I/O, no clock.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use earth::Point;

use crate::class::{self, Class, WEAK_BELOW};
use crate::judge::Verdict;
use crate::place::Site;
use crate::verdict::{AddressVerdict, TargetVerdict};
use crate::world::{Endpoint, Target, World};

/// Networks that are told one by one.
const MOST_NETWORKS: usize = 5;

/// The sentence about one address.
pub(crate) fn of_address(
    world: &World,
    verdict: &Verdict,
    endpoint: &Endpoint,
    address: &AddressVerdict,
) -> String {
    let judged = &address.judged;
    let mut text = format!("{} ({}): ", endpoint.target, address.ip);
    let (vantages, regions) = (judged.voters.len(), judged.regions);
    let weak = if vantages < WEAK_BELOW { "weak: " } else { "" };
    let basis = format!("({weak}{vantages} vantages, {regions} regions)");
    // A string takes whatever is written to it.
    let _ = match (address.told, judged.sites.first()) {
        (Class::Insufficient, _) => write!(
            text,
            "too few to say: {vantages} vantages in {regions} regions could be used, six in three are needed"
        ),
        (Class::OneSite, Some(site)) => {
            write!(text, "consistent with one site {} {basis}", within(site))
        }
        (Class::OneSite, None) => write!(text, "consistent with one site {basis}"),
        (Class::SeveralSites, _) => {
            write!(
                text,
                "several sites, {} at least{} {basis}",
                judged.sites_min.max(2),
                near(&judged.sites)
            )
        }
        (Class::Undetermined, Some(site)) if judged.violations == 0 => {
            write!(text, "undetermined; if it is one site, {} {basis}", within(site))
        }
        (Class::Undetermined, _) => write!(text, "undetermined {basis}"),
    };
    if let (Some(nearest), Some(farthest)) = (judged.voters.first(), judged.voters.last()) {
        let name = |at: usize| &world.vantages[at].name;
        let _ = write!(
            text,
            "; nearest {} {:.0} ms, farthest {} {:.0} ms",
            name(nearest.vantage),
            nearest.rtt_ms,
            name(farthest.vantage),
            farthest.rtt_ms
        );
    }
    let _ = match (judged.class, judged.violations) {
        (Class::Insufficient, _) => Ok(()),
        (_, 0) => write!(text, "; no distance is impossible"),
        (_, 1) => write!(
            text,
            "; one pair of vantages cannot both see one site: one of them may be wrong"
        ),
        (Class::SeveralSites, pairs) => write!(
            text,
            "; {pairs} pairs of vantages cannot both see one site, and {} vantages at least would have to be wrong",
            judged.proof.max(2)
        ),
        (_, pairs) if judged.proof >= 2 => write!(
            text,
            "; {pairs} pairs of vantages cannot both see one site by ten minutes, and not of the newest minute alone"
        ),
        (_, pairs) => write!(
            text,
            "; {pairs} pairs of vantages cannot both see one site, all of them with one vantage, which may be wrong"
        ),
    };
    if !verdict.suspects.is_empty() {
        let names: Vec<&str> =
            verdict.suspects.iter().map(|at| world.vantages[*at].name.as_str()).collect();
        let _ = write!(text, "; left out as not where it says: {}", names.join(", "));
    }
    text.push('.');
    text
}

/// The sentences about the paths to an endpoint; empty where nobody knows any.
pub(crate) fn of_paths(
    world: &World,
    suspects: &BTreeSet<usize>,
    target: &Target,
    verdict: &TargetVerdict,
) -> String {
    let mut text = String::new();
    for address in &target.addresses {
        // Who hands over is known of each path; where it ends, of some.
        let all = verdict.handovers.vantages;
        let cities = address.cities(|at| class::is_heard(world, at, suspects));
        if let Some((city, count)) = cities.iter().max_by_key(|(_, count)| **count) {
            let of = if target.addresses.len() > 1 {
                format!(" to {}", address.ip)
            } else {
                String::new()
            };
            let known = if all > *count { format!("{count} of {all}") } else { count.to_string() };
            let _ = write!(text, "{known} paths{of} end at routers named {city}. ");
        }
    }
    let asns: BTreeSet<u32> =
        target.addresses.iter().flat_map(|address| &address.asns).copied().collect();
    let named: Vec<String> = asns.iter().map(|asn| format!("AS{asn}")).collect();
    let networks = &verdict.handovers.networks;
    if networks.is_empty() {
        if !named.is_empty() {
            let _ = write!(text, "Announced by {}.", named.join(", "));
        }
        return text.trim_end().to_owned();
    }
    let own = if named.is_empty() { "Its network".to_owned() } else { named.join(", ") };
    let through: Vec<String> = networks
        .iter()
        .take(MOST_NETWORKS)
        .enumerate()
        .map(|(at, (asn, count))| {
            let unit = match (at, count) {
                (0, 1) => " vantage",
                (0, _) => " vantages",
                _ => "",
            };
            format!("AS{asn} ({count}{unit})")
        })
        .collect();
    let _ = write!(text, "{own}, entered through {}", through.join(", "));
    match (&verdict.handovers.only_city, verdict.handovers.cities) {
        (Some(city), _) if city.vantages == verdict.handovers.vantages => {
            let _ = write!(text, ", always in {}", city.name);
        }
        (Some(city), _) => {
            let _ = write!(text, ", in {} wherever that is known ({})", city.name, city.vantages);
        }
        (None, 0) => {}
        (None, cities) => {
            let _ =
                write!(text, ", in {cities} known {}", if cities == 1 { "city" } else { "cities" });
        }
    }
    text.push('.');
    text
}

/// `within 820 km of 51.2 N 4.3 E`.
fn within(site: &Site) -> String {
    format!("within {:.0} km of {}", rounded(site.radius), degrees(site.place))
}

/// To ten kilometres: more is not known.
fn rounded(km: f64) -> f64 {
    (km / 10.0).round() * 10.0
}

/// `51.2 N 4.3 E`.
pub(crate) fn degrees(place: Point) -> String {
    let (north, east) = (place.latitude, place.longitude);
    format!(
        "{:.1} {} {:.1} {}",
        north.abs(),
        if north < 0.0 { "S" } else { "N" },
        east.abs(),
        if east < 0.0 { "W" } else { "E" }
    )
}

/// `, near London, New York, Singapore`.
fn near(sites: &[Site]) -> String {
    let names: Vec<&str> = sites.iter().filter_map(|site| Some(site.city?.0.name)).collect();
    if names.is_empty() { String::new() } else { format!(", near {}", names.join(", ")) }
}
