//! Whom an on-demand page may contact for whoever asks: what the config lists. No I/O, no clock.

use std::fmt;
use std::net::IpAddr;

use serde::Deserialize;

/// Hosts that may be contacted, each with any port or with one: `host.example`, `*.example` (every
/// name below it, however deep), `192.0.2.1`, `10.0.0.0/8`, `[2001:db8::]/32`, `host.example:443`, or `*`;
/// and sockets of this machine by their paths: `/run/a.sock`, or `/run/a/` for all below. No `*` is one.
///
/// A name is allowed by its name and an address by its network. Names are not looked up here, so that
/// what a stranger's DNS says allows nothing.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(try_from = "Vec<String>")]
pub struct AllowList(Vec<Entry>);

/// Whom a measurement contacts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    host: Host,
    /// None where there are no ports.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    hosts: Hosts,
    /// None for any.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    Any,
    Name(String),
    /// With the dot before it.
    Below(String),
    Network(IpAddr, u8),
    /// Of a socket, or of a folder if it ends so.
    Path(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    /// In small letters, without a dot at its end.
    Name(String),
    Address(IpAddr),
    /// Of a socket of this machine; from the root, and straight down.
    Path(String),
}

impl AllowList {
    /// Whether it lists a path: for who has no sockets to ask.
    pub fn lists_paths(&self) -> bool {
        self.0.iter().any(|entry| matches!(entry.hosts, Hosts::Path(_)))
    }

    /// Whether a destination may be contacted.
    pub fn allows(&self, destination: &Destination) -> bool {
        self.0.iter().any(|entry| {
            entry.port.is_none_or(|port| destination.port == Some(port))
                && match (&entry.hosts, &destination.host) {
                    (Hosts::Path(allowed), Host::Path(path)) => {
                        allowed == path || (allowed.ends_with('/') && path.starts_with(allowed))
                    }
                    (_, Host::Path(_)) => false,
                    (Hosts::Any, _) => true,
                    (Hosts::Name(allowed), Host::Name(name)) => allowed == name,
                    (Hosts::Below(allowed), Host::Name(name)) => name.ends_with(allowed.as_str()),
                    (Hosts::Network(network, bits), Host::Address(address)) => {
                        prefix(*network, *bits) == prefix(*address, *bits)
                    }
                    _ => false,
                }
        })
    }
}

impl Destination {
    /// A host by its name or address (of IPv6 with or without brackets), and a port where there is one.
    pub fn new(host: &str, port: Option<u16>) -> Self {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let host = match bare.parse::<IpAddr>() {
            Ok(address) => Host::Address(address.to_canonical()),
            Err(_) => Host::Name(name(host)),
        };
        Self { host, port }
    }

    /// The host, by its name or its address; none of a socket.
    pub fn host(&self) -> Option<String> {
        match &self.host {
            Host::Name(name) => Some(name.clone()),
            Host::Address(address) => Some(address.to_string()),
            Host::Path(_) => None,
        }
    }

    /// A socket of this machine by its path, which must be one from the root and straight down; none else.
    pub fn socket(path: &str) -> Option<Self> {
        let host = is_straight(path).then(|| Host::Path(path.to_owned()))?;
        Some(Self { host, port: None })
    }
}

impl TryFrom<Vec<String>> for AllowList {
    type Error = String;

    fn try_from(entries: Vec<String>) -> Result<Self, String> {
        let entry = |(number, text): (usize, &String)| {
            let entry = Entry::parse(text);
            entry.ok_or_else(|| {
                format!(
                    "entry {}: must be a host, `*.` and a domain, an address, a network as in \
                     `10.0.0.0/8` or `[2001:db8::]/32`, or `*`, after which a port may follow, as in `:443`; or the \
                     path of a socket",
                    number + 1
                )
            })
        };
        entries.iter().enumerate().map(entry).collect::<Result<_, _>>().map(Self)
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        // A bare address of IPv6 has colons of its own.
        if let Some(hosts) = Hosts::parse(text) {
            return Some(Self { hosts, port: None });
        }
        let (hosts, port) = text.rsplit_once(':')?;
        let port = port.parse().ok().filter(|port| *port > 0)?;
        let is_bare_v6 = hosts.contains(':') && !hosts.starts_with('[');
        let hosts = Hosts::parse(hosts).filter(|_| !is_bare_v6)?;
        Some(Self { hosts, port: Some(port) })
    }
}

impl Hosts {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Any);
        }
        if text.starts_with('/') {
            return is_straight(text).then(|| Self::Path(text.to_owned()));
        }
        let (host, bits) = match text.split_once('/') {
            Some((host, bits)) => (host, Some(bits.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if let Ok(address) = bare.parse::<IpAddr>() {
            let all = if address.is_ipv4() { 32 } else { 128 };
            let bits = bits.unwrap_or(all);
            return (bits <= all).then_some(Self::Network(address, bits));
        }
        let (below, domain) = match text.strip_prefix("*.") {
            Some(domain) => (true, domain),
            None => (false, text),
        };
        let domain = name(domain);
        if !is_name(&domain) {
            return None;
        }
        Some(if below { Self::Below(format!(".{domain}")) } else { Self::Name(domain) })
    }
}

/// The first bits of an address, which are a network's; those of IPv4 are never those of IPv6.
fn prefix(address: IpAddr, bits: u8) -> (bool, u128) {
    let (value, all) = match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    };
    (address.is_ipv4(), value.checked_shr(u32::from(all - bits.min(all))).unwrap_or(0))
}

/// Whether a path begins at the root and never goes up: so it lies below what it begins with.
fn is_straight(path: &str) -> bool {
    path.starts_with('/') && !path.contains('\0') && path.split('/').all(|part| part != "..")
}

fn name(text: &str) -> String {
    text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase()
}

fn is_name(text: &str) -> bool {
    let is_label = |label: &str| {
        let plain =
            |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' || byte >= 0x80;
        !label.is_empty() && label.len() <= 63 && label.bytes().all(plain)
    };
    // Digits alone at the end are an address that is written badly.
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= 253
        && text.split('.').all(is_label)
        && !last.bytes().all(|it| it.is_ascii_digit())
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Name(name) | Host::Path(name) => write!(f, "{name}")?,
            Host::Address(IpAddr::V6(address)) if self.port.is_some() => write!(f, "[{address}]")?,
            Host::Address(address) => write!(f, "{address}")?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[&str]) -> Result<AllowList, String> {
        entries.iter().map(|entry| (*entry).to_owned()).collect::<Vec<_>>().try_into()
    }

    fn allowed(entry: &str, host: &str, port: Option<u16>) -> bool {
        list(&[entry]).unwrap().allows(&Destination::new(host, port))
    }

    #[test]
    fn what_the_list_names_is_allowed_and_nothing_else() {
        for (entry, host, port, is) in [
            ("host.example", "host.example", Some(443), true),
            ("host.example", "HOST.example.", None, true),
            ("Host.Example.", "host.example", None, true),
            ("host.example", "a.host.example", None, false),
            ("host.example", "host.example.evil", None, false),
            ("*.example", "a.example", None, true),
            ("*.example", "a.b.example", None, true),
            ("*.example", "example", None, false),
            ("*.example", "evilexample", None, false),
            ("host.example:443", "host.example", Some(443), true),
            ("host.example:443", "host.example", Some(444), false),
            ("host.example:443", "host.example", None, false),
            ("192.0.2.1", "192.0.2.1", Some(1), true),
            ("192.0.2.1", "192.0.2.2", None, false),
            ("192.0.2.1", "::ffff:192.0.2.1", None, true),
            ("10.0.0.0/8", "10.255.0.1", None, true),
            ("10.0.0.0/8", "11.0.0.1", None, false),
            ("10.0.0.0/8:80", "10.0.0.1", Some(80), true),
            ("10.0.0.0/8:80", "10.0.0.1", Some(81), false),
            ("0.0.0.0/0", "203.0.113.1", None, true),
            ("0.0.0.0/0", "2001:db8::1", None, false),
            ("::/0", "203.0.113.1", None, false),
            ("2001:db8::/32", "[2001:db8:1::1]", None, true),
            ("[2001:db8::]/32:80", "2001:db8::1", Some(80), true),
            ("[::1]:80", "::1", Some(80), true),
            ("2001:db8::80", "2001:db8::80", Some(1), true),
            // A name is not an address, whatever it resolves to, and however an address is written.
            ("127.0.0.0/8", "localhost", None, false),
            ("127.0.0.0/8", "0x7f.1", None, false),
            ("127.0.0.0/8", "2130706433", None, false),
            ("localhost", "127.0.0.1", None, false),
            ("*", "anything", Some(1), true),
            ("*", "::1", None, true),
            ("*:443", "anything", Some(443), true),
            ("*:443", "anything", Some(80), false),
        ] {
            assert_eq!(allowed(entry, host, port), is, "{entry} {host} {port:?}");
        }
        assert!(!AllowList::default().allows(&Destination::new("a", None)));
    }

    #[test]
    fn a_socket_is_allowed_by_its_path_and_by_no_star() {
        let socket = |path: &str| Destination::socket(path).unwrap();
        for (entry, path, is) in [
            ("/run/a.sock", "/run/a.sock", true),
            ("/run/a.sock", "/run/b.sock", false),
            ("/run/", "/run/a/b.sock", true),
            ("/run", "/run/b.sock", false),
            ("/run/", "/running", false),
            ("*", "/run/a.sock", false),
            ("run", "/run", false),
        ] {
            assert_eq!(list(&[entry]).unwrap().allows(&socket(path)), is, "{entry} {path}");
        }
        assert!(!allowed("/", "a.example", None) && list(&["/run/../etc/"]).is_err());
        for bad in ["run/a.sock", "/run/../a.sock", "@a", ""] {
            assert_eq!(Destination::socket(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_entry_that_means_nothing_is_refused_by_its_number_and_not_repeated() {
        for bad in [
            "",
            "a b",
            "http://a",
            "u:pw@a",
            "a/8",
            "10.0.0.0/33",
            "::/129",
            "a:0",
            "a:b",
            "a:70000",
            "*.",
            "**",
            "a.*",
            "*a",
            ".a",
            "10.0.0.256",
            "10.0",
            "[::1",
            "a..b",
        ] {
            let error = list(&["good", bad]).unwrap_err();
            assert!(error.starts_with("entry 2: must be"), "{bad}: {error}");
            assert!(!error.contains("pw"), "{error}");
        }
    }

    #[test]
    fn a_destination_shows_itself_as_a_config_would_write_it() {
        for (host, port, shown) in [
            ("A.example.", Some(80), "a.example:80"),
            ("[::1]", Some(80), "[::1]:80"),
            ("::1", None, "::1"),
            ("10.0.0.1", Some(623), "10.0.0.1:623"),
        ] {
            assert_eq!(Destination::new(host, port).to_string(), shown);
            assert!(allowed(shown, host, port));
        }
    }
}
