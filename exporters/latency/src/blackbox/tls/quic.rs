//! The handshake in QUIC, which OpenSSL here cannot make: by rustls, that records what it is shown and lets it pass, so
//! that it is judged as for any other connection.

use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKeyRef, Public};
use openssl::rsa::Padding;
use openssl::sign::{RsaPssSaltlen, Verifier};
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
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{DigitallySignedStruct, SignatureScheme};
use zeroize::Zeroizing;

use super::known::Known;
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
/// What a server may sign by: that of the peer, and that of the other probers.
const SCHEMES: [SignatureScheme; 10] = [
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::ED25519,
    SignatureScheme::RSA_PSS_SHA384,
    SignatureScheme::RSA_PSS_SHA512,
    SignatureScheme::RSA_PKCS1_SHA256,
    SignatureScheme::RSA_PKCS1_SHA384,
    SignatureScheme::RSA_PKCS1_SHA512,
    SignatureScheme::ECDSA_NISTP384_SHA384,
    SignatureScheme::ECDSA_NISTP521_SHA512,
];
/// What is asked of nobody by this name, where the one that is meant cannot be said.
const UNNAMED: &str = "name.invalid";

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
            let shown = Shown::by(&loaded.known);
            let name = bare(own.unwrap_or(name)).to_owned();
            let mut config = config(&loaded, Arc::clone(&shown))?;
            config.enable_sni = can_be_said(&name);
            let inner = QuicClientConfig::try_from(config).context("the suites of QUIC")?;
            let config = Arc::new(Recording { inner: Arc::new(inner), shown });
            Ok(Handshake { settings: self, loaded, name, config })
        };
        made.await.map_err(|error: anyhow::Error| {
            ask.log.line(|| format!("TLS cannot be begun: {error:#}"));
            Failure::Local
        })
    }

    /// What of it QUIC cannot have.
    pub(crate) fn lack_of_quic(&self) -> Option<&'static str> {
        if self.max_version.is_some_and(|max| max < super::Version::Tls13) {
            return Some("tls_config.max_version: HTTP/3 needs TLS13");
        }
        let cannot = |it: &Loaded| config(it, Shown::by(&it.known)).is_err();
        let is_lacking = self.loaded.as_ref().is_some_and(cannot);
        is_lacking.then_some("tls_config.key_file: HTTP/3 cannot have a key of its kind")
    }
}

impl Handshake<'_> {
    /// By what it is made.
    pub(crate) fn config(&self) -> Arc<dyn ClientConfig> {
        Arc::<Recording>::clone(&self.config)
    }

    /// The name that is asked for; another where it is none that can be, which is then not said.
    pub(crate) fn name(&self) -> &str {
        if can_be_said(&self.name) { &self.name } else { UNNAMED }
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
        for certificate in self.config.shown.all().chain.as_ref()? {
            chain.push(certificate.clone()).ok()?;
        }
        Some(chain)
    }
}

/// Whether the library takes it for a name or an address.
fn can_be_said(name: &str) -> bool {
    ServerName::try_from(name).is_ok()
}

fn config(loaded: &Loaded, shown: Arc<Shown>) -> anyhow::Result<rustls::ClientConfig> {
    let builder = rustls::ClientConfig::builder_with_provider(Arc::clone(&PROVIDER));
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS13])?;
    let builder = builder.dangerous().with_custom_certificate_verifier(shown);
    let mut config = match loaded.context.private_key() {
        Some(key) => {
            let chain = loaded.chain.iter().cloned().map(CertificateDer::from).collect();
            let key = Zeroizing::new(key.private_key_to_pkcs8()?);
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(&**key));
            let key = ring::sign::any_supported_type(&key);
            let key = key.context("tls_config.key_file: QUIC cannot have a key of its kind")?;
            // That it belongs to the certificate was looked at when they were loaded, and of which version that is does not
            // matter here.
            let own = SingleCertAndKey::from(CertifiedKey::new(chain, key));
            builder.with_client_cert_resolver(Arc::new(own))
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![HTTP_3.to_vec()];
    // Each probe is a whole handshake.
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Whether a message was signed by the key of a certificate (RFC 8446 §4.2.3, §4.4.3). OpenSSL takes certificates that the
/// library of rustls does not read, as those of version 1.
fn is_signed(
    message: &[u8],
    key: &PKeyRef<Public>,
    scheme: SignatureScheme,
    signature: &[u8],
) -> Result<bool, ErrorStack> {
    let on_curve = |curve: Nid| {
        let own = key.ec_key().ok().and_then(|it| it.group().curve_name());
        own == Some(curve)
    };
    let is_rsa = key.id() == Id::RSA;
    let digest = match scheme {
        SignatureScheme::ECDSA_NISTP256_SHA256 if on_curve(Nid::X9_62_PRIME256V1) => {
            MessageDigest::sha256()
        }
        SignatureScheme::ECDSA_NISTP384_SHA384 if on_curve(Nid::SECP384R1) => {
            MessageDigest::sha384()
        }
        SignatureScheme::ECDSA_NISTP521_SHA512 if on_curve(Nid::SECP521R1) => {
            MessageDigest::sha512()
        }
        SignatureScheme::RSA_PSS_SHA256 if is_rsa => MessageDigest::sha256(),
        SignatureScheme::RSA_PSS_SHA384 if is_rsa => MessageDigest::sha384(),
        SignatureScheme::RSA_PSS_SHA512 if is_rsa => MessageDigest::sha512(),
        SignatureScheme::ED25519 if key.id() == Id::ED25519 => {
            return Verifier::new_without_digest(key)?.verify_oneshot(signature, message);
        }
        _ => return Ok(false),
    };
    let mut verifier = Verifier::new(digest, key)?;
    if is_rsa {
        verifier.set_rsa_padding(Padding::PKCS1_PSS)?;
        verifier.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
    }
    verifier.verify_oneshot(signature, message)
}

/// What a server has shown.
#[derive(Debug)]
struct Shown {
    facts: Mutex<Facts>,
    known: Arc<Known>,
}

#[derive(Debug, Default)]
struct Facts {
    /// None where one of them is no certificate.
    chain: Option<Vec<X509>>,
    /// How long a digest its suite makes, bytes.
    digest: Option<usize>,
    /// How many packets may be encrypted by one key.
    most_packets: Option<u64>,
}

impl Shown {
    fn by(known: &Arc<Known>) -> Arc<Self> {
        Arc::new(Self { facts: Mutex::default(), known: Arc::clone(known) })
    }

    fn all(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
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
        let chain = chain.map(|it| self.known.read(it)).collect::<Result<_, _>>();
        self.all().chain = chain.ok();
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
        let key = self.known.read(certificate).and_then(|it| it.public_key());
        let is_signed =
            key.and_then(|key| is_signed(message, &key, signed.scheme, signed.signature()));
        if is_signed.unwrap_or(false) {
            Ok(HandshakeSignatureValid::assertion())
        } else {
            Err(rustls::CertificateError::BadSignature.into())
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        SCHEMES.to_vec()
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

#[cfg(test)]
mod tests {
    use openssl::ec::{EcGroup, EcKey};
    use openssl::pkey::{PKey, Private};
    use openssl::rsa::Rsa;
    use openssl::sign::Signer;

    use super::*;

    fn on(curve: Nid) -> PKey<Private> {
        let group = EcGroup::from_curve_name(curve).unwrap();
        PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
    }

    fn sign(key: &PKey<Private>, digest: Option<MessageDigest>, is_pss: bool) -> Vec<u8> {
        let Some(digest) = digest else {
            return Signer::new_without_digest(key).unwrap().sign_oneshot_to_vec(b"said").unwrap();
        };
        let mut signer = Signer::new(digest, key).unwrap();
        if is_pss {
            signer.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
            signer.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH).unwrap();
        }
        signer.sign_oneshot_to_vec(b"said").unwrap()
    }

    #[test]
    fn what_another_library_has_signed_is_known_by_its_scheme_alone() {
        let rsa = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        // What the peer takes and the library of rustls does not.
        let short = PKey::from_rsa(Rsa::generate(1024).unwrap()).unwrap();
        let (p256, p384) = (on(Nid::X9_62_PRIME256V1), on(Nid::SECP384R1));
        let (p521, ed25519) = (on(Nid::SECP521R1), PKey::generate_ed25519().unwrap());
        let (sha256, sha384) = (MessageDigest::sha256(), MessageDigest::sha384());
        let sha512 = MessageDigest::sha512();
        for (key, digest, scheme) in [
            (&rsa, Some(sha256), SignatureScheme::RSA_PSS_SHA256),
            (&rsa, Some(sha384), SignatureScheme::RSA_PSS_SHA384),
            (&rsa, Some(sha512), SignatureScheme::RSA_PSS_SHA512),
            (&short, Some(sha256), SignatureScheme::RSA_PSS_SHA256),
            (&p256, Some(sha256), SignatureScheme::ECDSA_NISTP256_SHA256),
            (&p384, Some(sha384), SignatureScheme::ECDSA_NISTP384_SHA384),
            (&p521, Some(sha512), SignatureScheme::ECDSA_NISTP521_SHA512),
            (&ed25519, None, SignatureScheme::ED25519),
        ] {
            let public = PKey::public_key_from_der(&key.public_key_to_der().unwrap()).unwrap();
            let signature = sign(key, digest, key.id() == Id::RSA);
            for other in SCHEMES {
                let is_signed =
                    |said: &[u8]| is_signed(said, &public, other, &signature).unwrap_or(false);
                assert_eq!(is_signed(b"said"), other == scheme, "{scheme:?} as {other:?}");
                assert!(!is_signed(b"sad"), "{scheme:?}");
            }
        }
    }
}
