//! The parameters of an HTTPS or SVCB record (RFC 9460 §2.1), as text and as bytes. No I/O, no clock.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::escape::{escape, quoted};
use super::word::Word;

const NAMES: [&str; 8] =
    ["mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint", "dohpath"];

/// The text of parameters; those that cannot be read are left out.
pub(super) fn write(mut bytes: &[u8]) -> String {
    let mut words = Vec::new();
    while let Some((&[a, b, c, d], rest)) = bytes.split_first_chunk() {
        let (key, length) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let Some((value, rest)) = rest.split_at_checked(usize::from(length)) else { break };
        words.push(param(key, value));
        bytes = rest;
    }
    words.join(" ")
}

fn name_of(key: u16) -> String {
    let known = NAMES.get(usize::from(key));
    known.map_or_else(|| format!("key{key}"), |name| (*name).to_owned())
}

fn param(key: u16, value: &[u8]) -> String {
    let name = name_of(key);
    let list = |items: Vec<String>| format!("{name}={}", items.join(","));
    match key {
        _ if value.is_empty() => name,
        0 => list(value.chunks(2).map(|it| name_of(number(it))).collect()),
        1 => format!("{name}={}", quoted_list(value)),
        3 => format!("{name}={}", number(value)),
        4 => list(
            value
                .as_chunks()
                .0
                .iter()
                .map(|it: &[u8; 4]| Ipv4Addr::from(*it).to_string())
                .collect(),
        ),
        5 => format!("{name}={}", STANDARD.encode(value)),
        6 => list(
            value
                .as_chunks()
                .0
                .iter()
                .map(|it: &[u8; 16]| Ipv6Addr::from(*it).to_string())
                .collect(),
        ),
        _ => format!("{name}={}", quoted(value)),
    }
}

fn number(bytes: &[u8]) -> u16 {
    bytes.iter().take(2).fold(0, |sum, byte| sum << 8 | u16::from(*byte))
}

/// Strings with a comma between them, in quotes; a comma in one of them has a backslash, which has one itself.
fn quoted_list(mut bytes: &[u8]) -> String {
    let mut items = Vec::new();
    while let Some((&length, rest)) = bytes.split_first() {
        let Some((item, rest)) = rest.split_at_checked(usize::from(length)) else { break };
        items.push(escape(item, b"\\\"", b' ').replace(',', "\\\\,"));
        bytes = rest;
    }
    format!("\"{}\"", items.join(","))
}

/// The bytes of parameters that are written as words.
pub(super) fn parse(words: &[Word]) -> Result<Vec<u8>, String> {
    let mut params = BTreeMap::new();
    for word in words {
        let equals = word.bytes.iter().position(|byte| *byte == b'=');
        let (name, value) = match equals {
            Some(at) => (&word.bytes[..at], &word.bytes[at + 1..]),
            None => (&word.bytes[..], &[][..]),
        };
        let name = String::from_utf8_lossy(name);
        let key = key_of(&name).ok_or_else(|| format!("{name:?} is no parameter of a service"))?;
        let value = value_of(key, value).ok_or_else(|| format!("{name} has no such value"))?;
        if params.insert(key, value).is_some() {
            return Err(format!("{name} is there twice"));
        }
    }
    let mut out = Vec::new();
    for (key, value) in params {
        let length = u16::try_from(value.len()).map_err(|_| "is too long".to_owned())?;
        out.extend(key.to_be_bytes());
        out.extend(length.to_be_bytes());
        out.extend(value);
    }
    Ok(out)
}

fn key_of(name: &str) -> Option<u16> {
    let known = NAMES.iter().position(|it| *it == name);
    known.and_then(|at| u16::try_from(at).ok()).or_else(|| name.strip_prefix("key")?.parse().ok())
}

fn value_of(key: u16, value: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(value);
    let items = || text.ok().map(|text| text.split(',').map(str::trim));
    Some(match key {
        0 => {
            let mut keys = items()?.map(key_of).collect::<Option<Vec<_>>>()?;
            keys.sort_unstable();
            keys.into_iter().flat_map(u16::to_be_bytes).collect()
        }
        1 => list(value)?,
        3 => text.ok()?.parse::<u16>().ok()?.to_be_bytes().to_vec(),
        4 => {
            let each = items()?.map(|it| it.parse::<Ipv4Addr>().ok());
            each.collect::<Option<Vec<_>>>()?.iter().flat_map(Ipv4Addr::octets).collect()
        }
        5 => STANDARD.decode(value).ok()?,
        6 => {
            let each = items()?.map(|it| it.parse::<Ipv6Addr>().ok());
            each.collect::<Option<Vec<_>>>()?.iter().flat_map(Ipv6Addr::octets).collect()
        }
        _ => value.to_vec(),
    })
}

/// Strings with a comma between them, each with its length before it.
fn list(value: &[u8]) -> Option<Vec<u8>> {
    let (mut out, mut item) = (Vec::new(), Vec::new());
    let mut bytes = value.iter().copied().chain([b',']);
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => item.push(bytes.next()?),
            b',' => {
                out.push(u8::try_from(item.len()).ok().filter(|length| *length > 0)?);
                out.append(&mut item);
            }
            byte => item.push(byte),
        }
    }
    Some(out)
}
