//! Where resolvers are, by the user's own tables. No I/O but through what it is handed, no clock.

use std::io::Read;
use std::net::IpAddr;

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

#[cfg(test)]
mod tests;
