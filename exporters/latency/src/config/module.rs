//! A module: how targets are probed, in the words of `blackbox_exporter`. No I/O, no clock.

use std::collections::BTreeMap;
use std::time::Duration;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use serde::Deserialize;

use super::span::Span;
use crate::tls::TlsSettings;

/// The timeout where none is set.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The interval of echoes where none is set. They cost next to nothing.
const ICMP_INTERVAL: Duration = Duration::from_secs(1);
/// The interval of connections and requests where none is set.
const INTERVAL: Duration = Duration::from_secs(5);
/// So many probes of a target may be under way at once: a timeout may be so many intervals long.
const MOST_IN_FLIGHT: u32 = 60;

/// How targets are probed.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "RawModule")]
pub(super) struct Module {
    pub(super) prober: Prober,
    pub(super) families: Families,
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
}

/// The kind of probe.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Prober {
    /// An ICMP echo.
    Icmp,
    /// A TCP handshake.
    Tcp,
    /// An HTTP request.
    Http(Box<HttpSettings>),
}

/// Which addresses of a name are probed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Families {
    /// All of them: no `preferred_ip_protocol`.
    #[default]
    Both,
    /// `preferred_ip_protocol: ip4`.
    V4ElseV6,
    /// `preferred_ip_protocol: ip6`.
    V6ElseV4,
    /// `preferred_ip_protocol: ip4`, `ip_protocol_fallback: false`.
    OnlyV4,
    /// `preferred_ip_protocol: ip6`, `ip_protocol_fallback: false`.
    OnlyV6,
}

/// What is asked, and what is a good answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct HttpSettings {
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    /// Any 2xx when empty.
    pub(super) valid_status_codes: Vec<u16>,
    pub(super) tls: TlsSettings,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawModule {
    prober: RawProber,
    timeout: Option<Span>,
    interval: Option<Span>,
    icmp: Option<RawPlain>,
    tcp: Option<RawPlain>,
    http: Option<RawHttp>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawProber {
    Icmp,
    Tcp,
    Http,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPlain {
    preferred_ip_protocol: Option<IpProtocol>,
    ip_protocol_fallback: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHttp {
    preferred_ip_protocol: Option<IpProtocol>,
    ip_protocol_fallback: Option<bool>,
    method: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    valid_status_codes: Vec<u16>,
    #[serde(default)]
    tls_config: TlsSettings,
    /// Words of `blackbox_exporter` that may only say what is the case here anyway.
    follow_redirects: Option<bool>,
    enable_http2: Option<bool>,
    enable_http3: Option<bool>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum IpProtocol {
    Ip4,
    Ip6,
}

impl TryFrom<RawModule> for Module {
    type Error = String;

    fn try_from(raw: RawModule) -> Result<Self, String> {
        let sections = [
            ("icmp", raw.icmp.is_some(), matches!(raw.prober, RawProber::Icmp)),
            ("tcp", raw.tcp.is_some(), matches!(raw.prober, RawProber::Tcp)),
            ("http", raw.http.is_some(), matches!(raw.prober, RawProber::Http)),
        ];
        if let Some((name, ..)) = sections.iter().find(|(_, given, meant)| *given && !meant) {
            return Err(format!("`{name}` has no effect: the prober is another"));
        }
        let (prober, families, interval) = match raw.prober {
            RawProber::Icmp => (Prober::Icmp, plain(raw.icmp), ICMP_INTERVAL),
            RawProber::Tcp => (Prober::Tcp, plain(raw.tcp), INTERVAL),
            RawProber::Http => {
                let http = raw.http.unwrap_or_default();
                let families = families(http.preferred_ip_protocol, http.ip_protocol_fallback);
                (Prober::Http(Box::new(http.try_into()?)), families, INTERVAL)
            }
        };
        let interval = raw.interval.map_or(interval, |span| span.0);
        let timeout = raw.timeout.map_or(TIMEOUT, |span| span.0);
        if timeout > interval * MOST_IN_FLIGHT {
            return Err(format!(
                "timeout: {timeout:?} must not be longer than {MOST_IN_FLIGHT} intervals of \
                 {interval:?}: so many probes of a target would be under way at once"
            ));
        }
        Ok(Self { prober, families, interval, timeout })
    }
}

fn plain(section: Option<RawPlain>) -> Families {
    let section = section.unwrap_or_default();
    families(section.preferred_ip_protocol, section.ip_protocol_fallback)
}

fn families(preferred: Option<IpProtocol>, fallback: Option<bool>) -> Families {
    match (preferred, fallback.unwrap_or(true)) {
        (None, _) => Families::Both,
        (Some(IpProtocol::Ip4), true) => Families::V4ElseV6,
        (Some(IpProtocol::Ip6), true) => Families::V6ElseV4,
        (Some(IpProtocol::Ip4), false) => Families::OnlyV4,
        (Some(IpProtocol::Ip6), false) => Families::OnlyV6,
    }
}

impl TryFrom<RawHttp> for HttpSettings {
    type Error = String;

    fn try_from(raw: RawHttp) -> Result<Self, String> {
        let unsupported = [
            ("follow_redirects", raw.follow_redirects),
            ("enable_http2", raw.enable_http2),
            ("enable_http3", raw.enable_http3),
        ];
        if let Some((field, _)) = unsupported.iter().find(|(_, value)| *value == Some(true)) {
            return Err(format!(
                "http.{field}: `true` is not supported by this version; leave it out, or set false"
            ));
        }
        let method = raw.method.unwrap_or_else(|| "GET".to_owned());
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|_| format!("http.method: `{method}` is not an HTTP method"))?;
        for code in &raw.valid_status_codes {
            if StatusCode::from_u16(*code).is_err() {
                return Err(format!("http.valid_status_codes: `{code}` must be 100 to 999"));
            }
        }
        Ok(Self {
            method,
            headers: headers(raw.headers)?,
            valid_status_codes: raw.valid_status_codes,
            tls: raw.tls_config,
        })
    }
}

/// No value is ever shown: one of them may be a password.
fn headers(raw: BTreeMap<String, String>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in raw {
        let parsed = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("http.headers: `{name}` is not a header's name"))?;
        let mut value = HeaderValue::from_str(&value)
            .map_err(|_| format!("http.headers: the value of `{name}` is not one of a header"))?;
        value.set_sensitive(true);
        headers.insert(parsed, value);
    }
    Ok(headers)
}
