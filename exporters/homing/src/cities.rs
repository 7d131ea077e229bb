//! What a place is called. No I/O, no clock.

use std::sync::LazyLock;

pub(crate) use earth::City;

/// The cities with many networks, which a place that nothing names is called by.
pub(crate) fn hubs() -> &'static [City] {
    static HUBS: LazyLock<Vec<City>> =
        LazyLock::new(|| earth::cities().iter().filter(|city| city.is_hub).cloned().collect());
    &HUBS
}

/// The city of that name, in whatever case it is written.
pub(crate) fn named(name: &str) -> Option<&'static City> {
    earth::cities().iter().find(|city| city.name.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_city_is_found_by_its_name() {
        assert_eq!(named("amsterdam").map(|it| it.country), Some("NL"));
        assert_eq!(named("Atlantis"), None);
        // What routers are named after need not have many networks.
        assert!(named("Zwolle").is_none_or(|city| !city.is_hub));
        assert!(hubs().iter().all(|hub| named(hub.name) == Some(hub)));
    }
}
