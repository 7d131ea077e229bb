//! Which events of a sensor hold, and its hysteresis. No I/O, no clock.

use crate::conversion::Linearization;
use crate::error::CommandError;
use crate::sdr::{FullSensor, Hysteresis};

/// The reply to Get Sensor Event Status (specification table 35-14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventStatus {
    /// The flags, as they came: bit 7 event messages enabled, 6 scanning, 5 status unavailable.
    pub flags: u8,
    /// Assertion events that hold: bits 0-11 as in table 42-2 for thresholds, bits 0-14 states;
    /// `None` if not sent.
    pub asserted: Option<u16>,
    /// Deassertion events that hold; `None` if not sent.
    pub deasserted: Option<u16>,
}

impl EventStatus {
    /// Decodes the reply's data (without completion code).
    pub fn parse(data: &[u8]) -> Result<EventStatus, CommandError> {
        let [flags, events @ ..] = data else { return Err(CommandError::Malformed) };
        // Trailing bytes may be left out; the first of a pair may stand alone.
        let pair = |at: usize| {
            let low = *events.get(at)?;
            Some(u16::from_le_bytes([low, events.get(at + 1).copied().unwrap_or(0) & 0x7F]))
        };
        Ok(EventStatus { flags: *flags, asserted: pair(0), deasserted: pair(2) })
    }

    /// Whether the bits may be used now.
    pub fn is_available(&self) -> bool {
        self.flags & 0x20 == 0
    }
}

impl Hysteresis {
    /// Decodes the data of the reply to Get Sensor Hysteresis (specification table 35-7).
    pub fn parse(data: &[u8]) -> Result<Hysteresis, CommandError> {
        let [positive, negative, ..] = *data else { return Err(CommandError::Malformed) };
        Ok(Hysteresis { positive, negative })
    }
}

impl FullSensor {
    /// Hysteresis in the sensor's unit as (positive-going, negative-going). It is a distance, so B
    /// is no part of it; `None` where equal counts are no equal distances.
    pub fn convert_hysteresis(&self, raw: &Hysteresis) -> Option<(f64, f64)> {
        if self.conversion.linearization != Linearization::Linear || !self.is_analog() {
            return None;
        }
        let slope = crate::conversion::Factors { b: 0, ..self.conversion.factors };
        let distance = |counts: u8| slope.apply(f64::from(counts)).abs();
        Some((distance(raw.positive), distance(raw.negative)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_left_out_are_no_events_that_do_not_hold() {
        let status = |data: &[u8]| EventStatus::parse(data).unwrap();
        assert_eq!(status(&[0xC0]).asserted, None);
        assert_eq!(status(&[0xC0, 0x81]).asserted, Some(0x81));
        assert_eq!(status(&[0xC0, 0, 0x82]).asserted, Some(0x0200));
        let whole = status(&[0xE0, 1, 2, 3, 4]);
        assert_eq!((whole.asserted, whole.deasserted), (Some(0x0201), Some(0x0403)));
        assert!(!whole.is_available());
        assert_eq!(EventStatus::parse(&[]), Err(CommandError::Malformed));
        assert_eq!(Hysteresis::parse(&[1]), Err(CommandError::Malformed));
    }
}
