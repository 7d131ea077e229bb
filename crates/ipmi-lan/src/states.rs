//! The names of a discrete sensor's states and of events. No I/O, no clock.

use crate::sensor_type::SensorType;

mod sensor_specific;

/// The name of a state, by event/reading type (specification table 42-1), sensor type and offset.
///
/// Threshold events and generic types have the names of table 42-2, sensor-specific states (6Fh)
/// those of table 42-3. `None` for what the specification leaves open or to OEMs.
pub fn name(event_type: u8, sensor_type: SensorType, offset: u8) -> Option<&'static str> {
    let names = match event_type {
        0x01..=0x0C => GENERIC.get(usize::from(event_type).checked_sub(1)?)?,
        0x6F => sensor_specific::names(sensor_type.0)?,
        _ => return None,
    };
    names.get(usize::from(offset)).copied().filter(|name| !name.is_empty())
}

/// The names of the states that are set in `states`, bits 0-14, with their offsets.
pub fn names(
    event_type: u8,
    sensor_type: SensorType,
    states: u16,
) -> impl Iterator<Item = (u8, Option<&'static str>)> {
    (0..15)
        .filter(move |offset| states & (1 << offset) != 0)
        .map(move |offset| (offset, name(event_type, sensor_type, offset)))
}

/// Specification table 42-2, event/reading types 01h to 0Ch.
const GENERIC: [&[&str]; 12] = [
    &[
        "lower non-critical going low",
        "lower non-critical going high",
        "lower critical going low",
        "lower critical going high",
        "lower non-recoverable going low",
        "lower non-recoverable going high",
        "upper non-critical going low",
        "upper non-critical going high",
        "upper critical going low",
        "upper critical going high",
        "upper non-recoverable going low",
        "upper non-recoverable going high",
    ],
    &["transition to idle", "transition to active", "transition to busy"],
    &["state deasserted", "state asserted"],
    &["predictive failure deasserted", "predictive failure asserted"],
    &["limit not exceeded", "limit exceeded"],
    &["performance met", "performance lags"],
    &[
        "transition to OK",
        "transition to non-critical from OK",
        "transition to critical from less severe",
        "transition to non-recoverable from less severe",
        "transition to non-critical from more severe",
        "transition to critical from non-recoverable",
        "transition to non-recoverable",
        "monitor",
        "informational",
    ],
    &["device removed/device absent", "device inserted/device present"],
    &["device disabled", "device enabled"],
    &[
        "transition to running",
        "transition to in test",
        "transition to power off",
        "transition to on line",
        "transition to off line",
        "transition to off duty",
        "transition to degraded",
        "transition to power save",
        "install error",
    ],
    &[
        "fully redundant",
        "redundancy lost",
        "redundancy degraded",
        "non-redundant: sufficient resources from redundant",
        "non-redundant: sufficient resources from insufficient resources",
        "non-redundant: insufficient resources",
        "redundancy degraded from fully redundant",
        "redundancy degraded from non-redundant",
    ],
    &["D0 power state", "D1 power state", "D2 power state", "D3 power state"],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_the_names_of_their_tables() {
        let drive = SensorType::DRIVE_SLOT;
        assert_eq!(name(0x6F, drive, 0), Some("drive presence"));
        assert_eq!(name(0x6F, drive, 1), Some("drive fault"));
        assert_eq!(name(0x0B, SensorType::FAN, 1), Some("redundancy lost"));
        assert_eq!(name(0x01, SensorType::FAN, 2), Some("lower critical going low"));
        assert_eq!(name(0x08, SensorType::FAN, 1), Some("device inserted/device present"));
    }

    #[test]
    fn what_the_tables_leave_open_has_no_name() {
        assert_eq!(name(0x6F, SensorType(0xC0), 0), None);
        assert_eq!(name(0x70, SensorType::FAN, 0), None);
        assert_eq!(name(0x00, SensorType::FAN, 0), None);
        assert_eq!(name(0x03, SensorType::FAN, 2), None);
        assert_eq!(name(0x6F, SensorType::TEMPERATURE, 0), None);
        assert_eq!(name(0x6F, SensorType(0x1C), 0), None);
    }

    #[test]
    fn a_set_of_states_is_listed_by_offset() {
        let listed: Vec<_> = names(0x6F, SensorType::POWER_SUPPLY, 0x8009).collect();
        let expected =
            [(0, Some("presence detected")), (3, Some("power supply input lost (AC/DC)"))];
        assert_eq!(listed, expected, "bit 15 is reserved");
    }
}
