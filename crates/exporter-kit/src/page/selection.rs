//! Which part of a page is wanted: all of it, some targets, a share of them, or none. No I/O, no clock.

use std::collections::BTreeSet;

/// What of a page of metrics a request asks for by its query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Selection {
    /// Every target, and what the exporter says of itself.
    #[default]
    Everything,
    /// What the exporter says of itself: `?part=exporter`.
    Exporter,
    /// Targets by their names: `?target=NAME`, which may be repeated.
    Targets(BTreeSet<String>),
    /// One share of the targets: `?shard=0/4` to `?shard=3/4`.
    Shard(Shard),
}

/// One share of several: a target stays in its own whatever others come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    number: u64,
    of: u64,
}

/// A page of 10,000 targets has some for each of so many shares.
pub(crate) const MOST_SHARDS: u64 = 1_000;

pub(super) static EVERYTHING: Selection = Selection::Everything;

impl Selection {
    /// What a query asks for. Parameters that mean nothing here are nobody's mistake.
    pub(crate) fn asked(query: Vec<(String, String)>) -> Result<Self, String> {
        let mut selection = Self::Everything;
        for (name, value) in query {
            selection = match (name.as_str(), selection) {
                ("target", Self::Everything) => Self::Targets(BTreeSet::from([value])),
                ("target", Self::Targets(mut targets)) => {
                    targets.insert(value);
                    Self::Targets(targets)
                }
                ("shard", Self::Everything) => Self::Shard(Shard::parse(&value)?),
                ("part", Self::Everything) if value == "exporter" => Self::Exporter,
                ("part", Self::Everything) => {
                    return Err("part: must be `exporter`, or left out for everything".to_owned());
                }
                ("target" | "shard" | "part", _) => {
                    let message =
                        "only `target` may be repeated; target, shard and part exclude each other";
                    return Err(message.to_owned());
                }
                (_, selection) => selection,
            };
        }
        Ok(selection)
    }

    /// The targets that are asked for by name.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let names = if let Self::Targets(names) = self { Some(names) } else { None };
        names.into_iter().flatten().map(String::as_str)
    }

    /// Whether a target is a part of it.
    pub(crate) fn takes(&self, target: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Exporter => false,
            Self::Targets(names) => names.contains(target),
            Self::Shard(shard) => shard.takes(target),
        }
    }

    /// Whether what the exporter says of itself is a part of it.
    pub(crate) fn shows_exporter(&self) -> bool {
        matches!(self, Self::Everything | Self::Exporter)
    }
}

impl Shard {
    /// All shares of so many.
    pub(crate) fn all(of: u64) -> impl Iterator<Item = Self> {
        (0..of).map(move |number| Self { number, of })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(number, of)| {
            Some(Self { number: number.parse().ok()?, of: of.parse().ok()? })
        });
        parts
            .filter(|it| it.number < it.of && it.of <= MOST_SHARDS)
            .ok_or_else(|| format!("shard: must be as `0/4` to `3/4`, of at most {MOST_SHARDS}"))
    }

    fn takes(self, target: &str) -> bool {
        fnv1a(target.as_bytes()) % self.of == self.number
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

/// The hash of Fowler, Noll and Vo (FNV-1a, 64 bits), the same in every version and on every machine;
/// its halves folded together, since its low bits alone spread names that differ by a digit badly.
fn fnv1a(bytes: &[u8]) -> u64 {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    hash ^ hash >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &[(&str, &str)]) -> Result<Selection, String> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Selection::asked(query.iter().map(own).collect())
    }

    #[test]
    fn a_query_asks_for_one_kind_of_part() {
        assert_eq!(asked(&[]), Ok(Selection::Everything));
        assert_eq!(asked(&[("collect[]", "cpu")]), Ok(Selection::Everything));
        assert_eq!(asked(&[("part", "exporter"), ("x", "")]), Ok(Selection::Exporter));
        let names = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
        let two = asked(&[("target", "b"), ("target", "a"), ("target", "b")]);
        assert_eq!(two, Ok(Selection::Targets(names)));
        assert_eq!(asked(&[("shard", "3/4")]), Ok(Selection::Shard(Shard { number: 3, of: 4 })));
        for bad in ["4/4", "0/0", "-1/4", "0", "", "a/b", "0/1001", "1/2/3"] {
            assert!(asked(&[("shard", bad)]).is_err(), "{bad}");
        }
        for [one, other] in [["target", "shard"], ["part", "target"], ["shard", "shard"]] {
            let value = |name| if name == "shard" { "0/2" } else { "exporter" };
            assert!(asked(&[(one, value(one)), (other, value(other))]).is_err(), "{one} {other}");
        }
        assert!(asked(&[("part", "targets")]).is_err());
    }

    #[test]
    fn each_target_is_in_one_share_and_shares_are_even() {
        for names in
            [|n: u32| format!("bmc-{n:04}"), |n: u32| format!("10.0.{}.{}", n / 256, n % 256)]
        {
            for of in [1, 2, 7, 8, 16] {
                let mut sizes = vec![0_u64; usize::try_from(of).unwrap()];
                for target in (0..4_000).map(names) {
                    let mut takes = Shard::all(of).enumerate().filter(|(_, it)| it.takes(&target));
                    sizes[takes.next().unwrap().0] += 1;
                    assert!(takes.next().is_none(), "{target}");
                }
                let mean = 4_000 / of;
                let even = |size: &u64| size.abs_diff(mean) < mean / 4 + 1;
                assert!(sizes.iter().all(even), "{of}: {sizes:?}");
            }
        }
    }

    #[test]
    fn a_target_stays_in_its_share() {
        // As computed by the reference implementation: another version must not move targets about.
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325 ^ 0xcbf2_9ce4);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8 ^ 0x8594_4171);
    }
}
