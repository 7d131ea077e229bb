//! Who sends an HTTP request: `basic_auth`, `authorization` and `http_headers`, in Prometheus' words.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::{Secret, SecretSource};

/// Headers that the request has in any case, or that say how it is sent; as in Prometheus.
const RESERVED: [&str; 12] = [
    "accept-encoding",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "user-agent",
    "www-authenticate",
];

/// What a request says of who sends it. Its secrets may stand in files of their own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HttpAuth {
    login: Login,
    /// More headers, a value each.
    headers: Vec<(HeaderName, SecretSource)>,
}

#[derive(Clone, Debug, Default, PartialEq)]
enum Login {
    #[default]
    None,
    /// A user and a password.
    Basic(SecretSource, Option<SecretSource>),
    /// A kind, as `Bearer`, and credentials.
    Other(String, Option<SecretSource>),
}

/// The section `basic_auth`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasicAuth {
    username: Option<Secret>,
    username_file: Option<PathBuf>,
    password: Option<Secret>,
    password_file: Option<PathBuf>,
}

/// The section `authorization`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authorization {
    r#type: Option<String>,
    credentials: Option<Secret>,
    credentials_file: Option<PathBuf>,
}

/// One of the section `http_headers`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpHeader {
    values: Vec<Secret>,
    secrets: Vec<Secret>,
    files: Vec<PathBuf>,
}

impl HttpAuth {
    /// What the three sections say; the error says which of them is wrong, and repeats no value.
    pub fn new(
        basic_auth: Option<BasicAuth>,
        authorization: Option<Authorization>,
        http_headers: BTreeMap<String, HttpHeader>,
    ) -> Result<Self, String> {
        let login = match (basic_auth, authorization) {
            (None, None) => Login::None,
            (Some(basic), None) => basic.login().map_err(|error| format!("basic_auth.{error}"))?,
            (None, Some(other)) => {
                other.login().map_err(|error| format!("authorization.{error}"))?
            }
            (Some(_), Some(_)) => {
                return Err("authorization: give it or basic_auth, not both".to_owned());
            }
        };
        let mut headers = Vec::new();
        for (name, header) in http_headers {
            let read = header.read(&name).map_err(|error| format!("http_headers: {error}"));
            let (name, values) = read?;
            headers.extend(values.into_iter().map(|value| (name.clone(), value)));
        }
        Ok(Self { login, headers })
    }

    /// The secrets that it is made of, each by its field.
    pub(crate) fn secrets(&self) -> Vec<(String, Option<&SecretSource>)> {
        let mut secrets = match &self.login {
            Login::None => Vec::new(),
            Login::Basic(user, password) => vec![
                ("basic_auth.username_file".to_owned(), Some(user)),
                ("basic_auth.password_file".to_owned(), password.as_ref()),
            ],
            Login::Other(_, credentials) => {
                vec![("authorization.credentials_file".to_owned(), credentials.as_ref())]
            }
        };
        for (name, source) in &self.headers {
            secrets.push((format!("http_headers.{name}.files"), Some(source)));
        }
        secrets
    }

    /// The headers that say so; files are read, relative paths being taken from `folder`.
    pub fn headers(&self, folder: &Path) -> anyhow::Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        let read = |source: &Option<SecretSource>| match source {
            None => Ok(Secret::new(String::new())),
            Some(source) => source.read_line(folder),
        };
        let login = match &self.login {
            Login::None => None,
            Login::Basic(user, password) => {
                let (user, password) = (user.read_line(folder)?, read(password)?);
                no_colon(&user).map_err(|error| anyhow!("basic_auth.{error}"))?;
                let pair = Zeroizing::new(format!("{}:{}", user.expose(), password.expose()));
                let pair = Zeroizing::new(BASE64_STANDARD.encode(pair.as_bytes()));
                Some(Zeroizing::new(format!("Basic {}", *pair)))
            }
            Login::Other(kind, credentials) => {
                let credentials = read(credentials)?;
                Some(Zeroizing::new(format!("{kind} {}", credentials.expose().trim())))
            }
        };
        if let Some(login) = login {
            headers.insert(header::AUTHORIZATION, value(&login)?);
        }
        for (name, source) in &self.headers {
            headers.append(name.clone(), value(source.read_line(folder)?.expose())?);
        }
        Ok(headers)
    }
}

impl BasicAuth {
    fn login(self) -> Result<Login, String> {
        let user = SecretSource::either("username", self.username, self.username_file)?;
        let user = user.ok_or("username: must be given, or username_file")?;
        if let SecretSource::Inline(user) = &user {
            no_colon(user)?;
        }
        let password = SecretSource::either("password", self.password, self.password_file)?;
        Ok(Login::Basic(user, password))
    }
}

impl Authorization {
    fn login(self) -> Result<Login, String> {
        let kind = self.r#type.unwrap_or_else(|| "Bearer".to_owned());
        let fits = |c: char| c.is_ascii_alphanumeric() || "-._~+".contains(c);
        if kind.is_empty() || !kind.chars().all(fits) {
            return Err("type: must be a word, as Bearer".to_owned());
        }
        if kind.eq_ignore_ascii_case("basic") {
            return Err("type: must not be Basic: basic_auth is the place for it".to_owned());
        }
        let source = SecretSource::either("credentials", self.credentials, self.credentials_file)?;
        Ok(Login::Other(kind, source))
    }
}

impl HttpHeader {
    fn read(self, name: &str) -> Result<(HeaderName, Vec<SecretSource>), String> {
        // Where a name should stand, a secret may.
        let header = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| "one has a name that HTTP does not allow".to_owned())?;
        if RESERVED.contains(&header.as_str()) {
            return Err(format!("{header} cannot be set here"));
        }
        let mut sources = Vec::new();
        for value in self.values.into_iter().chain(self.secrets) {
            if HeaderValue::from_str(value.expose()).is_err() {
                return Err("one has a value that HTTP cannot carry".to_owned());
            }
            sources.push(SecretSource::Inline(value));
        }
        sources.extend(self.files.into_iter().map(SecretSource::File));
        if sources.is_empty() {
            return Err("one has no value: give values, secrets or files".to_owned());
        }
        Ok((header, sources))
    }
}

/// What comes behind the first colon would be taken for the password (RFC 7617).
fn no_colon(user: &Secret) -> Result<(), String> {
    if user.expose().contains(':') {
        return Err("username: must have no colon, by which nobody can log in".to_owned());
    }
    Ok(())
}

/// A header's value that no library shows.
fn value(text: &str) -> anyhow::Result<HeaderValue> {
    let value = HeaderValue::from_str(text);
    let mut value = value.map_err(|_| anyhow!("a secret has what a header cannot carry"))?;
    value.set_sensitive(true);
    Ok(value)
}
