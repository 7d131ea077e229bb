//! Tables as users have them.

use super::*;
use crate::resolvers::{Builder, Entry};

fn geo(files: &[&[u8]]) -> Geo {
    let mut geo = Geo::default();
    for file in files {
        geo.add(*file).unwrap();
    }
    geo
}

fn found(country: &str, asn: u32) -> Found {
    Found { country: Country::new(country), asn: Some(asn).filter(|asn| *asn > 0) }
}

fn at(geo: &Geo, address: &str) -> Found {
    geo.find(address.parse().unwrap())
}

const ASN: &[u8] = b"1.0.0.0\t1.0.0.255\t13335\tUS\tCLOUDFLARENET\n\
    1.0.1.0\t1.0.3.255\t0\tNone\tNot routed\n\
    2001:200::\t2001:200:ffff:ffff:ffff:ffff:ffff:ffff\t2500\tJP\tWIDE\n";

#[test]
fn ranges_of_systems_and_of_countries_are_read() {
    let systems = geo(&[ASN]);
    for (address, wanted) in [
        ("1.0.0.0", found("US", 13_335)),
        ("1.0.0.255", found("US", 13_335)),
        ("1.0.1.0", found("", 0)),
        ("1.0.4.0", found("", 0)),
        ("0.255.255.255", found("", 0)),
        ("2001:200::1", found("JP", 2_500)),
        ("2001:201::", found("", 0)),
    ] {
        assert_eq!(at(&systems, address), wanted, "{address}");
    }
    let countries = geo(&[b"16777216,16777471,AU\n1.0.4.0,1.0.7.255,CN\n"]);
    assert_eq!(at(&countries, "1.0.0.77"), found("AU", 0));
    assert_eq!(at(&countries, "1.0.5.1"), found("CN", 0));
    // The first table that says something is believed.
    assert_eq!(at(&geo(&[b"1.0.0.0\t1.0.0.255\tAU\n", ASN]), "1.0.0.1"), found("AU", 13_335));
}

#[test]
fn a_prefix_tells_whose_and_a_word_that_it_is_in_many_places() {
    let prefixes = geo(&[b"1.0.0.0\t8\t1\n1.0.0.0\t24\t13335_64500\n"]);
    assert_eq!(at(&prefixes, "1.0.0.1"), found("", 13_335));
    let anycast = geo(&[b"1.0.0.0\t1.0.0.255\t13335\tanycast\n"]);
    assert_eq!(at(&anycast, "1.0.0.1"), found("anycast", 13_335));
}

#[test]
fn a_table_with_one_line_that_is_wrong_is_refused() {
    let refused = |bytes: &[u8]| Geo::default().add(bytes).unwrap_err().to_string();
    assert_eq!(refused(b""), "is empty");
    assert!(refused(b"1.0.0.0\t1.0.0.9\tAU\nhello\n").contains("line 2 must be two addresses"));
}

#[test]
fn a_list_gets_what_it_does_not_say_and_what_it_says_otherwise_is_noted() {
    let geo = geo(&[b"11.0.0.0\t11.0.0.255\t64500\tCN\n12.0.0.0\t12.0.0.255\t64501\tDE\n"]).into();
    let mut builder = Builder::new(false, 53).with(Some(&geo));
    let country = |code: &str| Country::new(code);
    for (address, said) in [
        ("11.0.0.1", ""),
        ("11.0.0.2", "AU"),
        ("12.0.0.1", "DE"),
        ("12.0.0.2", "anycast"),
        ("13.0.0.1", ""),
    ] {
        let address = address.parse().unwrap();
        builder.add(&Entry {
            address,
            host: None,
            port: None,
            country: country(said),
            asn: None,
            certified: <_>::default(),
        });
    }
    let list = builder.finish();
    let countries: Vec<_> =
        list.resolvers.iter().map(|it| list.countries[usize::from(it.country)].as_str()).collect();
    assert_eq!(countries, ["CN", "AU", "DE", "anycast", "ZZ"]);
    let systems: Vec<_> = list.resolvers.iter().map(|it| it.asn).collect();
    assert_eq!(systems, [64_500, 64_500, 64_501, 64_501, 0]);
    assert_eq!((list.networks, list.unplaced()), (3, (1, 1)));
    let [(1, elsewhere)] = list.misplaced[..] else { panic!("{:?}", list.misplaced) };
    assert_eq!(list.countries[usize::from(elsewhere)], "CN");
}
