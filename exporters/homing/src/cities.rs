//! Cities with many networks, to name a place by. No I/O, no clock.

use std::sync::LazyLock;

use crate::geodesy::Point;

/// Coordinates of cities, rounded to a hundredth of a degree: facts, written down for this file.
const TABLE: &str = include_str!("cities.csv");

/// A city that a place may be called by.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct City {
    /// In English, without accents.
    pub(crate) name: String,
    /// The country by two letters (ISO 3166-1).
    pub(crate) country: String,
    /// Where it is.
    pub(crate) place: Point,
}

/// All of them, by name.
pub(crate) fn all() -> &'static [City] {
    static CITIES: LazyLock<Vec<City>> = LazyLock::new(|| {
        let mut table = csv::Reader::from_reader(TABLE.as_bytes());
        let rows = table.deserialize::<(String, String, f64, f64)>();
        let city = |(name, country, north, east)| {
            Some(City { name, country, place: Point::new(north, east)? })
        };
        rows.filter_map(|row| row.ok().and_then(city)).collect()
    });
    &CITIES
}

/// The city of that name, in whatever case it is written.
pub(crate) fn named(name: &str) -> Option<&'static City> {
    all().iter().find(|city| city.name.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_a_city_of_its_own() {
        assert_eq!(all().len(), TABLE.lines().count() - 1);
        for (at, city) in all().iter().enumerate() {
            assert_eq!(city.country.len(), 2, "{city:?}");
            for other in &all()[at + 1..] {
                assert_ne!(city.name, other.name);
                assert!(city.place.km_to(other.place) > 20.0, "{city:?} {other:?}");
            }
        }
    }

    #[test]
    fn a_city_is_found_by_its_name() {
        assert_eq!(named("amsterdam").map(|it| it.country.as_str()), Some("NL"));
        assert_eq!(named("Atlantis"), None);
    }
}
