//! The words that vendors name their parts by. No I/O, no clock.

/// Beginnings of words: accelerators of any maker, and what is soldered beside them.
const ACCELERATORS: &str = "GPU ACCEL TESLA QUADRO RTX RADEON INSTINCT NVLINK NVSWITCH HGX SXM OAM UBB XPU NPU TPU \
    DCU MLU IPU GCU VPU APU PPU LPU RDU GCD XCD HBM FPGA ALVEO VERSAL AGILEX STRATIX GAUDI HABANA ASCEND \
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
const NUMBERED_NVME: &str = "U2 U3";
/// Beginnings of words: what makes one voltage of another, and switches or limits its current.
const REGULATORS: &str = "VR VDD VCC VPP VSOC VCORE VREG PVCC PVDD PVNN PVPP PVTT PVSOC MOSFET DRMOS PMIC REGULATOR \
    FIVR EFUSE FUSE DCDC";
const NUMBERED_REGULATORS: &str = "MOS HSC IBC";
const REGULATOR_PARTS: &str = "VRM _VR VRD";
/// Beginnings of words: what drives disks, which is no disk, whatever else its name says.
const CONTROLLERS: &str =
    "CONTROLLER CNTLR CNTRL CNTRLR CTLR CTRL HBA EXPANDER ROC BBU BATT SUPERCAP";
/// The same, unless a disk is named beside it.
const RAIDS: &str = "RAID PERC MEGARAID LSI AVAGO SMARTARRAY";
/// Beginnings of words: network, storage and other cards, and chips that work like one.
const CARDS: &str = "NIC SMARTNIC MNIC OCP PCI RISER LAN LOM MLOM FLEXLOM FLEXFABRIC VIC CNA ETH NET NDC RNDC AIOM \
    SIOM AOM AOC MEZZ IOM ML2 SAS CARD QSFP SFP OSFP XCVR TRANSCEIVER OPTIC DPU BLUEFIELD PENSANDO CONNECTX MELLANOX \
    MLX BROADCOM BCM E810 E823 E830 E610 X520 X540 X550 X557 X710 XL710 XXV710 X722 I210 I350 QLOGIC QLE EMULEX LPE \
    FIBRE INFINIBAND OMNIPATH HFI HCA CXL ASIC PHY PEX PLX RETIMER REDRIVER SWITCH PSW SLOT";
const NUMBERED_CARDS: &str = "FC IB CX BF SW EXP OPA";
/// What a port is fast by, anywhere in a name.
const SPEEDS: &str = "1G 10G 25G 40G 50G 100G 200G 400G 800G";
/// Beginnings of words.
const DISKS: &str = "HDD DISK DRIVE BACKPLANE BP";
const MEMORY: &str = "MEM PMEM DCPMM";
/// Beginnings of words for what is inside a processor, on a board whose processors have no other name.
const DIES: &str = "SOC TDIE TCTL CCD PACKAGE PKG SBTSI";
const NUMBERED_DIES: &str = "DIE IOD TSI CORE SOCKET GRACE ALTRA EPYC XEON KUNPENG";
/// What has a die as well, and is none.
const CHIPS: &str = "PCH FCH SSB CHIPSET BMC ILO CPLD";

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
        self.starts(REGULATORS)
            || self.is_numbered(NUMBERED_REGULATORS)
            || self.has(REGULATOR_PARTS)
    }

    pub(super) fn name_an_accelerator(&self) -> bool {
        self.starts(ACCELERATORS) || self.is_numbered(NUMBERED_ACCELERATORS)
    }

    /// The banks of memory are called A2 and T4 as some accelerators are.
    pub(super) fn name_a_model_of_an_accelerator(&self) -> bool {
        self.is(ACCELERATOR_MODELS)
    }

    pub(super) fn name_an_nvme_drive(&self) -> bool {
        self.has(NVME_FORMS)
            || self.starts(NVME)
            || self.is_numbered(NUMBERED_NVME)
            || self.is_ssd() && self.starts("PCI")
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
        (self.starts(DIES) || self.is_numbered(NUMBERED_DIES)) && !self.starts(CHIPS)
    }
}
