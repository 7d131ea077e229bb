//! The echoes that were sent and what became of each. No I/O, no clock.
//!
//! An echo is decided once: by its reply, or by its limit. It is remembered a while longer, so that a
//! reply that comes late or twice is known as such.
//!
//! An ICMP error decides nothing: anybody may send one, and quote 8 bytes of an echo to somebody else
//! (RFC 5927). It is told to who waits, and says why when no reply comes within the limit.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use super::echo::{Echo, round_trip};

/// How long a decided echo is remembered. Judged from late replies: a host that wakes up, or a
/// full buffer on a mobile link, holds packets for some seconds; what comes later is noise.
const MEMORY: Duration = Duration::from_secs(10);

/// After so many echoes a sequence number comes round again.
const SEQUENCES: usize = 1 << 16;

/// Echoes in the order of sending. `T` is whoever waits for the answer.
///
/// No map: 10,000 echoes a second are 130,000 that are remembered, and the sequence number says
/// already which two or three of them a reply can be of.
#[derive(Debug)]
pub(crate) struct Pending<T> {
    sent: VecDeque<Sent<T>>,
    /// The sequence number of the first of them; those after it have the numbers that follow.
    first: u16,
}

#[derive(Debug)]
struct Sent<T> {
    /// Bytes, so that no room is lost to alignment.
    cookie: [u8; 16],
    to: IpAddr,
    at: Duration,
    limit: Duration,
    fate: Fate,
    waiter: T,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Not decided.
    Open,
    /// Decided by the reply, or decided without it and then the reply came.
    Replied,
    /// Decided without a reply.
    GivenUp,
}

/// What a packet that came in means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The answer, after this round trip.
    Answer(Duration),
    /// The answer, but later than the limit. It decides the echo, if that was open, as a timeout.
    Late,
    /// An answer that had come already.
    Duplicate,
}

/// What a reply is to.
#[derive(Debug)]
pub(crate) struct Found<'a, T> {
    /// What it means.
    pub(crate) arrival: Arrival,
    /// When its echo was sent.
    pub(crate) sent: Duration,
    /// Who waits for it, or did.
    pub(crate) waiter: &'a mut T,
}

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Self { sent: VecDeque::new(), first: 0 }
    }
}

impl<T> Pending<T> {
    /// Records an echo that is about to be sent; returns its sequence number.
    pub(crate) fn send(
        &mut self,
        cookie: u128,
        to: IpAddr,
        at: Duration,
        limit: Duration,
        waiter: T,
    ) -> u16 {
        self.sweep(at);
        let sequence = self.first.wrapping_add(low(self.sent.len()));
        let cookie = cookie.to_ne_bytes();
        self.sent.push_back(Sent { cookie, to, at, limit, fate: Fate::Open, waiter });
        sequence
    }

    /// A reply, read at `now` after it had waited for `queued`. `None` if it is nobody's.
    pub(crate) fn reply(
        &mut self,
        echo: Echo,
        from: IpAddr,
        now: Duration,
        queued: Duration,
    ) -> Option<Found<'_, T>> {
        let sent = self.find(echo.sequence, echo.cookie?)?;
        if sent.to != from {
            return None;
        }
        let fate = std::mem::replace(&mut sent.fate, Fate::Replied);
        let rtt = round_trip(sent.at, now, queued);
        let arrival = match fate {
            Fate::Open if rtt <= sent.limit => Arrival::Answer(rtt),
            Fate::Open | Fate::GivenUp => Arrival::Late,
            Fate::Replied => Arrival::Duplicate,
        };
        Some(Found { arrival, sent: sent.at, waiter: &mut sent.waiter })
    }

    /// Who waits for an echo to `to` that an ICMP error quotes; nobody if it is decided. An error that
    /// quotes no cookie, but a header and 8 bytes as is the least (RFC 792), is taken to be of the
    /// newest echo with its number.
    pub(crate) fn error(&mut self, quoted: Echo, to: IpAddr) -> Option<&mut T> {
        let sent = if let Some(cookie) = quoted.cookie {
            self.find(quoted.sequence, cookie)?
        } else {
            let newest = self.places(quoted.sequence).next()?;
            &mut self.sent[newest]
        };
        (sent.to == to && sent.fate == Fate::Open).then_some(&mut sent.waiter)
    }

    /// The limit of an echo has passed: a reply from now on is late. Returns who waited, if the echo
    /// was not decided.
    pub(crate) fn give_up(&mut self, sequence: u16, cookie: u128) -> Option<&mut T> {
        let sent = self.find(sequence, cookie).filter(|sent| sent.fate == Fate::Open)?;
        sent.fate = Fate::GivenUp;
        Some(&mut sent.waiter)
    }

    /// The echo that was recorded last could not be sent after all.
    pub(crate) fn unsend(&mut self) {
        self.sent.pop_back();
    }

    fn find(&mut self, sequence: u16, cookie: u128) -> Option<&mut Sent<T>> {
        let cookie = cookie.to_ne_bytes();
        let place = self.places(sequence).find(|place| self.sent[*place].cookie == cookie)?;
        self.sent.get_mut(place)
    }

    /// Where echoes with this number stand, from the newest to the oldest.
    fn places(&self, sequence: u16) -> impl Iterator<Item = usize> + use<T> {
        let oldest = usize::from(sequence.wrapping_sub(self.first));
        (oldest..self.sent.len()).step_by(SEQUENCES).rev()
    }

    fn sweep(&mut self, now: Duration) {
        // In the order of sending, which is near enough to that of forgetting.
        while self.sent.front().is_some_and(|sent| sent.at + sent.limit + MEMORY < now) {
            self.sent.pop_front();
            self.first = self.first.wrapping_add(1);
        }
    }
}

/// The low 16 bits.
fn low(number: usize) -> u16 {
    u16::try_from(number % SEQUENCES).expect("the remainder of 2^16 has 16 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));
    const COOKIE: u128 = 77;
    const LIMIT: Duration = Duration::from_secs(3);

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn sent() -> Pending<&'static str> {
        let mut pending = Pending::default();
        pending.send(COOKIE, HERE, ms(1000), LIMIT, "waiter");
        pending
    }

    fn echo() -> Echo {
        Echo { identifier: 0, sequence: 0, cookie: Some(COOKIE) }
    }

    fn reply(pending: &mut Pending<&'static str>, now: u64, queued: u64) -> Option<Arrival> {
        pending.reply(echo(), HERE, ms(now), ms(queued)).map(|found| found.arrival)
    }

    #[test]
    fn the_first_reply_decides_and_the_second_is_a_duplicate() {
        let mut pending = sent();
        assert_eq!(reply(&mut pending, 1020, 0), Some(Arrival::Answer(ms(20))));
        assert_eq!(reply(&mut pending, 1021, 0), Some(Arrival::Duplicate));
    }

    #[test]
    fn a_reply_after_the_limit_is_late_and_another_a_duplicate() {
        let mut pending = sent();
        pending.give_up(0, COOKIE);
        assert_eq!(reply(&mut pending, 4500, 0), Some(Arrival::Late));
        assert_eq!(reply(&mut pending, 4600, 0), Some(Arrival::Duplicate));
    }

    #[test]
    fn a_reply_that_was_in_time_but_read_late_counts() {
        assert_eq!(reply(&mut sent(), 4050, 100), Some(Arrival::Answer(ms(2950))));
        assert_eq!(reply(&mut sent(), 4050, 0), Some(Arrival::Late));
    }

    #[test]
    fn a_reply_from_elsewhere_or_without_the_cookie_is_nobodys() {
        let mut pending = sent();
        assert!(pending.reply(echo(), ELSEWHERE, ms(1001), ms(0)).is_none());
        let stranger = Echo { cookie: Some(1), ..echo() };
        assert!(pending.reply(stranger, HERE, ms(1001), ms(0)).is_none());
        let other = Echo { sequence: 9, ..echo() };
        assert!(pending.reply(other, HERE, ms(1001), ms(0)).is_none());
        assert_eq!(reply(&mut pending, 1020, 0), Some(Arrival::Answer(ms(20))));
    }

    #[test]
    fn an_error_is_told_to_who_waits_and_the_reply_still_wins() {
        for cookie in [Some(COOKIE), None] {
            let mut pending = sent();
            let quoted = Echo { identifier: 0, sequence: 0, cookie };
            assert_eq!(pending.error(quoted, ELSEWHERE), None);
            assert_eq!(pending.error(quoted, HERE), Some(&mut "waiter"));
            assert_eq!(reply(&mut pending, 1900, 0), Some(Arrival::Answer(ms(900))));
            assert_eq!(pending.error(quoted, HERE), None, "the echo is decided");
            assert_eq!(pending.give_up(0, COOKIE), None);
        }
    }

    #[test]
    fn an_error_is_of_no_use_after_the_limit() {
        let mut pending = sent();
        assert_eq!(pending.give_up(0, COOKIE), Some(&mut "waiter"));
        assert_eq!(pending.error(echo(), HERE), None);
    }

    #[test]
    fn what_is_long_decided_is_forgotten() {
        let mut pending = sent();
        pending.send(78, HERE, ms(1000) + LIMIT + MEMORY + ms(1), LIMIT, "later");
        assert_eq!(reply(&mut pending, 20_000, 0), None);
        assert_eq!((pending.sent.len(), pending.first), (1, 1));
    }

    #[test]
    fn a_sequence_number_that_came_round_names_the_newer_echo() {
        let mut pending = Pending::default();
        for cookie in 0..=65_536 {
            pending.send(cookie, HERE, ms(1), LIMIT, cookie);
        }
        let quoted = Echo { identifier: 0, sequence: 0, cookie: None };
        assert_eq!(pending.error(quoted, HERE), Some(&mut 65_536));
        // With a cookie, both are told apart.
        let first = Echo { cookie: Some(0), ..quoted };
        assert_eq!(*pending.reply(first, HERE, ms(2), ms(0)).unwrap().waiter, 0);
        let second = Echo { cookie: Some(65_536), ..quoted };
        assert_eq!(*pending.reply(second, HERE, ms(2), ms(0)).unwrap().waiter, 65_536);
    }

    #[test]
    fn what_was_not_sent_leaves_its_number_to_the_next() {
        let mut pending = sent();
        assert_eq!(pending.send(78, HERE, ms(1001), LIMIT, "unsent"), 1);
        pending.unsend();
        assert_eq!(pending.send(79, HERE, ms(1001), LIMIT, "next"), 1);
        let echo = Echo { identifier: 0, sequence: 1, cookie: Some(79) };
        assert_eq!(*pending.reply(echo, HERE, ms(1002), ms(0)).unwrap().waiter, "next");
    }
}
