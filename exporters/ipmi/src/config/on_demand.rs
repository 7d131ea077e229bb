//! What there is to do for hosts that neither the file nor a list names, and that a scraper does: which
//! may be named, and by which modules. No I/O, no clock.

use std::collections::BTreeMap;
use std::sync::Arc;

use exporter_kit::Wanted;
use exporter_kit::on_demand::{Destination, Settings};

use super::address::Address;
use super::module::Module;
use super::target::{Bmc, Labels};

/// What there is to do for a BMC that no config and no list names.
pub(crate) type OnDemandBmc = Wanted<Arc<Bmc>, Labels>;

/// The modules by which hosts may be named, and which hosts those are.
#[derive(Debug, Default)]
pub(crate) struct OnDemandModules {
    modules: BTreeMap<String, Arc<Module>>,
    /// Which hosts.
    pub(crate) settings: Arc<Settings>,
}

impl OnDemandModules {
    pub(super) fn new(modules: BTreeMap<String, Arc<Module>>, settings: Arc<Settings>) -> Self {
        Self { modules, settings }
    }

    /// What there is to do for a host by a module, and whom that contacts. Whether it may is not asked
    /// here.
    pub(crate) fn bmc(
        &self,
        host: &str,
        module: &str,
    ) -> Result<(OnDemandBmc, Destination), String> {
        let Some(shared) = self.modules.get(module) else {
            let modules: Vec<_> = self.modules.keys().map(String::as_str).collect();
            return Err(format!("module: must be one of {}", modules.join(", ")));
        };
        let address = Address::try_from(host.to_owned());
        let address = address.map_err(|error| format!("target: {error}"))?.normal();
        let Some(destination) = address.destination() else {
            return Err("target: must be a host; a device is named in the config".to_owned());
        };
        if shared.driver.is_of_this_machine() {
            let (is, wanted) = (shared.driver, address.driver());
            return Err(format!(
                "module: has the driver {is} and no account; a host needs one, and {wanted}"
            ));
        }
        let work = Arc::new(Bmc {
            // However it is spelt, it is polled once, and has one file.
            name: address.short(),
            address,
            module: Arc::clone(shared),
            rise_limits: BTreeMap::new(),
        });
        let labels = Labels { module_name: module.to_owned(), ..Labels::default() };
        Ok((Wanted { work, labels }, destination))
    }

    /// What there is to do for one of before, if it may be named still.
    pub(crate) fn still(&self, host: &str, module: &str) -> Option<OnDemandBmc> {
        let (bmc, destination) = self.bmc(host, module).ok()?;
        self.settings.allow.allows(&destination).then_some(bmc)
    }
}
