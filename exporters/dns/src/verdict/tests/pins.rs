//! Names whose answer is pinned.

use super::*;

#[test]
fn the_pin_decides_and_no_majority() {
    let mut world = World::new(12, 8).all(&[OTHER]);
    world.country("AA", || outcome(&[GOOD]));
    let verdict = world.judged(&pin(&[GOOD]));
    assert_eq!((verdict.state, verdict.unexpected), (State::Unexpected, Severity::Page));
    assert_eq!(count(&verdict, Class::Agree), 8);
    assert_eq!(verdict.matches_expected(), Some(false));
    assert!(diverging(&verdict).is_empty(), "the whole is told");
}

#[test]
fn a_pinned_system_accepts_all_of_its_addresses_and_no_others() {
    let mut world = World::new(12, 8).all(&[GOOD]);
    world.country("AA", || outcome(&[9]));
    world.country("BB", || outcome(&[GOOD + 1]));
    let table = format!("{}\t{}\t64500\n", address(GOOD), address(GOOD + 1));
    let systems = Systems::read(table.as_bytes()).unwrap();
    let pin = Expected { mode: Mode::Subset, systems: vec![64500], ..Expected::default() };
    let rules = Rules { expected: Some(&pin), systems: &systems, ..Rules::default() };
    let verdict = world.by(rules);
    assert_eq!((count(&verdict, Class::Agree), verdict.unexpected_resolvers), (88, Some(8)));
    assert_eq!(diverging(&verdict), ["AA"]);
}

#[test]
fn what_is_pinned_is_not_judged_where_no_table_knows_what_most_answer() {
    let pin = Expected { mode: Mode::Subset, systems: vec![64500], ..Expected::default() };
    let judged = |world: &World, table: &str, memory: &Memory| {
        let systems = Systems::read(table.as_bytes()).unwrap();
        let rules = Rules { expected: Some(&pin), systems: &systems, ..Rules::default() };
        world.with(rules, memory, 60)
    };
    let line = |last: u8, system: u32| format!("{0}\t{0}\t{system}\n", address(last));
    let (good, other) = (line(GOOD, 64_500), line(OTHER, 64_501));
    let world = World::new(12, 8).all(&[GOOD]);
    let told = |of: &Judged| (of.verdict.state, of.verdict.unexpected, of.verdict.unexpected_ratio);
    let none = (State::Insufficient, Severity::None, None);
    let page = (State::Unexpected, Severity::Page, Some(1.0));
    // A table that got old, or of countries alone.
    assert_eq!(told(&judged(&world, &other, &Memory::default())), none);
    // A country that lies with addresses that are known is not the whole.
    let mut censored = World::new(12, 8).all(&[GOOD]);
    censored.country("AA", || outcome(&[OTHER]));
    let blind = judged(&censored, &other, &Memory::default());
    assert_eq!((told(&blind), diverging(&blind.verdict)), (none, vec![]));
    // What was told stands, and so does that of a country.
    let taken = World::new(12, 8).all(&[OTHER]);
    let before = judged(&taken, &other, &Memory::default());
    assert_eq!(told(&before), page);
    let after = judged(&world, &other, &before.memory);
    assert_eq!(told(&after), (State::Insufficient, Severity::Page, None));
    let before = judged(&censored, &format!("{good}{other}"), &Memory::default());
    let after = judged(&censored, &line(THIRD, 1), &before.memory);
    assert_eq!((diverging(&before.verdict), diverging(&after.verdict)), (vec!["AA"], vec!["AA"]));
    // Somebody else's.
    assert_eq!(told(&judged(&taken, &format!("{good}{other}"), &Memory::default())), page);
}

#[test]
fn who_leads_a_part_of_the_world_to_addresses_that_no_table_knows_is_told_as_with_any_other() {
    let pin = Expected { mode: Mode::Exact, systems: vec![64500], ..Expected::default() };
    let table = format!("{0}\t{0}\t64500\n{1}\t{1}\t64501\n", address(GOOD), address(OTHER));
    let systems = Systems::read(table.as_bytes()).unwrap();
    let rules = Rules { expected: Some(&pin), systems: &systems, ..Rules::default() };
    let told = |world: &World, memory: &Memory| world.with(rules, memory, 60);
    // Somebody's whom the tables know, or nobody's: an address that a thief has just announced is of no table.
    for says in [&[OTHER][..], &[THIRD], &[GOOD, THIRD]] {
        // A country, and three, which are a fourth.
        for countries in [&["AB"][..], &["AB", "AC", "AD"]] {
            let mut world = World::new(12, 8).all(&[GOOD]);
            for country in countries {
                world.country(country, || outcome(says));
            }
            let verdict = told(&world, &Memory::default()).verdict;
            assert_eq!(
                (verdict.unexpected, diverging(&verdict)),
                (Severity::None, countries.to_vec())
            );
        }
        // One of few countries, of which others fail.
        let mut world = World::new(12, 8).all(&[GOOD]);
        world.country("AB", || outcome(says));
        (32..96).for_each(|at| world.say(at, None));
        assert_eq!(diverging(&told(&world, &Memory::default()).verdict), ["AB"]);
        // A tenth everywhere, a third, and nearly all.
        for (part, severity) in [(8, Severity::Ticket), (3, Severity::Page), (1, Severity::Page)] {
            let mut world = World::new(12, 8).all(&[GOOD]);
            (1..96).filter(|at| at % part == 0).for_each(|at| world.say(at, outcome(says)));
            let judged = told(&world, &Memory::default());
            let is_page = severity == Severity::Page;
            assert_eq!(judged.verdict.unexpected, severity, "{says:?} {part}");
            assert_eq!(judged.verdict.state == State::Unexpected, is_page, "{says:?} {part}");
            // The page stands while the thief goes from what is known to what is not.
            let mut known = World::new(12, 8).all(&[OTHER]);
            known.say(0, outcome(&[GOOD]));
            let before = told(&known, &Memory::default());
            assert_eq!(before.verdict.unexpected, Severity::Page);
            assert_eq!(told(&world, &before.memory).verdict.unexpected, severity);
        }
    }
}

#[test]
fn what_is_right_is_not_counted_as_known() {
    let names = [("provider", address(GOOD)), ("block page", address(OTHER))];
    let names = names.map(|(name, it)| (name.to_owned(), vec![it.to_string()]));
    let known: Known = serde_json::from_value(BTreeMap::from(names).into_iter().collect()).unwrap();
    let mut world = World::new(12, 8).all(&[GOOD]);
    world.country("AA", || outcome(&[OTHER]));
    let pinned = pin(&[GOOD]);
    let rules = Rules { expected: Some(&pinned), known: Some(&known), ..Rules::default() };
    let counted = |rules| Vec::from_iter(world.by(rules).known);
    let blocked = vec![(("AA".to_owned(), "block page".to_owned()), 8)];
    assert_eq!(counted(rules), blocked);
    assert_eq!(counted(Rules { expected: None, ..rules }), blocked);
}

#[test]
fn what_is_known_is_counted_beside_what_is_right_and_where_answers_go_by_place() {
    let names = [("provider", vec![address(GOOD)]), ("block page", vec![address(OTHER)])];
    let raw =
        names.map(|(name, it)| (name.to_owned(), it.iter().map(ToString::to_string).collect()));
    let raw: BTreeMap<String, Vec<String>> = BTreeMap::from(raw);
    let known: Known = serde_json::from_value(serde_json::to_value(raw).unwrap()).unwrap();
    let pinned = pin(&[GOOD]);
    let rules = Rules { expected: Some(&pinned), known: Some(&known), ..Rules::default() };
    let blocked = vec![(("AA".to_owned(), "block page".to_owned()), 8)];
    let counted = |says: &dyn Fn() -> Option<Outcome>, rules| {
        let mut world = World::new(12, 8).all(&[GOOD]);
        world.country("AA", says);
        Vec::from_iter(world.by(rules).known)
    };
    // One answer with both, of which the first is right, and a reply of each, in any order.
    assert_eq!(counted(&|| outcome(&[GOOD, OTHER]), rules), blocked);
    for (first, other) in [(GOOD, OTHER), (OTHER, GOOD)] {
        let both = || {
            let mut both = answer(&[first]);
            both.others = vec![answer(&[other]).content];
            Some(Outcome::Answer(both))
        };
        assert_eq!(counted(&both, rules), blocked, "{first}");
    }
    // Regions of two places in one prefix, and two with an answer of their own, of which one is a block page.
    let mut world = World::new(12, 8);
    for place in 0..12_u8 {
        let given: IpAddr = match place {
            0 => address(OTHER),
            1 => [66, 6, 6, 1].into(),
            _ => [66, 7, 0, place / 2].into(),
        };
        let says = || Some(Outcome::Answer(Answer::new(Content::Addresses([given].into()))));
        world.country(&world::code(usize::from(place)), says);
    }
    let verdict = world.by(Rules { expected: None, ..rules });
    assert!(verdict.classes[..8].iter().all(|it| *it == Class::Local), "{:?}", verdict.classes);
    assert_eq!(Vec::from_iter(verdict.known), blocked);
}

#[test]
fn a_pin_that_was_changed_lets_the_former_answer_last_for_its_ttl() {
    let (old, new) = (pin(&[GOOD]), pin(&[OTHER]));
    let world = World::new(12, 8).all(&[GOOD]);
    let rules = |expected, since| Rules {
        expected: Some(expected),
        expected_since: Some(since),
        ..Rules::default()
    };
    let first = world.with(rules(&old, 0), &Memory::default(), 600);
    let second = world.with(rules(&new, 1_000), &first.memory, 1_200);
    assert_eq!(count(&second.verdict, Class::Stale), 96);
    assert_eq!((second.verdict.state, second.verdict.is_unseen), (State::Moving, false));
    let third = world.with(rules(&new, 1_000), &second.memory, 1_310);
    assert_eq!(third.verdict.unexpected, Severity::Page, "nothing has moved in 300 s");
    assert!(third.verdict.is_unseen);
    let moved = World::new(12, 8).all(&[OTHER]);
    let fourth = moved.with(rules(&new, 1_000), &second.memory, 1_400);
    assert_eq!((fourth.verdict.unexpected, fourth.verdict.is_unseen), (Severity::None, false));
}

#[test]
fn a_pinned_address_that_is_seen_no_more_is_missing_and_one_that_rotates_is_not() {
    let pinned = Expected { mode: Mode::Exact, ..pin(&[10, 11]) };
    let rules = Rules { expected: Some(&pinned), ..Rules::default() };
    // Four networks may miss it by chance, and not each time.
    for (places, networks, silent, most) in [(12, 8, 0, 2_u64), (2, 2, 1, 20)] {
        let (mut random, mut memory) = (Random(1), Memory::default());
        for sweep in 1..=24 + most {
            let mut world = World::new(places, networks).all(&[10]);
            let draws = if sweep <= 24 { places * networks } else { 0 };
            (0..draws).for_each(|at| world.say(at, outcome(&[10 + random.below(2) as u8])));
            let Judged { verdict, memory: next, .. } = world.with(rules, &memory, 600 * sweep);
            assert_eq!(verdict.unexpected, Severity::None);
            match verdict.missing {
                Some(0) => assert!(sweep < 24 + most, "{networks}"),
                missing => assert!(missing == Some(1) && sweep > 24 + silent, "{networks} {sweep}"),
            }
            memory = next;
        }
    }
}

#[test]
fn what_was_seen_under_a_pin_is_nothing_under_another_one() {
    let (old, new) = (pin(&[10, 11]), Expected { mode: Mode::Exact, ..pin(&[10, 11, 12]) });
    let old = Expected { mode: Mode::Exact, ..old };
    let rules = |pin| Rules { expected: Some(pin), ..Rules::default() };
    let world = World::new(12, 8).all(&[10, 11]);
    let before = world.with(rules(&old), &Memory::default(), 3_600).memory;
    // The program began with the new pin, and a reload judges its first sweep anew.
    let swept = World::new(12, 8).all(&[10]).with(rules(&new), &before, 7_200);
    assert_eq!(swept.verdict.missing, Some(0));
    let reloaded = before.with_pins_of(&swept.memory);
    let judged = World::new(12, 8).all(&[10]).with(rules(&new), &reloaded, 7_300);
    assert_eq!(judged.verdict.missing, Some(0));
    let same = World::new(12, 8).all(&[10]).with(rules(&old), &before.with_pins_of(&before), 7_300);
    assert_eq!(same.verdict.missing, Some(1));
}

#[test]
fn a_reload_makes_answers_no_older() {
    let pinned = Expected { mode: Mode::Exact, ..pin(&[10, 11]) };
    let rules = Rules { expected: Some(&pinned), ..Rules::default() };
    let before = World::new(1, 3).all(&[10, 11]).with(rules, &Memory::default(), 3_600).memory;
    let less = World::new(1, 3).all(&[10]);
    let swept = less.with(rules, &before, 3_700).memory;
    assert_eq!(less.later(rules, &before, 3_700, 6_000).memory.sightings, swept.sightings);
}

#[test]
fn a_ttl_of_who_is_not_as_pinned_keeps_no_address_from_being_missing() {
    let pinned = Expected { mode: Mode::Exact, ..pin(&[10, 11]) };
    let rules = Rules { expected: Some(&pinned), ..Rules::default() };
    let (mut memory, mut missing) = (Memory::default(), None);
    for sweep in 0..=50 {
        let mut world = World::new(4, 10).all(if sweep < 48 { &[10, 11] } else { &[10] });
        world.country("AA", || outcome(&[OTHER]));
        let given: Vec<u32> = (0..40).map(|at| if at < 10 { 86_400 } else { 300 }).collect();
        let outcomes: Vec<_> = world.outcomes.iter().map(Option::as_ref).collect();
        let evidence = Evidence {
            list: world.list(),
            outcomes: &outcomes,
            control: &[],
            prefixes: &BTreeMap::new(),
            ttl: Ttls::of(&given),
            given: &given,
            at: 3_600 * sweep,
        };
        let judged = judge(&evidence, &rules, &memory, 3_600 * sweep);
        (memory, missing) = (judged.memory, judged.verdict.missing);
        assert_eq!(missing == Some(1), sweep >= 48, "{sweep}");
    }
    assert_eq!(missing, Some(1));
}

#[test]
fn one_of_a_pinned_pair_that_leaves_all_answers_is_missing_in_small_sets_too() {
    let pinned = Expected { mode: Mode::Exact, ..pin(&[10, 11]) };
    let rules = Rules { expected: Some(&pinned), ..Rules::default() };
    for networks in [3, 4, 5, 6, 8, 20] {
        let (mut memory, mut missing) = (Memory::default(), Vec::new());
        for sweep in 1..=30 {
            let says: &[u8] = if sweep <= 24 { &[10, 11] } else { &[10] };
            let judged = World::new(1, networks).all(says).with(rules, &memory, 3_600 * sweep);
            missing.push(judged.verdict.missing);
            memory = judged.memory;
        }
        assert_eq!((missing[23], missing[25]), (Some(0), Some(1)), "{networks}");
        assert!(missing[25..].iter().all(|it| *it == Some(1)), "{networks}");
    }
}

#[test]
fn a_pinned_pool_of_which_each_gives_one_at_random_has_none_missing_and_one_that_is_gone_is() {
    let all: Vec<u8> = (10..70).collect();
    let pinned = Expected { mode: Mode::Exact, ..pin(&all) };
    let rules = Rules { expected: Some(&pinned), ..Rules::default() };
    for (seed, networks) in [(1, 8), (2, 8), (3, 8), (4, 1), (5, 2), (6, 2)] {
        let (mut random, mut memory) = (Random(seed), Memory::default());
        for sweep in 1..=130 {
            let count = if sweep <= 50 { 60 } else { 59 };
            let mut world = World::new(12, networks);
            (0..12 * networks).for_each(|at| world.say(at, outcome(&[all[random.below(count)]])));
            let judged = world.with(rules, &memory, 3_600 * sweep);
            memory = judged.memory;
            if sweep <= 50 {
                assert_eq!(judged.verdict.missing, Some(0), "{networks} networks, sweep {sweep}");
            } else if sweep >= 90 && networks == 8 {
                assert_eq!(judged.verdict.missing, Some(1), "{networks} networks, sweep {sweep}");
            }
        }
    }
}

#[test]
fn a_pinned_address_that_luck_gave_to_many_may_be_in_no_answer_the_next_time() {
    let all: Vec<u8> = (10..70).collect();
    let pinned = Expected { mode: Mode::Exact, ..pin(&all) };
    let rules = Rules { expected: Some(&pinned), ..Rules::default() };
    let said = |lucky: usize| {
        let mut world = World::new(12, 8);
        for at in 0..96 {
            let last = if at < lucky { 0 } else { 1 + at % 59 };
            world.say(at, outcome(&[all[last]]));
        }
        world
    };
    // One in sixty: by chance eight of ninety-six, and then none, as one draw in five has it.
    let first = said(8).with(rules, &Memory::default(), 60);
    assert_eq!(said(0).with(rules, &first.memory, 120).verdict.missing, Some(0));
    // A third of the world had it.
    let first = said(32).with(rules, &Memory::default(), 60);
    assert_eq!(said(0).with(rules, &first.memory, 3_660).verdict.missing, Some(1));
}
