//! The switches: each fault as the tools see it.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;
use turbulence_lab::testbmc::quirks::{Changes, Late, OpenLevel, Padding, SensorFault};
use turbulence_lab::testbmc::{Quirks, server};

use crate::tool::{Bmc, fields};

fn bmc(quirks: Quirks) -> Bmc {
    Bmc::start(server::rack_server(), quirks)
}

#[test]
fn readings_fail_as_the_script_says() {
    let sensors = BTreeMap::from([
        (1, SensorFault::Unavailable),
        (2, SensorFault::NotScanning),
        (3, SensorFault::Code(0xCE)),
        (4, SensorFault::Slow(Duration::from_millis(300))),
    ]);
    let bmc = bmc(Quirks { sensors, ..Quirks::default() });
    let text = bmc.sensors(&[]);
    for name in ["01-Inlet Ambient", "02-CPU", "03-P1 DIMM 1-2"] {
        assert_eq!(fields(&text, name, ',')[3], "N/A", "{name}");
    }
    assert_eq!(fields(&text, "04-P1 DIMM 3-4", ',')[3], "32.00");
    assert_eq!(fields(&text, "05-HD Max", ',')[3], "24.00");
    let text = bmc.read(&["sdr", "elist"]);
    assert_eq!(fields(&text, "01-Inlet Ambient", '|')[2..5], ["ns", "64.1", "No Reading"]);
    assert_eq!(fields(&text, "02-CPU", '|')[2..5], ["ns", "65.1", "Disabled"]);
}

#[test]
fn records_come_in_small_parts() {
    for (limit, whole) in [(Some(32), Some(0xCA)), (Some(16), Some(0xFF)), (Some(8), None)] {
        let quirks = Quirks { sdr_read_limit: limit, whole_record: whole, ..Quirks::default() };
        let bmc = bmc(quirks);
        assert_eq!(bmc.sensors(&[]).lines().count(), 17, "{limit:?} {whole:?}");
        assert_eq!(bmc.read(&["sdr", "elist", "all"]).lines().count(), 19, "{limit:?} {whole:?}");
    }
}

#[test]
fn a_repository_that_changes_is_read_in_the_end() {
    let changes = Changes { every: 7, times: 3, keeps_reservation: false };
    let bmc = bmc(Quirks { sdr_changes: Some(changes), ..Quirks::default() });
    // While it turns, a list may miss a record or have one twice; afterwards it is whole.
    bmc.ipmitool(&["sdr", "elist", "all"]);
    let text = bmc.read(&["sdr", "elist", "all"]);
    assert_eq!(fields(&text, "05-HD Max", '|')[4], "24 degrees C");
    assert_eq!(text.lines().count(), 19);
    assert!(text.trim_end().ends_with("22 degrees C"), "01-Inlet Ambient is the last now: {text}");
}

#[test]
fn counts_may_lie() {
    let bmc = bmc(Quirks { sdr_count: Some(300), no_time_stamps: true, ..Quirks::default() });
    let info = bmc.read(&["sdr", "info"]);
    assert_eq!(fields(&info, "Record Count", ':')[1], "300");
    assert_eq!(bmc.read(&["sdr", "elist", "all"]).lines().count(), 19);
}

#[test]
fn a_list_may_have_no_end() {
    let bmc = bmc(Quirks { sdr_loops: true, ..Quirks::default() });
    // Read one record and its successor by hand: the tools would read for ever.
    let last = bmc.read(&["raw", "0x0a", "0x23", "0", "0", "19", "0", "0", "5"]);
    assert_eq!(last.split_whitespace().take(2).collect::<Vec<_>>(), ["01", "00"]);
}

#[test]
fn the_last_record_may_time_out() {
    let bmc = bmc(Quirks { last_record_times_out: true, ..Quirks::default() });
    let output = bmc.ipmitool(&["raw", "0x0a", "0x23", "0", "0", "19", "0", "0", "0xff"]);
    assert!(output.err.contains("rsp=0xc3"), "{output:?}");
    assert_eq!(bmc.read(&["sdr", "elist", "all"]).lines().count(), 19);
}

#[test]
fn replies_may_come_late_and_twice() {
    let late = Late { every: 10, by: Duration::from_millis(200) };
    let bmc = bmc(Quirks { late: Some(late), duplicated: Some(3), ..Quirks::default() });
    let start = Instant::now();
    let text = bmc.read(&["sensor"]);
    assert!(start.elapsed() > Duration::from_millis(800), "some fifty requests");
    assert_eq!(fields(&text, "05-HD Max", '|')[1], "24.000");
}

#[test]
fn open_session_may_tell_no_level() {
    let bmc = bmc(Quirks { open_session_level: OpenLevel::Echoed, ..Quirks::default() });
    let output = bmc.freeipmi("ipmi-sensors", &[]);
    assert!(output.err.contains("privilege level cannot be obtained"), "{output:?}");
    assert_eq!(bmc.sensors(&["-W", "opensesspriv"]).lines().count(), 17);
    bmc.with(|bmc| bmc.quirks.open_session_level = OpenLevel::Zero);
    let output = bmc.freeipmi("ipmi-sensors", &["-W", "opensesspriv"]);
    assert!(output.err.contains("privilege level cannot be obtained"), "{output:?}");
    assert!(bmc.read(&["mc", "info"]).contains("Device Revision"), "ipmitool does not look at it");
}

/// The header of a sensor's record, 5 bytes after the next record's id, is 15 modulo 16 bytes in all.
#[test]
fn a_whole_block_of_padding_is_read_by_the_tools() {
    let bmc = bmc(Quirks { padding: Padding::Phosphor, ..Quirks::default() });
    for suite in ["3", "17"] {
        let text = bmc.read(&["-C", suite, "sdr", "elist", "all"]);
        assert_eq!(text.lines().count(), 19, "suite {suite}: {text}");
        assert_eq!(fields(&text, "05-HD Max", '|')[4], "24 degrees C", "suite {suite}");
        assert_eq!(bmc.read(&["-C", suite, "raw", "0x0a", "0x22"]).split_whitespace().count(), 2);
    }
    assert_eq!(fields(&bmc.sensors(&[]), "05-HD Max", ',')[3], "24.00");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_client_reads_every_sensor_however_replies_are_padded() {
    for padding in [Padding::Least, Padding::Phosphor, Padding::Zeroes] {
        let bmc = bmc(Quirks { padding, ..Quirks::default() });
        let mut session = bmc.session(&ipmi_lan::Options::default()).await;
        let read = session.read_sdr().await.unwrap();
        assert!(read.complete && read.records.len() == 19, "{padding:?}: {read:?}");
        let record = read.records.iter().find_map(|record| match record {
            ipmi_lan::sdr::Record::Full(it) if it.name == "05-HD Max" => Some(it),
            _ => None,
        });
        assert_eq!(session.sensor_value(record.unwrap()).await, Ok(24.0), "{padding:?}");
        assert_eq!(session.counters().corrupt, 0, "{padding:?}");
        session.close().await;
    }
}

#[test]
fn a_reboot_ends_sessions_and_silences_the_bmc() {
    let forever = Duration::from_secs(86_400);
    let bmc = bmc(Quirks { reboot: Some((Duration::ZERO, forever)), ..Quirks::default() });
    let down = bmc.ipmitool(&["-C", "3", "-N", "1", "-R", "1", "mc", "info"]);
    assert!(!down.ok, "{down:?}");
    bmc.with(|bmc| bmc.quirks.reboot = None);
    assert!(bmc.read(&["mc", "info"]).contains("Device Revision"));
}
