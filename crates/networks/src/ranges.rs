//! Ranges of addresses, each with something that is said of it: the smallest that holds an address counts. No I/O,
//! no clock.

use std::cmp::Reverse;
use std::net::IpAddr;

use super::range::Range;

/// Ranges that do not overlap any more, in order, in as many bytes as their ends and values have: of IPv4 eight and
/// the value's.
///
/// Of two ranges that overlap in part the one that begins later counts, and of two that are the same the later one.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranges<V> {
    v4: Flat<u32, V>,
    v6: Flat<u128, V>,
}

impl<V> Default for Ranges<V> {
    fn default() -> Self {
        Self { v4: Flat::default(), v6: Flat::default() }
    }
}

impl<V: Copy> FromIterator<(Range, V)> for Ranges<V> {
    fn from_iter<I: IntoIterator<Item = (Range, V)>>(ranges: I) -> Self {
        let mut all = Self::default();
        for (range, value) in ranges {
            all.push(range, value);
        }
        all.finish();
        all
    }
}

impl<V: Copy> Ranges<V> {
    /// What is said of the smallest range that holds an address.
    pub fn get(&self, ip: IpAddr) -> Option<V> {
        match ip.to_canonical() {
            IpAddr::V4(ip) => self.v4.get(ip.into()),
            IpAddr::V6(ip) => self.v6.get(ip.into()),
        }
    }

    /// Whether it holds of something that is said of addresses of IPv4, or of those of IPv6.
    pub(crate) fn any(&self, is_v4: bool, holds: impl FnMut(&V) -> bool) -> bool {
        let said = if is_v4 { &self.v4.value } else { &self.v6.value };
        said.iter().any(holds)
    }

    /// Adds one. What is said is right when all is [finished](Self::finish).
    pub(crate) fn push(&mut self, range: Range, value: V) {
        let Range { is_v4, first, last } = range;
        if is_v4 {
            let small = |key| u32::try_from(key).unwrap_or(u32::MAX);
            self.v4.push(small(first), small(last), value);
        } else {
            self.v6.push(first, last, value);
        }
    }

    /// Brings all that were added in order, and gives back what memory is not needed.
    pub(crate) fn finish(&mut self) {
        self.v4.finish();
        self.v6.finish();
    }

    /// Bytes of memory, of IPv4 and of IPv6.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> (usize, usize) {
        (self.v4.bytes(), self.v6.bytes())
    }
}

/// Columns, so that no byte is lost between them.
#[derive(Clone, Debug, PartialEq)]
struct Flat<K, V> {
    first: Vec<K>,
    last: Vec<K>,
    value: Vec<V>,
    /// Whether a range was added that does not lie behind all before it.
    is_tangled: bool,
}

impl<K, V> Default for Flat<K, V> {
    fn default() -> Self {
        Self { first: Vec::new(), last: Vec::new(), value: Vec::new(), is_tangled: false }
    }
}

/// An address as a number.
trait Address: Copy + Ord {
    const FIRST: Self;
    /// None behind the last one.
    fn next(self) -> Option<Self>;
    /// Itself before the first one.
    fn before(self) -> Self;
}

impl Address for u32 {
    const FIRST: Self = 0;

    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }

    fn before(self) -> Self {
        self.saturating_sub(1)
    }
}

impl Address for u128 {
    const FIRST: Self = 0;

    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }

    fn before(self) -> Self {
        self.saturating_sub(1)
    }
}

impl<K: Address, V: Copy> Flat<K, V> {
    fn push(&mut self, first: K, last: K, value: V) {
        self.is_tangled |= self.last.last().is_some_and(|before| *before >= first);
        self.first.push(first);
        self.last.push(last);
        self.value.push(value);
    }

    fn finish(&mut self) {
        if self.is_tangled {
            *self = self.untangled();
        }
        self.first.shrink_to_fit();
        self.last.shrink_to_fit();
        self.value.shrink_to_fit();
    }

    fn untangled(&self) -> Self {
        // The larger one first, so that those in it come after.
        let mut order: Vec<usize> = (0..self.first.len()).collect();
        order.sort_unstable_by_key(|at| (self.first[*at], Reverse(self.last[*at]), *at));
        let mut sweep = Sweep { flat: Self::default(), open: Vec::new(), next: Some(K::FIRST) };
        for at in order {
            sweep.begin(self.first[at], self.last[at], self.value[at]);
        }
        sweep.end_before(None);
        sweep.flat
    }

    fn get(&self, key: K) -> Option<V> {
        let place = self.first.partition_point(|first| *first <= key).checked_sub(1)?;
        (self.last[place] >= key).then(|| self.value[place])
    }

    #[cfg(test)]
    fn bytes(&self) -> usize {
        (self.first.capacity() + self.last.capacity()) * size_of::<K>()
            + self.value.capacity() * size_of::<V>()
    }
}

/// From the first address to the last.
struct Sweep<K, V> {
    flat: Flat<K, V>,
    /// Those that are not over, the smallest last.
    open: Vec<(K, V)>,
    /// From which address on nothing is said yet.
    next: Option<K>,
}

impl<K: Address, V: Copy> Sweep<K, V> {
    fn begin(&mut self, first: K, last: K, value: V) {
        self.end_before(Some(first));
        if let (Some((_, outer)), Some(from)) = (self.open.last().copied(), self.next)
            && from < first
        {
            self.flat.push(from, first.before(), outer);
        }
        self.next = self.next.map(|from| from.max(first));
        self.open.push((last, value));
    }

    /// Ends those whose last address is before this one; all, where there is none.
    fn end_before(&mut self, first: Option<K>) {
        while let (Some((last, value)), Some(from)) = (self.open.last().copied(), self.next) {
            if first.is_some_and(|first| last >= first) {
                break;
            }
            if from <= last {
                self.flat.push(from, last, value);
                self.next = last.next();
            }
            self.open.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(prefixes: &[(&str, u32)]) -> Ranges<u32> {
        prefixes.iter().map(|(text, value)| (Range::parse(text).unwrap(), *value)).collect()
    }

    #[test]
    fn the_longest_prefix_counts_wherever_it_stands() {
        let mut prefixes = [
            ("10.1.2.0/24", 3),
            ("10.0.0.0/8", 1),
            ("10.1.0.0/16", 2),
            ("10.1.2.255/32", 4),
            ("255.0.0.0/8", 5),
            ("2001:db8::/32", 6),
            ("2001:db8:1::/48", 7),
            ("ffff::/16", 8),
        ];
        for _ in 0..prefixes.len() {
            prefixes.rotate_left(1);
            let ranges = table(&prefixes);
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
                assert_eq!(ranges.get(address.parse().unwrap()), wanted, "{address}");
            }
        }
        assert_eq!(Ranges::<u32>::default().get([192, 0, 2, 1].into()), None);
    }

    #[test]
    fn everything_may_be_one_range_and_the_later_of_two_that_are_the_same_counts() {
        let ranges = table(&[("0.0.0.0/0", 1), ("::/0", 2), ("128.0.0.0/1", 3), ("::/0", 4)]);
        let get = |ip: &str| ranges.get(ip.parse().unwrap());
        assert_eq!(get("127.255.255.255"), Some(1));
        assert_eq!(get("255.255.255.255"), Some(3));
        assert_eq!(get("ffff::"), Some(4));
    }

    #[test]
    fn random_ranges_agree_with_a_search_of_all() {
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            u32::try_from(state >> 33).unwrap()
        };
        for _ in 0..200 {
            let prefixes: Vec<(Range, u32)> = (0..12)
                .map(|number| {
                    let length = u8::try_from(24 + random() % 9).unwrap();
                    let ip = IpAddr::from((0x0a00_0000 + random() % 512).to_be_bytes());
                    (Range::prefix(ip, length).unwrap(), number)
                })
                .collect();
            let flat: Ranges<u32> = prefixes.iter().copied().collect();
            for host in 0..600_u32 {
                let address = 0x0a00_0000 + host;
                let holds = |(range, _): &&(Range, u32)| {
                    (range.first..=range.last).contains(&u128::from(address))
                };
                let smallest = prefixes.iter().rev().filter(holds);
                let smallest = smallest.min_by_key(|(it, _)| it.last - it.first).map(|it| it.1);
                let found = flat.get(IpAddr::from(address.to_be_bytes()));
                assert_eq!(found, smallest, "{prefixes:?} {host}");
            }
        }
    }
}
