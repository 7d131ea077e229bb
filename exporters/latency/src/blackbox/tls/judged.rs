//! What chains of certificates were judged to be, kept for a minute: a target shows the same one with each probe, and
//! judging it costs more than the rest of a handshake.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use openssl::sha::Sha256;
use openssl::stack::StackRef;
use openssl::x509::X509;
use openssl::x509::store::X509Store;
use tokio::time::Instant;

use super::judge::{Refusal, judge};

/// A chain that ends meanwhile is refused so much later.
const KEPT: Duration = Duration::from_secs(60);
/// More than this are not kept: a server may show another one each time.
const MOST: usize = 4_096;

/// A chain and a name, by their digest.
type Key = [u8; 32];

/// Those that were judged lately by the same authorities.
#[derive(Debug, Default)]
pub(super) struct Judged(Mutex<Verdicts>);

/// What each was judged to be, and until when that holds.
type Verdicts = HashMap<Key, (Instant, Result<i64, Refusal>)>;

impl Judged {
    /// When the first certificate of the verified chain ends, or why there is none: see [`judge`].
    pub(super) fn judge(
        &self,
        roots: &X509Store,
        shown: Option<&StackRef<X509>>,
        host: &str,
    ) -> Result<i64, Refusal> {
        let Some(key) = shown.and_then(|shown| key(shown, host)) else {
            return judge(roots, shown, host);
        };
        let now = Instant::now();
        if let Some((until, verdict)) = self.all().get(&key)
            && now < *until
        {
            return verdict.clone();
        }
        let verdict = judge(roots, shown, host);
        let mut all = self.all();
        if all.len() >= MOST {
            all.retain(|_, (until, _)| now < *until);
        }
        if all.len() < MOST {
            all.insert(key, (now + KEPT, verdict.clone()));
        }
        verdict
    }

    fn all(&self) -> MutexGuard<'_, Verdicts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(shown: &StackRef<X509>, host: &str) -> Option<Key> {
    let mut digest = Sha256::new();
    digest.update(&host.len().to_be_bytes());
    digest.update(host.as_bytes());
    for certificate in shown {
        digest.update(&certificate.to_der().ok()?);
    }
    Some(digest.finish())
}
