//! Which format and encoding of a page a request asks for. No I/O, no clock.

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, ACCEPT_ENCODING, HeaderName};

/// How the metrics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    OpenMetrics,
    /// The text format 0.0.4, which everything understands.
    Classic,
}

/// How the text is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Gzip,
    Identity,
}

pub(super) fn format(request: &HeaderMap) -> Format {
    if values(request, ACCEPT).any(|value| value.contains("application/openmetrics-text")) {
        Format::OpenMetrics
    } else {
        Format::Classic
    }
}

/// Gzip if the request allows it and does not like plain text better (RFC 9110, section 12.5.3).
pub(super) fn encoding(request: &HeaderMap) -> Encoding {
    let quality = |names: &[&str]| {
        let mut codings = values(request, ACCEPT_ENCODING).flat_map(|value| value.split(','));
        codings.find_map(|coding| {
            let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
            let is_named = names.iter().any(|it| name.trim().eq_ignore_ascii_case(it));
            is_named.then(|| weight(parameters))
        })
    };
    let gzip = quality(&["gzip", "x-gzip"]).or_else(|| quality(&["*"])).unwrap_or(0.0);
    let identity = quality(&["identity"]).unwrap_or(0.0);
    if gzip > 0.0 && gzip >= identity { Encoding::Gzip } else { Encoding::Identity }
}

/// From 0, not at all, to 1. What cannot be understood allows nothing.
fn weight(parameters: &str) -> f32 {
    let mut parameters = parameters.split(';').map(str::trim);
    let weight = parameters.find_map(|it| it.strip_prefix("q=").or(it.strip_prefix("Q=")));
    weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0))
}

fn values(request: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    request.get_all(name).iter().filter_map(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_used_where_it_is_welcome() {
        for (asked, packed) in [
            ("gzip", true),
            ("GZIP;q=0.5, deflate", true),
            ("br, x-gzip", true),
            ("*", true),
            ("gzip; q=0.1, *;q=0", true),
            ("gzip;q=1, identity;q=1", true),
            ("", false),
            ("br, zstd", false),
            ("gzip;q=0", false),
            ("gzip; q=0.000, *", false),
            ("*;q=0", false),
            ("gzip;q=0.1, identity;q=0.9", false),
            ("gzip;q=much", false),
            ("gzipped", false),
        ] {
            let request = HeaderMap::from_iter([(ACCEPT_ENCODING, asked.parse().unwrap())]);
            assert_eq!(encoding(&request) == Encoding::Gzip, packed, "{asked}");
        }
        assert_eq!(encoding(&HeaderMap::new()), Encoding::Identity);
    }

    #[test]
    fn a_header_may_come_in_parts() {
        let mut request = HeaderMap::new();
        request.append(ACCEPT_ENCODING, "identity;q=0.5".parse().unwrap());
        request.append(ACCEPT_ENCODING, "gzip".parse().unwrap());
        assert_eq!(encoding(&request), Encoding::Gzip);
    }
}
