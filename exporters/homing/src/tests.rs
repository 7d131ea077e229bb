//! The verdict as a whole, on simulated worlds and on the incident of 2018.
//!
//! The model of a round trip: up to four milliseconds on the last mile, and the straight line at the speed
//! of light in glass, stretched by 1.05 and a log-normal share, whose median is 2.1 in all.

mod doubt;
mod edge;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use earth::Point;
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};

use crate::cities::{self, City};
use crate::class::{self, Class, Judged};
use crate::evidence;
use crate::geodesy::moved;
use crate::judge::{self, Verdict};
use crate::sets::{Dimension, Service};
use crate::standing::Standing;
use crate::world::{Address, Endpoint, Handover, Seen, Target, Vantage, World};

/// Where vantages stand, by region.
const VANTAGES: [(&str, &[&str]); 3] = [
    (
        "EMEA",
        &[
            "Amsterdam",
            "London",
            "Frankfurt",
            "Madrid",
            "Milan",
            "Warsaw",
            "Stockholm",
            "Istanbul",
            "Johannesburg",
            "Dubai",
            "Tel Aviv",
            "Nairobi",
            "Moscow",
            "Lisbon",
        ],
    ),
    (
        "AMER",
        &[
            "New York",
            "Ashburn",
            "Miami",
            "Chicago",
            "Dallas",
            "San Francisco",
            "Seattle",
            "Los Angeles",
            "Toronto",
            "Sao Paulo",
            "Santiago",
            "Bogota",
            "Mexico City",
        ],
    ),
    (
        "APAC",
        &[
            "Singapore",
            "Sydney",
            "Tokyo",
            "Hong Kong",
            "Seoul",
            "Mumbai",
            "Delhi",
            "Jakarta",
            "Bangkok",
            "Taipei",
            "Auckland",
            "Manila",
            "Perth",
        ],
    ),
];

fn place(city: &str) -> Point {
    cities::named(city).unwrap_or_else(|| panic!("{city}")).place
}

/// So many vantages, a region after the other.
fn vantages(count: usize, random: &mut StdRng) -> Vec<Vantage> {
    let mut regions = VANTAGES.map(|(region, cities)| (region, cities.to_vec()));
    let mut vantages = Vec::new();
    while vantages.len() < count {
        let (region, left) = &mut regions[vantages.len() % 3];
        let city = left.remove(random.random_range(0..left.len()));
        vantages.push(vantage(region, city));
    }
    vantages
}

fn vantage(region: &str, city: &str) -> Vantage {
    Vantage {
        region: region.to_owned(),
        name: city.to_owned(),
        place: Some(place(city)),
        is_trusted: true,
        is_radio: false,
    }
}

/// A number whose distribution is the normal one.
fn normal(random: &mut StdRng) -> f64 {
    let (a, b): (f64, f64) = (random.random_range(f64::EPSILON..1.0), random.random());
    (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
}

/// A round trip, in milliseconds.
fn rtt(km: f64, random: &mut StdRng) -> f64 {
    let stretch = 1.05 + (1.05_f64.ln() + 0.55 * normal(random)).exp();
    random.random_range(0.3..4.0) + km * stretch / 100.0
}

/// A round trip that is now as it was for ten minutes.
fn seen_at(vantage: usize, rtt_ms: f64) -> Seen {
    Seen { vantage, rtt_ms, now_ms: rtt_ms }
}

/// One address that is at these cities, as vantages see it that are where they really are. One in seven is
/// routed anywhere.
fn seen(vantages: &[Vantage], sites: &[&str], random: &mut StdRng) -> Vec<Seen> {
    let measured = vantages.iter().enumerate().map(|(at, vantage)| {
        let from = vantage.place.unwrap();
        let mut away: Vec<f64> = sites.iter().map(|city| from.km_to(place(city))).collect();
        away.sort_by(f64::total_cmp);
        let to = if random.random_bool(0.15) { random.random_range(0..away.len()) } else { 0 };
        seen_at(at, rtt(away[to], random))
    });
    let mut measured: Vec<Seen> = measured.collect();
    measured.sort_by(|a, b| a.rtt_ms.total_cmp(&b.rtt_ms));
    measured
}

fn address(ip: &str, seen: Vec<Seen>) -> Address {
    Address {
        ip: ip.parse().unwrap(),
        seen,
        absent: BTreeSet::new(),
        hints: BTreeMap::new(),
        asns: BTreeSet::new(),
    }
}

fn judged(world: &World, seen: Vec<Seen>) -> Judged {
    class::judge(world, &address("192.0.2.1", seen), &BTreeSet::new())
}

fn endpoint(target: &str) -> Endpoint {
    Endpoint { team: String::new(), target: target.to_owned() }
}

/// One vantage stands elsewhere than it says: 2,000 times, there is one site, and never two.
#[test]
fn one_wrong_vantage_never_makes_several_sites_of_one() {
    let mut random = StdRng::seed_from_u64(1);
    let mut contradicted = 0;
    for run in 0..2_000 {
        let mut all = vantages([6, 10, 20, 39][run % 4], &mut random);
        let site = [["Amsterdam"], ["Miami"], ["Singapore"], ["Johannesburg"]][run % 3];
        let seen = seen(&all, &site, &mut random);
        let wrong = random.random_range(0..all.len());
        let far = [500.0, 2_000.0, 8_000.0, 15_000.0][random.random_range(0..4)];
        let bearing = random.random_range(0.0..std::f64::consts::TAU);
        all[wrong].place = all[wrong].place.map(|it| moved(it, bearing, far));
        let judged = judged(&World::new(all), seen);
        assert_ne!(judged.class, Class::SeveralSites, "run {run}: {judged:?}");
        contradicted += usize::from(judged.violations > 0);
    }
    // The test is none if nothing was ever wrong.
    assert!(contradicted > 200, "{contradicted}");
}

#[test]
fn several_sites_are_proved_as_often_as_can_be() {
    let mut random = StdRng::seed_from_u64(2);
    for (sites, count, least) in [
        (&["Amsterdam", "New York"][..], 10, 0.3),
        (&["Amsterdam", "New York"], 20, 0.9),
        (&["Amsterdam", "Miami", "Singapore"], 10, 0.8),
        (&["Amsterdam", "Miami", "Singapore"], 20, 0.98),
    ] {
        let (runs, mut proved) = (150, 0_u32);
        for _ in 0..runs {
            let all = vantages(count, &mut random);
            let seen = seen(&all, sites, &mut random);
            let judged = judged(&World::new(all), seen);
            proved += u32::from(judged.class == Class::SeveralSites);
            assert!(judged.sites_min <= sites.len(), "{judged:?}");
        }
        let share = f64::from(proved) / f64::from(runs);
        assert!(share >= least, "{sites:?} from {count}: {share}");
    }
}

#[test]
fn one_site_is_said_of_one_and_seldom_of_far_ones() {
    let mut random = StdRng::seed_from_u64(3);
    let mut share = |sites: &[&str], count| {
        let runs = 120;
        let said = (0..runs).filter(|_| {
            let all = vantages(count, &mut random);
            let seen = seen(&all, sites, &mut random);
            judged(&World::new(all), seen).class == Class::OneSite
        });
        said.count() as f64 / f64::from(runs)
    };
    assert!(share(&["Amsterdam"], 10) > 0.9);
    assert!(share(&["Miami"], 20) > 0.8);
    assert!(share(&["Amsterdam", "New York"], 10) < 0.15);
    assert!(share(&["Amsterdam", "Miami", "Singapore"], 10) < 0.05);
}

#[test]
fn one_place_never_contradicts_itself_and_the_order_of_vantages_changes_nothing() {
    let mut random = StdRng::seed_from_u64(4);
    for _ in 0..200 {
        let mut all = vantages(12, &mut random);
        let site = &cities::hubs()[random.random_range(0..cities::hubs().len())];
        let rtts: Vec<f64> = all
            .iter()
            .map(|it| it.place.unwrap().km_to(site.place) / 100.0 * random.random_range(1.0..4.0))
            .collect();
        let of = |all: &[Vantage], rtts: &[f64]| {
            let seen = rtts.iter().enumerate();
            let mut seen: Vec<_> =
                seen.map(|(vantage, rtt_ms)| seen_at(vantage, *rtt_ms)).collect();
            seen.sort_by(|a, b| a.rtt_ms.total_cmp(&b.rtt_ms));
            judged(&World::new(all.to_vec()), seen)
        };
        let first = of(&all, &rtts);
        assert_eq!((first.violations, first.sites_min), (0, 1), "{}", site.name);
        all.reverse();
        let backwards: Vec<f64> = rtts.iter().rev().copied().collect();
        let second = of(&all, &backwards);
        assert_eq!((first.class, first.sites.len()), (second.class, second.sites.len()));
        assert_eq!(first.sites.first(), second.sites.first());
    }
}

/// Six vantages of the incident's ladder: 20-30, 100-150, 250-300 ms by region.
fn incident() -> World {
    let all = [
        ("EMEA", "London", 8.0),
        ("EMEA", "Frankfurt", 10.0),
        ("AMER", "New York", 82.0),
        ("AMER", "San Francisco", 148.0),
        ("APAC", "Singapore", 165.0),
        ("APAC", "Sydney", 350.0),
    ];
    let mut world = World::new(all.iter().map(|(region, city, _)| vantage(region, city)).collect());
    let seen = all.iter().enumerate().map(|(vantage, it)| seen_at(vantage, it.2));
    let mut address = address("149.154.167.220", seen.collect());
    address.hints = [("Amsterdam".to_owned(), (0..5).collect())].into();
    address.asns = [62_041].into();
    let by = [6_762, 6_762, 6_762, 1_273, 1_273, 3_356];
    let handover = |asn: u32| BTreeSet::from([Handover { asn, city: "Amsterdam".to_owned() }]);
    let handovers = by.into_iter().enumerate().map(|(at, asn)| (at, handover(asn))).collect();
    let target =
        Target { addresses: vec![address], handovers, down: Some(0.0), ..Target::default() };
    world.targets.insert(endpoint("api"), target);
    world
}

fn told(world: &World, services: &[Service]) -> Verdict {
    judge::judge(world, services, &mut Standing::default())
}

#[test]
fn the_api_of_2018_is_consistent_with_one_site_near_amsterdam() {
    let world = incident();
    let verdict = told(&world, &[]);
    let of = &verdict.targets[&endpoint("api")];
    let site = &of.addresses[0].judged.sites[0];
    assert_eq!(of.addresses[0].told, Class::OneSite);
    assert_eq!(site.city.map(|(city, _)| city.name), Some("Amsterdam"));
    assert!(site.place.km_to(place("Amsterdam")) < site.radius, "{site:?}");
    let sentence = evidence::of_address(&world, &verdict, &endpoint("api"), &of.addresses[0]);
    let target = &world.targets[&endpoint("api")];
    let paths = evidence::of_paths(&world, &verdict.suspects, target, of);
    let within = format!(
        "within {:.0} km of {}",
        (site.radius / 10.0).round() * 10.0,
        evidence::degrees(site.place)
    );
    assert_eq!(
        sentence,
        format!(
            "api (149.154.167.220): consistent with one site {within} (weak: 6 vantages, 3 regions); nearest London \
             8 ms, farthest Sydney 350 ms; no distance is impossible."
        )
    );
    assert_eq!(
        paths,
        "5 of 6 paths end at routers named Amsterdam. AS62041, entered through AS6762 (3 vantages), AS1273 (2), \
         AS3356 (1), always in Amsterdam."
    );
    // As the README shows it.
    let readme = include_str!("../README.md").replace('\n', " ");
    assert!(readme.contains(&sentence), "{sentence}");
    for sentence in [sentence, paths] {
        assert!(!sentence.contains(" is ") || sentence.contains("no distance is"), "{sentence}");
    }
}

#[test]
fn its_twin_that_is_announced_from_three_places_is_told_from_it() {
    let mut world = incident();
    let seen = [1.5, 9.0, 2.0, 60.0, 1.8, 95.0];
    let seen = seen.into_iter().enumerate().map(|(vantage, rtt_ms)| seen_at(vantage, rtt_ms));
    let mut seen: Vec<Seen> = seen.collect();
    seen.sort_by(|a, b| a.rtt_ms.total_cmp(&b.rtt_ms));
    let twin = Target { addresses: vec![address("198.51.100.1", seen)], ..Target::default() };
    world.targets.insert(endpoint("anycast"), twin);
    let verdict = told(&world, &[]);
    let of = &verdict.targets[&endpoint("anycast")].addresses[0];
    assert_eq!((of.told, of.judged.sites_min), (Class::SeveralSites, 3));
    let cities: BTreeSet<&str> =
        of.judged.sites.iter().filter_map(|it| Some(it.city?.0.name)).collect();
    assert_eq!(cities, BTreeSet::from(["London", "New York", "Singapore"]));
    let sentence = evidence::of_address(&world, &verdict, &endpoint("anycast"), of);
    assert!(sentence.contains("several sites, 3 at least, near London, "), "{sentence}");
    // And the other one is what it was.
    assert_eq!(verdict.targets[&endpoint("api")].addresses[0].told, Class::OneSite);
    assert!(verdict.suspects.is_empty());
}

#[test]
fn a_vantage_far_from_where_it_says_is_suspected_and_left_out() {
    let mut world = incident();
    // London says that it is in Perth.
    world.vantages[0].place = Some(place("Perth"));
    world = World { targets: world.targets.clone(), ..World::new(world.vantages) };
    let verdict = told(&world, &[]);
    // Of one endpoint alone it may be that this one has two sites.
    assert!(verdict.suspects.is_empty());
    assert_eq!(verdict.targets[&endpoint("api")].addresses[0].told, Class::Undetermined);
    let mut other = world.targets[&endpoint("api")].clone();
    other.addresses[0].ip = IpAddr::from([192, 0, 2, 9]);
    world.targets.insert(endpoint("web"), other);
    let verdict = told(&world, &[]);
    assert_eq!(verdict.suspects, BTreeSet::from([0]));
    let of = &verdict.targets[&endpoint("api")].addresses[0];
    assert_eq!((of.told, of.judged.voters.len()), (Class::Insufficient, 5));
    let sentence = evidence::of_address(&world, &verdict, &endpoint("api"), of);
    assert!(sentence.ends_with("left out as not where it says: London."), "{sentence}");
}

#[test]
fn a_canary_tells_of_a_wrong_vantage_alone() {
    let mut world = incident();
    world.vantages[0].place = Some(place("Perth"));
    world = World { targets: world.targets.clone(), ..World::new(world.vantages) };
    world.targets.values_mut().for_each(|it| it.is_canary = true);
    assert_eq!(told(&world, &[]).suspects, BTreeSet::from([0]));
}

fn at(city: &City, ip: &str, asn: u32, world: &World) -> Target {
    let seen = world.vantages.iter().enumerate().map(|(vantage, it)| {
        seen_at(vantage, it.place.unwrap().km_to(city.place) / 100.0 * 1.4 + 1.0)
    });
    let mut seen: Vec<Seen> = seen.collect();
    seen.sort_by(|a, b| a.rtt_ms.total_cmp(&b.rtt_ms));
    let mut address = address(ip, seen);
    address.asns = [asn].into();
    Target { addresses: vec![address], down: Some(0.0), ..Target::default() }
}

fn service() -> Service {
    let set = |name: &str| (name.to_owned(), vec![endpoint(&format!("dc-{name}"))]);
    Service {
        name: "messenger".to_owned(),
        team: String::new(),
        expect_independent: Some(3),
        sets: ["ams", "mia", "sin"].into_iter().map(set).collect(),
    }
}

fn independent(verdict: &Verdict, dimension: Dimension) -> Option<usize> {
    verdict.services[0].independent.iter().find(|(it, _)| *it == dimension).map(|it| it.1)
}

/// Amsterdam, Miami and Singapore, each announced by a network of its own.
#[test]
fn three_places_are_independent_and_three_names_of_one_place_are_not() {
    let mut random = StdRng::seed_from_u64(5);
    let mut world = World::new(vantages(39, &mut random));
    let three = [
        ("ams", "Amsterdam", "149.154.167.50", 62_041),
        ("mia", "Miami", "149.154.175.50", 59_930),
        ("sin", "Singapore", "149.154.171.50", 62_014),
    ];
    for (name, city, ip, asn) in three {
        let target = at(cities::named(city).unwrap(), ip, asn, &world);
        world.targets.insert(endpoint(&format!("dc-{name}")), target);
    }
    let verdict = told(&world, &[service()]);
    for dimension in [Dimension::Place, Dimension::Asn, Dimension::Prefix] {
        assert_eq!(independent(&verdict, dimension), Some(3), "{dimension:?}");
    }
    assert_eq!(independent(&verdict, Dimension::Upstreams), None);
    assert_eq!(verdict.services[0].up, Some(3));

    for (name, _, ip, _) in three {
        let mut target = at(cities::named("Amsterdam").unwrap(), ip, 62_041, &world);
        target.addresses[0].hints = [("Amsterdam".to_owned(), (0..9).collect())].into();
        target.down = Some(if name == "ams" { 1.0 } else { 0.0 });
        world.targets.insert(endpoint(&format!("dc-{name}")), target);
    }
    let verdict = told(&world, &[service()]);
    assert_eq!(independent(&verdict, Dimension::Place), Some(1));
    assert_eq!(independent(&verdict, Dimension::Asn), Some(1));
    assert_eq!(independent(&verdict, Dimension::Prefix), Some(3));
    let of = &verdict.services[0];
    assert_eq!(of.up, Some(2));
    assert_eq!(of.independent_up.iter().find(|it| it.0 == Dimension::Prefix).unwrap().1, 2);
}

#[test]
fn hostile_figures_are_judged_without_harm() {
    let mut random = StdRng::seed_from_u64(6);
    let mut all = vantages(9, &mut random);
    for (vantage, (north, east)) in
        all.iter_mut().zip([(90.0, 0.0), (-90.0, 12.0), (0.0, 180.0), (0.0, -180.0), (0.0, 180.0)])
    {
        vantage.place = Point::new(north, east);
    }
    let world = World::new(all);
    for rtt in [1e-9, 0.001, 20_015.0 / 100.0, 10_000.0] {
        let seen = (0..9).map(|vantage| seen_at(vantage, rtt)).collect();
        let judged = judged(&world, seen);
        assert!(judged.sites.iter().all(|site| site.radius.is_finite()), "{judged:?}");
    }
    let nobody = judged(&World::new(Vec::new()), Vec::new());
    assert_eq!((nobody.class, nobody.sites_min), (Class::Insufficient, 0));
    let _: u32 = random.next_u32();
}

/// What an evaluation costs at the limits: `cargo test -p turbulence-homing --lib limits -- --ignored --nocapture`.
#[test]
#[ignore = "is a measurement, and takes half a minute"]
fn an_evaluation_at_the_limits() {
    let mut random = StdRng::seed_from_u64(7);
    let base = vantages(39, &mut random);
    let all = (0..200).map(|at| {
        let vantage: &Vantage = &base[at % base.len()];
        let place = moved(vantage.place.unwrap(), random.random_range(0.0..6.2), 150.0);
        Vantage { name: format!("{}-{at}", vantage.name), place: Some(place), ..vantage.clone() }
    });
    let all: Vec<Vantage> = all.collect();
    let mut world = World::new(all.clone());
    for number in 0..2_000_u32 {
        let sites = [&["Amsterdam"][..], &["Miami"], &["Amsterdam", "New York", "Singapore"]];
        let seen = seen(&all, sites[number as usize % 3], &mut random);
        let mut address = address("192.0.2.1", seen);
        address.ip = IpAddr::from((0x0a00_0000 + number * 256).to_be_bytes());
        let target = Target { addresses: vec![address], ..Target::default() };
        world.targets.insert(endpoint(&format!("t{number}")), target);
    }
    let began = tokio::time::Instant::now();
    let verdict = told(&world, &[]);
    println!("200 vantages x 2,000 addresses: judged in {:.1?}", began.elapsed());
    let several = verdict.targets.values().filter(|it| it.addresses[0].told == Class::SeveralSites);
    println!("several sites: {}, one site: {}", several.count(), {
        let one = verdict.targets.values().filter(|it| it.addresses[0].told == Class::OneSite);
        one.count()
    });
}
