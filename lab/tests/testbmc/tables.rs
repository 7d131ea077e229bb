//! What the tools read is what the script says.

use crate::tool::{Bmc, fields};

/// Name, value, unit as `ipmi-sensors` writes it, thresholds as it orders them.
const SENSORS: [(&str, &str, &str, [&str; 6]); 14] = {
    const NONE: [&str; 6] = ["N/A"; 6];
    const FAN: [&str; 6] = ["N/A", "500.00", "800.00", "N/A", "N/A", "N/A"];
    const fn critical(limit: &'static str) -> [&'static str; 6] {
        ["N/A", "N/A", "N/A", "N/A", limit, "N/A"]
    }
    [
        ("01-Inlet Ambient", "22.00", "C", ["N/A", "N/A", "N/A", "N/A", "42.00", "46.00"]),
        ("02-CPU", "40.00", "C", critical("70.00")),
        ("03-P1 DIMM 1-2", "31.00", "C", critical("87.00")),
        ("04-P1 DIMM 3-4", "32.00", "C", critical("87.00")),
        ("05-HD Max", "24.00", "C", ["N/A", "N/A", "N/A", "60.00", "N/A", "N/A"]),
        ("06-Chipset", "45.00", "C", critical("105.00")),
        ("07-VR P1", "38.00", "C", ["N/A", "N/A", "N/A", "N/A", "115.00", "120.00"]),
        ("Fan 1 DutyCycle", "19.21", "%", NONE),
        ("Fan 2 DutyCycle", "19.21", "%", NONE),
        ("Fan 1", "4500.00", "RPM", FAN),
        ("Fan 2", "4600.00", "RPM", FAN),
        ("Power Meter", "70.00", "W", NONE),
        ("PS 1 Input", "0.30", "A", NONE),
        ("12V", "12.06", "V", ["N/A", "10.80", "11.40", "N/A", "N/A", "N/A"]),
    ]
};

const DISCRETE: [(&str, &str, &str); 3] = [
    ("Fan 1 Status", "Transition to Running", "'transition to Running'"),
    ("Power Supply 1", "Presence detected", "'Presence detected'"),
    ("Drive 1", "Drive Present", "'Drive Presence'"),
];

#[test]
fn ipmi_sensors_reads_values_units_and_thresholds() {
    for suite in ["3", "17"] {
        let bmc = Bmc::healthy();
        let text = bmc.sensors(&["-I", suite, "--output-sensor-thresholds"]);
        for (name, value, unit, thresholds) in SENSORS {
            let line = fields(&text, name, ',');
            assert_eq!(line[3..5], [value, unit], "{name}");
            assert_eq!(line[5..11], thresholds, "{name}");
            assert_eq!(line[11], "'OK'", "{name}");
        }
        for (name, _, state) in DISCRETE {
            assert_eq!(fields(&text, name, ',').last(), Some(&state));
        }
        assert_eq!(text.lines().count(), SENSORS.len() + DISCRETE.len());
    }
}

#[test]
fn ipmitool_sensor_reads_values_and_thresholds() {
    let bmc = Bmc::healthy();
    let text = bmc.read(&["sensor"]);
    for (name, value, unit, thresholds) in SENSORS {
        let line = fields(&text, name, '|');
        let number = |text: &str| text.parse::<f64>().ok();
        let (read, said) = (number(line[1]).unwrap(), number(value).unwrap());
        assert!((read - said).abs() < 0.005, "{name}: {read} instead of {said}");
        assert_eq!(line[3], "ok", "{name}");
        assert!(line[2].starts_with(unit) || line[2] == long(unit), "{name}: {}", line[2]);
        assert_eq!(
            line[4..10].iter().map(|one| number(one)).collect::<Vec<_>>(),
            thresholds.map(number)
        );
    }
}

/// The unit as `ipmitool` writes it.
fn long(unit: &str) -> &str {
    match unit {
        "C" => "degrees C",
        "%" => "percent",
        "W" => "Watts",
        "A" => "Amps",
        "V" => "Volts",
        unit => unit,
    }
}

#[test]
fn ipmitool_lists_records_entities_and_states() {
    let bmc = Bmc::healthy();
    let text = bmc.read(&["-C", "17", "sdr", "elist", "all"]);
    assert_eq!(fields(&text, "iLO", '|')[3..], ["6.1", "Dynamic MC @ 20h"]);
    assert_eq!(fields(&text, "PSU 1", '|')[3..], ["10.1", "Logical FRU @01h"]);
    assert_eq!(fields(&text, "05-HD Max", '|')[1..], ["05h", "ok", "4.1", "24 degrees C"]);
    assert_eq!(fields(&text, "Fan 2 DutyCycle", '|')[3..], ["29.2", "19.21 percent"]);
    for (name, state, _) in DISCRETE {
        assert_eq!(fields(&text, name, '|')[4], state);
    }
    assert_eq!(text.lines().count(), 19);
}

#[test]
fn hysteresis_and_events_are_read() {
    let bmc = Bmc::healthy();
    bmc.with(|bmc| bmc.set_value(0, 0x02, 71));
    let text = bmc.read(&["sensor", "get", "02-CPU"]);
    for (name, value) in [
        ("Sensor Reading", "71 (+/- 0) degrees C"),
        ("Status", "Upper Critical"),
        ("Positive Hysteresis", "2.000"),
        ("Negative Hysteresis", "2.000"),
        ("Assertion Events", "ucr+"),
        ("Assertions Enabled", "ucr+"),
    ] {
        assert_eq!(fields(&text, name, ':')[1], value, "{name}");
    }
    let states = bmc.sensors(&["--output-sensor-state"]);
    assert_eq!(fields(&states, "02-CPU", ',')[3], "Critical");
    assert_eq!(fields(&states, "01-Inlet Ambient", ',')[3], "Nominal");
}

#[test]
fn the_event_log_is_read() {
    let bmc = Bmc::healthy();
    let text = bmc.read(&["sel", "elist"]);
    let cells = |line| str::split(line, '|').map(str::trim).collect::<Vec<_>>();
    let lines: Vec<_> = text.lines().map(cells).collect();
    let expected: [&[&str]; 3] = [
        &[
            "1",
            "01/01/26",
            "00:01:00 UTC",
            "Power Supply Power Supply 1",
            "Presence detected",
            "Asserted",
        ],
        &[
            "2",
            "01/01/26",
            "01:00:00 UTC",
            "Power Supply Power Supply 1",
            "Power Supply AC lost",
            "Asserted",
        ],
        &[
            "3",
            "01/01/26",
            "02:00:00 UTC",
            "Temperature 02-CPU",
            "Upper Critical going high",
            "Asserted",
            "Reading 71 > Threshold 70 degrees C",
        ],
    ];
    assert_eq!(lines, expected.map(<[&str]>::to_vec));
    let info = bmc.read(&["sel", "info"]);
    assert_eq!(fields(&info, "Entries", ':')[1], "3");
    let other = bmc.freeipmi("ipmi-sel", &["--comma-separated-output", "--no-header-output"]);
    let last = other.out.lines().last().unwrap_or_default();
    assert!(last.contains("02-CPU") && last.contains("Sensor Reading = 71.00 C"), "{other:?}");
}

#[test]
fn the_inventories_are_read() {
    let bmc = Bmc::healthy();
    let text = bmc.read(&["fru", "print"]);
    for (name, value) in [
        ("Chassis Serial", "CZ1234ABCD"),
        ("Board Product", "ProLiant DL320e Gen8"),
        ("Product Name", "ProLiant DL320e Gen8 v2"),
        ("Product Version", "02"),
    ] {
        assert_eq!(fields(&text, name, ':')[1], value);
    }
    assert!(text.contains("Board Mfg Date        : Thu Jan  1 00:00:00 2026 UTC"), "{text}");
    assert!(
        text.contains("Product Serial        : 5AEHL0A1B2C3D4"),
        "the second inventory: {text}"
    );
    let other = bmc.freeipmi("ipmi-fru", &[]);
    assert!(other.out.contains("FRU Product Name: Power Supply 350W"), "{other:?}");
}

#[test]
fn chassis_device_and_power_are_read() {
    let bmc = Bmc::healthy();
    let chassis = bmc.read(&["chassis", "status"]);
    assert_eq!(fields(&chassis, "System Power", ':')[1], "on");
    assert_eq!(fields(&chassis, "Cooling/Fan Fault", ':')[1], "false");
    let device = bmc.read(&["mc", "info"]);
    assert_eq!(fields(&device, "Firmware Revision", ':')[1], "1.22");
    assert_eq!(fields(&device, "Manufacturer ID", ':')[1], "11");
    assert!(bmc.read(&["mc", "guid"]).contains("38374331-3041-435a-3331-303431583038"));
    assert_eq!(bmc.read(&["mc", "selftest"]).trim(), "Selftest: passed");
    let power = bmc.read(&["dcmi", "power", "reading"]);
    for (name, value) in [
        ("Instantaneous power reading", "70 Watts"),
        ("Minimum during sampling period", "61 Watts"),
        ("Maximum during sampling period", "118 Watts"),
        ("Average power reading over sample period", "72 Watts"),
        ("Power reading state is", "activated"),
    ] {
        assert_eq!(fields(&power, name, ':')[1], value);
    }
    let temperatures = bmc.read(&["dcmi", "get_temp_reading"]);
    assert!(temperatures.contains("+22 C") && temperatures.contains("+40 C"), "{temperatures}");
    let other = bmc.freeipmi("ipmi-dcmi", &["--get-system-power-statistics"]);
    assert!(other.out.contains(": 118 watts"), "{other:?}");
}

#[test]
fn what_changes_the_state_is_refused_to_everyone() {
    let mut bmc = Bmc::healthy();
    (bmc.user, bmc.password, bmc.level) = ("admin", "twentybytespassword0", "ADMINISTRATOR");
    for arguments in [
        ["chassis", "power", "off"].as_slice(),
        &["sel", "clear"],
        &["raw", "0x06", "0x02"],
        &["sensor", "thresh", "02-CPU", "ucr", "90"],
        &["raw", "0x0a", "0x12", "0", "0", "0", "1"],
        &["user", "set", "password", "2", "x"],
    ] {
        let output = bmc.ipmitool(arguments);
        assert!(!output.ok || output.err.contains("rivilege"), "{arguments:?}: {output:?}");
    }
    assert_eq!(bmc.with(|bmc| bmc.counters().refused_changes), 6);
    assert_eq!(fields(&bmc.read(&["sel", "info"]), "Entries", ':')[1], "3");
}
