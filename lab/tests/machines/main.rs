//! The sensors of real machines, byte by byte, behind two BMCs that share no assumption of ours: Debian's
//! `ipmi_sim`, and one whose wire code follows phosphor-net-ipmid. Our client, `ipmitool` and
//! `ipmi-sensors` have to read the same.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod fixture;
mod openbmc;
mod phantom;
mod readers;
mod states;

use std::fmt::Write as _;
use std::net::SocketAddr;

use peers::ipmi_sim::IpmiSim;

use crate::fixture::{Machine, machines};
use crate::readers::{Row, ipmi_sensors, ipmitool, ours};

/// The commands that make `ipmi_sim` this machine.
fn commands(machine: &Machine) -> String {
    let mut text = String::from("mc_setbmc 0x20\n");
    text += "mc_add 0x20 0x20 no-device-sdrs 0x01 0x02 0x42 0x8f 0x0002a2 0x0100\n";
    text += "sel_enable 0x20 1000 0x0a\n";
    for (id, sensor) in (1..).zip(&machine.sensors) {
        let number = sensor.number;
        writeln!(text, "sensor_add 0x20 0 {number} {} 1", sensor.kind()).unwrap();
        if let Some([readable, lnc, lc, lnr, unc, uc, unr]) = sensor.thresholds {
            let limits = [unr, uc, unc, lnr, lc, lnc].map(|it| it.to_string()).join(" ");
            let command = format!("readable {readable:06b} {limits}");
            writeln!(text, "sensor_set_threshold 0x20 0 {number} {command}").unwrap();
        }
        let events = ["000000000000000"; 4].join(" ");
        let enabled = format!("enable scanning per-state {events}");
        writeln!(text, "sensor_set_event_support 0x20 0 {number} {enabled}").unwrap();
        writeln!(text, "sensor_set_value 0x20 0 {number} {} 0", sensor.reading).unwrap();
        let record: Vec<_> = sensor.record(id).iter().map(|byte| format!("{byte:#04x}")).collect();
        writeln!(text, "main_sdr_add 0x20 {}", record.join(" ")).unwrap();
    }
    text + "mc_enable 0x20\n"
}

/// Compares names and values; `digits` is how many the other prints behind the point.
fn assert_same(what: &str, ours: &[Row], others: &[Row], digits: usize) {
    let name = |row: &Row| row.0.clone();
    let names = |rows: &[Row]| rows.iter().map(name).collect::<Vec<_>>();
    assert_eq!(names(ours), names(others), "{what}");
    for ((name, ours), (_, other)) in ours.iter().zip(others) {
        let printed = |value: &Option<f64>| value.map(|value| format!("{value:.digits$}"));
        assert_eq!(printed(ours), printed(other), "{what}: {name}");
    }
}

/// What our client reads. `ipmi-sensors` does not know device SDRs.
async fn read_by_all(what: &str, bmc: SocketAddr, suites: &[&str], is_device: bool) -> Vec<Row> {
    let ours = ours(bmc).await;
    for suite in suites {
        assert_same(&format!("{what}, ipmitool -C {suite}"), &ours, &ipmitool(bmc, suite), 3);
    }
    if is_device {
        return ours;
    }
    assert_same(&format!("{what}, ipmi-sensors"), &ours, &ipmi_sensors(bmc), 2);
    ours
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sensors_of_real_machines_read_the_same_for_everybody() {
    let machines = machines();
    let (mut sensors, mut values) = (0, 0);
    for machine in &machines {
        let sim = IpmiSim::start(|_| commands(machine));
        wait_for(&sim).await;
        let what = format!("{} by ipmi_sim", machine.name);
        let by_sim = read_by_all(&what, sim.address(), &["3"], false).await;
        for has_repository in [true, false] {
            let bmc = openbmc::serve(machine.sensors.clone(), has_repository);
            let what = format!("{} by OpenBMC, repository: {has_repository}", machine.name);
            let read = read_by_all(&what, bmc, &["3", "17"], !has_repository).await;
            assert_eq!(by_sim, read, "{what}");
        }
        assert_eq!(by_sim.len(), machine.sensors.len(), "{}", machine.name);
        sensors += by_sim.len();
        values += by_sim.iter().filter(|(_, value)| value.is_some()).count();
    }
    println!("{} machines, {sensors} sensors, {values} values", machines.len());
    assert_eq!((machines.len(), sensors), (6, 187));
    assert!(values > 180, "{values}");
}

async fn wait_for(sim: &IpmiSim) {
    let password = ipmi_lan::Password::new(openbmc::PASSWORD).unwrap();
    let credentials = ipmi_lan::Credentials { user: openbmc::USER.into(), password, k_g: None };
    for _ in 0..50 {
        let options = ipmi_lan::Options::default();
        if let Ok(session) = ipmi_lan::Session::open(sim.address(), &credentials, &options).await {
            return session.close().await;
        }
    }
    panic!("ipmi_sim does not answer: {}", sim.log());
}

/// Such a BMC tells nobody whom it refuses: the account is named all the same, and nobody is sent to look
/// at the network.
#[tokio::test]
async fn a_refusal_of_nobody_names_the_account() {
    let bmc = openbmc::serve(Vec::new(), false);
    let log_in = async |user: &str, password: &str| {
        let password = ipmi_lan::Password::new(password).unwrap();
        let credentials = ipmi_lan::Credentials { user: user.into(), password, k_g: None };
        ipmi_lan::Session::open(bmc, &credentials, &ipmi_lan::Options::default()).await.err()
    };
    assert_eq!(
        log_in("nobody", openbmc::PASSWORD).await,
        Some(ipmi_lan::SessionError::UnknownUser)
    );
    assert_eq!(log_in(openbmc::USER, "wrong").await, Some(ipmi_lan::SessionError::WrongPassword));
}
