//! The bytes of FRU inventories, locator records and log entries. No I/O, no clock.
//!
//! FRU: Platform Management FRU Information Storage Definition 1.0, sections 8 to 13. Records and
//! entries: IPMI 2.0 tables 43-7 (type 11h), 43-8 (type 12h) and 32-1.

/// The Unix time at which scripts begin: 2026-01-01 00:00:00 UTC.
pub const NOW: u32 = 1_767_225_600;

/// What an inventory tells.
#[derive(Clone, Copy, Debug, Default)]
#[expect(missing_docs, reason = "the names are the specification's")]
pub struct Inventory<'a> {
    pub chassis_part: &'a str,
    pub chassis_serial: &'a str,
    pub board_maker: &'a str,
    pub board_product: &'a str,
    pub board_serial: &'a str,
    pub board_part: &'a str,
    pub product_maker: &'a str,
    pub product_name: &'a str,
    pub product_part: &'a str,
    pub product_version: &'a str,
    pub product_serial: &'a str,
    /// Of a power supply, watts; 0 for what is none.
    pub capacity: u16,
}

impl Inventory<'_> {
    /// The bytes: common header, then chassis, board and product area, and the record of a power supply.
    pub fn bytes(&self) -> Vec<u8> {
        // Chassis type 17h: rack mount.
        let chassis = area(&[0x17], &[self.chassis_part, self.chassis_serial]);
        // Language English; made 15,779,520 minutes after 1996: 2026-01-01.
        let board_fields =
            [self.board_maker, self.board_product, self.board_serial, self.board_part, ""];
        let board = area(&[0x19, 0xC0, 0xC6, 0xF0], &board_fields);
        let product_fields = [
            self.product_maker,
            self.product_name,
            self.product_part,
            self.product_version,
            self.product_serial,
            "",
            "",
        ];
        let product = area(&[0x19], &product_fields);
        let eighths = |bytes: usize| u8::try_from(bytes / 8).expect("areas are short");
        let (first, second) = (8, 8 + chassis.len());
        let third = second + board.len();
        let fourth = if self.capacity == 0 { 0 } else { eighths(third + product.len()) };
        let mut header = vec![1, 0, eighths(first), eighths(second), eighths(third), fourth, 0];
        header.push(zero_sum(&header));
        let supply = if self.capacity == 0 { Vec::new() } else { supply(self.capacity) };
        [header, chassis, board, product, supply].concat()
    }
}

/// An area: version, length in eighths, what is fixed, fields, end mark, padding, checksum.
fn area(fixed: &[u8], fields: &[&str]) -> Vec<u8> {
    let mut bytes = vec![1, 0];
    bytes.extend(fixed);
    for field in fields {
        let length = u8::try_from(field.len()).ok().filter(|length| *length < 64);
        bytes.push(0xC0 | length.expect("a field has less than 64 bytes"));
        bytes.extend(field.bytes());
    }
    bytes.push(0xC1);
    while bytes.len() % 8 != 7 {
        bytes.push(0);
    }
    bytes[1] = u8::try_from((bytes.len() + 1) / 8).expect("areas are short");
    bytes.push(zero_sum(&bytes));
    bytes
}

/// The multi-record of a power supply (FRU 1.0 §16.1 and §18.1), the last of its area: 90 to 264 V.
fn supply(capacity: u16) -> Vec<u8> {
    let mut data = vec![0; 24];
    data[..2].copy_from_slice(&capacity.to_le_bytes());
    // No peak power and no inrush are told.
    data[2..5].fill(0xFF);
    data[6..8].copy_from_slice(&9_000_u16.to_le_bytes());
    data[8..10].copy_from_slice(&26_400_u16.to_le_bytes());
    data[14..16].copy_from_slice(&[47, 63]);
    let mut record = vec![0x00, 0x82, 24, zero_sum(&data)];
    record.push(zero_sum(&record));
    record.extend(data);
    record
}

/// The byte that makes the sum zero.
fn zero_sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte)).wrapping_neg()
}

/// An FRU device locator: a logical FRU device of the BMC.
pub fn fru_locator(id: u8, entity: (u8, u8), name: &str) -> Vec<u8> {
    let body = [0x20, id, 0x80, 0x00, 0x00, 0x10, 0x00, entity.0, entity.1, 0x00];
    record(0x11, &body, name)
}

/// A management controller locator: the BMC itself, with sensors, SDR, SEL and FRU.
pub fn controller_locator(entity: (u8, u8), name: &str) -> Vec<u8> {
    record(0x12, &[0x20, 0x00, 0x00, 0x0F, 0, 0, 0, entity.0, entity.1, 0x00], name)
}

fn record(kind: u8, body: &[u8], name: &str) -> Vec<u8> {
    let text = u8::try_from(name.len()).ok().filter(|length| *length <= 16);
    let text = text.expect("a name has at most 16 bytes");
    let length = u8::try_from(body.len() + 1).expect("a body is short") + text;
    [&[0, 0, 0x51, kind, length], body, &[0xC0 | text], name.as_bytes()].concat()
}

/// An entry of the log about a sensor: seconds after [`NOW`], sensor type and number, event/reading
/// type, the event's offset and its two further bytes.
pub fn event(after: u32, (kind, number): (u8, u8), reading: u8, data: [u8; 3]) -> [u8; 16] {
    let [a, b, c, d] = (NOW + after).to_le_bytes();
    let [first, second, third] = data;
    [0, 0, 0x02, a, b, c, d, 0x20, 0x00, 0x04, kind, number, reading, first, second, third]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_area_sums_to_zero() {
        let inventory = Inventory { product_name: "DL320e Gen8", ..Inventory::default() };
        let bytes = inventory.bytes();
        assert_eq!(zero_sum(&bytes[..8]), 0);
        for area in &bytes[2..5] {
            let start = usize::from(*area) * 8;
            let length = usize::from(bytes[start + 1]) * 8;
            assert_eq!(zero_sum(&bytes[start..start + length]), 0);
        }
    }
}
