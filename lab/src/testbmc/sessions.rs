//! The BMC's session table: slots, sequence windows, time-out. No I/O, no clock.

use std::net::SocketAddr;
use std::time::Duration;

use super::crypto::{Keys, Suite};
use super::machine::Privilege;

/// A log-in that does not go on is forgotten after that long.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(20);

/// A slot of the table.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    /// The BMC's session ID, and the console's.
    pub(super) id: u32,
    pub(super) console: u32,
    pub(super) peer: SocketAddr,
    pub(super) suite: Suite,
    /// The highest level that Open Session asked for; none: the highest there is.
    pub(super) asked: Option<Privilege>,
    pub(super) last: Duration,
    pub(super) state: State,
}

/// How far a session has come.
#[derive(Clone, Debug)]
pub(super) enum State {
    /// Open Session was answered.
    Opened,
    /// RAKP 1 was answered.
    Challenged(Challenge),
    /// RAKP 3 was right.
    Active(Active),
}

/// What RAKP 3 will be checked against.
#[derive(Clone, Debug)]
pub(super) struct Challenge {
    pub(super) console_random: [u8; 16],
    pub(super) bmc_random: [u8; 16],
    /// The role byte as the console sent it.
    pub(super) role: u8,
    /// Index of the account.
    pub(super) user: usize,
    pub(super) limit: Privilege,
}

/// A session that is in use.
#[derive(Clone, Debug)]
pub(super) struct Active {
    pub(super) keys: Keys,
    pub(super) limit: Privilege,
    /// The level in force: USER at first, then as Set Session Privilege Level says.
    pub(super) level: Privilege,
    /// The last sequence number sent.
    pub(super) sent: u32,
    pub(super) window: Window,
    /// RAKP 3 as it came and its answer, should it be repeated.
    pub(super) greeting: (Vec<u8>, Vec<u8>),
}

impl Active {
    /// The answer to RAKP 3 once more, under the tag it has now.
    pub(super) fn repeat(&self, payload: &[u8]) -> Option<Vec<u8>> {
        let (request, answer) = &self.greeting;
        (request.get(1..) == payload.get(1..)).then_some(())?;
        Some([&payload[..1], &answer[1..]].concat())
    }
}

/// Which sequence numbers have been seen: the highest, and of the 16 below it each as a bit (6.12.13).
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    highest: u32,
    seen: u32,
}

impl Window {
    /// Whether the number is new and within reach; it is then remembered.
    pub(super) fn accept(&mut self, number: u32) -> bool {
        if number > self.highest {
            let ahead = number - self.highest;
            if ahead > 16 {
                return false;
            }
            self.seen = self.seen << ahead | 1;
            self.highest = number;
            return true;
        }
        let behind = self.highest - number;
        let new = number != 0 && behind < 16 && self.seen >> behind & 1 == 0;
        if new {
            self.seen |= 1 << behind;
        }
        new
    }
}

/// The table.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    slots: Vec<Slot>,
}

impl Table {
    /// Frees what has timed out.
    pub(super) fn expire(&mut self, now: Duration, timeout: Duration) {
        self.slots.retain(|slot| {
            let active = matches!(slot.state, State::Active(_));
            now.saturating_sub(slot.last) < if active { timeout } else { LOGIN_TIMEOUT }
        });
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The slots that are in use by sessions.
    pub(super) fn active(&self) -> usize {
        self.slots.iter().filter(|slot| matches!(slot.state, State::Active(_))).count()
    }

    pub(super) fn add(&mut self, slot: Slot) {
        self.slots.push(slot);
    }

    pub(super) fn get(&mut self, id: u32) -> Option<&mut Slot> {
        self.slots.iter_mut().find(|slot| slot.id == id)
    }

    /// Frees the slots of a log-in that begins again.
    pub(super) fn forget_opened(&mut self, peer: SocketAddr, console: u32) {
        let same = |slot: &Slot| slot.peer == peer && slot.console == console;
        self.slots.retain(|slot| !(same(slot) && matches!(slot.state, State::Opened)));
    }

    /// Frees a slot; whether there was one.
    pub(super) fn remove(&mut self, id: u32) -> bool {
        let before = self.slots.len();
        self.slots.retain(|slot| slot.id != id);
        before != self.slots.len()
    }

    pub(super) fn clear(&mut self) {
        self.slots.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_accepted_once_and_within_reach() {
        let mut window = Window::default();
        assert!(window.accept(1));
        assert!(!window.accept(1), "a duplicate");
        assert!(window.accept(5));
        assert!(window.accept(3), "late, but new");
        assert!(!window.accept(3));
        assert!(!window.accept(22), "17 ahead");
        assert!(window.accept(21));
        assert!(!window.accept(5), "16 behind");
        assert!(window.accept(6));
        assert!(!window.accept(0));
    }
}
