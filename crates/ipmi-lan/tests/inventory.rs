//! Debian's `ipmi_sim`: event log, chassis, inventory and the BMC's own records must be what
//! `ipmitool`, `ipmi-sel` and `ipmi-fru` read.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use ipmi_lan::chassis::ChassisFact;
use ipmi_lan::fru::RecordContent;
use ipmi_lan::sel::SelRecord;
use ipmi_lan::{Credentials, Options, Password, Session, SessionError};
use peers::ipmi_sim::{IpmiSim, PASSWORD, USER};

#[path = "oracle/sim.rs"]
mod sim;
use sim::{Sensor, start_with};

async fn session(sim: &IpmiSim) -> Session {
    let password = Password::new(PASSWORD).unwrap();
    let credentials = Credentials { user: USER.into(), password, k_g: None };
    let begun = tokio::time::Instant::now();
    loop {
        let quick = Options { timeout: Duration::from_secs(5), retries: 2, ..Options::default() };
        match Session::open(sim.address(), &credentials, &quick).await {
            Ok(session) => return session,
            Err(SessionError::Unreachable | SessionError::NoAnswer)
                if begun.elapsed() < Duration::from_secs(120) => {}
            Err(error) => panic!("ipmi_sim does not answer: {error}\n{}", sim.log()),
        }
    }
}

fn ipmitool(sim: &IpmiSim, arguments: &[&str]) -> String {
    let output = Command::new("ipmitool")
        .env("IPMI_PASSWORD", PASSWORD)
        .args(["-I", "lanplus", "-C", "3", "-L", "USER", "-U", USER, "-E"])
        .args(["-H", &sim.address().ip().to_string(), "-p", &sim.address().port().to_string()])
        .args(arguments)
        .output()
        .expect("ipmitool is in Debian's package `ipmitool`");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What a tool of FreeIPMI prints.
fn freeipmi(sim: &IpmiSim, tool: &str, arguments: &[&str]) -> String {
    let cache = tempfile::tempdir().unwrap();
    let output = Command::new(tool)
        .args(["-h", &sim.address().to_string(), "-u", USER, "-p", PASSWORD, "-l", "USER"])
        .args(["-D", "LAN_2_0", "-I", "3", "-W", "opensesspriv"])
        .args(["--sdr-cache-directory", &cache.path().display().to_string()])
        .args(arguments)
        .output()
        .expect("its tools are in Debian's package `freeipmi-tools`");
    assert!(output.status.success(), "{tool}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The text after `label` and a colon.
fn field<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == label).then_some(value.trim())
    })
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0x0F])
        .map(|n| format!("{n:x}"))
        .collect::<Vec<_>>()
        .concat()
}

/// Every sensor type and offset, and every event/reading type.
fn events() -> String {
    let mut text = String::new();
    let mut add = |sensor_type: u8, event_type: u8, offset: u8| {
        let time = "0 0 0 0x60";
        writeln!(
            text,
            "sel_add 0x20 0x02 {time} 0x20 0 4 {sensor_type} 0x31 {event_type} {offset} 0xff 0xff"
        )
        .unwrap();
    };
    for event_type in 1..=0x0C {
        for offset in 0..13 {
            add(1, event_type, offset);
        }
    }
    for sensor_type in 5..=0x2C {
        for offset in 0..15 {
            add(sensor_type, 0x6F, offset);
        }
    }
    text
}

/// Sensor-specific states that `ipmi-sel` names in other words, each one looked at: it shortens
/// most, gives a name to reserved offsets, and lacks the thermal trip of the chip set.
const OTHER_WORDS: [(u8, u8); 20] = [
    (0x0C, 0),
    (0x0C, 1),
    (0x0C, 5),
    (0x0F, 0),
    (0x19, 1),
    (0x20, 0),
    (0x22, 0),
    (0x22, 1),
    (0x22, 2),
    (0x22, 3),
    (0x22, 4),
    (0x22, 5),
    (0x22, 6),
    (0x22, 8),
    (0x22, 13),
    (0x23, 4),
    (0x23, 5),
    (0x23, 6),
    (0x23, 7),
    (0x2B, 7),
];

/// What a name says, whatever its spelling.
fn words(name: &str) -> BTreeSet<String> {
    name.to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn every_state_has_the_name_that_ipmi_sel_gives_it() {
    let sim = start_with(&[], &[], &events());
    let mut session = session(&sim).await;
    let sel = session.read_sel(0, 2_000).await.unwrap();
    session.close().await;
    assert!(sel.complete && sel.records.len() == usize::from(sel.info.entries));
    let options = ["--comma-separated-output", "--no-header-output", "--ignore-sdr-cache"];
    let text = freeipmi(&sim, "ipmi-sel", &options);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), sel.records.len(), "{text}");
    let (mut same, mut differences) = (0, 0_usize);
    for (record, line) in sel.records.iter().zip(lines) {
        let SelRecord::Event(event) = record else { panic!("{record:?}") };
        let theirs = line.splitn(6, ',').last().unwrap();
        let ours = event.state_name().unwrap_or("none");
        let unnamed = theirs.contains("Event Offset") || theirs.contains("Event Data1");
        if words(theirs).is_superset(&words(ours)) || (ours == "none" && unnamed) {
            same += 1;
        } else {
            let place = (event.sensor_type.0, event.state());
            differences += usize::from(!OTHER_WORDS.contains(&place));
            println!(
                "{:02x} {:02x} {}: {ours} | {theirs}",
                event.event_type,
                event.sensor_type.0,
                event.state()
            );
        }
    }
    println!("{same} names are the same");
    assert_eq!(differences, 0, "see the table");
}

#[tokio::test]
async fn the_log_is_what_ipmitool_prints() {
    let log = "sel_add 0x20 0x02 0x10 0x20 0x30 0x60 0x20 0 4 1 5 0x01 0x59 61 60\n\
               sel_add 0x20 0x02 9 0 0 0 0x41 0 4 8 0x31 0xef 0x03 0xff 0xff\n\
               sel_add 0x20 0xc5 0x10 0x20 0x30 0x60 0x0b 0 0 1 2 3 4 5 6\n\
               sel_add 0x20 0xe1 1 2 3 4 5 6 7 8 9 10 11 12 13\n";
    let sim = start_with(&[], &[], log);
    let mut session = session(&sim).await;
    let sel = session.read_sel(0, 100).await.unwrap();
    let part = session.read_sel(0, 2).await.unwrap();
    let newest = session.sel_entry(0xFFFF).await.unwrap();
    session.close().await;

    let info = ipmitool(&sim, &["sel", "info"]);
    assert_eq!(field(&info, "Entries"), Some(sel.info.entries.to_string().as_str()));
    let free = format!("{} bytes", sel.info.free_bytes);
    assert_eq!(field(&info, "Free Space"), Some(free.as_str()), "{info}");
    assert_eq!(field(&info, "Overflow"), Some(sel.info.overflowed().to_string().as_str()));

    assert!(sel.complete && !part.complete && part.records == sel.records[..2]);
    assert_eq!((newest.next, &newest.record), (0xFFFF, sel.records.last().unwrap()));
    let text = ipmitool(&sim, &["-v", "sel", "list"]);
    for record in &sel.records {
        let head = format!("SEL Record ID          : {:04x}\n", record.record_id());
        let (_, block) = text.split_once(&head).unwrap_or_else(|| panic!("{head}: {text}"));
        let block = block.split("SEL Record ID").next().unwrap();
        match record {
            SelRecord::Event(event) => {
                let [a, b, c] = event.data;
                let data = format!("{a:02x}{b:02x}{c:02x}");
                assert_eq!(field(block, "Event Data"), Some(data.as_str()));
                let number = format!("{:02x}", event.sensor_number);
                assert_eq!(field(block, "Sensor Number"), Some(number.as_str()));
                let direction = if event.deasserted { "Deassertion" } else { "Assertion" };
                assert!(field(block, "Event Direction").unwrap().starts_with(direction), "{block}");
                assert_eq!(field(block, "Sensor Type"), Some(event.sensor_type.name()));
            }
            SelRecord::OemTimestamped { manufacturer_id, data, .. } => {
                let maker = format!("{manufacturer_id:06x}");
                assert_eq!(field(block, "Manufactacturer ID"), Some(maker.as_str()), "{block}");
                let data = hexadecimal(data);
                assert!(field(block, "OEM Defined").unwrap().starts_with(&data), "{block}");
            }
            SelRecord::Other { data, .. } => {
                let data = hexadecimal(data);
                assert!(field(block, "OEM Defined").unwrap().starts_with(&data), "{block}");
            }
        }
    }
}

#[tokio::test]
async fn chassis_and_guid_are_what_ipmitool_prints() {
    let sim = start_with(&[], &[], "");
    let mut session = session(&sim).await;
    let status = session.chassis_status().await.unwrap();
    let text = ipmitool(&sim, &["chassis", "status"]);
    let word = |fact, yes: &'static str, no| Some(if status.is(fact) { yes } else { no });
    assert_eq!(field(&text, "System Power"), word(ChassisFact::PowerOn, "on", "off"));
    assert!(status.is_on(), "{text}");
    assert_eq!(field(&text, "Power Overload"), word(ChassisFact::PowerOverload, "true", "false"));
    assert_eq!(field(&text, "Main Power Fault"), word(ChassisFact::PowerFault, "true", "false"));
    assert_eq!(field(&text, "Drive Fault"), word(ChassisFact::DriveFault, "true", "false"));
    let guid = session.system_guid().await.unwrap();
    // One of the two ways to read it, ipmitool chooses by what it looks like.
    let text = ipmitool(&sim, &["mc", "guid"]);
    let theirs = field(&text, "System GUID").unwrap();
    assert!([guid.as_ipmi(), guid.as_smbios()].contains(&theirs.to_owned()), "{guid:?}: {text}");
    session.close().await;
}

/// An area of an inventory, its length and checksum put in.
fn area(head: &[u8], fields: &[&[u8]]) -> Vec<u8> {
    let mut area = [&[1, 0], head, &fields.concat(), &[0xC1]].concat();
    while area.len() % 8 != 7 {
        area.push(0);
    }
    area[1] = u8::try_from(area.len() / 8 + 1).unwrap();
    area.push(area.iter().fold(0_u8, |sum, byte| sum.wrapping_sub(*byte)));
    area
}

/// A record of a multi-record area, its checksums put in.
fn record(kind: u8, last: bool, data: &[u8]) -> Vec<u8> {
    let negative = |bytes: &[u8]| bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_sub(*byte));
    let end = if last { 0x82 } else { 0x02 };
    let mut record = vec![kind, end, u8::try_from(data.len()).unwrap(), negative(data)];
    record.push(negative(&record));
    record.extend(data);
    record
}

/// A record in the words of `ipmi-fru`, less the line's beginning.
fn in_its_words(content: &RecordContent) -> Vec<String> {
    let yes = |flag: bool| if flag { "Yes" } else { "No" };
    match content {
        RecordContent::PowerSupply(supply) => {
            let flag = |bit: u8| yes(supply.flags >> bit & 1 == 1);
            let volts = |code: u8| ["12V", "-12V", "5V", "3.3V"][usize::from(code)];
            let [(low_1, high_1), (low_2, high_2)] =
                supply.input_ranges.map(|(low, high)| (u32::from(low) * 10, u32::from(high) * 10));
            let (one, other, watts) = supply.combined;
            vec![
                format!("Overall Capacity: {} Watts", supply.capacity_watts),
                format!("Peak VA: {} VA", supply.peak_volt_amperes.unwrap()),
                format!("Max Inrush Current: {} Amps", supply.inrush_amperes.unwrap()),
                format!("Inrush Interval: {} ms", supply.inrush_milliseconds.unwrap()),
                format!("Low End Input Voltage 1: {low_1} mV"),
                format!("High End Input Voltage 1: {high_1} mV"),
                format!("Low End Input Voltage 2: {low_2} mV"),
                format!("High End Input Voltage 2: {high_2} mV"),
                format!("Low End Acceptable Frequency: {} Hz", supply.input_hertz.0),
                format!("High End Acceptable Frequency: {} Hz", supply.input_hertz.1),
                format!("A/C Dropout Tolerance: {} ms", supply.dropout_milliseconds),
                format!("Predictive Fail Support: {}", flag(0)),
                format!("Power Factor Correction Supported: {}", flag(1)),
                format!("AutoSwitch Supprt: {}", flag(2)),
                format!("Hot Swap Support: {}", flag(3)),
                format!("Peak Capacity: {} Watts", supply.peak_watts),
                format!("Hold Up Time: {} s", supply.hold_up_seconds),
                format!("Voltage 1: {}", volts(one)),
                format!("Voltage 2: {}", volts(other)),
                format!("Total Combined Wattage: {watts} Watts"),
            ]
        }
        RecordContent::DcOutput(output) => {
            let millivolts = |tens: i16| i32::from(tens) * 10;
            vec![
                format!("Output Number: {}", output.number),
                format!("Output on Standy: {}", yes(output.standby)),
                format!("Nominal Voltage: {} mV", millivolts(output.nominal)),
                format!("Negative Voltage Deviation: {} mV", millivolts(output.most_negative)),
                format!("Positive Voltage Deviation: {} mV", millivolts(output.most_positive)),
                format!("Ripple and Noise pk-pk: {} mV", output.ripple_millivolts),
                format!("Minimum Current Draw: {} mA", output.minimum_milliamperes),
                format!("Maximum Current Draw: {} mA", output.maximum_milliamperes),
            ]
        }
        RecordContent::DcLoad(load) => {
            let millivolts = |tens: i16| i32::from(tens) * 10;
            vec![
                format!("Output Number: {}", load.number),
                format!("Nominal Voltage: {} mV", millivolts(load.nominal)),
                format!("Minimum Voltage: {} mV", millivolts(load.minimum)),
                format!("Maximum Voltage: {} mV", millivolts(load.maximum)),
                format!("Ripple and Noise pk-pk: {} mV", load.ripple_millivolts),
                format!("Minimum Current Load: {} mA", load.minimum_milliamperes),
                format!("Maximum Current Load: {} mA", load.maximum_milliamperes),
            ]
        }
        RecordContent::ManagementAccess(access) => {
            assert_eq!(access.kind, 1);
            vec![format!("System Management URL: {}", access.text)]
        }
        RecordContent::BaseCompatibility(base) => vec![
            format!("Manufacturer ID: Hewlett-Packard ({:X}h)", base.manufacturer_id),
            format!("Entity ID: {:X}h", base.entity_id),
            format!("Comptability Base: {:X}h", base.base),
            format!("Comptability Code Start Value: {:X}h", base.first_code),
            format!("Code Mask: {:02X}h", base.mask[0]),
        ],
        RecordContent::Other { kind: 0xC5, data } => {
            let [low, middle, high, data @ ..] = &data[..] else { panic!("{data:?}") };
            let maker = u32::from_le_bytes([*low, *middle, *high, 0]);
            vec![format!("Manufacturer ID: {maker:X}h"), format!("Data: {:02X}h", data[0])]
        }
        RecordContent::ExtendedCompatibility(_) | RecordContent::Other { .. } => {
            panic!("no such record was written: {content:?}")
        }
    }
}

#[tokio::test]
async fn the_multi_records_are_what_ipmi_fru_prints() {
    let supply = [
        0x20, 0x03, 0xE8, 0x03, 30, 10, 0x28, 0x23, 0x38, 0x31, 0x50, 0x46, 0x70, 0x67, 47, 63, 20,
        0x0E, 0x84, 0x53, 0x20, 0x2C, 0x01, 17,
    ];
    let output = [0x81, 0xB0, 0x04, 0x74, 0x04, 0xEC, 0x04, 120, 0, 100, 0, 0x10, 0x27];
    let load = [0x02, 0xF4, 0x01, 0xDB, 0x01, 0x0D, 0x02, 50, 0, 20, 0, 0xB8, 0x0B];
    let area = [
        record(0, false, &supply),
        record(1, false, &output),
        record(2, false, &load),
        record(3, false, b"\x01http://bmc.example"),
        record(4, false, &[0x0B, 0, 0, 0x0A, 9, 3, 5]),
        record(0xC5, true, &[1, 2, 3, 4]),
    ]
    .concat();
    let bytes = [&[1, 0, 0, 0, 0, 1, 0, 0xFE][..], &area, &[0; 32]].concat();
    let data: Vec<_> = bytes.iter().map(|byte| format!("{byte:#04x}")).collect();
    let command = format!("mc_add_fru_data 0x20 0 {} data {}\n", bytes.len(), data.join(" "));
    // ipmi-fru wants a repository that is not empty.
    let sim = start_with(&[Sensor::new(1, "Inlet", 1, 1, 21)], &[], &command);
    let mut session = session(&sim).await;
    let fru = session.fru(0).await.unwrap();
    session.close().await;
    let area = fru.multi_records.unwrap();
    assert!(area.complete && area.records.iter().all(|record| record.checksum_holds));
    let text = freeipmi(&sim, "ipmi-fru", &["--device-id", "0"]);
    println!("{area:#?}\n{text}");
    let mut theirs = text.lines().filter(|line| line.starts_with("  FRU "));
    for ours in area.records.iter().flat_map(|record| in_its_words(&record.content)) {
        let line = theirs.next().unwrap_or_else(|| panic!("it does not say {ours:?}"));
        assert!(line.ends_with(&ours), "{line:?} does not end with {ours:?}");
    }
    assert_eq!(theirs.next(), None, "it says more");
}

#[tokio::test]
async fn the_inventory_is_what_ipmitool_prints() {
    let chassis = area(&[17], &[b"\xC6CH-123", b"\x43\x12\x3B\x45", b"\xC5extra"]);
    let board = area(
        &[25, 64, 154, 176],
        &[b"\xC4Acme", b"\x83\x29\xDC\xA6", b"\x03\xAB\xCD\x0F", b"\xC8BOARD-77", b"\xC0"],
    );
    let long = [&[0xF2][..], &[b'x'; 50]].concat();
    let product = area(
        &[0],
        &[
            b"\xC4Acme",
            &long,
            b"\xC3P-9",
            b"\xC3v 2",
            b"\xC7SER1234",
            b"\xC5asset",
            b"\xC0",
            b"\xC4more",
        ],
    );
    let place = |bytes: usize| u8::try_from(bytes / 8).unwrap();
    let at_board = 8 + chassis.len();
    let mut fru = vec![1, 0, 1, place(at_board), place(at_board + board.len()), 0, 0];
    fru.push(fru.iter().fold(0_u8, |sum, byte| sum.wrapping_sub(*byte)));
    let bytes = [&fru[..], &chassis, &board, &product, &[0; 64]].concat();
    let data: Vec<_> = bytes.iter().map(|byte| format!("{byte:#04x}")).collect();
    let command = format!("mc_add_fru_data 0x20 0 {} data {}\n", bytes.len(), data.join(" "));
    let sim = start_with(&[], &[], &command);
    let mut session = session(&sim).await;
    let fru = session.fru(0).await.unwrap();
    let none = session.fru(9).await;
    session.close().await;
    assert!(none.is_err(), "there is no such device: {none:?}");

    let text = ipmitool(&sim, &["fru", "print", "0"]);
    println!("{fru:#?}\n{text}");
    let (chassis, board) = (fru.chassis.unwrap(), fru.board.unwrap());
    let product = fru.product.unwrap();
    let read = [
        ("Chassis Part Number", &chassis.part_number),
        ("Chassis Serial", &chassis.serial_number),
        ("Chassis Extra", &chassis.custom[0]),
        ("Board Mfg", &board.manufacturer),
        ("Board Product", &board.product_name),
        ("Board Serial", &board.serial_number),
        ("Board Part Number", &board.part_number),
        ("Product Manufacturer", &product.manufacturer),
        ("Product Name", &product.product_name),
        ("Product Part Number", &product.part_number),
        ("Product Version", &product.version),
        ("Product Serial", &product.serial_number),
        ("Product Asset Tag", &product.asset_tag),
        ("Product Extra", &product.custom[0]),
    ];
    for (label, ours) in read {
        assert_eq!(field(&text, label), Some(ours.as_str()), "{label}");
    }
    // ipmitool prints the date in the machine's time zone and words; `date` reads it.
    let printed = field(&text, "Board Mfg Date").unwrap();
    let output = Command::new("date").args(["-d", printed, "+%s"]).output().unwrap();
    let seconds = String::from_utf8_lossy(&output.stdout).trim().parse().ok();
    assert_eq!(board.manufactured, seconds, "{printed}");
    assert!(chassis.checksum_holds && board.checksum_holds && product.checksum_holds);
}
