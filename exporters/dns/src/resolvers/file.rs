//! A list of resolvers as people have it: CSV as of public-dns.info, with other delimiters or without a header, JSON, or
//! one address a line. No I/O, no clock.

mod columns;
mod json;

use exporter_kit::config::{Place, Problems};

use super::{Builder, Skipped};
use columns::Columns;

/// Share of the lines that may be wrong and are left out. A list with more is not what it is taken for.
const TOLERATED: f64 = 0.1;

/// Lines that are named of those that are left out.
const NAMED: usize = 3;

/// Why a line is no resolver.
type Fault = (usize, &'static str);

/// Reads a file of resolvers. A line that is wrong is left out and counted, and what is
/// wrong with another column than the address is passed over; where more than a tenth is wrong, each is told.
pub(crate) fn parse(bytes: &[u8], mut builder: Builder) -> Result<Builder, Problems> {
    let text = text_of(bytes);
    if json::is_array(&text) {
        return json::parse(&text, builder);
    }
    let mut wrong = Problems::default();
    let mut skipped = Skipped::default();
    let mut lines = 0_usize;
    let mut columns: Option<Columns> = None;
    for (number, line) in (1_u32..).zip(text.lines()) {
        // Files that were put behind one another have more than one mark, and more than one header.
        let line = uncommented(line.trim_start_matches('\u{feff}'));
        if line.trim().is_empty() {
            continue;
        }
        let is_first = columns.is_none();
        let columns = columns.get_or_insert_with(|| Columns::of(line));
        if is_first && columns.has_header || columns.is_header(line) {
            continue;
        }
        lines += 1;
        match columns.entry(line) {
            Ok((entry, checked)) => {
                builder.add(&entry);
                builder.checked(checked);
            }
            Err((column, what)) => {
                wrong.add(Place { line: number, column: character(line, column) }, what);
                skipped.add(number);
            }
        }
    }
    if skipped.lines as f64 > lines as f64 * TOLERATED {
        wrong.into_result()?;
    }
    builder.skipped(skipped);
    Ok(builder)
}

/// The text of a file: UTF-8, or UTF-16 as spreadsheets write it; lines that end as of old are lines.
fn text_of(bytes: &[u8]) -> String {
    let wide = |number: fn([u8; 2]) -> u16, bytes: &[u8]| {
        let (pairs, _) = bytes.as_chunks::<2>();
        String::from_utf16_lossy(&pairs.iter().map(|pair| number(*pair)).collect::<Vec<_>>())
    };
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => wide(u16::from_le_bytes, rest),
        [0xfe, 0xff, rest @ ..] => wide(u16::from_be_bytes, rest),
        bytes => String::from_utf8_lossy(bytes).into_owned(),
    };
    if text.contains('\n') { text } else { text.replace('\r', "\n") }
}

/// A line without its comment.
fn uncommented(line: &str) -> &str {
    if line.trim_start().starts_with([';', '/']) {
        return "";
    }
    let begin = line.find('#').filter(|at| {
        let before = line[..*at].trim_end_matches([' ', '\t']);
        // Within a text, as in `C#`, it begins none.
        before.len() < *at || before.is_empty()
    });
    begin.map_or(line, |at| &line[..at])
}

/// The character at which a byte of a line stands.
fn character(line: &str, byte: usize) -> u32 {
    let before = line.get(..byte).unwrap_or(line);
    u32::try_from(before.chars().count()).unwrap_or(u32::MAX).saturating_add(1)
}

impl Skipped {
    fn add(&mut self, line: u32) {
        self.lines += 1;
        if self.first.len() < NAMED {
            self.first.push(line);
        }
    }
}

#[cfg(test)]
mod tests;
