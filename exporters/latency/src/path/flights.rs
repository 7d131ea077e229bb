//! The probes that are under way: whose an answer is. No I/O, no clock.
//!
//! A router may quote no more of a probe than its header, so an error is known by the sequence number and by
//! where the probe went; an echo reply must carry the cookie besides, and come from there. Each probe has one
//! answer, and what belongs to none is left alone, however much of it comes.
//!
//! Whoever is not on the way has to guess the sequence number, as with TCP (RFC 5961): each probe's is drawn by itself,
//! so that one tells nothing of another, and a trace about which more was guessed than chance explains is not believed.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::time::Duration;

use super::packet::Cookie;
use crate::icmp::round_trip;

/// So many probes may be under way by one socket.
const MOST: usize = 1 << 14;
/// So many errors about a trace may belong to none of its probes: twice what it sends, for those that come twice, and
/// late. Who guesses so often has hit one of ten that are under way with a chance of one in seventy.
pub(crate) const MOST_STRAYS: u32 = 90;

/// Probes by their sequence numbers.
#[derive(Debug)]
pub(crate) struct Flights<T> {
    under_way: HashMap<u16, Flight<T>>,
    /// By where they go.
    traces: HashMap<IpAddr, Traces>,
}

/// The traces to one address.
#[derive(Debug, Default)]
struct Traces {
    under_way: usize,
    /// Errors that belong to none of their probes.
    strays: u32,
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
        Self { under_way: HashMap::new(), traces: HashMap::new() }
    }
}

impl<T> Flights<T> {
    /// A trace to an address begins.
    pub(crate) fn begin(&mut self, to: IpAddr) {
        self.traces.entry(to).or_default().under_way += 1;
    }

    /// How many errors about traces to that address belong to none of their probes.
    pub(crate) fn strays(&self, to: IpAddr) -> u32 {
        self.traces.get(&to).map_or(0, |traces| traces.strays)
    }

    /// It has ended.
    pub(crate) fn end(&mut self, to: IpAddr) {
        if let Entry::Occupied(mut traces) = self.traces.entry(to) {
            traces.get_mut().under_way -= 1;
            if traces.get().under_way == 0 {
                traces.remove();
            }
        }
    }

    /// A probe leaves; its sequence number, which is the one that was `drawn` for it or the next that is free. None when
    /// too many are under way.
    pub(crate) fn send(
        &mut self,
        to: IpAddr,
        cookie: Cookie,
        sent: Duration,
        whose: T,
        drawn: u16,
    ) -> Option<u16> {
        if self.under_way.len() >= MOST {
            return None;
        }
        let from_drawn = (0..=u16::MAX).map(|step| drawn.wrapping_add(step));
        let sequence = from_drawn.into_iter().find(|it| !self.under_way.contains_key(it))?;
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
        let found = self.take(sequence, |flight| flight.to == to, now, waited);
        if found.is_none()
            && let Some(traces) = self.traces.get_mut(&to)
        {
            traces.strays = traces.strays.saturating_add(1);
        }
        found
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
        let sequence = flights.send(TO, [1; 14], ms(5), "a", 7).unwrap();
        assert_eq!(flights.error(sequence, TO, ms(25), ms(5)), Some(("a", ms(15))));
        assert_eq!(flights.error(sequence, TO, ms(26), ZERO), None);
        let sequence = flights.send(TO, [1; 14], ms(30), "b", 7).unwrap();
        assert_eq!(flights.reply(sequence, TO, &[1; 14], ms(40), ZERO), Some(("b", ms(10))));
        assert!(flights.under_way.is_empty());
    }

    #[test]
    fn what_is_forged_is_nobody_s_and_leaves_nothing() {
        let mut flights = Flights::default();
        let sequence = flights.send(TO, [1; 14], ZERO, "a", 9).unwrap();
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
    fn guesses_about_a_trace_are_counted_as_long_as_it_is_under_way() {
        let mut flights = Flights::default();
        flights.begin(TO);
        let sequence = flights.send(TO, [1; 14], ZERO, "a", 500).unwrap();
        for number in 0..100 {
            assert_eq!(flights.error(number, TO, ms(1), ZERO), None);
            assert_eq!(flights.error(sequence, OTHER, ms(1), ZERO), None);
        }
        assert_eq!((flights.strays(TO), flights.strays(OTHER)), (100, 0));
        assert!(flights.error(sequence, TO, ms(1), ZERO).is_some());
        assert_eq!(flights.strays(TO), 100, "that was none");
        flights.begin(TO);
        flights.end(TO);
        assert_eq!(flights.strays(TO), 100, "one of two has ended");
        flights.end(TO);
        assert!(flights.strays(TO) == 0 && flights.traces.is_empty());
    }

    #[test]
    fn numbers_that_are_under_way_are_not_given_again_and_there_is_an_end() {
        let mut flights = Flights::default();
        assert_eq!(flights.send(TO, [0; 14], ZERO, 0, u16::MAX), Some(u16::MAX));
        for drawn in 1..=u16::MAX {
            let number = flights.send(TO, [0; 14], ZERO, 1, drawn).unwrap();
            assert_eq!(number, if drawn == u16::MAX { 0 } else { drawn });
            flights.forget(number);
        }
        let mut drawn = (0..u16::MAX).map(|number| number.wrapping_mul(40_503));
        while flights.send(TO, [0; 14], ZERO, 2, drawn.next().unwrap()).is_some() {}
        assert_eq!(flights.under_way.len(), MOST);
    }
}
