//! What a sensor is attached to. No I/O, no clock.

/// An entity: what a sensor is attached to (specification §39, table 43-13).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Entity {
    /// Entity ID.
    pub id: u8,
    /// Which one of its kind: 0-0x5F system-relative, 0x60-0x7F device-relative.
    pub instance: u8,
}

impl Entity {
    /// Decodes the two bytes of an SDR; bit 7 of the second (logical container) is left out.
    pub fn parse(id: u8, instance: u8) -> Entity {
        Entity { id, instance: instance & 0x7F }
    }

    /// The kind of thing, in words; `unknown` or `OEM` where the specification names none.
    pub fn name(self) -> &'static str {
        match self.id {
            0x90..=0xAF => "chassis-specific",
            0xB0..=0xCF => "board-set specific",
            0xD0..=0xFF => "OEM",
            id => ENTITY_NAMES.get(usize::from(id)).copied().unwrap_or("unknown"),
        }
    }
}

/// Names by ID, specification table 43-13 (0x38-0x3F are not assigned).
const ENTITY_NAMES: [&str; 0x43] = [
    "unspecified",
    "other",
    "unknown",
    "processor",
    "disk or disk bay",
    "peripheral bay",
    "system management module",
    "system board",
    "memory module",
    "processor module",
    "power supply",
    "add-in card",
    "front panel board",
    "back panel board",
    "power system board",
    "drive backplane",
    "system internal expansion board",
    "other system board",
    "processor board",
    "power unit",
    "power module",
    "power management",
    "chassis back panel board",
    "system chassis",
    "sub-chassis",
    "other chassis board",
    "disk drive bay",
    "peripheral bay",
    "device bay",
    "fan",
    "cooling unit",
    "cable or interconnect",
    "memory device",
    "system management software",
    "BIOS",
    "operating system",
    "system bus",
    "group",
    "remote management device",
    "external environment",
    "battery",
    "processing blade",
    "connectivity switch",
    "processor/memory module",
    "I/O module",
    "processor/IO module",
    "management controller firmware",
    "IPMI channel",
    "PCI bus",
    "PCI Express bus",
    "SCSI bus",
    "SATA/SAS bus",
    "processor/front-side bus",
    "real time clock",
    "reserved",
    "air inlet",
    "reserved",
    "reserved",
    "reserved",
    "reserved",
    "reserved",
    "reserved",
    "reserved",
    "reserved",
    "air inlet",
    "processor",
    "baseboard",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_ids_have_their_names() {
        let name = |id| Entity::parse(id, 1).name();
        assert_eq!(name(0x04), "disk or disk bay");
        assert_eq!(name(0x1D), "fan");
        assert_eq!(name(0x20), "memory device");
        assert_eq!(name(0x37), "air inlet");
        assert_eq!(name(0x40), "air inlet");
        assert_eq!(name(0x41), "processor");
        assert_eq!(name(0x42), "baseboard");
        assert_eq!(name(0x43), "unknown");
        assert_eq!(name(0xD1), "OEM");
    }

    #[test]
    fn the_logical_flag_is_not_part_of_the_instance() {
        assert_eq!(Entity::parse(7, 0x81), Entity { id: 7, instance: 1 });
    }
}
