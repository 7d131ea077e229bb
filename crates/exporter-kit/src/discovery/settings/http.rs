//! `http_sd_configs`, as a config says it. No I/O, no clock.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use super::{LONGEST, SHORTEST};
use crate::config::{Located, Place};
use crate::web_config::{Version, versions};
use crate::{Authorization, BasicAuth, HttpAuth, HttpHeader, Secret, SecretSource, config};

/// How often a list is asked for where the config does not say.
const REFRESH: Duration = Duration::from_secs(60);

/// One entry of `http_sd_configs`, in Prometheus' words.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "Located<RawHttpSd>")]
pub struct HttpSd {
    /// Where the list is.
    pub(in crate::discovery) url: Address,
    /// The time from one request to the next.
    pub(in crate::discovery) refresh_interval: Duration,
    /// Whether a redirect within the same host is followed.
    pub(in crate::discovery) follow_redirects: bool,
    /// Whether HTTP/2 is offered to who speaks TLS.
    pub(in crate::discovery) enable_http2: bool,
    /// Who asks.
    pub(in crate::discovery) auth: HttpAuth,
    /// Whom to trust, and how to be trusted.
    pub(in crate::discovery) tls: ClientTls,
    /// Where it stands in the config.
    place: Located<()>,
}

impl HttpSd {
    /// Where it stands in the config.
    pub fn place(&self) -> Place {
        self.place.place
    }
}

/// A URL of which nothing is shown that may be a secret.
#[derive(Clone, Deserialize, PartialEq)]
#[serde(try_from = "String")]
pub(in crate::discovery) struct Address(pub(in crate::discovery) Url);

/// `tls_config`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::discovery) struct ClientTls {
    pub(in crate::discovery) ca: Option<SecretSource>,
    pub(in crate::discovery) cert: Option<SecretSource>,
    pub(in crate::discovery) key: Option<SecretSource>,
    pub(in crate::discovery) server_name: Option<String>,
    pub(in crate::discovery) insecure_skip_verify: bool,
    pub(in crate::discovery) min_version: Option<Version>,
    pub(in crate::discovery) max_version: Option<Version>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHttpSd {
    url: Address,
    refresh_interval: Option<config::Duration>,
    basic_auth: Option<BasicAuth>,
    authorization: Option<Authorization>,
    #[serde(default)]
    tls_config: RawTls,
    follow_redirects: Option<bool>,
    enable_http2: Option<bool>,
    #[serde(default)]
    http_headers: BTreeMap<String, HttpHeader>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawTls {
    ca: Option<Secret>,
    ca_file: Option<PathBuf>,
    cert: Option<Secret>,
    cert_file: Option<PathBuf>,
    key: Option<Secret>,
    key_file: Option<PathBuf>,
    server_name: Option<String>,
    insecure_skip_verify: bool,
    min_version: Option<Version>,
    max_version: Option<Version>,
}

impl Address {
    /// It without its query, which may hold a secret.
    pub(in crate::discovery) fn shown(&self) -> String {
        let mut url = self.0.clone();
        url.set_query(None);
        url.into()
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let must = || "must be a URL, http://HOST/... or https://HOST/...".to_owned();
        let mut url = Url::parse(&text).map_err(|_| must())?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() || url.port() == Some(0) {
            return Err(must());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must name no user: basic_auth is the place for one".to_owned());
        }
        url.set_fragment(None);
        Ok(Self(url))
    }
}

impl TryFrom<Located<RawHttpSd>> for HttpSd {
    type Error = String;

    fn try_from(raw: Located<RawHttpSd>) -> Result<Self, String> {
        let Located { place, value: raw } = raw;
        let refresh = raw.refresh_interval.map_or(Ok(REFRESH), |it| it.within(SHORTEST, LONGEST));
        Ok(Self {
            url: raw.url,
            refresh_interval: refresh.map_err(|error| format!("refresh_interval: {error}"))?,
            follow_redirects: raw.follow_redirects.unwrap_or(true),
            enable_http2: raw.enable_http2.unwrap_or(true),
            auth: HttpAuth::new(raw.basic_auth, raw.authorization, raw.http_headers)?,
            tls: raw.tls_config.read().map_err(|error| format!("tls_config.{error}"))?,
            place: Located { place, value: () },
        })
    }
}

impl RawTls {
    fn read(self) -> Result<ClientTls, String> {
        let tls = ClientTls {
            ca: SecretSource::either("ca", self.ca, self.ca_file)?,
            cert: SecretSource::either("cert", self.cert, self.cert_file)?,
            key: SecretSource::either("key", self.key, self.key_file)?,
            server_name: self.server_name.filter(|name| !name.is_empty()),
            insecure_skip_verify: self.insecure_skip_verify,
            min_version: self.min_version,
            max_version: self.max_version,
        };
        match (&tls.cert, &tls.key) {
            (Some(_), None) => Err("key: must be given beside cert, or key_file".to_owned()),
            (None, Some(_)) => Err("cert: must be given beside key, or cert_file".to_owned()),
            _ if tls.versions().is_empty() => {
                Err("min_version: must not be newer than max_version".to_owned())
            }
            _ => Ok(tls),
        }
    }
}

impl ClientTls {
    pub(in crate::discovery) fn versions(&self) -> Vec<&'static rustls::SupportedProtocolVersion> {
        let least = self.min_version.unwrap_or(Version::Tls12);
        versions(least, self.max_version.unwrap_or(Version::Tls13))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<HttpSd, String> {
        config::parse(text, "f").map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_are_those_of_prometheus() {
        let sd = parse("{url: 'http://a.example/sd?token=s3cret'}").unwrap();
        assert_eq!(sd.refresh_interval, Duration::from_secs(60));
        assert!(sd.follow_redirects && sd.enable_http2 && sd.auth == HttpAuth::default());
        assert!(!format!("{sd:?}").contains("s3cret"), "{sd:?}");
    }

    #[test]
    fn what_cannot_be_is_refused_and_not_repeated() {
        for (rest, wanted) in [
            ("proxy_url: 'http://s3cret/'", "unknown field `proxy_url`"),
            ("oauth2: {client_secret: s3cret}", "unknown field; known"),
            ("bearer_token: s3cret", "unknown field `bearer_token`"),
            ("refresh_interval: 10ms", "refresh_interval: must be from 1s to 1d"),
            ("basic_auth: {password: s3cret}", "basic_auth.username: must be given"),
            (
                "basic_auth: {username: a, password: s3cret, password_file: b}",
                "basic_auth.password: give it or password_file, not both",
            ),
            ("authorization: {type: Basic, credentials: s3cret}", "type: must not be Basic"),
            (
                "{basic_auth: {username: a}, authorization: {credentials: s3cret}",
                "authorization: give it or basic_auth, not both",
            ),
            ("http_headers: {Host: {values: [s3cret]}}", "host cannot be set here"),
            ("http_headers: {'s3 cret': {values: [a]}}", "a name that HTTP does not allow"),
            ("http_headers: {X-A: {secrets: [\"s3cret\\n\"]}}", "a value that HTTP cannot carry"),
            ("http_headers: {X-A: {}}", "one has no value"),
            ("tls_config: {cert: s3cret}", "tls_config.key: must be given beside cert"),
            ("tls_config: {min_version: TLS13, max_version: TLS12}", "must not be newer"),
            ("tls_config: {min_version: TLS10}", "TLS12"),
        ] {
            let rest = rest.trim_start_matches('{');
            let error = parse(&format!("{{url: 'http://a.example/', {rest}}}")).unwrap_err();
            assert!(error.contains(wanted) && !error.contains("s3cret"), "{rest}: {error}");
        }
        for url in ["a.example", "ftp://a.example/", "http://", "http://u:s3cret@a.example/"] {
            let error = parse(&format!("{{url: '{url}'}}")).unwrap_err();
            assert!(error.contains("url: must") && !error.contains("s3cret"), "{url}: {error}");
        }
    }
}
