//! Names of every manner, in small worlds, and what must be said of them.
#![expect(clippy::cast_possible_truncation, reason = "the worlds are small")]

mod countries;
mod grid;
mod pins;
pub(super) mod world;

use std::net::{IpAddr, Ipv6Addr};

use self::world::{Random, World, address, answer, outcome};
use super::*;
use crate::answer::{Answer, Content};
use crate::expected::Mode;

const GOOD: u8 = 1;
const OTHER: u8 = 2;
const THIRD: u8 = 3;

fn pin(last: &[u8]) -> Expected {
    let answers = last.iter().map(|last| address(*last).into()).collect();
    Expected { mode: Mode::Subset, answers, systems: Vec::new() }
}

fn country<'a>(verdict: &'a Verdict, code: &str) -> &'a Country {
    verdict.countries.iter().find(|country| country.code == code).unwrap()
}

fn diverging(verdict: &Verdict) -> Vec<&str> {
    let differs = verdict.countries.iter().filter(|country| country.difference.is_some());
    differs.map(|country| country.code.as_str()).collect()
}

fn count(verdict: &Verdict, class: Class) -> usize {
    verdict.responses[class as usize]
}

#[test]
fn one_address_everywhere_is_uniform() {
    let verdict = World::new(12, 8).all(&[GOOD]).verdict();
    assert_eq!(verdict.state, State::Uniform);
    assert_eq!(verdict.consensus, Some(Ratios { resolver: 1.0, network: 1.0 }));
    assert_eq!((verdict.outliers(), verdict.distinct_answers), (0, 1));
    assert_eq!((verdict.entropy_bits, verdict.rest_bad), (Some(0.0), Some(0.0)));
}

#[test]
fn a_rival_that_is_a_minority_joins_nowhere() {
    // A poisoned country, and strays in as many others as there are.
    for strays in 0..=6 {
        let mut world = World::new(12, 8).all(&[GOOD]);
        world.country("AL", || outcome(&[OTHER]));
        for place in 0..strays {
            world.say(place * 8, outcome(&[OTHER]));
        }
        let verdict = world.verdict();
        assert_eq!(diverging(&verdict), ["AL"], "{strays} strays");
        let liars = 8 + strays;
        assert_eq!(count(&verdict, Class::Dissent), liars, "{strays} strays");
    }
}

#[test]
fn poisoned_countries_take_no_honest_resolver_away() {
    for poisoned in 1..=3 {
        for forged in 0..2 {
            let mut world = World::new(12, 8).all(&[GOOD]);
            for place in 0..poisoned * 8 {
                let lie = if forged == 0 { OTHER } else { 10 + place as u8 };
                world.say(place, outcome(&[lie]));
            }
            let verdict = world.verdict();
            assert_eq!(count(&verdict, Class::Agree), 96 - poisoned * 8, "{poisoned} {forged}");
            assert_eq!(diverging(&verdict).len(), poisoned);
        }
    }
}

#[test]
fn a_resolver_more_of_a_known_network_is_no_network_more() {
    let mut world = World::new(12, 4).all(&[GOOD]);
    world.country("AC", || outcome(&[OTHER]));
    let before = world.verdict();
    world.add("AC", 2 * 4, outcome(&[OTHER]));
    let after = world.verdict();
    assert_eq!(country(&before, "AC").networks, 4);
    assert_eq!(country(&after, "AC").networks, 4);
    assert_eq!(diverging(&after), ["AC"]);
}

#[test]
fn a_country_has_no_more_than_a_fifth_of_the_votes_however_many_networks_it_has() {
    let mut ratios = Vec::new();
    for more in [200, 2_000] {
        let mut world = World::new(12, 8).all(&[GOOD]);
        world.country("AA", || outcome(&[OTHER]));
        for network in 0..more {
            world.add("AA", 1_000 + network, outcome(&[OTHER]));
        }
        let verdict = world.judged(&pin(&[GOOD]));
        ratios.push(verdict.unexpected_ratio.unwrap());
        assert_eq!((verdict.unexpected, diverging(&verdict)), (Severity::None, vec!["AA"]));
    }
    assert!((ratios[0] - ratios[1]).abs() < 1e-3 && ratios[0] < 0.201, "{ratios:?}");
}

#[test]
fn what_filters_own_up_to_is_not_unexpected() {
    let mut world = World::new(12, 8).all(&[GOOD]);
    for at in 0..40 {
        let mut filtered = Answer::new(Content::Nxdomain);
        filtered.extended_error = Some(17);
        world.say(at * 2, Some(Outcome::Answer(filtered)));
    }
    let verdict = world.judged(&pin(&[GOOD]));
    assert_eq!((count(&verdict, Class::Filtered), verdict.unexpected), (40, Severity::None));
    assert_eq!(verdict.extended_errors[&17], 40);
}

#[test]
fn bogons_are_told_apart_unless_they_are_expected() {
    let bogon =
        Some(Outcome::Answer(Answer::new(Content::Addresses([[10, 0, 0, 1].into()].into()))));
    let mut world = World::new(12, 8).all(&[GOOD]);
    world.country("AA", || bogon.clone());
    assert_eq!(count(&world.verdict(), Class::Bogon), 8);
    let answers = vec!["10.0.0.0/8".parse().unwrap(), address(GOOD).into()];
    let expected = Expected { answers, ..Expected::default() };
    assert_eq!(count(&world.judged(&expected), Class::Agree), 96);
}

#[test]
fn addresses_made_by_a_prefix_of_the_networks_own_are_held_against_nobody() {
    let made = |host: &str| {
        let address: IpAddr = format!("64:ff9b:1::{host}").parse().unwrap();
        Some(Outcome::Answer(Answer::new(Content::Addresses([address].into()))))
    };
    // A country, and two of another, whose network has one that says by which prefix.
    let mut world = World::new(12, 8);
    world.outcomes.fill(Some(Outcome::Answer(Answer::new(Content::Nodata))));
    world.country("AC", || made("959a:a701"));
    let v4 = Accepted::These(vec![address(GOOD)]);
    let by = |world: &World, expected: &Expected| {
        world.by(Rules { expected: Some(expected), v4: Some(&v4), ..Rules::default() })
    };
    let none = Expected::default();
    let verdict = by(&world, &none);
    assert_eq!((count(&verdict, Class::Bogon), diverging(&verdict)), (8, vec!["AC"]));
    world.prefixes = (16..24).map(|at| (at, "64:ff9b:1::/96".parse().unwrap())).collect();
    let verdict = by(&world, &none);
    assert_eq!((count(&verdict, Class::Bogon), diverging(&verdict)), (0, vec![]));
    assert_eq!(count(&verdict, Class::Agree), 96);
    // Where there should be an address, it is one all the same.
    let six: IpAddr = "2606:4700::1".parse().unwrap();
    let six_alone = Expected { answers: vec![six.into()], ..Expected::default() };
    assert_eq!(count(&by(&world, &six_alone), Class::Dns64), 8);
    // One that is known for its prefix may lie; of another address it makes none of these.
    world.say(16, made("808:808"));
    world.say(17, made("959a:a701"));
    world.prefixes.remove(&18);
    assert_eq!(count(&by(&world, &none), Class::Bogon), 2);
    // The others of its network make them alike.
    world.add("AC", 17, made("959a:a701"));
    assert_eq!(count(&by(&world, &none), Class::Bogon), 2);
}

#[test]
fn who_claims_a_prefix_excuses_nothing_that_is_not_known_to_be_made() {
    let says = |address: &str| {
        let addresses = [address.parse().unwrap()].into();
        Some(Outcome::Answer(Answer::new(Content::Addresses(addresses))))
    };
    let (six, sinkhole) = ("2606:4700::6810:84e5", "2a00:64::5f5f:5f05");
    let pinned: IpAddr = six.parse().unwrap();
    let pin = Expected { answers: vec![pinned.into()], ..Expected::default() };
    let mut world = World::new(12, 8);
    world.outcomes.fill(says(six));
    world.country("AC", || says(sinkhole));
    world.prefixes = (16..24).map(|at| (at, "2a00:64::/96".parse().unwrap())).collect();
    // What the name has for IPv4 is not asked, or depends on the place, or is another one.
    let near = Accepted::within([address(GOOD)].iter(), true);
    let any = [address(GOOD), [95, 95, 95, 5].into()];
    let any = Accepted::within(any.iter(), false);
    let these = Accepted::These(vec![address(GOOD)]);
    let v4s = [None, Some(&near), Some(&these), Some(&any)];
    for v4 in v4s {
        let verdict = world.by(Rules { expected: Some(&pin), v4, ..Rules::default() });
        let counts = (count(&verdict, Class::Dns64), count(&verdict, Class::Agree));
        assert_eq!((counts, diverging(&verdict)), ((0, 88), vec!["AC"]), "{v4:?}");
    }
    // The same of it that is made of one beside those that are given, and of one that is.
    for (host, v4) in [("959a:a7fe", &near), ("959a:a701", &these), ("959a:a701", &near)] {
        world.country("AC", || says(&format!("2a00:64::{host}")));
        let verdict = world.by(Rules { expected: Some(&pin), v4: Some(v4), ..Rules::default() });
        assert_eq!(count(&verdict, Class::Dns64), 8);
    }
    // Where there should be none, each is taken at its own word, of what is public.
    let none = Expected::default();
    world.outcomes.fill(Some(Outcome::Answer(Answer::new(Content::Nodata))));
    world.prefixes.remove(&16);
    for (host, told) in [("5f5f:5f05", 1), ("a00:1", 8)] {
        world.country("AC", || says(&format!("2a00:64::{host}")));
        let verdict = world.by(Rules { expected: Some(&none), ..Rules::default() });
        assert_eq!(count(&verdict, Class::Dissent), told, "{host}");
    }
    // A prefix around what is pinned turns nobody's true answer into one that is made.
    world.outcomes.fill(says("2606:4700:0:1::"));
    world.prefixes = (0..96).map(|at| (at, "2606:4700::/32".parse().unwrap())).collect();
    let pin = Expected { answers: vec!["2606:4700::/32".parse().unwrap()], ..Expected::default() };
    let one = Accepted::These(vec![[0, 0, 0, 1].into()]);
    let verdict = world.by(Rules { expected: Some(&pin), v4: Some(&one), ..Rules::default() });
    assert_eq!(count(&verdict, Class::Dns64), 0);
}

#[test]
fn absence_has_two_forms_and_is_an_answer_too() {
    let mut world = World::new(12, 8);
    for at in 0..96 {
        let content = match at % 50 {
            0 => Content::Addresses([address(GOOD)].into()),
            n if n % 3 == 0 => Content::Nxdomain,
            _ => Content::Nodata,
        };
        world.say(at, Some(Outcome::Answer(Answer::new(content))));
    }
    let verdict = world.verdict();
    assert_eq!((verdict.state, count(&verdict, Class::Agree)), (State::Uniform, 94));
    assert_eq!(count(&verdict, Class::Dissent), 2);
    let none = Expected::default();
    assert_eq!(world.judged(&none).unexpected_ratio, Some(2.0 / 96.0));
}

#[test]
fn an_address_made_of_an_ipv4_one_is_believed_only_where_that_is_known() {
    let made: Ipv6Addr = "64:ff9b::9572:a701".parse().unwrap();
    let made = Some(Outcome::Answer(Answer::new(Content::Addresses([IpAddr::V6(made)].into()))));
    let v6 = Expected { answers: vec!["2606::/16".parse().unwrap()], ..Expected::default() };
    let v4 = Accepted::These(vec!["149.114.167.1".parse().unwrap()]);
    let other = Accepted::These(vec!["149.114.167.2".parse().unwrap()]);
    let mut world = World::new(12, 8);
    for at in 0..96 {
        world.say(at, made.clone());
    }
    let verdict = |v4| world.by(Rules { expected: Some(&v6), v4: Some(v4), ..Rules::default() });
    assert_eq!(count(&verdict(&v4), Class::Dns64), 96);
    assert_eq!(count(&verdict(&other), Class::Dissent), 96);
}

#[test]
fn a_true_answer_after_a_forged_refusal_counts_and_the_pair_is_told() {
    let mut world = World::new(12, 8).all(&[GOOD]);
    let mut both = answer(&[GOOD]);
    both.others.push(Content::Refused);
    world.country("AB", || Some(Outcome::Answer(both.clone())));
    let verdict = world.judged(&pin(&[GOOD]));
    assert_eq!((count(&verdict, Class::Conflict), diverging(&verdict)), (8, vec!["AB"]));
    assert_eq!((verdict.failing, verdict.unexpected), (Severity::None, Severity::None));
}

#[test]
fn who_fails_the_control_is_in_no_ratio_and_a_broken_control_is_void() {
    let mut world = World::new(12, 8).all(&[GOOD]);
    world.control = vec![Control::Passed; 96];
    for at in 0..30 {
        world.control[at * 3] = Control::Failed;
        world.say(at * 3, outcome(&[OTHER]));
    }
    let verdict = world.judged(&pin(&[GOOD]));
    assert_eq!((count(&verdict, Class::Unhealthy), verdict.healthy), (30, 66));
    assert_eq!((verdict.unexpected_ratio, verdict.is_control_void), (Some(0.0), false));
    world.control.fill(Control::Failed);
    let verdict = world.judged(&pin(&[GOOD]));
    assert!(verdict.is_control_void && verdict.unexpected == Severity::Page);
}

#[test]
fn silence_counts_where_the_control_is_answered_and_nowhere_else() {
    let mut world = World::new(12, 8).all(&[GOOD]);
    world.country("AB", || Some(Outcome::Timeout));
    assert_eq!(diverging(&world.judged(&pin(&[GOOD]))), [""; 0]);
    world.control = vec![Control::Passed; 96];
    let verdict = world.judged(&pin(&[GOOD]));
    assert_eq!(country(&verdict, "AB").difference, Some(Difference::Fails));
    for at in 0..96 {
        world.say(at, Some(Outcome::Timeout));
    }
    let verdict = world.judged(&pin(&[GOOD]));
    assert_eq!((verdict.failing, verdict.state), (Severity::Page, State::Failing));
}

#[test]
fn a_pool_has_no_outliers_and_a_country_that_answers_otherwise_is_found() {
    let mut random = Random(1);
    let mut world = World::new(12, 8);
    for at in 0..96 {
        world.say(at, outcome(&[10 + random.below(6) as u8]));
    }
    let verdict = world.verdict();
    assert_eq!((verdict.state, verdict.outliers()), (State::Rotating, 0));
    world.country("AC", || outcome(&[OTHER]));
    let verdict = world.verdict();
    assert_eq!((diverging(&verdict), verdict.outliers()), (vec!["AC"], 8));
}

#[test]
fn answers_of_one_system_in_many_networks_are_one_where_tables_tell_it() {
    // A pool of two hundred, each in a /24 of its own; and a CDN, each of whose places answers out of its own /24.
    let pool = |n: usize| IpAddr::from([20, (n % 200) as u8, 7, 1]);
    let says =
        |address: IpAddr| Some(Outcome::Answer(Answer::new(Content::Addresses([address].into()))));
    let systems =
        Systems::read(&b"20.0.0.0\t20.255.255.255\t64500\n66.6.0.0\t66.6.255.255\t64666\n"[..]);
    let systems = systems.unwrap();
    for is_by_place in [false, true] {
        let mut world = World::new(12, 8);
        let mut random = Random(3);
        for at in 0..96 {
            let number = if is_by_place { at / 8 } else { random.below(200) };
            world.say(at, says(pool(number)));
        }
        for place in 0..4 {
            world.say(place * 16, says([66, 6, 6, 6].into()));
        }
        let without = world.verdict();
        let verdict = world.by(Rules { systems: &systems, ..Rules::default() });
        // Of one here and there nothing is known without.
        assert_eq!(count(&without, Class::Dissent), 0, "{is_by_place}");
        assert_eq!((count(&verdict, Class::Dissent), count(&verdict, Class::Agree)), (4, 92));
        let state = if is_by_place { State::Geo } else { State::Spread };
        assert_eq!(verdict.state, state);
    }
}

#[test]
fn three_addresses_of_a_cloud_make_it_no_part_of_a_name_that_two_systems_answer() {
    let says = |address: [u8; 4]| {
        Some(Outcome::Answer(Answer::new(Content::Addresses([address.into()].into()))))
    };
    let table = "20.0.0.0\t20.255.255.255\t64500\n30.0.0.0\t30.255.255.255\t64501\n66.0.0.0\t66.255.255.255\t64666\n";
    let systems = Systems::read(table.as_bytes()).unwrap();
    let mut world = World::new(12, 8);
    let mut random = Random(3);
    for at in 0..96 {
        world.say(at, says([[20, 30][random.below(2)], random.below(200) as u8, 7, 1]));
    }
    let rules = Rules { systems: &systems, ..Rules::default() };
    assert_eq!(count(&world.by(rules), Class::Agree), 96);
    for at in [0, 32, 64] {
        world.say(at, says([66, at as u8, 6, 6]));
    }
    let verdict = world.by(rules);
    assert_eq!((count(&verdict, Class::Dissent), count(&verdict, Class::Agree)), (3, 93));
}

#[test]
fn a_name_that_is_answered_by_place_blames_no_place() {
    let mut world = World::new(12, 8);
    for at in 0..96 {
        world.say(at, outcome(&[10 + (at / 8) as u8]));
    }
    let verdict = world.verdict();
    assert_eq!((verdict.state, verdict.outliers()), (State::Geo, 0));
    assert!(diverging(&verdict).is_empty());
}

#[test]
fn outliers_do_not_decide_how_the_whole_looks() {
    let mut world = World::new(12, 8).all(&[GOOD]);
    for at in 0..5 {
        world.say(at * 19, outcome(&[20 + at as u8]));
    }
    let verdict = world.verdict();
    assert_eq!((verdict.state, verdict.outliers()), (State::Uniform, 5));
    assert_eq!(verdict.entropy_bits, Some(0.0));
}

#[test]
fn a_change_without_a_pin_is_followed_to_its_end() {
    let mut memory = Memory::default();
    let mut states = Vec::new();
    for (sweep, moved) in (1..).zip([0, 24, 48, 72, 96, 96]) {
        let mut world = World::new(12, 8).all(&[GOOD]);
        for at in 0..moved {
            world.say((at * 37) % 96, outcome(&[OTHER]));
        }
        let judged = world.with(Rules::default(), &memory, sweep * 900);
        assert_eq!(judged.verdict.outliers(), 0, "{moved}");
        states.push((judged.verdict.state, judged.verdict.is_changed));
        memory = judged.memory;
    }
    let moving = (State::Moving, false);
    let uniform = (State::Uniform, false);
    assert_eq!(states, [uniform, moving, moving, moving, (State::Moving, true), uniform]);
}

/// What a resolver of a random world says.
fn anything(random: &mut Random, manner: usize, place: usize) -> Option<Outcome> {
    let content = |content| Some(Outcome::Answer(Answer::new(content)));
    match (manner, random.below(40)) {
        (_, 0) => Some(Outcome::Timeout),
        (_, 1) => content(Content::Nodata),
        (_, 2) => content(Content::Servfail),
        (_, 3) => Some(Outcome::LocalError),
        (_, 4) => None,
        (0, 5..10) | (_, 5) => content(Content::Nxdomain),
        (0 | 1, n) => outcome(&[GOOD + u8::from(n > 36)]),
        (2, n) => outcome(&[n as u8 % 4, n as u8 % 3]),
        (3, n) => outcome(&[place as u8 % 3 * 20 + n as u8 % 2]),
        (4, n) => outcome(&[n as u8]),
        (5, n) => outcome(&[GOOD, 10 + n as u8 % 8]),
        (_, n) if n % 2 == 0 => content(Content::Nxdomain),
        _ => {
            let mut pair = answer(&[OTHER]);
            pair.others.push(Content::Addresses([address(THIRD)].into()));
            Some(Outcome::Answer(pair))
        }
    }
}

#[test]
fn a_verdict_depends_neither_on_the_order_of_the_list_nor_on_the_run() {
    let mut random = Random(7);
    let mut states = std::collections::BTreeSet::new();
    for round in 0..150 {
        let mut world = World::empty();
        let places = 3 + random.below(14);
        for network in 0..10 + random.below(70) {
            let place = random.below(places);
            for _ in 0..=random.below(5) {
                let says = anything(&mut random, round % 7, place);
                world.add(&world::code(place), network, says);
            }
        }
        let pinned = pin(&[GOOD, OTHER]);
        let rules = Rules { expected: (round % 5 == 0).then_some(&pinned), ..Rules::default() };
        let verdict = world.by(rules);
        states.insert(verdict.state.as_str());
        assert_eq!(verdict.responses.iter().sum::<usize>(), world.outcomes.len());
        for _ in 0..3 {
            world.shuffle(&mut random);
            // The classes are told in the order of the list.
            let again = Verdict { classes: Arc::clone(&verdict.classes), ..world.by(rules) };
            assert_eq!(again, verdict, "round {round}");
        }
    }
    assert!(states.len() >= 5, "{states:?}");
}

#[test]
fn an_even_vote_is_even_however_many_share_it() {
    for resolvers in 1..=60 {
        let mut world = World::empty();
        for network in 0..4 {
            world.add("AA", network, outcome(&[GOOD]));
        }
        for _ in 0..resolvers {
            world.add("AA", 9, outcome(&[OTHER]));
        }
        // One of five networks is a fifth, and a fifth is beyond the limit of a ticket.
        let verdict = world.judged(&pin(&[GOOD]));
        assert!((verdict.unexpected_ratio.unwrap() - 0.2).abs() < 1e-12, "{resolvers}");
    }
}

#[test]
fn few_answers_are_told_as_such() {
    let verdict = World::new(2, 2).all(&[GOOD]).verdict();
    assert_eq!((verdict.state, verdict.fingerprint), (State::Insufficient, None));
    assert_eq!(World::new(2, 2).all(&[GOOD]).judged(&pin(&[GOOD])).state, State::Uniform);
    let nobody = World::new(1, 1).verdict();
    assert_eq!((nobody.consensus, nobody.entropy_bits, nobody.conclusive()), (None, None, 0));
}

#[test]
fn twenty_five_thousand_resolvers_with_sixty_three_addresses_each_are_judged_in_a_moment() {
    let mut world = World::new(130, 192);
    let mut next = 0x1400_0000_u32;
    for at in 0..world.outcomes.len() {
        let mut addresses = Vec::new();
        for _ in 0..63 {
            next += 7;
            addresses.push(IpAddr::from(std::net::Ipv4Addr::from(next)));
        }
        world.say(at, Some(Outcome::Answer(Answer::new(Content::Addresses(addresses.into())))));
    }
    let began = tokio::time::Instant::now();
    let verdict = world.verdict();
    println!("25,000 resolvers, 63 different addresses each: {:?}", began.elapsed());
    assert_eq!((verdict.state, verdict.outliers()), (State::Spread, 0));
    assert_eq!(verdict.groups.len(), 501, "rare answers are summed up");
}
