//! Places: the countries that resolvers are in. No I/O, no clock.

use crate::resolvers::{ANYCAST, Resolver, ResolverList, UNKNOWN};

/// The countries of a list, in the order of their codes. What answers from many places, or from nobody
/// knows where, has none.
#[derive(Debug)]
pub(super) struct Places {
    /// For each country of the list.
    numbers: Vec<Option<usize>>,
    codes: Vec<String>,
}

impl Places {
    /// The places of a list.
    pub(super) fn new(list: &ResolverList) -> Self {
        let is_place = |code: &&String| *code != ANYCAST && *code != UNKNOWN;
        let mut codes: Vec<String> = list.countries.iter().filter(is_place).cloned().collect();
        codes.sort_unstable();
        let numbers = list.countries.iter().map(|code| codes.binary_search(code).ok()).collect();
        Self { numbers, codes }
    }

    /// Where a resolver is.
    pub(super) fn of(&self, resolver: &Resolver) -> Option<usize> {
        self.numbers[usize::from(resolver.country)]
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.codes.len()
    }

    /// The code of a place.
    pub(super) fn code(&self, place: usize) -> &str {
        &self.codes[place]
    }
}
