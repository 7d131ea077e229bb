//! The handshake in QUIC, which OpenSSL here cannot make: by rustls, that records what it is shown and lets it pass, so
//! that it is judged as for any other connection.

use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use openssl::stack::{Stack, StackRef};
use openssl::x509::X509;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::crypto::{
    ClientConfig, ExportKeyingMaterialError, HeaderKey, KeyPair, Keys, PacketKey, Session,
};
use quinn_proto::transport_parameters::TransportParameters;
use quinn_proto::{ConnectError, ConnectionId, Side, TransportError};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::cipher_suite::{
    TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384, TLS13_CHACHA20_POLY1305_SHA256,
};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};

use super::session::of;
use super::{Loaded, Settings, bare};
use crate::blackbox::ask::Ask;
use crate::blackbox::found::Found;
use crate::outcome::Failure;

/// What is spoken over it.
const HTTP_3: &[u8] = b"h3";
/// What a server signs: its transcript's digest behind these words (RFC 8446 §4.4.3).
const BEFORE_DIGEST: usize = 64 + "TLS 1.3, server CertificateVerify".len() + 1;
/// The digest of the one suite that has another than the rest.
const SHA384: usize = 48;
/// So many packets one key of AES may encrypt (RFC 9001 §6.6): any number of ChaCha20-Poly1305.
const MOST_BY_AES: u64 = 1 << 23;

/// The suites in the order of those that are not of QUIC.
static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
    let cipher_suites =
        vec![TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384, TLS13_CHACHA20_POLY1305_SHA256];
    Arc::new(CryptoProvider { cipher_suites, ..ring::default_provider() })
});

/// One handshake: what it is made by, and what it was shown.
pub(crate) struct Handshake<'a> {
    settings: &'a Settings,
    loaded: Loaded,
    name: String,
    config: Arc<Recording>,
}

impl Settings {
    /// Prepares a handshake as `name`, or as that of the section where that is meant.
    pub(crate) async fn by_quic(
        &self,
        name: &str,
        is_first: bool,
        ask: &Ask<'_>,
    ) -> Result<Handshake<'_>, Failure> {
        let own = self.server_name().filter(|_| is_first);
        let made = async {
            let loaded = self.made(ask).await?;
            let shown = Arc::new(Shown::default());
            let inner = Arc::new(config(&loaded, Arc::clone(&shown))?);
            Ok(Handshake {
                settings: self,
                loaded,
                name: bare(own.unwrap_or(name)).to_owned(),
                config: Arc::new(Recording { inner, shown }),
            })
        };
        made.await.map_err(|error: anyhow::Error| {
            ask.log.line(|| format!("TLS cannot be begun: {error:#}"));
            Failure::Local
        })
    }

    /// What of it QUIC cannot have.
    pub(crate) fn lack_of_quic(&self) -> Option<&'static str> {
        let is_old = self.max_version.is_some_and(|max| max < super::Version::Tls13);
        is_old.then_some("tls_config.max_version: HTTP/3 needs TLS13")
    }
}

impl Handshake<'_> {
    /// By what it is made.
    pub(crate) fn config(&self) -> Arc<dyn ClientConfig> {
        Arc::<Recording>::clone(&self.config)
    }

    /// The name that is asked for.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Notes what was shown so far, also of a handshake that failed.
    pub(crate) fn record(&self, ask: &Ask<'_>, found: &mut Found) {
        let suite = self.config.shown.all().suite();
        let chain = self.chain();
        found.tls = chain.and_then(|chain| {
            of(&chain, Some("TLS 1.3"), suite.map(str::to_owned), !ask.is_of_target)
        });
    }

    /// Judges what was shown.
    pub(crate) fn judge(&self, ask: &Ask<'_>, found: &mut Found) -> Result<(), Failure> {
        ask.log.line(|| {
            format!("TLS is TLS 1.3 with {}", self.config.shown.all().suite().unwrap_or("?"))
        });
        let chain = self.chain();
        let shown: Option<&StackRef<X509>> = chain.as_deref();
        self.settings.judge(&self.loaded, shown, &self.name, ask, found)
    }

    fn chain(&self) -> Option<Stack<X509>> {
        let mut chain = Stack::new().ok()?;
        for der in &self.config.shown.all().chain {
            chain.push(X509::from_der(der).ok()?).ok()?;
        }
        Some(chain)
    }
}

fn config(loaded: &Loaded, shown: Arc<Shown>) -> anyhow::Result<QuicClientConfig> {
    let builder = rustls::ClientConfig::builder_with_provider(Arc::clone(&PROVIDER));
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS13])?;
    let builder = builder.dangerous().with_custom_certificate_verifier(shown);
    let mut config = match loaded.context.private_key() {
        Some(key) => {
            let chain = loaded.chain.iter().cloned().map(CertificateDer::from).collect();
            let key = PrivatePkcs8KeyDer::from(key.private_key_to_pkcs8()?);
            let config = builder.with_client_auth_cert(chain, PrivateKeyDer::Pkcs8(key));
            config.context("tls_config.key_file: QUIC cannot have a key of its kind")?
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![HTTP_3.to_vec()];
    // Each probe is a whole handshake.
    config.resumption = Resumption::disabled();
    QuicClientConfig::try_from(config).context("the suites of QUIC")
}

/// What a server has shown.
#[derive(Debug, Default)]
struct Shown(Mutex<Facts>);

#[derive(Debug, Default)]
struct Facts {
    chain: Vec<CertificateDer<'static>>,
    /// How long a digest its suite makes, bytes.
    digest: Option<usize>,
    /// How many packets may be encrypted by one key.
    most_packets: Option<u64>,
}

impl Shown {
    fn all(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Facts {
    /// The suite: rustls knows it, but quinn hands it to nobody. Its three are told apart by what they can do.
    fn suite(&self) -> Option<&'static str> {
        Some(match (self.digest?, self.most_packets?) {
            (SHA384, _) => "TLS_AES_256_GCM_SHA384",
            (_, MOST_BY_AES) => "TLS_AES_128_GCM_SHA256",
            _ => "TLS_CHACHA20_POLY1305_SHA256",
        })
    }
}

impl ServerCertVerifier for Shown {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let chain = [leaf].into_iter().chain(others);
        self.all().chain = chain.map(|it| it.clone().into_owned()).collect();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("QUIC has TLS 1.3 alone".to_owned()))
    }

    /// That the server has the key of what it shows is no question of trust.
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.all().digest = message.len().checked_sub(BEFORE_DIGEST);
        let algorithms = &PROVIDER.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        PROVIDER.signature_verification_algorithms.supported_schemes()
    }
}

/// A config whose sessions note what their keys can do.
struct Recording {
    inner: Arc<QuicClientConfig>,
    shown: Arc<Shown>,
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<config>")
    }
}

impl ClientConfig for Recording {
    fn start_session(
        self: Arc<Self>,
        version: u32,
        name: &str,
        parameters: &TransportParameters,
    ) -> Result<Box<dyn Session>, ConnectError> {
        let inner = Arc::clone(&self.inner).start_session(version, name, parameters)?;
        Ok(Box::new(Recorded { inner, shown: Arc::clone(&self.shown) }))
    }
}

struct Recorded {
    inner: Box<dyn Session>,
    shown: Arc<Shown>,
}

impl Session for Recorded {
    fn initial_keys(&self, id: &ConnectionId, side: Side) -> Keys {
        self.inner.initial_keys(id, side)
    }

    fn handshake_data(&self) -> Option<Box<dyn std::any::Any>> {
        self.inner.handshake_data()
    }

    fn peer_identity(&self) -> Option<Box<dyn std::any::Any>> {
        self.inner.peer_identity()
    }

    fn early_crypto(&self) -> Option<(Box<dyn HeaderKey>, Box<dyn PacketKey>)> {
        self.inner.early_crypto()
    }

    fn early_data_accepted(&self) -> Option<bool> {
        self.inner.early_data_accepted()
    }

    fn is_handshaking(&self) -> bool {
        self.inner.is_handshaking()
    }

    fn read_handshake(&mut self, bytes: &[u8]) -> Result<bool, TransportError> {
        self.inner.read_handshake(bytes)
    }

    fn transport_parameters(&self) -> Result<Option<TransportParameters>, TransportError> {
        self.inner.transport_parameters()
    }

    /// The keys that it gives are of the suite that was agreed upon.
    fn write_handshake(&mut self, bytes: &mut Vec<u8>) -> Option<Keys> {
        let keys = self.inner.write_handshake(bytes);
        if let Some(keys) = &keys {
            self.shown.all().most_packets = Some(keys.packet.remote.confidentiality_limit());
        }
        keys
    }

    fn next_1rtt_keys(&mut self) -> Option<KeyPair<Box<dyn PacketKey>>> {
        self.inner.next_1rtt_keys()
    }

    fn is_valid_retry(&self, id: &ConnectionId, header: &[u8], payload: &[u8]) -> bool {
        self.inner.is_valid_retry(id, header, payload)
    }

    fn export_keying_material(
        &self,
        output: &mut [u8],
        label: &[u8],
        context: &[u8],
    ) -> Result<(), ExportKeyingMaterialError> {
        self.inner.export_keying_material(output, label, context)
    }
}
