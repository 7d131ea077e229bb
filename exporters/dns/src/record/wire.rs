//! RDATA in canonical form. No I/O, no clock.

use hickory_proto::rr::{RData, RecordType};
use hickory_proto::serialize::binary::{BinEncodable as _, BinEncoder};

use super::layout::{Field, layout};

/// The data of a record in the form in which it is compared; nothing if it is not what its type
/// has, or of a type that is not compared so.
pub(crate) fn canonical(kind: RecordType, data: &RData) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = BinEncoder::new(&mut bytes);
    encoder.set_canonical_form(true);
    data.emit(&mut encoder).ok()?;
    let mut out = Vec::with_capacity(bytes.len());
    for part in parts(kind, &bytes)? {
        match part {
            (Field::Name | Field::Tag, text) => out.extend(text.to_ascii_lowercase()),
            (Field::Serial, _) => out.extend([0; 4]),
            (_, other) => out.extend_from_slice(other),
        }
    }
    Some(out)
}

/// The parts of a record's data: each field with its bytes; strings one by one. Nothing if they are not what
/// the type has.
pub(super) fn parts(kind: RecordType, mut rest: &[u8]) -> Option<Vec<(Field, &[u8])>> {
    let mut parts = Vec::new();
    for &field in layout(kind)? {
        let length = match field {
            Field::U8 => 1,
            Field::U16 => 2,
            Field::U32 | Field::Serial => 4,
            Field::Name => name_length(rest)?,
            Field::Tag => 1 + usize::from(*rest.first()?),
            Field::Value | Field::Hex | Field::Base64 | Field::Params => rest.len(),
            Field::Strings => loop {
                let length = 1 + usize::from(*rest.first()?);
                let (string, after) = rest.split_at_checked(length)?;
                parts.push((field, string));
                rest = after;
                if rest.is_empty() {
                    return Some(parts);
                }
            },
        };
        let (part, after) = rest.split_at_checked(length)?;
        parts.push((field, part));
        rest = after;
    }
    rest.is_empty().then_some(parts)
}

/// How many bytes a name in full takes.
fn name_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match usize::from(*bytes.get(at)?) {
            0 => return Some(at + 1),
            length @ 1..=63 => at += 1 + length,
            _ => return None,
        }
    }
}
