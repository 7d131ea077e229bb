//! What can become of a query, a datagram, a resolver's answer and a sweep: every reason that is a
//! label. No I/O, no clock.

use std::io;

use nix::errno::Errno;

use crate::answer::Answer;

/// What became of a query.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Outcome {
    /// There was an answer.
    Answer(Answer),
    /// There was a truncated answer, and the whole was not to be had over TCP.
    Truncated,
    /// Something came, but nothing that could be read.
    Malformed,
    /// Nothing came in time.
    Timeout,
    /// The network said that the resolver cannot be reached.
    Unreachable,
    /// The query never left this machine: says nothing about the resolver.
    LocalError,
    /// The resolver would have to be asked once more, over TCP, without EDNS or by another connection, and there was no room
    /// for that or none came about: says nothing about the resolver either.
    NotAsked,
}

exporter_kit::label_enum! {
    /// Why a datagram was not taken for an answer. A closed set, since it is a label.
    pub(crate) enum Ignored {
        /// No query has its id.
        Unmatched = "unmatched",
        /// A query has its id, but went to another address or port.
        WrongSource = "wrong_source",
        /// It answers another question.
        WrongQuestion = "wrong_question",
        /// It is not a reply that can be read.
        Malformed = "malformed",
        /// It is longer than what was offered.
        Oversize = "oversize",
        /// The query has its answer, and this one says the same.
        Duplicate = "duplicate",
        /// The query was given up before.
        Late = "late",
    }
}

/// What a resolver's answer is, measured against what is accepted: a partition of those that were
/// asked. A closed set, since it is a label.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Class {
    /// It gives an answer that is accepted.
    Agree,
    /// It answers with other addresses, or with addresses where there should be none.
    Dissent,
    /// It says that there is no such name, and there should be.
    Nxdomain,
    /// It says that there is no such record, and there should be.
    Nodata,
    /// It failed.
    Servfail,
    /// It failed, and has the answer where it is told not to validate by DNSSEC.
    Bogus,
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
    /// It was not asked on, over TCP or without EDNS, since its hour had no room for that: never part of a ratio.
    NotAsked,
    /// Two replies came, and they do not say the same.
    Conflict,
    /// It answers otherwise, and says itself that it filters.
    Filtered,
    /// It gives the answer that was expected before, and whose TTL may last.
    Stale,
    /// It gives an answer of its place, of a name that is answered by place.
    Local,
    /// It makes an IPv6 address of the IPv4 one (RFC 6147).
    Dns64,
    /// It points to other servers: it is no resolver.
    Referral,
    /// It answers with records of other types.
    Offtype,
}

impl Class {
    /// All values.
    pub(crate) const ALL: [Self; 23] = [
        Self::Agree,
        Self::Dissent,
        Self::Nxdomain,
        Self::Nodata,
        Self::Servfail,
        Self::Bogus,
        Self::Refused,
        Self::OtherRcode,
        Self::Bogon,
        Self::Truncated,
        Self::Malformed,
        Self::Timeout,
        Self::Unreachable,
        Self::Unhealthy,
        Self::LocalError,
        Self::NotAsked,
        Self::Conflict,
        Self::Filtered,
        Self::Stale,
        Self::Local,
        Self::Dns64,
        Self::Referral,
        Self::Offtype,
    ];

    /// The label value.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Agree => "agree",
            Self::Dissent => "dissent",
            Self::Nxdomain => "nxdomain",
            Self::Nodata => "nodata",
            Self::Servfail => "servfail",
            Self::Bogus => "bogus",
            Self::Refused => "refused",
            Self::OtherRcode => "other_rcode",
            Self::Bogon => "bogon",
            Self::Truncated => "truncated",
            Self::Malformed => "malformed",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Unhealthy => "unhealthy",
            Self::LocalError => "local_error",
            Self::NotAsked => "not_asked",
            Self::Conflict => "conflict",
            Self::Filtered => "filtered",
            Self::Stale => "stale",
            Self::Local => "local",
            Self::Dns64 => "dns64",
            Self::Referral => "referral",
            Self::Offtype => "offtype",
        }
    }

    /// Whether there was no answer about the name.
    pub(crate) fn is_failure(self) -> bool {
        matches!(
            self,
            Self::Servfail
                | Self::Bogus
                | Self::Refused
                | Self::OtherRcode
                | Self::Truncated
                | Self::Malformed
                | Self::Timeout
                | Self::Unreachable
                | Self::Referral
                | Self::Offtype
        )
    }

    /// Whether it says something about the name.
    pub(crate) fn is_conclusive(self) -> bool {
        !self.is_failure()
            && !matches!(self, Self::Unhealthy | Self::LocalError | Self::NotAsked | Self::Dns64)
    }

    /// Whether it is an answer that the name is not expected to have, and that nobody owns up to.
    pub(crate) fn is_unexpected(self) -> bool {
        matches!(self, Self::Dissent | Self::Nxdomain | Self::Nodata | Self::Bogon)
    }

    /// Whether it differs from what is accepted.
    pub(crate) fn is_outlier(self) -> bool {
        self.is_unexpected() || matches!(self, Self::Conflict | Self::Filtered)
    }

    /// Whether it counts when a country is judged.
    pub(crate) fn is_judged(self) -> bool {
        let says_nothing = matches!(
            self,
            Self::Unhealthy
                | Self::LocalError
                | Self::NotAsked
                | Self::Stale
                | Self::Local
                | Self::Dns64
        );
        !says_nothing
    }
}

/// What the control question said of a resolver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Control {
    /// None was asked.
    #[default]
    Unknown,
    /// It resolves.
    Passed,
    /// It does not.
    Failed,
    /// It refuses.
    Refused,
    /// It answers with what cannot be true: that there is none, or an address that no public host has.
    Lied,
    /// It was not asked: it was silent before, or refused.
    Resting,
    /// Nothing came.
    Silent,
}

impl Control {
    /// Whether it speaks against the resolver.
    pub(crate) fn is_bad(self) -> bool {
        !matches!(self, Self::Unknown | Self::Passed)
    }
}

exporter_kit::label_enum! {
    /// What went wrong on this machine. A closed set, since it is a label.
    pub(crate) enum LocalError {
        /// A datagram could not be sent.
        Send = "send",
        /// There are no more file descriptors.
        Emfile = "emfile",
        /// A datagram arrived, and the kernel had no room for it.
        ReceiveBufferDrop = "rcvbuf_drop",
        /// The kernel had no memory to send from.
        NoBuffers = "nobufs",
    }
}

impl LocalError {
    /// The kind of an error that opening or sending met.
    pub(crate) fn of(error: &io::Error) -> Self {
        match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EMFILE | Errno::ENFILE) => Self::Emfile,
            Some(Errno::ENOBUFS | Errno::ENOMEM) => Self::NoBuffers,
            _ => Self::Send,
        }
    }
}

exporter_kit::label_enum! {
    /// How a sweep ended. A closed set, since it is a label.
    pub(crate) enum SweepResult {
        /// Everybody was asked everything.
        Complete = "complete",
        /// The same, but more than a little was lost on this machine.
        Degraded = "degraded",
        /// Nobody was asked.
        Failed = "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_this_machine_are_told_apart() {
        for (errno, kind) in [
            (Errno::EMFILE, LocalError::Emfile),
            (Errno::ENOBUFS, LocalError::NoBuffers),
            (Errno::ENETUNREACH, LocalError::Send),
        ] {
            assert_eq!(LocalError::of(&errno.into()), kind);
        }
    }
}
