//! The answers themselves, each with who gave it: what a person reads when a figure is odd. No I/O, no clock.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use crate::answer::Content;
use crate::outcome::{Class, Outcome};
use crate::resolvers::ResolverList;

/// Different answers that are kept; a name on a large CDN has thousands, of which the rare ones say
/// nothing.
const MAX_GROUPS: usize = 500;

/// Resolvers that are named for each answer, so that one can ask them oneself.
const SAMPLE: usize = 5;

/// Resolvers that answered the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// Their class.
    pub(crate) class: Class,
    /// Their answer, if there was any.
    pub(crate) content: Option<Content>,
    /// How many they are.
    pub(crate) resolvers: usize,
    /// How many of them in which country, the most first.
    pub(crate) countries: Vec<(String, usize)>,
    /// Those of them with the lowest addresses.
    pub(crate) sample: Vec<IpAddr>,
    /// How many more answers are summed up in this group: 0 but for the last.
    pub(crate) more_answers: usize,
}

/// Groups the answers, the most frequent first, and says how many different conclusive ones there are. What
/// [`shorten`] sums up has no content.
pub(super) fn collect(
    list: &ResolverList,
    outcomes: &[Option<&Outcome>],
    classes: &[Class],
) -> (Vec<Group>, usize) {
    let mut groups: HashMap<(Class, Option<&Content>), Members> = HashMap::new();
    for ((resolver, outcome), class) in list.resolvers.iter().zip(outcomes).zip(classes) {
        let content = match outcome {
            Some(Outcome::Answer(answer)) => Some(&answer.content),
            _ => None,
        };
        groups.entry((*class, content)).or_default().add(resolver.address, resolver.country);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by(|(a, of_a), (b, of_b)| (Reverse(of_a.count), a).cmp(&(Reverse(of_b.count), b)));
    let conclusive = groups.iter().filter(|((class, _), _)| class.is_conclusive());
    let distinct: HashSet<_> = conclusive.filter_map(|((_, content), _)| *content).collect();
    let distinct = distinct.len();
    let group = |(at, ((class, content), members)): (usize, ((_, Option<_>), Members))| {
        members.into_group(class, content.filter(|_| at < MAX_GROUPS), list)
    };
    (groups.into_iter().enumerate().map(group).collect(), distinct)
}

/// The answers that agree.
pub(super) fn agreeing<'a>(
    outcomes: &'a [Option<&'a Outcome>],
    classes: &'a [Class],
) -> impl Iterator<Item = &'a Content> {
    let agreeing = outcomes.iter().zip(classes).filter(|(_, class)| **class == Class::Agree);
    agreeing.filter_map(|(outcome, _)| match outcome {
        Some(Outcome::Answer(answer)) => Some(&answer.content),
        _ => None,
    })
}

/// Keeps the most frequent answers and sums up the rest of each class.
pub(super) fn shorten(mut groups: Vec<Group>) -> Vec<Group> {
    if groups.len() <= MAX_GROUPS {
        return groups;
    }
    let rest = groups.split_off(MAX_GROUPS);
    let mut sums: Vec<Group> = Vec::new();
    for group in rest {
        match sums.iter_mut().find(|sum| sum.class == group.class) {
            Some(sum) => {
                sum.resolvers += group.resolvers;
                sum.more_answers += 1;
            }
            None => {
                sums.push(Group { content: None, countries: Vec::new(), more_answers: 1, ..group });
            }
        }
    }
    groups.extend(sums);
    groups
}

#[derive(Default)]
struct Members {
    count: usize,
    countries: HashMap<u16, usize>,
    sample: Vec<IpAddr>,
}

impl Members {
    fn add(&mut self, address: IpAddr, country: u16) {
        self.count += 1;
        *self.countries.entry(country).or_default() += 1;
        let at = self.sample.partition_point(|known| *known < address);
        if at < SAMPLE {
            self.sample.insert(at, address);
            self.sample.truncate(SAMPLE);
        }
    }

    fn into_group(self, class: Class, content: Option<&Content>, list: &ResolverList) -> Group {
        let name = |(country, count)| (list.countries[usize::from(country)].clone(), count);
        let mut countries: Vec<_> = self.countries.into_iter().map(name).collect();
        countries.sort_by(|(a, of_a), (b, of_b)| (Reverse(of_a), a).cmp(&(Reverse(of_b), b)));
        Group {
            class,
            content: content.cloned(),
            resolvers: self.count,
            countries,
            sample: self.sample,
            more_answers: 0,
        }
    }
}
