//! Parts of the Earth: discs, the middle of places, the distances of all. No I/O, no clock.

use std::f64::consts::TAU;
use std::sync::LazyLock;

use earth::{Direction, Point, RADIUS_KM, km_of};

/// Kilometres of distance for each millisecond of a round trip through air, for a vantage whose lines are radio links.
pub(crate) const RADIO_KM_PER_MS: f64 = 150.0;

/// Rings, and places on each, by which a disc is looked through.
pub(crate) const RINGS: usize = 18;
const ON_A_RING: usize = 40;
/// By so many steps a ring may be turned against another.
const TURNS: usize = 8;

/// Sine and cosine of every bearing that is looked at.
static BEARINGS: LazyLock<Vec<(f64, f64)>> = LazyLock::new(|| {
    let all = ON_A_RING * TURNS;
    (0..all).map(|at| (TAU * at as f64 / all as f64).sin_cos()).collect()
});

/// The distance to the farthest of these places.
pub(crate) fn km_to_farthest(from: Point, others: &[Point]) -> f64 {
    km_of(others.iter().map(|other| from.chord_to(other.direction())).fold(0.0, f64::max))
}

/// The place so many kilometres away in that direction, in radians from north over east.
pub(crate) fn moved(from: Point, bearing: f64, km: f64) -> Point {
    let (north, way) = (from.latitude.to_radians(), km / RADIUS_KM);
    let sine = north.sin() * way.cos() + north.cos() * way.sin() * bearing.cos();
    let there = sine.clamp(-1.0, 1.0).asin();
    let east =
        (bearing.sin() * way.sin() * north.cos()).atan2(way.cos() - north.sin() * there.sin());
    let longitude = from.longitude + east.to_degrees();
    let longitude = (longitude + 540.0).rem_euclid(360.0) - 180.0;
    Point::at(there.to_degrees(), longitude)
}

/// Places all over a disc, as dense at its edge as in its middle: rings, each turned a little against
/// the one before.
pub(crate) fn disc(centre: Point, km: f64) -> impl Iterator<Item = Direction> {
    let (north, east) = (centre.latitude.to_radians(), centre.longitude.to_radians());
    let northward = [-north.sin() * east.cos(), -north.sin() * east.sin(), north.cos()];
    let eastward = [-east.sin(), east.cos(), 0.0];
    let middle = centre.direction();
    (0..RINGS).flat_map(move |ring| {
        let way = km / RADIUS_KM * ((ring as f64 + 0.5) / RINGS as f64).sqrt();
        let (sine, cosine) = way.sin_cos();
        BEARINGS[ring * 3 % TURNS..].iter().step_by(TURNS).map(move |(east, north)| {
            std::array::from_fn(|it| {
                let along = northward[it] * north + eastward[it] * east;
                middle[it] * cosine + along * sine
            })
        })
    })
}

/// The middle of places: the direction of their sum. There is none of places that balance one another.
pub(crate) fn centre(points: &[Point]) -> Option<Point> {
    let mut sum = [0.0; 3];
    for point in points {
        for (sum, part) in sum.iter_mut().zip(point.direction()) {
            *sum += part;
        }
    }
    Point::towards(sum)
}

/// The distance of each two of the places, in kilometres; none where one of them is not known.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Distances {
    count: usize,
    /// Row by row; a NaN where a place is not known.
    km: Vec<f32>,
}

impl Distances {
    /// All of them, each reckoned once.
    pub(crate) fn new(places: &[Option<Point>]) -> Self {
        let count = places.len();
        let mut km = vec![f32::NAN; count * count];
        for (row, from) in places.iter().enumerate() {
            for (column, to) in places.iter().enumerate().take(row + 1) {
                if let (Some(from), Some(to)) = (from, to) {
                    #[expect(clippy::cast_possible_truncation, reason = "a metre is enough")]
                    let between = from.km_to(*to) as f32;
                    km[row * count + column] = between;
                    km[column * count + row] = between;
                }
            }
        }
        Self { count, km }
    }

    /// The distance of two places by their numbers.
    pub(crate) fn km(&self, from: usize, to: usize) -> Option<f64> {
        let km = *self.km.get(from * self.count + to)?;
        (!km.is_nan()).then_some(f64::from(km))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AMSTERDAM: (f64, f64) = (52.37, 4.90);

    fn point((latitude, longitude): (f64, f64)) -> Point {
        Point::new(latitude, longitude).unwrap()
    }

    #[test]
    fn whoever_moves_so_far_is_so_far_away() {
        for from in [AMSTERDAM, (89.0, 30.0), (-33.9, 151.2), (0.1, 179.9)] {
            for step in 0..12 {
                let there = moved(point(from), f64::from(step) * 0.52, 900.0);
                let km = point(from).km_to(there);
                assert!((km - 900.0).abs() < 0.01, "{from:?} {step}: {km}");
            }
        }
    }

    #[test]
    fn a_disc_is_filled_and_nothing_is_beyond_it() {
        for (from, km) in [(AMSTERDAM, 500.0), ((89.9, 10.0), 2_000.0), ((-5.0, 179.0), 15_000.0)] {
            let away =
                disc(point(from), km).map(|it| point(from).km_to(Point::towards(it).unwrap()));
            let away: Vec<f64> = away.collect();
            assert_eq!(away.len(), RINGS * ON_A_RING);
            assert!(away.iter().all(|it| *it <= km), "{from:?}");
            assert!(away.iter().any(|it| *it > 0.96 * km) && away.iter().any(|it| *it < 0.2 * km));
        }
    }

    #[test]
    fn opposite_places_have_no_middle() {
        assert_eq!(centre(&[point((0.0, 90.0)), point((0.0, -90.0))]), None);
        assert_eq!(centre(&[]), None);
        let middle = centre(&[point((0.0, 170.0)), point((0.0, -170.0))]).unwrap();
        assert!((middle.longitude.abs() - 180.0).abs() < 1e-6, "{middle:?}");
    }

    #[test]
    fn an_unknown_place_has_no_distance() {
        let distances = Distances::new(&[Some(point(AMSTERDAM)), None]);
        assert_eq!(
            (distances.km(0, 0), distances.km(0, 1), distances.km(5, 5)),
            (Some(0.0), None, None)
        );
    }
}
