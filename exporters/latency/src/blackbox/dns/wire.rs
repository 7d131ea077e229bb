//! A DNS message that is read, byte by byte. No I/O, no clock.

use std::fmt::Write as _;

/// Names in names: more are a loop.
const MOST_POINTERS: usize = 126;
/// Characters of a name on the wire (RFC 1035, 3.1).
const LONGEST_NAME: usize = 255;

/// A message that is being read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wire<'a> {
    message: &'a [u8],
    at: usize,
    /// Of what is read: of a record's data, or of the message.
    end: usize,
}

impl<'a> Wire<'a> {
    /// All of a message.
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self { message, at: 0, end: message.len() }
    }

    /// The next so many bytes, to be read by themselves; names may go on elsewhere in the message.
    pub(super) fn part(&mut self, count: usize) -> Result<Self, &'static str> {
        let at = self.at;
        self.bytes(count)?;
        Ok(Self { at, end: self.at, ..*self })
    }

    /// The next so many bytes.
    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], &'static str> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.end);
        let end = end.ok_or("the message is cut off")?;
        let taken = &self.message[self.at..end];
        self.at = end;
        Ok(taken)
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.end
    }

    /// All that is left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        let rest = &self.message[self.at.min(self.end)..self.end];
        self.at = self.end;
        rest
    }

    pub(super) fn u8(&mut self) -> Result<u8, &'static str> {
        Ok(self.bytes(1)?[0])
    }

    pub(super) fn u16(&mut self) -> Result<u16, &'static str> {
        Ok(u16::from_be_bytes([self.u8()?, self.u8()?]))
    }

    pub(super) fn u32(&mut self) -> Result<u32, &'static str> {
        Ok((u32::from(self.u16()?) << 16) | u32::from(self.u16()?))
    }

    /// A string of characters, as a text in quotes.
    pub(super) fn quoted(&mut self) -> Result<String, &'static str> {
        let count = usize::from(self.u8()?);
        Ok(quoted(self.bytes(count)?))
    }

    /// A name with a dot at its end; it may go on elsewhere in the message.
    pub(super) fn name(&mut self) -> Result<String, &'static str> {
        let mut name = String::new();
        let (mut at, mut end, mut pointers, mut length) = (self.at, self.end, 0, 1);
        loop {
            let byte = |at: usize, end: usize| {
                (at < end).then(|| self.message[at]).ok_or("a name is cut off")
            };
            let count = usize::from(byte(at, end)?);
            match count {
                0 => {
                    if pointers == 0 {
                        self.at = at + 1;
                    }
                    if name.is_empty() {
                        name.push('.');
                    }
                    return Ok(name);
                }
                1..=63 => {
                    let label =
                        self.message.get(at + 1..at + 1 + count).ok_or("a name is cut off")?;
                    if at + 1 + count > end {
                        return Err("a name is cut off");
                    }
                    length += count + 1;
                    if length > LONGEST_NAME {
                        return Err("a name is too long");
                    }
                    self::label(label, &mut name);
                    name.push('.');
                    at += count + 1;
                }
                192.. => {
                    let low = usize::from(byte(at + 1, end)?);
                    if pointers == 0 {
                        self.at = at + 2;
                    }
                    pointers += 1;
                    if pointers > MOST_POINTERS {
                        return Err("a name goes on for ever");
                    }
                    (at, end) = ((count & 0x3f) << 8 | low, self.message.len());
                }
                _ => return Err("a name has a label of an unknown kind"),
            }
        }
    }
}

/// A label of a name, what would be read as something else behind a backslash.
fn label(label: &[u8], out: &mut String) {
    for byte in label {
        match byte {
            b'.' | b' ' | b'\'' | b'@' | b';' | b'(' | b')' | b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(*byte));
            }
            b'!'..=b'~' => out.push(char::from(*byte)),
            _ => {
                let _ = write!(out, "\\{byte:03}");
            }
        }
    }
}

/// A text in quotes.
pub(super) fn quoted(text: &[u8]) -> String {
    format!("\"{}\"", escaped(text))
}

/// A text, what would end it and what cannot be shown behind a backslash.
pub(super) fn escaped(text: &[u8]) -> String {
    let mut out = String::new();
    for byte in text {
        match byte {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(*byte));
            }
            b' '..=b'~' => out.push(char::from(*byte)),
            _ => {
                let _ = write!(out, "\\{byte:03}");
            }
        }
    }
    out
}
