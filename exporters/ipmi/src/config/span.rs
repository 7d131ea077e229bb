//! Durations in the config file: the kit's, and for one field `ipmi_exporter`'s bare milliseconds.

use std::fmt;
use std::time::Duration;

use exporter_kit::config;
use serde::de::{self, Deserializer, Visitor};

/// A duration with a unit, or a bare number of milliseconds as `ipmi_exporter` writes it.
pub(super) fn number_is_milliseconds<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    deserializer.deserialize_any(Span { bare_milliseconds: true }).map(Some)
}

/// A duration with a unit.
pub(super) fn with_unit<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    deserializer.deserialize_any(Span { bare_milliseconds: false }).map(Some)
}

/// Says which range `field` must keep to, when it does not.
pub(super) fn within(
    field: &str,
    value: Duration,
    (least, most): (Duration, Duration),
) -> Result<(), String> {
    let within = config::Duration::new(value).within(least, most);
    within.map(drop).map_err(|rule| format!("{field}: {rule}"))
}

struct Span {
    bare_milliseconds: bool,
}

impl Visitor<'_> for Span {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration with a unit, as in 500ms, 5s or 1m30s")?;
        if self.bare_milliseconds { f.write_str(", or milliseconds") } else { Ok(()) }
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Duration, E> {
        if self.bare_milliseconds {
            Ok(Duration::from_millis(number))
        } else {
            Err(E::invalid_value(de::Unexpected::Unsigned(number), &self))
        }
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Duration, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::invalid_value(de::Unexpected::Signed(number), &self)),
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
        config::Duration::parse(text).map(config::Duration::get).map_err(E::custom)
    }
}
