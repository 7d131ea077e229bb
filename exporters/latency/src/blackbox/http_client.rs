//! An HTTP client as a module sets it up: who asks, through whom, and by which version.
//!
//! | file | noun |
//! |---|---|
//! | `connection` | one connection, by HTTP/1.1 or HTTP/2 (I/O) |
//! | `content` | the body of an answer, by whichever version |
//! | `dial` | a connection with a host of several addresses (I/O) |
//! | `first_byte` | a stream that notes when its first byte came (I/O) |
//! | `http3` | one request by HTTP/3 (I/O) |
//! | `oddity` | what is odd in a head, and is read all the same (pure) |
//! | `oauth2` | a token for client credentials (I/O) |
//! | `proxy` | through whom a host is asked (pure) |
//! | `quic` | one connection of QUIC (I/O) |
//! | `socks` | a connection through a proxy of SOCKS5 (I/O) |

pub(crate) mod connection;
pub(crate) mod content;
mod datagrams;
mod dial;
mod first_byte;
pub(crate) mod http3;
mod oauth2;
pub(crate) mod oddity;
mod proxy;
mod quic;
mod socks;
mod streams;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use exporter_kit::{Authorization, BasicAuth, HttpAuth, HttpHeader, Secret, SecretSource};
use hyper::header::{self, HeaderMap, HeaderValue};
use serde::Deserialize;
use zeroize::Zeroizing;

pub(crate) use self::oauth2::OAuth2;
use self::proxy::Proxy;
use super::ask::Ask;
use super::tls;
use crate::outcome::Failure;

pub(crate) use self::proxy::Via;

/// What is sent when the module sets no header of that name.
pub(crate) const USER_AGENT: &str = concat!("turbulence-latency/", env!("CARGO_PKG_VERSION"));

/// What a module says of its client.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Client {
    auth: HttpAuth,
    bearer: Option<SecretSource>,
    oauth2: Option<OAuth2>,
    /// Where the files are that these name. Read by each probe: tokens change.
    folder: PathBuf,
    proxy: Proxy,
    pub(crate) tls: tls::Settings,
    pub(crate) enable_http2: bool,
    pub(crate) follow_redirects: bool,
}

/// The section `http_config`, and the keys of it that the prober `http` has in its own.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Raw {
    pub(crate) basic_auth: Option<BasicAuth>,
    pub(crate) authorization: Option<Authorization>,
    pub(crate) bearer_token: Option<Secret>,
    pub(crate) bearer_token_file: Option<PathBuf>,
    pub(crate) oauth2: Option<OAuth2>,
    pub(crate) http_headers: BTreeMap<String, HttpHeader>,
    pub(crate) tls_config: tls::Settings,
    pub(crate) proxy_url: Option<Secret>,
    pub(crate) proxy_url_file: Option<PathBuf>,
    pub(crate) no_proxy: Option<String>,
    pub(crate) proxy_from_environment: bool,
    pub(crate) proxy_connect_header: BTreeMap<String, Vec<Secret>>,
    pub(crate) enable_http2: Option<bool>,
    pub(crate) follow_redirects: Option<bool>,
}

impl TryFrom<Raw> for Client {
    type Error = String;

    fn try_from(raw: Raw) -> Result<Self, String> {
        // An empty one is none, as in the peer.
        let token = raw.bearer_token.filter(|token| !token.expose().is_empty());
        let file = raw.bearer_token_file.filter(|file| !file.as_os_str().is_empty());
        let bearer = SecretSource::either("bearer_token", token, file)?;
        let given = [
            ("basic_auth", raw.basic_auth.is_some()),
            ("authorization", raw.authorization.is_some()),
            ("oauth2", raw.oauth2.is_some()),
            ("bearer_token", bearer.is_some()),
        ];
        let given: Vec<_> = given.iter().filter(|(_, is)| *is).map(|(field, _)| *field).collect();
        if let [first, second, ..] = given[..] {
            return Err(format!("{second}: give it or {first}, not both"));
        }
        let proxy = Proxy::new(
            (raw.proxy_url, raw.proxy_url_file),
            raw.no_proxy,
            raw.proxy_from_environment,
            raw.proxy_connect_header,
        )?;
        Ok(Self {
            auth: HttpAuth::new(raw.basic_auth, raw.authorization, raw.http_headers)?,
            bearer,
            oauth2: raw.oauth2,
            folder: PathBuf::new(),
            proxy,
            tls: raw.tls_config,
            enable_http2: raw.enable_http2.unwrap_or(true),
            follow_redirects: raw.follow_redirects.unwrap_or(true),
        })
    }
}

/// A variable of the environment that says something.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

impl Client {
    /// Reads the files that it names, relative paths being taken from `folder`.
    pub(crate) fn load(&mut self, folder: &Path) -> anyhow::Result<()> {
        folder.clone_into(&mut self.folder);
        // Each of them, whatever fails: what cannot be read now may be there by the time of a probe, and what then
        // still fails, fails that. Only the proxy's is not read again before a reload.
        let proxy = self.proxy.load(variable, |file| file.read_line(folder));
        let tls = self.tls.load(folder);
        let oauth2 = self.oauth2.as_mut().map(|oauth2| oauth2.load(folder).context("oauth2"));
        let said = self.who_asks().map(drop);
        proxy.and(tls).and(oauth2.unwrap_or(Ok(()))).and(said)
    }

    /// The headers that say who asks, as the files are now: a few small ones of this machine.
    fn who_asks(&self) -> anyhow::Result<HeaderMap> {
        let mut said = self.auth.headers(&self.folder)?;
        if let Some(bearer) = &self.bearer {
            let token = bearer.read(&self.folder).context("bearer_token_file")?;
            let value = Zeroizing::new(format!("Bearer {}", token.expose().trim()));
            said.insert(header::AUTHORIZATION, sensitive(&value)?);
        }
        Ok(said)
    }

    /// The headers that say who asks. A token is fetched where there is none that is still good.
    pub(crate) async fn said(&self, ask: &Ask<'_>) -> Result<HeaderMap, Failure> {
        let is_usable = self.proxy.usable().and(self.tls.usable(ask).await);
        let mut said = is_usable.and_then(|()| self.who_asks()).map_err(|error| {
            ask.log.line(|| format!("the module cannot be used: {error:#}"));
            Failure::Local
        })?;
        if let Some(oauth2) = &self.oauth2 {
            // Whoever gives tokens is not the target.
            let token = ask.of_another(oauth2.token(ask)).await?;
            said.insert(header::AUTHORIZATION, token);
        }
        Ok(said)
    }

    /// Says that what it sent of [`Client::said`] was refused: a token may have been withdrawn.
    pub(crate) async fn is_refused(&self) {
        if let Some(oauth2) = &self.oauth2 {
            oauth2.forget().await;
        }
    }

    /// What of it HTTP/3 cannot have: a proxy is never left out.
    pub(crate) fn lack_of_http3(&self) -> Option<&'static str> {
        let by_proxy = "enable_http3: no proxy is asked by HTTP/3, so leave out what names one";
        self.proxy.is_set().then_some(by_proxy).or_else(|| self.tls.lack_of_quic())
    }

    /// Through whom a host is asked, if it is not asked itself; `ip` is its address, where that is known.
    pub(crate) fn via(
        &self,
        is_tls: bool,
        host: &str,
        ip: Option<IpAddr>,
        port: u16,
    ) -> Option<&Via> {
        self.proxy.via(is_tls, host, ip, port)
    }
}

/// A user and a password, as a header says them.
pub(crate) fn basic(user: &str, password: &str) -> anyhow::Result<HeaderValue> {
    let pair = Zeroizing::new(format!("{user}:{password}"));
    sensitive(&Zeroizing::new(format!("Basic {}", BASE64_STANDARD.encode(pair.as_bytes()))))
}

/// A part of a URL's login, whose percent signs stand for characters.
pub(crate) fn decoded(text: &str) -> String {
    // Of a form, these two would be more than themselves.
    let pair = format!("={}", text.replace('+', "%2B").replace('&', "%26"));
    let mut pairs = url::form_urlencoded::parse(pair.as_bytes());
    pairs.next().map(|(_, text)| text.into_owned()).unwrap_or_default()
}

/// A header's value that no log shows.
pub(crate) fn sensitive(text: &str) -> anyhow::Result<HeaderValue> {
    let mut value =
        HeaderValue::from_str(text).context("it has a character that no header may have")?;
    value.set_sensitive(true);
    Ok(value)
}
