//! A record as a person writes it, or as `dig +short` prints it, in canonical form. No I/O, no clock.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hickory_proto::rr::RecordType;

use super::layout::{Field, layout};
use super::params;
use super::word::{Word, escaped, words};

/// The canonical form of a record's text, or how it is to be written.
pub(crate) fn parse(kind: RecordType, text: &str) -> Result<Vec<u8>, String> {
    let fields = layout(kind).ok_or("must be addresses")?;
    let example = example(kind);
    let wrong = |what: String| format!("{what}; it is written as in {example}");
    if kind == RecordType::TXT && !text.contains('"') {
        // YAML has taken the quotes: one text.
        return Ok(strings([text.as_bytes()].into_iter()));
    }
    let words = words(text).ok_or_else(|| wrong("a quote or a backslash has no end".to_owned()))?;
    let (mut out, mut words) = (Vec::new(), &words[..]);
    for field in fields {
        let mut next = || {
            let (first, rest) = words.split_first()?;
            words = rest;
            Some(first)
        };
        let missing = || wrong("a part is missing".to_owned());
        match field {
            Field::U8 => out.push(number(next().ok_or_else(missing)?).map_err(wrong)?),
            Field::U16 => {
                out.extend(
                    number::<u16>(next().ok_or_else(missing)?).map_err(wrong)?.to_be_bytes(),
                );
            }
            Field::U32 => {
                out.extend(
                    number::<u32>(next().ok_or_else(missing)?).map_err(wrong)?.to_be_bytes(),
                );
            }
            Field::Serial => {
                let word = next().ok_or_else(missing)?;
                if word.raw != "*" {
                    number::<u32>(word).map_err(wrong)?;
                }
                out.extend([0; 4]);
            }
            Field::Name => out.extend(name(&next().ok_or_else(missing)?.raw).map_err(wrong)?),
            Field::Tag => {
                let word = next().ok_or_else(missing)?;
                let length = u8::try_from(word.bytes.len())
                    .map_err(|_| wrong("a tag is too long".to_owned()))?;
                out.push(length);
                out.extend(word.bytes.to_ascii_lowercase());
            }
            Field::Value => out.extend_from_slice(&next().ok_or_else(missing)?.bytes),
            Field::Strings => {
                out.extend(strings(words.iter().map(|word| &word.bytes[..])));
                words = &[];
            }
            Field::Hex => {
                out.extend(
                    hex(words).ok_or_else(|| wrong("has no hexadecimal digest".to_owned()))?,
                );
                words = &[];
            }
            Field::Base64 => {
                let all: String = words.iter().map(|word| word.raw.as_str()).collect();
                let key = STANDARD.decode(all);
                out.extend(key.map_err(|_| wrong("has no key in base 64".to_owned()))?);
                words = &[];
            }
            Field::Params => {
                out.extend(params::parse(words).map_err(wrong)?);
                words = &[];
            }
        }
    }
    if words.is_empty() { Ok(out) } else { Err(wrong("has a part too many".to_owned())) }
}

/// What a record of this type looks like.
fn example(kind: RecordType) -> &'static str {
    match kind {
        RecordType::CAA => "0 issue \"ca.example\"",
        RecordType::DNSKEY => "257 3 13 mdsswUyr3DPW...",
        RecordType::DS => "60485 13 2 D4B7D520E7BB...",
        RecordType::HTTPS | RecordType::SVCB => "1 . alpn=\"h2,h3\"",
        RecordType::MX => "10 mail.example.org.",
        RecordType::SOA => "ns1.example.org. hostmaster.example.org. * 3600 600 86400 300",
        RecordType::SRV => "10 60 5060 sip.example.org.",
        RecordType::TXT => "\"v=spf1 -all\"",
        _ => "ns1.example.org.",
    }
}

fn number<N: std::str::FromStr>(word: &Word) -> Result<N, String> {
    word.raw.parse().map_err(|_| format!("{:?} must be a number that fits", word.raw))
}

/// Strings with their lengths, in pieces of at most 255 bytes.
fn strings<'a>(texts: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    for text in texts {
        let pieces = if text.is_empty() { vec![text] } else { text.chunks(255).collect() };
        for piece in pieces {
            out.push(u8::try_from(piece.len()).unwrap_or(u8::MAX));
            out.extend_from_slice(piece);
        }
    }
    out
}

fn hex(words: &[Word]) -> Option<Vec<u8>> {
    let all: String = words.iter().map(|word| word.raw.as_str()).collect();
    let digits = all.as_bytes().as_chunks::<2>();
    if !digits.1.is_empty() || digits.0.is_empty() {
        return None;
    }
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.0.iter().map(byte).collect()
}

/// A name in full, in lower case. It is absolute, whether its full stop is there or not.
fn name(raw: &str) -> Result<Vec<u8>, String> {
    let wrong = || format!("{raw:?} must be a name");
    if raw == "." {
        return Ok(vec![0]);
    }
    let (mut out, mut label) = (Vec::new(), Vec::new());
    let mut bytes = raw.strip_suffix('.').unwrap_or(raw).bytes();
    loop {
        let byte = bytes.next();
        match byte {
            Some(b'\\') => {
                label.push(escaped(&mut bytes).ok_or_else(wrong)?.0.to_ascii_lowercase());
            }
            Some(b'.') | None => {
                let length = u8::try_from(label.len()).ok().filter(|it| (1..=63).contains(it));
                out.push(length.ok_or_else(wrong)?);
                out.append(&mut label);
            }
            Some(byte) => label.push(byte.to_ascii_lowercase()),
        }
        if byte.is_none() {
            break;
        }
    }
    out.push(0);
    if out.len() <= 255 { Ok(out) } else { Err(wrong()) }
}
