//! MMDB files of several makers. No I/O, no clock.

use std::fmt;
use std::net::IpAddr;

use maxminddb::{LookupResult, PathElement, Reader};

use super::found::Found;
use super::line::{place, system};

/// What stands near the end of one, and how near.
const MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";
const NEAR: usize = 128 << 10;

type Path = &'static [PathElement<'static>];

/// Where the country stands in the files of the known makers.
const COUNTRY: [Path; 3] = [
    &[PathElement::Key("country"), PathElement::Key("iso_code")],
    &[PathElement::Key("country_code")],
    &[PathElement::Key("country")],
];
const SYSTEM: [Path; 2] =
    [&[PathElement::Key("autonomous_system_number")], &[PathElement::Key("asn")]];
const ANYCAST: Path = &[PathElement::Key("traits"), PathElement::Key("is_anycast")];

/// One.
pub(crate) struct Mmdb(Reader<Vec<u8>>);

impl fmt::Debug for Mmdb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MMDB")
    }
}

/// Whether bytes are one, good or bad.
pub(crate) fn is_mmdb(bytes: &[u8]) -> bool {
    let end = &bytes[bytes.len().saturating_sub(NEAR)..];
    end.windows(MARKER.len()).any(|window| window == MARKER)
}

impl Mmdb {
    /// Reads one, or says why that is impossible.
    pub(crate) fn parse(bytes: Vec<u8>) -> Result<Self, String> {
        let reader = Reader::from_source(bytes);
        reader.map(Self).map_err(|error| format!("is no MMDB file that can be read: {error}"))
    }

    /// How many nodes its tree has.
    pub(crate) fn nodes(&self) -> u64 {
        self.0.metadata().node_count.into()
    }

    /// What it says of an address. A record that is not as it should be says nothing.
    ///
    /// Single values are read, never whole records: what else a record holds, or points at, costs nothing.
    pub(crate) fn find(&self, ip: IpAddr) -> Found {
        let Ok(record) = self.0.lookup(ip.to_canonical()) else { return Found::default() };
        let said = COUNTRY.iter().find_map(|path| place(text(&record, path)?));
        let (country, is_anycast) = said.unwrap_or_default();
        let number = |path: &Path| {
            let number = record.decode_path::<u32>(path).ok().flatten();
            number.or_else(|| system(text(&record, path)?))
        };
        let is_marked = record.decode_path::<bool>(ANYCAST).ok().flatten().unwrap_or_default();
        Found {
            country,
            asn: SYSTEM.iter().find_map(number).filter(|asn| *asn > 0),
            is_anycast: is_anycast || is_marked,
        }
    }
}

fn text<'a>(record: &LookupResult<'a, Vec<u8>>, path: Path) -> Option<&'a str> {
    record.decode_path::<&str>(path).ok().flatten()
}

#[cfg(test)]
#[path = "mmdb/tests.rs"]
mod tests;
