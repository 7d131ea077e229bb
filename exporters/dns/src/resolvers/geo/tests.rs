//! Tables as users have them.

use super::*;
use crate::resolvers::{Builder, Entry};

fn geo(files: &[&[u8]]) -> Geo {
    let mut geo = Geo::default();
    for file in files {
        geo.add(file.to_vec()).unwrap();
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
fn what_is_no_table_is_refused() {
    let refused = |bytes: &[u8]| Geo::default().add(bytes.to_vec()).unwrap_err();
    assert_eq!(refused(b""), "is empty");
    assert!(refused(b"1.0.0.0\t1.0.0.9\tAU\nhello\n").contains("line 2 must be two addresses"));
    let torn = [&b"garbage"[..], MMDB, b"garbage"].concat();
    assert!(refused(&torn).contains("is no MMDB file that can be read"));
}

/// A database with one bit of a tree: all that begins with 0 has this record, and all else none.
fn mmdb(record: &[u8]) -> Vec<u8> {
    // One node of two records of 24 bits: the data, and nothing.
    let mut bytes = vec![0, 0, 17, 0, 0, 1];
    bytes.extend([0; 16]);
    bytes.extend(record);
    bytes.extend(MMDB);
    let number = |value: u8| vec![0xa1, value];
    let fields: [(&str, Vec<u8>); 9] = [
        ("node_count", vec![0xc1, 1]),
        ("record_size", number(24)),
        ("ip_version", number(4)),
        ("database_type", text("Test")),
        ("languages", vec![0x00, 0x04]),
        ("binary_format_major_version", number(2)),
        ("binary_format_minor_version", number(0)),
        ("build_epoch", vec![0x01, 0x02, 1]),
        ("description", vec![0xe0]),
    ];
    bytes.push(0xe0 | u8::try_from(fields.len()).unwrap());
    for (key, value) in fields {
        bytes.extend(text(key));
        bytes.extend(value);
    }
    bytes
}

/// A map of texts, in the format's own encoding.
fn map(fields: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = vec![0xe0 | u8::try_from(fields.len()).unwrap()];
    for (key, value) in fields {
        bytes.extend(text(key));
        bytes.extend(value);
    }
    bytes
}

fn text(text: &str) -> Vec<u8> {
    [&[0x40 | u8::try_from(text.len()).unwrap()][..], text.as_bytes()].concat()
}

#[test]
fn databases_of_several_makers_are_read() {
    let of_maxmind = map(&[("country", map(&[("iso_code", text("CN"))]))]);
    let of_ipinfo = map(&[("country", text("DE")), ("asn", text("AS3320"))]);
    let other =
        map(&[("country_code", text("fr")), ("autonomous_system_number", vec![0xc2, 21, 135])]);
    for (record, wanted) in
        [(of_maxmind, found("CN", 0)), (of_ipinfo, found("DE", 3_320)), (other, found("FR", 5_511))]
    {
        let geo = geo(&[&mmdb(&record)]);
        assert_eq!(at(&geo, "11.0.0.1"), wanted);
        assert_eq!(at(&geo, "200.0.0.1"), Found::default());
    }
}

#[test]
fn a_list_gets_what_it_does_not_say_and_what_it_says_otherwise_is_noted() {
    let geo = geo(&[b"11.0.0.0\t11.0.0.255\t64500\tCN\n12.0.0.0\t12.0.0.255\t64501\tDE\n"]).into();
    let mut builder = Builder::new(false).with(Some(&geo));
    let country = |code: &str| Country::new(code);
    for (address, said) in [
        ("11.0.0.1", ""),
        ("11.0.0.2", "AU"),
        ("12.0.0.1", "DE"),
        ("12.0.0.2", "anycast"),
        ("13.0.0.1", ""),
    ] {
        let address = address.parse().unwrap();
        builder.add(&Entry { address, country: country(said), asn: None });
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
