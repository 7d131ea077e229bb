//! What a BMC says of itself. No I/O, no clock.

use crate::error::CommandError;

/// The reply to Get Device ID (specification table 20-2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DeviceId {
    /// Device ID, chosen by the maker.
    pub device_id: u8,
    /// Device revision, 0-15.
    pub device_revision: u8,
    /// Whether the device has SDRs of its own beside a repository.
    pub provides_device_sdrs: bool,
    /// Whether normal operation is suspended (firmware or SDR update).
    pub updating: bool,
    /// Major firmware revision, 0-127.
    pub firmware_major: u8,
    /// Minor firmware revision as it came: two digits of BCD, or what the maker likes.
    pub firmware_minor: u8,
    /// IPMI version as (major, minor).
    pub ipmi_version: (u8, u8),
    /// The additional device support bits, as they came.
    pub support: u8,
    /// The maker's IANA enterprise number, 20 bits.
    pub manufacturer_id: u32,
    /// Product ID, chosen by the maker.
    pub product_id: u16,
}

impl DeviceId {
    /// Decodes the reply's data (without completion code).
    pub fn parse(data: &[u8]) -> Result<DeviceId, CommandError> {
        let [device_id, revision, major, minor, version, support, m0, m1, m2, p0, p1, ..] = *data
        else {
            return Err(CommandError::Malformed);
        };
        Ok(DeviceId {
            device_id,
            device_revision: revision & 0x0F,
            provides_device_sdrs: revision & 0x80 != 0,
            updating: major & 0x80 != 0,
            firmware_major: major & 0x7F,
            firmware_minor: minor,
            // The version is BCD with its nibbles the other way round: 51h is 1.5, 02h is 2.0.
            ipmi_version: (version & 0x0F, version >> 4),
            support,
            manufacturer_id: u32::from_le_bytes([m0, m1, m2 & 0x0F, 0]),
            product_id: u16::from_le_bytes([p0, p1]),
        })
    }

    /// Firmware revision as it is usually printed: `2.70`, and `2.3c` where the minor one is no BCD, so
    /// that no two revisions look alike.
    pub fn firmware(&self) -> String {
        format!("{}.{:02x}", self.firmware_major, self.firmware_minor)
    }
}

/// The reply to Get Self Test Results (specification §20.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SelfTest {
    /// Every test passed (55h).
    Passed,
    /// The BMC has no self test (56h).
    NotImplemented,
    /// Data or devices are corrupted or cannot be reached (57h). Bits from 7 on: SEL, SDR
    /// repository, BMC FRU, IPMB, SDR repository empty, FRU internal use area, boot block firmware,
    /// operational firmware.
    Corrupted(u8),
    /// The controller has a fatal hardware error (58h).
    Fatal(u8),
    /// A result of the device's own: code and detail.
    DeviceSpecific(u8, u8),
}

impl SelfTest {
    /// Decodes the reply's data (without completion code).
    pub fn parse(data: &[u8]) -> Result<SelfTest, CommandError> {
        let [result, detail, ..] = *data else { return Err(CommandError::Malformed) };
        Ok(match result {
            0x55 => SelfTest::Passed,
            0x56 => SelfTest::NotImplemented,
            0x57 => SelfTest::Corrupted(detail),
            0x58 => SelfTest::Fatal(detail),
            code => SelfTest::DeviceSpecific(code, detail),
        })
    }
}

/// The reply to Get System GUID (specification §22.14), as the 16 bytes came.
///
/// Which text that is depends on the firmware: the specification sends the last byte first, many
/// makers send what SMBIOS has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SystemGuid(pub [u8; 16]);

impl SystemGuid {
    /// Decodes the reply's data (without completion code).
    pub fn parse(data: &[u8]) -> Result<SystemGuid, CommandError> {
        data.first_chunk::<16>().map(|bytes| SystemGuid(*bytes)).ok_or(CommandError::Malformed)
    }

    /// Read as the specification (table 20-10) has it.
    pub fn as_ipmi(&self) -> String {
        let mut bytes = self.0;
        bytes.reverse();
        hyphenated(bytes)
    }

    /// Read as SMBIOS has it: the first three fields little-endian.
    pub fn as_smbios(&self) -> String {
        let mut bytes = self.0;
        let (fields, _) = bytes.split_at_mut(8);
        let (first, others) = fields.split_at_mut(4);
        let (second, third) = others.split_at_mut(2);
        for field in [first, second, third] {
            field.reverse();
        }
        hyphenated(bytes)
    }
}

/// 8-4-4-4-12 hexadecimal digits.
fn hyphenated(bytes: [u8; 16]) -> String {
    let digits = format!("{:032x}", u128::from_be_bytes(bytes));
    let part = |range: std::ops::Range<usize>| digits.get(range).unwrap_or_default();
    [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_is_read_both_ways() {
        let bytes: Vec<u8> = (0..16).collect();
        let guid = SystemGuid::parse(&bytes).unwrap();
        assert_eq!(guid.as_ipmi(), "0f0e0d0c-0b0a-0908-0706-050403020100");
        assert_eq!(guid.as_smbios(), "03020100-0504-0706-0809-0a0b0c0d0e0f");
        assert_eq!(SystemGuid::parse(&bytes[1..]), Err(CommandError::Malformed));
    }

    #[test]
    fn each_self_test_result_is_told_apart() {
        assert_eq!(SelfTest::parse(&[0x55, 0]), Ok(SelfTest::Passed));
        assert_eq!(SelfTest::parse(&[0x57, 0x80]), Ok(SelfTest::Corrupted(0x80)));
        assert_eq!(SelfTest::parse(&[0x42, 7]), Ok(SelfTest::DeviceSpecific(0x42, 7)));
        assert_eq!(SelfTest::parse(&[0x55]), Err(CommandError::Malformed));
    }

    #[test]
    fn an_ilo_is_decoded() {
        let data = [0x13, 0x01, 0x02, 0x70, 0x02, 0x8F, 0x0B, 0, 0, 0, 0x20];
        let id = DeviceId::parse(&data).unwrap();
        assert_eq!(id.firmware(), "2.70");
        assert_eq!(id.ipmi_version, (2, 0));
        assert_eq!((id.manufacturer_id, id.product_id), (11, 0x2000));
        assert!(!id.provides_device_sdrs && !id.updating);
    }

    #[test]
    fn revisions_that_are_no_bcd_stay_apart() {
        let firmware = |minor| {
            let data = [0x20, 0x01, 0x02, minor, 0x02, 0xBF, 0x57, 0x03, 0, 0x8C, 0x04];
            DeviceId::parse(&data).unwrap().firmware()
        };
        assert_eq!([0x3C, 0x42, 0x05].map(firmware), ["2.3c", "2.42", "2.05"]);
    }

    #[test]
    fn every_shorter_reply_is_malformed() {
        for length in 0..11 {
            assert_eq!(DeviceId::parse(&vec![0xFF; length]), Err(CommandError::Malformed));
        }
    }
}
