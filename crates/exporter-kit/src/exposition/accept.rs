//! Which format and encoding of a page a request asks for. No I/O, no clock.

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, ACCEPT_ENCODING, HeaderName};

use crate::page::Format;

/// How a page is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Gzip,
    Identity,
}

/// One of the things that a request accepts.
#[derive(Debug)]
struct Range<'a> {
    /// As in `text/plain`.
    name: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
    /// From 0, not at all, to 1.
    quality: f32,
}

/// The format that a request likes best of those that we have, and its content type. The text format
/// 0.0.4 is what any wildcard means and what those get who want none of ours: a scrape that shows
/// something is better than one that fails.
pub(super) fn format(request: &HeaderMap) -> (Format, String) {
    let mut best: (f32, Format, String) = (0.0, Format::Classic, classic("0.0.4", ""));
    for range in values(request, ACCEPT).flat_map(ranges) {
        let Some((format, kind)) = range.format() else { continue };
        // The first of equals: it was named first.
        if range.quality > best.0 {
            best = (range.quality, format, kind);
        }
    }
    (best.1, best.2)
}

/// Gzip if the request allows it and does not like plain text better (RFC 9110, section 12.5.3).
pub(super) fn encoding(request: &HeaderMap) -> Encoding {
    let quality = |names: &[&str]| {
        let mut codings = values(request, ACCEPT_ENCODING).flat_map(ranges);
        let named = |it: &Range<'_>| names.iter().any(|name| it.name.eq_ignore_ascii_case(name));
        codings.find(named).map(|it| it.quality)
    };
    let gzip = quality(&["gzip", "x-gzip"]).or_else(|| quality(&["*"])).unwrap_or(0.0);
    let identity = quality(&["identity"]).unwrap_or(0.0);
    if gzip > 0.0 && gzip >= identity { Encoding::Gzip } else { Encoding::Identity }
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Self {
        let mut parts = outside_quotes(text, b';').map(str::trim);
        let name = parts.next().unwrap_or("");
        let parameters = parts.filter_map(|it| it.split_once('='));
        let unquoted =
            |(name, value): (&'a str, &'a str)| (name.trim(), value.trim().trim_matches('"'));
        let parameters: Vec<_> = parameters.map(unquoted).collect();
        let quality = find(&parameters, "q").map_or(1.0, |it| {
            // What cannot be understood allows nothing.
            it.parse().ok().filter(|quality| (0.0..=1.0).contains(quality)).unwrap_or(0.0)
        });
        Self { name, parameters, quality }
    }

    /// The format of ours that this means, and its content type.
    fn format(&self) -> Option<(Format, String)> {
        let parameter = |name| find(&self.parameters, name);
        let version = parameter("version");
        // All our names and labels are as the oldest servers want them: nothing is ever escaped, and
        // the answer names the way that was asked for.
        let escaping = parameter("escaping")
            .filter(|it| ["allow-utf-8", "underscores", "dots", "values"].contains(it));
        let escaping = escaping.map(|it| format!("; escaping={it}")).unwrap_or_default();
        match (self.name.to_ascii_lowercase().as_str(), version) {
            ("application/openmetrics-text", None | Some("1.0.0" | "0.0.1")) => {
                let version = version.unwrap_or("1.0.0");
                let kind = format!(
                    "application/openmetrics-text; version={version}; charset=utf-8{escaping}"
                );
                Some((Format::OpenMetrics, kind))
            }
            ("text/plain", None | Some("0.0.4" | "1.0.0")) => {
                Some((Format::Classic, classic(version.unwrap_or("0.0.4"), &escaping)))
            }
            ("text/*" | "*/*", None) => Some((Format::Classic, classic("0.0.4", ""))),
            ("application/vnd.google.protobuf", None)
                if parameter("proto") == Some("io.prometheus.client.MetricFamily")
                    && parameter("encoding") == Some("delimited") =>
            {
                let kind = "application/vnd.google.protobuf; \
                            proto=io.prometheus.client.MetricFamily; encoding=delimited";
                Some((Format::Protobuf, format!("{kind}{escaping}")))
            }
            _ => None,
        }
    }
}

fn classic(version: &str, escaping: &str) -> String {
    format!("text/plain; version={version}; charset=utf-8{escaping}")
}

fn find<'a>(parameters: &[(&str, &'a str)], name: &str) -> Option<&'a str> {
    let named = parameters.iter().find(|(it, _)| it.eq_ignore_ascii_case(name));
    named.map(|(_, value)| *value)
}

fn ranges(value: &str) -> impl Iterator<Item = Range<'_>> {
    outside_quotes(value, b',').map(Range::parse)
}

/// The parts of a text between separators that are not within quotes.
fn outside_quotes(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |character| {
        quoted ^= character == '"';
        !quoted && character == char::from(separator)
    })
}

fn values(request: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    request.get_all(name).iter().filter_map(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests;
