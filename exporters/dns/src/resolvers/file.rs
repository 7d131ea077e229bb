//! A list of resolvers in a file: CSV as of public-dns.info, or one address a line. No I/O, no clock.

use exporter_kit::config::{Place, Problems};

use super::entry::address;
use super::{Builder, Country, Entry};

/// Reads the text of a file: CSV with the header of public-dns.info (`ip_address` is needed;
/// `country_code` and `as_number` are used; the others are not), or one address a line.
/// Special-purpose addresses are left out and counted, unless `allow_private`. Every line that is
/// wrong is told.
pub(crate) fn parse(text: &str, mut builder: Builder) -> Result<Builder, Problems> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut columns = Columns::BARE;
    let mut problems = Problems::default();
    let mut is_first = true;
    for record in reader.records() {
        let Ok(record) = record else {
            problems.add(Place::default(), "must be lines of cells with commas between them");
            break;
        };
        if std::mem::take(&mut is_first) && record.iter().any(|cell| cell == "ip_address") {
            columns = Columns::of(&record);
            continue;
        }
        match columns.entry(&record) {
            Ok(entry) => _ = builder.add(&entry),
            Err((column, what)) => problems.add(place(text, &record, column), what),
        }
    }
    problems.into_result().map(|()| builder)
}

/// Where the cells of interest are.
struct Columns {
    address: usize,
    country: Option<usize>,
    asn: Option<usize>,
}

impl Columns {
    /// A file without a header: addresses alone.
    const BARE: Self = Self { address: 0, country: None, asn: None };

    fn of(header: &csv::StringRecord) -> Self {
        let find = |name| header.iter().position(|cell| cell == name);
        Self {
            address: find("ip_address").unwrap_or(0),
            country: find("country_code"),
            asn: find("as_number"),
        }
    }

    /// The resolver of a line, or which column is wrong and what must be there.
    fn entry(&self, record: &csv::StringRecord) -> Result<Entry, (usize, &'static str)> {
        let cell = |column: Option<usize>| column.and_then(|at| record.get(at)).unwrap_or("");
        let Some(address) = address(cell(Some(self.address))) else {
            return Err((
                self.address,
                "must begin with an IP address, or have one as `ip_address`",
            ));
        };
        let asn = cell(self.asn);
        let asn = match asn.strip_prefix("AS").unwrap_or(asn) {
            "" => None,
            number => Some(number.parse().map_err(|_| {
                (self.asn.unwrap_or(0), "as_number: must be a number, as in 64500 or AS64500")
            })?),
        };
        Ok(Entry { address, country: Country::new(cell(self.country)), asn })
    }
}

/// The place of a cell: its line, and the character at which its text begins.
fn place(text: &str, record: &csv::StringRecord, column: usize) -> Place {
    let (line, byte) = record.position().map_or((0, 0), |it| (it.line(), it.byte()));
    let rest = usize::try_from(byte).ok().and_then(|byte| text.get(byte..)).unwrap_or("");
    // The record begins behind the line ends and comments that are passed over.
    let mut end = 0;
    for cell in record.iter().take(column + 1) {
        let Some(start) = rest.get(end..).and_then(|rest| rest.find(cell)) else { break };
        end += start + cell.len();
    }
    let begin = end - record.get(column).map_or(0, str::len).min(end);
    let before = rest.get(..begin).unwrap_or("");
    let last_line = before.rsplit('\n').next().unwrap_or("");
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Place {
        line: u32::try_from(line).unwrap_or(u32::MAX),
        column: number(last_line.chars().count()) + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolvers::{Resolver, ResolverList};

    fn list(text: &str, allow_private: bool) -> ResolverList {
        parse(text, Builder::new(allow_private)).unwrap().finish()
    }
    const HEADER: &str = "ip_address,name,as_number,as_org,country_code,city,version,error,dnssec,reliability,checked_at,created_at";

    fn places(list: &ResolverList) -> Vec<(String, &str, u32)> {
        let place = |r: &Resolver| (r.address.to_string(), r.network);
        list.resolvers
            .iter()
            .map(|r| (place(r).0, list.countries[usize::from(r.country)].as_str(), place(r).1))
            .collect()
    }

    #[test]
    fn a_public_list_is_read_with_all_its_oddities() {
        let text = format!(
            "\u{feff}{HEADER}\r\n# a comment, with commas\r\n\
             8.8.8.8,dns.google.,15169,\"Google, LLC\",us,\"Mountain View\",,,true,1.00,2023-08-17 22:01:10,\r\n\
             8.8.4.4,,15169,,US,,,,,,,\r\n\
             \r\n\
             8.8.8.8,again,15169,,US,,,,,,,\r\n\
             1.1.1.1,one.one.one.one,13335,,Anycast,,,,,,,\r\n\
             9.9.9.9,,,,,,,,,,,\r\n\
             9.9.9.10,,0,,?,,,,,,,\r\n\
             2001:4860:4860::8888,,,,,,,,,,,\r\n\
             2001:4860:4860:1::1,,,,,,,,,,,\r\n\
             10.0.0.1,,,,DE,,,,,,,\r\n\
             fe80::1%eth0,,,,DE,,,,,,,\r\n"
        );
        let list = list(&text, false);
        assert_eq!(
            places(&list),
            [
                ("8.8.8.8".to_owned(), "US", 0),
                ("8.8.4.4".to_owned(), "US", 0),
                ("1.1.1.1".to_owned(), "anycast", 1),
                ("9.9.9.9".to_owned(), "ZZ", 2),
                ("9.9.9.10".to_owned(), "ZZ", 2),
                ("2001:4860:4860::8888".to_owned(), "ZZ", 3),
                ("2001:4860:4860:1::1".to_owned(), "ZZ", 3),
            ]
        );
        assert_eq!((list.networks, list.duplicates, list.excluded), (4, 1, 2));
        assert_eq!(list.third_parties(), 7);
    }

    #[test]
    fn a_bare_list_of_addresses_is_read_too() {
        let list = list("# list\n1.1.1.1\n\n  9.9.9.9 \n", false);
        assert_eq!(list.resolvers.len(), 2);
    }

    #[test]
    fn private_addresses_are_asked_when_allowed_but_never_multicast_ones() {
        let list = list("127.0.0.1\n224.0.0.1\n0.0.0.0\n", true);
        assert_eq!((list.resolvers.len(), list.excluded), (1, 2));
        assert!(list.is_loopback() && list.third_parties() == 0);
    }

    #[test]
    fn every_bad_line_of_a_list_is_told_and_not_repeated() {
        let text = "ip_address,name,as_number\n# a comment\n\n1.1.1.1, one ,AS13335\n\
                    s3cret,x,1\n9.9.9.9,ä,s3cret\n";
        assert_eq!(
            parse(text, Builder::new(false)).unwrap_err().to_string(),
            "line 5:1: must begin with an IP address, or have one as `ip_address`\n\
             line 6:11: as_number: must be a number, as in 64500 or AS64500"
        );
        assert_eq!(
            parse("1.1.1.1\n  s3cret\n", Builder::new(false)).unwrap_err().to_string(),
            "line 2:3: must begin with an IP address, or have one as `ip_address`"
        );
    }

    #[test]
    fn a_million_lines_are_read() {
        let mut text = String::from("ip_address,country_code\n");
        for n in 0..1_000_000_u32 {
            text.extend([&std::net::Ipv4Addr::from(0x0b00_0000 + n).to_string(), ",DE\n"]);
        }
        assert_eq!(list(&text, false).resolvers.len(), 1_000_000);
    }
}
