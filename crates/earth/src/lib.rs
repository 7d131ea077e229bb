//! Places on the Earth, how far they are from one another, and the cities that networks meet in. No I/O, no clock.

mod cities;
mod point;

pub use cities::{City, cities};
pub use point::{Direction, FARTHEST_KM, Point, RADIUS_KM, chord_of, km_of};

/// Kilometres of distance for each millisecond of a round trip through glass: light needs a millisecond for 200 km of
/// fibre (two thirds of its speed in empty space), and goes there and back.
pub const KM_PER_MS: f64 = 100.0;

/// Kilometres by which a place that is known may be wrong: a thing is in a city, not at its centre.
pub const SLACK_KM: f64 = 50.0;
