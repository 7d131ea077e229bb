//! One connection to whoever is asked, itself or through a proxy, by HTTP/1.1 or HTTP/2.
//!
//! It is as lenient with what comes back as HTTP/1.1 allows, for what is measured is whether a server serves
//! and not how it writes its headers, and bounded in all that it keeps.

use std::error::Error as _;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::rt::Executor;
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::Via;
use super::dial::dial;
use super::first_byte::{Begins, FirstByte};
use super::oddity::Oddities;
use super::socks;
use crate::blackbox::ask::Ask;
use crate::blackbox::dialogue::Talk;
use crate::blackbox::found::{Found, HttpPhases};
use crate::blackbox::tls;
use crate::outcome::{Failure, Phase};

/// What is kept of the headers of an answer.
const MOST_HEADER_BYTES: usize = 1 << 20;
/// So many headers are read. Real servers send a hundred and some.
const MOST_HEADERS: usize = 2_000;
/// What a proxy may say before the connection is through.
const MOST_PROXY_BYTES: usize = 16 * 1024;

/// Whom to connect to, and how.
pub(crate) struct Peer<'a> {
    pub(crate) is_tls: bool,
    /// As it is asked for: a name, or an address in brackets where it has colons.
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    /// What a proxy is told; the host itself where it was not looked up.
    pub(crate) ip: Option<IpAddr>,
    /// What a connection is made to, of the proxy where there is one: the first of these that accepts.
    pub(crate) at: &'a [IpAddr],
    pub(crate) via: Option<&'a Via>,
    pub(crate) tls: &'a tls::Settings,
    /// The name that is asked for and has to be certified; where that of `tls` counts first, see `is_first`.
    pub(crate) server_name: &'a str,
    /// Whether this is whom the module is about, so that the name in its `tls_config` is meant.
    pub(crate) is_first: bool,
    pub(crate) alpn: &'a [&'a str],
}

/// A connection over which a request can be sent.
pub(crate) struct Connection {
    sender: Sender,
    begins: Arc<Begins>,
    /// Ends the connection's tasks with whoever holds it.
    _tasks: Ended,
    /// Whether requests name the whole URL: they go to a proxy.
    is_to_proxy: bool,
}

/// The tasks of one connection: HTTP/2 begins some of its own, which would outlive it.
#[derive(Clone, Debug, Default)]
pub(super) struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, task: F) {
        self.begin(async move {
            let _ = task.await;
        });
    }
}

impl Tasks {
    /// Begins one.
    pub(super) fn begin(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).spawn(task);
    }

    /// Ends all of them.
    pub(super) fn end(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}

/// Ends them when it is dropped.
struct Ended(Tasks);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.end();
    }
}

enum Sender {
    H1(http1::SendRequest<Full<Bytes>>),
    H2(http2::SendRequest<Full<Bytes>>),
}

/// A request, whatever the version that it is sent by.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) scheme: &'static str,
    /// The header `Host`, or `:authority`.
    pub(crate) host: HeaderValue,
    /// Where the request goes if it goes to a proxy: the URL's host and port, an address where it was looked up.
    pub(crate) authority: String,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A stream, as far as the peer, with TLS where that is asked for; the phases are timed as the peer does.
pub(crate) async fn open(
    to: &Peer<'_>,
    phases: &mut HttpPhases,
    ask: &Ask<'_>,
    found: &mut Found,
) -> Result<(Box<dyn Talk>, bool), Failure> {
    let port = to.via.map_or(to.port, |via| via.port);
    ask.log.line(|| {
        let at: Vec<_> = to.at.iter().map(|ip| SocketAddr::new(*ip, port).to_string()).collect();
        format!("connecting to {}", at.join(", "))
    });
    let began = Instant::now();
    found.watch.begin(Phase::Connect);
    let dialling = async {
        dial(to.at, port).await.map_err(|error| {
            ask.log.line(|| format!("connecting failed: {error}"));
            Failure::of_io(&error)
        })
    };
    let stream = match to.via {
        None => dialling.await?,
        // A proxy that is not there says nothing of the target.
        Some(_) => ask.of_another(dialling).await?,
    };
    // A request is one small packet, which must not wait until another fills it up.
    let _ = stream.set_nodelay(true);
    phases.connect += began.elapsed();
    if to.via.is_none() {
        found.watch.shook_hands();
    }
    let mut stream: Box<dyn Talk> = Box::new(stream);
    if let Some(via) = to.via {
        if via.is_tls {
            let mut unused = Found::default();
            let shaking = to.tls.connect_as(stream, &via.host, &[], ask, &mut unused);
            stream = Box::new(ask.of_another(shaking).await?);
        }
        if let Some(login) = &via.socks {
            socks::through(&mut *stream, login, (to.host, to.ip, to.port), ask).await?;
        } else if to.is_tls {
            through(&mut *stream, via, to, ask).await?;
        }
    }
    // Through a proxy there is a connection when the proxy has one.
    found.watch.end();
    if !to.is_tls {
        return Ok((stream, false));
    }
    let began = Instant::now();
    let shaken = if to.is_first {
        to.tls.connect(stream, to.server_name, to.alpn, ask, found).await
    } else {
        to.tls.connect_as(stream, to.server_name, to.alpn, ask, found).await
    }?;
    phases.tls += began.elapsed();
    let is_h2 = tls::is_h2(&shaken);
    Ok((Box::new(shaken), is_h2))
}

/// Asks a proxy to connect.
async fn through(
    stream: &mut dyn Talk,
    via: &Via,
    to: &Peer<'_>,
    ask: &Ask<'_>,
) -> Result<(), Failure> {
    let authority = authority(to.host, to.ip, to.port);
    let mut request =
        Zeroizing::new(format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n"));
    for (name, value) in &via.connect {
        request.push_str(name.as_str());
        request.push_str(": ");
        request.push_str(value.to_str().unwrap_or_default());
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    let failed = |error: io::Error| {
        ask.log.line(|| format!("the proxy failed: {error}"));
        tls::classify(&error)
    };
    stream.write_all(request.as_bytes()).await.map_err(failed)?;
    stream.flush().await.map_err(failed)?;
    // Byte by byte, up to the end of its headers: what follows is the host's.
    let mut said = Vec::new();
    while !said.ends_with(b"\r\n\r\n") {
        if said.len() >= MOST_PROXY_BYTES {
            return Err(Failure::HttpStatus);
        }
        said.push(stream.read_u8().await.map_err(failed)?);
    }
    let line = String::from_utf8_lossy(said.split(|byte| *byte == b'\r').next().unwrap_or(&[]));
    let mut words = line.split(' ');
    let is_http = words.next().is_some_and(|word| word.starts_with("HTTP/1."));
    if is_http && words.next() == Some("200") {
        return Ok(());
    }
    ask.log.line(|| format!("the proxy does not connect: {line}"));
    // 407: it does not know us. Of others it may be the target that it could not reach.
    let is_ours = line.split(' ').nth(1) == Some("407");
    Err(if is_ours { Failure::Local } else { Failure::HttpStatus })
}

/// A host and a port, as a URL has them.
pub(crate) fn authority(host: &str, ip: Option<IpAddr>, port: u16) -> String {
    match ip {
        Some(ip) => SocketAddr::new(ip, port).to_string(),
        None => format!("{host}:{port}"),
    }
}

impl Connection {
    /// Begins HTTP over a stream.
    pub(crate) async fn begin(
        stream: Box<dyn Talk>,
        is_h2: bool,
        is_to_proxy: bool,
        ask: &Ask<'_>,
    ) -> Result<Self, Failure> {
        let (stream, begins) = FirstByte::new(stream, is_h2);
        let (stream, tasks) = (TokioIo::new(stream), Tasks::default());
        let ended = Ended(tasks.clone());
        let sender = if is_h2 {
            let mut builder = http2::Builder::new(tasks.clone());
            builder.max_header_list_size(u32::try_from(MOST_HEADER_BYTES).unwrap_or(u32::MAX));
            let (sender, connection) =
                builder.handshake(stream).await.map_err(|error| classify(&error, ask))?;
            tasks.execute(connection);
            Sender::H2(sender)
        } else {
            let (sender, connection) =
                lenient().handshake(stream).await.map_err(|error| classify(&error, ask))?;
            tasks.execute(connection.with_upgrades());
            Sender::H1(sender)
        };
        Ok(Self { sender, begins, _tasks: ended, is_to_proxy })
    }

    /// What is odd in the head of its first answer; of HTTP/2 nothing is kept of it.
    pub(crate) fn oddities(&self) -> Oddities {
        self.begins.oddities()
    }

    /// Sends a request; its answer, and when the first byte of that came.
    pub(crate) async fn send(
        &mut self,
        asked: Asked,
        ask: &Ask<'_>,
    ) -> Result<(Response<Incoming>, Instant), Failure> {
        let is_to_proxy = self.is_to_proxy;
        let sent = match &mut self.sender {
            Sender::H1(sender) => sender.send_request(asked.by_h1(is_to_proxy)?).await,
            Sender::H2(sender) => sender.send_request(asked.by_h2()?).await,
        };
        let response = sent.map_err(|error| classify(&error, ask))?;
        // Of HTTP/2, the first bytes are settings.
        let is_h2 = matches!(self.sender, Sender::H2(_));
        let came = self.begins.came().filter(|_| !is_h2);
        Ok((response, came.unwrap_or_else(Instant::now)))
    }
}

fn lenient() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .max_headers(MOST_HEADERS)
        .max_buf_size(MOST_HEADER_BYTES)
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .ignore_invalid_headers_in_responses(true)
        // As Go writes them; old devices do not know that case means nothing.
        .title_case_headers(true);
    builder
}

impl Asked {
    fn by_h1(self, is_to_proxy: bool) -> Result<Request<Full<Bytes>>, Failure> {
        let uri = if is_to_proxy {
            format!("{}://{}{}", self.scheme, self.authority, self.path)
        } else {
            self.path.clone()
        };
        let (length, has_body) = (self.body.len(), self.has_body());
        let mut request = Request::new(Full::new(self.body));
        *request.method_mut() = self.method;
        *request.uri_mut() = uri.parse::<Uri>().map_err(|_| Failure::Local)?;
        let headers = request.headers_mut();
        headers.insert(header::HOST, self.host);
        headers.extend(self.headers);
        headers.entry(header::CONNECTION).or_insert(HeaderValue::from_static("close"));
        if has_body {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        Ok(request)
    }

    /// Whether strict servers want to know how long its body is, also of one that has none.
    pub(super) fn has_body(&self) -> bool {
        !self.body.is_empty() || [Method::POST, Method::PUT, Method::PATCH].contains(&self.method)
    }

    /// As HTTP/2 has it, and HTTP/3.
    pub(super) fn by_h2(self) -> Result<Request<Full<Bytes>>, Failure> {
        let host = self.host.to_str().map_err(|_| Failure::Local)?;
        let uri = format!("{}://{host}{}", self.scheme, self.path);
        let mut request = Request::new(Full::new(self.body));
        *request.method_mut() = self.method;
        *request.uri_mut() = uri.parse::<Uri>().map_err(|_| Failure::Local)?;
        *request.headers_mut() = self.headers;
        for name in ["connection", "keep-alive", "transfer-encoding", "upgrade"] {
            request.headers_mut().remove(name);
        }
        Ok(request)
    }
}

/// Classifies what went wrong before an answer was there, and says it.
fn classify(error: &hyper::Error, ask: &Ask<'_>) -> Failure {
    let mut cause = error.source();
    let said = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
    ask.log.line(|| format!("no answer of HTTP came: {error}{said}"));
    if error.is_parse() || error.is_parse_too_large() {
        return Failure::HttpStatus;
    }
    while let Some(inner) = cause {
        if let Some(error) = inner.downcast_ref::<io::Error>() {
            return tls::classify(error);
        }
        cause = inner.source();
    }
    // The peer closed, or cut the headers short.
    Failure::Reset
}
