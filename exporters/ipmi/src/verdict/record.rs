//! What is remembered of a verdict while it is held, and over a restart. No I/O, no clock.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::held::Cause;
use super::moment::Moment;
use crate::inventory::Known;

/// A temperature that its part cannot have.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Phantom {
    /// Degrees before the jump.
    pub(crate) base: f64,
    /// Degrees after it.
    pub(crate) top: f64,
    /// When the first false reading came.
    pub(crate) since: Moment,
    /// Degrees per second; `None` after a time of unknown length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rate: Option<f64>,
    /// Degrees that the part could have risen.
    pub(crate) limit: f64,
    /// How it was found.
    #[serde(with = "cause")]
    pub(crate) cause: Cause,
    /// It was told already.
    pub(crate) told: bool,
    /// It is one of too many: not believed, and not told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_spare: bool,
    /// The speed before of each fan, of so many as are enough.
    #[serde(with = "fans")]
    pub(crate) fans: Vec<(Arc<Known>, f64)>,
    /// The processors' median before, degrees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) processors: Option<f64>,
    /// Power before, watts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) watts: Option<f64>,
    /// The fans follow since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) followed: Option<Moment>,
    /// The fans seem to follow since, and for how many polls.
    #[serde(skip)]
    pub(crate) following: Option<(Moment, u32)>,
    /// The fans seem to follow no more since.
    #[serde(skip)]
    pub(crate) calming: Option<Moment>,
    /// Polls in a row in the lower half of the jump.
    #[serde(skip)]
    pub(crate) low: u32,
}

/// A fan that failed.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct FanFailure {
    /// Since when.
    pub(crate) since: Moment,
    /// Why it is said.
    #[serde(with = "cause")]
    pub(crate) cause: Cause,
}

/// A time in which a machine loses its cooling.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Episode {
    /// 2 for a ticket, 3 for a page; it only goes up.
    pub(crate) level: u8,
    /// What was seen first, at that level.
    #[serde(with = "cause")]
    pub(crate) cause: Cause,
    /// Since when.
    pub(crate) since: Moment,
    /// The last time that a condition held.
    pub(crate) seen: Moment,
    /// The largest rise, degrees; `None` while it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) peak: Option<f64>,
    /// When that last grew by a degree.
    pub(crate) rose: Moment,
}

/// Fans as they are kept: each with its whole identity.
mod fans {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::Known;

    type Fans = Vec<(Arc<Known>, f64)>;

    pub(super) fn serialize<S: Serializer>(fans: &Fans, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(fans.iter().map(|(known, speed)| (&**known, speed)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Fans, D::Error> {
        let fans = Vec::<(Known, f64)>::deserialize(from)?;
        Ok(fans.into_iter().map(|(known, speed)| (Arc::new(known), speed)).collect())
    }
}

/// A cause, as its label has it; one that a later version knows and this one does not is a jump.
mod cause {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Cause;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
    pub(super) fn serialize<S: Serializer>(cause: &Cause, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(cause.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Cause, D::Error> {
        let text = String::deserialize(from)?;
        let known = Cause::ALL.into_iter().find(|cause| cause.as_str() == text);
        Ok(known.unwrap_or(Cause::Jump))
    }
}
