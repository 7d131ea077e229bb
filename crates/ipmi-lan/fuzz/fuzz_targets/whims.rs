//! How a BMC of the fuzzer's departs from the truth, answer by answer.
#![allow(dead_code, reason = "each target uses a part of it")]

use ipmi_lan::{CommandError, CompletionCode};

/// One byte says what happens to one answer; after the last byte comes the first again, so that
/// whatever can be provoked once is provoked without end.
pub struct Whims<'a> {
    bytes: std::iter::Cycle<std::slice::Iter<'a, u8>>,
    pub honest: bool,
}

impl<'a> Whims<'a> {
    /// Splits the input: its first byte says how many whims there are, what follows them is left.
    pub fn split(data: &'a [u8]) -> (Whims<'a>, &'a [u8]) {
        let (count, rest) = data.split_first().unwrap_or((&0, &[]));
        let (whims, rest) = rest.split_at(usize::from(*count).min(rest.len()));
        (Whims { bytes: whims.iter().cycle(), honest: whims.is_empty() }, rest)
    }

    /// What becomes of the true answer, whose first `head` bytes come before what was asked for.
    pub fn bend(
        &mut self,
        answer: Result<Vec<u8>, CommandError>,
        head: usize,
    ) -> Result<Vec<u8>, CommandError> {
        let Some(&whim) = self.bytes.next() else { return answer };
        let many = usize::from(whim >> 3);
        match (whim & 7, answer) {
            (0, _) => Err(match whim >> 3 {
                0 => CommandError::Malformed,
                1 => CommandError::Timeout,
                2 => CommandError::NotBridged,
                code => CommandError::Completion(CompletionCode(0xC0 | code)),
            }),
            // Fewer bytes than were asked for, or more, or others.
            (1, Ok(mut bytes)) => {
                bytes.truncate(head + many);
                Ok(bytes)
            }
            (2, Ok(mut bytes)) => {
                bytes.extend(vec![whim; 1 + many]);
                Ok(bytes)
            }
            (3, Ok(mut bytes)) => {
                if let Some(byte) = bytes.get_mut(many) {
                    *byte ^= 0x55 ^ whim;
                }
                Ok(bytes)
            }
            (_, answer) => answer,
        }
    }
}

/// The refusal of a BMC.
pub fn refused(code: u8) -> Result<Vec<u8>, CommandError> {
    Err(CommandError::Completion(CompletionCode(code)))
}
