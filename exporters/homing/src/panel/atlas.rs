//! The results of a measurement as RIPE Atlas gives them (`/api/v2/measurements/ID/latest/`): pings and traceroutes.
//! No I/O, no clock.

use std::collections::BTreeMap;

use exporter_kit::CountsBy;
use serde_json::Value;
use serde_json::error::Category;

use super::{Asked, Reply};
use crate::outcome::{Fetch, Unused};

/// Probes of one measurement.
const MOST_PROBES: usize = 1_000;
/// Milliseconds beyond which a round trip is none.
const LONGEST_RTT: f64 = 10_000.0;
/// Seconds by which a probe's clock may be ahead.
const AHEAD: u64 = 60;
/// Versions of the probes' firmware whose results have this shape: the first, and all since 2012.
const FIRMWARE: std::ops::RangeInclusive<u64> = 4_400..=9_999;

/// Reads results; of each probe and address the newest one. What is not as it should be is counted and left out.
pub(crate) fn read(body: &[u8], now: u64, unused: &CountsBy<Unused>) -> Result<Vec<Reply>, Fetch> {
    let results: Vec<Value> =
        serde_json::from_slice(body).map_err(|error| match error.classify() {
            Category::Data => Fetch::Schema,
            Category::Io | Category::Syntax | Category::Eof => Fetch::NotJson,
        })?;
    let mut newest: BTreeMap<(u64, std::net::IpAddr), Reply> = BTreeMap::new();
    for result in &results {
        let reply = match reply(result, now) {
            Ok(reply) => reply,
            Err(why) => {
                unused.inc(why);
                continue;
            }
        };
        let key = (reply.probe, reply.address);
        let is_full = newest.len() == MOST_PROBES && !newest.contains_key(&key);
        if is_full {
            unused.inc(Unused::TooMany);
            continue;
        }
        match newest.get(&key) {
            Some(other) if other.at >= reply.at => unused.inc(Unused::Twice),
            Some(_) => {
                unused.inc(Unused::Twice);
                newest.insert(key, reply);
            }
            None => {
                newest.insert(key, reply);
            }
        }
    }
    Ok(newest.into_values().collect())
}

fn reply(result: &Value, now: u64) -> Result<Reply, Unused> {
    let number = |name: &str| result.get(name).and_then(Value::as_u64).ok_or(Unused::Form);
    let word = |name: &str| result.get(name).and_then(Value::as_str).ok_or(Unused::Form);
    let firmware = number("fw")?;
    if firmware != 1 && !FIRMWARE.contains(&firmware) {
        return Err(Unused::Firmware);
    }
    let at = number("timestamp")?;
    if at > now + AHEAD {
        return Err(Unused::Time);
    }
    let address = word("dst_addr")?.parse().map_err(|_| Unused::Form)?;
    let parts = result.get("result").and_then(Value::as_array).ok_or(Unused::Form)?;
    let (asked, rtts) = match word("type")? {
        "ping" => {
            number("sent")?;
            number("rcvd")?;
            (Asked::Ping, rtts(parts, |_| true)?)
        }
        "traceroute" => {
            let mut all = Vec::new();
            for hop in parts {
                // Of a hop that could not be sent nothing is told.
                let Some(replies) = hop.get("result").and_then(Value::as_array) else { continue };
                all.extend(rtts(replies, |from| from.parse() == Ok(address))?);
            }
            (Asked::Traceroute, all)
        }
        _ => return Err(Unused::Form),
    };
    let rtt_ms = rtts.into_iter().reduce(f64::min);
    Ok(Reply { probe: number("prb_id")?, asked, address, at, rtt_ms })
}

/// The round trips of those that count; one that is none spoils all, as nobody knows what the others are worth.
fn rtts(replies: &[Value], counts: impl Fn(&str) -> bool) -> Result<Vec<f64>, Unused> {
    let mut rtts = Vec::new();
    for reply in replies {
        let from = reply.get("from").and_then(Value::as_str);
        if !from.is_none_or(&counts) {
            continue;
        }
        let Some(rtt) = reply.get("rtt") else { continue };
        let rtt = rtt.as_f64().ok_or(Unused::Form)?;
        if !(rtt > 0.0 && rtt <= LONGEST_RTT) {
            return Err(Unused::Rtt);
        }
        rtts.push(rtt);
    }
    Ok(rtts)
}
