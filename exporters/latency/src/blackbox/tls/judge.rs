//! Whether a chain of certificates is one to be trusted for a name, as Go's verifier has it: any
//! certificate of the CA file is an anchor, the common name says nothing, what SHA-1 signed is refused.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use openssl::error::ErrorStack;
use openssl::stack::{Stack, StackRef};
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::verify::X509VerifyFlags;
use openssl::x509::{X509, X509StoreContext, X509VerifyResult};
use tracing::warn;

use super::certificate;
use crate::outcome::Distrust;

/// The system's certificates, as they were when first found: as in the peer, a new one needs a restart.
/// None before the first look. Where that found none, which was told, it is looked again: what is forgotten in an image
/// is mounted later.
static SYSTEM: Mutex<Option<Roots>> = Mutex::new(None);

/// Whom a section trusts.
#[derive(Clone)]
pub(super) enum Roots {
    /// Anybody: nothing is verified.
    Anybody,
    /// Whoever these have signed.
    These(Arc<X509Store>),
    /// Nobody, since this machine has no certificates to judge by: that says nothing of a server.
    Missing,
}

/// Why a chain is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is none.
    Nothing,
    /// By the library, in its words.
    Chain(X509VerifyResult),
    /// It is for other names: these.
    Name(String),
    /// One of it is for other purposes than serving.
    Purpose,
    /// One of it is signed by a broken method.
    Weak,
    /// The library could not judge.
    Library(String),
}

impl Refusal {
    /// What kind it is of, by the codes of OpenSSL (`x509_vfy.h`).
    pub(super) fn kind(&self) -> Distrust {
        match self {
            Self::Chain(result) => match result.as_raw() {
                9 => Distrust::NotYetValid,
                10 => Distrust::Expired,
                // Nobody is known by the name of who signed it, or somebody else is.
                2 | 7 | 18..=21 | 29 | 30 => Distrust::Authority,
                _ => Distrust::Other,
            },
            Self::Name(_) => Distrust::Name,
            Self::Purpose => Distrust::Purpose,
            Self::Weak => Distrust::Signature,
            Self::Nothing | Self::Library(_) => Distrust::Other,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("there is none"),
            Self::Chain(result) => f.write_str(result.error_string()),
            Self::Name(names) => write!(f, "it is for other names: {names}"),
            Self::Purpose => {
                f.write_str("one of the chain is not for servers (extended key usage)")
            }
            Self::Weak => f.write_str("one of the chain is signed with SHA-1 or MD5"),
            Self::Library(error) => write!(f, "it could not be judged: {error}"),
        }
    }
}

impl From<ErrorStack> for Refusal {
    fn from(error: ErrorStack) -> Self {
        Self::Library(error.to_string())
    }
}

/// The anchors that a CA file holds.
pub(super) fn store_of(certificates: Vec<X509>) -> anyhow::Result<X509Store> {
    let mut builder = X509StoreBuilder::new()?;
    for certificate in certificates {
        builder.add_cert(certificate).context("taking in a certificate")?;
    }
    // Any of them is an anchor, also one that others have signed.
    builder.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
    Ok(builder.build())
}

/// The anchors of the system, less those that cannot be read.
pub(super) fn system() -> anyhow::Result<Roots> {
    let mut system = SYSTEM.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found @ Roots::These(_)) = &*system {
        return Ok(found.clone());
    }
    let found = rustls_native_certs::load_native_certs().certs;
    let certificates: Vec<X509> = found.iter().filter_map(|it| X509::from_der(it).ok()).collect();
    if certificates.is_empty() {
        if system.is_none() {
            warn!(
                "this machine has no CA certificates, so whom TLS shows is not judged: set ca_file, or install \
                 ca-certificates"
            );
        }
        return Ok(system.insert(Roots::Missing).clone());
    }
    Ok(system.insert(Roots::These(Arc::new(store_of(certificates)?))).clone())
}

/// When the first certificate of the verified chain ends, or why there is none.
pub(super) fn judge(
    roots: &X509Store,
    shown: Option<&StackRef<X509>>,
    host: &str,
) -> Result<i64, Refusal> {
    let shown = shown.ok_or(Refusal::Nothing)?;
    let leaf = shown.get(0).ok_or(Refusal::Nothing)?;
    if !certificate::is_for(leaf, host) {
        return Err(Refusal::Name(certificate::dns_names(leaf).join(", ")));
    }
    let mut others = Stack::new()?;
    for certificate in shown.iter().skip(1) {
        others.push(certificate.to_owned())?;
    }
    let mut context = X509StoreContext::new()?;
    let verified = context.init(roots, leaf, &others, |context| {
        if !context.verify_cert()? {
            return Ok(Err(Refusal::Chain(context.error())));
        }
        let chain: Vec<_> = context.chain().into_iter().flatten().map(ToOwned::to_owned).collect();
        Ok(Ok(chain))
    })??;
    // The library would look at the leaf's key usage as well, which Go does not, and devices get wrong.
    if !verified.iter().all(|it| certificate::is_for_servers(it)) {
        return Err(Refusal::Purpose);
    }
    // What an anchor is signed with does not count: it is trusted for itself.
    let signed = &verified[..verified.len().saturating_sub(1)];
    if signed.iter().any(|it| certificate::is_weakly_signed(it)) {
        return Err(Refusal::Weak);
    }
    verified.iter().filter_map(|it| certificate::not_after(it)).min().ok_or(Refusal::Nothing)
}
