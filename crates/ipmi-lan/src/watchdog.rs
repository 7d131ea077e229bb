//! The watchdog timer of a BMC. No I/O, no clock.

use crate::error::CommandError;

/// The reply to Get Watchdog Timer (specification table 27-7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WatchdogTimer {
    /// Whether the timer runs.
    pub is_running: bool,
    /// Whether its expiry is logged.
    pub logs: bool,
    /// What it is used for: 1 BIOS FRB2, 2 BIOS POST, 3 OS load, 4 SMS/OS, 5 OEM.
    pub timer_use: u8,
    /// What happens before it expires: 0 nothing, 1 SMI, 2 NMI, 3 a messaging interrupt.
    pub pretimeout_interrupt: u8,
    /// What happens when it expires: 0 nothing, 1 hard reset, 2 power down, 3 power cycle.
    pub timeout_action: u8,
    /// So long before its expiry the interrupt comes, seconds.
    pub pretimeout_seconds: u8,
    /// From where it counts down, tenths of a second.
    pub initial_countdown: u16,
    /// What is left, tenths of a second; `None` if not sent, as some BMCs do.
    pub present_countdown: Option<u16>,
}

impl WatchdogTimer {
    /// Decodes the reply's data (without completion code).
    pub fn parse(data: &[u8]) -> Result<WatchdogTimer, CommandError> {
        let [timer_use, actions, pretimeout_seconds, _flags, i0, i1, ..] = *data else {
            return Err(CommandError::Malformed);
        };
        Ok(WatchdogTimer {
            is_running: timer_use & 0x40 != 0,
            logs: timer_use & 0x80 == 0,
            timer_use: timer_use & 0x07,
            pretimeout_interrupt: (actions >> 4) & 0x07,
            timeout_action: actions & 0x07,
            pretimeout_seconds,
            initial_countdown: u16::from_le_bytes([i0, i1]),
            present_countdown: data
                .get(6..8)
                .map(|left| left.iter().rev().fold(0, |value, byte| value << 8 | u16::from(*byte))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_has_its_bits() {
        let timer = WatchdogTimer::parse(&[0xC4, 0x31, 10, 0, 0x88, 0x13, 0x10, 0x0E]);
        let expected = WatchdogTimer {
            is_running: true,
            logs: false,
            timer_use: 4,
            pretimeout_interrupt: 3,
            timeout_action: 1,
            pretimeout_seconds: 10,
            initial_countdown: 5_000,
            present_countdown: Some(3_600),
        };
        assert_eq!(timer, Ok(expected));
        assert_eq!(WatchdogTimer::parse(&[0; 7]).unwrap().present_countdown, None);
        assert_eq!(WatchdogTimer::parse(&[0; 5]), Err(CommandError::Malformed));
    }
}
