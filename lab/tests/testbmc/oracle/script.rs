//! What the specimens say, worked out by hand from the specification: the numbers to read.
//!
//! Nothing here comes from a decoder. A formula stands beside the number where one is needed, M, B,
//! exponents and raw value taken from `specimens.rs`.

use std::f64::consts::{LN_2, LOG10_2, SQRT_2};

use turbulence_lab::testbmc::server::ENGINE;

use super::said::{NONE, Said, Six};

/// The six thresholds most of the sensors with all of them have.
const ALL: Six = [Some(10.0), Some(15.0), Some(20.0), Some(60.0), Some(65.0), Some(70.0)];

/// Every sensor, in the order of the records.
pub(super) fn sensors() -> Vec<Said> {
    [numbers(), units_and_names(), thresholds(), owners(), discrete(), unread()].concat()
}

/// Formats, factors and formulas.
fn numbers() -> Vec<Said> {
    vec![
        celsius(0x01, "unsigned 255", 255.0),
        celsius(0x02, "ones 25", 25.0),
        celsius(0x03, "ones -25", -25.0),
        celsius(0x04, "ones -127", -127.0),
        celsius(0x05, "ones -0", 0.0),
        celsius(0x06, "twos 127", 127.0),
        celsius(0x07, "twos -1", -1.0),
        celsius(0x08, "twos -128", -128.0),
        celsius(0x09, "no number", 9.0).without("not_analog"),
        // -1 * 40 + 100.
        volts(0x10, "M -1 B 100", 60.0),
        // 511 * 3 - 512.
        volts(0x11, "M 511 B -512", 1021.0),
        // (-512 * 255 + 511 * 10^7) / 10^8.
        volts(0x12, "ends", 51.098_694_4),
        // (511 * 1 - 512 / 10^8) * 10^7.
        volts(0x13, "ends 2", 5_109_999_948.8),
        // 10 + 5 / 10.
        volts(0x14, "B exponent -1", 10.5),
        // 392 * 49 / 1000.
        volts(0x15, "exponent -3", 19.208),
        volts(0x16, "M 0", 7.0),
        // -3 * -10 - 7, and -3 * -10.
        volts(0x17, "twos, M -3", 23.0),
        volts(0x18, "ones, M -3", 30.0),
        // Of 5; the thresholds of 2 and 7.
        volts(0x20, "linear", 5.0).two_limits(2.0, 7.0),
        volts(0x21, "ln", 1.609_437_912_434_1).two_limits(LN_2, 1.945_910_149_055_31),
        volts(0x22, "log10", 0.698_970_004_336_019).two_limits(LOG10_2, 0.845_098_040_014_257),
        volts(0x23, "log2", 2.321_928_094_887_36).two_limits(1.0, 2.807_354_922_057_6),
        volts(0x24, "e^x", 148.413_159_102_577)
            .two_limits(7.389_056_098_930_65, 1_096.633_158_428_46),
        volts(0x25, "exp10", 100_000.0).two_limits(100.0, 10_000_000.0),
        volts(0x26, "exp2", 32.0).two_limits(4.0, 128.0),
        volts(0x27, "1/x", 0.2).two_limits(0.5, 1.0 / 7.0),
        volts(0x28, "sqr", 25.0).two_limits(4.0, 49.0),
        volts(0x29, "cube", 125.0).two_limits(8.0, 343.0),
        volts(0x2A, "sqrt", 2.236_067_977_499_79).two_limits(SQRT_2, 2.645_751_311_064_59),
        volts(0x2B, "cube root", 1.709_975_946_676_7)
            .two_limits(1.259_921_049_894_87, 1.912_931_182_772_39),
        volts(0x2C, "ln of 0", 0.0).without("not_finite"),
        volts(0x2D, "1/0", 0.0).without("not_finite"),
        volts(0x2E, "sqrt of -9", 0.0).without("not_finite"),
        // As many volts as counts up to 99, from there on 2 * 120 - 100 and 2 * 200 - 100.
        bent(volts(0x2F, "bent below", 50.0)),
        bent(volts(0x30, "bent above", 140.0)),
    ]
}

/// The record of a non-linear sensor has raw thresholds and no factors for them.
fn bent(said: Said) -> Said {
    Said { in_record: NONE, ..said.two_limits(10.0, 300.0) }
}

/// Units in the words of table 43-15, and names.
fn units_and_names() -> Vec<Said> {
    vec![
        Said::new(0x38, "duty", 19.208, "percent"),
        Said::new(0x39, "percent of RPM", 40.0, "% RPM"),
        Said::new(0x3A, "speed", 4_500.0, "RPM"),
        Said::new(0x3B, "bytes per second", 12.0, "byte per second"),
        Said::new(0x3C, "watt times hour", 13.0, "Watts * hour"),
        Said::new(0x3D, "metre by second", 14.0, "m/second"),
        Said::new(0x3E, "watt by A and h", 15.0, "Watts/Amps per hour"),
        Said::new(0x3F, "no unit", 16.0, "unspecified"),
        Said::new(0x40, "fahrenheit", 100.0, "degrees F"),
        Said::new(0x41, "kelvin", 250.0, "degrees K"),
        Said::new(0x42, "unit 60h", 17.0, "unknown"),
        celsius(0x48, "sixteen letters!", 20.0),
        celsius(0x49, "", 21.0),
        celsius(0x4A, "Lüfter", 22.0),
        celsius(0x4B, "SIX BIT", 23.0),
        celsius(0x4C, "IPMI", 24.0),
        celsius(0x4D, "12.5-3", 25.0),
        celsius(0x4E, "Temp Ω", 26.0),
        celsius(0x4F, "padded", 27.0),
        celsius(0x50, "twin", 28.0),
        celsius(0x51, "twin", 29.0),
    ]
}

fn thresholds() -> Vec<Said> {
    let signed = |limits: [f64; 4]| {
        let [lower_last, lower, upper, upper_last] = limits.map(Some);
        [lower_last, lower, None, upper, None, upper_last]
    };
    let states = [
        (0x58, "all, nominal", 40.0, "ok"),
        (0x59, "all, below nc", 19.0, "lnc"),
        (0x5A, "all, below cr", 14.0, "lcr"),
        (0x5B, "all, below nr", 9.0, "lnr"),
        (0x5C, "all, above nc", 61.0, "unc"),
        (0x5D, "all, above cr", 66.0, "ucr"),
        (0x5E, "all, above nr", 71.0, "unr"),
        // Table 35-15: at the threshold is beyond it.
        (0x5F, "all, at nc", 60.0, "unc"),
    ];
    let zero = [None, Some(0.0), None, None, Some(100.0), None];
    let mut all: Vec<_> = states
        .map(|(number, name, value, state)| Said {
            state,
            ..celsius(number, name, value).limits(ALL)
        })
        .into();
    all.extend([
        celsius(0x60, "threshold of 0", 5.0).limits(zero),
        Said {
            state: "lcr",
            ..celsius(0x61, "signed limits", -11.0).limits(signed([-20.0, -10.0, -5.0, 30.0]))
        },
        Said {
            state: "lcr",
            ..celsius(0x62, "ones' limits", -10.0).limits(signed([-19.0, -9.0, -4.0, 30.0]))
        },
        // (5 * 33 + 40) / 10; the hysteresis is 5 * 2 / 10 and 5 * 3 / 10.
        Said {
            nominal: Some(20.5),
            hysteresis: Some((1.0, 1.5)),
            ..volts(0x63, "hysteresis", 20.5).limits([9.0, 11.5, 14.0, 34.0, 36.5, 39.0].map(Some))
        },
        // 200 - 2 * 62, beyond 200 - 2 * 60; the hysteresis is a distance, whatever the direction.
        Said {
            state: "unc",
            hysteresis: Some((4.0, 6.0)),
            ..volts(0x64, "falling", 76.0).limits([180.0, 170.0, 160.0, 80.0, 70.0, 60.0].map(Some))
        },
        volts(0x65, "hysteresis, sqr", 25.0),
        Said {
            state: "unc",
            in_record: [None, None, None, Some(60.0), Some(70.0), None],
            thresholds: [None, None, None, Some(55.0), Some(75.0), None],
            ..celsius(0x66, "moved limits", 58.0)
        },
    ]);
    all
}

fn owners() -> Vec<Said> {
    let engine = ENGINE.1;
    vec![
        celsius(0x70, "on LUN 0", 50.0),
        celsius(0x70, "on LUN 1", 51.0).of(0x20, 1),
        celsius(0x70, "on LUN 2", 52.0).of(0x20, 2),
        celsius(0x70, "on LUN 3", 53.0).of(0x20, 3),
        celsius(0x70, "engine's", 90.0).of(engine, 0),
        celsius(0x70, "engine's LUN 1", 91.0).of(engine, 1),
        Said {
            state: "ucr",
            ..celsius(0x58, "engine's limit", 96.0)
                .limits([None, None, None, None, Some(95.0), None])
                .of(engine, 0)
        },
        bent(volts(0x72, "engine's bent", 140.0)).of(engine, 0),
        Said::unread(0x70, "software's", "not_bridged").of(0x41, 0),
    ]
}

/// States by bit, and their names in tables 42-2 and 42-3 as far as these name them.
fn discrete() -> Vec<Said> {
    let drive = &["drive presence"];
    let running = &["transition to running"];
    vec![
        Said::discrete(0x80, "PSU present", 0x0001, &["presence detected"]),
        Said::discrete(
            0x81,
            "PSU input lost",
            0x000B,
            &[
                "presence detected",
                "power supply failure detected",
                "power supply input lost (AC/DC)",
            ],
        ),
        // A drive has no state 9.
        Said::discrete(0x82, "drive in parts", 0x0201, drive),
        Said::discrete(0x83, "drive, no state", 0x0000, &[]),
        Said::discrete(
            0x84,
            "processor",
            0x0482,
            &["thermal trip", "processor presence detected", "processor automatically throttled"],
        ),
        Said::discrete(0x85, "fan running", 0x0001, running),
        Said::discrete(0x86, "fans redundant", 0x0002, &["redundancy lost"]),
        Said::discrete(0x87, "severity", 0x0004, &["transition to critical from less severe"]),
        Said::discrete(0x88, "asserted", 0x0002, &["state asserted"]),
        Said::discrete(0x89, "device absent", 0x0001, &["device removed/device absent"]),
        Said::discrete(0x8A, "usage busy", 0x0004, &["transition to busy"]),
        Said::discrete(0x8B, "limit exceeded", 0x0002, &["limit exceeded"]),
        Said::discrete(0x8C, "power D0", 0x0001, &["D0 power state"]),
        // Only the maker can name these.
        Said::discrete(0x8D, "maker's type", 0x0003, &[]),
        Said::discrete(0x8E, "maker's states", 0x4001, &[]),
        Said::discrete(
            0x8F,
            "every state",
            0x7FFF,
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
        // "Fan " and "Bay " with a number or a letter appended; each bay is an entity of its own.
        Said::discrete(0x90, "Fan 1", 0x0001, running),
        Said::discrete(0x91, "Fan 2", 0x0001, running),
        Said::discrete(0x92, "Fan 3", 0x0001, running),
        Said::discrete(0x94, "Bay A", 0x0001, drive),
        Said { entity: "7.2", ..Said::discrete(0x95, "Bay B", 0x0001, drive) },
        // 392 * 55 / 1000.
        Said {
            value: Ok(21.56),
            unit: "percent",
            ..Said::discrete(0x98, "Fan 4", 0x0001, running)
        },
        Said::discrete(0x99, "full, states", 0x0003, &["drive presence", "drive fault"]),
    ]
}

fn unread() -> Vec<Said> {
    vec![
        Said::unread(0xA8, "record alone", "not_present"),
        Said::unread(0xB0, "unavailable", "unavailable"),
        Said::unread(0xB1, "not scanned", "scanning_disabled"),
        Said::unread(0xB2, "in no such state", "not_in_this_state"),
    ]
}

fn celsius(number: u8, name: &'static str, value: f64) -> Said {
    Said::new(number, name, value, "degrees C")
}

fn volts(number: u8, name: &'static str, value: f64) -> Said {
    Said::new(number, name, value, "Volts")
}
