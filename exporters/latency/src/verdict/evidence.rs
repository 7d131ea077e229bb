//! What one round of probes says of its target, and of our own side. No I/O, no clock.
//!
//! All times are seconds on a clock that never goes back.

use crate::chosen::MOST_ADDRESSES;
use crate::outcome::{Failure, Phase};

/// Why a round failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    /// The reason.
    pub(crate) reason: Failure,
    /// The HTTP status, where one came.
    pub(crate) status: Option<u16>,
    /// In which phase of a probe, if in one.
    pub(crate) phase: Option<Phase>,
}

impl Failed {
    /// One without a status or a phase.
    pub(crate) const fn by(reason: Failure) -> Self {
        Self { reason, status: None, phase: None }
    }

    /// Whether it is the same, in whichever phase.
    pub(crate) fn is_like(self, other: Self) -> bool {
        (self.reason, self.status) == (other.reason, other.status)
    }
}

/// An IP family that a target has addresses of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Family {
    /// IPv4.
    Ip4,
    /// IPv6.
    Ip6,
}

impl Family {
    pub(crate) const ALL: [Self; 2] = [Self::Ip4, Self::Ip6];

    /// The value of the label `family`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ip4 => "ip4",
            Self::Ip6 => "ip6",
        }
    }
}

/// One decided round: the probes of all addresses that began together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Round {
    /// When it began.
    pub(crate) begun: f64,
    /// When its last probe was decided.
    pub(crate) decided: f64,
    /// Why it failed; none where any address answered.
    pub(crate) failed: Option<Failed>,
    /// Why one of the addresses failed, another each round, though one of its family answered: so that a
    /// backend that is dead is a share of the failures.
    pub(crate) sampled: Option<Failed>,
    /// Of each family that was probed, whether any address answered, or why none did.
    pub(crate) families: [Option<Result<(), Failed>>; 2],
    /// Seconds to connect, and from the request to the first byte, of HTTP.
    pub(crate) times: Option<(f32, f32)>,
    /// Round trips in seconds, each with a number for the address: those of others are no other way to it.
    pub(crate) rtts: [Option<(u32, f32)>; MOST_ADDRESSES],
    /// Seconds by which our wall clock is ahead of what the server says.
    pub(crate) ahead: Option<f64>,
    /// What our wall clock showed when it was decided, in seconds since the epoch.
    pub(crate) wall: Option<f64>,
    /// The network that the target is in: a /24 or a /48.
    pub(crate) network: Option<u64>,
}

impl Round {
    /// Whether it failed, or of a family all that was probed.
    pub(crate) fn has_failed(&self) -> bool {
        let of_family = self.families.iter().flatten().any(Result::is_err);
        self.failed.is_some() || of_family
    }
}

/// What kind of evidence an outcome is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// The target answered well.
    Good,
    /// It answered, and wrongly: a failure, which proves that our network works.
    Wrong,
    /// Nothing came.
    Silent,
    /// Its name could not be looked up: a failure while our resolver is well.
    Name,
    /// The target spoke, and what it said cannot be judged here.
    Unjudged,
    /// A fault of this machine: no evidence at all.
    Local,
    /// Too much is to be looked up here at once: no evidence either, and nothing is wrong with this machine.
    Queued,
}

impl Class {
    /// The class of an outcome. A certificate is not judged by a clock that is days off.
    pub(crate) const fn of(failed: Option<Failed>, is_clock_off: bool) -> Self {
        let Some(Failed { reason, .. }) = failed else { return Self::Good };
        match reason {
            Failure::TlsVerify if is_clock_off => Self::Unjudged,
            Failure::HttpStatus
            | Failure::TlsVerify
            | Failure::TlsHandshake
            | Failure::Body
            | Failure::Condition
            | Failure::Reset
            | Failure::Refused => Self::Wrong,
            Failure::Timeout | Failure::Unreachable | Failure::TtlExceeded => Self::Silent,
            Failure::Dns | Failure::Resolver => Self::Name,
            Failure::Local => Self::Local,
            Failure::Queued => Self::Queued,
        }
    }

    /// Whether it says something of the target.
    pub(crate) const fn is_evidence(self) -> bool {
        !matches!(self, Self::Unjudged | Self::Local | Self::Queued)
    }

    /// Whether the far side spoke.
    pub(crate) const fn is_heard(self) -> bool {
        matches!(self, Self::Good | Self::Wrong | Self::Unjudged)
    }
}

/// Something is alive while it was heard within so many seconds, and its timeout.
pub(crate) const ALIVE: f64 = 30.0;

/// Or within so many intervals.
const ALIVE_ROUNDS: f64 = 3.5;

/// How long silence of what is probed at this interval says nothing.
pub(crate) fn patience(interval: f64) -> f64 {
    ALIVE.max(ALIVE_ROUNDS * interval)
}
