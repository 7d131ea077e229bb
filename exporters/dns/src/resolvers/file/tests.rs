//! Lists as people have them, and as nobody should.

use super::*;
use crate::resolvers::{Resolver, ResolverList};

fn list(text: &str, allow_private: bool) -> ResolverList {
    parse(text.as_bytes(), Builder::new(allow_private, 53)).unwrap().finish()
}
const HEADER: &str = "ip_address,name,as_number,as_org,country_code,city,version,error,dnssec,reliability,checked_at,created_at";

fn places(list: &ResolverList) -> Vec<(String, &str, u32)> {
    let place = |r: &Resolver| (r.address.to_string(), r.network);
    list.resolvers
        .iter()
        .map(|r| (place(r).0, list.countries[usize::from(r.country)].as_str(), place(r).1))
        .collect()
}

#[test]
fn a_public_list_is_read_with_all_its_oddities() {
    let text = format!(
        "\u{feff}{HEADER}\r\n# a comment, with commas\r\n\
         8.8.8.8,dns.google.,15169,\"Google, LLC\",us,\"Mountain View\",,,true,1.00,2023-08-17 22:01:10,\r\n\
         8.8.4.4,,15169,,US,,,,,,,\r\n\
         \r\n\
         8.8.8.8,again,15169,,US,,,,,,,\r\n\
         1.1.1.1,one.one.one.one,13335,,Anycast,,,,,,,\r\n\
         9.9.9.9,,,,,,,,,,,\r\n\
         9.9.9.10,,0,,?,,,,,,,\r\n\
         2001:4860:4860::8888,,,,,,,,,,,\r\n\
         2001:4860:4860:1::1,,,,,,,,,,,\r\n\
         10.0.0.1,,,,DE,,,,,,,\r\n\
         fe80::1%eth0,,,,DE,,,,,,,\r\n"
    );
    let list = list(&text, false);
    assert_eq!(
        places(&list),
        [
            ("8.8.8.8".to_owned(), "US", 0),
            ("8.8.4.4".to_owned(), "US", 0),
            ("1.1.1.1".to_owned(), "anycast", 1),
            ("9.9.9.9".to_owned(), "ZZ", 2),
            ("9.9.9.10".to_owned(), "ZZ", 2),
            ("2001:4860:4860::8888".to_owned(), "ZZ", 3),
            ("2001:4860:4860:1::1".to_owned(), "ZZ", 3),
        ]
    );
    assert_eq!((list.networks, list.duplicates, list.excluded), (4, 1, 2));
    assert_eq!(list.third_parties(), 7);
}

#[test]
fn a_bare_list_of_addresses_is_read_too() {
    let list = list("# list\n1.1.1.1\n\n  9.9.9.9 \n", false);
    assert_eq!(list.resolvers.len(), 2);
}

#[test]
fn private_addresses_are_asked_when_allowed_but_never_multicast_ones() {
    let list = list("127.0.0.1\n224.0.0.1\n0.0.0.0\n", true);
    assert_eq!((list.resolvers.len(), list.excluded), (1, 2));
    assert!(list.is_loopback() && list.third_parties() == 0);
}

#[test]
fn every_bad_line_of_a_list_is_told_and_not_repeated() {
    let text = "ip_address,name,as_number\n# a comment\n\n1.1.1.1, one ,AS13335\n\
                s3cret,x,1\n9.9.9.9,ä,s3cret\n";
    assert_eq!(
        parse(text.as_bytes(), Builder::new(false, 53)).unwrap_err().to_string(),
        "line 5:1: must begin with an IP address, or have one as `ip_address`"
    );
    assert_eq!(
        parse(b"1.1.1.1\n  s3cret\n", Builder::new(false, 53)).unwrap_err().to_string(),
        "line 2:3: must begin with an IP address, or have one as `ip_address`"
    );
}

#[test]
fn a_million_lines_are_read() {
    let mut text = String::from("ip_address,country_code\n");
    for n in 0..1_000_000_u32 {
        text.extend([&std::net::Ipv4Addr::from(0x0b00_0000 + n).to_string(), ",DE\n"]);
    }
    assert_eq!(list(&text, false).resolvers.len(), 1_000_000);
}

/// A list of a hundred addresses, and these lines.
fn among_a_hundred(head: &str, row: impl Fn(u8) -> String, more: &str) -> ResolverList {
    let rows: String = (0..100).map(row).collect();
    let text = format!("{head}{rows}{more}");
    parse(text.as_bytes(), Builder::new(false, 53)).unwrap().finish()
}

#[test]
fn lists_as_people_have_them_are_read() {
    let country = |list: &ResolverList| list.countries.clone();
    for (head, form) in [
        ("", "11.0.0.N\n"),
        ("ip_address,country_code\n", "11.0.0.N,DE\n"),
        ("ip,country_id\n", "11.0.0.N,DE\n"),
        ("IP;Country;ASN\n", "11.0.0.N;de;AS64500\n"),
        ("ip_address\tcc\n", "11.0.0.N\tDE\n"),
        ("", "11.0.0.N ns.example. DE 0.98\n"),
        ("", "11.0.0.N # somebody's\n"),
        ("", "11.0.0.N:53\n"),
        ("", "\"11.0.0.N\",\"a, b\",DE\r\n"),
        ("ip_address,as_number,country_code\n", "11.0.0.N,15169.0,DE\n"),
    ] {
        let list = among_a_hundred(head, |n| form.replace('N', &n.to_string()), "");
        assert_eq!(list.resolvers.len(), 100, "{head}{form}");
        let has_country = form.to_lowercase().contains("de");
        assert_eq!(country(&list), [if has_country { "DE" } else { "ZZ" }], "{head}{form}");
        let asn =
            if form.contains("15169") { 15_169 } else { u32::from(form.contains("AS")) * 64_500 };
        assert_eq!(list.resolvers[0].asn, asn, "{form}");
    }
    for text in [
        r#"["11.0.0.1", "11.0.0.2:53"]"#,
        r#"[{"ip": "11.0.0.1", "country_id": "DE", "as_number": 7, "reliability": 1.0}, {"ip_address": "11.0.0.2"}]"#,
    ] {
        let list = parse(text.as_bytes(), Builder::new(false, 53)).unwrap().finish();
        assert_eq!(list.resolvers.len(), 2, "{text}");
    }
    let wide: Vec<u8> = "\u{feff}ip_address,cc\r\n11.0.0.1,DE\r\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for (text, resolvers) in [
        (&wide[..], 1),
        (b"11.0.0.1\r11.0.0.2\r", 2),
        (b"; a comment\n// another\n11.0.0.1\n", 1),
        (b"[2001:4860:4860::8888]:53\n", 1),
        (b"ip_address,cc\n11.0.0.1,DE\n\xef\xbb\xbfip_address,cc\n11.0.0.2,DE\n", 2),
        ("\u{200b}11.0.0.1\u{a0}\n".as_bytes(), 1),
    ] {
        let list = parse(text, Builder::new(false, 53)).unwrap().finish();
        assert_eq!(list.resolvers.len(), resolvers, "{}", String::from_utf8_lossy(text));
    }
    let refused = parse(b"[\"x\", 2]", Builder::new(false, 53)).unwrap_err().to_string();
    assert!(refused.contains("entry 1: must begin with an IP address"), "{refused}");
}

#[test]
fn words_of_a_line_are_neither_a_header_nor_a_country() {
    for (text, country) in [
        ("9.9.9.9 resolver DE\n", "DE"),
        ("9.9.9.9,server,US\n", "US"),
        ("8.8.8.8 Google, Inc. US\n", "US"),
        ("8.8.8.8 ns it DE 0.98\n", "DE"),
        ("8.8.8.8 ns\n", "ZZ"),
        ("[2606:4700:4700::1111]:53\n", "ZZ"),
    ] {
        let list = parse(text.as_bytes(), Builder::new(false, 53)).unwrap().finish();
        assert_eq!(
            (list.resolvers.len(), list.countries.as_slice()),
            (1, &[country.to_owned()][..]),
            "{text}"
        );
    }
}

#[test]
fn an_object_that_calls_one_thing_by_two_names_is_read() {
    let text = r#"[{"ip": "11.0.0.1", "ip_address": "11.0.0.1", "country": "Germany", "country_code": "de", "asn": null,
                  "as_number": 64500, "checked_at": "2023-08-17T22:05:00Z"}, {"address": "11.0.0.2", "asn": "AS7"}]"#;
    let list = parse(text.as_bytes(), Builder::new(false, 53)).unwrap().finish();
    assert_eq!((list.resolvers.len(), list.skipped.lines), (2, 0));
    assert_eq!(
        (list.countries[0].as_str(), list.resolvers[0].asn, list.resolvers[1].asn),
        ("DE", 64_500, 7)
    );
    assert!(list.newest_check.is_some());
}

#[test]
fn a_few_bad_lines_are_left_out_and_counted_and_harm_no_other() {
    let head = "ip_address,name,as_number,as_org,country_code\n";
    let row = |n: u8| format!("11.0.0.{n},,64500,\"Example, Inc.\",DE\n");
    let more = "11.0.1.1,,1,\"An unbalanced quote,DE\nno address,,1,x,DE\n11.0.1.2:5353,,,,FR\n11.0.1.3,,s3cret,x,NL\n";
    let list = among_a_hundred(head, row, more);
    assert_eq!(list.resolvers.len(), 103);
    assert_eq!((list.skipped.lines, list.skipped.first.as_slice()), (1, &[103][..]));
    assert_eq!((list.ports.len(), list.peer(101, 53).to_string()), (1, "11.0.1.2:5353".to_owned()));
    // In another charset than UTF-8.
    let latin = [format!("{head}11.0.0.1,,1,").as_bytes(), b"Telef\xf3nica,ES\n"].concat();
    let list = parse(&latin, Builder::new(false, 53)).unwrap().finish();
    assert_eq!(list.countries, ["ES"]);
}

#[test]
fn the_newest_check_of_a_list_is_known() {
    let text = "ip_address,checked_at\n11.0.0.1,2023-08-17 22:01:10\n11.0.0.2,2023-08-17T22:05:00Z\n11.0.0.3,\n\
                11.0.0.4,9999-99-99 99:99:99\n11.0.0.5,never before today!\n";
    let list = parse(text.as_bytes(), Builder::new(false, 53)).unwrap().finish();
    assert_eq!(list.newest_check.as_deref(), Some("2023-08-17 22:05:00"));
    // As `date -u -d '2023-08-17 22:05:00' +%s` has it.
    assert_eq!(list.newest_check_seconds(), Some(1_692_309_900.0));
    assert_eq!(Builder::new(false, 53).finish().newest_check_seconds(), None);
    // A slip in one line is not the age of the list for ever.
    let slip = format!("{text}\n11.0.0.9,2999-01-01 00:00:00\n");
    let builder = Builder::new(false, 53).until("2023-08-19 00:00:00".parse().unwrap());
    let list = parse(slip.as_bytes(), builder).unwrap().finish();
    assert_eq!(list.newest_check.as_deref(), Some("2023-08-17 22:05:00"));
}
