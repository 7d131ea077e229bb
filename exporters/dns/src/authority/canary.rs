//! A time that the owner of a zone writes into a TXT record, so that its age shows how late a server is. No I/O, no
//! clock.

/// The moment that a text names: seconds since the epoch, or UTC as in `2026-11-29T08:00:00Z`.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    text.parse().ok().or_else(|| rfc3339(text))
}

fn rfc3339(text: &str) -> Option<u64> {
    let text = text.strip_suffix(['Z', 'z']).or_else(|| text.strip_suffix("+00:00"))?;
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let numbers = |text: &str, between| -> Option<[i64; 3]> {
        let parts: Vec<i64> =
            text.split(between).map(|it| it.parse().ok()).collect::<Option<_>>()?;
        parts.try_into().ok()
    };
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time.split('.').next()?, ':')?;
    let is_sound = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second);
    // Numbers that nobody checked may be too large to reckon with.
    if !is_sound {
        return None;
    }
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    u64::try_from(seconds).ok()
}

/// Days from the epoch to a date; the year of the sum begins in March, so that the leap day is its last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    365 * year + leap_days + (153 * month + 2) / 5 + day - 719_469
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("0", Some(0)),
            (" 1795939200 ", Some(1_795_939_200)),
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2026-11-29T08:00:00Z", Some(1_795_939_200)),
            ("2026-11-29T08:00:00.5+00:00", Some(1_795_939_200)),
            ("2024-02-29 23:59:59Z", Some(1_709_251_199)),
            ("2000-03-01T00:00:00Z", Some(951_868_800)),
            ("yesterday", None),
            ("2026-13-29T08:00:00Z", None),
            ("2026-11-29T08:00:00+01:00", None),
            ("9223372036854775807-01-01T00:00:00Z", None),
            ("-9223372036854775808-01-01T00:00:00Z", None),
            ("2026-11-29T9223372036854775807:00:00Z", None),
            ("-5", None),
            ("", None),
        ] {
            assert_eq!(parse(text), seconds, "{text}");
        }
    }
}
