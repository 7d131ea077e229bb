//! The sensor-specific states of specification table 42-3. No I/O, no clock.

/// The names by offset for a sensor type; an empty name is an offset that is not defined.
pub(super) fn names(sensor_type: u8) -> Option<&'static [&'static str]> {
    let place = NAMES.binary_search_by_key(&sensor_type, |(code, _)| *code).ok()?;
    NAMES.get(place).map(|(_, names)| *names)
}

/// Sorted by sensor type.
const NAMES: &[(u8, &[&str])] = &[
    (
        0x05,
        &[
            "general chassis intrusion",
            "drive bay intrusion",
            "I/O card area intrusion",
            "processor area intrusion",
            "LAN leash lost",
            "unauthorized dock",
            "fan area intrusion",
        ],
    ),
    (
        0x06,
        &[
            "secure mode violation attempt",
            "pre-boot password violation: user password",
            "pre-boot password violation: setup password",
            "pre-boot password violation: network boot password",
            "other pre-boot password violation",
            "out-of-band access password violation",
        ],
    ),
    (
        0x07,
        &[
            "IERR",
            "thermal trip",
            "FRB1/BIST failure",
            "FRB2/hang in POST failure",
            "FRB3/processor startup/initialization failure",
            "configuration error",
            "SM BIOS uncorrectable CPU-complex error",
            "processor presence detected",
            "processor disabled",
            "terminator presence detected",
            "processor automatically throttled",
            "machine check exception",
            "correctable machine check error",
        ],
    ),
    (
        0x08,
        &[
            "presence detected",
            "power supply failure detected",
            "predictive failure",
            "power supply input lost (AC/DC)",
            "power supply input lost or out-of-range",
            "power supply input out-of-range, but present",
            "configuration error",
            "power supply inactive",
        ],
    ),
    (
        0x09,
        &[
            "power off/power down",
            "power cycle",
            "240VA power down",
            "interlock power down",
            "AC lost",
            "soft power control failure",
            "power unit failure detected",
            "predictive failure",
        ],
    ),
    (
        0x0C,
        &[
            "correctable ECC",
            "uncorrectable ECC",
            "parity",
            "memory scrub failed",
            "memory device disabled",
            "correctable ECC logging limit reached",
            "presence detected",
            "configuration error",
            "spare",
            "memory automatically throttled",
            "critical overtemperature",
        ],
    ),
    (
        0x0D,
        &[
            "drive presence",
            "drive fault",
            "predictive failure",
            "hot spare",
            "consistency check in progress",
            "in critical array",
            "in failed array",
            "rebuild/remap in progress",
            "rebuild/remap aborted",
        ],
    ),
    (
        0x0F,
        &["system firmware error (POST error)", "system firmware hang", "system firmware progress"],
    ),
    (
        0x10,
        &[
            "correctable memory error logging disabled",
            "event type logging disabled",
            "log area reset/cleared",
            "all event logging disabled",
            "SEL full",
            "SEL almost full",
            "correctable machine check error logging disabled",
        ],
    ),
    (
        0x11,
        &[
            "BIOS watchdog reset",
            "OS watchdog reset",
            "OS watchdog shut down",
            "OS watchdog power down",
            "OS watchdog power cycle",
            "OS watchdog NMI/diagnostic interrupt",
            "OS watchdog expired, status only",
            "OS watchdog pre-timeout interrupt",
        ],
    ),
    (
        0x12,
        &[
            "system reconfigured",
            "OEM system boot event",
            "undetermined system hardware failure",
            "entry added to auxiliary log",
            "PEF action",
            "timestamp clock synch",
        ],
    ),
    (
        0x13,
        &[
            "front panel NMI/diagnostic interrupt",
            "bus timeout",
            "I/O channel check NMI",
            "software NMI",
            "PCI PERR",
            "PCI SERR",
            "EISA fail safe timeout",
            "bus correctable error",
            "bus uncorrectable error",
            "fatal NMI",
            "bus fatal error",
            "bus degraded",
        ],
    ),
    (
        0x14,
        &[
            "power button pressed",
            "sleep button pressed",
            "reset button pressed",
            "FRU latch open",
            "FRU service request button",
        ],
    ),
    (0x19, &["soft power control failure", "thermal trip"]),
    (0x1B, &["cable/interconnect is connected", "configuration error: incorrect cable connected"]),
    (
        0x1D,
        &[
            "initiated by power up",
            "initiated by hard reset",
            "initiated by warm reset",
            "user requested PXE boot",
            "automatic boot to diagnostic",
            "OS/run-time software initiated hard reset",
            "OS/run-time software initiated warm reset",
            "system restart",
        ],
    ),
    (
        0x1E,
        &[
            "no bootable media",
            "non-bootable diskette left in drive",
            "PXE server not found",
            "invalid boot sector",
            "timeout waiting for user selection of boot source",
        ],
    ),
    (
        0x1F,
        &[
            "A: boot completed",
            "C: boot completed",
            "PXE boot completed",
            "diagnostic boot completed",
            "CD-ROM boot completed",
            "ROM boot completed",
            "boot completed, device not specified",
            "base OS/hypervisor installation started",
            "base OS/hypervisor installation completed",
            "base OS/hypervisor installation aborted",
            "base OS/hypervisor installation failed",
        ],
    ),
    (
        0x20,
        &[
            "critical stop during OS load/initialization",
            "run-time critical stop",
            "OS graceful stop",
            "OS graceful shutdown",
            "soft shutdown initiated by PEF",
            "agent not responding",
        ],
    ),
    (
        0x21,
        &[
            "fault status asserted",
            "identify status asserted",
            "slot/connector device installed/attached",
            "slot/connector ready for device installation",
            "slot/connector ready for device removal",
            "slot power is off",
            "slot/connector device removal request",
            "interlock asserted",
            "slot is disabled",
            "slot holds spare device",
        ],
    ),
    (
        0x22,
        &[
            "S0/G0 working",
            "S1 sleeping, context maintained",
            "S2 sleeping, context lost",
            "S3 sleeping, memory retained",
            "S4 non-volatile sleep/suspend-to-disk",
            "S5/G2 soft-off",
            "S4/S5 soft-off, particular state undetermined",
            "G3 mechanical off",
            "sleeping in an S1, S2 or S3 state",
            "G1 sleeping",
            "S5 entered by override",
            "legacy ON state",
            "legacy OFF state",
            "",
            "unknown",
        ],
    ),
    (
        0x23,
        &[
            "timer expired, status only",
            "hard reset",
            "power down",
            "power cycle",
            "",
            "",
            "",
            "",
            "timer interrupt",
        ],
    ),
    (
        0x24,
        &[
            "platform generated page",
            "platform generated LAN alert",
            "platform event trap generated",
            "platform generated SNMP trap",
        ],
    ),
    (0x25, &["entity present", "entity absent", "entity disabled"]),
    (0x27, &["LAN heartbeat lost", "LAN heartbeat"]),
    (
        0x28,
        &[
            "sensor access degraded or unavailable",
            "controller access degraded or unavailable",
            "management controller off-line",
            "management controller unavailable",
            "sensor failure",
            "FRU failure",
        ],
    ),
    (0x29, &["battery low", "battery failed", "battery presence detected"]),
    (
        0x2A,
        &[
            "session activated",
            "session deactivated",
            "invalid username or password",
            "invalid password disable",
        ],
    ),
    (
        0x2B,
        &[
            "hardware change detected",
            "firmware or software change detected",
            "hardware incompatibility detected",
            "firmware or software incompatibility detected",
            "invalid or unsupported hardware version",
            "invalid or unsupported firmware or software version",
            "hardware change successful",
            "firmware or software change successful",
        ],
    ),
    (
        0x2C,
        &[
            "FRU not installed",
            "FRU inactive",
            "FRU activation requested",
            "FRU activation in progress",
            "FRU active",
            "FRU deactivation requested",
            "FRU deactivation in progress",
            "FRU communication lost",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_fits_fifteen_states() {
        assert!(NAMES.is_sorted_by(|a, b| a.0 < b.0));
        assert!(NAMES.iter().all(|(_, names)| names.len() <= 15));
    }
}
