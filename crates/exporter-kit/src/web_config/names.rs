//! Versions, cipher suites and curves by the names that Go gives them. No I/O, no clock.

use rustls::crypto::{SupportedKxGroup, ring};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion, version};
use serde::Deserialize;

/// A version of TLS. Older ones than these are spoken by nothing that is kept up.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd)]
pub(crate) enum Version {
    #[serde(rename = "TLS12")]
    Tls12,
    #[serde(rename = "TLS13")]
    Tls13,
}

/// The versions from `least` to `most`; none if there are none.
pub(crate) fn versions(least: Version, most: Version) -> Vec<&'static SupportedProtocolVersion> {
    let all = [(Version::Tls13, &version::TLS13), (Version::Tls12, &version::TLS12)];
    let wanted = all.into_iter().filter(|(version, _)| (least..=most).contains(version));
    wanted.map(|(_, version)| version).collect()
}

/// A cipher suite.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Cipher(pub(super) SupportedCipherSuite);

impl TryFrom<String> for Cipher {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let mut all = ring::ALL_CIPHER_SUITES.iter();
        let suite = all.find(|suite| go_name(suite) == name);
        suite.map(|suite| Self(*suite)).ok_or_else(|| {
            let known: Vec<_> = ring::ALL_CIPHER_SUITES.iter().map(go_name).collect();
            format!("unknown cipher suite {}; known are {}", shown(&name), known.join(", "))
        })
    }
}

/// Go does not tell TLS 1.3's suites from older ones by their names.
fn go_name(suite: &SupportedCipherSuite) -> String {
    let name = suite.suite().as_str().unwrap_or_default();
    name.replacen("TLS13_", "TLS_", 1)
}

/// A name as far as it can be a name: what was pasted there by mistake is not repeated.
fn shown(name: &str) -> String {
    let plausible = name.len() <= 60
        && name
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    if plausible { format!("`{name}`") } else { "(not a name)".to_owned() }
}

/// A curve.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) enum Curve {
    X25519,
    CurveP256,
    CurveP384,
}

impl Curve {
    pub(super) fn group(self) -> &'static dyn SupportedKxGroup {
        match self {
            Self::X25519 => ring::kx_group::X25519,
            Self::CurveP256 => ring::kx_group::SECP256R1,
            Self::CurveP384 => ring::kx_group::SECP384R1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_are_known_by_their_names_in_go() {
        for name in ["TLS_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"] {
            assert!(Cipher::try_from(name.to_owned()).is_ok(), "{name}");
        }
        let refused = |name: &str| Cipher::try_from(name.to_owned()).unwrap_err();
        assert!(refused("TLS_RSA_WITH_RC4_128_SHA").contains("suite `TLS_RSA_WITH_RC4_128_SHA`;"));
        assert!(!refused("hunter2").contains("hunter2"));
    }

    #[test]
    fn versions_are_a_range() {
        assert_eq!(versions(Version::Tls12, Version::Tls13).len(), 2);
        assert_eq!(versions(Version::Tls13, Version::Tls13), [&version::TLS13]);
        assert!(versions(Version::Tls13, Version::Tls12).is_empty());
    }
}
