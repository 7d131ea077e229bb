//! Whether the machine is on, and what is wrong with its power and chassis. No I/O, no clock.

use crate::error::CommandError;

/// The reply to Get Chassis Status (specification table 28-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChassisStatus {
    /// "Current power state", as it came.
    pub power_state: u8,
    /// "Last power event", as it came.
    pub last_power_event: u8,
    /// "Misc. chassis state", as it came.
    pub chassis_state: u8,
    /// "Front panel button capabilities", as it came; `None` if not sent.
    pub front_panel: Option<u8>,
}

/// What the machine does when power returns after its loss (table 28-3, byte 2, bits 6:5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PowerRestorePolicy {
    /// It stays off.
    AlwaysOff,
    /// It goes back to what it was.
    Previous,
    /// It switches on.
    AlwaysOn,
    /// The BMC does not know.
    Unknown,
}

/// A yes-or-no fact of Get Chassis Status (table 28-3, bytes 2 to 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChassisFact {
    /// System power is on.
    PowerOn,
    /// The supply was switched off because of an overload.
    PowerOverload,
    /// An interlock (an open panel) keeps the power off.
    PowerInterlock,
    /// The main power subsystem has a fault.
    PowerFault,
    /// The power controller could not switch on or off.
    PowerControlFault,
    /// The last power down came from the loss of mains power.
    LastMainsFailure,
    /// The last power down came from an overload.
    LastOverload,
    /// The last power down came from an interlock.
    LastInterlock,
    /// The last power down came from a power fault.
    LastPowerFault,
    /// The last power up was asked for by an IPMI command.
    LastByCommand,
    /// The chassis is open.
    ChassisIntrusion,
    /// The front panel's power and reset buttons are locked out.
    FrontPanelLockout,
    /// A drive has a fault.
    DriveFault,
    /// Cooling or a fan has a fault.
    CoolingFault,
}

impl ChassisFact {
    /// Every fact.
    pub const ALL: [ChassisFact; 14] = [
        ChassisFact::PowerOn,
        ChassisFact::PowerOverload,
        ChassisFact::PowerInterlock,
        ChassisFact::PowerFault,
        ChassisFact::PowerControlFault,
        ChassisFact::LastMainsFailure,
        ChassisFact::LastOverload,
        ChassisFact::LastInterlock,
        ChassisFact::LastPowerFault,
        ChassisFact::LastByCommand,
        ChassisFact::ChassisIntrusion,
        ChassisFact::FrontPanelLockout,
        ChassisFact::DriveFault,
        ChassisFact::CoolingFault,
    ];

    /// The fact as a label value.
    pub fn as_str(self) -> &'static str {
        match self {
            ChassisFact::PowerOn => "power_on",
            ChassisFact::PowerOverload => "power_overload",
            ChassisFact::PowerInterlock => "power_interlock",
            ChassisFact::PowerFault => "power_fault",
            ChassisFact::PowerControlFault => "power_control_fault",
            ChassisFact::LastMainsFailure => "last_mains_failure",
            ChassisFact::LastOverload => "last_overload",
            ChassisFact::LastInterlock => "last_interlock",
            ChassisFact::LastPowerFault => "last_power_fault",
            ChassisFact::LastByCommand => "last_by_command",
            ChassisFact::ChassisIntrusion => "chassis_intrusion",
            ChassisFact::FrontPanelLockout => "front_panel_lockout",
            ChassisFact::DriveFault => "drive_fault",
            ChassisFact::CoolingFault => "cooling_fault",
        }
    }
}

impl ChassisStatus {
    /// Decodes the reply's data (without completion code).
    pub fn parse(data: &[u8]) -> Result<ChassisStatus, CommandError> {
        let [power_state, last_power_event, chassis_state, ..] = *data else {
            return Err(CommandError::Malformed);
        };
        let front_panel = data.get(3).copied();
        Ok(ChassisStatus { power_state, last_power_event, chassis_state, front_panel })
    }

    /// Whether system power is on.
    pub fn is_on(&self) -> bool {
        self.is(ChassisFact::PowerOn)
    }

    /// Whether `fact` holds.
    pub fn is(&self, fact: ChassisFact) -> bool {
        let (byte, bit) = match fact {
            ChassisFact::PowerOn => (self.power_state, 0),
            ChassisFact::PowerOverload => (self.power_state, 1),
            ChassisFact::PowerInterlock => (self.power_state, 2),
            ChassisFact::PowerFault => (self.power_state, 3),
            ChassisFact::PowerControlFault => (self.power_state, 4),
            ChassisFact::LastMainsFailure => (self.last_power_event, 0),
            ChassisFact::LastOverload => (self.last_power_event, 1),
            ChassisFact::LastInterlock => (self.last_power_event, 2),
            ChassisFact::LastPowerFault => (self.last_power_event, 3),
            ChassisFact::LastByCommand => (self.last_power_event, 4),
            ChassisFact::ChassisIntrusion => (self.chassis_state, 0),
            ChassisFact::FrontPanelLockout => (self.chassis_state, 1),
            ChassisFact::DriveFault => (self.chassis_state, 2),
            ChassisFact::CoolingFault => (self.chassis_state, 3),
        };
        byte & (1 << bit) != 0
    }

    /// What happens when power returns.
    pub fn power_restore_policy(&self) -> PowerRestorePolicy {
        match (self.power_state >> 5) & 0x03 {
            0 => PowerRestorePolicy::AlwaysOff,
            1 => PowerRestorePolicy::Previous,
            2 => PowerRestorePolicy::AlwaysOn,
            _ => PowerRestorePolicy::Unknown,
        }
    }
}

/// Why the system was last started (Get System Restart Cause, table 28-11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RestartCause(pub u8);

impl RestartCause {
    /// Decodes the reply's data (without completion code).
    pub fn parse(data: &[u8]) -> Result<RestartCause, CommandError> {
        data.first().map(|cause| RestartCause(cause & 0x0F)).ok_or(CommandError::Malformed)
    }

    /// The cause as a label value.
    pub fn as_str(self) -> &'static str {
        match self.0 {
            0x1 => "chassis_control",
            0x2 => "reset_button",
            0x3 => "power_button",
            0x4 => "watchdog",
            0x5 => "oem",
            0x6 => "power_restored_always_on",
            0x7 => "power_restored_previous_state",
            0x8 => "pef_reset",
            0x9 => "pef_power_cycle",
            0xA => "soft_reset",
            0xB => "real_time_clock",
            _ => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fact_is_its_own_bit() {
        let status = |data: &[u8]| ChassisStatus::parse(data).unwrap();
        let facts = |data: &[u8]| -> Vec<_> {
            let status = status(data);
            ChassisFact::ALL.into_iter().filter(|fact| status.is(*fact)).collect()
        };
        assert_eq!(facts(&[0x21, 0x10, 0x08]).len(), 3);
        assert_eq!(facts(&[0x01, 0, 0]), [ChassisFact::PowerOn]);
        assert_eq!(facts(&[0x08, 0x01, 0x04]).last(), Some(&ChassisFact::DriveFault));
        assert_eq!(facts(&[0xFF, 0xFF, 0xFF]).len(), ChassisFact::ALL.len());
        assert!(facts(&[0, 0, 0, 0xFF]).is_empty());
        assert_eq!(status(&[0x21, 0, 0]).power_restore_policy(), PowerRestorePolicy::Previous);
        assert_eq!(status(&[0x41, 0, 0]).power_restore_policy(), PowerRestorePolicy::AlwaysOn);
    }

    #[test]
    fn a_short_reply_is_malformed() {
        assert_eq!(ChassisStatus::parse(&[1, 0]), Err(CommandError::Malformed));
    }
}
