//! How the answers of all resolvers look together. No I/O, no clock.

/// How the answers as a whole look. A closed set, since it is a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Too few resolvers or networks answered to say anything.
    Insufficient,
    /// Nearly all give one and the same answer.
    Uniform,
    /// Nearly all answer out of one pool, each with another part of it, wherever they are.
    Rotating,
    /// Nearly all answer out of one pool, and which part depends on the country.
    Geo,
    /// Most answer out of one pool, but many do not.
    Split,
    /// There is no pool that half of them answer from.
    Dispersed,
}

impl State {
    /// All values.
    pub(crate) const ALL: [Self; 6] = [
        Self::Insufficient,
        Self::Uniform,
        Self::Rotating,
        Self::Geo,
        Self::Split,
        Self::Dispersed,
    ];

    /// The label value.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Insufficient => "insufficient",
            Self::Uniform => "uniform",
            Self::Rotating => "rotating",
            Self::Geo => "geo",
            Self::Split => "split",
            Self::Dispersed => "dispersed",
        }
    }

    /// Whether there is a consensus that an outlier can be an outlier from.
    pub(crate) fn has_consensus(self) -> bool {
        !matches!(self, Self::Insufficient | Self::Dispersed)
    }
}
