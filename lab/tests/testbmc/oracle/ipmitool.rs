//! The specimens as `ipmitool` reads them: `-c sensor`, `sdr elist`, `-v sensor` and `-v sdr list`.

use std::collections::BTreeMap;

use super::row::{Digits, Field, NOTHING, Row, shortest, six, state_names, value};
use crate::tool::Bmc;

/// `%.3f` everywhere.
pub(super) const DIGITS: Digits = Digits::AfterThePoint(3);

/// Reads everything. The four lists have the same sensors in the same order.
pub(super) fn read(bmc: &Bmc) -> Vec<Row> {
    // It fails when a sensor cannot be read, and lists the others all the same.
    let [csv, list, verbose, records] = [
        &["-c", "sensor"][..],
        &["sdr", "elist", "all"],
        &["-v", "sensor"],
        &["-v", "sdr", "list"],
    ]
    .map(|arguments| bmc.ipmitool(arguments).out);
    let csv: Vec<_> = csv.lines().map(Line::parse).collect();
    let list: Vec<_> = list.lines().filter_map(Listed::parse).collect();
    let (verbose, records) = (blocks(&verbose), blocks(&records));
    let counts = [list.len(), verbose.len(), records.len()];
    assert_eq!(counts, [csv.len(); 3], "four lists of the same sensors");
    (0..csv.len()).map(|i| row(&csv[i], &list[i], verbose[i], records[i])).collect()
}

fn row(csv: &Line<'_>, listed: &Listed<'_>, verbose: &str, record: &str) -> Row {
    for block in [verbose, record] {
        let number = format!("({:#x})", listed.number);
        assert!(block.lines().next().unwrap().ends_with(&number), "not {number}: {block}");
    }
    let names = bracketed(verbose);
    let reading = field(verbose, "Sensor", "Reading").unwrap_or_default();
    for elsewhere in [reading, listed.reading] {
        assert!(is_rounded(elsewhere, csv.number), "{elsewhere:?} and {:?}", csv.number);
    }
    assert!(listed.reading.ends_with(&names.join(", ")), "{:?} and {names:?}", listed.reading);
    let is_discrete = verbose.contains("Sensor Type (Discrete)");
    let severity = match csv.status {
        "nc" => ", warning",
        "cr" | "nr" => ", critical",
        _ => "",
    };
    let state = match listed.status {
        _ if is_discrete => NOTHING.into(),
        "ns" => NOTHING.into(),
        status => format!("{status}{severity}"),
    };
    let hysteresis = match ["Positive", "Negative"].map(|sign| field(verbose, sign, "Hysteresis")) {
        [None | Some("Unspecified"), None | Some("Unspecified")] => NOTHING.into(),
        both => both.map(|one| shortest(one.unwrap_or(NOTHING))).join(" "),
    };
    let in_record = |level: &str| field(record, level, "").map_or(NOTHING.into(), shortest);
    let levels = [
        "Lower non-recoverable",
        "Lower critical",
        "Lower non-critical",
        "Upper non-critical",
        "Upper critical",
        "Upper non-recoverable",
    ];
    let number = if csv.unit == "discrete" { NOTHING.into() } else { cell(csv.number) };
    Row {
        owner: None,
        number: listed.number,
        cells: BTreeMap::from([
            (Field::Listed, "listed".into()),
            (Field::Name, csv.name.into()),
            (Field::Entity, listed.entity.into()),
            (Field::Value, value(&number, &csv.unit.replace('*', " * "))),
            (Field::State, state),
            (Field::Thresholds, six(&csv.thresholds.map(cell))),
            (Field::InRecord, six(&levels.map(in_record))),
            (Field::Nominal, in_record("Nominal Reading")),
            (Field::Hysteresis, hysteresis),
            (Field::States, states(csv.status).unwrap_or(NOTHING.into())),
            (Field::StateNames, state_names(names)),
        ]),
    }
}

/// The bits of a status such as `0x0180`: the lower byte comes first, bit 15 is reserved.
fn states(status: &str) -> Option<String> {
    let bytes = u16::from_str_radix(status.strip_prefix("0x")?, 16).unwrap();
    Some(format!("{:#06x}", bytes.swap_bytes() & 0x7FFF))
}

/// Whether a text that begins with a number has that number with perhaps fewer digits.
fn is_rounded(text: &str, number: &str) -> bool {
    let first = text.split(' ').next().unwrap_or_default();
    match (first.parse::<f64>(), number.parse::<f64>()) {
        (Ok(rounded), Ok(number)) if number.is_finite() => (rounded - number).abs() <= 0.0051,
        _ => true,
    }
}

fn cell(text: &str) -> String {
    if text == "na" { NOTHING.into() } else { shortest(text) }
}

/// A line of `-c sensor`. A name may hold commas, nothing after it does.
struct Line<'a> {
    name: &'a str,
    number: &'a str,
    unit: &'a str,
    status: &'a str,
    thresholds: [&'a str; 6],
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Self {
        let fields: Vec<_> = line.rsplitn(10, ',').collect();
        let fields: [_; 10] = fields.try_into().unwrap();
        let [unr, ucr, unc, lnc, lcr, lnr, status, unit, number, name] = fields;
        Self { name, number, unit, status, thresholds: [lnr, lcr, lnc, unc, ucr, unr] }
    }
}

/// A line of `sdr elist all`.
struct Listed<'a> {
    number: u8,
    status: &'a str,
    entity: &'a str,
    /// The number and the names of states.
    reading: &'a str,
}

impl<'a> Listed<'a> {
    /// None of a record without a sensor that can be read.
    fn parse(line: &'a str) -> Option<Self> {
        let mut fields = line.rsplitn(5, '|').map(str::trim);
        let mut next = || fields.next().unwrap_or_default();
        let (reading, entity, status, number) = (next(), next(), next(), next());
        let others = ["Event-Only", "Logical FRU", "Dynamic MC"];
        let number = u8::from_str_radix(number.strip_suffix('h')?, 16).unwrap();
        let is_other = others.iter().any(|other| reading.starts_with(other));
        (!is_other).then_some(Self { number, status, entity, reading })
    }
}

/// What `-v` prints of each sensor that can be read, and the empty lines after it.
fn blocks(text: &str) -> Vec<&str> {
    let starts = text.match_indices("Sensor ID  ").map(|(at, _)| at).chain([text.len()]);
    let starts: Vec<_> = starts.collect();
    let blocks = starts.windows(2).map(|ends| &text[ends[0]..ends[1]]);
    blocks.filter(|block| block.contains("Sensor Type (")).collect()
}

/// The value after `name kind`, in the part of a block that is about this sensor.
fn field<'a>(block: &'a str, name: &str, kind: &str) -> Option<&'a str> {
    block.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        let key = key.trim().strip_prefix(name)?;
        (key.trim() == kind).then_some(value.trim())
    })
}

/// The names of states, each in a line of its own.
fn bracketed(block: &str) -> Vec<&str> {
    let lines = block.lines().map(str::trim);
    lines.filter_map(|line| line.strip_prefix('[')?.strip_suffix(']').map(str::trim)).collect()
}
