//! The class of part that a sensor watches. No I/O, no clock.

use serde::{Deserialize, Serialize};

/// The class of part that a sensor watches: the `entity` label.
#[derive(Clone, Copy, Debug, Deserialize, Hash, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Entity {
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
    pub(crate) fn as_str(self) -> &'static str {
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

    /// The class of a sensor that its source takes for this one, from its name where the source says
    /// no more than "board" or nothing.
    pub(crate) fn or_by_name(self, name: &str) -> Self {
        match self {
            // Some BMCs name every sensor of the air an inlet.
            Self::Board | Self::Other | Self::Inlet => named(name).unwrap_or(self),
            certain => certain,
        }
    }
}

/// Whether one of these words, in capitals, is of the liquid that cools a machine.
pub(crate) fn is_liquid<'a>(mut words: impl Iterator<Item = &'a str>) -> bool {
    const LIQUID: [&str; 7] = ["COOLANT", "CDU", "LIQUID", "WATER", "COLDPLATE", "LOOP", "LEAK"];
    words.any(|word| LIQUID.iter().any(|it| word.starts_with(it)))
}

fn named(name: &str) -> Option<Entity> {
    let name = name.to_ascii_uppercase();
    let words = || name.split(|c: char| !c.is_ascii_alphanumeric());
    let any = |starts: &[&str]| words().any(|word| starts.iter().any(|it| word.starts_with(it)));
    let is = |whole: &str| words().any(|word| word == whole);
    let is_number = |rest: &str| !rest.is_empty() && rest.chars().all(char::is_numeric);
    let is_of_a_supply =
        || any(&["PSU"]) || words().any(|word| word.strip_prefix("PS").is_some_and(is_number));
    if is_liquid(words()) {
        Some(Entity::Other)
    } else if is_of_a_supply() {
        // Behind all that warms the air before it.
        Some(Entity::Psu)
    } else if any(&["INLET", "AMBIENT"]) {
        Some(Entity::Inlet)
    } else if any(&["EXHAUST", "OUTLET"]) {
        Some(Entity::Exhaust)
    } else if any(&["VR"]) {
        // A regulator is on the board, whatever it feeds.
        Some(Entity::Board)
    } else if any(&["CONTROLLER", "CNTLR", "CNTRL", "CTLR", "HBA"]) && !any(&["NVME"]) {
        // It drives disks, and is hotter than any.
        None
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
    fn the_source_decides_and_the_name_helps_where_it_says_little() {
        for (told, name, entity) in [
            (Entity::Disk, "05-HD Max", Entity::Disk),
            (Entity::Cpu, "02-CPU", Entity::Cpu),
            (Entity::Memory, "03-P1 DIMM 1-2", Entity::Memory),
            (Entity::Inlet, "01-Inlet Ambient", Entity::Inlet),
            (Entity::Inlet, "Exhaust Temp", Entity::Exhaust),
            (Entity::Board, "06-Chipset", Entity::Board),
            (Entity::Board, "Exhaust Temp", Entity::Exhaust),
            (Entity::Board, "CPU1 Temp", Entity::Cpu),
            (Entity::Board, "CPU1 VR", Entity::Board),
            (Entity::Board, "12-HD Max", Entity::Disk),
            (Entity::Board, "30-HD Controller", Entity::Board),
            (Entity::Other, "31-HD Cntlr Zone", Entity::Other),
            (Entity::Board, "NVMe 1 Controller", Entity::Disk),
            (Entity::Psu, "07-VR P1", Entity::Psu),
            (Entity::Fan, "Fan 1 DutyCycle", Entity::Fan),
            (Entity::Other, "GPU 1", Entity::Other),
            (Entity::Board, "Coolant Inlet", Entity::Other),
            (Entity::Inlet, "CDU Inlet Temp", Entity::Other),
            (Entity::Board, "PSU1 Inlet Temp", Entity::Psu),
            (Entity::Inlet, "PS2 Ambient", Entity::Psu),
            (Entity::Board, "PS Ambient", Entity::Inlet),
            (Entity::Other, "", Entity::Other),
            (Entity::Other, "HDMI", Entity::Other),
        ] {
            assert_eq!(told.or_by_name(name), entity, "{told:?} {name}");
        }
    }
}
