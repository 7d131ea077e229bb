//! MMDB files made by hand, good ones and such as lie.

use super::*;
use crate::{Country, Fault, Table};

/// A file of IPv4 with one bit of a tree: all that begins with 0 has this record, and all else none.
fn file(record: &[u8]) -> Vec<u8> {
    // One node of two records of 24 bits: to the data at its offset 0, and to nothing (the count of nodes).
    let mut bytes = vec![0, 0, 1 + 16, 0, 0, 1];
    bytes.extend([0; 16]);
    bytes.extend(record);
    bytes.extend(metadata(&[0xc1, 1], 24));
    bytes
}

fn metadata(nodes: &[u8], record_bits: u8) -> Vec<u8> {
    let map = map(&[
        ("node_count", nodes.to_vec()),
        ("record_size", vec![0xa1, record_bits]),
        ("ip_version", vec![0xa1, 4]),
        ("database_type", text("Test")),
        ("languages", vec![0x00, 0x04]),
        ("binary_format_major_version", vec![0xa1, 2]),
        ("binary_format_minor_version", vec![0xa0]),
        ("build_epoch", vec![0x01, 0x02, 1]),
        ("description", vec![0xe0]),
    ]);
    [MARKER, &map].concat()
}

/// A map, in the format's own encoding.
fn map(fields: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = vec![0xe0 | u8::try_from(fields.len()).unwrap()];
    for (key, value) in fields {
        bytes.extend(text(key));
        bytes.extend(value);
    }
    bytes
}

fn text(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).unwrap();
    let head = if length < 29 { vec![0x40 | length] } else { vec![0x5d, length - 29] };
    [&head, text.as_bytes()].concat()
}

fn at(table: &Table, ip: &str) -> Found {
    table.find(ip.parse().unwrap())
}

fn read(bytes: &[u8]) -> Result<Table, Fault> {
    Table::read(bytes)
}

#[test]
fn those_of_several_makers_are_read() {
    let country = |code: &str| Country::new(code);
    let number = vec![0xc2, 0xfb, 0xf4];
    let of_maxmind = map(&[
        ("country", map(&[("iso_code", text("CN"))])),
        ("traits", map(&[("is_anycast", vec![0x01, 0x07])])),
    ]);
    let of_ipinfo = map(&[
        ("country", text("Germany")),
        ("country_code", text("DE")),
        ("asn", text("AS3320")),
        ("as_name", text("Deutsche Telekom AG")),
    ]);
    let of_ipinfo_before = map(&[("country", text("DE")), ("asn", text("AS3320"))]);
    let of_asns = map(&[("autonomous_system_number", number)]);
    for (record, code, asn, is_anycast) in [
        (of_maxmind, "CN", None, true),
        (of_ipinfo, "DE", Some(3320), false),
        (of_ipinfo_before, "DE", Some(3320), false),
        (of_asns, "", Some(64_500), false),
    ] {
        let table = read(&file(&record)).unwrap();
        assert_eq!((table.entries(), table.rejected()), (1, 0));
        let wanted = Found { country: country(code), asn, is_anycast };
        assert_eq!(at(&table, "11.0.0.1"), wanted);
        assert_eq!(at(&table, "::ffff:11.0.0.1"), wanted);
        assert_eq!(at(&table, "200.0.0.1"), Found::default());
        assert_eq!(at(&table, "2001:db8::1"), Found::default());
        assert_eq!(table.has_systems(), asn.is_some(), "{code}");
        assert_eq!(table.any_system(true, |it| Some(it) == asn), asn.is_some(), "{code}");
        assert!(!table.any_system(true, |it| Some(it) != asn));
        assert!(!table.any_system(false, |_| true), "it is of IPv4 alone");
    }
}

/// What is read of a file that may lie: an error, or a table that answers whatever it is asked.
fn ask(bytes: &[u8]) {
    let Ok(table) = read(bytes) else { return };
    for ip in ["0.0.0.0", "11.0.0.1", "127.255.255.255", "255.255.255.255", "::", "ffff::1"] {
        let found = at(&table, ip);
        assert!(found.asn != Some(0));
    }
    assert!(!table.any_system(true, |asn| asn == 0) && !table.any_system(false, |asn| asn == 0));
}

#[test]
fn a_file_that_was_cut_or_in_which_bytes_are_others_breaks_nothing() {
    let record = map(&[
        ("country", map(&[("iso_code", text("CN"))])),
        ("traits", map(&[("is_anycast", vec![0x01, 0x07])])),
        ("autonomous_system_number", vec![0xc2, 0xfb, 0xf4]),
    ]);
    let good = file(&record);
    for length in 0..good.len() {
        ask(&good[..length]);
        ask(&good[length..]);
    }
    for at in 0..good.len() {
        for byte in 0..=u8::MAX {
            let mut bad = good.clone();
            bad[at] = byte;
            ask(&bad);
        }
    }
    // Two at a time: a length and what it counts.
    let mut state = 1_u64;
    for _ in 0..100_000 {
        let mut bad = good.clone();
        for _ in 0..3 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let [.., at, byte] = state.to_be_bytes().map(usize::from);
            let at = (at + usize::try_from(state >> 40).unwrap()) % bad.len();
            bad[at] = u8::try_from(byte).unwrap();
        }
        ask(&bad);
    }
}

#[test]
fn what_points_at_itself_or_says_that_it_is_huge_says_nothing() {
    // A pointer of 11 bits, to an offset of the data.
    let pointer = |to: u8| vec![0x20, to];
    let itself = map(&[("country", pointer(0)), ("asn", pointer(0))]);
    let mutual = [map(&[("country", pointer(11))]), map(&[("iso_code", pointer(0))])].concat();
    let only_a_pointer = pointer(0);
    // Maps, texts and arrays of 16 million.
    let huge_map = vec![0xff, 0xff, 0xff, 0xff];
    let huge_text = [&map(&[])[..0], &[0xe1], &text("asn"), &[0x5f, 0xff, 0xff, 0xff]].concat();
    let huge_array = [&[0xe1][..], &text("asn"), &[0x1f, 0x04, 0xff, 0xff, 0xff]].concat();
    for record in [itself, mutual, only_a_pointer, huge_map, huge_text, huge_array] {
        let table = read(&file(&record)).unwrap();
        assert_eq!(at(&table, "11.0.0.1"), Found::default(), "{record:02x?}");
    }
    // Each array of ten points ten times at the one behind it: as many values as there are bytes in the world.
    let mut fan = Vec::new();
    for level in 1..60_u16 {
        fan.extend([0x0a, 0x04]);
        for _ in 0..10 {
            let [high, low] = (level * 22).to_be_bytes();
            fan.extend([0x20 | high, low]);
        }
    }
    let key = map(&[("other", pointer(0)), ("asn", text("AS1"))]);
    let offset = u16::try_from(fan.len()).unwrap() + 17;
    fan.extend(key);
    let mut bytes = file(&fan);
    bytes[1..3].copy_from_slice(&offset.to_be_bytes());
    assert_eq!(at(&read(&bytes).unwrap(), "11.0.0.1").asn, Some(1), "the rest is passed over");
}

#[test]
fn a_tree_that_is_larger_than_its_file_is_an_error() {
    for nodes in [&[0xc1, 9][..], &[0xc4, 0xff, 0xff, 0xff, 0xff], &[0xc0]] {
        for bits in [24, 28, 32, 0, 255] {
            let mut bytes = vec![0; 22];
            bytes.extend(map(&[]));
            bytes.extend(metadata(nodes, bits));
            match read(&bytes) {
                Err(Fault::NoTable(why)) => {
                    assert!(why.starts_with("is no MMDB file that can be read: "), "{why}");
                }
                Err(Fault::Unread(error)) => panic!("{error}"),
                // An empty tree of no bytes.
                Ok(table) => assert_eq!(at(&table, "11.0.0.1"), Found::default()),
            }
        }
    }
}
