//! Records as text and as they are compared.

use super::*;

fn same(kind: RecordType, one: &str, other: &str) -> bool {
    parse(kind, one).unwrap() == parse(kind, other).unwrap()
}

#[test]
fn what_is_written_is_what_is_printed() {
    for (kind, text) in [
        (RecordType::CAA, "0 issue \"ca.example; account=7\""),
        (RecordType::CNAME, "www.example.org."),
        (
            RecordType::DS,
            "60485 13 2 D4B7D520E7BB5F0F67674A0CCEB1E3E0614B93C4F9E99B8383F6A1E4469DA50A",
        ),
        (
            RecordType::DNSKEY,
            "257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==",
        ),
        (
            RecordType::HTTPS,
            "1 . alpn=\"h2,h3\" port=8443 ipv4hint=192.0.2.1,192.0.2.2 ipv6hint=2001:db8::1",
        ),
        (
            RecordType::SVCB,
            "16 svc.example.org. mandatory=alpn,port alpn=\"h2\" no-default-alpn port=53 dohpath=\"/q{?dns}\" key667=\"a b\"",
        ),
        (RecordType::HTTPS, "0 other.example."),
        (RecordType::MX, "0 ."),
        (RecordType::NS, "ns1.example.org."),
        (RecordType::PTR, "odd\\.label\\032x.example.org."),
        (RecordType::SOA, "ns1.example.org. host\\.master.example.org. * 3600 600 86400 300"),
        (RecordType::SRV, "10 60 5060 sip.example.org."),
        (RecordType::TXT, "\"v=spf1 -all\" \"of \\\"two\\\" \\\\ parts\\007\" \"\""),
    ] {
        assert_eq!(text::write(kind, &parse(kind, text).unwrap()), text);
    }
}

#[test]
fn the_same_is_the_same_however_it_is_written() {
    assert!(same(RecordType::MX, "10 Mail.Example.ORG", "10  mail.example.org."));
    assert!(same(RecordType::SOA, "a. b. 7 1 2 3 4", "a. b. 4294967295 1 2 3 4"));
    assert!(!same(RecordType::SOA, "a. b. 7 1 2 3 4", "a. b. 7 1 2 3 5"));
    assert!(same(RecordType::TXT, "v=spf1 -all", "\"v=spf1 -all\""));
    assert!(same(RecordType::TXT, "\"k=rsa\\; p=A\"", "k=rsa; p=A"));
    assert!(!same(RecordType::TXT, "\"a\" \"b\"", "\"ab\""));
    assert!(!same(RecordType::TXT, "a", "A"));
    assert!(same(
        RecordType::TXT,
        &"x".repeat(300),
        &format!("\"{}\" \"{}\"", "x".repeat(255), "x".repeat(45))
    ));
    assert!(same(RecordType::DS, "1 13 2 ab CD", "1 13 2 ABCD"));
    assert!(same(RecordType::CAA, "0 ISSUE ca.example", "0 issue \"ca.example\""));
    assert!(same(
        RecordType::HTTPS,
        "1 . port=1 alpn=h2,h3",
        "1 . alpn=\"h2,h3\" key3=1".replace("key3", "port").as_str()
    ));
}

#[test]
fn what_is_no_record_is_told_with_how_to_write_one() {
    for (kind, text, what) in [
        (
            RecordType::MX,
            "mail.example.org",
            "\"mail.example.org\" must be a number that fits; it is written as in 10 mail",
        ),
        (RecordType::MX, "10", "a part is missing"),
        (RecordType::MX, "70000 a.", "must be a number"),
        (RecordType::NS, "a..b", "must be a name"),
        (RecordType::NS, "a b", "has a part too many"),
        (RecordType::TXT, "\"open", "has no end"),
        (RecordType::DS, "1 13 2 xyz", "hexadecimal"),
        (RecordType::DNSKEY, "257 3 13 ???", "base 64"),
        (RecordType::HTTPS, "1 . colour=red", "no parameter"),
        (RecordType::HTTPS, "1 . port=red", "port has no such value"),
        (RecordType::HTTPS, "1 . port=1 port=1", "there twice"),
        (RecordType::A, "x", "must be addresses"),
    ] {
        let error = parse(kind, text).unwrap_err();
        assert!(error.contains(what), "{kind} {text:?}: {error}");
    }
}

#[test]
fn a_set_is_the_same_in_any_order_and_its_text_has_an_end() {
    let records = |texts: &[&str]| {
        let parsed = texts.iter().map(|text| parse(RecordType::NS, text).unwrap()).collect();
        Records::new(RecordType::NS, parsed).unwrap()
    };
    let one = records(&["b.", "A.", "b."]);
    assert_eq!(one, records(&["a.", "B."]));
    assert_eq!(one.texts().iter().map(|it| &**it).collect::<Vec<_>>(), ["a.", "b."]);
    assert_eq!(one.ids().len(), 2);
    assert!(Records::new(RecordType::NS, Vec::new()).is_none());
    let long = (0..1000).map(|n| parse(RecordType::TXT, &format!("{n:0200}")).unwrap()).collect();
    let long = Records::new(RecordType::TXT, long).unwrap();
    assert_eq!((long.ids().len(), long.texts().len()), (1000, 6));
    assert_eq!(&*long.texts()[5], "(and 995 more)");
}

#[test]
fn a_number_is_no_special_address() {
    let record = parse(RecordType::NS, "a.").unwrap();
    let id = id(RecordType::NS, &record);
    assert!(!crate::special::is_special(id) && crate::special::dns64_of(id).is_none());
    assert_ne!(id, super::id(RecordType::CNAME, &record));
}

#[test]
fn no_bytes_panic_and_what_is_printed_is_read_as_the_same_record() {
    let mut state = 1_u64;
    let mut random = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33).to_le_bytes()[0]
    };
    let mut read = 0;
    for kind in [
        RecordType::CAA,
        RecordType::CNAME,
        RecordType::DNSKEY,
        RecordType::DS,
        RecordType::HTTPS,
        RecordType::MX,
        RecordType::SOA,
        RecordType::SRV,
        RecordType::TXT,
    ] {
        for _ in 0..5_000 {
            // Small lengths, so that names and strings come about.
            let bytes: Vec<u8> = (0..random() % 40)
                .map(|_| if random() % 2 == 0 { random() % 5 } else { random() })
                .collect();
            let text = text::write(kind, &bytes);
            let is_simple = !matches!(kind, RecordType::HTTPS | RecordType::SOA);
            if wire::parts(kind, &bytes).is_some() && is_simple {
                let again = parse(kind, &text);
                // An empty digest or key, a tag with a space: no text has them.
                let Ok(again) = again else { continue };
                if again != bytes.to_ascii_lowercase() {
                    assert_eq!(
                        text::write(kind, &again).to_lowercase(),
                        text.to_lowercase(),
                        "{kind} {bytes:?}"
                    );
                }
                read += 1;
            }
        }
    }
    assert!(read > 1_000, "{read}");
}
