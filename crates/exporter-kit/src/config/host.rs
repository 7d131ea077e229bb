//! What a host may be called, and which addresses are those of one host. No I/O, no clock.

use std::net::IpAddr;

use super::name::is_hidden;

/// Bytes of a name in the DNS, and of each of its labels (RFC 1035, section 2.3.4).
const LONGEST: usize = 253;
const LONGEST_LABEL: usize = 63;

/// A name that can be looked up, as it stands in the DNS: a name of other letters is the one that stands
/// for it there (RFC 5891). An address is no name, and neither is what some library would take for one:
/// `127.1`, `5`, `0x7f000001`.
///
/// The error says what it must be, and repeats nothing.
pub fn host_name(text: &str) -> Result<String, &'static str> {
    let must = "must be a host name: labels of 1 to 63 letters, digits, - and _, with dots between them \
                and none beginning with -";
    if text.chars().any(is_hidden) {
        return Err("must have no control character and no invisible one");
    }
    let name = if text.is_ascii() { text.to_owned() } else { to_ascii(text).ok_or(must)? };
    let bare = name.strip_suffix('.').unwrap_or(&name);
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let is_label = |label: &str| {
        (1..=LONGEST_LABEL).contains(&label.len())
            && label.chars().all(fits)
            && !label.starts_with('-')
    };
    if bare.len() > LONGEST || !bare.split('.').all(is_label) {
        return Err(must);
    }
    if bare.rsplit('.').next().is_some_and(is_number) {
        return Err("must be an IPv4 address as in 192.0.2.1: four numbers from 0 to 255 without \
                    leading zeros; or a name whose last label is no number");
    }
    Ok(name)
}

/// An address that one host may have; an IPv4 address that is written as an IPv6 one is an IPv4 address.
///
/// The error says which addresses are not those of one host.
pub fn host_address(address: IpAddr) -> Result<IpAddr, &'static str> {
    let address = address.to_canonical();
    let is_broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    if address.is_unspecified() || address.is_multicast() || is_broadcast {
        return Err(
            "must be the address of one host, and not 0.0.0.0, ::, a broadcast or a multicast one",
        );
    }
    Ok(address)
}

/// A port, of digits alone and not 0.
pub fn port(text: &str) -> Option<u16> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| is_number && *port != 0)
}

fn to_ascii(name: &str) -> Option<String> {
    match url::Host::parse(name) {
        Ok(url::Host::Domain(name)) => Some(name),
        _ => None,
    }
}

/// Whether libraries take a label for a part of an address: decimal, octal or hexadecimal.
fn is_number(label: &str) -> bool {
    let is_hex = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    label.bytes().all(|byte| byte.is_ascii_digit())
        || label.strip_prefix("0x").or(label.strip_prefix("0X")).is_some_and(is_hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_can_be_looked_up() {
        let label = "x".repeat(63);
        let long = [label.as_str(); 4].join(".")[..253].to_owned();
        for good in [
            "localhost",
            "a.example",
            "a.example.",
            "srv_1.a-b.example",
            "1.2.a",
            "3com",
            &label,
            &long,
        ] {
            assert_eq!(host_name(good).as_deref(), Ok(good));
        }
        assert_eq!(host_name("münchen.de").as_deref(), Ok("xn--mnchen-3ya.de"));
        for bad in [
            "",
            ".",
            "..",
            ".a",
            "a..b",
            "-a.localhost",
            "a.-b",
            "a b",
            "a:1",
            "u@a",
            "a/b",
            "*.a",
            "[::1]",
            "5",
            "127",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0X7F",
            "0x",
            "0177.0.0.1",
            "127.0.0.256",
            "1.2.3.4.5",
            "a.5",
            "1.2.3.",
            "a\u{200b}b.example",
            "a\u{ad}.example",
            "a\0",
            "\u{feff}a",
            &format!("{label}x"),
            &format!("{long}xx"),
        ] {
            let error = host_name(bad).unwrap_err();
            assert!(bad.is_empty() || !error.contains(bad) || bad.len() < 3, "{bad:?}: {error}");
        }
    }

    #[test]
    fn an_address_is_that_of_one_host() {
        let address = |text: &str| host_address(text.parse().unwrap()).map(|it| it.to_string());
        assert_eq!(address("127.0.0.1").as_deref(), Ok("127.0.0.1"));
        assert_eq!(address("::ffff:127.0.0.1").as_deref(), Ok("127.0.0.1"));
        assert_eq!(address("fe80::1").as_deref(), Ok("fe80::1"));
        for bad in ["0.0.0.0", "::", "255.255.255.255", "224.0.0.1", "ff02::1", "::ffff:0.0.0.0"] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_port_is_a_number() {
        assert_eq!((port("1"), port("65535")), (Some(1), Some(65535)));
        for bad in ["", "0", "+5", "-1", "65536", "5 ", "a"] {
            assert_eq!(port(bad), None, "{bad}");
        }
    }
}
