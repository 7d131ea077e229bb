//! One sensor of every awkward shape, as `ipmi-lan`, `ipmitool` and `ipmi-sensors` read it, beside
//! what the script says: ours equals the script, and every difference of the tools has a reason.

mod difference;
mod known;
mod ours;
mod script;
mod seen;
mod tools;

use turbulence_lab::testbmc::Quirks;
use turbulence_lab::testbmc::specimens::specimens;

use crate::tool::Bmc;
use difference::{Difference, Tool};
use known::KNOWN;
use ours::Ours;
use seen::Seen;

/// States of a memory module that FreeIPMI names in words of its own.
const OTHER_WORDS: [&str; 3] =
    ["correctable ECC", "uncorrectable ECC", "correctable ECC logging limit reached"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_shape_of_sensor_is_read_as_the_script_says() {
    let bmc = Bmc::start(specimens(), Quirks::default());
    let ours = ours::read(([127, 0, 0, 1], bmc.port()).into()).await;
    let script = script::script();
    assert_eq!(ours.len(), script.len());
    for (ours, (id, seen)) in ours.iter().zip(&script) {
        assert_eq!((&ours.id, &ours.seen), (id, seen), "ours, then what the script says");
    }

    let differences =
        [by_ipmitool(&bmc, &ours, &script), by_freeipmi(&bmc, &ours, &script)].concat();
    println!("{} sensors; where the tools differ from the script:", script.len());
    for difference in &differences {
        println!("  {difference}");
    }
    assert!(differences.iter().all(|it| it.reason().is_some()), "see the table");
    for known in &KNOWN {
        for (field, name) in
            known.fields.iter().flat_map(|it| known.sensors.iter().map(move |name| (it, name)))
        {
            let shows = differences.iter().any(|it| it.is(known.tool, field, name));
            assert!(shows, "{:?} no longer differs in the {field} of {name}", known.tool);
        }
    }
}

/// Row by row, one a record.
fn by_ipmitool(bmc: &Bmc, ours: &[Ours], script: &[(String, Seen)]) -> Vec<Difference> {
    let rows = tools::ipmitool(bmc);
    let mut records: Vec<u16> = ours.iter().map(|ours| ours.record).collect();
    records.dedup();
    assert_eq!(rows.len(), records.len(), "ipmitool lists every record");
    let first = |record| ours.iter().position(|ours| ours.record == record).unwrap();
    let rows = records.iter().map(|record| &script[first(*record)].1).zip(&rows);
    rows.flat_map(|(script, row)| Difference::between(Tool::Ipmitool, script, row)).collect()
}

/// Row by row, one a sensor. It prints two digits, names states, and shows no hysteresis.
fn by_freeipmi(bmc: &Bmc, ours: &[Ours], script: &[(String, Seen)]) -> Vec<Difference> {
    let mut rows = tools::ipmi_sensors(bmc);
    let mut differences = Vec::new();
    for (ours, (_, seen)) in ours.iter().zip(script) {
        let records = rows.get_mut(&ours.record).expect("a row for every record");
        let mut row = records.remove(0);
        if !names_agree(&ours.names, &row.names) {
            row.seen.state = row.names.join("; ");
        } else if !ours.names.is_empty() || seen.state.is_empty() {
            // Named alike, or none on both sides: the numbers are those of the script.
            row.seen.state.clone_from(&seen.state);
        }
        let Seen { value, thresholds, .. } = &mut row.seen;
        for (theirs, script) in [(value, &seen.value), (thresholds, &seen.thresholds)] {
            if are_close(theirs, script) {
                theirs.clone_from(script);
            }
        }
        row.seen.hysteresis.clone_from(&seen.hysteresis);
        differences.extend(Difference::between(Tool::FreeIpmi, seen, &row.seen));
    }
    assert!(rows.values().all(Vec::is_empty), "no row is left: {rows:?}");
    differences
}

/// Whether each number of a row is the other's, as exactly as two digits tell.
fn are_close(theirs: &str, script: &str) -> bool {
    let number = |cell: &str| cell.parse::<f64>();
    let [theirs, script] = [theirs, script].map(|row| row.split(' ').collect::<Vec<_>>());
    theirs.len() == script.len()
        && theirs.iter().zip(script).all(|(theirs, script)| {
            match (number(theirs), number(script)) {
                (Ok(theirs), Ok(script)) => (theirs - script).abs() < 0.0056,
                _ => *theirs == script,
            }
        })
}

/// Whether each of our names of states is in one of theirs, whatever the spelling.
fn names_agree(ours: &[String], theirs: &[String]) -> bool {
    let words = |name: &str| -> Vec<String> {
        let words = name.to_lowercase();
        let words = words.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.map(str::to_owned).collect()
    };
    ours.len() == theirs.len()
        && ours.iter().zip(theirs).all(|(ours, theirs)| {
            let theirs = words(theirs);
            OTHER_WORDS.contains(&ours.as_str())
                || words(ours).iter().all(|word| theirs.contains(word))
        })
}
