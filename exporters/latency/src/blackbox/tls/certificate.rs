//! What a certificate says, in the words of the peer's labels: Go's forms of names, numbers and times.
//! No I/O, no clock.

use std::fmt::Write as _;
use std::net::IpAddr;

use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::x509::{X509NameRef, X509Ref};

use crate::blackbox::found::Leaf;

/// The kinds of attributes that have a name, in the order in which Go gives them, and whether there may be
/// more than one of it.
const KINDS: [(Nid, &str, bool); 9] = [
    (Nid::SERIALNUMBER, "SERIALNUMBER", false),
    (Nid::COMMONNAME, "CN", false),
    (Nid::ORGANIZATIONALUNITNAME, "OU", true),
    (Nid::ORGANIZATIONNAME, "O", true),
    (Nid::POSTALCODE, "POSTALCODE", true),
    (Nid::STREETADDRESS, "STREET", true),
    (Nid::LOCALITYNAME, "L", true),
    (Nid::STATEORPROVINCENAME, "ST", true),
    (Nid::COUNTRYNAME, "C", true),
];

/// The labels of a leaf.
pub(super) fn leaf(certificate: &X509Ref) -> Leaf {
    let digest = certificate.digest(MessageDigest::sha256());
    let serial = certificate.serial_number().to_bn().map(|number| number.to_vec());
    Leaf {
        fingerprint_sha256: digest.map(|digest| hex(&digest)).unwrap_or_default(),
        subject: name(certificate.subject_name()),
        issuer: name(certificate.issuer_name()),
        subject_alternative: dns_names(certificate).join(","),
        serial: serial.map(|number| hex(&number)).unwrap_or_default(),
    }
}

/// When a certificate ends, in seconds since the epoch.
pub(super) fn not_after(certificate: &X509Ref) -> Option<i64> {
    let epoch = Asn1Time::from_unix(0).ok()?;
    let since = epoch.diff(certificate.not_after()).ok()?;
    Some(i64::from(since.days) * 86_400 + i64::from(since.secs))
}

/// Whether it is signed by a method that Go takes for broken.
pub(super) fn is_weakly_signed(certificate: &X509Ref) -> bool {
    let method = certificate.signature_algorithm().object().nid();
    [
        Nid::SHA1WITHRSAENCRYPTION,
        Nid::SHA1WITHRSA,
        Nid::ECDSA_WITH_SHA1,
        Nid::DSAWITHSHA1,
        Nid::MD5WITHRSAENCRYPTION,
        Nid::MD5WITHRSA,
    ]
    .contains(&method)
}

/// The extension that says what a certificate is for, and what of it servers need: RFC 5280 §4.2.1.12.
const EXTENDED_KEY_USAGE: [u8; 3] = [0x55, 0x1d, 0x25];
const ANY: [u8; 4] = [0x55, 0x1d, 0x25, 0x00];
const SERVER: [u8; 8] = [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];

/// Whether it may certify servers: what says nothing of it may.
pub(super) fn is_for_servers(certificate: &X509Ref) -> bool {
    let der = certificate.to_der().unwrap_or_default();
    let inner = |der| parts(der).into_iter().next().map_or(&[][..], |(_, inner)| inner);
    let extensions = parts(inner(inner(&der))).into_iter().find(|(kind, _)| *kind == 0xa3);
    let extensions = extensions.map_or(&[][..], |(_, extensions)| inner(extensions));
    parts(extensions).into_iter().all(|(_, extension)| match parts(extension)[..] {
        [(0x06, name), .., (0x04, uses)] if name == EXTENDED_KEY_USAGE => {
            parts(inner(uses)).iter().any(|(_, purpose)| *purpose == SERVER || *purpose == ANY)
        }
        _ => true,
    })
}

/// The elements of a piece of DER, each with its tag.
fn parts(der: &[u8]) -> Vec<(u8, &[u8])> {
    let (mut parts, mut rest) = (Vec::new(), der);
    while let [kind, after @ ..] = rest {
        let Some((content, after)) = content(after) else { break };
        parts.push((*kind, content));
        rest = after;
    }
    parts
}

/// Whether it is for this host: an address by an address, a name by a name, whose first label may be `*`.
/// The common name says nothing, as in Go.
pub(super) fn is_for(certificate: &X509Ref, host: &str) -> bool {
    let address: Option<IpAddr> = host.parse().ok();
    let Some(address) = address else {
        return dns_names(certificate).iter().any(|pattern| fits(pattern, host));
    };
    let named = certificate.subject_alt_names();
    named.into_iter().flatten().any(|name| match (name.ipaddress(), address) {
        (Some(bytes), IpAddr::V4(address)) => *bytes == address.octets(),
        (Some(bytes), IpAddr::V6(address)) => *bytes == address.octets(),
        (None, _) => false,
    })
}

/// The DNS names of a certificate.
pub(super) fn dns_names(certificate: &X509Ref) -> Vec<String> {
    let named = certificate.subject_alt_names();
    named.into_iter().flatten().filter_map(|name| name.dnsname().map(str::to_owned)).collect()
}

fn fits(pattern: &str, host: &str) -> bool {
    let (pattern, host) = (pattern.to_ascii_lowercase(), host.to_ascii_lowercase());
    let (pattern, host): (Vec<_>, Vec<_>) =
        (pattern.split('.').collect(), host.split('.').collect());
    let fits = |(place, (pattern, label)): (usize, (&&str, &&str))| {
        (place == 0 && *pattern == "*") || pattern == label
    };
    pattern.len() == host.len()
        && host.iter().all(|label| !label.is_empty())
        && pattern.iter().zip(&host).enumerate().all(fits)
}

/// A name as Go's `pkix.Name` writes it: what has a name in a fixed order, then the rest by its number.
fn name(name: &X509NameRef) -> String {
    let text = |data: &openssl::asn1::Asn1StringRef| data.to_string().unwrap_or_default();
    let mut parts = Vec::new();
    for (kind, word, is_list) in KINDS {
        let values: Vec<_> =
            name.entries_by_nid(kind).map(|it| escaped(&text(it.data()))).collect();
        let values = if is_list { &values[..] } else { &values[values.len().saturating_sub(1)..] };
        let values: Vec<_> = values.iter().map(|value| format!("{word}={value}")).collect();
        if !values.is_empty() {
            parts.push(values.join("+"));
        }
    }
    let numbers = numbers(&name.to_der().unwrap_or_default());
    let others: Vec<_> = name
        .entries()
        .zip(numbers)
        .filter(|(it, _)| !KINDS.iter().any(|(kind, ..)| *kind == it.object().nid()))
        .map(|(it, number)| format!("{number}={}", escaped(&text(it.data()))))
        .collect();
    parts.extend(others.into_iter().rev());
    parts.join(",")
}

/// The dotted numbers of the kinds of a name, entry by entry: OpenSSL shows the words of those that it knows.
fn numbers(der: &[u8]) -> Vec<String> {
    let mut numbers = Vec::new();
    let mut rest = der;
    while let [kind, after @ ..] = rest {
        let Some((content, after)) = content(after) else { break };
        match kind {
            0x06 => numbers.push(number(content)),
            // A sequence or a set.
            0x30 | 0x31 => numbers.extend(self::numbers(content)),
            _ => {}
        }
        rest = after;
    }
    numbers
}

/// What a length of DER is followed by: so much, and the rest.
fn content(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    let bytes = if first & 0x80 == 0 { 0 } else { usize::from(first & 0x7f) };
    let (long, rest) = rest.split_at_checked(bytes)?;
    let length = match bytes {
        0 => usize::from(*first),
        1..=4 => long.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte)),
        _ => return None,
    };
    rest.split_at_checked(length)
}

fn number(content: &[u8]) -> String {
    let (mut parts, mut value): (Vec<u64>, u64) = (Vec::new(), 0);
    for byte in content {
        value = (value << 7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if parts.is_empty() {
                let first = (value / 40).min(2);
                parts.extend([first, value - first * 40]);
            } else {
                parts.push(value);
            }
            value = 0;
        }
    }
    parts.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
}

fn escaped(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut out = String::new();
    for (place, c) in value.chars().enumerate() {
        let is_special = match c {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => true,
            ' ' => place == 0 || place == last,
            '#' => place == 0,
            _ => false,
        };
        if is_special {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // A string takes whatever is written to it.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use openssl::x509::X509Name;

    use super::*;

    #[test]
    fn a_name_is_written_as_the_peer_writes_it() {
        let mut built = X509Name::builder().unwrap();
        for (kind, value) in [
            (Nid::COUNTRYNAME, "NL"),
            (Nid::COMMONNAME, "a, \"b\" "),
            (Nid::ORGANIZATIONALUNITNAME, "first"),
            (Nid::ORGANIZATIONALUNITNAME, "#second"),
            (Nid::PKCS9_EMAILADDRESS, "a@b.example"),
        ] {
            built.append_entry_by_nid(kind, value).unwrap();
        }
        assert_eq!(
            name(&built.build()),
            "CN=a\\, \\\"b\\\"\\ ,OU=first+OU=\\#second,C=NL,\
             1.2.840.113549.1.9.1=a@b.example"
        );
    }

    #[test]
    fn a_wildcard_stands_for_the_first_label() {
        for (pattern, host, wanted) in [
            ("a.example", "A.example", true),
            ("*.example", "a.example", true),
            ("*.example", "a.b.example", false),
            ("*.example", "example", false),
            ("a*.example", "ab.example", false),
            ("a.*", "a.example", false),
            ("*.example", ".example", false),
        ] {
            assert_eq!(fits(pattern, host), wanted, "{pattern} {host}");
        }
    }
}
