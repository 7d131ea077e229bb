//! The section `http` of a module: what is asked, and what is a good answer.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use exporter_kit::config::Twice;
use exporter_kit::{Authorization, BasicAuth, HttpAuth, HttpHeader};
use hyper::header::HeaderMap;
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::blackbox::http as blackbox;
use crate::host::{Families, IpProtocol};
use crate::tls::{TlsSettings, Trust};

/// The section `http` of a module: what is asked, and what is a good answer.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(try_from = "Twice<RawSettings, blackbox::Settings>")]
pub(crate) struct Settings {
    pub(super) families: Families,
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    /// Who asks: its files are in the folder, once that is known.
    pub(super) auth: HttpAuth,
    pub(super) folder: PathBuf,
    /// Any 2xx when empty.
    pub(super) valid_status_codes: Vec<u16>,
    pub(super) tls: TlsSettings,
    /// Whom to trust by `tls`, once that was loaded.
    pub(super) trust: Option<Trust>,
    /// What a module says that asks for more: then that is what probes.
    pub(super) thorough: Option<Arc<blackbox::Settings>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSettings {
    preferred_ip_protocol: Option<IpProtocol>,
    ip_protocol_fallback: Option<bool>,
    method: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    basic_auth: Option<BasicAuth>,
    authorization: Option<Authorization>,
    #[serde(default)]
    http_headers: BTreeMap<String, HttpHeader>,
    #[serde(default)]
    valid_status_codes: Vec<u16>,
    #[serde(default)]
    tls_config: TlsSettings,
    follow_redirects: Option<bool>,
    no_follow_redirects: Option<bool>,
    enable_http2: Option<bool>,
    #[serde(default)]
    enable_http3: bool,
    // What only the other reading of the section understands.
    valid_http_versions: Option<IgnoredAny>,
    skip_resolve_phase_with_proxy: Option<IgnoredAny>,
    fail_if_ssl: Option<IgnoredAny>,
    fail_if_not_ssl: Option<IgnoredAny>,
    fail_if_body_matches_regexp: Option<IgnoredAny>,
    fail_if_body_not_matches_regexp: Option<IgnoredAny>,
    fail_if_body_json_matches_cel: Option<IgnoredAny>,
    fail_if_body_json_not_matches_cel: Option<IgnoredAny>,
    fail_if_header_matches: Option<IgnoredAny>,
    fail_if_header_not_matches: Option<IgnoredAny>,
    body: Option<IgnoredAny>,
    body_file: Option<PathBuf>,
    compression: Option<IgnoredAny>,
    body_size_limit: Option<IgnoredAny>,
    bearer_token: Option<IgnoredAny>,
    bearer_token_file: Option<IgnoredAny>,
    oauth2: Option<IgnoredAny>,
    proxy_url: Option<IgnoredAny>,
    no_proxy: Option<IgnoredAny>,
    proxy_from_environment: Option<IgnoredAny>,
    proxy_connect_header: Option<IgnoredAny>,
}

impl RawSettings {
    /// Whether a redirect is followed: not, where nothing is said of it.
    fn follows(&self) -> bool {
        let follows = blackbox::follows(self.follow_redirects, self.no_follow_redirects);
        follows.ok().flatten().unwrap_or(false)
    }

    /// Whether it asks for more than a request and its status.
    fn is_thorough(&self) -> bool {
        let keys = [
            &self.valid_http_versions,
            &self.skip_resolve_phase_with_proxy,
            &self.fail_if_ssl,
            &self.fail_if_not_ssl,
            &self.fail_if_body_matches_regexp,
            &self.fail_if_body_not_matches_regexp,
            &self.fail_if_body_json_matches_cel,
            &self.fail_if_body_json_not_matches_cel,
            &self.fail_if_header_matches,
            &self.fail_if_header_not_matches,
            &self.body,
            &self.compression,
            &self.body_size_limit,
            &self.bearer_token,
            &self.bearer_token_file,
            &self.oauth2,
            &self.proxy_url,
            &self.no_proxy,
            &self.proxy_from_environment,
            &self.proxy_connect_header,
        ];
        keys.iter().any(|key| key.is_some())
            || self.body_file.is_some()
            || self.follows()
            || self.enable_http2 == Some(true)
            || self.tls_config.asks_for_more
    }
}

impl TryFrom<Twice<RawSettings, blackbox::Settings>> for Settings {
    type Error = String;

    fn try_from(read: Twice<RawSettings, blackbox::Settings>) -> Result<Self, String> {
        let raw = read.first;
        if raw.enable_http3 {
            return Err("enable_http3: true is not supported by this version; leave it out, \
                        or set false"
                .to_owned());
        }
        blackbox::follows(raw.follow_redirects, raw.no_follow_redirects)?;
        let thorough = if raw.is_thorough() {
            let http2 = raw.enable_http2.unwrap_or(false);
            Some(Arc::new(read.second?.for_targets(raw.follows(), http2)))
        } else {
            None
        };
        let method = raw.method.unwrap_or_else(|| "GET".to_owned());
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|_| "method: must be the name of an HTTP method, as in GET".to_owned())?;
        for code in &raw.valid_status_codes {
            if StatusCode::from_u16(*code).is_err() {
                return Err("valid_status_codes: each must be from 100 to 999".to_owned());
            }
        }
        let auth = HttpAuth::new(raw.basic_auth, raw.authorization, raw.http_headers);
        Ok(Self {
            families: Families::of(raw.preferred_ip_protocol, raw.ip_protocol_fallback),
            method,
            headers: blackbox::headers(
                raw.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())),
            )?,
            auth: auth?,
            folder: PathBuf::new(),
            valid_status_codes: raw.valid_status_codes,
            tls: raw.tls_config,
            trust: None,
            thorough,
        })
    }
}
