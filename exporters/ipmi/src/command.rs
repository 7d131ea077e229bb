//! The kinds of commands that are sent, as they are counted. No I/O, no clock.

use ipmi_lan::Counters;

/// A kind of command, by its name in IPMI 2.0 or DCMI 1.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Get Device ID.
    DeviceId,
    /// Get SDR Repository Info.
    SdrRepositoryInfo,
    /// Get SDR, and what reading a repository takes besides.
    Sdr,
    /// Get Sensor Reading.
    SensorReading,
    /// Get Sensor Reading Factors.
    SensorReadingFactors,
    /// Get Sensor Thresholds, and the factors of those that are non-linear.
    SensorThresholds,
    /// Get Chassis Status.
    ChassisStatus,
    /// Get SEL Info.
    SelInfo,
    /// Get Power Reading.
    PowerReading,
}

impl Kind {
    /// Every kind, in the order of the enum.
    pub const ALL: [Self; 9] = [
        Self::DeviceId,
        Self::SdrRepositoryInfo,
        Self::Sdr,
        Self::SensorReading,
        Self::SensorReadingFactors,
        Self::SensorThresholds,
        Self::ChassisStatus,
        Self::SelInfo,
        Self::PowerReading,
    ];

    /// The kind as a label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DeviceId => "get_device_id",
            Self::SdrRepositoryInfo => "get_sdr_repository_info",
            Self::Sdr => "get_sdr",
            Self::SensorReading => "get_sensor_reading",
            Self::SensorReadingFactors => "get_sensor_reading_factors",
            Self::SensorThresholds => "get_sensor_thresholds",
            Self::ChassisStatus => "get_chassis_status",
            Self::SelInfo => "get_sel_info",
            Self::PowerReading => "get_power_reading",
        }
    }
}

/// How many commands a session sent between two looks at its counters, retries not counted.
pub fn sent(before: Counters, now: Counters) -> u64 {
    if now.sessions > before.sessions {
        // The session was renewed first; the datagrams of the log-in are no commands.
        return 1;
    }
    let datagrams = now.sent.saturating_sub(before.sent);
    datagrams.saturating_sub(now.retries.saturating_sub(before.retries))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kinds_are_in_order() {
        assert!(Kind::ALL.into_iter().enumerate().all(|(place, kind)| kind as usize == place));
    }

    #[test]
    fn retries_and_log_ins_are_no_commands() {
        let counters =
            |sessions, sent, retries| Counters { sessions, sent, retries, ..Counters::default() };
        assert_eq!(sent(counters(1, 10, 0), counters(1, 14, 3)), 1);
        assert_eq!(sent(counters(1, 10, 0), counters(1, 20, 0)), 10);
        assert_eq!(sent(counters(1, 10, 0), counters(2, 20, 0)), 1);
    }
}
