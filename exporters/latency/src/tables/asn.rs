//! Whose addresses are: the number of the autonomous system that announces them. No I/O, no clock.
//!
//! | format | known by |
//! |---|---|
//! | ranges of iptoasn | five fields by tabs, the first two addresses: first, last, number, country, description |
//! | pfx2as | three fields, the second a length: prefix, length, numbers; of several the first |
//! | MMDB | its marker; `autonomous_system_number`, or `asn` as in `AS64500` |

use std::net::IpAddr;

use maxminddb::Reader;
use serde::Deserialize;

use super::parsed::Parsed;
use super::ranges::{Range, Ranges};

/// Such a table.
#[derive(Debug)]
pub(crate) enum AsnTable {
    Ranges(Ranges),
    Mmdb(Reader<Vec<u8>>),
}

/// What stands near the end of an MMDB, and how near.
const MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";
const NEAR: usize = 128 << 10;

#[derive(Deserialize)]
struct Record<'a> {
    autonomous_system_number: Option<u32>,
    asn: Option<&'a str>,
}

impl AsnTable {
    /// Reads one; which format it has, it says itself.
    pub(crate) fn parse(bytes: Vec<u8>) -> Result<Parsed<Self>, String> {
        let end = &bytes[bytes.len().saturating_sub(NEAR)..];
        if end.windows(MARKER.len()).any(|window| window == MARKER) {
            let reader = Reader::from_source(bytes);
            let reader = reader.map_err(|error| format!("it is no good MMDB: {error}"))?;
            let entries = reader.metadata().node_count.into();
            return Ok(Parsed { table: Self::Mmdb(reader), entries, rejected: 0 });
        }
        let text = String::from_utf8_lossy(&bytes);
        let lines = || {
            text.lines()
                .map(str::trim_end)
                .filter(|line| !line.is_empty() && !line.starts_with('#'))
        };
        let first = lines().find_map(|line| Some((line, format(line)?)));
        let Some((_, read)) = first else {
            let formats = "neither ranges (iptoasn), nor prefixes (pfx2as), nor MMDB";
            return Err(format!("its format is not known: {formats}"));
        };
        let (mut ranges, mut rejected) = (Vec::new(), 0);
        for line in lines() {
            match read(line) {
                Some(entry) => ranges.push(entry),
                None => rejected += 1,
            }
        }
        let entries = ranges.len() as u64;
        Ok(Parsed { table: Self::Ranges(Ranges::new(ranges)), entries, rejected })
    }

    /// Who announces an address; none where nobody does, or it is not known.
    pub(crate) fn get(&self, ip: IpAddr) -> Option<u32> {
        match self {
            Self::Ranges(ranges) => ranges.get(ip),
            Self::Mmdb(reader) => {
                let record: Record<'_> = reader.lookup(ip.to_canonical()).ok()?.decode().ok()??;
                record.autonomous_system_number.or_else(|| number(record.asn?))
            }
        }
        .filter(|asn| *asn != 0)
    }
}

type Read = fn(&str) -> Option<(Range, u32)>;

/// How a line is to be read.
fn format(line: &str) -> Option<Read> {
    [range as Read, prefix as Read].into_iter().find(|read| read(line).is_some())
}

fn range(line: &str) -> Option<(Range, u32)> {
    let mut fields = line.splitn(5, '\t');
    let mut field = || fields.next();
    let range = Range::between(field()?.parse().ok()?, field()?.parse().ok()?)?;
    let asn = number(field()?)?;
    // Country and description are not looked at, and must be there.
    field().and(field())?;
    Some((range, asn))
}

fn prefix(line: &str) -> Option<(Range, u32)> {
    let mut fields = line.split_whitespace();
    let (ip, length, asns) = (fields.next()?, fields.next()?, fields.next()?);
    let range = Range::prefix(ip.parse().ok()?, length.parse().ok()?)?;
    let first = asns.split(['_', ',']).next()?.trim_matches(['{', '}']);
    fields.next().is_none().then_some((range, number(first)?))
}

/// `64500`, or `AS64500`.
fn number(text: &str) -> Option<u32> {
    let text = text.trim();
    let digits = text.strip_prefix("AS").or(text.strip_prefix("as")).unwrap_or(text);
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Parsed<AsnTable> {
        AsnTable::parse(text.as_bytes().to_vec()).unwrap()
    }

    fn get(table: &AsnTable, ip: &str) -> Option<u32> {
        table.get(ip.parse().unwrap())
    }

    #[test]
    fn ranges_are_read() {
        let parsed = parse(
            "192.0.2.0\t192.0.2.127\t64500\tNL\tSOME NAME\n192.0.2.128\t192.0.2.255\t0\tNone\tNot routed\r\n\
             2001:db8::\t2001:db8:ffff:ffff:ffff:ffff:ffff:ffff\t64501\tDE\tOTHER\tNAME\n",
        );
        assert_eq!((parsed.entries, parsed.rejected), (3, 0));
        for (ip, wanted) in
            [("192.0.2.1", Some(64500)), ("192.0.2.200", None), ("2001:db8::5", Some(64501))]
        {
            assert_eq!(get(&parsed.table, ip), wanted);
        }
    }

    #[test]
    fn prefixes_are_read_and_the_first_origin_counts() {
        let parsed = parse(
            "149.154.164.0\t22\t62041\n149.154.167.0\t24\t62041_211157\n149.154.175.0 24 {59930,1}\n2001:db8::\t32\t1,2\n",
        );
        assert_eq!((parsed.entries, parsed.rejected), (4, 0));
        for (ip, wanted) in [
            ("149.154.167.220", Some(62041)),
            ("149.154.175.1", Some(59930)),
            ("2001:db8::5", Some(1)),
            ("149.154.171.1", None),
        ] {
            assert_eq!(get(&parsed.table, ip), wanted);
        }
    }

    #[test]
    fn a_few_bad_lines_are_counted_and_many_refuse_the_file() {
        let good: Vec<_> = (0..199).map(|number| format!("10.0.{number}.0\t24\t64500\n")).collect();
        let good = good.concat();
        let parsed = parse(&format!("# made today\n{good}nonsense\n"));
        assert_eq!((parsed.entries, parsed.rejected), (199, 1));
        assert!(parsed.accept().is_ok());
        let cut = parse(&format!("{good}nonsense\n10.0.0.0\t99\t1\n10.0.0.0\t8\n"));
        assert_eq!(cut.accept().unwrap_err(), ("3 of 202 lines cannot be read".to_owned(), 3));
        for bad in ["", "a,b,c\n", "<html>\n<body>\n", "\0\0\0"] {
            assert!(AsnTable::parse(bad.as_bytes().to_vec()).is_err(), "{bad:?}");
        }
        let broken = [&b"abc"[..], MARKER, b"def"].concat();
        assert!(AsnTable::parse(broken).is_err());
    }

    /// An MMDB of IPv4 with one record for all addresses whose first bit is 0, made by hand.
    fn mmdb(record: &[u8]) -> Vec<u8> {
        // One node of 24-bit records: to the data at its offset 0, and to nothing (the count of nodes).
        let mut bytes = vec![0, 0, 1 + 16, 0, 0, 1];
        bytes.extend([0; 16]);
        bytes.extend(record);
        bytes.extend(MARKER);
        let text =
            |text: &str| [&[0x40 + u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
        bytes.push(0xe9);
        for (key, value) in [
            ("node_count", vec![0xc1, 1]),
            ("record_size", vec![0xa1, 24]),
            ("ip_version", vec![0xa1, 4]),
            ("binary_format_major_version", vec![0xa1, 2]),
            ("binary_format_minor_version", vec![0xa0]),
            ("build_epoch", vec![0x01, 0x02, 1]),
            ("database_type", text("test")),
            ("languages", vec![0x00, 0x04]),
            ("description", vec![0xe0]),
        ] {
            bytes.extend(text(key));
            bytes.extend(value);
        }
        bytes
    }

    #[test]
    fn an_mmdb_may_have_the_number_in_either_way() {
        let key = "autonomous_system_number";
        let by_number = [&[0xe1, 0x58][..], key.as_bytes(), &[0xc2, 0xfb, 0xf4]].concat();
        let by_name = [&[0xe1, 0x43][..], b"asn", &[0x47], b"AS64500"].concat();
        for record in [by_number, by_name] {
            let parsed = AsnTable::parse(mmdb(&record)).unwrap();
            assert_eq!(get(&parsed.table, "10.0.0.1"), Some(64500));
            assert_eq!(get(&parsed.table, "200.0.0.1"), None);
            assert_eq!(get(&parsed.table, "2001:db8::1"), None);
        }
    }
}
