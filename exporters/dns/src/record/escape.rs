//! Bytes as text that says each of them. No I/O, no clock.

use std::fmt::Write as _;

/// Bytes in quotes.
pub(super) fn quoted(bytes: &[u8]) -> String {
    format!("\"{}\"", escape(bytes, b"\\\"", b' '))
}

/// Bytes as text: from `first` to `~` as they are, special ones with a backslash, the others as `\DDD`.
pub(super) fn escape(bytes: &[u8], special: &[u8], first: u8) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if special.contains(&byte) {
            text.push('\\');
            text.push(char::from(byte));
        } else if (first..=b'~').contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "\\{byte:03}");
        }
    }
    text
}
