//! Threshold levels and their values. No I/O, no clock.

use crate::error::CommandError;

/// One of the six threshold levels of an analog sensor (table 35-9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Lower non-recoverable.
    LowerNonRecoverable,
    /// Lower critical.
    LowerCritical,
    /// Lower non-critical.
    LowerNonCritical,
    /// Upper non-critical.
    UpperNonCritical,
    /// Upper critical.
    UpperCritical,
    /// Upper non-recoverable.
    UpperNonRecoverable,
}

impl Level {
    /// Every level, from the lowest to the highest.
    pub const ALL: [Level; 6] = [
        Level::LowerNonRecoverable,
        Level::LowerCritical,
        Level::LowerNonCritical,
        Level::UpperNonCritical,
        Level::UpperCritical,
        Level::UpperNonRecoverable,
    ];

    /// The level as a label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::LowerNonRecoverable => "lower_non_recoverable",
            Level::LowerCritical => "lower_critical",
            Level::LowerNonCritical => "lower_non_critical",
            Level::UpperNonCritical => "upper_non_critical",
            Level::UpperCritical => "upper_critical",
            Level::UpperNonRecoverable => "upper_non_recoverable",
        }
    }

    /// The level's bit in readable masks and in comparison status (tables 43-1, 35-15).
    pub(crate) fn bit(self) -> u8 {
        match self {
            Level::LowerNonCritical => 0x01,
            Level::LowerCritical => 0x02,
            Level::LowerNonRecoverable => 0x04,
            Level::UpperNonCritical => 0x08,
            Level::UpperCritical => 0x10,
            Level::UpperNonRecoverable => 0x20,
        }
    }
}

/// A value per level; `None` where the sensor has no such threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Thresholds<T> {
    /// Lower non-recoverable.
    pub lower_non_recoverable: Option<T>,
    /// Lower critical.
    pub lower_critical: Option<T>,
    /// Lower non-critical.
    pub lower_non_critical: Option<T>,
    /// Upper non-critical.
    pub upper_non_critical: Option<T>,
    /// Upper critical.
    pub upper_critical: Option<T>,
    /// Upper non-recoverable.
    pub upper_non_recoverable: Option<T>,
}

impl<T> Default for Thresholds<T> {
    fn default() -> Thresholds<T> {
        Thresholds::from_levels(|_| None)
    }
}

impl<T> Thresholds<T> {
    /// Asks `value` for each level.
    pub fn from_levels(mut value: impl FnMut(Level) -> Option<T>) -> Thresholds<T> {
        Thresholds {
            lower_non_recoverable: value(Level::LowerNonRecoverable),
            lower_critical: value(Level::LowerCritical),
            lower_non_critical: value(Level::LowerNonCritical),
            upper_non_critical: value(Level::UpperNonCritical),
            upper_critical: value(Level::UpperCritical),
            upper_non_recoverable: value(Level::UpperNonRecoverable),
        }
    }
}

impl<T: Copy> Thresholds<T> {
    /// The value at `level`.
    pub fn get(&self, level: Level) -> Option<T> {
        match level {
            Level::LowerNonRecoverable => self.lower_non_recoverable,
            Level::LowerCritical => self.lower_critical,
            Level::LowerNonCritical => self.lower_non_critical,
            Level::UpperNonCritical => self.upper_non_critical,
            Level::UpperCritical => self.upper_critical,
            Level::UpperNonRecoverable => self.upper_non_recoverable,
        }
    }

    /// The levels that have a value, from the lowest to the highest.
    pub fn iter(&self) -> impl Iterator<Item = (Level, T)> + '_ {
        Level::ALL.into_iter().filter_map(|level| Some((level, self.get(level)?)))
    }
}

/// Raw thresholds: the reply to Get Sensor Thresholds (specification table 35-9), or an SDR's.
pub type RawThresholds = Thresholds<u8>;

impl RawThresholds {
    /// Decodes the reply's data (without completion code).
    pub fn parse(data: &[u8]) -> Result<RawThresholds, CommandError> {
        let [readable, lnc, lc, lnr, unc, uc, unr, ..] = *data else {
            return Err(CommandError::Malformed);
        };
        Ok(Thresholds {
            lower_non_recoverable: Some(lnr),
            lower_critical: Some(lc),
            lower_non_critical: Some(lnc),
            upper_non_critical: Some(unc),
            upper_critical: Some(uc),
            upper_non_recoverable: Some(unr),
        }
        .masked(readable))
    }

    /// Only the levels whose bit is set in `readable`.
    pub(crate) fn masked(&self, readable: u8) -> RawThresholds {
        Thresholds::from_levels(|level| self.get(level).filter(|_| readable & level.bit() != 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_readable_levels_are_there() {
        let raw = RawThresholds::parse(&[0b0001_1000, 1, 2, 3, 42, 46, 6]).unwrap();
        let levels: Vec<_> = raw.iter().collect();
        assert_eq!(levels, [(Level::UpperNonCritical, 42), (Level::UpperCritical, 46)]);
    }

    #[test]
    fn each_level_takes_its_own_byte() {
        let raw = RawThresholds::parse(&[0x3F, 3, 2, 1, 4, 5, 6]).unwrap();
        assert_eq!(raw.iter().map(|(_, value)| value).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn a_short_reply_is_malformed() {
        assert_eq!(RawThresholds::parse(&[0x3F, 1, 2, 3, 4, 5]), Err(CommandError::Malformed));
    }
}
