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
/// Those without integrity or encryption (0-2, 15, 16) do not exist here. Nor do those of MD5 (8 and
/// 12): the algorithms of suite 3 are the ones that every BMC must have (tables 13-17 to 13-19), so
/// a third hash would reach no other BMC.
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
    /// Whether a BMC that says nothing at all is given up after `timeout` times (`retries` + 1), where others
    /// are given three times that: it may be slow, and is dead as a rule.
    pub impatient: bool,
    /// Read values although the BMC says that it does not scan the sensor (FreeIPMI's
    /// `ignorescanningdisabled`; Dell 2900, 2950, R410 and R610 need it).
    pub ignore_scanning_disabled: bool,
    /// Allow [`crate::command::Command::Bridged`]: questions about sensors of other controllers
    /// (FreeIPMI's `--bridge-sensors`). Slow, and some controllers suffer from it.
    pub bridge_sensors: bool,
    /// What this BMC does wrong.
    pub workarounds: Vec<Workaround>,
}

/// A fault of firmware to put up with, under the name FreeIPMI gives it (`man ipmi-sensors`).
///
/// `opensesspriv` needs no flag: the privilege in Open Session is always that of RAKP 1, and the
/// one in the BMC's response is not looked at. `integritycheckvalue` is about cipher suite 0, which
/// does not exist here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Workaround {
    /// `authcap`: the authentication capabilities are wrong; try IPMI 2.0 whatever they say.
    AuthCap,
    /// `nochecksumcheck`: the two checksums of replies are wrong. In a session they are not looked at
    /// anyhow, since the integrity code protects more; this is about the answers of other controllers
    /// behind the BMC, and about what the BMC says of its capabilities.
    NoChecksumCheck,
}

impl Workaround {
    /// Every workaround.
    pub const ALL: [Workaround; 2] = [Workaround::AuthCap, Workaround::NoChecksumCheck];

    /// FreeIPMI's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Workaround::AuthCap => "authcap",
            Workaround::NoChecksumCheck => "nochecksumcheck",
        }
    }
}

impl Options {
    /// The same with `suite` tried before the others, where it is one of those that may be tried.
    ///
    /// A BMC that says nothing about a suite that it does not speak costs the time of all attempts at each
    /// log-in; who knows what the last one ended with asks for that at once.
    #[must_use]
    pub fn beginning_with(mut self, suite: CipherSuite) -> Options {
        if let Some(place) = self.suites.iter().position(|one| *one == suite)
            && let Some(before) = self.suites.get_mut(..=place)
        {
            before.rotate_right(1);
        }
        self
    }
}

impl Default for Options {
    /// USER, suite 17 then 3, one second, two retries, nothing put up with.
    fn default() -> Options {
        Options {
            privilege: Privilege::User,
            suites: vec![CipherSuite::Suite17, CipherSuite::Suite3],
            timeout: Duration::from_secs(1),
            retries: 2,
            impatient: false,
            ignore_scanning_disabled: false,
            bridge_sensors: false,
            workarounds: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::CipherSuite::{Suite3, Suite17};
    use super::*;

    #[test]
    fn a_suite_is_moved_to_the_front_if_it_is_allowed() {
        let of = |suites: &[CipherSuite], first| {
            let options = Options { suites: suites.to_vec(), ..Options::default() };
            options.beginning_with(first).suites
        };
        assert_eq!(of(&[Suite17, Suite3], Suite3), [Suite3, Suite17]);
        assert_eq!(of(&[Suite17, Suite3], Suite17), [Suite17, Suite3]);
        assert_eq!(of(&[Suite17], Suite3), [Suite17]);
        assert_eq!(of(&[], Suite3), []);
    }
}
