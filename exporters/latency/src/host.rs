//! Whose addresses are probed, and which of them. No I/O, no clock.

use std::fmt;
use std::net::IpAddr;

use serde::Deserialize;

/// Whose addresses are probed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// This one.
    Ip(IpAddr),
    /// Those of this name.
    Name(String),
}

impl Host {
    /// Reads a name or an address.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if let Ok(ip) = bare.parse() {
            return Some(Self::Ip(ip));
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        // All digits and dots is a mistyped IPv4 address, not a name.
        let named = !text.is_empty()
            && text.len() <= 253
            && text.chars().all(fits)
            && !text.starts_with('.')
            && !text.contains("..")
            && text.chars().any(|c| c.is_ascii_alphabetic());
        named.then(|| Self::Name(text.to_owned()))
    }

    /// Reads `HOST:PORT`, or `[IP]:PORT` for IPv6.
    pub(crate) fn parse_with_port(text: &str) -> Option<(Self, u16)> {
        let (name, port) = text.rsplit_once(':')?;
        if name.contains(':') && !name.starts_with('[') {
            return None;
        }
        let port = port.parse().ok().filter(|port| *port != 0)?;
        Some((Self::parse(name)?, port))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// Which addresses of a name are probed: a section of a module that has no other keys.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(from = "RawFamilies")]
pub(crate) enum Families {
    /// All of them: no `preferred_ip_protocol`.
    #[default]
    Both,
    /// `preferred_ip_protocol: ip4`.
    V4ElseV6,
    /// `preferred_ip_protocol: ip6`.
    V6ElseV4,
    /// `preferred_ip_protocol: ip4`, `ip_protocol_fallback: false`.
    OnlyV4,
    /// `preferred_ip_protocol: ip6`, `ip_protocol_fallback: false`.
    OnlyV6,
}

/// The value of `preferred_ip_protocol`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum IpProtocol {
    Ip4,
    Ip6,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFamilies {
    preferred_ip_protocol: Option<IpProtocol>,
    ip_protocol_fallback: Option<bool>,
}

impl Families {
    /// What the two keys mean together.
    pub(crate) fn of(preferred: Option<IpProtocol>, fallback: Option<bool>) -> Self {
        match (preferred, fallback.unwrap_or(true)) {
            (None, _) => Self::Both,
            (Some(IpProtocol::Ip4), true) => Self::V4ElseV6,
            (Some(IpProtocol::Ip6), true) => Self::V6ElseV4,
            (Some(IpProtocol::Ip4), false) => Self::OnlyV4,
            (Some(IpProtocol::Ip6), false) => Self::OnlyV6,
        }
    }
}

impl From<RawFamilies> for Families {
    fn from(raw: RawFamilies) -> Self {
        Self::of(raw.preferred_ip_protocol, raw.ip_protocol_fallback)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Host {
        Host::Name(text.to_owned())
    }

    fn ip(text: &str) -> Host {
        Host::Ip(text.parse().unwrap())
    }

    #[test]
    fn a_host_is_a_name_or_an_address() {
        assert_eq!(Host::parse("192.0.2.1"), Some(ip("192.0.2.1")));
        assert_eq!(Host::parse("2001:db8::1"), Some(ip("2001:db8::1")));
        assert_eq!(Host::parse("[2001:db8::1]"), Some(ip("2001:db8::1")));
        assert_eq!(Host::parse("a-b.example"), Some(name("a-b.example")));
        for bad in ["", "192.0.2", "a b", "http://a/", "a:80", ".a", "a..b"] {
            assert_eq!(Host::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_port_stands_after_the_last_colon() {
        assert_eq!(Host::parse_with_port("a.example:443"), Some((name("a.example"), 443)));
        assert_eq!(Host::parse_with_port("[::1]:80"), Some((ip("::1"), 80)));
        for bad in ["a.example", "::1:80", "a:0", "a:99999", ":80"] {
            assert_eq!(Host::parse_with_port(bad), None, "{bad}");
        }
    }
}
