//! Whether an edge answers by itself, on simulated worlds: as often as where.md's model says, or never.

use rand::SeedableRng as _;

use super::*;
use crate::edge;
use crate::outcome::Origin;
use crate::world::Request;

const RUNS: u32 = 300;
const EDGES: [&str; 8] = [
    "Amsterdam",
    "London",
    "New York",
    "San Francisco",
    "Sao Paulo",
    "Singapore",
    "Tokyo",
    "Sydney",
];

/// What is behind the edge.
#[derive(Clone, Copy)]
enum Behind {
    /// One place, asked so many times for an answer.
    Origin(f64),
    /// A cache, or nothing.
    Nothing,
    /// A server that takes its time.
    Slow,
    /// Three places, each edge asking any of them.
    Three,
}

/// In what share of the runs one origin is told, and in what share of those in its region.
fn told(count: usize, behind: Behind) -> (f64, f64) {
    let mut random = StdRng::seed_from_u64(36);
    let (mut one, mut right) = (0, 0);
    for _ in 0..RUNS {
        let vantages = vantages(count, &mut random);
        let cities: Vec<&str> =
            VANTAGES.iter().flat_map(|(_, cities)| cities.iter().copied()).collect();
        let mut any = || cities[random.random_range(0..cities.len())];
        let origins = [any(), any(), any()];
        let mut beyond: Vec<(f64, f64)> = Vec::new();
        for edge in EDGES {
            let to = match behind {
                Behind::Three => origins[random.random_range(0..3)],
                _ => origins[0],
            };
            let way = rtt(place(edge).km_to(place(to)), &mut random);
            beyond.push(match behind {
                Behind::Origin(trips) => (way * trips, 5.0),
                Behind::Three => (way, 5.0),
                Behind::Nothing => (0.0, 5.0),
                Behind::Slow => (0.0, 200.0),
            });
        }
        let request = |(at, vantage): (usize, &Vantage)| {
            let from = vantage.place.unwrap();
            let km = |edge: &str| from.km_to(place(edge));
            let nearest = (0..EDGES.len()).min_by(|a, b| km(EDGES[*a]).total_cmp(&km(EDGES[*b])));
            let nearest = nearest.unwrap();
            let connect_ms = rtt(km(EDGES[nearest]), &mut random);
            let (way, work) = beyond[nearest];
            let took = work + random.random_range(0.0..4.0);
            Request { vantage: at, connect_ms, ttfb_ms: connect_ms + way + took }
        };
        let requests: Vec<Request> = vantages.iter().enumerate().map(request).collect();
        let world = World::new(vantages);
        let found = edge::judge(&world, &requests, &BTreeSet::new());
        if let Some(it) = found.filter(|it| it.class == Origin::One) {
            one += 1;
            let home = VANTAGES.iter().find(|(_, cities)| cities.contains(&origins[0])).unwrap().0;
            right += u32::from(world.vantages[it.least.0].region == home);
        }
    }
    (f64::from(one) / f64::from(RUNS), f64::from(right) / f64::from(one.max(1)))
}

#[test]
fn one_origin_is_found_more_often_than_not_and_none_where_there_is_none() {
    for count in [10, 20] {
        let (found, right) = told(count, Behind::Origin(1.0));
        let (trips, _) = told(count, Behind::Origin(3.0));
        let (three, _) = told(count, Behind::Three);
        eprintln!(
            "{count} vantages: one {found:.2} (right {right:.2}), three trips {trips:.2}, three origins {three:.2}"
        );
        assert!(found >= 0.5 && right >= 0.9 && trips >= found, "{count}: {found} {right} {trips}");
        assert_eq!((told(count, Behind::Nothing).0, told(count, Behind::Slow).0), (0.0, 0.0));
        assert!(three <= 0.3, "{count}: {three}");
    }
    // Fewer say nothing.
    assert_eq!(told(9, Behind::Origin(1.0)), (0.0, 0.0));
}
