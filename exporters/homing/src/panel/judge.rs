//! What the probes of a panel tell together: how many get an answer, and whether one site explains it. No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;

use earth::Point;
use exporter_kit::CountsBy;

use super::probes::Probe;
use super::{Asked, Reply};
use crate::class::{self, Class, Judged};
use crate::outcome::Unused;
use crate::world::{Address, Seen, Vantage, World};

/// Milliseconds that a probe's round trip may be too short: one for its clock, and a half for the 50 km by which its
/// place may be wrong.
const DOUBT_MS: f64 = 1.5;
/// Of strangers some are not where they say, 1 to 10 of 100: so many must be wrong at once, and that share of them.
const LEAST_PROOF: usize = 3;
const PROOF_SHARE: f64 = 0.15;
/// Addresses of one measurement that are judged, those that most probes have first.
const MOST_ADDRESSES: usize = 16;

/// What is told of a measurement.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Told {
    /// When the newest result was measured, in seconds since the epoch.
    pub(crate) newest: Option<u64>,
    /// When the oldest of those that count was.
    pub(crate) oldest: Option<u64>,
    /// How the newest was: a measurement asks in one way.
    pub(crate) asked: Option<Asked>,
    /// Of each region: who gets an answer, who does not, and the smallest round trip in seconds.
    pub(crate) regions: BTreeMap<&'static str, Region>,
    /// Of each address.
    pub(crate) addresses: Vec<(IpAddr, Judged)>,
}

/// The probes of a region.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Region {
    pub(crate) answered: usize,
    pub(crate) failed: usize,
    pub(crate) rtt_seconds: Option<f64>,
}

/// Judges what is not older than `oldest`; who has no place is counted and left out.
pub(crate) fn judge(
    replies: &[Reply],
    probes: &BTreeMap<u64, Probe>,
    oldest: u64,
    unused: &CountsBy<Unused>,
) -> Told {
    let mut told = Told::default();
    let mut addresses: BTreeMap<IpAddr, Vec<(Probe, f64)>> = BTreeMap::new();
    for reply in replies {
        if reply.at < oldest {
            unused.inc(Unused::Old);
            continue;
        }
        let Some(probe) = probes.get(&reply.probe) else {
            unused.inc(Unused::Probe);
            continue;
        };
        if told.newest.max(Some(reply.at)) != told.newest {
            (told.newest, told.asked) = (Some(reply.at), Some(reply.asked));
        }
        told.oldest = Some(told.oldest.map_or(reply.at, |it| it.min(reply.at)));
        let region = told.regions.entry(region(probe.place)).or_default();
        if let Some(ms) = reply.rtt_ms {
            region.answered += 1;
            let seconds = ms / 1_000.0;
            region.rtt_seconds = Some(region.rtt_seconds.map_or(seconds, |it| it.min(seconds)));
            addresses.entry(reply.address).or_default().push((*probe, ms));
        } else {
            region.failed += 1;
        }
    }
    let mut addresses: Vec<_> = addresses.into_iter().collect();
    addresses.sort_by_key(|(ip, seen)| (std::cmp::Reverse(seen.len()), *ip));
    addresses.truncate(MOST_ADDRESSES);
    told.addresses = addresses.into_iter().map(|(ip, seen)| (ip, of_address(ip, &seen))).collect();
    told
}

/// One address. Probes of one network in one place count once, by the larger round trip: too near is the
/// dangerous error.
fn of_address(ip: IpAddr, seen: &[(Probe, f64)]) -> Judged {
    let mut places: BTreeMap<(u32, i64, i64), (Point, f64)> = BTreeMap::new();
    for (probe, ms) in seen {
        #[expect(clippy::cast_possible_truncation, reason = "whole degrees")]
        let degrees = |it: f64| it.round() as i64;
        let key = (probe.asn, degrees(probe.place.latitude), degrees(probe.place.longitude));
        let place = places.entry(key).or_insert((probe.place, *ms));
        if *ms > place.1 {
            *place = (probe.place, *ms);
        }
    }
    let vantage = |(at, (place, _)): (usize, &(Point, f64))| Vantage {
        region: region(*place).to_owned(),
        name: at.to_string(),
        place: Some(*place),
        is_trusted: true,
        is_radio: false,
    };
    let world = World::new(places.values().enumerate().map(vantage).collect());
    let mut seen: Vec<Seen> = places
        .values()
        .enumerate()
        .map(|(vantage, (_, ms))| {
            let rtt_ms = ms + DOUBT_MS;
            Seen { vantage, rtt_ms, now_ms: rtt_ms }
        })
        .collect();
    seen.sort_by(|a, b| a.rtt_ms.total_cmp(&b.rtt_ms));
    let address = Address {
        ip,
        seen,
        absent: BTreeSet::new(),
        hints: BTreeMap::new(),
        asns: BTreeSet::new(),
    };
    let mut judged = class::judge(&world, &address, &BTreeSet::new());
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    let share = (judged.voters.len() as f64 * PROOF_SHARE).ceil() as usize;
    if judged.class == Class::SeveralSites && judged.proof < LEAST_PROOF.max(share) {
        judged.class = Class::Undetermined;
        judged.sites_min = 1;
        judged.sites.clear();
    }
    judged
}

/// The names that parts of the world have where the config gives them no others.
pub(crate) const REGIONS: [&str; 3] = ["AMER", "EMEA", "APAC"];

/// The part of the world, by the degrees east.
fn region(place: Point) -> &'static str {
    let [west, middle, east] = REGIONS;
    match place.longitude {
        degrees if degrees < -30.0 => west,
        degrees if degrees < 60.0 => middle,
        _ => east,
    }
}

/// `34 of 36 probes in 3 regions get an answer by ping; 192.0.2.1: several sites, 3 at least.`
pub(crate) fn sentence(told: &Told) -> String {
    let Some(asked) = told.asked else {
        return "No result is new enough to say anything.".to_owned();
    };
    let answered: usize = told.regions.values().map(|it| it.answered).sum();
    let failed: usize = told.regions.values().map(|it| it.failed).sum();
    let mut text = format!(
        "{answered} of {} probes in {} regions get an answer by {}",
        answered + failed,
        told.regions.len(),
        asked.name()
    );
    for (ip, judged) in &told.addresses {
        // A string takes whatever is written to it.
        let _ = match judged.class {
            Class::SeveralSites => {
                write!(text, "; {ip}: several sites, {} at least", judged.sites_min)
            }
            Class::OneSite => match judged.sites.first() {
                Some(site) => write!(
                    text,
                    "; {ip}: consistent with one site within {:.0} km of {}",
                    site.radius,
                    crate::evidence::degrees(site.place)
                ),
                None => write!(text, "; {ip}: consistent with one site"),
            },
            Class::Insufficient => write!(text, "; {ip}: too few to say"),
            Class::Undetermined => write!(
                text,
                "; {ip}: undetermined, {} pairs of {} places contradict one site",
                judged.violations,
                judged.voters.len()
            ),
        };
    }
    text.push('.');
    text
}
