//! A BMC that makes up whatever fits into IPMI costs the BMC beside it nothing: 1,024 sensors of which half
//! jump in one poll and the other half hurry after them, 8,192 records, 256 inventories without an end.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use peers::exposition::samples;
use turbulence_lab::testbmc::fleet::Fleet;
use turbulence_lab::testbmc::inventory::fru_locator;
use turbulence_lab::testbmc::machine::{BMC, Format, Sensor, Value};
use turbulence_lab::testbmc::records::{Full, Owner, oem};
use turbulence_lab::testbmc::server::rack_server;
use turbulence_lab::testbmc::{Machine, Quirks, TestBmc};

use crate::exporter::{count, page_where, sample, start};
use crate::faults::{METRICS, VALUES};

const GOOD: Ipv4Addr = Ipv4Addr::new(127, 50, 0, 1);
const LIAR: Ipv4Addr = Ipv4Addr::new(127, 50, 0, 2);
/// Entity of a power supply (table 43-13), type of a fan's sensor (table 42-3), unit of its speed (table 43-15).
const SUPPLY: u8 = 0x0A;
const FAN: u8 = 0x04;
const RPM: u8 = 0x12;
/// As many records as are read of one BMC.
const RECORDS: usize = 8_192;
/// Before the lie and in it, as raw bytes: degrees, and hundreds of revolutions.
const TRUE: u8 = 20;
const LIE: u8 = 110;
/// What all of it may take of the memory.
const BYTES: f64 = 16e6;

/// Each number of each LUN, with whether it is a fan.
fn sensors() -> impl Iterator<Item = (u8, u8, bool)> {
    (0..4).flat_map(|lun| (0..=u8::MAX).map(move |number| (lun, number, lun >= 2)))
}

fn liar() -> Machine {
    let mut machine = Machine { records: Vec::new(), sensors: Vec::new(), ..rack_server() };
    for (lun, number, is_fan) in sensors() {
        let owner = Owner { address: BMC, channel: 0, lun };
        let supply = Full {
            owner,
            entity: (SUPPLY, number & 0x7F),
            ..Full::celsius(number, &format!("PSU {lun} {number:03}"))
        };
        let fan = Full {
            owner,
            kind: FAN,
            base: RPM,
            m: 100,
            ..Full::celsius(number, &format!("Fan {lun} {number:03}"))
        };
        let full = if is_fan { fan } else { supply };
        machine.records.push(full.bytes());
        machine.sensors.push(Sensor {
            lun,
            number,
            kind: (full.kind, full.reading),
            value: Value::Fixed(TRUE),
            states: 0,
            format: Format::Unsigned,
            thresholds: [None; 6],
            hysteresis: None,
            factors: Vec::new(),
        });
    }
    for id in 0..=u8::MAX {
        machine.records.push(fru_locator(id, (SUPPLY, id & 0x7F), &format!("PSU {id}")));
        machine.inventories.insert(id, inventory());
    }
    machine.records.resize(RECORDS, oem(11, &[0x5A; 32]));
    machine
}

/// A board area whose fields never end, and records behind it that never do.
fn inventory() -> Vec<u8> {
    let sum =
        |bytes: &[u8]| bytes.iter().fold(0_u8, |sum, it| sum.wrapping_add(*it)).wrapping_neg();
    let mut bytes = vec![1, 0, 0, 1, 0, 0xFF, 0];
    bytes.push(sum(&bytes));
    bytes.extend([1, 0xFF, 0x19, 0, 0, 0]);
    while bytes.len() < 0xFF * 8 {
        bytes.push(0xFF);
        bytes.extend([b'x'; 63]);
    }
    bytes.truncate(0xFF * 8);
    while bytes.len() < 0xF000 {
        let data = [0x5A; 0xFF];
        let mut header = vec![0xC0, 0x02, 0xFF, sum(&data)];
        header.push(sum(&header));
        bytes.extend(header);
        bytes.extend(data);
    }
    bytes
}

/// What a page tells of both.
struct Seen {
    good: u64,
    liar: u64,
    bytes: f64,
}

fn seen(page: &str) -> Seen {
    let polls = |target| count(page, "ipmi_polls_total", &[("target", target)]);
    let bytes = sample(page, "process_resident_memory_bytes", &[]).unwrap();
    Seen { good: polls("good"), liar: polls("liar"), bytes }
}

/// The good one is read in each poll, and nothing is said of it.
fn is_well(page: &str) {
    let of_it = [("target", "good")];
    assert_eq!(count(page, "ipmi_failures_total", &of_it), 0, "{page}");
    assert_eq!(count(page, "ipmi_verdicts_held", &of_it), 0, "{page}");
    for (name, value) in VALUES {
        let labels = [("target", "good"), ("name", name)];
        let read = METRICS.iter().find_map(|metric| sample(page, metric, &labels));
        assert!(read.is_some_and(|read| (read - value).abs() < 1e-9), "{name}: {read:?}");
    }
}

fn verdicts(page: &str, verdict: &str) -> usize {
    let is_it = |it: &peers::exposition::Sample<'_>| {
        it.name == "ipmi_verdict" && it.label("verdict").as_deref() == Some(verdict)
    };
    samples(page).filter(is_it).count()
}

#[test]
fn a_bmc_that_lies_costs_the_one_beside_it_nothing() {
    let forever = Duration::from_secs(86_400);
    let down = Quirks { reboot: Some((Duration::ZERO, forever)), ..Quirks::default() };
    let bmcs = [
        (GOOD, TestBmc::new(Arc::new(rack_server()), Quirks::default(), 1)),
        (LIAR, TestBmc::new(Arc::new(liar()), down, 2)),
    ];
    let fleet = Fleet::start(0, bmcs).unwrap();
    let port = fleet.port();
    // As patient as a machine needs it that has other work.
    let module = "user: monitor, pass: s3cretpass, timeout: 10s";
    let exporter = start(&format!(
        "modules:\n\
         \x20 default: {{{module}, interval: 1s}}\n\
         \x20 liar: {{{module}, interval: 2s, slow_interval: 10s, collectors: [ipmi, chassis, sel, fru]}}\n\
         targets:\n\
         \x20 - {{name: good, address: \"{GOOD}:{port}\"}}\n\
         \x20 - {{name: liar, address: \"{LIAR}:{port}\", module: liar}}\n"
    ));
    let page = page_where(&exporter, "the good one read", |page| {
        sample(page, "ipmi_polls_total", &[("target", "good")]).is_some_and(|polls| polls >= 3.0)
    });
    is_well(&page);
    let before = seen(&page);

    fleet.with(LIAR, |bmc| bmc.quirks.reboot = None).unwrap();
    let readings = |page: &str| {
        let of_it =
            |it: &peers::exposition::Sample<'_>| it.label("target").as_deref() == Some("liar");
        let metrics = ["ipmi_temperature_celsius", "ipmi_fan_speed_rpm"];
        samples(page).filter(|it| metrics.contains(&it.name) && of_it(it)).count()
    };
    let page = page_where(&exporter, "each sensor of the liar", |page| {
        let is_read = readings(page) == sensors().count();
        is_read && seen(page).liar >= before.liar + 3
    });
    is_well(&page);
    assert_eq!(count(&page, "ipmi_sdr_records", &[("target", "liar")]), RECORDS as u64);
    assert_eq!(verdicts(&page, "phantom_temperature"), 0);
    let listed = seen(&page);

    fleet.with(LIAR, |bmc| {
        for (lun, number, _) in sensors() {
            bmc.set_value_of(BMC, lun, number, LIE);
        }
    });
    let page = page_where(&exporter, "the lie told", |page| {
        verdicts(page, "phantom_temperature") > 0 && seen(page).liar >= listed.liar + 8
    });
    is_well(&page);
    let after = seen(&page);
    // Of many phantoms so many are told.
    assert_eq!(verdicts(&page, "phantom_temperature"), 32);
    let missed = sample(&page, "turbulence_rounds_missed_total", &[]);
    let (good, liar) = (after.good - before.good, after.liar - before.liar);
    println!(
        "good polls {good}, the liar's {liar}, missed {missed:?}, {} kB, {} kB, {} kB, page {} kB",
        before.bytes / 1e3,
        listed.bytes / 1e3,
        after.bytes / 1e3,
        page.len() / 1_000
    );
    // It is due twice as often, and waits for nothing of the other's.
    assert!(good >= liar, "{good} polls beside {liar}");
    assert!(after.bytes - before.bytes < BYTES, "{} bytes more", after.bytes - before.bytes);
    assert!(exporter.stop().success());
    for address in [GOOD, LIAR] {
        let counted = fleet.with(address, |bmc| bmc.counters()).unwrap();
        assert_eq!(counted.refused_changes, 0, "{address}: {counted:?}");
    }
}
