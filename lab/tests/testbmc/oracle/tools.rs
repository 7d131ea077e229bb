//! Every sensor as `ipmitool` and as FreeIPMI's `ipmi-sensors` read it.

use std::collections::BTreeMap;

use super::seen::{self, Seen};
use crate::tool::Bmc;

/// `ipmitool`'s view, a row a record, in the order of the records.
pub(crate) fn ipmitool(bmc: &Bmc) -> Vec<Seen> {
    let table = bmc.ipmitool(&["-c", "sensor"]).out;
    // Which level was passed, and on which side, stands in another table; it has the records of
    // what is no sensor, too.
    let levels = bmc.ipmitool(&["sdr", "elist", "all"]).out;
    let others = ["Event-Only", "Logical FRU", "Dynamic MC"];
    let levels = levels.lines().filter(|line| others.iter().all(|other| !line.contains(other)));
    let hysteresis = hysteresis(&bmc.ipmitool(&["-v", "sensor"]).out);
    let rows = table.lines().filter(|line| line.contains(','));
    let rows: Vec<_> = rows.zip(levels).zip(hysteresis).collect();
    rows.into_iter()
        .map(|((row, level), hysteresis)| ipmitool_row(row, level, hysteresis))
        .collect()
}

fn ipmitool_row(row: &str, level: &str, hysteresis: String) -> Seen {
    // A name may have commas.
    let mut cells: Vec<_> = row.rsplitn(10, ',').map(str::trim).collect();
    cells.reverse();
    let [name, value, unit, state, thresholds @ ..] = &cells[..] else { panic!("{row}") };
    let level = level.split('|').nth(2).unwrap_or_default().trim();
    let bits = state.strip_prefix("0x").map(|digits| u16::from_str_radix(digits, 16).unwrap());
    // The raw byte of a sensor that gives no number.
    let is_number = !value.starts_with("0x") && *value != "na";
    Seen {
        name: (*name).to_owned(),
        value: if is_number { (*value).to_owned() } else { String::new() },
        unit: if is_number { (*unit).to_owned() } else { String::new() },
        state: match bits {
            // States 0 to 7 come first; bit 15 is reserved.
            Some(bits) => seen::states(bits.swap_bytes()),
            None if *state == "na" => String::new(),
            None => level.to_owned(),
        },
        thresholds: seen::thresholds(thresholds.iter().copied(), "na"),
        hysteresis,
    }
}

/// What `-v` tells of each sensor.
fn hysteresis(text: &str) -> Vec<String> {
    let blocks = text.split("Sensor ID  ").skip(1);
    let field = |block: &str, name: &str| {
        let line = block.lines().find(|line| line.trim_start().starts_with(name))?;
        let value = line.rsplit(':').next()?.trim();
        (value != "Unspecified").then(|| value.to_owned())
    };
    let of = |block| {
        let positive = field(block, "Positive Hysteresis")?;
        Some(format!("{positive} {}", field(block, "Negative Hysteresis")?))
    };
    blocks.map(|block| of(block).unwrap_or_default()).collect()
}

/// A row of `ipmi-sensors`, and the names of the states that hold.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) seen: Seen,
    pub(crate) names: Vec<String>,
}

/// FreeIPMI's view by record; more than one row where sensors share a record.
pub(crate) fn ipmi_sensors(bmc: &Bmc) -> BTreeMap<u16, Vec<Row>> {
    let columns = ["--output-sensor-thresholds", "--output-sensor-state", "--shared-sensors"];
    let mut text = bmc.sensors(&columns);
    // When it bridges, it gives up at the first sensor of another LUN of the BMC: those apart.
    let bridged = [&columns[..], &["--bridge-sensors", "--record-ids=74,75,76"]].concat();
    text.push_str(&bmc.sensors(&bridged));
    let mut rows: BTreeMap<u16, Vec<Row>> = BTreeMap::new();
    for line in text.lines() {
        let (record, rest) = line.split_once(',').unwrap();
        let record = record.parse().unwrap();
        let row = ipmi_sensors_row(rest);
        // The bridged row comes after one without a value.
        match rows.get_mut(&record) {
            Some(earlier) if (74..=76).contains(&record) => *earlier = vec![row],
            Some(earlier) => earlier.push(row),
            None => drop(rows.insert(record, vec![row])),
        }
    }
    rows
}

fn ipmi_sensors_row(row: &str) -> Row {
    let mut cells: Vec<_> = row.rsplitn(12, ',').collect();
    cells.reverse();
    let [name, _, _, value, unit, thresholds @ .., events] = &cells[..] else { panic!("{row}") };
    let events: Vec<_> = events.trim_matches('\'').split("' '").collect();
    let state = match events[..] {
        ["N/A"] => String::new(),
        [one] if one.ends_with("Threshold") => level(one),
        [one] => one.to_lowercase(),
        _ => String::new(),
    };
    let names = events.iter().flat_map(|event| match event.split_once(" Event = ") {
        Some((_, bits)) => {
            let bits = u16::from_str_radix(bits.trim_end_matches('h'), 16).unwrap();
            seen::states(bits).split(' ').map(str::to_owned).collect()
        }
        None => vec![(*event).to_owned()],
    });
    let is_number = *value != "N/A";
    let seen = Seen {
        name: (*name).trim().to_owned(),
        value: if is_number { (*value).to_owned() } else { String::new() },
        unit: if is_number { long(unit).to_owned() } else { String::new() },
        state,
        thresholds: seen::thresholds(thresholds.iter().copied(), "N/A"),
        hysteresis: String::new(),
    };
    let is_state = |name: &String| name != "OK" && name != "N/A" && !name.ends_with("Threshold");
    let names = names.filter(is_state).collect();
    Row { seen, names }
}

/// `At or Below (<=) Lower Non-Critical Threshold` as `lnc`.
fn level(event: &str) -> String {
    let (side, rest) = if event.contains("Lower") { ("l", "Lower ") } else { ("u", "Upper ") };
    let level = event.split_once(rest).map(|(_, level)| level).unwrap_or_default();
    let level = match level {
        "Non-Critical Threshold" => "nc",
        "Critical Threshold" => "cr",
        "Non-Recoverable Threshold" => "nr",
        other => panic!("{other}"),
    };
    format!("{side}{level}")
}

/// A unit as `ipmitool` writes it.
fn long(unit: &str) -> &str {
    match unit {
        "C" => "degrees C",
        "F" => "degrees F",
        "K" => "degrees K",
        "V" => "Volts",
        "A" => "Amps",
        "W" => "Watts",
        "%" => "percent",
        "B per s" => "byte per second",
        "W * hr" => "Watts * hour",
        "m / s" => "m/second",
        unit => unit,
    }
}
