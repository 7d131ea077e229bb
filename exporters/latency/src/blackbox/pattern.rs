//! A regular expression, written and meant as RE2 has it. No I/O, no clock.
//!
//! The crate that matches knows a little more and a little other: what both write differently is
//! rewritten, and what only it knows is refused.

use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::Chars;

use regex::{Captures, Regex, RegexBuilder};
use serde::Deserialize;

/// A pattern of a module.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Pattern {
    text: String,
    regex: Regex,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Pattern {
    /// Compiles a pattern; the error says why it is none.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let must = |why: &str| format!("must be a regular expression as RE2 has them: {why}");
        let regex = rewritten(text).map_err(must)?;
        let regex = RegexBuilder::new(&regex).octal(true).build();
        let regex = regex.map_err(|error| must(why(&error.to_string())))?;
        Ok(Self { text: text.to_owned(), regex })
    }

    /// Whether it matches anywhere.
    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// Its first match, with what its groups took.
    pub(crate) fn captures<'t>(&self, text: &'t str) -> Option<Captures<'t>> {
        self.regex.captures(text)
    }

    /// As the module writes it.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::new(&text)
    }
}

/// A text of `${1}` and the like, with what the groups took.
pub(crate) fn expanded(template: &str, captures: &Captures<'_>) -> String {
    let mut text = String::new();
    captures.expand(template, &mut text);
    text
}

/// Bytes as RE2 reads them: each that is part of no character is one that stands for none.
pub(crate) fn readable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}

/// The last line of a message that draws the pattern first.
fn why(message: &str) -> &str {
    let last = message.lines().last().unwrap_or(message);
    last.strip_prefix("error: ").unwrap_or(last)
}

/// The same pattern as the crate that matches writes it.
fn rewritten(re2: &str) -> Result<String, &'static str> {
    let mut out = String::with_capacity(re2.len());
    let mut rest = re2.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => escape(&mut rest, &mut out)?,
            '[' => class(&mut rest, &mut out)?,
            '{' if !is_count(rest.clone()) => out.push_str(r"\{"),
            '(' if rest.peek() == Some(&'?') => {
                out.push('(');
                flags(rest.clone())?;
            }
            _ => out.push(c),
        }
    }
    Ok(out)
}

/// What stands behind a backslash outside of a class.
fn escape(rest: &mut Peekable<Chars<'_>>, out: &mut String) -> Result<(), &'static str> {
    let c = rest.next().ok_or("a backslash at its end")?;
    match c {
        'd' => out.push_str("[0-9]"),
        'D' => out.push_str("[^0-9]"),
        'w' => out.push_str("[0-9A-Za-z_]"),
        'W' => out.push_str("[^0-9A-Za-z_]"),
        's' => out.push_str(r"[\t\n\f\r ]"),
        'S' => out.push_str(r"[^\t\n\f\r ]"),
        'b' => out.push_str(r"(?-u:\b)"),
        'B' => out.push_str(r"(?-u:\B)"),
        'Q' => quotation(rest, out),
        'C' => return Err(r"`\C` is not supported"),
        '<' | '>' => out.push(c),
        '1'..='9' if !rest.peek().is_some_and(|next| ('0'..='7').contains(next)) => {
            return Err("there are no back-references");
        }
        _ => literal(c, rest, out),
    }
    Ok(())
}

/// What means the same to both, up to the brace that ends it.
fn literal(c: char, rest: &mut Peekable<Chars<'_>>, out: &mut String) {
    out.push('\\');
    out.push(c);
    if matches!(c, 'p' | 'P' | 'x') && rest.peek() == Some(&'{') {
        for inner in rest.by_ref() {
            out.push(inner);
            if inner == '}' {
                break;
            }
        }
    }
}

/// All up to `\E`, as it stands.
fn quotation(rest: &mut Peekable<Chars<'_>>, out: &mut String) {
    while let Some(c) = rest.next() {
        if c == '\\' && rest.peek() == Some(&'E') {
            rest.next();
            break;
        }
        out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
    }
}

/// A class in brackets: no set operations, no classes within but those of POSIX.
fn class(rest: &mut Peekable<Chars<'_>>, out: &mut String) -> Result<(), &'static str> {
    out.push('[');
    if rest.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    if rest.next_if_eq(&']').is_some() {
        out.push_str(r"\]");
    }
    while let Some(c) = rest.next() {
        match c {
            ']' => {
                out.push(']');
                return Ok(());
            }
            '\\' => match rest.next().ok_or("a backslash at its end")? {
                'd' => out.push_str("0-9"),
                'D' => out.push_str("[^0-9]"),
                'w' => out.push_str("0-9A-Za-z_"),
                'W' => out.push_str("[^0-9A-Za-z_]"),
                's' => out.push_str(r"\t\n\f\r "),
                'S' => out.push_str(r"[^\t\n\f\r ]"),
                c @ ('<' | '>') => out.push(c),
                c => literal(c, rest, out),
            },
            '[' => match posix(rest.clone()) {
                Some(name) => {
                    // A string takes whatever is written to it.
                    let _ = write!(out, "[:{name}:]");
                    rest.nth(name.len() + 2);
                }
                None => out.push_str(r"\["),
            },
            '-' if rest.peek() == Some(&'-') => out.push_str(r"\-"),
            '&' | '~' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    Err("a class is not closed")
}

/// The name of a class of POSIX, as in `:alpha:]`.
fn posix(mut rest: Peekable<Chars<'_>>) -> Option<String> {
    rest.next_if_eq(&':')?;
    let mut name = String::new();
    while let Some(c) = rest.next_if(|c| c.is_ascii_lowercase() || *c == '^') {
        name.push(c);
    }
    (rest.next() == Some(':') && rest.next() == Some(']')).then_some(name)
}

/// Whether a brace begins a count, as in `{2}`, `{2,}` and `{2,3}`; else it is a character.
fn is_count(rest: Peekable<Chars<'_>>) -> bool {
    let inner: String = rest.take_while(|c| *c != '}').take(16).collect();
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match inner.split_once(',') {
        Some((least, most)) => digits(least) && (most.is_empty() || digits(most)),
        None => digits(&inner),
    }
}

/// Refuses the flags of a group that RE2 does not know.
fn flags(mut rest: Peekable<Chars<'_>>) -> Result<(), &'static str> {
    rest.next();
    let flags = rest.take_while(|c| c.is_ascii_alphabetic() || *c == '-');
    let is_known = |c: char| "imsUP-".contains(c);
    if flags.into_iter().all(is_known) { Ok(()) } else { Err("a flag that is not known") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_what_re2_means_by_it() {
        for (pattern, text, is) in [
            ("^+OK", "+OK", false),
            ("^+OK", "OK", true),
            (r"OK.*STARTTLS", "* OK x STARTTLS", true),
            (r#"{"a": {}}"#, r#"{"a": {}}"#, true),
            (r"a{2}", "aa", true),
            (r"a{2}", "a{2}", false),
            (r"a{,2}", "a{,2}", true),
            (r"x{", "x{", true),
            (r"^\d$", "٣", false),
            (r"^\w+$", "é", false),
            (r"^[\w]+$", "aZ_9", true),
            (r"^\s$", "\u{b}", false),
            (r"é\b", "éa", true),
            (r"\bé", "éa", false),
            (r"a\Bb", "ab", true),
            (r"[[]", "[", true),
            (r"[]a]", "]", true),
            (r"[^]a]", "]", false),
            (r"[a&&b]", "&", true),
            (r"[--/]", ".", true),
            (r"[[:alpha:]_]", "_", true),
            (r"[\d-]", "-", true),
            (r"\Qa.b{\E.", "a.b{c", true),
            (r"\Qa.b", "axb", false),
            (r"^.$", "\u{fffd}", true),
            (r"(?i)OK", "ok", true),
            (r"(?P<v>\x41)\x{42}\101", "ABA", true),
            (r"\pL\p{Greek}", "aα", true),
            (r"\<a\>", "<a>", true),
            ("a$", "a\n", false),
            ("(?m)a$", "a\nb", true),
        ] {
            let found = Pattern::new(pattern).map(|it| it.is_match(text));
            assert_eq!(found, Ok(is), "{pattern} {text}");
        }
    }

    #[test]
    fn what_re2_does_not_know_is_refused_with_the_reason() {
        for (pattern, why) in [
            (":[", "a class is not closed"),
            ("a(", "unclosed group"),
            (r"(a)\1", "back-reference"),
            (r"\C", r"`\C`"),
            ("(?=a)", "look-around"),
            ("(?x)a", "a flag"),
            ("a\\", "a backslash"),
            ("*a", "repetition operator missing"),
            (r"\E", "unrecognized escape"),
        ] {
            let error = Pattern::new(pattern).unwrap_err();
            assert!(error.contains(why), "{pattern}: {error}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_read_and_groups_are_put_in() {
        let line = readable(b"SSH-2.0-Open\xff\xfe x");
        let pattern = Pattern::new("^SSH-2.0-([^ -]+)(?: (?P<rest>.*))?$").unwrap();
        let captures = pattern.captures(&line).unwrap();
        assert_eq!(expanded("${1} $rest ${9}$$", &captures), "Open\u{fffd}\u{fffd} x $");
    }
}
