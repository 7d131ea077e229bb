//! How a session is asked for: privilege, cipher suites, faults of firmware to put up with.

use serde::{Deserialize, Serialize};

const SUITES: [Suite; 2] = [Suite::Seventeen, Suite::Three];
/// `FreeIPMI`'s flag for values of sensors that the BMC says it does not scan.
pub(super) const IGNORE_SCANNING_DISABLED: &str = "ignorescanningdisabled";
/// `FreeIPMI`'s flags for what is always done here.
const ALWAYS_ON: [&str; 3] = ["opensesspriv", "discretereading", "none"];
/// `FreeIPMI`'s flags for faults that are met in another way here, or by nobody that was heard of.
const ELSEWHERE: [&str; 18] = [
    "assumebmcowner",
    "assumeio",
    "assumemaxsdrrecordcount",
    "assumesystemevent",
    "endianseq",
    "forcepermsg",
    "guestspec",
    "idzero",
    "ignoreauthcode",
    "integritycheckvalue",
    "intel20",
    "malformedack",
    "noauthcodecheck",
    "slowcommit",
    "spinpoll",
    "sun20",
    "supermicro20",
    "unexpectedauth",
];

/// A cipher suite of IPMI 2.0 (table 22-20).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suite {
    /// RAKP-HMAC-SHA256, HMAC-SHA256-128, AES-CBC-128.
    Seventeen,
    /// RAKP-HMAC-SHA1, HMAC-SHA1-96, AES-CBC-128.
    Three,
}

impl Suite {
    fn number(self) -> u8 {
        match self {
            Self::Seventeen => 17,
            Self::Three => 3,
        }
    }
}

/// A fault of firmware to put up with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Workaround {
    /// The authentication capabilities are wrong.
    AuthCap,
    /// The checksums of replies are wrong.
    NoChecksumCheck,
}

impl Workaround {
    const ALL: [Self; 2] = [Self::AuthCap, Self::NoChecksumCheck];

    /// `FreeIPMI`'s name for it.
    fn as_str(self) -> &'static str {
        match self {
            Self::AuthCap => "authcap",
            Self::NoChecksumCheck => "nochecksumcheck",
        }
    }
}

/// The privilege level of a session (IPMI 2.0 table 22-18).
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Privilege {
    /// Reads sensors and the SDR repository.
    #[default]
    User,
    /// As `User`, and some configuration.
    Operator,
    /// Everything.
    Admin,
}

pub(super) fn suites(numbers: Option<Vec<u8>>) -> Result<Vec<Suite>, String> {
    let Some(numbers) = numbers else { return Ok(SUITES.to_vec()) };
    let mut suites = Vec::new();
    for number in numbers {
        let Some(suite) = SUITES.into_iter().find(|suite| suite.number() == number) else {
            return Err("suites: must be some of 17, 3".to_owned());
        };
        if suites.contains(&suite) {
            return Err(format!("suites: {number} is there twice"));
        }
        suites.push(suite);
    }
    if suites.is_empty() {
        Err("suites: none is left to log in with".to_owned())
    } else {
        Ok(suites)
    }
}

/// Whether a flag is about the LAN alone.
pub(super) fn is_of_the_lan(flag: &str) -> bool {
    Workaround::ALL.iter().any(|it| it.as_str() == flag)
}

/// The workarounds of a module, and what there is to say of its flags.
pub(super) fn workarounds(flags: &[String]) -> Result<(Vec<Workaround>, Vec<String>), String> {
    let (mut workarounds, mut warnings) = (Vec::new(), Vec::new());
    for flag in flags {
        match Workaround::ALL.into_iter().find(|it| it.as_str() == flag) {
            Some(workaround) => workarounds.push(workaround),
            None if flag == IGNORE_SCANNING_DISABLED || ALWAYS_ON.contains(&flag.as_str()) => {}
            None if ELSEWHERE.contains(&flag.as_str()) => warnings.push(format!(
                "workaround_flags: {flag} has no meaning here; leave it out, and report the BMC if it \
                 cannot be read"
            )),
            None => {
                let always = ALWAYS_ON.join(", ");
                return Err(format!(
                    "workaround_flags: must be some of authcap, nochecksumcheck, \
                     {IGNORE_SCANNING_DISABLED}, {always}"
                ));
            }
        }
    }
    Ok((workarounds, warnings))
}
