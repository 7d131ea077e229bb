//! The section `http` of a module, read and checked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use exporter_kit::{Authorization, BasicAuth, HttpHeader, Secret, read_file};
use hyper::Method;
use hyper::body::Bytes;
use hyper::header::{self, HeaderMap};
use serde::Deserialize;

use super::cel::Expression;
use super::compression::Compression;
use super::conditions::{BodyConditions, Conditions, HeaderMatch};
use super::said::{follows, headers};
use crate::blackbox::http_client::{self, Client};
use crate::blackbox::pattern::Pattern;
use crate::blackbox::tls;
use crate::host::{Families, IpProtocol};

/// So long may a request's body be.
const MOST_BODY: u64 = 8 << 20;
/// So much of a body is read of a target that is probed all the time; a longer one is good as far as it goes. Judged
/// from what a page to be watched weighs, and from what an endless one must not cost.
const MOST_WATCHED: u64 = 8 << 20;
/// More than any body that is read has.
const LARGEST: f64 = (1_u64 << 40) as f64;
/// The versions that an answer can have, in the peer's words.
const VERSIONS: [&str; 3] = ["HTTP/1.0", "HTTP/1.1", "HTTP/2.0"];
/// The one that is asked by alone, where it is.
const HTTP_3: &str = "HTTP/3.0";

/// The section `http` of a module: what is asked, and what is a good answer.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "Raw")]
pub(crate) struct Settings {
    pub(super) client: Client,
    pub(super) enable_http3: bool,
    pub(super) families: Families,
    pub(super) skip_resolve: bool,
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    body: Secret,
    body_file: Option<PathBuf>,
    /// Where that is, once it was loaded; read by each probe.
    body_path: Option<PathBuf>,
    pub(super) compression: Compression,
    /// 0 for none.
    pub(super) body_size_limit: u64,
    /// So much of a body is read where nothing else is said of it.
    pub(super) enough: u64,
    pub(super) conditions: Conditions,
    /// Whether what is odd in a head is a failure.
    pub(super) is_strict: bool,
    /// What the module wants and this version cannot do, so that it is refused when it is asked for.
    lack: Option<String>,
}

#[expect(clippy::struct_excessive_bools, reason = "they are the words of the file")]
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    valid_status_codes: Vec<u16>,
    valid_http_versions: Vec<String>,
    preferred_ip_protocol: Option<IpProtocol>,
    ip_protocol_fallback: Option<bool>,
    skip_resolve_phase_with_proxy: bool,
    no_follow_redirects: Option<bool>,
    fail_if_ssl: bool,
    fail_if_not_ssl: bool,
    method: String,
    headers: BTreeMap<String, Secret>,
    fail_if_body_matches_regexp: Vec<Pattern>,
    fail_if_body_not_matches_regexp: Vec<Pattern>,
    fail_if_body_json_matches_cel: Option<Expression>,
    fail_if_body_json_not_matches_cel: Option<Expression>,
    fail_if_header_matches: Vec<HeaderMatch>,
    fail_if_header_not_matches: Vec<HeaderMatch>,
    body: Option<Secret>,
    body_file: Option<PathBuf>,
    compression: Compression,
    body_size_limit: Size,
    enable_http3: bool,
    /// Ours.
    strict: bool,
    // What it has of its client.
    basic_auth: Option<BasicAuth>,
    authorization: Option<Authorization>,
    bearer_token: Option<Secret>,
    bearer_token_file: Option<PathBuf>,
    oauth2: Option<http_client::OAuth2>,
    http_headers: BTreeMap<String, HttpHeader>,
    tls_config: tls::Settings,
    proxy_url: Option<Secret>,
    proxy_url_file: Option<PathBuf>,
    no_proxy: Option<String>,
    proxy_from_environment: bool,
    proxy_connect_header: BTreeMap<String, Vec<Secret>>,
    enable_http2: Option<bool>,
    follow_redirects: Option<bool>,
}

impl Default for Settings {
    fn default() -> Self {
        Self::try_from(Raw::default()).expect("the defaults are good")
    }
}

impl TryFrom<Raw> for Settings {
    type Error = String;

    fn try_from(raw: Raw) -> Result<Self, String> {
        let method = if raw.method.is_empty() { "GET" } else { &raw.method };
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|_| "method: must be the name of an HTTP method, as in GET".to_owned())?;
        let body = raw.body.unwrap_or(Secret::new(String::new()));
        // Without a name it is left out, as in the peer.
        let body_file = raw.body_file.filter(|file| !file.as_os_str().is_empty());
        if !body.expose().is_empty() && body_file.is_some() {
            return Err("body: give it or body_file, not both".to_owned());
        }
        let headers =
            headers(raw.headers.iter().map(|(name, value)| (name.as_str(), value.expose())))?;
        if let Some(accepted) = headers.get(header::ACCEPT_ENCODING)
            && !raw.compression.is_accepted_by(accepted.to_str().unwrap_or_default())
        {
            return Err("compression: the header Accept-Encoding does not allow it".to_owned());
        }
        let follow_redirects = follows(raw.follow_redirects, raw.no_follow_redirects)?;
        of_versions(raw.enable_http3, raw.enable_http2, &raw.valid_http_versions)?;
        let client = Client::try_from(http_client::Raw {
            basic_auth: raw.basic_auth,
            authorization: raw.authorization,
            bearer_token: raw.bearer_token,
            bearer_token_file: raw.bearer_token_file,
            oauth2: raw.oauth2,
            http_headers: raw.http_headers,
            tls_config: raw.tls_config,
            proxy_url: raw.proxy_url,
            proxy_url_file: raw.proxy_url_file,
            no_proxy: raw.no_proxy,
            proxy_from_environment: raw.proxy_from_environment,
            proxy_connect_header: raw.proxy_connect_header,
            enable_http2: raw.enable_http2,
            follow_redirects,
        })?;
        let body_conditions = BodyConditions {
            matches: raw.fail_if_body_matches_regexp,
            not_matches: raw.fail_if_body_not_matches_regexp,
            matches_cel: raw.fail_if_body_json_matches_cel,
            not_matches_cel: raw.fail_if_body_json_not_matches_cel,
        };
        let lack = client.lack_of_http3().filter(|_| raw.enable_http3);
        let preferred = raw.preferred_ip_protocol.unwrap_or(IpProtocol::Ip6);
        Ok(Self {
            client,
            enable_http3: raw.enable_http3,
            families: Families::of(Some(preferred), raw.ip_protocol_fallback),
            skip_resolve: raw.skip_resolve_phase_with_proxy,
            method,
            headers,
            body,
            body_file,
            body_path: None,
            compression: raw.compression,
            body_size_limit: raw.body_size_limit.0,
            enough: u64::MAX,
            conditions: Conditions {
                valid_status_codes: raw.valid_status_codes,
                valid_versions: raw.valid_http_versions,
                fail_if_tls: raw.fail_if_ssl,
                fail_if_not_tls: raw.fail_if_not_ssl,
                header_matches: raw.fail_if_header_matches,
                header_not_matches: raw.fail_if_header_not_matches,
                body: Arc::new(body_conditions),
            },
            is_strict: raw.strict,
            lack: lack.map(str::to_owned),
        })
    }
}

impl Settings {
    /// Reads what it names, relative paths being taken from `folder`.
    pub(crate) fn load(&mut self, folder: &Path) -> anyhow::Result<()> {
        self.body_path = self.body_file.as_ref().map(|file| folder.join(file));
        let client = self.client.load(folder).context("http");
        // What cannot be read is told at once, though it may be there by the time of a probe.
        client.and(self.body_path.as_deref().map_or(Ok(()), |file| of_file(file).map(drop)))
    }

    /// The same for a target that is probed all the time, where nothing is followed or offered that the
    /// module does not name.
    pub(crate) fn for_targets(mut self, follow_redirects: bool, enable_http2: bool) -> Self {
        self.client.follow_redirects = follow_redirects;
        self.client.enable_http2 = enable_http2;
        self.enough = MOST_WATCHED;
        self
    }

    /// What it wants and this version cannot do.
    pub(crate) fn lack(&self) -> Option<&str> {
        self.lack.as_deref()
    }

    /// What of it has no effect, though it is taken as it is: the example of the peer itself has `HTTP/2`, which no answer
    /// ever says.
    pub(crate) fn doubt(&self) -> Option<String> {
        let is_known = |version: &String| VERSIONS.contains(&version.as_str()) || version == HTTP_3;
        (!self.conditions.valid_versions.iter().all(is_known)).then(|| {
            format!(
                "valid_http_versions: one of them no answer ever has; those are {}, {HTTP_3}",
                VERSIONS.join(", ")
            )
        })
    }

    /// What is asked for.
    pub(crate) fn method(&self) -> &Method {
        &self.method
    }

    /// Whether it asks by HTTP/3, and so by TLS alone.
    pub(crate) fn is_by_http3(&self) -> bool {
        self.enable_http3
    }

    /// Whether redirects are followed.
    pub(crate) fn follows_redirects(&self) -> bool {
        self.client.follow_redirects
    }

    /// What is sent.
    pub(super) async fn body(&self) -> anyhow::Result<Bytes> {
        let Some(file) = self.body_path.clone() else {
            return Ok(Bytes::from(self.body.expose().to_owned()));
        };
        // It may be large.
        let reading = tokio::task::spawn_blocking(move || of_file(&file));
        Ok(reading.await??.into())
    }
}

/// Holds the versions that are asked by and those that are good against one another, as the peer does: HTTP/3 is asked by
/// alone.
fn of_versions(by_3: bool, by_2: Option<bool>, valid: &[String]) -> Result<(), String> {
    if by_3 && by_2 != Some(false) {
        return Err("enable_http3: needs enable_http2: false beside it".to_owned());
    }
    if by_3 && valid.iter().any(|version| matches!(&**version, "HTTP/1.1" | "HTTP/2.0")) {
        return Err(format!("valid_http_versions: with enable_http3 there is {HTTP_3} alone"));
    }
    if !by_3 && valid.iter().any(|version| version == HTTP_3) {
        return Err(format!("valid_http_versions: {HTTP_3} needs enable_http3: true"));
    }
    // With one that there is, the others have no effect.
    if !by_3 && !valid.is_empty() && !VERSIONS.iter().any(|it| valid.iter().any(|own| own == it)) {
        return Err(format!(
            "valid_http_versions: one at least must be one of {}",
            VERSIONS.join(", ")
        ));
    }
    Ok(())
}

/// What is in the file of a body.
fn of_file(file: &Path) -> anyhow::Result<Vec<u8>> {
    let read = read_file(file, MOST_BODY).map(|body| body.to_vec());
    read.with_context(|| format!("http.body_file: reading {}", file.display()))
}

/// A number of bytes, as in `10MB`: a kilobyte has 1,024, as in the peer.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[serde(try_from = "SizeText")]
struct Size(u64);

const MUST_BE_A_SIZE: &str =
    "must be a number of bytes up to 1TB, as in 10MB or 512KiB; 0 is no limit";

#[derive(Deserialize)]
#[serde(untagged)]
enum SizeText {
    Number(i64),
    Text(String),
}

impl TryFrom<SizeText> for Size {
    type Error = String;

    fn try_from(text: SizeText) -> Result<Self, String> {
        let must = || MUST_BE_A_SIZE.to_owned();
        let text = match text {
            SizeText::Number(number) => number.to_string(),
            SizeText::Text(text) => text,
        };
        // Less than nothing is no limit, as in the peer, which wants a unit there.
        if let Some(positive) = text.strip_prefix('-') {
            let is_bad = positive.starts_with('-') || positive.parse::<f64>().is_ok();
            let size = if is_bad { Err(must()) } else { Self::of(positive) };
            return size.map(|_| Self(0));
        }
        Self::of(&text)
    }
}

impl Size {
    /// Reads a size that is no less than nothing.
    fn of(text: &str) -> Result<Self, String> {
        let must = || MUST_BE_A_SIZE.to_owned();
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let number: f64 = number.parse().map_err(|_| must())?;
        let unit = unit.trim().to_ascii_uppercase();
        let factor = match unit.trim_end_matches('B').trim_end_matches('I') {
            "" => 1_u64,
            "K" => 1 << 10,
            "M" => 1 << 20,
            "G" => 1 << 30,
            "T" => 1 << 40,
            _ => return Err(must()),
        };
        let bytes = number * factor as f64;
        if !(0.0..=LARGEST).contains(&bytes) {
            return Err(must());
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "there is no sign, and it is in the range"
        )]
        Ok(Self(bytes as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(yaml: &str) -> Result<Settings, String> {
        exporter_kit::parse(yaml, "test.yml").map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_are_those_of_the_peer() {
        let settings = parse("{}").unwrap();
        assert!(settings == Settings::default());
        assert!(settings.client.follow_redirects && settings.client.enable_http2);
        assert_eq!((settings.families, settings.method), (Families::V6ElseV4, Method::GET));
        let not = parse("{no_follow_redirects: true, ip_protocol_fallback: false}").unwrap();
        assert!(!not.client.follow_redirects);
        assert_eq!(not.families, Families::OnlyV6);
    }

    #[tokio::test]
    async fn a_body_s_file_without_a_name_is_none() {
        let mut settings = parse("{body: a, body_file: ''}").unwrap();
        settings.load(Path::new("/")).unwrap();
        assert_eq!(settings.body().await.unwrap(), "a");
    }

    #[test]
    fn a_size_has_units_of_1024() {
        for (text, wanted) in [
            ("0", 0),
            ("1024", 1024),
            ("10MB", 10 << 20),
            ("512KiB", 512 << 10),
            ("1.5KB", 1536),
            ("1B", 1),
            ("2g", 2 << 30),
            ("-1B", 0),
        ] {
            let settings = parse(&format!("{{body_size_limit: {text}}}")).unwrap();
            assert_eq!(settings.body_size_limit, wanted, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_by_its_field_and_not_repeated() {
        for (yaml, wanted) in [
            (
                "{valid_http_versions: [HTTP/4.0, HTTP/2]}",
                "valid_http_versions: one at least must be one of",
            ),
            (
                "{valid_http_versions: [HTTP/3.0]}",
                "valid_http_versions: HTTP/3.0 needs enable_http3",
            ),
            ("{enable_http3: true}", "enable_http3: needs enable_http2: false"),
            ("{enable_http3: true, enable_http2: true}", "enable_http3: needs enable_http2: false"),
            (
                "{enable_http3: true, enable_http2: false, valid_http_versions: [HTTP/3.0, HTTP/2.0]}",
                "valid_http_versions: with enable_http3 there is HTTP/3.0 alone",
            ),
            ("{method: 'G T'}", "method: must be"),
            ("{body: s3cret, body_file: a}", "body: give it or body_file, not both"),
            ("{compression: zip}", "compression: must be gzip"),
            ("{compression: gzip, headers: {Accept-Encoding: br}}", "compression: the header"),
            ("{headers: {'s3cret x': a}}", "headers: a key must be"),
            ("{headers: {X-A: \"s3cret\\n\"}}", "headers: a value has"),
            ("{body_size_limit: 10XB}", "body_size_limit: must be"),
            ("{body_size_limit: -1}", "body_size_limit: must be"),
            ("{body_size_limit: '-1'}", "body_size_limit: must be"),
            ("{body_size_limit: --1B}", "body_size_limit: must be"),
            ("{fail_if_body_matches_regexp: ['(']}", "fail_if_body_matches_regexp[0]: must be"),
            ("{fail_if_header_matches: [{header: a}]}", "regexp"),
            ("{fail_if_header_matches: [{header: a, regexp: ''}]}", "regexp: must not be empty"),
            ("{fail_if_body_json_matches_cel: 'body.'}", "fail_if_body_json_matches_cel: must be"),
            (
                "{basic_auth: {username: a}, bearer_token: s3cret}",
                "bearer_token: give it or basic_auth",
            ),
            ("{oauth2: {client_id: a}}", "token_url"),
            ("{oauth2: {client_id: a, token_url: s3cret}}", "oauth2.token_url: must be a URL"),
            ("{tls_config: {cert: s3cret}}", "tls_config: key: must be given beside cert"),
            ("{proxy_url: 'ftp://s3cret/'}", "proxy_url: must be"),
            ("{preferred_ip_protocol: ip5}", "ip4"),
            ("{follow_redirect: true}", "did you mean `follow_redirects`"),
        ] {
            let error = parse(yaml).unwrap_err();
            assert!(error.contains(wanted) && !error.contains("s3cret"), "{yaml}: {error}");
        }
    }

    #[tokio::test]
    async fn nothing_of_it_shows_a_secret() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("body"), "s3cret").unwrap();
        let yaml = "{body_file: body, headers: {X-A: s3cret}, bearer_token: s3cret, \
                    http_headers: {X-B: {secrets: [s3cret]}}, proxy_url: 'http://u:s3cret@p:1/', \
                    proxy_connect_header: {X-C: [s3cret]}}";
        let mut settings = parse(yaml).unwrap();
        settings.load(folder.path()).unwrap();
        assert_eq!(settings.body().await.unwrap(), "s3cret");
        // As it is now, or not at all.
        std::fs::write(folder.path().join("body"), "other").unwrap();
        assert_eq!(settings.body().await.unwrap(), "other");
        std::fs::remove_file(folder.path().join("body")).unwrap();
        let error = format!("{:#}", settings.body().await.unwrap_err());
        assert!(error.starts_with("http.body_file: reading /"), "{error}");
        let shown = format!("{settings:?}");
        assert!(!shown.contains("s3cret") && !shown.contains("czNjcmV0"), "{shown}");
    }
}
