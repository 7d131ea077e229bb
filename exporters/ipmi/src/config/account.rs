//! The account of a module, and the BMC's own key: each stands in the config or in a file of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use exporter_kit::config::all;
use exporter_kit::{Secret, SecretSource};
use tracing::warn;

/// The longest user name of IPMI 2.0 (table 22-20), in bytes.
const USER_BYTES: usize = 16;
/// The longest password (§ 22.30) and the longest key, in bytes.
const PASSWORD_BYTES: usize = 20;

/// Who logs in, and by which secrets. All are empty with the driver `OPENIPMI`, and those of files
/// until the files have been read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Account {
    /// The account's name.
    pub(crate) user: Secret,
    /// The account's password.
    pub(crate) password: Secret,
    /// The BMC's own key, where one is set: text, or `0x` and hexadecimal digits.
    k_g: Option<Secret>,
    sources: Sources,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Sources {
    user: Option<SecretSource>,
    password: Option<SecretSource>,
    k_g: Option<SecretSource>,
}

/// An account as it is written.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) user: Option<Secret>,
    pub(super) user_file: Option<PathBuf>,
    pub(super) pass: Option<Secret>,
    pub(super) password_file: Option<PathBuf>,
    pub(super) k_g: Option<Secret>,
    pub(super) k_g_file: Option<PathBuf>,
}

impl Account {
    /// None, as for a device.
    pub(super) fn none() -> Self {
        Self { user: empty(), password: empty(), k_g: None, sources: Sources::default() }
    }

    /// Checks what stands in the config itself.
    pub(super) fn new(written: Written) -> Result<Self, String> {
        let Written { user, user_file, pass, password_file, k_g, k_g_file } = written;
        let user = source("user", "user_file", user, user_file, check_user);
        let password = source("pass", "password_file", pass, password_file, check_password);
        let k_g = source("k_g", "k_g_file", k_g, k_g_file, check_key);
        let needs = |field: &str, example: &str, source: &Result<Option<_>, _>| match source {
            Ok(None) => Err(format!("{field}: must be set, as in `{example}`")),
            _ => Ok(()),
        };
        all([
            needs("user", "user: monitor", &user),
            needs("pass", "password_file: bmc.password", &password),
            user.clone().map(drop),
            password.clone().map(drop),
            k_g.clone().map(drop),
        ])?;
        let sources = Sources { user: user?, password: password?, k_g: k_g? };
        Ok(Self {
            user: inline(sources.user.as_ref()).unwrap_or_else(empty),
            password: inline(sources.password.as_ref()).unwrap_or_else(empty),
            k_g: inline(sources.k_g.as_ref()),
            sources,
        })
    }

    /// Reads the files, relative paths being taken from `folder`; returns what is wrong with each.
    pub(super) fn load(&mut self, folder: &Path) -> Vec<String> {
        let mut problems = Vec::new();
        let mut read = |field: &str, source: Option<&SecretSource>, check: Check| {
            let Some(source @ SecretSource::File(path)) = source else { return None };
            warn_if_public(&folder.join(path));
            let read = source.read_line(folder).map_err(|error| format!("{error:#}"));
            let checked = read.and_then(|secret| check(secret.expose()).map(|()| secret));
            checked.map_err(|error| problems.push(format!("{field}: {error}"))).ok()
        };
        if let Some(user) = read("user_file", self.sources.user.as_ref(), check_user) {
            self.user = user;
        }
        if let Some(password) =
            read("password_file", self.sources.password.as_ref(), check_password)
        {
            self.password = password;
        }
        if let Some(k_g) = read("k_g_file", self.sources.k_g.as_ref(), check_key) {
            self.k_g = Some(k_g);
        }
        problems
    }

    /// The bytes of the BMC's own key.
    pub(crate) fn k_g_bytes(&self) -> Option<Vec<u8>> {
        self.k_g.as_ref().map(|k_g| key(k_g.expose()).unwrap_or_default())
    }
}

type Check = fn(&str) -> Result<(), String>;

fn empty() -> Secret {
    Secret::new(String::new())
}

fn inline(source: Option<&SecretSource>) -> Option<Secret> {
    match source {
        Some(SecretSource::Inline(secret)) => Some(secret.clone()),
        _ => None,
    }
}

/// Where a secret stands; one that stands in the config is checked.
fn source(
    field: &str,
    file_field: &str,
    inline: Option<Secret>,
    file: Option<PathBuf>,
    check: Check,
) -> Result<Option<SecretSource>, String> {
    match (inline, file) {
        (Some(_), Some(_)) => Err(format!("{field}: give it or {file_field}, not both")),
        (Some(secret), None) => {
            check(secret.expose()).map_err(|error| format!("{field}: {error}"))?;
            Ok(Some(SecretSource::Inline(secret)))
        }
        (None, file) => Ok(file.map(SecretSource::File)),
    }
}

fn check_user(user: &str) -> Result<(), String> {
    sized(user, USER_BYTES)
}

fn check_password(password: &str) -> Result<(), String> {
    sized(password, PASSWORD_BYTES)
}

fn sized(text: &str, most: usize) -> Result<(), String> {
    if (1..=most).contains(&text.len()) {
        Ok(())
    } else {
        Err(format!("must be 1 to {most} bytes, as IPMI 2.0 allows"))
    }
}

fn check_key(text: &str) -> Result<(), String> {
    let rule = "must be 1 to 20 bytes: text, or 0x and two hexadecimal digits a byte";
    key(text).map(drop).ok_or_else(|| rule.to_owned())
}

/// A key as `FreeIPMI` takes it: `0x` and pairs of hexadecimal digits, or text. `None` when it is
/// empty, longer than 20 bytes, or not made of pairs.
fn key(text: &str) -> Option<Vec<u8>> {
    let bytes = match text.strip_prefix("0x") {
        Some(digits) => {
            let pairs = digits.as_bytes().chunks(2);
            let byte = |pair: &[u8]| match pair {
                [high, low] => Some(16 * nibble(*high)? + nibble(*low)?),
                _ => None,
            };
            pairs.map(byte).collect::<Option<Vec<u8>>>()?
        }
        None => text.as_bytes().to_vec(),
    };
    (1..=PASSWORD_BYTES).contains(&bytes.len()).then_some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|it| u8::try_from(it).ok())
}

/// Not an error, since secrets are mounted like this where only one user is.
fn warn_if_public(file: &Path) {
    // What is none is refused, by words of its own.
    let file_mode = fs::metadata(file).ok().filter(fs::Metadata::is_file);
    let mode = file_mode.map_or(0, |it| it.permissions().mode());
    if mode & 0o007 != 0 {
        warn!(file = %file.display(), "every user of this machine can read the password file");
    }
}
