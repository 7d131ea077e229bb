//! Durations in the config file: the kit's, and for one field `ipmi_exporter`'s bare milliseconds. No
//! I/O, no clock.

use std::fmt;
use std::time::Duration;

use exporter_kit::config;
use serde::de::{self, Deserializer, Visitor};

/// How long the BMC is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// In each attempt of a request.
    Attempt(Duration),
    /// In all of them together: a bare number of milliseconds, as in `ipmi_exporter`, which hands it to
    /// `FreeIPMI` as the time after which a session without an answer is given up.
    Session(Duration),
}

impl Patience {
    /// How long each of so many attempts waits.
    pub(super) fn of_each(self, attempts: u32) -> Duration {
        match self {
            Self::Attempt(span) => span,
            Self::Session(span) => span / attempts.max(1),
        }
    }
}

/// A duration with a unit, or a bare number of milliseconds as `ipmi_exporter` writes it.
pub(super) fn patience<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Patience>, D::Error> {
    deserializer.deserialize_any(Span { bare_milliseconds: true }).map(Some)
}

/// A duration with a unit.
pub(super) fn with_unit<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    let span = deserializer.deserialize_any(Span { bare_milliseconds: false })?;
    Ok(Some(match span {
        Patience::Attempt(span) | Patience::Session(span) => span,
    }))
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
    type Value = Patience;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration with a unit, as in 500ms, 5s or 1m30s")?;
        if self.bare_milliseconds { f.write_str(", or milliseconds") } else { Ok(()) }
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Patience, E> {
        if self.bare_milliseconds {
            Ok(Patience::Session(Duration::from_millis(number)))
        } else {
            Err(E::invalid_value(de::Unexpected::Unsigned(number), &self))
        }
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Patience, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::invalid_value(de::Unexpected::Signed(number), &self)),
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Patience, E> {
        let span = config::Duration::parse(text).map(config::Duration::get);
        span.map(Patience::Attempt).map_err(E::custom)
    }
}
