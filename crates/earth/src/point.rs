//! A place, and how far it is to another. No I/O, no clock.
//!
//! The Earth is a ball here. The way along its ellipsoid is 0.6 % shorter or longer at most, which is less than the 2 %
//! by which [`KM_PER_MS`](crate::KM_PER_MS) is below the speed of light in a fibre whose index is 1.468, and
//! [`SLACK_KM`](crate::SLACK_KM).

use std::f64::consts::PI;

/// Mean radius of the Earth in kilometres (IUGG, R1).
pub const RADIUS_KM: f64 = 6_371.008_8;

/// Kilometres to the antipode: nothing is farther away.
pub const FARTHEST_KM: f64 = PI * RADIUS_KM;

/// A direction from the centre of the Earth; of length 1, a place on it.
pub type Direction = [f64; 3];

/// A place, in degrees north and east, with its direction from the centre of the Earth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Degrees north, from -90 to 90.
    pub latitude: f64,
    /// Degrees east, from -180 to 180.
    pub longitude: f64,
    unit: Direction,
}

impl Point {
    /// The place, unless there is none: degrees beyond the limits, NaN, or 0/0, which is what a form that
    /// nobody filled in holds.
    pub fn new(latitude: f64, longitude: f64) -> Option<Self> {
        // A NaN is within nothing.
        let is_one = latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
        let is_filled_in = latitude != 0.0 || longitude != 0.0;
        (is_one && is_filled_in).then(|| Self::at(latitude, longitude))
    }

    /// The place at degrees that are known to be within the limits.
    pub fn at(latitude: f64, longitude: f64) -> Self {
        let (north, east) = (latitude.to_radians(), longitude.to_radians());
        let unit = [north.cos() * east.cos(), north.cos() * east.sin(), north.sin()];
        Self { latitude, longitude, unit }
    }

    /// The place in that direction from the Earth's centre, which itself is in none.
    pub fn towards(direction: Direction) -> Option<Self> {
        let length = direction.iter().map(|it| it * it).sum::<f64>().sqrt();
        if length < 1e-9 {
            return None;
        }
        let [x, y, z] = direction.map(|it| it / length);
        Some(Self::at(z.clamp(-1.0, 1.0).asin().to_degrees(), y.atan2(x).to_degrees()))
    }

    /// Kilometres along the great circle. By the chord, which keeps its precision near 0 and is as good
    /// as a metre at the antipode.
    pub fn km_to(self, other: Self) -> f64 {
        km_of(self.chord_to(other.unit))
    }

    /// The square of the way straight through the Earth, whose radius is 1: grows with the distance, and
    /// costs a tenth of it.
    pub fn chord_to(self, other: Direction) -> f64 {
        let [x, y, z] = [self.unit[0] - other[0], self.unit[1] - other[1], self.unit[2] - other[2]];
        x * x + y * y + z * z
    }

    /// The direction of this place.
    pub fn direction(self) -> Direction {
        self.unit
    }
}

/// Kilometres along the surface, by what [`Point::chord_to`] is.
pub fn km_of(chord: f64) -> f64 {
    2.0 * RADIUS_KM * (chord.sqrt() / 2.0).clamp(0.0, 1.0).asin()
}

/// What [`Point::chord_to`] is at that distance; beyond the antipode nothing is.
pub fn chord_of(km: f64) -> f64 {
    let angle = (km / RADIUS_KM).clamp(0.0, PI);
    // A little more at the end, where nothing grows any more.
    4.0 * (angle / 2.0).sin().powi(2) + if angle >= PI { 1e-9 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AMSTERDAM: (f64, f64) = (52.37, 4.90);

    fn point((latitude, longitude): (f64, f64)) -> Point {
        Point::new(latitude, longitude).unwrap()
    }

    #[test]
    fn poles_antipodes_and_the_date_line_are_places_like_others() {
        assert!((point((90.0, 10.0)).km_to(point((90.0, -170.0)))).abs() < 1e-6);
        assert!((point((90.0, 0.0)).km_to(point((-90.0, 0.0))) - FARTHEST_KM).abs() < 1.0);
        assert!((point((10.0, 20.0)).km_to(point((-10.0, -160.0))) - FARTHEST_KM).abs() < 1.0);
        let over = point((0.0, 179.5)).km_to(point((0.0, -179.5)));
        assert!((over - FARTHEST_KM / 180.0).abs() < 0.01, "{over}");
        assert!(point(AMSTERDAM).km_to(point(AMSTERDAM)).abs() < 1e-9);
        for km in [0.0, 1.0, 500.0, 9_000.0, 20_000.0] {
            assert!((km_of(chord_of(km)) - km).abs() < 0.01, "{km}");
        }
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
        assert_eq!(Point::towards([0.0; 3]), None);
    }
}
