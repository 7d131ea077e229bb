//! The prober `grpc`: one question of `grpc.health.v1`, over HTTP/2.
//!
//! The question has one field and the answer another, so both are written and read here: a generator, its
//! runtime and a dozen crates would come for these few bytes.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use exporter_kit::Secret;
use exporter_kit::on_demand::Destination;
use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Response};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::ask::Ask;
use super::choose;
use super::found::{Found, Grpc, HttpPhases};
use super::http_client::USER_AGENT;
use super::http_client::connection::{Asked, Connection, Peer, open};
use super::tls;
use crate::host::{Families, IpProtocol};
use crate::outcome::{Failure, Phase};

/// So much of an answer is read: it has two bytes, and five before them.
const MOST_BYTES: usize = 64 * 1024;
/// Codes of gRPC.
const OK: i32 = 0;
const UNKNOWN: i32 = 2;
const DEADLINE_EXCEEDED: i32 = 4;
const PERMISSION_DENIED: i32 = 7;
const UNIMPLEMENTED: i32 = 12;
const INTERNAL: i32 = 13;
const UNAVAILABLE: i32 = 14;
const UNAUTHENTICATED: i32 = 16;
const SERVING: &str = "SERVING";

/// The section `grpc` of a module.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "Raw")]
pub(crate) struct Settings {
    service: String,
    families: Families,
    tls: Option<tls::Settings>,
    metadata: HeaderMap,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    service: String,
    tls: bool,
    tls_config: tls::Settings,
    ip_protocol_fallback: Option<bool>,
    preferred_ip_protocol: Option<IpProtocol>,
    metadata: BTreeMap<String, Vec<Secret>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self::try_from(Raw::default()).expect("the defaults are good")
    }
}

impl TryFrom<Raw> for Settings {
    type Error = String;

    fn try_from(raw: Raw) -> Result<Self, String> {
        let mut metadata = HeaderMap::new();
        for (key, values) in raw.metadata {
            let name = key.to_ascii_lowercase();
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| "metadata: a key must be the name of a header".to_owned())?;
            // What the protocol says of itself is not the module's to say, as in the peer.
            if matches!(name.as_str(), "content-type" | "user-agent" | "te")
                || name.as_str().starts_with("grpc-")
            {
                continue;
            }
            for value in values {
                metadata.append(name.clone(), said(&name, &value)?);
            }
        }
        let preferred = raw.preferred_ip_protocol.unwrap_or(IpProtocol::Ip6);
        Ok(Self {
            service: raw.service,
            families: Families::of(Some(preferred), raw.ip_protocol_fallback),
            tls: raw.tls.then_some(raw.tls_config),
            metadata,
        })
    }
}

fn said(name: &HeaderName, value: &Secret) -> Result<HeaderValue, String> {
    let is_binary = name.as_str().ends_with("-bin");
    let value = if is_binary {
        HeaderValue::try_from(BASE64_STANDARD_NO_PAD.encode(value.expose()))
    } else {
        HeaderValue::from_str(value.expose())
    };
    let mut value = value
        .map_err(|_| "metadata: a value has a character that no header may have".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

/// Whom a target names: the scheme says nothing, as in the peer.
struct Target {
    host: String,
    port: Option<u16>,
}

impl Target {
    fn parse(text: &str) -> Result<Self, String> {
        let is_url = text.starts_with("http://") || text.starts_with("https://");
        let url = if is_url { text.to_owned() } else { format!("http://{text}") };
        // A scheme of no meaning keeps a port that is the default of another.
        let url = url.replacen("https://", "grpc://", 1).replacen("http://", "grpc://", 1);
        let url = Url::parse(&url).ok().filter(|url| url.port() != Some(0));
        let host = url.as_ref().and_then(Url::host_str).filter(|host| !host.is_empty());
        let host = host.ok_or("must be HOST:PORT, or a URL of that")?.to_owned();
        Ok(Self { host, port: url.and_then(|url| url.port()) })
    }
}

/// The codes of one answer.
#[derive(Debug, PartialEq)]
struct Answer {
    code: i32,
    serving_status: Option<&'static str>,
    message: String,
}

impl Settings {
    /// Which addresses of a name are probed.
    pub(crate) fn families(&self) -> Families {
        self.families
    }

    /// Reads what it names, relative paths being taken from `folder`.
    pub(crate) fn load(&mut self, folder: &Path) -> anyhow::Result<()> {
        self.tls.as_mut().map_or(Ok(()), |tls| tls.load(folder).context("grpc"))
    }

    /// The phases that it can have beside the lookup.
    pub(crate) fn phases(&self) -> &'static [Phase] {
        match self.tls {
            Some(_) => &[Phase::Connect, Phase::Tls, Phase::Ttfb],
            None => &[Phase::Connect, Phase::Ttfb],
        }
    }

    /// Whom it contacts.
    pub(crate) fn destination(&self, target: &str) -> Result<Destination, String> {
        let target = Target::parse(target)?;
        Ok(Destination::new(&target.host, Some(self.port(&target))))
    }

    fn port(&self, target: &Target) -> u16 {
        target.port.unwrap_or(if self.tls.is_some() { 443 } else { 80 })
    }

    /// Asks for the health of the service; well is only who serves.
    pub(crate) async fn probe(&self, ask: &Ask<'_>, found: &mut Found) -> Result<(), Failure> {
        found.grpc = Some(Grpc { phases: vec![("resolve", Duration::ZERO)], ..Grpc::default() });
        let target = Target::parse(ask.target).map_err(|error| {
            ask.log.line(|| format!("the target {error}"));
            Failure::Dns
        })?;
        let ip = choose::address(&target.host, self.families, ask, found).await?;
        let (lookup, began) = (found.lookup, Instant::now());
        grpc(found).phases = vec![("resolve", lookup)];
        // The prober ends it by itself: a code of 0 beside a failure would say that all is well.
        let checking = Box::pin(self.check(&target, ip, ask, found));
        let checked = timeout_at(ask.last_moment(), checking).await;
        let grpc = grpc(found);
        grpc.phases.push(("check", began.elapsed()));
        let checked = checked.unwrap_or(Err(Failure::Timeout));
        let answer = checked.inspect_err(|failure| {
            let is_late = *failure == Failure::Timeout;
            grpc.status_code = if is_late { DEADLINE_EXCEEDED } else { UNAVAILABLE };
        })?;
        grpc.status_code = answer.code;
        grpc.serving_status = answer.serving_status;
        if answer.code != OK {
            ask.log.line(|| format!("answered code {}: {}", answer.code, answer.message));
            return Err(Failure::Condition);
        }
        if answer.serving_status != Some(SERVING) {
            let status = answer.serving_status.unwrap_or("of no known kind");
            ask.log.line(|| format!("the service is {status}"));
            return Err(Failure::Condition);
        }
        Ok(())
    }

    async fn check(
        &self,
        target: &Target,
        ip: std::net::IpAddr,
        ask: &Ask<'_>,
        found: &mut Found,
    ) -> Result<Answer, Failure> {
        let (host, port) = (target.host.as_str(), self.port(target));
        let unused = tls::Settings::default();
        let peer = Peer {
            is_tls: self.tls.is_some(),
            host,
            port,
            ip: Some(ip),
            at: &[ip],
            via: None,
            tls: self.tls.as_ref().unwrap_or(&unused),
            server_name: host,
            is_first: true,
            alpn: &["h2"],
        };
        let mut phases = HttpPhases::default();
        let (stream, is_h2) = open(&peer, &mut phases, ask, found).await?;
        grpc(found).ssl = peer.is_tls;
        if peer.is_tls && !is_h2 {
            ask.log.line(|| "the server does not agree on HTTP/2");
            return Err(Failure::TlsHandshake);
        }
        found.watch.begin(Phase::Ttfb);
        let mut connection = Connection::begin(stream, true, false, ask).await?;
        // As in grpc-go, the name that is certified is the one that is asked.
        let authority = match &self.tls {
            Some(tls) => tls.server_name().unwrap_or(host).to_owned(),
            None => format!("{host}:{port}"),
        };
        let mut headers = self.metadata.clone();
        for (name, value) in [
            (header::CONTENT_TYPE, "application/grpc"),
            (header::TE, "trailers"),
            (header::USER_AGENT, USER_AGENT),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let asked = Asked {
            method: Method::POST,
            scheme: if peer.is_tls { "https" } else { "http" },
            host: HeaderValue::from_str(&authority).map_err(|_| Failure::Local)?,
            authority,
            path: "/grpc.health.v1.Health/Check".to_owned(),
            headers,
            body: question(&self.service),
        };
        ask.log.line(|| format!("asking for the health of {:?}", self.service));
        let (response, _) = connection.send(asked, ask).await?;
        let answer = read(response).await.map_err(|error| {
            ask.log.line(|| format!("the answer failed: {error}"));
            Failure::Body
        })?;
        found.watch.end();
        Ok(answer)
    }
}

/// The figures of this prober.
fn grpc(found: &mut Found) -> &mut Grpc {
    found.grpc.get_or_insert_default()
}

/// `HealthCheckRequest{service = 1}`, with the five bytes of gRPC before it.
fn question(service: &str) -> Bytes {
    let mut message = Vec::new();
    if !service.is_empty() {
        message.push(0x0a);
        put_varint(service.len() as u64, &mut message);
        message.extend_from_slice(service.as_bytes());
    }
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&[0], &length.to_be_bytes()[..], &message].concat().into()
}

fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value > 0x7f {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// The number of `HealthCheckResponse{status = 1}`; fields that are not known are passed over.
fn status(message: &[u8]) -> Option<u64> {
    let (mut rest, mut status) = (message, 0);
    while !rest.is_empty() {
        let key = varint(&mut rest)?;
        match (key >> 3, key & 7) {
            (1, 0) => status = varint(&mut rest)?,
            (_, 0) => {
                varint(&mut rest)?;
            }
            (_, kind) => {
                let length = match kind {
                    1 => 8,
                    2 => usize::try_from(varint(&mut rest)?).ok()?,
                    5 => 4,
                    _ => return None,
                };
                rest = rest.get(length..)?;
            }
        }
    }
    Some(status)
}

/// Reads an answer to its end: its message, and the code behind it.
async fn read(response: Response<Incoming>) -> Result<Answer, String> {
    let (head, mut body) = response.into_parts();
    let (mut bytes, mut trailers) = (Vec::new(), None);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| error.to_string())?;
        match frame.into_data() {
            Ok(data) if bytes.len() + data.len() <= MOST_BYTES => bytes.extend_from_slice(&data),
            Ok(_) => return Err("it is too long".to_owned()),
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    // An answer that is an error alone has its code in the head.
    let code = trailers.as_ref().and_then(code_in).or_else(|| code_in(&head.headers));
    let Some((code, message)) = code else {
        let http = head.status.as_u16();
        return Ok(Answer {
            code: code_of(http),
            serving_status: None,
            message: format!("no code of gRPC, HTTP status {http}"),
        });
    };
    if code != OK {
        return Ok(Answer { code, serving_status: None, message });
    }
    let number = match &bytes[..] {
        [0, a, b, c, d, message @ ..] => {
            let length = u32::from_be_bytes([*a, *b, *c, *d]);
            message.get(..usize::try_from(length).unwrap_or(usize::MAX)).and_then(status)
        }
        _ => None,
    };
    let number = number.ok_or("it is no answer about health")?;
    let serving_status =
        usize::try_from(number).ok().and_then(|it| Grpc::STATUSES.get(it).copied());
    Ok(Answer { code, serving_status, message })
}

fn code_in(headers: &HeaderMap) -> Option<(i32, String)> {
    let code = headers.get("grpc-status")?.to_str().ok()?.parse().ok()?;
    let message = headers.get("grpc-message").and_then(|it| it.to_str().ok());
    Some((code, message.unwrap_or_default().chars().take(200).collect()))
}

/// What an answer without a code of gRPC means, by its status of HTTP.
fn code_of(status: u16) -> i32 {
    match status {
        400 => INTERNAL,
        401 => UNAUTHENTICATED,
        403 => PERMISSION_DENIED,
        404 => UNIMPLEMENTED,
        429 | 502 | 503 | 504 => UNAVAILABLE,
        _ => UNKNOWN,
    }
}

#[cfg(test)]
mod tests;
