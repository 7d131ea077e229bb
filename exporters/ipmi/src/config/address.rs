//! Where a BMC is reached: over the LAN, or by a device.

use std::fmt;
use std::net::Ipv6Addr;
use std::path::PathBuf;

use exporter_kit::config::{host_address, host_name, port};
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

    /// Whether `text` means this address; a host without a port means the port of IPMI, as in the config.
    pub(crate) fn is(&self, text: &str) -> bool {
        Self::try_from(text.to_owned()).is_ok_and(|it| it.normal() == self.clone().normal())
    }

    /// The same as everybody would write it: a name in small letters. One with a dot at its end stays another,
    /// since it is looked up in another way.
    pub(super) fn normal(self) -> Self {
        match self {
            // What follows a `%` is the name of an interface, which has letters of both kinds.
            Self::Lan { host, port } if !host.contains('%') => {
                Self::Lan { host: host.to_ascii_lowercase(), port }
            }
            it => it,
        }
    }

    /// As short as it can be written.
    pub(super) fn short(&self) -> String {
        match self {
            Self::Lan { host, port: PORT } => host.clone(),
            it => it.to_string(),
        }
    }

    /// Whether its port looks like a part of its address, as in `2001:db8::1:623`.
    pub(super) fn may_have_lost_its_port(&self) -> bool {
        let Self::Lan { host, port: PORT } = self else { return false };
        let last = host.parse::<Ipv6Addr>().map(|ip| ip.segments()[7]);
        // As hexadecimal digits it is written so.
        last.is_ok_and(|last| last == 0x623)
    }
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if is_device(&text) {
            return Ok(Self::Device(PathBuf::from(text)));
        }
        let (host, port) = parts(&text).ok_or(MUST)?;
        Ok(Self::Lan { host: host_of(host)?, port })
    }
}

const MUST: &str = "must be a host or host:port, as in 192.0.2.1, bmc.example:623 or [2001:db8::1]:623, \
                    or a device, as in /dev/ipmi0";

/// The host, without brackets, and the port. Who has colons has brackets around them where a port
/// follows.
fn parts(text: &str) -> Option<(&str, u16)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        let is_v6 = host.contains(':');
        let port = if rest.is_empty() { Some(PORT) } else { port(rest.strip_prefix(':')?) };
        return port.filter(|_| is_v6).map(|port| (host, port));
    }
    match text.split_once(':') {
        None => Some((text, PORT)),
        Some((_, rest)) if rest.contains(':') => Some((text, PORT)),
        Some((host, digits)) => Some((host, port(digits)?)),
    }
}

fn host_of(text: &str) -> Result<String, String> {
    if let Ok(address) = text.parse() {
        return Ok(host_address(address)?.to_string());
    }
    if let Some((address, interface)) = text.split_once('%') {
        let address: Ipv6Addr = address.parse().map_err(|_| MUST)?;
        let fits = |c: char| c.is_ascii_graphic() && !"/%]".contains(c);
        // As long as the kernel's names of interfaces (`IFNAMSIZ`).
        let is_interface = (1..16).contains(&interface.len()) && interface.chars().all(fits);
        host_address(address.into())?;
        return if is_interface { Ok(text.to_owned()) } else { Err(MUST.to_owned()) };
    }
    if text.is_empty() || text.contains([':', '/', '@']) {
        return Err(MUST.to_owned());
    }
    Ok(host_name(text)?)
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
