//! Which command is which, the level each needs, and those about the BMC itself. No I/O, no clock.

use std::time::Duration;

use super::TestBmc;
use super::machine::{BMC, Device, Machine, Privilege};
use super::sessions::State;
use super::wire::Request;

pub(super) const OK: u8 = 0x00;
pub(super) const INVALID_COMMAND: u8 = 0xC1;
pub(super) const TIMEOUT: u8 = 0xC3;
pub(super) const RESERVATION_CANCELLED: u8 = 0xC5;
pub(super) const INVALID_LENGTH: u8 = 0xC7;
pub(super) const OUT_OF_RANGE: u8 = 0xC9;
pub(super) const CANNOT_RETURN_SO_MUCH: u8 = 0xCA;
pub(super) const NOT_PRESENT: u8 = 0xCB;
pub(super) const INVALID_FIELD: u8 = 0xCC;
pub(super) const INSUFFICIENT_PRIVILEGE: u8 = 0xD4;

const CHASSIS: u8 = 0x00;
pub(super) const SENSOR: u8 = 0x04;
pub(super) const APP: u8 = 0x06;
const STORAGE: u8 = 0x0A;
const GROUP: u8 = 0x2C;
/// Supermicro's own.
const OEM: u8 = 0x30;

/// Of the network function App (IPMI 2.0 section 22.7).
pub(super) const SEND_MESSAGE: u8 = 0x34;

/// The answer to a request inside a session.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    pub(super) code: u8,
    pub(super) data: Vec<u8>,
    pub(super) delay: Duration,
    pub(super) closes: bool,
    /// There is none.
    pub(super) is_silence: bool,
    /// A message of its own that follows, so long after the request: another controller's answer.
    pub(super) behind: Option<(Duration, Vec<u8>)>,
}

impl From<(u8, Vec<u8>)> for Answer {
    fn from((code, data): (u8, Vec<u8>)) -> Self {
        Self { code, data, ..Self::default() }
    }
}

/// What there is to tell; a command without it is not known.
pub(super) fn told(data: Option<Vec<u8>>) -> (u8, Vec<u8>) {
    data.map_or_else(|| refusal(INVALID_COMMAND), |data| (OK, data))
}

/// A refusal.
pub(super) fn refusal(code: u8) -> (u8, Vec<u8>) {
    (code, Vec::new())
}

/// What may be asked without a session.
pub(super) fn outside(machine: &Machine, request: &Request) -> (u8, Vec<u8>) {
    match (request.net_fn, request.command) {
        (APP, 0x37) => (OK, machine.guid.to_vec()),
        (APP, 0x38) => authentication_capabilities(machine, &request.data),
        (APP, 0x54) => cipher_suites(machine, &request.data),
        _ => refusal(INSUFFICIENT_PRIVILEGE),
    }
}

/// Table 22-15: RMCP+ alone, no session of IPMI 1.5.
fn authentication_capabilities(machine: &Machine, data: &[u8]) -> (u8, Vec<u8>) {
    let &[channel, level] = data else { return refusal(INVALID_LENGTH) };
    if !matches!(channel & 0x0F, 0x01 | 0x0E) || level & 0x0F > 4 {
        return refusal(INVALID_FIELD);
    }
    let extended = channel & 0x80;
    let two_keys = if machine.k_g.is_some() { 0x20 } else { 0 };
    let names = if machine.users.iter().any(|user| !user.name.is_empty()) { 0x04 } else { 0 };
    let version_2 = if extended == 0 { 0 } else { 0x02 };
    (OK, vec![1, extended, two_keys | names, version_2, 0, 0, 0, 0])
}

/// Table 22-17: 16 bytes of the list of records from the asked index on.
fn cipher_suites(machine: &Machine, data: &[u8]) -> (u8, Vec<u8>) {
    let &[_channel, _payload, index] = data else { return refusal(INVALID_LENGTH) };
    let by_suite = index & 0x80 != 0;
    let mut list = Vec::new();
    for suite in &machine.suites {
        let (authentication, integrity, confidentiality) = suite.algorithms();
        if by_suite {
            list.extend([0xC0, suite.number()]);
        }
        list.extend([authentication, 0x40 | integrity, 0x80 | confidentiality]);
    }
    let part = list.chunks(16).nth(usize::from(index & 0x3F)).unwrap_or_default();
    (OK, [&[1], part].concat())
}

/// What a command is allowed for; none: it is not known.
pub(super) fn needed(machine: &Machine, net_fn: u8, command: u8) -> Option<Access> {
    use Privilege::User;
    Some(match (net_fn, command) {
        (CHASSIS, 0x00 | 0x01 | 0x0F)
        | (SENSOR, 0x20 | 0x21 | 0x22 | 0x23 | 0x25 | 0x27 | 0x29 | 0x2B | 0x2D | 0x2F)
        | (APP, 0x01 | 0x04 | 0x08 | 0x34 | 0x37 | 0x38 | 0x3B | 0x3C | 0x42 | 0x54)
        | (STORAGE, 0x10 | 0x11 | 0x20 | 0x22 | 0x23 | 0x28 | 0x40 | 0x42 | 0x43 | 0x48) => {
            Access::Read(User)
        }
        (CHASSIS, 0x07) if machine.seldom.restart_cause.is_some() => Access::Read(User),
        (APP, 0x25) if machine.seldom.watchdog.is_some() => Access::Read(User),
        (OEM, 0x70) if machine.seldom.lan_mode.is_some() => Access::Read(User),
        (GROUP, 0x03) if machine.seldom.power_limit.is_some() => {
            Access::Read(machine.dcmi_privilege)
        }
        (GROUP, 0x01) if machine.power.is_some() => Access::Read(User),
        (GROUP, 0x02 | 0x10) if machine.power.is_some() => Access::Read(machine.dcmi_privilege),
        // Chassis control, identify, policy, boot options; sensor hysteresis, thresholds, events,
        // re-arm, type, reading; cold and warm reset, watchdog, users, channels; SDR, SEL and FRU
        // written, erased or their clock set; DCMI limits.
        (CHASSIS, 0x02 | 0x04 | 0x06 | 0x08)
        | (SENSOR, 0x24 | 0x26 | 0x28 | 0x2A | 0x2E | 0x30)
        | (APP, 0x02 | 0x03 | 0x22 | 0x24 | 0x40 | 0x43 | 0x45 | 0x47)
        | (STORAGE, 0x12 | 0x24 | 0x26 | 0x27 | 0x29 | 0x44 | 0x46 | 0x47 | 0x49)
        | (GROUP, 0x04 | 0x05) => Access::Change,
        _ => return None,
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read(Privilege),
    /// Changes the BMC's state: refused to everyone.
    Change,
}

impl TestBmc {
    /// Executes a request of a session.
    pub(super) fn execute(
        &mut self,
        session: u32,
        level: Privilege,
        request: &Request,
        now: Duration,
    ) -> Answer {
        match needed(&self.machine, request.net_fn, request.command) {
            None => return refusal(INVALID_COMMAND).into(),
            Some(Access::Change) => {
                self.counters.refused_changes += 1;
                return refusal(INSUFFICIENT_PRIVILEGE).into();
            }
            Some(Access::Read(least)) if level < least => {
                return refusal(INSUFFICIENT_PRIVILEGE).into();
            }
            Some(Access::Read(_)) => {}
        }
        match request.net_fn {
            CHASSIS => self.chassis(request).into(),
            SENSOR => self.sensor(BMC, request, now),
            STORAGE => match self.repository_fault(request.command) {
                Some(fault) => fault,
                None => self.storage(request, now).into(),
            },
            GROUP => self.dcmi(request, now).into(),
            OEM => self.lan_mode(request).into(),
            APP if request.command == SEND_MESSAGE => self.send_message(request, now),
            _ => self.app(session, request),
        }
    }

    fn chassis(&self, request: &Request) -> (u8, Vec<u8>) {
        match request.command {
            // Capabilities: no intrusion sensor or front panel; all devices are the BMC.
            0x00 => (OK, vec![0, 0x20, 0x20, 0x20, 0x20]),
            0x01 => (OK, self.machine.chassis.to_vec()),
            // The cause, and the channel by which it came.
            0x07 => told(self.machine.seldom.restart_cause.map(|cause| vec![cause, 1])),
            // Power-on hours: 60 minutes a count.
            0x0F => (OK, vec![60, 0x10, 0x27, 0, 0]),
            _ => refusal(INVALID_COMMAND),
        }
    }

    /// Of its sub-function 0Ch, 0 asks; any other second byte would set it.
    fn lan_mode(&mut self, request: &Request) -> (u8, Vec<u8>) {
        match request.data[..] {
            [0x0C, 0] => told(self.machine.seldom.lan_mode.map(|mode| vec![mode])),
            [0x0C, ..] => {
                self.counters.refused_changes += 1;
                refusal(INSUFFICIENT_PRIVILEGE)
            }
            _ => refusal(INVALID_FIELD),
        }
    }

    fn app(&mut self, session: u32, request: &Request) -> Answer {
        match request.command {
            0x01 => self.device_id().into(),
            0x04 => (OK, self.machine.self_test.to_vec()).into(),
            0x08 | 0x37 => (OK, self.machine.guid.to_vec()).into(),
            0x25 => told(self.machine.seldom.watchdog.map(|it| it.to_vec())).into(),
            0x38 | 0x54 => outside(&self.machine, request).into(),
            0x3B => self.set_level(session, &request.data).into(),
            0x3C => self.close(session, &request.data),
            // Channel info: 802.3 LAN, IPMB protocol, multi-session.
            0x42 => (OK, vec![1, 0x04, 0x01, 0x80, 0xF2, 0x1B, 0, 0, 0]).into(),
            _ => refusal(INVALID_COMMAND).into(),
        }
    }

    /// Get Device ID.
    fn device_id(&self) -> (u8, Vec<u8>) {
        let machine = &self.machine;
        let bridge = if machine.controllers.is_empty() { 0 } else { 0x40 };
        let mut bytes =
            device_id(machine.device, !machine.device_records.is_empty(), 0x0F | bridge);
        if let Some(minor) = self.quirks.firmware_minor {
            bytes[3] = minor;
        }
        (OK, bytes)
    }

    /// Set Session Privilege Level: 0 only asks.
    fn set_level(&mut self, session: u32, data: &[u8]) -> (u8, Vec<u8>) {
        const EXCEEDS_LIMIT: u8 = 0x81;
        let &[asked] = data else { return refusal(INVALID_LENGTH) };
        let Some(slot) = self.sessions.get(session) else { return refusal(INVALID_FIELD) };
        let State::Active(active) = &mut slot.state else { return refusal(INVALID_FIELD) };
        match (asked & 0x0F, Privilege::from_number(asked & 0x0F)) {
            (0, _) => {}
            (_, Some(level)) if level <= active.limit => active.level = level,
            (_, Some(_)) => return refusal(EXCEEDS_LIMIT),
            (_, None) => return refusal(INVALID_FIELD),
        }
        (OK, vec![active.level as u8])
    }

    /// Close Session: one's own; another's only with the BMC's leave, which nobody gets here.
    fn close(&mut self, session: u32, data: &[u8]) -> Answer {
        const INVALID_SESSION: u8 = 0x87;
        let Ok(id) = data.try_into().map(u32::from_le_bytes) else {
            return refusal(INVALID_LENGTH).into();
        };
        if id == session {
            return Answer { closes: true, ..Answer::default() };
        }
        let known = self.sessions.get(id).is_some();
        refusal(if known { INSUFFICIENT_PRIVILEGE } else { INVALID_SESSION }).into()
    }
}

/// Table 20-2. `support` are the functions of the device: sensors 01h, SDR repository 02h, SEL 04h,
/// FRU inventory 08h, bridge 40h.
pub(super) fn device_id(device: Device, has_records: bool, support: u8) -> Vec<u8> {
    let (major, minor) = device.firmware;
    // Bit 7 of the revision: there are device SDRs. The minor firmware revision is in BCD.
    let revision = device.revision & 0x0F | if has_records { 0x80 } else { 0 };
    let minor = (minor / 10) * 0x10 + minor % 10;
    let mut bytes = vec![device.id, revision, major & 0x7F, minor, 0x02, support];
    bytes.extend(&device.manufacturer.to_le_bytes()[..3]);
    bytes.extend(device.product.to_le_bytes());
    bytes
}
