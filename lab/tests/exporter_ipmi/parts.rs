//! What the machine's parts say that they are: as `ipmitool` and `ipmi-fru` print it.

use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::Arc;

use peers::exposition::samples;
use turbulence_lab::testbmc::fleet::Fleet;
use turbulence_lab::testbmc::server::rack_server;
use turbulence_lab::testbmc::{Quirks, TestBmc};

use crate::exporter::{page_where, sample, start};

const BMC: Ipv4Addr = Ipv4Addr::new(127, 49, 0, 1);
/// A field of `ipmitool fru print`, and the label that has it here.
const FIELDS: [(&str, &str); 10] = [
    ("Board Mfg", "board_manufacturer"),
    ("Board Product", "board_product"),
    ("Board Part Number", "board_part_number"),
    ("Board Serial", "board_serial_number"),
    ("Chassis Serial", "chassis_serial_number"),
    ("Product Manufacturer", "manufacturer"),
    ("Product Name", "product"),
    ("Product Part Number", "part_number"),
    ("Product Version", "version"),
    ("Product Serial", "serial_number"),
];

/// What `ipmitool` prints of a part.
fn printed(port: u16, fru: &str) -> String {
    let (host, port) = (BMC.to_string(), port.to_string());
    let mut ipmitool = Command::new("ipmitool");
    ipmitool.args(["-I", "lanplus", "-H", &host, "-p", &port, "-U", "monitor", "-E", "-L", "USER"]);
    ipmitool.args(["-C", "3", "fru", "print", fru]).env("IPMI_PASSWORD", "s3cretpass");
    let output = ipmitool.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The capacity that `ipmi-fru` prints of a part, watts.
fn capacity(port: u16, fru: &str) -> Option<f64> {
    let mut ipmi_fru = Command::new("ipmi-fru");
    ipmi_fru.args(["-h", &format!("{BMC}:{port}"), "-u", "monitor", "-p", "s3cretpass"]);
    ipmi_fru.args(["-D", "LAN_2_0", "-l", "user", "--device-id", fru]);
    let output = ipmi_fru.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let told = text.split("Overall Capacity: ").nth(1)?;
    Some(told.split(' ').next()?.parse().unwrap())
}

/// Reads the BMC until `parts` parts are told.
fn page(fleet: &Fleet, serial_numbers: bool, parts: usize) -> String {
    let exporter = start(&format!(
        "modules:\n  default: {{user: monitor, pass: s3cretpass, interval: 1s, collectors: [ipmi, fru], \
         serial_numbers: {serial_numbers}}}\n\
         targets:\n  - {{name: a, address: \"{BMC}:{}\"}}\n",
        fleet.port()
    ));
    let told = |page: &str| samples(page).filter(|it| it.name == "ipmi_fru_info").count();
    page_where(&exporter, "every part", |page| told(page) == parts)
}

#[test]
fn parts_are_what_ipmitool_prints_and_serial_numbers_are_shown_to_who_wants_them() {
    let bmc = TestBmc::new(Arc::new(rack_server()), Quirks::default(), 1);
    let fleet = Fleet::start(0, [(BMC, bmc)]).unwrap();
    let text = page(&fleet, true, 2);
    let mut compared = 0;
    for part in ["0", "1"] {
        let printed = printed(fleet.port(), part);
        let ours = samples(&text)
            .find(|it| it.name == "ipmi_fru_info" && it.label("fru").as_deref() == Some(part))
            .unwrap();
        for (field, label) in FIELDS {
            let theirs = printed.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                (name.trim() == field).then(|| value.trim().to_owned())
            });
            let theirs = theirs.filter(|it| !it.is_empty());
            assert_eq!(
                ours.label(label).as_deref(),
                theirs.as_deref(),
                "{part}: {field}\n{printed}"
            );
            compared += usize::from(theirs.is_some());
        }
        // `ipmitool` prints no power supply's record.
        let capacity = capacity(fleet.port(), part);
        let ours = sample(&text, "ipmi_fru_power_supply_capacity_watts", &[("fru", part)]);
        assert_eq!(ours, capacity, "{part}");
    }
    assert!(compared >= 8, "{compared}");
    assert!(!page(&fleet, false, 2).contains("serial_number"));
    let counted = fleet.with(BMC, |bmc| bmc.counters()).unwrap();
    assert_eq!(counted.refused_changes, 0);
}
