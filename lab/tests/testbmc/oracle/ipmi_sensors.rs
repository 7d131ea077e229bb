//! The specimens as `FreeIPMI`'s `ipmi-sensors` reads them: its list, and what it says at length with `-vv`.

use std::collections::BTreeMap;

use turbulence_lab::testbmc::server::ENGINE;

use super::row::{Digits, Field, NOTHING, Row, shortest, six, state_names, value};
use crate::tool::Bmc;

/// `%.2f` in the list.
pub(super) const DIGITS: Digits = Digits::AfterThePoint(2);

/// Reads everything; over the bridge only what is there, see below.
pub(super) fn read(bmc: &Bmc) -> Vec<Row> {
    let (mut rows, ids) = list(bmc, &[]);
    // Asked to bridge, it sends Send Message to the BMC itself for sensors of its other LUNs, and ends
    // when that is refused. So it may bridge for these records alone.
    let engines = rows.iter().zip(&ids).filter(|(row, _)| row.owner.unwrap().0 == ENGINE.1);
    let engines: Vec<_> = engines.map(|(_, id)| id.as_str()).collect();
    let (bridged, _) =
        list(bmc, &["--bridge-sensors", &format!("--record-ids={}", engines.join(","))]);
    for row in bridged {
        let id = (row.owner, row.number);
        *rows.iter_mut().find(|one| (one.owner, one.number) == id).unwrap() = row;
    }
    rows
}

/// The rows and their record IDs.
fn list(bmc: &Bmc, arguments: &[&str]) -> (Vec<Row>, Vec<String>) {
    // Sensors that share a record, and numbers of sensors that have states as well.
    let always = ["--shared-sensors", "-W", "discretereading"];
    let columns = ["--output-sensor-thresholds", "--output-sensor-state", "--output-event-bitmask"];
    let csv = bmc.sensors(&[&always[..], &columns, arguments].concat());
    let long = ["-vv", "--quiet-cache"];
    let verbose = bmc.freeipmi("ipmi-sensors", &[&always[..], &long, arguments].concat());
    assert!(verbose.ok, "{verbose:?}");
    let csv: Vec<_> = csv.lines().map(Line::parse).collect();
    let blocks = verbose.out.split("\n\n").map(Block);
    let blocks: Vec<_> = blocks.filter(Block::is_readable_sensor).collect();
    assert_eq!(csv.len(), blocks.len(), "two lists of the same sensors");
    for (line, block) in csv.iter().zip(&blocks) {
        assert_eq!(line.id, block.field("Record ID"));
    }
    let rows = csv.iter().zip(&blocks).map(|(line, block)| row(line, block)).collect();
    (rows, csv.iter().map(|line| line.id.to_owned()).collect())
}

fn row(line: &Line<'_>, block: &Block<'_>) -> Row {
    let is_threshold = block.field("Event/Reading Type Code") == "1h";
    let bits = line.event.strip_suffix('h').map(|bits| u16::from_str_radix(bits, 16).unwrap());
    let (state, states) = match bits {
        None => (NOTHING.into(), NOTHING.into()),
        Some(bits) if is_threshold => (state(bits, line.state), NOTHING.into()),
        Some(bits) => (NOTHING.into(), format!("{bits:#06x}")),
    };
    let hysteresis = ["Positive Hysteresis", "Negative Hysteresis"].map(|name| block.number(name));
    let hysteresis = match hysteresis {
        [None, None] => NOTHING.into(),
        both => both.map(|one| DIGITS.write_some(one)).join(" "),
    };
    let names = block.fields("Sensor Event").filter(|_| !is_threshold);
    let names = names.map(|name| name.trim_matches('\''));
    // No event at all, and events that it has no name for.
    let no_names = ["OK", "Unrecognized Event", "OEM Event", "N/A"];
    let names = names.filter(|name| !no_names.iter().any(|other| name.starts_with(other)));
    let entity = block.field("Entity ID").rsplit(['(', ')']).nth(1).unwrap();
    Row {
        owner: Some((
            hexadecimal(block.field("Sensor Owner ID")),
            hexadecimal(block.field("Sensor Owner LUN")),
        )),
        number: block.field("Sensor Number").parse().unwrap(),
        cells: BTreeMap::from([
            (Field::Listed, "listed".into()),
            (Field::Name, line.name.into()),
            (Field::Entity, format!("{entity}.{}", block.field("Entity Instance"))),
            (Field::Value, value(&cell(line.reading), unit(line.unit))),
            (Field::State, state),
            (Field::Thresholds, six(&line.thresholds.map(cell))),
            (Field::Nominal, DIGITS.write_some(block.number("Nominal Reading"))),
            (Field::Hysteresis, hysteresis),
            (Field::States, states),
            (Field::StateNames, state_names(names)),
        ]),
    }
}

/// The worst of the thresholds in the comparison status (table 35-15), and what `FreeIPMI` thinks of it.
fn state(bits: u16, severity: &str) -> String {
    let worst_first = [(5, "unr"), (2, "lnr"), (4, "ucr"), (1, "lcr"), (3, "unc"), (0, "lnc")];
    match worst_first.iter().find(|(bit, _)| bits >> bit & 1 == 1) {
        None if severity == "Nominal" => "ok".into(),
        None => format!("ok, {}", severity.to_lowercase()),
        Some((_, level)) => format!("{level}, {}", severity.to_lowercase()),
    }
}

/// The unit in the words of table 43-15; the others are spelt as they are.
fn unit(short: &str) -> &str {
    match short {
        "C" => "degrees C",
        "F" => "degrees F",
        "K" => "degrees K",
        "V" => "Volts",
        "%" => "percent",
        "B per s" => "byte per second",
        "W * hr" => "Watts * hour",
        "m / s" => "m/second",
        other => other,
    }
}

fn cell(text: &str) -> String {
    if text == "N/A" { NOTHING.into() } else { shortest(text) }
}

fn hexadecimal(text: &str) -> u8 {
    u8::from_str_radix(text.strip_suffix('h').unwrap(), 16).unwrap()
}

/// A line of the list. A name may hold commas, nothing after it does.
struct Line<'a> {
    id: &'a str,
    name: &'a str,
    state: &'a str,
    reading: &'a str,
    unit: &'a str,
    thresholds: [&'a str; 6],
    event: &'a str,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Self {
        let (id, rest) = line.split_once(',').unwrap();
        let fields: Vec<_> = rest.rsplitn(12, ',').collect();
        let fields: [_; 12] = fields.try_into().unwrap();
        let [event, unr, ucr, unc, lnc, lcr, lnr, unit, reading, state, _type, name] = fields;
        Self { id, name, state, reading, unit, thresholds: [lnr, lcr, lnc, unc, ucr, unr], event }
    }
}

/// What it says of one record at length: a name and a value in each line.
struct Block<'a>(&'a str);

impl<'a> Block<'a> {
    fn is_readable_sensor(&self) -> bool {
        ["Full", "Compact"].iter().any(|kind| self.0.contains(&format!("{kind} Sensor Record")))
    }

    fn fields(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let lines = self.0.lines().filter_map(|line| line.split_once(':'));
        lines.filter(move |(key, _)| *key == name).map(|(_, value)| value.trim())
    }

    fn field(&self, name: &str) -> &'a str {
        self.fields(name).next().unwrap_or_else(|| panic!("no {name:?} in\n{}", self.0))
    }

    /// The number before the unit.
    fn number(&self, name: &str) -> Option<f64> {
        self.fields(name).next()?.split(' ').next()?.parse().ok()
    }
}
