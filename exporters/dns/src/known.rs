//! Addresses that the user knows by name, as block pages and sinkholes. No I/O, no clock.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use exporter_kit::config::{Name, all};
use ipnet::IpNet;
use serde::Deserialize;

use crate::answer::Content;
use crate::outcome::{Class, Outcome};
use crate::resolvers::ResolverList;

/// Names, each of which is a label's value, and prefixes of all of them.
const MOST_NAMES: usize = 64;
const MOST_PREFIXES: usize = 1_024;

/// Whose addresses are known by which name.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(try_from = "BTreeMap<Name, Vec<String>>")]
pub(crate) struct Known(Vec<(IpNet, String)>);

impl TryFrom<BTreeMap<Name, Vec<String>>> for Known {
    type Error = String;

    fn try_from(raw: BTreeMap<Name, Vec<String>>) -> Result<Self, String> {
        let mut known = Vec::new();
        let mut faults = Vec::new();
        if raw.len() > MOST_NAMES {
            faults.push(format!("must have at most {MOST_NAMES} names"));
        }
        for (name, prefixes) in raw {
            let name = name.into_string();
            if prefixes.is_empty() {
                faults.push(format!("{name}: there must be one prefix at least"));
            }
            for (at, text) in prefixes.iter().enumerate() {
                let net = text.parse::<IpAddr>().map(IpNet::from).or_else(|_| text.parse());
                match net {
                    Ok(net) if net.prefix_len() > 0 => known.push((net.trunc(), name.clone())),
                    _ => faults.push(format!(
                        "{name}[{at}]: must be an IP address or a prefix, as in 192.0.2.0/24"
                    )),
                }
            }
        }
        if known.len() > MOST_PREFIXES {
            faults.push(format!("must have at most {MOST_PREFIXES} prefixes in all"));
        }
        all(faults.into_iter().map(Err))?;
        // The longest first: it says more.
        known.sort_by_key(|(net, _)| std::cmp::Reverse(net.prefix_len()));
        Ok(Self(known))
    }
}

impl Known {
    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// By which name an answer is known: that of the first of its addresses that has one.
    pub(crate) fn name_of(&self, content: &Content) -> Option<&str> {
        self.name_besides(content, &|_| false)
    }

    /// By which name it is known beside what is right.
    fn name_besides(&self, content: &Content, is_right: &impl Fn(&IpAddr) -> bool) -> Option<&str> {
        let Content::Addresses(addresses) = content else { return None };
        let name = |address: &IpAddr| self.0.iter().find(|(net, _)| net.contains(address));
        addresses.iter().filter(|it| !is_right(it)).find_map(name).map(|(_, name)| name.as_str())
    }

    /// How many resolvers of each country give an address that is known and not right, by country and name: also where
    /// another reply, or the rest of the answer, is right.
    pub(crate) fn count(
        known: Option<&Self>,
        list: &ResolverList,
        outcomes: &[Option<&Outcome>],
        classes: &[Class],
        is_right: impl Fn(&IpAddr) -> bool,
    ) -> BTreeMap<(String, String), usize> {
        let mut counts = BTreeMap::new();
        let Some(known) = known.filter(|it| !it.is_empty()) else { return counts };
        // Many say the same.
        let mut names: HashMap<*const Outcome, Option<&str>> = HashMap::new();
        for ((resolver, outcome), class) in list.resolvers.iter().zip(outcomes).zip(classes) {
            let is_as_it_should = matches!(class, Class::Agree | Class::Stale);
            let Some(outcome) = outcome.filter(|_| !is_as_it_should) else { continue };
            let Outcome::Answer(answer) = outcome else { continue };
            let name = names.entry(std::ptr::from_ref(outcome)).or_insert_with(|| {
                let replies = std::iter::once(&answer.content).chain(&answer.others);
                replies.into_iter().find_map(|it| known.name_besides(it, &is_right))
            });
            if let Some(name) = name {
                let country = &list.countries[usize::from(resolver.country)];
                *counts.entry((country.clone(), (*name).to_owned())).or_default() += 1;
            }
        }
        counts
    }

    /// How many names there are.
    pub(crate) fn names(&self) -> usize {
        let names: std::collections::BTreeSet<_> = self.0.iter().map(|(_, name)| name).collect();
        names.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(pairs: &[(&str, &[&str])]) -> Result<Known, String> {
        let raw = pairs.iter().map(|(name, prefixes)| {
            let prefixes = prefixes.iter().map(ToString::to_string).collect();
            (Name::try_from((*name).to_owned()).unwrap(), prefixes)
        });
        Known::try_from(raw.collect::<BTreeMap<_, Vec<_>>>())
    }

    #[test]
    fn an_answer_is_known_by_the_longest_prefix_that_it_is_in() {
        let known = known(&[
            ("provider", &["198.51.100.0/24", "2001:db8::/32"]),
            ("block page", &["198.51.100.7"]),
        ]);
        let known = known.unwrap();
        let name = |addresses: &[&str]| {
            let addresses = addresses.iter().map(|it| it.parse().unwrap()).collect();
            known.name_of(&Content::Addresses(addresses)).map(str::to_owned)
        };
        assert_eq!(name(&["198.51.100.7"]).as_deref(), Some("block page"));
        assert_eq!(name(&["192.0.2.1", "198.51.100.8"]).as_deref(), Some("provider"));
        assert_eq!(name(&["2001:db8::7"]).as_deref(), Some("provider"));
        assert_eq!(name(&["192.0.2.1"]), None);
        assert_eq!((known.name_of(&Content::Nxdomain), known.names()), (None, 2));
    }

    #[test]
    fn what_is_no_prefix_is_told_all_at_once() {
        let error = known(&[("a", &["x", "0.0.0.0/0"]), ("b", &[])]).unwrap_err();
        for wanted in ["a[0]: must be", "a[1]: must be", "b: there must be one"] {
            assert!(error.contains(wanted), "{error}");
        }
    }
}
