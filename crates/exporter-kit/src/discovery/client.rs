//! An HTTP client for one list: files read, one request made, the answer checked as Prometheus does.

use std::fmt;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tracing::warn;
use url::Url;
use zeroize::Zeroizing;

use super::fault::HttpFault;
use super::files::LARGEST;
use super::settings::{ClientTls, HttpSd};
use crate::web_config::any_certificate;
use crate::{SecretSource, process};

/// An answer may take as long as the next one is away, as in Prometheus, but not longer than this.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Parts of a body that have come and are not read yet.
const CHUNKS: usize = 4;
/// As in Go's client.
const MOST_REDIRECTS: usize = 10;

/// One source, with all that its files held when they were read.
pub(super) struct Asker {
    settings: Arc<HttpSd>,
    headers: HeaderMap,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Asker {
    /// Reads the files that the settings name, relative paths being taken from `folder`.
    pub(super) fn load(settings: Arc<HttpSd>, folder: &Path) -> anyhow::Result<Self> {
        let connector = connector(&settings, folder).context("tls_config")?;
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_max_idle_per_host(0);
        let headers = headers(&settings, folder)?;
        Ok(Self { settings, headers, client: builder.build(connector) })
    }

    /// Asks once; the text of the list.
    pub(super) async fn ask(&self) -> anyhow::Result<Zeroizing<String>> {
        let patience = self.settings.refresh_interval.min(LONGEST_WAIT);
        let asked = tokio::time::timeout(patience, self.ask_and_read()).await;
        asked.unwrap_or_else(|_| Err(HttpFault::Late(patience).into()))
    }

    async fn ask_and_read(&self) -> anyhow::Result<Zeroizing<String>> {
        let response = self.follow(self.settings.url.0.clone(), None).await?;
        let status = response.status();
        ensure!(status == StatusCode::OK, "answered {}, must be 200", status.as_u16());
        ensure!(is_json(response.headers()), "the answer's Content-Type must be application/json");
        text_of(response, LARGEST).await
    }

    async fn follow(
        &self,
        mut url: Url,
        more: Option<&HeaderMap>,
    ) -> anyhow::Result<Response<Incoming>> {
        for _ in 0..=MOST_REDIRECTS {
            let mut request = self.request(&url)?;
            request.headers_mut().extend(more.cloned().unwrap_or_default());
            let response = self.client.request(request).await.context("asking")?;
            if !(self.settings.follow_redirects && is_redirect(response.status())) {
                return Ok(response);
            }
            let Some(location) = response.headers().get(header::LOCATION) else {
                return Ok(response);
            };
            url = redirected(&url, location)?;
        }
        bail!("it redirects more than {MOST_REDIRECTS} times")
    }

    fn request(&self, url: &Url) -> anyhow::Result<Request<Full<Bytes>>> {
        let mut request = Request::get(url.as_str()).body(Full::default()).context("the URL")?;
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }
}

/// A server that is asked as that of a list is: with its accounts, its TLS, and no redirect that leads to
/// another host.
pub struct HttpClient(Asker);

impl HttpClient {
    /// Reads the files that the settings name, relative paths being taken from `folder`.
    pub fn new(settings: HttpSd, folder: &Path) -> anyhow::Result<Self> {
        Asker::load(Arc::new(settings), folder).map(Self)
    }

    /// A path below the URL of the settings.
    fn below(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.0.settings.url.0.clone();
        url.set_path(&format!("{}{path}", url.path().trim_end_matches('/')));
        url.query_pairs_mut().extend_pairs(query);
        url
    }

    /// Asks for a path below the URL of the settings: the status of the answer, and its text of at most
    /// so many bytes.
    pub async fn get(
        &self,
        path: &str,
        query: &[(&str, &str)],
        most: u64,
        patience: Duration,
    ) -> anyhow::Result<(u16, String)> {
        let url = self.below(path, query);
        let asked = async {
            let response = self.0.follow(url, None).await?;
            let status = response.status().as_u16();
            let mut text = text_of(response, most).await?;
            Ok((status, std::mem::take(&mut *text)))
        };
        let asked = tokio::time::timeout(patience, asked).await;
        asked.unwrap_or_else(|_| Err(HttpFault::Late(patience).into()))
    }

    /// Asks for a path below the URL of the settings, and hands the status and the body to `read` as it comes, on a thread
    /// that may block: no answer is ever whole in memory. One of more than so many bytes, or that breaks off, is an error,
    /// whatever was made of it.
    pub async fn read<T: Send + 'static>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        most: u64,
        patience: Duration,
        read: impl FnOnce(u16, &mut dyn Read) -> T + Send + 'static,
    ) -> anyhow::Result<T> {
        let url = self.below(path, query);
        let asked = async {
            let response = self.0.follow(url, None).await?;
            let status = response.status().as_u16();
            let (sender, receive) = mpsc::channel(CHUNKS);
            let mut chunks = Chunks { receive, rest: Bytes::new() };
            let reading = spawn_blocking(move || read(status, &mut chunks));
            let whole = send_all(response.into_body(), most, sender).await;
            let read = match reading.await {
                Ok(read) => read,
                // Cancelled: the program ends.
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(_) => std::future::pending().await,
                },
            };
            whole.map(|()| read)
        };
        let asked = tokio::time::timeout(patience, asked).await;
        asked.unwrap_or_else(|_| Err(HttpFault::Late(patience).into()))
    }

    /// Sends JSON to a path below the URL of the settings: the answer, whatever its status, with its body of at most so many
    /// bytes. No redirect is followed: what is sent is for whom the config names.
    pub async fn post(
        &self,
        path: &str,
        json: Vec<u8>,
        most: u64,
        patience: Duration,
    ) -> anyhow::Result<Response<Bytes>> {
        let mut request = self.0.request(&self.below(path, &[]))?;
        *request.method_mut() = Method::POST;
        *request.body_mut() = Full::from(json);
        let kind = HeaderValue::from_static("application/json");
        request.headers_mut().insert(header::CONTENT_TYPE, kind);
        let asked = async {
            let response = self.0.client.request(request).await.context("asking")?;
            let (parts, body) = response.into_parts();
            Ok(Response::from_parts(parts, bytes_of(body, most).await?))
        };
        let asked = tokio::time::timeout(patience, asked).await;
        asked.unwrap_or_else(|_| Err(HttpFault::Late(patience).into()))
    }

    /// Asks for the URL of the settings itself, with more headers: the answer, whatever its status, with
    /// its body of at most so many bytes, as it came.
    pub async fn fetch(
        &self,
        headers: &HeaderMap,
        most: u64,
        patience: Duration,
    ) -> anyhow::Result<Response<Bytes>> {
        let asked = async {
            let response = self.0.follow(self.0.settings.url.0.clone(), Some(headers)).await?;
            let (parts, body) = response.into_parts();
            Ok(Response::from_parts(parts, bytes_of(body, most).await?))
        };
        let asked = tokio::time::timeout(patience, asked).await;
        asked.unwrap_or_else(|_| Err(HttpFault::Late(patience).into()))
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HttpClient").field(&self.0.settings.url).finish()
    }
}

async fn text_of(response: Response<Incoming>, largest: u64) -> anyhow::Result<Zeroizing<String>> {
    let bytes = bytes_of(response.into_body(), largest).await?;
    let text = std::str::from_utf8(&bytes).map(|text| Zeroizing::new(text.to_owned()));
    text.context("the answer is not UTF-8 text")
}

/// A body that comes in parts, as one reads a file.
struct Chunks {
    receive: mpsc::Receiver<Bytes>,
    rest: Bytes,
}

impl Read for Chunks {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.receive.blocking_recv() {
                Some(chunk) => self.rest = chunk,
                None => return Ok(0),
            }
        }
        let count = to.len().min(self.rest.len());
        to[..count].copy_from_slice(&self.rest.split_to(count));
        Ok(count)
    }
}

/// Sends a body on, until it ends or nobody reads it any more.
async fn send_all(
    mut body: Incoming,
    most: u64,
    sender: mpsc::Sender<Bytes>,
) -> anyhow::Result<()> {
    let mut total = 0;
    while let Some(frame) = body.frame().await {
        let Ok(chunk) = frame.context("reading the answer")?.into_data() else { continue };
        total += chunk.len() as u64;
        if total > most {
            return Err(HttpFault::Long(most).into());
        }
        if sender.send(chunk).await.is_err() {
            break;
        }
    }
    Ok(())
}

async fn bytes_of(body: Incoming, largest: u64) -> anyhow::Result<Bytes> {
    let most = usize::try_from(largest).unwrap_or(usize::MAX);
    let body = Limited::new(body, most).collect().await;
    // The error is of the body's own kind, or that it is too long.
    let body = body.map_err(|error| match error.downcast::<hyper::Error>() {
        Ok(error) => anyhow!(error).context("reading the answer"),
        Err(_) => HttpFault::Long(largest).into(),
    })?;
    Ok(body.to_bytes())
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Where a redirect leads: within the host that the config names, or from its port for HTTP to the one
/// for HTTPS. What is sent may be a secret, and a list may not lead to whom the config does not name.
fn redirected(from: &Url, location: &HeaderValue) -> anyhow::Result<Url> {
    let to = location.to_str().ok().and_then(|location| from.join(location).ok());
    let to = to.context("it redirects to what is no URL")?;
    let is_upgrade = from.scheme() == "http"
        && to.scheme() == "https"
        && (from.port(), to.port()) == (None, None)
        && from.host() == to.host();
    ensure!(
        from.origin() == to.origin() || is_upgrade,
        "it redirects to another host, scheme or port: name that as the url"
    );
    Ok(to)
}

/// As Prometheus has it: `application/json`, with UTF-8 as the only charset.
fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let value = value.unwrap_or_default().trim().to_ascii_lowercase();
    match value.split_once(';') {
        None => value == "application/json",
        Some((kind, charset)) => {
            let charset = charset.trim_start();
            kind == "application/json"
                && (charset == "charset=utf-8" || charset == "charset=\"utf-8\"")
        }
    }
}

pub(super) fn headers(settings: &HttpSd, folder: &Path) -> anyhow::Result<HeaderMap> {
    let mut headers = settings.auth.headers(folder)?;
    let agent = format!("Turbulence/{}", process::VERSION);
    headers.insert(header::USER_AGENT, HeaderValue::from_str(&agent)?);
    headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static("application/json"));
    let seconds = settings.refresh_interval.as_secs_f64().to_string();
    headers.insert("x-prometheus-refresh-interval-seconds", HeaderValue::from_str(&seconds)?);
    Ok(headers)
}

pub(super) fn connector(
    settings: &HttpSd,
    folder: &Path,
) -> anyhow::Result<HttpsConnector<HttpConnector>> {
    let is_https = settings.url.0.scheme() == "https";
    let config = tls(&settings.tls, folder, is_https || settings.follow_redirects)?;
    let mut builder = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http();
    if let Some(name) = &settings.tls.server_name {
        let name = ServerName::try_from(name.clone());
        let name = name.map_err(|_| anyhow!("server_name: must be a host's name or address"))?;
        builder = builder.with_server_name_resolver(FixedServerNameResolver::new(name));
    }
    let builder = builder.enable_http1();
    Ok(if settings.enable_http2 { builder.enable_http2().build() } else { builder.build() })
}

fn tls(tls: &ClientTls, folder: &Path, is_spoken: bool) -> anyhow::Result<ClientConfig> {
    let read = |source: &Option<SecretSource>| {
        source.as_ref().map(|source| source.read(folder)).transpose()
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&tls.versions())
        .map_err(|_| anyhow!("min_version: must not be newer than max_version"))?;
    let roots = match read(&tls.ca)? {
        Some(ca) => roots_of(ca.expose()).context("ca")?,
        None if is_spoken && !tls.insecure_skip_verify => roots_of_the_system(),
        None => RootCertStore::empty(),
    };
    let builder = if tls.insecure_skip_verify {
        builder.dangerous().with_custom_certificate_verifier(any_certificate())
    } else {
        builder.with_root_certificates(roots)
    };
    match (read(&tls.cert)?, read(&tls.key)?) {
        (Some(cert), Some(key)) => {
            let chain = certificates(cert.expose()).context("cert")?;
            let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes());
            let key = key.map_err(|_| {
                anyhow!("key: holds no private key; must have one in PEM, without a password")
            })?;
            let made = builder.with_client_auth_cert(chain, key);
            made.map_err(|_| anyhow!("key: must be that of cert, and of a kind that TLS knows"))
        }
        _ => Ok(builder.with_no_client_auth()),
    }
}

fn certificates(text: &str) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let certificates = CertificateDer::pem_slice_iter(text.as_bytes());
    let certificates: Result<Vec<_>, _> = certificates.collect();
    let certificates =
        certificates.map_err(|_| anyhow!("must be PEM: a block of it is damaged"))?;
    ensure!(!certificates.is_empty(), "holds no certificate; must have one in PEM");
    Ok(certificates)
}

fn roots_of(text: &str) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(text)? {
        let added = roots.add(certificate);
        added.map_err(|_| anyhow!("holds a certificate that is none of a CA, or damaged"))?;
    }
    Ok(roots)
}

fn roots_of_the_system() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        warn!("the system has no CA certificates: set ca_file, or install ca-certificates");
    }
    roots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_stays_with_the_host_that_the_config_names() {
        let to = |from: &str, to: &'static str| {
            let to = redirected(&Url::parse(from).unwrap(), &HeaderValue::from_static(to));
            to.map(String::from).map_err(|error| error.to_string())
        };
        assert_eq!(to("http://a/x/y", "z").unwrap(), "http://a/x/z");
        assert_eq!(to("http://a:81/x", "http://a:81/z").unwrap(), "http://a:81/z");
        assert_eq!(to("http://a/x", "https://a/x").unwrap(), "https://a/x");
        for (from, location) in [
            ("http://a/", "http://b/"),
            ("http://a/", "//b/"),
            ("http://a/", "http://a:81/"),
            ("https://a/", "http://a/"),
            ("http://a/", "https://a:81/"),
            ("http://a/", "file:///etc/passwd"),
        ] {
            assert!(to(from, location).unwrap_err().contains("another host"), "{location}");
        }
    }

    #[test]
    fn only_json_is_taken() {
        for (value, wanted) in [
            ("application/json", true),
            ("Application/JSON; charset=UTF-8", true),
            ("application/json;charset=\"utf-8\"", true),
            ("application/json; charset=latin1", false),
            ("application/json ; charset=utf-8", false),
            ("application/jsonx", false),
            ("text/plain", false),
            ("", false),
        ] {
            let headers = [(header::CONTENT_TYPE, HeaderValue::from_static(value))];
            assert_eq!(is_json(&headers.into_iter().collect()), wanted, "{value}");
        }
    }
}
