//! One sensor and what has to be read of it: numbers and names, whatever the reader's spelling.

use std::collections::BTreeMap;

use super::row::{Digits, Field, NOTHING, Row, six, state_names, value};

/// A sensor, and what has to be read of it.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) owner: (u8, u8),
    pub(super) number: u8,
    pub(super) name: &'static str,
    pub(super) entity: &'static str,
    /// The number, or the reason why there is none, as [`ipmi_lan::sensor::ReadingError`] words it.
    pub(super) value: Result<f64, &'static str>,
    pub(super) unit: &'static str,
    /// Of a threshold sensor: the threshold that is reached, "ok" for none.
    pub(super) state: &'static str,
    pub(super) thresholds: Six,
    pub(super) in_record: Six,
    pub(super) nominal: Option<f64>,
    pub(super) hysteresis: Option<(f64, f64)>,
    pub(super) states: Option<(u16, &'static [&'static str])>,
}

/// Lower non-recoverable, critical, non-critical; upper non-critical, critical, non-recoverable.
pub(super) type Six = [Option<f64>; 6];

pub(super) const NONE: Six = [None; 6];

impl Said {
    /// A sensor of the BMC's LUN 0 with a number.
    pub(super) fn new(number: u8, name: &'static str, value: f64, unit: &'static str) -> Self {
        Self {
            owner: (0x20, 0),
            number,
            name,
            entity: "7.1",
            value: Ok(value),
            unit,
            state: "ok",
            thresholds: NONE,
            in_record: NONE,
            nominal: None,
            hysteresis: None,
            states: None,
        }
    }

    /// One with states instead.
    pub(super) fn discrete(
        number: u8,
        name: &'static str,
        bits: u16,
        names: &'static [&'static str],
    ) -> Self {
        let states = Some((bits, names));
        Self { states, state: NOTHING, ..Self::new(number, name, 0.0, "").without("not_analog") }
    }

    pub(super) fn without(self, reason: &'static str) -> Self {
        Self { value: Err(reason), ..self }
    }

    /// One of which nothing can be read.
    pub(super) fn unread(number: u8, name: &'static str, reason: &'static str) -> Self {
        Self { state: NOTHING, ..Self::new(number, name, 0.0, "").without(reason) }
    }

    pub(super) fn limits(self, thresholds: Six) -> Self {
        Self { thresholds, in_record: thresholds, ..self }
    }

    /// Lower non-critical and upper critical, which the sensors with a formula have.
    pub(super) fn two_limits(self, lower: f64, upper: f64) -> Self {
        self.limits([None, None, Some(lower), None, Some(upper), None])
    }

    pub(super) fn of(self, address: u8, lun: u8) -> Self {
        Self { owner: (address, lun), ..self }
    }

    /// How a reader with this many digits should list it.
    pub(super) fn row(&self, digits: Digits) -> Row {
        let number = digits.write_some(self.value.ok());
        let limits = |limits: Six| six(&limits.map(|limit| digits.write_some(limit)));
        let severity = match self.state {
            "lnc" | "unc" => ", warning",
            "lcr" | "lnr" | "ucr" | "unr" => ", critical",
            _ => "",
        };
        let hysteresis = self.hysteresis.map(|(positive, negative)| {
            format!("{} {}", digits.write(positive), digits.write(negative))
        });
        Row {
            owner: Some(self.owner),
            number: self.number,
            cells: BTreeMap::from([
                (Field::Listed, "listed".into()),
                (Field::Name, self.name.into()),
                (Field::Entity, self.entity.into()),
                (Field::Value, value(&number, self.unit)),
                (Field::Reason, self.value.err().unwrap_or(NOTHING).into()),
                (Field::State, format!("{}{severity}", self.state)),
                (Field::Thresholds, limits(self.thresholds)),
                (Field::InRecord, limits(self.in_record)),
                (Field::Nominal, digits.write_some(self.nominal)),
                (Field::Hysteresis, hysteresis.unwrap_or(NOTHING.into())),
                (Field::States, self.states.map_or(NOTHING.into(), |it| format!("{:#06x}", it.0))),
                (Field::StateNames, state_names(self.states.map_or(&[][..], |it| it.1).to_vec())),
            ]),
        }
    }
}
