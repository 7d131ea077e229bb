//! Why a file is no table. No I/O, no clock.

use std::error::Error;
use std::fmt;
use std::io;

/// Why a file is no table; what it says has the file for its subject.
#[derive(Debug)]
pub enum Fault {
    /// It could not be read, now.
    Unread(io::Error),
    /// It was read, and is none.
    NoTable(String),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Unread(error)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unread(error) => write!(f, "cannot be read: {error}"),
            Self::NoTable(why) => f.write_str(why),
        }
    }
}

impl Error for Fault {}
