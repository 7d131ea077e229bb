//! The prober `websocket`: a handshake, and what is said after it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use exporter_kit::on_demand::Destination;
use exporter_kit::{HttpAuth, HttpHeader, Secret};
use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::upgrade::Upgraded;
use hyper::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use url::Url;

use super::ask::Ask;
use super::choose;
use super::dialogue::Talk;
use super::found::{Found, HttpPhases, Websocket};
use super::http_client::connection::{Asked, Connection, Peer, open};
use super::http_client::{self, Client, USER_AGENT};
use super::pattern::{Pattern, expanded, readable};
use super::tls;
use crate::host::{Families, IpProtocol, is_spelled_out};
use crate::outcome::{Failure, Phase};

/// A connection that was upgraded.
type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// So long may a message be.
const MOST_BYTES: usize = 4 << 20;

/// The section `websocket` of a module.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "Raw")]
pub(crate) struct Settings {
    client: Client,
    families: Families,
    /// Those of the section itself; files are read by `load`.
    headers: HttpAuth,
    said: HeaderMap,
    steps: Vec<Step>,
    /// Where the files are that its headers name.
    folder: PathBuf,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    http_config: http_client::Raw,
    headers: BTreeMap<String, RawHeader>,
    query_response: Vec<Step>,
    preferred_ip_protocol: Option<IpProtocol>,
    ip_protocol_fallback: Option<bool>,
}

/// A value alone, or values, secrets and files.
#[derive(Deserialize)]
#[serde(untagged)]
enum RawHeader {
    Value(Secret),
    Values(HttpHeader),
}

/// Wait for a message, say something; as far as it is there.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
struct Step {
    expect: Option<Pattern>,
    /// May be a password.
    send: Option<Secret>,
    // Words of the prober `tcp`, which mean nothing here, as in the peer.
    starttls: bool,
    expect_bytes: IgnoredAny,
    labels: IgnoredAny,
}

impl Default for Settings {
    fn default() -> Self {
        Self::try_from(Raw::default()).expect("the defaults are good")
    }
}

impl TryFrom<Raw> for Settings {
    type Error = String;

    fn try_from(raw: Raw) -> Result<Self, String> {
        let client = Client::try_from(raw.http_config);
        let (mut said, mut others) = (HeaderMap::new(), BTreeMap::new());
        for (name, header) in raw.headers {
            match header {
                RawHeader::Values(values) => {
                    others.insert(name, values);
                }
                RawHeader::Value(value) => {
                    let name = HeaderName::from_bytes(name.as_bytes())
                        .map_err(|_| "headers: a key must be the name of a header".to_owned())?;
                    let value = http_client::sensitive(value.expose());
                    said.append(name, value.map_err(|error| format!("headers: {error}"))?);
                }
            }
        }
        let headers = HttpAuth::new(None, None, others);
        let preferred = raw.preferred_ip_protocol.unwrap_or(IpProtocol::Ip6);
        Ok(Self {
            client: client.map_err(|error| format!("http_config.{error}"))?,
            families: Families::of(Some(preferred), raw.ip_protocol_fallback),
            headers: headers.map_err(|error| error.replacen("http_headers", "headers", 1))?,
            said,
            steps: raw.query_response,
            folder: PathBuf::new(),
        })
    }
}

/// A URL of WebSocket.
struct Target(Url);

impl Target {
    fn parse(text: &str) -> Result<Self, String> {
        let must = || "must be a URL of WebSocket, as in wss://www.example.com/feed".to_owned();
        let url = Url::parse(text).map_err(|_| must())?;
        let is_good = matches!(url.scheme(), "ws" | "wss")
            && url.host_str().is_some_and(|host| !host.is_empty())
            && url.port() != Some(0)
            && url.username().is_empty()
            && url.password().is_none();
        if !is_good {
            return Err(must());
        }
        is_spelled_out(text, &url)?;
        Ok(Self(url))
    }

    fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or(80)
    }
}

impl Settings {
    /// Which addresses of a name are probed.
    pub(crate) fn families(&self) -> Families {
        self.families
    }

    /// Reads what it names, relative paths being taken from `folder`.
    pub(crate) fn load(&mut self, folder: &Path) -> anyhow::Result<()> {
        folder.clone_into(&mut self.folder);
        let client = self.client.load(folder).context("websocket.http_config");
        client.and(self.own_headers().map(drop))
    }

    /// The headers of its own, as their files are now.
    fn own_headers(&self) -> anyhow::Result<HeaderMap> {
        let mut said = self.said.clone();
        said.extend(self.headers.headers(&self.folder).context("websocket.headers")?);
        Ok(said)
    }

    /// The phases that a probe of this target can have beside the lookup.
    #[expect(clippy::unused_self, reason = "other probers have to look")]
    pub(crate) fn phases(&self, target: &str) -> &'static [Phase] {
        if target.starts_with("wss:") {
            &[Phase::Connect, Phase::Tls, Phase::Ttfb, Phase::Transfer]
        } else {
            &[Phase::Connect, Phase::Ttfb, Phase::Transfer]
        }
    }

    /// Whom it contacts.
    #[expect(clippy::unused_self, reason = "other probers have to look")]
    pub(crate) fn destination(&self, target: &str) -> Result<Destination, String> {
        let target = Target::parse(target)?;
        Ok(Destination::new(target.host(), Some(target.port())))
    }

    /// Shakes hands, then says and awaits what the module says.
    pub(crate) async fn probe(&self, ask: &Ask<'_>, found: &mut Found) -> Result<(), Failure> {
        found.websocket = Some(Websocket::default());
        let target = Target::parse(ask.target).map_err(|error| {
            ask.log.line(|| format!("the target {error}"));
            Failure::Dns
        })?;
        let said = self.client.said(ask).await?;
        let ip = choose::address(target.host(), self.families, ask, found).await?;
        let took = found.lookup;
        phase(found, "resolve", took);
        let peer = Peer {
            is_tls: target.0.scheme() == "wss",
            host: target.host(),
            port: target.port(),
            ip: Some(ip),
            at: &[ip],
            via: None,
            tls: &self.client.tls,
            server_name: target.host(),
            is_first: true,
            alpn: &["http/1.1"],
        };
        let (began, mut phases) = (Instant::now(), HttpPhases::default());
        let opened = open(&peer, &mut phases, ask, found).await;
        phase(found, "connect", phases.connect);
        let shaken = match opened {
            Err(failure) => Err(failure),
            Ok((stream, _)) => {
                found.watch.begin(Phase::Ttfb);
                self.shake(stream, &target, said, ask, found).await
            }
        };
        phase(found, "processing", began.elapsed().saturating_sub(phases.connect));
        let mut socket = shaken?;
        found.watch.end();
        found.websocket.get_or_insert_default().connection_upgraded = true;
        ask.log.line(|| "the connection is upgraded");
        if self.steps.is_empty() {
            return Ok(());
        }
        let began = Instant::now();
        found.watch.begin(Phase::Transfer);
        let mut talked = Ok(());
        for step in &self.steps {
            talked = step.run(&mut socket, ask).await;
            if talked.is_err() {
                break;
            }
        }
        let websocket = found.websocket.get_or_insert_default();
        websocket.failed_due_to_regex = talked.is_err();
        phase(found, "transfer", began.elapsed());
        talked?;
        found.watch.end();
        Ok(())
    }

    /// Has a connection become one of WebSocket. What the answer has to say is as in the peer, and more than
    /// that may stand beside it.
    async fn shake(
        &self,
        stream: Box<dyn Talk>,
        target: &Target,
        said: HeaderMap,
        ask: &Ask<'_>,
        found: &mut Found,
    ) -> Result<Socket, Failure> {
        let key = generate_key();
        let asked = self.request(target, said, &key).ok_or(Failure::Local)?;
        let mut connection = Connection::begin(stream, false, false, ask).await?;
        let (response, _) = connection.send(asked, ask).await?;
        let status = response.status();
        found.websocket.get_or_insert_default().status_code = status.as_u16();
        let refused = |why: &str| {
            ask.log.line(|| format!("answered {} in place of an upgrade{why}", status.as_u16()));
            Failure::HttpStatus
        };
        if status != StatusCode::SWITCHING_PROTOCOLS {
            return Err(refused(""));
        }
        let headers = response.headers();
        let accepted = headers.get(header::SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes);
        if !lists(headers, &header::UPGRADE, "websocket")
            || !lists(headers, &header::CONNECTION, "upgrade")
            || accepted != Some(derive_accept_key(key.as_bytes()).as_bytes())
        {
            return Err(refused(" to WebSocket"));
        }
        let upgraded = hyper::upgrade::on(response).await.map_err(|error| {
            ask.log.line(|| format!("the handshake failed: {error}"));
            Failure::Reset
        })?;
        let mut config = WebSocketConfig::default();
        config.max_message_size = Some(MOST_BYTES);
        config.max_frame_size = Some(MOST_BYTES);
        config.read_buffer_size = 4096;
        let (upgraded, role) = (TokioIo::new(upgraded), Role::Client);
        Ok(WebSocketStream::from_raw_socket(upgraded, role, Some(config)).await)
    }

    fn request(&self, target: &Target, said: HeaderMap, key: &str) -> Option<Asked> {
        let shown = match target.0.port() {
            Some(port) => format!("{}:{port}", target.host()),
            None => target.host().to_owned(),
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        headers.extend(said);
        headers.extend(self.own_headers().ok()?);
        let shown = HeaderValue::from_str(&shown).ok()?;
        for (name, value) in [
            (header::UPGRADE, "websocket"),
            (header::CONNECTION, "Upgrade"),
            (header::SEC_WEBSOCKET_VERSION, "13"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers.insert(header::SEC_WEBSOCKET_KEY, HeaderValue::from_str(key).ok()?);
        Some(Asked {
            method: Method::GET,
            scheme: "http",
            host: headers.remove(header::HOST).unwrap_or(shown),
            authority: String::new(),
            path: match target.0.query() {
                Some(query) => format!("{}?{query}", target.0.path()),
                None => target.0.path().to_owned(),
            },
            headers,
            body: Bytes::new(),
        })
    }
}

/// Whether a header lists a word.
fn lists(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|it| it.trim().eq_ignore_ascii_case(word))
}

fn phase(found: &mut Found, name: &'static str, took: Duration) {
    found.websocket.get_or_insert_default().phases.push((name, took));
}

impl Step {
    async fn run<S>(&self, socket: &mut S, ask: &Ask<'_>) -> Result<(), Failure>
    where
        S: Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error> + Unpin,
    {
        let failed = |error: Error| {
            ask.log.line(|| format!("the connection failed: {error}"));
            match error {
                Error::Io(error) => tls::classify(&error),
                Error::ConnectionClosed | Error::AlreadyClosed | Error::Protocol(_) => {
                    Failure::Reset
                }
                _ => Failure::Body,
            }
        };
        let said = self.send.as_ref().map_or("", Secret::expose);
        let mut send = Cow::Borrowed(said);
        if let Some(expect) = &self.expect {
            let message = loop {
                match socket.next().await {
                    None | Some(Ok(Message::Close(_))) => {
                        ask.log.line(|| "the server closed the connection");
                        return Err(Failure::Reset);
                    }
                    Some(Err(error)) => return Err(failed(error)),
                    Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => break message,
                    // Pings and the like, which are answered below.
                    Some(Ok(_)) => {}
                }
            };
            let text = readable(&message.into_data());
            let Some(captures) = expect.captures(&text) else {
                ask.log.line(|| format!("a message does not match {:?}", expect.as_str()));
                return Err(Failure::Condition);
            };
            ask.log.line(|| format!("a message matches {:?}", expect.as_str()));
            send = expanded(said, &captures).into();
        }
        if !send.is_empty() {
            socket.send(Message::text(send.into_owned())).await.map_err(failed)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
