//! A list of resolvers in JSON: an array of addresses, or of objects as public-dns.info has them. No I/O, no clock.

use exporter_kit::config::{Place, Problems};
use serde_json::Value;

use super::columns::{ADDRESS, CHECKED, COUNTRY, SYSTEM, at_port};
use super::{Skipped, TOLERATED};
use crate::resolvers::Builder;
use crate::resolvers::entry::{Certified, Country, Entry, system};

/// What an entry says of a resolver: a text is its address; of an object, what each column may be called is looked for by
/// turns, so that one that has a country by its name and by its code is read by the code.
struct Item {
    ip: String,
    country: Option<Country>,
    asn: Option<u32>,
    checked: Option<String>,
}

impl Item {
    fn of(item: &Value) -> Self {
        let text = |name: &&str| {
            item.get(name)
                .filter(|it| !it.is_null())
                .map(|it| it.as_str().map_or_else(|| it.to_string(), str::to_owned))
        };
        let ip = item.as_str().map(str::to_owned);
        Self {
            ip: ip.or_else(|| ADDRESS.iter().find_map(text)).unwrap_or_default(),
            country: COUNTRY.iter().filter_map(text).find_map(|it| Country::new(&it)),
            asn: SYSTEM.iter().filter_map(text).find_map(|it| system(&it)),
            checked: CHECKED.iter().find_map(text),
        }
    }
}

/// Whether a text begins as an array of texts or objects does, and not as `[2001:db8::1]:53`.
pub(super) fn is_array(text: &str) -> bool {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let inside = text.strip_prefix('[').map(str::trim_start);
    inside.is_some_and(|inside| inside.is_empty() || inside.starts_with(['"', '{', ']']))
}

/// Reads the array. An entry that is wrong is left out and counted, up to a tenth of them.
pub(super) fn parse(text: &str, mut builder: Builder) -> Result<Builder, Problems> {
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
        let item = Item::of(&item);
        match at_port(&item.ip) {
            Ok((address, port)) => {
                let Item { country, asn, .. } = item;
                builder.add(&Entry {
                    address,
                    host: None,
                    port,
                    country,
                    asn,
                    certified: Certified::default(),
                });
                builder.checked(item.checked.as_deref());
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
