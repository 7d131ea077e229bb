//! What Globalping is sent and answers (`/v1/limits`, `/v1/measurements`): pings of one address, by probes that it chooses.
//! No I/O, no clock.

use std::collections::BTreeMap;
use std::net::IpAddr;

use earth::Point;
use exporter_kit::CountsBy;
use serde::Deserialize;
use serde_json::error::Category;
use serde_json::{Value, json};

use super::probes::Probe;
use super::{Asked, Reply};
use crate::outcome::{Fetch, Unused};

/// Where probes are asked for: all continents in equal shares.
const CONTINENTS: [&str; 6] = ["AF", "AS", "EU", "NA", "OC", "SA"];
/// Milliseconds beyond which a round trip is none.
const LONGEST_RTT: f64 = 10_000.0;
/// Letters of a measurement's name, which becomes a part of a path.
const LONGEST_ID: usize = 128;

/// How many tests may be made still.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Limits {
    /// In a whole hour.
    pub(crate) limit: u64,
    /// Before it begins anew.
    pub(crate) remaining: u64,
    /// Seconds until then.
    pub(crate) reset: u64,
}

/// Which measurement an answer must be of.
#[derive(Clone, Debug)]
pub(crate) struct Measurement {
    /// Its name.
    pub(crate) id: String,
    /// Whom it asks.
    pub(crate) address: IpAddr,
    /// By how many probes.
    pub(crate) probes: usize,
    /// When it was begun, in seconds since the epoch, by this machine's clock.
    pub(crate) at: u64,
    /// The number of its first probe among all that are known.
    pub(crate) first: u64,
}

/// How far a measurement is.
#[derive(Debug)]
pub(crate) enum Progress {
    /// Some probes have not answered yet.
    Running,
    /// Nothing more comes.
    Finished(Results),
}

/// What probes found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Results {
    pub(crate) replies: Vec<Reply>,
    /// Where they are, by the numbers that the replies have.
    pub(crate) probes: BTreeMap<u64, Probe>,
    /// What says nothing.
    pub(crate) unused: CountsBy<Unused>,
}

#[derive(Deserialize)]
struct RawLimits {
    #[serde(rename = "rateLimit")]
    rate_limit: RawRates,
}

#[derive(Deserialize)]
struct RawRates {
    measurements: RawCreate,
}

#[derive(Deserialize)]
struct RawCreate {
    create: Limits,
}

#[derive(Deserialize)]
struct RawCreated {
    id: String,
}

#[derive(Deserialize)]
struct RawMeasurement {
    id: String,
    r#type: String,
    status: String,
    results: Vec<Value>,
}

#[derive(Deserialize)]
struct RawItem {
    probe: RawProbe,
    result: RawResult,
}

/// Of what is said of a probe no name is read.
#[derive(Deserialize)]
struct RawProbe {
    latitude: f64,
    longitude: f64,
    asn: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawResult {
    status: String,
    failure_source: Option<String>,
    resolved_address: Option<String>,
    stats: Option<RawStats>,
}

#[derive(Deserialize)]
struct RawStats {
    min: Option<f64>,
    rcv: Option<u64>,
}

/// Reads how many tests may be made still.
pub(crate) fn limits(body: &[u8]) -> Result<Limits, Fetch> {
    let raw: RawLimits = parse(body)?;
    Ok(raw.rate_limit.measurements.create)
}

/// A request for pings of an address: by the probes of an earlier measurement, or by so many anywhere. A name is never sent.
pub(crate) fn request(address: IpAddr, probes: usize, same_as: Option<&str>) -> Vec<u8> {
    let target = address.to_string();
    let mut request = json!({"type": "ping", "target": target});
    if let Some(id) = same_as {
        request["locations"] = json!(id);
    } else {
        request["locations"] = json!(CONTINENTS.map(|it| json!({"continent": it})));
        request["limit"] = json!(probes);
    }
    request.to_string().into_bytes()
}

/// Reads the name of a measurement that was begun.
pub(crate) fn created(body: &[u8]) -> Result<String, Fetch> {
    let RawCreated { id } = parse(body)?;
    let fits = |it: char| it.is_ascii_alphanumeric() || it == '-' || it == '_';
    let is_name = (1..=LONGEST_ID).contains(&id.len()) && id.chars().all(fits);
    if is_name { Ok(id) } else { Err(Fetch::Schema) }
}

/// Reads a measurement. What of it is not as it should be is counted and left out.
pub(crate) fn read(body: &[u8], of: &Measurement) -> Result<Progress, Fetch> {
    let raw: RawMeasurement = parse(body)?;
    if raw.id != of.id || raw.r#type != "ping" {
        return Err(Fetch::Schema);
    }
    match raw.status.as_str() {
        "in-progress" => return Ok(Progress::Running),
        "finished" => {}
        _ => return Err(Fetch::Schema),
    }
    let mut results = Results::default();
    for (number, item) in (of.first..).zip(&raw.results) {
        if results.replies.len() == of.probes {
            results.unused.inc(Unused::TooMany);
            continue;
        }
        match reply(item, of.address) {
            Ok((place, asn, rtt_ms)) => {
                let (asked, address, at) = (Asked::Ping, of.address, of.at);
                results.replies.push(Reply { probe: number, asked, address, at, rtt_ms });
                // Who is nowhere is counted where it is judged.
                if let Some(place) = place {
                    results.probes.insert(number, Probe { place, asn });
                }
            }
            Err(why) => results.unused.inc(why),
        }
    }
    Ok(Progress::Finished(results))
}

/// Where a probe is, in whose network, and what it found.
type Found = (Option<Point>, u32, Option<f64>);

fn reply(item: &Value, address: IpAddr) -> Result<Found, Unused> {
    let RawItem { probe, result } = RawItem::deserialize(item).map_err(|_| Unused::Form)?;
    let found = |rtt_ms| (Point::new(probe.latitude, probe.longitude), probe.asn, rtt_ms);
    match (result.status.as_str(), result.failure_source.as_deref()) {
        ("finished", _) => {}
        ("failed", Some("target")) => return Ok(found(None)),
        // It was not there, broke itself, or does not say whose fault it is.
        ("failed" | "offline" | "in-progress", _) => return Err(Unused::NotMeasured),
        _ => return Err(Unused::Form),
    }
    let stats = result.stats.ok_or(Unused::Form)?;
    let is_it = result.resolved_address.map(|it| it.parse() == Ok(address));
    match (stats.min, stats.rcv.unwrap_or(0)) {
        (None, 0) if is_it != Some(false) => Ok(found(None)),
        (Some(ms), 1..) if is_it == Some(true) => {
            if ms > 0.0 && ms <= LONGEST_RTT {
                Ok(found(Some(ms)))
            } else {
                Err(Unused::Rtt)
            }
        }
        _ => Err(Unused::Form),
    }
}

fn parse<T: for<'a> Deserialize<'a>>(body: &[u8]) -> Result<T, Fetch> {
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        Category::Data => Fetch::Schema,
        Category::Io | Category::Syntax | Category::Eof => Fetch::NotJson,
    })
}
