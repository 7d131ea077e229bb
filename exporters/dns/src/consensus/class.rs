//! The classes of a resolver's answer, and the states of all answers together. No I/O, no clock.

/// What a resolver's answer is, measured against the others: a partition of those that were asked.
/// A closed set, since it is a label.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Class {
    /// It answers as the consensus does.
    Agree,
    /// It answers with other addresses, or with addresses where the others say there are none.
    Dissent,
    /// It says that there is no such name, and the others do not.
    Nxdomain,
    /// It says that there is no such record, and the others do not.
    Nodata,
    /// It failed.
    Servfail,
    /// It does not serve us.
    Refused,
    /// Another response code.
    OtherRcode,
    /// It answers with a special-purpose address, as a block page or sinkhole does.
    Bogon,
    /// It sent a truncated answer, and TCP did not bring the whole.
    Truncated,
    /// It sent something that cannot be read.
    Malformed,
    /// It was silent.
    Timeout,
    /// The network says that it cannot be reached.
    Unreachable,
    /// It failed the control question, so nothing follows from its answers.
    Unhealthy,
    /// The query never left this machine: never part of a ratio.
    LocalError,
}

impl Class {
    /// All values.
    pub const ALL: [Self; 14] = [
        Self::Agree,
        Self::Dissent,
        Self::Nxdomain,
        Self::Nodata,
        Self::Servfail,
        Self::Refused,
        Self::OtherRcode,
        Self::Bogon,
        Self::Truncated,
        Self::Malformed,
        Self::Timeout,
        Self::Unreachable,
        Self::Unhealthy,
        Self::LocalError,
    ];

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agree => "agree",
            Self::Dissent => "dissent",
            Self::Nxdomain => "nxdomain",
            Self::Nodata => "nodata",
            Self::Servfail => "servfail",
            Self::Refused => "refused",
            Self::OtherRcode => "other_rcode",
            Self::Bogon => "bogon",
            Self::Truncated => "truncated",
            Self::Malformed => "malformed",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Unhealthy => "unhealthy",
            Self::LocalError => "local_error",
        }
    }

    /// Whether it says something about the name.
    pub fn is_conclusive(self) -> bool {
        matches!(self, Self::Agree | Self::Dissent | Self::Nxdomain | Self::Nodata | Self::Bogon)
    }
}

/// How the answers as a whole look. A closed set, since it is a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
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
    pub const ALL: [Self; 6] = [
        Self::Insufficient,
        Self::Uniform,
        Self::Rotating,
        Self::Geo,
        Self::Split,
        Self::Dispersed,
    ];

    /// The label value.
    pub fn as_str(self) -> &'static str {
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
    pub fn has_consensus(self) -> bool {
        !matches!(self, Self::Insufficient | Self::Dispersed)
    }
}
