//! A list of resolvers in JSON: an array of addresses, or of objects as public-dns.info has them. No I/O, no clock.

use exporter_kit::config::{Place, Problems};
use serde::Deserialize;
use serde_json::Value;

use super::columns::at_port;
use super::{Skipped, TOLERATED};
use crate::resolvers::Builder;
use crate::resolvers::entry::{Country, Entry, system};

/// An entry; other fields are passed over.
#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    Address(String),
    Full {
        #[serde(alias = "ip_address", alias = "address")]
        ip: String,
        #[serde(default, alias = "country_code", alias = "country", alias = "cc")]
        country_id: Option<String>,
        #[serde(default, alias = "asn")]
        as_number: Option<Value>,
        #[serde(default)]
        checked_at: Option<String>,
    },
}

/// Whether a text begins as an array of texts or objects does, and not as `[2001:db8::1]:53`.
pub(super) fn is_array(text: &str) -> bool {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let inside = text.strip_prefix('[').map(str::trim_start);
    inside.is_some_and(|inside| inside.is_empty() || inside.starts_with(['"', '{', ']']))
}

/// Reads the array. An entry that is wrong is left out and counted, up to a tenth of them.
pub(super) fn parse(text: &str, mut builder: Builder, port: u16) -> Result<Builder, Problems> {
    let mut wrong = Problems::default();
    let items: Vec<Value> = match serde_json::from_str(text.trim_start_matches('\u{feff}')) {
        Ok(items) => items,
        Err(error) => {
            let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
            let place = Place { line: number(error.line()), column: number(error.column()) };
            wrong.add(place, "must be a JSON array of addresses, or of objects with `ip`");
            return Err(wrong);
        }
    };
    let (all, mut skipped) = (items.len(), Skipped::default());
    for (number, item) in (1_u32..).zip(items) {
        let item = serde_json::from_value(item).ok();
        let (ip, country, asn, checked) = match item {
            Some(Item::Address(ip)) => (ip, None, None, None),
            Some(Item::Full { ip, country_id, as_number, checked_at }) => {
                (ip, country_id, as_number, checked_at)
            }
            None => (String::new(), None, None, None),
        };
        match at_port(&ip, port) {
            Ok(address) => {
                let country = country.as_deref().and_then(Country::new);
                let asn = asn.and_then(|asn| system(asn.to_string().trim_matches('"')));
                builder.add(&Entry { address, country, asn });
                builder.checked(checked.as_deref());
            }
            Err(what) => {
                wrong.add(Place::default(), format!("entry {number}: {what}"));
                skipped.add(number);
            }
        }
    }
    if skipped.lines as f64 > all as f64 * TOLERATED {
        wrong.into_result()?;
    }
    builder.skipped(skipped);
    Ok(builder)
}
