//! Texts that a BMC has about the system: its firmware's version, its own URL. No I/O, no clock.

use crate::command::Command;
use crate::error::CommandError;
use crate::text;

/// Which text (specification table 22-16d).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SystemText {
    /// The version of the system's firmware, mostly the BIOS.
    FirmwareVersion,
    /// The URL of the BMC's own pages.
    BmcUrl,
}

/// The bytes of one part of a text.
const PART: usize = 16;

/// A reading under way: ask [`Fetch::question`], give [`Fetch::answer`]. A text has 255 bytes at most.
#[derive(Debug)]
pub struct Fetch {
    parameter: u8,
    /// The part that is asked for.
    set: u8,
    /// What was read, from the encoding and the length on.
    bytes: Vec<u8>,
}

/// What a fetch wants after an answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Ask the next question.
    Ask,
    /// Finished.
    Done(Result<String, CommandError>),
}

impl Fetch {
    /// Begins with the first part.
    pub fn new(text: SystemText) -> Fetch {
        let parameter = match text {
            SystemText::FirmwareVersion => 1,
            SystemText::BmcUrl => 6,
        };
        Fetch { parameter, set: 0, bytes: Vec::new() }
    }

    /// What to ask the BMC now.
    pub fn question(&self) -> Command {
        Command::SystemInfo { parameter: self.parameter, set: self.set }
    }

    /// Takes the answer to [`Fetch::question`].
    pub fn answer(&mut self, answer: Result<&[u8], CommandError>) -> Next {
        let part = match answer {
            // The revision, the part's number, the part.
            Ok([_revision, _set, part @ ..]) if !part.is_empty() => part,
            Ok(_) => return Next::Done(Err(CommandError::Malformed)),
            Err(error) => return Next::Done(Err(error)),
        };
        self.bytes.extend(part.iter().take(PART));
        let [encoding, length, text @ ..] = self.bytes.as_slice() else {
            return Next::Done(Err(CommandError::Malformed));
        };
        let whole = text.get(..usize::from(*length));
        // A part that is not full is the last one, whatever the length says.
        let text = whole.or((part.len() < PART).then_some(text));
        if let Some(text) = text {
            return Next::Done(Ok(decoded(*encoding, text)));
        }
        self.set += 1;
        Next::Ask
    }
}

/// A text by its encoding: 0 Latin 1, 1 UTF-8, 2 UCS-2, read as names are.
fn decoded(encoding: u8, text: &[u8]) -> String {
    text::clean(&match encoding & 0x0F {
        1 => String::from_utf8_lossy(text).into_owned(),
        2 => text::unicode(text),
        _ => text::eight_bit(text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parts: &[&[u8]]) -> Result<String, CommandError> {
        let mut fetch = Fetch::new(SystemText::BmcUrl);
        for (set, part) in (0..).zip(parts) {
            assert_eq!(fetch.question(), Command::SystemInfo { parameter: 6, set });
            let reply = [&[0x11, set], *part].concat();
            if let Next::Done(result) = fetch.answer(Ok(&reply)) {
                return result;
            }
        }
        panic!("it wants more than {} parts", parts.len());
    }

    #[test]
    fn a_text_comes_in_parts() {
        assert_eq!(read(&[b"\x00\x05P80 1\0\0\0\0\0\0\0\0\0"]), Ok("P80 1".to_owned()));
        let url = read(&[b"\x00\x14https://192.0.", b"2.7:80\0\0\0\0\0\0\0\0\0\0"]);
        assert_eq!(url, Ok("https://192.0.2.7:80".to_owned()));
        // Cut short, with a length that is wrong.
        assert_eq!(read(&[b"\x00\x30abc"]), Ok("abc".to_owned()));
        assert_eq!(read(&[b"\x02\x04a\0b\0"]), Ok("ab".to_owned()));
        assert_eq!(read(&[b""]), Err(CommandError::Malformed));
    }

    #[test]
    fn no_answer_makes_it_ask_for_ever() {
        let mut fetch = Fetch::new(SystemText::FirmwareVersion);
        let full = [&[0x11, 0, 0, 255], [b'x'; 14].as_slice()].concat();
        let asked = (0..300).take_while(|_| fetch.answer(Ok(&full)) == Next::Ask).count();
        assert!(asked < 20, "{asked}");
    }
}
