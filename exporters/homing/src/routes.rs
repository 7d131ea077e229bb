//! Who announces what, as an operator's own routers write it down (MRT, RFC 6396). No I/O, no clock.

pub(crate) mod figures;
pub(crate) mod followed;
mod heard;
pub(crate) mod mrt;
mod pairs;
pub(crate) mod poll;
mod source;
pub(crate) mod standing;
pub(crate) mod state;
pub(crate) mod store;
pub(crate) mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Duration;

use ipnet::IpNet;

/// What is watched, as the config has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Watched {
    /// What is announced.
    pub(crate) prefix: IpNet,
    /// Who may announce it; where nobody is named, who is seen to.
    pub(crate) origins: BTreeSet<u32>,
    /// Through whom it may be heard.
    pub(crate) upstreams: BTreeSet<u32>,
    /// How long its parts may be that are announced by themselves.
    pub(crate) max_length: Option<u8>,
}

/// How a table is judged.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rules {
    /// What is watched; where that is nothing, what the addresses that are judged are in.
    pub(crate) watch: Vec<Watched>,
    /// So many peers must say it.
    pub(crate) min_peers: usize,
    /// A table that is older says nothing.
    pub(crate) max_age: Duration,
}

/// Where tables are, and how often they are looked at.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RouteWork {
    /// Paths, whose last part may have a `*`: then the newest file of that pattern.
    pub(crate) files: Vec<String>,
    /// The time from one look to the next.
    pub(crate) interval: Duration,
    /// From where the paths are taken.
    pub(crate) folder: std::sync::Arc<std::path::Path>,
}
