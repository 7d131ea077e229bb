//! Controllers behind the BMC: `ipmitool`, `ipmi-sensors` and our client reach them, each at its own sensors.

use std::collections::BTreeMap;
use std::time::Duration;

use ipmi_lan::sdr::{FullSensor, Record};
use ipmi_lan::sensor::ReadingError;
use ipmi_lan::{CommandError, CompletionCode, Options, SensorId, Session};
use turbulence_lab::testbmc::quirks::{BridgeReply, ControllerFault, Late};
use turbulence_lab::testbmc::{Quirks, server};

use crate::tool::{Bmc, fields};

const ENGINE: u8 = server::ENGINE.1;
const ENGINE_CHANNEL: u8 = server::ENGINE.0;
const SUPPLY: u8 = server::SUPPLY.1;
const BOTH_WAYS: [BridgeReply; 2] = [BridgeReply::OwnMessage, BridgeReply::Embedded];

/// Every sensor of another controller: name, owner, LUN, number, value.
const THEIRS: [(&str, u8, u8, u8, f64); 5] = [
    ("ME PCH Temp", ENGINE, 0, 0x05, 57.0),
    ("ME Margin", ENGINE, 1, 0x08, 33.0),
    ("PSU Hot Spot", SUPPLY, 0, 0x05, 71.0),
    ("PSU Input", SUPPLY, 0, 0x01, 23.1),
    ("PSU Fan Exhaust", SUPPLY, 0, 0x99, 48.0),
];

fn bmc(bridge: BridgeReply, controllers: impl IntoIterator<Item = (u8, ControllerFault)>) -> Bmc {
    let controllers = BTreeMap::from_iter(controllers);
    Bmc::start(server::neighbours(), Quirks { bridge, controllers, ..Quirks::default() })
}

fn bridging() -> Options {
    Options { bridge_sensors: true, timeout: Duration::from_secs(3), ..Options::default() }
}

async fn sensors(session: &mut Session) -> Vec<FullSensor> {
    let records = session.read_sdr().await.unwrap().records;
    let full = records.into_iter().filter_map(|record| match record {
        Record::Full(sensor) => Some(sensor),
        _ => None,
    });
    full.collect()
}

async fn value(session: &mut Session, name: &str) -> Result<f64, ReadingError> {
    let sensors = sensors(session).await;
    session.sensor_value(sensors.iter().find(|one| one.name == name).unwrap()).await
}

#[test]
fn ipmitool_reads_over_the_bridge_both_ways() {
    for bridge in BOTH_WAYS {
        let bmc = bmc(bridge, []);
        // It bridges by itself to a sensor whose record names another owner.
        let text = bmc.read(&["sdr", "elist"]);
        for (name, _, _, _, value) in THEIRS {
            let shown = fields(&text, name, '|')[4].split(' ').next().unwrap().parse::<f64>();
            assert_eq!(shown, Ok(value), "{bridge:?} {name}: {text}");
        }
        assert_eq!(fields(&text, "05-HD Max", '|')[4], "24 degrees C", "{bridge:?}");
        // To a controller that it is told: its identity, its own records, one raw reading.
        let there =
            |arguments: &[&str]| bmc.read(&[&["-t", "0x2c", "-b", "6"], arguments].concat());
        assert_eq!(fields(&there(&["mc", "info"]), "Firmware Revision", ':')[1], "3.04");
        assert_eq!(there(&["raw", "4", "0x2d", "5"]).trim(), "39 c0 c0", "{bridge:?}");
        let text = there(&["sdr", "elist"]);
        assert_eq!(fields(&text, "ME PCH Temp", '|')[4], "57 degrees C", "{bridge:?}");
        assert!(!text.contains("05-HD Max"), "{text}");
        assert!(bmc.with(|bmc| bmc.counters().bridged) > 10);
    }
}

#[test]
fn ipmi_sensors_reads_over_the_bridge() {
    let bmc = bmc(BridgeReply::OwnMessage, []);
    let without = bmc.sensors(&[]);
    let with = bmc.sensors(&["--bridge-sensors"]);
    for (name, _, _, _, value) in THEIRS {
        assert_eq!(fields(&without, name, ',')[3], "N/A", "{name}");
        assert_eq!(fields(&with, name, ',')[3], format!("{value:.2}"), "{name}");
    }
    assert_eq!(fields(&with, "05-HD Max", ',')[3], "24.00");
}

/// Get Device ID to an address behind a channel, as `ipmitool raw` sends it inside Send Message.
fn device_id_of(bmc: &Bmc, track_and_channel: u8, address: u8) -> crate::tool::Output {
    let sum = |bytes: &[u8]| bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_sub(*byte));
    let head = [address, 0x18];
    let tail = [0x20, 0x04, 0x01];
    let message = [&head[..], &[sum(&head)], &tail, &[sum(&tail)]].concat();
    let bytes: Vec<_> = [&[0x06, 0x34, track_and_channel], message.as_slice()].concat();
    let bytes: Vec<_> = bytes.iter().map(|byte| format!("{byte:#04x}")).collect();
    let arguments: Vec<_> =
        std::iter::once("raw").chain(bytes.iter().map(String::as_str)).collect();
    bmc.ipmitool(&arguments)
}

#[test]
fn who_is_not_there_is_said_so() {
    let bmc = bmc(BridgeReply::Embedded, []);
    // A controller that is not on that channel, and a channel without any.
    for (channel, address, code) in
        [(0x46, 0x2E, "rsp=0x83"), (0x40, ENGINE, "rsp=0x83"), (0x43, ENGINE, "rsp=0xcc")]
    {
        let output = device_id_of(&bmc, channel, address);
        assert!(output.err.contains(code), "{channel:02x} {address:02x}: {output:?}");
    }
    assert_eq!(bmc.with(|bmc| bmc.counters().bridged), 0);
    // The answer to a request that is not tracked goes nowhere.
    let untracked = device_id_of(&bmc, ENGINE_CHANNEL, ENGINE);
    assert!(untracked.ok && untracked.out.trim().is_empty(), "{untracked:?}");
    let tracked = device_id_of(&bmc, 0x40 | ENGINE_CHANNEL, ENGINE);
    assert!(tracked.ok && tracked.out.trim().starts_with("20 1c c4 2c 04 01 00"), "{tracked:?}");
}

#[test]
fn what_changes_a_controllers_state_is_refused() {
    let mut bmc = bmc(BridgeReply::OwnMessage, []);
    (bmc.user, bmc.password, bmc.level) = ("admin", "twentybytespassword0", "ADMINISTRATOR");
    for arguments in
        [["0x06", "0x02"].as_slice(), &["0x04", "0x26", "5", "8", "0", "0", "0", "1", "1", "1"]]
    {
        let output = bmc.ipmitool(&[&["-t", "0x2c", "-b", "6", "raw"], arguments].concat());
        assert!(output.err.contains("rsp=0xd4"), "{arguments:?}: {output:?}");
    }
    assert_eq!(bmc.with(|bmc| bmc.counters().refused_changes), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_client_reads_each_sensor_at_its_owner_both_ways() {
    for bridge in BOTH_WAYS {
        let bmc = bmc(bridge, []);
        let mut session = bmc.session(&bridging()).await;
        for (name, owner, lun, number, expected) in THEIRS {
            assert_eq!(value(&mut session, name).await, Ok(expected), "{bridge:?} {name}");
            assert_eq!(bmc.with(|bmc| bmc.asked(owner, lun, number)), 1, "{bridge:?} {name}");
        }
        assert_eq!(value(&mut session, "05-HD Max").await, Ok(24.0), "{bridge:?}");
        for owners in [(0x20, 0, 0x99), (0x20, 1, 0x08), (ENGINE, 0, 0x08)] {
            assert_eq!(bmc.with(|bmc| bmc.asked(owners.0, owners.1, owners.2)), 0);
        }
        let theirs = SensorId { owner: ENGINE, lun: 0, number: 5 };
        let limits = session.bridged_thresholds(ENGINE_CHANNEL, theirs).await.unwrap();
        assert_eq!(limits.iter().map(|(_, raw)| raw).collect::<Vec<_>>(), [95]);
        let counters = session.counters();
        assert_eq!((counters.retries, counters.stale_replies, counters.corrupt), (0, 0, 0));
        session.close().await;
        assert_eq!(bmc.with(|bmc| bmc.open_sessions()), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_leave_no_number_of_theirs_is_asked_at_the_bmc() {
    let bmc = bmc(BridgeReply::OwnMessage, []);
    let mut session = bmc.session(&Options::default()).await;
    for (name, owner, lun, number, _) in THEIRS {
        assert_eq!(value(&mut session, name).await, Err(ReadingError::NotBridged), "{name}");
        for asked in [owner, 0x20] {
            assert_eq!(bmc.with(|bmc| bmc.asked(asked, lun, number)), 0, "{name} at {asked:02x}");
        }
    }
    assert_eq!(bmc.with(|bmc| bmc.counters().bridged), 0);
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_or_slow_controller_costs_only_its_own_values() {
    for bridge in BOTH_WAYS {
        let slow = ControllerFault::Slow(Duration::from_millis(150));
        let bmc = bmc(bridge, [(SUPPLY, ControllerFault::Silent), (ENGINE, slow)]);
        let options = Options { retries: 1, ..bridging() };
        let mut session = bmc.session(&options).await;
        let error = match bridge {
            BridgeReply::OwnMessage => ReadingError::Timeout,
            BridgeReply::Embedded => ReadingError::Completion(CompletionCode::TIMEOUT),
        };
        assert_eq!(value(&mut session, "PSU Hot Spot").await, Err(error), "{bridge:?}");
        assert_eq!(value(&mut session, "ME PCH Temp").await, Ok(57.0), "{bridge:?}");
        assert_eq!(value(&mut session, "05-HD Max").await, Ok(24.0), "{bridge:?}");
        session.close().await;
    }
}

/// Both controllers and the BMC have a number 5, and answers come while the next question is asked.
///
/// Goes on until enough was read and enough came late, however long a busy machine takes for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_answer_of_a_controller_is_never_anothers_value() {
    for bridge in BOTH_WAYS {
        let late = Late { every: 3, by: Duration::from_millis(130) };
        let faults = [ENGINE, SUPPLY].map(|one| (one, ControllerFault::Late(late)));
        let bmc = bmc(bridge, faults);
        let mut patient = bmc.session(&bridging()).await;
        let sensors = sensors(&mut patient).await;
        patient.close().await;

        let options = Options { timeout: Duration::from_millis(60), retries: 0, ..bridging() };
        let (mut right, mut absent, mut stale) = (0, 0, 0);
        while right < 40 || absent < 15 || stale < 15 {
            // A log-in has no more patience than a reading; a busy machine may need several.
            let Ok(mut session) = bmc.log_in(&options).await else { continue };
            for (name, _, _, _, expected) in THEIRS.iter().cycle().take(60) {
                let sensor = sensors.iter().find(|one| one.name == *name).unwrap();
                match session.sensor_value(sensor).await {
                    read @ Ok(_) => {
                        assert_eq!(read, Ok(*expected), "{bridge:?} {name}");
                        right += 1;
                    }
                    Err(_) => absent += 1,
                }
            }
            stale += session.counters().stale_replies;
            println!("{bridge:?}: {right} right, {absent} absent, {:?}", session.counters());
            session.close().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_under_another_address_counts_for_nobody() {
    for bridge in BOTH_WAYS {
        let bmc = bmc(bridge, [(ENGINE, ControllerFault::AnswersAs(SUPPLY))]);
        let mut session = bmc.session(&Options { retries: 1, ..bridging() }).await;
        assert_eq!(value(&mut session, "ME PCH Temp").await, Err(ReadingError::Timeout));
        assert_eq!(value(&mut session, "PSU Hot Spot").await, Ok(71.0), "{bridge:?}");
        session.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_of_a_controller_is_its_own() {
    for bridge in BOTH_WAYS {
        let bmc = bmc(bridge, [(ENGINE, ControllerFault::Code(0xCE))]);
        let mut session = bmc.session(&bridging()).await;
        let refused = ReadingError::from(CommandError::Completion(CompletionCode(0xCE)));
        assert_eq!(value(&mut session, "ME PCH Temp").await, Err(refused), "{bridge:?}");
        assert_eq!(value(&mut session, "PSU Hot Spot").await, Ok(71.0), "{bridge:?}");
        session.close().await;
    }
}
