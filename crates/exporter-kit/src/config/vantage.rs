//! The place that an exporter measures from: a part of every measurement. No I/O, no clock.

use serde::Deserialize;

use super::{Name, name};

/// Where an exporter stands, as in `vantage: {name: fra, region: EMEA, latitude: 50.1, longitude: 8.7}`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(try_from = "RawVantage")]
pub struct Vantage {
    /// Its name; a label of every series.
    pub name: String,
    /// The part of the world, as the alerts count it; a label of every series.
    pub region: String,
    /// The country, as in `NL`: two capital letters (ISO 3166-1).
    pub country: Option<String>,
    /// The data centre or town.
    pub site: Option<String>,
    /// The number of the autonomous system, as in 64500.
    pub asn: Option<u32>,
    /// Degrees north and degrees east.
    pub place: Option<(f64, f64)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVantage {
    name: Name,
    region: Name,
    country: Option<String>,
    site: Option<String>,
    asn: Option<u32>,
    latitude: Option<f64>,
    longitude: Option<f64>,
}

impl TryFrom<RawVantage> for Vantage {
    type Error = String;

    fn try_from(raw: RawVantage) -> Result<Self, String> {
        let country = raw.country.filter(|country| !country.is_empty());
        let is_code =
            |text: &String| text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase());
        if country.as_ref().is_some_and(|country| !is_code(country)) {
            return Err("country: must be two capital letters, as in NL".to_owned());
        }
        let site = raw.site.filter(|site| !site.is_empty());
        if let Some(site) = &site {
            name::check(site).map_err(|error| format!("site: {error}"))?;
        }
        if raw.asn == Some(0) {
            return Err("asn: must be above 0".to_owned());
        }
        let place = match (raw.latitude, raw.longitude) {
            (None, None) => None,
            (Some(latitude), Some(longitude)) => {
                within("latitude", latitude, 90.0)?;
                within("longitude", longitude, 180.0)?;
                Some((latitude, longitude))
            }
            _ => return Err("latitude and longitude go together; give both or none".to_owned()),
        };
        Ok(Self {
            name: raw.name.into_string(),
            region: raw.region.into_string(),
            country,
            site,
            asn: raw.asn,
            place,
        })
    }
}

fn within(field: &str, degrees: f64, limit: f64) -> Result<(), String> {
    // A NaN is within nothing.
    if degrees.abs() <= limit {
        Ok(())
    } else {
        Err(format!("{field}: must be from -{limit} to {limit} degrees"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vantage(text: &str) -> Result<Vantage, String> {
        crate::config::parse(text, "test.yml").map_err(|error| error.to_string())
    }

    #[test]
    fn a_vantage_is_a_place() {
        let full = "{name: fra, region: EMEA, country: DE, site: Frankfurt, asn: 64500, \
                     latitude: 50.11, longitude: -8.68}";
        let vantage = vantage(full).unwrap();
        assert_eq!((vantage.asn, vantage.place), (Some(64_500), Some((50.11, -8.68))));
    }

    #[test]
    fn a_place_that_is_none_is_refused_with_the_field() {
        for (text, wanted) in [
            ("{name: '', region: a}", "must not be empty"),
            ("{name: a}", "region"),
            ("{name: a, region: \"b\\u202e\"}", "no invisible one"),
            ("{name: a, region: b, country: Germany}", "country: must be two capital letters"),
            ("{name: a, region: b, asn: 0}", "asn: must be above 0"),
            ("{name: a, region: b, latitude: 9}", "latitude and longitude go together"),
            (
                "{name: a, region: b, latitude: 91, longitude: 0}",
                "latitude: must be from -90 to 90",
            ),
            ("{name: a, region: b, latitude: .nan, longitude: 0}", "latitude: must be"),
            ("{name: a, region: b, latitude: 0, longitude: 181}", "longitude: must be from -180"),
            ("{name: a, region: b, city: c}", "city"),
        ] {
            let error = vantage(text).unwrap_err();
            assert!(error.contains(wanted), "{text}\n  gave   {error}\n  wanted {wanted}");
        }
    }
}
