//! What a config says and hardly means. No I/O, no clock.

use exporter_kit::on_demand::AllowList;

use super::Config;

impl Config {
    /// What is allowed and hardly meant.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let allows = self.on_demand.allow != AllowList::default();
        let idle = self.targets.is_empty() && !self.discovers() && !allows;
        let idle = idle.then(|| {
            "targets: there is none, and on_demand.allow lists nobody, so nothing is probed; \
             `on_demand: {allow: ['*']}` lets a scraper name any host"
                .to_owned()
        });
        let modules = self.modules.iter().flat_map(|(name, module)| {
            let fault = module
                .fault
                .iter()
                .map(move |fault| format!("modules.{name}: its probes will fail: {fault}"));
            let lack = module.asked.lack();
            let lack =
                lack.map(|lack| format!("modules.{name}: is refused when it is asked for: {lack}"));
            let doubt = module.asked.doubt().map(|doubt| format!("modules.{name}.{doubt}"));
            let fault = fault.chain(lack).chain(doubt);
            let idle = module.asked.idle.iter();
            fault.chain(idle.map(move |section| {
                format!("modules.{name}.{section}: has no effect: the prober is another")
            }))
        });
        idle.into_iter().chain(modules).chain(self.shared.iter().cloned()).collect()
    }
}
