//! Where in a line of a list the address, the country and the network stand. No I/O, no clock.

use std::net::IpAddr;

use super::Fault;
use crate::resolvers::ANYCAST;
use crate::resolvers::entry::{Certified, Country, Entry, address, system};

/// What a header calls the columns that are used; the first is that of public-dns.info.
pub(super) const ADDRESS: [&str; 6] =
    ["ip_address", "ip", "address", "resolver", "nameserver", "server"];
/// The same of the country,
pub(super) const COUNTRY: [&str; 5] =
    ["country_code", "country_id", "country", "cc", "country_iso"];
/// of the number of the system,
pub(super) const SYSTEM: [&str; 5] =
    ["as_number", "asn", "as", "as_num", "autonomous_system_number"];
/// and of when it was checked.
pub(super) const CHECKED: [&str; 3] = ["checked_at", "last_checked", "updated_at"];

const NO_ADDRESS: &str = "must begin with an IP address, or have one as `ip_address`";
const NO_PORT: &str = "ip_address: its port must be from 1 to 65535";

/// What stands between the cells of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Delimiter {
    /// A sign.
    Sign(char),
    /// Any number of spaces.
    Spaces,
}

impl Delimiter {
    /// What a line uses.
    fn of(line: &str) -> Self {
        let sign = ['\t', ';', ','].into_iter().find(|sign| line.contains(*sign));
        sign.map_or(Self::Spaces, Self::Sign)
    }

    /// The cells of a line, each with the byte at which it begins. A quote that nobody closes is a sign like any other.
    fn cells(self, line: &str) -> Vec<(usize, &str)> {
        let sign = match self {
            Self::Sign(sign) => sign,
            Self::Spaces => {
                let words = line.split_whitespace();
                return words
                    .map(|word| (word.as_ptr() as usize - line.as_ptr() as usize, word))
                    .collect();
            }
        };
        let is_closed = line.matches('"').count().is_multiple_of(2);
        let (mut cells, mut begin, mut is_quoted) = (Vec::new(), 0, false);
        for (at, found) in line.char_indices().chain([(line.len(), sign)]) {
            is_quoted ^= found == '"' && is_closed;
            if found == sign && (!is_quoted || at == line.len()) {
                let cell = &line[begin..at];
                let trimmed = cell.trim_start_matches([' ', '"']);
                cells.push((
                    begin + cell.len() - trimmed.len(),
                    trimmed.trim_end_matches([' ', '"', '\r']),
                ));
                begin = at + found.len_utf8();
            }
        }
        cells
    }
}

/// Where the cells of interest are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Columns {
    delimiter: Delimiter,
    address: usize,
    country: Option<usize>,
    system: Option<usize>,
    checked: Option<usize>,
    /// Whether the file has a header; without one, each line may have a delimiter of its own.
    pub(super) has_header: bool,
}

impl Columns {
    /// The columns that the first line of a file names; where it is no header, the address comes first.
    pub(super) fn of(line: &str) -> Self {
        let delimiter = Delimiter::of(line);
        Self::of_header(line, delimiter).unwrap_or(Self {
            delimiter,
            address: 0,
            country: None,
            system: None,
            checked: None,
            has_header: false,
        })
    }

    /// The columns that a header names, if the line is one.
    fn of_header(line: &str, delimiter: Delimiter) -> Option<Self> {
        let cells = delimiter.cells(line);
        if cells.iter().any(|(_, cell)| is_address(cell)) {
            // As in `192.0.2.53 resolver DE`.
            return None;
        }
        let find = |names: &[&str]| {
            names
                .iter()
                .find_map(|name| cells.iter().position(|(_, cell)| cell.eq_ignore_ascii_case(name)))
        };
        Some(Self {
            delimiter,
            address: find(&ADDRESS)?,
            country: find(&COUNTRY),
            system: find(&SYSTEM),
            checked: find(&CHECKED),
            has_header: true,
        })
    }

    /// Whether a line is the header once more.
    pub(super) fn is_header(&self, line: &str) -> bool {
        let cells = self.delimiter.cells(line);
        let cell = cells.get(self.address).map_or("", |(_, cell)| *cell);
        self.has_header && ADDRESS.iter().any(|name| cell.eq_ignore_ascii_case(name))
    }

    /// The resolver of a line and when it was checked, or at which byte what is wrong.
    pub(super) fn entry<'a>(&self, line: &'a str) -> Result<(Entry, Option<&'a str>), Fault> {
        let delimiter = if self.has_header { self.delimiter } else { Delimiter::of(line) };
        let mut cells = delimiter.cells(line);
        if !self.has_header && cells.first().is_none_or(|(_, cell)| !is_address(cell)) {
            // As in `192.0.2.53 Example, Inc. DE`.
            cells = Delimiter::Spaces.cells(line);
        }
        let cell = |column: Option<usize>| {
            column.and_then(|at| cells.get(at)).map_or("", |(_, cell)| *cell)
        };
        let begin = cells.get(self.address).map_or(0, |(begin, _)| *begin);
        let (address, port) = at_port(cell(Some(self.address))).map_err(|what| (begin, what))?;
        let country = if self.has_header {
            Country::new(cell(self.country))
        } else {
            // As in `192.0.2.53 ns DE 0.98`: in small letters it may be any word.
            let is_code = |cell: &str| {
                cell.eq_ignore_ascii_case(ANYCAST) || cell.bytes().all(|it| it.is_ascii_uppercase())
            };
            let mut codes = cells.iter().skip(1).rev().filter(|(_, cell)| is_code(cell));
            codes.find_map(|(_, cell)| Country::new(cell))
        };
        let checked = Some(cell(self.checked)).filter(|text| !text.is_empty());
        let asn = system(cell(self.system));
        Ok((
            Entry { address, host: None, port, country, asn, certified: Certified::default() },
            checked,
        ))
    }
}

/// Whether a cell is an address, with or without a port.
fn is_address(cell: &str) -> bool {
    !matches!(at_port(cell), Err(NO_ADDRESS))
}

/// An address, and its port if one is given.
pub(super) fn at_port(text: &str) -> Result<(IpAddr, Option<u16>), &'static str> {
    let text = text.trim_matches(['\u{200b}', '\u{feff}', '\u{a0}']);
    if let Some(address) = address(text) {
        return Ok((address, None));
    }
    match text.parse::<std::net::SocketAddr>() {
        Ok(it) if it.port() == 0 => Err(NO_PORT),
        Ok(it) => Ok((it.ip(), Some(it.port()))),
        Err(_) => Err(NO_ADDRESS),
    }
}
