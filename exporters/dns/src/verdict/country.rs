//! Whether one country differs from the rest of the world, and how. No I/O, no clock.

use serde::{Deserialize, Serialize};

use crate::outcome::Class;

/// How a country differs.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Difference {
    /// It gives other answers.
    Differs,
    /// It says that there is no such name or record.
    Absent,
    /// Its resolvers work, but fail on this name.
    Fails,
    /// It is silent, and there is no control to tell whether for this name alone.
    Silent,
}

impl Difference {
    /// All values.
    pub(crate) const ALL: [Self; 4] = [Self::Differs, Self::Absent, Self::Fails, Self::Silent];

    /// The label value.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Differs => "differs",
            Self::Absent => "absent",
            Self::Fails => "fails",
            Self::Silent => "silent",
        }
    }

    pub(super) fn of(class: Class) -> Self {
        match class {
            Class::Nxdomain | Class::Nodata => Self::Absent,
            _ if class.is_failure() => Self::Fails,
            _ => Self::Differs,
        }
    }
}

/// With fewer networks a country cannot be told from chance.
pub(crate) const FEWEST_NETWORKS: usize = 4;

/// The verdict on one country.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Country {
    /// Its code.
    pub(crate) code: String,
    /// Its networks with a resolver that is judged.
    pub(crate) networks: usize,
    /// The share of them that differs.
    pub(crate) bad: f64,
    /// How it differs, if that is beyond chance and the rest of the world does not.
    pub(crate) difference: Option<Difference>,
}
