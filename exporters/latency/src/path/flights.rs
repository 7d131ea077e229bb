//! The probes that are under way: whose an answer is. No I/O, no clock.
//!
//! A router may quote no more of a probe than its header, so an error is known by the sequence number and by
//! where the probe went; an echo reply must carry the cookie besides, and come from there. Each probe has one
//! answer, and what belongs to none is left alone, however much of it comes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use super::packet::Cookie;
use crate::icmp::round_trip;

/// So many probes may be under way by one socket.
const MOST: usize = 1 << 14;

/// Probes by their sequence numbers.
#[derive(Debug)]
pub(crate) struct Flights<T> {
    next: u16,
    under_way: HashMap<u16, Flight<T>>,
}

#[derive(Debug)]
struct Flight<T> {
    to: IpAddr,
    cookie: Cookie,
    sent: Duration,
    whose: T,
}

impl<T> Default for Flights<T> {
    fn default() -> Self {
        Self { next: 0, under_way: HashMap::new() }
    }
}

impl<T> Flights<T> {
    /// A probe leaves; its sequence number. None when too many are under way.
    pub(crate) fn send(
        &mut self,
        to: IpAddr,
        cookie: Cookie,
        sent: Duration,
        whose: T,
    ) -> Option<u16> {
        if self.under_way.len() >= MOST {
            return None;
        }
        while self.under_way.contains_key(&self.next) {
            self.next = self.next.wrapping_add(1);
        }
        let sequence = self.next;
        self.next = self.next.wrapping_add(1);
        self.under_way.insert(sequence, Flight { to, cookie, sent, whose });
        Some(sequence)
    }

    /// How many are under way.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.under_way.len()
    }

    /// A probe is waited for no more.
    pub(crate) fn forget(&mut self, sequence: u16) {
        self.under_way.remove(&sequence);
    }

    /// An echo reply: whose it is, and the time there and back.
    pub(crate) fn reply(
        &mut self,
        sequence: u16,
        from: IpAddr,
        cookie: &Cookie,
        now: Duration,
        waited: Duration,
    ) -> Option<(T, Duration)> {
        let is_its = |flight: &Flight<T>| flight.to == from && flight.cookie == *cookie;
        self.take(sequence, is_its, now, waited)
    }

    /// An error about a probe that went `to` there.
    pub(crate) fn error(
        &mut self,
        sequence: u16,
        to: IpAddr,
        now: Duration,
        waited: Duration,
    ) -> Option<(T, Duration)> {
        self.take(sequence, |flight| flight.to == to, now, waited)
    }

    fn take(
        &mut self,
        sequence: u16,
        is_its: impl FnOnce(&Flight<T>) -> bool,
        now: Duration,
        waited: Duration,
    ) -> Option<(T, Duration)> {
        self.under_way.get(&sequence).filter(|flight| is_its(flight))?;
        let flight = self.under_way.remove(&sequence)?;
        Some((flight.whose, round_trip(flight.sent, now, waited)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));
    const ZERO: Duration = Duration::ZERO;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn an_answer_is_its_probe_s_once() {
        let mut flights = Flights::default();
        let sequence = flights.send(TO, [1; 14], ms(5), "a").unwrap();
        assert_eq!(flights.error(sequence, TO, ms(25), ms(5)), Some(("a", ms(15))));
        assert_eq!(flights.error(sequence, TO, ms(26), ZERO), None);
        let sequence = flights.send(TO, [1; 14], ms(30), "b").unwrap();
        assert_eq!(flights.reply(sequence, TO, &[1; 14], ms(40), ZERO), Some(("b", ms(10))));
        assert!(flights.under_way.is_empty());
    }

    #[test]
    fn what_is_forged_is_nobody_s_and_leaves_nothing() {
        let mut flights = Flights::default();
        let sequence = flights.send(TO, [1; 14], ZERO, "a").unwrap();
        for number in 0..=u16::MAX {
            assert_eq!(flights.error(number, OTHER, ms(1), ZERO), None);
            assert_eq!(flights.reply(number, TO, &[2; 14], ms(1), ZERO), None);
            assert_eq!(flights.reply(number, OTHER, &[1; 14], ms(1), ZERO), None);
        }
        assert_eq!(flights.error(sequence.wrapping_add(1), TO, ms(1), ZERO), None);
        assert_eq!(flights.under_way.len(), 1);
        flights.forget(sequence);
        assert!(flights.under_way.is_empty());
    }

    #[test]
    fn numbers_that_are_under_way_are_not_given_again_and_there_is_an_end() {
        let mut flights = Flights::default();
        let first = flights.send(TO, [0; 14], ZERO, 0).unwrap();
        for _ in 0..3 * usize::from(u16::MAX) {
            let number = flights.send(TO, [0; 14], ZERO, 1).unwrap();
            assert_ne!(number, first);
            flights.forget(number);
        }
        while flights.send(TO, [0; 14], ZERO, 2).is_some() {}
        assert_eq!(flights.under_way.len(), MOST);
    }
}
