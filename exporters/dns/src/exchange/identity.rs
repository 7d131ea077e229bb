//! Over what a resolver is asked by TLS, and who it must be. No I/O, no clock.

use std::sync::Arc;

use rustls_pki_types::ServerName;
use serde::Deserialize;

use super::Transport;

/// Over what a resolver is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Way {
    /// TLS.
    Dot,
    /// HTTP/2 over TLS.
    Doh,
    /// QUIC.
    Doq,
}

impl Way {
    /// The label.
    pub(crate) fn transport(self) -> Transport {
        match self {
            Self::Dot => Transport::Dot,
            Self::Doh => Transport::Doh,
            Self::Doq => Transport::Doq,
        }
    }
}

/// Who it must be: the name in its certificate, and where it answers by HTTPS.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Identity {
    /// A host name or an address.
    pub(crate) name: Arc<str>,
    /// A path.
    pub(crate) path: Arc<str>,
}

/// A name that stands in a certificate: a host's, or an address.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "String")]
pub(crate) struct CertifiedName(pub(crate) Arc<str>);

impl TryFrom<String> for CertifiedName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        match ServerName::try_from(text.as_str()) {
            Ok(_) => Ok(Self(text.into())),
            Err(_) => Err("must be a host name or an IP address, as in a certificate"),
        }
    }
}

/// Where a resolver answers by HTTPS.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "String")]
pub(crate) struct HttpPath(pub(crate) Arc<str>);

impl TryFrom<String> for HttpPath {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let is_path = text.starts_with('/')
            && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"{}<>\"\\^`#?".contains(&byte));
        if is_path { Ok(Self(text.into())) } else { Err("must be a path, as in /dns-query") }
    }
}
