//! What a temperature is the temperature of, and how fast that can warm. No I/O, no clock.
//!
//! Boards give GPUs, NICs and M.2 drives the entity of a board, so the name decides where it says more.

use super::measure::Measure;
use crate::entity::{Entity, is_liquid};
use crate::inventory::Known;

mod words;

use words::Words;

/// The class of part behind a temperature or a fan, finer than [`Entity`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// A processor: 20 to 40 degrees in under a second.
    Cpu,
    /// A graphics processor or another accelerator: as fast.
    Gpu,
    /// A flash drive on PCI Express, in any form.
    Nvme,
    /// A disk with platters, a bay, or the hottest of several.
    Hdd,
    /// A flash drive in a disk's case.
    Ssd,
    /// A memory module.
    Memory,
    /// A board and what is soldered on it.
    Board,
    /// The air that comes in.
    Inlet,
    /// The air that goes out.
    Exhaust,
    /// The liquid that cools: far warmer than air may be, and never a reference for it.
    Coolant,
    /// A voltage regulator.
    Regulator,
    /// A power supply.
    Psu,
    /// An add-in card, or a chip that works like one.
    Card,
    /// Anything else.
    Other,
}

/// How far a part can warm in a time: `offset + rate * seconds` degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Physics {
    /// Degrees that any rise may have: counts, a warm part put in, air that moves.
    pub(crate) offset: f64,
    /// Degrees Celsius per second.
    pub(crate) rate: f64,
    /// The most degrees after a time of unknown length; `None` where such a rise proves nothing.
    pub(crate) cap: Option<f64>,
}

impl Class {
    /// The kinds that warm by work of their own: a load on one warms no other.
    pub(super) const WORKERS: [Self; 3] = [Self::Cpu, Self::Gpu, Self::Nvme];

    /// The class behind a sensor whose number is that.
    pub(super) fn of_sensor(known: &Known, measure: Measure) -> Self {
        match measure {
            Measure::Temperature => Self::of(known.entity, &known.name),
            // Some boards list the fans of power supplies among their own.
            _ if is_of_a_supply(known) => Self::Psu,
            _ => Self::Other,
        }
    }

    /// The class of a sensor of this part and name.
    pub(crate) fn of(entity: Entity, name: &str) -> Self {
        let name = name.to_ascii_uppercase();
        let words = Words::of(&name);
        match entity {
            Entity::Psu => return Self::Psu,
            // Water is no air, whatever the BMC calls the place where it comes in.
            _ if is_liquid(words.iter()) => return Self::Coolant,
            // What the air is, nothing on the board decides.
            Entity::Inlet => return Self::Inlet,
            Entity::Exhaust => return Self::Exhaust,
            _ => {}
        }
        let is_memory = entity == Entity::Memory || words.name_memory();
        let may_be_a_card = matches!(entity, Entity::Board | Entity::Other) && !is_memory;
        // A regulator that feeds a GPU or a DIMM is a regulator, and what drives disks is none.
        if words.name_a_regulator() {
            Self::Regulator
        } else if words.name_an_accelerator()
            || may_be_a_card && words.name_a_model_of_an_accelerator()
        {
            // The air about one follows it, slower than the die.
            if words.name_what_is_about() { Self::Card } else { Self::Gpu }
        } else if !is_memory && words.name_an_nvme_drive()
            || entity == Entity::Disk && words.name_a_form_of_nvme()
        {
            Self::Nvme
        } else if !is_memory && entity != Entity::Cpu && words.name_a_controller() {
            Self::Card
        } else if entity == Entity::Disk || words.name_a_disk() {
            if words.is_ssd() { Self::Ssd } else { Self::Hdd }
        } else if is_memory {
            Self::Memory
        } else if entity == Entity::Cpu {
            Self::Cpu
        } else if words.name_a_card() {
            Self::Card
        } else if may_be_a_card && words.name_a_die() {
            Self::Cpu
        } else if entity == Entity::Board {
            Self::Board
        } else {
            Self::Other
        }
    }

    /// How fast it can warm; `None` where a fast rise proves nothing.
    ///
    /// From heat capacities and powers, with room to spare: a 2.5" disk without cooling warms by 0.033
    /// degrees per second, a DIMM by 0.2, a SATA SSD's case by 0.09 and its die by 1, an M.2 drive by 1
    /// to 3, a regulator by 0.5 to 3.
    pub(crate) fn physics(self) -> Option<Physics> {
        let (offset, rate, cap) = match self {
            Self::Cpu | Self::Gpu => return None,
            Self::Hdd => (6.0, 0.1, Some(20.0)),
            Self::Ssd => (10.0, 0.5, Some(40.0)),
            Self::Memory => (8.0, 0.5, Some(30.0)),
            Self::Board => (10.0, 0.5, Some(30.0)),
            Self::Inlet => (6.0, 0.25, Some(15.0)),
            // A loop whose pump starts again sends what stood in it past its sensors.
            Self::Exhaust | Self::Coolant => (12.0, 0.5, Some(30.0)),
            Self::Psu => (15.0, 1.0, Some(40.0)),
            Self::Nvme => (18.0, 2.0, None),
            Self::Regulator => (20.0, 3.0, None),
            Self::Card | Self::Other => (15.0, 3.0, None),
        };
        Some(Physics { offset, rate, cap })
    }

    /// Whether it warms with the work that is done, in a second.
    pub(crate) fn is_processor(self) -> bool {
        matches!(self, Self::Cpu | Self::Gpu)
    }

    /// Whether it warms by work of its own, while the parts beside it may rest: it tells of a load, not of
    /// the air.
    pub(crate) fn works(self) -> bool {
        Self::WORKERS.contains(&self)
    }

    /// Whether it lives near its warning limit when it works.
    pub(crate) fn runs_hot(self) -> bool {
        matches!(self, Self::Cpu | Self::Gpu | Self::Nvme)
    }

    /// Whether its neighbours' warming is taken off its own.
    pub(crate) fn shares_its_air(self) -> bool {
        matches!(
            self,
            Self::Hdd | Self::Ssd | Self::Memory | Self::Board | Self::Inlet | Self::Exhaust
        )
    }
}

fn is_of_a_supply(known: &Known) -> bool {
    let name = known.name.to_ascii_uppercase();
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let is_digit = |c: char| c.is_ascii_digit();
    known.entity == Entity::Psu
        || name.starts_with("POWER SUPPLY")
        || words.any(|word| word.starts_with("PSU") || word.trim_end_matches(is_digit) == "PS")
}

#[cfg(test)]
mod tests {
    use super::Class::*;
    use super::*;

    fn are(names: &[(Entity, &str, Class)]) {
        for (entity, name, class) in names {
            assert_eq!(Class::of(*entity, name), *class, "{entity:?} {name}");
        }
    }

    #[test]
    fn names_of_real_machines() {
        are(&[
            (Entity::Disk, "RAID Disk 3", Hdd),
            (Entity::Disk, "SAS 3", Hdd),
            (Entity::Board, "CPU1_VRM Temp", Regulator),
            (Entity::Board, "P1-VRMCPU Temp", Regulator),
            (Entity::Board, "VDDQ_AB Temp", Regulator),
            (Entity::Board, "PVDDQ_ABC", Regulator),
            (Entity::Board, "SOC VRM Temp", Regulator),
            (Entity::Board, "P0_MOS_TEMP", Regulator),
            (Entity::Board, "43-E-Fuse", Regulator),
            (Entity::Board, "HSC Temp", Regulator),
            (Entity::Board, "GPU1 VR Temp", Regulator),
            (Entity::Disk, "05-HD Max", Hdd),
            (Entity::Disk, "HDD BP Temp", Hdd),
            (Entity::Disk, "SSD 3", Ssd),
            (Entity::Memory, "P1-DIMMA1 Temp", Memory),
            (Entity::Memory, "DIMM A2", Memory),
            (Entity::Memory, "P0_DIMM_A10", Memory),
            (Entity::Memory, "TEMP_DDR4_A2", Memory),
            (Entity::Board, "TEMP_DDR5_T4", Memory),
            (Entity::Memory, "M60", Memory),
            (Entity::Board, "MEM_A2_VRM", Regulator),
            (Entity::Cpu, "P4 Temp", Cpu),
            (Entity::Disk, "A40", Hdd),
            (Entity::Cpu, "02-CPU", Cpu),
            (Entity::Cpu, "Temp", Cpu),
            (Entity::Board, "SOC Temp", Cpu),
            (Entity::Board, "S0_SOC_Temp", Cpu),
            (Entity::Board, "Die Temp", Cpu),
            (Entity::Other, "Package Temp", Cpu),
            (Entity::Board, "CCD1", Cpu),
            (Entity::Board, "P0_Tctl", Cpu),
            (Entity::Board, "PCH Die Temp", Board),
            (Entity::Board, "BMC SOC Temp", Board),
            (Entity::Board, "FCH Temp", Board),
            (Entity::Board, "Microcontroller", Board),
            (Entity::Board, "06-Chipset", Board),
            (Entity::Board, "PCH Temp", Board),
            (Entity::Board, "System Temp", Board),
            (Entity::Board, "Peripheral Temp", Board),
            (Entity::Board, "BMC Temp", Board),
            (Entity::Inlet, "Inlet Temp", Inlet),
            (Entity::Inlet, "01-Inlet Ambient", Inlet),
            (Entity::Exhaust, "Exhaust Temp", Exhaust),
            (Entity::Psu, "PS1 Inlet Temp", Psu),
            (Entity::Other, "Coolant Out", Coolant),
            (Entity::Exhaust, "Coolant Out", Coolant),
            (Entity::Other, "CDU Inlet Temp", Coolant),
            (Entity::Cpu, "CPU1 ColdPlate", Coolant),
            (Entity::Board, "LIQUID_LOOP_IN", Coolant),
        ]);
    }

    #[test]
    fn names_of_accelerators_drives_and_cards_in_real_machines() {
        are(&[
            (Entity::Board, "GPU1 Temp", Gpu),
            (Entity::Other, "PCIe 3 A100 Temp", Gpu),
            (Entity::Board, "HGX_GPU_SXM_1_Temp", Gpu),
            (Entity::Board, "NVSwitch 2 Temp", Gpu),
            (Entity::Board, "OAM3 Temp", Gpu),
            (Entity::Board, "NPU1 Temp", Gpu),
            (Entity::Board, "NPU2 HBM Temp", Gpu),
            (Entity::Board, "TPU0", Gpu),
            (Entity::Board, "DCU1_Temp", Gpu),
            (Entity::Board, "MLU370 Temp", Gpu),
            (Entity::Board, "IPU0_BGA_area", Card),
            (Entity::Board, "AI100 Temp", Gpu),
            (Entity::Board, "HL-225 Temp", Gpu),
            (Entity::Board, "MI308X_0", Gpu),
            (Entity::Other, "Xeon Phi MIC 1", Gpu),
            (Entity::Board, "HGX_GPU_0_DRAM_TEMP_0", Gpu),
            (Entity::Board, "M2NVMeSSD Temp1", Nvme),
            (Entity::Board, "U.2 Temp", Nvme),
            (Entity::Disk, "NVMe_SSD_3", Nvme),
            (Entity::Disk, "E1.S 4 Temp", Nvme),
            (Entity::Disk, "E1S 3", Nvme),
            (Entity::Board, "U2_1 Temp", Nvme),
            (Entity::Board, "U2NVMeSSD Temp", Nvme),
            (Entity::Disk, "PCIe SSD 1", Nvme),
            (Entity::Disk, "NVMe 1 Ctrl Temp", Nvme),
            (Entity::Other, "BOSS Temp", Nvme),
            (Entity::Board, "MB_10G_LAN Temp", Card),
            (Entity::Board, "AOC_SAS Temp", Card),
            (Entity::Board, "HBA Temp", Card),
            (Entity::Board, "LOM Temp", Card),
            (Entity::Other, "PERC1 Temp", Card),
            (Entity::Board, "OCP NIC Temp", Card),
            (Entity::Board, "MLX CX6 Temp", Card),
            (Entity::Board, "RAID BBU Temp", Card),
            (Entity::Board, "SmartNIC 1", Card),
            (Entity::Board, "E810 Temp", Card),
            (Entity::Board, "X710 Temp", Card),
            (Entity::Board, "BCM57414", Card),
            (Entity::Board, "IOB0_NIC0_TEMP_C", Card),
            (Entity::Board, "BF3 SOC Temp", Card),
            (Entity::Board, "CX8_0 Temp", Card),
            (Entity::Board, "NIC Die Temp", Card),
            (Entity::Board, "MegaRAID Temp", Card),
            (Entity::Board, "LSI3008 Temp", Card),
            (Entity::Board, "25-HD Controller", Card),
            (Entity::Disk, "26-HD Cntlr Zone", Card),
            (Entity::Disk, "Drive Controller", Card),
            (Entity::Board, "14-Stor Batt 1", Card),
            (Entity::Board, "31-PCI 1 Zone", Card),
            (Entity::Board, "27-LOM Card", Card),
            (Entity::Board, "MLOM_TEMP", Card),
            (Entity::Board, "PSW0_Temp", Card),
            (Entity::Other, "A2 Temp", Gpu),
        ]);
    }

    #[test]
    fn what_carries_a_part_or_lies_about_it_is_not_the_part() {
        are(&[
            // U is where a chip is soldered.
            (Entity::Board, "PDB_L_TMP75_U2_TEMP", Board),
            (Entity::Board, "PDB_L_TMP75_U3_TEMP", Board),
            (Entity::Board, "TMP75_U2_1", Board),
            (Entity::Board, "PIM1_LM75_U26_TEMP", Board),
            (Entity::Board, "PIM1_LM75_U37_TEMP_BASE", Board),
            (Entity::Board, "LM75_U21", Board),
            (Entity::Board, "SMB_U38", Board),
            (Entity::Board, "U21 Temp", Board),
            (Entity::Board, "SMB_U2_TEMP", Board),
            (Entity::Board, "U3_4 Temp", Nvme),
            (Entity::Board, "Front U2 3", Nvme),
            (Entity::Disk, "Bay U2 Temp", Nvme),
            (Entity::Disk, "U21", Nvme),
            (Entity::Board, "UBB_FRONT", Board),
            (Entity::Board, "UBB_BACK", Board),
            (Entity::Board, "UBB_UFPGA", Board),
            (Entity::Board, "UBB_AMB", Board),
            (Entity::Board, "HGX_Chassis_0_TEMP", Board),
            (Entity::Board, "HGX_BMC_0_Temp_0", Board),
            (Entity::Board, "HGX_Baseboard_0", Board),
            (Entity::Board, "HGX_PCIeRetimer_0", Card),
            (Entity::Board, "HGX_NVSwitch_0_TEMP_0", Gpu),
            (Entity::Board, "HGX_FPGA_0_TEMP_0", Gpu),
            (Entity::Board, "GPU_AMB_TEMP", Card),
            (Entity::Board, "OAM_AMB_TEMP", Card),
            (Entity::Other, "GPU 1 Zone", Card),
            (Entity::Board, "Front GPU 1", Gpu),
            (Entity::Board, "AST2600 SoC", Board),
            (Entity::Board, "SIO_CORE", Board),
            (Entity::Board, "Zone Core", Board),
            (Entity::Board, "SOC_AREA_TEMP", Board),
            (Entity::Board, "Socket Area", Board),
            (Entity::Board, "iRMC SoC", Board),
            (Entity::Board, "iDRAC SoC", Board),
            (Entity::Board, "TPM Die", Board),
            (Entity::Board, "Society", Board),
            (Entity::Board, "SOC0_TEMP", Cpu),
            (Entity::Board, "Socket 1", Cpu),
            (Entity::Board, "BPN Temp", Board),
            (Entity::Board, "Backplane Temp", Board),
            (Entity::Disk, "BPN Temp", Hdd),
            (Entity::Board, "VRAM Temp", Gpu),
            (Entity::Board, "VR_VRAM Temp", Regulator),
            (Entity::Board, "GPGPU1", Gpu),
            (Entity::Board, "DGPU0", Gpu),
            (Entity::Board, "NVSW0", Gpu),
            (Entity::Board, "MTT S4000", Gpu),
            (Entity::Board, "BRCM_57416", Card),
            (Entity::Other, "ALOM", Card),
        ]);
    }

    #[test]
    fn a_processor_has_no_limit_and_a_disk_the_lowest() {
        let rates = [Class::Hdd, Class::Inlet, Class::Memory, Class::Nvme]
            .map(|it| it.physics().unwrap().rate);
        assert!(
            rates.is_sorted() && Class::Cpu.physics().is_none() && Class::Gpu.physics().is_none()
        );
    }
}
