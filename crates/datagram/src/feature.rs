//! What the kernel is asked to tell of a socket, and what it refused. No I/O, no clock.

use std::{fmt, io};

/// Something that the kernel is asked for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Feature {
    /// A receive buffer as large as was asked for.
    ReceiveBuffer,
    /// The time when a datagram arrived.
    TimeStamps,
    /// What the network says of datagrams that were sent.
    Notices,
    /// How many datagrams were dropped.
    Drops,
    /// The TTL or hop limit with which a datagram arrived.
    HopLimits,
}

impl Feature {
    /// The feature as a log line names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReceiveBuffer => "receive buffer",
            Self::TimeStamps => "receive time stamps",
            Self::Notices => "error queue",
            Self::Drops => "drop counter",
            Self::HopLimits => "hop limits",
        }
    }
}

/// A feature that a socket does not have. The socket works without it, and knows less.
#[derive(Debug)]
pub struct Missing {
    /// Which one.
    pub feature: Feature,
    /// What the kernel said.
    pub cause: io::Error,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.feature.as_str(), self.cause)
    }
}
