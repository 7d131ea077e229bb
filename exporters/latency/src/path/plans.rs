//! When the addresses of one target are traced, which share what comes out of turn. No I/O, no clock.
//!
//! Addresses that are new and those to which something has happened are traced at once, [`AT_ONCE`] together and
//! then one a minute: a name that has others each time it is asked for would have all datagrams to itself.

use std::net::IpAddr;
use std::time::Duration;

use super::due::{Due, Signs, Why};
use crate::standing::MOST_ADDRESSES;

/// So many out of turn at once; each minute adds one.
const AT_ONCE: u32 = 4;
const EACH: Duration = Duration::from_secs(60);
/// So many addresses are remembered: those that come back are not new.
const MOST: usize = 4 * MOST_ADDRESSES;

/// The plans for the addresses of a target.
#[derive(Debug)]
pub(super) struct Plans {
    /// The one that was looked at last is the last.
    all: Vec<(IpAddr, Due)>,
    /// How many may be traced out of turn, and since when.
    left: u32,
    since: Duration,
}

impl Plans {
    /// None yet.
    pub(super) fn new() -> Self {
        Self { all: Vec::new(), left: AT_ONCE, since: Duration::ZERO }
    }

    /// Why an address is to be traced now, if it is; `plan` is what one has that is new.
    pub(super) fn why(
        &mut self,
        ip: IpAddr,
        now: Duration,
        signs: Signs,
        plan: impl FnOnce() -> Due,
    ) -> Option<Why> {
        let known = self.all.iter().position(|(known, _)| *known == ip);
        let mut due = known.map_or_else(plan, |place| self.all.remove(place).1);
        let why = due.why(now, signs);
        if self.all.len() >= MOST {
            self.all.remove(0);
        }
        self.all.push((ip, due));
        let added = now.saturating_sub(self.since).as_secs() / EACH.as_secs();
        let added = u32::try_from(added).unwrap_or(u32::MAX);
        if added > 0 {
            self.left = self.left.saturating_add(added).min(AT_ONCE);
            self.since = now;
        }
        match why? {
            Why::OutOfTurn if self.left == 0 => None,
            Why::OutOfTurn => {
                // A minute begins with the first of those that are taken.
                self.since = if self.left == AT_ONCE { now } else { self.since };
                self.left -= 1;
                why
            }
            Why::Turn | Why::Again => why,
        }
    }

    /// It was traced, and whether that is to be repeated.
    pub(super) fn traced(&mut self, ip: IpAddr, now: Duration, is_doubted: bool, signs: Signs) {
        if let Some((_, due)) = self.all.iter_mut().find(|(known, _)| *known == ip) {
            due.traced(now, is_doubted, signs);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn new() -> Due {
        Due::new(s(300), 0.5)
    }

    #[test]
    fn a_name_that_rotates_is_traced_once_a_minute() {
        let mut plans = Plans::new();
        let mut traced = Vec::new();
        for second in 0..600_u32 {
            // Four others each 20 s.
            for slot in 0..4 {
                let ip = IpAddr::from((second / 20 * 4 + slot).to_be_bytes());
                let now = s(second.into());
                if plans.why(ip, now, Signs::default(), new) == Some(Why::OutOfTurn) {
                    plans.traced(ip, now, false, Signs::default());
                    traced.push(second);
                }
            }
        }
        assert_eq!(traced[..4], [0; 4], "all that it has at first");
        assert_eq!(traced.len(), 4 + 9, "{traced:?}");
        assert!(traced[4..].windows(2).all(|two| two[1] - two[0] >= 60), "{traced:?}");
    }

    #[test]
    fn one_that_comes_back_is_not_new_and_turns_are_kept() {
        let mut plans = Plans::new();
        let ips = [1, 2].map(|last| IpAddr::from([192, 0, 2, last]));
        let mut count = |second: u64, ip: IpAddr| {
            let why = plans.why(ip, s(second), Signs::default(), new);
            if why.is_some() {
                plans.traced(ip, s(second), false, Signs::default());
            }
            why
        };
        assert_eq!(ips.map(|ip| count(1, ip)), [Some(Why::OutOfTurn); 2]);
        for second in 2..150 {
            let place = usize::from(second % 2 == 0);
            assert_eq!(count(second, ips[place]), None, "{second}");
        }
        assert_eq!(ips.map(|ip| count(150, ip)), [Some(Why::Turn); 2]);
    }
}
