//! Special-purpose address ranges: no public resolver lives there, and no public name points there. No I/O, no clock.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// IANA IPv4 Special-Purpose Address Registry, multicast and class E. An answer out of these is
/// what OONI calls a bogon.
const V4: [&str; 18] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
];

/// Ranges of the IANA IPv6 Special-Purpose Address Registry inside of [`PUBLIC_V6`]. The first holds
/// Teredo, out of which forgers on the path make their answers.
const V6: [&str; 4] = ["2001::/23", "2001:db8::/32", "2620:4f:8000::/48", "3fff::/20"];

/// All that is in public use (RFC 4291 §2.4), but for [`DNS64`].
const PUBLIC_V6: &str = "2000::/3";

/// A resolver that does DNS64 answers out of this for every name that has only IPv4 (RFC 6052).
const DNS64: &str = "64:ff9b::/96";

/// What examples are made of (RFC 5737, RFC 3849, RFC 9637).
const EXAMPLES: [&str; 5] =
    ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"];

static V4_NETS: LazyLock<Vec<Ipv4Net>> =
    LazyLock::new(|| V4.iter().map(|net| net.parse().expect("a constant")).collect());
static V6_NETS: LazyLock<Vec<Ipv6Net>> =
    LazyLock::new(|| V6.iter().map(|net| net.parse().expect("a constant")).collect());
static PUBLIC_V6_NET: LazyLock<Ipv6Net> = LazyLock::new(|| PUBLIC_V6.parse().expect("a constant"));
static DNS64_NET: LazyLock<Ipv6Net> = LazyLock::new(|| DNS64.parse().expect("a constant"));
static EXAMPLE_NETS: LazyLock<Vec<IpNet>> =
    LazyLock::new(|| EXAMPLES.iter().map(|net| net.parse().expect("a constant")).collect());

/// Whether an address is of no use on the public internet.
pub(crate) fn is_special(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_special_v4(v4),
        IpAddr::V6(v6) if DNS64_NET.contains(&v6) => false,
        IpAddr::V6(v6) => {
            !PUBLIC_V6_NET.contains(&v6)
                || V6_NETS.iter().any(|net| net.contains(&v6))
                || embedded_v4(v6).is_some_and(is_special_v4)
        }
    }
}

/// Whether an address is one that examples are made of.
pub(crate) fn is_example(address: IpAddr) -> bool {
    EXAMPLE_NETS.iter().any(|net| net.contains(&address))
}

/// The IPv4 address that DNS64 made an IPv6 one of.
pub(crate) fn dns64_of(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(v6) = address else { return None };
    let [.., high, low] = v6.segments();
    DNS64_NET.contains(&v6).then(|| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
}

/// Whether no datagram may ever be sent there, whatever the config says.
pub(crate) fn is_never_a_resolver(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.octets()[0] == 0 || v4.octets()[0] >= 224,
        IpAddr::V6(v6) => v6.is_unspecified() || v6.is_multicast(),
    }
}

fn is_special_v4(address: Ipv4Addr) -> bool {
    V4_NETS.iter().any(|net| net.contains(&address))
}

/// The IPv4 address inside a 6to4 address (RFC 3056 §2): a private one there is as bogus as bare.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [0x2002, high, low, ..] = address.segments() else { return None };
    Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_documentation_and_sinkhole_addresses_are_special() {
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "127.0.53.53",
            "172.31.0.1",
            "192.0.2.1",
            "203.0.113.7",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:8.8.8.8",
            "2001:db8::1",
            "fd00::1",
            "fe80::1",
            "2002:7f00:1::",
            "2001::6ca0:a76f",
            "2001:2::1",
            "2001:20::1",
            "dead:beef::1",
            "4000::1",
            "192.31.196.1",
        ] {
            assert!(is_special(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn public_addresses_are_not() {
        for address in [
            "1.1.1.1",
            "149.154.167.220",
            "172.32.0.1",
            "174.37.154.236",
            "198.20.0.1",
            "2001:67c:4e8:f004::9",
            "2606:4700:4700::1111",
            "2002:808:808::1",
            "64:ff9b::808:808",
        ] {
            assert!(!is_special(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn nobody_can_be_asked_at_a_multicast_or_unspecified_address() {
        for address in ["0.0.0.0", "224.0.0.251", "255.255.255.255", "::", "ff02::fb"] {
            assert!(is_never_a_resolver(address.parse().unwrap()), "{address}");
        }
        assert!(!is_never_a_resolver("127.0.0.1".parse().unwrap()));
    }
}
