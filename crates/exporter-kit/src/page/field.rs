//! Fields of a protobuf message, as they are on the wire. No I/O, no clock.

/// Types of a field on the wire.
const VARINT: u64 = 0;
const DOUBLE: u64 = 1;
const LENGTH: u64 = 2;

/// A string.
pub(super) fn text(out: &mut Vec<u8>, field: u64, text: &str) {
    varint(out, field << 3 | LENGTH);
    varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// A whole number.
pub(super) fn number(out: &mut Vec<u8>, field: u64, number: u64) {
    varint(out, field << 3 | VARINT);
    varint(out, number);
}

/// A real number.
pub(super) fn double(out: &mut Vec<u8>, field: u64, number: f64) {
    varint(out, field << 3 | DOUBLE);
    out.extend_from_slice(&number.to_le_bytes());
}

/// A message within another one: its length, which is known afterwards, moves before it.
pub(super) fn message(out: &mut Vec<u8>, field: u64, write: impl FnOnce(&mut Vec<u8>)) {
    varint(out, field << 3 | LENGTH);
    let start = out.len();
    write(out);
    let end = out.len();
    varint(out, (end - start) as u64);
    let length = out.len() - end;
    out[start..].rotate_right(length);
}

/// Seven bits a byte, the lowest first; the eighth says that there are more.
pub(super) fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// Signed numbers, small ones in few bytes whatever their sign.
pub(super) fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}
