//! Durations as Prometheus writes them: `500ms`, `2s`, `1h30m`. No I/O, no clock.

use std::time::Duration;

use serde::{Deserialize as _, Deserializer, de};

const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads a duration; one of zero is refused.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).ok_or_else(|| {
        de::Error::custom(format!("{text:?} is not a duration above zero, as in 500ms, 2s, 1h30m"))
    })
}

fn parse(text: &str) -> Option<Duration> {
    let (mut rest, mut millis) = (text, 0_u64);
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let unit_end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let (_, size) = UNITS.iter().find(|(name, _)| *name == unit)?;
        millis = millis.checked_add(number.parse::<u64>().ok()?.checked_mul(*size)?)?;
        rest = after;
    }
    (millis > 0).then(|| Duration::from_millis(millis))
}

/// Writes a duration in the same form.
pub(super) fn show(duration: Duration) -> String {
    let mut millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, size) in UNITS {
        if millis >= size {
            text.extend([&(millis / size).to_string(), unit]);
            millis %= size;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written_in_one_form() {
        for text in ["500ms", "2s", "1h30m", "1d", "1m1s1ms"] {
            assert_eq!(show(parse(text).unwrap()), text);
        }
        assert_eq!(parse("90s").map(show).as_deref(), Some("1m30s"));
        for bad in ["", "0s", "5", "s", "1x", "-1s", "1.5s", "99999999999999999d"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
