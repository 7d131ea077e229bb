//! The machine's own BMC, which is polled where a config names nobody, as `ipmi_exporter` does.

use std::collections::BTreeMap;
use std::fs;

use exporter_kit::config::{Located, Place};

use super::module::Module;
use super::target::Target;

/// The module of targets that name none.
pub(super) const MODULE: &str = "default";
/// The device that `ipmi_devintf` has first.
const DEVICE: &str = "/dev/ipmi0";
const HOSTNAME: &str = "/proc/sys/kernel/hostname";

/// Whether the default module, which is made if there is none, reads something of this machine.
pub(super) fn is_polled(modules: &mut BTreeMap<String, Located<Module>>) -> bool {
    if !modules.contains_key(MODULE)
        && let Ok(value) = Module::own()
    {
        modules.insert(MODULE.to_owned(), Located { place: Place::default(), value });
    }
    let module = modules.get(MODULE);
    module.is_some_and(|it| it.driver.is_of_this_machine() && !it.collectors.is_empty())
}

/// This machine's BMC by the machine's name, which no other machine of a fleet has.
pub(super) fn target() -> anyhow::Result<Target> {
    let name = fs::read_to_string(HOSTNAME).unwrap_or_default();
    let target = Target::own(name.trim(), DEVICE, MODULE);
    target.or_else(|_| Target::own("localhost", DEVICE, MODULE)).map_err(anyhow::Error::msg)
}

/// What there is to say of each module: taken out of it, since it changes nothing in its work.
pub(super) fn warnings(modules: &mut BTreeMap<String, Located<Module>>) -> Vec<String> {
    let of_one = |(name, Located { place, value }): (&String, &mut Located<Module>)| {
        let warnings = std::mem::take(&mut value.warnings).into_iter();
        let line = place.line;
        let told = warnings.map(|warning| format!("line {line}: modules.{name}.{warning}"));
        told.collect::<Vec<_>>()
    };
    modules.iter_mut().flat_map(of_one).collect()
}
