//! One entry of the targets, and the probes that it is. No I/O, no clock.

use std::collections::BTreeMap;

use exporter_kit::TargetId;
use exporter_kit::config::{Labels, Located, Name};
use serde::Deserialize;
use url::Url;

use super::module::Module;
use crate::host::Host;
use crate::probe::Address;

/// Labels of the metrics, which a target's own labels may not be.
const TAKEN: [&str; 10] =
    ["address", "family", "feature", "mode", "module", "phase", "reason", "role", "slot", "window"];

/// Those of a target whose paths are traced.
const TAKEN_BY_PATHS: [&str; 7] = ["asn", "city", "country", "ix", "level", "position", "result"];

/// A target by one of its modules, its address read by that module's prober.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) id: TargetId,
    pub(super) role: Role,
    pub(super) labels: Labels,
    pub(super) address: Address,
}

/// An entry as it stands in the file, or is made of what was discovered.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEntry {
    pub(super) name: Name,
    pub(super) team: Option<Name>,
    pub(super) address: String,
    pub(super) module: Option<String>,
    pub(super) modules: Option<Vec<String>>,
    #[serde(default)]
    pub(super) role: Role,
    #[serde(default)]
    pub(super) labels: Labels,
}

/// What a target is there for.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Hash)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// Its own reachability matters.
    #[default]
    Service,
    /// It is known to be reachable, and shows whether the vantage itself is.
    Canary,
}

impl Role {
    const ALL: [Self; 2] = [Self::Service, Self::Canary];

    /// The label's value.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Canary => "canary",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }
}

impl RawEntry {
    /// The entry by each of its modules.
    pub(super) fn entries(
        self,
        known: &BTreeMap<String, Located<Module>>,
    ) -> Result<Vec<Entry>, String> {
        self.labels.refuse(&TAKEN).map_err(|error| format!("labels: {error}"))?;
        let (modules, is_list) = match (self.module, self.modules) {
            (Some(module), None) => (vec![module], false),
            (None, Some(modules)) if !modules.is_empty() => (modules, true),
            (None, Some(_)) => return Err("modules: there must be one at least".to_owned()),
            (None, None) => return Err("module: must be given, or modules".to_owned()),
            (Some(_), Some(_)) => return Err("modules: give it or module, not both".to_owned()),
        };
        let addresses = if is_list { parts(&self.address) } else { vec![self.address] };
        let team = self.team.map(Name::into_string).unwrap_or_default();
        let name = self.name.into_string();
        let entry = |(number, word): (usize, String)| {
            let Some(module) = known.get(&word) else {
                let field =
                    if is_list { format!("modules[{number}]") } else { "module".to_owned() };
                let allowed: Vec<_> = known.keys().map(String::as_str).collect();
                if allowed.is_empty() {
                    return Err(format!("{field}: there is none; name one in `modules`"));
                }
                let allowed = allowed.join(", ");
                return Err(format!("{field}: is not among the modules; must be one of {allowed}"));
            };
            let continuous = module.continuous.as_ref().map_err(|why| {
                let field = if is_list { "modules" } else { "module" };
                format!(
                    "{field}: cannot probe a target all the time, only when it is asked for: {why}"
                )
            })?;
            if continuous.path.is_some() {
                let free = self.labels.refuse(&TAKEN_BY_PATHS);
                free.map_err(|error| format!("labels: {error}"))?;
            }
            let mut read = addresses.iter().map(|address| continuous.prober.address(address));
            let address = match read.next() {
                Some(Err(error)) => read.find_map(Result::ok).ok_or(error),
                Some(read) => read,
                None => Err("must not be empty".to_owned()),
            };
            let address = address.and_then(|address| match address.host().is_one() {
                Ok(()) => Ok(address),
                Err(error) => Err(error.to_owned()),
            });
            Ok(Entry {
                id: TargetId { name: name.clone(), group: team.clone(), module: word },
                role: self.role,
                labels: self.labels.clone(),
                address: address.map_err(|error| format!("address: {error}"))?,
            })
        };
        modules.into_iter().enumerate().map(entry).collect()
    }
}

/// What an address may be read as where several probers share it: itself, and then host with port, and
/// host, of a URL; or the host of a host with port.
fn parts(text: &str) -> Vec<String> {
    let mut parts = vec![text.to_owned()];
    let url = Url::parse(text).ok();
    if let Some((url, host)) = url.as_ref().and_then(|url| Some((url, url.host_str()?))) {
        parts.extend(url.port_or_known_default().map(|port| format!("{host}:{port}")));
        parts.push(host.to_owned());
    } else if let Some((host, _)) = Host::parse_with_port(text) {
        parts.push(host.to_string());
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_parts() {
        for (text, wanted) in [
            ("https://a.example/b?c", &["https://a.example/b?c", "a.example:443", "a.example"][..]),
            ("http://[::1]:81/", &["http://[::1]:81/", "[::1]:81", "[::1]"]),
            ("a.example:25", &["a.example:25", "a.example"]),
            ("[::1]:25", &["[::1]:25", "::1"]),
            ("a.example", &["a.example"]),
        ] {
            assert_eq!(parts(text), wanted);
        }
    }
}
