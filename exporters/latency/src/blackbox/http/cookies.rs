//! What servers want to be told again, on the way through their redirects. No I/O, no clock.

use hyper::header::{self, HeaderMap, HeaderValue};

use super::target::{Target, is_within};

/// So many are kept of one probe, each of so many bytes at most.
const MOST: usize = 50;
const MOST_BYTES: usize = 4096;

/// The cookies of one probe: they end with it.
#[derive(Debug, Default)]
pub(super) struct Cookies(Vec<Cookie>);

#[derive(Debug)]
struct Cookie {
    name: String,
    value: String,
    domain: String,
    /// Whether hosts below the domain are told as well.
    is_below: bool,
    path: String,
    is_secure: bool,
    /// Whether it is set in order to be deleted.
    is_gone: bool,
}

impl Cookies {
    /// Takes those that an answer sets; what is no cookie for that host is left out.
    pub(super) fn take(&mut self, from: &Target, headers: &HeaderMap) {
        for value in headers.get_all(header::SET_COOKIE) {
            let text = value.to_str().ok().filter(|text| text.len() <= MOST_BYTES);
            let Some(cookie) = text.and_then(|text| Cookie::parse(text, from)) else { continue };
            self.0.retain(|it| {
                (&it.name, &it.domain, &it.path) != (&cookie.name, &cookie.domain, &cookie.path)
            });
            if self.0.len() < MOST && !cookie.is_gone {
                self.0.push(cookie);
            }
        }
    }

    /// The header for a request, behind what the module has there: there may be but one.
    pub(super) fn of(&self, to: &Target, before: Option<&HeaderValue>) -> Option<HeaderValue> {
        let told = self.0.iter().filter(|cookie| cookie.is_for(to));
        let told: Vec<_> = told.map(|it| format!("{}={}", it.name, it.value)).collect();
        if told.is_empty() {
            return None;
        }
        let mut value = before.map_or_else(Vec::new, |before| [before.as_bytes(), b"; "].concat());
        value.extend(told.join("; ").bytes());
        HeaderValue::from_bytes(&value).ok().map(|mut value| {
            value.set_sensitive(true);
            value
        })
    }
}

impl Cookie {
    fn parse(text: &str, from: &Target) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (name, value) = parts.next()?.split_once('=')?;
        let name = name.trim();
        let above = from.bare_path().rsplit_once('/').map_or("", |(above, _)| above);
        let mut cookie = Self {
            name: name.to_owned(),
            value: value.trim().to_owned(),
            domain: from.host().to_owned(),
            is_below: false,
            path: if above.is_empty() { "/".to_owned() } else { above.to_owned() },
            is_secure: false,
            is_gone: false,
        };
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            match key.trim().to_ascii_lowercase().as_str() {
                "domain" if !value.is_empty() => {
                    let domain = value.trim().trim_start_matches('.').to_ascii_lowercase();
                    // A whole top-level domain is nobody's.
                    if !is_within(from.host(), &domain) || !domain.contains('.') {
                        return None;
                    }
                    cookie.is_below =
                        domain != from.host() || value.starts_with('.') || !is_address(&domain);
                    cookie.domain = domain;
                }
                "path" if value.starts_with('/') => value.clone_into(&mut cookie.path),
                "secure" => cookie.is_secure = true,
                "max-age" => {
                    cookie.is_gone = value.trim().parse::<i64>().is_ok_and(|age| age <= 0);
                }
                _ => {}
            }
        }
        (!name.is_empty()).then_some(cookie)
    }

    fn is_for(&self, to: &Target) -> bool {
        let path = to.bare_path();
        let is_below_path = path.strip_prefix(self.path.as_str()).is_some_and(|rest| {
            rest.is_empty() || rest.starts_with('/') || self.path.ends_with('/')
        });
        let is_its_host =
            to.host() == self.domain || (self.is_below && is_within(to.host(), &self.domain));
        is_its_host && is_below_path && (to.is_tls() || !self.is_secure)
    }
}

fn is_address(host: &str) -> bool {
    host.starts_with('[') || host.parse::<std::net::IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_told_to_whom_it_is_for() {
        let told = |set: &'static str, from: &str, to: &str| {
            let mut cookies = Cookies::default();
            let mut headers = HeaderMap::new();
            headers.append(header::SET_COOKIE, HeaderValue::from_static(set));
            cookies.take(&Target::parse(from).unwrap(), &headers);
            let value = cookies.of(&Target::parse(to).unwrap(), None);
            value.map(|value| value.to_str().unwrap().to_owned())
        };
        let is = |set, from, to| told(set, from, to).as_deref() == Some("a=b");
        assert!(is("a=b; HttpOnly", "http://h.example/x/y", "http://h.example/x/z"));
        assert!(!is("a=b", "http://h.example/x/y", "http://h.example/w"));
        assert!(is("a=b; Path=/", "http://h.example/x/y", "http://h.example/w"));
        assert!(!is("a=b; Path=/w", "http://h.example/x/y", "http://h.example/wx"));
        assert!(!is("a=b; Path=/", "http://h.example/", "http://i.example/"));
        assert!(!is("a=b; Path=/", "http://h.example/", "http://x.h.example/"));
        assert!(is(
            "a=b; Path=/; Domain=.example.com",
            "http://h.example.com/",
            "http://i.example.com/"
        ));
        assert!(!is("a=b; Path=/; Domain=other.com", "http://h.example.com/", "http://other.com/"));
        assert!(!is("a=b; Path=/; Domain=com", "http://h.com/", "http://i.com/"));
        assert!(!is("a=b; Path=/; Secure", "https://h.example/", "http://h.example/"));
        assert!(!is("a=b; Path=/; Max-Age=0", "https://h.example/", "https://h.example/"));
    }

    #[test]
    fn a_cookie_is_deleted_by_one_that_is_over() {
        let (mut cookies, target) = (Cookies::default(), Target::parse("http://h.example/"));
        let target = target.unwrap();
        for (set, wanted) in [
            ("a=b; Path=/", true),
            ("a=; Path=/x; Max-Age=0", true),
            ("a=; Path=/; Max-Age=0", false),
        ] {
            let value = HeaderValue::from_static(set);
            cookies.take(&target, &HeaderMap::from_iter([(header::SET_COOKIE, value)]));
            assert_eq!(cookies.of(&target, None).is_some(), wanted, "{set}");
        }
    }

    #[test]
    fn no_server_makes_us_keep_more_than_so_many() {
        let (mut cookies, mut headers) = (Cookies::default(), HeaderMap::new());
        for number in 0..2 * MOST {
            let value = HeaderValue::from_str(&format!("a{number}=b; Path=/")).unwrap();
            headers.append(header::SET_COOKIE, value);
        }
        headers.append(header::SET_COOKIE, "x".repeat(5000).parse().unwrap());
        cookies.take(&Target::parse("http://h.example/").unwrap(), &headers);
        assert_eq!(cookies.0.len(), MOST);
    }
}
