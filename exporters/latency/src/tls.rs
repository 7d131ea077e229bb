//! TLS to a target: whom to trust, the handshake, and what its failures mean.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use exporter_kit::{any_certificate, read_file};
use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tracing::warn;

use crate::outcome::Failure;

/// Bytes of a CA file: the bundle of a whole system has a quarter of a MiB.
const LARGEST_CA: u64 = 4 << 20;

/// Whom to trust.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(try_from = "RawTls")]
pub(crate) struct TlsSettings {
    /// PEM; in place of the system's certificates.
    pub(crate) ca_file: Option<PathBuf>,
    /// In place of the URL's host.
    pub(crate) server_name: Option<ServerName<'static>>,
    /// Any certificate will do.
    pub(crate) insecure_skip_verify: bool,
    /// Whether it says what only the measuring client of `/probe` can do: a version, a certificate of ours.
    pub(crate) asks_for_more: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTls {
    ca: Option<IgnoredAny>,
    cert: Option<IgnoredAny>,
    cert_file: Option<IgnoredAny>,
    key: Option<IgnoredAny>,
    key_file: Option<IgnoredAny>,
    min_version: Option<IgnoredAny>,
    max_version: Option<IgnoredAny>,
    ca_file: Option<PathBuf>,
    server_name: Option<String>,
    #[serde(default)]
    insecure_skip_verify: bool,
}

impl TryFrom<RawTls> for TlsSettings {
    type Error = String;

    fn try_from(raw: RawTls) -> Result<Self, String> {
        let server_name = match raw.server_name {
            None => None,
            Some(name) => Some(ServerName::try_from(name.clone()).map_err(|_| {
                "tls_config.server_name: must be a host name or an IP address".to_owned()
            })?),
        };
        let more = [
            raw.ca,
            raw.cert,
            raw.cert_file,
            raw.key,
            raw.key_file,
            raw.min_version,
            raw.max_version,
        ];
        Ok(Self {
            asks_for_more: more.iter().any(Option::is_some),
            ca_file: raw.ca_file,
            server_name,
            insecure_skip_verify: raw.insecure_skip_verify,
        })
    }
}

/// What a target's connections begin with. Equal ones trust the same and ask for the same.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TlsClient {
    trust: Trust,
    server_name: ServerName<'static>,
}

/// Whom to trust: the settings, the bytes of the CA file, and what was made of them.
#[derive(Clone)]
pub(crate) struct Trust {
    settings: TlsSettings,
    ca: Option<Vec<u8>>,
    config: Arc<ClientConfig>,
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trust").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl PartialEq for Trust {
    fn eq(&self, other: &Self) -> bool {
        self.settings == other.settings && self.ca == other.ca
    }
}

impl Trust {
    /// Reads the CA file, a relative path being taken from `folder`, or the system's certificates.
    pub(crate) fn load(settings: &TlsSettings, folder: &Path) -> anyhow::Result<Self> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .context("choosing TLS versions")?;
        let ca = match &settings.ca_file {
            Some(file) => {
                let path = folder.join(file);
                let pem = read_file(&path, LARGEST_CA).map(|pem| pem.to_vec());
                Some(pem.with_context(|| format!("reading ca_file {}", path.display()))?)
            }
            None => None,
        };
        let builder = if settings.insecure_skip_verify {
            builder.dangerous().with_custom_certificate_verifier(any_certificate())
        } else {
            let roots = match &ca {
                Some(pem) => roots_of(pem).context("reading the certificates of ca_file")?,
                None => roots_of_the_system(),
            };
            builder.with_root_certificates(roots)
        };
        let mut config = builder.with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Each probe is a whole handshake: with tickets, all but the first would measure less.
        config.resumption = Resumption::disabled();
        Ok(Self { settings: settings.clone(), ca, config: Arc::new(config) })
    }
}

impl TlsClient {
    /// Asks for `server_name`.
    pub(crate) fn new(trust: Trust, server_name: ServerName<'static>) -> Self {
        Self { trust, server_name }
    }

    /// Shakes hands over a connection.
    pub(crate) async fn connect(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let connector = TlsConnector::from(Arc::clone(&self.trust.config));
        connector.connect(self.server_name.clone(), stream).await
    }
}

/// Classifies an error of a TLS or a plain connection.
pub(crate) fn classify(error: &io::Error) -> Failure {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidCertificate(_)) => Failure::TlsVerify,
        Some(_) => Failure::TlsHandshake,
        None => Failure::of_io(error),
    }
}

fn roots_of(pem: &[u8]) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots.add(certificate.context("reading PEM")?).context("taking in a certificate")?;
    }
    ensure!(!roots.is_empty(), "there is no certificate in it");
    Ok(roots)
}

/// The system's certificates, less those that cannot be read: a server that needs one of these fails
/// as `tls_verify`.
fn roots_of_the_system() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        warn!("the system has no CA certificates: set ca_file, or install ca-certificates");
    }
    roots
}
