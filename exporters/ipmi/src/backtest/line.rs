//! One line of a history. No I/O, no clock.
//!
//! Two forms are read: OpenMetrics with seconds behind each value (`promtool tsdb dump-openmetrics`), and
//! that of `promtool tsdb dump`, whose metric is a label and whose times are milliseconds.

use std::collections::BTreeMap;

/// Labels by name.
pub(super) type Labels = BTreeMap<String, String>;

/// A sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample<'a> {
    /// The metric with its labels, as they stand there.
    pub(super) series: &'a str,
    /// NaN where there was nothing to tell.
    pub(super) value: f64,
    /// Milliseconds since the epoch.
    pub(super) at: i64,
}

const MUST: &str = "must be a sample with its time, as in `name{label=\"value\"} 24 1700000000`; it may be \
                    cut off: dump it again";
const NO_TIME: &str = "has no time: it is from the page of an exporter; a history, as promtool dumps it, \
                       has a time behind each value";

/// The sample of a line; none of a comment.
pub(super) fn sample(line: &str) -> Result<Option<Sample<'_>>, &'static str> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let end = match line.find(['{', ' ']) {
        Some(at) if line.as_bytes()[at] == b'{' => end_of_labels(line, at).ok_or(MUST)?,
        Some(at) => at,
        None => return Err(MUST),
    };
    let (series, numbers) = line.split_at(end);
    let mut numbers = numbers.split_ascii_whitespace();
    let value: f64 = numbers.next().and_then(|it| it.parse().ok()).ok_or(MUST)?;
    let time = numbers.next().filter(|it| *it != "#").ok_or(NO_TIME)?;
    let at = time.parse().map_err(|_| MUST)?;
    Ok(Some(Sample { series, value, at: milliseconds(at, series.starts_with('{')).ok_or(MUST)? }))
}

/// Where the labels that open at a place have closed.
fn end_of_labels(line: &str, opens: usize) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in line.bytes().enumerate().skip(opens) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'}' if !quoted => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[expect(clippy::cast_possible_truncation, reason = "it was seen to fit")]
fn milliseconds(time: f64, are_milliseconds: bool) -> Option<i64> {
    // As seconds, those of this century in milliseconds would be in the year 30000.
    let milliseconds = if are_milliseconds || time > 1e11 { time } else { time * 1000.0 };
    (0.0..1e15).contains(&milliseconds).then(|| milliseconds.round() as i64)
}

/// The metric of a series, and its labels.
pub(super) fn parts(series: &str) -> Result<(String, Labels), &'static str> {
    let (name, rest) = series.split_once('{').unwrap_or((series, "}"));
    let mut labels = labels(rest).ok_or(MUST)?;
    let name = match labels.remove("__name__") {
        Some(inside) if name.is_empty() => inside,
        _ => name.to_owned(),
    };
    Ok((name, labels))
}

/// Labels up to the closing brace.
fn labels(mut rest: &str) -> Option<Labels> {
    let mut labels = Labels::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if rest.starts_with('}') {
            return Some(labels);
        }
        let (name, quoted) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut chars = quoted.char_indices();
        let end = loop {
            match chars.next()? {
                (at, '"') => break at,
                (_, '\\') => match chars.next()?.1 {
                    'n' => value.push('\n'),
                    other => value.push(other),
                },
                (_, other) => value.push(other),
            }
        };
        labels.insert(name.trim().to_owned(), value);
        rest = &quoted[end + 1..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_promtool_are_read() {
        let one = sample("a{n=\"05 \\\"HD\\\" {Max} }\",x=\"y\"} 2.4e+01 1700000000.5\n").unwrap();
        let other = "{__name__=\"a\", n=\"05 \\\"HD\\\" {Max} }\", x=\"y\"} 24 1700000000500";
        let (one, other) = (one.unwrap(), sample(other).unwrap().unwrap());
        assert!((one.value - 24.0).abs() < 1e-9 && one.at == 1_700_000_000_500, "{one:?}");
        assert!((one.value - other.value).abs() < 1e-9 && one.at == other.at, "{other:?}");
        let (name, labels) = parts(one.series).unwrap();
        assert_eq!((name.as_str(), labels["n"].as_str()), ("a", "05 \"HD\" {Max} }"));
        assert_eq!(parts(other.series).unwrap(), (name, labels));
        assert_eq!(sample("up 1 1700000000.000").unwrap().unwrap().series, "up");
    }

    #[test]
    fn comments_are_none_and_what_is_no_sample_is_refused() {
        for line in ["", "# TYPE a gauge", "# EOF\n"] {
            assert_eq!(sample(line), Ok(None));
        }
        for line in ["a{", "a", "a{b=\"c\"}", "a{b=\"c} 1 2", "a x 1", "a 1 x", "a 1 -5", "a 1 inf"]
        {
            assert_eq!(sample(line), Err(MUST), "{line}");
        }
        assert_eq!(sample("a{b=\"c\"} 1"), Err(NO_TIME));
        assert_eq!(parts("a{b}"), Err(MUST));
    }
}
