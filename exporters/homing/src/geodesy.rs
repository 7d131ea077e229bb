//! Places on the Earth, and how far they are from one another. No I/O, no clock.

use std::f64::consts::{PI, TAU};
use std::sync::LazyLock;

/// Mean radius of the Earth in kilometres (IUGG, R1).
const EARTH_KM: f64 = 6_371.008_8;

/// Kilometres to the antipode: nothing is farther away.
pub(crate) const FARTHEST_KM: f64 = PI * EARTH_KM;

/// Kilometres of distance for each millisecond of a round trip through glass: light needs a millisecond
/// for 200 km of fibre, and goes there and back.
pub(crate) const KM_PER_MS: f64 = 100.0;

/// The same through air, for a vantage whose lines are radio links.
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

/// A direction from the centre of the Earth; of length 1, a place on it.
pub(crate) type Direction = [f64; 3];

/// A place, in degrees north and east, with its direction from the centre of the Earth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    /// Degrees north, from -90 to 90.
    pub(crate) latitude: f64,
    /// Degrees east, from -180 to 180.
    pub(crate) longitude: f64,
    unit: Direction,
}

impl Point {
    /// The place, unless there is none: degrees beyond the limits, NaN, or 0/0, which is what a form that
    /// nobody filled in holds.
    pub(crate) fn new(latitude: f64, longitude: f64) -> Option<Self> {
        // A NaN is within nothing.
        let is_one = latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
        let is_filled_in = latitude != 0.0 || longitude != 0.0;
        (is_one && is_filled_in).then(|| Self::at(latitude, longitude))
    }

    fn at(latitude: f64, longitude: f64) -> Self {
        let (north, east) = (latitude.to_radians(), longitude.to_radians());
        let unit = [north.cos() * east.cos(), north.cos() * east.sin(), north.sin()];
        Self { latitude, longitude, unit }
    }

    /// The place in that direction from the Earth's centre, which itself is in none.
    pub(crate) fn towards(direction: Direction) -> Option<Self> {
        let length = direction.iter().map(|it| it * it).sum::<f64>().sqrt();
        if length < 1e-9 {
            return None;
        }
        let [x, y, z] = direction.map(|it| it / length);
        Some(Self::at(z.clamp(-1.0, 1.0).asin().to_degrees(), y.atan2(x).to_degrees()))
    }

    /// Kilometres along the great circle. By the chord, which keeps its precision near 0 and is as good
    /// as a metre at the antipode.
    pub(crate) fn km_to(self, other: Self) -> f64 {
        km_of(self.chord_to(other.unit))
    }

    /// The distance to the farthest of these places.
    pub(crate) fn km_to_farthest(self, others: &[Self]) -> f64 {
        km_of(others.iter().map(|other| self.chord_to(other.unit)).fold(0.0, f64::max))
    }

    /// The square of the way straight through the Earth, whose radius is 1: grows with the distance, and
    /// costs a tenth of it.
    pub(crate) fn chord_to(self, other: Direction) -> f64 {
        let [x, y, z] = [self.unit[0] - other[0], self.unit[1] - other[1], self.unit[2] - other[2]];
        x * x + y * y + z * z
    }

    /// The direction of this place.
    pub(crate) fn direction(self) -> Direction {
        self.unit
    }

    /// The place so many kilometres away in that direction, in radians from north over east.
    pub(crate) fn moved(self, bearing: f64, km: f64) -> Self {
        let (north, way) = (self.latitude.to_radians(), km / EARTH_KM);
        let sine = north.sin() * way.cos() + north.cos() * way.sin() * bearing.cos();
        let there = sine.clamp(-1.0, 1.0).asin();
        let east =
            (bearing.sin() * way.sin() * north.cos()).atan2(way.cos() - north.sin() * there.sin());
        let longitude = self.longitude + east.to_degrees();
        let longitude = (longitude + 540.0).rem_euclid(360.0) - 180.0;
        Self::at(there.to_degrees(), longitude)
    }

    /// Places all over a disc, as dense at its edge as in its middle: rings, each turned a little against
    /// the one before.
    pub(crate) fn disc(self, km: f64) -> impl Iterator<Item = Direction> {
        let (north, east) = (self.latitude.to_radians(), self.longitude.to_radians());
        let northward = [-north.sin() * east.cos(), -north.sin() * east.sin(), north.cos()];
        let eastward = [-east.sin(), east.cos(), 0.0];
        (0..RINGS).flat_map(move |ring| {
            let way = km / EARTH_KM * ((ring as f64 + 0.5) / RINGS as f64).sqrt();
            let (sine, cosine) = way.sin_cos();
            BEARINGS[ring * 3 % TURNS..].iter().step_by(TURNS).map(move |(east, north)| {
                std::array::from_fn(|it| {
                    let along = northward[it] * north + eastward[it] * east;
                    self.unit[it] * cosine + along * sine
                })
            })
        })
    }
}

fn km_of(chord: f64) -> f64 {
    2.0 * EARTH_KM * (chord.sqrt() / 2.0).clamp(0.0, 1.0).asin()
}

/// What [`Point::chord_to`] is at that distance; beyond the antipode nothing is.
pub(crate) fn chord_of(km: f64) -> f64 {
    let angle = (km / EARTH_KM).clamp(0.0, PI);
    // A little more at the end, where nothing grows any more.
    4.0 * (angle / 2.0).sin().powi(2) + if angle >= PI { 1e-9 } else { 0.0 }
}

/// The middle of places: the direction of their sum. There is none of places that balance one another.
pub(crate) fn centre(points: &[Point]) -> Option<Point> {
    let mut sum = [0.0; 3];
    for point in points {
        for (sum, part) in sum.iter_mut().zip(point.unit) {
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
    fn distances_are_those_that_are_published() {
        for (to, km) in [((40.71, -74.01), 5_863.0), ((1.35, 103.82), 10_492.0)] {
            let reckoned = point(AMSTERDAM).km_to(point(to));
            assert!((reckoned - km).abs() < km * 0.003, "{reckoned} is not {km}");
        }
    }

    #[test]
    fn poles_antipodes_and_the_date_line_are_places_like_others() {
        let half = PI * EARTH_KM;
        assert!((point((90.0, 10.0)).km_to(point((90.0, -170.0)))).abs() < 1e-6);
        assert!((point((90.0, 0.0)).km_to(point((-90.0, 0.0))) - half).abs() < 1.0);
        assert!((point((10.0, 20.0)).km_to(point((-10.0, -160.0))) - half).abs() < 1.0);
        let over = point((0.0, 179.5)).km_to(point((0.0, -179.5)));
        assert!((over - half / 180.0).abs() < 0.01, "{over}");
        assert!(point(AMSTERDAM).km_to(point(AMSTERDAM)).abs() < 1e-9);
    }

    #[test]
    fn what_is_no_place_is_none() {
        for (latitude, longitude) in [
            (0.0, 0.0),
            (f64::NAN, 5.0),
            (5.0, f64::NAN),
            (90.1, 0.0),
            (5.0, -180.1),
            (f64::INFINITY, 0.0),
        ] {
            assert_eq!(Point::new(latitude, longitude), None, "{latitude} {longitude}");
        }
    }

    #[test]
    fn whoever_moves_so_far_is_so_far_away() {
        for from in [AMSTERDAM, (89.0, 30.0), (-33.9, 151.2), (0.1, 179.9)] {
            for step in 0..12 {
                let moved = point(from).moved(f64::from(step) * 0.52, 900.0);
                let km = point(from).km_to(moved);
                assert!((km - 900.0).abs() < 0.01, "{from:?} {step}: {km}");
            }
        }
    }

    #[test]
    fn a_disc_is_filled_and_nothing_is_beyond_it() {
        for (from, km) in [(AMSTERDAM, 500.0), ((89.9, 10.0), 2_000.0), ((-5.0, 179.0), 15_000.0)] {
            let away =
                point(from).disc(km).map(|it| point(from).km_to(Point::towards(it).unwrap()));
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
