//! One line of a table: a range or a prefix, and what it says. No I/O, no clock.

use std::net::{IpAddr, Ipv4Addr};

use super::found::{Country, Found, Packed};
use super::range::Range;

/// How the lines of a file are made. A file is of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Two addresses, then an AS, an AS and a country, or a country.
    Range,
    /// An address, a length, and an AS.
    Prefix,
}

/// What a line must be.
pub(crate) const MUST: &str = "must be two addresses of one family, then a country, or an AS and a country; or an address, a \
                               length and an AS";

/// As makers write that nothing is known.
const NOTHING: [&str; 4] = ["", "-", "None", "ZZ"];

/// Reads a line; none where it cannot be read.
pub(crate) fn parse(line: &str) -> Option<(Form, Range, Packed)> {
    let signs = |c| matches!(c, '\t' | ' ' | ',');
    let sign = if line.contains('\t') { '\t' } else { line.matches(signs).next()?.parse().ok()? };
    let cells = line.split(sign).map(|cell| cell.trim_matches(['"', ' ']));
    let mut cells = cells.filter(|cell| sign != ' ' || !cell.is_empty());
    let (first, second, third) = (cells.next()?, cells.next()?, cells.next()?);
    let (form, range, found) = match (first.parse().ok(), second.parse().ok()) {
        (Some(first), Some(last)) => {
            (Form::Range, Range::between(first, last)?, said(third, cells.next())?)
        }
        (None, None) => {
            let ip = |text: &str| text.parse::<u32>().ok().map(|it| Ipv4Addr::from(it).into());
            (Form::Range, Range::between(ip(first)?, ip(second)?)?, said(third, cells.next())?)
        }
        (Some(ip), None) => {
            let range = Range::prefix(ip, second.parse().ok()?)?;
            let origin = third.split(['_', ',']).next()?.trim_matches(['{', '}']);
            let asn = Some(system(origin)?).filter(|asn| *asn > 0);
            // What has more cells is another table, whose third is nobody's number.
            cells.next().is_none().then_some(())?;
            (Form::Prefix, range, Found { asn, ..Found::default() })
        }
        (None::<IpAddr>, Some::<IpAddr>(_)) => return None,
    };
    Some((form, range, Packed::new(found)))
}

/// Continents as lists of cities have them before the country.
const CONTINENTS: [&str; 7] = ["AF", "AN", "AS", "EU", "NA", "OC", "SA"];

/// What the third cell of a range and the fourth say.
fn said(third: &str, fourth: Option<&str>) -> Option<Found> {
    let fourth = fourth.and_then(place);
    let asn = system(third);
    // Most of them are countries too: AS is American Samoa.
    let is_continent = fourth.is_some() && CONTINENTS.contains(&third);
    let place = if is_continent { fourth } else { place(third).or(fourth) };
    if asn.is_none() && place.is_none() && !NOTHING.contains(&third) {
        return None;
    }
    let (country, is_anycast) = place.unwrap_or_default();
    Some(Found { country, asn: asn.filter(|asn| *asn > 0), is_anycast })
}

/// A country, or the word that says that there are many.
pub(crate) fn place(text: &str) -> Option<(Option<Country>, bool)> {
    if text.eq_ignore_ascii_case("anycast") {
        return Some((None, true));
    }
    Country::new(text).map(|country| (Some(country), false))
}

/// The number of an autonomous system: `64500`, `AS64500`, or `64500.0` as spreadsheets write it.
pub(crate) fn system(text: &str) -> Option<u32> {
    let digits = ["AS", "as", "As"].iter().find_map(|it| text.strip_prefix(it)).unwrap_or(text);
    let digits = digits.strip_suffix(".0").unwrap_or(digits);
    digits.parse().ok().filter(|_| digits.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<(Form, Range, Found)> {
        parse(line).map(|(form, range, packed)| (form, range, packed.found()))
    }

    fn found(country: &str, asn: u32) -> Found {
        let (country, asn) = (Country::new(country), Some(asn).filter(|asn| *asn > 0));
        Found { country, asn, is_anycast: false }
    }

    #[test]
    fn every_form_is_read() {
        let range = Range::parse("1.0.0.0/24").unwrap();
        for (line, wanted) in [
            ("1.0.0.0\t1.0.0.255\t13335\tUS\tCLOUDFLARENET", found("US", 13_335)),
            ("1.0.0.0\t1.0.0.255\t0\tNone\tNot routed", found("", 0)),
            ("1.0.0.0\t1.0.0.255\tAU", found("AU", 0)),
            ("1.0.0.0\t1.0.0.255\tNone", found("", 0)),
            ("1.0.0.0,1.0.0.255,au", found("AU", 0)),
            ("\"1.0.0.0\",\"1.0.0.255\",\"13335\",\"US\",\"A, B\"", found("US", 13_335)),
            ("\"16777216\",\"16777471\",\"AU\",\"Australia\"", found("AU", 0)),
            ("16777216,16777471,-,-", found("", 0)),
            ("1.0.0.0, 1.0.0.255, AS13335", found("", 13_335)),
            ("1.0.0.0,1.0.0.255,13335.0,US", found("US", 13_335)),
            ("1.0.0.0,1.0.0.255,Cloudflare,US", found("US", 0)),
            ("1.0.0.0,1.0.0.255,AS,JP,Tokyo,35.6,139.7", found("JP", 0)),
            ("1.0.0.0,1.0.0.255,AS,American Samoa", found("AS", 0)),
            ("1.0.0.0\t1.0.0.255\tanycast", Found { is_anycast: true, ..found("", 0) }),
        ] {
            assert_eq!(read(line), Some((Form::Range, range, wanted)), "{line}");
        }
        for (line, asn) in [
            ("1.0.0.0\t24\t13335", 13_335),
            ("1.0.0.0 24 {13335,1}", 13_335),
            ("1.0.0.0  24   62041_211157", 62_041),
            ("1.0.0.0\t24\t62041_211157", 62_041),
            ("1.0.0.0\t24\t1,2", 1),
            ("1.0.0.0\t24\t0", 0),
        ] {
            assert_eq!(read(line), Some((Form::Prefix, range, found("", asn))), "{line}");
        }
        assert_eq!(
            read("2001:200::\t2001:200:ffff:ffff:ffff:ffff:ffff:ffff\t2500\tJP\tWIDE"),
            Some((Form::Range, Range::parse("2001:200::/32").unwrap(), found("JP", 2500)))
        );
    }

    #[test]
    fn what_is_no_line_of_a_table_is_none() {
        for line in [
            "",
            "hello",
            "a,b,c",
            "1.0.0.0",
            "1.0.0.0\t1.0.0.255",
            "1.0.0.255\t1.0.0.0\tAU",
            "1.0.0.0\t::1\tAU",
            "1.0.0.0\t16777471\tAU",
            "16777216\t1.0.0.255\tAU",
            "1.0.0.0\t1.0.0.255\tAustralia",
            "1.0.0.0\t33\t1",
            "1.0.0.0\t24\tAU",
            "1.0.0.0\t24\t+1",
            "1.0.0.0\t24\t1\tmore",
            "4294967295,4294967296,AU",
            "1.0.0.0\t24\t1.10",
            "1.0.0.0/24,AU,x",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
