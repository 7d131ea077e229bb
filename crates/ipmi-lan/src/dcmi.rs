//! DCMI 1.5: what a server's power and inlet are, apart from its sensors. No I/O, no clock.

use crate::command::DCMI_GROUP;
use crate::error::CommandError;

pub mod fetch;

/// The reply's bytes after the group extension byte, which must be DCMI's.
fn body(data: &[u8]) -> Result<&[u8], CommandError> {
    match data {
        [DCMI_GROUP, body @ ..] => Ok(body),
        _ => Err(CommandError::Malformed),
    }
}

/// The reply to Get DCMI Capabilities Info (DCMI 1.5 table 6-2), parameter 1 (table 6-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DcmiCapabilities {
    /// DCMI version as (major, minor).
    pub version: (u8, u8),
    /// Whether power can be read (and managed).
    pub power_management: bool,
    /// Manageability access attributes, as they came: bit 0 KCS, 1 serial, 2 second LAN channel,
    /// 3 LAN channel (DCMI 1.1 and later).
    pub access: u8,
}

impl DcmiCapabilities {
    /// The parameter that this is the reply to.
    pub const PARAMETER: u8 = 1;

    /// Decodes the reply's data (without completion code).
    pub fn parse(data: &[u8]) -> Result<DcmiCapabilities, CommandError> {
        let [major, minor, _revision, _reserved, platform, access, ..] = *body(data)? else {
            return Err(CommandError::Malformed);
        };
        Ok(DcmiCapabilities {
            version: (major, minor),
            power_management: platform & 0x01 != 0,
            access,
        })
    }
}

/// The reply to Get DCMI Capabilities Info, parameter 5: over which times power is averaged.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DcmiAveragingPeriods {
    /// The periods in seconds, as the BMC lists them.
    pub seconds: Vec<u32>,
}

impl DcmiAveragingPeriods {
    /// The parameter that this is the reply to.
    pub const PARAMETER: u8 = 5;

    /// Decodes the reply's data (without completion code).
    pub fn parse(data: &[u8]) -> Result<DcmiAveragingPeriods, CommandError> {
        let [_major, _minor, _revision, count, periods @ ..] = body(data)? else {
            return Err(CommandError::Malformed);
        };
        let periods = periods.get(..usize::from(*count)).ok_or(CommandError::Malformed)?;
        Ok(DcmiAveragingPeriods { seconds: periods.iter().map(|byte| period(*byte)).collect() })
    }
}

/// A time in bits 5:0, in the unit of bits 7:6: seconds, minutes, hours, days.
fn period(byte: u8) -> u32 {
    let unit = match byte >> 6 {
        0 => 1,
        1 => 60,
        2 => 3_600,
        _ => 86_400,
    };
    u32::from(byte & 0x3F).saturating_mul(unit)
}

/// The reply to Get Power Reading (DCMI 1.5 §6.6.1). Watts are of the whole machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DcmiPower {
    /// Power now, in watts.
    pub current_watts: u16,
    /// Least power in the period, in watts.
    pub minimum_watts: u16,
    /// Greatest power in the period, in watts.
    pub maximum_watts: u16,
    /// Average power over the period, in watts.
    pub average_watts: u16,
    /// The BMC's clock, in seconds since 1970.
    pub timestamp: u32,
    /// The period in milliseconds.
    pub period_milliseconds: u32,
    /// Whether power is measured now. Some BMCs clear it and give good numbers, others set it and
    /// give 0: believe a reading that is active and above 0.
    pub active: bool,
}

impl DcmiPower {
    /// Decodes the reply's data (without completion code).
    pub fn parse(data: &[u8]) -> Result<DcmiPower, CommandError> {
        let Some((fixed, _)) = body(data)?.split_first_chunk::<17>() else {
            return Err(CommandError::Malformed);
        };
        let [c0, c1, n0, n1, x0, x1, a0, a1, t0, t1, t2, t3, p0, p1, p2, p3, state] = *fixed;
        Ok(DcmiPower {
            current_watts: u16::from_le_bytes([c0, c1]),
            minimum_watts: u16::from_le_bytes([n0, n1]),
            maximum_watts: u16::from_le_bytes([x0, x1]),
            average_watts: u16::from_le_bytes([a0, a1]),
            timestamp: u32::from_le_bytes([t0, t1, t2, t3]),
            period_milliseconds: u32::from_le_bytes([p0, p1, p2, p3]),
            active: state & 0x40 != 0,
        })
    }

    /// The watts to believe; `None` when measuring is off or 0 is claimed.
    pub fn watts(&self) -> Option<u16> {
        (self.active && self.current_watts > 0).then_some(self.current_watts)
    }
}

/// The reply to Get Power Limit (DCMI 1.5 §6.6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DcmiPowerLimit {
    /// What happens when it is exceeded: 0 nothing, 1 hard power off, 11h an entry in the log.
    pub exception_action: u8,
    /// The limit, in watts.
    pub watts: u16,
    /// In how many milliseconds the power is brought below it.
    pub correction_milliseconds: u32,
}

impl DcmiPowerLimit {
    /// Decodes the reply's data (without completion code).
    pub fn parse(data: &[u8]) -> Result<DcmiPowerLimit, CommandError> {
        let [_, _, exception_action, w0, w1, c0, c1, c2, c3, ..] = *body(data)? else {
            return Err(CommandError::Malformed);
        };
        Ok(DcmiPowerLimit {
            exception_action,
            watts: u16::from_le_bytes([w0, w1]),
            correction_milliseconds: u32::from_le_bytes([c0, c1, c2, c3]),
        })
    }
}

/// What DCMI gives the temperature of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DcmiEntity {
    /// Air inlet, entity ID 0x40.
    Inlet,
    /// Processor, entity ID 0x41.
    Processor,
    /// Baseboard, entity ID 0x42.
    Baseboard,
}

impl DcmiEntity {
    /// Every entity.
    pub const ALL: [DcmiEntity; 3] =
        [DcmiEntity::Inlet, DcmiEntity::Processor, DcmiEntity::Baseboard];

    /// The entity as a label value.
    pub fn as_str(self) -> &'static str {
        match self {
            DcmiEntity::Inlet => "inlet",
            DcmiEntity::Processor => "processor",
            DcmiEntity::Baseboard => "baseboard",
        }
    }

    /// The entity ID.
    pub fn id(self) -> u8 {
        match self {
            DcmiEntity::Inlet => 0x40,
            DcmiEntity::Processor => 0x41,
            DcmiEntity::Baseboard => 0x42,
        }
    }
}

/// One temperature of [`DcmiTemperatures`], two bytes of that reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DcmiTemperature {
    /// Which one of its kind.
    pub instance: u8,
    /// Degrees Celsius, -127 to 127.
    pub celsius: i8,
}

/// The reply to Get Temperature Readings (DCMI 1.5 §6.7.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DcmiTemperatures {
    /// How many instances there are in all.
    pub total: u8,
    /// Those in this reply, eight at most.
    pub readings: Vec<DcmiTemperature>,
}

impl DcmiTemperatures {
    /// Decodes the reply's data (without completion code).
    pub fn parse(data: &[u8]) -> Result<DcmiTemperatures, CommandError> {
        let [total, count, readings @ ..] = body(data)? else {
            return Err(CommandError::Malformed);
        };
        let bytes = usize::from(*count).saturating_mul(2);
        let readings = readings.get(..bytes).ok_or(CommandError::Malformed)?;
        Ok(DcmiTemperatures {
            total: *total,
            readings: readings
                .as_chunks::<2>()
                .0
                .iter()
                .map(|[temperature, instance]| DcmiTemperature {
                    instance: *instance,
                    celsius: sign_and_magnitude(*temperature),
                })
                .collect(),
        })
    }
}

/// Bit 7 is the sign, the rest the magnitude.
fn sign_and_magnitude(byte: u8) -> i8 {
    let magnitude = (byte & 0x7F).cast_signed();
    if byte & 0x80 == 0 { magnitude } else { magnitude.saturating_neg() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_reading_is_taken_apart() {
        let data =
            [0xDC, 0x9A, 0, 0x0A, 0, 0x2C, 1, 0x96, 0, 0x10, 0x20, 0x30, 0x40, 0xE8, 3, 0, 0, 0x40];
        let power = DcmiPower::parse(&data).unwrap();
        assert_eq!((power.current_watts, power.minimum_watts), (154, 10));
        assert_eq!((power.maximum_watts, power.average_watts), (300, 150));
        assert_eq!((power.timestamp, power.period_milliseconds), (0x4030_2010, 1000));
        assert_eq!(power.watts(), Some(154));
        assert_eq!(DcmiPower { active: false, ..power }.watts(), None);
        assert_eq!(DcmiPower { current_watts: 0, ..power }.watts(), None);
        for length in 0..data.len() {
            assert_eq!(DcmiPower::parse(&data[..length]), Err(CommandError::Malformed));
        }
    }

    #[test]
    fn another_group_extension_is_not_dcmi() {
        let data = [0; 18];
        assert_eq!(DcmiPower::parse(&data), Err(CommandError::Malformed));
        assert_eq!(DcmiCapabilities::parse(&data), Err(CommandError::Malformed));
    }

    #[test]
    fn capabilities_and_averaging_periods_are_read() {
        let capabilities = DcmiCapabilities::parse(&[0xDC, 1, 5, 2, 0, 1, 7]).unwrap();
        assert_eq!(capabilities.version, (1, 5));
        assert!(capabilities.power_management);
        let periods = DcmiAveragingPeriods::parse(&[0xDC, 1, 5, 2, 4, 5, 0x41, 0x81, 0xC7]);
        assert_eq!(periods.unwrap().seconds, [5, 60, 3_600, 604_800]);
        let cut = DcmiAveragingPeriods::parse(&[0xDC, 1, 5, 2, 4, 5]);
        assert_eq!(cut, Err(CommandError::Malformed));
    }

    #[test]
    fn temperatures_have_a_sign_bit() {
        let reply = DcmiTemperatures::parse(&[0xDC, 2, 2, 0x18, 1, 0x85, 2]).unwrap();
        let celsius: Vec<_> = reply.readings.iter().map(|r| (r.instance, r.celsius)).collect();
        assert_eq!((reply.total, celsius), (2, vec![(1, 24), (2, -5)]));
        assert_eq!(DcmiTemperatures::parse(&[0xDC, 2, 2, 24, 1]), Err(CommandError::Malformed));
    }
}
