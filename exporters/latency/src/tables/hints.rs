//! What a token means in the names of one domain, whatever it means elsewhere. No I/O, no clock.

use std::collections::HashMap;

use super::parsed::Parsed;

/// Cities by domain and token.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Hints(HashMap<(String, String), String>);

/// Habits of large networks that anybody can see in their names: each has codes of its own for some cities.
const SHIPPED: &str = include_str!("../hints.csv");

/// So many there may be.
const MOST: usize = 100_000;

impl Hints {
    /// Those that are shipped, and before them those of a file: `domain,token,city`.
    pub(crate) fn with(file: Option<&[u8]>) -> Result<Parsed<Self>, String> {
        let mut all = HashMap::new();
        let mut rejected = 0;
        for (bytes, is_own) in [(Some(SHIPPED.as_bytes()), false), (file, true)] {
            let Some(bytes) = bytes else { continue };
            let mut reader = csv::ReaderBuilder::new();
            let reader =
                reader.has_headers(false).flexible(true).comment(Some(b'#')).from_reader(bytes);
            for (number, record) in reader.into_records().enumerate() {
                let field = |place| {
                    let text = record.as_ref().ok()?.get(place)?.trim();
                    (!text.is_empty()).then(|| text.to_owned())
                };
                if number == 0 && field(0).as_deref() == Some("domain") {
                    continue;
                }
                match (field(0), field(1), field(2)) {
                    (Some(domain), Some(token), Some(city)) => {
                        all.insert((domain.to_lowercase(), token.to_lowercase()), city);
                    }
                    _ => rejected += u64::from(is_own),
                }
            }
        }
        if all.len() > MOST {
            return Err(format!("it has more than {MOST} lines"));
        }
        Ok(Parsed { entries: all.len() as u64, table: Self(all), rejected })
    }

    /// The city that a token means in the names of a domain.
    pub(crate) fn get(&self, domain: &str, token: &str) -> Option<&str> {
        self.0.get(&(domain.to_owned(), token.to_owned())).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::super::places::Places;
    use super::*;

    #[test]
    fn every_shipped_one_means_a_city_that_is_shipped() {
        let parsed = Hints::with(None).unwrap();
        assert!(parsed.rejected == 0 && parsed.entries >= 20);
        let places = Places::with(None).unwrap().table;
        for (key, city) in &parsed.table.0 {
            assert!(places.city(city).is_some(), "{key:?} means {city}");
        }
        assert_eq!(parsed.table.get("he.net", "ash"), Some("Ashburn"));
        assert_eq!(parsed.table.get("example.net", "ash"), None);
    }

    #[test]
    fn a_file_has_the_last_word() {
        let file = b"domain,token,city\nhe.net,ash,Nashua\nexample.net,hq,Ghent\nexample.net,hq\n";
        let parsed = Hints::with(Some(file)).unwrap();
        assert_eq!(parsed.rejected, 1);
        assert_eq!(parsed.table.get("he.net", "ash"), Some("Nashua"));
        assert_eq!(parsed.table.get("example.net", "hq"), Some("Ghent"));
    }
}
