//! How the answers of all resolvers look together. No I/O, no clock.

/// How the answers as a whole look. A closed set, since it is a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Too few networks answered to say anything.
    Insufficient,
    /// Nearly all give one and the same answer.
    Uniform,
    /// Nearly all answer out of one pool, each with another part of it, wherever they are.
    Rotating,
    /// The answer depends on the place.
    Geo,
    /// All answer out of one pool that is too large to be counted.
    Spread,
    /// There are two answers, and neither wins.
    Split,
    /// The answer is being changed.
    Moving,
    /// At most of them two different replies come to one query.
    Contested,
    /// The name fails.
    Failing,
    /// The answer is not the one that is expected.
    Unexpected,
}

impl State {
    /// All values.
    pub(crate) const ALL: [Self; 10] = [
        Self::Insufficient,
        Self::Uniform,
        Self::Rotating,
        Self::Geo,
        Self::Spread,
        Self::Split,
        Self::Moving,
        Self::Contested,
        Self::Failing,
        Self::Unexpected,
    ];

    /// The label value.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Insufficient => "insufficient",
            Self::Uniform => "uniform",
            Self::Rotating => "rotating",
            Self::Geo => "geo",
            Self::Spread => "spread",
            Self::Split => "split",
            Self::Moving => "moving",
            Self::Contested => "contested",
            Self::Failing => "failing",
            Self::Unexpected => "unexpected",
        }
    }

    /// Whether there is something that an outlier can be an outlier from.
    pub(crate) fn has_consensus(self) -> bool {
        !matches!(self, Self::Insufficient | Self::Contested)
    }
}
