//! The record types that are asked for. No I/O, no clock.

use hickory_proto::rr::RecordType;
use serde::Deserialize;

/// A record type that can be asked for. A closed set, since it is a label.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Kind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Who may issue certificates.
    Caa,
    /// What the name stands for.
    Cname,
    /// The keys of a zone.
    Dnskey,
    /// What the parent says of a zone's keys.
    Ds,
    /// How to reach a web server.
    Https,
    /// Mail servers.
    Mx,
    /// Name servers.
    Ns,
    /// The name of an address.
    Ptr,
    /// The start of a zone.
    Soa,
    /// Servers of a service.
    Srv,
    /// How to reach any server.
    Svcb,
    /// Text.
    Txt,
}

impl Kind {
    /// Whether its answers are often too large for a datagram: what owners of a domain have to prove to others, and
    /// two pairs of keys. The rest is so now and then.
    pub(crate) fn is_often_cut(self) -> bool {
        matches!(self, Self::Txt | Self::Dnskey)
    }

    /// The label value.
    pub(crate) fn as_str(self) -> &'static str {
        self.record_type().into()
    }

    /// The type itself.
    pub(crate) fn record_type(self) -> RecordType {
        match self {
            Self::A => RecordType::A,
            Self::Aaaa => RecordType::AAAA,
            Self::Caa => RecordType::CAA,
            Self::Cname => RecordType::CNAME,
            Self::Dnskey => RecordType::DNSKEY,
            Self::Ds => RecordType::DS,
            Self::Https => RecordType::HTTPS,
            Self::Mx => RecordType::MX,
            Self::Ns => RecordType::NS,
            Self::Ptr => RecordType::PTR,
            Self::Soa => RecordType::SOA,
            Self::Srv => RecordType::SRV,
            Self::Svcb => RecordType::SVCB,
            Self::Txt => RecordType::TXT,
        }
    }

    /// Whether its records are addresses.
    pub(crate) fn is_address(self) -> bool {
        matches!(self, Self::A | Self::Aaaa)
    }
}
