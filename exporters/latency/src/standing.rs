//! How a target stands: up or down, since when, at which of its addresses. No I/O, no clock.
//!
//! Probes are decided out of order: one that gets no answer is decided a timeout later than those
//! that were sent after it. So every round has a number, and what an older round found does not
//! overrule a newer one.

use std::net::IpAddr;
use std::time::Duration;

use crate::outcome::Outcome;
use crate::window::Window;

/// So many addresses of a name are probed; the rest are only counted.
pub const MOST_ADDRESSES: usize = 4;

/// When something was decided.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment {
    /// On a clock that never goes back, since the program's start.
    pub monotonic: Duration,
    /// Seconds since the epoch.
    pub unix_seconds: f64,
}

/// What is known of a target.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// The newest round that was decided, and whether any address answered.
    latest: Option<(u64, bool)>,
    /// Rounds in a row in which no address answered.
    consecutive_failures: u64,
    /// Seconds since the epoch.
    last_success: Option<f64>,
    /// How many addresses the name has.
    found: usize,
    /// The probed ones; the index is the slot.
    addresses: Vec<Address>,
}

/// What is known of one address.
#[derive(Clone, Debug)]
pub struct Address {
    /// The address.
    pub ip: IpAddr,
    /// The newest decided probe: its round, whether it succeeded, the status that came.
    latest: Option<(u64, bool, Option<u16>)>,
    rtts: Window,
}

impl Standing {
    /// Takes in the addresses of the name (sorted, so that slots stay what they are). Those that
    /// were there before keep what is known of them.
    pub fn resolved(&mut self, ips: &[IpAddr]) {
        self.found = ips.len();
        let mut before = std::mem::take(&mut self.addresses);
        self.addresses = ips
            .iter()
            .take(MOST_ADDRESSES)
            .map(|ip| match before.iter().position(|known| known.ip == *ip) {
                Some(index) => before.swap_remove(index),
                None => Address { ip: *ip, latest: None, rtts: Window::default() },
            })
            .collect();
    }

    /// Takes in one decided probe of one address.
    pub fn decided(&mut self, round: u64, ip: IpAddr, outcome: &Outcome, at: Moment) {
        if let Some(address) = self.addresses.iter_mut().find(|address| address.ip == ip) {
            if let Some(rtt) = outcome.rtt {
                address.rtts.push(at.monotonic, rtt);
            }
            if address.latest.is_none_or(|(newest, ..)| round >= newest) {
                address.latest = Some((round, outcome.failure.is_none(), outcome.status));
            }
        }
        if outcome.failure.is_none() {
            self.answered(round, at.unix_seconds);
        }
    }

    /// Some address answered in this round.
    fn answered(&mut self, round: u64, unix_seconds: f64) {
        // Not the larger one: a wall clock that was set back must not hide an outage.
        self.last_success = Some(unix_seconds);
        if self.latest.is_none_or(|(newest, _)| round >= newest) {
            self.latest = Some((round, true));
            self.consecutive_failures = 0;
        }
    }

    /// Every probe of this round failed, or the name has no address.
    pub fn silent(&mut self, round: u64) {
        match self.latest {
            Some((newest, true)) if round <= newest => {}
            _ => {
                let newest = self.latest.map_or(round, |(newest, _)| newest.max(round));
                self.latest = Some((newest, false));
                self.consecutive_failures += 1;
            }
        }
    }

    /// Whether any address answered in the newest decided round; `None` before the first.
    pub fn is_up(&self) -> Option<bool> {
        self.latest.map(|(_, up)| up)
    }

    /// Rounds in a row in which no address answered.
    pub fn consecutive_failures(&self) -> u64 {
        self.consecutive_failures
    }

    /// Seconds since the epoch; 0 when a round was decided and none has ever succeeded, so that a
    /// target that never answered counts as long down and not as unknown.
    pub fn last_success(&self) -> Option<f64> {
        self.latest.and(Some(self.last_success.unwrap_or(0.0)))
    }

    /// How many addresses the name has; those above [`MOST_ADDRESSES`] are not probed.
    pub fn found(&self) -> usize {
        self.found
    }

    /// The probed addresses, by slot.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }
}

impl Address {
    /// Whether its newest decided probe succeeded; `None` before the first.
    pub fn is_up(&self) -> Option<bool> {
        self.latest.map(|(_, up, _)| up)
    }

    /// The status that its newest decided probe got.
    pub fn status(&self) -> Option<u16> {
        self.latest.and_then(|(_, _, status)| status)
    }

    /// The smallest round trip of the last minute.
    pub fn min_rtt(&self, now: Duration) -> Option<Duration> {
        self.rtts.min(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Failure;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn at(seconds: u32) -> Moment {
        Moment {
            monotonic: Duration::from_secs(seconds.into()),
            unix_seconds: 1e9 + f64::from(seconds),
        }
    }

    fn good() -> Outcome {
        Outcome { rtt: Some(Duration::from_millis(20)), ..Outcome::default() }
    }

    fn bad() -> Outcome {
        Outcome::failed(Failure::Timeout)
    }

    fn standing() -> Standing {
        let mut standing = Standing::default();
        standing.resolved(&[A, B]);
        standing
    }

    #[test]
    fn nothing_is_claimed_before_the_first_decision() {
        let standing = standing();
        assert_eq!((standing.is_up(), standing.last_success()), (None, None));
        assert_eq!(standing.addresses()[0].is_up(), None);
    }

    #[test]
    fn one_address_that_answers_is_enough() {
        let mut standing = standing();
        standing.decided(1, A, &bad(), at(1));
        assert_eq!(standing.is_up(), None, "the other one may still answer");
        standing.decided(1, B, &good(), at(1));
        assert_eq!(standing.is_up(), Some(true));
        assert_eq!(standing.addresses()[0].is_up(), Some(false));
        assert_eq!(standing.addresses()[1].is_up(), Some(true));
    }

    #[test]
    fn a_target_that_never_answered_is_long_down() {
        let mut standing = standing();
        standing.silent(1);
        standing.silent(2);
        assert_eq!(standing.is_up(), Some(false));
        assert_eq!((standing.consecutive_failures(), standing.last_success()), (2, Some(0.0)));
    }

    #[test]
    fn an_old_timeout_does_not_overrule_a_newer_answer() {
        let mut standing = standing();
        standing.decided(2, A, &good(), at(2));
        standing.decided(1, A, &bad(), at(4));
        standing.silent(1);
        assert_eq!(standing.is_up(), Some(true));
        assert_eq!(standing.consecutive_failures(), 0);
        assert_eq!(standing.addresses()[0].is_up(), Some(true));
    }

    #[test]
    fn an_old_answer_does_not_overrule_a_newer_failure_but_is_remembered() {
        let mut standing = standing();
        standing.silent(2);
        standing.decided(1, A, &good(), at(4));
        assert_eq!(standing.is_up(), Some(false));
        assert_eq!(standing.last_success(), Some(at(4).unix_seconds));
    }

    #[test]
    fn a_wall_clock_that_was_set_back_hides_no_outage() {
        let mut standing = standing();
        standing.decided(1, A, &good(), at(3600));
        standing.decided(2, A, &good(), at(2));
        assert_eq!(standing.last_success(), Some(at(2).unix_seconds));
    }

    #[test]
    fn failures_decided_out_of_order_all_count() {
        let mut standing = standing();
        for round in [2, 3, 1] {
            standing.silent(round);
        }
        assert_eq!(standing.consecutive_failures(), 3);
        standing.decided(4, A, &good(), at(9));
        assert_eq!((standing.is_up(), standing.consecutive_failures()), (Some(true), 0));
    }

    #[test]
    fn an_address_keeps_its_minimum_when_the_slots_move() {
        let mut standing = standing();
        standing.decided(1, B, &good(), at(1));
        standing.resolved(&[B]);
        let slot = &standing.addresses()[0];
        assert_eq!(slot.ip, B);
        assert_eq!(slot.min_rtt(at(2).monotonic), Some(Duration::from_millis(20)));
        standing.resolved(&[]);
        assert_eq!((standing.found(), standing.addresses().len()), (0, 0));
    }

    #[test]
    fn more_addresses_are_counted_than_probed() {
        let ips: Vec<IpAddr> = (1..=6).map(|n| IpAddr::from([192, 0, 2, n])).collect();
        let mut standing = Standing::default();
        standing.resolved(&ips);
        assert_eq!((standing.found(), standing.addresses().len()), (6, MOST_ADDRESSES));
    }
}
