//! Durations as Prometheus writes them, and a little more: `500ms`, `1.5s`, `1h30m`, `1w`.
//! No I/O, no clock.

use std::fmt;

use serde::Deserialize;

/// Nanoseconds of each unit, in the order in which a duration names them.
const UNITS: [(&str, u128); 8] = [
    ("y", 365 * 86_400 * SECOND),
    ("w", 7 * 86_400 * SECOND),
    ("d", 86_400 * SECOND),
    ("h", 3_600 * SECOND),
    ("m", 60 * SECOND),
    ("s", SECOND),
    ("ms", 1_000_000),
    ("us", 1_000),
];
const SECOND: u128 = 1_000_000_000;

/// Far more than anybody waits for, and far less than a clock can be asked to add.
const LONGEST: u128 = 10 * 365 * 86_400 * SECOND;

/// Digits of a number; more say nothing.
const DIGITS: usize = 18;

/// A length of time in a config file: above zero, at most ten years.
///
/// A field of this type takes `500ms`, `1.5s`, `1m30s`, `1d`, `1w`; [`Duration::get`] is what the
/// program works with, and `Display` writes the same form again.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(try_from = "String")]
pub struct Duration(std::time::Duration);

/// What a duration must be.
const RULE: &str = "must be a duration above zero, as in 500ms, 1.5s, 1m30s, 1h, 1d or 1w";

impl Duration {
    /// Wraps a duration, to show it.
    pub const fn new(duration: std::time::Duration) -> Self {
        Self(duration)
    }

    /// Reads one; the error says what it must be, and does not repeat `text`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let nanos = nanos(text).filter(|nanos| (1..=LONGEST).contains(nanos)).ok_or(RULE)?;
        let nanos = u64::try_from(nanos).map_err(|_| RULE)?;
        Ok(Self(std::time::Duration::from_nanos(nanos)))
    }

    /// The duration.
    pub const fn get(self) -> std::time::Duration {
        self.0
    }

    /// This duration if it is from `shortest` to `longest`, both included; the error names them.
    pub fn within(
        self,
        shortest: std::time::Duration,
        longest: std::time::Duration,
    ) -> Result<std::time::Duration, String> {
        if (shortest..=longest).contains(&self.0) {
            Ok(self.0)
        } else {
            Err(format!("must be from {} to {}", Self(shortest), Self(longest)))
        }
    }
}

fn nanos(text: &str) -> Option<u128> {
    let (mut rest, mut sum, mut units) = (text, 0_u128, UNITS.iter());
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| c.is_ascii_alphabetic())?);
        let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        // From what is left of the units: each once, the longer before the shorter.
        let (_, size) = units.find(|(name, _)| *name == unit)?;
        sum = sum.checked_add(times(number, *size)?)?;
        rest = after;
    }
    Some(sum)
}

/// `number` (digits, and perhaps a point and digits) times `size`.
fn times(number: &str, size: u128) -> Option<u128> {
    let (whole, part) = number.split_once('.').map_or((number, None), |(w, p)| (w, Some(p)));
    let digits = |text: &str| {
        let fits = (1..=DIGITS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| text.parse::<u128>().ok()).flatten()
    };
    let mut nanos = digits(whole)?.checked_mul(size)?;
    if let Some(part) = part {
        let shift = 10_u128.pow(u32::try_from(part.len()).ok()?.min(20));
        nanos += digits(part)?.checked_mul(size)? / shift;
    }
    Some(nanos)
}

impl TryFrom<String> for Duration {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        Self::parse(&text)
    }
}

impl From<Duration> for std::time::Duration {
    fn from(duration: Duration) -> Self {
        duration.0
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut nanos = self.0.as_nanos();
        if nanos < 1_000 {
            return f.write_str("0s");
        }
        for (unit, size) in UNITS {
            if nanos >= size {
                write!(f, "{}{unit}", nanos / size)?;
                nanos %= size;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_written_as_it_was_read() {
        for text in ["250us", "500ms", "2s", "1h30m", "1d", "1w", "1m1s1ms", "1y", "10y"] {
            assert_eq!(Duration::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Duration::parse("90s").unwrap().to_string(), "1m30s");
        assert_eq!(Duration::new(std::time::Duration::ZERO).to_string(), "0s");
    }

    #[test]
    fn a_number_may_have_a_fraction() {
        let millis = |text: &str| Duration::parse(text).map(|it| it.get().as_millis());
        assert_eq!(millis("1.5s"), Ok(1_500));
        assert_eq!(millis("0.25h"), Ok(900_000));
        assert_eq!(millis("1m0.5s"), Ok(60_500));
        assert_eq!(millis("1.50ms"), Ok(1));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for bad in [
            "",
            "0s",
            "0",
            "5",
            "s",
            "1x",
            "-1s",
            "+1s",
            "1 s",
            " 1s",
            "1.s",
            ".5s",
            "1..5s",
            "1.5.1s",
            "1e3s",
            "30s1m",
            "1s1s",
            "11y",
            "99999999999999999d",
            "9999999999999999999s",
            "1S",
            "١s",
            "0.0000000001s",
            "1.99999999999999999999999999999999999999s",
        ] {
            assert_eq!(Duration::parse(bad), Err(RULE), "{bad}");
        }
    }

    #[test]
    fn a_range_is_named_in_the_form_of_the_file() {
        let (shortest, longest) =
            (std::time::Duration::from_millis(50), std::time::Duration::from_secs(90));
        let within = |text: &str| Duration::parse(text).unwrap().within(shortest, longest);
        assert_eq!(within("50ms"), Ok(shortest));
        assert_eq!(within("49ms"), Err("must be from 50ms to 1m30s".to_owned()));
    }
}
