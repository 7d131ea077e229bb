//! Where a tool is known to say something else than the script, and what decides against it.

use super::difference::Tool::{self, FreeIpmi, Ipmitool};

/// Differences in some fields of some sensors.
pub(crate) struct Known {
    pub(crate) tool: Tool,
    pub(crate) fields: &'static [&'static str],
    /// Their names in the script.
    pub(crate) sensors: &'static [&'static str],
    /// Why the script is right. Sections and tables are those of IPMI 2.0.
    pub(crate) reason: &'static str,
}

/// Every difference that is known. One that no longer shows fails the test as well.
pub(crate) const KNOWN: [Known; 18] = [
    Known {
        tool: Ipmitool,
        fields: &["value", "unit"],
        sensors: NO_NUMBERS,
        reason: "prints C's infinity or NaN; the formula of section 36.3 gives no number",
    },
    Known {
        tool: Ipmitool,
        fields: &["thresholds"],
        sensors: &["bent below", "bent above"],
        reason: "takes the factors of the reading for thresholds; they hold for what they were asked for (table 35-5)",
    },
    Known {
        tool: Ipmitool,
        fields: &["unit"],
        sensors: &["bytes per second", "watt by A and h"],
        reason: "leaves out the rate (table 43-1, byte 21)",
    },
    Known {
        tool: Ipmitool,
        fields: &["unit"],
        sensors: &["watt times hour"],
        reason: "sets no blanks around the sign",
    },
    Known {
        tool: Ipmitool,
        fields: &["unit"],
        sensors: &["unit 60h"],
        reason: "has another word for a code that table 43-15 has not",
    },
    Known { tool: Ipmitool, fields: &["name"], sensors: ENCODED, reason: BYTES },
    Known {
        tool: Ipmitool,
        fields: &["name"],
        sensors: &["Fan 1", "Bay A"],
        reason: "does not expand shared records (table 43-2, bytes 24 and 25)",
    },
    Known {
        tool: Ipmitool,
        fields: &["state"],
        sensors: &["Fan 4"],
        reason: "shows no states beside a number; a record may have both (table 43-1, bytes 14 and 21)",
    },
    Known {
        tool: FreeIpmi,
        fields: &["value", "thresholds"],
        sensors: &["cube root"],
        reason: "computes x^-3 for 0Bh, the inverse of the cube as 0Ah is that of the square (table 43-1, byte 24)",
    },
    Known {
        tool: FreeIpmi,
        fields: &["value", "unit"],
        sensors: NO_NUMBERS,
        reason: "casts what is no number; the formula of section 36.3 gives none",
    },
    Known {
        tool: FreeIpmi,
        fields: &["value", "unit", "thresholds"],
        sensors: &["bent below", "bent above"],
        reason: "does not ask for reading factors (section 36.5)",
    },
    Known {
        tool: FreeIpmi,
        fields: &["value", "unit", "state"],
        sensors: &["on LUN 1", "on LUN 2", "on LUN 3"],
        reason: "does not ask the LUNs 1 to 3 (table 43-1, byte 7)",
    },
    Known {
        tool: FreeIpmi,
        fields: &["thresholds"],
        sensors: &["engine's limit"],
        reason: "bridges the reading of another controller's sensor, not its thresholds",
    },
    Known {
        tool: FreeIpmi,
        fields: &["value", "unit"],
        sensors: &["Fan 4"],
        reason: "takes no number of a sensor with states, unless told to (discretereading)",
    },
    Known {
        tool: FreeIpmi,
        fields: &["unit"],
        sensors: &["watt by A and h"],
        reason: "has no word for such a unit",
    },
    Known {
        tool: FreeIpmi,
        fields: &["unit"],
        sensors: &["unit 60h"],
        reason: "has another word for a code that table 43-15 has not",
    },
    Known { tool: FreeIpmi, fields: &["name"], sensors: ENCODED, reason: BYTES },
    Known {
        tool: FreeIpmi,
        fields: &["name"],
        sensors: &["Fan 1", "Fan 2", "Fan 3", "Bay A", "Bay B"],
        reason: "sets one blank more, and always the first letter (table 43-2, byte 25)",
    },
];

const NO_NUMBERS: &[&str] = &["ln of 0", "1/0", "sqrt of -9"];
const ENCODED: &[&str] = &["Lüfter", "SIX BIT", "IPMI", "12.5-3", "Temp Ω"];
const BYTES: &str =
    "prints the bytes of a name as they are, whatever their encoding (section 43.15)";
