//! One resolver as a config or a list writes it: by its address, or by its name. No I/O, no clock.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::ANYCAST;
use crate::exchange::HostName;
use crate::exchange::identity::{CertifiedName, HttpPath};

/// What is wrong with where a resolver is said to be.
pub(crate) const NOWHERE: &str = "must be an IP address, or a host name with its domain (`localhost` alone has none), or either with a port (IP:PORT, [IP]:PORT for IPv6, NAME:PORT)";

/// An address, and what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    /// The address.
    pub(crate) address: IpAddr,
    /// The name by which it was found, if that is how it is written.
    pub(crate) host: Option<HostName>,
    /// Its port, where one is given.
    pub(crate) port: Option<u16>,
    /// Its country, where it is known.
    pub(crate) country: Option<Country>,
    /// The autonomous system that announces it.
    pub(crate) asn: Option<u32>,
    /// Who it must be by TLS.
    pub(crate) certified: Certified,
}

/// Who a resolver must be where it is asked by TLS, as far as that is said of it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Certified {
    /// The name in its certificate.
    pub(crate) name: Option<CertifiedName>,
    /// Where it answers by HTTPS.
    pub(crate) path: Option<HttpPath>,
}

/// A resolver as it is written: where it is, and what is said of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Listed {
    /// Where it is.
    pub(crate) at: At,
    /// Its country, where it is known.
    pub(crate) country: Option<Country>,
    /// The autonomous system that announces it.
    pub(crate) asn: Option<u32>,
    /// Who it must be by TLS.
    pub(crate) certified: Certified,
}

impl Listed {
    /// The resolver, where it is written by its address.
    pub(crate) fn entry(&self) -> Option<Entry> {
        match self.at.host {
            Host::Address(address) => Some(self.entry_at(address)),
            Host::Name(_) => None,
        }
    }

    /// The resolver, at an address that is its own or that its name has.
    pub(crate) fn entry_at(&self, address: IpAddr) -> Entry {
        let Self { at, country, asn, certified } = self.clone();
        Entry { address, host: at.name().cloned(), port: at.port, country, asn, certified }
    }
}

/// A country as it is used in a label: two capitals, or [`ANYCAST`].
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "String")]
pub(crate) struct Country(pub(super) String);

impl Country {
    /// A country, if the text is one.
    pub(crate) fn new(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case(ANYCAST) {
            return Some(Self(ANYCAST.to_owned()));
        }
        let two_letters = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
        two_letters.then(|| Self(text.to_ascii_uppercase()))
    }
}

impl Country {
    /// Its code.
    pub(crate) fn code(&self) -> &str {
        &self.0
    }

    /// Its code, to be kept.
    pub(crate) fn into_code(self) -> String {
        self.0
    }
}

impl TryFrom<String> for Country {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        Self::new(&text).ok_or("must be two letters, as in NL, or anycast")
    }
}

/// The number of an autonomous system, as lists have it: `64500`, `AS64500`, `64500.0`; nothing where it is none.
pub(super) fn system(text: &str) -> Option<u32> {
    let text = text.trim_start_matches(['A', 'a']).trim_start_matches(['S', 's']);
    text.split('.').next().and_then(|number| number.parse().ok())
}

/// An address; one with a zone (`fe80::1%eth0`) is link-local, whatever the zone is.
pub(crate) fn address(text: &str) -> Option<IpAddr> {
    match text.split_once('%') {
        Some((address, _zone)) => address.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => text.parse().ok(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Full {
    address: At,
    country: Option<Country>,
    asn: Option<u32>,
    server_name: Option<CertifiedName>,
    path: Option<HttpPath>,
    /// For the reader of the config only.
    #[serde(default, rename = "name")]
    _name: String,
}

/// An address or a name, with a port or without.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "String")]
pub(crate) struct At {
    /// Whose.
    pub(crate) host: Host,
    /// The port.
    pub(crate) port: Option<u16>,
}

/// An address or a name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Host {
    /// An address.
    Address(IpAddr),
    /// A name, whose addresses are looked up.
    Name(HostName),
}

impl At {
    /// The name, where it is one.
    pub(crate) fn name(&self) -> Option<&HostName> {
        match &self.host {
            Host::Address(_) => None,
            Host::Name(name) => Some(name),
        }
    }
}

/// A port in digits alone.
fn number(port: &str) -> Option<u16> {
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    port.parse().ok().filter(|port| is_number && *port > 0)
}

/// Whether a name is one that is looked up: what is in a wrong line, or an address that has a slip, is nobody's to know.
/// No top-level domain begins with a digit (RFC 3696 §2), or has one letter.
fn is_whole(name: &HostName) -> bool {
    let last = name.as_str().rsplit_once('.').map(|(_, last)| last);
    let is_domain =
        |last: &str| last.len() > 1 && !last.starts_with(|it: char| it.is_ascii_digit());
    last.map_or(name.as_str() == "localhost", is_domain)
}

impl TryFrom<String> for At {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        if let Ok(address) = text.parse() {
            return Ok(Self { host: Host::Address(address), port: None });
        }
        if let Ok(at) = text.parse::<SocketAddr>() {
            let port = Some(at.port()).filter(|port| *port > 0).ok_or(NOWHERE)?;
            return Ok(Self { host: Host::Address(at.ip()), port: Some(port) });
        }
        let (name, port) = match text.split_once(':') {
            Some((name, port)) => (name, Some(number(port).ok_or(NOWHERE)?)),
            None => (text.as_str(), None),
        };
        let name: HostName = name.parse().map_err(|_| NOWHERE)?;
        if !is_whole(&name) {
            return Err(NOWHERE);
        }
        Ok(Self { host: Host::Name(name), port })
    }
}

impl<'de> Deserialize<'de> for Listed {
    /// An address or a name alone, with its port or without, or a mapping.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either)
    }
}

struct Either;

impl<'de> Visitor<'de> for Either {
    type Value = Listed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "an IP address or a host name, or a mapping with the fields address, country, asn, name, server_name, path",
        )
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Listed, E> {
        let at = At::try_from(text.to_owned());
        let at = at.map_err(|_| E::invalid_value(de::Unexpected::Other(""), &self))?;
        Ok(Listed { at, country: None, asn: None, certified: Certified::default() })
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Listed, M::Error> {
        let full = Full::deserialize(MapAccessDeserializer::new(map))?;
        let Full { address: at, country, asn, server_name: name, path, _name } = full;
        Ok(Listed { at, country, asn, certified: Certified { name, path } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolver_is_where_its_address_or_its_name_says_and_nowhere_by_a_slip() {
        let at = |text: &str| At::try_from(text.to_owned());
        for (text, host, port) in [
            ("9.9.9.9", "9.9.9.9", None),
            ("9.9.9.9:5353", "9.9.9.9", Some(5353)),
            ("[2620:fe::fe]:53", "2620:fe::fe", Some(53)),
            ("Dns.Example.", "dns.example", None),
            ("dns.example:853", "dns.example", Some(853)),
            ("localhost", "localhost", None),
        ] {
            let at = at(text).unwrap();
            let found = match &at.host {
                Host::Address(address) => address.to_string(),
                Host::Name(name) => name.to_string(),
            };
            assert_eq!((found.as_str(), at.port), (host, port), "{text}");
            assert_eq!(
                at.name().is_some(),
                host.ends_with(|it: char| it.is_alphabetic()) && !host.contains(':')
            );
        }
        for text in [
            "9.9.9",
            "9.9.9.256",
            "9.9.9.9:0",
            "9.9.9.9:66000",
            "dns.example:0",
            "dns.example:66000",
            "dns..example",
            "u:s3cret@h",
            "fe80::1%eth0",
            "",
            ":53",
            "1.1.1.l",
            "8.8.8.8x",
            "s3cret",
            "0x7f000001",
            "1.2.3.0x4",
            "fe80:53",
            "dns.example:+53",
            "https://dns.example/dns-query",
        ] {
            assert_eq!(at(text), Err(NOWHERE), "{text}");
        }
    }
}
