//! The words that vendors name their parts by. No I/O, no clock.

/// Beginnings of words: accelerators of any maker, and what is soldered beside them. HGX and UBB are the boards
/// that carry them, with air and chips of their own.
const ACCELERATORS: &str = "GPU GPGPU DGPU VRAM ACCEL TESLA QUADRO RTX RADEON INSTINCT MTT NVLINK NVSW SXM OAM XPU \
    NPU TPU DCU MLU IPU GCU VPU APU PPU LPU RDU GCD XCD HBM FPGA ALVEO VERSAL AGILEX STRATIX GAUDI HABANA ASCEND \
    DAVINCI CAMBRICON HYGON KUNLUN ENFLAME BIREN METAX AI100 AIC100 QAIC TRAINIUM INFERENTIA VGA COPROC";
/// Whole words, with a number behind them or without.
const NUMBERED_ACCELERATORS: &str = "MIC PHI HL ACC AIC100";
/// Accelerators by the maker's number for them, as a whole word.
const ACCELERATOR_MODELS: &str = "A2 A10 A16 A30 A40 A100 A100X A800 L2 L4 L20 L40 L40G L40S H20 H100 H200 H800 GH200 \
    B100 B200 B300 GB200 GB300 T4 P4 P40 P100 V100 K40 K80 M40 M60 MI50 MI60 MI100 MI210 MI250 MI250X MI300 MI300A \
    MI300X MI308X MI325X MI350X MI355X PVC HL225 HL325";
/// Beginnings of words: flash on PCI Express.
const NVME: &str = "NVME NVM M2 BOSS EDSFF RULER OPTANE AIC E1S E1L E3S E3L";
/// Its forms, which have a stop or a digit in the middle.
const NVME_FORMS: &str = "M.2 U.2 U.3 E1.S E1.L E3.S E3.L NVME";
/// As a whole word, if it stands first or has a number behind it: it may be a chip's place on a board.
const NVME_OR_PLACES: &str = "U2 U3";
/// Chips that measure a temperature, by the beginnings of their names: the place of one is where it is soldered.
const SENSOR_CHIPS: &str =
    "LM7 LM9 TMP1 TMP4 TMP7 ADM1 ADT7 EMC1 EMC2 MAX3 MAX6 NCT7 PCT2 SA56 STTS MCP98 DS75 G78";
/// Beginnings of words: what makes one voltage of another, and switches or limits its current.
const REGULATORS: &str = "VR VDD VCC VPP VSOC VCORE VREG PVCC PVDD PVNN PVPP PVTT PVSOC MOSFET DRMOS PMIC REGULATOR \
    FIVR EFUSE FUSE DCDC";
const NUMBERED_REGULATORS: &str = "MOS HSC IBC";
/// Begins as a regulator does.
const NO_REGULATOR: &str = "VRAM";
const REGULATOR_PARTS: &str = "VRM _VR VRD";
/// Beginnings of words: what drives disks, which is no disk, whatever else its name says.
const CONTROLLERS: &str =
    "CONTROLLER CNTLR CNTRL CNTRLR CTLR CTRL HBA EXPANDER ROC BBU BATT SUPERCAP";
/// The same, unless a disk is named beside it.
const RAIDS: &str = "RAID PERC MEGARAID LSI AVAGO SMARTARRAY";
/// Beginnings of words: network, storage and other cards, and chips that work like one.
const CARDS: &str = "NIC SMARTNIC MNIC OCP PCI RISER LAN LOM ALOM MLOM FLEXLOM FLEXFABRIC VIC CNA ETH NET NDC RNDC AIOM \
    SIOM AOM AOC MEZZ IOM ML2 SAS CARD QSFP SFP OSFP XCVR TRANSCEIVER OPTIC DPU BLUEFIELD PENSANDO CONNECTX MELLANOX \
    MLX BROADCOM BCM BRCM E810 E823 E830 E610 X520 X540 X550 X557 X710 XL710 XXV710 X722 I210 I350 QLOGIC QLE EMULEX LPE \
    FIBRE INFINIBAND OMNIPATH HFI HCA CXL ASIC PHY PEX PLX RETIMER REDRIVER SWITCH PSW SLOT";
const NUMBERED_CARDS: &str = "FC IB CX BF SW EXP OPA";
/// What a port is fast by, anywhere in a name.
const SPEEDS: &str = "1G 10G 25G 40G 50G 100G 200G 400G 800G";
/// Beginnings of words. What disks are put into is a disk's where the BMC says so, else a board in their air.
const DISKS: &str = "HDD DISK DRIVE";
const MEMORY: &str = "MEM PMEM DCPMM";
/// What is inside a processor, on a board whose processors have no other name: beginnings of words.
const DIES: &str = "TDIE TCTL CCD SBTSI";
const NUMBERED_DIES: &str = "SOC PACKAGE PKG DIE IOD TSI CORE SOCKET GRACE ALTRA EPYC XEON KUNPENG";
/// What has a die as well, and is none: chipsets, and what watches the machine.
const CHIPS: &str =
    "PCH FCH SSB CHIPSET BMC ILO CPLD AST SIO SUPERIO IDRAC IRMC XCC IMM MCU RMC TPM PSOC";
/// What lies about a part, as the air: it is no die.
const ABOUT: &str = "AMB AREA ZONE AIR";

/// The words of a sensor's name.
pub(super) struct Words<'a> {
    /// All of it, in capitals.
    name: &'a str,
    words: Vec<&'a str>,
}

impl<'a> Words<'a> {
    /// The words of a name that is in capitals.
    pub(super) fn of(name: &'a str) -> Self {
        let words = name.split(|c: char| !c.is_ascii_alphanumeric() && c != '.');
        Self { name, words: words.filter(|it| !it.is_empty()).collect() }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &'a str> {
        self.words.iter().copied()
    }

    fn any(&self, of: &str, is: impl Fn(&str, &str) -> bool) -> bool {
        self.words.iter().any(|word| of.split_whitespace().any(|it| is(word, it)))
    }

    fn starts(&self, of: &str) -> bool {
        self.any(of, |word, it| word.starts_with(it))
    }

    fn is(&self, of: &str) -> bool {
        self.any(of, |word, it| word == it)
    }

    /// One of these, whole or with a number behind it.
    fn is_numbered(&self, of: &str) -> bool {
        let is_number = |rest: &str| rest.bytes().all(|it| it.is_ascii_digit());
        self.any(of, |word, it| word.strip_prefix(it).is_some_and(is_number))
    }

    fn has(&self, of: &str) -> bool {
        of.split_whitespace().any(|it| self.name.contains(it))
    }

    pub(super) fn name_a_regulator(&self) -> bool {
        let starts = |word: &str, it: &str| word.starts_with(it) && !word.starts_with(NO_REGULATOR);
        self.any(REGULATORS, starts)
            || self.is_numbered(NUMBERED_REGULATORS)
            || self.has(REGULATOR_PARTS)
    }

    pub(super) fn name_an_accelerator(&self) -> bool {
        self.starts(ACCELERATORS) || self.is_numbered(NUMBERED_ACCELERATORS)
    }

    /// What lies about a part, and not the part.
    pub(super) fn name_what_is_about(&self) -> bool {
        self.starts(ABOUT)
    }

    /// The banks of memory are called A2 and T4 as some accelerators are.
    pub(super) fn name_a_model_of_an_accelerator(&self) -> bool {
        self.is(ACCELERATOR_MODELS)
    }

    pub(super) fn name_an_nvme_drive(&self) -> bool {
        self.has(NVME_FORMS)
            || self.starts(NVME)
            || self.is_nvme_and_no_place()
            || self.is_ssd() && self.starts("PCI")
    }

    fn is_nvme_and_no_place(&self) -> bool {
        let is =
            |at: usize| NVME_OR_PLACES.split_whitespace().any(|it| self.words.get(at) == Some(&it));
        let is_number = |word: &&str| word.bytes().all(|it| it.is_ascii_digit());
        let is_first_or_counted =
            |at: usize| at == 0 || self.words.get(at + 1).is_some_and(is_number);
        (0..self.words.len()).any(|at| is(at) && is_first_or_counted(at))
            && !self.starts(SENSOR_CHIPS)
    }

    /// Of a disk: its form, with its number behind it.
    pub(super) fn name_a_form_of_nvme(&self) -> bool {
        self.is_numbered(NVME_OR_PLACES)
    }

    /// What drives disks: it is as hot as any chip.
    pub(super) fn name_a_controller(&self) -> bool {
        self.starts(CONTROLLERS) || self.starts(RAIDS) && !self.name_a_disk()
    }

    pub(super) fn name_a_disk(&self) -> bool {
        self.is("HD") || self.starts(DISKS)
    }

    pub(super) fn is_ssd(&self) -> bool {
        self.has("SSD")
    }

    pub(super) fn name_memory(&self) -> bool {
        self.has("DIMM DDR") || self.starts(MEMORY)
    }

    pub(super) fn name_a_card(&self) -> bool {
        self.starts(CARDS) || self.is_numbered(NUMBERED_CARDS) || self.has(SPEEDS)
    }

    pub(super) fn name_a_die(&self) -> bool {
        let is_die = self.starts(DIES) || self.is_numbered(NUMBERED_DIES);
        is_die && !self.starts(CHIPS) && !self.name_what_is_about()
    }
}
