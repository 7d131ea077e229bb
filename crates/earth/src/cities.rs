//! Cities, and the words by which networks name them. No I/O, no clock.
//!
//! They were written down by hand for this program: cities that have an internet exchange or more than a million
//! people, with the codes of their airports and those that networks use. Coordinates are facts, here to a hundredth of a
//! degree; airports' codes are those of `OurAirports` (public domain).

use std::sync::LazyLock;

use crate::point::Point;

/// `name,country,latitude,longitude,codes,aliases,networks`: of the last, `many` or nothing.
const TABLE: &str = include_str!("cities.csv");

/// A city.
#[derive(Clone, Debug, PartialEq)]
pub struct City {
    /// In English, without accents; one of two of the same name has its state behind it.
    pub name: &'static str,
    /// The country by two letters (ISO 3166-1).
    pub country: &'static str,
    /// Where it is.
    pub place: Point,
    /// Three letters each: of its airports, and of the city itself.
    pub codes: Vec<&'static str>,
    /// Other names, in letters alone.
    pub aliases: Vec<&'static str>,
    /// Whether many networks are there: then a place near it that has no name is called by it.
    pub is_hub: bool,
}

/// All of them.
pub fn cities() -> &'static [City] {
    static CITIES: LazyLock<Vec<City>> =
        LazyLock::new(|| TABLE.lines().skip(1).filter_map(city).collect());
    &CITIES
}

fn city(line: &'static str) -> Option<City> {
    let mut cells = line.split(',');
    let mut cell = || cells.next();
    let (name, country) = (cell()?, cell()?);
    let place = Point::new(cell()?.parse().ok()?, cell()?.parse().ok()?)?;
    let mut words = || Some(cells.next()?.split_whitespace().collect());
    let (codes, aliases) = (words()?, words()?);
    let is_hub = match (cells.next(), cells.next()) {
        (Some("many"), None) => true,
        (Some(""), None) => false,
        _ => return None,
    };
    Some(City { name, country, place, codes, aliases, is_hub })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The letters of a name, in lower case.
    fn letters(name: &str) -> String {
        name.chars()
            .filter(char::is_ascii_alphabetic)
            .map(|letter| letter.to_ascii_lowercase())
            .collect()
    }

    #[test]
    fn every_line_is_a_city_and_none_is_there_twice() {
        assert_eq!(cities().len(), TABLE.lines().count() - 1);
        assert!(cities().len() >= 900 && cities().iter().filter(|it| it.is_hub).count() >= 190);
        let (mut names, mut codes) = (BTreeSet::new(), BTreeSet::new());
        for city in cities() {
            assert!(city.name.is_ascii() && !city.name.is_empty(), "{city:?}");
            let own = letters(city.name);
            assert!(city.country.len() == 2 && city.country == city.country.to_uppercase());
            for name in city.aliases.iter().map(|it| (*it).to_owned()).chain([own.clone()]) {
                assert_eq!(name, letters(&name), "{city:?}");
                assert!(name.len() >= 4 || name == own, "{name}: short");
                assert!(names.insert(name.clone()), "{name} is there twice");
            }
            for code in &city.codes {
                assert!(code.len() == 3 && *code == letters(code), "{city:?}");
                assert!(codes.insert(*code), "{code} is there twice");
            }
            let (north, east) = (city.place.latitude, city.place.longitude);
            assert!((-56.0..=79.0).contains(&north) && north != 0.0 && east != 0.0);
        }
    }

    #[test]
    fn nowhere_are_two_in_one_place_and_hubs_are_far_apart() {
        for (number, one) in cities().iter().enumerate() {
            for other in &cities()[..number] {
                let far = if one.is_hub && other.is_hub { 20.0 } else { 3.0 };
                let km = one.place.km_to(other.place);
                assert!(km > far, "{} and {}: {km} km", one.name, other.name);
            }
        }
    }

    #[test]
    fn distances_are_those_that_are_published() {
        for (one, other, wanted) in [
            ("Amsterdam", "New York", 5863.0),
            ("Amsterdam", "Singapore", 10_492.0),
            ("London", "Frankfurt", 636.0),
            ("London", "Sydney", 16_994.0),
            ("Tokyo", "San Francisco", 8270.0),
            ("Sao Paulo", "Miami", 6570.0),
            ("Johannesburg", "Nairobi", 2910.0),
            ("Moscow", "Paris", 2487.0),
            ("Mumbai", "Dubai", 1930.0),
            ("Los Angeles", "Chicago", 2805.0),
            ("Buenos Aires", "Madrid", 10_045.0),
            ("Hong Kong", "Seoul", 2095.0),
            ("Warsaw", "Stockholm", 810.0),
        ] {
            let at = |name| cities().iter().find(|it| it.name == name).unwrap().place;
            let km = at(one).km_to(at(other));
            assert!((km / wanted - 1.0).abs() < 0.01, "{one} {other}: {km:.0}");
        }
    }
}
