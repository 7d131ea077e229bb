//! Closed enums whose values are labels, and counters with one count for each value. No I/O, no clock.

use std::marker::PhantomData;

/// An enum whose values are labels.
pub(crate) trait Closed: Copy + 'static {
    /// The label.
    fn as_str(self) -> &'static str;

    /// Its place in the order of the enum.
    fn place(self) -> usize;
}

/// Declares such an enum, each value with its label. `ALL` holds them in their order.
macro_rules! closed {
    (
        $(#[$about:meta])*
        enum $name:ident {
            $($(#[doc = $says:expr])+ $(#[cfg($when:meta)])? $value:ident = $label:literal,)+
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name {
            $($(#[doc = $says])+ $(#[cfg($when)])? $value,)+
        }

        impl $name {
            /// Every value, in the order of the enum.
            pub(crate) const ALL: &'static [Self] = &[$($(#[cfg($when)])? Self::$value,)+];
        }

        impl crate::closed::Closed for $name {
            fn as_str(self) -> &'static str {
                match self {
                    $($(#[cfg($when)])? Self::$value => $label,)+
                }
            }

            fn place(self) -> usize {
                self as usize
            }
        }
    };
}
pub(crate) use closed;

/// Counters, one for each of the `N` values of `E`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CountsBy<E, const N: usize> {
    counts: [u64; N],
    of: PhantomData<E>,
}

impl<E, const N: usize> Default for CountsBy<E, N> {
    fn default() -> Self {
        Self { counts: [0; N], of: PhantomData }
    }
}

impl<E: Closed, const N: usize> CountsBy<E, N> {
    /// Counts `more` of `value`.
    pub(crate) fn add(&mut self, value: E, more: u64) {
        self.counts[value.place()] += more;
    }

    /// How many of `value` were counted.
    pub(crate) fn get(&self, value: E) -> u64 {
        self.counts[value.place()]
    }

    /// Counts what others have counted.
    pub(crate) fn add_all(&mut self, others: &Self) {
        for (count, more) in self.counts.iter_mut().zip(others.counts) {
            *count += more;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    closed! {
        /// Three of them.
        enum Fruit {
            /// First.
            Apple = "apple",
            /// Second.
            Pear = "pear",
            /// Third.
            Quince = "quince",
        }
    }

    #[test]
    fn each_value_has_its_own_count() {
        let mut counts = CountsBy::<Fruit, { Fruit::ALL.len() }>::default();
        counts.add(Fruit::Pear, 2);
        let mut more = CountsBy::default();
        more.add(Fruit::Pear, 1);
        more.add(Fruit::Quince, 5);
        counts.add_all(&more);
        let counted: Vec<_> = Fruit::ALL.iter().map(|it| (it.as_str(), counts.get(*it))).collect();
        assert_eq!(counted, [("apple", 0), ("pear", 3), ("quince", 5)]);
    }
}
