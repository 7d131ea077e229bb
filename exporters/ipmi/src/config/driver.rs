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
            Some("KCS" | "SSIF" | "INTELDCMI" | "SUNBMC") => Err(
                "driver: must be one of LAN_2_0, OPENIPMI; a BMC is reached in-band by the kernel's driver \
                 alone: write OPENIPMI"
                    .to_owned(),
            ),
            Some(_) => Err("driver: must be one of LAN_2_0, OPENIPMI".to_owned()),
        }
    }
}

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lan20 => "LAN_2_0",
            Self::OpenIpmi => "OPENIPMI",
        })
    }
}
