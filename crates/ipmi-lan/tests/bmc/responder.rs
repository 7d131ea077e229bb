//! A BMC for tests: IPMI 2.0 sessions, sensors and SDRs from the other side of the wire.
//!
//! Nothing of the client's coding is used here, or both could agree on the same mistake; another
//! test lets `ipmitool` judge it.
#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::struct_excessive_bools,
    reason = "each test that includes this file uses a part of it; quirks are on or off"
)]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use aes::Aes128;
use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;

/// How the BMC fills a message up to whole blocks of 16 bytes before it is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Padding {
    /// With as few bytes as do, holding 1, 2, 3 and so on (specification table 13-20).
    #[default]
    Counted,
    /// The same, but 16 bytes where none is needed, as `OpenBMC`'s phosphor-net-ipmid does.
    WholeBlock,
    /// With as few bytes as do, all of them 0.
    Zeroes,
}

/// Network function, LUN, command and data.
type Question = (u8, u8, u8, Vec<u8>);

/// What the BMC is and how it misbehaves.
#[derive(Clone)]
pub(crate) struct Bmc {
    pub(crate) user: Vec<u8>,
    pub(crate) password: Vec<u8>,
    pub(crate) k_g: Option<Vec<u8>>,
    /// Suites it accepts, by number.
    pub(crate) suites: Vec<u8>,
    /// The suite it answers with, whatever is asked.
    pub(crate) answers_with: Option<[u8; 3]>,
    /// Highest privilege of the user.
    pub(crate) privilege: u8,
    /// Whether a user can be looked up by name alone.
    pub(crate) name_only: bool,
    pub(crate) session_limit: usize,
    /// Raw readings by LUN and number.
    pub(crate) sensors: BTreeMap<(u8, u8), u8>,
    /// Whole records in their order.
    pub(crate) records: Vec<Vec<u8>>,
    /// The count it tells, if not the true one.
    pub(crate) count: Option<u16>,
    /// How many record bytes it gives at once; more is refused with `refusal`.
    pub(crate) chunk: u8,
    pub(crate) refusal: u8,
    /// The record after this one is the first one again.
    pub(crate) loops: bool,
    /// The reservation is lost at each of these Get SDR commands, counted from 0.
    pub(crate) cancels: HashSet<u32>,
    /// Numbers of sensors whose readings are never answered.
    pub(crate) silent_about: HashSet<u8>,
    /// Answers "node busy" so often to each sensor before it gives the reading.
    pub(crate) busy: u32,
    /// What it answers to other commands: by network function, LUN, command and data.
    pub(crate) scripted: HashMap<Question, (u8, Vec<u8>)>,
    /// What it refuses, whatever the data: network function and command, and the code.
    pub(crate) refused: HashMap<(u8, u8), u8>,
    /// Records of its own by LUN.
    pub(crate) device_records: BTreeMap<u8, Vec<Vec<u8>>>,
    /// Raw readings of sensors of other controllers by channel, address, LUN and number.
    pub(crate) behind: BTreeMap<(u8, u8, u8, u8), u8>,
    /// The answer of another controller comes inside the reply to Send Message.
    pub(crate) answers_inside: bool,
    /// The address put into answers of other controllers, if not the true one.
    pub(crate) answers_as: Option<u8>,
    /// Both checksums of its replies are wrong.
    pub(crate) bad_checksums: bool,
    /// It says that it knows IPMI 1.5 only.
    pub(crate) denies_2_0: bool,
    pub(crate) padding: Padding,
    /// Once put over the next reply, by XOR; its checksums and seal are right again.
    pub(crate) bend: Vec<u8>,
    /// Datagrams that follow the one just given.
    pub(crate) more: Vec<Vec<u8>>,
    pub(crate) sdr_commands: u32,
    pub(crate) reservation: u16,
    pub(crate) busy_left: HashMap<u8, u32>,
    pub(crate) sessions: HashMap<u32, Session>,
    pub(crate) next_id: u32,
    pub(crate) random: u8,
    /// Open sessions: how many there were, and how many of them ended without Close Session.
    pub(crate) opened: u32,
    pub(crate) forgotten: u32,
}

#[derive(Clone)]
pub(crate) struct Session {
    suite: u8,
    pub(crate) console_id: u32,
    console_random: [u8; 16],
    bmc_random: [u8; 16],
    role: u8,
    /// K1, K2 and our sequence number once the session is open.
    keys: Option<(Vec<u8>, [u8; 16])>,
    sequence: u32,
    seen: HashSet<u32>,
    privilege: u8,
    last_used: Duration,
}

impl Session {
    pub(crate) fn is_open(&self) -> bool {
        self.keys.is_some()
    }
}

const GUID: [u8; 16] = *b"\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef";

fn mac(suite: u8, key: &[u8], data: &[u8]) -> Vec<u8> {
    if suite == 17 {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(data);
        mac.finalize().into_bytes().to_vec()
    } else {
        let mut mac = Hmac::<Sha1>::new_from_slice(key).unwrap();
        mac.update(data);
        mac.finalize().into_bytes().to_vec()
    }
}

fn u32_at(bytes: &[u8], place: usize) -> u32 {
    u32::from_le_bytes(bytes[place..place + 4].try_into().unwrap())
}

fn zero_sum(bytes: &[u8]) -> u8 {
    0_u8.wrapping_sub(bytes.iter().fold(0, |a, b| a.wrapping_add(*b)))
}

/// The two checksums of a message, as far as it is one.
pub(crate) fn put_checksums_right(message: &mut [u8]) {
    if message.len() < 4 {
        return;
    }
    message[2] = zero_sum(&message[..2]);
    let last = message.len() - 1;
    message[last] = zero_sum(&message[3..last]);
}

impl Bmc {
    pub(crate) fn new() -> Bmc {
        Bmc {
            user: b"monitor".to_vec(),
            password: b"s3cretpass".to_vec(),
            k_g: None,
            suites: vec![3, 17],
            answers_with: None,
            privilege: 4,
            name_only: true,
            session_limit: 4,
            sensors: BTreeMap::new(),
            records: Vec::new(),
            count: None,
            chunk: 32,
            refusal: 0xCA,
            loops: false,
            cancels: HashSet::new(),
            silent_about: HashSet::new(),
            busy: 0,
            scripted: HashMap::new(),
            refused: HashMap::new(),
            device_records: BTreeMap::new(),
            behind: BTreeMap::new(),
            answers_inside: false,
            answers_as: None,
            bad_checksums: false,
            denies_2_0: false,
            padding: Padding::Counted,
            bend: Vec::new(),
            more: Vec::new(),
            sdr_commands: 0,
            reservation: 1,
            busy_left: HashMap::new(),
            sessions: HashMap::new(),
            next_id: 0x0200_0001,
            random: 0,
            opened: 0,
            forgotten: 0,
        }
    }

    /// Sessions open or half open at `now`; a session is forgotten after 60 s without a packet.
    pub(crate) fn sessions(&mut self, now: Duration) -> usize {
        let forgotten = &mut self.forgotten;
        self.sessions.retain(|_, session| {
            let kept = now < session.last_used + Duration::from_secs(60);
            *forgotten += u32::from(!kept && session.keys.is_some());
            kept
        });
        self.sessions.len()
    }

    /// Seals any bytes as the newest open session's next message.
    pub(crate) fn seal(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        let open = self.sessions.iter_mut().filter(|(_, session)| session.keys.is_some());
        let (_, session) = open.max_by_key(|(id, _)| **id)?;
        session.sequence += 1;
        let (k_1, k_2) = session.keys.clone()?;
        Some(protect(session, &k_1, k_2, self.padding, message))
    }

    /// What a reboot does.
    pub(crate) fn forget_sessions(&mut self) {
        self.sessions.clear();
    }

    /// Takes a datagram, gives the answer.
    pub(crate) fn receive(&mut self, now: Duration, datagram: &[u8]) -> Option<Vec<u8>> {
        self.sessions(now);
        if datagram.len() < 16 || datagram[..4] != [6, 0, 0xFF, 7] {
            return None;
        }
        if datagram[4] == 0 {
            return self.before_session(&datagram[14..]);
        }
        let length = usize::from(u16::from_le_bytes([datagram[14], datagram[15]]));
        let payload = datagram.get(16..16 + length)?;
        match datagram[5] {
            0x10 => self.open_session(now, payload),
            0x12 => self.rakp_1(now, payload),
            0x14 => self.rakp_3(now, payload),
            0xC0 => self.inside(now, datagram, payload),
            _ => None,
        }
    }

    fn before_session(&self, message: &[u8]) -> Option<Vec<u8>> {
        if message.len() < 7 || message[5] != 0x38 {
            return None;
        }
        let known = if self.denies_2_0 { [1, 0x04, 0x04, 0] } else { [1, 0x84, 0x04, 0x02] };
        let mut reply = Self::message(message, 0, &[&known[..], &[0; 4]].concat());
        if self.bad_checksums {
            reply[2] ^= 0xFF;
        }
        let mut packet = vec![6, 0, 0xFF, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        packet.push(u8::try_from(reply.len()).unwrap());
        packet.extend(reply);
        Some(packet)
    }

    /// A reply to the request `message`.
    fn message(message: &[u8], completion: u8, data: &[u8]) -> Vec<u8> {
        let mut reply = vec![message[3], message[1].wrapping_add(4)];
        reply.push(zero_sum(&reply));
        let mut tail = vec![message[0], (message[4] & 0xFC) | (message[1] & 3), message[5]];
        tail.push(completion);
        tail.extend(data);
        tail.push(zero_sum(&tail));
        reply.extend(tail);
        reply
    }

    fn outside(payload_type: u8, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![6, 0, 0xFF, 7, 6, payload_type, 0, 0, 0, 0, 0, 0, 0, 0];
        packet.extend(u16::try_from(payload.len()).unwrap().to_le_bytes());
        packet.extend(payload);
        packet
    }

    fn open_session(&mut self, now: Duration, request: &[u8]) -> Option<Vec<u8>> {
        if request.len() < 32 {
            return None;
        }
        let console_id = u32_at(request, 4);
        let asked = [request[12], request[20], request[28]];
        let suite = match asked {
            [1, 1, 1] => 3,
            [3, 4, 1] => 17,
            _ => 0,
        };
        let refuse = |status| {
            let mut payload = vec![request[0], status, 0, 0];
            payload.extend(console_id.to_le_bytes());
            Some(Self::outside(0x11, &payload))
        };
        if !self.suites.contains(&suite) {
            return refuse(0x11);
        }
        if self.sessions.len() >= self.session_limit {
            return refuse(0x01);
        }
        let bmc_id = self.next_id;
        self.next_id += 1;
        self.sessions.insert(
            bmc_id,
            Session {
                suite,
                console_id,
                console_random: [0; 16],
                bmc_random: [0; 16],
                role: 0,
                keys: None,
                sequence: 0,
                seen: HashSet::new(),
                privilege: 2,
                last_used: now,
            },
        );
        let mut payload = vec![request[0], 0, 0, 0];
        payload.extend(console_id.to_le_bytes());
        payload.extend(bmc_id.to_le_bytes());
        for (kind, algorithm) in (0..).zip(self.answers_with.unwrap_or(asked)) {
            payload.extend([kind, 0, 0, 8, algorithm, 0, 0, 0]);
        }
        Some(Self::outside(0x11, &payload))
    }

    fn rakp_1(&mut self, now: Duration, request: &[u8]) -> Option<Vec<u8>> {
        if request.len() < 28 {
            return None;
        }
        let bmc_id = u32_at(request, 4);
        let (role, name_length) = (request[24], request[27]);
        let name = request.get(28..28 + usize::from(name_length))?;
        let (user, password) = (self.user.clone(), self.password.clone());
        let unknown = name != user || (role & 0x10 != 0 && !self.name_only);
        let too_high = role & 0x0F > self.privilege;
        self.random = self.random.wrapping_add(1);
        let random = self.random;
        let session = self.sessions.get_mut(&bmc_id).filter(|session| session.keys.is_none())?;
        let console = session.console_id.to_le_bytes();
        let mut payload = vec![request[0], 0, 0, 0];
        payload.extend(console);
        if unknown || too_high {
            payload[1] = if unknown { 0x0D } else { 0x0A };
            self.sessions.remove(&bmc_id);
            return Some(Self::outside(0x13, &payload));
        }
        session.console_random = request[8..24].try_into().unwrap();
        session.bmc_random = [random; 16];
        session.role = role;
        session.last_used = now;
        let mut proof = console.to_vec();
        proof.extend(bmc_id.to_le_bytes());
        proof.extend(session.console_random);
        proof.extend(session.bmc_random);
        proof.extend(GUID);
        proof.extend([role, name_length]);
        proof.extend(name);
        payload.extend(session.bmc_random);
        payload.extend(GUID);
        payload.extend(mac(session.suite, &password, &proof));
        Some(Self::outside(0x13, &payload))
    }

    fn rakp_3(&mut self, now: Duration, request: &[u8]) -> Option<Vec<u8>> {
        if request.len() < 8 {
            return None;
        }
        let bmc_id = u32_at(request, 4);
        let (user, password, k_g) = (self.user.clone(), self.password.clone(), self.k_g.clone());
        let session = self.sessions.get_mut(&bmc_id)?;
        if request[1] != 0 {
            self.sessions.remove(&bmc_id);
            return None;
        }
        let mut payload = vec![request[0], 0, 0, 0];
        payload.extend(session.console_id.to_le_bytes());
        if session.keys.is_some() {
            // Already open: the message means nothing.
            payload[1] = 0x02;
            return Some(Self::outside(0x15, &payload));
        }
        let name = [&[session.role, u8::try_from(user.len()).unwrap()], &user[..]].concat();
        let proof = [&session.bmc_random[..], &session.console_id.to_le_bytes(), &name].concat();
        if request[8..] != mac(session.suite, &password, &proof) {
            payload[1] = 0x0F;
            self.sessions.remove(&bmc_id);
            return Some(Self::outside(0x15, &payload));
        }
        let randoms = [&session.console_random[..], &session.bmc_random, &name].concat();
        let sik = mac(session.suite, k_g.as_ref().unwrap_or(&password), &randoms);
        let k_2 = mac(session.suite, &sik, &[2; 20]);
        session.keys = Some((mac(session.suite, &sik, &[1; 20]), k_2[..16].try_into().unwrap()));
        session.last_used = now;
        self.opened += 1;
        let check = [&session.console_random[..], &bmc_id.to_le_bytes(), &GUID].concat();
        let length = if session.suite == 17 { 16 } else { 12 };
        payload.extend(&mac(session.suite, &sik, &check)[..length]);
        Some(Self::outside(0x15, &payload))
    }

    fn inside(&mut self, now: Duration, datagram: &[u8], payload: &[u8]) -> Option<Vec<u8>> {
        let bmc_id = u32_at(datagram, 6);
        let sequence = u32_at(datagram, 10);
        let session = self.sessions.get_mut(&bmc_id)?;
        let (k_1, k_2) = session.keys.clone()?;
        let code_bytes = if session.suite == 17 { 16 } else { 12 };
        let (covered, code) = datagram[4..].split_at_checked(datagram.len() - 4 - code_bytes)?;
        if mac(session.suite, &k_1, covered)[..code_bytes] != *code {
            return None;
        }
        // The specification has a duplicated request dropped.
        if !session.seen.insert(sequence) {
            return None;
        }
        session.last_used = now;
        let iv: [u8; 16] = payload[..16].try_into().unwrap();
        let mut plain = payload[16..].to_vec();
        cbc::Decryptor::<Aes128>::new(&k_2.into(), &iv.into())
            .decrypt_padded::<NoPadding>(&mut plain)
            .unwrap();
        let padding = usize::from(*plain.last().unwrap());
        plain.truncate(plain.len() - 1 - padding);
        assert_eq!(zero_sum(&plain[..2]), plain[2], "the client's first checksum");
        assert_eq!(zero_sum(&plain[3..]), 0, "the client's second checksum");
        if (plain[1] >> 2, plain[5]) == (4, 0x2D) && self.silent_about.contains(&plain[6]) {
            return None;
        }
        let (completion, data, behind) = if plain[1] >> 2 == 6 && plain[5] == 0x34 {
            self.send_message(&plain)
        } else {
            let (completion, data) = self.command(bmc_id, &plain);
            (completion, data, None)
        };
        let mut reply = Self::message(&plain, completion, &data);
        if self.bad_checksums {
            reply[2] ^= 0xFF;
            *reply.last_mut().unwrap() ^= 0xFF;
        }
        if !self.bend.is_empty() {
            let bend = std::mem::take(&mut self.bend);
            reply.iter_mut().zip(bend).for_each(|(byte, other)| *byte ^= other);
            put_checksums_right(&mut reply);
        }
        let session = self.sessions.get_mut(&bmc_id)?;
        session.sequence += 1;
        let packet = protect(session, &k_1, k_2, self.padding, &reply);
        if let Some(message) = behind {
            session.sequence += 1;
            let packet = protect(session, &k_1, k_2, self.padding, &message);
            self.more.push(packet);
        }
        if plain[1] >> 2 == 6 && plain[5] == 0x3C {
            self.sessions.remove(&bmc_id);
        }
        Some(packet)
    }

    /// Send Message: completion code and data for the request, and the message of another
    /// controller that follows.
    fn send_message(&mut self, message: &[u8]) -> (u8, Vec<u8>, Option<Vec<u8>>) {
        let [channel, inner @ ..] = &message[6..message.len() - 1] else {
            return (0xC7, Vec::new(), None);
        };
        assert_eq!(channel >> 6, 1, "the request is to be tracked");
        assert_eq!(zero_sum(&inner[..2]), inner[2], "the inner first checksum");
        assert_eq!(zero_sum(&inner[3..]), 0, "the inner second checksum");
        // The BMC is the requester on the IPMB, `ipmitool` the console.
        assert!([0x20, 0x81].contains(&inner[3]), "who the answer is for");
        let (lun, number) = (inner[1] & 3, inner[6]);
        let Some(raw) = self.behind.get(&(channel & 0x0F, inner[0], lun, number)) else {
            return (0x83, Vec::new(), None);
        };
        let (completion, data) = match (inner[1] >> 2, inner[5]) {
            (4, 0x2D) => (0, vec![*raw, 0xC0, 0xC0]),
            (4, 0x23) => (0, vec![0xFF, 2, 0, raw.wrapping_add(1), 0, 0, 0]),
            (4, 0x27) => (0, vec![0x10, 0, 0, 0, 0, raw.wrapping_add(9), 0]),
            _ => (0xC1, Vec::new()),
        };
        let mut request = inner.to_vec();
        request[0] = self.answers_as.unwrap_or(inner[0]);
        if self.answers_inside {
            return (0, Self::message(&request, completion, &data), None);
        }
        // To us it is addressed as to the console.
        request[3] = message[3];
        (0, Vec::new(), Some(Self::message(&request, completion, &data)))
    }

    /// Completion code and data for a request.
    fn command(&mut self, bmc_id: u32, message: &[u8]) -> (u8, Vec<u8>) {
        let (lun, data) = (message[1] & 3, &message[6..message.len() - 1]);
        let key = (message[1] >> 2, lun, message[5], data.to_vec());
        if let Some(answer) = self.scripted.get(&key) {
            return answer.clone();
        }
        if let Some(code) = self.refused.get(&(message[1] >> 2, message[5])) {
            return (*code, Vec::new());
        }
        match (message[1] >> 2, message[5], data) {
            (4, 0x20, [1]) => {
                let count = self.device_records.values().map(Vec::len).sum::<usize>();
                let luns = self.device_records.keys().fold(0, |luns, lun| luns | 1 << lun);
                (0, vec![u8::try_from(count).unwrap(), luns])
            }
            (4, 0x21, request) => {
                let own = self.device_records.get(&lun).cloned().unwrap_or_default();
                let repository = std::mem::replace(&mut self.records, own);
                let answer = self.sdr(request);
                self.records = repository;
                answer
            }
            (6, 0x01, []) => (0, vec![0x13, 1, 2, 0x70, 2, 0x8F, 0x0B, 0, 0, 0, 0x20]),
            (6, 0x3B, [level]) => {
                if *level > self.privilege {
                    return (0x81, Vec::new());
                }
                self.sessions.get_mut(&bmc_id).unwrap().privilege = *level;
                (0, vec![*level])
            }
            (6, 0x3C, id) => (if id == bmc_id.to_le_bytes() { 0 } else { 0x87 }, Vec::new()),
            (4, 0x2D, [number]) => {
                let left = self.busy_left.entry(*number).or_insert(self.busy);
                if *left > 0 {
                    *left -= 1;
                    return (0xC0, Vec::new());
                }
                *left = self.busy;
                match self.sensors.get(&(lun, *number)) {
                    Some(raw) => (0, vec![*raw, 0xC0, 0xC0]),
                    None => (0xCB, Vec::new()),
                }
            }
            (0x0A, 0x20, []) => {
                let count = u16::try_from(self.records.len()).unwrap();
                let mut info = vec![0x51];
                info.extend(self.count.unwrap_or(count).to_le_bytes());
                info.extend([0xFE, 0xFF, 1, 0, 0, 0, 2, 0, 0, 0, 0x02]);
                (0, info)
            }
            (4 | 0x0A, 0x22, []) => (0, self.reservation.to_le_bytes().to_vec()),
            (0x0A, 0x23, request) => self.sdr(request),
            _ => (0xC1, Vec::new()),
        }
    }

    fn sdr(&mut self, request: &[u8]) -> (u8, Vec<u8>) {
        let &[r0, r1, i0, i1, offset, length] = request else { return (0xC7, Vec::new()) };
        let command = self.sdr_commands;
        self.sdr_commands += 1;
        if self.cancels.contains(&command) {
            self.reservation += 1;
        }
        if offset > 0 && u16::from_le_bytes([r0, r1]) != self.reservation {
            return (0xC5, Vec::new());
        }
        let wanted = u16::from_le_bytes([i0, i1]);
        let id_of = |record: &Vec<u8>| u16::from_le_bytes([record[0], record[1]]);
        let place = if wanted == 0 {
            0
        } else {
            match self.records.iter().position(|record| id_of(record) == wanted) {
                Some(place) => place,
                None => return (0xCB, Vec::new()),
            }
        };
        let Some(record) = self.records.get(place) else { return (0xCB, Vec::new()) };
        if length > self.chunk {
            return (self.refusal, Vec::new());
        }
        let after = self.records.get(place + 1).map_or(0xFFFF, id_of);
        let next = if after == 0xFFFF && self.loops { id_of(&self.records[0]) } else { after };
        let end = (usize::from(offset) + usize::from(length)).min(record.len());
        let Some(part) = record.get(usize::from(offset)..end) else { return (0xC9, Vec::new()) };
        let mut data = next.to_le_bytes().to_vec();
        data.extend(part);
        (0, data)
    }
}

fn protect(
    session: &Session,
    k_1: &[u8],
    k_2: [u8; 16],
    padding: Padding,
    message: &[u8],
) -> Vec<u8> {
    let mut payload = message.to_vec();
    let mut count = 0;
    let whole_block = padding == Padding::WholeBlock;
    while !(payload.len() + 1).is_multiple_of(16) || (whole_block && count == 0) {
        count += 1;
        payload.push(if padding == Padding::Zeroes { 0 } else { count });
    }
    payload.push(count);
    let iv = [0x77; 16];
    let length = payload.len();
    cbc::Encryptor::<Aes128>::new(&k_2.into(), &iv.into())
        .encrypt_padded::<NoPadding>(&mut payload, length)
        .unwrap();
    let mut covered = vec![6, 0xC0];
    covered.extend(session.console_id.to_le_bytes());
    covered.extend(session.sequence.to_le_bytes());
    covered.extend(u16::try_from(16 + length).unwrap().to_le_bytes());
    covered.extend(iv);
    covered.extend(payload);
    let mut padding = 0;
    while !(covered.len() + 2).is_multiple_of(4) {
        covered.push(0xFF);
        padding += 1;
    }
    covered.extend([padding, 7]);
    let code = mac(session.suite, k_1, &covered);
    let mut packet = vec![6, 0, 0xFF, 7];
    packet.extend(&covered);
    packet.extend(&code[..if session.suite == 17 { 16 } else { 12 }]);
    packet
}
