//! What a scraper may ask for: the modules, and whom. No I/O, no clock.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use exporter_kit::on_demand::Settings;

use super::module::Module;

/// All of it, as the config in force says it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Offer {
    /// Who may be contacted.
    pub(crate) settings: Arc<Settings>,
    /// The modules by their names.
    pub(crate) modules: BTreeMap<String, Offered>,
    /// Who is asked for names; the system's resolvers when empty.
    pub(crate) resolvers: Arc<[SocketAddr]>,
}

/// A module, or why it cannot be used.
#[derive(Clone, Debug)]
pub(crate) struct Offered {
    /// The module.
    pub(crate) module: Arc<Module>,
    /// Why a file that it names could not be read.
    pub(crate) fault: Option<Arc<str>>,
}
