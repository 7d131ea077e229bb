//! Counters, alone and by the values of a closed label. No I/O, no clock.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::page::{Count, Number};

/// What was counted so far; many may count at once.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn inc(&self) {
        self.inc_by(1);
    }

    /// So many more.
    pub fn inc_by(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// The count so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Clone for Counter {
    fn clone(&self) -> Self {
        Self(self.get().into())
    }
}

impl PartialEq for Counter {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Count for &Counter {
    fn count(self) -> Option<Number> {
        self.get().count()
    }
}

/// A closed set of values of a label, as [`label_enum`](crate::label_enum) makes it.
pub trait LabelEnum: Copy + 'static {
    /// Every value, in the order of a page.
    const VALUES: &'static [Self];

    /// The value as it stands in a label.
    fn name(self) -> &'static str;

    /// Its place in [`VALUES`](Self::VALUES).
    fn place(self) -> usize;
}

/// A counter for each value of a closed label.
#[derive(Clone, Debug, PartialEq)]
pub struct CountsBy<E> {
    counters: Box<[Counter]>,
    of: std::marker::PhantomData<fn(E)>,
}

impl<E: LabelEnum> Default for CountsBy<E> {
    fn default() -> Self {
        let counters = E::VALUES.iter().map(|_| Counter::default()).collect();
        Self { counters, of: std::marker::PhantomData }
    }
}

impl<E: LabelEnum> CountsBy<E> {
    /// One more of this value.
    pub fn inc(&self, value: E) {
        self.inc_by(value, 1);
    }

    /// So many more of this value.
    pub fn inc_by(&self, value: E, count: u64) {
        self.counters[value.place()].inc_by(count);
    }

    /// Counts what others have counted.
    pub fn add_all(&self, others: &Self) {
        for (counter, other) in self.counters.iter().zip(&others.counters) {
            counter.inc_by(other.get());
        }
    }

    /// The count of this value so far.
    pub fn get(&self, value: E) -> u64 {
        self.counters[value.place()].get()
    }

    /// The counts of all values together.
    pub fn total(&self) -> u64 {
        self.counters.iter().map(Counter::get).sum()
    }

    /// The values that were counted at all, with their counts, in their order: what a page shows of
    /// each target, since most targets never have most values.
    pub fn counted(&self) -> impl Iterator<Item = (E, u64)> {
        self.iter().filter(|(_, count)| *count > 0)
    }

    /// The counts of all values, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (E, u64)> {
        E::VALUES.iter().copied().zip(self.counters.iter().map(Counter::get))
    }
}

/// Makes an enum whose values are those of a label: with `ALL`, `as_str`, and as a [`LabelEnum`]. A
/// value may exist under a condition: after its documentation stands `#[cfg(...)]`.
///
/// ```
/// exporter_kit::label_enum! {
///     /// How a query is sent.
///     pub enum Transport {
///         /// One datagram.
///         Udp = "udp",
///         /// One connection.
///         Tcp = "tcp",
///     }
/// }
/// let sent = exporter_kit::CountsBy::<Transport>::default();
/// sent.inc(Transport::Tcp);
/// let counts: Vec<_> = sent.iter().map(|(it, count)| (it.as_str(), count)).collect();
/// assert_eq!(counts, [("udp", 0), ("tcp", 1)]);
/// assert_eq!((sent.total(), sent.counted().count()), (1, 1));
/// ```
#[macro_export]
macro_rules! label_enum {
    (
        $(#[$about:meta])*
        $visible:vis enum $name:ident {
            $($(#[doc = $says:expr])* $(#[cfg($when:meta)])? $value:ident = $text:literal),+ $(,)?
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $visible enum $name {
            $($(#[doc = $says])* $(#[cfg($when)])? $value),+
        }

        impl $name {
            /// Every value, in the order of a page.
            $visible const ALL: [Self; [$($(#[cfg($when)])? $text),+].len()] =
                [$($(#[cfg($when)])? Self::$value),+];

            /// The value as it stands in a label.
            $visible const fn as_str(self) -> &'static str {
                match self {
                    $($(#[cfg($when)])? Self::$value => $text,)+
                }
            }
        }

        impl $crate::LabelEnum for $name {
            const VALUES: &'static [Self] = &Self::ALL;

            fn name(self) -> &'static str {
                self.as_str()
            }

            fn place(self) -> usize {
                self as usize
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::label_enum! {
        /// Four of them, of which one is never there.
        enum Fruit {
            /// First.
            Apple = "apple",
            /// Never.
            #[cfg(not(test))]
            Stone = "stone",
            /// Second.
            #[cfg(test)]
            Pear = "pear",
            Quince = "quince",
        }
    }

    #[test]
    fn each_value_that_exists_has_its_own_count() {
        let counts = CountsBy::<Fruit>::default();
        counts.inc_by(Fruit::Pear, 2);
        let more = counts.clone();
        more.inc_by(Fruit::Quince, 5);
        assert_ne!(counts, more);
        counts.add_all(&more);
        let counted: Vec<_> = counts.iter().map(|(it, count)| (it.as_str(), count)).collect();
        assert_eq!(counted, [("apple", 0), ("pear", 4), ("quince", 5)]);
    }
}
