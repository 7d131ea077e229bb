//! The data of records as master files write them. No I/O, no clock.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::wire::{Wire, escaped, quoted};
use super::words::type_name;

/// What is wrong with a record.
type Wrong = &'static str;

/// How the data of a type is laid out: `1`, `2`, `4` numbers of so many bytes, `n` a name, `q` a string in
/// quotes, `Q` all further strings, `x` and `X` the rest in hexadecimal digits, `b` in base64, `o` the rest
/// as one string in quotes, `t` a bitmap of types.
fn layout(kind: u16) -> Option<&'static str> {
    Some(match kind {
        // NS, MD, MF, CNAME, MB, MG, MR, PTR, NSAP-PTR, DNAME
        2..=5 | 7..=9 | 12 | 23 | 39 => "n",
        // SOA
        6 => "nn44444",
        // HINFO, ISDN
        13 | 20 => "qq",
        // MINFO, RP, TALINK
        14 | 17 | 58 => "nn",
        // MX, AFSDB, RT, KX, LP
        15 | 18 | 21 | 36 | 107 => "2n",
        // TXT, NINFO, SPF, AVC, RESINFO
        16 | 56 | 99 | 258 | 261 => "Q",
        // PX
        26 => "2nn",
        // GPOS
        27 => "qqq",
        // SRV
        33 => "222n",
        // NAPTR
        35 => "22qqqn",
        // DS, CDS, TA, DLV
        43 | 59 | 32768 | 32769 => "211X",
        // SSHFP
        44 => "11X",
        // DNSKEY, KEY, RKEY, CDNSKEY
        25 | 48 | 57 | 60 => "211b",
        // TLSA, SMIMEA
        52 | 53 => "111x",
        // NSEC
        47 => "nt",
        // DHCID, OPENPGPKEY
        49 | 61 => "b",
        // CSYNC
        62 => "42t",
        // ZONEMD
        63 => "411x",
        // UID, GID
        101 | 102 => "4",
        // URI
        256 => "22o",
        _ => return None,
    })
}

/// The data of a record of a type that has a name.
pub(super) fn text(kind: u16, data: &mut Wire<'_>) -> Result<String, Wrong> {
    match kind {
        1 => Ok(Ipv4Addr::from(data.u32()?).to_string()),
        28 => {
            let bytes: [u8; 16] =
                data.bytes(16)?.try_into().map_err(|_| "an address is cut off")?;
            Ok(Ipv6Addr::from(bytes).to_string())
        }
        24 | 46 => signature(data),
        50 | 51 => nsec3(kind, data),
        64 | 65 => service(data),
        257 => {
            let (flags, count) = (data.u8()?, data.u8()?);
            let tag = String::from_utf8_lossy(data.bytes(usize::from(count))?).into_owned();
            Ok(format!("{flags} {tag} {}", quoted(data.rest())))
        }
        _ => match layout(kind) {
            Some(layout) => by_layout(layout, data),
            None => Ok(unknown(data.rest())),
        },
    }
}

fn by_layout(layout: &str, data: &mut Wire<'_>) -> Result<String, Wrong> {
    let mut parts = Vec::new();
    for part in layout.chars() {
        parts.push(match part {
            '1' => data.u8()?.to_string(),
            '2' => data.u16()?.to_string(),
            '4' => data.u32()?.to_string(),
            'n' => data.name()?,
            'q' => data.quoted()?,
            'Q' => {
                let mut strings = Vec::new();
                while !data.is_at_end() {
                    strings.push(data.quoted()?);
                }
                strings.join(" ")
            }
            'x' => hex(data.rest()),
            'X' => hex(data.rest()).to_uppercase(),
            'b' => base64(data.rest()),
            'o' => quoted(data.rest()),
            _ => types(data)?,
        });
    }
    Ok(parts.join(" "))
}

/// Data of a type that nobody knows (RFC 3597).
pub(super) fn unknown(data: &[u8]) -> String {
    format!("\\# {} {}", data.len(), hex(data))
}

fn signature(data: &mut Wire<'_>) -> Result<String, Wrong> {
    let covered = type_name(data.u16()?);
    let (algorithm, labels, ttl) = (data.u8()?, data.u8()?, data.u32()?);
    let (until, from) = (moment(data.u32()?), moment(data.u32()?));
    let (tag, signer) = (data.u16()?, data.name()?);
    let signature = base64(data.rest());
    Ok(format!("{covered} {algorithm} {labels} {ttl} {until} {from} {tag} {signer} {signature}"))
}

fn nsec3(kind: u16, data: &mut Wire<'_>) -> Result<String, Wrong> {
    let (hash, flags, rounds, count) = (data.u8()?, data.u8()?, data.u16()?, data.u8()?);
    let salt = hex(data.bytes(usize::from(count))?).to_uppercase();
    let salt = if salt.is_empty() { "-" } else { &salt };
    let text = format!("{hash} {flags} {rounds} {salt}");
    if kind == 50 {
        let count = data.u8()?;
        let next = base32(data.bytes(usize::from(count))?);
        let types = types(data)?;
        return Ok(format!("{text} {next} {types}").trim_end().to_owned());
    }
    Ok(text)
}

/// SVCB and HTTPS (RFC 9460).
fn service(data: &mut Wire<'_>) -> Result<String, Wrong> {
    let mut text = format!("{} {}", data.u16()?, data.name()?);
    while !data.is_at_end() {
        let (key, count) = (data.u16()?, data.u16()?);
        let value = data.bytes(usize::from(count))?;
        let name = match key {
            0 => "mandatory",
            1 => "alpn",
            2 => "no-default-alpn",
            3 => "port",
            4 => "ipv4hint",
            5 => "ech",
            6 => "ipv6hint",
            7 => "dohpath",
            8 => "ohttp",
            _ => "",
        };
        let name = if name.is_empty() { format!("key{key}") } else { name.to_owned() };
        // A string takes whatever is written to it.
        let _ = write!(text, " {name}=\"{}\"", parameter(key, value));
    }
    Ok(text)
}

fn parameter(key: u16, value: &[u8]) -> String {
    let list = |size: usize, show: &dyn Fn(&[u8]) -> String| {
        value.chunks(size).map(show).collect::<Vec<_>>().join(",")
    };
    match key {
        1 => {
            let (mut rest, mut names) = (value, Vec::new());
            while let Some((count, after)) = rest.split_first() {
                let (name, after) = after.split_at(usize::from(*count).min(after.len()));
                names.push(String::from_utf8_lossy(name).into_owned());
                rest = after;
            }
            names.join(",")
        }
        3 if value.len() == 2 => u16::from_be_bytes([value[0], value[1]]).to_string(),
        4 => list(4, &|ip| {
            let ip: Option<[u8; 4]> = ip.try_into().ok();
            ip.map_or_else(String::new, |ip| Ipv4Addr::from(ip).to_string())
        }),
        6 => list(16, &|ip| {
            let ip: Option<[u8; 16]> = ip.try_into().ok();
            ip.map_or_else(String::new, |ip| Ipv6Addr::from(ip).to_string())
        }),
        5 => base64(value),
        _ => escaped(value),
    }
}

/// A bitmap of types (RFC 4034, 4.1.2).
fn types(data: &mut Wire<'_>) -> Result<String, Wrong> {
    let mut names = Vec::new();
    while !data.is_at_end() {
        let (window, count) = (u16::from(data.u8()?), usize::from(data.u8()?));
        for (number, byte) in data.bytes(count)?.iter().enumerate() {
            let first =
                (window << 8) | u16::try_from(number * 8).map_err(|_| "a bitmap is too long")?;
            let set = (0..8_u16).filter(|bit| byte & (0x80 >> bit) != 0);
            names.extend(set.map(|bit| type_name(first | bit)));
        }
    }
    Ok(names.join(" "))
}

/// Seconds since the epoch as a date of 14 digits (RFC 4034, 3.2).
fn moment(seconds: u32) -> String {
    let (days, second) = (i64::from(seconds / 86_400), seconds % 86_400);
    // Of days since the epoch, the date: Hinnant, "chrono-compatible low-level date algorithms".
    let z = days + 719_468;
    let (era, of_era) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let m = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * m + 2) / 5 + 1, if m < 10 { m + 3 } else { m - 9 });
    let year = year + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE32: &[u8; 32] = b"0123456789ABCDEFGHIJKLMNOPQRSTUV";

fn base64(bytes: &[u8]) -> String {
    let mut text = digits(bytes, BASE64, 6);
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

fn base32(bytes: &[u8]) -> String {
    digits(bytes, BASE32, 5)
}

/// The bits of `bytes`, so many at a time, as digits.
fn digits(bytes: &[u8], alphabet: &[u8], size: usize) -> String {
    let bit = |number: usize| {
        let byte = bytes.get(number / 8).copied().unwrap_or(0);
        usize::from((byte >> (7 - number % 8)) & 1)
    };
    let count = (bytes.len() * 8).div_ceil(size);
    let digit = |number: usize| {
        let value = (0..size).fold(0, |value, inner| value << 1 | bit(number * size + inner));
        char::from(alphabet[value])
    };
    (0..count).map(digit).collect()
}
