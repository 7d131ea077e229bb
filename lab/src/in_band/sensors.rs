//! The sensors of the BMC in the proof, and `ipmi_sim`'s files that make them. No I/O, no clock.
//!
//! Every sensor has two raw values, and no raw value belongs to two sensors: a reading that was given
//! to another sensor shows.

use std::fmt::Write as _;
use std::net::SocketAddr;

use crate::bmc::Sensor as Dl320e;
use crate::bmc::dl320e::DISCRETE;
use crate::bmc::sdr::{self, Full, Thresholds};

/// The BMC, and a second controller on its IPMB, as a management engine is one.
const BMC: u8 = 0x20;
const ENGINE: u8 = 0x2C;

/// Raw values: the first sensor's before the BMC hung, and the first one's after.
const FIRST: [u8; 2] = [20, 140];

/// Which of its two values a sensor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Phase {
    Before,
    After,
}

/// A threshold sensor, with what its record says beyond the plain one.
#[derive(Clone, Debug)]
pub struct Sensor {
    /// The plain record.
    record: Full,
    owner: u8,
    lun: u8,
    b: i16,
    b_exponent: i8,
    /// IPMI 2.0 table 43-1, byte 24.
    linearisation: u8,
    /// Whether the BMC scans it; where not, its value does not count.
    scanning: bool,
    /// Whether there is a sensor beside its record.
    exists: bool,
    /// Its values before and after.
    raw: [u8; 2],
}

impl Sensor {
    fn new(record: Full) -> Self {
        Self {
            record,
            owner: BMC,
            lun: 0,
            b: 0,
            b_exponent: 0,
            linearisation: 0,
            scanning: true,
            exists: true,
            raw: [0; 2],
        }
    }

    /// `owner.lun.number`, as turbulence-ipmi labels it.
    pub fn id(&self) -> String {
        format!("{}.{}.{}", self.owner, self.lun, self.record.number)
    }

    /// The name in its record.
    pub fn name(&self) -> &'static str {
        self.record.name
    }

    /// Whether it has a value at all.
    pub fn has_value(&self) -> bool {
        self.exists && self.scanning
    }

    /// The value as a raw byte.
    pub fn raw(&self, phase: Phase) -> u8 {
        let [before, after] = self.raw;
        if phase == Phase::Before { before } else { after }
    }

    /// The bytes of its record (table 43-1; the places are those of its bytes less one).
    fn bytes(&self, record: u16) -> Vec<u8> {
        let mut bytes = sdr::full(record, &self.record);
        let [low, high] = self.b.to_le_bytes();
        bytes[5] = self.owner;
        bytes[6] |= self.lun;
        bytes[23] = self.linearisation;
        bytes[26] = low;
        bytes[27] |= (high & 3) << 6;
        bytes[29] |= self.b_exponent.cast_unsigned() & 0x0F;
        bytes
    }
}

/// A rack server's sensors, one of every awkward kind, and those of a second controller, which has
/// numbers that the BMC has too.
pub fn all() -> Vec<Sensor> {
    let full = |number, name, kind, base| Full {
        number,
        name,
        kind,
        base,
        entity: (7, 1),
        units: 0,
        factor: 1,
        exponent: 0,
        thresholds: Thresholds::default(),
    };
    let celsius = |number, name| full(number, name, 1, 1);
    let volts = |number, name| full(number, name, 2, 4);
    let fan = |number, name, base| full(number, name, 4, base);
    let limits = Thresholds {
        lower_non_critical: Some(10),
        lower_critical: Some(5),
        upper_non_critical: Some(100),
        upper_critical: Some(150),
        upper_non_recoverable: Some(180),
    };
    let plain = Sensor::new;

    let mut sensors: Vec<_> = Dl320e::ALL.map(|sensor| plain(sensor.record())).into();
    sensors.extend([
        Sensor { b: 100, ..plain(Full { factor: -1, ..celsius(0x60, "neg M") }) },
        Sensor {
            b: 511,
            b_exponent: 3,
            ..plain(Full { factor: -512, exponent: -7, ..volts(0x61, "extreme factors") })
        },
        Sensor {
            b: -7,
            b_exponent: 2,
            ..plain(Full { factor: 5, exponent: -3, ..volts(0x62, "neg B") })
        },
        Sensor { b: 5, b_exponent: -1, ..plain(volts(0x63, "neg B exponent")) },
        plain(Full { units: 0x40, ..celsius(0x64, "ones complement") }),
        plain(Full { units: 0x80, thresholds: limits, ..celsius(0x65, "twos complement") }),
        plain(Full { thresholds: limits, ..full(0x66, "fahrenheit", 1, 2) }),
        plain(Full { thresholds: limits, ..fan(0x67, "FAN A", 18) }),
        plain(Full { units: 1, ..fan(0x68, "percent of RPM", 18) }),
        plain(full(0x69, "airflow", 0x0B, 17)),
        Sensor { lun: 1, ..plain(celsius(0x6A, "on LUN 1")) },
        plain(celsius(0x6A, "on LUN 0")),
        plain(Full { entity: (0x40, 2), ..celsius(0x6B, "01-Inlet Ambient") }),
        Sensor { scanning: false, ..plain(celsius(0x6C, "not scanned")) },
        Sensor { exists: false, ..plain(celsius(0x6D, "record alone")) },
    ]);
    let linearisations =
        ["ln", "log10", "log2", "e^x", "exp10", "exp2", "1/x", "sqr", "cube", "sqrt", "cube root"];
    for (code, name) in (1..).zip(linearisations) {
        let record = Full { exponent: -2, thresholds: limits, ..volts(0x80 + code, name) };
        sensors.push(Sensor { linearisation: code, ..plain(record) });
    }
    let engine = |record| Sensor { owner: ENGINE, ..plain(record) };
    sensors.extend([
        engine(Full { thresholds: limits, ..celsius(0x05, "ME PCH Temp") }),
        engine(Full { factor: 6, exponent: -2, ..volts(0x22, "ME 12V") }),
        engine(Full { factor: 100, ..fan(0x12, "ME Fan", 18) }),
        Sensor { lun: 1, ..engine(celsius(0x6A, "ME LUN 1")) },
    ]);
    for (step, sensor) in (0..).zip(&mut sensors) {
        sensor.raw = FIRST.map(|first| first + step);
    }
    sensors
}

/// `lan.conf`: a system interface on a TCP port, in the protocol of QEMU's `ipmi-bmc-extern`; no LAN.
pub fn serial(listen: SocketAddr) -> String {
    format!(
        "name \"in-band\"\nserial 15 {} {} codec VM\n\
         user 1 false \"\" \"unused\" user 10 none md2 md5 straight\n",
        listen.ip(),
        listen.port()
    )
}

/// The commands that make both controllers, their sensors, which read the files of `values`, and the
/// BMC's records of all of them.
pub fn emulator(sensors: &[Sensor], values: &str) -> String {
    let mut text = format!("mc_setbmc {BMC:#x}\n");
    for (controller, device) in [(BMC, 0x13), (ENGINE, 0x14)] {
        let _ = writeln!(
            text,
            "mc_add {controller:#x} {device:#x} no-device-sdrs 0x01 0x02 0x70 0x8f 0x00000b 0x2000"
        );
    }
    let _ = writeln!(text, "sel_enable {BMC:#x} 512 0x0a");
    for (record, sensor) in (1..).zip(sensors) {
        if sensor.exists {
            push_sensor(&mut text, sensor, values);
        }
        push_record(&mut text, &sensor.bytes(record));
    }
    let first = u16::try_from(sensors.len()).expect("there are few sensors") + 1;
    for (record, discrete) in (first..).zip(&DISCRETE) {
        let sdr::Compact { number, kind, reading, state, .. } = *discrete;
        let _ = writeln!(text, "sensor_add {BMC:#x} 0 {number} {kind} {reading}");
        push_scanning(&mut text, &format!("{BMC:#x} 0 {number}"), true, "000001111111111");
        let _ = writeln!(text, "sensor_set_bit {BMC:#x} 0 {number} {state} 1 0");
        push_record(&mut text, &sdr::compact(record, discrete));
    }
    let _ = writeln!(text, "mc_enable {BMC:#x}\nmc_enable {ENGINE:#x}");
    text
}

fn push_sensor(text: &mut String, sensor: &Sensor, values: &str) {
    let Full { number, kind, thresholds, .. } = sensor.record;
    let place = format!("{:#x} {} {number}", sensor.owner, sensor.lun);
    let _ =
        writeln!(text, "sensor_add {place} {kind} 1 poll 100 file \"{values}/{}\"", sensor.id());
    let limits = thresholds.highest_first();
    if thresholds.any() {
        let readable: String =
            limits.iter().map(|it| if it.is_some() { '1' } else { '0' }).collect();
        let bytes = limits.map(|it| it.unwrap_or_default().to_string()).join(" ");
        let _ = writeln!(text, "sensor_set_threshold {place} readable {readable} {bytes}");
    }
    push_scanning(text, &place, sensor.scanning, "000101010010101");
}

fn push_scanning(text: &mut String, place: &str, scanning: bool, events: &str) {
    let scanning = if scanning { "scanning" } else { "no-scanning" };
    let events = [events; 4].join(" ");
    let _ = writeln!(text, "sensor_set_event_support {place} enable {scanning} per-state {events}");
}

fn push_record(text: &mut String, bytes: &[u8]) {
    let _ = write!(text, "main_sdr_add {BMC:#x}");
    for byte in bytes {
        let _ = write!(text, " {byte:#04x}");
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_value_and_no_id_belongs_to_two_sensors() {
        let sensors = all();
        let values: BTreeSet<u8> = sensors.iter().flat_map(|sensor| sensor.raw).collect();
        assert_eq!(values.len(), 2 * sensors.len());
        let ids: BTreeSet<_> = sensors.iter().map(Sensor::id).collect();
        assert_eq!(ids.len(), sensors.len());
    }

    #[test]
    fn two_controllers_have_sensors_of_the_same_number() {
        let ids: Vec<_> = all().iter().map(Sensor::id).collect();
        for id in ["32.0.5", "44.0.5", "32.1.106", "32.0.106", "44.1.106"] {
            assert!(ids.iter().any(|it| it == id), "{id} in {ids:?}");
        }
    }

    #[test]
    fn owner_lun_and_formula_stand_in_the_record() {
        let sensors = all();
        let bytes = |name| {
            let sensor = sensors.iter().find(|sensor| sensor.name() == name).unwrap();
            sensor.bytes(1)
        };
        assert_eq!(bytes("ME LUN 1")[5..8], [0x2C, 1, 0x6A]);
        assert_eq!(bytes("1/x")[23], 7);
        let negative = bytes("neg B");
        assert_eq!(negative[26..28], [0xF9, 0xC0], "-7 in ten bits");
        assert_eq!(negative[29], 0xD2, "10^-3 and 10^2");
    }
}
