//! What a resolver said, and what else was to be noted of its reply. No I/O, no clock.

use std::net::IpAddr;

use crate::record::Records;

/// What a resolver said.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Answer {
    /// The answer itself.
    pub(crate) content: Content,
    /// What else was to be seen.
    pub(crate) flags: Flags,
    /// Why the resolver answers so, as it says itself: the code of an extended error (RFC 8914).
    pub(crate) extended_error: Option<u16>,
    /// Which of its machines answered (RFC 5001), where that was asked. Not kept with a sweep, which has one
    /// for each resolver.
    pub(crate) nsid: Option<Box<str>>,
    /// The largest TTL of its records, seconds. Not kept with a sweep, which has one figure for all.
    pub(crate) ttl: u32,
    /// What else came in reply to the same query; whatever came first.
    pub(crate) others: Vec<Content>,
}

impl Answer {
    /// An answer of which nothing else is known.
    pub(crate) fn new(content: Content) -> Self {
        let (flags, others) = (Flags::default(), Vec::new());
        Self { content, flags, extended_error: None, nsid: None, ttl: 0, others }
    }
}

/// The substance of an answer: equal contents are the same answer. TTL, order, repetition, letter
/// case and the path of CNAMEs are not part of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Content {
    /// Addresses of the type asked for: sorted, each once, at least one.
    Addresses(Box<[IpAddr]>),
    /// Records of another type that was asked for.
    Records(Records),
    /// There is no such name.
    Nxdomain,
    /// There is such a name, but it has no record of this type.
    Nodata,
    /// The resolver failed.
    Servfail,
    /// The resolver failed, and has the answer where it is told not to validate: the answer is
    /// invalid by DNSSEC, or the resolver cannot tell.
    Bogus,
    /// The resolver does not serve us.
    Refused,
    /// Any other response code, FORMERR for one.
    OtherRcode,
    /// No answer, but a pointer to other servers (RFC 2308 §2.2): this is no resolver.
    Referral,
    /// Records, none of them of the type that was asked for, nor a CNAME that leads on.
    Offtype,
}

impl Content {
    /// Whether it says something about the name.
    pub(crate) fn is_conclusive(&self) -> bool {
        matches!(self, Self::Addresses(_) | Self::Records(_) | Self::Nxdomain | Self::Nodata)
    }

    /// How many addresses or records it has.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Addresses(addresses) => addresses.len(),
            Self::Records(records) => records.ids().len(),
            _ => 0,
        }
    }

    /// A number that stands for the content: the same in every run and on every machine, and below
    /// 2^48, so that an f64 holds it exactly (FNV-1a, folded).
    pub(crate) fn fingerprint(&self) -> u64 {
        match self {
            Self::Addresses(addresses) => fingerprint(addresses.iter()),
            Self::Records(records) => fingerprint(records.ids().iter()),
            Self::Nxdomain => 1,
            Self::Nodata => 2,
            Self::Servfail => 3,
            Self::Refused => 4,
            Self::OtherRcode => 5,
            Self::Referral => 6,
            Self::Offtype => 7,
            Self::Bogus => 8,
        }
    }
}

/// The fingerprint of a set of addresses, which must be sorted.
pub(crate) fn fingerprint<'a>(addresses: impl Iterator<Item = &'a IpAddr>) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut eat = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    for address in addresses {
        match address {
            IpAddr::V4(v4) => v4.octets().into_iter().for_each(&mut eat),
            IpAddr::V6(v6) => v6.octets().into_iter().for_each(&mut eat),
        }
        eat(0xff);
    }
    (hash >> 48 ^ hash) & ((1 << 48) - 1)
}

/// What a reply showed beside its content, as a set of flags.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Flags(u16);

/// One of the flags. A closed set, since it is a label.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Flag {
    /// AD: the resolver says that it validated the answer by DNSSEC.
    Ad,
    /// RA is missing: it says that it does not resolve for others.
    RaMissing,
    /// The first reply was truncated.
    Tc,
    /// The question came back in other letter case.
    CaseMismatch,
    /// A second, different answer came soon after the first: somebody on the way answers as well.
    MultipleAnswers,
    /// A record of the answer has TTL 0.
    TtlZero,
    /// It does not understand EDNS (RFC 6891), or answers only without.
    NoEdns,
    /// The TTL is more than the zone gives: no cache adds to it.
    TtlOverAuth,
    /// The TTL is what it was in the sweep before, where a cache had counted down.
    TtlFrozen,
}

impl Flag {
    /// All values.
    pub(crate) const ALL: [Self; 9] = [
        Self::Ad,
        Self::RaMissing,
        Self::Tc,
        Self::CaseMismatch,
        Self::MultipleAnswers,
        Self::TtlZero,
        Self::NoEdns,
        Self::TtlOverAuth,
        Self::TtlFrozen,
    ];

    /// The label value.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ad => "ad",
            Self::RaMissing => "ra_missing",
            Self::Tc => "tc",
            Self::CaseMismatch => "case_mismatch",
            Self::MultipleAnswers => "multiple_answers",
            Self::TtlZero => "ttl_zero",
            Self::NoEdns => "no_edns",
            Self::TtlOverAuth => "ttl_over_auth",
            Self::TtlFrozen => "ttl_frozen",
        }
    }
}

impl Flags {
    /// Sets a flag.
    pub(crate) fn set(&mut self, flag: Flag) {
        self.0 |= 1 << flag as u8;
    }

    /// Whether a flag is set.
    pub(crate) fn has(self, flag: Flag) -> bool {
        self.0 >> flag as u8 & 1 == 1
    }
}
