//! What one reader says of one sensor: a cell of text for each field, spelt alike for all of them.

use std::collections::BTreeMap;

/// What is said of a sensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    /// Whether it is listed at all.
    Listed,
    Name,
    /// Entity ID and instance.
    Entity,
    /// The number and its unit.
    Value,
    /// Why there is no number.
    Reason,
    /// The worst threshold that is reached and how bad that is.
    State,
    /// The thresholds in force, the lowest first.
    Thresholds,
    /// Those of the record.
    InRecord,
    /// The reading in normal operation, by the record.
    Nominal,
    /// Positive-going and negative-going.
    Hysteresis,
    /// The states of a discrete sensor as bits.
    States,
    /// Their names.
    StateNames,
}

/// A sensor as a reader lists it. A field that the reader never shows has no cell; what it shows to be
/// nothing is [`NOTHING`].
#[derive(Debug)]
pub(super) struct Row {
    /// The owner's address and LUN, unless the reader does not tell them.
    pub(super) owner: Option<(u8, u8)>,
    pub(super) number: u8,
    pub(super) cells: BTreeMap<Field, String>,
}

/// A cell with nothing to say.
pub(super) const NOTHING: &str = "-";

/// How many digits a reader writes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Digits {
    AfterThePoint(usize),
    Significant(usize),
}

impl Digits {
    /// The number as the reader writes it, without zeros that say nothing.
    pub(super) fn write(self, number: f64) -> String {
        match self {
            Self::AfterThePoint(digits) => shortest(&format!("{number:.digits$}")),
            Self::Significant(digits) => {
                let digits = digits - 1;
                format!("{number:.digits$e}").parse::<f64>().unwrap().to_string()
            }
        }
    }

    /// The same, or nothing.
    pub(super) fn write_some(self, number: Option<f64>) -> String {
        number.map_or(NOTHING.into(), |number| self.write(number))
    }
}

/// A number without zeros at its end, or whatever else the text is.
pub(super) fn shortest(number: &str) -> String {
    match number.split_once('.') {
        Some((whole, part)) if part.bytes().all(|digit| digit.is_ascii_digit()) => {
            let part = part.trim_end_matches('0');
            if part.is_empty() { whole.into() } else { format!("{whole}.{part}") }
        }
        _ => number.into(),
    }
}

/// Six thresholds in one cell; nothing if there is none.
pub(super) fn six(thresholds: &[String; 6]) -> String {
    if thresholds.iter().all(|one| one == NOTHING) { NOTHING.into() } else { thresholds.join(" ") }
}

/// A number and its unit in one cell.
pub(super) fn value(number: &str, unit: &str) -> String {
    if number == NOTHING { NOTHING.into() } else { format!("{number} {unit}").trim_end().into() }
}

/// Names of states in one cell, in small letters: each reader has its own habit.
pub(super) fn state_names<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().map(str::to_lowercase).collect();
    if names.is_empty() { NOTHING.into() } else { names.join(", ") }
}
