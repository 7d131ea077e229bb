//! Where places are and how long light needs between them. No I/O, no clock.
//!
//! Not that of the crate `earth`, on purpose: what the exporters conclude from the lab's round trips is held against
//! places that another formula put there.

use std::time::Duration;

/// The mean radius of the Earth (IUGG), in kilometres.
const EARTH_RADIUS_KM: f64 = 6371.0;
/// Light in fibre covers 200 km a millisecond one way, so 100 km of distance a millisecond of
/// round trip.
const KM_PER_MS_OF_ROUND_TRIP: f64 = 100.0;

/// A place on Earth, in degrees: north and east are positive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Degrees north of the equator, -90 to 90.
    pub latitude: f64,
    /// Degrees east of Greenwich, -180 to 180.
    pub longitude: f64,
}

impl Place {
    /// The great-circle distance, in kilometres (haversine formula).
    pub fn distance_km(self, other: Self) -> f64 {
        let (here, there) = (self.latitude.to_radians(), other.latitude.to_radians());
        let east = (other.longitude - self.longitude).to_radians();
        let haversine = ((there - here) / 2.0).sin().powi(2)
            + here.cos() * there.cos() * (east / 2.0).sin().powi(2);
        2.0 * EARTH_RADIUS_KM * haversine.sqrt().min(1.0).asin()
    }
}

/// How a distance becomes a round-trip time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fibre {
    /// How much longer the path is than the straight line, at least 1.
    pub inflation: f64,
    /// What every round trip costs, however short.
    pub base: Duration,
}

impl Default for Fibre {
    /// 2.1 is the median of paths measured between cities (Bozkurt et al. 2018, "Dissecting
    /// latency in the Internet's fiber infrastructure"): 0.021 ms a kilometre.
    fn default() -> Self {
        Self { inflation: 2.1, base: Duration::from_micros(500) }
    }
}

impl Fibre {
    /// The round-trip time over a distance in kilometres.
    pub fn round_trip(self, distance_km: f64) -> Duration {
        let milliseconds = distance_km.max(0.0) * self.inflation / KM_PER_MS_OF_ROUND_TRIP;
        self.base + Duration::from_secs_f64(milliseconds / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AMSTERDAM: Place = Place { latitude: 52.37, longitude: 4.90 };
    const NEW_YORK: Place = Place { latitude: 40.71, longitude: -74.01 };
    const SINGAPORE: Place = Place { latitude: 1.35, longitude: 103.82 };
    const SYDNEY: Place = Place { latitude: -33.87, longitude: 151.21 };

    #[test]
    fn distances_agree_with_the_map() {
        for (from, to, kilometres) in [
            (AMSTERDAM, NEW_YORK, 5863.0),
            (AMSTERDAM, SINGAPORE, 10_492.0),
            (SINGAPORE, SYDNEY, 6300.0),
            (NEW_YORK, NEW_YORK, 0.0),
        ] {
            let distance = from.distance_km(to);
            assert!((distance - kilometres).abs() < 25.0, "{distance} is not {kilometres}");
            assert!((distance - to.distance_km(from)).abs() < 1e-9);
        }
    }

    #[test]
    fn antipodes_are_half_the_circumference_apart() {
        let pole = Place { latitude: 90.0, longitude: 0.0 };
        let other = Place { latitude: -90.0, longitude: 73.0 };
        assert!((pole.distance_km(other) - 20_015.0).abs() < 1.0);
    }

    #[test]
    fn a_round_trip_is_as_long_as_people_measure() {
        let to_new_york = Fibre::default().round_trip(AMSTERDAM.distance_km(NEW_YORK));
        assert!((0.120..0.127).contains(&to_new_york.as_secs_f64()), "{to_new_york:?}");
        assert_eq!(Fibre::default().round_trip(0.0), Duration::from_micros(500));
    }
}
