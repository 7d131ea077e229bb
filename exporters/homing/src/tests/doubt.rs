//! What must not be told: of what moves, of vantages that are wrong, of what is down, of what is not known.

use super::*;
use crate::world::Vantage;

/// The cities of a world whose vantages nothing is wrong with.
const CITIES: [(&str, &str); 9] = [
    ("EMEA", "London"),
    ("EMEA", "Frankfurt"),
    ("EMEA", "Madrid"),
    ("AMER", "New York"),
    ("AMER", "Chicago"),
    ("AMER", "San Francisco"),
    ("APAC", "Singapore"),
    ("APAC", "Tokyo"),
    ("APAC", "Sydney"),
];

fn world() -> World {
    World::new(CITIES.iter().map(|(region, city)| vantage(region, city)).collect())
}

fn to(world: &World, city: &str, ip: &str) -> Target {
    at(cities::named(city).unwrap(), ip, 64_500, world)
}

/// An address that is at several cities, of which each vantage sees the nearest.
fn anycast(world: &World, cities: &[&str], ip: &str) -> Target {
    let mut target = to(world, cities[0], ip);
    for city in &cities[1..] {
        let other = to(world, city, ip);
        for seen in &mut target.addresses[0].seen {
            let of = other.addresses[0].seen.iter().find(|it| it.vantage == seen.vantage);
            seen.rtt_ms = seen.rtt_ms.min(of.unwrap().rtt_ms);
            seen.now_ms = seen.rtt_ms;
        }
    }
    target.addresses[0].seen.sort_by(|a, b| a.rtt_ms.total_cmp(&b.rtt_ms));
    target
}

fn class_of(verdict: &Verdict, target: &str) -> Class {
    verdict.targets[&endpoint(target)].addresses[0].told
}

/// Old minima and new ones are of two places, and what is measured now of one.
#[test]
fn an_address_that_moves_is_never_at_several_sites() {
    let mut world = world();
    world.targets.insert(endpoint("api"), to(&world, "Amsterdam", "192.0.2.1"));
    let mut standing = Standing::default();
    let before = judge::judge(&world, &[], &mut standing);
    assert_eq!(class_of(&before, "api"), Class::OneSite);
    // The smallest of ten minutes are of both.
    let now = to(&world, "New York", "192.0.2.1");
    let mut moving = anycast(&world, &["Amsterdam", "New York"], "192.0.2.1");
    for seen in &mut moving.addresses[0].seen {
        let of = now.addresses[0].seen.iter().find(|it| it.vantage == seen.vantage);
        seen.now_ms = of.unwrap().now_ms;
    }
    let both = anycast(&world, &["Amsterdam", "New York"], "192.0.2.1");
    assert_eq!(
        judged(&world, both.addresses[0].seen.clone()).class,
        Class::SeveralSites,
        "the test is none if these could be one"
    );
    world.targets.insert(endpoint("api"), moving);
    for _ in 0..8 {
        let verdict = judge::judge(&world, &[], &mut standing);
        assert_ne!(class_of(&verdict, "api"), Class::SeveralSites);
    }
    let verdict = judge::judge(&world, &[], &mut standing);
    let of = &verdict.targets[&endpoint("api")].addresses[0];
    let sentence = evidence::of_address(&world, &verdict, &endpoint("api"), of);
    assert!(sentence.contains("not of the newest minute alone"), "{sentence}");
    world.targets.insert(endpoint("api"), now);
    let mut told = Vec::new();
    for _ in 0..3 {
        told.push(class_of(&judge::judge(&world, &[], &mut standing), "api"));
    }
    assert_eq!(told[2], Class::OneSite);
}

/// All that it measures takes 80 ms longer: it says that things may be farther than they are, and never that they are elsewhere.
#[test]
fn a_vantage_behind_a_vpn_makes_no_site_and_hides_none() {
    for (slow, (_, name)) in CITIES.iter().enumerate() {
        let mut world = world();
        let late = |mut target: Target| {
            for seen in target.addresses[0].seen.iter_mut().filter(|it| it.vantage == slow) {
                (seen.rtt_ms, seen.now_ms) = (seen.rtt_ms + 80.0, seen.now_ms + 80.0);
            }
            target.addresses[0].seen.sort_by(|a, b| a.rtt_ms.total_cmp(&b.rtt_ms));
            target
        };
        let one = late(to(&world, "Amsterdam", "192.0.2.1"));
        let several = ["London", "New York", "Singapore"];
        let several = late(anycast(&world, &several, "192.0.2.2"));
        world.targets.insert(endpoint("one"), one);
        world.targets.insert(endpoint("several"), several);
        let verdict = judge::judge(&world, &[], &mut Standing::default());
        assert!(verdict.suspects.is_empty(), "{name}");
        assert_ne!(class_of(&verdict, "one"), Class::SeveralSites, "{name}");
        assert_eq!(class_of(&verdict, "several"), Class::SeveralSites, "{name}");
        let place = &verdict.targets[&endpoint("one")].addresses[0].judged.sites[0];
        let truth = cities::named("Amsterdam").unwrap();
        assert!(place.place.km_to(truth.place) <= place.radius, "{name}");
    }
}

#[test]
fn addresses_with_a_site_each_are_not_all_at_one() {
    let mut world = world();
    let with = |first: &str, second: &str| {
        let mut target = to(&world, first, "192.0.2.1");
        target.addresses.extend(to(&world, second, "2001:db8::1").addresses);
        target
    };
    let (apart, near) = (with("Amsterdam", "New York"), with("Amsterdam", "Brussels"));
    world.targets.insert(endpoint("apart"), apart);
    world.targets.insert(endpoint("near"), near);
    let verdict = told(&world, &[]);
    for (target, wanted) in [("apart", false), ("near", true)] {
        let of = &verdict.targets[&endpoint(target)];
        assert!(of.addresses.iter().all(|it| it.told == Class::OneSite), "{target}");
        assert_eq!(of.is_at_one_site, wanted, "{target}");
    }
}

fn two(first: &str, second: &str) -> Service {
    let set = |name: &str| (name.to_owned(), vec![endpoint(name)]);
    let sets = vec![set(first), set(second)];
    Service { name: "s".to_owned(), team: String::new(), expect_independent: None, sets }
}

fn shared(verdict: &Verdict, dimension: Dimension) -> Option<bool> {
    verdict.services[0].shared.iter().find(|it| it.2 == dimension).map(|it| it.3)
}

#[test]
fn sets_at_several_sites_are_not_known_to_be_apart_and_one_address_is_one_place() {
    let mut world = world();
    let pops = ["Amsterdam", "New York", "Singapore"];
    world.targets.insert(endpoint("any"), anycast(&world, &pops, "192.0.2.1"));
    world.targets.insert(endpoint("other"), anycast(&world, &pops, "198.51.100.1"));
    world.targets.insert(endpoint("same"), anycast(&world, &pops, "192.0.2.1"));
    world.targets.insert(endpoint("ams"), to(&world, "Amsterdam", "203.0.113.1"));
    for (second, wanted) in [("other", None), ("same", Some(true)), ("ams", None)] {
        let verdict = told(&world, &[two("any", second)]);
        assert_eq!(class_of(&verdict, "any"), Class::SeveralSites);
        assert_eq!(shared(&verdict, Dimension::Place), wanted, "{second}");
    }
}

/// The discs of Amsterdam and of Milan barely touch: what they have in common is small.
#[test]
fn what_barely_touches_is_not_one_place() {
    let mut world = world();
    world.targets.insert(endpoint("a"), to(&world, "London", "192.0.2.1"));
    world.targets.insert(endpoint("b"), to(&world, "Frankfurt", "198.51.100.1"));
    for (target, vantage, ms) in [("a", 0, 3.0), ("b", 1, 2.9)] {
        let address = &mut world.targets.get_mut(&endpoint(target)).unwrap().addresses[0];
        let seen = address.seen.iter_mut().find(|it| it.vantage == vantage).unwrap();
        (seen.rtt_ms, seen.now_ms) = (ms, ms);
    }
    let verdict = told(&world, &[two("a", "b")]);
    assert_eq!(
        (class_of(&verdict, "a"), class_of(&verdict, "b")),
        (Class::OneSite, Class::OneSite)
    );
    assert_eq!(shared(&verdict, Dimension::Place), None);
}

#[test]
fn what_is_known_of_prefixes_and_upstreams_is_compared_with_its_like_alone() {
    let mut world = world();
    let mut entered = |name: &str, ip: &str, vantage: usize, asn: u32, city: &str| {
        let mut target = to(&world, "Amsterdam", ip);
        let handover = Handover { asn, city: city.to_owned() };
        target.handovers.insert(vantage, BTreeSet::from([handover]));
        world.targets.insert(endpoint(name), target);
    };
    entered("a", "192.0.2.1", 0, 6_762, "");
    entered("b", "2001:db8::1", 1, 6_762, "");
    entered("c", "198.51.100.1", 1, 6_762, "Amsterdam");
    entered("d", "192.0.2.9", 1, 6_762, "Amsterdam");
    entered("e", "192.0.2.9", 8, 6_762, "Amsterdam");
    world.vantages[8].is_trusted = false;
    for (first, second, prefix, upstreams) in [
        ("a", "b", None, None),
        ("a", "c", Some(false), None),
        ("a", "d", Some(true), None),
        ("c", "d", Some(false), Some(true)),
        ("c", "e", Some(false), None),
    ] {
        let verdict = told(&world, &[two(first, second)]);
        assert_eq!(shared(&verdict, Dimension::Prefix), prefix, "{first} {second}");
        assert_eq!(shared(&verdict, Dimension::Upstreams), upstreams, "{first} {second}");
    }
}

/// A vantage behind a VPN sees everything later: that proves nothing, and blames nobody.
#[test]
fn a_vantage_behind_a_detour_makes_no_site_and_is_no_suspect() {
    let amsterdam = cities::named("Amsterdam").unwrap().place;
    for slow in 0..CITIES.len() {
        let mut world = world();
        for (target, ip) in [("a", "192.0.2.1"), ("b", "198.51.100.1"), ("c", "203.0.113.1")] {
            let mut of = to(&world, "Amsterdam", ip);
            for seen in of.addresses[0].seen.iter_mut().filter(|it| it.vantage == slow) {
                (seen.rtt_ms, seen.now_ms) = (seen.rtt_ms + 80.0, seen.now_ms + 80.0);
            }
            of.addresses[0].seen.sort_by(|a, b| a.rtt_ms.total_cmp(&b.rtt_ms));
            world.targets.insert(endpoint(target), of);
        }
        let verdict = told(&world, &[]);
        assert!(verdict.suspects.is_empty(), "{slow}: {:?}", verdict.suspects);
        for target in ["a", "b", "c"] {
            assert_eq!(class_of(&verdict, target), Class::OneSite, "{slow}");
            let site = &verdict.targets[&endpoint(target)].addresses[0].judged.sites[0];
            assert!(site.place.km_to(amsterdam) <= site.radius + earth::SLACK_KM, "{slow}");
        }
    }
}

/// Two networks of one route fall together, and two routes in one network do not.
#[test]
fn sets_are_in_one_prefix_by_the_longest_routes_to_them() {
    let net = |text: &str| text.parse::<ipnet::IpNet>().unwrap();
    for (second, routes, wanted) in [
        ("192.0.3.1", &[][..], Some(false)),
        ("192.0.3.1", &["192.0.0.0/16", "192.0.2.0/23"], Some(true)),
        ("192.0.3.1", &["192.0.2.0/23", "192.0.3.0/24"], Some(false)),
        ("192.0.2.200", &["192.0.2.0/24", "192.0.2.128/25"], Some(false)),
        ("192.0.2.200", &["192.0.2.0/25"], Some(true)),
        // That is not watched: it may have a route of its own.
        ("192.0.8.1", &["192.0.0.0/16"], None),
        ("198.51.100.1", &["192.0.0.0/16"], Some(false)),
    ] {
        let mut world = world();
        world.targets.insert(endpoint("a"), to(&world, "Amsterdam", "192.0.2.1"));
        world.targets.insert(endpoint("b"), to(&world, "New York", second));
        if !routes.is_empty() {
            let routes = routes.iter().map(|it| net(it)).collect();
            world.routes.insert(net("192.0.0.0/21"), routes);
        }
        let verdict = told(&world, &[two("a", "b")]);
        assert_eq!(shared(&verdict, Dimension::Prefix), wanted, "{second} {routes:?}");
    }
}

/// Its round trips are gone after eleven minutes; the votes are there as long as it is down.
#[test]
fn a_set_is_lost_for_as_long_as_it_is_down() {
    let mut world = world();
    world.targets.insert(endpoint("ams"), to(&world, "Amsterdam", "192.0.2.1"));
    world.targets.insert(endpoint("nyc"), to(&world, "New York", "198.51.100.1"));
    let (mut standing, service) = (Standing::default(), [two("ams", "nyc")]);
    judge::judge(&world, &service, &mut standing);
    let down = Target { down: Some(1.0), ..Target::default() };
    world.targets.insert(endpoint("ams"), down);
    for round in 0..20 {
        let verdict = judge::judge(&world, &service, &mut standing);
        let of = &verdict.services[0];
        assert_eq!(of.up, Some(1), "{round}");
        assert_eq!(independent(&verdict, Dimension::Place), Some(2), "{round}");
        assert_eq!(independent(&verdict, Dimension::Asn), Some(1), "{round}");
        assert!(of.independent_up.contains(&(Dimension::Place, 1)), "{round}");
        assert_eq!(class_of(&verdict, "ams"), Class::OneSite, "{round}");
    }
    // Of what nobody votes on nobody knows that it is up.
    world.targets.remove(&endpoint("ams"));
    let verdict = judge::judge(&world, &service, &mut standing);
    assert_eq!(verdict.services[0].up, None);
    assert!(!verdict.services[0].independent_up.contains(&(Dimension::Place, 2)));
}

/// Sydney's vantage claims to be elsewhere over some of the endpoints, or only one pair is odd.
#[test]
fn one_pair_or_one_odd_endpoint_of_many_makes_nobody_a_suspect() {
    let mut world = world();
    for number in 1..=5 {
        let target = to(&world, "Amsterdam", &format!("198.51.{number}.1"));
        world.targets.insert(endpoint(&format!("t{number}")), target);
    }
    let near = |world: &mut World, target: &str, ms: f64| {
        let address = &mut world.targets.get_mut(&endpoint(target)).unwrap().addresses[0];
        let seen = address.seen.iter_mut().find(|it| it.vantage == 8).unwrap();
        (seen.rtt_ms, seen.now_ms) = (ms, ms);
        address.seen.sort_by(|a, b| a.rtt_ms.total_cmp(&b.rtt_ms));
    };
    // Two of five.
    near(&mut world, "t1", 2.0);
    near(&mut world, "t2", 2.0);
    assert!(told(&world, &[]).suspects.is_empty());
    near(&mut world, "t3", 2.0);
    assert_eq!(told(&world, &[]).suspects, BTreeSet::from([8]));
    // One pair alone over each of them: who of the two is wrong?
    for target in world.targets.values_mut() {
        for seen in &mut target.addresses[0].seen {
            seen.rtt_ms = match seen.vantage {
                0 => 3.0,
                8 => 160.0,
                _ => 210.0,
            };
            seen.now_ms = seen.rtt_ms;
        }
        target.addresses[0].seen.sort_by(|a, b| a.rtt_ms.total_cmp(&b.rtt_ms));
    }
    let of = told(&world, &[]);
    assert_eq!(of.targets[&endpoint("t1")].addresses[0].judged.violations, 1);
    assert!(of.suspects.is_empty(), "{:?}", of.suspects);
}

#[test]
fn a_canary_that_is_private_or_seldom_measured_condemns_nobody() {
    let suspects = |ip: &str, vantages: usize| {
        let mut world = world();
        let mut canary = to(&world, "Amsterdam", ip);
        let seen = &mut canary.addresses[0].seen;
        seen.iter_mut().find(|it| it.vantage == 8).unwrap().rtt_ms = 2.0;
        seen.sort_by(|a, b| a.rtt_ms.total_cmp(&b.rtt_ms));
        seen.truncate(vantages);
        canary.is_canary = true;
        world.targets.insert(endpoint("canary"), canary);
        told(&world, &[]).suspects
    };
    assert_eq!(suspects("192.0.2.1", 9), BTreeSet::from([8]));
    assert_eq!(suspects("192.0.2.1", 5), BTreeSet::new());
    for private in ["10.0.0.1", "100.64.0.1", "192.168.1.1", "fd00::1"] {
        assert_eq!(suspects(private, 9), BTreeSet::new(), "{private}");
    }
}

/// One address of it is proved to be at several sites, so that the other may be as well.
#[test]
fn a_canary_at_several_sites_condemns_nobody() {
    let mut world = world();
    let mut canary = to(&world, "Amsterdam", "192.0.2.1");
    let seen = &mut canary.addresses[0].seen;
    seen.iter_mut().find(|it| it.vantage == 8).unwrap().rtt_ms = 2.0;
    seen.sort_by(|a, b| a.rtt_ms.total_cmp(&b.rtt_ms));
    canary.is_canary = true;
    world.targets.insert(endpoint("canary"), canary.clone());
    assert_eq!(told(&world, &[]).suspects, BTreeSet::from([8]));
    let pops = ["Amsterdam", "New York", "Singapore"];
    canary.addresses.extend(anycast(&world, &pops, "2001:db8::1").addresses);
    world.targets.insert(endpoint("canary"), canary);
    assert!(told(&world, &[]).suspects.is_empty());
}

/// Amsterdam and New York, and a vantage in Sydney that is wrong, or in which nobody else sees a site.
#[test]
fn one_wrong_vantage_adds_no_site() {
    let mut world = world();
    let mut target = anycast(&world, &["Amsterdam", "New York"], "192.0.2.1");
    let seen = &mut target.addresses[0].seen;
    let wrong = seen.iter_mut().find(|it| it.vantage == 8).unwrap();
    (wrong.rtt_ms, wrong.now_ms) = (1.0, 1.0);
    seen.sort_by(|a, b| a.rtt_ms.total_cmp(&b.rtt_ms));
    world.targets.insert(endpoint("cdn"), target);
    let judged = &told(&world, &[]).targets[&endpoint("cdn")].addresses[0].judged;
    assert_eq!((judged.class, judged.sites_min), (Class::SeveralSites, 2));
    let cities: Vec<&str> = judged.sites.iter().map(|it| it.city.unwrap().0.name).collect();
    assert!(!cities.contains(&"Sydney") && cities.len() == 2, "{cities:?}");
}

/// Of four sets two are known to share it, and of the others nobody knows: three may be independent.
#[test]
fn what_nobody_knows_may_be_independent() {
    let mut world = world();
    for (name, ip) in [("a", "192.0.2.1"), ("b", "192.0.2.2"), ("c", "2001:db8::1")] {
        world.targets.insert(endpoint(name), to(&world, "Amsterdam", ip));
    }
    let mut service = two("a", "b");
    service.sets.extend(two("c", "d").sets);
    let verdict = told(&world, &[service]);
    let of =
        |all: &[(Dimension, usize)]| all.iter().find(|it| it.0 == Dimension::Prefix).map(|it| it.1);
    let of_it = &verdict.services[0];
    assert_eq!((of(&of_it.independent), of(&of_it.possible)), (Some(1), Some(3)));
}

#[test]
fn a_vantage_with_another_address_counts_if_it_is_believed() {
    let told_of = |change: fn(&mut Vantage)| {
        let mut world = world();
        let mut target = to(&world, "Amsterdam", "192.0.2.1");
        target.addresses[0].seen.retain(|it| it.vantage != 8);
        target.addresses[0].absent = [8].into();
        change(&mut world.vantages[8]);
        world.targets.insert(endpoint("api"), target);
        class_of(&told(&world, &[]), "api")
    };
    assert_eq!(told_of(|_| ()), Class::Undetermined);
    assert_eq!(told_of(|it| it.is_trusted = false), Class::OneSite);
    assert_eq!(told_of(|it| it.place = None), Class::OneSite);
}

#[test]
fn who_is_left_out_has_no_voice_on_paths() {
    let mut world = incident();
    world.vantages[4].is_trusted = false;
    let target = world.targets.get_mut(&endpoint("api")).unwrap();
    let sydney = Handover { asn: 174, city: "Sydney".to_owned() };
    target.handovers.insert(5, BTreeSet::from([sydney]));
    let said = [("London", vec![4, 5]), ("Amsterdam", vec![0])];
    target.addresses[0].hints =
        said.map(|(city, by)| (city.to_owned(), by.into_iter().collect())).into();
    let target = &world.targets[&endpoint("api")];
    let paths = |suspects: &[usize]| {
        let suspects: BTreeSet<usize> = suspects.iter().copied().collect();
        let mut of = told(&world, &[]).targets[&endpoint("api")].clone();
        of.handovers = crate::handover::Table::new(target, |at| {
            let region = world.vantages[at].region.as_str();
            crate::class::is_heard(&world, at, &suspects).then_some(region)
        });
        evidence::of_paths(&world, &suspects, target, &of)
    };
    assert_eq!(
        paths(&[5]),
        "1 of 4 paths end at routers named Amsterdam. AS62041, entered through AS6762 (3 vantages), AS1273 (1), in 1 known \
         city."
    );
    let all = paths(&[]);
    assert!(all.contains("of 5 paths") && all.contains("in 2 known cities"), "{all}");
}

#[test]
fn who_is_left_out_names_no_site() {
    let world = world();
    let mut address = to(&world, "Amsterdam", "192.0.2.1").addresses.remove(0);
    let said = [("London", vec![7, 8]), ("Amsterdam", vec![0])];
    address.hints = said.map(|(city, by)| (city.to_owned(), by.into_iter().collect())).into();
    let name = |suspects: &[usize]| {
        let suspects = suspects.iter().copied().collect();
        let judged = crate::class::judge(&world, &address, &suspects);
        judged.sites[0].city.map(|(city, _)| city.name)
    };
    assert_eq!(name(&[]), Some("London"));
    assert_eq!(name(&[7, 8]), Some("Amsterdam"));
}
