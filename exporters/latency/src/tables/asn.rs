//! Whose addresses are: the number of the autonomous system that announces them. No I/O but through what it is handed,
//! no clock.

use std::io::Read;
use std::net::IpAddr;

use networks::{Fault, Table};

use super::parsed::Parsed;

/// Such a table.
#[derive(Debug)]
pub(crate) struct AsnTable(Table);

impl AsnTable {
    /// Reads one, in any of the formats that there are. One of countries alone says nothing here.
    pub(crate) fn read(file: impl Read) -> Result<Parsed<Self>, Fault> {
        let table = Table::read(file)?;
        if !table.has_systems() {
            return Err(Fault::NoTable("names no AS in any of its lines".to_owned()));
        }
        Ok(Parsed { entries: table.entries(), rejected: table.rejected(), table: Self(table) })
    }

    /// Who announces an address; none where nobody does, or it is not known.
    pub(crate) fn get(&self, ip: IpAddr) -> Option<u32> {
        self.0.find(ip).asn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Parsed<AsnTable> {
        AsnTable::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn ranges_and_prefixes_are_read() {
        let ranges = read(
            "192.0.2.0\t192.0.2.127\t64500\tNL\tSOME NAME\n192.0.2.128\t192.0.2.255\t0\tNone\tNot routed\r\n\
             2001:db8::\t2001:db8:ffff:ffff:ffff:ffff:ffff:ffff\t64501\tDE\tOTHER\tNAME\n",
        );
        assert_eq!((ranges.entries, ranges.rejected), (3, 0));
        let prefixes =
            read("192.0.2.0\t24\t64502\n192.0.2.0\t25\t64500_1\n2001:db8::\t32\t64501\n");
        for (ip, of_ranges, of_prefixes) in [
            ("192.0.2.1", Some(64_500), Some(64_500)),
            ("192.0.2.200", None, Some(64_502)),
            ("2001:db8::5", Some(64_501), Some(64_501)),
        ] {
            let ip = ip.parse().unwrap();
            assert_eq!((ranges.table.get(ip), prefixes.table.get(ip)), (of_ranges, of_prefixes));
        }
    }

    #[test]
    fn a_few_bad_lines_are_counted_and_many_refuse_the_file() {
        let good: Vec<_> = (0..199).map(|number| format!("10.0.{number}.0\t24\t64500\n")).collect();
        let good = good.concat();
        let parsed = read(&format!("# made today\n{good}nonsense\n"));
        assert_eq!((parsed.entries, parsed.rejected), (199, 1));
        assert!(parsed.accept().is_ok());
        let cut = read(&format!("{good}nonsense\n10.0.0.0\t99\t1\n10.0.0.0\t8\n"));
        assert_eq!(cut.accept().unwrap_err(), ("3 of 202 lines cannot be read".to_owned(), 3));
        let countries = AsnTable::read(&b"192.0.2.0\t192.0.2.255\tNL\n"[..]);
        assert_eq!(countries.unwrap_err().to_string(), "names no AS in any of its lines");
    }
}
