//! Whose IPv6 addresses may be made of IPv4 ones, by a prefix of their network's own: who is asked for it. No I/O, no
//! clock.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};

use crate::answer::Content;
use crate::config::{Asked, Plan};
use crate::expected::Expected;
use crate::kind::Kind;
use crate::nat64;
use crate::outcome::Outcome;

/// Addresses of a name that are looked for in others; beyond them, each resolver's own alone.
const MOST: usize = 4_096;

/// Those of some resolvers that gave IPv6 addresses which are not pinned, and are made of such as the name has for IPv4;
/// of a name that is not asked for these, and by its pin has none for IPv6, all. `outcome` is what a question brought of a
/// resolver.
pub(super) fn may_make<'a>(
    plan: &Plan,
    resolvers: &[usize],
    outcome: impl Fn(usize, usize) -> Option<&'a Outcome>,
) -> Vec<usize> {
    let addresses = |question: usize, resolver: usize| match outcome(question, resolver) {
        Some(Outcome::Answer(answer)) => match &answer.content {
            Content::Addresses(addresses) => Some(&**addresses),
            _ => None,
        },
        _ => None,
    };
    let mut may = HashSet::new();
    for (number, v4) in pairs(plan) {
        let pin = plan.questions[number].expected.as_ref();
        let mut all: HashSet<Ipv4Addr> = HashSet::new();
        for resolver in resolvers {
            let own = v4.and_then(|v4| addresses(v4, *resolver)).unwrap_or_default();
            let room = MOST.saturating_sub(all.len());
            all.extend(own.iter().filter_map(of_v4).take(room));
        }
        // Most say the same.
        let mut known: HashMap<&[IpAddr], bool> = HashMap::new();
        for resolver in resolvers {
            let Some(made) = addresses(number, *resolver) else { continue };
            let is_by = |is_such: &dyn Fn(Ipv4Addr) -> bool| {
                let is_pinned =
                    |it: &IpAddr| pin.is_some_and(|pin: &Expected| pin.allows(it, &plan.systems));
                made.iter().all(|it| !is_pinned(it) && nat64::may_be_made(*it, is_such))
            };
            let is_known = *known
                .entry(made)
                .or_insert_with(|| is_by(&|it| v4.is_none() || all.contains(&it)));
            let own = || v4.and_then(|v4| addresses(v4, *resolver)).unwrap_or_default();
            if is_known || all.len() >= MOST && is_by(&|it| own().contains(&IpAddr::V4(it))) {
                may.insert(*resolver);
            }
        }
    }
    resolvers.iter().copied().filter(|it| may.contains(it)).collect()
}

/// The questions by which it is told.
pub(super) fn questions(plan: &Plan) -> Vec<usize> {
    let both = pairs(plan).flat_map(|(v6, v4)| [Some(v6), v4]);
    both.flatten().collect::<BTreeSet<_>>().into_iter().collect()
}

/// Those for IPv6 addresses of which it can be told, each with that for IPv4 ones of the same name, where that is asked.
fn pairs(plan: &Plan) -> impl Iterator<Item = (usize, Option<usize>)> {
    plan.questions.iter().enumerate().filter_map(|(number, asked)| {
        let is_its_v4 = |it: &Asked| it.kind == Kind::A && it.name == asked.name;
        let v4 = plan.questions.iter().position(is_its_v4);
        let is_told = v4.is_some() || asked.expected.as_ref().is_some_and(Expected::is_absence);
        (asked.kind == Kind::Aaaa && is_told).then_some((number, v4))
    })
}

fn of_v4(address: &IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(v4) => Some(*v4),
        IpAddr::V6(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Answer;
    use crate::config::Config;

    fn plan(questions: &str) -> Plan {
        let text = format!(
            "vantage: {{ name: fra, region: EMEA }}\n\
             sets: [{{ name: world, resolvers: [127.0.0.1], allow_private: true }}]\n\
             questions: [{questions}]\n"
        );
        let config: Config = exporter_kit::config::parse(&text, "test.yml").unwrap();
        config.complete(std::path::Path::new(".")).unwrap().plans(&[]).0["world"].clone()
    }

    fn says(addresses: &[&str]) -> Outcome {
        let addresses = addresses.iter().map(|it| it.parse().unwrap()).collect();
        Outcome::Answer(Answer::new(Content::Addresses(addresses)))
    }

    #[test]
    fn who_makes_addresses_of_those_that_the_name_has_is_asked_and_nobody_else() {
        // What each of six says to A, and to AAAA.
        let world = [
            (says(&["149.154.167.220"]), says(&["2606:4700::220"])),
            (says(&["149.154.167.220"]), says(&["2a00:64::959a:a7dc"])),
            // Another member of the pool.
            (says(&["149.154.167.221"]), says(&["2a00:64::959a:a7dc"])),
            (says(&["149.154.167.220"]), says(&["2a00:64::959a:a7dc", "2606:4700::220"])),
            (says(&["149.154.167.220"]), says(&["64:ff9b::959a:a7dc"])),
            (Outcome::Timeout, Outcome::Timeout),
        ];
        let asked = |questions: &str| {
            let plan = plan(questions);
            may_make(&plan, &[0, 1, 2, 3, 4, 5], |question, resolver| {
                let (v4, v6) = &world[resolver];
                Some(if plan.questions[question].kind == Kind::A { v4 } else { v6 })
            })
        };
        assert_eq!(asked("{ name: a.example, types: [A, AAAA] }"), [1, 2]);
        assert_eq!(asked("{ name: a.example, types: [A] }"), [0; 0]);
        // Nothing to hold them against.
        assert_eq!(asked("{ name: a.example, types: [AAAA] }"), [0; 0]);
        let pinned = |answers: &str| {
            let expected = format!("expected: {{ AAAA: {{ answers: [{answers}] }} }}");
            asked(&format!("{{ name: a.example, types: [AAAA], {expected} }}"))
        };
        assert_eq!(pinned("\"2606:4700::220\""), [0; 0], "where there is one, none is made");
        assert_eq!(pinned(""), [0, 1, 2, 3]);
        assert_eq!(pinned("\"2a00:64::/32\", \"2606:4700::/32\""), [0; 0]);
    }
}
