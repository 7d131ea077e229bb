//! A TLS server out of the file's words.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::{RootCertStore, ServerConfig, SupportedCipherSuite};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::clients::{self, ClientAuth};
use super::names::versions;
use super::{LARGEST, Tls};
use crate::config::{Located, Place, Problems};
use crate::regular_file::read_text;

/// What the section says; nothing where something is wrong with it, which is added to `problems`, each
/// at the place of its field.
pub(super) fn build(
    tls: &Located<Tls>,
    http2: bool,
    folder: &Path,
    problems: &mut Problems,
) -> Option<ServerConfig> {
    let mut faults = Faults { section: tls.place, problems, are_any: false };
    let inline = tls.cert.as_ref().map(|cert| (cert.place, cert.value.as_str()));
    let certificate = faults.given("cert", inline, tls.cert_file.as_ref(), folder);
    let inline = tls.key.as_ref().map(|key| (key.place, key.value.expose()));
    let key = faults.given("key", inline, tls.key_file.as_ref(), folder);
    let inline = tls.client_ca.as_ref().map(|ca| (ca.place, ca.value.as_str()));
    let has_ca = tls.client_ca.is_some() || tls.client_ca_file.is_some();
    let ca = if has_ca {
        faults.given("client_ca", inline, tls.client_ca_file.as_ref(), folder)
    } else {
        None
    };
    faults.check_clients(tls, has_ca);
    let chain = certificate.and_then(|given| faults.take(&given, certificates(&given.text)));
    let private = key.as_ref().and_then(|given| faults.take(given, private_key(&given.text)));
    let roots = ca.as_ref().and_then(|given| faults.take(given, roots(&given.text)));
    let versions = versions(tls.min_version.value, tls.max_version);
    if versions.is_empty() {
        let place = tls.min_version.place;
        faults.add(place, "min_version", "min_version is newer than max_version");
    }
    if faults.are_any {
        return None;
    }

    let provider = Arc::new(provider(tls));
    let allowed = tls.client_allowed_sans.as_ref().map(|sans| sans.value.clone());
    let Ok(verifier) = clients::verifier(tls.client_auth_type.value, roots, allowed, &provider)
    else {
        let place = ca.map_or(tls.place, |given| given.place);
        faults.add(place, "client_ca", "holds no certificate that others can be verified by");
        return None;
    };
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&versions);
    let Ok(builder) = builder else {
        let what =
            "must have a suite of each version from min_version to max_version, or be left out";
        faults.add(Place::default(), "cipher_suites", what);
        return None;
    };
    let built = builder.with_client_cert_verifier(verifier).with_single_cert(chain?, private?);
    let Ok(mut config) = built else {
        let key = key?;
        faults.add(
            key.place,
            &key.field,
            "must be the key of the certificate, and of a kind that TLS knows",
        );
        return None;
    };
    config.ignore_client_order = tls.prefer_server_cipher_suites;
    if http2 {
        config.alpn_protocols.push(b"h2".to_vec());
    }
    config.alpn_protocols.push(b"http/1.1".to_vec());
    Some(config)
}

/// A text of PEM, and where it was named.
struct Given {
    field: String,
    place: Place,
    text: Zeroizing<String>,
}

/// What is wrong with the section.
struct Faults<'a> {
    section: Place,
    problems: &'a mut Problems,
    are_any: bool,
}

impl Faults<'_> {
    /// Adds what is wrong with a field; at the section where the field itself is not there.
    fn add(&mut self, place: Place, field: &str, what: &str) {
        let place = if place == Place::default() { self.section } else { place };
        self.problems.add(place, format!("tls_server_config.{field}: {what}"));
        self.are_any = true;
    }

    /// What is written inline, or in the file; that is read anew each time.
    fn given(
        &mut self,
        name: &str,
        inline: Option<(Place, &str)>,
        file: Option<&Located<PathBuf>>,
        folder: &Path,
    ) -> Option<Given> {
        let field = format!("{name}_file");
        match (inline, file) {
            (Some(_), Some(file)) => {
                let what = format!("{name} and {name}_file exclude each other: leave one out");
                self.add(file.place, &field, &what);
            }
            (Some((place, inline)), None) => {
                let text = Zeroizing::new(inline.to_owned());
                return Some(Given { field: name.to_owned(), place, text });
            }
            (None, Some(file)) => match read_text(&folder.join(&file.value), LARGEST) {
                Ok(text) => return Some(Given { field, place: file.place, text }),
                Err(error) => self.add(file.place, &field, &format!("cannot be read: {error:#}")),
            },
            (None, None) => {
                let what = format!("one of {name} and {name}_file is missing");
                self.add(self.section, &field, &what);
            }
        }
        None
    }

    /// What was made of a text, or why it could not be.
    fn take<T>(&mut self, given: &Given, made: Result<T, &'static str>) -> Option<T> {
        made.map_err(|what| self.add(given.place, &given.field, what)).ok()
    }

    fn check_clients(&mut self, tls: &Tls, has_ca: bool) {
        let Located { place, value: auth } = tls.client_auth_type;
        let ca = tls.client_ca_file.as_ref().map(|file| file.place);
        let ca = ca.or_else(|| tls.client_ca.as_ref().map(|ca| ca.place)).unwrap_or_default();
        if has_ca && auth == ClientAuth::NoClientCert {
            let what = "client_ca or client_ca_file is given, but this asks for no certificate";
            self.add(if place == Place::default() { ca } else { place }, "client_auth_type", what);
        }
        if !has_ca && auth.verifies() {
            let what = "it verifies certificates: client_ca or client_ca_file is missing";
            self.add(place, "client_auth_type", what);
        }
        if let Some(sans) = tls.client_allowed_sans.as_ref().filter(|_| !auth.requires()) {
            let what =
                "needs a client_auth_type of RequireAnyClientCert or RequireAndVerifyClientCert";
            self.add(sans.place, "client_allowed_sans", what);
        }
    }
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

fn certificates(text: &str) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let certificates = CertificateDer::pem_slice_iter(text.as_bytes());
    let certificates = certificates.collect::<Result<Vec<_>, _>>();
    let certificates = certificates.map_err(|_| "must be PEM: a block of it is damaged")?;
    if certificates.is_empty() {
        return Err("holds no certificate; must have one in PEM: -----BEGIN CERTIFICATE-----");
    }
    Ok(certificates)
}

fn private_key(text: &str) -> Result<PrivateKeyDer<'static>, &'static str> {
    PrivateKeyDer::from_pem_slice(text.as_bytes())
        .map_err(|_| "holds no private key; must have one in PEM, without a password")
}

fn roots(text: &str) -> Result<RootCertStore, &'static str> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(text)? {
        roots
            .add(certificate)
            .map_err(|_| "holds a certificate that is none of a CA, or damaged")?;
    }
    Ok(roots)
}
