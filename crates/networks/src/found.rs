//! What a table says of an address. No I/O, no clock.

use std::fmt;

/// What is known of an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The country it is in.
    pub country: Option<Country>,
    /// The autonomous system that announces it; never 0.
    pub asn: Option<u32>,
    /// Whether it is in many places at once.
    pub is_anycast: bool,
}

/// A country by two capitals (ISO 3166-1), as in `NL`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Country([u8; 2]);

impl Country {
    /// Two letters, in whatever case; `ZZ` is no country.
    pub fn new(text: &str) -> Option<Self> {
        let letters = <[u8; 2]>::try_from(text.as_bytes()).ok()?.map(|it| it.to_ascii_uppercase());
        let is_one = letters.iter().all(u8::is_ascii_uppercase) && letters != *b"ZZ";
        is_one.then_some(Self(letters))
    }

    /// Its two capitals.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The same in six bytes, of which a table has very many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packed {
    /// Zeroes where it is not known. Bytes, so that none is lost to alignment.
    asn: [u8; 4],
    /// Zeroes, or [`ANYCAST`].
    country: [u8; 2],
}

/// What stands in place of the country where an address is in many.
const ANYCAST: [u8; 2] = *b"**";

impl Packed {
    pub(crate) fn new(found: Found) -> Self {
        let country = found.country.map(|country| country.0).unwrap_or_default();
        Self {
            asn: found.asn.unwrap_or_default().to_be_bytes(),
            country: if found.is_anycast { ANYCAST } else { country },
        }
    }

    pub(crate) fn found(self) -> Found {
        let is_country = self.country.iter().all(u8::is_ascii_uppercase);
        Found {
            country: is_country.then_some(Country(self.country)),
            asn: Some(u32::from_be_bytes(self.asn)).filter(|asn| *asn != 0),
            is_anycast: self.country == ANYCAST,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_says_the_same() {
        let (nl, none) = (Country::new("nl"), None::<Country>);
        for (country, asn, is_anycast) in [
            (nl, Some(64_500), false),
            (none, Some(u32::MAX), true),
            (nl, None, false),
            (none, None, false),
        ] {
            let found = Found { country, asn, is_anycast };
            assert_eq!(Packed::new(found).found(), found);
        }
        assert_eq!(nl.unwrap().as_str(), "NL");
        for bad in ["", "N", "NLD", "N1", "zz", "é"] {
            assert_eq!(Country::new(bad), None, "{bad}");
        }
    }
}
