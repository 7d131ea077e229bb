//! Debian's `ipmi_sim` with sensors written for this test.
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test that includes this file uses a part of it"
)]

use std::fmt::Write as _;

use peers::ipmi_sim::IpmiSim;

/// A sensor as the BMC has it; the record is made from it.
#[derive(Clone)]
pub(crate) struct Sensor {
    pub(crate) number: u8,
    pub(crate) name: &'static str,
    /// Type/length byte and bytes of the name, where it is not 8-bit ASCII.
    pub(crate) encoded_name: Option<Vec<u8>>,
    pub(crate) kind: u8,
    pub(crate) entity: (u8, u8),
    pub(crate) owner: u8,
    pub(crate) lun: u8,
    pub(crate) units: [u8; 3],
    pub(crate) linearization: u8,
    pub(crate) m: i16,
    pub(crate) b: i16,
    pub(crate) r_exponent: i8,
    pub(crate) b_exponent: i8,
    /// Raw thresholds: upper non-recoverable, critical, non-critical, then lower ones likewise.
    pub(crate) thresholds: [Option<u8>; 6],
    pub(crate) raw: Option<u8>,
    pub(crate) scanning: bool,
    /// Whether the sensor exists beside its record.
    pub(crate) exists: bool,
}

impl Sensor {
    pub(crate) fn new(number: u8, name: &'static str, kind: u8, unit: u8, raw: u8) -> Sensor {
        Sensor {
            number,
            name,
            encoded_name: None,
            kind,
            entity: (7, 1),
            owner: 0x20,
            lun: 0,
            units: [0, unit, 0],
            linearization: 0,
            m: 1,
            b: 0,
            r_exponent: 0,
            b_exponent: 0,
            thresholds: [None; 6],
            raw: Some(raw),
            scanning: true,
            exists: true,
        }
    }

    /// Record type 01h, specification table 43-1.
    fn full_record(&self, record_id: u16) -> Vec<u8> {
        let [unr, uc, unc, lnr, lc, lnc] = self.thresholds;
        let mask = [lnc, lc, lnr, unc, uc, unr]
            .iter()
            .enumerate()
            .fold(0, |mask, (bit, value)| mask | (u8::from(value.is_some()) << bit));
        let ten = |value: i16| {
            let bits = u16::from_le_bytes(value.to_le_bytes());
            [u8::try_from(bits & 0xFF).unwrap(), u8::try_from((bits >> 8) & 3).unwrap() << 6]
        };
        let nibble = |value: i8| value.cast_unsigned() & 0x0F;
        let [m_low, m_high] = ten(self.m);
        let [b_low, b_high] = ten(self.b);
        let capabilities = if mask == 0 { 0x40 } else { 0x44 };
        let mut body = vec![self.owner, self.lun, self.number, self.entity.0, self.entity.1, 0x7F];
        body.extend([capabilities, self.kind, 0x01, 0, 0, 0, 0, mask, 0]);
        body.extend(self.units);
        body.extend([self.linearization, m_low, m_high, b_low, b_high, 0]);
        body.push((nibble(self.r_exponent) << 4) | nibble(self.b_exponent));
        body.extend([0, 0, 0, 0, 0xFF, 0x00]);
        body.extend([unr, uc, unc, lnr, lc, lnc].map(|value| value.unwrap_or(0)));
        body.extend([0; 5]);
        body.extend(self.encoded_name.clone().unwrap_or_else(|| eight_bit(self.name)));
        record(record_id, 0x01, &body)
    }
}

/// A sensor with states only.
#[derive(Clone)]
pub(crate) struct Discrete {
    pub(crate) number: u8,
    pub(crate) name: &'static str,
    pub(crate) kind: u8,
    pub(crate) event_type: u8,
    pub(crate) bit: u8,
}

impl Discrete {
    /// Record type 02h, specification table 43-2.
    fn compact_record(&self, record_id: u16) -> Vec<u8> {
        let mut body = vec![0x20, 0, self.number, 0x0A, 1, 0x67, 0x40];
        body.extend([self.kind, self.event_type]);
        body.extend([0xFF, 0x7F, 0xFF, 0x7F, 0xFF, 0x7F, 0xC0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        body.extend(eight_bit(self.name));
        record(record_id, 0x02, &body)
    }
}

fn eight_bit(name: &str) -> Vec<u8> {
    let mut bytes = vec![0xC0 | u8::try_from(name.len()).unwrap()];
    bytes.extend(name.bytes());
    bytes
}

fn record(record_id: u16, record_type: u8, body: &[u8]) -> Vec<u8> {
    let mut record = record_id.to_le_bytes().to_vec();
    record.extend([0x51, record_type, u8::try_from(body.len()).unwrap()]);
    record.extend(body);
    record
}

/// The commands that make the BMC.
fn command_file(sensors: &[Sensor], discretes: &[Discrete], more: &str) -> String {
    let mut text = String::from("mc_setbmc 0x20\n");
    text += "mc_add 0x20 0x13 no-device-sdrs 0x01 0x02 0x70 0x8f 0x00000b 0x2000\n";
    text += "sel_enable 0x20 1000 0x0a\n";
    let mut record_id = 1;
    let mut add = |text: &mut String, record: &dyn Fn(u16) -> Vec<u8>| {
        let bytes: Vec<_> = record(record_id).iter().map(|b| format!("{b:#04x}")).collect();
        writeln!(text, "main_sdr_add 0x20 {}", bytes.join(" ")).unwrap();
        record_id += 1;
    };
    for sensor in sensors {
        let Sensor { lun, number, kind, .. } = *sensor;
        if sensor.exists {
            writeln!(text, "sensor_add 0x20 {lun} {number} {kind} 1").unwrap();
            if sensor.thresholds.iter().any(Option::is_some) {
                let readable: String =
                    sensor.thresholds.iter().map(|t| if t.is_some() { '1' } else { '0' }).collect();
                let values = sensor.thresholds.map(|t| t.unwrap_or(0).to_string()).join(" ");
                writeln!(
                    text,
                    "sensor_set_threshold 0x20 {lun} {number} readable {readable} {values}"
                )
                .unwrap();
            }
            let scanning = if sensor.scanning { "scanning" } else { "no-scanning" };
            let events = ["000101010010101"; 4].join(" ");
            writeln!(
                text,
                "sensor_set_event_support 0x20 {lun} {number} enable {scanning} per-state {events}"
            )
            .unwrap();
            if let Some(raw) = sensor.raw {
                writeln!(text, "sensor_set_value 0x20 {lun} {number} {raw} 0").unwrap();
            }
        }
        add(&mut text, &|id| sensor.full_record(id));
    }
    for discrete in discretes {
        let Discrete { number, kind, event_type, bit, .. } = *discrete;
        writeln!(text, "sensor_add 0x20 0 {number} {kind} {event_type}").unwrap();
        let events = ["000001111111111"; 4].join(" ");
        writeln!(
            text,
            "sensor_set_event_support 0x20 0 {number} enable scanning per-state {events}"
        )
        .unwrap();
        writeln!(text, "sensor_set_bit 0x20 0 {number} {bit} 1 0").unwrap();
        add(&mut text, &|id| discrete.compact_record(id));
    }
    text + more + "mc_enable 0x20\n"
}

pub(crate) fn start(sensors: &[Sensor], discretes: &[Discrete]) -> IpmiSim {
    start_with(sensors, discretes, "")
}

/// With more commands for the simulator.
pub(crate) fn start_with(sensors: &[Sensor], discretes: &[Discrete], more: &str) -> IpmiSim {
    IpmiSim::start(|_| command_file(sensors, discretes, more))
}
