//! The web server's own config file: TLS, basic auth, headers, in exporter-toolkit's format.
//!
//! The file and those it names are read again when they change, as that toolkit does. What is no
//! longer good is logged and changes nothing.

mod any_server;
mod checks;
mod clients;
mod names;
mod rate;
mod reread;
mod tls;
mod users;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, anyhow};
use axum::http::{HeaderName, HeaderValue};
use serde::Deserialize;
use tokio::time::Instant;

pub(crate) use self::any_server::{any_certificate, any_server};
use self::clients::ClientAuth;
use self::names::{Cipher, Curve};
pub(crate) use self::names::{Version, versions};
use self::rate::{Bucket, RateLimit};
pub(crate) use self::reread::{Current, follow};
pub(crate) use self::users::Answer;
use self::users::Users;
use crate::config::{Located, Place, Problems};
use crate::regular_file::read_text;
use crate::{Secret, config};

/// Bytes of the file, and of each that it names: the bundle of a whole system has a quarter of a MiB.
const LARGEST: u64 = 4 << 20;

/// The file, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    tls_server_config: Option<Located<Tls>>,
    http_server_config: Http,
    basic_auth_users: BTreeMap<String, Located<Secret>>,
    rate_limit: Option<Located<RateLimit>>,
}

/// Certificates by file or inline, whom to trust, and what is spoken.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Tls {
    cert: Option<Located<String>>,
    key: Option<Located<Secret>>,
    client_ca: Option<Located<String>>,
    cert_file: Option<Located<PathBuf>>,
    key_file: Option<Located<PathBuf>>,
    client_ca_file: Option<Located<PathBuf>>,
    client_auth_type: Located<ClientAuth>,
    client_allowed_sans: Option<Located<Vec<String>>>,
    min_version: Located<Version>,
    max_version: Version,
    cipher_suites: Vec<Cipher>,
    prefer_server_cipher_suites: bool,
    curve_preferences: Vec<Curve>,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            cert: None,
            key: None,
            client_ca: None,
            cert_file: None,
            key_file: None,
            client_ca_file: None,
            client_auth_type: Located::default(),
            client_allowed_sans: None,
            min_version: Located { place: Place::default(), value: Version::Tls12 },
            max_version: Version::Tls13,
            cipher_suites: Vec::new(),
            prefer_server_cipher_suites: true,
            curve_preferences: Vec::new(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Http {
    http2: bool,
    headers: BTreeMap<String, Located<String>>,
}

impl Default for Http {
    fn default() -> Self {
        Self { http2: true, headers: BTreeMap::new() }
    }
}

/// The file, ready to serve with.
#[derive(Debug)]
pub(crate) struct WebConfig {
    /// None where plain HTTP is spoken.
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
    pub(crate) users: Users,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// How many requests are answered, and since when it is counted. None for all.
    rate: Option<(Mutex<Bucket>, Instant)>,
    /// The files that it was made of, itself the first.
    files: Vec<PathBuf>,
}

impl WebConfig {
    /// Reads the file and those that it names, from its own folder where their paths are relative. The
    /// error has a line for each thing that is wrong.
    pub(crate) fn load(path: &Path) -> anyhow::Result<Self> {
        let text = read_text(path, LARGEST)
            .with_context(|| format!("reading web config file {}", path.display()))?;
        let name = path.display().to_string();
        let empty = text.lines().all(|line| line.trim().is_empty() || line.starts_with('#'));
        let raw: Raw = if empty { Raw::default() } else { config::parse(&text, &name)? };
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        Self::build(raw, path, folder).map_err(|problems| anyhow!(problems.in_file(&name)))
    }

    fn build(raw: Raw, path: &Path, folder: &Path) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let mut files = vec![path.to_owned()];
        let tls = raw.tls_server_config.as_ref().and_then(|config| {
            let named = [&config.cert_file, &config.key_file, &config.client_ca_file];
            files.extend(named.into_iter().flatten().map(|file| folder.join(&file.value)));
            let http2 = raw.http_server_config.http2;
            tls::build(config, http2, folder, &mut problems).map(Arc::new)
        });
        let users = Users::new(raw.basic_auth_users, &mut problems);
        let headers = headers(&raw.http_server_config.headers, &mut problems);
        let rate = raw.rate_limit.and_then(|section| Bucket::of(&section, &mut problems));
        let rate = rate.map(|bucket| (Mutex::new(bucket), Instant::now()));
        problems.into_result()?;
        Ok(Self { tls, users, headers, rate, files })
    }

    /// Whether one more request may be answered now.
    pub(crate) fn admits(&self) -> bool {
        self.rate.as_ref().is_none_or(|(bucket, since)| {
            bucket.lock().unwrap_or_else(PoisonError::into_inner).take(since.elapsed())
        })
    }
}

/// The headers that may be set, with the values that they may have; none where any is good.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Content-Security-Policy", &[]),
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
];

fn headers(
    wanted: &BTreeMap<String, Located<String>>,
    problems: &mut Problems,
) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = Vec::new();
    for (name, Located { place, value }) in wanted {
        match header(name, value) {
            Ok(header) => headers.push(header),
            Err(what) => problems.add(*place, format!("http_server_config.headers: {what}")),
        }
    }
    headers
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let Some((known, values)) = HEADERS.iter().find(|(known, _)| *known == name) else {
        let known: Vec<_> = HEADERS.iter().map(|(known, _)| *known).collect();
        return Err(format!("a header that cannot be set; those that can: {}", known.join(", ")));
    };
    if !values.is_empty() && !values.contains(&value) {
        return Err(format!("{known} must be one of: {}", values.join(", ")));
    }
    let header =
        HeaderName::from_bytes(known.as_bytes()).ok().zip(HeaderValue::from_str(value).ok());
    header.ok_or_else(|| {
        format!("{known} has a value that HTTP cannot carry: must be ASCII, on one line")
    })
}

#[cfg(test)]
mod tests;
