//! The peering LANs of internet exchanges, as the user names them. No I/O, no clock.

use std::net::IpAddr;

use networks::{Range, Ranges};

use super::parsed::Parsed;

/// An exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exchange {
    /// Its name; a label.
    pub(crate) name: String,
    /// Where it is, as the file says; empty where it does not.
    pub(crate) city: String,
}

/// Exchanges by their LANs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Exchanges {
    all: Vec<Exchange>,
    lans: Ranges<u32>,
}

/// So many exchanges there may be, and so many letters a name may have: both are labels.
const MOST: usize = 10_000;
const LONGEST: usize = 64;

impl Exchanges {
    /// Reads `prefix,name,city,country`, with a line of these words or without.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Parsed<Self>, String> {
        let mut reader = csv::ReaderBuilder::new();
        let reader =
            reader.has_headers(false).flexible(true).comment(Some(b'#')).from_reader(bytes);
        let (mut all, mut ranges, mut rejected) = (Vec::<Exchange>::new(), Vec::new(), 0);
        for (number, record) in reader.into_records().enumerate() {
            let field = |place| record.as_ref().ok().and_then(|it| it.get(place)).map(str::trim);
            if number == 0 && field(0) == Some("prefix") {
                continue;
            }
            let lan = field(0).and_then(Range::parse);
            let name = field(1).filter(|name| is_label(name) && !name.is_empty());
            let city = field(2).unwrap_or_default();
            let (Some(lan), Some(name), true) = (lan, name, is_label(city)) else {
                rejected += 1;
                continue;
            };
            let exchange = Exchange { name: name.to_owned(), city: city.to_owned() };
            let known = all.iter().rposition(|known| *known == exchange);
            let place = known.unwrap_or_else(|| {
                all.push(exchange);
                all.len() - 1
            });
            ranges.push((lan, u32::try_from(place).unwrap_or(u32::MAX)));
            if all.len() > MOST {
                return Err(format!("it names more than {MOST} exchanges"));
            }
        }
        let entries = ranges.len() as u64;
        Ok(Parsed { table: Self { all, lans: ranges.into_iter().collect() }, entries, rejected })
    }

    /// In whose LAN an address is.
    pub(crate) fn get(&self, ip: IpAddr) -> Option<&Exchange> {
        let place = usize::try_from(self.lans.get(ip)?).ok()?;
        self.all.get(place)
    }
}

fn is_label(text: &str) -> bool {
    text.chars().count() <= LONGEST && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_lan_wins() {
        let parsed = Exchanges::parse(
            b"prefix,name,city,country\n80.249.208.0/21,AMS-IX,Amsterdam,NL\n80.0.0.0/8,\"Other, Inc\",London,GB\n\
              2001:7f8:1::/64,AMS-IX,Amsterdam,NL\n",
        )
        .unwrap();
        assert_eq!((parsed.entries, parsed.rejected, parsed.table.all.len()), (3, 0, 2));
        let get = |ip: &str| parsed.table.get(ip.parse().unwrap()).map(|it| it.name.as_str());
        assert_eq!(get("80.249.209.69"), Some("AMS-IX"));
        assert_eq!(get("80.1.1.1"), Some("Other, Inc"));
        assert_eq!(get("2001:7f8:1::a506:2041:1"), Some("AMS-IX"));
        assert_eq!(get("192.0.2.1"), None);
    }

    #[test]
    fn what_cannot_be_a_label_is_rejected() {
        let long = "x".repeat(65);
        let text = format!(
            "10.0.0.0/24,{long},A\n10.0.0.0/24,,A\nx,y,z\n10.0.0.0/24,\"a\tb\",A\n10.1.0.0/24,B\n"
        );
        let parsed = Exchanges::parse(text.as_bytes()).unwrap();
        assert_eq!((parsed.entries, parsed.rejected), (1, 4));
    }
}
