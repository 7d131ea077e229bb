//! What is told of each address as a text, by which it outlives the process. No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use anyhow::{Context as _, ensure};
use earth::{FARTHEST_KM, Point};
use exporter_kit::LabelEnum as _;
use serde::{Deserialize, Serialize};

use super::{Standing, Told};
use crate::cities;
use crate::class::{Class, Judged, MOST_SITES};
use crate::place::{Site, Source};
use crate::world::{Endpoint, Seen};

const FORMAT: u32 = 1;

#[derive(Deserialize, Serialize)]
struct Document {
    format: u32,
    /// By region and name; voters have their numbers in it.
    vantages: Vec<(String, String)>,
    addresses: Vec<OfAddress>,
}

#[derive(Deserialize, Serialize)]
struct OfAddress {
    team: String,
    target: String,
    address: IpAddr,
    borne_out: u64,
    class: String,
    sites_min: usize,
    violations: usize,
    proof: usize,
    regions: usize,
    /// Each with its milliseconds, and those of the newest minute where there were any.
    voters: Vec<(usize, f64, Option<f64>)>,
    sites: Vec<OfSite>,
    asns: BTreeSet<u32>,
}

#[derive(Deserialize, Serialize)]
struct OfSite {
    latitude: f64,
    longitude: f64,
    radius: f64,
    /// With what it is known by.
    city: Option<(String, String)>,
}

/// All that is told, to be read by [`parse`].
pub(super) fn text(standing: &Standing) -> serde_json::Result<Vec<u8>> {
    let address = |((endpoint, ip), told): (&(Endpoint, IpAddr), &Told)| {
        let judged = &told.judged;
        let voter = |it: &Seen| (it.vantage, it.rtt_ms, it.now_ms.is_finite().then_some(it.now_ms));
        let site = |it: &Site| OfSite {
            latitude: it.place.latitude,
            longitude: it.place.longitude,
            radius: it.radius,
            city: it.city.map(|(city, by)| (city.name.to_owned(), by.as_str().to_owned())),
        };
        OfAddress {
            team: endpoint.team.clone(),
            target: endpoint.target.clone(),
            address: *ip,
            borne_out: told.borne_out,
            class: judged.class.name().to_owned(),
            sites_min: judged.sites_min,
            violations: judged.violations,
            proof: judged.proof,
            regions: judged.regions,
            voters: judged.voters.iter().map(voter).collect(),
            sites: judged.sites.iter().map(site).collect(),
            asns: judged.asns.clone(),
        }
    };
    let addresses = standing.told.iter().map(address).collect();
    serde_json::to_vec(&Document { format: FORMAT, vantages: standing.vantages.clone(), addresses })
}

/// What was told. Fails where any of it cannot be: who wrote that is none of ours.
pub(super) fn parse(text: &[u8]) -> anyhow::Result<Standing> {
    let document: Document = serde_json::from_slice(text)?;
    ensure!(document.format == FORMAT, "format {} is not known", document.format);
    let vantages = document.vantages;
    let mut told = BTreeMap::new();
    for it in document.addresses {
        let endpoint = Endpoint { team: it.team.clone(), target: it.target.clone() };
        let (ip, borne_out) = (it.address, it.borne_out);
        let judged = judged(it, vantages.len()).with_context(|| format!("what it says of {ip}"))?;
        let of_it = Told { judged, next: None, others: 0, missing: 0, borne_out };
        told.insert((endpoint, ip), of_it);
    }
    Ok(Standing { told, vantages, ..Standing::default() })
}

fn judged(it: OfAddress, vantages: usize) -> anyhow::Result<Judged> {
    let class = Class::VALUES.iter().find(|class| class.name() == it.class);
    let class = *class.with_context(|| format!("class {:?} is not known", it.class))?;
    let is_time = |ms: f64| ms.is_finite() && ms >= 0.0;
    let voter = |(vantage, rtt_ms, now_ms): (usize, f64, Option<f64>)| {
        let now_ms = now_ms.unwrap_or(f64::INFINITY);
        let is_one = vantage < vantages && is_time(rtt_ms) && now_ms >= 0.0;
        ensure!(is_one, "no vantage {vantage} can have {rtt_ms} ms");
        Ok(Seen { vantage, rtt_ms, now_ms })
    };
    ensure!(it.sites.len() <= MOST_SITES, "there are {} sites", it.sites.len());
    Ok(Judged {
        class,
        sites_min: it.sites_min,
        violations: it.violations,
        proof: it.proof,
        voters: it.voters.into_iter().map(voter).collect::<anyhow::Result<_>>()?,
        regions: it.regions,
        sites: it.sites.into_iter().map(site).collect::<anyhow::Result<_>>()?,
        asns: it.asns,
    })
}

fn site(it: OfSite) -> anyhow::Result<Site> {
    let place = Point::new(it.latitude, it.longitude).context("a site is nowhere on the Earth")?;
    ensure!((0.0..=FARTHEST_KM).contains(&it.radius), "a site is {} km wide", it.radius);
    // A city that is in the list no more is none.
    let city = it.city.and_then(|(name, by)| {
        let by = [Source::Name, Source::Distance].into_iter().find(|it| it.as_str() == by)?;
        Some((cities::named(&name)?, by))
    });
    Ok(Site { place, radius: it.radius, city })
}
