//! The figures of each country by resolver: how many agree with all the others. No I/O, no clock.

use crate::outcome::Class;
use crate::resolvers::{ANYCAST, ResolverList};

/// A country gets figures of its own from this many resolvers on: fewer make no ratio.
const MIN_COUNTRY_RESOLVERS: usize = 5;
/// Countries with figures of their own, at most; the rest is summed up.
const MAX_COUNTRIES: usize = 60;

/// One country's part, by resolver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CountryCounts {
    /// Its code, or `other` for the sum of the small ones.
    pub(crate) country: String,
    /// Resolvers there with a conclusive answer.
    pub(crate) conclusive: usize,
    /// Those of them that agree.
    pub(crate) agree: usize,
}

/// Country by country: those with enough resolvers by themselves, the largest first to be kept, the
/// rest as `other`. Anycast is no country. A country's own resolvers are counted, not those that
/// happened to answer, so that a country does not come and go.
pub(super) fn count(list: &ResolverList, classes: &[Class]) -> Vec<CountryCounts> {
    let mut size = vec![0_usize; list.countries.len()];
    for resolver in &list.resolvers {
        size[usize::from(resolver.country)] += 1;
    }
    let is_place = |country: &usize| list.countries[*country] != ANYCAST;
    let mut named: Vec<usize> =
        (0..size.len()).filter(is_place).filter(|at| size[*at] >= MIN_COUNTRY_RESOLVERS).collect();
    named.sort_by_key(|&at| (std::cmp::Reverse(size[at]), &list.countries[at]));
    named.truncate(MAX_COUNTRIES);
    named.sort_by_key(|&at| &list.countries[at]);

    let other = named.len();
    let row_of = |country: usize| named.iter().position(|named| *named == country).unwrap_or(other);
    let rows: Vec<usize> = (0..size.len()).map(row_of).collect();
    let mut verdicts: Vec<_> = named.iter().map(|&at| list.countries[at].clone()).collect();
    if (0..size.len()).filter(is_place).any(|country| rows[country] == other) {
        verdicts.push("other".to_owned());
    }
    let empty = |country| CountryCounts { country, conclusive: 0, agree: 0 };
    let mut verdicts: Vec<_> = verdicts.into_iter().map(empty).collect();
    for (resolver, class) in list.resolvers.iter().zip(classes) {
        let country = usize::from(resolver.country);
        if class.is_conclusive() && is_place(&country) {
            let verdict = &mut verdicts[rows[country]];
            verdict.conclusive += 1;
            verdict.agree += usize::from(*class == Class::Agree);
        }
    }
    verdicts
}
