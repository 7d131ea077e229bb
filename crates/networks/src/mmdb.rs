//! MMDB files of several makers. No I/O, no clock.

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;

use maxminddb::{LookupResult, PathElement, Reader, WithinOptions};

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
        let is_marked = record.decode_path::<bool>(ANYCAST).ok().flatten().unwrap_or_default();
        Found { country, asn: system_of(&record), is_anycast: is_anycast || is_marked }
    }

    /// Whether it holds of a system that it names for addresses of IPv4, or for those of IPv6. Most networks share
    /// their records with others: each of them is read once.
    pub(crate) fn any_system(&self, is_v4: bool, mut holds: impl FnMut(u32) -> bool) -> bool {
        // A tree has one end more than nodes. One whose branches grow together again may have more than there are
        // addresses: the ends at which nothing stands are counted too.
        let most = usize::try_from(self.nodes()).unwrap_or(usize::MAX).saturating_mul(2).max(2);
        let options = WithinOptions::default().include_networks_without_data();
        let (mut seen, networks) = (HashSet::new(), self.0.networks(options));
        networks.into_iter().flatten().take(most).flatten().any(|record| {
            let is_of_family = record.network().is_ok_and(|network| network.is_ipv4() == is_v4);
            is_of_family
                && record.offset().is_some_and(|offset| seen.insert(offset))
                && system_of(&record).is_some_and(&mut holds)
        })
    }
}

fn system_of(record: &LookupResult<'_, Vec<u8>>) -> Option<u32> {
    let number = |path: &Path| {
        let number = record.decode_path::<u32>(path).ok().flatten();
        number.or_else(|| system(text(record, path)?))
    };
    SYSTEM.iter().find_map(number).filter(|asn| *asn > 0)
}

fn text<'a>(record: &LookupResult<'a, Vec<u8>>, path: Path) -> Option<&'a str> {
    record.decode_path::<&str>(path).ok().flatten()
}

#[cfg(test)]
#[path = "mmdb/tests.rs"]
mod tests;
