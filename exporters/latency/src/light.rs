//! How far a round trip can have been. No I/O, no clock.

use std::time::Duration;

use earth::{KM_PER_MS, Point, SLACK_KM};

/// The distance of two places (degrees north and east) along the surface, in kilometres.
pub(crate) fn kilometres(one: (f64, f64), other: (f64, f64)) -> f64 {
    Point::at(one.0, one.1).km_to(Point::at(other.0, other.1))
}

/// Whether a round trip of this time can have been to so many kilometres away.
pub(crate) fn allows(kilometres: f64, rtt: Duration) -> bool {
    kilometres <= KM_PER_MS * rtt.as_secs_f64() * 1000.0 + SLACK_KM
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_faster_than_light() {
        let ms = Duration::from_millis;
        assert!(allows(150.0, ms(1)) && !allows(151.0, ms(1)));
        let (amsterdam, new_york) = ((52.37, 4.90), (40.71, -74.01));
        let km = kilometres(amsterdam, new_york);
        assert!(allows(km, ms(59)) && !allows(km, ms(58)));
        assert!(!allows(51.0, Duration::ZERO));
    }
}
