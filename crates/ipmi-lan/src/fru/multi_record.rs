//! The multi-record area of an inventory: power supplies, their outputs, and what the maker adds.
//! No I/O, no clock.

use super::sums_to_zero;
use crate::text;

/// The bytes before a record's data (FRU 1.3 table 16-1).
pub(crate) const RECORD_HEADER_BYTES: usize = 5;

/// The records of the multi-record area (FRU 1.3 §16), in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct MultiRecordArea {
    /// The records.
    pub records: Vec<MultiRecord>,
    /// Whether the list ended where a record says that it is the last; else a header was damaged,
    /// or the area is longer than what is read of it.
    pub complete: bool,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MultiRecord {
    /// What it says.
    pub content: RecordContent,
    /// Whether the checksum of the data holds. That of the header always does.
    pub checksum_holds: bool,
}

/// What a record says, by its type (FRU 1.3 §18).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RecordContent {
    /// Type 00h.
    PowerSupply(PowerSupply),
    /// Type 01h.
    DcOutput(DcOutput),
    /// Type 02h.
    DcLoad(DcLoad),
    /// Type 03h.
    ManagementAccess(ManagementAccess),
    /// Type 04h: FRUs that this one can be replaced by.
    BaseCompatibility(Compatibility),
    /// Type 05h: the same, for a maker's own numbers.
    ExtendedCompatibility(Compatibility),
    /// Any other type, an OEM's (C0h and above) for instance, and records too short for their type.
    Other {
        /// The record's type.
        kind: u8,
        /// Its data, as it came; of an OEM's the first three bytes are the maker's IANA number.
        data: Vec<u8>,
    },
}

/// A power supply (FRU 1.3 table 18-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PowerSupply {
    /// Overall capacity in watts, 0-4095.
    pub capacity_watts: u16,
    /// Peak apparent power in volt-amperes; `None` if not specified.
    pub peak_volt_amperes: Option<u16>,
    /// Inrush current in amperes; `None` if not specified.
    pub inrush_amperes: Option<u8>,
    /// How long the inrush lasts, in milliseconds; only where its current is specified.
    pub inrush_milliseconds: Option<u8>,
    /// Ranges of input voltage as (least, greatest) in units of 10 mV; the second is (0, 0) where
    /// there is one range only.
    pub input_ranges: [(u16, u16); 2],
    /// Range of input frequency in hertz, (0, 0) for direct current.
    pub input_hertz: (u8, u8),
    /// How long the input may drop out, in milliseconds.
    pub dropout_milliseconds: u8,
    /// The binary flags, as they came: bit 0 predictive failure, 1 power factor correction, 2
    /// autoswitch, 3 hot swap, 4 two tachometer pulses per rotation (or the polarity of the
    /// predictive failure signal).
    pub flags: u8,
    /// Peak capacity in watts, 0-4095.
    pub peak_watts: u16,
    /// How long peak capacity can be held, in seconds, 0-15.
    pub hold_up_seconds: u8,
    /// Two voltages that share a wattage, as the codes 0 (12 V), 1 (-12 V), 2 (5 V), 3 (3.3 V), and
    /// that wattage; 0 W for none.
    pub combined: (u8, u8, u16),
    /// Rotations per second of the fan below which it will fail soon.
    pub predictive_failure_rps: u8,
}

/// An output of a power supply (FRU 1.3 table 18-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DcOutput {
    /// Which output, 0-15.
    pub number: u8,
    /// Whether it is there in standby.
    pub standby: bool,
    /// Nominal voltage in units of 10 mV.
    pub nominal: i16,
    /// Greatest voltage in the negative direction, in units of 10 mV.
    pub most_negative: i16,
    /// Greatest voltage in the positive direction, in units of 10 mV.
    pub most_positive: i16,
    /// Ripple and noise peak to peak, in millivolts.
    pub ripple_millivolts: u16,
    /// Least current that must be drawn, in milliamperes.
    pub minimum_milliamperes: u16,
    /// Greatest current that may be drawn, in milliamperes.
    pub maximum_milliamperes: u16,
}

/// What a FRU draws from an output (FRU 1.3 table 18-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DcLoad {
    /// Which output, 0-15.
    pub number: u8,
    /// Nominal voltage in units of 10 mV.
    pub nominal: i16,
    /// Least voltage it works with, in units of 10 mV.
    pub minimum: i16,
    /// Greatest voltage it works with, in units of 10 mV.
    pub maximum: i16,
    /// Ripple and noise peak to peak that it puts up with, in millivolts.
    pub ripple_millivolts: u16,
    /// Least current it draws, in milliamperes.
    pub minimum_milliamperes: u16,
    /// Greatest current it draws, in milliamperes.
    pub maximum_milliamperes: u16,
}

/// Where the FRU is managed (FRU 1.3 table 18-6).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ManagementAccess {
    /// What the text is: 1 the system's management URL, 2 name, 3 ping address; 4, 5 and 6 the same
    /// of the component; 7 the system's unique ID.
    pub kind: u8,
    /// The text, or the hexadecimal digits of a unique ID.
    pub text: String,
}

/// Which FRUs are compatible (FRU 1.3 table 18-7).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Compatibility {
    /// The maker's IANA enterprise number.
    pub manufacturer_id: u32,
    /// Entity ID of what is compatible.
    pub entity_id: u8,
    /// Compatibility base, the maker's.
    pub base: u8,
    /// The first compatible code, 0-127.
    pub first_code: u8,
    /// Bit n of the bytes in their order: code `first_code + 1 + n` is compatible, too.
    pub mask: Vec<u8>,
}

/// The header of a record, whose checksum holds.
struct Header {
    kind: u8,
    last: bool,
    length: usize,
    data_checksum: u8,
}

impl Header {
    fn parse(bytes: &[u8]) -> Option<Header> {
        let header = bytes.first_chunk::<RECORD_HEADER_BYTES>()?;
        let [kind, format, length, data_checksum, _] = *header;
        // An empty device is full of 0xFF or 0; the latter would even sum to zero.
        let known = format & 0x0F == 2 && sums_to_zero(header);
        let last = format & 0x80 != 0;
        known.then_some(Header { kind, last, length: usize::from(length), data_checksum })
    }
}

impl MultiRecordArea {
    /// Decodes the area from its first record on, as far as there are bytes.
    pub fn parse(mut bytes: &[u8]) -> MultiRecordArea {
        let mut area = MultiRecordArea::default();
        while let Some(header) = Header::parse(bytes) {
            let end = RECORD_HEADER_BYTES + header.length;
            let Some(data) = bytes.get(RECORD_HEADER_BYTES..end) else { break };
            let sum = data.iter().fold(header.data_checksum, |sum, byte| sum.wrapping_add(*byte));
            let content = RecordContent::parse(header.kind, data);
            area.records.push(MultiRecord { content, checksum_holds: sum == 0 });
            if header.last {
                area.complete = true;
                break;
            }
            bytes = bytes.get(end..).unwrap_or_default();
        }
        area
    }
}

/// How many bytes of the area are needed to go on: up to the end of the last record that is known
/// of, and the header behind it. `None` when nothing follows what is there.
pub(crate) fn needed(bytes: &[u8]) -> Option<usize> {
    let mut place = 0_usize;
    loop {
        let rest = bytes.get(place..).unwrap_or_default();
        if rest.len() < RECORD_HEADER_BYTES {
            return Some(place.saturating_add(RECORD_HEADER_BYTES));
        }
        let header = Header::parse(rest)?;
        let end = place.saturating_add(RECORD_HEADER_BYTES + header.length);
        if header.last {
            return (bytes.len() < end).then_some(end);
        }
        place = end;
    }
}

impl RecordContent {
    fn parse(kind: u8, data: &[u8]) -> RecordContent {
        let known = match kind {
            0x00 => PowerSupply::parse(data).map(RecordContent::PowerSupply),
            0x01 => DcOutput::parse(data).map(RecordContent::DcOutput),
            0x02 => DcLoad::parse(data).map(RecordContent::DcLoad),
            0x03 => ManagementAccess::parse(data).map(RecordContent::ManagementAccess),
            0x04 => Compatibility::parse(data).map(RecordContent::BaseCompatibility),
            0x05 => Compatibility::parse(data).map(RecordContent::ExtendedCompatibility),
            _ => None,
        };
        known.unwrap_or_else(|| RecordContent::Other { kind, data: data.to_vec() })
    }
}

impl PowerSupply {
    fn parse(data: &[u8]) -> Option<PowerSupply> {
        let (fixed, _) = data.split_first_chunk::<24>()?;
        let [c0, c1, v0, v1, inrush, interval, ranges @ ..] = *fixed;
        let [l0, l1, h0, h1, m0, m1, n0, n1, low_hertz, high_hertz, rest @ ..] = ranges;
        let [dropout, flags, p0, p1, voltages, w0, w1, predictive_failure_rps] = rest;
        let word = |low, high| u16::from_le_bytes([low, high]);
        let specified = inrush != 0xFF;
        Some(PowerSupply {
            capacity_watts: word(c0, c1) & 0x0FFF,
            peak_volt_amperes: Some(word(v0, v1)).filter(|power| *power != 0xFFFF),
            inrush_amperes: specified.then_some(inrush),
            inrush_milliseconds: specified.then_some(interval),
            input_ranges: [(word(l0, l1), word(h0, h1)), (word(m0, m1), word(n0, n1))],
            input_hertz: (low_hertz, high_hertz),
            dropout_milliseconds: dropout,
            flags: flags & 0x1F,
            peak_watts: word(p0, p1) & 0x0FFF,
            hold_up_seconds: p1 >> 4,
            combined: (voltages >> 4, voltages & 0x0F, word(w0, w1)),
            predictive_failure_rps,
        })
    }
}

/// The six words that outputs and loads have in common: three voltages and three magnitudes.
fn words(data: &[u8]) -> Option<(u8, [i16; 3], [u16; 3])> {
    let (fixed, _) = data.split_first_chunk::<13>()?;
    let [number, a0, a1, b0, b1, c0, c1, r0, r1, l0, l1, h0, h1] = *fixed;
    let volts = [[a0, a1], [b0, b1], [c0, c1]].map(i16::from_le_bytes);
    Some((number, volts, [[r0, r1], [l0, l1], [h0, h1]].map(u16::from_le_bytes)))
}

impl DcOutput {
    fn parse(data: &[u8]) -> Option<DcOutput> {
        let (number, [nominal, most_negative, most_positive], [ripple, least, most]) = words(data)?;
        Some(DcOutput {
            number: number & 0x0F,
            standby: number & 0x80 != 0,
            nominal,
            most_negative,
            most_positive,
            ripple_millivolts: ripple,
            minimum_milliamperes: least,
            maximum_milliamperes: most,
        })
    }
}

impl DcLoad {
    fn parse(data: &[u8]) -> Option<DcLoad> {
        let (number, [nominal, minimum, maximum], [ripple, least, most]) = words(data)?;
        Some(DcLoad {
            number: number & 0x0F,
            nominal,
            minimum,
            maximum,
            ripple_millivolts: ripple,
            minimum_milliamperes: least,
            maximum_milliamperes: most,
        })
    }
}

impl ManagementAccess {
    fn parse(data: &[u8]) -> Option<ManagementAccess> {
        let (&kind, text) = data.split_first()?;
        let text =
            if kind == 7 { text::hexadecimal(text) } else { text::clean(&text::eight_bit(text)) };
        Some(ManagementAccess { kind, text })
    }
}

impl Compatibility {
    fn parse(data: &[u8]) -> Option<Compatibility> {
        let [m0, m1, m2, entity_id, base, first_code, mask @ ..] = data else { return None };
        Some(Compatibility {
            manufacturer_id: u32::from_le_bytes([*m0, *m1, *m2, 0]),
            entity_id: *entity_id,
            base: *base,
            first_code: first_code & 0x7F,
            mask: mask.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, last: bool, data: &[u8]) -> Vec<u8> {
        let negative = |bytes: &[u8]| bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_sub(*byte));
        let end = if last { 0x82 } else { 0x02 };
        let mut record = vec![kind, end, u8::try_from(data.len()).unwrap(), negative(data)];
        record.push(negative(&record));
        record.extend(data);
        record
    }

    const SUPPLY: [u8; 24] = [
        0x20, 0x03, 0xE8, 0x03, 30, 10, 0x28, 0x23, 0x38, 0x31, 0x50, 0x46, 0x70, 0x67, 47, 63, 20,
        0x0E, 0x84, 0x53, 0x20, 0x2C, 0x01, 17,
    ];

    #[test]
    fn a_power_supply_is_taken_apart() {
        let area = MultiRecordArea::parse(&record(0, true, &SUPPLY));
        assert!(area.complete);
        let [MultiRecord { content: RecordContent::PowerSupply(supply), checksum_holds: true }] =
            area.records[..]
        else {
            panic!("{area:?}")
        };
        let expected = PowerSupply {
            capacity_watts: 800,
            peak_volt_amperes: Some(1000),
            inrush_amperes: Some(30),
            inrush_milliseconds: Some(10),
            input_ranges: [(9_000, 12_600), (18_000, 26_480)],
            input_hertz: (47, 63),
            dropout_milliseconds: 20,
            flags: 0x0E,
            peak_watts: 900,
            hold_up_seconds: 5,
            combined: (2, 0, 300),
            predictive_failure_rps: 17,
        };
        assert_eq!(supply, expected);
        let mut vague = SUPPLY;
        vague[2..5].copy_from_slice(&[0xFF; 3]);
        let vague = PowerSupply::parse(&vague).unwrap();
        assert_eq!((vague.peak_volt_amperes, vague.inrush_amperes), (None, None));
        assert_eq!(vague.inrush_milliseconds, None);
    }

    #[test]
    fn outputs_and_loads_have_signed_voltages() {
        let data =
            [0x81, 0x50, 0xFB, 0x14, 0xFB, 0x8C, 0xFB, 120, 0, 0, 0, 0xF4, 0x01, /* more */ 9];
        let output = DcOutput::parse(&data).unwrap();
        assert_eq!((output.number, output.standby), (1, true));
        assert_eq!((output.nominal, output.most_negative), (-1_200, -1_260));
        assert_eq!((output.most_positive, output.ripple_millivolts), (-1_140, 120));
        assert_eq!((output.minimum_milliamperes, output.maximum_milliamperes), (0, 500));
        let load = DcLoad::parse(&data).unwrap();
        assert_eq!((load.number, load.nominal, load.minimum), (1, -1_200, -1_260));
        assert_eq!((load.maximum, load.maximum_milliamperes), (-1_140, 500));
    }

    #[test]
    fn access_compatibility_and_oem_records_are_kept() {
        let list = [
            record(3, false, b"\x01http://bmc.example\0\0"),
            record(3, false, &[7, 0xAB, 0xCD]),
            record(4, false, &[0x0B, 0, 0, 0x0A, 9, 0x83, 0x05]),
            record(5, false, &[0x0B, 0, 0, 0x0A, 9, 0x03]),
            record(0xC5, false, &[1, 2, 3, 4]),
            record(2, true, &[1; 12]),
        ]
        .concat();
        let area = MultiRecordArea::parse(&list);
        let contents: Vec<_> = area.records.into_iter().map(|record| record.content).collect();
        let compatibility = |mask: &[u8]| Compatibility {
            manufacturer_id: 11,
            entity_id: 10,
            base: 9,
            first_code: 3,
            mask: mask.to_vec(),
        };
        let access = |kind, text: &str| {
            RecordContent::ManagementAccess(ManagementAccess { kind, text: text.into() })
        };
        let expected = [
            access(1, "http://bmc.example"),
            access(7, "abcd"),
            RecordContent::BaseCompatibility(compatibility(&[5])),
            RecordContent::ExtendedCompatibility(compatibility(&[])),
            RecordContent::Other { kind: 0xC5, data: vec![1, 2, 3, 4] },
            RecordContent::Other { kind: 2, data: vec![1; 12] },
        ];
        assert_eq!(contents, expected);
    }

    #[test]
    fn a_damaged_header_ends_the_list_and_damaged_data_is_told() {
        let mut list = [record(0xC0, false, &[1, 2, 3]), record(0xC1, true, &[4])].concat();
        list[5] ^= 1;
        let area = MultiRecordArea::parse(&list);
        let sums: Vec<_> = area.records.iter().map(|record| record.checksum_holds).collect();
        assert_eq!((sums, area.complete), (vec![false, true], true));
        list[8] ^= 1;
        let area = MultiRecordArea::parse(&list);
        assert_eq!((area.records.len(), area.complete), (1, false));
        for empty in [&[0; 64][..], &[0xFF; 64], &[]] {
            assert_eq!(MultiRecordArea::parse(empty), MultiRecordArea::default());
        }
    }

    #[test]
    fn what_is_needed_grows_with_each_header_and_ends_with_the_last() {
        let list = [record(0xC0, false, &[1, 2, 3]), record(0xC1, true, &[4])].concat();
        for length in 0..=list.len() {
            let expected = match length {
                0..5 => Some(5),
                // The first record and the next one's header.
                5..13 => Some(13),
                13..14 => Some(14),
                _ => None,
            };
            assert_eq!(needed(&list[..length]), expected, "{length} bytes");
        }
        assert_eq!(needed(&[0; 5]), None);
    }
}
