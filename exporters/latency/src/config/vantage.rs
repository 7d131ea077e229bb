//! The place that probes: a part of every measurement. No I/O, no clock.

use serde::Deserialize;

/// Where this exporter stands.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(try_from = "RawVantage")]
pub(crate) struct Vantage {
    /// Its name; a label on every series.
    pub(crate) name: String,
    /// The part of the world, as the alerts count it; a label on every series.
    pub(crate) region: String,
    /// The country, as in `NL`.
    pub(crate) country: Option<String>,
    /// The data centre or town.
    pub(crate) site: Option<String>,
    /// The number of the autonomous system, as in `64500`.
    pub(crate) asn: Option<String>,
    /// Degrees north and degrees east.
    pub(crate) place: Option<(f64, f64)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVantage {
    name: String,
    region: String,
    country: Option<String>,
    site: Option<String>,
    asn: Option<u32>,
    latitude: Option<f64>,
    longitude: Option<f64>,
}

impl TryFrom<RawVantage> for Vantage {
    type Error = String;

    fn try_from(raw: RawVantage) -> Result<Self, String> {
        for (field, value) in [("name", &raw.name), ("region", &raw.region)] {
            if value.is_empty() {
                return Err(format!("vantage.{field}: must not be empty"));
            }
        }
        let place = match (raw.latitude, raw.longitude) {
            (None, None) => None,
            (Some(latitude), Some(longitude)) => {
                within("latitude", latitude, 90.0)?;
                within("longitude", longitude, 180.0)?;
                Some((latitude, longitude))
            }
            _ => return Err("vantage: latitude and longitude go together".to_owned()),
        };
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        Ok(Self {
            name: raw.name,
            region: raw.region,
            country: filled(raw.country),
            site: filled(raw.site),
            asn: raw.asn.map(|asn| asn.to_string()),
            place,
        })
    }
}

fn within(field: &str, degrees: f64, limit: f64) -> Result<(), String> {
    if degrees.abs() <= limit {
        Ok(())
    } else {
        Err(format!("vantage.{field}: `{degrees}` must be between -{limit} and {limit} degrees"))
    }
}
