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

use super::judge::{Refusal, Roots, judge};
use super::{Loaded, Settings};
use crate::blackbox::ask::Ask;
use crate::blackbox::found::Found;
use crate::outcome::Failure;

/// What the peer gives as the expiry of a chain that it did not verify: the first second of year 1.
pub(super) const NO_CHAIN: i64 = -62_135_596_800;

/// A chain that ends meanwhile is refused so much later.
const KEPT: Duration = Duration::from_secs(60);
/// More than this are not kept: a server may show another one each time. Of each module so many, so that there is room
/// for all targets of a large fleet.
const MOST: usize = 16_384;
/// Where there is no more room, those that hold no longer are looked for so often.
const LOOKED_FOR: Duration = Duration::from_secs(5);

/// A chain and a name, by their digest.
type Key = [u8; 32];

/// Those that were judged lately by the same authorities.
#[derive(Debug, Default)]
pub(super) struct Judged(Mutex<Verdicts>);

#[derive(Debug, Default)]
struct Verdicts {
    /// What each was judged to be, and until when that holds.
    kept: HashMap<Key, (Instant, Result<i64, Refusal>)>,
    /// When those that hold no longer are looked for next.
    looked_for: Option<Instant>,
}

impl Settings {
    /// Judges what was shown, where it is to be judged, and notes what it came to.
    pub(super) fn judge(
        &self,
        loaded: &Loaded,
        shown: Option<&StackRef<X509>>,
        name: &str,
        ask: &Ask<'_>,
        found: &mut Found,
    ) -> Result<(), Failure> {
        let judged = match &loaded.roots {
            Roots::Missing => {
                ask.log.line(|| "this machine has no CA certificates to judge by");
                return Err(Failure::Local);
            }
            Roots::These(roots) if !self.insecure_skip_verify => {
                Some(loaded.judged.judge(roots, shown, name))
            }
            Roots::These(_) | Roots::Anybody => None,
        };
        if let Some(tls) = &mut found.tls {
            let trust = judged.as_ref().map(|judged| judged.as_ref());
            tls.trust = trust.map(|judged| judged.map(drop).map_err(Refusal::kind));
            tls.last_chain_expiry = trust.map_or(Some(NO_CHAIN), |judged| judged.ok().copied());
        }
        if let Some(Err(refusal)) = judged {
            ask.log.line(|| format!("the certificate is refused: {refusal}"));
            return Err(Failure::TlsVerify);
        }
        Ok(())
    }
}

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
        if let Some((until, verdict)) = self.all().kept.get(&key)
            && now < *until
        {
            return verdict.clone();
        }
        let verdict = judge(roots, shown, host);
        self.all().keep(key, now, verdict.clone());
        verdict
    }

    fn all(&self) -> MutexGuard<'_, Verdicts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Verdicts {
    fn keep(&mut self, key: Key, now: Instant, verdict: Result<i64, Refusal>) {
        if self.kept.len() >= MOST {
            self.make_room(now);
        }
        if self.kept.len() < MOST || self.kept.contains_key(&key) {
            self.kept.insert(key, (now + KEPT, verdict));
        }
    }

    /// Lets go what holds no longer, and tells whether it looked: each handshake waits while thousands are gone through.
    fn make_room(&mut self, now: Instant) -> bool {
        let is_due = self.looked_for.is_none_or(|next| now >= next);
        if is_due {
            self.kept.retain(|_, (until, _)| now < *until);
            self.looked_for = Some(now + LOOKED_FOR);
        }
        is_due
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_are_looked_through_now_and_then_and_not_in_each_handshake() {
        let (start, mut all) = (Instant::now(), Verdicts::default());
        let key = |number: usize| {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&number.to_be_bytes());
            key
        };
        let ms = Duration::from_millis;
        for number in 0..2 * MOST {
            all.keep(key(number), start + ms(number as u64), Ok(0));
        }
        assert_eq!(all.kept.len(), MOST);
        // Each ends a little after the other; a handshake in between does not look for it.
        let mut looked = 0;
        for number in 0..1_000 {
            looked += u32::from(all.make_room(start + KEPT + ms(number)));
        }
        assert_eq!((looked, all.kept.len()), (1, MOST - 1));
        // Who has a place keeps it.
        all.keep(key(9), start + KEPT, Ok(9));
        assert_eq!(all.kept.get(&key(9)), Some(&(start + KEPT * 2, Ok(9))));
        assert!(all.make_room(start + KEPT * 3) && all.kept.is_empty());
    }
}
