//! What the data of each record type is made of. No I/O, no clock.

use hickory_proto::rr::RecordType;

/// What a record's data is made of, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// A number of one byte.
    U8,
    /// A number of two bytes.
    U16,
    /// A number of four bytes.
    U32,
    /// The same, which is not compared.
    Serial,
    /// A name.
    Name,
    /// Strings of at most 255 bytes, one at least, to the end.
    Strings,
    /// A string of at most 255 letters and digits, without quotes.
    Tag,
    /// Bytes to the end, in quotes.
    Value,
    /// Bytes to the end, hexadecimal.
    Hex,
    /// Bytes to the end, in base 64.
    Base64,
    /// Parameters of a service to the end (RFC 9460 §2.2).
    Params,
}

/// What the data of a type is made of; nothing for a type that is not compared so.
pub(super) fn layout(kind: RecordType) -> Option<&'static [Field]> {
    use Field::{Base64, Hex, Name, Params, Serial, Strings, Tag, U8, U16, U32, Value};
    Some(match kind {
        RecordType::CAA => &[U8, Tag, Value],
        RecordType::CNAME | RecordType::NS | RecordType::PTR => &[Name],
        RecordType::DNSKEY => &[U16, U8, U8, Base64],
        RecordType::DS => &[U16, U8, U8, Hex],
        RecordType::HTTPS | RecordType::SVCB => &[U16, Name, Params],
        RecordType::MX => &[U16, Name],
        RecordType::SOA => &[Name, Name, Serial, U32, U32, U32, U32],
        RecordType::SRV => &[U16, U16, U16, Name],
        RecordType::TXT => &[Strings],
        _ => return None,
    })
}
