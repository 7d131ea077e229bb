//! What one trace found. No I/O, no clock.

use std::net::IpAddr;
use std::time::Duration;

use exporter_kit::label_enum;

use super::packet::MplsLabel;

/// The routers on the way to an address, by their distance.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Trace {
    /// Where it went.
    pub(crate) to: IpAddr,
    /// Who answered at each distance; the last is the target where it was reached.
    pub(crate) hops: Vec<Option<Hop>>,
    /// How it ended.
    pub(crate) end: End,
}

/// One router, or the target.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Hop {
    /// Its address, of the interface that it answered from.
    pub(crate) address: IpAddr,
    /// The time there and back.
    pub(crate) rtt: Duration,
    /// The labels with which the probe reached it.
    pub(crate) mpls: Vec<MplsLabel>,
}

/// How a trace ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// At the target.
    Reached,
    /// In silence.
    Incomplete,
    /// A router says that there is no way.
    Unreachable { by: IpAddr },
    /// It was not sent: no permission, no route, no interface.
    Local,
}

label_enum! {
    /// How a trace ended, as a label has it.
    pub(crate) enum TraceResult {
        /// At the target.
        Reached = "reached",
        /// In silence.
        Incomplete = "incomplete",
        /// Where a router knows of no way.
        Unreachable = "unreachable",
        /// Here: it was not sent.
        Local = "local",
    }
}

impl Trace {
    /// One that was not sent.
    pub(crate) fn unsent(to: IpAddr, end: End) -> Self {
        Self { to, hops: Vec::new(), end }
    }

    /// How it ended, as a label has it.
    pub(crate) fn result(&self) -> TraceResult {
        match self.end {
            End::Reached => TraceResult::Reached,
            End::Incomplete => TraceResult::Incomplete,
            End::Unreachable { .. } => TraceResult::Unreachable,
            End::Local => TraceResult::Local,
        }
    }

    /// How many hops away the target is, where it was reached.
    pub(crate) fn length(&self) -> Option<u8> {
        (self.end == End::Reached).then(|| u8::try_from(self.hops.len()).unwrap_or(u8::MAX))
    }
}
