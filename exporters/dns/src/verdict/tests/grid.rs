//! Manners of names times disturbances, drawn at random: how often a verdict is false, and how often one
//! is missed. The table is printed; the limits are what it must not get worse than.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

use super::world::{Random, World, code};
use super::*;
use crate::answer::{Answer, Content};

/// Resolvers of a list, its places, and the share of it that is alive.
const LISTS: [(usize, usize, f64); 2] = [(60, 12, 0.95), (400, 40, 0.6)];

/// The names: how many addresses, how many an answer, whether the place decides.
const NAMES: [(&str, usize, usize, bool); 8] = [
    ("one address", 1, 1, false),
    ("two, both", 2, 2, false),
    ("five, one each", 5, 1, false),
    ("eight, four each", 8, 4, false),
    ("fifty, one each", 50, 1, false),
    ("thousands", 5_000, 1, false),
    ("six regions", 6, 1, true),
    ("a pool a country", 40, 1, true),
];

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Disturbance {
    Nothing,
    Country,
    CountryOfMany,
    CountryAbsent,
    CountryFails,
    ThreeCountries,
    CountryAndStrays,
    Scattered(u8),
    Hijack(u8),
    AllFail,
}

use Disturbance::{
    AllFail, Country, CountryAbsent, CountryAndStrays, CountryFails, CountryOfMany, Hijack,
    Nothing, Scattered, ThreeCountries,
};

const DISTURBANCES: [Disturbance; 12] = [
    Nothing,
    Country,
    CountryOfMany,
    CountryAbsent,
    CountryFails,
    ThreeCountries,
    CountryAndStrays,
    Scattered(1),
    Scattered(3),
    Hijack(35),
    Hijack(70),
    AllFail,
];

#[derive(Debug, Default)]
struct Tally {
    runs: usize,
    honest: usize,
    false_outliers: usize,
    liars: usize,
    missed_outliers: usize,
    false_countries: usize,
    countries: usize,
    missed_countries: usize,
    false_pages: usize,
    pages: usize,
    missed_pages: usize,
}

fn single(bits: u32) -> Outcome {
    let address = IpAddr::from(Ipv4Addr::from(bits));
    Outcome::Answer(Answer::new(Content::Addresses([address].into())))
}

fn honest(name: usize, place: usize, random: &mut Random) -> Outcome {
    let (_, addresses, each, by_place) = NAMES[name];
    let number = |n: usize| 0x1400_0000 + u32::try_from(n / 60 * 256 + n % 60 + 1).unwrap();
    if by_place {
        return single(number(place % addresses * 60));
    }
    let first = random.below(addresses);
    let mut given: Vec<IpAddr> =
        (0..each).map(|n| IpAddr::from(Ipv4Addr::from(number((first + n) % addresses)))).collect();
    given.sort_unstable();
    Outcome::Answer(Answer::new(Content::Addresses(given.into())))
}

/// A list: the places of a few large countries and many small ones, and who is alive.
fn list(size: usize, places: usize, alive: f64, random: &mut Random) -> (World, Vec<usize>) {
    let mut world = World::empty();
    let mut of = Vec::new();
    for _ in 0..size {
        // Half of the draws fall on a third of the places.
        let place = random.below(places) * (1 + random.below(2)) / 2;
        let network = place * 1_000 + random.below(size / places + 4);
        world.add(&code(place), network, None);
        world.control.push(if random.is(alive) { Control::Passed } else { Control::Failed });
        of.push(place);
    }
    (world, of)
}

/// Who is disturbed how; none if the list is too small for it.
fn disturb(
    what: Disturbance,
    world: &World,
    places: &[usize],
    random: &mut Random,
) -> Option<(Vec<bool>, Vec<usize>)> {
    let mut networks: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); 64];
    for (at, place) in places.iter().enumerate() {
        if world.control[at] == Control::Passed {
            networks[*place].insert(world.members[at].1);
        }
    }
    let large: Vec<usize> = (0..64).filter(|place| networks[*place].len() >= 7).collect();
    let wanted = match what {
        ThreeCountries => 3,
        Country | CountryOfMany | CountryAbsent | CountryFails | CountryAndStrays => 1,
        _ => 0,
    };
    if wanted > 0 && large.len() < wanted + 3 {
        return None;
    }
    let from = random.below(large.len().max(1));
    let chosen: Vec<usize> = (0..wanted).map(|n| large[(from + n) % large.len()]).collect();
    let mut is = |at: usize| match what {
        Nothing => false,
        Scattered(share) | Hijack(share) => random.is(f64::from(share) / 100.0),
        AllFail => true,
        CountryAndStrays if at % 97 == 5 => true,
        _ => chosen.contains(&places[at]),
    };
    Some(((0..places.len()).map(&mut is).collect(), chosen))
}

fn forged(what: Disturbance, random: &mut Random) -> Option<Outcome> {
    let content = |content| Some(Outcome::Answer(Answer::new(content)));
    match what {
        CountryAbsent => content(Content::Nxdomain),
        CountryFails => Some(Outcome::Timeout),
        AllFail => content(Content::Servfail),
        CountryOfMany => Some(single(0x1f0d_0001 + 256 * u32::try_from(random.below(40)).unwrap())),
        _ => Some(single(0x4242_4242)),
    }
}

fn run(name: usize, what: Disturbance, list_of: usize, pinned: bool, tally: &mut Tally) {
    let seed =
        name * 1_000 + list_of * 100 + DISTURBANCES.iter().position(|it| *it == what).unwrap();
    let mut random = Random(seed as u64 * 7_919 + 13);
    let (size, count, alive) = LISTS[list_of];
    let (mut world, places) = list(size, count, alive, &mut random);
    let expected = Expected {
        mode: Mode::Subset,
        answers: vec!["20.0.0.0/8".parse().unwrap()],
        systems: Vec::new(),
    };
    let rules = Rules { expected: pinned.then_some(&expected), ..Rules::default() };
    let sweep = |world: &mut World, bad: &[bool], random: &mut Random| {
        for at in 0..size {
            let says = match world.control[at] {
                Control::Failed => Some(Outcome::Timeout),
                _ if bad[at] => forged(what, random),
                _ if random.is(0.01) => Some(Outcome::Timeout),
                _ => Some(honest(name, places[at], random)),
            };
            world.say(at, says);
        }
    };
    let Some((bad, chosen)) = disturb(what, &world, &places, &mut random) else { return };
    sweep(&mut world, &vec![false; size], &mut random);
    let before = world.with(rules, &Memory::default(), 3_600);
    sweep(&mut world, &bad, &mut random);
    let judged = world.with(rules, &before.memory, 7_200);
    let verdict = &judged.verdict;

    // Honest answers and lies are told by what was said: each group has one class.
    tally.runs += 1;
    for group in &verdict.groups {
        let Some(content) = &group.content else { continue };
        if !content.is_conclusive() {
            continue;
        }
        let is_honest = match content {
            Content::Addresses(addresses) => addresses.iter().all(|it| match it {
                IpAddr::V4(v4) => v4.octets()[0] == 20,
                IpAddr::V6(_) => false,
            }),
            _ => false,
        };
        let (all, wrong) = if is_honest {
            (&mut tally.honest, &mut tally.false_outliers)
        } else {
            (&mut tally.liars, &mut tally.missed_outliers)
        };
        *all += group.resolvers;
        if group.class.is_outlier() != is_honest {
            continue;
        }
        *wrong += group.resolvers;
    }
    let told = diverging(verdict);
    let chosen: Vec<String> = chosen.into_iter().map(code).collect();
    let is_chosen = |country: &&&str| chosen.iter().any(|code| code == **country);
    tally.false_countries += told.iter().filter(|country| !is_chosen(country)).count();
    tally.countries += chosen.len();
    tally.missed_countries += chosen.iter().filter(|code| !told.contains(&code.as_str())).count();
    let is_page = verdict.unexpected == Severity::Page || verdict.failing == Severity::Page;
    let is_wanted = matches!(what, Hijack(_)) && pinned || what == AllFail;
    tally.pages += usize::from(is_wanted);
    tally.missed_pages += usize::from(is_wanted && !is_page);
    tally.false_pages += usize::from(is_page && !is_wanted);
}

#[test]
fn verdicts_are_seldom_false_and_seldom_missed() {
    let mut table = String::new();
    let mut sum = |pinned: bool, names: std::ops::Range<usize>, what: &str| {
        let mut tally = Tally::default();
        for name in names {
            for disturbance in DISTURBANCES {
                if !pinned && matches!(disturbance, Hijack(_)) {
                    continue;
                }
                for list in 0..LISTS.len() {
                    run(name, disturbance, list, pinned, &mut tally);
                }
            }
        }
        let Tally { runs, honest, false_outliers, liars, missed_outliers, .. } = tally;
        let Tally { false_countries, countries, missed_countries, .. } = tally;
        let Tally { false_pages, pages, missed_pages, .. } = tally;
        writeln!(
            table,
            "{what:<28} runs={runs} false_outliers={false_outliers}/{honest} \
             missed_outliers={missed_outliers}/{liars} false_countries={false_countries} \
             missed_countries={missed_countries}/{countries} false_pages={false_pages} \
             missed_pages={missed_pages}/{pages}"
        )
        .unwrap();
        tally
    };
    let pinned = sum(true, 0..NAMES.len(), "pinned");
    let fixed = sum(false, 0..2, "one answer, no pin");
    let pools = sum(false, 2..6, "pools, no pin");
    let by_place = sum(false, 6..8, "answers by place, no pin");
    println!("{table}");
    let is_rare = |some: usize, of: usize| some * 100 <= of;
    for tally in [&pinned, &fixed, &pools, &by_place] {
        assert_eq!((tally.false_countries, tally.false_pages), (0, 0), "\n{table}");
        assert!(is_rare(tally.false_outliers, tally.honest), "\n{table}");
    }
    assert_eq!((pinned.missed_outliers, fixed.missed_outliers), (0, 0), "\n{table}");
    assert_eq!((pinned.missed_countries, fixed.missed_countries), (0, 0), "\n{table}");
    assert_eq!((pinned.missed_pages, fixed.missed_pages), (0, 0), "\n{table}");
}
