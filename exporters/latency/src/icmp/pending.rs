//! The echoes that were sent and what became of each. No I/O, no clock.
//!
//! An echo is decided once: by its reply, or by its limit. It is remembered a while longer, so that a
//! reply that comes late or twice is known as such.
//!
//! An ICMP error decides nothing: anybody may send one, and quote 8 bytes of an echo to somebody else
//! (RFC 5927). It is told to who waits, and says why when no reply comes within the limit.

use std::net::IpAddr;
use std::time::Duration;

use super::echo::{Echo, round_trip};
use super::options::Asked;
use super::send_queue::{Numbered, SendQueue};

/// How long a decided echo is remembered. Judged from late replies: a host that wakes up, or a
/// full buffer on a mobile link, holds packets for some seconds; what comes later is noise.
pub(crate) const MEMORY: Duration = Duration::from_secs(10);

/// How long one is that was replied to. What comes twice was doubled on the way, and comes soon: what is remembered of
/// ten thousand echoes a second is a good part of all that is kept.
const MEMORY_OF_REPLIED: Duration = Duration::from_secs(3);

/// After so many echoes a sequence number comes round again.
const SEQUENCES: u32 = 1 << 16;

/// Limits are told apart by their power of two, in seconds: up to 1, 2, 4 and so on. What is forgotten in the order of
/// sending is so forgotten in time, and an echo that may take a minute keeps none that may take a second.
const QUEUES: usize = 9;

/// Echoes in the order of sending. `T` is whoever waits for the answer.
///
/// No map: 10,000 echoes a second are 130,000 that are remembered, and the sequence number says
/// already which two or three of them a reply can be of.
#[derive(Debug)]
pub(crate) struct Pending<T> {
    /// For each limit the echoes that were sent lately; then, for each, older ones without a reply.
    queues: [SendQueue<Sent<T>>; 2 * QUEUES],
    /// The number of the next echo; the low 16 bits are sent as its sequence number.
    next: u32,
}

/// An echo that was sent, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    number: u32,
    queue: usize,
}

impl Ticket {
    /// What is sent as the sequence number.
    pub(crate) fn sequence(self) -> u16 {
        let [.., high, low] = self.number.to_be_bytes();
        u16::from_be_bytes([high, low])
    }
}

#[derive(Debug)]
struct Sent<T> {
    /// What is sent, folded: nobody guesses that either.
    cookie: u64,
    /// What was asked, in its parts, so that no room is lost to alignment.
    to: IpAddr,
    options: u16,
    fate: Fate,
    number: u32,
    /// In nanoseconds.
    at: u64,
    /// In milliseconds, begun ones counted; of one that was replied to, its round trip.
    limit: u32,
    waiter: T,
}

impl<T> Sent<T> {
    /// Until when it is decided at the latest.
    fn decided(&self) -> u64 {
        self.at.saturating_add(u64::from(self.limit).saturating_mul(1_000_000))
    }
}

impl<T> Numbered for Sent<T> {
    fn number(&self) -> u32 {
        self.number
    }
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
    /// To whom, and how.
    pub(crate) asked: Asked,
    /// Who waits for it, or did.
    pub(crate) waiter: &'a mut T,
}

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Self { queues: std::array::from_fn(|_| SendQueue::default()), next: 0 }
    }
}

impl<T> Pending<T> {
    /// Records an echo that is about to be sent.
    pub(crate) fn send(
        &mut self,
        cookie: u128,
        asked: Asked,
        at: Duration,
        limit: Duration,
        waiter: T,
    ) -> Ticket {
        let ticket = Ticket { number: self.next, queue: queue(limit) };
        self.next = self.next.wrapping_add(1);
        self.queues[ticket.queue].push(Sent {
            cookie: folded(cookie),
            to: asked.to,
            options: asked.options,
            fate: Fate::Open,
            number: ticket.number,
            at: nanos(at),
            limit: begun_milliseconds(limit),
            waiter,
        });
        ticket
    }

    /// A reply, read at `now` after it had waited for `queued`. `None` if it is nobody's.
    pub(crate) fn reply(
        &mut self,
        echo: Echo,
        from: IpAddr,
        now: Duration,
        queued: Duration,
    ) -> Option<Found<'_, T>> {
        let cookie = folded(echo.cookie?);
        let sent = self.find(echo.sequence, |sent| sent.cookie == cookie)?;
        if sent.to != from {
            return None;
        }
        let fate = std::mem::replace(&mut sent.fate, Fate::Replied);
        let at = Duration::from_nanos(sent.at);
        let rtt = round_trip(at, now, queued);
        let arrival = match fate {
            Fate::Open if rtt <= Duration::from_millis(sent.limit.into()) => Arrival::Answer(rtt),
            Fate::Open | Fate::GivenUp => Arrival::Late,
            Fate::Replied => Arrival::Duplicate,
        };
        sent.limit = begun_milliseconds(rtt);
        let asked = Asked { to: sent.to, options: sent.options };
        Some(Found { arrival, sent: at, asked, waiter: &mut sent.waiter })
    }

    /// Who waits for an echo to `to` that an ICMP error quotes; nobody if it is decided. An error that
    /// quotes no cookie, but a header and 8 bytes as is the least (RFC 792), is taken to be of the
    /// newest echo with its number.
    pub(crate) fn error(&mut self, quoted: Echo, to: IpAddr) -> Option<&mut T> {
        let cookie = quoted.cookie.map(folded);
        let sent = self.find(quoted.sequence, |sent| cookie.is_none_or(|it| it == sent.cookie))?;
        (sent.to == to && sent.fate == Fate::Open).then_some(&mut sent.waiter)
    }

    /// The limit of an echo has passed: a reply from now on is late. Returns who waited, if the echo
    /// was not decided.
    pub(crate) fn give_up(&mut self, ticket: Ticket) -> Option<&mut T> {
        let Ticket { number, queue } = ticket;
        let mut places = [queue, queue + QUEUES].into_iter();
        let place = places.find(|place| self.queues[*place].get_mut(number).is_some())?;
        let sent = self.queues[place].get_mut(number)?;
        if sent.fate != Fate::Open {
            return None;
        }
        sent.fate = Fate::GivenUp;
        Some(&mut sent.waiter)
    }

    /// The echo that was recorded last could not be sent after all; gives back who waits for it.
    pub(crate) fn unsend(&mut self, ticket: Ticket) -> Option<T> {
        let sent = self.queues[ticket.queue].take_back(ticket.number)?;
        self.next = ticket.number;
        Some(sent.waiter)
    }

    /// Forgets what was decided long ago. What may still lie in the socket must have been read at `now`.
    pub(crate) fn sweep(&mut self, now: Duration) {
        let now = nanos(now);
        let (lately, older) = self.queues.split_at_mut(QUEUES);
        for (lately, older) in lately.iter_mut().zip(older) {
            // One without a reply keeps none behind it that had theirs.
            while let Some(sent) = lately.pop_if(|it| it.at + nanos(MEMORY_OF_REPLIED) < now) {
                if sent.fate != Fate::Replied || sent.decided() + nanos(MEMORY_OF_REPLIED) >= now {
                    older.push(sent);
                }
            }
            while older.pop_if(|sent| sent.decided() + nanos(MEMORY) < now).is_some() {}
        }
    }

    /// The newest echo with this sequence number that is such.
    fn find(&mut self, sequence: u16, is_it: impl Fn(&Sent<T>) -> bool) -> Option<&mut Sent<T>> {
        let newest = self.next.wrapping_sub(1);
        let passed = newest.wrapping_sub(sequence.into()) % SEQUENCES;
        let oldest = self.queues.iter().filter_map(SendQueue::first);
        let oldest = oldest.map(|first| newest.wrapping_sub(first)).max()?;
        for passed in (passed..=oldest).step_by(SEQUENCES as usize) {
            let number = newest.wrapping_sub(passed);
            let mut queues = 0..2 * QUEUES;
            let found = queues
                .find(|queue| self.queues[*queue].get_mut(number).is_some_and(|it| is_it(it)));
            if let Some(queue) = found {
                return self.queues[queue].get_mut(number);
            }
        }
        None
    }
}

fn begun_milliseconds(time: Duration) -> u32 {
    u32::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX)
}

/// Which queue is for this limit.
fn queue(limit: Duration) -> usize {
    let seconds = limit.as_millis().div_ceil(1000).max(1).next_power_of_two();
    usize::try_from(seconds.trailing_zeros()).map_or(QUEUES - 1, |queue| queue.min(QUEUES - 1))
}

/// What is remembered of a cookie: half as much, in which each bit of it counts.
fn folded(cookie: u128) -> u64 {
    #[expect(clippy::cast_possible_truncation, reason = "the other half is in it as well")]
    let folded = (cookie ^ (cookie >> 64)) as u64;
    folded
}

fn nanos(duration: Duration) -> u64 {
    // Never cut: that would be centuries. A limit that is too long to be added to a time is none.
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX).min(u64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));
    const COOKIE: u128 = 77;
    const LIMIT: Duration = Duration::from_secs(3);

    const FIRST: Ticket = Ticket { number: 0, queue: 2 };

    fn asked(to: IpAddr) -> Asked {
        Asked { to, options: 0 }
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn sent() -> Pending<&'static str> {
        let mut pending = Pending::default();
        pending.send(COOKIE, asked(HERE), ms(1000), LIMIT, "waiter");
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
        pending.give_up(FIRST);
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
        for bit in 0..128 {
            let altered = Echo { cookie: Some(COOKIE ^ (1 << bit)), ..echo() };
            assert!(pending.reply(altered, HERE, ms(1001), ms(0)).is_none(), "{bit}");
        }
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
            assert_eq!(pending.give_up(FIRST), None);
        }
    }

    #[test]
    fn an_error_is_of_no_use_after_the_limit() {
        let mut pending = sent();
        assert_eq!(pending.give_up(FIRST), Some(&mut "waiter"));
        assert_eq!(pending.error(echo(), HERE), None);
    }

    #[test]
    fn what_is_long_decided_is_forgotten() {
        let mut pending = sent();
        let later = ms(1000) + LIMIT + MEMORY + ms(1);
        pending.send(78, asked(HERE), later, LIMIT, "later");
        pending.sweep(later);
        assert_eq!(reply(&mut pending, 20_000, 0), None);
        assert_eq!(kept(&pending), 1);
    }

    fn kept<T>(pending: &Pending<T>) -> usize {
        pending.queues.iter().map(SendQueue::len).sum()
    }

    #[test]
    fn an_echo_that_may_take_a_minute_keeps_no_other() {
        let mut pending = Pending::default();
        let minute = Duration::from_secs(60);
        for second in 0..100 {
            let at = Duration::from_secs(second);
            pending.sweep(at);
            pending.send(second.into(), asked(ELSEWHERE), at, minute, "silent");
            for n in 0..10 {
                pending.send(1000 + n, asked(HERE), at, LIMIT, "quick");
            }
        }
        // Each is found behind those that are remembered longer.
        let echo = |number: u32, cookie| {
            let [.., high, low] = number.to_be_bytes();
            let sequence = u16::from_be_bytes([high, low]);
            Echo { identifier: 0, sequence, cookie: Some(cookie) }
        };
        let now = Duration::from_secs(99);
        for (number, cookie, from) in
            [(99 * 11, 99, ELSEWHERE), (40 * 11, 40, ELSEWHERE), (99 * 11 + 10, 1009, HERE)]
        {
            assert!(pending.reply(echo(number, cookie), from, now, ms(0)).is_some(), "{number}");
        }
        let of = |limit| {
            let queue = queue(limit);
            pending.queues[queue].len() + pending.queues[queue + QUEUES].len()
        };
        assert_eq!((of(minute), of(LIMIT)), (71, 140));
        pending.sweep(Duration::from_secs(200));
        assert_eq!(kept(&pending), 0);
    }

    #[test]
    fn what_was_replied_to_is_forgotten_sooner_and_not_held_up_by_what_was_not() {
        let mut pending = Pending::default();
        for number in 0..2_000_u32 {
            let at = ms(10 * u64::from(number));
            pending.sweep(at);
            pending.send(number.into(), asked(HERE), at, LIMIT, "waiter");
            if number % 10 > 0 {
                let [.., high, low] = number.to_be_bytes();
                let sequence = u16::from_be_bytes([high, low]);
                let echo = Echo { identifier: 0, sequence, cookie: Some(number.into()) };
                let found = pending.reply(echo, HERE, at + ms(2), ms(0));
                assert!(found.is_some_and(|it| matches!(it.arrival, Arrival::Answer(_))));
            }
        }
        // One a tenth of a second for thirteen, and nine for three.
        let kept = kept(&pending);
        assert!((131 + 9 * 30..=131 + 9 * 31).contains(&kept), "{kept}");
        // A slow one is remembered for as long behind its reply.
        let at = ms(20_000);
        let slow = pending.send(7_777, asked(HERE), at, LIMIT, "slow");
        let echo = Echo { identifier: 0, sequence: slow.sequence(), cookie: Some(7_777) };
        let mut arrival = |after: u64| {
            pending.sweep(at + ms(after));
            pending.reply(echo, HERE, at + ms(after), ms(0)).map(|found| found.arrival)
        };
        assert_eq!(arrival(2_900), Some(Arrival::Answer(ms(2_900))));
        assert_eq!(arrival(5_800), Some(Arrival::Duplicate));
    }

    #[test]
    fn what_is_kept_of_an_echo_is_small() {
        assert!(size_of::<Sent<[u64; 4]>>() <= 80, "{}", size_of::<Sent<[u64; 4]>>());
    }

    #[test]
    fn a_sequence_number_that_came_round_names_the_newer_echo() {
        let mut pending = Pending::default();
        for cookie in 0..=65_536 {
            pending.send(cookie, asked(HERE), ms(1), LIMIT, cookie);
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
        assert_eq!(pending.send(78, asked(HERE), ms(1001), LIMIT, "unsent").sequence(), 1);
        assert_eq!(pending.unsend(Ticket { number: 1, ..FIRST }), Some("unsent"));
        assert_eq!(pending.send(79, asked(HERE), ms(1001), LIMIT, "next").sequence(), 1);
        let echo = Echo { identifier: 0, sequence: 1, cookie: Some(79) };
        assert_eq!(*pending.reply(echo, HERE, ms(1002), ms(0)).unwrap().waiter, "next");
    }
}
