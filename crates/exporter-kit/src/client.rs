//! Who is at the other end, as far as limits are concerned. No I/O, no clock.

use std::net::{IpAddr, Ipv6Addr};

/// An IPv4 address, or the /64 network of an IPv6 address: one machine may use all of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Client(IpAddr);

impl From<IpAddr> for Client {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

/// Of those that wait, in the order in which they came, which one is to be refused when there are too many: who has
/// waited longest, among the newest one's own if those are too many, else among those of the client with the most.
pub(crate) fn one_too_many<C: PartialEq>(
    waiting: &[C],
    most: usize,
    most_of_one: usize,
) -> Option<usize> {
    let of = |client: &C| waiting.iter().filter(|it| *it == client).count();
    let client = waiting.last().filter(|newest| of(newest) > most_of_one).or_else(|| {
        // Of several that have as many, the one that came first.
        waiting.iter().rev().max_by_key(|it| of(it)).filter(|_| waiting.len() > most)
    })?;
    waiting.iter().position(|it| it == client)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_crowds_gives_way() {
        let refused = |waiting: &str| one_too_many(waiting.as_bytes(), 6, 3);
        assert_eq!(refused(""), None);
        assert_eq!(refused("abaca"), None);
        assert_eq!(refused("bacaaa"), Some(1), "the newest one's own");
        assert_eq!(refused("bcaacad"), Some(2), "those of the client with the most");
        assert_eq!(refused("abcdefg"), Some(0), "who came first");
    }

    #[test]
    fn a_network_of_ipv6_is_one_client_and_an_address_of_ipv4_is_one() {
        let client = |text: &str| Client::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(client("2001:db8::1"), client("2001:db8::ffff:1"));
        assert_ne!(client("2001:db8::1"), client("2001:db8:0:1::1"));
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
        assert_ne!(client("192.0.2.2"), client("192.0.2.1"));
    }
}
