//! A token for client credentials (RFC 6749 §4.4): fetched within the probe that needs one, kept until it
//! ends.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use exporter_kit::{Secret, SecretSource};
use http_body_util::{BodyExt as _, Limited};
use hyper::Method;
use hyper::header::{self, HeaderMap, HeaderValue};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};
use zeroize::Zeroizing;

use super::connection::{Asked, Connection, Peer, open};
use super::proxy::{Proxy, Via};
use super::{basic, sensitive};
use crate::blackbox::ask::Ask;
use crate::blackbox::choose;
use crate::blackbox::found::{Found, HttpPhases};
use crate::blackbox::tls;
use crate::outcome::Failure;

/// So much of an answer is read.
const MOST_BYTES: usize = 64 * 1024;
/// A token is not used in its last seconds.
const MARGIN: Duration = Duration::from_secs(10);

/// The section `oauth2`. Equal ones ask for the same.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Raw")]
pub(crate) struct OAuth2 {
    id: String,
    secret: Option<SecretSource>,
    /// Where its file is, which is read for each token.
    folder: PathBuf,
    url: Address,
    scopes: Vec<String>,
    params: BTreeMap<String, Secret>,
    tls: tls::Settings,
    proxy: Proxy,
    kept: Arc<Mutex<Option<Token>>>,
}

/// Where tokens are; its query is not shown.
#[derive(Clone, PartialEq)]
struct Address(Url);

struct Token {
    value: HeaderValue,
    /// Until it is refused where the server does not say.
    until: Option<Instant>,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<token>")
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.0.origin().ascii_serialization(), self.0.path())
    }
}

impl PartialEq for OAuth2 {
    fn eq(&self, other: &Self) -> bool {
        (&self.id, &self.secret, &self.folder, &self.url)
            == (&other.id, &other.secret, &other.folder, &other.url)
            && (&self.scopes, &self.params, &self.tls) == (&other.scopes, &other.params, &other.tls)
            && self.proxy == other.proxy
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    client_id: String,
    client_secret: Option<Secret>,
    client_secret_file: Option<PathBuf>,
    #[serde(default)]
    scopes: Vec<String>,
    token_url: Secret,
    #[serde(default)]
    endpoint_params: BTreeMap<String, Secret>,
    #[serde(default)]
    tls_config: tls::Settings,
    proxy_url: Option<Secret>,
    proxy_url_file: Option<PathBuf>,
    no_proxy: Option<String>,
    #[serde(default)]
    proxy_from_environment: bool,
    #[serde(default)]
    proxy_connect_header: BTreeMap<String, Vec<Secret>>,
}

impl TryFrom<Raw> for OAuth2 {
    type Error = String;

    fn try_from(raw: Raw) -> Result<Self, String> {
        let must = || "token_url: must be a URL, http://HOST/... or https://HOST/...".to_owned();
        let url = Url::parse(raw.token_url.expose()).map_err(|_| must())?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() || url.port() == Some(0) {
            return Err(must());
        }
        if raw.client_id.is_empty() {
            return Err("client_id: must not be empty".to_owned());
        }
        let secret = (raw.client_secret, raw.client_secret_file);
        let proxy = Proxy::new(
            (raw.proxy_url, raw.proxy_url_file),
            raw.no_proxy,
            raw.proxy_from_environment,
            raw.proxy_connect_header,
        )?;
        Ok(Self {
            id: raw.client_id,
            secret: SecretSource::either("client_secret", secret.0, secret.1)?,
            folder: PathBuf::new(),
            url: Address(url),
            scopes: raw.scopes,
            params: raw.endpoint_params,
            tls: raw.tls_config,
            proxy,
            kept: Arc::default(),
        })
    }
}

#[derive(Deserialize)]
struct Answer {
    access_token: Secret,
    token_type: Option<String>,
    /// A number, or a text that is one, as some servers have it.
    expires_in: Option<serde_json::Value>,
}

impl OAuth2 {
    /// Reads the files that it names.
    pub(super) fn load(&mut self, folder: &Path) -> anyhow::Result<()> {
        folder.clone_into(&mut self.folder);
        let proxy = self.proxy.load(super::variable, |file| file.read_line(folder));
        let tls = self.tls.load(folder);
        proxy.and(tls).and(self.read().map(drop))
    }

    /// The secret, as its file is now.
    fn read(&self) -> anyhow::Result<Option<Secret>> {
        self.secret.as_ref().map(|secret| secret.read(&self.folder)).transpose()
    }

    /// The header `Authorization`. Probes that need a token at once wait for one request.
    pub(super) async fn token(&self, ask: &Ask<'_>) -> Result<HeaderValue, Failure> {
        let mut kept = self.kept.lock().await;
        if let Some(token) = &*kept
            && token.until.is_none_or(|until| Instant::now() < until)
        {
            return Ok(token.value.clone());
        }
        // As in Go: who does not take the credentials in the header is asked with them in the form.
        let token = match self.fetch(true, ask).await? {
            Some(token) => Some(token),
            None => self.fetch(false, ask).await?,
        };
        let token = token.ok_or(Failure::HttpStatus)?;
        let value = token.value.clone();
        *kept = Some(token);
        Ok(value)
    }

    /// Has the next probe ask for another.
    pub(super) async fn forget(&self) {
        *self.kept.lock().await = None;
    }

    /// Asks for a token; nothing where the server refuses.
    async fn fetch(&self, in_header: bool, ask: &Ask<'_>) -> Result<Option<Token>, Failure> {
        let url = &self.url.0;
        self.proxy.usable().map_err(|error| {
            ask.log.line(|| format!("oauth2: {error:#}"));
            Failure::Local
        })?;
        ask.log.line(|| format!("asking {:?} for a token", self.url));
        let (host, is_tls) = (url.host_str().unwrap_or_default(), url.scheme() == "https");
        let port = url.port_or_known_default().unwrap_or(443);
        let mut unused = Found::default();
        let via = self.proxy.via(is_tls, host, None, port);
        let at = choose::all(via.map_or(host, |via| &via.host), ask).await?;
        let peer = Peer {
            is_tls,
            host,
            port,
            ip: None,
            at: &at,
            via,
            tls: &self.tls,
            server_name: host,
            is_first: true,
            alpn: &["http/1.1"],
        };
        let mut phases = HttpPhases::default();
        let (stream, _) = open(&peer, &mut phases, ask, &mut unused).await?;
        let is_to_proxy = via.is_some_and(Via::is_asked_itself) && !is_tls;
        let mut connection = Connection::begin(stream, false, is_to_proxy, ask).await?;
        let secret = self.read().map_err(|error| {
            ask.log.line(|| format!("client_secret_file: {error:#}"));
            Failure::Local
        })?;
        let request = self.request(in_header, host, secret.as_ref().map_or("", Secret::expose))?;
        let (response, _) = connection.send(request, ask).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MOST_BYTES).collect().await;
        let body = body.map_err(|_| Failure::Body)?.to_bytes();
        if !status.is_success() {
            ask.log.line(|| format!("no token was given: status {}", status.as_u16()));
            return Ok(None);
        }
        let answer: Answer = serde_json::from_slice(&body).map_err(|_| {
            ask.log.line(|| "what came is no token");
            Failure::Body
        })?;
        Ok(Some(token(&answer)?))
    }

    fn request(&self, in_header: bool, host: &str, secret: &str) -> Result<Asked, Failure> {
        let url = &self.url.0;
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if !self.scopes.is_empty() {
            form.append_pair("scope", &self.scopes.join(" "));
        }
        for (name, value) in &self.params {
            // Ours already.
            if name != "grant_type" {
                form.append_pair(name, value.expose());
            }
        }
        let mut headers = HeaderMap::new();
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, kind);
        headers.insert(header::USER_AGENT, HeaderValue::from_static(super::USER_AGENT));
        if in_header {
            let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
            let login = basic(&encoded(&self.id), &encoded(secret));
            headers.insert(header::AUTHORIZATION, login.map_err(|_| Failure::Local)?);
        } else {
            form.append_pair("client_id", &self.id);
            if !secret.is_empty() {
                form.append_pair("client_secret", secret);
            }
        }
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        Ok(Asked {
            method: Method::POST,
            scheme: if url.scheme() == "https" { "https" } else { "http" },
            host: HeaderValue::from_str(&authority).map_err(|_| Failure::Local)?,
            authority,
            path: match url.query() {
                Some(query) => format!("{}?{query}", url.path()),
                None => url.path().to_owned(),
            },
            headers,
            body: form.finish().into(),
        })
    }
}

fn token(answer: &Answer) -> Result<Token, Failure> {
    let kind = answer.token_type.as_deref().unwrap_or("bearer");
    let kind = if kind.eq_ignore_ascii_case("bearer") { "Bearer" } else { kind };
    let value = Zeroizing::new(format!("{kind} {}", answer.access_token.expose()));
    let seconds = answer.expires_in.as_ref().and_then(|value| match value {
        serde_json::Value::String(text) => text.parse::<u64>().ok(),
        value => value.as_u64(),
    });
    let until = seconds.filter(|seconds| *seconds > 0).map(|seconds| {
        let seconds = Duration::from_secs(seconds.min(86_400 * 365));
        Instant::now() + seconds.saturating_sub(MARGIN)
    });
    Ok(Token { value: sensitive(&value).map_err(|_| Failure::Body)?, until })
}
