//! Open Session and RAKP 1 to 4, the BMC's side. No I/O, no clock.
//!
//! IPMI 2.0 sections 13.17 to 13.24, status codes of table 13-15.

use std::net::SocketAddr;
use std::time::Duration;

use rand::RngExt as _;

use super::TestBmc;
use super::crypto::{Keys, Suite};
use super::machine::{Privilege, User};
use super::quirks::{OpenLevel, Refusals};
use super::sessions::{Active, Challenge, Slot, State, Window};

pub(super) const OPEN_RESPONSE: u8 = 0x11;
pub(super) const RAKP_2: u8 = 0x13;
pub(super) const RAKP_4: u8 = 0x15;

const NO_RESOURCES: u8 = 0x01;
const INVALID_SESSION: u8 = 0x02;
const BAD_AUTHENTICATION: u8 = 0x04;
const BAD_INTEGRITY: u8 = 0x05;
const INVALID_ROLE: u8 = 0x09;
const UNAUTHORIZED_ROLE: u8 = 0x0A;
const UNAUTHORIZED_NAME: u8 = 0x0D;
const BAD_CHECK_VALUE: u8 = 0x0F;
const BAD_CONFIDENTIALITY: u8 = 0x10;
const ILLEGAL_PARAMETER: u8 = 0x12;

/// Bit 4 of the role byte: look the account up by its name alone.
const NAME_ONLY: u8 = 0x10;

/// The parts of an answer after the tag: status, then what is given on success.
fn refuse(tag: u8, status: u8, console: u32) -> Vec<u8> {
    let mut bytes = vec![tag, status, 0, 0];
    bytes.extend(console.to_le_bytes());
    bytes
}

impl TestBmc {
    /// Open Session Request; the answer's payload.
    pub(super) fn open_session(
        &mut self,
        from: SocketAddr,
        payload: &[u8],
        now: Duration,
    ) -> Option<Vec<u8>> {
        let (head, algorithms) = payload.split_first_chunk::<8>()?;
        let tag = head[0];
        let console = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        let suite = match self.choose_suite(algorithms) {
            Ok(_) if self.quirks.answers_suite_3 => Suite::Three,
            Ok(suite) => suite,
            Err(_) if self.quirks.silent_about_suites => {
                self.counters.unanswered_suites += 1;
                return None;
            }
            Err(status) => return Some(refuse(tag, status, console)),
        };
        let asked = Privilege::from_number(head[1] & 0x0F);
        if asked.is_none() && head[1] & 0x0F != 0 {
            return Some(refuse(tag, INVALID_ROLE, console));
        }
        // The same request again, because its answer was lost.
        self.sessions.forget_opened(from, console);
        if self.sessions.len() >= self.machine.session_limit {
            self.counters.table_full += 1;
            return Some(refuse(tag, NO_RESOURCES, console));
        }
        let id = loop {
            let id = self.rng.random::<u32>();
            if id != 0 && self.sessions.get(id).is_none() {
                break id;
            }
        };
        let slot = Slot { id, console, peer: from, suite, asked, last: now, state: State::Opened };
        self.sessions.add(slot);
        let granted = asked.unwrap_or(Privilege::Administrator) as u8;
        let level = match self.quirks.open_session_level {
            OpenLevel::Granted => granted,
            OpenLevel::Echoed => head[1] & 0x0F,
            OpenLevel::Zero => 0,
        };
        let mut answer = vec![tag, 0, level, 0];
        answer.extend(console.to_le_bytes());
        answer.extend(id.to_le_bytes());
        let (authentication, integrity, confidentiality) = suite.algorithms();
        for (kind, algorithm) in [(0, authentication), (1, integrity), (2, confidentiality)] {
            answer.extend([kind, 0, 0, 8, algorithm, 0, 0, 0]);
        }
        Some(answer)
    }

    /// The suite that the three algorithm payloads ask for; a null payload leaves the choice.
    fn choose_suite(&self, payloads: &[u8]) -> Result<Suite, u8> {
        let mut asked = [None; 3];
        let (blocks, []) = payloads.as_chunks::<8>() else { return Err(ILLEGAL_PARAMETER) };
        if blocks.len() != 3 {
            return Err(ILLEGAL_PARAMETER);
        }
        for (place, block) in asked.iter_mut().zip(blocks) {
            *place = (block[3] != 0).then_some(block[4] & 0x3F);
        }
        let mut left = self.machine.suites.clone();
        left.sort_by_key(|suite| std::cmp::Reverse(suite.number()));
        let fits = |place: usize, value: u8| asked[place].is_none_or(|one| one == value);
        left.retain(|suite| fits(0, suite.algorithms().0));
        if left.is_empty() {
            return Err(BAD_AUTHENTICATION);
        }
        left.retain(|suite| fits(1, suite.algorithms().1));
        if left.is_empty() {
            return Err(BAD_INTEGRITY);
        }
        left.retain(|suite| fits(2, suite.algorithms().2));
        left.first().copied().ok_or(BAD_CONFIDENTIALITY)
    }

    /// RAKP message 1; the payload of RAKP message 2.
    pub(super) fn rakp_1(&mut self, payload: &[u8], now: Duration) -> Option<Vec<u8>> {
        let (head, name) = payload.split_at_checked(28)?;
        let tag = head[0];
        let id = u32::from_le_bytes(*head[4..].first_chunk()?);
        let console_random: [u8; 16] = *head[8..].first_chunk()?;
        let (role, length) = (head[24], head[27]);
        let name = name.get(..length.into())?;
        let fresh = self.rng.random();
        let Some(slot) = self.sessions.get(id) else {
            return Some(refuse(tag, INVALID_SESSION, 0));
        };
        let (console, suite) = (slot.console, slot.suite);
        let asked = slot.asked;
        let found = find_user(&self.machine.users, name, role, asked);
        let (user, limit) = match found {
            Ok(found) => found,
            Err(status) => {
                self.sessions.remove(id);
                self.counters.refused_logins += 1;
                return Some(refuse(tag, status, console));
            }
        };
        let bmc_random = match &slot.state {
            // The same request again: the console may still use the first answer.
            State::Challenged(before)
                if before.console_random == console_random && !self.quirks.rakp_forgets =>
            {
                before.bmc_random
            }
            State::Active(_) => return None,
            State::Opened | State::Challenged(_) => fresh,
        };
        slot.last = now;
        slot.state = State::Challenged(Challenge { console_random, bmc_random, role, user, limit });
        let account = &self.machine.users[user];
        let mut hashed = [console.to_le_bytes(), id.to_le_bytes()].concat();
        hashed.extend(console_random);
        hashed.extend(bmc_random);
        hashed.extend(self.machine.guid);
        hashed.extend([role, length]);
        hashed.extend(name);
        let mut answer = refuse(tag, 0, console);
        answer.extend(bmc_random);
        answer.extend(self.machine.guid);
        answer.extend(suite.hash(account.password.as_bytes(), &hashed));
        Some(answer)
    }

    /// RAKP message 3; the payload of RAKP message 4.
    pub(super) fn rakp_3(&mut self, payload: &[u8], now: Duration) -> Option<Vec<u8>> {
        let (head, code) = payload.split_first_chunk::<8>()?;
        let (tag, status) = (head[0], head[1]);
        let id = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        if status != 0 {
            // The console gives up, and does not wait for an answer.
            self.counters.refused_logins += u64::from(self.sessions.remove(id));
            return None;
        }
        let Some(slot) = self.sessions.get(id) else {
            return Some(refuse(tag, INVALID_SESSION, 0));
        };
        let console = slot.console;
        let challenge = match &slot.state {
            State::Challenged(challenge) => challenge.clone(),
            State::Active(active) => return active.repeat(payload),
            State::Opened => return None,
        };
        let Challenge { console_random, bmc_random, role, user, limit } = challenge;
        let account = &self.machine.users[user];
        let name = account.name.as_bytes();
        let role_and_name =
            [&[role, u8::try_from(name.len()).expect("a name has at most 16 bytes")], name]
                .concat();
        let password = account.password.as_bytes();
        let hashed = [&bmc_random, console.to_le_bytes().as_slice(), &role_and_name].concat();
        if slot.suite.hash(password, &hashed) != code {
            self.sessions.remove(id);
            self.counters.refused_logins += 1;
            return Some(refuse(tag, BAD_CHECK_VALUE, console));
        }
        let key = self.machine.k_g.as_deref().unwrap_or(password);
        let seed = [console_random.as_slice(), &bmc_random, &role_and_name].concat();
        let session_key = slot.suite.hash(key, &seed);
        let proof = [&console_random, id.to_le_bytes().as_slice(), &self.machine.guid].concat();
        let mut answer = refuse(tag, 0, console);
        answer.extend(slot.suite.check_value(&session_key, &proof));
        slot.last = now;
        slot.state = State::Active(Active {
            keys: Keys::new(slot.suite, &session_key),
            limit,
            level: Privilege::User,
            sent: 0,
            window: Window::default(),
            greeting: (payload.to_vec(), answer.clone()),
        });
        self.counters.sessions += 1;
        Some(answer)
    }
}

/// The answer, without what the BMC leaves out of a refusal.
pub(super) fn as_refused(mut answer: Vec<u8>, refusals: Refusals) -> Vec<u8> {
    let [tag, status, _, _, session @ ..] = answer.as_mut_slice() else { return answer };
    if *status != 0 {
        if matches!(refusals, Refusals::NoTag | Refusals::Nobody) {
            *tag = 0;
        }
        if matches!(refusals, Refusals::NoSession | Refusals::Nobody) {
            session.fill(0);
        }
    }
    answer
}

/// The account and the level that the session may reach, or the status that refuses it.
fn find_user(
    users: &[User],
    name: &[u8],
    role: u8,
    asked: Option<Privilege>,
) -> Result<(usize, Privilege), u8> {
    let wanted = Privilege::from_number(role & 0x0F);
    if wanted.is_none() && role & 0x0F != 0 {
        return Err(INVALID_ROLE);
    }
    if let (Some(wanted), Some(asked)) = (wanted, asked)
        && wanted > asked
    {
        return Err(UNAUTHORIZED_ROLE);
    }
    let index = users.iter().position(|user| user.name.as_bytes() == name);
    let index = index.ok_or(UNAUTHORIZED_NAME)?;
    let limit = users[index].limit;
    match wanted {
        None => Ok((index, limit)),
        Some(wanted) if wanted <= limit => Ok((index, wanted)),
        // Looked up by name and level, there is no such account.
        Some(_) if role & NAME_ONLY == 0 => Err(UNAUTHORIZED_NAME),
        Some(_) => Err(UNAUTHORIZED_ROLE),
    }
}
