//! Why an answer is not taken though there is a connection. No I/O, no clock.

use std::fmt;
use std::time::Duration;

/// Why an answer is not taken though there is a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpFault {
    /// It was not whole after that time.
    Late(Duration),
    /// It has more bytes than these.
    Long(u64),
}

impl fmt::Display for HttpFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Late(patience) => write!(f, "no whole answer within {} s", patience.as_secs()),
            Self::Long(largest) => write!(f, "the answer has more than {} MiB", largest >> 20),
        }
    }
}

impl std::error::Error for HttpFault {}
