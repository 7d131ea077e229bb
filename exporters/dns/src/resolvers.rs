//! The list of resolvers: who is asked, in which country and which network each of them is. No I/O, no clock.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv6Addr};

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;

use crate::special;

/// The country of a resolver that answers from many places: its address says nothing about where.
pub(crate) const ANYCAST: &str = "anycast";

/// The country of a resolver of which none is known (a user-assigned code of ISO 3166-1).
pub(crate) const UNKNOWN: &str = "ZZ";

/// One resolver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resolver {
    /// Its address.
    pub(crate) address: IpAddr,
    /// Its country: an index into [`ResolverList::countries`].
    pub(crate) country: u16,
    /// Its network (AS, else its /24 or /48): the same number for all that share one.
    pub(crate) network: u32,
}

/// The resolvers of a set, each address once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ResolverList {
    /// The resolvers, in the order of the list.
    pub(crate) resolvers: Vec<Resolver>,
    /// Country codes: two capitals, [`ANYCAST`] or [`UNKNOWN`].
    pub(crate) countries: Vec<String>,
    /// How many networks there are.
    pub(crate) networks: usize,
    /// Entries that named an address for a second time.
    pub(crate) duplicates: usize,
    /// Entries left out because their address is special-purpose.
    pub(crate) excluded: usize,
}

/// One entry of the config: an address, or more about it.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(
    untagged,
    expecting = "expected an IP address, or a mapping with `address` and, if known, `country`, `asn`, `name`"
)]
pub(crate) enum Entry {
    /// An address alone.
    Bare(IpAddr),
    /// An address, and what is known of it.
    Full(FullEntry),
}

/// An address, and what is known of it.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct FullEntry {
    /// The address.
    address: IpAddr,
    /// Two letters, or `anycast`.
    #[serde(default)]
    country: String,
    /// The autonomous system that announces it.
    asn: Option<u32>,
    /// For the reader of the config only.
    #[serde(default, rename = "name")]
    _name: String,
}

impl ResolverList {
    /// Builds a list from the entries of a config. A special-purpose address is an error unless
    /// `allow_private`.
    pub(crate) fn inline(entries: &[Entry], allow_private: bool) -> anyhow::Result<Self> {
        let mut builder = Builder::new(allow_private);
        for entry in entries {
            let (address, country, asn) = match entry {
                Entry::Bare(address) => (*address, "", None),
                Entry::Full(full) => (full.address, full.country.as_str(), full.asn),
            };
            ensure!(
                country.is_empty() || country_code(country).is_some(),
                "resolver {address}: country {country:?} is neither two letters nor `anycast`"
            );
            if !builder.add(address, country, asn)? {
                bail!(
                    "resolver {address}: a special-purpose address is asked only with `allow_private: true`"
                );
            }
        }
        builder.finish()
    }

    /// Builds a list from the text of a file: CSV with the header of public-dns.info (`ip_address`
    /// is needed; `country_code` and `as_number` are used; the others are not), or one address a
    /// line. Special-purpose addresses are left out and counted, unless `allow_private`. An error
    /// names the line.
    pub(crate) fn parse(text: &str, allow_private: bool) -> anyhow::Result<Self> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .comment(Some(b'#'))
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let mut columns = Columns::BARE;
        let mut builder = Builder::new(allow_private);
        for (number, record) in reader.records().enumerate() {
            let record = record?;
            let line = record.position().map_or(0, csv::Position::line);
            let cell = |column: Option<usize>| column.and_then(|at| record.get(at)).unwrap_or("");
            if number == 0 && record.iter().any(|cell| cell == "ip_address") {
                columns = Columns::of(&record);
                continue;
            }
            let Some(address) = parse_address(cell(Some(columns.address))) else {
                bail!("line {line}: {:?} is not an IP address", cell(Some(columns.address)));
            };
            let asn = cell(columns.asn);
            let asn = match asn.strip_prefix("AS").unwrap_or(asn) {
                "" => None,
                number => Some(
                    number.parse().with_context(|| format!("line {line}: as_number {number:?}"))?,
                ),
            };
            builder
                .add(address, cell(columns.country), asn)
                .with_context(|| format!("line {line}"))?;
        }
        builder.finish()
    }

    /// How many are third parties: anybody on the public internet.
    pub(crate) fn third_parties(&self) -> usize {
        self.resolvers.iter().filter(|resolver| !special::is_special(resolver.address)).count()
    }

    /// Whether a third party is in both lists.
    pub(crate) fn shares_a_stranger_with(&self, other: &Self) -> bool {
        let strangers = |list: &Self| -> HashSet<IpAddr> {
            let addresses = list.resolvers.iter().map(|resolver| resolver.address);
            addresses.filter(|address| !special::is_special(*address)).collect()
        };
        !strangers(self).is_disjoint(&strangers(other))
    }

    /// Whether all are on this very machine.
    pub(crate) fn is_loopback(&self) -> bool {
        self.resolvers.iter().all(|resolver| resolver.address.is_loopback())
    }

    /// A resolver's country code.
    pub(crate) fn country(&self, resolver: &Resolver) -> &str {
        &self.countries[usize::from(resolver.country)]
    }
}

/// Where the cells of interest are.
struct Columns {
    address: usize,
    country: Option<usize>,
    asn: Option<usize>,
}

impl Columns {
    /// A file without a header: addresses alone.
    const BARE: Self = Self { address: 0, country: None, asn: None };

    fn of(header: &csv::StringRecord) -> Self {
        let find = |name| header.iter().position(|cell| cell == name);
        Self {
            address: find("ip_address").unwrap_or(0),
            country: find("country_code"),
            asn: find("as_number"),
        }
    }
}

/// An address; one with a zone (`fe80::1%eth0`) is link-local, whatever the zone is.
fn parse_address(text: &str) -> Option<IpAddr> {
    match text.split_once('%') {
        Some((address, _zone)) => address.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => text.parse().ok(),
    }
}

/// A country as it is used in a label, or nothing if it is none.
fn country_code(text: &str) -> Option<String> {
    if text.eq_ignore_ascii_case(ANYCAST) {
        return Some(ANYCAST.to_owned());
    }
    let two_letters = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    two_letters.then(|| text.to_ascii_uppercase())
}

/// What makes a network one voter.
#[derive(Eq, Hash, PartialEq)]
enum Network {
    As(u32),
    Prefix(IpAddr),
}

impl Network {
    fn of(address: IpAddr, asn: Option<u32>) -> Self {
        match (asn, address) {
            // 0 stands for "unknown" in public lists.
            (Some(asn), _) if asn > 0 => Self::As(asn),
            (_, IpAddr::V4(v4)) => Self::Prefix(((v4.to_bits() & !0xff).to_be_bytes()).into()),
            (_, IpAddr::V6(v6)) => Self::Prefix((v6.to_bits() >> 80 << 80).to_be_bytes().into()),
        }
    }
}

/// A list in the making.
struct Builder {
    list: ResolverList,
    allow_private: bool,
    seen: HashSet<IpAddr>,
    countries: HashMap<String, u16>,
    networks: HashMap<Network, u32>,
}

impl Builder {
    fn new(allow_private: bool) -> Self {
        Self {
            list: ResolverList::default(),
            allow_private,
            seen: HashSet::new(),
            countries: HashMap::new(),
            networks: HashMap::new(),
        }
    }

    /// Adds a resolver; false if it was left out for its special-purpose address.
    fn add(&mut self, address: IpAddr, country: &str, asn: Option<u32>) -> anyhow::Result<bool> {
        let special = special::is_special(address) && !self.allow_private;
        if special || special::is_never_a_resolver(address) {
            self.list.excluded += 1;
            return Ok(false);
        }
        if !self.seen.insert(address) {
            self.list.duplicates += 1;
            return Ok(true);
        }
        let country = country_code(country).unwrap_or_else(|| UNKNOWN.to_owned());
        let country = if let Some(&known) = self.countries.get(&country) {
            known
        } else {
            let new = u16::try_from(self.list.countries.len()).context("too many countries")?;
            self.list.countries.push(country.clone());
            self.countries.insert(country, new);
            new
        };
        let next = u32::try_from(self.networks.len()).context("too many networks")?;
        let network = *self.networks.entry(Network::of(address, asn)).or_insert(next);
        self.list.resolvers.push(Resolver { address, country, network });
        Ok(true)
    }

    fn finish(mut self) -> anyhow::Result<ResolverList> {
        let excluded = self.list.excluded;
        if self.list.resolvers.is_empty() && excluded > 0 {
            bail!(
                "all {excluded} resolvers have special-purpose addresses, which are asked only with \
                 `allow_private: true`"
            );
        }
        ensure!(!self.list.resolvers.is_empty(), "there is no resolver in the list");
        self.list.networks = self.networks.len();
        Ok(self.list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "ip_address,name,as_number,as_org,country_code,city,version,error,dnssec,reliability,checked_at,created_at";

    fn places(list: &ResolverList) -> Vec<(String, &str, u32)> {
        let place = |r: &Resolver| (r.address.to_string(), r.network);
        list.resolvers.iter().map(|r| (place(r).0, list.country(r), place(r).1)).collect()
    }

    #[test]
    fn a_public_list_is_read_with_all_its_oddities() {
        let text = format!(
            "\u{feff}{HEADER}\r\n# a comment, with commas\r\n\
             8.8.8.8,dns.google.,15169,\"Google, LLC\",us,\"Mountain View\",,,true,1.00,2023-08-17 22:01:10,\r\n\
             8.8.4.4,,15169,,US,,,,,,,\r\n\
             \r\n\
             8.8.8.8,again,15169,,US,,,,,,,\r\n\
             1.1.1.1,one.one.one.one,13335,,Anycast,,,,,,,\r\n\
             9.9.9.9,,,,,,,,,,,\r\n\
             9.9.9.10,,0,,?,,,,,,,\r\n\
             2001:4860:4860::8888,,,,,,,,,,,\r\n\
             2001:4860:4860:1::1,,,,,,,,,,,\r\n\
             10.0.0.1,,,,DE,,,,,,,\r\n\
             fe80::1%eth0,,,,DE,,,,,,,\r\n"
        );
        let list = ResolverList::parse(&text, false).unwrap();
        assert_eq!(
            places(&list),
            [
                ("8.8.8.8".to_owned(), "US", 0),
                ("8.8.4.4".to_owned(), "US", 0),
                ("1.1.1.1".to_owned(), "anycast", 1),
                ("9.9.9.9".to_owned(), "ZZ", 2),
                ("9.9.9.10".to_owned(), "ZZ", 2),
                ("2001:4860:4860::8888".to_owned(), "ZZ", 3),
                ("2001:4860:4860:1::1".to_owned(), "ZZ", 3),
            ]
        );
        assert_eq!((list.networks, list.duplicates, list.excluded), (4, 1, 2));
        assert_eq!(list.third_parties(), 7);
    }

    #[test]
    fn a_bare_list_of_addresses_is_read_too() {
        let list = ResolverList::parse("# list\n1.1.1.1\n\n  9.9.9.9 \n", false).unwrap();
        assert_eq!(list.resolvers.len(), 2);
    }

    #[test]
    fn private_addresses_are_asked_when_allowed_but_never_multicast_ones() {
        let list = ResolverList::parse("127.0.0.1\n224.0.0.1\n0.0.0.0\n", true).unwrap();
        assert_eq!((list.resolvers.len(), list.excluded), (1, 2));
        assert!(list.is_loopback() && list.third_parties() == 0);
    }

    #[test]
    fn a_bad_list_names_the_line() {
        for (text, wanted) in [
            ("", "no resolver"),
            ("1.1.1.1\nnonsense\n", "line 2: \"nonsense\" is not an IP address"),
            ("ip_address,as_number\n1.1.1.1,x\n", "line 2: as_number \"x\""),
            ("10.0.0.1\n", "allow_private"),
        ] {
            let error = ResolverList::parse(text, false).unwrap_err();
            assert!(format!("{error:#}").contains(wanted), "{error:#}");
        }
    }

    #[test]
    fn a_million_lines_are_read() {
        let mut text = String::from("ip_address,country_code\n");
        for n in 0..1_000_000_u32 {
            text.extend([&std::net::Ipv4Addr::from(0x0b00_0000 + n).to_string(), ",DE\n"]);
        }
        assert_eq!(ResolverList::parse(&text, false).unwrap().resolvers.len(), 1_000_000);
    }
}
