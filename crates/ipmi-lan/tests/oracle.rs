//! Debian's `ipmi_sim`, read by this crate and by `ipmitool`: every value, unit, state and
//! threshold must be the same.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::process::Command;
use std::time::Duration;

use ipmi_lan::sdr::{FullSensor, Record};
use ipmi_lan::sensor::{RawReading, ReadingError, ThresholdState};
use ipmi_lan::threshold::{Level, Thresholds};
use ipmi_lan::{
    CipherSuite, CommandError, CompletionCode, Credentials, Options, Password, Privilege, Session,
    SessionError,
};
use peers::ipmi_sim::{ADMIN, ADMIN_PASSWORD, IpmiSim, PASSWORD, USER};

#[path = "oracle/sim.rs"]
mod sim;
use sim::{Discrete, Sensor, start};

const TEMPERATURE: u8 = 1;
const VOLTAGE: u8 = 2;
const CURRENT: u8 = 3;
const FAN: u8 = 4;
const OTHER: u8 = 0x0B;
const CELSIUS: u8 = 1;
const VOLTS: u8 = 4;

/// A small server as its BMC describes it, and every awkward sensor that was met elsewhere.
fn sensors() -> Vec<Sensor> {
    let base = Sensor::new;
    let temperature = |number, name, raw| base(number, name, TEMPERATURE, CELSIUS, raw);
    let volts = |number, name, raw| base(number, name, VOLTAGE, VOLTS, raw);
    let mut sensors = vec![
        Sensor {
            entity: (0x40, 1),
            thresholds: [Some(46), Some(42), None, None, None, None],
            ..temperature(1, "01-Inlet Ambient", 21)
        },
        Sensor {
            thresholds: [None, None, Some(60), None, None, None],
            entity: (4, 1),
            ..temperature(5, "05-HD Max", 61)
        },
        Sensor {
            thresholds: [Some(120), Some(115), None, None, None, None],
            units: [0x80, CELSIUS, 0],
            ..temperature(7, "07-VR P1", 116)
        },
        Sensor {
            units: [1, 0, 0],
            m: 392,
            r_exponent: -3,
            ..base(0x10, "Fan 1 DutyCycle", FAN, 0, 49)
        },
        Sensor {
            m: 100,
            thresholds: [None, None, None, Some(2), Some(5), Some(8)],
            ..base(0x12, "FAN 3", FAN, 18, 7)
        },
        Sensor { units: [1, 18, 0], ..base(0x13, "percent of RPM", FAN, 18, 40) },
        Sensor { m: 2, ..base(0x20, "Power Meter", OTHER, 6, 18) },
        Sensor { r_exponent: -1, ..base(0x21, "PS 1 Input", CURRENT, 5, 3) },
        Sensor {
            m: 6,
            r_exponent: -2,
            thresholds: [None, Some(220), None, None, Some(180), None],
            ..volts(0x22, "12V", 200)
        },
        Sensor { m: -1, b: 100, ..temperature(0x60, "neg M", 40) },
        Sensor {
            m: -512,
            b: 511,
            b_exponent: 3,
            r_exponent: -7,
            ..volts(0x61, "extreme factors", 255)
        },
        Sensor { m: 5, b: -7, b_exponent: 2, r_exponent: -3, ..volts(0x62, "neg B", 10) },
        Sensor { b: 5, b_exponent: -1, ..volts(0x63, "neg B exponent", 10) },
        Sensor { units: [0x40, CELSIUS, 0], ..temperature(0x64, "ones compl", 0x19) },
        Sensor { units: [0x40, CELSIUS, 0], ..temperature(0x65, "ones compl neg", 0xE6) },
        Sensor { units: [0x80, CELSIUS, 0], ..temperature(0x66, "twos compl neg", 0xE7) },
        Sensor {
            units: [0x80, CELSIUS, 0],
            thresholds: [None, Some(10), Some(0xFB), None, Some(0xF0), None],
            ..temperature(0x67, "neg thresholds", 0xFA)
        },
        Sensor { lun: 1, ..temperature(0x68, "on LUN 1", 77) },
        temperature(0x68, "on LUN 0", 11),
        // Number 5 of another controller: never to be read at the BMC, whose 5 is 05-HD Max.
        Sensor { owner: 0x2C, exists: false, ..temperature(5, "ME PCH Temp", 0) },
        Sensor {
            encoded_name: Some(vec![0x83, 0x29, 0xDC, 0xA6]),
            ..temperature(0x69, "IPMI", 33)
        },
        Sensor { entity: (0x40, 2), ..temperature(0x6A, "01-Inlet Ambient", 22) },
        Sensor { scanning: false, ..temperature(0x6B, "not scanned", 50) },
        Sensor { raw: None, ..temperature(0x6C, "no value yet", 50) },
        Sensor { exists: false, ..temperature(0x6D, "record alone", 50) },
    ];
    let names: [&'static str; 12] = [
        "linear",
        "ln",
        "log10",
        "log2",
        "e^x",
        "exp10",
        "exp2",
        "1/x",
        "sqr",
        "cube",
        "sqrt",
        "cube root",
    ];
    for (code, name) in (0_u8..).zip(names) {
        sensors.push(Sensor {
            linearization: code,
            thresholds: [None, Some(6), None, None, Some(2), None],
            ..volts(0x80 + code, name, 5)
        });
    }
    sensors
}

fn discretes() -> Vec<Discrete> {
    vec![
        Discrete { number: 0x30, name: "Fan 1 Status", kind: 4, event_type: 0x0A, bit: 0 },
        Discrete { number: 0x31, name: "Power Supply 1", kind: 8, event_type: 0x6F, bit: 0 },
        Discrete { number: 0x32, name: "Drive 1", kind: 0x0D, event_type: 0x6F, bit: 9 },
    ]
}

/// A sensor as one of the two programs sees it, in ipmitool's words and digits.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    name: String,
    value: String,
    unit: String,
    status: String,
    /// Lower non-recoverable to upper non-recoverable.
    thresholds: Vec<String>,
}

async fn open(
    sim: &IpmiSim,
    user: &str,
    password: &str,
    options: &Options,
) -> Result<Session, SessionError> {
    let password = Password::new(password).unwrap();
    let credentials = Credentials { user: user.into(), password, k_g: None };
    Session::open(sim.address(), &credentials, options).await
}

/// Waits until the simulator answers.
async fn first_session(sim: &IpmiSim) -> Session {
    let begun = tokio::time::Instant::now();
    loop {
        let impatient =
            Options { timeout: Duration::from_secs(5), retries: 2, ..Options::default() };
        match open(sim, USER, PASSWORD, &impatient).await {
            Ok(session) => {
                session.close().await;
                break;
            }
            Err(SessionError::Unreachable | SessionError::NoAnswer)
                if begun.elapsed() < Duration::from_secs(120) => {}
            Err(error) => panic!("ipmi_sim does not answer: {error}\n{}", sim.log()),
        }
    }
    open(sim, USER, PASSWORD, &Options::default()).await.unwrap()
}

/// Everything as this crate reads it.
async fn ours(session: &mut Session) -> Vec<Seen> {
    let repository = session.read_sdr().await.unwrap();
    assert!(repository.complete, "every record is there");
    assert_eq!(Some(repository.read), repository.stamp.and_then(|it| it.record_count()));
    let mut seen = Vec::new();
    for record in repository.records {
        seen.push(match record {
            Record::Full(sensor) => {
                let reading = session.sensor_reading(sensor.id).await;
                let thresholds = session.sensor_thresholds(sensor.id).await;
                if let Ok(raw) = &thresholds {
                    let live = sensor.convert_thresholds(raw);
                    assert_eq!(live, sensor.thresholds, "{}: SDR and live", sensor.name);
                }
                full(&sensor, reading, &thresholds.map(|raw| sensor.convert_thresholds(&raw)))
            }
            Record::Compact(sensor) => {
                let reading = session.sensor_reading(sensor.id).await.unwrap();
                let states = sensor.states(&reading).unwrap();
                // ipmitool prints the first state byte before the second.
                let [low, high] = states.to_le_bytes();
                Seen {
                    name: sensor.name,
                    value: format!("{:#x}", reading.value),
                    unit: "discrete".into(),
                    status: format!("0x{low:02x}{high:02x}"),
                    thresholds: vec!["na".into(); 6],
                }
            }
            other => panic!("no such record was written: {other:?}"),
        });
    }
    seen
}

fn full(
    sensor: &FullSensor,
    reading: Result<RawReading, CommandError>,
    thresholds: &Result<Thresholds<f64>, CommandError>,
) -> Seen {
    let value = reading.map_err(ReadingError::from).and_then(|reading| sensor.value(&reading));
    let state = reading.ok().and_then(|reading| sensor.state(&reading));
    let status = match state {
        None => "na",
        Some(ThresholdState::Nominal) => "ok",
        Some(ThresholdState::At(Level::LowerNonCritical | Level::UpperNonCritical)) => "nc",
        Some(ThresholdState::At(Level::LowerCritical | Level::UpperCritical)) => "cr",
        Some(ThresholdState::At(_)) => "nr",
    };
    let number = |value: Option<f64>| value.map_or("na".into(), |value| format!("{value:.3}"));
    let thresholds = thresholds.unwrap_or_default();
    Seen {
        name: sensor.name.clone(),
        value: number(value.ok()),
        unit: sensor.unit.to_string(),
        status: status.into(),
        thresholds: Level::ALL.map(|level| number(thresholds.get(level))).to_vec(),
    }
}

/// Everything as ipmitool reads it.
fn ipmitool(sim: &IpmiSim) -> Vec<Seen> {
    let output = Command::new("ipmitool")
        .env("IPMI_PASSWORD", PASSWORD)
        .args(["-I", "lanplus", "-C", "3", "-L", "USER", "-U", USER, "-E"])
        .args(["-H", &sim.address().ip().to_string(), "-p", &sim.address().port().to_string()])
        .args(["-c", "sensor"])
        .output()
        .expect("ipmitool is in Debian's package `ipmitool`: apt-get install openipmi ipmitool");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines()
        .map(|line| {
            let fields: Vec<_> = line.split(',').map(|field| field.trim().to_owned()).collect();
            let [name, value, unit, status, thresholds @ ..] = &fields[..] else {
                panic!("ipmitool printed {line:?}");
            };
            Seen {
                name: name.clone(),
                value: value.clone(),
                unit: unit.clone(),
                status: status.clone(),
                thresholds: thresholds.to_vec(),
            }
        })
        .collect()
}

/// Value and thresholds by name as FreeIPMI's ipmi-sensors reads them, which prints two digits.
fn ipmi_sensors(sim: &IpmiSim) -> Vec<(String, Vec<String>)> {
    let cache = tempfile::tempdir().unwrap();
    let output = Command::new("ipmi-sensors")
        .args(["-h", &sim.address().to_string(), "-u", USER, "-p", PASSWORD, "-l", "USER"])
        .args(["-D", "LAN_2_0", "-I", "3", "-W", "opensesspriv", "--quiet-cache"])
        .args(["--sdr-cache-directory", &cache.path().display().to_string()])
        .args(["--output-sensor-thresholds", "--comma-separated-output", "--no-header-output"])
        .output()
        .expect("ipmi-sensors is in Debian's package `freeipmi-tools`");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let rows = text.lines().filter_map(|line| {
        let fields: Vec<_> = line.split(',').map(str::to_owned).collect();
        let [_id, name, _type, value, _unit, thresholds @ .., _event] = &fields[..] else {
            return None;
        };
        Some((name.clone(), [std::slice::from_ref(value), thresholds].concat()))
    });
    rows.collect()
}

/// What ipmitool is known to show otherwise, and why the difference is none.
fn is_explained(ours: &Seen, theirs: &Seen) -> Option<&'static str> {
    let same_but_name = Seen { name: theirs.name.clone(), ..ours.clone() };
    let same_but_unit = Seen { unit: String::new(), ..ours.clone() };
    if ours.name == "IPMI" && same_but_name == *theirs {
        Some("both tools print the packed bytes of a 6-bit name; it is the specification's example")
    } else if ours.value == "na" && same_but_unit == *theirs {
        Some("ipmitool prints no unit without a value")
    } else {
        None
    }
}

#[tokio::test]
async fn every_sensor_reads_as_ipmitool_and_ipmi_sensors_read_it() {
    let sim = start(&sensors(), &discretes());
    let mut session = first_session(&sim).await;
    let ours = ours(&mut session).await;
    session.close().await;

    let theirs = ipmitool(&sim);
    assert_eq!(ours.len(), theirs.len(), "the two list the same records");
    let mut differences = 0;
    println!("{} records; differences from ipmitool:", ours.len());
    for (ours, theirs) in ours.iter().zip(&theirs).filter(|(ours, theirs)| ours != theirs) {
        let explanation = is_explained(ours, theirs);
        differences += usize::from(explanation.is_none());
        println!("  {}: {}", ours.name, explanation.unwrap_or("NOT EXPLAINED"));
        println!("    ours   {ours:?}\n    theirs {theirs:?}");
    }
    assert_eq!(differences, 0, "see the table");

    let two_digits = |text: &String| match text.parse::<f64>() {
        Ok(number) => format!("{number:.2}"),
        Err(_) => "N/A".to_owned(),
    };
    let theirs = ipmi_sensors(&sim);
    let mut compared = 0;
    println!("differences from ipmi-sensors:");
    for seen in ours.iter().filter(|seen| seen.unit != "discrete") {
        // Names that occur twice, other owners and other LUNs are told apart by ipmitool alone.
        let mut rows = theirs.iter().filter(|(name, _)| *name == seen.name);
        let (Some((_, row)), None) = (rows.next(), rows.next()) else { continue };
        if seen.name == "on LUN 1" || row.iter().all(|field| field == "N/A") {
            continue;
        }
        let values: Vec<_> =
            std::iter::once(&seen.value).chain(&seen.thresholds).map(two_digits).collect();
        if values != *row {
            // FreeIPMI takes "cube^-1" for x^-3; it is the inverse function, as "sqrt" before it.
            let explained = seen.name == "cube root";
            let verdict = if explained { "FreeIPMI computes x^-3" } else { "NOT EXPLAINED" };
            println!("  {}: {verdict}: ours {values:?}, theirs {row:?}", seen.name);
            differences += usize::from(!explained);
        }
        compared += 1;
    }
    assert_eq!(differences, 0, "see the table");
    assert!(compared >= 25, "only {compared} sensors could be compared with ipmi-sensors");
    println!("{compared} sensors compared with ipmi-sensors");
}

#[tokio::test]
async fn each_missing_value_says_why() {
    let sim = start(&sensors(), &discretes());
    let mut session = first_session(&sim).await;
    let records = session.read_sdr().await.unwrap().records;
    let mut reasons = Vec::new();
    for record in records {
        let Record::Full(sensor) = record else { continue };
        let reading = session.sensor_reading(sensor.id).await;
        let value = reading.map_err(ReadingError::from).and_then(|raw| sensor.value(&raw));
        if let Err(reason) = value {
            reasons.push((sensor.name, reason));
        }
    }
    let expected = [
        ("ME PCH Temp".to_owned(), ReadingError::NotBridged),
        ("not scanned".to_owned(), ReadingError::ScanningDisabled),
        ("record alone".to_owned(), ReadingError::Completion(CompletionCode(0xCC))),
    ];
    assert_eq!(reasons, expected);
    session.close().await;
}

#[tokio::test]
async fn each_refused_log_in_says_why() {
    let sim = start(&sensors()[..1], &[]);
    first_session(&sim).await.close().await;
    let default = Options::default();
    let admin = Options { privilege: Privilege::Administrator, ..Options::default() };
    let only_17 = Options { suites: vec![CipherSuite::Suite17], ..Options::default() };
    for (user, password, options, error) in [
        (USER, "wrong", &default, SessionError::WrongPassword),
        ("nobody", PASSWORD, &default, SessionError::UnknownUser),
        (USER, PASSWORD, &only_17, SessionError::SuiteRefused),
        ("a name of 17 byte", PASSWORD, &default, SessionError::Credentials),
    ] {
        assert_eq!(open(&sim, user, password, options).await.err(), Some(error), "{user}");
    }
    let mut session = open(&sim, ADMIN, ADMIN_PASSWORD, &admin).await.unwrap();
    assert_eq!(session.device_id().await.unwrap().firmware(), "2.70");
    session.close().await;
}

#[tokio::test]
async fn closed_and_dropped_sessions_leave_the_table_empty() {
    let sim = start(&sensors()[..1], &[]);
    // The simulator has room for 63 sessions, and forgets one after 30 s only.
    for round in 0..70 {
        let session = first_session(&sim).await;
        if round % 2 == 0 {
            session.close().await;
        }
    }
    let mut kept = Vec::new();
    let error = loop {
        match open(&sim, USER, PASSWORD, &Options::default()).await {
            Ok(session) => kept.push(session),
            Err(error) => break error,
        }
        assert!(kept.len() < 70, "the table never fills");
    };
    assert_eq!(error, SessionError::SessionTableFull);
    assert!(kept.len() > 50, "{} sessions fitted", kept.len());
}
