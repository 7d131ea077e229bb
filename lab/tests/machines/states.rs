//! The discrete sensors of real machines: which states hold, what they are called and how bad they are, behind
//! both BMCs. Our client, `ipmitool` and `ipmi-sensors` have to read the same bits, and the exporter has to
//! make of them what `ipmi-sensors` does.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::Command;

use ipmi_lan::sdr::Record;
use ipmi_lan::{Credentials, Options, Password, Session};
use peers::Program;
use peers::exposition::samples;
use peers::ipmi_sim::IpmiSim;
use turbulence_lab::process::find_own;

use crate::fixture::{Sensor, machines};
use crate::openbmc::{self, PASSWORD, USER};
use crate::readers::{ipmi_sensors_with, ipmitool_lines};
use crate::wait_for;

/// A sensor's name, and bit n for state n where it can be read.
type Row = (String, Option<u16>);

/// The commands that make `ipmi_sim` a machine of these sensors.
fn commands(sensors: &[Sensor]) -> String {
    let mut text = String::from("mc_setbmc 0x20\n");
    text += "mc_add 0x20 0x20 no-device-sdrs 0x01 0x02 0x42 0x8f 0x0002a2 0x0100\n";
    text += "sel_enable 0x20 1000 0x0a\n";
    for (id, sensor) in (1..).zip(sensors) {
        let (number, kind, reading) = (sensor.number, sensor.kind(), sensor.reading_kind());
        writeln!(text, "sensor_add 0x20 0 {number} {kind} {reading}").unwrap();
        let scanning = if sensor.states.is_some() { "scanning" } else { "no-scanning" };
        let events = ["000000000000000"; 4].join(" ");
        let enabled = format!("enable {scanning} per-state {events}");
        writeln!(text, "sensor_set_event_support 0x20 0 {number} {enabled}").unwrap();
        let states = sensor.states.unwrap_or_default();
        for state in (0..15).filter(|state| states >> state & 1 == 1) {
            writeln!(text, "sensor_set_bit 0x20 0 {number} {state} 1 0").unwrap();
        }
        let record: Vec<_> = sensor.record(id).iter().map(|byte| format!("{byte:#04x}")).collect();
        writeln!(text, "main_sdr_add 0x20 {}", record.join(" ")).unwrap();
    }
    text + "mc_enable 0x20\n"
}

/// Our client.
async fn ours(bmc: SocketAddr) -> Vec<Row> {
    let password = Password::new(PASSWORD).unwrap();
    let credentials = Credentials { user: USER.into(), password, k_g: None };
    let mut session = Session::open(bmc, &credentials, &Options::default()).await.unwrap();
    let list = session.read_sdr().await.unwrap();
    let mut rows = Vec::new();
    for record in list.records {
        let Record::Compact(sensor) = record else { continue };
        let raw = session.sensor_reading(sensor.id).await.unwrap();
        let states = sensor.states(&raw);
        rows.push((sensor.name, states));
    }
    session.close().await;
    rows
}

/// `ipmitool -c sensor`: the bytes of the states as they came, of which bit 15 is reserved.
fn ipmitool(bmc: SocketAddr, suite: &str) -> Vec<Row> {
    let row = |line: &String| {
        let fields: Vec<_> = line.split(',').map(str::trim).collect();
        let bytes = fields.get(3).and_then(|field| field.strip_prefix("0x"));
        let bytes = bytes.map(|bytes| u16::from_str_radix(bytes, 16).unwrap());
        (fields[0].to_owned(), bytes.map(|bytes| bytes.swap_bytes() & 0x7FFF))
    };
    ipmitool_lines(bmc, suite).iter().map(row).collect()
}

/// `ipmi-sensors`: name, state, and the states' bits.
fn ipmi_sensors(bmc: SocketAddr) -> Vec<(String, String, String)> {
    let options = ["--output-sensor-state", "--output-event-bitmask"];
    let row = |line: &String| {
        // ID, name, type, state, reading, unit, event; a name may hold commas.
        let fields: Vec<_> = line.rsplitn(6, ',').collect();
        let name = fields[5].split_once(',').unwrap().1.to_owned();
        (name, fields[3].to_owned(), fields[0].to_owned())
    };
    ipmi_sensors_with(bmc, &options).iter().map(row).collect()
}

/// Each sensor's number, and what `ipmi-sensors` calls its state: none, or as `ipmi_sensor_state` has it.
type Severities = Vec<(u8, Option<f64>)>;

/// Has a BMC read by everybody, who must agree; returns what there is to see of its sensors.
async fn read_by_all(
    what: &str,
    bmc: SocketAddr,
    suites: &[&str],
    sensors: &[Sensor],
) -> (Vec<Row>, Severities) {
    let ours = ours(bmc).await;
    for suite in suites {
        assert_eq!(ours, ipmitool(bmc, suite), "{what}, ipmitool -C {suite}");
    }
    let told = ipmi_sensors(bmc);
    let bits = |bits: &str| Some(u16::from_str_radix(bits.strip_suffix('h')?, 16).unwrap());
    let rows: Vec<_> = told.iter().map(|(name, _, it)| (name.clone(), bits(it))).collect();
    assert_eq!(ours, rows, "{what}, ipmi-sensors");
    let severity = |state: &str| match state {
        "N/A" => None,
        "Nominal" => Some(0.0),
        "Warning" => Some(1.0),
        "Critical" => Some(2.0),
        _ => panic!("{what}: {state}"),
    };
    let severities = sensors.iter().zip(&told).map(|(it, told)| (it.number, severity(&told.1)));
    (ours, severities.collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_states_of_real_machines_are_the_same_for_everybody() {
    let machines = machines();
    let mut running = Vec::new();
    let mut targets = Vec::new();
    let (mut sensors, mut read, mut asserted) = (0, 0, 0);
    for machine in &machines {
        let discrete = &machine.discrete;
        let sim = IpmiSim::start(|_| commands(discrete));
        wait_for(&sim).await;
        let name = &machine.name;
        let what = format!("{name} by ipmi_sim");
        let by_sim = read_by_all(&what, sim.address(), &["3"], discrete).await;
        let bmc = openbmc::serve(discrete.clone(), true);
        let what = format!("{name} by OpenBMC");
        assert_eq!(by_sim, read_by_all(&what, bmc, &["3", "17"], discrete).await, "{what}");
        let captured: Vec<_> = discrete.iter().map(|it| it.states).collect();
        let (rows, severities) = by_sim;
        assert_eq!(rows.iter().map(|it| it.1).collect::<Vec<_>>(), captured, "{name}");
        sensors += rows.len();
        read += rows.iter().filter(|it| it.1.is_some()).count();
        asserted += rows.iter().filter(|it| it.1.is_some_and(|states| states > 0)).count();
        targets.push((sim.address(), severities.clone()));
        targets.push((bmc, severities));
        running.push(sim);
    }
    println!("{sensors} sensors, {read} with states, {asserted} with one that holds");
    assert_eq!((machines.len(), sensors, read, asserted), (6, 476, 251, 173));
    tokio::task::spawn_blocking(move || are_told(&targets)).await.unwrap();
}

/// The exporter tells of each sensor what `ipmi-sensors` does, and of no other.
fn are_told(targets: &[(SocketAddr, Severities)]) {
    let mut config = format!(
        "modules: {{default: {{user: {USER}, pass: {PASSWORD}, interval: 1s, slow_interval: 10s, \
         timeout: 10s, collectors: [ipmi]}}}}\ntargets:\n"
    );
    for (place, (bmc, _)) in targets.iter().enumerate() {
        writeln!(config, "- {{name: bmc-{place}, address: '{bmc}'}}").unwrap();
    }
    let exporter = Program::start(Command::new(find_own("turbulence-ipmi").unwrap()), &config);
    let told = |page: &str| {
        let states = samples(page).filter(|it| it.name == "ipmi_sensor_state");
        let states = states.map(|it| {
            let label = |name| it.label(name).unwrap_or_default().into_owned();
            ((label("target"), label("id")), it.value)
        });
        states.collect::<BTreeMap<_, _>>()
    };
    let mut expected = BTreeMap::new();
    for (place, (_, severities)) in targets.iter().enumerate() {
        for (number, severity) in severities {
            let key = (format!("bmc-{place}"), format!("32.0.{number}"));
            expected.extend(severity.map(|severity| (key, severity)));
        }
    }
    let page = exporter
        .wait_until("every sensor's state", |page| told(&page.text).len() >= expected.len());
    assert_eq!(told(&page.text), expected);
}
