//! The class of part that a sensor watches. No I/O, no clock.

use serde::{Deserialize, Serialize};

/// The class of part that a sensor watches: the `entity` label.
#[derive(Clone, Copy, Debug, Deserialize, Hash, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Entity {
    /// A disk, a disk bay or a drive backplane.
    Disk,
    /// A processor.
    Cpu,
    /// A memory module.
    Memory,
    /// The air that comes in.
    Inlet,
    /// The air that goes out.
    Exhaust,
    /// A board and what is soldered on it.
    Board,
    /// A power supply, a power unit or a converter.
    Psu,
    /// A fan.
    Fan,
    /// Anything else, such as an add-in card.
    Other,
}

impl Entity {
    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disk => "disk",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Inlet => "inlet",
            Self::Exhaust => "exhaust",
            Self::Board => "board",
            Self::Psu => "psu",
            Self::Fan => "fan",
            Self::Other => "other",
        }
    }

    /// The class of a sensor, from the SDR's entity id (IPMI 2.0 table 43-13) and, where that says
    /// no more than "board" or nothing, from the sensor's name.
    pub fn of(entity_id: u8, name: &str) -> Self {
        let by_id = match entity_id {
            0x04 | 0x0F | 0x1A => Self::Disk,
            0x03 | 0x09 | 0x41 => Self::Cpu,
            0x08 | 0x20 => Self::Memory,
            0x37 | 0x40 => Self::Inlet,
            0x07 | 0x0C | 0x0D | 0x10 | 0x11 | 0x12 | 0x42 => Self::Board,
            0x0A | 0x0E | 0x13 | 0x14 | 0x15 => Self::Psu,
            0x1D | 0x1E => Self::Fan,
            _ => Self::Other,
        };
        match by_id {
            // Some BMCs name every sensor of the air an inlet.
            Self::Board | Self::Other | Self::Inlet => named(name).unwrap_or(by_id),
            certain => certain,
        }
    }
}

fn named(name: &str) -> Option<Entity> {
    let name = name.to_ascii_uppercase();
    let words = || name.split(|c: char| !c.is_ascii_alphanumeric());
    let any = |starts: &[&str]| words().any(|word| starts.iter().any(|it| word.starts_with(it)));
    let is = |whole: &str| words().any(|word| word == whole);
    if any(&["INLET", "AMBIENT"]) {
        Some(Entity::Inlet)
    } else if any(&["EXHAUST", "OUTLET"]) {
        Some(Entity::Exhaust)
    } else if any(&["VR"]) {
        // A regulator is on the board, whatever it feeds.
        Some(Entity::Board)
    } else if is("HD") || any(&["HDD", "SSD", "NVME", "DISK", "DRIVE"]) {
        Some(Entity::Disk)
    } else if any(&["DIMM", "MEM"]) {
        Some(Entity::Memory)
    } else if any(&["CPU", "PROC"]) {
        Some(Entity::Cpu)
    } else if any(&["FAN"]) {
        Some(Entity::Fan)
    } else if any(&["PSU", "PWR"]) {
        Some(Entity::Psu)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entity_id_decides_and_the_name_helps_where_it_says_little() {
        for (id, name, entity) in [
            (0x04, "05-HD Max", Entity::Disk),
            (0x41, "02-CPU", Entity::Cpu),
            (0x20, "03-P1 DIMM 1-2", Entity::Memory),
            (0x40, "01-Inlet Ambient", Entity::Inlet),
            (0x40, "Exhaust Temp", Entity::Exhaust),
            (0x07, "06-Chipset", Entity::Board),
            (0x07, "Exhaust Temp", Entity::Exhaust),
            (0x07, "CPU1 Temp", Entity::Cpu),
            (0x07, "CPU1 VR", Entity::Board),
            (0x07, "12-HD Max", Entity::Disk),
            (0x13, "07-VR P1", Entity::Psu),
            (0x0A, "PS 1 Input", Entity::Psu),
            (0x1D, "Fan 1 DutyCycle", Entity::Fan),
            (0x0B, "GPU 1", Entity::Other),
            (0x00, "", Entity::Other),
            (0x00, "HDMI", Entity::Other),
        ] {
            assert_eq!(Entity::of(id, name), entity, "{id:#04x} {name}");
        }
    }
}
