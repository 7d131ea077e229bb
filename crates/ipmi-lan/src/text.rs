//! Text in records: names of sensors, fields of inventories, and their encodings. No I/O, no clock.

/// Decodes an ID string from its type/length byte on (specification §43.15).
///
/// A name that claims more bytes than there are is read as far as it goes.
pub(crate) fn parse_name(bytes: &[u8]) -> String {
    parse_name_with(bytes, "")
}

/// An ID string with `suffix` appended to it as it is: a blank at its end is there for that.
pub(crate) fn parse_name_with(bytes: &[u8], suffix: &str) -> String {
    let (type_length, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let length = usize::from(type_length & 0x1F);
    let bytes = rest.get(..length).unwrap_or(rest);
    let name = match type_length >> 6 {
        0 => unicode(bytes),
        1 => bcd_plus(bytes),
        2 => six_bit(bytes),
        _ => eight_bit(bytes),
    };
    clean(&format!("{}{suffix}", until_nul(&name)))
}

/// Without padding, which is no part of a text, and without control characters, which would break
/// every place it is shown.
pub(crate) fn clean(text: &str) -> String {
    until_nul(text).trim().chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

fn until_nul(text: &str) -> &str {
    text.split_once('\0').map_or(text, |(text, _)| text)
}

/// What is said to be "Unicode": UCS-2, least significant byte first as a rule, if it can be that.
///
/// Much firmware writes the length of a name without saying what it is encoded in, and thereby says
/// this of plain text. In UCS-2 the first character's upper byte, or everybody's, is no printable one.
pub(crate) fn unicode(bytes: &[u8]) -> String {
    match *bytes {
        [0, low, ..] if low != 0 => ucs_2(bytes, u16::from_be_bytes),
        [low, 0, ..] if low != 0 => ucs_2(bytes, u16::from_le_bytes),
        _ if bytes.len().is_multiple_of(2)
            && bytes.iter().skip(1).step_by(2).all(|it| *it < 0x20) =>
        {
            ucs_2(bytes, u16::from_le_bytes)
        }
        _ => eight_bit(bytes),
    }
}

/// A byte left over is left out.
fn ucs_2(bytes: &[u8], unit: impl Fn([u8; 2]) -> u16) -> String {
    let (pairs, _) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| unit(*pair));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// 8-bit ASCII and Latin 1; UTF-8, where it can be nothing else.
pub(crate) fn eight_bit(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => latin_1(bytes),
    }
}

/// Bytes that are no text, as hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('?');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0x0F)]).collect()
}

/// BCD plus: two characters a byte, the high nibble first.
pub(crate) fn bcd_plus(bytes: &[u8]) -> String {
    let digit = |nibble: u8| match nibble {
        0..=9 => char::from(b'0'.saturating_add(nibble)),
        0xA => ' ',
        0xB => '-',
        0xC => '.',
        0xD => ':',
        0xE => ',',
        _ => '_',
    };
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0x0F)]).collect()
}

/// 6-bit ASCII, packed: four characters from 0x20 to 0x5F in three bytes, low bits first.
pub(crate) fn six_bit(bytes: &[u8]) -> String {
    let bit = |index: usize| bytes.get(index / 8).is_some_and(|byte| byte >> (index % 8) & 1 != 0);
    (0..bytes.len() * 8 / 6)
        .map(|character| {
            let code = (0..6)
                .fold(0_u8, |code, place| code | (u8::from(bit(character * 6 + place)) << place));
            char::from(code.saturating_add(0x20))
        })
        .collect()
}

/// Each byte is its own code point.
fn latin_1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_bit_packed_is_the_specifications_example() {
        assert_eq!(parse_name(&[0x83, 0x29, 0xDC, 0xA6]), "IPMI");
    }

    #[test]
    fn six_bit_names_of_any_length_are_read_whole() {
        assert_eq!(parse_name(&[0x81, 0x29]), "I");
        assert_eq!(parse_name(&[0x82, 0x29, 0xDC]), "IP");
    }

    #[test]
    fn eight_bit_names_are_latin_1_without_padding() {
        assert_eq!(
            parse_name(&[0xC9, b'0', b'5', b'-', b'H', b'D', b' ', b'M', b'a', b'x']),
            "05-HD Max"
        );
        assert_eq!(parse_name(&[0xC6, b'F', b'a', b'n', 0, 0xFF, 0xFF]), "Fan");
        assert_eq!(parse_name(&[0xC5, b' ', b'F', b'a', b'n', b' ']), "Fan");
        assert_eq!(parse_name(&[0xC3, b'5', 0xB0, b'C']), "5°C");
        assert_eq!(parse_name(&[0xC4, b'5', 0xC2, 0xB0, b'C']), "5°C", "UTF-8");
        assert_eq!(parse_name(&[0xC3, b'a', b'\n', b'b']), "a?b");
    }

    #[test]
    fn bcd_plus_and_ucs_2_are_read() {
        assert_eq!(parse_name(&[0x43, 0x12, 0xA3, 0xC4]), "12 3.4");
        assert_eq!(parse_name(&[0x04, b'T', 0, 0xB0, 0]), "T°");
        assert_eq!(parse_name(&[0x03, b'T', 0, 0xB0]), "T");
        assert_eq!(parse_name(&[0x04, b'T', 0, 0x00, 0xD8]), "T\u{FFFD}");
        assert_eq!(parse_name(&[0x06, 0x22, 0x04, 0x35, 0x04, 0x3C, 0x04]), "Тем");
        assert_eq!(parse_name(&[0x06, 0, b'T', 0, b'1', 0, 0]), "T1");
    }

    #[test]
    fn a_length_without_an_encoding_is_of_plain_text() {
        let bare = |text: &[u8]| parse_name(&[&[u8::try_from(text.len()).unwrap()], text].concat());
        for name in ["Inlet Temp", "CPU Temp", "P0_VR_TEMP", "Fan 1", "A1", "X"] {
            assert_eq!(bare(name.as_bytes()), name);
        }
        assert_eq!(bare(b"Zuluft \xFC"), "Zuluft ü");
        assert_eq!(bare("Zuluft °C".as_bytes()), "Zuluft °C");
        assert_eq!(bare(b"Fan\0\0\0"), "Fan");
        assert_eq!((bare(b"\0\0\0\0"), bare(b"")), (String::new(), String::new()));
    }

    #[test]
    fn a_name_longer_than_its_record_is_cut_and_none_is_empty() {
        assert_eq!(parse_name(&[0xDF, b'a', b'b']), "ab");
        assert_eq!(parse_name(&[0xC0]), "");
        assert_eq!(parse_name(&[]), "");
    }
}
