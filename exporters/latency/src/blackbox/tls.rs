//! TLS of the measuring client: it speaks with whatever a device can, and judges what it was shown as
//! `blackbox_exporter` does.
//!
//! The handshake is made by OpenSSL, with all that it knows of old versions, suites and keys and without
//! a look at the certificate, which is recorded first and judged after: so its expiry is known also where
//! it is refused. Nothing is sent to a server before its certificate was judged.
//!
//! | file | noun |
//! |---|---|
//! | `certificate` | what a certificate says, in the words of the peer's labels (pure) |
//! | `files` | the files of a section, and whether they have changed (I/O) |
//! | `judge` | whether a chain is one to be trusted for a name |
//! | `judged` | what chains were judged to be lately (I/O) |
//! | `known` | certificates that were shown in QUIC lately |
//! | `newest` | what was made of the files last (I/O) |
//! | `quic` | the handshake in QUIC, by rustls, that is judged as any other |
//! | `session` | what is known of a session (pure) |

mod certificate;
mod files;
mod judge;
mod judged;
mod known;
mod newest;
mod quic;
mod session;

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use anyhow::Context as _;
use exporter_kit::{Secret, SecretSource};
use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use openssl::sha::Sha256;
use openssl::ssl::{
    Ssl, SslContext, SslMethod, SslOptions, SslSessionCacheMode, SslVerifyMode, SslVersion,
};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_openssl::SslStream;

use self::files::{Stamp, authorities, certificates};
use self::judge::Roots;
use self::judged::Judged;
use self::known::Known;
use self::newest::Newest;
use self::session::{record, version};
use super::ask::Ask;
use super::found::Found;
use crate::outcome::{Failure, Phase};

pub(crate) use self::quic::Handshake;

/// A connection whose certificate was judged.
pub(crate) type Stream<S> = SslStream<S>;

/// The suites of TLS 1.3, in the peer's order: servers that follow the client's choose as for the peer.
const SUITES: &str = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
/// Those of the versions before: the peer's in its order, then whatever else encrypts at all.
const CIPHERS: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:\
    ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:\
    ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:\
    ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA:\
    ALL:!aNULL:!eNULL:!PSK:!SRP:@SECLEVEL=0";
/// `SSL_OP_LEGACY_SERVER_CONNECT`: devices that know nothing of RFC 5746 are spoken with.
const LEGACY_SERVER_CONNECT: u64 = 0x4;

/// The section `tls_config`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(try_from = "Raw")]
pub(crate) struct Settings {
    ca: Option<SecretSource>,
    cert: Option<SecretSource>,
    key: Option<SecretSource>,
    server_name: Option<String>,
    insecure_skip_verify: bool,
    min_version: Option<Version>,
    max_version: Option<Version>,
    /// Where the files are.
    folder: PathBuf,
    /// What was made of it all by `load`.
    loaded: Option<Loaded>,
    /// And of the files since.
    newest: Newest,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    ca: Option<Secret>,
    ca_file: Option<PathBuf>,
    cert: Option<Secret>,
    cert_file: Option<PathBuf>,
    key: Option<Secret>,
    key_file: Option<PathBuf>,
    server_name: Option<String>,
    #[serde(default)]
    insecure_skip_verify: bool,
    min_version: Option<Version>,
    max_version: Option<Version>,
}

/// A version of TLS, in the peer's words.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
enum Version {
    #[serde(rename = "TLS10")]
    Tls10,
    #[serde(rename = "TLS11")]
    Tls11,
    #[serde(rename = "TLS12")]
    Tls12,
    #[serde(rename = "TLS13")]
    Tls13,
}

/// Equal ones were made of the same bytes.
#[derive(Clone)]
struct Loaded {
    /// Of the files that it was made of.
    stamps: Vec<Stamp>,
    context: SslContext,
    /// What it shows of itself, DER: of none of these the library can be asked.
    chain: Vec<Vec<u8>>,
    roots: Roots,
    digest: [u8; 32],
    /// By these.
    judged: Arc<Judged>,
    /// What was shown in QUIC.
    known: Arc<Known>,
}

impl PartialEq for Loaded {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Loaded {
    /// Whether it cannot judge, as long as this machine has no certificates.
    fn is_without_roots(&self) -> bool {
        matches!(self.roots, Roots::Missing)
    }
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<loaded>")
    }
}

impl TryFrom<Raw> for Settings {
    type Error = String;

    fn try_from(raw: Raw) -> Result<Self, String> {
        // An empty one is none, as in the peer.
        let either = |field, inline: Option<Secret>, file: Option<PathBuf>| {
            let inline = inline.filter(|inline| !inline.expose().is_empty());
            SecretSource::either(field, inline, file.filter(|file| !file.as_os_str().is_empty()))
        };
        let settings = Self {
            ca: either("ca", raw.ca, raw.ca_file)?,
            cert: either("cert", raw.cert, raw.cert_file)?,
            key: either("key", raw.key, raw.key_file)?,
            server_name: raw.server_name.filter(|name| !name.is_empty()),
            insecure_skip_verify: raw.insecure_skip_verify,
            min_version: raw.min_version,
            max_version: raw.max_version,
            folder: PathBuf::new(),
            loaded: None,
            newest: Newest::default(),
        };
        match (&settings.cert, &settings.key) {
            (Some(_), None) => return Err("key: must be given beside cert".to_owned()),
            (None, Some(_)) => return Err("cert: must be given beside key".to_owned()),
            _ => {}
        }
        match (settings.min_version, settings.max_version) {
            (Some(min), Some(max)) if min > max => {
                Err("min_version: must not be newer than max_version".to_owned())
            }
            _ => Ok(settings),
        }
    }
}

impl Settings {
    /// The name that is asked for in place of the target's.
    pub(crate) fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// Reads and takes in the CA, the certificate and the key, relative paths being taken from `folder`.
    pub(crate) fn load(&mut self, folder: &Path) -> anyhow::Result<()> {
        folder.clone_into(&mut self.folder);
        self.loaded = Some(self.read()?);
        Ok(())
    }

    /// Whether the files are good as they are now, where there are any.
    pub(crate) async fn usable(&self, ask: &Ask<'_>) -> anyhow::Result<()> {
        if self.is_of_files() { self.made(ask).await.map(drop) } else { Ok(()) }
    }

    fn is_of_files(&self) -> bool {
        let is_file = |it: &&Option<SecretSource>| matches!(it, Some(SecretSource::File(_)));
        [&self.ca, &self.cert, &self.key].iter().any(is_file)
    }

    /// What is made of it for a probe.
    async fn made(&self, ask: &Ask<'_>) -> anyhow::Result<Loaded> {
        let is_missing = self.loaded.as_ref().is_some_and(Loaded::is_without_roots);
        match &self.loaded {
            Some(loaded) if !self.is_of_files() && !is_missing => Ok(loaded.clone()),
            None if !self.is_of_files() => self.read(),
            _ => self.newest.of(self, ask).await,
        }
    }

    /// The same with the files as they are now: they are read again where one has changed. May take long.
    fn current(&self) -> anyhow::Result<Loaded> {
        let stamps = self.stamps();
        let is_same = |loaded: &Loaded| loaded.stamps == stamps && !loaded.is_without_roots();
        let known = self.loaded.clone().filter(is_same);
        known.or_else(|| self.newest.loaded().filter(is_same)).map_or_else(|| self.read(), Ok)
    }

    fn stamps(&self) -> Vec<Stamp> {
        files::stamps(&self.folder, &[&self.ca, &self.cert, &self.key])
    }

    fn read(&self) -> anyhow::Result<Loaded> {
        // Before they are read: one that changes meanwhile is read once more.
        let (folder, stamps) = (self.folder.as_path(), self.stamps());
        let (mut digest, mut roots, mut own) = (Sha256::new(), Roots::Anybody, Vec::new());
        let mut builder = SslContext::builder(SslMethod::tls_client())?;
        // Judged here, once it was recorded.
        builder.set_verify(SslVerifyMode::NONE);
        builder.set_cipher_list(CIPHERS)?;
        builder.set_ciphersuites(SUITES)?;
        builder.set_security_level(0);
        builder.set_min_proto_version(Some(self.min_version.unwrap_or(Version::Tls12).into()))?;
        builder.set_max_proto_version(Some(self.max_version.unwrap_or(Version::Tls13).into()))?;
        // Whether something is missing at the end, the protocol above says: many servers just hang up.
        builder.set_options(
            SslOptions::IGNORE_UNEXPECTED_EOF
                | SslOptions::from_bits_retain(LEGACY_SERVER_CONNECT)
                | SslOptions::NO_COMPRESSION,
        );
        // Each probe is a whole handshake.
        builder.set_session_cache_mode(SslSessionCacheMode::OFF);
        if let Some(ca) = &self.ca {
            let pem = authorities(ca, folder).context("tls_config.ca_file")?;
            digest.update(&pem);
            let given = certificates(&pem).context("tls_config.ca_file")?;
            let store = judge::store_of(given).context("tls_config.ca_file")?;
            roots = Roots::These(Arc::new(store));
        } else if !self.insecure_skip_verify {
            roots = judge::system()?;
        }
        if let (Some(cert), Some(key)) = (&self.cert, &self.key) {
            let pem = cert.read(folder).context("tls_config.cert_file")?;
            let chain = certificates(pem.expose().as_bytes()).context("tls_config.cert_file")?;
            own = chain.iter().map(|it| it.to_der()).collect::<Result<_, _>>()?;
            let mut chain = chain.into_iter();
            let leaf = chain.next().context("tls_config.cert_file")?;
            builder.set_certificate(&leaf)?;
            chain.try_for_each(|certificate| builder.add_extra_chain_cert(certificate))?;
            digest.update(pem.expose().as_bytes());
            let pem = key.read(folder).context("tls_config.key_file")?;
            let key = PKey::private_key_from_pem(pem.expose().as_bytes());
            let key = key.context("tls_config.key_file: there is no private key in it")?;
            builder.set_private_key(&key).context("tls_config.key_file")?;
            builder.check_private_key().context("tls_config.key_file: it is of another cert")?;
            digest.update(pem.expose().as_bytes());
        }
        let (context, digest) = (builder.build(), digest.finish());
        let (judged, known) = Default::default();
        Ok(Loaded { stamps, context, chain: own, roots, digest, judged, known })
    }

    /// Shakes hands, records what was shown, and judges it for `server_name`, or for that of the section.
    pub(crate) async fn connect<S: AsyncRead + AsyncWrite + Unpin + Send>(
        &self,
        stream: S,
        server_name: &str,
        alpn: &[&str],
        ask: &Ask<'_>,
        found: &mut Found,
    ) -> Result<Stream<S>, Failure> {
        let name = self.server_name.as_deref().unwrap_or(server_name);
        self.connect_as(stream, name, alpn, ask, found).await
    }

    /// The same for `name`, whatever the section says.
    pub(crate) async fn connect_as<S: AsyncRead + AsyncWrite + Unpin + Send>(
        &self,
        stream: S,
        name: &str,
        alpn: &[&str],
        ask: &Ask<'_>,
        found: &mut Found,
    ) -> Result<Stream<S>, Failure> {
        let loaded = &self.made(ask).await.map_err(|error| {
            ask.log.line(|| format!("a file of the module could not be read: {error:#}"));
            Failure::Local
        })?;
        let name = bare(name);
        let mut stream = begin(loaded, stream, name, alpn).map_err(|error| {
            ask.log.line(|| format!("TLS cannot be begun: {error}"));
            Failure::Local
        })?;
        ask.log.line(|| format!("shaking hands by TLS as {name}"));
        found.watch.begin(Phase::Tls);
        let shaken = Pin::new(&mut stream).connect().await;
        found.tls = record(stream.ssl(), !ask.is_of_target);
        if let Err(error) = shaken {
            ask.log.line(|| format!("TLS failed: {error}"));
            return Err(match error.into_io_error() {
                Ok(error) => Failure::of_io(&error),
                Err(error) if error.ssl_error().is_some() => Failure::TlsHandshake,
                // The peer hung up in the middle.
                Err(_) => Failure::Reset,
            });
        }
        ask.log.line(|| {
            let suite = stream.ssl().current_cipher().map_or("?", |cipher| cipher.name());
            format!("TLS is {} with {suite}", version(stream.ssl()).unwrap_or("?"))
        });
        self.judge(loaded, stream.ssl().peer_cert_chain(), name, ask, found)?;
        found.watch.end();
        Ok(stream)
    }
}

/// A connection that asks for this name, before its handshake.
fn begin<S: AsyncRead + AsyncWrite>(
    loaded: &Loaded,
    stream: S,
    name: &str,
    alpn: &[&str],
) -> Result<SslStream<S>, ErrorStack> {
    let mut ssl = Ssl::new(&loaded.context)?;
    // RFC 6066: an address is not asked for.
    if name.parse::<std::net::IpAddr>().is_err() && !name.is_empty() {
        ssl.set_hostname(name)?;
    }
    if !alpn.is_empty() {
        let mut wire = Vec::new();
        for protocol in alpn {
            wire.push(u8::try_from(protocol.len()).unwrap_or(0));
            wire.extend_from_slice(protocol.as_bytes());
        }
        ssl.set_alpn_protos(&wire)?;
    }
    SslStream::new(ssl, stream)
}

/// Whether a connection speaks HTTP/2.
pub(crate) fn is_h2<S>(stream: &Stream<S>) -> bool {
    stream.ssl().selected_alpn_protocol() == Some(b"h2")
}

/// Classifies an error of a connection that may be TLS: an alert that comes late, say.
pub(crate) fn classify(error: &io::Error) -> Failure {
    let inner = error.get_ref();
    let is_tls = inner.is_some_and(|it| it.is::<openssl::ssl::Error>() || it.is::<ErrorStack>());
    if is_tls { Failure::TlsHandshake } else { Failure::of_io(error) }
}

/// A host as a certificate names it: without brackets, zone and final dot.
fn bare(host: &str) -> &str {
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let host = host.split_once('%').map_or(host, |(address, _)| address);
    host.strip_suffix('.').unwrap_or(host)
}

impl From<Version> for SslVersion {
    fn from(version: Version) -> Self {
        match version {
            Version::Tls10 => Self::TLS1,
            Version::Tls11 => Self::TLS1_1,
            Version::Tls12 => Self::TLS1_2,
            Version::Tls13 => Self::TLS1_3,
        }
    }
}

#[cfg(test)]
mod tests;
