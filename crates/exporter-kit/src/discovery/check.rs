//! Whether the files that sources name can be read, so that a mistake is told with the config's.

use std::path::Path;

use super::client::{connector, headers};
use super::settings::{ClientTls, Discovery, HttpSd};
use crate::config::Problems;
use crate::secret::unreadable;

impl Discovery {
    /// Reads what its sources name beside their lists, so that a mistake is told with the config's.
    pub(crate) fn check(&self, folder: &Path) -> Result<(), Problems> {
        let mut problems = Problems::default();
        for (number, settings) in self.http.iter().enumerate() {
            for fault in settings.faults(folder) {
                problems.add(settings.place(), format!("http_sd_configs[{number}].{fault}"));
            }
        }
        problems.into_result()
    }
}

impl HttpSd {
    /// What is wrong with the files that the settings name, each as `FIELD: WHY`; relative paths are taken
    /// from `folder`.
    pub fn faults(&self, folder: &Path) -> Vec<String> {
        let ClientTls { ca, cert, key, .. } = &self.tls;
        let of_tls = [("ca", ca), ("cert", cert), ("key", key)];
        let of_tls = of_tls.map(|(field, it)| (format!("tls_config.{field}_file"), it.as_ref()));
        let faults = unreadable(of_tls.into_iter().chain(self.auth.secrets()), folder);
        if !faults.is_empty() {
            return faults;
        }
        let tls = connector(self, folder).err().map(|error| format!("tls_config.{error:#}"));
        let auth = headers(self, folder).err().map(|error| format!("{error:#}"));
        tls.into_iter().chain(auth).collect()
    }
}
