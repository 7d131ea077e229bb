//! How far a round trip can have been. No I/O, no clock.

use std::time::Duration;

/// The mean radius of the earth in kilometres (IUGG).
const RADIUS: f64 = 6371.0;

/// Kilometres for each millisecond of a round trip: light in fibre, there and back (two thirds of c).
const KM_PER_MS: f64 = 100.0;

/// What coordinates of cities and vantages may be off by, in kilometres.
const DOUBT: f64 = 50.0;

/// The distance of two places (degrees north and east) along the surface, in kilometres: the haversine formula.
pub(crate) fn kilometres(one: (f64, f64), other: (f64, f64)) -> f64 {
    let (one, other) =
        ((one.0.to_radians(), one.1.to_radians()), (other.0.to_radians(), other.1.to_radians()));
    let half = |angle: f64| (angle / 2.0).sin().powi(2);
    let square = half(other.0 - one.0) + one.0.cos() * other.0.cos() * half(other.1 - one.1);
    2.0 * RADIUS * square.sqrt().min(1.0).asin()
}

/// Whether a round trip of this time can have been to so many kilometres away.
pub(crate) fn allows(kilometres: f64, rtt: Duration) -> bool {
    kilometres <= KM_PER_MS * rtt.as_secs_f64() * 1000.0 + DOUBT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_the_globe() {
        let (amsterdam, new_york) = ((52.37, 4.90), (40.71, -74.01));
        assert!((kilometres(amsterdam, new_york) - 5863.0).abs() < 30.0);
        assert!(kilometres(amsterdam, amsterdam) < 1e-6);
        assert!((kilometres((0.0, 0.0), (0.0, 180.0)) - 20_015.0).abs() < 1.0);
        assert!((kilometres((90.0, 0.0), (-90.0, 77.0)) - 20_015.0).abs() < 1.0);
    }

    #[test]
    fn nothing_is_faster_than_light() {
        let ms = Duration::from_millis;
        assert!(allows(150.0, ms(1)) && !allows(151.0, ms(1)));
        assert!(allows(5863.0, ms(59)) && !allows(5863.0, ms(58)));
        assert!(!allows(51.0, Duration::ZERO));
    }
}
