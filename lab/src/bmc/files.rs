//! The files that `ipmi_sim` is started with: its network and accounts, its sensors. No I/O, no clock.

use std::fmt::Write as _;
use std::net::SocketAddrV4;

use super::dl320e::{DISCRETE, Sensor};
use super::sdr;

/// The BMC's slave address, as `ipmi_sim` names its management controller.
const CONTROLLER: &str = "0x20";

/// `lan.conf`: where the BMC listens and who may log in. `user` gets the USER privilege alone.
pub fn lan(name: &str, listen: SocketAddrV4, user: &str, password: &str) -> String {
    format!(
        "name \"{name}\"\n\
         startlan 1\n  \
           addr {ip} {port}\n  \
           priv_limit user\n  \
           allowed_auths_callback none md2 md5 straight\n  \
           allowed_auths_user md2 md5 straight\n  \
           guid {guid}\n\
         endlan\n\
         user 1 false \"\" \"unused\" user 10 none md2 md5 straight\n\
         user 2 true \"{user}\" \"{password}\" user 10 none md2 md5 straight\n",
        ip = listen.ip(),
        port = listen.port(),
        guid = guid(name),
    )
}

/// The emulator's commands: a controller, its sensors that read files of `values`, their records.
/// Sensors of the names in `without` are left out.
pub fn emulator(values: &str, without: &[&str]) -> String {
    let mut text = format!(
        "mc_setbmc {CONTROLLER}\n\
         mc_add {CONTROLLER} 0x13 no-device-sdrs 0x01 0x02 0x55 0x8f 0x00000b 0x2000\n\
         sel_enable {CONTROLLER} 512 0x0a\n"
    );
    let records = 1_u16..;
    for (record, sensor) in records.clone().zip(Sensor::ALL) {
        if !without.contains(&sensor.name()) {
            push_analog(&mut text, record, sensor, values);
        }
    }
    for (record, sensor) in records.skip(Sensor::ALL.len()).zip(&DISCRETE) {
        if !without.contains(&sensor.name) {
            push_discrete(&mut text, record, sensor);
        }
    }
    let _ = writeln!(text, "mc_enable {CONTROLLER}");
    text
}

fn push_analog(text: &mut String, record: u16, sensor: Sensor, values: &str) {
    let sdr::Full { number, kind, thresholds, .. } = sensor.record();
    let _ = writeln!(
        text,
        "sensor_add {CONTROLLER} 0 {number} {kind} 1 poll 100 file \"{values}/{number}\""
    );
    let limits = thresholds.highest_first();
    if thresholds.any() {
        let readable: String =
            limits.iter().map(|one| if one.is_some() { '1' } else { '0' }).collect();
        let bytes = limits.map(|one| one.unwrap_or_default().to_string()).join(" ");
        let _ = writeln!(
            text,
            "sensor_set_threshold {CONTROLLER} 0 {number} readable {readable} {bytes}"
        );
    }
    let events = if thresholds.any() { "000101010010101" } else { "000000000000000" };
    push_scanning(text, number, events);
    push_record(text, &sdr::full(record, &sensor.record()));
}

fn push_discrete(text: &mut String, record: u16, sensor: &sdr::Compact) {
    let sdr::Compact { number, kind, reading, state, .. } = *sensor;
    let _ = writeln!(text, "sensor_add {CONTROLLER} 0 {number} {kind} {reading}");
    push_scanning(text, number, "000001111111111");
    let _ = writeln!(text, "sensor_set_bit {CONTROLLER} 0 {number} {state} 1 0");
    push_record(text, &sdr::compact(record, sensor));
}

/// Without this line a sensor answers that its scanning is disabled.
fn push_scanning(text: &mut String, number: u8, events: &str) {
    let _ = writeln!(
        text,
        "sensor_set_event_support {CONTROLLER} 0 {number} enable scanning per-state \
         {events} {events} {events} {events}"
    );
}

fn push_record(text: &mut String, bytes: &[u8]) {
    let _ = write!(text, "main_sdr_add {CONTROLLER}");
    for byte in bytes {
        let _ = write!(text, " 0x{byte:02x}");
    }
    text.push('\n');
}

/// 16 bytes in hexadecimal that differ from name to name (FNV-1a, twice).
fn guid(name: &str) -> String {
    let hash = |seed: u64| {
        name.bytes()
            .fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3))
    };
    format!("{:016x}{:016x}", hash(0xCBF2_9CE4_8422_2325), hash(0x8422_2325_CBF2_9CE4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sensor_that_is_left_out_leaves_no_trace() {
        let all = emulator("/values", &[]);
        let reset = emulator("/values", &["05-HD Max"]);
        assert_eq!(all.matches("main_sdr_add").count(), 17);
        assert_eq!(reset.matches("main_sdr_add").count(), 16);
        assert!(all.contains("poll 100 file \"/values/5\""));
        assert!(!reset.contains("/values/5\""));
    }

    #[test]
    fn every_bmc_has_a_guid_of_its_own() {
        assert_eq!(guid("srv-phantom").len(), 32);
        assert_ne!(guid("srv-phantom"), guid("srv-control"));
    }

    #[test]
    fn the_account_may_only_read() {
        let text = lan("srv", "127.0.0.1:623".parse().unwrap(), "monitor", "secret");
        assert!(text.contains("addr 127.0.0.1 623\n"));
        assert!(text.contains("user 2 true \"monitor\" \"secret\" user 10"));
        assert!(!text.contains("admin"));
    }
}
