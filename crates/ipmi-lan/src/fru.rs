//! FRU inventory: who made the board, and its serial number. No I/O, no clock.
//!
//! The layout is that of the "Platform Management FRU Information Storage Definition" 1.3.

use crate::error::CommandError;
use crate::text;

pub mod fetch;
mod multi_record;

pub use multi_record::{
    Compatibility, DcLoad, DcOutput, ManagementAccess, MultiRecord, MultiRecordArea, PowerSupply,
    RecordContent,
};

/// The reply to Get FRU Inventory Area Info (specification table 34-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FruInfo {
    /// Size in bytes.
    pub size: u16,
    /// Whether offsets and counts are words of two bytes.
    pub by_words: bool,
}

impl FruInfo {
    /// Decodes the reply's data (without completion code).
    pub fn parse(data: &[u8]) -> Result<FruInfo, CommandError> {
        let [s0, s1, access, ..] = *data else { return Err(CommandError::Malformed) };
        Ok(FruInfo { size: u16::from_le_bytes([s0, s1]), by_words: access & 0x01 != 0 })
    }
}

/// The inventory of one FRU (FRU 1.3 §8 to §16); an area that is not there, or makes no sense, is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Fru {
    /// Chassis info area.
    pub chassis: Option<ChassisArea>,
    /// Board info area.
    pub board: Option<BoardArea>,
    /// Product info area.
    pub product: Option<ProductArea>,
    /// Multi-record area, if it has a record.
    pub multi_records: Option<MultiRecordArea>,
}

/// Chassis info area (FRU 1.3 §10).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ChassisArea {
    /// Type of chassis, as SMBIOS numbers it.
    pub kind: u8,
    /// Part number.
    pub part_number: String,
    /// Serial number.
    pub serial_number: String,
    /// Fields of the maker's own.
    pub custom: Vec<String>,
    /// Whether the area's checksum holds. Many makers' do not.
    pub checksum_holds: bool,
}

/// Board info area (FRU 1.3 §11).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct BoardArea {
    /// When it was made, in seconds since 1970; `None` if not told.
    pub manufactured: Option<u64>,
    /// Manufacturer.
    pub manufacturer: String,
    /// Product name.
    pub product_name: String,
    /// Serial number.
    pub serial_number: String,
    /// Part number.
    pub part_number: String,
    /// Fields of the maker's own.
    pub custom: Vec<String>,
    /// Whether the area's checksum holds. Many makers' do not.
    pub checksum_holds: bool,
}

/// Product info area (FRU 1.3 §12).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ProductArea {
    /// Manufacturer.
    pub manufacturer: String,
    /// Product name.
    pub product_name: String,
    /// Part or model number.
    pub part_number: String,
    /// Version.
    pub version: String,
    /// Serial number.
    pub serial_number: String,
    /// Asset tag.
    pub asset_tag: String,
    /// Fields of the maker's own.
    pub custom: Vec<String>,
    /// Whether the area's checksum holds. Many makers' do not.
    pub checksum_holds: bool,
}

/// Where the areas begin: the common header (FRU 1.3 §8), offsets in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    chassis: Option<u16>,
    board: Option<u16>,
    product: Option<u16>,
    multi_records: Option<u16>,
}

/// The bytes of the common header.
pub(crate) const HEADER_BYTES: u16 = 8;

impl Header {
    /// Decodes the common header; `None` if there is none (an empty device is full of `0xFF` or 0).
    ///
    /// Its checksum must hold: every offset depends on it.
    pub(crate) fn parse(header: &[u8]) -> Option<Header> {
        let header = header.first_chunk::<8>()?;
        let [format, _internal, chassis, board, product, multi_records, _pad, _checksum] = *header;
        if format & 0x0F != 1 || !sums_to_zero(header) {
            return None;
        }
        let offset = |multiple: u8| (multiple != 0).then_some(u16::from(multiple) * 8);
        Some(Header {
            chassis: offset(chassis),
            board: offset(board),
            product: offset(product),
            multi_records: offset(multi_records),
        })
    }

    /// Where the chassis, board and product areas begin.
    pub(crate) fn areas(&self) -> [Option<u16>; 3] {
        [self.chassis, self.board, self.product]
    }

    /// Where the multi-record area begins.
    pub(crate) fn multi_records(&self) -> Option<u16> {
        self.multi_records
    }
}

/// The most that is read of a multi-record area, in bytes; power supplies have some hundred.
pub(crate) const MULTI_RECORD_BYTES: u16 = 2048;

/// How long an area is, in bytes, by its first two bytes.
pub(crate) fn area_length(area: &[u8]) -> Option<u16> {
    match *area {
        [format, length, ..] if format & 0x0F == 1 && length > 0 => Some(u16::from(length) * 8),
        _ => None,
    }
}

fn sums_to_zero(bytes: &[u8]) -> bool {
    bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)) == 0
}

impl Fru {
    /// Decodes a whole inventory from byte 0 on; at most 8 KiB of it are looked at.
    pub fn parse(bytes: &[u8]) -> Fru {
        let Some(header) = Header::parse(bytes) else { return Fru::default() };
        let [chassis, board, product] = header.areas().map(|offset| {
            let area = bytes.get(usize::from(offset?)..)?;
            area.get(..usize::from(area_length(area)?))
        });
        Fru {
            chassis: chassis.and_then(ChassisArea::parse),
            board: board.and_then(BoardArea::parse),
            product: product.and_then(ProductArea::parse),
            multi_records: header.multi_records().and_then(|offset| {
                let area = bytes.get(usize::from(offset)..)?;
                multi_records(area.get(..usize::from(MULTI_RECORD_BYTES)).unwrap_or(area))
            }),
        }
    }

    /// Nothing that could be decoded is there.
    pub fn is_empty(&self) -> bool {
        *self == Fru::default()
    }
}

/// The area in `bytes`, if it has a record.
fn multi_records(bytes: &[u8]) -> Option<MultiRecordArea> {
    Some(MultiRecordArea::parse(bytes)).filter(|area| !area.records.is_empty())
}

impl ChassisArea {
    /// Decodes an area from its format byte to its checksum.
    pub fn parse(area: &[u8]) -> Option<ChassisArea> {
        let [_format, _length, kind, fields @ .., _checksum] = area else { return None };
        let mut fields = Fields { bytes: fields, english: true };
        Some(ChassisArea {
            kind: *kind,
            part_number: fields.text(),
            serial_number: fields.text(),
            custom: fields.collect(),
            checksum_holds: sums_to_zero(area),
        })
    }
}

impl BoardArea {
    /// Decodes an area from its format byte to its checksum.
    pub fn parse(area: &[u8]) -> Option<BoardArea> {
        let [_format, _length, language, m0, m1, m2, fields @ .., _checksum] = area else {
            return None;
        };
        let mut fields = Fields { bytes: fields, english: is_english(*language) };
        let minutes = u32::from_le_bytes([*m0, *m1, *m2, 0]);
        let (manufacturer, product_name) = (fields.text(), fields.text());
        let (serial_number, part_number) = (fields.text(), fields.text());
        let _file_id = fields.next();
        Some(BoardArea {
            // 0 is "unspecified".
            manufactured: (minutes != 0).then_some(EPOCH_1996 + u64::from(minutes) * 60),
            manufacturer,
            product_name,
            serial_number,
            part_number,
            custom: fields.collect(),
            checksum_holds: sums_to_zero(area),
        })
    }
}

impl ProductArea {
    /// Decodes an area from its format byte to its checksum.
    pub fn parse(area: &[u8]) -> Option<ProductArea> {
        let [_format, _length, language, fields @ .., _checksum] = area else { return None };
        let mut fields = Fields { bytes: fields, english: is_english(*language) };
        let (manufacturer, product_name) = (fields.text(), fields.text());
        let (part_number, version) = (fields.text(), fields.text());
        let (serial_number, asset_tag) = (fields.text(), fields.text());
        let _file_id = fields.next();
        Some(ProductArea {
            manufacturer,
            product_name,
            part_number,
            version,
            serial_number,
            asset_tag,
            custom: fields.collect(),
            checksum_holds: sums_to_zero(area),
        })
    }
}

/// 1996-01-01 00:00, from which dates of manufacture count, in seconds since 1970.
const EPOCH_1996: u64 = 820_454_400;

/// Language codes 0 and 25 (FRU 1.3 §15): text is Latin 1, in all others it is UCS-2, as it should
/// be ([`text::unicode`]).
fn is_english(language: u8) -> bool {
    matches!(language, 0 | 25)
}

/// The fields of an area, one after the other, up to the end mark C1h.
struct Fields<'a> {
    bytes: &'a [u8],
    english: bool,
}

impl Fields<'_> {
    /// The next field; empty when there is none.
    fn text(&mut self) -> String {
        self.next().unwrap_or_default()
    }
}

impl Iterator for Fields<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let (&type_length, rest) = self.bytes.split_first()?;
        if type_length == 0xC1 {
            self.bytes = &[];
            return None;
        }
        let length = usize::from(type_length & 0x3F);
        let Some((field, rest)) = rest.split_at_checked(length) else {
            // A field that would reach beyond its area is none.
            self.bytes = &[];
            return None;
        };
        self.bytes = rest;
        Some(text::clean(&match type_length >> 6 {
            0 => text::hexadecimal(field),
            1 => text::bcd_plus(field),
            2 => text::six_bit(field),
            _ if self.english => text::eight_bit(field),
            _ => text::unicode(field),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(head: &[u8], fields: &[&[u8]]) -> Vec<u8> {
        let mut area = vec![1, 0];
        area.extend(head);
        area.extend(fields.concat());
        area.push(0xC1);
        while area.len() % 8 != 7 {
            area.push(0);
        }
        area[1] = u8::try_from(area.len() / 8 + 1).unwrap();
        area.push(area.iter().fold(0_u8, |sum, byte| sum.wrapping_sub(*byte)));
        area
    }

    fn inventory(chassis: &[u8], board: &[u8], product: &[u8]) -> Vec<u8> {
        let place = |bytes: usize| u8::try_from(bytes / 8).unwrap();
        let at_board = 8 + chassis.len();
        let mut all = vec![1, 0, 1, place(at_board), place(at_board + board.len()), 0, 0];
        all.push(all.iter().fold(0_u8, |sum, byte| sum.wrapping_sub(*byte)));
        [&all[..], chassis, board, product].concat()
    }

    #[test]
    fn all_three_areas_and_all_four_encodings_are_read() {
        let chassis = area(&[17], &[b"\xC3C-1", b"\x42\x12\x3B", b"\xC2x\xE9"]);
        let board = area(
            &[25, 0x10, 0x20, 0x30],
            &[b"\xC4Acme", b"\x83\x29\xDC\xA6", b"\x02\xAB\xCD", b"\xC0", b"\xC0"],
        );
        let product = area(&[1], &[b"\xC4\x42\0\x16\x04", b"\xC0", b"\xC0", b"\xC0", b"\xC2S\0"]);
        let fru = Fru::parse(&inventory(&chassis, &board, &product));
        let chassis = fru.chassis.unwrap();
        assert_eq!((chassis.kind, chassis.part_number.as_str()), (17, "C-1"));
        assert_eq!(
            (chassis.serial_number.as_str(), &chassis.custom[..]),
            ("123-", &["xé".into()][..])
        );
        let board = fru.board.unwrap();
        assert_eq!(board.manufactured, Some(820_454_400 + 0x0030_2010 * 60));
        assert_eq!((board.manufacturer.as_str(), board.product_name.as_str()), ("Acme", "IPMI"));
        assert_eq!((board.serial_number.as_str(), board.part_number.as_str()), ("abcd", ""));
        assert!(board.custom.is_empty() && board.checksum_holds);
        let product = fru.product.unwrap();
        assert_eq!((product.manufacturer.as_str(), product.serial_number.as_str()), ("BЖ", "S"));
        let bare = area(&[9], &[b"\xC8Kr\xFCger 1", b"\xC4PR-1", b"\xC0", b"\xC0", b"\xC3S-1"]);
        let bare = ProductArea::parse(&bare).unwrap();
        assert_eq!((bare.manufacturer.as_str(), bare.product_name.as_str()), ("Krüger 1", "PR-1"));
        assert_eq!(bare.serial_number, "S-1", "German, and no UCS-2 all the same");
    }

    #[test]
    fn a_wrong_checksum_of_an_area_is_told_and_of_the_header_is_the_end() {
        let mut all = inventory(&area(&[17], &[b"\xC1"]), &area(&[0, 0, 0, 0], &[]), &[]);
        all[10] ^= 1;
        let fru = Fru::parse(&all);
        assert!(!fru.chassis.unwrap().checksum_holds);
        assert!(
            fru.board.is_some_and(|board| board.checksum_holds && board.manufactured.is_none())
        );
        assert_eq!(fru.product, None, "it would begin where the inventory ends");
        all[3] ^= 1;
        assert!(Fru::parse(&all).is_empty());
        assert!(Fru::parse(&[0xFF; 64]).is_empty() && Fru::parse(&[]).is_empty());
    }

    #[test]
    fn a_field_that_reaches_beyond_its_area_is_none() {
        let chassis = area(&[17], &[b"\xC2ab", b"\xFFcd"]);
        let read = ChassisArea::parse(&chassis).unwrap();
        assert_eq!((read.part_number.as_str(), read.serial_number.as_str()), ("ab", ""));
    }
}
