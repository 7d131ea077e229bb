//! Tables of networks as people have them on their disks: in which country an address is, and which autonomous
//! system announces it.
//!
//! | format | known by |
//! |---|---|
//! | ranges (iptoasn, DB-IP and others) | two addresses, or two IPv4 addresses as numbers, then an AS, an AS and a country, or a country; with tabs or commas |
//! | prefixes (CAIDA's pfx2as) | an address, a length, and the AS; of several the first |
//! | MMDB | its marker; the keys of the known makers |
//!
//! A text is read line by line into the ranges: no more of it than a line is ever in memory. Of ranges that lie in one
//! another the smallest counts. What cannot be read is counted ([`Table::rejected`]): how much of that there may be is
//! for the caller to say. Anything that is no table is a [`Fault`], never a panic.
//!
//! ```
//! let text = "192.0.2.0\t192.0.2.255\t64500\tNL\tEXAMPLE\n192.0.2.64\t192.0.2.127\t64501\tDE\tOTHER\n";
//! let table = networks::Table::read(text.as_bytes()).unwrap();
//! let found = table.find([192, 0, 2, 70].into());
//! assert_eq!((found.asn, found.country.as_ref().map(|it| it.as_str())), (Some(64501), Some("DE")));
//! ```

mod fault;
mod file;
mod found;
mod line;
mod mmdb;
mod range;
mod ranges;
mod table;

pub use fault::Fault;
pub use file::{Limited, open};
pub use found::{Country, Found};
pub use range::Range;
pub use ranges::Ranges;
pub use table::Table;
