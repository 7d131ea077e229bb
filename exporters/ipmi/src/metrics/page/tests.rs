//! The exposition of three BMCs: one that is well but for a phantom, one that is down, one that was
//! not polled yet.

use std::collections::BTreeMap;

use super::*;
use crate::command::Command;
use crate::config::{Config, Labels};
use crate::entity::Entity;
use crate::inventory::{Known, Presence};
use crate::journal::{Entry, Journal, SelEvent, Summary};
use crate::metrics::counts::Counts;
use crate::outcome::{PollFailure, ReadFailure};
use crate::sensor::list::Lister;
use crate::sensor::{Kind as Measured, Severity};
use crate::slow::{Answer, Drawn, Log, Part, Parts, Power, Question, Slow, Watchdog, Watts, Who};
use crate::source::Source;
use crate::source::samples::{Listed, Sdr, fan, hd_max};
use crate::state::{Polled, Snapshot, Value};
use crate::verdict::{Cause, Kind, Level, Moment, Verdict, What};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/metrics.prom");

fn exposition(views: &[View]) -> String {
    exporter_kit::openmetrics(|page| put(views, page))
}

fn view(name: &str, site: Option<&str>, polled: Polled) -> View {
    let text = format!(
        "modules: {{ default: {{ user: u, pass: p }} }}\n\
         targets: [ {{ name: {name}, address: 192.0.2.1 }} ]\n"
    );
    let config: Config = exporter_kit::parse(&text, "ipmi.yml").unwrap();
    let bmc = config.wanted(&[]).0.into_values().next().unwrap().work;
    let tells_stale_replies = Source::of(&bmc).tells_stale_replies();
    let place = |place: &str| site.map(|_| place.to_owned());
    let labels = Labels { site: site.map(str::to_owned), rack: place("r1"), ..Labels::default() };
    let labels = TargetLabels { bmc, labels: Arc::new(labels) };
    let now =
        (Moment::from_seconds(1_500_000_010.0), UNIX_EPOCH + Duration::from_secs(1_500_000_020));
    let (missing, not_remembered) = (Vec::new(), 0);
    let polled = Arc::new(polled);
    let verdicts = None;
    View {
        labels,
        polled,
        tells_stale_replies,
        missing,
        not_remembered,
        verdicts,
        is_off: false,
        age: None,
        now,
    }
}

/// The sensors of a repository, each with its raw reading.
fn machine() -> (Vec<Sdr>, Vec<u8>) {
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
        limited(analog(35, "Air Flow", 0x0B, 0x40, 17, 1, 0)),
        Sdr { name: "11-GPU", number: 11, entity: 0x0B, ..Sdr::default() },
    ];
    let raws = [21, 41, 58, 255, 160, 58, 5, 200, 30, 0];
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
fn asked(listed: &Listed) -> Slow {
    let mut slow = Slow::default();
    let power = Power {
        is_on: true,
        main_fault: false,
        drive_fault: true,
        cooling_fault: false,
        intrusion: true,
        restart_cause: Some("power_button"),
    };
    let log = Log { entries: 3, free_bytes: Some(976), last_entry: Some(1_500_000_000) };
    let who = Who {
        firmware: "2.70".into(),
        manufacturer: "Hewlett-Packard (11)".into(),
        product: "8192".into(),
        system_firmware: Some("J06".into()),
        url: None,
        guid: Some("31433738-3041-435a-3331-303431583038".into()),
    };
    let watchdog = Watchdog {
        is_running: true,
        logs: true,
        used_for: Some("SMS/OS"),
        action: Some("Hard Reset"),
        interrupt: Some("None"),
        pretimeout: 0.0,
        initial: 300.0,
        left: Some(271.5),
    };
    let event = SelEvent::new("drive", "Drive Fault").unwrap();
    let mut journal = Journal::new([event].into());
    journal.push(Entry {
        id: 1,
        time: Some(1_500_000_000),
        sensor: "Bay 1".into(),
        sensor_type: "Drive Slot",
        severity: Some(Severity::Critical),
        event: "Drive Fault".into(),
    });
    let events = Summary { refused: 1, ..journal.summary(true) };
    let events = Answer::Events(Arc::new(events));
    slow.learn(Question::Events, None, Ok(events));
    slow.learn(Question::Watchdog, None, Ok(Answer::Watchdog(watchdog)));
    let supply = Part {
        id: 1,
        name: "PSU 1".into(),
        board_maker: "DELTA".into(),
        board: "PWR SPLY,460W".into(),
        serials: Some(["".into(), "5BXRA0A4D3Z0".into(), "".into()]),
        capacity: Some(460),
        ..Part::default()
    };
    let parts = Parts { parts: vec![supply], is_whole: true };
    slow.learn(Question::Parts, None, Ok(Answer::Parts(Arc::new(parts))));
    slow.learn(Question::LanMode, None, Ok(Answer::LanMode(2)));
    slow.learn(Question::Power, None, Ok(Answer::Power(power)));
    slow.learn(Question::Log, None, Ok(Answer::Log(log)));
    let drawn = Drawn { now: 121.0, least: 70.0, most: 240.0, average: 118.0 };
    let watts = Watts { drawn: Some(drawn), limit: Some(300.0) };
    slow.learn(Question::Watts, None, Ok(Answer::Watts(watts)));
    slow.learn(Question::Who, None, Ok(Answer::Who(Arc::new(who))));
    let (place, bay) = (0, listed.list.discrete.first());
    let states = Answer::States(Some(listed.asserted(place, 0b11)));
    slow.learn(Question::States(place), bay, Ok(states));
    slow
}

fn well() -> View {
    let (records, raws) = machine();
    let mut records: Vec<_> = records.iter().flat_map(Sdr::records).collect();
    records.extend(hd_max().records());
    records.extend(bay().records());
    let listed = Listed::of(&records);
    let outcomes = listed.list.sensors.iter().zip(raws).enumerate();
    let outcomes = outcomes.map(|(place, (sensor, raw))| {
        let status = if sensor.known.name == "05-HD Max" { 0xC8 } else { 0xC0 };
        let flags = if sensor.known.name == "11-GPU" { 0xE0 } else { 0xC0 };
        let reading = |value| listed.read(place, &[value, flags, status]);
        match reading(raw) {
            Ok(now) => Outcome::Read(Value { number: now.value, severity: now.severity }),
            Err(failure) => Outcome::Failed(failure),
        }
    });
    let outcomes = outcomes.collect();
    let mut counts = Counts { polls: 7, ..Counts::default() };
    counts.read_failures.inc_by(ReadFailure::Unavailable, 7);
    counts.traffic.sessions = 1;
    counts.traffic.retries = 2;
    counts.traffic.stale_replies = 1;
    for (command, count) in Command::ALL.iter().zip([2, 1, 20, 70, 0, 9, 1, 1, 1, 1]) {
        counts.traffic.commands.inc_by(*command, count);
    }
    let slow = asked(&listed);
    let list = Arc::new(SensorList { records: Some(17), ..listed.list });
    let shown = Arc::clone(&list);
    let polled = Polled {
        silent: crate::slow::Silent::default(),
        counts,
        duration: Some(Duration::from_millis(250)),
        success: Some((
            Moment::from_seconds(1_500_000_000.0),
            UNIX_EPOCH + Duration::from_secs(1_500_000_000),
        )),
        snapshot: Some(Arc::new(Snapshot { list: shown, outcomes })),
        slow,
        before: None,
    };
    let hd_max = list.known.iter().find(|it| it.name == "05-HD Max").cloned();
    let phantom = |kind, level, cause, evidence| Verdict {
        kind,
        sensor: hd_max.clone(),
        level,
        cause,
        since: Moment::from_seconds(1_499_999_950.0),
        evidence,
    };
    let verdicts = Some(vec![
        phantom(
            Kind::PhantomTemperature,
            Level::Ticket,
            Cause::Jump,
            vec![(What::Base, 24.0), (What::Limit, 9.5), (What::Now, 58.0), (What::Rate, 6.8)],
        ),
        phantom(
            Kind::FansFollowPhantom,
            Level::Page,
            Cause::FansUp,
            vec![(What::FansBefore, 0.1), (What::FansNow, 0.95)],
        ),
    ]);
    let age = Some(Duration::from_millis(1500));
    View { verdicts, age, ..view("srv-1", Some("ams"), polled) }
}

fn down() -> View {
    let counts = Counts { polls: 3, ..Counts::default() };
    counts.poll_failures.inc_by(PollFailure::WrongPassword, 3);
    counts.traffic.session_failures.inc_by(PollFailure::WrongPassword, 3);
    let polled = Polled { counts, duration: Some(Duration::from_millis(40)), ..Polled::default() };
    let known = |id: &str, name: &str| {
        Arc::new(Known { id: id.into(), name: name.into(), entity: Entity::Disk })
    };
    let missing = vec![
        Presence { sensor: known("32.0.5", "05-HD Max"), present: false },
        Presence { sensor: known("32.0.6", "06-HD Bay"), present: true },
    ];
    View { missing, ..view("srv-2", None, polled) }
}

#[test]
fn the_exposition_is_the_golden_one() {
    let text = exposition(&[well(), down(), view("srv-3", None, Polled::default())]);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(GOLDEN, &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(GOLDEN).unwrap());
}

#[test]
fn a_target_that_is_down_shows_no_reading_but_remembers_what_was_lost() {
    let text = exposition(&[down()]);
    assert!(text.contains("ipmi_up{target=\"srv-2\",collector=\"ipmi\"} 0"), "{text}");
    assert!(!text.contains("celsius"), "{text}");
    assert!(text.contains("name=\"05-HD Max\",entity=\"disk\"} 0"), "{text}");
    assert!(!text.contains("06-HD Bay"), "{text}");
}

#[test]
fn a_collector_that_is_refused_is_down_and_shows_nothing() {
    let mut view = well();
    Arc::make_mut(&mut view.polled).slow = Slow::default();
    Arc::make_mut(&mut view.polled).slow.learn(Question::Watts, None, Err(PollFailure::Malformed));
    let text = exposition(&[view]);
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
    let watts = Answer::Watts(Watts::default());
    Arc::make_mut(&mut view.polled).slow.learn(Question::Watts, None, Ok(watts));
    let text = exposition(&[view]);
    assert!(text.contains("collector=\"dcmi\"} 1") && !text.contains("ipmi_dcmi"), "{text}");
}

#[test]
fn without_a_session_every_collector_is_down() {
    let text = exposition(&[down()]);
    let zeroes = text.lines().filter(|it| it.starts_with("ipmi_up{") && it.contains("} 0"));
    assert_eq!(zeroes.count(), Collector::USUAL.len(), "{text}");
}

#[test]
fn what_is_not_a_number_is_never_written() {
    let mut view = well();
    Arc::make_mut(&mut view.polled).duration = None;
    let snapshot = Arc::make_mut(&mut view.polled).snapshot.as_mut().unwrap();
    for outcome in &mut Arc::get_mut(snapshot).unwrap().outcomes {
        if let Outcome::Read(value) = outcome {
            value.number = f64::NAN;
        }
    }
    let text = exposition(&[view]);
    assert!(!text.to_lowercase().contains("nan"), "{text}");
}

#[test]
fn what_is_left_out_is_said_only_when_something_is() {
    let mut view = well();
    assert!(!exposition(&[well()]).contains("ipmi_sensors_left_out"));
    let limits = BTreeMap::new();
    let mut lister = Lister::new(&[], &limits);
    for number in 0..1030 {
        if let Some(known) = lister.sensor(&number.to_string(), "made up", Entity::Other) {
            lister.number(known, Quantity::Voltage, Measured::Measured, Vec::new());
        }
    }
    let list = Arc::new(lister.finish(true));
    Arc::make_mut(&mut view.polled).snapshot =
        Some(Arc::new(Snapshot { list, outcomes: Vec::new() }));
    view.not_remembered = 10;
    let text = exposition(&[view]);
    let left_out = text.lines().find(|line| line.starts_with("ipmi_sensors_left_out{")).unwrap();
    assert!(left_out.ends_with(" 16.0"), "{left_out}");
    assert!(!text.contains("ipmi_sdr_records"), "a source without records shows none: {text}");
}
