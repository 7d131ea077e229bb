//! A TLS server out of the file's words.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use rustls::crypto::{CryptoProvider, ring};
use rustls::{RootCertStore, ServerConfig, SupportedCipherSuite};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::clients::{self, ClientAuth};
use super::names::versions;
use super::{LARGEST, Tls};
use crate::Secret;
use crate::regular_file::read_text;

pub(super) fn build(tls: &Tls, http2: bool, folder: &Path) -> anyhow::Result<ServerConfig> {
    let certificate = text("cert", tls.cert.as_deref(), tls.cert_file.as_deref(), folder)?;
    let certificate = certificate.context("one of cert and cert_file is missing")?;
    let key = tls.key.as_ref().map(Secret::expose);
    let key = text("key", key, tls.key_file.as_deref(), folder)?;
    let key = key.context("one of key and key_file is missing")?;
    let ca = text("client_ca", tls.client_ca.as_deref(), tls.client_ca_file.as_deref(), folder)?;
    check_clients(tls, ca.is_some())?;

    let chain = certificates(&certificate).context("the certificate")?;
    ensure!(!chain.is_empty(), "there is no certificate in cert or cert_file");
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
        .map_err(|_| anyhow::anyhow!("there is no private key in key or key_file"))?;
    let versions = versions(tls.min_version, tls.max_version);
    ensure!(!versions.is_empty(), "min_version is newer than max_version");

    let provider = Arc::new(provider(tls));
    let roots = ca.map(|ca| roots(&ca)).transpose().context("client_ca")?;
    let allowed = tls.client_allowed_sans.clone();
    let verifier = clients::verifier(tls.client_auth_type, roots, allowed, &provider)?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)
        .context("cipher_suites, min_version and max_version do not go together")?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .context("the certificate and the key do not go together")?;
    config.ignore_client_order = tls.prefer_server_cipher_suites;
    if http2 {
        config.alpn_protocols.push(b"h2".to_vec());
    }
    config.alpn_protocols.push(b"http/1.1".to_vec());
    Ok(config)
}

/// What is written inline, or in the file; that is read anew each time.
fn text(
    name: &str,
    inline: Option<&str>,
    file: Option<&Path>,
    folder: &Path,
) -> anyhow::Result<Option<Zeroizing<String>>> {
    match (inline, file) {
        (Some(_), Some(_)) => bail!("{name} and {name}_file exclude each other"),
        (Some(inline), None) => Ok(Some(Zeroizing::new(inline.to_owned()))),
        (None, Some(file)) => {
            let path = folder.join(file);
            let text = read_text(&path, LARGEST);
            text.map(Some).with_context(|| format!("reading {name}_file {}", path.display()))
        }
        (None, None) => Ok(None),
    }
}

fn check_clients(tls: &Tls, ca: bool) -> anyhow::Result<()> {
    let auth = tls.client_auth_type;
    ensure!(
        !ca || auth != ClientAuth::NoClientCert,
        "client_ca or client_ca_file is given, but client_auth_type asks for no certificate"
    );
    ensure!(
        ca || !auth.verifies(),
        "client_auth_type verifies certificates: client_ca or client_ca_file is missing"
    );
    ensure!(
        tls.client_allowed_sans.is_none() || auth.requires(),
        "client_allowed_sans needs a client_auth_type of RequireAnyClientCert or \
         RequireAndVerifyClientCert"
    );
    Ok(())
}

/// As Go has it: the suites of TLS 1.3 are always there, the older ones are those that are listed.
fn provider(tls: &Tls) -> CryptoProvider {
    let mut provider = ring::default_provider();
    if !tls.cipher_suites.is_empty() {
        let listed = tls.cipher_suites.iter().map(|cipher| cipher.0);
        let is_new = |suite: &SupportedCipherSuite| suite.tls13().is_some();
        let older = listed.filter(|suite| !is_new(suite));
        let newest = ring::ALL_CIPHER_SUITES.iter().copied().filter(is_new);
        provider.cipher_suites = newest.chain(older).collect();
    }
    if !tls.curve_preferences.is_empty() {
        provider.kx_groups = tls.curve_preferences.iter().map(|curve| curve.group()).collect();
    }
    provider
}

fn certificates(text: &str) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let certificates = CertificateDer::pem_slice_iter(text.as_bytes());
    certificates.collect::<Result<_, _>>().map_err(|_| anyhow::anyhow!("is not PEM"))
}

fn roots(text: &str) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(text)? {
        roots.add(certificate).context("holds a certificate that cannot be used")?;
    }
    ensure!(!roots.is_empty(), "holds no certificate");
    Ok(roots)
}
