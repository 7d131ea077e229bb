//! How a session is asked for: privilege, cipher suites, patience. No I/O, no clock.

use std::time::Duration;

/// The privilege level of a session (specification §6.8). `User` reads every sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(u8)]
pub enum Privilege {
    /// May read sensors, SDR, SEL and chassis status.
    #[default]
    User = 2,
    /// May, besides, change most things; some BMCs ask it for DCMI readings.
    Operator = 3,
    /// May do everything.
    Administrator = 4,
}

impl Privilege {
    /// Lower-case name: `user`, `operator`, `admin`.
    pub fn as_str(self) -> &'static str {
        match self {
            Privilege::User => "user",
            Privilege::Operator => "operator",
            Privilege::Administrator => "admin",
        }
    }
}

/// The cipher suites that are spoken (specification table 22-20).
///
/// Those without integrity or encryption (0-2, 15, 16) do not exist here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CipherSuite {
    /// RAKP-HMAC-SHA256, HMAC-SHA256-128, AES-CBC-128.
    Suite17,
    /// RAKP-HMAC-SHA1, HMAC-SHA1-96, AES-CBC-128.
    Suite3,
}

impl CipherSuite {
    /// The suite's number in the specification.
    pub fn number(self) -> u8 {
        match self {
            CipherSuite::Suite17 => 17,
            CipherSuite::Suite3 => 3,
        }
    }
}

/// How a session is opened and how long an answer is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The privilege to log in with.
    pub privilege: Privilege,
    /// Cipher suites in the order they are tried; the next one only when the BMC refuses one.
    pub suites: Vec<CipherSuite>,
    /// How long one datagram is given to be answered.
    pub timeout: Duration,
    /// How often a request is sent again (with a new sequence number) after its first time.
    pub retries: u32,
}

impl Default for Options {
    /// USER, suite 17 then 3, one second, two retries.
    fn default() -> Options {
        Options {
            privilege: Privilege::User,
            suites: vec![CipherSuite::Suite17, CipherSuite::Suite3],
            timeout: Duration::from_secs(1),
            retries: 2,
        }
    }
}
