//! The prefixes out of which resolvers make IPv6 addresses of IPv4 ones (DNS64): those of the network's own.
//! No I/O, no clock.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::Ipv6Net;

use crate::special;

/// The lengths that a prefix may have (RFC 6052 §2.2), the most frequent first.
const LENGTHS: [u8; 6] = [96, 64, 56, 48, 40, 32];

/// The name whose IPv6 addresses are made ones wherever there are any (RFC 7050 §3),
pub(crate) const PROBE: &str = "ipv4only.arpa";
/// and the IPv4 addresses that they are made of.
const KNOWN: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 0, 170), Ipv4Addr::new(192, 0, 0, 171)];

/// One of these prefixes.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Prefix(Ipv6Net);

impl Prefix {
    /// The prefix by which the IPv6 addresses of [`PROBE`] were made; nothing if they were not made of its own, or not all
    /// by one.
    pub(crate) fn of_probe(addresses: &[IpAddr]) -> Option<Self> {
        let IpAddr::V6(first) = addresses.first()? else { return None };
        let is_its = |it: &Self| {
            let made = |address| it.made_of(address).is_some_and(|v4| KNOWN.contains(&v4));
            addresses.iter().all(|address| made(*address))
        };
        Self::around(*first).find(is_its)
    }

    /// The prefixes by which an address may have been made.
    pub(crate) fn around(address: Ipv6Addr) -> impl Iterator<Item = Self> {
        let by = move |length: u8| Some(Self(Ipv6Net::new(address, length).ok()?.trunc()));
        LENGTHS.into_iter().filter_map(by)
    }

    /// The IPv4 address that this one was made of, if it was made by this prefix.
    pub(crate) fn made_of(self, address: IpAddr) -> Option<Ipv4Addr> {
        let IpAddr::V6(v6) = address else { return None };
        self.0.contains(&v6).then(|| embedded(v6, self.0.prefix_len()))?
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(to)
    }
}

impl FromStr for Prefix {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const MUST: &str = "must be a prefix of 32, 40, 48, 56, 64 or 96 bits";
        let net: Ipv6Net = text.parse().map_err(|_| MUST)?;
        LENGTHS.contains(&net.prefix_len()).then_some(Self(net.trunc())).ok_or(MUST)
    }
}

/// Whether an address may be made of such an IPv4 one, by a prefix of anybody's own.
pub(crate) fn may_be_made(address: IpAddr, is_such: impl Fn(Ipv4Addr) -> bool) -> bool {
    let IpAddr::V6(v6) = address else { return false };
    let within = |length| embedded(v6, length).is_some_and(&is_such);
    special::dns64_of(address).is_none() && LENGTHS.into_iter().any(within)
}

/// The IPv4 address behind so many bits (RFC 6052 §2.2): the byte after the 64th bit is left out, and zero; so is what
/// comes behind, where a forger's own would stand.
fn embedded(address: Ipv6Addr, length: u8) -> Option<Ipv4Addr> {
    let bytes = address.octets();
    let first = usize::from(length / 8);
    let is_kept = |at: &usize| length == 96 || *at != 8;
    let mut behind = (first..bytes.len()).filter(is_kept).map(|at| bytes[at]);
    let mut next = || behind.next();
    let v4 = [next()?, next()?, next()?, next()?];
    let is_made = (length == 96 || bytes[8] == 0) && behind.all(|it| it == 0);
    is_made.then(|| v4.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(list: &[&str]) -> Vec<IpAddr> {
        list.iter().map(|it| it.parse().unwrap()).collect()
    }

    #[test]
    fn what_is_made_of_an_address_is_known_by_each_length_of_prefix() {
        // RFC 6052 §2.4, of 192.0.2.33.
        let v4 = Ipv4Addr::new(192, 0, 2, 33);
        for (prefix, made) in [
            ("2001:db8::/32", "2001:db8:c000:221::"),
            ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
            ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
            ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
            ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
            ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
        ] {
            let (prefix, made): (Prefix, IpAddr) = (prefix.parse().unwrap(), made.parse().unwrap());
            assert_eq!(prefix.made_of(made), Some(v4), "{prefix}");
            assert!(may_be_made(made, |it| it == v4), "{prefix}");
            assert_eq!(prefix.made_of("2001:dead::c000:221".parse().unwrap()), None);
            // An address within it, of a machine that has the known one in its name.
            let IpAddr::V6(v6) = made else { panic!() };
            let host = IpAddr::V6((v6.to_bits() | 0x17).into());
            let (made_of, is_whole) = (prefix.made_of(host), prefix.0.prefix_len() == 96);
            assert_eq!(made_of.is_some(), is_whole, "{prefix}");
        }
        let other = "2001:db8::c000:222".parse().unwrap();
        assert!(!may_be_made(other, |it| it == v4));
        // That one needs no proof.
        assert!(!may_be_made("64:ff9b::c000:221".parse().unwrap(), |it| it == v4));
        assert!(!may_be_made(v4.into(), |_| true));
    }

    #[test]
    fn a_prefix_is_found_in_what_a_resolver_makes_of_the_name_that_has_ipv4_only() {
        let found = |list: &[&str]| Prefix::of_probe(&addresses(list)).map(|it| it.to_string());
        for prefix in ["64:ff9b:1::/96", "2a00:1:2:3::/96"] {
            let base = prefix.strip_suffix("::/96").unwrap();
            let both = [format!("{base}::c000:aa"), format!("{base}::c000:ab")];
            assert_eq!(found(&both.each_ref().map(String::as_str)).as_deref(), Some(prefix));
        }
        let short = found(&["2001:db8:122:344:c0:0:aa00::"]);
        assert_eq!(short.as_deref(), Some("2001:db8:122:344::/64"));
        // A block page, one of each kind, and none.
        assert_eq!(found(&["2a00::1"]), None);
        assert_eq!(found(&["2a00:1:2:3::c000:aa", "2a00::1"]), None);
        assert_eq!(found(&["192.0.0.170"]), None);
        assert_eq!(found(&[]), None);
        assert_eq!("2a00::/96".parse::<Prefix>().unwrap().to_string(), "2a00::/96");
        assert!("2a00::/95".parse::<Prefix>().is_err() && "x".parse::<Prefix>().is_err());
    }
}
