//! Messages, and what is read out of them.

use super::*;

/// A record by its owner, its type and its data.
type Row<'a> = (&'a [u8], u16, &'a [u8]);

/// A message of these sections.
fn message(code: u16, sections: [&[Row<'_>]; 3]) -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34];
    bytes.extend((0x8180_u16 | code).to_be_bytes());
    bytes.extend(1_u16.to_be_bytes());
    for section in sections {
        bytes.extend(u16::try_from(section.len()).unwrap().to_be_bytes());
    }
    bytes.extend(b"\x01a\x07example\x00\x00\x01\x00\x01");
    for (owner, kind, data) in sections.into_iter().flatten() {
        bytes.extend(*owner);
        bytes.extend(kind.to_be_bytes());
        bytes.extend([0, 1, 0, 0, 1, 44]);
        bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        bytes.extend(*data);
    }
    bytes
}

/// The name `a.example.` of the question.
const OWNER: &[u8] = &[0xc0, 12];

#[test]
fn records_are_shown_as_master_files_write_them() {
    for (kind, data, wanted) in [
        (1, &[192, 0, 2, 1][..], "A\t192.0.2.1"),
        (28, &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], "AAAA\t2001:db8::1"),
        (5, b"\x03w.w\xc0\x0e", "CNAME\tw\\.w.example."),
        (15, b"\x00\x0a\x02mx\xc0\x0e", "MX\t10 mx.example."),
        (16, b"\x05a\"b\\c\x03\xc3\xa9\n", "TXT\t\"a\\\"b\\\\c\" \"\\195\\169\\010\""),
        (
            6,
            b"\x02ns\xc0\x0e\x01h\xc0\x0e\x78\x2f\x4b\xb1\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04",
            "SOA\tns.example. h.example. 2016365489 1 2 3 4",
        ),
        (33, b"\x00\x01\x00\x02\x01\xbb\xc0\x0c", "SRV\t1 2 443 a.example."),
        (257, b"\x00\x05issueca.example", "CAA\t0 issue \"ca.example\""),
        (43, b"\x30\x39\x08\x02\xab\xcd", "DS\t12345 8 2 ABCD"),
        (48, b"\x01\x01\x03\x08\x01\x02\x03\x04", "DNSKEY\t257 3 8 AQIDBA=="),
        (52, b"\x03\x01\x01\xab", "TLSA\t3 1 1 ab"),
        (47, b"\xc0\x0c\x00\x06\x40\x01\x00\x00\x00\x03", "NSEC\ta.example. A MX RRSIG NSEC"),
        (
            46,
            b"\x00\x01\x0d\x02\0\0\x01\x2c\x65\x53\xf1\0\x65\x2f\x9f\x80\x30\x39\xc0\x0e\xff\xff",
            "RRSIG\tA 13 2 300 20231114221320 20231018090400 12345 example. //8=",
        ),
        (
            65,
            b"\x00\x01\x00\x00\x01\x00\x03\x02h2\x00\x03\x00\x02\x01\xbb",
            "HTTPS\t1 . alpn=\"h2\" port=\"443\"",
        ),
        (35, b"\0\x01\0\x02\x01u\x03sip\x00\xc0\x0c", "NAPTR\t1 2 \"u\" \"sip\" \"\" a.example."),
        (29, b"\x00\x01", "LOC\t\\# 2 0001"),
    ] {
        let answer = Answer::read(&message(0, [&[(OWNER, kind, data)], &[], &[]])).unwrap();
        assert_eq!(answer.answers, [format!("a.example.\t300\tIN\t{wanted}")]);
        assert_eq!(answer.serial.is_some(), kind == 6);
    }
    let answer = Answer::read(&message(3, [&[], &[(OWNER, 4711, b"\x01\xab")], &[]])).unwrap();
    assert_eq!(answer.authorities, ["a.example.\t300\tCLASS1\tTYPE4711\t\\# 2 01ab"]);
    assert_eq!((answer.id, answer.code), (0x1234, 3));
}

#[test]
fn an_opt_record_is_counted_and_adds_to_the_code() {
    let mut bytes = message(0, [&[], &[], &[]]);
    bytes[11] = 1;
    bytes.extend(b"\x00\x00\x29\x04\xd0\x01\x00\x80\x00\x00\x00");
    let answer = Answer::read(&bytes).unwrap();
    assert_eq!((answer.additionals.len(), answer.code), (1, 16));
    assert!(answer.additionals[0].contains("version 0; flags: do; udp: 1232"), "{answer:?}");
}

#[test]
fn what_is_no_message_is_refused_wherever_it_is_cut() {
    let soa = b"\x02ns\xc0\x0e\x01h\xc0\x0e\0\0\0\x07\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04";
    let whole = message(0, [&[(OWNER, 6, soa), (OWNER, 16, b"\x01a")], &[(OWNER, 2, OWNER)], &[]]);
    assert_eq!(Answer::read(&whole).unwrap().serial, Some(7));
    for end in 0..whole.len() {
        assert_eq!(Answer::read(&whole[..end]).is_ok(), end == 12, "cut at {end}");
    }
    let mut looped = whole.clone();
    // The question's name names itself.
    looped[12..14].copy_from_slice(&[0xc0, 12]);
    assert_eq!(Answer::read(&looped), Err("a name goes on for ever"));
    assert_eq!(
        Answer::read(&message(0, [&[(OWNER, 16, b"\x09a")], &[], &[]])),
        Err("the message is cut off")
    );
}
