//! The address of a target: a host, a host and a port, or a URL. No I/O, no clock.

use std::net::IpAddr;

use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Method, Uri};
use rustls_pki_types::ServerName;
use url::Url;

use super::module::{HttpSettings, Prober};
use crate::tls::TlsClient;

/// Whose addresses are probed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// This one.
    Ip(IpAddr),
    /// Those of this name.
    Name(String),
}

/// An address, read as a prober needs it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Endpoint {
    Icmp { host: Host },
    Tcp { host: Host, port: u16 },
    Http { host: Host, url: HttpUrl },
}

/// The parts of a URL.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct HttpUrl {
    pub(super) port: u16,
    is_https: bool,
    /// As it goes into the header `Host`.
    authority: HeaderValue,
    path: Uri,
}

/// A request, ready to be sent, and what is a good answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HttpProbe {
    /// The method.
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) path: Uri,
    /// The header `Host`.
    pub(crate) host: HeaderValue,
    /// Headers of the module, which override ours.
    pub(crate) headers: HeaderMap,
    valid_status_codes: Vec<u16>,
    /// Of an https URL.
    pub(crate) tls: Option<TlsClient>,
}

impl HttpProbe {
    pub(super) fn new(url: &HttpUrl, settings: &HttpSettings, tls: Option<TlsClient>) -> Self {
        Self {
            method: settings.method.clone(),
            path: url.path.clone(),
            host: url.authority.clone(),
            headers: settings.headers.clone(),
            valid_status_codes: settings.valid_status_codes.clone(),
            tls,
        }
    }

    /// Whether a status is a good answer: one of the module's, or any 2xx.
    pub(crate) fn is_valid(&self, status: u16) -> bool {
        if self.valid_status_codes.is_empty() {
            (200..300).contains(&status)
        } else {
            self.valid_status_codes.contains(&status)
        }
    }
}

impl Endpoint {
    pub(super) fn parse(text: &str, prober: &Prober) -> Result<Self, String> {
        match prober {
            Prober::Icmp => host(text)
                .map(|host| Self::Icmp { host })
                .ok_or_else(|| format!("`{text}` must be a host name or an IP address")),
            Prober::Tcp => host_port(text)
                .map(|(host, port)| Self::Tcp { host, port })
                .ok_or_else(|| format!("`{text}` must be HOST:PORT ([IP]:PORT for IPv6)")),
            Prober::Http(_) => http(text),
        }
    }

    pub(super) fn host(&self) -> &Host {
        match self {
            Self::Icmp { host } | Self::Tcp { host, .. } | Self::Http { host, .. } => host,
        }
    }

    /// The name that the certificate of an https URL must be for.
    pub(super) fn server_name(&self) -> Option<ServerName<'static>> {
        let Self::Http { host, url: HttpUrl { is_https: true, .. } } = self else { return None };
        Some(match host {
            Host::Ip(ip) => ServerName::from(*ip),
            Host::Name(name) => ServerName::try_from(name.clone())
                .expect("the host of an https URL was checked when it was read"),
        })
    }
}

fn host(text: &str) -> Option<Host> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    if let Ok(ip) = bare.parse() {
        return Some(Host::Ip(ip));
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    // All digits and dots is a mistyped IPv4 address, not a name.
    let named = !text.is_empty()
        && text.len() <= 253
        && text.chars().all(fits)
        && !text.starts_with('.')
        && !text.contains("..")
        && text.chars().any(|c| c.is_ascii_alphabetic());
    named.then(|| Host::Name(text.to_owned()))
}

fn host_port(text: &str) -> Option<(Host, u16)> {
    let (name, port) = text.rsplit_once(':')?;
    if name.contains(':') && !name.starts_with('[') {
        return None;
    }
    let port = port.parse().ok().filter(|port| *port != 0)?;
    Some((host(name)?, port))
}

fn http(text: &str) -> Result<Endpoint, String> {
    let must = || format!("`{text}` must be a URL, as in https://www.example.com/health");
    let url = Url::parse(text).map_err(|_| must())?;
    let is_https = match url.scheme() {
        "http" => false,
        "https" => true,
        _ => return Err(must()),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL must not hold a user or a password; use http.headers".to_owned());
    }
    let host = match url.host().ok_or_else(must)? {
        url::Host::Ipv4(ip) => Host::Ip(ip.into()),
        url::Host::Ipv6(ip) => Host::Ip(ip.into()),
        url::Host::Domain(name) => host(name).ok_or_else(must)?,
    };
    if let Host::Name(name) = &host
        && ServerName::try_from(name.as_str()).is_err()
    {
        return Err(must());
    }
    let shown = url.host_str().ok_or_else(must)?;
    let authority = match url.port() {
        Some(port) => format!("{shown}:{port}"),
        None => shown.to_owned(),
    };
    let path = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let url = HttpUrl {
        port: url.port_or_known_default().ok_or_else(must)?,
        is_https,
        authority: HeaderValue::from_str(&authority).map_err(|_| must())?,
        path: path.parse().map_err(|_| must())?,
    };
    Ok(Endpoint::Http { host, url })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, prober: &Prober) -> Option<Endpoint> {
        Endpoint::parse(text, prober).ok()
    }

    fn name(text: &str) -> Host {
        Host::Name(text.to_owned())
    }

    fn ip(text: &str) -> Host {
        Host::Ip(text.parse().unwrap())
    }

    #[test]
    fn a_host_is_a_name_or_an_address() {
        let icmp = |text| parse(text, &Prober::Icmp).map(|endpoint| endpoint.host().clone());
        assert_eq!(icmp("192.0.2.1"), Some(ip("192.0.2.1")));
        assert_eq!(icmp("2001:db8::1"), Some(ip("2001:db8::1")));
        assert_eq!(icmp("[2001:db8::1]"), Some(ip("2001:db8::1")));
        assert_eq!(icmp("a-b.example"), Some(name("a-b.example")));
        for bad in ["", "192.0.2", "a b", "http://a/", "a:80", ".a", "a..b"] {
            assert_eq!(icmp(bad), None, "{bad}");
        }
    }

    #[test]
    fn tcp_needs_a_port() {
        let tcp = |text| parse(text, &Prober::Tcp);
        assert_eq!(
            tcp("a.example:443"),
            Some(Endpoint::Tcp { host: name("a.example"), port: 443 })
        );
        assert_eq!(tcp("[::1]:80"), Some(Endpoint::Tcp { host: ip("::1"), port: 80 }));
        for bad in ["a.example", "::1:80", "a:0", "a:99999", ":80"] {
            assert_eq!(tcp(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_url_is_taken_apart() {
        let prober = Prober::Http(Box::default());
        let endpoint = parse("https://www.example.com:8443/a/b?c=d#e", &prober).unwrap();
        let Endpoint::Http { host, url } = &endpoint else { panic!("not http") };
        assert_eq!((host, url.port), (&name("www.example.com"), 8443));
        assert_eq!(
            (url.path.to_string(), &url.authority),
            ("/a/b?c=d".to_owned(), &HeaderValue::from_static("www.example.com:8443"))
        );
        assert_eq!(endpoint.server_name(), Some("www.example.com".try_into().unwrap()));
        let plain = parse("http://[2001:db8::1]", &prober).unwrap();
        assert_eq!((plain.host(), plain.server_name()), (&ip("2001:db8::1"), None));
        for bad in ["www.example.com", "ftp://a/", "http://", "https://u:p@a.example/"] {
            assert_eq!(parse(bad, &prober), None, "{bad}");
        }
    }
}
