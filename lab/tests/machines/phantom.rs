//! From the bytes of real records to an alert: a raw reading jumps as no part can, the exporter reads it by
//! its own code and judges it, and a real Prometheus evaluates the shipped rules.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use peers::{Program, Prometheus};
use turbulence_lab::process::find_own;

use crate::fixture::machines;
use crate::openbmc::{self, PASSWORD, USER};

/// A memory module's sensor of that machine, its number, and a raw byte below its critical limit.
const MACHINE: &str = "Quanta D51";
const SENSOR: &str = "Temp_DIMM_AB";
const NUMBER: u8 = 0xAC;
const HOT: u8 = 0x50;

#[test]
fn a_raw_reading_that_no_module_can_have_becomes_an_alert() {
    let machine = machines().into_iter().find(|it| it.name == MACHINE).unwrap();
    let changed = Arc::new(Mutex::new(HashMap::new()));
    let bmc = openbmc::serve_changing(machine.sensors, true, Arc::clone(&changed));
    let config = format!(
        "modules: {{ default: {{ user: {USER}, pass: {PASSWORD}, interval: 1s }} }}\n\
         targets: [ {{ name: d51, address: '{bmc}', site: hq, rack: r1 }} ]\n"
    );
    let exporter = Program::start(Command::new(find_own("turbulence-ipmi").unwrap()), &config);
    let reads = format!("ipmi_temperature_celsius{{name=\"{SENSOR}\"}}");
    let polled = "ipmi_polls_total";
    exporter.wait_until("it was polled for a while", |page| {
        page.get(&reads).is_some() && page.get(polled).is_some_and(|polls| polls > 5.0)
    });
    let page = exporter.metrics();
    let (before, held) = (page.value(&reads), page.value("ipmi_verdicts_held"));
    let phantom = format!("ipmi_verdict{{name=\"{SENSOR}\",verdict=\"phantom_temperature\"}}");
    assert_eq!(page.get(&phantom), None, "{held} verdicts of a machine that is well:\n{page}");

    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../alerts/thermal.rules.yml");
    let config = format!(
        "rule_files: [{:?}]\nscrape_configs: [{{job_name: turbulence-ipmi, scrape_interval: 1s, \
         static_configs: [{{targets: ['{}']}}]}}]\n",
        rules.canonicalize().unwrap(),
        exporter.address()
    );
    let prometheus = Prometheus::start(Path::new("prometheus"), &config, &[]);
    prometheus.wait_for("ipmi_temperature_celsius{name=\"Temp_DIMM_AB\"}", 1);
    changed.lock().unwrap().insert(NUMBER, HOT);

    let page =
        exporter.wait_until("it is called a phantom", |page| page.get(&phantom) == Some(2.0));
    let of = |what: &str| {
        let verdict = "verdict=\"phantom_temperature\"";
        page.value(&format!("ipmi_verdict_evidence{{name=\"{SENSOR}\",{verdict},what=\"{what}\"}}"))
    };
    assert!(
        (of("base") - before).abs() < 1.5 && (of("now") - f64::from(HOT)).abs() < 1.5,
        "{page}"
    );
    let alert = "ALERTS{alertname=\"IpmiPhantomTemperature\",alertstate=\"firing\",target=\"d51\",site=\"hq\"}";
    let fires = prometheus.wait_for(alert, 1);
    let labels = fires.into_keys().next().unwrap();
    assert!(labels.contains(SENSOR) && labels.contains("\"severity\":\"warning\""), "{labels}");

    // It ends when the byte does.
    changed.lock().unwrap().clear();
    exporter.wait_until("it is over", |page| page.get(&phantom).is_none());
}
