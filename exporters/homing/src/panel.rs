//! What strangers' probes measure, where a panel of them measures an endpoint anyway. They have no vote and
//! no series of the vantages' names: they can only say something beside them. No I/O, no clock.

pub(crate) mod atlas;
pub(crate) mod beside;
pub(crate) mod budget;
pub(crate) mod create;
pub(crate) mod fetch;
pub(crate) mod globalping;
pub(crate) mod judge;
pub(crate) mod list;
pub(crate) mod probes;
pub(crate) mod state;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

/// How a measurement asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Ping,
    Traceroute,
}

impl Asked {
    /// As a label.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Traceroute => "traceroute",
        }
    }
}

/// What one probe found at one moment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reply {
    /// The probe's number.
    pub(crate) probe: u64,
    /// How it asked.
    pub(crate) asked: Asked,
    /// Whom it asked.
    pub(crate) address: IpAddr,
    /// When, in seconds since the epoch, by the probe's clock.
    pub(crate) at: u64,
    /// The smallest round trip in milliseconds; none where nothing came back.
    pub(crate) rtt_ms: Option<f64>,
}
