//! Special-purpose address ranges: no public resolver lives there, and no public name points there. No I/O, no clock.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use ipnet::{Ipv4Net, Ipv6Net};

/// IANA IPv4 Special-Purpose Address Registry, multicast and class E. An answer out of these is
/// what OONI calls a bogon.
const V4: [&str; 15] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
];

/// IANA IPv6 Special-Purpose Address Registry. `64:ff9b::/96` is left out on purpose: a resolver
/// that does DNS64 answers so for every name that has only IPv4.
const V6: [&str; 11] = [
    "::/96",
    "::ffff:0:0/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001:10::/28",
    "2001:db8::/32",
    "3fff::/20",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
];

static V4_NETS: LazyLock<Vec<Ipv4Net>> =
    LazyLock::new(|| V4.iter().map(|net| net.parse().expect("a constant")).collect());
static V6_NETS: LazyLock<Vec<Ipv6Net>> =
    LazyLock::new(|| V6.iter().map(|net| net.parse().expect("a constant")).collect());

/// Whether an address is of no use on the public internet.
pub(crate) fn is_special(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_special_v4(v4),
        IpAddr::V6(v6) => {
            V6_NETS.iter().any(|net| net.contains(&v6))
                || embedded_v4(v6).is_some_and(is_special_v4)
        }
    }
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
