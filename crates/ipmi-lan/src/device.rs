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
    /// Minor firmware revision, decoded from BCD.
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
            firmware_minor: (minor >> 4).saturating_mul(10).saturating_add(minor & 0x0F),
            // The version is BCD with its nibbles the other way round: 51h is 1.5, 02h is 2.0.
            ipmi_version: (version & 0x0F, version >> 4),
            support,
            manufacturer_id: u32::from_le_bytes([m0, m1, m2 & 0x0F, 0]),
            product_id: u16::from_le_bytes([p0, p1]),
        })
    }

    /// Firmware revision as it is usually printed: `2.70`.
    pub fn firmware(&self) -> String {
        format!("{}.{:02}", self.firmware_major, self.firmware_minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn every_shorter_reply_is_malformed() {
        for length in 0..11 {
            assert_eq!(DeviceId::parse(&vec![0xFF; length]), Err(CommandError::Malformed));
        }
    }
}
