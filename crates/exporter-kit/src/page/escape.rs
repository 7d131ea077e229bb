//! What text may not hold as it is. No I/O, no clock.

/// Quotes are escaped where they would end the text.
pub(super) fn escaped(out: &mut Vec<u8>, text: &str, quotes: bool) {
    let is_special = |byte: &u8| matches!(byte, b'\\' | b'\n') || (quotes && *byte == b'"');
    if !text.as_bytes().iter().any(is_special) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    for byte in text.bytes() {
        match byte {
            b'\n' => out.extend_from_slice(b"\\n"),
            special if is_special(&special) => out.extend_from_slice(&[b'\\', special]),
            other => out.push(other),
        }
    }
}

/// Appends texts as they are.
pub(super) fn put(out: &mut Vec<u8>, texts: &[&str]) {
    for text in texts {
        out.extend_from_slice(text.as_bytes());
    }
}
