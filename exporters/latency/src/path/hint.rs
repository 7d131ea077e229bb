//! Where a router says that it is, by its name. No I/O, no clock.
//!
//! A name is the word of a stranger. What it says counts only where light allows it: an airport's code is found in
//! any name, `ear` in `ear3` and `att` in `att.example` too.
//!
//! 1. What a token means in the names of one domain comes first: some networks have codes of their own.
//! 2. Then a token that is a city's name, or the beginning of one city's name alone: all but three letters, or with
//!    a number behind it.
//! 3. Then one of three letters that is the code of a city.
//!
//! A city that is a word of every day (`nice`, `den`) needs a number behind it. The registrable domain says nothing of
//! a place. Where light allows two cities, neither counts, though they have one name.

use std::sync::Arc;
use std::time::Duration;

use crate::light::{allows, kilometres};
use crate::tables::{Hints, Place, Places};

/// A name is so long at most (RFC 1035).
const LONGEST: usize = 253;
/// A city's name must have so many letters.
const SHORTEST_CITY: usize = 4;
/// Below a country's domain these are no names of networks.
const SECOND_LEVEL: [&str; 6] = ["co", "com", "net", "org", "ac", "edu"];

/// What a name says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Hint {
    /// Nothing of a place.
    #[default]
    None,
    /// That the router is there, and it may be.
    Accepted(Arc<Place>),
    /// That it is somewhere, and that does not count, for this reason.
    Refused(String),
}

impl Hint {
    /// The place, where it counts.
    pub(crate) fn place(&self) -> Option<&Arc<Place>> {
        match self {
            Self::Accepted(place) => Some(place),
            Self::None | Self::Refused(_) => None,
        }
    }
}

/// A name as it may be shown: letters, digits, hyphens and dots, in lower case. Anything else is none.
pub(crate) fn clean(name: &str) -> Option<String> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    let is_name = (1..=LONGEST).contains(&name.len()) && name.bytes().all(fits);
    is_name.then(|| name.to_ascii_lowercase())
}

/// What a name says of the place of a router that is a round trip of `rtt` from the vantage.
pub(crate) fn of(
    name: &str,
    rtt: Duration,
    vantage: Option<(f64, f64)>,
    places: &Places,
    hints: &Hints,
) -> Hint {
    let Some((tokens, domain)) = tokens(name) else { return Hint::None };
    let cities = |way: Way, token: &Token<'_>| way.cities(token, domain, places, hints);
    let (mut rest, mut refused) = (tokens, Hint::None);
    for way in [Way::OfDomain, Way::ByName, Way::ByCode] {
        let (said, other): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|token| !cities(way, token).is_empty());
        rest = other;
        let mut allowed: Vec<&Arc<Place>> = Vec::new();
        for token in &said {
            for place in cities(way, token) {
                match refuse(token.letters, place, rtt, vantage) {
                    Some(reason) => refused = Hint::Refused(reason),
                    None if allowed.contains(&place) => {}
                    None => allowed.push(place),
                }
            }
        }
        match allowed[..] {
            [] => {}
            [place] => return Hint::Accepted(Arc::clone(place)),
            [one, other, ..] => {
                return Hint::Refused(format!("it names {} and {}", one.city, other.city));
            }
        }
    }
    refused
}

/// A word of a name that may say where it is.
#[derive(Clone, Copy)]
struct Token<'a> {
    letters: &'a str,
    /// Whether a number is behind it.
    is_numbered: bool,
}

/// How a token may name a city.
#[derive(Clone, Copy)]
enum Way {
    OfDomain,
    ByName,
    ByCode,
}

impl Way {
    fn cities<'a>(
        self,
        token: &Token<'_>,
        domain: &str,
        places: &'a Places,
        hints: &Hints,
    ) -> Vec<&'a Arc<Place>> {
        let Token { letters, is_numbered } = *token;
        let one = match self {
            Self::ByName if letters.len() >= SHORTEST_CITY => {
                return places.named(letters, is_numbered);
            }
            Self::OfDomain => hints.get(domain, letters).and_then(|city| places.city(city)),
            Self::ByCode if letters.len() == 3 => places.coded(letters, is_numbered),
            Self::ByName | Self::ByCode => None,
        };
        one.into_iter().collect()
    }
}

/// Why a token does not count.
fn refuse(
    token: &str,
    place: &Place,
    rtt: Duration,
    vantage: Option<(f64, f64)>,
) -> Option<String> {
    let says = format!("{token} is {}, {}", place.city, place.country);
    let Some(vantage) = vantage else {
        return Some(format!("{says}: the vantage has no coordinates to hold it against"));
    };
    let distance = kilometres(vantage, place.at);
    let rtt_ms = rtt.as_secs_f64() * 1000.0;
    (!allows(distance, rtt)).then(|| {
        format!("{says}: {distance:.0} km away, too far for a round trip of {rtt_ms:.1} ms")
    })
}

/// The words of a name that may say where it is, and the domain that it is in.
fn tokens(name: &str) -> Option<(Vec<Token<'_>>, &str)> {
    let dots: Vec<usize> = name.rmatch_indices('.').map(|(at, _)| at).collect();
    let second = name.get(dots.get(1).map_or(0, |at| at + 1)..*dots.first()?)?;
    let top = name.get(dots.first()? + 1..)?;
    let labels = if top.len() == 2 && SECOND_LEVEL.contains(&second) { 3 } else { 2 };
    let at = *dots.get(labels - 1)?;
    let words = name[..at].split(['.', '-', '_']);
    let tokens = words.filter_map(|word| {
        // As far as its first number: `fra16s52` is the sixteenth of Frankfurt.
        let end = word.find(|c: char| c.is_ascii_digit()).unwrap_or(word.len());
        let letters = &word[..end];
        let fits = letters.len() >= 2 && letters.bytes().all(|byte| byte.is_ascii_lowercase());
        fits.then_some(Token { letters, is_numbered: end < word.len() })
    });
    Some((tokens.collect(), &name[at + 1..]))
}

/// Whether a name says that it is the port of an internet exchange.
pub(crate) fn is_exchange(name: &str) -> bool {
    let of_exchange = |token: &Token<'_>| ["ix", "linx", "decix", "amsix"].contains(&token.letters);
    tokens(name).is_some_and(|(tokens, _)| tokens.iter().any(of_exchange))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::Loaded;

    const AMSTERDAM: (f64, f64) = (52.37, 4.90);
    const NEW_YORK: (f64, f64) = (40.71, -74.01);
    /// Places whose codes mislead, and that are in no list of ours.
    const TRAPS: &str = "Vatry,FR,48.776,4.184,xcr,\nAtmautluak,US,60.867,-162.273,att,\nKearney,US,40.727,-99.007,ear,\n";

    fn from(vantage: (f64, f64), name: &str, millis: u64) -> Hint {
        let tables = Loaded::of("", "", TRAPS);
        let rtt = Duration::from_millis(millis);
        of(name, rtt, Some(vantage), tables.places(), tables.hints())
    }

    fn city(hint: &Hint) -> Option<&str> {
        hint.place().map(|place| place.city.as_str())
    }

    #[test]
    fn names_of_routers_in_amsterdam_say_so_and_others_nothing() {
        for (name, wanted) in [
            ("et3-1-2.amster1.ams.seabone.net", Some("Amsterdam")),
            ("ae-2-3201.ear3.amsterdam1.level3.net", Some("Amsterdam")),
            ("ams-ix-gw.telegram.org", Some("Amsterdam")),
            ("ams17s01-in-f14.1e100.net", Some("Amsterdam")),
            ("17ams1.f14.1e100.net", None),
            ("xcr1.att.cw.net", None),
        ] {
            for millis in [1, 2] {
                assert_eq!(city(&from(AMSTERDAM, name, millis)), wanted, "{name}");
            }
        }
        let Hint::Refused(reason) = from(AMSTERDAM, "xcr1.att.cw.net", 1) else {
            panic!("it names places that are too far");
        };
        assert!(reason.contains("too far for a round trip of 1.0 ms"), "{reason}");
        // Seen from far away, Amsterdam is said by its name all the same.
        assert_eq!(
            city(&from(NEW_YORK, "ae-2-3201.ear3.amsterdam1.level3.net", 80)),
            Some("Amsterdam")
        );
    }

    #[test]
    fn a_code_means_what_its_domain_means_by_it() {
        for (name, wanted) in [
            ("100ge8-1.core1.ash1.he.net", "Ashburn"),
            ("xe-0.ash2.ash.seabone.net", "Ashburn"),
            ("cr1.ash.example.net", "Nashua"),
            ("cr1.ash.example.co.uk", "Nashua"),
        ] {
            assert_eq!(city(&from(NEW_YORK, name, 8)), Some(wanted), "{name}");
        }
        // What the domain means by it is too far: then it means nothing, and not the airport.
        let nashua = (42.77, -71.47);
        assert!(matches!(from(nashua, "core1.ash1.he.net", 1), Hint::Refused(_)));
    }

    #[test]
    fn a_domain_says_nothing_of_a_place() {
        for name in
            ["router.amsterdam.nl", "r1.paris.co.uk", "amsterdam.net", "ams", "a.b", "lon.com.au"]
        {
            assert_eq!(from(AMSTERDAM, name, 30), Hint::None, "{name}");
        }
        assert_eq!(city(&from(AMSTERDAM, "r1.paris.example.co.uk", 30)), Some("Paris"));
    }

    #[test]
    fn two_cities_are_none() {
        let both = from(AMSTERDAM, "lon-ams-link.example.net", 30);
        assert!(
            matches!(&both, Hint::Refused(reason) if reason == "it names London and Amsterdam")
        );
        // Of which light allows one.
        assert_eq!(city(&from(AMSTERDAM, "lon-ams-link.example.net", 1)), Some("Amsterdam"));
        assert_eq!(city(&from(AMSTERDAM, "ams1.ams2.example.net", 1)), Some("Amsterdam"));
        assert_eq!(city(&from(AMSTERDAM, "lon.frankfurt1.example.net", 30)), Some("Frankfurt"));
    }

    #[test]
    fn of_two_cities_of_one_name_light_must_allow_one_alone() {
        let name = "ae1.vienna.example.net";
        assert_eq!(city(&from(NEW_YORK, name, 6)), Some("Vienna VA"));
        assert_eq!(city(&from(AMSTERDAM, name, 15)), Some("Vienna"));
        let both = from(AMSTERDAM, name, 90);
        assert!(matches!(&both, Hint::Refused(why) if why == "it names Vienna and Vienna VA"));
        // A domain that has a habit means the one.
        assert_eq!(city(&from(AMSTERDAM, "win-b1.ip.twelve99.net", 90)), Some("Vienna"));
    }

    #[test]
    fn a_word_is_a_city_where_it_has_a_number() {
        for (name, wanted) in [
            ("nice.example.net", None),
            ("den.example.net", None),
            ("south1.example.net", None),
            ("den2.example.net", Some("Denver")),
        ] {
            assert_eq!(city(&from(AMSTERDAM, name, 200)), wanted, "{name}");
        }
    }

    #[test]
    fn without_coordinates_nothing_counts() {
        let tables = Loaded::of("", "", "");
        let rtt = Duration::from_millis(30);
        let hint = of("ams.example.net", rtt, None, tables.places(), tables.hints());
        assert!(matches!(hint, Hint::Refused(reason) if reason.contains("no coordinates")));
    }

    #[test]
    fn a_name_is_letters_digits_hyphens_and_dots_or_none() {
        assert_eq!(clean("AMS1.Example.NET.").as_deref(), Some("ams1.example.net"));
        let long = format!("{}.example", "a".repeat(246));
        for bad in ["", ".", "<b>.example", "a\tb.example", "a b", "ams\u{0}", "ü.example", &long]
        {
            assert_eq!(clean(bad).filter(|name| name != "."), None, "{bad:?}");
        }
        for odd in ["...", "-.-.-.-", "a..b..c", ".", "1.2.3.4", "--------.a.b"] {
            assert_eq!(from(AMSTERDAM, odd, 1), Hint::None, "{odd}");
        }
    }

    #[test]
    fn the_port_of_an_exchange_says_so() {
        for (name, wanted) in [
            ("ams-ix-gw.telegram.org", true),
            ("example.linx.example.net", true),
            ("fra.decix2.example.net", true),
            ("ix.example.net", true),
            ("mix.example.net", false),
            ("ams-ix.net", false),
        ] {
            assert_eq!(is_exchange(name), wanted, "{name}");
        }
    }
}
