//! Where a BMC is reached: over the LAN, or by a device.

use std::fmt;
use std::path::PathBuf;

use exporter_kit::on_demand::Destination;
use serde::Deserialize;

use super::driver::Driver;

/// The port of IPMI over LAN.
const PORT: u16 = 623;

/// Where a BMC is reached.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub(crate) enum Address {
    /// Over the LAN, as in `bmc-1.example`, `192.0.2.1:1623` or `[2001:db8::1]:623`.
    Lan {
        /// A name or an IP address, without brackets.
        host: String,
        /// The UDP port.
        port: u16,
    },
    /// The BMC of the machine that the exporter runs on, as in `/dev/ipmi0`.
    Device(PathBuf),
}

impl Address {
    pub(super) fn driver(&self) -> Driver {
        match self {
            Self::Lan { .. } => Driver::Lan20,
            Self::Device(_) => Driver::OpenIpmi,
        }
    }

    /// Whom it contacts; `None` for a device.
    pub(super) fn destination(&self) -> Option<Destination> {
        match self {
            Self::Lan { host, port } => Some(Destination::new(host, Some(*port))),
            Self::Device(_) => None,
        }
    }

    /// Whether `text` means this address: with its port or without.
    pub(crate) fn is(&self, text: &str) -> bool {
        let host = match self {
            Self::Lan { host, .. } => Some(host.as_str()),
            Self::Device(_) => None,
        };
        host == Some(text) || self.to_string() == text
    }
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if is_device(&text) {
            return Ok(Self::Device(PathBuf::from(text)));
        }
        let bare_v6 = text.parse::<std::net::Ipv6Addr>().is_ok();
        let (host, port) = match text.rsplit_once(':') {
            _ if bare_v6 => (text.as_str(), None),
            Some((host, port)) if !host.ends_with(':') && !text.ends_with(']') => {
                (host, Some(port))
            }
            _ => (text.as_str(), None),
        };
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let port = port.map_or(Some(PORT), |port| port.parse().ok().filter(|port| *port != 0));
        let clean = |c: char| c.is_ascii_alphanumeric() || ".-_:%".contains(c);
        match port {
            Some(port) if !host.is_empty() && host.chars().all(clean) => {
                Ok(Self::Lan { host: host.to_owned(), port })
            }
            _ => Err("must be a host or host:port, as in 192.0.2.1, bmc.example:623 or \
                      [2001:db8::1]:623, or a device, as in /dev/ipmi0"
                .to_owned()),
        }
    }
}

/// Whether it is a name that udev or the kernel's documents give a BMC's device: `/dev/ipmi0`,
/// `/dev/ipmi/0` or `/dev/ipmidev/0`.
fn is_device(text: &str) -> bool {
    let places = ["/dev/ipmidev/", "/dev/ipmi/", "/dev/ipmi"];
    let number = places.iter().find_map(|place| text.strip_prefix(place));
    number.is_some_and(|it| (1..=3).contains(&it.len()) && it.bytes().all(|c| c.is_ascii_digit()))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lan { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Lan { host, port } => write!(f, "{host}:{port}"),
            Self::Device(path) => write!(f, "{}", path.display()),
        }
    }
}
