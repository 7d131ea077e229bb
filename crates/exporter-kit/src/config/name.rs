//! Names and values that become labels: short, and nothing hidden in them. No I/O, no clock.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::Deserialize;

/// The longest name, in bytes: such a name is still a file's name with an ending.
pub const LONGEST_NAME: usize = 200;

/// A name that the user gives to something: of a target, a module, a place.
///
/// It has from 1 to [`LONGEST_NAME`] bytes, begins and ends with no space, and has no character that
/// a reader cannot see: no control character, none that turns the direction of writing, none without
/// width.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(try_from = "String")]
pub struct Name(String);

impl Name {
    /// Checks a name; the error says what is wrong, and does not repeat it.
    pub fn new(name: impl Into<String>) -> Result<Self, String> {
        let name = name.into();
        if name.is_empty() {
            return Err("must not be empty".to_owned());
        }
        check(&name)?;
        Ok(Self(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name.
    pub fn into_string(self) -> String {
        self.0
    }
}

/// Checks what becomes a label's value.
pub(crate) fn check(value: &str) -> Result<(), String> {
    if value.len() > LONGEST_NAME {
        return Err(format!("must not be longer than {LONGEST_NAME} bytes"));
    }
    if value.chars().any(is_hidden) {
        return Err("must have no control character and no invisible one".to_owned());
    }
    if value.trim() != value {
        return Err("must not begin or end with a space".to_owned());
    }
    Ok(())
}

/// `text` of a peer as it may be shown: each hidden character is U+FFFD, and what is longer than
/// [`LONGEST_NAME`] bytes is cut.
pub fn visible(text: &str) -> Cow<'_, str> {
    let text = &text[..boundary(text, LONGEST_NAME)];
    if text.chars().any(is_hidden) {
        Cow::Owned(text.replace(is_hidden, "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Where the character begins that holds this byte; the end of a text that is shorter.
pub(crate) fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// Whether a reader of a log, a page or a terminal does not see the character, or sees others
/// moved by it (Unicode's `Cc`, `Zl`, `Zp`, the bidirectional controls, and what has no width).
pub(super) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Self::new(name)
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_be_of_any_language() {
        for good in
            ["a", "srv-1", "Köln 3", "東京", "https://www.example.com/?a=b", &"x".repeat(200)]
        {
            assert_eq!(Name::new(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn a_name_hides_nothing() {
        for bad in [
            "",
            " a",
            "a ",
            "a\nb",
            "a\u{7}",
            "a\u{200b}b",
            "\u{202e}a",
            "a\u{2066}",
            "\u{feff}a",
            "a\u{ad}b",
            "a\u{e0041}",
            "a\u{85}",
            &"x".repeat(201),
        ] {
            assert!(Name::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_peer_s_text_is_made_visible() {
        assert_eq!(visible("12-CPU 1"), "12-CPU 1");
        assert_eq!(visible("a\u{202e}b\u{0}"), "a\u{fffd}b\u{fffd}");
        assert_eq!(visible(&"ä".repeat(150)).len(), 200);
    }
}
