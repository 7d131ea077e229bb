//! Every specimen as our client, `ipmitool` and `ipmi-sensors` read it, beside what the script says.
//!
//! The script is right, because it was worked out from the specification by hand. Our client has to
//! read the same. Where a tool reads something else, [`known`] says why and what decides; a difference
//! that it does not know fails, and so does one that it knows and no tool shows any more.

mod ipmi_sensors;
mod ipmitool;
mod known;
mod others;
mod ours;
mod row;
mod said;
mod script;

use std::collections::BTreeMap;

use turbulence_lab::testbmc::Quirks;
use turbulence_lab::testbmc::specimens::{faults, specimens};

use self::known::{KNOWN, Known, Tool};
use self::row::{Digits, Field, NOTHING, Row};
use self::said::Said;
use crate::tool::Bmc;

fn bmc() -> Bmc {
    Bmc::start(specimens(), Quirks { sensors: faults(), ..Quirks::default() })
}

/// A cell that is not what the script says.
struct Difference {
    sensor: &'static str,
    /// The sensor's place in the script.
    place: usize,
    field: Field,
    said: String,
    /// None: our client.
    tool: Option<Tool>,
    shown: String,
}

impl Difference {
    fn is_explained_by(&self, known: &Known, cell: &(&str, Field, &str)) -> bool {
        let explains = |tool: Tool| known.tools.contains(&tool);
        self.tool.is_some_and(explains) && *cell == (self.sensor, self.field, self.shown.as_str())
    }

    /// The place of its explanation in the list.
    fn explanation(&self) -> Option<usize> {
        let explains =
            |known: &Known| known.cells.iter().any(|cell| self.is_explained_by(known, cell));
        KNOWN.iter().position(explains)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_specimen_reads_as_the_script_says() {
    let bmc = bmc();
    let script = script::sensors();
    let readers = [
        (None, ours::read(&bmc).await, ours::DIGITS),
        (Some(Tool::Ipmitool), ipmitool::read(&bmc), ipmitool::DIGITS),
        (Some(Tool::IpmiSensors), ipmi_sensors::read(&bmc), ipmi_sensors::DIGITS),
    ];
    let all =
        readers.iter().flat_map(|(tool, rows, digits)| differences(&script, rows, *tool, *digits));
    let all: Vec<_> = all.collect();
    println!("{}", table(&all));

    let unexplained = all.iter().filter(|one| one.explanation().is_none()).count();
    assert_eq!(unexplained, 0, "differences that nothing explains, see the table");
    let cells = KNOWN.iter().flat_map(|known| known.cells.iter().map(move |cell| (known, cell)));
    let idle =
        cells.filter(|(known, cell)| !all.iter().any(|one| one.is_explained_by(known, cell)));
    let idle: Vec<_> = idle.map(|(_, cell)| cell).collect();
    assert!(idle.is_empty(), "explanations of what no tool shows any more: {idle:#?}");
    let known: usize = KNOWN.iter().map(|known| known.tools.len() * known.cells.len()).sum();
    assert_eq!(
        known,
        all.len(),
        "each difference has one explanation, for each tool that shows it"
    );
}

/// Compares each cell that the reader has.
fn differences(
    script: &[Said],
    rows: &[Row],
    tool: Option<Tool>,
    digits: Digits,
) -> Vec<Difference> {
    let mut rows = rows.iter().peekable();
    let mut differences = Vec::new();
    for (place, sensor) in script.iter().enumerate() {
        let row = rows.next_if(|row| {
            row.number == sensor.number && row.owner.is_none_or(|owner| owner == sensor.owner)
        });
        for (field, said) in sensor.row(digits).cells {
            let shown = match row {
                Some(row) => row.cells.get(&field).cloned(),
                None => (field == Field::Listed).then(|| NOTHING.into()),
            };
            if let Some(shown) = shown.filter(|shown| *shown != said) {
                let sensor = sensor.name;
                differences.push(Difference { sensor, place, field, said, tool, shown });
            }
        }
    }
    assert!(rows.peek().is_none(), "{tool:?} lists what is not there: {:#?}", rows.peek());
    differences
}

/// All differences, and the explanations under them. A point stands for what the script says.
fn table(differences: &[Difference]) -> String {
    let mut by_cell: BTreeMap<_, Vec<&Difference>> = BTreeMap::new();
    for one in differences {
        by_cell.entry((one.place, one.field)).or_default().push(one);
    }
    let head = line(["sensor", "field", "script", "ours", "ipmitool", "ipmi-sensors", "why"]);
    let lines = by_cell.iter().map(|((_, field), cell)| {
        let by = |tool| cell.iter().find(|one| one.tool == tool);
        let shown = |tool| by(tool).map_or(".".into(), |one| short(&one.shown));
        let why = cell.iter().map(|one| match one.explanation() {
            Some(place) => format!("[{}]", place + 1),
            None => format!("NOT EXPLAINED: {:?} instead of {:?}", one.shown, one.said),
        });
        line([
            cell[0].sensor,
            &format!("{field:?}"),
            &short(&cell[0].said),
            &shown(None),
            &shown(Some(Tool::Ipmitool)),
            &shown(Some(Tool::IpmiSensors)),
            &why.collect::<Vec<_>>().join(" "),
        ])
    });
    let reasons = KNOWN.iter().zip(1..);
    let reasons = reasons.map(|(known, n)| format!("[{n}] {:?}: {}", known.tools, known.why));
    let text: Vec<_> = std::iter::once(head).chain(lines).chain(reasons).collect();
    format!("{} differences from the script:\n{}", differences.len(), text.join("\n"))
}

fn line([sensor, field, said, ours, ipmitool, ipmi_sensors, why]: [&str; 7]) -> String {
    format!("{sensor:16} {field:10} {said:26} {ours:26} {ipmitool:26} {ipmi_sensors:26} {why}")
}

/// What fits into a column; the bytes of names may be anything.
fn short(text: &str) -> String {
    let text: String = text.escape_debug().collect();
    if text.chars().count() <= 26 { text } else { text.chars().take(25).chain(['…']).collect() }
}
