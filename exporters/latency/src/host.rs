//! Whose addresses are probed, and which of them. No I/O, no clock.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use exporter_kit::config::{self, host_address, host_name};
use serde::Deserialize;
use url::Url;

/// Whose addresses are probed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// This one.
    Ip(IpAddr),
    /// This one, which means something only on a link of this machine.
    Zoned(Ipv6Addr, Zone),
    /// Those of this name.
    Name(String),
}

/// The name or the index of the interface at a link, as it stands after the `%` of `fe80::1%eth0`.
pub(crate) type Zone = String;

impl Host {
    /// Reads a name or an address. An IPv4 address that is written as an IPv6 one is an IPv4 address;
    /// a name of other letters is the one that stands for it in the DNS, as in a URL.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if let Ok(ip) = bare.parse::<IpAddr>() {
            return Some(Self::Ip(ip.to_canonical()));
        }
        if let Some((ip, zone)) = bare.split_once('%') {
            return Some(Self::Zoned(ip.parse().ok()?, interface(zone)?.to_owned()));
        }
        host_name(text).ok().map(Self::Name)
    }

    /// The interface that its address belongs to, where it says so.
    pub(crate) fn zone(&self) -> Option<&Zone> {
        match self {
            Self::Zoned(_, zone) => Some(zone),
            Self::Ip(_) | Self::Name(_) => None,
        }
    }

    /// Reads `HOST:PORT`, or `[IP]:PORT` for IPv6.
    pub(crate) fn parse_with_port(text: &str) -> Option<(Self, u16)> {
        let (name, port) = text.rsplit_once(':')?;
        if name.contains(':') && !name.starts_with('[') {
            return None;
        }
        Some((Self::parse(name)?, config::port(port)?))
    }

    /// Refuses an address that no single host has.
    pub(crate) fn is_one(&self) -> Result<(), &'static str> {
        match self {
            Self::Ip(ip) => host_address(*ip).map(drop),
            Self::Zoned(ip, _) => host_address((*ip).into()).map(drop),
            Self::Name(_) => Ok(()),
        }
    }
}

/// Refuses a URL whose host is another than is written there: `http://127.1/` and `http://0177.0.0.1/` are
/// read as addresses, `http:///a/b` has the host `a`.
pub(crate) fn is_spelled_out(text: &str, url: &Url) -> Result<(), String> {
    let must = "must name its host as it is: a name, or an address as in 192.0.2.1";
    let (_, rest) = text.split_once("://").ok_or(must)?;
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let authority = authority.rsplit_once('@').map_or(authority, |(_, rest)| rest);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (authority, ""),
    };
    if !port.is_empty() && config::port(port).is_none() {
        return Err("must have a port from 1 to 65535".to_owned());
    }
    let is_same = match url.host() {
        Some(url::Host::Ipv4(ip)) => host == ip.to_string(),
        Some(url::Host::Ipv6(_)) => host.starts_with('['),
        Some(url::Host::Domain(name)) => {
            host_name(host).is_ok_and(|host| host.eq_ignore_ascii_case(name))
        }
        None => false,
    };
    if is_same { Ok(()) } else { Err(must.to_owned()) }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Zoned(ip, zone) => write!(f, "{ip}%{zone}"),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// A text that can be the name or the index of an interface (`IFNAMSIZ` of `linux/if.h`).
pub(crate) fn interface(text: &str) -> Option<&str> {
    let fits = |c: char| c.is_ascii_graphic() && !"/%]".contains(c);
    ((1..16).contains(&text.len()) && text.chars().all(fits)).then_some(text)
}

/// Which addresses of a name are probed: a section of a module that has no other keys.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Hash)]
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
#[serde(try_from = "String")]
pub(crate) enum IpProtocol {
    Ip4,
    Ip6,
}

impl TryFrom<String> for IpProtocol {
    type Error = &'static str;

    fn try_from(word: String) -> Result<Self, &'static str> {
        match word.as_str() {
            // The second is what many write. The peer takes it so, and `ipv6` for the same, which nobody can mean.
            "ip4" | "ipv4" => Ok(Self::Ip4),
            "ip6" => Ok(Self::Ip6),
            _ => Err("must be ip4 or ip6"),
        }
    }
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

    /// Those of them that can be probed from an address of this machine: only its own family.
    pub(crate) fn probed_from(self, source: Option<IpAddr>) -> Result<Self, String> {
        match (source, self) {
            (None, _) => Ok(self),
            (Some(IpAddr::V4(_)), Self::Both | Self::V4ElseV6 | Self::OnlyV4) => Ok(Self::OnlyV4),
            (Some(IpAddr::V6(_)), Self::Both | Self::V6ElseV4 | Self::OnlyV6) => Ok(Self::OnlyV6),
            (Some(_), _) => Err("source_ip_address: is of another family than \
                                 preferred_ip_protocol; leave that out"
                .to_owned()),
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
        for bad in [
            "",
            "192.0.2",
            "a b",
            "http://a/",
            "a:80",
            ".a",
            "a..b",
            "ü b",
            "ü/",
            "ü..b",
            "-a.localhost",
            "0x7f000001",
            "5",
            "a\u{200b}",
        ] {
            assert_eq!(Host::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_url_names_its_host_as_it_is() {
        let is_spelled_out = |text: &str| is_spelled_out(text, &Url::parse(text).unwrap());
        for good in [
            "http://a.example",
            "https://A.Example:81/b?c#d",
            "http://192.0.2.1:80/",
            "http://[::1]/",
            "http://[::1]:81?a",
            "https://u:p%40@a.example/@b",
            "http://münchen.de/",
            "wss://a.example/",
            "http://a_b.example./",
            "http://a.example:/",
        ] {
            assert_eq!(is_spelled_out(good), Ok(()), "{good}");
        }
        for bad in [
            "http://127.1/",
            "http://0177.0.0.1/",
            "http://2130706433",
            "http://0x7f000001:80/",
            "http:///127.0.0.1:18080",
            "http:a.example",
            "http:/a.example",
            "http:\\\\a.example\\",
            "http://h:0/",
            "http://a\u{200b}b.example/",
            "http://a\u{ad}.example/",
            "http://-a.example/",
            "http://%61.example/",
            &format!("http://{}/", "x".repeat(64)),
            "http://a..b/",
        ] {
            let error = is_spelled_out(bad).unwrap_err();
            assert!(error.starts_with("must "), "{bad}");
        }
    }

    #[test]
    fn an_address_may_be_written_in_other_ways() {
        assert_eq!(Host::parse("::ffff:192.0.2.1"), Some(ip("192.0.2.1")));
        let zoned = |zone: &str| Some(Host::Zoned("fe80::1".parse().unwrap(), zone.to_owned()));
        assert_eq!(Host::parse("fe80::1%eth0"), zoned("eth0"));
        assert_eq!(Host::parse("[fe80::1%2]"), zoned("2"));
        assert_eq!(zoned("eth0.7").unwrap().to_string(), "fe80::1%eth0.7");
        assert_eq!(Host::parse_with_port("[fe80::1%eth0]:22"), Some((zoned("eth0").unwrap(), 22)));
        for bad in ["fe80::1%", "192.0.2.1%eth0", "a%eth0", "fe80::1%a/b", "fe80::1%a%b"] {
            assert_eq!(Host::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_name_may_be_written_as_people_write_it() {
        assert_eq!(Host::parse("münchen.de"), Some(name("xn--mnchen-3ya.de")));
        assert_eq!(Host::parse("例え.テスト"), Some(name("xn--r8jz45g.xn--zckzah")));
        assert_eq!(
            Host::parse_with_port("Bücher.example:25"),
            Some((name("xn--bcher-kva.example"), 25))
        );
    }

    #[test]
    fn a_port_stands_after_the_last_colon() {
        assert_eq!(Host::parse_with_port("a.example:443"), Some((name("a.example"), 443)));
        assert_eq!(Host::parse_with_port("[::1]:80"), Some((ip("::1"), 80)));
        for bad in ["a.example", "::1:80", "a:0", "a:99999", ":80", "a:+80"] {
            assert_eq!(Host::parse_with_port(bad), None, "{bad}");
        }
    }
}
