//! Where addresses are, by the user's own tables: MMDB files, or lists of ranges as of iptoasn. No I/O, no clock.

mod ranges;

use std::fmt;
use std::net::IpAddr;

use maxminddb::{PathElement, Reader};

use super::Country;
use ranges::Ranges;

/// What tells an MMDB file, near its end.
const MMDB: &[u8] = b"\xab\xcd\xefMaxMind.com";

/// Where the country stands in the files of the known makers.
const COUNTRY: [&[PathElement<'static>]; 3] = [
    &[PathElement::Key("country"), PathElement::Key("iso_code")],
    &[PathElement::Key("country_code")],
    &[PathElement::Key("country")],
];
const SYSTEM: [&[PathElement<'static>]; 2] =
    [&[PathElement::Key("autonomous_system_number")], &[PathElement::Key("asn")]];
const ANYCAST: &[PathElement<'static>] =
    &[PathElement::Key("traits"), PathElement::Key("is_anycast")];

/// What is known of an address.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Found {
    /// The country it is in.
    pub(crate) country: Option<Country>,
    /// The autonomous system that announces it.
    pub(crate) asn: Option<u32>,
}

/// All tables; the first that says something is believed.
#[derive(Debug, Default)]
pub(crate) struct Geo(Vec<Table>);

enum Table {
    Mmdb(Reader<Vec<u8>>),
    Ranges(Ranges),
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mmdb(_) => "MMDB",
            Self::Ranges(_) => "ranges",
        })
    }
}

impl Geo {
    /// Adds the content of a file, or says why it is none.
    pub(crate) fn add(&mut self, bytes: Vec<u8>) -> Result<(), String> {
        let is_mmdb = bytes.windows(MMDB.len()).rev().take(128 << 10).any(|window| window == MMDB);
        self.0.push(if is_mmdb {
            let reader = Reader::from_source(bytes);
            Table::Mmdb(
                reader.map_err(|error| format!("is no MMDB file that can be read: {error}"))?,
            )
        } else {
            Table::Ranges(Ranges::parse(&bytes)?)
        });
        Ok(())
    }

    /// What is known of an address.
    pub(crate) fn find(&self, address: IpAddr) -> Found {
        let mut found = Found::default();
        for table in &self.0 {
            let told = match table {
                Table::Mmdb(reader) => of_mmdb(reader, address),
                Table::Ranges(ranges) => ranges.find(address),
            };
            found.country = found.country.or(told.country);
            found.asn = found.asn.or(told.asn);
        }
        found
    }
}

/// A record that is not as it should be says nothing.
fn of_mmdb(reader: &Reader<Vec<u8>>, address: IpAddr) -> Found {
    let Ok(found) = reader.lookup(address) else { return Found::default() };
    let text = |path: &[PathElement<'_>]| found.decode_path::<String>(path).ok().flatten();
    let country = COUNTRY.into_iter().find_map(|path| Country::new(&text(path)?));
    let number = |path: &&[PathElement<'_>]| {
        let number = found.decode_path::<u32>(path).ok().flatten();
        number.or_else(|| super::entry::system(&text(path)?))
    };
    let is_anycast = found.decode_path::<bool>(ANYCAST).ok().flatten().unwrap_or_default();
    let anycast = is_anycast.then(|| Country::new(super::ANYCAST)).flatten();
    Found {
        country: anycast.or(country),
        asn: SYSTEM.iter().find_map(number).filter(|asn| *asn > 0),
    }
}

#[cfg(test)]
mod tests;
