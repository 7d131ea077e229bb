//! The way to a BMC, under the names that `FreeIPMI` gives such ways. No I/O, no clock.

use std::fmt;

/// The way to a BMC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Driver {
    /// IPMI 2.0 over the LAN.
    #[default]
    Lan20,
    /// The device of Linux's `ipmi_devintf`.
    OpenIpmi,
}

impl Driver {
    const ALL: [Self; 2] = [Self::Lan20, Self::OpenIpmi];

    fn as_str(self) -> &'static str {
        match self {
            Self::Lan20 => "LAN_2_0",
            Self::OpenIpmi => "OPENIPMI",
        }
    }

    /// What an address by it is.
    pub(super) fn reaches(self) -> &'static str {
        match self {
            Self::Lan20 => "a host",
            Self::OpenIpmi => "a device",
        }
    }

    /// Whether it leads to the BMC of the machine that the exporter runs on, and to no other.
    pub(super) fn is_of_this_machine(self) -> bool {
        match self {
            Self::Lan20 => false,
            Self::OpenIpmi => true,
        }
    }

    /// Whether it logs in.
    pub(super) fn has_account(self) -> bool {
        match self {
            Self::Lan20 => true,
            Self::OpenIpmi => false,
        }
    }

    /// Whether what an IPMI session over the LAN is told has a meaning for it: keys, suites, workarounds.
    pub(super) fn has_lan_sessions(self) -> bool {
        match self {
            Self::Lan20 => true,
            Self::OpenIpmi => false,
        }
    }

    /// Whether a request that gets no answer is sent again.
    pub(super) fn sends_again(self) -> bool {
        match self {
            Self::Lan20 => true,
            Self::OpenIpmi => false,
        }
    }

    /// The driver of a module: the one that is `written`, else the LAN for one that has an account, as
    /// only the LAN needs one. With it what there is to say of it.
    pub(super) fn of(
        written: Option<&str>,
        has_account: bool,
    ) -> Result<(Self, Option<&'static str>), String> {
        match written.map(str::to_ascii_uppercase).as_deref() {
            None if has_account => Ok((Self::Lan20, None)),
            None | Some("OPENIPMI") => Ok((Self::OpenIpmi, None)),
            Some("LAN_2_0") => Ok((Self::Lan20, None)),
            Some("LAN") => Ok((
                Self::Lan20,
                Some(
                    "driver: LAN is IPMI 1.5, which is not spoken; the BMC is asked for IPMI 2.0; write \
                     LAN_2_0",
                ),
            )),
            Some("KCS" | "SSIF" | "INTELDCMI" | "SUNBMC") => Err(format!(
                "{}; a BMC is reached in-band by the kernel's driver alone: write {}",
                must_be_one(),
                Self::OpenIpmi
            )),
            Some(_) => Err(must_be_one()),
        }
    }
}

fn must_be_one() -> String {
    format!("driver: must be one of {}", Driver::ALL.map(Driver::as_str).join(", "))
}

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
