//! What can be found of a zone's own servers, and how bad it is. No I/O, no clock.

/// Rounds in a row after which something is so.
pub(crate) const ROUNDS: u32 = 3;

exporter_kit::label_enum! {
    /// What is told of a zone. A closed set, since it is a label.
    pub(crate) enum Finding {
        /// The parent names other servers than those that were accepted last, or that are pinned.
        DelegationChanged = "delegation_changed",
        /// No server answers for the zone.
        Unserved = "unserved",
        /// A validating resolver takes the zone's records for forged.
        Bogus = "bogus",
        /// A server does not answer for the zone.
        Lame = "lame",
        /// A server has had an old version of the zone for too long.
        SerialSpread = "serial_spread",
        /// A signature ends soon, has ended, or does not hold yet.
        Signature = "signature",
        /// Servers with the same version of the zone answer otherwise.
        AnswersDiffer = "answers_differ",
        /// Servers name other servers of the zone than most.
        NsDiffers = "ns_differs",
        /// The parent names other servers than the zone itself.
        DelegationDiffers = "delegation_differs",
        /// The parent gives an address that a server does not have.
        GlueDiffers = "glue_differs",
        /// The time stamp in the zone is too old, or is not there.
        CanaryStale = "canary_stale",
    }
}

/// How bad it is: the value of a verdict's metric.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// It is not so.
    #[default]
    None = 0,
    /// It may be as it should.
    Information = 1,
    /// Somebody should look at it by day.
    Ticket = 2,
    /// Somebody must look at it now.
    Page = 3,
}

exporter_kit::label_enum! {
    /// What came of asking one server for the zone's SOA. A closed set, since it is a label.
    pub(crate) enum Outcome {
        /// It answers for the zone.
        Answers = "answers",
        /// It answers, but not for the zone: without AA, or without an SOA.
        NotAuthoritative = "not_authoritative",
        /// It does not serve the zone, or not us.
        Refused = "refused",
        /// It failed.
        Servfail = "servfail",
        /// Any other response code.
        OtherRcode = "other_rcode",
        /// It is silent.
        Timeout = "timeout",
        /// Its own host says that nothing listens there.
        Closed = "closed",
        /// The network says that it cannot be reached.
        Unreachable = "unreachable",
        /// It sends what cannot be read.
        Malformed = "malformed",
        /// Its answer was cut, and TCP did not bring the whole.
        Truncated = "truncated",
        /// The question never left this machine: nothing follows from it.
        LocalError = "local_error",
        /// It has a special-purpose address, which nobody here allowed to be asked.
        NotAllowed = "not_allowed",
    }
}

impl Outcome {
    /// Whether the server is at fault.
    pub(crate) fn is_lame(self) -> bool {
        !matches!(self, Self::Answers | Self::LocalError)
    }

    /// Whether something came back from it or its host.
    pub(crate) fn is_reply(self) -> bool {
        !matches!(self, Self::Timeout | Self::Unreachable | Self::LocalError | Self::NotAllowed)
    }
}
