//! The words of a record's text. No I/O, no clock.

/// A word, its escapes resolved but for those of names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// What it says.
    pub(super) bytes: Vec<u8>,
    /// As it was written, without quotes.
    pub(super) raw: String,
}

/// The words of a text: parts in quotes belong to the word that they touch.
pub(super) fn words(text: &str) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    let mut word: Option<Word> = None;
    let mut is_quoted = false;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'"' {
            is_quoted = !is_quoted;
            word.get_or_insert_with(|| Word { bytes: Vec::new(), raw: String::new() });
            continue;
        }
        if byte.is_ascii_whitespace() && !is_quoted {
            words.extend(word.take());
            continue;
        }
        let word = word.get_or_insert_with(|| Word { bytes: Vec::new(), raw: String::new() });
        if byte == b'\\' {
            let (value, raw) = escaped(&mut bytes)?;
            word.bytes.push(value);
            word.raw.push_str(&raw);
        } else {
            word.bytes.push(byte);
            word.raw.push(char::from(byte));
        }
    }
    words.extend(word);
    (!is_quoted).then_some(words)
}

/// What follows a backslash: three digits, or any byte that stands for itself.
pub(super) fn escaped(bytes: &mut std::str::Bytes<'_>) -> Option<(u8, String)> {
    let first = bytes.next()?;
    if !first.is_ascii_digit() {
        return Some((first, format!("\\{}", char::from(first))));
    }
    let digits = [first, bytes.next()?, bytes.next()?];
    let text = std::str::from_utf8(&digits).ok()?;
    Some((text.parse().ok()?, format!("\\{text}")))
}
