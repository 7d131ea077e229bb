//! Who may change something by HTTP: nobody's web page but our own. No I/O, no clock.
//!
//! A browser sends what any page tells it to, also to addresses that only its user reaches. Such a
//! request names the page's origin, or, when the page made its own name point here (DNS rebinding),
//! comes to a name that is not ours.

use std::net::{Ipv4Addr, Ipv6Addr};

use axum::http::uri::{Authority, Uri};
use axum::http::{HeaderMap, Method, header};

/// What changes the exporter's state, and to which names.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    /// Whether anything may be changed by HTTP at all.
    pub(crate) lifecycle: bool,
    /// Names of this machine beside `localhost`, its addresses and names without a dot.
    pub(crate) names: Vec<String>,
}

impl Guard {
    /// Why the request is refused, if it is. Requests that only look are never refused. HTTP/2 has the
    /// host in the URI.
    pub(super) fn refusal(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Option<String> {
        if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
            return None;
        }
        if !self.lifecycle {
            return Some("changes by HTTP are turned off (--no-web.enable-lifecycle)".to_owned());
        }
        let value = |name| headers.get(name).map(|value| value.to_str().unwrap_or("(not text)"));
        if let Some(site) = value("sec-fetch-site")
            && !["same-origin", "none"].contains(&site)
        {
            return Some("the request comes from another site's page".to_owned());
        }
        let host = value(header::HOST.as_str()).or(uri.authority().map(Authority::as_str));
        if let Some(origin) = value("origin")
            && origin.split_once("://").is_none_or(|(_, authority)| Some(authority) != host)
        {
            return Some("the request comes from a page of another origin".to_owned());
        }
        if let Some(host) = host
            && !self.is_ours(without_port(host))
        {
            return Some(
                "the request's Host is not a name of this exporter; allow it with \
                 --web.allow-host, or ask by address"
                    .to_owned(),
            );
        }
        None
    }

    /// A name without a dot cannot be a stranger's: the public DNS has none.
    fn is_ours(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        let address = host.trim_start_matches('[').trim_end_matches(']');
        host.parse::<Ipv4Addr>().is_ok()
            || address.parse::<Ipv6Addr>().is_ok()
            || !host.contains('.')
            || host.to_ascii_lowercase().ends_with(".localhost")
            || self.names.iter().any(|name| name.eq_ignore_ascii_case(host))
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn refused(lifecycle: bool, method: &Method, headers: &[(&'static str, &str)]) -> bool {
        let guard = Guard { lifecycle, names: vec!["exporter.example".to_owned()] };
        let headers = headers.iter().map(|(name, value)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        });
        guard.refusal(method, &Uri::from_static("/"), &headers.collect()).is_some()
    }

    #[test]
    fn a_foreign_page_changes_nothing() {
        let ours = ("host", "10.0.0.1:9290");
        for (headers, refusal) in [
            (vec![ours], false),
            (vec![], false),
            (vec![ours, ("origin", "http://10.0.0.1:9290")], false),
            (vec![ours, ("origin", "https://10.0.0.1:9290")], false),
            (vec![ours, ("origin", "http://10.0.0.1")], true),
            (vec![ours, ("origin", "http://evil.example")], true),
            (vec![ours, ("origin", "null")], true),
            (vec![ours, ("origin", "")], true),
            (vec![("origin", "null")], true),
            (vec![ours, ("sec-fetch-site", "cross-site")], true),
            (vec![ours, ("sec-fetch-site", "same-site")], true),
            (vec![ours, ("sec-fetch-site", "none")], false),
            (vec![ours, ("sec-fetch-site", "same-origin")], false),
        ] {
            assert_eq!(refused(true, &Method::POST, &headers), refusal, "{headers:?}");
            assert!(!refused(true, &Method::GET, &headers), "{headers:?}");
        }
    }

    #[test]
    fn a_name_that_is_not_ours_changes_nothing() {
        for (host, refusal) in [
            ("localhost:9290", false),
            ("turbulence-ipmi", false),
            ("[::1]:9290", false),
            ("127.0.0.1", false),
            ("a.localhost", false),
            ("Exporter.Example:9290", false),
            ("exporter.example.", false),
            ("evil.example:9290", true),
            ("exporter.example.evil.example", true),
            ("127.0.0.1.evil.example", true),
            ("[::1].evil.example", true),
        ] {
            assert_eq!(refused(true, &Method::PUT, &[("host", host)]), refusal, "{host}");
        }
        let rebound = [("host", "evil.example"), ("origin", "http://evil.example")];
        assert!(refused(true, &Method::POST, &rebound));
    }

    #[test]
    fn nothing_is_changed_where_that_is_turned_off() {
        assert!(refused(false, &Method::POST, &[("host", "localhost")]));
        assert!(!refused(false, &Method::GET, &[("host", "localhost")]));
    }
}
