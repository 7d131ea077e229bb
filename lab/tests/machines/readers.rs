//! Who reads a BMC: our client, ipmitool, ipmi-sensors. Each gives names and values in the list's order.

use std::net::SocketAddr;
use std::process::Command;

use ipmi_lan::sdr::Record;
use ipmi_lan::{Credentials, Options, Password, Session};

use crate::openbmc::{PASSWORD, USER};

/// A sensor's name, and its value where it has one.
pub(crate) type Row = (String, Option<f64>);

/// Our client.
pub(crate) async fn ours(bmc: SocketAddr) -> Vec<Row> {
    let password = Password::new(PASSWORD).unwrap();
    let credentials = Credentials { user: USER.into(), password, k_g: None };
    let mut session = Session::open(bmc, &credentials, &Options::default()).await.unwrap();
    let list = session.read_sdr().await.unwrap();
    assert!(list.complete, "{bmc}: {} records", list.read);
    let mut rows = Vec::new();
    for record in list.records {
        let Record::Full(sensor) = record else { continue };
        let value = session.sensor_value(&sensor).await;
        rows.push((sensor.name, value.ok()));
    }
    let counters = session.counters();
    assert_eq!((counters.corrupt, counters.foreign), (0, 0), "{bmc}: {counters:?}");
    session.close().await;
    rows
}

/// `ipmitool -c sensor`.
pub(crate) fn ipmitool(bmc: SocketAddr, suite: &str) -> Vec<Row> {
    let row = |line: &String| {
        let mut fields = line.split(',');
        let name = fields.next().unwrap_or_default().trim().to_owned();
        (name, fields.next().and_then(|value| value.trim().parse().ok()))
    };
    ipmitool_lines(bmc, suite).iter().map(row).collect()
}

/// What it prints.
pub(crate) fn ipmitool_lines(bmc: SocketAddr, suite: &str) -> Vec<String> {
    let mut tool = Command::new("ipmitool");
    let (host, port) = (bmc.ip().to_string(), bmc.port().to_string());
    tool.args(["-I", "lanplus", "-H", &host, "-p", &port, "-U", USER, "-P", PASSWORD]);
    run(tool.args(["-L", "USER", "-C", suite, "-c", "sensor"]))
}

/// `ipmi-sensors`.
pub(crate) fn ipmi_sensors(bmc: SocketAddr) -> Vec<Row> {
    let row = |line: &String| {
        // ID, name, type, reading, unit, event; a name may hold commas.
        let fields: Vec<_> = line.rsplitn(5, ',').collect();
        let name = fields[4].split_once(',').unwrap().1.to_owned();
        (name, fields[2].parse().ok())
    };
    ipmi_sensors_with(bmc, &[]).iter().map(row).collect()
}

/// What it prints with these options.
pub(crate) fn ipmi_sensors_with(bmc: SocketAddr, options: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let mut tool = Command::new("ipmi-sensors");
    tool.args(["-D", "LAN_2_0", "-h", &bmc.to_string(), "-u", USER, "-p", PASSWORD, "-l", "USER"]);
    // `ipmi_sim` tells no level when a session is opened.
    tool.args(["-W", "opensesspriv"]);
    tool.args(["--comma-separated-output", "--quiet-cache", "--no-header-output"]);
    tool.arg("--sdr-cache-directory").arg(folder.path()).env("HOME", folder.path());
    run(tool.args(options))
}

fn run(tool: &mut Command) -> Vec<String> {
    let output = tool.output().expect("ipmitool and freeipmi-tools are installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!text.is_empty(), "{tool:?}: {error}");
    text.lines().map(str::to_owned).collect()
}
