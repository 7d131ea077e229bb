//! What is known of a session of TLS. No I/O, no clock.

use openssl::ssl::{SslRef, SslVersion};
use openssl::stack::StackRef;
use openssl::x509::X509;

use super::certificate;
use crate::blackbox::found;

/// What is known of a session, also of one that failed. Nothing without a certificate: a server that showed
/// none has not spoken TLS far enough. The labels of the leaf are of the page of `/probe` alone, and cost something.
pub(super) fn record(ssl: &SslRef, with_leaf: bool) -> Option<found::Tls> {
    let cipher = ssl.current_cipher();
    let cipher = cipher.map(|it| it.standard_name().unwrap_or(it.name()).to_owned());
    of(ssl.peer_cert_chain()?, version(ssl), cipher, with_leaf)
}

/// The same of whatever has shaken hands.
pub(super) fn of(
    chain: &StackRef<X509>,
    version: Option<&'static str>,
    cipher: Option<String>,
    with_leaf: bool,
) -> Option<found::Tls> {
    let leaf = chain.get(0)?;
    Some(found::Tls {
        version,
        cipher,
        earliest_expiry: chain.iter().filter_map(certificate::not_after).min(),
        last_chain_expiry: None,
        trust: None,
        leaf: with_leaf.then(|| certificate::leaf(leaf)),
    })
}

/// The version of TLS, in the peer's words.
pub(super) fn version(ssl: &SslRef) -> Option<&'static str> {
    match ssl.version2()? {
        SslVersion::TLS1 => Some("TLS 1.0"),
        SslVersion::TLS1_1 => Some("TLS 1.1"),
        SslVersion::TLS1_2 => Some("TLS 1.2"),
        SslVersion::TLS1_3 => Some("TLS 1.3"),
        _ => None,
    }
}
