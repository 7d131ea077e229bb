//! Sensor data records of every kind, field by field as the specification's tables have them. No I/O, no clock.
//!
//! IPMI 2.0 tables 43-1 (type 01h), 43-2 (02h), 43-3 (03h), 43-4 (08h) and 43-5 (09h), section 43.15
//! for names. The record ID is left 0: the repository gives it.

use super::machine::{BMC, Format};
use super::readings::event_bit;

/// A full record (table 43-1).
#[derive(Clone, Debug)]
pub struct Full {
    /// Who owns the sensor.
    pub owner: Owner,
    /// Sensor number.
    pub number: u8,
    /// Entity ID and instance (table 43-13).
    pub entity: (u8, u8),
    /// Sensor type (table 42-3).
    pub kind: u8,
    /// Event/reading type (table 42-1): 1 threshold.
    pub reading: u8,
    /// Sensor units 1: bits 7:6 the analog format, 5:3 the rate, 2:1 the modifier, 0 percentage.
    pub units: u8,
    /// Base unit (table 43-15).
    pub base: u8,
    /// Modifier unit (table 43-15).
    pub modifier: u8,
    /// 0 linear, 1 to 11 a formula, 70h not linear (byte 24).
    pub linearisation: u8,
    /// M, 10 bits signed.
    pub m: i16,
    /// B, 10 bits signed.
    pub b: i16,
    /// The exponent of the result, 4 bits signed.
    pub exponent: i8,
    /// The exponent of B, 4 bits signed.
    pub b_exponent: i8,
    /// The normal reading, if the record tells one.
    pub nominal: Option<u8>,
    /// Lower non-critical, critical, non-recoverable; upper non-critical, critical, non-recoverable.
    pub thresholds: [Option<u8>; 6],
    /// Positive-going and negative-going hysteresis in counts, if there is any.
    pub hysteresis: Option<(u8, u8)>,
    /// The name.
    pub name: Name,
}

/// Owner of a sensor: address or software ID, channel, LUN (bytes 6 and 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Slave address (even) or software ID (odd).
    pub address: u8,
    /// Channel, 0 for the primary IPMB.
    pub channel: u8,
    /// LUN, 0 to 3.
    pub lun: u8,
}

impl Owner {
    /// The BMC itself, under this LUN.
    pub const fn bmc(lun: u8) -> Self {
        Self { address: BMC, channel: 0, lun }
    }

    fn bytes(self) -> [u8; 2] {
        [self.address, self.channel << 4 | self.lun]
    }
}

/// A name as its type/length byte and the bytes after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(Vec<u8>);

impl Name {
    /// 8-bit ASCII and Latin 1; one character a byte.
    pub fn latin(text: &str) -> Self {
        let byte = |c| u8::try_from(u32::from(c)).expect("a character of Latin 1");
        Self::coded(3, &text.chars().map(byte).collect::<Vec<_>>())
    }

    /// 6-bit ASCII: four characters from 20h to 5Fh in three bytes, the lowest bits first.
    pub fn six_bit(text: &str) -> Self {
        let mut bytes = vec![0_u8; (text.len() * 6).div_ceil(8)];
        for (place, character) in text.bytes().enumerate() {
            let code = character.checked_sub(0x20).filter(|code| *code < 0x40);
            let code = code.expect("a character of 6-bit ASCII");
            for bit in (0..6).filter(|bit| code >> bit & 1 == 1) {
                let at = place * 6 + bit;
                bytes[at / 8] |= 1 << (at % 8);
            }
        }
        Self::coded(2, &bytes)
    }

    /// BCD plus: two of `0123456789 -.:,_` a byte, the first in the upper half.
    pub fn bcd_plus(text: &str) -> Self {
        let digits: Vec<_> = text
            .bytes()
            .map(|c| {
                let place = b"0123456789 -.:,_".iter().position(|one| *one == c);
                u8::try_from(place.expect("a character of BCD plus")).expect("one of sixteen")
            })
            .collect();
        let pairs = digits.chunks(2).map(|pair| pair[0] << 4 | pair.get(1).unwrap_or(&0x0A));
        Self::coded(1, &pairs.collect::<Vec<_>>())
    }

    /// "Unicode": UCS-2, the low byte first.
    pub fn ucs_2(text: &str) -> Self {
        Self::coded(0, &text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>())
    }

    fn coded(kind: u8, bytes: &[u8]) -> Self {
        let length = u8::try_from(bytes.len()).ok().filter(|length| *length <= 16);
        let length = length.expect("a name has at most 16 bytes");
        Self([&[kind << 6 | length], bytes].concat())
    }
}

impl Full {
    /// A temperature of the BMC in degrees Celsius, as plain as can be.
    pub fn celsius(number: u8, name: &str) -> Self {
        Self {
            owner: Owner::bmc(0),
            number,
            entity: (0x07, 1),
            kind: 0x01,
            reading: 0x01,
            units: 0,
            base: 1,
            modifier: 0,
            linearisation: 0,
            m: 1,
            b: 0,
            exponent: 0,
            b_exponent: 0,
            nominal: None,
            thresholds: [None; 6],
            hysteresis: None,
            name: Name::latin(name),
        }
    }

    /// A voltage in the same way.
    pub fn volts(number: u8, name: &str) -> Self {
        Self { kind: 0x02, base: 4, ..Self::celsius(number, name) }
    }

    /// The record.
    pub fn bytes(&self) -> Vec<u8> {
        let has = |i: usize| self.thresholds[i].is_some();
        let readable = mask((0..6).filter(|i| has(*i)));
        let events = mask((0..6).filter(|i| has(*i)).map(event_bit));
        let threshold = self.reading == 0x01;
        // Automatic re-arm; thresholds by the mask; hysteresis readable.
        let mut capabilities = 0x40;
        capabilities |= if threshold && readable != 0 { 0x04 } else { 0 };
        capabilities |= if self.hysteresis.is_some() { 0x10 } else { 0 };
        let mut body = self.owner.bytes().to_vec();
        body.extend([self.number, self.entity.0, self.entity.1, 0x7F, capabilities]);
        body.extend([self.kind, self.reading]);
        let masks = if threshold {
            // The upper nibble: which thresholds are compared, the lower and the upper ones.
            [events | (readable & 7) << 12, events | (readable >> 3) << 12, readable]
        } else {
            [0x7FFF; 3]
        };
        body.extend(masks.iter().flat_map(|mask| mask.to_le_bytes()));
        body.extend([self.units, self.base, self.modifier, self.linearisation]);
        let ([m_low, m_high], [b_low, b_high]) = (self.m.to_le_bytes(), self.b.to_le_bytes());
        body.extend([m_low, (m_high & 3) << 6, b_low, (b_high & 3) << 6, 0]);
        let nibble = |exponent: i8| exponent.cast_unsigned() & 0x0F;
        body.push(nibble(self.exponent) << 4 | nibble(self.b_exponent));
        // Nominal reading, normal maximum and minimum, maximum and minimum of a byte.
        body.extend([u8::from(self.nominal.is_some()), self.nominal.unwrap_or(0), 0, 0]);
        let is_unsigned = Format::of(self.units) == Format::Unsigned;
        body.extend(if is_unsigned { [0xFF, 0] } else { [0x7F, 0x80] });
        let limit = |i: usize| self.thresholds[i].unwrap_or(0);
        body.extend([5, 4, 3, 2, 1, 0].map(limit));
        let (positive, negative) = self.hysteresis.unwrap_or_default();
        // Reserved (two), OEM.
        body.extend([positive, negative, 0, 0, 0]);
        body.extend(&self.name.0);
        with_header(0x01, &body)
    }
}

/// A compact record (table 43-2): a sensor with states, or several alike that share it.
#[derive(Clone, Debug)]
pub struct Compact {
    /// Who owns the sensors.
    pub owner: Owner,
    /// The number of the first one.
    pub number: u8,
    /// Entity ID and instance (table 43-13).
    pub entity: (u8, u8),
    /// Sensor type (table 42-3).
    pub kind: u8,
    /// Event/reading type (table 42-1).
    pub reading: u8,
    /// The states that it can have.
    pub states: u16,
    /// How it is shared.
    pub share: Share,
    /// The name.
    pub name: Name,
}

/// How sensors share a record (bytes 24 and 25 of table 43-2).
#[derive(Clone, Copy, Debug, Default)]
pub struct Share {
    /// How many; 0 and 1 are one.
    pub count: u8,
    /// Names end in letters instead of numbers.
    pub letters: bool,
    /// Each has its own entity instance.
    pub instances: bool,
    /// The number or letter of the first one.
    pub offset: u8,
}

impl Share {
    fn bytes(self) -> [u8; 2] {
        let high = |flag: bool, bit: u8| if flag { bit } else { 0 };
        [high(self.letters, 0x10) | self.count & 0x0F, high(self.instances, 0x80) | self.offset]
    }
}

impl Compact {
    /// The record.
    pub fn bytes(&self) -> Vec<u8> {
        let mut body = self.owner.bytes().to_vec();
        body.extend([self.number, self.entity.0, self.entity.1, 0x67, 0x40]);
        body.extend([self.kind, self.reading]);
        body.extend([self.states; 3].iter().flat_map(|mask| mask.to_le_bytes()));
        // No analog reading, no units.
        body.extend([0xC0, 0, 0]);
        body.extend(self.share.bytes());
        // No hysteresis (two), reserved (three), OEM.
        body.extend([0; 6]);
        body.extend(&self.name.0);
        with_header(0x02, &body)
    }
}

/// An event-only record (table 43-3): a sensor that cannot be read.
pub fn event_only(owner: Owner, number: u8, entity: (u8, u8), kind: u8, name: &Name) -> Vec<u8> {
    let mut body = owner.bytes().to_vec();
    body.extend([number, entity.0, entity.1, kind, 0x6F]);
    body.extend(Share::default().bytes());
    // Reserved, OEM.
    body.extend([0, 0]);
    body.extend(&name.0);
    with_header(0x03, &body)
}

/// An entity association (table 43-4): a list of what the container holds.
pub fn entity_association(container: (u8, u8), parts: [(u8, u8); 4]) -> Vec<u8> {
    let mut body = vec![container.0, container.1, 0];
    body.extend(parts.iter().flat_map(|one| [one.0, one.1]));
    with_header(0x08, &body)
}

/// A device-relative entity association (table 43-5): everything is at the BMC.
pub fn device_relative_association(container: (u8, u8), parts: [(u8, u8); 4]) -> Vec<u8> {
    let mut body = vec![container.0, container.1, BMC, 0, 0];
    body.extend(parts.iter().flat_map(|one| [BMC, 0, one.0, one.1]));
    body.extend([0; 6]);
    with_header(0x09, &body)
}

/// A record of a maker's own (table 43-12): manufacturer ID, then what it likes.
pub fn oem(manufacturer: u32, data: &[u8]) -> Vec<u8> {
    with_header(0xC0, &[&manufacturer.to_le_bytes()[..3], data].concat())
}

fn with_header(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u8::try_from(body.len()).expect("a body has less than 256 bytes");
    [&[0, 0, 0x51, kind, length], body].concat()
}

fn mask(bits: impl Iterator<Item = usize>) -> u16 {
    bits.fold(0, |mask, bit| mask | 1 << bit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_record_has_its_fields_where_table_43_1_puts_them() {
        let record = Full {
            owner: Owner { address: 0x2C, channel: 6, lun: 1 },
            m: -2,
            b: 511,
            exponent: -3,
            b_exponent: 2,
            linearisation: 7,
            modifier: 0x16,
            nominal: Some(44),
            thresholds: [Some(1), Some(2), Some(3), Some(4), Some(5), Some(6)],
            hysteresis: Some((7, 8)),
            ..Full::celsius(9, "T")
        };
        let bytes = record.bytes();
        let byte = |number: usize| bytes[number - 1];
        assert_eq!((byte(6), byte(7), byte(8)), (0x2C, 0x61, 9));
        assert_eq!(bytes[14..20], [0x95, 0x7A, 0x95, 0x7A, 0x3F, 0], "bytes 15 to 20");
        assert_eq!((byte(22), byte(23), byte(24)), (1, 0x16, 7));
        assert_eq!(bytes[24..30], [0xFE, 0xC0, 0xFF, 0x40, 0, 0xD2], "bytes 25 to 30");
        assert_eq!((byte(31), byte(32)), (1, 44));
        assert_eq!(bytes[36..44], [6, 5, 4, 3, 2, 1, 7, 8], "bytes 37 to 44");
        assert_eq!(bytes[47..], [0xC1, b'T'], "bytes 48 and 49");
        assert_eq!(usize::from(byte(5)) + 5, bytes.len());
    }

    #[test]
    fn names_are_packed_as_section_43_15_shows() {
        // The specification's own example of 6-bit ASCII.
        assert_eq!(Name::six_bit("IPMI").0, [0x83, 0x29, 0xDC, 0xA6]);
        assert_eq!(Name::bcd_plus("12.5").0, [0x42, 0x12, 0xC5]);
        assert_eq!(Name::ucs_2("Ω").0, [0x02, 0xA9, 0x03]);
        assert_eq!(Name::latin("é").0, [0xC1, 0xE9]);
    }

    #[test]
    fn a_shared_record_tells_how() {
        let share = Share { count: 3, letters: true, instances: true, offset: 2 };
        assert_eq!(share.bytes(), [0x13, 0x82]);
    }
}
