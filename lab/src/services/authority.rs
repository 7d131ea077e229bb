//! The lab's own certificate authority, new with every start.

use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// The certificate authority that vouches for the lab's services.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// Makes one with a fresh key, which is never written anywhere.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let mut about = CertificateParams::default();
        about.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        about.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        about.distinguished_name.push(DnType::CommonName, "turbulence-lab CA");
        let issuer = CertifiedIssuer::self_signed(about, KeyPair::generate()?)
            .context("self-signed CA certificate")?;
        Ok(Self { issuer })
    }

    /// Its certificate, for those who shall trust it.
    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// What a server of this name needs: key and certificate, for HTTP/1.1.
    pub(crate) fn server(&self, host: &str) -> anyhow::Result<ServerConfig> {
        let key = KeyPair::generate()?;
        let mut about = CertificateParams::new(vec![host.to_owned()])?;
        about.distinguished_name.push(DnType::CommonName, host);
        about.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        about.use_authority_key_identifier_extension = true;
        let certificate: CertificateDer<'static> =
            about.signed_by(&key, &self.issuer)?.der().clone();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        // Named: a process that links two providers has no default.
        let provider = rustls::crypto::ring::default_provider().into();
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}
