//! How a target stands: up or down, since when, at which of its addresses. No I/O, no clock.
//!
//! Probes are decided out of order: one that gets no answer is decided a timeout later than those
//! that were sent after it. So every round has a number, and what an older round found does not
//! overrule a newer one.
//!
//! A failure on our side (no permission, no descriptor, no memory) is no evidence about the target: a
//! round of nothing else decides nothing. What was known before holds a little longer, then the
//! target is not judged.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::chosen::Chosen;
pub(crate) use crate::chosen::MOST_ADDRESSES;
use crate::outcome::{Failure, Outcome, Phase, Seen, Session};
use crate::spread::Spread;
use crate::tally::Tally;
use crate::window::{Minutes, Window};

/// A judgement holds for so long while rounds fail on our side. Judged from the alerts, which take a
/// canary for silent after 30 s and a service after 57: three rounds of 5 s are over before that.
pub(crate) const KEPT: Duration = Duration::from_secs(15);

/// When something was decided.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moment {
    /// On a clock that never goes back, since the program's start.
    pub(crate) monotonic: Duration,
    /// Seconds since the epoch.
    pub(crate) unix_seconds: f64,
}

/// The newest of what was found, and whether it still says something.
#[derive(Clone, Copy, Debug)]
struct Newest<T> {
    /// The newest round that found something, what that was, and when it was decided.
    judged: Option<(u64, T, Duration)>,
    /// The newest round that failed on our side.
    unjudged: Option<u64>,
}

impl<T> Default for Newest<T> {
    fn default() -> Self {
        Self { judged: None, unjudged: None }
    }
}

impl<T: Copy> Newest<T> {
    fn judge(&mut self, round: u64, found: T, at: Duration) {
        if self.judged.is_none_or(|(newest, ..)| round >= newest) {
            self.judged = Some((round, found, at));
        }
    }

    fn fail_here(&mut self, round: u64) {
        self.unjudged = self.unjudged.max(Some(round));
    }

    /// `None` before the first judgement, and when rounds have failed on our side for [`KEPT`].
    fn get(&self, now: Duration) -> Option<T> {
        let (round, found, at) = self.judged?;
        let holds =
            self.unjudged.is_none_or(|newest| newest <= round) || now.saturating_sub(at) <= KEPT;
        holds.then_some(found)
    }
}

/// What is known of a target.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    tally: Tally,
    /// How often the TTL of an address's replies was another than before.
    hop_limit_changes: u64,
    /// Whether any address answered.
    up: Newest<bool>,
    /// Rounds in a row in which no address answered.
    consecutive_failures: u64,
    /// Seconds since the epoch.
    last_success: Option<f64>,
    /// How many addresses the name has.
    found: usize,
    /// The probed ones, by their slots.
    addresses: Vec<Address>,
    /// Those that were probed before, the newest first: a name whose lookup fails once, or that gives its
    /// addresses in turns, comes back to what is known of them.
    left: Vec<Address>,
    /// Who has a place.
    chosen: Chosen,
    /// The addresses that were put into a label within the hour, and when.
    shown: Vec<(IpAddr, Duration)>,
}

/// A name that gives other addresses each time shows so many in an hour: each is a series for the whole of a
/// retention. Those that take turns are ten.
const MOST_SHOWN: usize = 16;
const SHOWN: Duration = Duration::from_secs(3600);

/// So many addresses that are no longer probed are remembered.
const MOST_LEFT: usize = 2 * MOST_ADDRESSES;

/// The phases whose smallest time says how far away it is that answers.
const LENGTHS: [Phase; 3] = [Phase::Connect, Phase::Tls, Phase::Ttfb];

/// What is known of one address.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    /// The address.
    pub(crate) ip: IpAddr,
    /// Its number among those of the target, below [`MOST_ADDRESSES`].
    pub(crate) slot: usize,
    /// Whether its newest probe succeeded, and what came back.
    latest: Newest<(bool, Seen)>,
    /// Probes in a row that failed, and not on our side.
    failed: u64,
    rtts: Window,
    minutes: Minutes,
    /// Of the phases that [`LENGTHS`] names. Boxed: an echo has none.
    phases: Option<Box<[Window; LENGTHS.len()]>>,
    spread: Spread,
    /// Of the newest reply.
    hop_limit: Option<u8>,
    /// Whether it may be in a label.
    pub(crate) is_shown: bool,
    /// What TLS came to in the newest probe.
    session: Option<(u64, Option<Arc<Session>>)>,
}

impl Standing {
    /// A probe begins.
    pub(crate) fn begun(&mut self) {
        self.tally.in_flight += 1;
    }

    /// The one probe of a round without an address is decided.
    pub(crate) fn unresolved(&mut self, outcome: &Outcome) {
        self.tally.decide(outcome);
    }

    /// How many probes there were.
    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    /// What a page shows of it: a copy, without what only the next round needs.
    pub(crate) fn shown(&self) -> Self {
        let (addresses, left, shown) = (self.addresses.clone(), Vec::new(), Vec::new());
        Self { addresses, left, shown, chosen: Chosen::default(), ..*self }
    }

    /// How often the TTL of an address's replies was another than before.
    pub(crate) fn hop_limit_changes(&self) -> u64 {
        self.hop_limit_changes
    }

    /// Takes in the addresses of the name (sorted, so that at first slots are in order); returns those that are
    /// probed. Those that were there before keep what is known of them.
    pub(crate) fn resolved<'a>(&mut self, ips: &'a [IpAddr], now: Duration) -> Cow<'a, [IpAddr]> {
        self.found = ips.len();
        if let ([ip], [known]) = (ips, &self.addresses[..])
            && known.ip == *ip
        {
            return Cow::Borrowed(ips);
        }
        // Whoever has a place has it again after a lookup that failed.
        let fails = |ip| self.addresses.iter().any(|known| known.ip == ip && known.failed > 0);
        let probed = if ips.is_empty() { Vec::new() } else { self.chosen.choose(ips, fails, now) };
        let ips = || probed.iter().map(|(_, ip)| *ip);
        if probed.iter().copied().eq(self.addresses.iter().map(|it| (it.slot, it.ip))) {
            return ips().collect::<Vec<_>>().into();
        }
        let mut before = std::mem::take(&mut self.addresses);
        before.append(&mut self.left);
        // Most have one, and a list that grows begins with room for four.
        self.addresses.reserve_exact(probed.len());
        for (slot, ip) in &probed {
            let known = before.iter().position(|known| known.ip == *ip);
            let mut address = known.map_or_else(|| Address::new(*ip), |known| before.remove(known));
            (address.slot, address.is_shown) = (*slot, self.may_show(*ip, now));
            self.addresses.push(address);
        }
        before.truncate(MOST_LEFT);
        // A lookup that failed says of no address that it is the name's no longer.
        let leave = if probed.is_empty() { Address::rest } else { Address::leave };
        before.iter_mut().for_each(leave);
        self.left = before;
        ips().collect::<Vec<_>>().into()
    }

    /// Whether an address may be in a label: one that was within the hour, or one of the first few of it.
    fn may_show(&mut self, ip: IpAddr, now: Duration) -> bool {
        // It stands for a host whose addresses only a proxy knows.
        if ip.is_unspecified() {
            return false;
        }
        self.shown.retain(|(_, shown)| now.saturating_sub(*shown) < SHOWN);
        let has_room = self.shown.len() < MOST_SHOWN;
        match self.shown.iter_mut().find(|(known, _)| *known == ip) {
            Some((_, shown)) => *shown = now,
            None if has_room => {
                // Most have one.
                self.shown.reserve_exact(1);
                self.shown.push((ip, now));
            }
            None => return false,
        }
        true
    }

    /// Takes in one decided probe of one address.
    pub(crate) fn decided(&mut self, round: u64, ip: IpAddr, outcome: &Outcome, at: Moment) {
        self.tally.in_flight = self.tally.in_flight.saturating_sub(1);
        self.tally.decide(outcome);
        if let Some(address) = self.addresses.iter_mut().find(|address| address.ip == ip) {
            if let Some(rtt) = outcome.rtt {
                address.rtts.push(at.monotonic, rtt);
                address.minutes.push(at.monotonic, rtt);
                address.spread.push(rtt);
            }
            // One that a timeout has cut is as long as the timeout.
            if !outcome.was_cut_off() {
                for (number, phase) in LENGTHS.into_iter().enumerate() {
                    if let Some(took) = outcome.phases.get(phase) {
                        address.phases.get_or_insert_default()[number].push(at.monotonic, took);
                    }
                }
            }
            if let Seen::Echo { hop_limit: Some(hop_limit) } = outcome.seen {
                let before = address.hop_limit.replace(hop_limit);
                let is_another = before.is_some_and(|before| before != hop_limit);
                self.hop_limit_changes += u64::from(is_another);
            }
            if outcome.failure.is_some_and(Failure::is_ours) {
                address.latest.fail_here(round);
                // What was shown was seen, also where there is nothing to judge it by.
                if let Some(session) = outcome.session.as_deref() {
                    address.take_session(round, Some(session));
                }
            } else {
                let found = (outcome.failure.is_none(), outcome.seen);
                address.latest.judge(round, found, at.monotonic);
                address.take_session(round, outcome.session.as_deref());
                address.failed = if found.0 { 0 } else { address.failed + 1 };
            }
        }
        if outcome.failure.is_none() {
            self.answered(round, at);
        }
    }

    /// Some address answered in this round.
    fn answered(&mut self, round: u64, at: Moment) {
        // Not the larger one: a wall clock that was set back must not hide an outage.
        self.last_success = Some(at.unix_seconds);
        if self.up.judged.is_none_or(|(newest, ..)| round >= newest) {
            self.up.judge(round, true, at.monotonic);
            self.consecutive_failures = 0;
        }
    }

    /// Every probe of this round failed, or the name has no address; `reason` is the first that says
    /// something of the target, if any does.
    pub(crate) fn silent(&mut self, round: u64, reason: Failure, at: Moment) {
        if reason.is_ours() {
            return self.up.fail_here(round);
        }
        match self.up.judged {
            Some((newest, true, _)) if round <= newest => {}
            judged => {
                let newest = judged.map_or(round, |(newest, ..)| newest.max(round));
                self.up.judge(newest, false, at.monotonic);
                self.consecutive_failures += 1;
            }
        }
    }

    /// Whether no newer round says anything of the target.
    pub(crate) fn is_newest(&self, round: u64) -> bool {
        self.up.judged.is_none_or(|(newest, ..)| newest <= round)
    }

    /// Whether any address answered in the newest round that says something of the target; `None`
    /// before the first, and when rounds have failed on our side for [`KEPT`].
    pub(crate) fn is_up(&self, now: Duration) -> Option<bool> {
        self.up.get(now)
    }

    /// Rounds in a row in which no address answered; those that failed on our side are not counted.
    pub(crate) fn consecutive_failures(&self) -> u64 {
        self.consecutive_failures
    }

    /// Seconds since the epoch; 0 when the target was judged and has never answered, so that it
    /// counts as long down and not as unknown. `None` as long as it is not judged.
    pub(crate) fn last_success(&self, now: Duration) -> Option<f64> {
        self.is_up(now).map(|_| self.last_success.unwrap_or(0.0))
    }

    /// How many addresses the name has; of more than [`MOST_ADDRESSES`] some wait.
    pub(crate) fn found(&self) -> usize {
        self.found
    }

    /// The probed addresses, by slot.
    pub(crate) fn addresses(&self) -> &[Address] {
        &self.addresses
    }
}

impl Address {
    fn new(ip: IpAddr) -> Self {
        Self {
            ip,
            slot: 0,
            latest: Newest::default(),
            failed: 0,
            rtts: Window::default(),
            minutes: Minutes::default(),
            phases: None,
            spread: Spread::default(),
            hop_limit: None,
            is_shown: true,
            session: None,
        }
    }

    /// It is probed no longer: how it stood is not how it stands when it comes back.
    fn leave(&mut self) {
        (self.latest, self.failed, self.session) = (Newest::default(), 0, None);
    }

    /// It is not probed for a while: how it stood is not how it stands when it is again, but how often it failed is.
    fn rest(&mut self) {
        self.latest = Newest::default();
    }

    /// The smallest time of a phase in the last minute, of those phases that have one.
    pub(crate) fn min_phases(
        &self,
        now: Duration,
    ) -> impl Iterator<Item = (Phase, Duration)> + use<'_> {
        let phases = LENGTHS.into_iter().zip(self.phases.iter().flat_map(|all| all.iter()));
        phases.filter_map(move |(phase, window)| Some((phase, window.min(now)?)))
    }

    /// The smallest round trip of the last ten minutes.
    pub(crate) fn min_rtt_of_ten_minutes(&self, now: Duration) -> Option<Duration> {
        self.minutes.min(now)
    }

    /// How much its round trips differ, while there are any.
    pub(crate) fn spread(&self, now: Duration) -> Option<Spread> {
        self.min_rtt(now).map(|_| self.spread)
    }

    /// The TTL or hop limit of its newest reply, while there are any.
    pub(crate) fn reply_hop_limit(&self, now: Duration) -> Option<u8> {
        self.min_rtt(now).and(self.hop_limit)
    }

    /// Whether its newest probe succeeded; `None` while it is not judged.
    pub(crate) fn is_up(&self, now: Duration) -> Option<bool> {
        self.latest.get(now).map(|(up, _)| up)
    }

    /// What came back to its newest probe; `None` while it is not judged.
    pub(crate) fn seen(&self, now: Duration) -> Option<Seen> {
        self.latest.get(now).map(|(_, seen)| seen)
    }

    /// What TLS came to in its newest probe that says something of it; none while it is not judged.
    pub(crate) fn session(&self, now: Duration) -> Option<&Session> {
        self.latest.get(now).and(self.session.as_ref()?.1.as_deref())
    }

    /// Most sessions are as the one before: that is kept, once for all copies.
    fn take_session(&mut self, round: u64, session: Option<&Session>) {
        let before = match &self.session {
            Some((newest, _)) if round < *newest => return,
            Some((_, before)) => before.clone(),
            None => None,
        };
        let same = before.filter(|before| session == Some(&**before));
        let session = same.or_else(|| session.map(|session| Arc::new(session.clone())));
        self.session = session.is_some().then_some((round, session));
    }

    /// Probes in a row that failed; those that failed on our side are not counted.
    pub(crate) fn consecutive_failures(&self) -> u64 {
        self.failed
    }

    /// The smallest round trip of the last minute.
    pub(crate) fn min_rtt(&self, now: Duration) -> Option<Duration> {
        self.rtts.min(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    /// At an hour in which nothing else happens.
    const NOW: Duration = Duration::from_secs(3600);

    fn standing() -> Standing {
        let mut standing = Standing::default();
        standing.resolved(&[A, B], NOW);
        standing
    }

    #[test]
    fn nothing_is_claimed_before_the_first_decision() {
        let standing = standing();
        assert_eq!((standing.is_up(NOW), standing.last_success(NOW)), (None, None));
        assert_eq!(standing.addresses()[0].is_up(NOW), None);
    }

    #[test]
    fn one_address_that_answers_is_enough() {
        let mut standing = standing();
        standing.decided(1, A, &bad(), at(1));
        assert_eq!(standing.is_up(NOW), None, "the other one may still answer");
        standing.decided(1, B, &good(), at(1));
        assert_eq!(standing.is_up(NOW), Some(true));
        assert_eq!(standing.addresses()[0].is_up(NOW), Some(false));
        assert_eq!(standing.addresses()[1].is_up(NOW), Some(true));
    }

    #[test]
    fn a_target_that_never_answered_is_long_down() {
        let mut standing = standing();
        standing.silent(1, Failure::Timeout, at(4));
        standing.silent(2, Failure::Timeout, at(4));
        assert_eq!(standing.is_up(NOW), Some(false));
        assert_eq!((standing.consecutive_failures(), standing.last_success(NOW)), (2, Some(0.0)));
    }

    #[test]
    fn an_old_timeout_does_not_overrule_a_newer_answer() {
        let mut standing = standing();
        standing.decided(2, A, &good(), at(2));
        standing.decided(1, A, &bad(), at(4));
        standing.silent(1, Failure::Timeout, at(4));
        assert_eq!(standing.is_up(NOW), Some(true));
        assert_eq!(standing.consecutive_failures(), 0);
        assert_eq!(standing.addresses()[0].is_up(NOW), Some(true));
    }

    #[test]
    fn an_old_answer_does_not_overrule_a_newer_failure_but_is_remembered() {
        let mut standing = standing();
        standing.silent(2, Failure::Timeout, at(4));
        standing.decided(1, A, &good(), at(4));
        assert_eq!(standing.is_up(NOW), Some(false));
        assert_eq!(standing.last_success(NOW), Some(at(4).unix_seconds));
    }

    #[test]
    fn a_wall_clock_that_was_set_back_hides_no_outage() {
        let mut standing = standing();
        standing.decided(1, A, &good(), at(3600));
        standing.decided(2, A, &good(), at(2));
        assert_eq!(standing.last_success(NOW), Some(at(2).unix_seconds));
    }

    #[test]
    fn failures_decided_out_of_order_all_count() {
        let mut standing = standing();
        for round in [2, 3, 1] {
            standing.silent(round, Failure::Timeout, at(4));
        }
        assert_eq!(standing.consecutive_failures(), 3);
        standing.decided(4, A, &good(), at(9));
        assert_eq!((standing.is_up(NOW), standing.consecutive_failures()), (Some(true), 0));
    }

    #[test]
    fn an_address_keeps_its_minimum_when_the_slots_move() {
        let mut standing = standing();
        standing.decided(1, B, &good(), at(1));
        standing.resolved(&[B], NOW);
        let slot = &standing.addresses()[0];
        assert_eq!((slot.ip, slot.slot), (B, 1), "it stays where it is");
        assert_eq!(slot.min_rtt(at(2).monotonic), Some(Duration::from_millis(20)));
        standing.resolved(&[], NOW);
        assert_eq!((standing.found(), standing.addresses().len()), (0, 0));
    }

    #[test]
    fn a_lookup_that_fails_takes_nothing_from_what_is_known_of_an_address() {
        let mut standing = standing();
        let reply = Outcome { seen: Seen::Echo { hop_limit: Some(64) }, ..good() };
        standing.decided(1, B, &reply, at(1));
        standing.resolved(&[], NOW);
        standing.resolved(&[A, B], NOW);
        let slot = &standing.addresses()[1];
        assert_eq!((slot.ip, slot.min_rtt(at(2).monotonic)), (B, reply.rtt));
        let other = Outcome { seen: Seen::Echo { hop_limit: Some(63) }, ..good() };
        standing.decided(2, B, &other, at(2));
        assert_eq!(standing.hop_limit_changes(), 1, "it is held against what was there before");
        // Of a name that gives others each time, no more than a few are remembered.
        for n in 0..=255 {
            standing.resolved(&[IpAddr::from([192, 0, 2, n])], NOW);
        }
        assert_eq!(standing.left.len(), MOST_LEFT);
        let shown = |standing: &Standing| standing.addresses()[0].is_shown;
        assert!(!shown(&standing), "it would be one label more");
        standing.resolved(&[A], NOW + SHOWN);
        assert!(shown(&standing));
    }

    #[test]
    fn a_lookup_that_fails_makes_no_address_young() {
        let mut standing = standing();
        let session = Session { expiry: Some(7), ..Session::default() };
        let shown = Outcome { session: Some(Box::new(session.clone())), ..bad() };
        (1..=5).for_each(|round| standing.decided(round, B, &shown, at(1)));
        assert_eq!(standing.addresses()[1].session(NOW), Some(&session));
        let before = standing.addresses()[1].session.clone();
        standing.resolved(&[], NOW);
        standing.resolved(&[A, B], NOW);
        let slot = &standing.addresses()[1];
        assert_eq!((slot.is_up(NOW), slot.consecutive_failures()), (None, 5));
        assert_eq!(slot.session(NOW), None, "nobody has looked since");
        // What an older probe finds late is no newer than what is known.
        let other = Outcome { session: Some(Box::default()), ..bad() };
        standing.decided(4, B, &other, at(2));
        let slot = &standing.addresses()[1];
        assert_eq!((&slot.session, slot.session(NOW)), (&before, Some(&session)));
    }

    #[test]
    fn an_address_that_comes_back_is_not_what_it_was() {
        let mut standing = standing();
        let session = Some(Box::new(Session { expiry: Some(7), ..Session::default() }));
        standing.decided(1, B, &Outcome { session, ..bad() }, at(1));
        let of_b = |standing: &Standing| {
            let b = standing.addresses().iter().find(|it| it.ip == B).unwrap();
            (b.is_up(NOW), b.seen(NOW), b.session(NOW).is_some(), b.consecutive_failures())
        };
        assert_eq!(of_b(&standing), (Some(false), Some(Seen::Nothing), true, 1));
        standing.resolved(&[A], NOW);
        standing.resolved(&[A, B], NOW);
        assert_eq!(of_b(&standing), (None, None, false, 0), "nobody has probed it since");
    }

    #[test]
    fn more_addresses_are_counted_than_probed() {
        let ips: Vec<IpAddr> = (1..=6).map(|n| IpAddr::from([192, 0, 2, n])).collect();
        let mut standing = Standing::default();
        standing.resolved(&ips, NOW);
        assert_eq!((standing.found(), standing.addresses().len()), (6, MOST_ADDRESSES));
    }

    #[test]
    fn a_failure_on_our_side_says_nothing_of_the_target() {
        let local = Outcome::failed(Failure::Local);
        let mut standing = standing();
        standing.decided(1, A, &local, at(1));
        standing.silent(1, Failure::Local, at(1));
        let never =
            (standing.is_up(NOW), standing.last_success(NOW), standing.consecutive_failures());
        assert_eq!(never, (None, None, 0));

        for (up, round, before) in [(true, 2, good()), (false, 3, bad())] {
            standing.decided(round, A, &before, at(100));
            if !up {
                standing.silent(round, Failure::Timeout, at(100));
            }
            let failures = standing.consecutive_failures();
            standing.decided(round + 1, A, &local, at(105));
            standing.silent(round + 1, Failure::Local, at(105));
            let (kept, over) = (at(115).monotonic, at(116).monotonic);
            assert_eq!(standing.is_up(kept), Some(up), "it holds for a while");
            assert_eq!(standing.addresses()[0].is_up(kept), Some(up));
            assert_eq!(standing.last_success(kept), Some(at(100).unix_seconds));
            assert_eq!((standing.is_up(over), standing.last_success(over)), (None, None));
            assert_eq!(standing.addresses()[0].is_up(over), None);
            assert_eq!(standing.consecutive_failures(), failures);
        }
    }

    #[test]
    fn a_judgement_that_is_newer_than_our_failure_holds_for_good() {
        let mut standing = standing();
        standing.silent(2, Failure::Local, at(2));
        standing.decided(1, A, &good(), at(3));
        assert_eq!(
            standing.is_up(at(4).monotonic),
            Some(true),
            "an older round says at least this"
        );
        assert_eq!(standing.is_up(NOW), None);
        standing.decided(3, A, &good(), at(5));
        assert_eq!(standing.is_up(NOW), Some(true));
    }

    #[test]
    fn what_was_sent_was_answered_has_failed_or_is_under_way() {
        let mut standing = standing();
        for _ in 0..3 {
            standing.begun();
        }
        let tally = |decided, failed, in_flight| Tally { decided, failed, in_flight };
        assert_eq!((standing.tally(), standing.tally().sent()), (tally(0, 0, 3), 3));
        standing.decided(1, A, &good(), at(1));
        standing.decided(1, B, &bad(), at(1));
        assert_eq!((standing.tally(), standing.tally().sent()), (tally(2, 1, 1), 3));
        // Nothing was sent anywhere, and it counts as one that failed.
        standing.unresolved(&Outcome::failed(Failure::Dns));
        assert_eq!((standing.tally(), standing.tally().sent()), (tally(3, 2, 1), 4));
    }

    #[test]
    fn another_hop_limit_is_counted_for_each_address_by_itself() {
        let reply = |limit| Outcome { seen: Seen::Echo { hop_limit: limit }, ..good() };
        let mut standing = standing();
        for (round, a, b) in [(1, 64, 250), (2, 64, 250), (3, 63, 250), (4, 64, 250)] {
            standing.decided(round, A, &reply(Some(a)), at(1));
            standing.decided(round, B, &reply(Some(b)), at(1));
            standing.decided(round, B, &reply(None), at(1));
        }
        assert_eq!(standing.hop_limit_changes(), 2);
        let a = &standing.addresses()[0];
        assert_eq!(a.reply_hop_limit(at(2).monotonic), Some(64));
        assert_eq!(a.reply_hop_limit(at(120).monotonic), None, "no reply comes any more");
    }
}
