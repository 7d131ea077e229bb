//! The config file: which BMCs are polled, and how. Words of `ipmi_exporter`'s modules are kept.

use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use exporter_kit::Secret;
use serde::Deserialize;
use tracing::warn;

mod module;
mod span;

pub use module::{Driver, Module, Privilege};

/// The port of IPMI over LAN.
const PORT: u16 = 623;

/// The whole file, each module and each target valid by itself and together.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "RawConfig")]
pub struct Config {
    modules: BTreeMap<String, Module>,
    targets: Vec<Target>,
    /// Where the baselines of sensors are kept over a restart; nowhere when not set.
    pub state_directory: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    modules: BTreeMap<String, Module>,
    targets: Vec<Target>,
    state_directory: Option<PathBuf>,
}

/// One BMC, as written in the file.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "RawTarget")]
struct Target {
    name: String,
    address: Address,
    module: String,
    site: Option<String>,
    rack: Option<String>,
    rise_limits: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTarget {
    name: String,
    address: Address,
    #[serde(default = "default_module")]
    module: String,
    site: Option<String>,
    rack: Option<String>,
    #[serde(default)]
    rise_limits: BTreeMap<String, f64>,
}

fn default_module() -> String {
    "default".to_owned()
}

/// One BMC with all that is needed to poll it. Equal ones need no restart on a reload.
#[derive(Clone, Debug, PartialEq)]
pub struct Bmc {
    /// Its name: the `target` label, and the name of its baseline's file.
    pub name: String,
    /// Where it is reached.
    pub address: Address,
    /// The name of its module.
    pub module_name: String,
    /// How it is polled.
    pub module: Module,
    /// Where it stands; the `site` label.
    pub site: Option<String>,
    /// The rack that it stands in; the `rack` label.
    pub rack: Option<String>,
    /// Degrees Celsius per second by sensor name or entity, in place of the classes' own.
    pub rise_limits: BTreeMap<String, f64>,
}

impl Config {
    /// Reads the files of passwords and keys, relative paths being taken from `folder`.
    pub(crate) fn with_passwords(mut self, folder: &Path) -> anyhow::Result<Self> {
        for (name, module) in &mut self.modules {
            if let Some(file) = &module.password_file {
                let field = || format!("modules.{name}.password_file");
                let file = folder.join(file);
                module.password = Secret::read(&file).with_context(field)?;
                warn_if_public(&file);
                ensure!(
                    module.password.expose().len() <= module::PASSWORD_BYTES,
                    "{}: the password is longer than the 20 bytes that IPMI 2.0 allows",
                    field()
                );
            }
            if let Some(file) = &module.k_g_file {
                let field = || format!("modules.{name}.k_g_file");
                let file = folder.join(file);
                let k_g = Secret::read(&file).with_context(field)?;
                warn_if_public(&file);
                ensure!(module::key(k_g.expose()).is_some(), "{}: {}", field(), module::KEY_RULE);
                module.k_g = Some(k_g);
            }
        }
        if let Some(directory) = &self.state_directory {
            self.state_directory = Some(folder.join(directory));
        }
        Ok(self)
    }

    /// The BMCs by name, each with its module.
    pub(crate) fn bmcs(&self) -> BTreeMap<String, Bmc> {
        self.targets.iter().map(|target| (target.name.clone(), self.bmc(target))).collect()
    }

    fn bmc(&self, target: &Target) -> Bmc {
        let target = target.clone();
        Bmc {
            module: self.modules[&target.module].clone(),
            name: target.name,
            address: target.address,
            module_name: target.module,
            site: target.site,
            rack: target.rack,
            rise_limits: target.rise_limits,
        }
    }
}

/// Not an error, since secrets are mounted like this where only one user is.
fn warn_if_public(file: &Path) {
    let mode = std::fs::metadata(file).map_or(0, |it| it.permissions().mode());
    if mode & 0o007 != 0 {
        warn!(file = %file.display(), "every user of this machine can read the password file");
    }
}

impl TryFrom<RawConfig> for Config {
    type Error = String;

    fn try_from(raw: RawConfig) -> Result<Self, String> {
        let mut names = std::collections::BTreeSet::new();
        for target in &raw.targets {
            if !names.insert(&target.name) {
                return Err(format!("targets: the name `{}` is there twice", target.name));
            }
            if !raw.modules.contains_key(&target.module) {
                let allowed: Vec<_> = raw.modules.keys().map(String::as_str).collect();
                return Err(format!(
                    "targets: `{}` names the module `{}`, which is not among the modules: {}",
                    target.name,
                    target.module,
                    allowed.join(", ")
                ));
            }
            let driver = raw.modules[&target.module].driver;
            if driver != target.address.driver() {
                return Err(format!(
                    "targets: `{}` has the address {} and a module with the driver {driver}; a host \
                     needs {}, a device {}",
                    target.name,
                    target.address,
                    Driver::Lan20,
                    Driver::OpenIpmi
                ));
            }
        }
        Ok(Self {
            modules: raw.modules,
            targets: raw.targets,
            state_directory: raw.state_directory,
        })
    }
}

impl TryFrom<RawTarget> for Target {
    type Error = String;

    fn try_from(raw: RawTarget) -> Result<Self, String> {
        // The name is a file name in the state directory as well.
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
        if raw.name.is_empty() || raw.name.starts_with('.') || !raw.name.chars().all(allowed) {
            return Err(format!(
                "name: `{}` must be letters, digits and any of . _ : - and not begin with a dot",
                raw.name
            ));
        }
        for (part, limit) in &raw.rise_limits {
            if !limit.is_finite() || *limit <= 0.0 {
                return Err(format!(
                    "rise_limits: `{part}: {limit}` must be above 0 (degrees Celsius per second)"
                ));
            }
        }
        let filled = |place: Option<String>| place.filter(|place| !place.is_empty());
        Ok(Self {
            name: raw.name,
            address: raw.address,
            module: raw.module,
            site: filled(raw.site),
            rack: filled(raw.rack),
            rise_limits: raw.rise_limits,
        })
    }
}

/// Where a BMC is reached.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub enum Address {
    /// Over the LAN, as in `bmc-1.example`, `192.0.2.1:1623` or `[2001:db8::1]:623`.
    Lan {
        /// A name or an IP address, without brackets.
        host: String,
        /// The UDP port.
        port: u16,
    },
    /// The BMC of the machine that the exporter runs on, as in `/dev/ipmi0`.
    Device(PathBuf),
}

impl Address {
    fn driver(&self) -> Driver {
        match self {
            Self::Lan { .. } => Driver::Lan20,
            Self::Device(_) => Driver::OpenIpmi,
        }
    }

    /// Whether `text` means this address: with its port or without.
    pub fn is(&self, text: &str) -> bool {
        let host = match self {
            Self::Lan { host, .. } => Some(host.as_str()),
            Self::Device(_) => None,
        };
        host == Some(text) || self.to_string() == text
    }
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if is_device(&text) {
            return Ok(Self::Device(PathBuf::from(text)));
        }
        let bare_v6 = text.parse::<std::net::Ipv6Addr>().is_ok();
        let (host, port) = match text.rsplit_once(':') {
            _ if bare_v6 => (text.as_str(), None),
            Some((host, port)) if !host.ends_with(':') && !text.ends_with(']') => {
                (host, Some(port))
            }
            _ => (text.as_str(), None),
        };
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let port = port.map_or(Some(PORT), |port| port.parse().ok().filter(|port| *port != 0));
        let clean = |c: char| c.is_ascii_alphanumeric() || ".-_:%".contains(c);
        match port {
            Some(port) if !host.is_empty() && host.chars().all(clean) => {
                Ok(Self::Lan { host: host.to_owned(), port })
            }
            _ => Err(format!(
                "address: `{text}` must be a host or host:port, as in 192.0.2.1, \
                 bmc.example:623 or [2001:db8::1]:623, or a device, as in /dev/ipmi0"
            )),
        }
    }
}

/// Whether it is a name that udev or the kernel's documents give a BMC's device: `/dev/ipmi0`,
/// `/dev/ipmi/0` or `/dev/ipmidev/0`.
fn is_device(text: &str) -> bool {
    let places = ["/dev/ipmidev/", "/dev/ipmi/", "/dev/ipmi"];
    let number = places.iter().find_map(|place| text.strip_prefix(place));
    number.is_some_and(|it| (1..=3).contains(&it.len()) && it.bytes().all(|c| c.is_ascii_digit()))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lan { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Lan { host, port } => write!(f, "{host}:{port}"),
            Self::Device(path) => write!(f, "{}", path.display()),
        }
    }
}

/// How often a BMC is polled unless the file says otherwise: a step of a drive's temperature is
/// seen as 6.8 degrees per second at this pace, thirteen times the limit; BMCs bear it.
pub(crate) const INTERVAL: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
