//! How a session is opened and used, from the words of a module. No I/O, no clock.

use ipmi_lan::{CipherSuite, Options};

use crate::config::{Module, Privilege, Suite, Workaround};

/// How a session is opened, and for how long an answer is waited for: of the device as well.
///
/// Of a BMC that says nothing `may_be_slow` is whether it did so before. `first` is the suite to begin with.
pub(super) fn of(module: &Module, may_be_slow: bool, first: Option<CipherSuite>) -> Options {
    let suite = |suite: &Suite| match suite {
        Suite::Seventeen => CipherSuite::Suite17,
        Suite::Three => CipherSuite::Suite3,
    };
    let workaround = |workaround: &Workaround| match workaround {
        Workaround::AuthCap => ipmi_lan::Workaround::AuthCap,
        Workaround::NoChecksumCheck => ipmi_lan::Workaround::NoChecksumCheck,
    };
    let options = Options {
        privilege: match module.privilege {
            Privilege::User => ipmi_lan::Privilege::User,
            Privilege::Operator => ipmi_lan::Privilege::Operator,
            Privilege::Admin => ipmi_lan::Privilege::Administrator,
        },
        timeout: module.timeout,
        retries: u32::from(module.retries),
        impatient: !may_be_slow,
        suites: module.suites.iter().map(suite).collect(),
        ignore_scanning_disabled: module.ignore_scanning_disabled,
        bridge_sensors: module.bridge_sensors,
        workarounds: module.workarounds.iter().map(workaround).collect(),
    };
    match first {
        Some(suite) => options.beginning_with(suite),
        None => options,
    }
}
