//! A URL of HTTP, and where a redirect leads. No I/O, no clock.

use std::fmt::{self, Write as _};

use exporter_kit::on_demand::Destination;
use hyper::header::{self, HeaderMap, HeaderValue};
use url::Url;

use crate::blackbox::http_client::decoded;
use crate::host::is_spelled_out;

/// Whom a request goes to, and for what.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Target(Url);

impl Target {
    /// Reads a target as the peer does: `http://` is meant where no scheme is said.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        let is_url = lower.starts_with("http://") || lower.starts_with("https://");
        // Of another scheme the peer makes a host of that name, which there is not.
        let is_other =
            !is_url && lower.split(['/', '?', '#']).next().is_some_and(|it| it.ends_with(':'));
        let url = if is_url { text.to_owned() } else { format!("http://{text}") };
        let read = Url::parse(&url).ok().filter(|_| !is_other);
        let target = read.clone().and_then(Self::of).ok_or_else(|| {
            "must be a URL of HTTP, as in https://www.example.com/health, or a host".to_owned()
        })?;
        read.map_or(Ok(()), |read| is_spelled_out(&url, &read))?;
        Ok(target)
    }

    fn of(url: Url) -> Option<Self> {
        let is_http = matches!(url.scheme(), "http" | "https");
        let has_host = url.host_str().is_some_and(|host| !host.is_empty());
        (is_http && has_host && url.port() != Some(0)).then_some(Self(url))
    }

    /// Where a redirect leads from here.
    pub(super) fn join(&self, location: &str) -> Option<Self> {
        Self::of(self.0.join(location).ok()?)
    }

    /// The host; an address of IPv6 is in brackets.
    pub(super) fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    pub(super) fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or(80)
    }

    pub(super) fn is_tls(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Path and query.
    pub(super) fn path(&self) -> String {
        match self.0.query() {
            Some(query) => format!("{}?{query}", self.0.path()),
            None => self.0.path().to_owned(),
        }
    }

    /// The path alone.
    pub(super) fn bare_path(&self) -> &str {
        self.0.path()
    }

    /// Host and port as the URL has them.
    pub(super) fn authority(&self) -> String {
        match self.0.port() {
            Some(port) => format!("{}:{port}", self.host()),
            None => self.host().to_owned(),
        }
    }

    /// The same, for the header `Host`.
    pub(super) fn host_header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.authority()).unwrap_or(HeaderValue::from_static(""))
    }

    /// All of it but user and password, for the header `Referer`.
    pub(super) fn referer(&self) -> Option<HeaderValue> {
        let url = format!("{}://{}{}", self.0.scheme(), self.authority(), self.path());
        let mut value = HeaderValue::try_from(url).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// User and password, where the URL has them, as a header's value.
    pub(super) fn login(&self) -> Option<(String, String)> {
        let (user, password) = (self.0.username(), self.0.password().unwrap_or_default());
        let is_there = !user.is_empty() || !password.is_empty();
        is_there.then(|| (decoded(user), decoded(password)))
    }

    /// Whom it contacts, for who has a list of these.
    pub(super) fn destination(&self) -> Destination {
        Destination::new(self.host(), Some(self.port()))
    }
}

/// Without user, password and query, which may be secrets.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.0.scheme(), self.authority(), self.0.path())
    }
}

/// The same target by TLS, which HTTP/3 cannot do without; also where no scheme is said.
pub(crate) fn by_tls(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("http://") {
        return format!("https://{}", &text["http://".len()..]);
    }
    // Of another scheme nothing is made.
    let has_scheme = lower.split(['/', '?', '#']).next().is_some_and(|it| it.ends_with(':'));
    if has_scheme { text.to_owned() } else { format!("https://{text}") }
}

/// Where an answer leads, if it does.
pub(super) fn location(status: u16, headers: &HeaderMap) -> Option<String> {
    let is_redirect = matches!(status, 301 | 302 | 303 | 307 | 308);
    let location = headers.get(header::LOCATION).filter(|_| is_redirect)?;
    // Characters beyond ASCII, of whatever encoding, are meant as their bytes.
    let text = location.as_bytes().iter().fold(String::new(), |mut text, byte| {
        if byte.is_ascii() {
            text.push(char::from(*byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    });
    (!text.is_empty()).then_some(text)
}

/// Whether a redirect names no scheme, and so stays at the place that was asked.
pub(super) fn is_relative(location: &str) -> bool {
    matches!(Url::parse(location), Err(url::ParseError::RelativeUrlWithoutBase))
        && !location.starts_with("//")
}

/// Whether a host is this one, or one below it.
pub(super) fn is_within(host: &str, domain: &str) -> bool {
    let below = host.strip_suffix(domain).and_then(|rest| rest.strip_suffix('.'));
    host == domain || (below.is_some_and(|rest| !rest.is_empty()) && !domain.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_url_or_a_host() {
        for (text, shown, host, port) in [
            ("www.example.com", "http://www.example.com/", "www.example.com", 80),
            ("a.example:8080/b?c=s3cret", "http://a.example:8080/b", "a.example", 8080),
            ("HTTPS://A.example/b", "https://a.example/b", "a.example", 443),
            ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443/", "[2001:db8::1]", 8443),
            ("http://u:s3cret@a_b.example", "http://a_b.example/", "a_b.example", 80),
            ("127.0.0.1", "http://127.0.0.1/", "127.0.0.1", 80),
        ] {
            let target = Target::parse(text).unwrap();
            assert_eq!(
                (target.to_string().as_str(), target.host(), target.port()),
                (shown, host, port)
            );
        }
        for bad in ["", "http://", "http://a:0/", "http://a b/", "a:b"] {
            assert!(Target::parse(bad).is_err(), "{bad}");
        }
        let login = Target::parse("http://u:s3+c&r=e;t%21%26@a/").unwrap().login();
        assert_eq!(login, Some(("u".to_owned(), "s3+c&r=e;t!&".to_owned())));
    }

    #[test]
    fn a_target_by_tls_is_the_same_target() {
        for (text, wanted) in [
            ("a.example", "https://a.example"),
            ("a.example/x?u=http://b.example", "https://a.example/x?u=http://b.example"),
            ("HTTP://a.example/b", "https://a.example/b"),
            ("https://a.example", "https://a.example"),
            ("a.example:8443", "https://a.example:8443"),
            ("ftp://a.example", "ftp://a.example"),
            ("", "https://"),
        ] {
            assert_eq!(by_tls(text), wanted);
        }
    }

    #[test]
    fn a_redirect_leads_from_where_it_came() {
        let from = Target::parse("https://a.example:8443/x/y?z").unwrap();
        for (location, wanted, relative) in [
            ("w", Some("https://a.example:8443/x/w"), true),
            ("/w", Some("https://a.example:8443/w"), true),
            ("?w", Some("https://a.example:8443/x/y"), true),
            ("//b.example/w", Some("https://b.example/w"), false),
            ("http://b.example", Some("http://b.example/"), false),
            ("ftp://b.example/", None, false),
            ("file:///etc/passwd", None, false),
            ("http://b.example:0/", None, false),
        ] {
            let to = from.join(location).map(|to| to.to_string());
            assert_eq!((to.as_deref(), is_relative(location)), (wanted, relative), "{location}");
        }
    }

    #[test]
    fn a_redirect_may_be_written_in_any_letters() {
        let from = Target::parse("http://a.example/").unwrap();
        for (location, wanted) in [
            ("/caf\u{e9}?\u{e9}".as_bytes(), "http://a.example/caf%C3%A9?%C3%A9"),
            (b"/caf\xe9", "http://a.example/caf%E9"),
            ("http://b\u{fc}cher.example/".as_bytes(), "http://xn--bcher-kva.example/"),
        ] {
            let value = HeaderValue::from_bytes(location).unwrap();
            let headers = HeaderMap::from_iter([(header::LOCATION, value)]);
            let to = from.join(&super::location(301, &headers).unwrap()).unwrap();
            assert_eq!(to.0.as_str(), wanted);
        }
    }

    #[test]
    fn a_host_is_within_itself_and_what_it_is_below() {
        for (host, domain, wanted) in [
            ("a.example", "a.example", true),
            ("b.a.example", "a.example", true),
            ("ba.example", "a.example", false),
            ("a.example", "b.a.example", false),
            (".a.example", "a.example", false),
        ] {
            assert_eq!(is_within(host, domain), wanted, "{host} {domain}");
        }
    }
}
