//! Commands that `ipmi_sim` does not know, against a BMC of our own that `ipmitool` and
//! `ipmi-dcmi` read too: DCMI, device SDRs, factors, bridged requests, and firmware with faults.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::net::SocketAddr;
use std::process::Command as Program;
use std::time::Duration;

use ipmi_lan::dcmi::DcmiEntity;
use ipmi_lan::sdr::{FullSensor, Hysteresis, Record};
use ipmi_lan::sensor::ReadingError;
use ipmi_lan::threshold::Level;
use ipmi_lan::{
    CommandError, CompletionCode, Credentials, Options, Password, SelfTest, SensorId, Session,
    SessionError, Workaround,
};

#[path = "bmc/responder.rs"]
mod responder;
#[path = "bmc/served.rs"]
mod served;
use responder::Bmc;
use served::serve;

async fn open(address: SocketAddr, options: &Options) -> Result<Session, SessionError> {
    let password = Password::new("s3cretpass").unwrap();
    let credentials = Credentials { user: "monitor".into(), password, k_g: None };
    Session::open(address, &credentials, options).await
}

async fn session(bmc: Bmc, options: &Options) -> Session {
    open(serve(bmc), options).await.unwrap()
}

fn ipmitool(address: SocketAddr, arguments: &[&str]) -> String {
    let output = Program::new("ipmitool")
        .env("IPMI_PASSWORD", "s3cretpass")
        .args(["-I", "lanplus", "-C", "3", "-L", "USER", "-U", "monitor", "-E"])
        .args(["-H", "127.0.0.1", "-p", &address.port().to_string()])
        .args(arguments)
        .output()
        .expect("ipmitool is in Debian's package `ipmitool`");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn sensor(owner: u8, lun: u8, number: u8) -> SensorId {
    SensorId { owner, lun, number }
}

/// A record of a sensor with M = 1, or a non-linear one.
fn full(record: u8, id: SensorId, channel: u8, linearization: u8, name: &str) -> Vec<u8> {
    let mut body = vec![id.owner, (channel << 4) | id.lun, id.number, 7, 1, 0x7F, 0x40, 1, 1];
    body.extend([0, 0, 0, 0, 0, 0, 0, 1, 0, linearization, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0]);
    body.extend([0; 11]);
    body.push(0xC0 | u8::try_from(name.len()).unwrap());
    body.extend(name.bytes());
    let mut bytes = vec![record, 0, 0x51, 1, u8::try_from(body.len()).unwrap()];
    bytes.extend(body);
    bytes
}

fn one(record: &[u8]) -> FullSensor {
    match Record::parse(record).pop() {
        Some(Record::Full(sensor)) => sensor,
        other => panic!("{other:?}"),
    }
}

fn dcmi() -> Bmc {
    let mut bmc = Bmc::new();
    let mut say = |command: u8, data: &[u8], answer: &[u8]| {
        bmc.scripted.insert((0x2C, 0, command, data.to_vec()), (0, answer.to_vec()));
    };
    say(0x01, &[0xDC, 1], &[0xDC, 1, 5, 2, 0, 1, 7]);
    say(0x01, &[0xDC, 5], &[0xDC, 1, 5, 2, 3, 5, 0x41, 0x81]);
    let power = [0xDC, 0x9A, 0, 0x0A, 0, 0x2C, 1, 0x96, 0, 0, 0, 0, 0x60, 0xE8, 3, 0, 0, 0x40];
    say(0x02, &[0xDC, 1, 0, 0], &power);
    let eight = [24, 1, 25, 2, 26, 3, 27, 4, 28, 5, 29, 6, 30, 7, 31, 8];
    say(0x10, &[0xDC, 1, 0x41, 0, 1], &[&[0xDC, 10, 8], &eight[..]].concat());
    say(0x10, &[0xDC, 1, 0x41, 0, 9], &[0xDC, 10, 2, 0x85, 9, 33, 10]);
    say(0x10, &[0xDC, 1, 0x40, 0, 1], &[0xDC, 1, 1, 21, 1]);
    bmc
}

#[tokio::test]
async fn dcmi_is_read_and_a_refusal_is_only_a_refusal() {
    let address = serve(dcmi());
    let mut session = open(address, &Options::default()).await.unwrap();
    let capabilities = session.dcmi_capabilities().await.unwrap();
    assert!(capabilities.version == (1, 5) && capabilities.power_management);
    assert_eq!(session.dcmi_averaging_periods().await.unwrap().seconds, [5, 60, 3_600]);
    let power = session.dcmi_power().await.unwrap();
    let text = ipmitool(address, &["dcmi", "power", "reading"]);
    for (label, watts) in [
        ("Instantaneous power reading", power.current_watts),
        ("Minimum during sampling period", power.minimum_watts),
        ("Maximum during sampling period", power.maximum_watts),
        ("Average power reading over sample period", power.average_watts),
    ] {
        let line =
            text.lines().find(|line| line.contains(label)).unwrap_or_else(|| panic!("{text}"));
        let theirs: u16 = line.split_whitespace().rev().nth(1).unwrap().parse().unwrap();
        assert_eq!(watts, theirs, "{label}");
    }
    assert!(text.contains("activated") && power.active && power.watts() == Some(154));

    let celsius = |readings: Vec<ipmi_lan::dcmi::DcmiTemperature>| -> Vec<i8> {
        readings.iter().map(|reading| reading.celsius).collect()
    };
    let cpus = session.dcmi_temperatures(DcmiEntity::Processor).await.unwrap();
    assert_eq!(celsius(cpus), [24, 25, 26, 27, 28, 29, 30, 31, -5, 33]);
    let inlets = session.dcmi_temperatures(DcmiEntity::Inlet).await.unwrap();
    assert_eq!(celsius(inlets), [21]);
    let refused = CommandError::Completion(CompletionCode::INVALID_COMMAND);
    assert_eq!(session.dcmi_temperatures(DcmiEntity::Baseboard).await, Err(refused));
    assert!(!refused.ends_session());
    assert!(session.device_id().await.is_ok(), "the session goes on");
    session.close().await;
}

#[tokio::test]
async fn temperatures_that_repeat_come_to_an_end() {
    let mut bmc = Bmc::new();
    for start in 0..=255 {
        let ask = vec![0xDC, 1, 0x40, 0, start];
        bmc.scripted.insert((0x2C, 0, 0x10, ask), (0, vec![0xDC, 255, 1, 20, 1]));
    }
    let mut session = session(bmc, &Options::default()).await;
    assert_eq!(session.dcmi_temperatures(DcmiEntity::Inlet).await.unwrap().len(), 1);
    session.close().await;
}

#[tokio::test]
async fn device_sdrs_are_read_on_every_lun() {
    let record = |id: u8, lun, name| full(id, sensor(0x20, lun, id), 0, 0, name);
    let mut bmc = Bmc { records: vec![record(1, 0, "repository")], ..Bmc::new() };
    bmc.device_records.insert(0, vec![record(1, 0, "own 1"), record(2, 0, "own 2")]);
    bmc.device_records.insert(3, vec![record(1, 3, "on LUN 3")]);
    let mut session = session(bmc, &Options::default()).await;
    let sdrs = session.read_device_sdrs().await.unwrap();
    let names: Vec<_> = sdrs.records.iter().filter_map(Record::name).collect();
    assert_eq!(names, ["own 1", "own 2", "on LUN 3"]);
    assert!(sdrs.complete && sdrs.read == 3);
    let repository = session.read_sdr().await.unwrap();
    assert_eq!(repository.records[0].name(), Some("repository"));
    session.close().await;
}

#[tokio::test]
async fn a_non_linear_sensor_is_read_by_the_factors_of_its_reading() {
    let mut bmc = Bmc::new();
    bmc.sensors.insert((1, 7), 40);
    let factors = vec![41, 3, 0, 5, 0, 0, 0xF0];
    bmc.scripted.insert((4, 1, 0x23, vec![7, 40]), (0, factors));
    bmc.scripted.insert((4, 1, 0x27, vec![7]), (0, vec![0x30, 0, 0, 0, 0, 50, 60]));
    bmc.scripted.insert((4, 1, 0x23, vec![7, 50]), (0, vec![51, 2, 0, 1, 0, 0, 0]));
    let mut session = session(bmc, &Options::default()).await;
    let sensor = one(&full(1, sensor(0x20, 1, 7), 0, 0x70, "non-linear"));
    assert_eq!(session.sensor_value(&sensor).await, Ok(12.5), "(3 x 40 + 5) / 10");
    let raw = session.sensor_reading(sensor.id).await.unwrap();
    assert_eq!(sensor.value(&raw), Err(ReadingError::NonLinear));
    let thresholds = session.sensor_threshold_values(&sensor).await.unwrap();
    let listed: Vec<_> = thresholds.iter().collect();
    assert_eq!(
        listed,
        [(Level::UpperCritical, 101.0)],
        "2 x 50 + 1; the factors of 60 are refused"
    );
    session.close().await;
}

#[tokio::test]
async fn hysteresis_event_status_and_self_test_are_read() {
    let mut bmc = Bmc::new();
    bmc.scripted.insert((4, 0, 0x25, vec![7, 0xFF]), (0, vec![2, 3]));
    bmc.scripted.insert((4, 0, 0x2B, vec![7]), (0, vec![0xC0, 0x80, 0x02, 0, 0]));
    bmc.scripted.insert((6, 0, 0x04, vec![]), (0, vec![0x57, 0x82]));
    let address = serve(bmc);
    let mut session = open(address, &Options::default()).await.unwrap();
    let sensor = one(&full(1, sensor(0x20, 0, 7), 0, 0, "temperature"));
    let hysteresis = session.sensor_hysteresis(sensor.id).await.unwrap();
    assert_eq!(hysteresis, Hysteresis { positive: 2, negative: 3 });
    assert_eq!(sensor.convert_hysteresis(&hysteresis), Some((2.0, 3.0)));
    let events = session.sensor_event_status(sensor.id).await.unwrap();
    assert_eq!((events.asserted, events.deasserted), (Some(0x0280), Some(0)));
    assert_eq!(session.self_test().await, Ok(SelfTest::Corrupted(0x82)));
    let text = ipmitool(address, &["mc", "selftest"]);
    assert!(text.contains("SEL device not accessible"), "{text}");
    session.close().await;
}

fn with_neighbours() -> Bmc {
    let mut bmc = Bmc::new();
    bmc.sensors.insert((0, 8), 99);
    bmc.behind.insert((6, 0x2C, 0, 8), 42);
    bmc.behind.insert((6, 0x2E, 0, 8), 43);
    bmc.behind.insert((0, 0x2C, 1, 8), 44);
    bmc
}

#[tokio::test]
async fn sensors_of_other_controllers_are_read_over_the_bridge() {
    let bridging = Options { bridge_sensors: true, ..Options::default() };
    for answers_inside in [false, true] {
        let bmc = Bmc { answers_inside, ..with_neighbours() };
        let mut session = session(bmc, &bridging).await;
        for (channel, id, value) in
            [(6, sensor(0x2C, 0, 8), 42), (6, sensor(0x2E, 0, 8), 43), (0, sensor(0x2C, 1, 8), 44)]
        {
            assert_eq!(session.bridged_reading(channel, id).await.unwrap().value, value);
            assert_eq!(session.sensor_reading(sensor(0x20, 0, 8)).await.unwrap().value, 99);
            let thresholds = session.bridged_thresholds(channel, id).await.unwrap();
            assert_eq!(thresholds.get(Level::UpperCritical), Some(value + 9));
            let sensor = one(&full(1, id, channel, 0, "theirs"));
            assert_eq!(session.sensor_value(&sensor).await, Ok(f64::from(value)));
            let curved = one(&full(1, id, channel, 0x70, "theirs"));
            let expected = f64::from(value) * 2.0 + f64::from(value + 1);
            assert_eq!(session.sensor_value(&curved).await, Ok(expected));
        }
        let nobody = session.bridged_reading(6, sensor(0x30, 0, 8)).await;
        assert_eq!(nobody, Err(CommandError::Completion(CompletionCode(0x83))));
        let counters = session.counters();
        assert_eq!((counters.retries, counters.stale_replies, counters.corrupt), (0, 0, 0));
        session.close().await;
    }
}

/// The test BMC's bridge is right if `ipmitool` reads over it.
#[test]
fn ipmitool_agrees_with_the_test_bmcs_bridge() {
    let address = serve(with_neighbours());
    let text = ipmitool(address, &["-t", "0x2c", "-b", "6", "raw", "4", "0x2d", "8"]);
    assert_eq!(text.trim(), "2a c0 c0");
}

#[tokio::test]
async fn without_leave_nothing_is_bridged_and_never_the_wrong_way() {
    let mut plain = session(with_neighbours(), &Options::default()).await;
    let theirs = sensor(0x2C, 0, 8);
    assert_eq!(plain.bridged_reading(6, theirs).await, Err(CommandError::NotBridged));
    assert_eq!(plain.sensor_reading(theirs).await, Err(CommandError::NotBridged));
    assert_eq!(plain.counters().sent, plain.counters().received);
    plain.close().await;
    let bridging = Options { bridge_sensors: true, ..Options::default() };
    let mut session = session(with_neighbours(), &bridging).await;
    for wrong in [sensor(0x20, 0, 8), sensor(0x41, 0, 8)] {
        assert_eq!(session.bridged_reading(6, wrong).await, Err(CommandError::NotBridged));
    }
    assert_eq!(session.sensor_reading(theirs).await, Err(CommandError::NotBridged));
    session.close().await;
}

#[tokio::test]
async fn an_answer_of_another_controller_than_the_one_asked_does_not_count() {
    for answers_inside in [false, true] {
        let bmc = Bmc { answers_as: Some(0x2E), answers_inside, ..with_neighbours() };
        let quick =
            Options { bridge_sensors: true, timeout: Duration::from_secs(1), ..Options::default() };
        let mut session = session(bmc, &quick).await;
        let read = session.bridged_reading(6, sensor(0x2C, 0, 8)).await;
        assert_eq!(read, Err(CommandError::Timeout));
        assert_eq!(session.counters().stale_replies, 3);
        assert_eq!(session.sensor_reading(sensor(0x20, 0, 8)).await.unwrap().value, 99);
        session.close().await;
    }
}

#[tokio::test]
async fn faults_of_firmware_are_put_up_with_when_asked() {
    let quick = Options { timeout: Duration::from_secs(1), ..Options::default() };
    let denies = serve(Bmc { denies_2_0: true, ..Bmc::new() });
    assert_eq!(open(denies, &quick).await.err(), Some(SessionError::Ipmi15Only));
    let authcap = Options { workarounds: vec![Workaround::AuthCap], ..quick.clone() };
    assert!(open(denies, &authcap).await.unwrap().device_id().await.is_ok());

    let mut wrong = Bmc { bad_checksums: true, ..Bmc::new() };
    wrong.behind.insert((0, 0x2C, 0, 5), 42);
    let sums = serve(wrong);
    // The integrity code vouches for what they were to protect.
    for workarounds in [vec![], vec![Workaround::NoChecksumCheck]] {
        let options = Options { bridge_sensors: true, workarounds, ..quick.clone() };
        let mut session = open(sums, &options).await.unwrap();
        assert!(session.device_id().await.is_ok());
        let id = SensorId { owner: 0x2C, lun: 0, number: 5 };
        assert!(session.bridged_reading(0, id).await.is_ok());
    }
}

#[tokio::test]
async fn a_wrong_scanning_bit_can_be_ignored() {
    let mut bmc = Bmc::new();
    bmc.scripted.insert((4, 0, 0x2D, vec![7]), (0, vec![24, 0x80, 0xC0]));
    let address = serve(bmc);
    let sensor = one(&full(1, sensor(0x20, 0, 7), 0, 0, "not scanned"));
    for (ignored, expected) in [(false, Err(ReadingError::ScanningDisabled)), (true, Ok(24.0))] {
        let options = Options { ignore_scanning_disabled: ignored, ..Options::default() };
        let mut session = open(address, &options).await.unwrap();
        assert_eq!(session.sensor_value(&sensor).await, expected);
        session.close().await;
    }
}
