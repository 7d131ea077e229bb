//! A table of networks, of whichever format. No I/O but through what it is handed, no clock.

use std::io::{self, BufRead, BufReader, Read};
use std::net::IpAddr;

use super::fault::Fault;
use super::found::{Found, Packed};
use super::line::{self, Form, MUST};
use super::mmdb::{self, Mmdb};
use super::ranges::Ranges;

/// By so much of its beginning a file is told to be a text or not.
const HEAD: u64 = 8 << 10;
/// What is longer is no line of a table.
const LONGEST: usize = 4 << 10;

/// A table of networks.
#[derive(Debug)]
pub struct Table {
    kind: Kind,
    entries: u64,
    rejected: u64,
    first_rejected: Option<String>,
}

#[derive(Debug)]
enum Kind {
    Ranges(Ranges<Packed>),
    Mmdb(Mmdb),
}

impl Table {
    /// Reads one; which format it has, it says itself. How much there may be is for the caller to limit.
    pub fn read(mut source: impl Read) -> Result<Self, Fault> {
        let mut head = Vec::new();
        source.by_ref().take(HEAD).read_to_end(&mut head)?;
        if is_text(&head) {
            return Self::of_lines(BufReader::new(head.chain(source)));
        }
        source.read_to_end(&mut head)?;
        if !mmdb::is_mmdb(&head) {
            return Err(no_table("and has no lines"));
        }
        let mmdb = Mmdb::parse(head).map_err(Fault::NoTable)?;
        let entries = mmdb.nodes();
        let kind = Kind::Mmdb(mmdb);
        Ok(Self { kind, entries, rejected: 0, first_rejected: None })
    }

    fn of_lines(mut source: impl BufRead) -> Result<Self, Fault> {
        let (mut ranges, mut form, mut bytes) = (Ranges::default(), None::<Form>, Vec::new());
        let (mut entries, mut rejected) = (0, 0);
        let mut first_rejected = None;
        for number in 1_u64.. {
            if !next_line(&mut source, &mut bytes)? {
                break;
            }
            let text = String::from_utf8_lossy(&bytes);
            let text = text.trim_start_matches('\u{feff}').trim_end();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let read = line::parse(text).filter(|_| bytes.len() <= LONGEST);
            if let Some((_, range, said)) = read.filter(|(of, ..)| *of == *form.get_or_insert(*of))
            {
                entries += 1;
                ranges.push(range, said);
            } else {
                rejected += 1;
                first_rejected.get_or_insert_with(|| format!("line {number} {MUST}"));
            }
        }
        if entries == 0 {
            return Err(match first_rejected {
                Some(line) => no_table(&line),
                None => Fault::NoTable("is empty".to_owned()),
            });
        }
        ranges.finish();
        let kind = Kind::Ranges(ranges);
        Ok(Self { kind, entries, rejected, first_rejected })
    }

    /// What is known of an address.
    pub fn find(&self, ip: IpAddr) -> Found {
        match &self.kind {
            Kind::Ranges(ranges) => ranges.get(ip).map(Packed::found).unwrap_or_default(),
            Kind::Mmdb(mmdb) => mmdb.find(ip),
        }
    }

    /// How many lines it has, or nodes.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// How many lines could not be read.
    pub fn rejected(&self) -> u64 {
        self.rejected
    }

    /// Itself, if every line could be read.
    pub fn whole(self) -> Result<Self, Fault> {
        match &self.first_rejected {
            Some(line) => Err(no_table(line)),
            None => Ok(self),
        }
    }

    /// Whether it names an AS.
    pub fn has_systems(&self) -> bool {
        [true, false].into_iter().any(|is_v4| self.any_system(is_v4, |_| true))
    }

    /// Whether it holds of one of the ASes that it names for addresses of IPv4, or for those of IPv6. One
    /// may be named many times.
    pub fn any_system(&self, is_v4: bool, mut holds: impl FnMut(u32) -> bool) -> bool {
        match &self.kind {
            Kind::Ranges(ranges) => {
                ranges.any(is_v4, |said| said.found().asn.is_some_and(&mut holds))
            }
            Kind::Mmdb(mmdb) => mmdb.any_system(is_v4, holds),
        }
    }
}

fn no_table(why: &str) -> Fault {
    Fault::NoTable(format!("is neither MMDB nor a list of ranges: {why}"))
}

/// Whether a file that begins so is to be read line by line: what is binary has control characters.
fn is_text(head: &[u8]) -> bool {
    let is_binary = |byte: &u8| byte.is_ascii_control() && !byte.is_ascii_whitespace();
    !head.iter().any(is_binary) && !mmdb::is_mmdb(head)
}

/// Reads a line without what ends it, of which no more is kept than tells that it is too long; whether there was one.
fn next_line(source: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let mut is_there = false;
    loop {
        let bytes = source.fill_buf()?;
        if bytes.is_empty() {
            return Ok(is_there);
        }
        is_there = true;
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (some, used) = end.map_or((bytes, bytes.len()), |end| (&bytes[..end], end + 1));
        let room = (LONGEST + 1).saturating_sub(line.len());
        line.extend_from_slice(&some[..some.len().min(room)]);
        source.consume(used);
        if end.is_some() {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Country;

    fn read(text: &str) -> Table {
        Table::read(text.as_bytes()).unwrap()
    }

    fn at(table: &Table, ip: &str) -> (String, Option<u32>) {
        let found = table.find(ip.parse().unwrap());
        (found.country.map(|it| it.as_str().to_owned()).unwrap_or_default(), found.asn)
    }

    fn fault(bytes: &[u8]) -> String {
        Table::read(bytes).unwrap_err().to_string()
    }

    #[test]
    fn ranges_of_systems_and_of_countries_are_read() {
        let table = read(
            "\u{feff}# made today\n\n1.0.0.0\t1.0.0.255\t13335\tUS\tCLOUDFLARENET\r\n1.0.1.0\t1.0.3.255\t0\tNone\tNot \
             routed\n2001:200::\t2001:200:ffff:ffff:ffff:ffff:ffff:ffff\t2500\tJP\tWIDE",
        );
        assert_eq!((table.entries(), table.rejected(), table.has_systems()), (3, 0, true));
        for (ip, country, asn) in [
            ("1.0.0.0", "US", Some(13_335)),
            ("1.0.0.255", "US", Some(13_335)),
            ("1.0.1.0", "", None),
            ("1.0.4.0", "", None),
            ("0.255.255.255", "", None),
            ("2001:200::1", "JP", Some(2_500)),
            ("2001:201::", "", None),
        ] {
            assert_eq!(at(&table, ip), (country.to_owned(), asn), "{ip}");
        }
        let of_family = |is_v4| [13_335, 2_500].map(|asn| table.any_system(is_v4, |it| it == asn));
        assert_eq!((of_family(true), of_family(false)), ([true, false], [false, true]));
        let countries = read("16777216,16777471,AU\n16778240,16779263,CN\n");
        assert_eq!(at(&countries, "1.0.4.1"), ("CN".to_owned(), None));
        assert!(!countries.has_systems() && countries.whole().is_ok());
    }

    #[test]
    fn the_smallest_of_nested_prefixes_counts_and_so_does_that_of_nested_ranges() {
        let table = read(
            "149.154.164.0\t22\t62041\n149.154.167.0\t24\t62041_211157\n149.154.175.0 24 {59930,1}\n\
             149.154.166.0\t24\t1\n2001:db8::\t32\t1,2\n",
        );
        assert_eq!((table.entries(), table.rejected()), (5, 0));
        for (ip, asn) in [
            ("149.154.165.1", Some(62041)),
            ("149.154.166.1", Some(1)),
            ("149.154.167.220", Some(62041)),
            ("149.154.175.1", Some(59930)),
            ("2001:db8::5", Some(1)),
            ("149.154.171.1", None),
        ] {
            assert_eq!(at(&table, ip).1, asn, "{ip}");
        }
        let nested = read("11.0.0.0,11.255.255.255,US\n11.1.0.0,11.1.255.255,NL\n");
        assert_eq!(at(&nested, "11.1.2.3").0, "NL");
        assert_eq!(at(&nested, "11.2.2.3").0, "US", "behind one that lies in it");
    }

    #[test]
    fn bad_lines_are_counted_and_the_first_is_told() {
        let good: Vec<_> = (0..199).map(|number| format!("10.0.{number}.0\t24\t64500\n")).collect();
        let good = good.concat();
        let long = format!("10.0.0.0\t24\t64500{}\n", " ".repeat(LONGEST));
        // A file is of one form.
        let table = read(&format!("{good}nonsense\n10.0.0.0\t10.0.0.9\t1\tNL\n{long}{good}"));
        assert_eq!((table.entries(), table.rejected()), (398, 3));
        let why = table.whole().unwrap_err().to_string();
        assert!(why.contains("list of ranges: line 200 must be two addresses of"), "{why}");
    }

    #[test]
    fn what_is_no_table_is_refused() {
        for empty in [&b""[..], b"\n\n", b"# nothing\n"] {
            assert_eq!(fault(empty), "is empty");
        }
        let none = "is neither MMDB nor a list of ranges: ";
        for (bad, why) in [
            (&b"a,b,c\n"[..], "line 1 must be"),
            (b"# x\n<html>\n<body>\n", "line 2 must be"),
            (b"\0\0\0", "and has no lines"),
            (b"\xff\xfe1\x00.\x00", "and has no lines"),
        ] {
            let fault = fault(bad);
            assert!(fault.starts_with(&format!("{none}{why}")), "{fault}");
        }
        let torn = [&b"garbage"[..], b"\xab\xcd\xefMaxMind.com", b"garbage"].concat();
        assert!(fault(&torn).starts_with("is no MMDB file that can be read: "));
    }

    /// Lines of a table that is nowhere: each is made when it is read.
    struct Endless {
        numbers: std::ops::Range<u32>,
        rest: Vec<u8>,
        most_asked: usize,
    }

    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.most_asked = self.most_asked.max(buffer.len());
            if self.rest.is_empty()
                && let Some(number) = self.numbers.next()
            {
                let (first, name) = (number << 8, "A NAME OF THIRTY LETTERS OR SO");
                self.rest = format!("{first},{},{number},NL,{name}\n", first + 99).into_bytes();
            }
            let count = self.rest.len().min(buffer.len());
            buffer[..count].copy_from_slice(&self.rest[..count]);
            self.rest.drain(..count);
            Ok(count)
        }
    }

    #[test]
    fn a_range_of_ipv4_takes_fourteen_bytes_and_the_text_none() {
        const RANGES: usize = 500_000;
        let mut text = Endless { numbers: 1..500_001, rest: Vec::new(), most_asked: 0 };
        let table = Table::read(&mut text).unwrap();
        assert_eq!(table.entries(), RANGES as u64);
        let Kind::Ranges(ranges) = &table.kind else { panic!("it is a text") };
        assert_eq!(ranges.bytes(), (14 * RANGES, 0));
        assert!(text.most_asked <= 64 << 10, "{} bytes of text at once", text.most_asked);
        let found = table.find(std::net::Ipv4Addr::from((77 << 8) + 5).into());
        assert_eq!((found.asn, found.country), (Some(77), Country::new("NL")));
        // In disorder they take no more.
        let tangled: Vec<String> =
            (1..1000_u32).rev().map(|it| format!("{it},{it},NL\n")).collect();
        let Kind::Ranges(ranges) = read(&tangled.concat()).kind else { panic!("it is a text") };
        assert_eq!(ranges.bytes(), (14 * 999, 0));
    }
}
