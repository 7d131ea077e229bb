//! Which networks are of the public Internet: no other address is of anyone's use to strangers, nor their business.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

const fn v4(a: u8, b: u8, c: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), length)
}

const fn v6(a: u16, b: u16, c: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), length)
}

/// IANA's IPv4 networks of special use, and of many.
const SPECIAL: [Ipv4Net; 15] = [
    v4(0, 0, 0, 8),
    v4(10, 0, 0, 8),
    v4(100, 64, 0, 10),
    v4(127, 0, 0, 8),
    v4(169, 254, 0, 16),
    v4(172, 16, 0, 12),
    v4(192, 0, 0, 24),
    v4(192, 0, 2, 24),
    v4(192, 88, 99, 24),
    v4(192, 168, 0, 16),
    v4(198, 18, 0, 15),
    v4(198, 51, 100, 24),
    v4(203, 0, 113, 24),
    v4(224, 0, 0, 4),
    v4(240, 0, 0, 4),
];
/// That of IPv6 which is given out to the public, and nothing else: what is mapped from IPv4 is elsewhere too.
const GLOBAL: Ipv6Net = v6(0x2000, 0, 0, 3);
/// And what of it is of special use.
const SPECIAL_OF_IT: [Ipv6Net; 4] =
    [v6(0x2001, 0, 0, 23), v6(0x2001, 0xdb8, 0, 32), v6(0x2002, 0, 0, 16), v6(0x3fff, 0, 0, 20)];

/// Whether each address of a network is public. Two networks have one in common where one holds the other.
pub(super) fn is_public(network: &IpNet) -> bool {
    match network {
        IpNet::V4(it) => !SPECIAL.iter().any(|of| of.contains(it) || it.contains(of)),
        IpNet::V6(it) => {
            let is_special = |of: &Ipv6Net| of.contains(it) || it.contains(of);
            GLOBAL.contains(it) && !SPECIAL_OF_IT.iter().any(is_special)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_public_where_none_of_its_addresses_is_anything_else() {
        let is = |text: &str| is_public(&text.parse().unwrap());
        // By the list by which Globalping refuses them, and what it does not name.
        for text in [
            "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24",
            "192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 255.255.255.255/32",
            "::/128 ::1/128 64:ff9b::/96 64:ff9b:1::/48 100::/64 2001::/32 2001:2::/48 2001:10::/28 2001:20::/28 2001:db8::/32",
            "2002::/16 3fff::/20 fc00::/7 fe80::/10 ff00::/8 ::ffff:0:0/96 ::ffff:10.0.0.1/128",
        ] {
            for text in text.split(' ') {
                assert!(!is(text), "{text}");
                let inner: IpNet = text.parse().unwrap();
                for ip in [inner.network(), inner.broadcast()] {
                    assert!(!is_public(&ip.into()), "{ip} of {text}");
                }
            }
        }
        // They hold such a network, though not at their beginning.
        for text in "0.0.0.0/0 192.0.0.0/8 172.0.0.0/8 169.0.0.0/8 100.0.0.0/9 198.0.0.0/8 ::/16 2001::/16 ::/0 2000::/3".split(' ') {
            assert!(!is(text), "{text}");
        }
        for text in "149.154.164.0/22 100.0.0.0/10 100.128.0.0/9 172.32.0.0/11 192.167.0.0/16 8.8.8.8/32 2a00:1450::/29 2001:67c::/32 2606::/16".split(' ') {
            assert!(is(text), "{text}");
        }
    }
}
