//! One resolver as a config or a list writes it. No I/O, no clock.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::ANYCAST;

/// An address, and what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    /// The address.
    pub(crate) address: IpAddr,
    /// Its port, where that is another than that of its set.
    pub(crate) port: Option<u16>,
    /// Its country, where it is known.
    pub(crate) country: Option<Country>,
    /// The autonomous system that announces it.
    pub(crate) asn: Option<u32>,
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
    /// For the reader of the config only.
    #[serde(default, rename = "name")]
    _name: String,
}

/// An address, with a port or without.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct At(IpAddr, Option<u16>);

impl TryFrom<String> for At {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        if let Ok(address) = text.parse() {
            return Ok(Self(address, None));
        }
        let at = text.parse::<SocketAddr>().ok().filter(|it| it.port() > 0);
        at.map(|it| Self(it.ip(), Some(it.port())))
            .ok_or("must be an IP address, or IP:PORT ([IP]:PORT for IPv6)")
    }
}

impl<'de> Deserialize<'de> for Entry {
    /// An address alone, with its port or without, or a mapping.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either)
    }
}

struct Either;

impl<'de> Visitor<'de> for Either {
    type Value = Entry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an IP address, or a mapping with the fields address, country, asn, name")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Entry, E> {
        let at = At::try_from(text.to_owned());
        let At(address, port) =
            at.map_err(|_| E::invalid_value(de::Unexpected::Other(""), &self))?;
        Ok(Entry { address, port, country: None, asn: None })
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Entry, M::Error> {
        let full = Full::deserialize(MapAccessDeserializer::new(map))?;
        let At(address, port) = full.address;
        Ok(Entry { address, port, country: full.country, asn: full.asn })
    }
}
