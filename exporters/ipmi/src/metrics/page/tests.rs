//! The exposition of three BMCs: one that is well but for a phantom, one that is down, one that was
//! not polled yet.

use std::collections::BTreeMap;

use ipmi_lan::chassis::ChassisStatus;
use ipmi_lan::dcmi::DcmiPower;
use ipmi_lan::sel::SelInfo;
use ipmi_lan::sensor::{RawReading, ReadingError};
use ipmi_lan::{CommandError, DeviceId, SessionError};
use prometheus_client::encoding::text;

use super::*;
use crate::entity::Entity;
use crate::inventory::{Known, Presence};
use crate::sensor::Sensors;
use crate::sensor::tests::{Sdr, fan, hd_max};
use crate::slew::Window;
use crate::slow::Slow;
use crate::state::{Account, Repository, Snapshot};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/metrics.prom");

#[derive(Debug)]
struct Fixed(Vec<View>);

impl Collector for Fixed {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        encode(&self.0, &mut encoder)
    }
}

fn exposition(views: Vec<View>) -> String {
    let mut registry = prometheus_client::registry::Registry::default();
    registry.register_collector(Box::new(Fixed(views)));
    let mut text = String::new();
    text::encode(&mut text, &registry).unwrap();
    text
}

fn view(name: &str, site: Option<&str>, account: Account) -> View {
    let labels = TargetLabels {
        target: name.to_owned(),
        site: site.map(str::to_owned),
        rack: site.map(|_| "r1".to_owned()),
    };
    View { labels, account, presence: Vec::new(), age: None, parts: Part::ALL.to_vec() }
}

/// The sensors of a repository, each with its raw reading and its raw reading 5 s before.
fn machine() -> (Vec<Sdr>, Vec<[u8; 2]>) {
    let analog = |number, name, sensor_type, entity, base_unit, m, exponent| Sdr {
        number,
        name,
        sensor_type,
        entity,
        base_unit,
        m,
        exponent,
        ..Sdr::default()
    };
    let limited = |sdr: Sdr| Sdr { thresholds: [None, Some(250), None, None, None, None], ..sdr };
    let inlet = Sdr { thresholds: [Some(46), Some(42), None, None, None, None], ..Sdr::default() };
    let records = vec![
        Sdr { name: "01-Inlet Ambient", entity: 0x40, ..inlet },
        Sdr { name: "02-CPU", number: 2, entity: 0x41, ..Sdr::default() },
        hd_max(),
        limited(fan()),
        Sdr {
            thresholds: [None, None, None, None, Some(5), None],
            ..analog(18, "FAN 3", 4, 0x1D, 18, 100, 0)
        },
        limited(analog(32, "Power Meter", 0x0B, 0x13, 6, 2, 0)),
        limited(analog(33, "PS 1 Input", 3, 0x0A, 5, 1, -1)),
        limited(analog(34, "12V \"rail\"", 2, 7, 4, 6, -2)),
        analog(35, "Air Flow", 0x0B, 0x40, 17, 1, 0),
        Sdr { name: "11-GPU", number: 11, entity: 0x0B, ..Sdr::default() },
    ];
    let raws = [
        [21, 21],
        [41, 40],
        [58, 24],
        [255, 49],
        [160, 45],
        [58, 35],
        [5, 3],
        [200, 200],
        [30, 30],
        [0, 0],
    ];
    (records, raws.to_vec())
}

/// A discrete sensor without a number: format 11b.
fn bay() -> Sdr {
    Sdr {
        number: 64,
        name: "Bay 1",
        sensor_type: 0x0D,
        event_type: 0x6F,
        entity: 4,
        units_1: 0xC0,
        base_unit: 0,
        ..Sdr::default()
    }
}

/// An iLO that is on, whose drive has a fault, and which knows no DCMI.
fn asked() -> Slow {
    let device = [0x13, 1, 2, 0x70, 0x02, 0x8F, 0x0B, 0, 0, 0, 0x20];
    let sel = [0x51, 3, 0, 0xD0, 3, 0x00, 0x2F, 0x68, 0x59, 0, 0, 0, 0, 2];
    let bay = Known { id: "32.0.64".into(), name: "Bay 1".into(), entity: Entity::Disk };
    Slow {
        chassis: Some(ChassisStatus::parse(&[0x21, 0, 0x04])),
        sel: Some(SelInfo::parse(&sel)),
        dcmi: Some(DcmiPower::parse(&power(0x40))),
        bmc: Some(DeviceId::parse(&device)),
        states: [(Arc::new(bay), 0b11)].into(),
    }
}

/// DCMI's power reading of 121 W, with a state byte.
fn power(state: u8) -> [u8; 18] {
    let mut reply = [0; 18];
    (reply[0], reply[1], reply[17]) = (0xDC, 121, state);
    reply
}

fn well() -> View {
    let (records, raws) = machine();
    let mut records: Vec<_> = records.iter().flat_map(Sdr::records).collect();
    records.extend(hd_max().records());
    records.extend(bay().records());
    let sensors = Sensors::of(&records, &[], &BTreeMap::new());
    let outcomes = sensors.read.iter().zip(raws).map(|(sensor, [now, before])| {
        if sensor.known.name == "11-GPU" {
            return Err(ReadingError::Unavailable.into());
        }
        let status = if sensor.known.entity == Entity::Disk { 0xC8 } else { 0xC0 };
        let reading = |value| sensor.reading(RawReading::parse(&[value, 0xC0, status]).unwrap());
        let mut window = Window::default();
        window.push(Duration::from_secs(5), reading(before)?.value);
        let slew = window.push(Duration::from_secs(10), reading(now)?.value);
        let slew = (sensor.quantity == Quantity::Temperature).then_some(slew);
        Ok(Value { reading: reading(now)?, slew })
    });
    let outcomes = outcomes.collect();
    let known = sensors.known.iter();
    let presence = known.map(|it| Presence { sensor: Arc::clone(it), present: true }).collect();
    let mut read_failures = [0; ReadFailure::REASONS.len()];
    read_failures[0] = 7;
    let repository = Arc::new(Repository { sensors, records: 17, complete: true });
    let account = Account {
        polls: 7,
        read_failures,
        sessions: 1,
        retries: 2,
        stale_replies: 1,
        commands: [2, 1, 20, 70, 0, 9, 1, 1, 1],
        duration: Some(Duration::from_millis(250)),
        success: Some((
            tokio::time::Instant::now(),
            UNIX_EPOCH + Duration::from_secs(1_500_000_000),
        )),
        snapshot: Some(Arc::new(Snapshot { repository, outcomes })),
        slow: asked(),
        ..Account::default()
    };
    View { presence, age: Some(Duration::from_millis(1500)), ..view("srv-1", Some("ams"), account) }
}

fn down() -> View {
    let mut poll_failures = [0; PollFailure::REASONS.len()];
    let reason = PollFailure::Session(SessionError::WrongPassword).as_str();
    poll_failures[PollFailure::REASONS.iter().position(|it| *it == reason).unwrap()] = 3;
    let mut session_failures = [0; SessionError::ALL.len()];
    session_failures[4] = 3;
    let account = Account {
        polls: 3,
        poll_failures,
        session_failures,
        duration: Some(Duration::from_millis(40)),
        ..Account::default()
    };
    let known = |id: &str, name: &str| {
        Arc::new(Known { id: id.into(), name: name.into(), entity: Entity::Disk })
    };
    let presence = vec![
        Presence { sensor: known("32.0.5", "05-HD Max"), present: false },
        Presence { sensor: known("32.0.6", "06-HD Bay"), present: true },
    ];
    View { presence, ..view("srv-2", None, account) }
}

#[test]
fn the_exposition_is_the_golden_one() {
    let text = exposition(vec![well(), down(), view("srv-3", None, Account::default())]);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(GOLDEN, &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(GOLDEN).unwrap());
}

#[test]
fn a_target_that_is_down_shows_no_reading_but_remembers_what_was_lost() {
    let text = exposition(vec![down()]);
    assert!(text.contains("ipmi_up{target=\"srv-2\",collector=\"ipmi\"} 0"), "{text}");
    assert!(!text.contains("celsius"), "{text}");
    assert!(text.contains("name=\"05-HD Max\",entity=\"disk\"} 0"), "{text}");
    assert!(!text.contains("06-HD Bay"), "{text}");
}

#[test]
fn a_collector_that_is_refused_is_down_and_shows_nothing() {
    let mut view = well();
    view.account.slow = Slow { dcmi: Some(Err(CommandError::Malformed)), ..Slow::default() };
    let text = exposition(vec![view]);
    let up = |collector: &str| format!("rack=\"r1\",collector=\"{collector}\"}}");
    assert!(text.contains(&(up("dcmi") + " 0")), "{text}");
    assert!(text.contains(&(up("ipmi") + " 1")), "{text}");
    assert!(!text.contains(&up("sel")), "{text}");
    for gone in ["ipmi_dcmi", "ipmi_chassis", "ipmi_sel", "ipmi_bmc", "_asserted"] {
        assert!(!text.contains(gone), "{gone}: {text}");
    }
}

#[test]
fn power_that_is_not_measured_is_not_shown() {
    let mut view = well();
    view.account.slow.dcmi = Some(DcmiPower::parse(&power(0)));
    let text = exposition(vec![view]);
    assert!(text.contains("collector=\"dcmi\"} 1") && !text.contains("ipmi_dcmi"), "{text}");
}

#[test]
fn without_a_session_every_collector_is_down() {
    let text = exposition(vec![down()]);
    let zeroes = text.lines().filter(|it| it.starts_with("ipmi_up{") && it.contains("} 0"));
    assert_eq!(zeroes.count(), Part::ALL.len(), "{text}");
}

#[test]
fn what_is_not_a_number_is_never_written() {
    let mut view = well();
    view.account.duration = None;
    let snapshot = view.account.snapshot.as_mut().unwrap();
    for value in Arc::get_mut(snapshot).unwrap().outcomes.iter_mut().flatten() {
        value.reading.value = f64::NAN;
    }
    let text = exposition(vec![view]);
    assert!(!text.to_lowercase().contains("nan"), "{text}");
}
