//! What providers say of themselves, in whatever format their page has. No I/O, no clock.

pub(crate) mod fetch;
mod google_cloud;
mod incident_io;
pub(crate) mod state;
mod statuspage;
#[cfg(test)]
mod tests;
pub(crate) mod told;

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use crate::outcome::{ClaimState, Fetch, Impact};

/// How a page is written.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// Statuspage's `/api/v2/summary.json`, which others serve as well.
    #[default]
    StatuspageV2,
    /// Google Cloud's `incidents.json`.
    GoogleCloud,
    /// incident.io's `/api/v1/summary`.
    IncidentIo,
}

/// What a page says, in the words that are common to all.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Said {
    /// The page as a whole, by its own word and by its open incidents.
    pub(crate) whole: Option<ClaimState>,
    /// Its parts.
    pub(crate) components: Vec<SaidComponent>,
    /// Whether these are all that there are; else those alone that are not well.
    pub(crate) has_all: bool,
    /// Names and ids that the page knows beside these, where these are not all: who has one of them is well.
    pub(crate) well: BTreeSet<String>,
    /// The incidents that are open.
    pub(crate) incidents: Vec<Impact>,
    /// When it was written, in seconds since the epoch.
    pub(crate) updated: Option<f64>,
}

/// A part of a page.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SaidComponent {
    /// By what the page's programs know it.
    pub(crate) id: String,
    /// By what people do.
    pub(crate) name: String,
    /// How it is.
    pub(crate) state: ClaimState,
}

impl Format {
    /// Bytes of a page, as it comes and unpacked. Google Cloud's is the whole history.
    pub(crate) fn largest(self) -> u64 {
        match self {
            Self::GoogleCloud => 16 << 20,
            Self::StatuspageV2 | Self::IncidentIo => 1 << 20,
        }
    }

    /// Reads a page as it came, a large one without a copy of it.
    fn parse(self, body: &[u8]) -> Result<Said, Fetch> {
        if self == Self::GoogleCloud {
            return google_cloud::parse(body);
        }
        let page: Value = serde_json::from_slice(body).map_err(|_| Fetch::NotJson)?;
        self.read(page).ok_or(Fetch::Schema)
    }

    /// Reads a page; none where it is of another kind.
    pub(crate) fn read(self, page: Value) -> Option<Said> {
        match self {
            Self::StatuspageV2 => statuspage::read(page),
            Self::GoogleCloud => google_cloud::read(page),
            Self::IncidentIo => incident_io::read(page),
        }
    }
}

/// The worse of two states. What nobody can read is worse than well, and not as bad as trouble.
pub(crate) fn worse(a: ClaimState, b: ClaimState) -> ClaimState {
    let rank = |state| match state {
        ClaimState::Operational => 0,
        ClaimState::Maintenance => 1,
        ClaimState::Unknown => 2,
        ClaimState::Degraded => 3,
        ClaimState::PartialOutage => 4,
        ClaimState::MajorOutage => 5,
    };
    if rank(b) > rank(a) { b } else { a }
}

/// The state of who has an incident of that impact.
fn state_of(impact: Impact) -> ClaimState {
    match impact {
        Impact::None => ClaimState::Operational,
        Impact::Minor => ClaimState::Degraded,
        Impact::Major => ClaimState::PartialOutage,
        Impact::Critical => ClaimState::MajorOutage,
        Impact::Maintenance => ClaimState::Maintenance,
        Impact::Unknown => ClaimState::Unknown,
    }
}

/// Seconds since the epoch of a time as in `2018-04-29T05:00:00Z`.
fn seconds(time: &str) -> Option<f64> {
    let time: jiff::Timestamp = time.parse().ok()?;
    Some(time.as_duration().as_secs_f64()).filter(|seconds| *seconds > 0.0)
}
