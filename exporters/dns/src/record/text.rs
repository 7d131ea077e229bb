//! A record as `dig +short` prints it. No I/O, no clock.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hickory_proto::rr::RecordType;

use super::escape::{escape, quoted};
use super::layout::Field;
use super::{params, wire};

/// The text of a record in canonical form. A serial, which is not compared, is `*`.
pub(super) fn write(kind: RecordType, canonical: &[u8]) -> String {
    let Some(parts) = wire::parts(kind, canonical) else { return String::new() };
    let words = parts.into_iter().map(|(field, bytes)| word(field, bytes));
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn word(field: Field, bytes: &[u8]) -> String {
    match field {
        Field::U8 | Field::U16 | Field::U32 => {
            bytes.iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte)).to_string()
        }
        Field::Serial => "*".to_owned(),
        Field::Name => name(bytes),
        Field::Strings => quoted(&bytes[1..]),
        Field::Tag => escape(&bytes[1..], b"\\\"", b'!'),
        Field::Value => quoted(bytes),
        Field::Hex => bytes.iter().fold(String::new(), |mut text, byte| {
            // A string takes whatever is written to it.
            let _ = write!(text, "{byte:02X}");
            text
        }),
        Field::Base64 => STANDARD.encode(bytes),
        Field::Params => params::write(bytes),
    }
}

/// A name in full, with the full stop at its end.
pub(crate) fn name(mut bytes: &[u8]) -> String {
    let mut text = String::new();
    while let Some((&length @ 1.., rest)) = bytes.split_first() {
        let Some((label, rest)) = rest.split_at_checked(usize::from(length)) else { break };
        text.push_str(&escape(label, b".\\\";()@$", b'!'));
        text.push('.');
        bytes = rest;
    }
    if text.is_empty() { ".".to_owned() } else { text }
}
