//! A sensor as one of the readers sees it, in words and digits that all can be put into.

/// What a reader says of a sensor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) name: String,
    /// A number with three digits after the point; empty for none.
    pub(crate) value: String,
    /// As `ipmitool` names it; empty without a value.
    pub(crate) unit: String,
    /// Of a threshold sensor `ok` or the level that it has passed; of another one the numbers of the
    /// states that hold.
    pub(crate) state: String,
    /// Lower non-recoverable, critical, non-critical, upper non-critical, critical,
    /// non-recoverable; `-` for none. Empty for none at all.
    pub(crate) thresholds: String,
    /// Positive-going and negative-going, in the sensor's unit; empty for none.
    pub(crate) hysteresis: String,
}

/// The fields' names, in the order of [`Seen::fields`].
pub(crate) const FIELDS: [&str; 6] = ["name", "value", "unit", "state", "thresholds", "hysteresis"];

impl Seen {
    pub(crate) fn fields(&self) -> [&str; 6] {
        let Self { name, value, unit, state, thresholds, hysteresis } = self;
        [name, value, unit, state, thresholds, hysteresis].map(String::as_str)
    }
}

/// A row of thresholds, those that a reader has none of being `none`.
pub(crate) fn thresholds<'a>(cells: impl Iterator<Item = &'a str>, none: &str) -> String {
    let cells: Vec<_> = cells.map(|cell| if cell == none { "-" } else { cell }).collect();
    if cells.iter().all(|cell| *cell == "-") { String::new() } else { cells.join(" ") }
}

/// The numbers of the states that hold, of a set of bits.
pub(crate) fn states(bits: u16) -> String {
    let held = (0..15).filter(|state| bits >> state & 1 == 1);
    held.map(|state| state.to_string()).collect::<Vec<_>>().join(" ")
}
