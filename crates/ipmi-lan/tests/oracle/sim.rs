//! Debian's `ipmi_sim` on a private loopback address, with sensors written for this test.
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test that includes this file uses a part of it"
)]

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

pub(crate) const USER: &str = "monitor";
pub(crate) const PASSWORD: &str = "s3cretpass";

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

/// A running simulator; it ends with this value.
pub(crate) struct Sim {
    process: Child,
    pub(crate) address: SocketAddr,
    folder: TempDir,
}

impl Sim {
    pub(crate) fn start(sensors: &[Sensor], discretes: &[Discrete]) -> Sim {
        Sim::start_with(sensors, discretes, "")
    }

    /// With more commands for the simulator, and a machine that is on.
    pub(crate) fn start_with(sensors: &[Sensor], discretes: &[Discrete], more: &str) -> Sim {
        let folder = tempfile::tempdir().unwrap();
        let address = free_address();
        let (ip, port) = (address.ip(), address.port());
        let privileges = ["callback", "user", "operator", "admin"]
            .map(|level| format!("  allowed_auths_{level} none md2 md5 straight\n"))
            .concat();
        let chassis = folder.path().join("chassis").display().to_string();
        let lan = format!(
            "name \"oracle\"\nstartlan 1\n  addr {ip} {port}\n  priv_limit admin\n{privileges}  \
             guid a123456789abcdefa123456789abcdef\nendlan\n\
             chassis_control \"/bin/sh {chassis} 0x20\"\n\
             user 1 false \"\" \"test\" user 10 none md2 md5 straight\n\
             user 2 true \"{USER}\" \"{PASSWORD}\" user 10 none md2 md5 straight\n\
             user 3 true \"admin\" \"adminpass\" admin 10 none md2 md5 straight\n"
        );
        let [lan_path, commands_path, state_path, log_path] =
            ["lan.conf", "bmc.emu", "state", "log"].map(|name| folder.path().join(name));
        fs::write(&lan_path, lan).unwrap();
        fs::write(&commands_path, command_file(sensors, discretes, more)).unwrap();
        // Asked as `SCRIPT ADDRESS get NAME`, it says that the machine is on.
        fs::write(folder.path().join("chassis"), "echo $3:1\n").unwrap();
        fs::create_dir(&state_path).unwrap();
        let log = fs::File::create(log_path).unwrap();
        let process = Command::new("ipmi_sim")
            .arg("-c")
            .arg(&lan_path)
            .arg("-f")
            .arg(&commands_path)
            .arg("-s")
            .arg(&state_path)
            .arg("-n")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        let process = match process {
            Ok(process) => process,
            Err(error) => panic!(
                "ipmi_sim cannot be started ({error}). It comes with Debian's package `openipmi`: \
                 apt-get install openipmi ipmitool"
            ),
        };
        Sim { process, address, folder }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A loopback address of this process's own, so that copies of the test never meet.
fn free_address() -> SocketAddr {
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let probe = UdpSocket::bind((Ipv4Addr::new(127, 90, high, low.clamp(1, 254)), 0)).unwrap();
    probe.local_addr().unwrap()
}
