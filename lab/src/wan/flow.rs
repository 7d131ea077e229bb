//! Which packets are of one flow, as routers with ways of equal cost have it. No I/O, no clock.

use std::net::IpAddr;

/// Offset and prime of FNV-1a with 64 bits (RFC 9923).
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

/// What packets of one flow have in common. Of ICMP the octets are type, code and checksum, of TCP and UDP the ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flow {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: u8,
    /// The first of the transport's header; zeros where a fragment has none.
    pub(super) transport: [u8; 4],
}

impl Flow {
    /// Which of so many ways of equal cost its packets take.
    pub(super) fn way(&self, ways: usize) -> usize {
        let mut hash = OFFSET;
        let mut take = |octets: &[u8]| {
            for octet in octets {
                hash = (hash ^ u64::from(*octet)).wrapping_mul(PRIME);
            }
        };
        for end in [self.source, self.destination] {
            match end {
                IpAddr::V4(address) => take(&address.octets()),
                IpAddr::V6(address) => take(&address.octets()),
            }
        }
        take(&[self.protocol]);
        take(&self.transport);
        // The low bits of each octet reach the low bits of the hash alone, which a number of ways that is a power of two takes.
        let mixed = hash ^ (hash >> 32);
        usize::try_from(mixed % ways.max(1) as u64).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(last: u8, checksum: u16) -> Flow {
        let [high, low] = checksum.to_be_bytes();
        Flow {
            source: "192.0.2.1".parse().unwrap(),
            destination: IpAddr::from([203, 0, 113, last]),
            protocol: 1,
            transport: [8, 0, high, low],
        }
    }

    #[test]
    fn one_flow_takes_one_way() {
        assert_eq!(flow(1, 7).way(4), flow(1, 7).way(4));
        assert_eq!(flow(1, 7).way(1), 0);
    }

    #[test]
    fn flows_are_spread_over_all_ways_by_destination_and_by_checksum() {
        for flows in [(0..=255).map(|it| flow(it, 7)), (0..=255).map(|it| flow(1, it.into()))]
            as [std::iter::Map<std::ops::RangeInclusive<u8>, fn(u8) -> Flow>; 2]
        {
            let mut taken = [0; 4];
            for flow in flows {
                taken[flow.way(4)] += 1;
            }
            // Six standard deviations (6.9 each) to either side of 64.
            assert!(taken.iter().all(|it| (22..=106).contains(it)), "{taken:?}");
        }
    }
}
