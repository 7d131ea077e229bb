//! One target: the BMC, what there is to do for it, and what is only said of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use exporter_kit::TargetId;
use exporter_kit::config::{self, Located, all};
use exporter_kit::discovery::Found;
use serde::Deserialize;

use super::address::Address;
use super::module::Module;

/// Labels of the metrics, which a target's own labels may not be.
const TAKEN: [&str; 21] = [
    "action",
    "address",
    "bmc_url",
    "cause",
    "collector",
    "command",
    "entity",
    "firmware_revision",
    "guid",
    "id",
    "interrupt",
    "level",
    "manufacturer_id",
    "name",
    "product_id",
    "reason",
    "state",
    "system_firmware_version",
    "type",
    "verdict",
    "what",
];

/// One BMC, as written in the file or in a list.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "RawTarget")]
pub(super) struct Target {
    pub(super) name: String,
    pub(super) address: Address,
    pub(super) module: String,
    site: Option<String>,
    rack: Option<String>,
    labels: config::Labels,
    rise_limits: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTarget {
    name: String,
    address: Address,
    #[serde(default = "default_module")]
    module: String,
    site: Option<Place>,
    rack: Option<Place>,
    #[serde(default)]
    labels: config::Labels,
    #[serde(default)]
    rise_limits: BTreeMap<String, f64>,
}

/// What a site or a rack is called; an empty text is no place.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Place(Option<String>);

impl TryFrom<String> for Place {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        config::Name::new(text).map(|name| Self(Some(name.into_string())))
    }
}

fn default_module() -> String {
    "default".to_owned()
}

/// One BMC with all that is needed to poll it: the work. Equal ones need no restart on a reload.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bmc {
    /// Its name: the `target` label, and the name of its baseline's file.
    pub(crate) name: String,
    /// Where it is reached.
    pub(crate) address: Address,
    /// How it is polled.
    pub(crate) module: Arc<Module>,
    /// Degrees Celsius per second by sensor name or entity, in place of the classes' own.
    pub(crate) rise_limits: BTreeMap<String, f64>,
}

/// What is only said of a BMC. A change of it restarts nothing and resets no counter.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Labels {
    /// The name of its module.
    pub(crate) module_name: String,
    /// Where it stands; the `site` label.
    pub(crate) site: Option<String>,
    /// The rack that it stands in; the `rack` label.
    pub(crate) rack: Option<String>,
    /// The user's own.
    pub(crate) own: config::Labels,
}

impl Target {
    /// The machine's own BMC.
    pub(super) fn own(name: &str, device: &str, module: &str) -> Result<Self, String> {
        Self::try_from(RawTarget {
            name: name.to_owned(),
            address: Address::try_from(device.to_owned())?,
            module: module.to_owned(),
            site: None,
            rack: None,
            labels: config::Labels::default(),
            rise_limits: BTreeMap::new(),
        })
    }

    /// Its site; empty where none is configured.
    pub(super) fn site(&self) -> &str {
        self.site.as_deref().unwrap_or_default()
    }

    /// Who it is.
    pub(super) fn id(&self) -> TargetId {
        let (name, group) = (self.name.clone(), self.site().to_owned());
        TargetId { name, group, ..TargetId::default() }
    }

    /// Whether it has a module, and one that can reach it.
    pub(super) fn fits(&self, modules: &BTreeMap<String, Located<Module>>) -> Result<(), String> {
        let Some(module) = modules.get(&self.module) else {
            let allowed: Vec<_> = modules.keys().map(String::as_str).collect();
            if allowed.is_empty() {
                return Err("module: there is none; name one in `modules`".to_owned());
            }
            let allowed = allowed.join(", ");
            return Err(format!("module: is not among the modules; must be one of {allowed}"));
        };
        let (wanted, is) = (self.address.driver(), module.driver);
        if is == wanted {
            return Ok(());
        }
        let kind = wanted.reaches();
        let account = if wanted.has_account() { " and an account" } else { "" };
        Err(format!(
            "module: has the driver {is}; the address is {kind} and needs {wanted}{account}"
        ))
    }

    /// What there is to do for it, with its module.
    pub(super) fn work(&self, module: Arc<Module>) -> Bmc {
        Bmc {
            name: self.name.clone(),
            address: self.address.clone(),
            module,
            rise_limits: self.rise_limits.clone(),
        }
    }

    /// What is only said of it.
    pub(super) fn labels(&self) -> Labels {
        Labels {
            module_name: self.module.clone(),
            site: self.site.clone(),
            rack: self.rack.clone(),
            own: self.labels.clone(),
        }
    }
}

/// A discovered BMC, held to the same conditions as one of the file. Its account is that of the module
/// that a label names: a list names no secret.
impl TryFrom<&Found> for Target {
    type Error = String;

    fn try_from(found: &Found) -> Result<Self, String> {
        let mut parts = found.parts(&["site", "rack"])?;
        let address = Address::try_from(found.address.clone());
        let address = address.map_err(|error| format!("address: {error}"))?;
        if let Address::Device(_) = address {
            return Err("address: must be a host; a device is named in the config".to_owned());
        }
        let mut place = |field: &str| {
            let name = parts.fields.remove(field);
            name.map(|name| Place(Some(name.into_string())))
        };
        let (site, rack) = (place("site"), place("rack"));
        Self::try_from(RawTarget {
            name: parts.name.into_string(),
            address,
            module: parts.module.map_or_else(default_module, config::Name::into_string),
            site,
            rack,
            labels: parts.labels,
            rise_limits: BTreeMap::new(),
        })
    }
}

impl TryFrom<RawTarget> for Target {
    type Error = String;

    fn try_from(raw: RawTarget) -> Result<Self, String> {
        // The name is a file name in the state directory as well.
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
        let name = &raw.name;
        let is_good = !name.is_empty() && !name.starts_with('.') && name.chars().all(allowed);
        let name = if name.len() > config::LONGEST_NAME {
            Err(format!("name: must not be longer than {} bytes", config::LONGEST_NAME))
        } else if is_good {
            Ok(())
        } else {
            Err("name: must be letters, digits and any of . _ : - and not begin with a dot"
                .to_owned())
        };
        let limits_are_good =
            raw.rise_limits.values().all(|limit| limit.is_finite() && *limit > 0.0);
        let limits = if limits_are_good {
            Ok(())
        } else {
            Err("rise_limits: each must be above 0 (degrees Celsius per second)".to_owned())
        };
        let labels = raw.labels.refuse(&TAKEN).map_err(|error| format!("labels: {error}"));
        all([name, limits, labels])?;
        let filled = |place: Option<Place>| place.and_then(|place| place.0);
        Ok(Self {
            name: raw.name,
            address: raw.address,
            module: raw.module,
            site: filled(raw.site),
            rack: filled(raw.rack),
            labels: raw.labels,
            rise_limits: raw.rise_limits,
        })
    }
}
