//! Ranges of addresses, each with something that is said of it: the smallest that holds an address wins. No I/O,
//! no clock.

use std::net::IpAddr;

/// From the first to the last address of a range, as numbers of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) is_v4: bool,
    pub(crate) first: u128,
    pub(crate) last: u128,
}

/// An address as a number.
fn number(ip: IpAddr) -> (bool, u128) {
    match ip.to_canonical() {
        IpAddr::V4(ip) => (true, u32::from(ip).into()),
        IpAddr::V6(ip) => (false, ip.into()),
    }
}

impl Range {
    /// From one address to another of the same family.
    pub(crate) fn between(first: IpAddr, last: IpAddr) -> Option<Self> {
        let ((is_v4, first), (other, last)) = (number(first), number(last));
        (is_v4 == other && first <= last).then_some(Self { is_v4, first, last })
    }

    /// A prefix, as `192.0.2.0` and 24; bits behind it are left out.
    pub(crate) fn prefix(ip: IpAddr, length: u8) -> Option<Self> {
        let (is_v4, first) = (ip.is_ipv4(), number_of(ip));
        let bits = if is_v4 { 32_u32 } else { 128 };
        let free = bits.checked_sub(length.into())?;
        let host = 1_u128.checked_shl(free).map_or(u128::MAX, |end| end - 1);
        Some(Self { is_v4, first: first & !host, last: first | host })
    }

    /// Reads `192.0.2.0/24`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (ip, length) = text.trim().split_once('/')?;
        Self::prefix(ip.parse().ok()?, length.parse().ok()?)
    }
}

/// As a number of the family that it is written in.
fn number_of(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u32::from(ip).into(),
        IpAddr::V6(ip) => ip.into(),
    }
}

/// Ranges that do not overlap any more, in order: 12 bytes each for IPv4, 36 for IPv6.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Ranges {
    v4: Flat<u32>,
    v6: Flat<u128>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Flat<K> {
    first: Vec<K>,
    last: Vec<K>,
    value: Vec<u32>,
}

impl Ranges {
    /// Of these ranges, which may lie in each other.
    pub(crate) fn new(ranges: Vec<(Range, u32)>) -> Self {
        let (v4, v6): (Vec<_>, Vec<_>) = ranges.into_iter().partition(|(range, _)| range.is_v4);
        let small = |key: u128| u32::try_from(key).unwrap_or(u32::MAX);
        Self { v4: Flat::new(v4, small), v6: Flat::new(v6, |key| key) }
    }

    /// What is said of the smallest range that holds an address.
    pub(crate) fn get(&self, ip: IpAddr) -> Option<u32> {
        match ip.to_canonical() {
            IpAddr::V4(ip) => self.v4.get(ip.into()),
            IpAddr::V6(ip) => self.v6.get(ip.into()),
        }
    }
}

impl<K: Copy + Ord> Flat<K> {
    fn new(mut ranges: Vec<(Range, u32)>, key: impl Fn(u128) -> K) -> Self {
        // The larger one first, so that those in it come after.
        ranges.sort_unstable_by_key(|(range, _)| (range.first, u128::MAX - range.last));
        let mut flat = Self { first: Vec::new(), last: Vec::new(), value: Vec::new() };
        let mut put = |first: u128, last: u128, value: u32| {
            flat.first.push(key(first));
            flat.last.push(key(last));
            flat.value.push(value);
        };
        // Those that are not over, the smallest last, and how far all is said.
        let mut open: Vec<(u128, u32)> = Vec::new();
        let mut next = Some(0_u128);
        let close = |open: &mut Vec<(u128, u32)>,
                     next: &mut Option<u128>,
                     before: Option<u128>,
                     put: &mut dyn FnMut(u128, u128, u32)| {
            while let Some((last, value)) = open.last().copied() {
                let Some(from) = *next else { break };
                if before.is_some_and(|before| last >= before) {
                    break;
                }
                if from <= last {
                    put(from, last, value);
                    *next = last.checked_add(1);
                }
                open.pop();
            }
        };
        for (Range { first, last, .. }, value) in ranges {
            close(&mut open, &mut next, Some(first), &mut put);
            if let (Some((_, outer)), Some(from)) = (open.last().copied(), next)
                && from < first
            {
                put(from, first - 1, outer);
            }
            next = next.map(|from| from.max(first));
            open.push((last, value));
        }
        close(&mut open, &mut next, None, &mut put);
        flat
    }

    fn get(&self, key: K) -> Option<u32> {
        let place = self.first.partition_point(|first| *first <= key).checked_sub(1)?;
        (self.last[place] >= key).then(|| self.value[place])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn table(prefixes: &[(&str, u32)]) -> Ranges {
        let ranges = prefixes.iter().map(|(text, value)| (Range::parse(text).unwrap(), *value));
        Ranges::new(ranges.collect())
    }

    #[test]
    fn the_longest_prefix_wins_wherever_it_stands() {
        let ranges = table(&[
            ("10.1.2.0/24", 3),
            ("10.0.0.0/8", 1),
            ("10.1.0.0/16", 2),
            ("10.1.2.255/32", 4),
            ("255.0.0.0/8", 5),
            ("2001:db8::/32", 6),
            ("2001:db8:1::/48", 7),
            ("ffff::/16", 8),
        ]);
        for (address, wanted) in [
            ("9.255.255.255", None),
            ("10.0.0.0", Some(1)),
            ("10.1.1.255", Some(2)),
            ("10.1.2.0", Some(3)),
            ("10.1.2.254", Some(3)),
            ("10.1.2.255", Some(4)),
            ("10.1.3.0", Some(2)),
            ("10.2.0.0", Some(1)),
            ("10.255.255.255", Some(1)),
            ("11.0.0.0", None),
            ("255.255.255.255", Some(5)),
            ("::ffff:10.1.2.1", Some(3)),
            ("2001:db8::1", Some(6)),
            ("2001:db8:1::1", Some(7)),
            ("2001:db8:2::1", Some(6)),
            ("2001:db9::", None),
            ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some(8)),
        ] {
            assert_eq!(ranges.get(ip(address)), wanted, "{address}");
        }
        assert_eq!(Ranges::default().get(ip("192.0.2.1")), None);
    }

    #[test]
    fn everything_may_be_one_range() {
        let ranges = table(&[("0.0.0.0/0", 1), ("::/0", 2), ("128.0.0.0/1", 3)]);
        assert_eq!(ranges.get(ip("127.255.255.255")), Some(1));
        assert_eq!(ranges.get(ip("255.255.255.255")), Some(3));
        assert_eq!(ranges.get(ip("ffff::")), Some(2));
    }

    #[test]
    fn what_is_no_range_is_refused() {
        assert_eq!(Range::between(ip("192.0.2.2"), ip("192.0.2.1")), None);
        assert_eq!(Range::between(ip("192.0.2.2"), ip("::1")), None);
        for bad in ["192.0.2.0", "192.0.2.0/33", "::/129", "a/8", "10.0.0.0/-1", ""] {
            assert_eq!(Range::parse(bad), None, "{bad}");
        }
        let whole = Range::parse("10.1.2.3/8").unwrap();
        assert_eq!(whole, Range::parse("10.0.0.0/8").unwrap());
    }

    #[test]
    fn random_ranges_agree_with_a_search_of_all() {
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            u32::try_from(state >> 33).unwrap()
        };
        for _ in 0..200 {
            let ranges: Vec<(Range, u32)> = (0..12)
                .map(|number| {
                    let length = u8::try_from(24 + random() % 9).unwrap();
                    let ip = IpAddr::from((0x0a00_0000 + random() % 512).to_be_bytes());
                    (Range::prefix(ip, length).unwrap(), number)
                })
                .collect();
            let flat = Ranges::new(ranges.clone());
            for last in 0..600_u32 {
                let address = 0x0a00_0000 + last;
                let holds = |(range, _): &&(Range, u32)| {
                    (range.first..=range.last).contains(&u128::from(address))
                };
                let smallest = ranges.iter().filter(holds).map(|(it, _)| it.last - it.first).min();
                let found = flat.get(IpAddr::from(address.to_be_bytes()));
                let is_one = |value: u32| {
                    ranges.iter().filter(holds).any(|(range, number)| {
                        *number == value && Some(range.last - range.first) == smallest
                    })
                };
                assert_eq!(found.is_some(), smallest.is_some());
                assert!(found.is_none_or(is_one), "{ranges:?} {last} {found:?}");
            }
        }
    }
}
