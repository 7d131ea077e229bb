//! Cities, and the words by which routers name them. No I/O, no clock.
//!
//! Those that are shipped are the crate `earth`'s.

use std::collections::HashMap;
use std::sync::Arc;

use earth::City;

use super::parsed::Parsed;
use super::words;

/// A city.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Place {
    /// Its name; a label.
    pub(crate) city: String,
    /// Its country, as in `NL`.
    pub(crate) country: String,
    /// Degrees north and degrees east.
    pub(crate) at: (f64, f64),
}

/// Cities by their names and codes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    all: Vec<Arc<Place>>,
    /// By the letters of a name or another name, in order. Several may have one.
    names: Vec<(String, usize)>,
    codes: HashMap<String, usize>,
    /// By the letters of the name that is written in the table.
    cities: HashMap<String, usize>,
}

/// A prefix of a name must be so long.
const SHORTEST_PREFIX: usize = 5;
/// And so many letters may be cut off where no number follows.
const MOST_CUT: usize = 3;
/// So many cities a file may have, and so long may a name be.
const MOST: usize = 20_000;
const LONGEST: usize = 64;

#[derive(Clone, Debug)]
struct Row {
    place: Place,
    codes: Vec<String>,
    names: Vec<String>,
}

impl Row {
    fn of(city: &City) -> Self {
        let owned = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect();
        let at = (city.place.latitude, city.place.longitude);
        let place = Place { city: city.name.to_owned(), country: city.country.to_owned(), at };
        Self { place, codes: owned(&city.codes), names: owned(&city.aliases) }
    }
}

impl Places {
    /// Those that are shipped, and after them those of a file; a city that is named again is that of the file.
    pub(crate) fn with(file: Option<&[u8]>) -> Result<Parsed<Self>, String> {
        let mut rows: Vec<Row> = earth::cities().iter().map(Row::of).collect();
        let (own, rejected) = file.map_or_else(Default::default, rows_of);
        if file.is_some() && own.is_empty() {
            return Err(
                "it names no city; a line is name,country,latitude,longitude,codes,aliases"
                    .to_owned(),
            );
        }
        if own.len() > MOST {
            return Err(format!("it names more than {MOST} cities"));
        }
        let is_own = |row: &Row| own.iter().any(|own| own.place.city == row.place.city);
        rows.retain(|row| !is_own(row));
        let entries = (rows.len() + own.len()) as u64;
        rows.extend(own);
        Ok(Parsed { table: Self::of(rows), entries, rejected })
    }

    fn of(rows: Vec<Row>) -> Self {
        let mut places = Self::default();
        for (number, Row { place, codes, names }) in rows.into_iter().enumerate() {
            let city = letters(&place.city);
            let shared = shared_name(&place.city).map(letters);
            places.names.extend(names.into_iter().chain(shared).map(|name| (name, number)));
            places.names.push((city.clone(), number));
            // A code and a name of the file's own cities are theirs.
            places.codes.extend(codes.into_iter().map(|code| (code, number)));
            places.cities.insert(city, number);
            places.all.push(Arc::new(place));
        }
        places.names.sort_unstable();
        places
    }

    /// The cities that a word names, with a number behind it or without: by their whole name, or by the beginning of
    /// one name alone.
    pub(crate) fn named(&self, word: &str, is_numbered: bool) -> Vec<&Arc<Place>> {
        let from = self.names.partition_point(|(name, _)| name.as_str() < word);
        let begin = || self.names[from..].iter().take_while(|(name, _)| name.starts_with(word));
        let whole = || begin().take_while(|(name, _)| name == word).map(|(_, number)| *number);
        if whole().next().is_some() {
            let is_word = words::is_word(word, is_numbered);
            return whole()
                .filter(|_| !is_word)
                .filter_map(|number| self.all.get(number))
                .collect();
        }
        let is_cut_little =
            |(name, _): &&(String, usize)| is_numbered || name.len() - word.len() <= MOST_CUT;
        let Some((_, first)) = begin().next() else { return Vec::new() };
        let is_one = begin().all(|(_, number)| number == first);
        let may = word.len() >= SHORTEST_PREFIX && is_one && !words::begins_much(word);
        let found = begin().find(is_cut_little).filter(|_| may);
        found.and_then(|(_, number)| self.all.get(*number)).into_iter().collect()
    }

    /// The city that a code of three letters stands for, with a number behind it or without.
    pub(crate) fn coded(&self, code: &str, is_numbered: bool) -> Option<&Arc<Place>> {
        self.all.get(*self.codes.get(code)?).filter(|_| !words::is_word(code, is_numbered))
    }

    /// The city of this name, as it is written in the table.
    pub(crate) fn city(&self, name: &str) -> Option<&Arc<Place>> {
        self.all.get(*self.cities.get(&letters(name))?)
    }
}

/// The name that a city shares with others: `Vienna` of `Vienna VA`.
fn shared_name(city: &str) -> Option<&str> {
    let (name, region) = city.rsplit_once(' ')?;
    let is_region = region.len() == 2 && region.bytes().all(|byte| byte.is_ascii_uppercase());
    is_region.then_some(name)
}

/// The lines that can be read, and how many cannot.
fn rows_of(bytes: &[u8]) -> (Vec<Row>, u64) {
    let mut reader = csv::ReaderBuilder::new();
    let reader = reader.has_headers(false).flexible(true).comment(Some(b'#')).from_reader(bytes);
    let (mut rows, mut rejected) = (Vec::new(), 0);
    for (number, record) in reader.into_records().enumerate() {
        let record = record.ok();
        if number == 0 && record.as_ref().is_some_and(|it| it.get(0) == Some("name")) {
            continue;
        }
        match record.and_then(|record| row(&record)) {
            Some(row) => rows.push(row),
            None => rejected += 1,
        }
    }
    (rows, rejected)
}

fn row(record: &csv::StringRecord) -> Option<Row> {
    let field = |place| record.get(place).map(str::trim);
    let city = field(0).filter(|name| !letters(name).is_empty())?;
    let is_label = city.chars().count() <= LONGEST && !city.chars().any(char::is_control);
    let country =
        field(1).filter(|it| it.len() == 2 && it.bytes().all(|b| b.is_ascii_uppercase()))?;
    let degrees = |place, most: f64| {
        let degrees: f64 = field(place)?.parse().ok()?;
        (-most..=most).contains(&degrees).then_some(degrees)
    };
    let at = (degrees(2, 90.0)?, degrees(3, 180.0)?);
    let words = |place| field(place).unwrap_or_default().split_whitespace().map(str::to_lowercase);
    let codes: Vec<String> = words(4).collect();
    let is_code = |code: &String| code.len() == 3 && code.bytes().all(|b| b.is_ascii_lowercase());
    let names: Vec<String> = words(5).collect();
    let fits = is_label && codes.iter().all(is_code) && names.iter().all(|it| *it == letters(it));
    let place = Place { city: city.to_owned(), country: country.to_owned(), at };
    fits.then_some(Row { place, codes, names })
}

/// The letters of a name, in lower case: `São Paulo` as it is in the table has none but ASCII.
fn letters(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped() -> Places {
        let parsed = Places::with(None).unwrap();
        assert_eq!((parsed.entries, parsed.rejected), (earth::cities().len() as u64, 0));
        parsed.table
    }

    #[test]
    fn a_word_names_one_city_or_none() {
        let places = shipped();
        let named = |word: &str| {
            let letters = word.trim_end_matches('1');
            let found = places.named(letters, letters != word);
            found.into_iter().map(|place| place.city.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(named("amsterdam"), ["Amsterdam"]);
        assert_eq!(named("amster"), ["Amsterdam"]);
        assert!(named("amst1").is_empty(), "too short");
        assert_eq!(named("newyork"), ["New York"]);
        assert!(named("santa").is_empty(), "more than one begins so");
        assert!(named("xyzzy").is_empty());
        assert!(named("johann").is_empty(), "more is cut off than a few letters");
        assert_eq!(named("johann1"), ["Johannesburg"]);
        assert_eq!(named("vienna"), ["Vienna", "Vienna VA"]);
        assert_eq!(named("portland").len(), 2);
        let coded = |code: &str| places.coded(code, false).map(|place| place.city.clone());
        assert_eq!(coded("lon").as_deref(), Some("London"));
        assert_eq!(coded("ash").as_deref(), Some("Nashua"));
        assert_eq!(coded("xcr"), None);
    }

    #[test]
    fn a_word_of_every_day_is_no_city() {
        let places = shipped();
        for word in [
            "south", "bridge", "board", "little", "stock", "point", "virginia", "colorado",
            "indiana",
        ] {
            for is_numbered in [false, true] {
                assert!(places.named(word, is_numbered).is_empty(), "{word}");
            }
        }
        for word in ["split", "male", "nice"] {
            assert!(places.named(word, false).is_empty() && !places.named(word, true).is_empty());
        }
        for code in [
            "man", "san", "can", "for", "per", "den", "del", "ind", "mid", "led", "rec", "sat",
            "was", "inc", "got", "mar", "str", "tmp",
        ] {
            assert_eq!(places.coded(code, false), None, "{code}");
            assert!(places.coded(code, true).is_some(), "{code}");
        }
        assert_eq!(places.coded("nan", false).unwrap().city, "Nadi");
    }

    #[test]
    fn a_file_adds_and_replaces() {
        let file = b"name,country,latitude,longitude,codes,aliases\nVatry,FR,48.776,4.184,xcr,\nParis,US,33.66,-95.56,prx,\n";
        let parsed = Places::with(Some(file)).unwrap();
        assert_eq!(parsed.rejected, 0);
        assert_eq!(parsed.table.coded("xcr", false).unwrap().city, "Vatry");
        assert_eq!(parsed.table.city("Paris").unwrap().country, "US");
        for bad in ["A,FR,91,0\n", "A,fr,1,1\n", "A,FR,1,1,abcd\n", ",FR,1,1\n", "A,FR\n"] {
            assert!(Places::with(Some(bad.as_bytes())).is_err(), "{bad}");
        }
    }
}
