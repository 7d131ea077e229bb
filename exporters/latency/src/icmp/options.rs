//! What an echo is sent with beside its address. No I/O, no clock.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::IpAddr;

use super::echo::{Family, ORDINARY_PAYLOAD, SHORTEST_PAYLOAD};
use super::socket::Kind;

/// What a system's TTL is.
const ORDINARY_TTL: u8 = 64;
/// A payload of fewer bytes has no room for what a reply is known by.
pub(crate) const FEW: u64 = SHORTEST_PAYLOAD as u64;
/// The largest that fits an IPv4 packet, with its header and that of ICMP.
const LONGEST_PAYLOAD: u64 = 65_507;

/// What an echo is sent with; what the system would choose where nothing is said.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct EchoOptions {
    /// TTL, or hop limit.
    pub(crate) ttl: Option<u8>,
    /// Differentiated services code point (RFC 2474).
    pub(crate) dscp: Option<u8>,
    /// Bytes behind the header of ICMP.
    pub(crate) payload: Option<usize>,
    /// Whether neither this machine nor a router may fragment it.
    pub(crate) dont_fragment: bool,
    /// The address of this machine that it is sent from.
    pub(crate) source: Option<IpAddr>,
    /// The interface that it leaves by, as its name or index.
    pub(crate) interface: Option<String>,
}

/// An address, as it is asked. An echo that dies on its way for its TTL says nothing of those to the same
/// address that do not.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Asked {
    /// The address.
    pub(crate) to: IpAddr,
    /// A number for the options; 0 where nothing is said. Small, as many are remembered: two that share it
    /// are taken for the same.
    pub(crate) options: u16,
}

impl EchoOptions {
    /// An address that is asked with these.
    pub(super) fn asked(&self, to: IpAddr) -> Asked {
        if *self == Self::default() {
            return Asked { to, options: 0 };
        }
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        let [.., high, low] = hasher.finish().to_be_bytes();
        Asked { to, options: u16::from_be_bytes([high, low]).max(1) }
    }

    /// The bytes behind the header of ICMP.
    pub(super) fn payload(&self) -> usize {
        self.payload.unwrap_or(ORDINARY_PAYLOAD)
    }

    /// What socket such an echo to a family needs.
    pub(super) fn kind(&self, family: Family) -> Kind {
        let source = match (family, self.source) {
            (Family::V6, Some(IpAddr::V6(source))) => Some(source),
            _ => None,
        };
        Kind { family, dont_fragment: self.dont_fragment, source }
    }

    /// The first of them that `surge-ping` cannot be told. An interface it can, of a link-local address.
    pub(crate) fn beyond_surge(&self, is_link_local: bool) -> Option<&'static str> {
        let first = [
            ("ttl", self.ttl.is_some_and(|ttl| ttl != ORDINARY_TTL)),
            ("dscp", self.dscp.is_some_and(|dscp| dscp != 0)),
            ("dont_fragment", self.dont_fragment),
            ("source_ip_address", self.source.is_some()),
            ("interface", self.interface.is_some() && !is_link_local),
        ];
        first.into_iter().find(|(_, is_asked)| *is_asked).map(|(option, _)| option)
    }

    /// The byte TOS, or traffic class.
    pub(super) fn traffic_class(&self) -> Option<u8> {
        self.dscp.map(|dscp| dscp << 2)
    }
}

/// Reads a TTL; 0 is none.
pub(crate) fn ttl(number: u64) -> Result<Option<u8>, String> {
    let ttl = u8::try_from(number).map_err(|_| "ttl: must be from 1 to 255".to_owned())?;
    Ok(Some(ttl).filter(|ttl| *ttl != 0))
}

/// Reads a code point.
pub(crate) fn dscp(number: u64) -> Result<u8, String> {
    let dscp = u8::try_from(number).ok().filter(|dscp| *dscp < 64);
    dscp.ok_or_else(|| "dscp: must be from 0 to 63, as 46 for expedited forwarding".to_owned())
}

/// Reads how many bytes an echo carries; 0 is the default.
pub(crate) fn payload(number: u64) -> Result<Option<usize>, String> {
    if number == 0 {
        return Ok(None);
    }
    let bytes = usize::try_from(number.min(LONGEST_PAYLOAD + 1)).unwrap_or(usize::MAX);
    if bytes < SHORTEST_PAYLOAD || number > LONGEST_PAYLOAD {
        return Err(format!(
            "payload_size: must be from {SHORTEST_PAYLOAD} to {LONGEST_PAYLOAD} bytes: random bits, by \
             which a reply is known, are among them"
        ));
    }
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_bounds() {
        assert_eq!([ttl(0), ttl(1), ttl(255)], [Ok(None), Ok(Some(1)), Ok(Some(255))]);
        assert!(ttl(256).is_err());
        assert_eq!([dscp(0), dscp(63)], [Ok(0), Ok(63)]);
        assert!(dscp(64).is_err());
        assert_eq!([payload(0), payload(18)], [Ok(None), Ok(Some(18))]);
        assert_eq!(payload(65_507), Ok(Some(65_507)));
        assert!([1, 17, 65_508, u64::MAX].into_iter().all(|size| payload(size).is_err()));
    }

    #[test]
    fn what_is_asked_alike_is_one_and_what_is_asked_otherwise_is_another() {
        let to = IpAddr::from([192, 0, 2, 1]);
        let plain = EchoOptions::default();
        let short = EchoOptions { ttl: Some(1), ..EchoOptions::default() };
        assert_eq!(plain.asked(to).options, 0);
        assert_ne!(short.asked(to).options, 0);
        assert_eq!(short.asked(to), short.clone().asked(to));
    }

    #[test]
    fn a_code_point_stands_in_the_upper_six_bits() {
        let options = EchoOptions { dscp: Some(46), ..EchoOptions::default() };
        assert_eq!(options.traffic_class(), Some(0xb8));
    }
}
