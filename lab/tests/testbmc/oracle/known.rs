//! The differences from the script that are known, each with its reason: a closed list.

use super::row::Field::{
    self, Entity, Hysteresis, InRecord, Listed, Name, State, StateNames, States, Thresholds, Value,
};
use super::row::NOTHING;

/// A tool that may differ. Our client may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tool {
    Ipmitool,
    IpmiSensors,
}

/// Cells that tools are known to show otherwise, and why: their bug or limit, and what decides in the
/// IPMI 2.0 specification.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) tools: &'static [Tool],
    pub(super) why: &'static str,
    /// Sensor, field, and what the tools show.
    pub(super) cells: &'static [(&'static str, Field, &'static str)],
}

const IPMITOOL: &[Tool] = &[Tool::Ipmitool];
const IPMI_SENSORS: &[Tool] = &[Tool::IpmiSensors];
const BOTH: &[Tool] = &[Tool::Ipmitool, Tool::IpmiSensors];

/// All of them: `ipmitool` 1.8.19 and `FreeIPMI` 1.6.10.
pub(super) const KNOWN: &[Known] = &[
    Known {
        tools: BOTH,
        why: "the bytes of a name are printed whatever their encoding is; section 43.15 has four, of \
              which Latin 1 is no UTF-8",
        cells: &[
            ("Lüfter", Name, "L\u{FFFD}fter"),
            ("SIX BIT", Name, "s\u{FFFD}\u{3}bJ\u{3}"),
            ("IPMI", Name, ")\u{726}"),
            ("12.5-3", Name, "\u{12}\u{173}"),
            ("Temp Ω", Name, "T"),
        ],
    },
    Known {
        tools: BOTH,
        why: "blanks at the end of a name are printed; to section 43.15 they are characters, but no name \
              differs by them, and as a label's value they would be a trap",
        cells: &[("padded", Name, "padded   ")],
    },
    Known {
        tools: BOTH,
        why: "hysteresis goes through the formula as if it were a reading; table 43-1, bytes 43 and 44: it \
              is a number of counts off a threshold, another distance at each where a formula follows",
        cells: &[("hysteresis, sqr", Hysteresis, "4 9")],
    },
    Known {
        tools: IPMITOOL,
        why: "the raw byte is shown of a sensor without an analog reading (table 43-1, byte 21, bits 7:6)",
        cells: &[("no number", Value, "0x9")],
    },
    Known {
        tools: IPMITOOL,
        why: "what floating-point arithmetic makes of a value that does not exist is shown as one; the \
              formulas of table 43-1, byte 24, give no number here",
        cells: &[
            ("ln of 0", Value, "-inf Volts"),
            ("1/0", Value, "inf Volts"),
            ("sqrt of -9", Value, "-nan Volts"),
        ],
    },
    Known {
        tools: IPMITOOL,
        why: "the factors for the reading are applied to the thresholds too; by section 35.5 the factors of \
              a non-linear sensor are those of one raw value",
        cells: &[
            ("bent below", Thresholds, "- - 10 - 200 -"),
            ("bent below", InRecord, "- - 10 - 200 -"),
            ("bent above", Thresholds, "- - -80 - 300 -"),
            ("bent above", InRecord, "- - -80 - 300 -"),
        ],
    },
    Known {
        tools: IPMITOOL,
        why: "factors are asked of the BMC and not of the sensor's owner (table 43-1, byte 6), who alone has \
              such a sensor: no reading, and thresholds by the factors of the record",
        cells: &[
            ("engine's bent", Value, NOTHING),
            ("engine's bent", State, NOTHING),
            ("engine's bent", Thresholds, "- - 10 - 200 -"),
            ("engine's bent", InRecord, "- - 10 - 200 -"),
        ],
    },
    Known {
        tools: IPMITOOL,
        why: "the rate is left out of the unit (table 43-1, byte 21, bits 5:3)",
        cells: &[
            ("bytes per second", Value, "12 byte"),
            ("watt by A and h", Value, "15 Watts/Amps"),
        ],
    },
    Known {
        tools: IPMITOOL,
        why: "another word for a code that table 43-15 does not define",
        cells: &[("unit 60h", Value, "17 invalid")],
    },
    Known {
        tools: IPMITOOL,
        why: "hysteresis has the sign of M; table 43-1, bytes 43 and 44: an unsigned number of counts",
        cells: &[("falling", Hysteresis, "-4 -6")],
    },
    Known {
        tools: IPMITOOL,
        why: "of the sensors that share a record the first alone is read, and without its number or letter \
              (table 43-2, bytes 24 and 25)",
        cells: &[
            ("Fan 1", Name, "Fan "),
            ("Fan 2", Listed, NOTHING),
            ("Fan 3", Listed, NOTHING),
            ("Bay A", Name, "Bay "),
            ("Bay B", Listed, NOTHING),
        ],
    },
    Known {
        tools: IPMITOOL,
        why: "`-c sensor` leaves out the states of a sensor that has a number as well; `-v sensor` has them \
              (table 35-15, bytes 4 and 5)",
        cells: &[("Fan 4", States, NOTHING)],
    },
    Known {
        tools: IPMITOOL,
        why: "other words for the states of tables 42-2 and 42-3; the bits are the same",
        cells: &[
            (
                "PSU input lost",
                StateNames,
                "presence detected, failure detected, power supply ac lost",
            ),
            ("drive in parts", StateNames, "drive present"),
            ("processor", StateNames, "thermal trip, presence detected, throttled"),
            ("device absent", StateNames, "device absent"),
            (
                "every state",
                StateNames,
                "correctable ecc, uncorrectable ecc, parity, memory scrub failed, memory device \
                 disabled, correctable ecc logging limit reached, presence detected, configuration \
                 error, spare, throttled, critical overtemperature",
            ),
            ("Bay A", StateNames, "drive present"),
            ("full, states", StateNames, "drive present, drive fault"),
        ],
    },
    Known {
        tools: IPMI_SENSORS,
        why: "the twelfth formula is computed as x^-3; table 43-1, byte 24, means the inverse function of \
              the cube, as \"sqrt\" before it is that of the square",
        cells: &[("cube root", Value, "0.01 Volts"), ("cube root", Thresholds, "- - 0.12 - 0 -")],
    },
    Known {
        tools: IPMI_SENSORS,
        why: "a value that does not exist is shown as 0 or as what an infinity becomes among integers; the \
              formulas of table 43-1, byte 24, give no number here",
        cells: &[
            ("ln of 0", Value, "-9315605757223323648 Volts"),
            ("1/0", Value, "0 Volts"),
            ("sqrt of -9", Value, "-9315605757223323648 Volts"),
        ],
    },
    Known {
        tools: IPMI_SENSORS,
        why: "non-linear sensors are not converted: Get Sensor Reading Factors (section 35.5) is never sent",
        cells: &[
            ("bent below", Value, NOTHING),
            ("bent below", Thresholds, NOTHING),
            ("bent above", Value, NOTHING),
            ("bent above", Thresholds, NOTHING),
            ("engine's bent", Value, NOTHING),
            ("engine's bent", Thresholds, NOTHING),
        ],
    },
    Known {
        tools: IPMI_SENSORS,
        why: "a unit with a modifier and a rate is given up; table 43-1, byte 21, has bits for both",
        cells: &[("watt by A and h", Value, "15 unspecified")],
    },
    Known {
        tools: IPMI_SENSORS,
        why: "a code that table 43-15 does not define is given the name of code 0",
        cells: &[("unit 60h", Value, "17 unspecified")],
    },
    Known {
        tools: IPMI_SENSORS,
        why: "non-critical thresholds that are reached count as nominal unless its own configuration says \
              otherwise; the BMC reports them as reached (table 35-15, byte 4), as the bits show",
        cells: &[
            ("all, below nc", State, "lnc, nominal"),
            ("all, above nc", State, "unc, nominal"),
            ("all, at nc", State, "unc, nominal"),
            ("falling", State, "unc, nominal"),
            ("moved limits", State, "unc, nominal"),
        ],
    },
    Known {
        tools: IPMI_SENSORS,
        why: "B is added to hysteresis, as the letter of table 43-1, byte 43, has it (\"must be converted \
              using y = Mx + B\"); by the same byte it is subtracted from raw thresholds, and so a distance",
        cells: &[("hysteresis", Hysteresis, "5 5.5"), ("falling", Hysteresis, "196 194")],
    },
    Known {
        tools: IPMI_SENSORS,
        why: "other LUNs of the BMC (table 43-1, byte 7) are not asked but over a bridge to the BMC itself",
        cells: &[
            ("on LUN 1", Value, NOTHING),
            ("on LUN 1", State, NOTHING),
            ("on LUN 2", Value, NOTHING),
            ("on LUN 2", State, NOTHING),
            ("on LUN 3", Value, NOTHING),
            ("on LUN 3", State, NOTHING),
        ],
    },
    Known {
        tools: IPMI_SENSORS,
        why: "thresholds are asked of the BMC whoever owns the sensor (table 43-1, byte 6): these belong to \
              the BMC's sensor of the same number",
        cells: &[("engine's limit", Thresholds, "10 15 20 60 65 70")],
    },
    Known {
        tools: IPMI_SENSORS,
        why: "a blank of its own comes before the number or letter, letters do not go on, and neither do \
              entity instances; table 43-2, bytes 24 and 25: they are appended, and count up",
        cells: &[
            ("Fan 1", Name, "Fan  1"),
            ("Fan 2", Name, "Fan  2"),
            ("Fan 3", Name, "Fan  3"),
            ("Bay A", Name, "Bay  A"),
            ("Bay B", Name, "Bay  A"),
            ("Bay B", Entity, "7.1"),
        ],
    },
    Known {
        tools: IPMI_SENSORS,
        why: "the names of table 42-3 with the remarks that follow them there; the bits are the same",
        cells: &[
            (
                "processor",
                StateNames,
                "thermal trip, processor presence detected, processor automatically throttled \
                 (processor throttling triggered by a hardware-based mechanism operating independent \
                 from system software, such as automatic thermal throttling or throttling to limit \
                 power consumption.)",
            ),
            (
                "every state",
                StateNames,
                "correctable ecc/other correctable memory error, uncorrectable ecc/other \
                 uncorrectable memory error, parity, memory scrub failed (stuck bit), memory device \
                 disabled, correctable ecc/other correctable memory error logging limit reached, \
                 presence detected, configuration error, spare, memory automatically throttled, \
                 critical overtemperature.  memory device has entered a critical overtemperature \
                 state, exceeding specified operating conditions.  memory devices in this state may \
                 produce errors or become inaccessible",
            ),
        ],
    },
];
