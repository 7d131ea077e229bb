//! The web server's own config file: TLS, basic auth, headers, in exporter-toolkit's format.
//!
//! The file and those it names are read again when they change, as that toolkit does. What is no
//! longer good is logged and changes nothing.

mod any_server;
mod clients;
mod names;
mod reread;
mod tls;
mod users;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use axum::http::{HeaderName, HeaderValue};
use serde::Deserialize;

pub use self::any_server::any_certificate;
pub(crate) use self::any_server::any_server;
use self::clients::ClientAuth;
use self::names::{Cipher, Curve};
pub(crate) use self::names::{Version, versions};
pub(crate) use self::reread::{Current, follow};
pub(crate) use self::users::Answer;
use self::users::Users;
use crate::regular_file::read_text;
use crate::{Secret, config};

/// Bytes of the file, and of each that it names: the bundle of a whole system has a quarter of a MiB.
const LARGEST: u64 = 4 << 20;

/// The file, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    tls_server_config: Option<Tls>,
    http_server_config: Http,
    basic_auth_users: BTreeMap<String, Secret>,
    /// Known, and refused: the number of connections is limited in any case.
    rate_limit: Option<serde::de::IgnoredAny>,
}

/// Certificates by file or inline, whom to trust, and what is spoken.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Tls {
    cert: Option<String>,
    key: Option<Secret>,
    client_ca: Option<String>,
    cert_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    client_ca_file: Option<PathBuf>,
    client_auth_type: ClientAuth,
    client_allowed_sans: Option<Vec<String>>,
    min_version: Version,
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
            client_auth_type: ClientAuth::default(),
            client_allowed_sans: None,
            min_version: Version::Tls12,
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
    headers: BTreeMap<String, String>,
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
    /// The files that it was made of, itself the first.
    files: Vec<PathBuf>,
}

impl WebConfig {
    /// Reads the file and those that it names, from its own folder where their paths are relative.
    pub(crate) fn load(path: &Path) -> anyhow::Result<Self> {
        let text = read_text(path, LARGEST)
            .with_context(|| format!("reading web config file {}", path.display()))?;
        let name = path.display().to_string();
        let empty = text.lines().all(|line| line.trim().is_empty() || line.starts_with('#'));
        let raw: Raw = if empty { Raw::default() } else { config::parse(&text, &name)? };
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        Self::build(raw, path, folder).with_context(|| format!("web config file {name}"))
    }

    fn build(raw: Raw, path: &Path, folder: &Path) -> anyhow::Result<Self> {
        ensure!(
            raw.rate_limit.is_none(),
            "rate_limit is not supported: leave it out, connections and pages are limited in any case"
        );
        let mut files = vec![path.to_owned()];
        let tls = match &raw.tls_server_config {
            None => None,
            Some(config) => {
                let named = [&config.cert_file, &config.key_file, &config.client_ca_file];
                files.extend(named.into_iter().flatten().map(|file| folder.join(file)));
                let built = tls::build(config, raw.http_server_config.http2, folder);
                Some(Arc::new(built.context("tls_server_config")?))
            }
        };
        Ok(Self {
            tls,
            users: Users::new(raw.basic_auth_users).context("basic_auth_users")?,
            headers: headers(&raw.http_server_config.headers).context("headers")?,
            files,
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

fn headers(wanted: &BTreeMap<String, String>) -> anyhow::Result<Vec<(HeaderName, HeaderValue)>> {
    let mut headers = Vec::new();
    for (name, value) in wanted {
        let Some((known, values)) = HEADERS.iter().find(|(known, _)| known == name) else {
            let known: Vec<_> = HEADERS.iter().map(|(known, _)| *known).collect();
            bail!("a header that cannot be set; those that can: {}", known.join(", "));
        };
        ensure!(
            values.is_empty() || values.contains(&value.as_str()),
            "{known} must be one of: {}",
            values.join(", ")
        );
        let value = HeaderValue::from_str(value);
        let value = value.with_context(|| format!("{known} has a value that HTTP cannot carry"))?;
        headers.push((HeaderName::from_bytes(known.as_bytes())?, value));
    }
    Ok(headers)
}

#[cfg(test)]
mod tests;
