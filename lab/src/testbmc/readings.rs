//! The sensor commands and DCMI's readings. No I/O, no clock.

use std::time::Duration;

use super::TestBmc;
use super::commands::{
    Answer, INVALID_COMMAND, INVALID_FIELD, INVALID_LENGTH, NOT_PRESENT, OK, refusal, told,
};
use super::inventory::NOW;
use super::machine::{BMC, Factors, Power, Sensor};
use super::quirks::SensorFault;
use super::wire::Request;

/// Event/reading type of a threshold sensor.
const THRESHOLD: u8 = 0x01;

const EVENTS_ENABLED: u8 = 0x80;
const SCANNING: u8 = 0x40;
const UNAVAILABLE: u8 = 0x20;

/// The group extension of DCMI.
const DCMI: u8 = 0xDC;

impl TestBmc {
    /// Net function sensor/event of the BMC, or of the controller `owner` behind it.
    pub(super) fn sensor(&mut self, owner: u8, request: &Request, now: Duration) -> Answer {
        if matches!(request.command, 0x20..=0x22) {
            return self.device_sdr(owner, request).into();
        }
        let Some(&number) = request.data.first() else { return refusal(INVALID_LENGTH).into() };
        if request.command == 0x2D {
            *self.asked.entry((owner, request.lun, number)).or_default() += 1;
        }
        let Some(sensor) = self.machine.sensor(owner, request.lun, number) else {
            return refusal(NOT_PRESENT).into();
        };
        match request.command {
            0x23 => factors(sensor, &request.data).into(),
            0x25 => match sensor.hysteresis {
                Some((positive, negative)) => (OK, vec![positive, negative]).into(),
                None => refusal(INVALID_COMMAND).into(),
            },
            0x27 if sensor.kind.1 == THRESHOLD && self.quirks.zero_thresholds => {
                (OK, vec![0x1B, 0, 0, 0, 0, 0, 0]).into()
            }
            0x27 if sensor.kind.1 == THRESHOLD => (OK, thresholds(sensor)).into(),
            0x29 => {
                (OK, [[EVENTS_ENABLED | SCANNING].as_slice(), &event_mask(sensor)].concat()).into()
            }
            0x2B => self.event_status(owner, sensor, now).into(),
            0x2D => self.reading(owner, sensor, now),
            0x2F => (OK, vec![sensor.kind.0, sensor.kind.1]).into(),
            _ => refusal(INVALID_COMMAND).into(),
        }
    }

    fn value(&self, owner: u8, sensor: &Sensor, now: Duration) -> u8 {
        let own = self.values.get(&(owner, sensor.lun, sensor.number));
        own.copied().unwrap_or_else(|| sensor.value.at(now))
    }

    /// Get Sensor Reading (table 35-15).
    fn reading(&self, owner: u8, sensor: &Sensor, now: Duration) -> Answer {
        let raw = self.value(owner, sensor, now);
        let fault = self.quirks.sensors.get(&sensor.number).filter(|_| owner == BMC).copied();
        let mut flags = EVENTS_ENABLED | SCANNING;
        let mut delay = Duration::ZERO;
        match fault {
            Some(SensorFault::Code(code)) => return refusal(code).into(),
            Some(SensorFault::Slow(time)) => delay = time,
            Some(SensorFault::Unavailable) => flags |= UNAVAILABLE,
            Some(SensorFault::NotScanning) => flags &= !SCANNING,
            None => {}
        }
        let data = if sensor.kind.1 == THRESHOLD {
            // Bits 7:6 of the comparison status are reserved and read as ones.
            vec![raw, flags, 0xC0 | crossed(sensor, raw)]
        } else {
            let [low, high] = sensor.states.to_le_bytes();
            vec![raw, flags, low, high | 0x80]
        };
        Answer { code: OK, data, delay, ..Answer::default() }
    }

    /// Get Sensor Event Status (table 35-14): what is asserted now.
    fn event_status(&self, owner: u8, sensor: &Sensor, now: Duration) -> (u8, Vec<u8>) {
        let asserted = if sensor.kind.1 == THRESHOLD {
            let over = crossed(sensor, self.value(owner, sensor, now));
            (0..6).filter(|i| over >> i & 1 == 1).fold(0_u16, |mask, i| mask | 1 << event_bit(i))
        } else {
            sensor.states
        };
        let [low, high] = asserted.to_le_bytes();
        (OK, vec![EVENTS_ENABLED | SCANNING, low, high, 0, 0])
    }

    /// DCMI capabilities, power reading and temperatures (DCMI 1.5 tables 6-2, 6-16, 6-28).
    pub(super) fn dcmi(&self, request: &Request, now: Duration) -> (u8, Vec<u8>) {
        let (Some((&DCMI, data)), Some(power)) = (request.data.split_first(), self.machine.power)
        else {
            return refusal(INVALID_COMMAND);
        };
        match (request.command, data) {
            (0x01, [parameter]) => dcmi_capabilities(*parameter),
            // Mode 01h is system power statistics; the enhanced one is not supported.
            (0x02, [0x01, _, _]) => (OK, power_reading(power, now)),
            (0x03, [_, _]) => told(self.machine.seldom.power_limit.map(power_limit)),
            (0x10, &[0x01, entity, instance, start]) => self.temperatures(entity, instance, start),
            (0x02 | 0x10, _) => refusal(INVALID_FIELD),
            _ => refusal(INVALID_LENGTH),
        }
    }

    fn temperatures(&self, entity: u8, instance: u8, start: u8) -> (u8, Vec<u8>) {
        let all: Vec<_> = self.machine.temperatures.iter().filter(|one| one.0 == entity).collect();
        let wanted = |one: &&&(u8, u8, i8)| {
            if instance == 0 { one.1 >= start } else { one.1 == instance }
        };
        let given: Vec<_> = all.iter().filter(wanted).take(8).collect();
        let count = |n: usize| u8::try_from(n).unwrap_or(u8::MAX);
        let mut data = vec![DCMI, count(all.len()), count(given.len())];
        for (_, instance, celsius) in given {
            // Bit 7 is the sign, the rest the magnitude.
            let sign = if *celsius < 0 { 0x80 } else { 0 };
            data.extend([sign | celsius.unsigned_abs() & 0x7F, *instance]);
        }
        (OK, data)
    }
}

/// Which thresholds the raw value has reached, a bit each in the order of the script.
fn crossed(sensor: &Sensor, raw: u8) -> u8 {
    let reached = |(i, limit): (usize, &Option<u8>)| {
        let limit = sensor.format.number((*limit)?);
        let value = sensor.format.number(raw);
        (if i < 3 { value <= limit } else { value >= limit }).then_some(1 << i)
    };
    sensor.thresholds.iter().enumerate().filter_map(reached).fold(0, |mask: u8, bit: u8| mask | bit)
}

/// The event bit of a threshold: lower ones going low (even), upper ones going high (odd).
pub(super) fn event_bit(threshold: usize) -> usize {
    if threshold < 3 { 2 * threshold } else { 2 * threshold + 1 }
}

/// Assertion and deassertion events that are enabled: all that the sensor can have.
fn event_mask(sensor: &Sensor) -> [u8; 4] {
    let some = sensor.thresholds.iter().enumerate().filter(|(_, limit)| limit.is_some());
    let [low, high] = some.fold(0_u16, |mask, (i, _)| mask | 1 << event_bit(i)).to_le_bytes();
    [low, high, low, high]
}

/// Get Sensor Thresholds (table 35-9).
fn thresholds(sensor: &Sensor) -> Vec<u8> {
    let some = sensor.thresholds.iter().enumerate().filter(|(_, limit)| limit.is_some());
    let mut data = vec![some.fold(0, |mask, (i, _)| mask | 1 << i)];
    data.extend(sensor.thresholds.map(Option::unwrap_or_default));
    data
}

/// Get Sensor Reading Factors (table 35-5).
fn factors(sensor: &Sensor, data: &[u8]) -> (u8, Vec<u8>) {
    let &[_, raw] = data else { return refusal(INVALID_LENGTH) };
    let band = sensor.factors.iter().find(|(last, _)| raw <= *last);
    let Some((last, Factors { m, b, exponent, b_exponent })) = band else {
        return refusal(if sensor.factors.is_empty() { INVALID_COMMAND } else { INVALID_FIELD });
    };
    let [m_low, m_high] = m.to_le_bytes();
    let [b_low, b_high] = b.to_le_bytes();
    let exponents = (exponent.cast_unsigned() & 0x0F) << 4 | b_exponent.cast_unsigned() & 0x0F;
    let next = last.saturating_add(1);
    (OK, vec![next, m_low, (m_high & 3) << 6, b_low, (b_high & 3) << 6, 0, exponents])
}

/// Get DCMI Capabilities Info (table 6-3): DCMI 1.5, parameter revision 2.
fn dcmi_capabilities(parameter: u8) -> (u8, Vec<u8>) {
    let mut data = vec![DCMI, 1, 5, 2];
    match parameter {
        // Supported: reserved, power management, in-band, LAN and so on.
        1 => data.extend([0x00, 0x01, 0x06]),
        // SEL: no roll-over, 512 entries; temperature polling once a second.
        2 => data.extend([0x00, 0x02, 0, 0, 1]),
        // Power management device: the BMC itself, channel 0, revision 1.
        3 => data.extend([0x20, 0x01]),
        // LAN channels: primary 1, none else.
        4 => data.extend([0x01, 0xFF, 0xFF]),
        // No averages over other times.
        5 => data.push(0),
        _ => return refusal(INVALID_FIELD),
    }
    (OK, data)
}

/// Get Power Limit (DCMI 1.5, section 6.6.2): what exceeds it is logged, if it is not mended in a second.
fn power_limit(watts: u16) -> Vec<u8> {
    let [low, high] = watts.to_le_bytes();
    let [c0, c1, c2, c3] = 1_000_u32.to_le_bytes();
    vec![DCMI, 0, 0, 0x11, low, high, c0, c1, c2, c3, 0, 0, 1, 0]
}

/// Get Power Reading (table 6-16), over one second.
fn power_reading(power: Power, now: Duration) -> Vec<u8> {
    let mut data = vec![DCMI];
    for watts in [power.now, power.least, power.most, power.average] {
        data.extend(watts.to_le_bytes());
    }
    let seconds = u32::try_from(now.as_secs()).unwrap_or_default();
    data.extend(NOW.saturating_add(seconds).to_le_bytes());
    data.extend(1_000_u32.to_le_bytes());
    data.push(if power.active { 0x40 } else { 0 });
    data
}
