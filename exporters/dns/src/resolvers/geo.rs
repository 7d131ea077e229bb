//! Where resolvers are, by the user's own tables. No I/O but through what it is handed, no clock.

use std::collections::HashSet;
use std::io::Read;
use std::net::IpAddr;
use std::sync::Arc;

use networks::{Fault, Table};

use super::Country;

/// What is known of an address.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Found {
    /// The country it is in.
    pub(crate) country: Option<Country>,
    /// The autonomous system that announces it.
    pub(crate) asn: Option<u32>,
}

/// All tables; the first that says something is believed.
#[derive(Debug, Default)]
pub(crate) struct Geo(Vec<Table>);

impl Geo {
    /// Adds the content of a file, or says why it is none. Every line must be one: it is the user's, who is there.
    pub(crate) fn add(&mut self, file: impl Read) -> Result<(), Fault> {
        self.0.push(Table::read(file)?.whole()?);
        Ok(())
    }

    /// The systems that tables name for addresses of IPv4, or for those of IPv6.
    pub(crate) fn systems(&self, is_v4: bool) -> HashSet<u32> {
        let mut systems = HashSet::new();
        for table in &self.0 {
            table.any_system(is_v4, |system| {
                systems.insert(system);
                false
            });
        }
        systems
    }

    /// Whether any table knows of systems.
    pub(crate) fn has_systems(&self) -> bool {
        self.0.iter().any(Table::has_systems)
    }

    /// What is known of an address.
    pub(crate) fn find(&self, address: IpAddr) -> Found {
        let mut found = Found::default();
        for told in self.0.iter().map(|table| table.find(address)) {
            let code = told.country.as_ref().map(networks::Country::as_str);
            let code = if told.is_anycast { Some(super::ANYCAST) } else { code };
            found.country = found.country.or_else(|| Country::new(code?));
            found.asn = found.asn.or(told.asn);
        }
        found
    }
}

/// The autonomous systems of addresses, by the tables; none of any where there are no tables.
#[derive(Clone, Debug, Default)]
pub(crate) struct Systems(Option<Arc<Geo>>);

impl Systems {
    /// By these tables.
    pub(crate) fn new(geo: Arc<Geo>) -> Self {
        Self(Some(geo))
    }

    /// By one table.
    #[cfg(test)]
    pub(crate) fn read(table: impl Read) -> Result<Self, Fault> {
        let mut geo = Geo::default();
        geo.add(table)?;
        Ok(Self::new(Arc::new(geo)))
    }

    /// Whether any table knows of systems.
    pub(crate) fn are_known(&self) -> bool {
        self.0.is_some()
    }

    /// The system that announces an address, if a table says so.
    pub(crate) fn of(&self, address: IpAddr) -> Option<u32> {
        self.0.as_ref()?.find(address).asn
    }
}

impl Default for &Systems {
    fn default() -> Self {
        static NONE: Systems = Systems(None);
        &NONE
    }
}

/// Tables that were read anew may say something else.
impl PartialEq for Systems {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_ref().map(Arc::as_ptr) == other.0.as_ref().map(Arc::as_ptr)
    }
}

#[cfg(test)]
mod tests;
