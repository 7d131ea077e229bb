//! A BMC that speaks as OpenBMC's phosphor-net-ipmid is published to, and has device SDRs alone, as
//! phosphor-host-ipmid's static sensors, or a repository besides, as its dynamic ones.
//!
//! Written from that program's behaviour and not from our client's, nor from the lab's other BMC:
//! whole blocks of padding where none is needed, four bytes of padding before a trailer that needs none,
//! a refusal that names nobody, no SDR repository, records cut where they end.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};

use aes::Aes128;
use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::Sha256;

use crate::fixture::Sensor;

pub(crate) const USER: &str = "monitor";
pub(crate) const PASSWORD: &str = "s3cretpass";

/// The event/reading type of a sensor with thresholds (table 42-1).
const THRESHOLD: u8 = 1;
const GUID: [u8; 16] = *b"phosphor--lab--1";

/// Serves such a BMC with these sensors until the test ends.
pub(crate) fn serve(sensors: Vec<Sensor>, has_repository: bool) -> SocketAddr {
    serve_changing(sensors, has_repository, Changed::default())
}

/// Raw readings by the numbers of their sensors, where they are other ones than at first.
pub(crate) type Changed = Arc<Mutex<HashMap<u8, u8>>>;

/// The same, and its readings may change.
pub(crate) fn serve_changing(
    sensors: Vec<Sensor>,
    has_repository: bool,
    changed: Changed,
) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let sessions = HashMap::new();
        let mut bmc = OpenBmc { sensors, changed, has_repository, sessions, count: 0 };
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            if let Some(answer) = bmc.answer(&buffer[..length]) {
                let _ = socket.send_to(&answer, from);
            }
        }
    });
    address
}

struct OpenBmc {
    sensors: Vec<Sensor>,
    changed: Changed,
    has_repository: bool,
    sessions: HashMap<u32, Session>,
    count: u32,
}

#[derive(Clone, Default)]
struct Session {
    console: [u8; 4],
    sha256: bool,
    console_random: Vec<u8>,
    bmc_random: [u8; 16],
    role: u8,
    sik: Vec<u8>,
    k1: Vec<u8>,
    k2: Vec<u8>,
    sequence: u32,
}

impl Session {
    fn hash(&self, key: &[u8], data: &[u8]) -> Vec<u8> {
        if self.sha256 {
            let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
            mac.update(data);
            mac.finalize().into_bytes().to_vec()
        } else {
            let mut mac = Hmac::<Sha1>::new_from_slice(key).unwrap();
            mac.update(data);
            mac.finalize().into_bytes().to_vec()
        }
    }

    fn check_bytes(&self) -> usize {
        if self.sha256 { 16 } else { 12 }
    }

    fn role_and_name(&self) -> Vec<u8> {
        [&[self.role, u8::try_from(USER.len()).unwrap()], USER.as_bytes()].concat()
    }
}

impl OpenBmc {
    fn answer(&mut self, datagram: &[u8]) -> Option<Vec<u8>> {
        let kind = *datagram.get(5)?;
        if datagram[4] != 6 {
            return before_session(datagram.get(14..)?);
        }
        let length = usize::from(u16::from_le_bytes([datagram[14], datagram[15]]));
        let payload = datagram.get(16..16 + length)?;
        match kind {
            0x10 => Some(plain(0x11, &self.open(payload))),
            0x12 => Some(plain(0x13, &self.rakp_1(payload))),
            0x14 => Some(plain(0x15, &self.rakp_3(payload)?)),
            0xC0 => self.inside(datagram, payload),
            _ => None,
        }
    }

    fn open(&mut self, request: &[u8]) -> Vec<u8> {
        let algorithms = [request[12], request[20], request[28]];
        let sha256 = match algorithms {
            [3, 4, 1] => true,
            [1, 1, 1] => false,
            // "No cipher suite match", and who asked for one is left out.
            _ => return vec![0, 0x11, 0, 0, 0, 0, 0, 0],
        };
        self.count += 1;
        let id = 0x0A00_0000 + self.count;
        let console = [request[4], request[5], request[6], request[7]];
        self.sessions.insert(id, Session { console, sha256, ..Session::default() });
        let mut answer = vec![request[0], 0, 4, 0];
        answer.extend(console);
        answer.extend(id.to_le_bytes());
        for (payload, algorithm) in (0..).zip(algorithms) {
            answer.extend([payload, 0, 0, 8, algorithm, 0, 0, 0]);
        }
        answer
    }

    fn rakp_1(&mut self, request: &[u8]) -> Vec<u8> {
        let id = id_at(request, 4);
        let name = &request[28..28 + usize::from(request[27])];
        let random = self.count.wrapping_mul(7).to_le_bytes();
        let Some(session) = self.sessions.get_mut(&id).filter(|_| name == USER.as_bytes()) else {
            // A response that was never filled in but for its status.
            return [&[0, 0x0D], [0; 38].as_slice()].concat();
        };
        session.console_random = request[8..24].to_vec();
        session.bmc_random = [random, random, random, random].concat().try_into().unwrap();
        session.role = request[24];
        let mut proof = session.console.to_vec();
        proof.extend(id.to_le_bytes());
        proof.extend(&session.console_random);
        proof.extend(session.bmc_random);
        proof.extend(GUID);
        proof.extend(session.role_and_name());
        let mut answer = vec![request[0], 0, 0, 0];
        answer.extend(session.console);
        answer.extend(session.bmc_random);
        answer.extend(GUID);
        answer.extend(session.hash(PASSWORD.as_bytes(), &proof));
        answer
    }

    fn rakp_3(&mut self, request: &[u8]) -> Option<Vec<u8>> {
        let id = id_at(request, 4);
        let session = self.sessions.get_mut(&id).filter(|_| request[1] == 0)?;
        let proof = [&session.bmc_random[..], &session.console, &session.role_and_name()].concat();
        if session.hash(PASSWORD.as_bytes(), &proof) != request[8..] {
            self.sessions.remove(&id);
            return Some([&[0, 0x0F], [0; 6].as_slice()].concat());
        }
        let seed =
            [&session.console_random[..], &session.bmc_random, &session.role_and_name()].concat();
        session.sik = session.hash(PASSWORD.as_bytes(), &seed);
        session.k1 = session.hash(&session.sik, &[1; 20]);
        session.k2 = session.hash(&session.sik, &[2; 20]);
        let check = [&session.console_random[..], &id.to_le_bytes(), &GUID].concat();
        let mut answer = vec![request[0], 0, 0, 0];
        answer.extend(session.console);
        answer.extend(&session.hash(&session.sik, &check)[..session.check_bytes()]);
        Some(answer)
    }

    fn inside(&mut self, datagram: &[u8], payload: &[u8]) -> Option<Vec<u8>> {
        let id = id_at(datagram, 6);
        let session = self.sessions.get(&id)?.clone();
        let end = datagram.len().checked_sub(session.check_bytes())?;
        let seal = session.hash(&session.k1, &datagram[4..end]);
        if seal[..session.check_bytes()] != datagram[end..] {
            return None;
        }
        let message = open(&session, payload);
        let [_, net_fn_lun, _, from, sequence, command, data @ .., _] = message.as_slice() else {
            return None;
        };
        let (code, data) = self.command(net_fn_lun >> 2, *command, data);
        let mut reply = vec![*from, (net_fn_lun | 4) & 0xFC];
        reply.push(checksum(&reply));
        let tail = [&[0x20, *sequence, *command, code], &data[..]].concat();
        reply.extend(&tail);
        reply.push(checksum(&tail));
        let session = self.sessions.get_mut(&id)?;
        session.sequence += 1;
        let sealed = seal_up(session, &reply);
        if (net_fn_lun >> 2, *command) == (6, 0x3C) {
            self.sessions.remove(&id);
        }
        Some(sealed)
    }

    fn command(&self, net_fn: u8, command: u8, data: &[u8]) -> (u8, Vec<u8>) {
        let sensor = data.first().and_then(|it| self.sensors.iter().find(|s| s.number == *it));
        match (net_fn, command, sensor) {
            (6, 0x01, _) => {
                // Device SDRs, and all kinds of support; the firmware's minor revision is no BCD.
                (0, vec![0x20, 0x81, 0x02, 0x3C, 0x02, 0x8D, 0x4C, 0x1C, 0, 0x51, 0x36])
            }
            (6, 0x3B, _) => (0, vec![data[0].max(2)]),
            (6, 0x3C, _) => (0, Vec::new()),
            (4, 0x20, _) => (0, vec![u8::try_from(self.sensors.len()).unwrap(), 0x01]),
            (4, 0x22, _) => (0, vec![1, 0]),
            (4, 0x21, _) => self.record(data),
            (0x0A, 0x20, _) if self.has_repository => {
                let count = u8::try_from(self.sensors.len()).unwrap();
                (0, vec![0x51, count, 0, 0xFF, 0xFF, 1, 0, 0, 0x50, 0, 0, 0, 0x50, 2])
            }
            (0x0A, 0x22, _) if self.has_repository => (0, vec![1, 0]),
            (0x0A, 0x23, _) if self.has_repository => self.record(data),
            (4, 0x2D, Some(sensor)) => {
                let changed = self.changed.lock().unwrap();
                let reading = *changed.get(&sensor.number).unwrap_or(&sensor.reading);
                (0, [&[reading][..], &status(sensor)].concat())
            }
            (4, 0x27, Some(Sensor { thresholds: Some(limits), .. })) => (0, limits.to_vec()),
            (4, 0x2D | 0x27, _) => (0xCB, Vec::new()),
            _ => (0xC1, Vec::new()),
        }
    }

    /// A record is found by its number, which is its place here, and given as far as it goes.
    fn record(&self, data: &[u8]) -> (u8, Vec<u8>) {
        let id = u16::from_le_bytes([data[2], data[3]]);
        let place = usize::from(id.max(1)) - 1;
        let Some(sensor) = self.sensors.get(place) else { return (0xCB, Vec::new()) };
        let own = u16::try_from(place + 1).unwrap();
        let next = if place + 1 == self.sensors.len() { 0xFFFF } else { own + 1 };
        let record = sensor.record(own);
        let (offset, count) = (usize::from(data[4]), usize::from(data[5]));
        if offset > record.len() {
            return (0xC9, Vec::new());
        }
        let end = offset.saturating_add(count).min(record.len());
        (0, [&next.to_le_bytes(), &record[offset..end]].concat())
    }
}

/// The end of the answer to Get Sensor Reading: events and scanning, then what thresholds or states hold.
fn status(sensor: &Sensor) -> Vec<u8> {
    if sensor.reading_kind() == THRESHOLD {
        return vec![0xC0, 0xC0];
    }
    let [low, high] = sensor.states.unwrap_or_default().to_le_bytes();
    vec![if sensor.states.is_some() { 0xC0 } else { 0x80 }, low, high | 0x80]
}

fn before_session(message: &[u8]) -> Option<Vec<u8>> {
    if *message.get(5)? != 0x38 {
        return None;
    }
    let tail = [0x20, message[4], 0x38, 0, 1, 0x80, 0x14, 0x02, 0, 0, 0, 0];
    let mut reply = vec![message[3], 0x1C];
    reply.push(checksum(&reply));
    reply.extend(tail);
    reply.push(checksum(&tail));
    let mut packet = vec![6, 0, 0xFF, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    packet.push(u8::try_from(reply.len()).unwrap());
    packet.extend(reply);
    Some(packet)
}

fn plain(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![6, 0, 0xFF, 7, 6, kind, 0, 0, 0, 0, 0, 0, 0, 0];
    packet.extend(u16::try_from(payload.len()).unwrap().to_le_bytes());
    packet.extend(payload);
    packet
}

fn open(session: &Session, payload: &[u8]) -> Vec<u8> {
    let iv: [u8; 16] = payload[..16].try_into().unwrap();
    let key: [u8; 16] = session.k2[..16].try_into().unwrap();
    let mut text = payload[16..].to_vec();
    cbc::Decryptor::<Aes128>::new(&key.into(), &iv.into())
        .decrypt_padded::<NoPadding>(&mut text)
        .unwrap();
    let padding = usize::from(*text.last().unwrap());
    text.truncate(text.len() - 1 - padding);
    text
}

fn seal_up(session: &Session, message: &[u8]) -> Vec<u8> {
    // 1 to 16 bytes, never none.
    let padding = 16 - ((message.len() + 1) & 0x0F);
    let mut text = message.to_vec();
    text.extend((1..).take(padding));
    text.push(u8::try_from(padding).unwrap());
    let (iv, length) = ([0x5A; 16], text.len());
    let key: [u8; 16] = session.k2[..16].try_into().unwrap();
    cbc::Encryptor::<Aes128>::new(&key.into(), &iv.into())
        .encrypt_padded::<NoPadding>(&mut text, length)
        .unwrap();
    let mut packet = vec![6, 0xC0];
    packet.extend(session.console);
    packet.extend(session.sequence.to_le_bytes());
    packet.extend(u16::try_from(16 + length).unwrap().to_le_bytes());
    packet.extend(iv);
    packet.extend(text);
    // 1 to 4 bytes, never none.
    let padding = 4 - ((packet.len() + 2) & 3);
    packet.extend(vec![0xFF; padding]);
    packet.extend([u8::try_from(padding).unwrap(), 7]);
    let seal = session.hash(&session.k1, &packet);
    [&[6, 0, 0xFF, 7], &packet[..], &seal[..session.check_bytes()]].concat()
}

fn id_at(bytes: &[u8], place: usize) -> u32 {
    u32::from_le_bytes(bytes[place..place + 4].try_into().unwrap())
}

fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)).wrapping_neg()
}
