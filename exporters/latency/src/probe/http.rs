//! The prober `http`: one request to one address, over a connection of its own, each phase timed.

mod settings;
mod thorough;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use exporter_kit::HttpAuth;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::debug;
use url::Url;

use self::thorough::Thorough;
use super::{Attempt, Run, tcp};
use crate::clock;
use crate::host::{Families, Host, is_spelled_out};
use crate::outcome::{Failure, Outcome, Phase, Seen};
use crate::stopwatch::Stopwatch;
use crate::tls::{self, TlsClient, Trust};
use crate::verdict::Layer;

pub(crate) use self::settings::Settings;

/// So much of a body is read; a longer one is good as far as it goes. Judged from what a page to be
/// watched weighs, and from what an endless one must not cost.
const MOST_BYTES: usize = 8 << 20;

/// What is sent when the module sets no header of that name.
const USER_AGENT: &str = concat!("turbulence-latency/", env!("CARGO_PKG_VERSION"));

/// The parts of a URL.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Address {
    pub(super) host: Host,
    port: u16,
    /// The name that the certificate must be for, of an https URL.
    server_name: Option<ServerName<'static>>,
    /// As it goes into the header `Host`.
    authority: HeaderValue,
    /// Path and query.
    path: Uri,
    /// All of it.
    url: String,
}

/// A request, ready to be sent, and what is a good answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Probe {
    port: u16,
    method: Method,
    path: Uri,
    authority: HeaderValue,
    /// Headers of the module, which override ours.
    headers: HeaderMap,
    /// Who asks, and where the files are that say it: they are read by each probe, since tokens change.
    login: Option<(HttpAuth, PathBuf)>,
    valid_status_codes: Vec<u16>,
    /// Of an https URL.
    tls: Option<TlsClient>,
    /// What probes in place of all that.
    thorough: Option<Thorough>,
}

impl super::Settings for Settings {
    const INTERVAL: Duration = Duration::from_secs(5);
    type Address = Address;
    type Probe = Probe;

    fn families(&self) -> Families {
        self.families
    }

    fn address(&self, text: &str) -> Result<Address, String> {
        Address::parse(text)
    }

    /// A CA file and secrets are read in any case, so that a bad path does not wait for its first
    /// target.
    fn load(&mut self, folder: &Path, addresses: Option<&[&Address]>) -> anyhow::Result<()> {
        if let Some(thorough) = &mut self.thorough {
            return Arc::make_mut(thorough).load(folder);
        }
        self.auth.headers(folder).context("http")?;
        folder.clone_into(&mut self.folder);
        let is_https = |address: &&Address| address.server_name.is_some();
        let is_needed = addresses.is_none_or(|addresses| addresses.iter().any(is_https));
        if is_needed || self.tls.ca_file.is_some() {
            self.trust = Some(Trust::load(&self.tls, folder).context("http.tls_config")?);
        }
        Ok(())
    }

    fn probe(&self, address: &Address) -> Probe {
        let thorough = self.thorough.as_ref().map(|settings| {
            let host = address.host.to_string();
            Thorough::new(Arc::clone(settings), &address.url, &host, address.port)
        });
        let server_name = address.server_name.clone().filter(|_| thorough.is_none());
        let tls = server_name.map(|name| {
            let trust = self.trust.clone().expect("it is loaded where a URL is https");
            TlsClient::new(trust, self.tls.server_name.clone().unwrap_or(name))
        });
        let has_login = self.auth != HttpAuth::default();
        Probe {
            port: address.port,
            method: self.method.clone(),
            path: address.path.clone(),
            authority: address.authority.clone(),
            headers: self.headers.clone(),
            login: has_login.then(|| (self.auth.clone(), self.folder.clone())),
            valid_status_codes: self.valid_status_codes.clone(),
            tls,
            thorough,
        }
    }
}

impl Address {
    fn parse(text: &str) -> Result<Self, String> {
        let must = || "must be a URL, as in https://www.example.com/health".to_owned();
        let url = Url::parse(text).map_err(|_| must())?;
        let is_https = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return Err(must()),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "a URL must not hold a user or a password; use http.basic_auth or http.headers"
                    .to_owned(),
            );
        }
        is_spelled_out(text, &url)?;
        let host = match url.host().ok_or_else(must)? {
            url::Host::Ipv4(ip) => Host::Ip(ip.into()),
            url::Host::Ipv6(ip) => Host::Ip(ip.into()),
            url::Host::Domain(name) => Host::parse(name).ok_or_else(must)?,
        };
        let server_name = match &host {
            Host::Ip(ip) => ServerName::from(*ip),
            Host::Name(name) => ServerName::try_from(name.clone()).map_err(|_| must())?,
            Host::Zoned(..) => return Err(must()),
        };
        let shown = url.host_str().ok_or_else(must)?;
        let authority = match url.port() {
            Some(port) => format!("{shown}:{port}"),
            None => shown.to_owned(),
        };
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        Ok(Self {
            host,
            port: url.port_or_known_default().ok_or_else(must)?,
            server_name: is_https.then_some(server_name),
            authority: HeaderValue::from_str(&authority).map_err(|_| must())?,
            path: path.parse().map_err(|_| must())?,
            url: url.into(),
        })
    }
}

impl Run for Probe {
    const LAYER: Layer = Layer::Http;

    fn phases(&self) -> &'static [Phase] {
        if let Some(thorough) = &self.thorough {
            return thorough.phases();
        }
        match self.tls {
            None => &[Phase::Connect, Phase::Ttfb, Phase::Transfer],
            Some(_) => &[Phase::Connect, Phase::Tls, Phase::Ttfb, Phase::Transfer],
        }
    }

    fn detail(&self, host: &Host) -> String {
        let is_https = self.thorough.as_ref().map_or(self.tls.is_some(), Thorough::is_https);
        let scheme = if is_https { "https" } else { "http" };
        let host = host.to_string();
        let authority = self.authority.to_str().unwrap_or(&host);
        // Without the query, which may hold a secret.
        format!("{} {scheme}://{authority}{}", self.method, self.path.path())
    }

    /// Asks, and reads the answer to its end.
    async fn run(&self, attempt: &Attempt<'_>) -> Outcome {
        // Boxed: an echo's task must not have the size of a request's.
        match &self.thorough {
            Some(thorough) => Box::pin(thorough.run(attempt)).await,
            None => Box::pin(self.ask_in_time(attempt)).await,
        }
    }
}

impl Probe {
    async fn ask_in_time(&self, attempt: &Attempt<'_>) -> Outcome {
        let request = match self.request() {
            Ok(request) => request,
            Err(error) => {
                debug!(ip = %attempt.ip, "not asked: {error:#}");
                return Outcome::failed(Failure::Local);
            }
        };
        let started = Instant::now();
        let mut watch = Stopwatch::default();
        let (mut seen, mut ahead) = (Seen::Nothing, None);
        let asking = self.ask(request, attempt.ip, &mut watch, &mut seen, &mut ahead);
        let asked = tokio::time::timeout(attempt.left(), asking).await;
        let took = attempt.spent + started.elapsed();
        let (failure, duration) = match asked {
            Ok(Ok(())) => (None, Some(took)),
            // A wrong answer is an answer: its time counts.
            Ok(Err(failure @ Failure::HttpStatus)) if seen != Seen::Nothing => {
                (Some(failure), Some(took))
            }
            Ok(Err(failure)) => (Some(failure), None),
            Err(_) => (Some(Failure::Timeout), Some(attempt.timeout)),
        };
        let (phases, rtt) = watch.stop(failure == Some(Failure::Timeout));
        Outcome { failure, duration, rtt, phases, seen, ahead }
    }

    async fn ask(
        &self,
        request: Request<Empty<Bytes>>,
        ip: std::net::IpAddr,
        watch: &mut Stopwatch,
        seen: &mut Seen,
        ahead: &mut Option<i64>,
    ) -> Result<(), Failure> {
        let address = SocketAddr::new(ip, self.port);
        let stream = tcp::connect(address, watch).await?;
        // A request is one small packet, which must not wait until another fills it up.
        let _ = stream.set_nodelay(true);
        match &self.tls {
            None => self.exchange(request, stream, watch, seen, ahead).await,
            Some(client) => {
                watch.begin(Phase::Tls);
                let stream = client.connect(stream).await.map_err(|error| {
                    debug!(%address, "TLS failed: {error}");
                    tls::classify(&error)
                })?;
                watch.end();
                self.exchange(request, stream, watch, seen, ahead).await
            }
        }
    }

    async fn exchange(
        &self,
        request: Request<Empty<Bytes>>,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        watch: &mut Stopwatch,
        seen: &mut Seen,
        ahead: &mut Option<i64>,
    ) -> Result<(), Failure> {
        watch.begin(Phase::Ttfb);
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| classify(&error))?;
        // The set ends the connection's task with this probe, whatever becomes of it.
        let mut connections = JoinSet::new();
        connections.spawn(connection);
        let response = sender.send_request(request).await.map_err(|error| classify(&error))?;
        watch.end();
        watch.begin(Phase::Transfer);
        let status = response.status().as_u16();
        *seen = Seen::Http { status };
        *ahead = clock::ahead_of(response.headers());
        read_to_end(response).await?;
        watch.end();
        if self.is_valid(status) { Ok(()) } else { Err(Failure::HttpStatus) }
    }

    /// What is asked; an error is that of a file that says who asks.
    fn request(&self) -> anyhow::Result<Request<Empty<Bytes>>> {
        let mut request = Request::new(Empty::new());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.path.clone();
        let headers = request.headers_mut();
        headers.insert(header::HOST, self.authority.clone());
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        headers.extend(self.headers.clone());
        if let Some((auth, folder)) = &self.login {
            headers.extend(auth.headers(folder)?);
        }
        Ok(request)
    }

    /// Whether a status is a good answer: one of the module's, or any 2xx.
    fn is_valid(&self, status: u16) -> bool {
        if self.valid_status_codes.is_empty() {
            (200..300).contains(&status)
        } else {
            self.valid_status_codes.contains(&status)
        }
    }
}

async fn read_to_end(response: Response<hyper::body::Incoming>) -> Result<(), Failure> {
    let mut body = response.into_body();
    let mut read = 0;
    while read < MOST_BYTES {
        let Some(frame) = body.frame().await else { break };
        match frame {
            Ok(frame) => read += frame.data_ref().map_or(0, Bytes::len),
            Err(error) => {
                debug!("reading the body failed: {error}");
                return Err(Failure::Body);
            }
        }
    }
    Ok(())
}

/// Classifies what went wrong before an answer was there.
fn classify(error: &hyper::Error) -> Failure {
    if error.is_parse() {
        return Failure::HttpStatus;
    }
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if let Some(error) = inner.downcast_ref::<io::Error>() {
            return tls::classify(error);
        }
        cause = inner.source();
    }
    // The peer closed, or cut the headers short.
    Failure::Reset
}

#[cfg(test)]
mod tests {
    use super::super::Settings as _;
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let address = Address::parse("https://www.example.com:8443/a/b?c=d#e").unwrap();
        assert_eq!((address.host.to_string().as_str(), address.port), ("www.example.com", 8443));
        assert_eq!(address.path.to_string(), "/a/b?c=d");
        assert_eq!(address.authority, "www.example.com:8443");
        assert_eq!(address.server_name, Some("www.example.com".try_into().unwrap()));
        let plain = Address::parse("http://[2001:db8::1]").unwrap();
        assert_eq!((plain.host.to_string().as_str(), plain.server_name), ("2001:db8::1", None));
        for bad in ["www.example.com", "ftp://a/", "http://", "https://u:p@a.example/"] {
            assert_eq!(Address::parse(bad).ok(), None, "{bad}");
        }
    }

    #[test]
    fn a_status_is_valid_as_the_module_says() {
        let settings: Settings = exporter_kit::parse("{}", "test.yml").unwrap();
        let address = Address::parse("http://a.example/b?secret=c").unwrap();
        let probe = settings.probe(&address);
        assert!(probe.is_valid(204) && !probe.is_valid(301) && !probe.is_valid(500));
        assert_eq!(probe.detail(&address.host), "GET http://a.example/b");
        let one = exporter_kit::parse::<Settings>("{valid_status_codes: [418]}", "test.yml");
        let probe = one.unwrap().probe(&address);
        assert!(probe.is_valid(418) && !probe.is_valid(200));
    }
}
