//! One target: the BMC, what there is to do for it, and what is only said of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::address::Address;
use super::module::{Driver, Module};

/// One BMC, as written in the file.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "RawTarget")]
pub(super) struct Target {
    pub(super) name: String,
    pub(super) address: Address,
    pub(super) module: String,
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
}

impl Target {
    /// Whether it has a module, and one that can reach it.
    pub(super) fn fits(&self, modules: &BTreeMap<String, Module>) -> Result<(), String> {
        let Some(module) = modules.get(&self.module) else {
            let allowed: Vec<_> = modules.keys().map(String::as_str).collect();
            let allowed = allowed.join(", ");
            return Err(format!("module: is not among the modules; must be one of {allowed}"));
        };
        let (wanted, is) = (self.address.driver(), module.driver);
        if is == wanted {
            return Ok(());
        }
        let kind = if wanted == Driver::OpenIpmi { "a device" } else { "a host" };
        Err(format!("module: has the driver {is}; the address is {kind} and needs {wanted}"))
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
        }
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
