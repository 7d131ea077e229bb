//! What is odd in the head of an answer by HTTP/1.1, and is read all the same. No I/O, no clock.

use exporter_kit::label_enum;

label_enum! {
    /// Something that RFC 9112 does not allow, or that other clients refuse.
    pub(crate) enum Oddity {
        /// A blank between the name of a header and its colon (section 5.1).
        SpaceBeforeColon = "space_before_colon",
        /// A header that goes on in the next line (section 5.2).
        Folded = "folded",
        /// A line that ends without a carriage return.
        BareLineFeed = "bare_line_feed",
        /// A control character in a line.
        ControlCharacter = "control_character",
        /// A line without a colon among the headers.
        NoColon = "no_colon",
        /// No blank behind the status, where a reason may be empty (section 4).
        NoReason = "no_reason",
        /// More headers than many clients read.
        ManyHeaders = "many_headers",
    }
}

/// So many headers are ordinary: the limit of several servers and clients.
const MANY: usize = 100;

/// Those of a head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Oddities([bool; Oddity::ALL.len()]);

impl Oddities {
    /// Those of a head, up to its empty line.
    pub(crate) fn of(head: &[u8]) -> Self {
        let mut found = Self::default();
        let mut count = 0;
        let lines = head.split_inclusive(|byte| *byte == b'\n');
        for (number, line) in lines.enumerate() {
            // What is not whole was cut by the limit of what is kept.
            let Some(line) = line.strip_suffix(b"\n") else { break };
            let bare = line.strip_suffix(b"\r").unwrap_or(line);
            found.note(Oddity::BareLineFeed, bare.len() == line.len());
            let is_control = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
            found.note(Oddity::ControlCharacter, bare.iter().any(is_control));
            if number == 0 {
                let words = bare.splitn(3, |byte| *byte == b' ').count();
                found.note(Oddity::NoReason, words < 3);
            } else if bare.first().is_some_and(|byte| matches!(byte, b' ' | b'\t')) {
                found.note(Oddity::Folded, true);
            } else if !bare.is_empty() {
                count += 1;
                let colon = bare.iter().position(|byte| *byte == b':');
                found.note(Oddity::NoColon, colon.is_none());
                let before = colon.and_then(|colon| bare[..colon].last());
                let is_blank = before.is_some_and(|byte| matches!(byte, b' ' | b'\t'));
                found.note(Oddity::SpaceBeforeColon, is_blank);
            }
        }
        found.note(Oddity::ManyHeaders, count > MANY);
        found
    }

    fn note(&mut self, oddity: Oddity, is_so: bool) {
        self.0[oddity as usize] |= is_so;
    }

    /// Each of them.
    pub(crate) fn all(self) -> impl Iterator<Item = Oddity> {
        Oddity::ALL.into_iter().filter(move |oddity| self.0[*oddity as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_odd_in_a_head_has_a_name() {
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X-A: b\r\n".repeat(101));
        for (head, wanted) in [
            ("HTTP/1.1 200 OK\r\nX-A: b\tc\r\nX-B:\r\n\r\n", &[][..]),
            ("HTTP/1.1 200 \r\n\r\n", &[]),
            ("HTTP/1.1 200 OK\r\nX-A : b\r\n\r\n", &["space_before_colon"]),
            ("HTTP/1.1 200 OK\r\nX-A: b\r\n  more\r\n\r\n", &["folded"]),
            ("HTTP/1.1 200 OK\nX-A: b\n\n", &["bare_line_feed"]),
            ("HTTP/1.1 200 OK\r\nX-A: \u{8}\r\n\r\n", &["control_character"]),
            ("HTTP/1.1 200 OK\r\nno header\r\n\r\n", &["no_colon"]),
            ("HTTP/1.1 200\r\n\r\n", &["no_reason"]),
            (many.as_str(), &["many_headers"]),
            // As far as it was kept.
            ("HTTP/1.1 200 OK\r\nX-A: b\r\nX-", &[]),
        ] {
            let found: Vec<_> = Oddities::of(head.as_bytes()).all().map(Oddity::as_str).collect();
            assert_eq!(found, wanted, "{head}");
        }
    }
}
