//! Who may ask by which password: bcrypt hashes, checked beside everything else and remembered.

use std::collections::{BTreeMap, HashSet};
use std::str::FromStr as _;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::checks::Checks;
use crate::Secret;
use crate::client::Client;
use crate::config::{Located, Problems};

/// Checked against when there is no such user, so that this takes as long: nobody's password.
const NOBODY: &str = "$2b$10$iSm4GMDQr8ptNk.TBykcBeUwlinLQDlqfOf09RVwmfMbdhcqNY.gu";

/// The costs of a hash that is checked: bcrypt has no lower one, and at the highest a check takes some
/// seconds of a core, which a scraper waits for. Nobody can end a check that has begun.
const LEAST_COST: u32 = 4;
const MOST_COST: u32 = 16;

/// How many good passwords are remembered.
const REMEMBERED: usize = 256;

/// Of the whole program: a file that is read again makes no second one.
static CHECKS: Checks = Checks::new();

/// Digests of names, hashes and passwords that were good, also over a file that is read again: a hash that is
/// another has another digest. A wrong one is not remembered: guessing must not push these out.
static GOOD: LazyLock<Mutex<HashSet<[u8; 32]>>> = LazyLock::new(Mutex::default);

/// The users, by name.
#[derive(Debug)]
pub(crate) struct Users {
    hashes: BTreeMap<String, Secret>,
}

/// What a request's name and password are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Welcome,
    Unknown,
    /// Too many are being checked.
    Busy,
}

impl Users {
    /// The users that may be; adds to `problems` those that may not.
    pub(super) fn new(hashes: BTreeMap<String, Located<Secret>>, problems: &mut Problems) -> Self {
        for (name, Located { place, value: hash }) in &hashes {
            if let Err(what) = check(name, hash) {
                problems.add(*place, format!("basic_auth_users: {what}"));
            }
        }
        Self { hashes: hashes.into_iter().map(|(name, hash)| (name, hash.value)).collect() }
    }

    /// Whether the request may be answered. The hash is computed on a thread of its own, in the turn of its client: there
    /// is none in a test without a server.
    pub(crate) async fn ask(&self, request: &HeaderMap, client: Option<Client>) -> Answer {
        if self.hashes.is_empty() {
            return Answer::Welcome;
        }
        let Some((name, password)) = credentials(request) else { return Answer::Unknown };
        let known = self.hashes.get(&name);
        let hash = known.map_or(NOBODY, Secret::expose);
        let digest = digest(&[name.as_bytes(), hash.as_bytes(), password.as_bytes()]);
        if known.is_some() && good().contains(&digest) {
            return Answer::Welcome;
        }
        let hash = Zeroizing::new(hash.to_owned());
        let verify = move || matches!(bcrypt::verify(password.as_bytes(), &hash), Ok(true));
        let Some(is_right) = CHECKS.check(client, verify).await else { return Answer::Busy };
        if known.is_none() || !is_right {
            return Answer::Unknown;
        }
        let mut good = good();
        if good.len() >= REMEMBERED {
            good.clear();
        }
        good.insert(digest);
        Answer::Welcome
    }
}

fn good() -> MutexGuard<'static, HashSet<[u8; 32]>> {
    GOOD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a user can log in.
fn check(name: &str, hash: &Secret) -> Result<(), String> {
    // What comes behind the first colon is the password (RFC 7617).
    if name.contains(':') {
        return Err("a user has a colon in the name, by which nobody can log in".to_owned());
    }
    // The error's own words would quote the hash.
    let parsed = bcrypt::HashParts::from_str(hash.expose()).map_err(|_| {
        format!("the password of `{name}` is not a bcrypt hash, as `htpasswd -nB` makes one")
    })?;
    let cost = parsed.get_cost();
    if !(LEAST_COST..=MOST_COST).contains(&cost) {
        return Err(format!(
            "the bcrypt hash of `{name}` has a cost of {cost}; must be from {LEAST_COST} to {MOST_COST}: each \
             step doubles the time that a login takes"
        ));
    }
    Ok(())
}

/// Name and password out of `Authorization: Basic` (RFC 7617).
fn credentials(request: &HeaderMap) -> Option<(String, Zeroizing<String>)> {
    let value = request.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = Zeroizing::new(STANDARD.decode(encoded.trim()).ok()?);
    let (name, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((name.to_owned(), Zeroizing::new(password.to_owned())))
}

/// One digest of several parts, none of which can pass for another's.
fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::config::Place;

    /// `secret`, by a hash of the least cost.
    const HASH: &str = "$2b$04$iSm4GMDQr8ptNk.TBykcBeQ7WGhcFCuXbuzZuwWRiC1MCoMmNVj4.";

    fn users(name: &str, hash: &str) -> Users {
        let hash = Located { place: Place::default(), value: Secret::new(hash.to_owned()) };
        let mut problems = Problems::default();
        let users = Users::new(BTreeMap::from([(name.to_owned(), hash)]), &mut problems);
        assert!(problems.into_result().is_ok());
        users
    }

    fn login(name: &str, password: &str) -> HeaderMap {
        let login = format!("Basic {}", STANDARD.encode(format!("{name}:{password}")));
        HeaderMap::from_iter([(header::AUTHORIZATION, login.parse().unwrap())])
    }

    #[tokio::test]
    async fn a_good_password_is_known_at_once_also_when_the_file_was_read_again() {
        let good = login("kept", "secret");
        assert_eq!(users("kept", HASH).ask(&good, None).await, Answer::Welcome);
        // What is answered without a wait was not checked.
        let again = users("kept", HASH);
        assert_eq!(again.ask(&good, None).now_or_never(), Some(Answer::Welcome));
        let wrong = login("kept", "wrong");
        for _ in 0..2 {
            assert_eq!(again.ask(&wrong, None).now_or_never(), None);
            assert_eq!(again.ask(&wrong, None).await, Answer::Unknown);
        }
        // Neither whoever is no user any more, nor one with another hash, is known by it.
        assert_eq!(users("other", HASH).ask(&good, None).await, Answer::Unknown);
        assert_eq!(users("kept", NOBODY).ask(&good, None).await, Answer::Unknown);
    }
}
