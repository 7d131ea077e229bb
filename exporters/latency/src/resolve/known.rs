//! What is known of a name: the addresses of each family, how long they are good, and what a probe makes of
//! that. No I/O; the time is an argument.

use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::queues::Kind;
use crate::host::Families;
use crate::outcome::Failure;

/// An answer is used for at least so long, whatever its TTL: a TTL of 0 must not make a lookup of
/// each probe.
const SHORTEST: Duration = Duration::from_secs(5);
/// And at most so long: an address that was withdrawn must not be probed for a day.
const LONGEST: Duration = Duration::from_secs(300);
/// An answer that has expired goes on being used for so long, while its successor is under way (RFC 8767): a
/// resolver that takes its time is no reason to probe nothing.
const STALE: Duration = Duration::from_secs(15);
/// ... and for so long while nobody could be asked, since it is not its turn.
const QUEUED: Duration = Duration::from_secs(300);
/// And until so many lookups in a row have failed: one may be a packet that was lost.
const FAILURES: u32 = 2;
/// A lookup that failed is not repeated before this, ...
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// ... and twice as long after each that fails again, up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The other family has so long after the first has answered (RFC 8305, section 3).
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);

/// What is known of one family of a name.
#[derive(Debug, Default)]
pub(super) struct Known {
    answer: Option<Answer>,
    failed: Option<Failed>,
    /// Since when a lookup is under way.
    asked: Option<Instant>,
    /// Whether that lookup waits for its turn: nobody was asked.
    is_queued: bool,
    /// When it was its turn, where it had to wait for it.
    turn: Option<Instant>,
}

#[derive(Debug)]
struct Answer {
    ips: Vec<IpAddr>,
    came: Instant,
    until: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Failed {
    reason: Failure,
    /// So many lookups in a row.
    times: u32,
    /// It is not asked for before.
    again: Instant,
}

/// What that is worth now.
enum Worth<'a> {
    Addresses(&'a Answer),
    Failed(Failure),
    /// It is asked for, since then, and why the lookup before has failed, if it has.
    Asked(Option<Instant>, Option<Failure>),
}

/// What a probe does.
#[derive(Debug, PartialEq)]
pub(super) enum Decision {
    /// It takes these addresses; and why those of the preferred family are not among them, where that is not
    /// because there are none.
    Use(Vec<IpAddr>, Option<Failure>),
    /// It fails.
    Fail(Failure),
    /// It waits for a lookup to end, or until then.
    Wait(Option<Instant>),
}

impl Known {
    /// Whether it is to be asked for.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let expired = match (&self.failed, &self.answer) {
            (Some(failed), _) => now >= failed.again,
            (None, Some(answer)) => now >= answer.until,
            (None, None) => true,
        };
        expired && self.asked.is_none()
    }

    /// Whether it is asked for at the moment, or waits for its turn.
    pub(super) fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    /// It is asked for.
    pub(super) fn ask(&mut self, now: Instant) {
        (self.asked, self.is_queued, self.turn) = (Some(now), false, None);
    }

    /// What has waited for its turn is asked for.
    pub(super) fn begin(&mut self, now: Instant) {
        self.ask(now);
        self.turn = Some(now);
    }

    /// Whether who has waited for this since then has waited for a turn: of the name that says nothing.
    pub(super) fn waited_for_turn(&self, since: Instant) -> bool {
        self.is_queued || self.turn.is_some_and(|turn| turn > since)
    }

    /// What is asked for waits for its turn: no failure of the name, which is what it was.
    pub(super) fn queue(&mut self) {
        self.is_queued = true;
    }

    /// Among whom a lookup of it waits.
    pub(super) fn kind(&self) -> Kind {
        match (&self.failed, &self.answer) {
            // One that fails may be a packet that was lost.
            (Some(failed), Some(_)) if failed.times < FAILURES => Kind::Known,
            (Some(failed), _) if failed.reason != Failure::Dns => Kind::Failed,
            (None, None) => Kind::First,
            _ => Kind::Known,
        }
    }

    /// The lookup has ended with these addresses.
    pub(super) fn answered(&mut self, ips: Vec<IpAddr>, ttl: Duration, now: Instant) {
        let until = now + ttl.clamp(SHORTEST, LONGEST);
        *self = Self { answer: Some(Answer { ips, came: now, until }), ..Self::default() };
    }

    /// The lookup has failed.
    pub(super) fn fail(&mut self, reason: Failure, now: Instant) {
        (self.asked, self.is_queued, self.turn) = (None, false, None);
        let before = self.failed.filter(|_| !reason.is_ours()).map_or(0, |failed| failed.times);
        let pause = FIRST_PAUSE.saturating_mul(1 << before.min(16)).min(LONGEST_PAUSE);
        self.failed = Some(Failed { reason, times: before + 1, again: now + pause });
        // That there is no such name, or no such address, is an answer too.
        if reason == Failure::Dns {
            self.answer = None;
        }
    }

    /// A resolver that said nothing is heard again: what failed may be asked for at once. A name that there is not
    /// failed by no silence; and what fails again is as seldom asked for as before.
    pub(super) fn heard_again(&mut self, now: Instant) {
        if let Some(failed) = &mut self.failed
            && failed.reason != Failure::Dns
        {
            failed.again = now;
        }
    }

    /// What failed may be asked for at once, whatever it was.
    pub(super) fn forget_failures(&mut self, now: Instant) {
        if let Some(failed) = &mut self.failed {
            (failed.again, failed.times) = (now, failed.times.min(1));
        }
    }

    fn worth(&self, now: Instant) -> Worth<'_> {
        let is_given_up = self.failed.is_some_and(|failed| failed.times >= FAILURES);
        let stale = if self.is_queued { QUEUED } else { STALE };
        match (&self.answer, self.failed) {
            (Some(answer), _) if !is_given_up && now < answer.until + stale => {
                Worth::Addresses(answer)
            }
            (_, Some(failed)) if self.asked.is_none() || self.is_queued => {
                Worth::Failed(failed.reason)
            }
            (_, failed) => Worth::Asked(self.asked, failed.map(|failed| failed.reason)),
        }
    }

    #[cfg(test)]
    pub(super) fn is_well(&self) -> bool {
        self.answer.is_some() && self.failed.is_none() && self.asked.is_none()
    }

    fn has_addresses(&self, now: Instant) -> bool {
        matches!(self.worth(now), Worth::Addresses(_))
    }
}

/// Of IPv4 and IPv6, whether it matters to a probe of these families.
pub(super) fn matter(families: Families, known: &[Known; 2], now: Instant) -> [bool; 2] {
    let [v4, v6] = known;
    match families {
        Families::Both => [true, true],
        Families::OnlyV4 => [true, false],
        Families::OnlyV6 => [false, true],
        Families::V4ElseV6 => [true, !v4.has_addresses(now)],
        Families::V6ElseV4 => [!v6.has_addresses(now), true],
    }
}

/// What a probe of these families does, of IPv4 and IPv6, when it waits at most so long for the family that
/// is preferred.
pub(super) fn decide(
    families: Families,
    known: &[Known; 2],
    patience: Duration,
    now: Instant,
) -> Decision {
    let [v4, v6] = known;
    match families {
        Families::OnlyV4 => only(v4, now),
        Families::OnlyV6 => only(v6, now),
        Families::Both => both(v4, v6, now),
        Families::V4ElseV6 => preferred(v4, v6, patience, now),
        Families::V6ElseV4 => preferred(v6, v4, patience, now),
    }
}

fn only(known: &Known, now: Instant) -> Decision {
    match known.worth(now) {
        Worth::Addresses(answer) => Decision::Use(answer.ips.clone(), None),
        Worth::Failed(reason) => Decision::Fail(reason),
        Worth::Asked(..) => Decision::Wait(None),
    }
}

fn both(v4: &Known, v6: &Known, now: Instant) -> Decision {
    let one = |answer: &Answer| Decision::Use(answer.ips.clone(), None);
    match (v4.worth(now), v6.worth(now)) {
        (Worth::Addresses(v4), Worth::Addresses(v6)) => {
            Decision::Use([v4.ips.as_slice(), &v6.ips].concat(), None)
        }
        (Worth::Addresses(answer), Worth::Asked(_, None))
        | (Worth::Asked(_, None), Worth::Addresses(answer))
            if now < answer.came + RESOLUTION_DELAY =>
        {
            Decision::Wait(Some(answer.came + RESOLUTION_DELAY))
        }
        (Worth::Addresses(answer), _) | (_, Worth::Addresses(answer)) => one(answer),
        (Worth::Failed(v4), Worth::Failed(v6)) => Decision::Fail(worse(v4, v6)),
        (Worth::Asked(..), _) | (_, Worth::Asked(..)) => Decision::Wait(None),
    }
}

fn preferred(first: &Known, other: &Known, patience: Duration, now: Instant) -> Decision {
    let missing = match first.worth(now) {
        Worth::Addresses(answer) => return Decision::Use(answer.ips.clone(), None),
        Worth::Failed(reason) | Worth::Asked(_, Some(reason)) => reason,
        Worth::Asked(since, None) => match (other.worth(now), since) {
            (Worth::Addresses(_), Some(since)) if now >= since + patience => Failure::Resolver,
            (Worth::Addresses(_), Some(since)) => return Decision::Wait(Some(since + patience)),
            _ => return Decision::Wait(None),
        },
    };
    match (other.worth(now), first.asked) {
        (Worth::Addresses(answer), _) => {
            Decision::Use(answer.ips.clone(), Some(missing).filter(|it| *it != Failure::Dns))
        }
        (Worth::Failed(reason), None) => Decision::Fail(worse(missing, reason)),
        _ => Decision::Wait(None),
    }
}

/// Of the reasons why either family has no address, the one that leaves more open.
fn worse(one: Failure, other: Failure) -> Failure {
    let openness = |reason: &Failure| match reason {
        Failure::Dns => 0,
        Failure::Resolver => 1,
        _ => 2,
    };
    std::cmp::max_by_key(one, other, openness)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4() -> Vec<IpAddr> {
        vec!["192.0.2.1".parse().unwrap()]
    }

    fn v6() -> Vec<IpAddr> {
        vec!["2001:db8::1".parse().unwrap()]
    }

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    const MINUTE: Duration = Duration::from_secs(60);

    /// What a probe does with these at the moment, when it would wait two seconds for a family.
    fn decided(families: Families, known: &[Known; 2], now: Instant) -> Decision {
        decide(families, known, ms(2_000), now)
    }

    /// Both are asked for.
    fn asked(now: Instant) -> [Known; 2] {
        let mut known = <[Known; 2]>::default();
        for known in &mut known {
            known.ask(now);
        }
        known
    }

    #[test]
    fn an_answer_that_has_expired_is_used_while_the_next_is_under_way() {
        let start = Instant::now();
        let mut known = asked(start);
        known[0].answered(v4(), MINUTE, start);
        let expired = start + MINUTE;
        let only = |known: &[Known; 2], now| decided(Families::OnlyV4, known, now);
        assert!(!known[0].is_due(expired - ms(1)) && known[0].is_due(expired));
        known[0].ask(expired);
        assert!(!known[0].is_due(expired), "it is asked for");
        assert_eq!(only(&known, expired + ms(9_000)), Decision::Use(v4(), None));
        known[0].fail(Failure::Resolver, expired + ms(9_500));
        assert_eq!(only(&known, expired + ms(9_600)), Decision::Use(v4(), None), "it failed once");
        known[0].ask(expired + ms(10_500));
        assert_eq!(only(&known, expired + ms(15_000)), Decision::Wait(None), "it is too old");
        known[0].fail(Failure::Resolver, expired + ms(11_000));
        let failed = Decision::Fail(Failure::Resolver);
        assert_eq!(only(&known, expired + ms(11_000)), failed, "it failed twice");
    }

    #[test]
    fn what_has_not_had_its_turn_has_not_failed() {
        let start = Instant::now();
        let mut known = asked(start);
        assert_eq!(known[0].kind(), Kind::First);
        known[0].answered(v4(), MINUTE, start);
        let only = |known: &[Known; 2], now| decided(Families::OnlyV4, known, now);
        let (late, too_late) = (start + MINUTE + STALE, start + MINUTE + QUEUED);
        known[0].ask(start + MINUTE);
        assert_eq!((known[0].kind(), only(&known, late)), (Kind::Known, Decision::Wait(None)));
        known[0].queue();
        assert_eq!(only(&known, late), Decision::Use(v4(), None), "nobody was asked");
        assert_eq!(only(&known, too_late), Decision::Wait(None));
        // It is asked for, and fails again and again.
        known[0].ask(late);
        known[0].fail(Failure::Resolver, late);
        assert_eq!(known[0].kind(), Kind::Known, "that may be a packet that was lost");
        known[0].fail(Failure::Resolver, late);
        assert_eq!(known[0].kind(), Kind::Failed);
        known[0].ask(late + MINUTE);
        assert_eq!(only(&known, late + MINUTE), Decision::Wait(None));
        known[0].queue();
        let failed = Decision::Fail(Failure::Resolver);
        assert_eq!(only(&known, late + MINUTE), failed, "no round waits for a turn");
        // That there is no such name is said at once: it holds nobody up.
        known[1].fail(Failure::Dns, late);
        assert_eq!(known[1].kind(), Kind::Known);
    }

    #[test]
    fn a_round_that_waits_for_a_turn_says_nothing_of_a_name() {
        let (start, mut known) = (Instant::now(), Known::default());
        known.ask(start);
        assert!(!known.waited_for_turn(start), "it is asked for all the time");
        known.queue();
        assert!(known.waited_for_turn(start));
        known.begin(start + MINUTE);
        assert!(known.waited_for_turn(start), "its turn came late");
        assert!(!known.waited_for_turn(start + MINUTE), "but not for the rounds from then on");
        known.fail(Failure::Resolver, start + MINUTE);
        known.ask(start + MINUTE);
        assert!(!known.waited_for_turn(start));
    }

    #[test]
    fn a_name_that_is_gone_is_gone() {
        let start = Instant::now();
        let mut known = asked(start);
        known[0].answered(v4(), MINUTE, start);
        known[0].ask(start + MINUTE);
        known[0].fail(Failure::Dns, start + MINUTE);
        let decision = decided(Families::OnlyV4, &known, start + MINUTE);
        assert_eq!(decision, Decision::Fail(Failure::Dns));
    }

    #[test]
    fn a_name_that_fails_is_asked_for_more_and_more_seldom() {
        let mut now = Instant::now();
        let mut known = Known::default();
        let mut pauses = Vec::new();
        for _ in 0..9 {
            known.ask(now);
            known.fail(Failure::Resolver, now);
            let failed = now;
            while !known.is_due(now) {
                now += ms(500);
            }
            pauses.push((now - failed).as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        known.ask(now);
        known.fail(Failure::Resolver, now);
        known.forget_failures(now);
        assert!(known.is_due(now));
        // What we could not ask says nothing of the name.
        for _ in 0..5 {
            known.ask(now);
            known.fail(Failure::Local, now);
            assert!(known.is_due(now + FIRST_PAUSE));
        }
    }

    #[test]
    fn a_resolver_that_is_heard_again_brings_no_name_that_there_is_not() {
        let now = Instant::now();
        for (reason, is_due) in [(Failure::Dns, false), (Failure::Resolver, true)] {
            let mut known = Known::default();
            for _ in 0..4 {
                known.ask(now);
                known.fail(reason, now);
            }
            known.heard_again(now);
            assert_eq!(known.is_due(now), is_due, "{reason:?}");
            known.ask(now);
            known.fail(Failure::Resolver, now);
            assert!(!known.is_due(now + ms(15_999)), "it is as seldom asked for as before");
            known.forget_failures(now);
            assert!(known.is_due(now));
        }
    }

    #[test]
    fn a_family_that_is_silent_holds_up_no_other() {
        let start = Instant::now();
        let mut known = asked(start);
        known[0].answered(v4(), MINUTE, start + ms(10));
        let until = start + ms(60);
        let both = |known: &[Known; 2], now| decided(Families::Both, known, now);
        assert_eq!(both(&known, start + ms(10)), Decision::Wait(Some(until)));
        assert_eq!(both(&known, until), Decision::Use(v4(), None));
        known[1].fail(Failure::Resolver, until);
        assert_eq!(both(&known, until), Decision::Use(v4(), None));
        known[1].ask(until);
        known[0].answered(v4(), MINUTE, until);
        assert_eq!(both(&known, until), Decision::Use(v4(), None), "it was silent before");
        known[1].answered(v6(), MINUTE, until);
        assert_eq!(both(&known, until), Decision::Use([v4(), v6()].concat(), None));
    }

    #[test]
    fn the_preferred_family_is_waited_for_and_missed_aloud() {
        let start = Instant::now();
        let v6_else_v4 = |known: &[Known; 2], now| decided(Families::V6ElseV4, known, now);
        let mut known = asked(start);
        known[0].answered(v4(), MINUTE, start);
        let patient = start + ms(2_000);
        assert_eq!(v6_else_v4(&known, start + ms(60)), Decision::Wait(Some(patient)));
        let missed = Decision::Use(v4(), Some(Failure::Resolver));
        assert_eq!(v6_else_v4(&known, patient), missed);
        known[1].fail(Failure::Resolver, patient);
        assert_eq!(v6_else_v4(&known, patient), missed);
        known[1].ask(patient + ms(1_000));
        assert_eq!(v6_else_v4(&known, patient + ms(1_000)), missed, "it is not waited for again");
        known[1].fail(Failure::Dns, patient + ms(1_000));
        assert_eq!(v6_else_v4(&known, patient + ms(1_000)), Decision::Use(v4(), None));
        known[1].answered(v6(), MINUTE, patient);
        assert_eq!(v6_else_v4(&known, patient), Decision::Use(v6(), None));
        assert_eq!(matter(Families::V6ElseV4, &known, patient), [false, true]);
        known[1].ask(patient + MINUTE);
        known[1].fail(Failure::Resolver, patient + MINUTE);
        let decision = v6_else_v4(&known, patient + MINUTE);
        assert_eq!(decision, Decision::Use(v6(), None), "one lookup that fails moves nothing");
    }

    #[test]
    fn a_name_without_an_address_has_the_reason_that_leaves_more_open() {
        let now = Instant::now();
        for (one, other, wanted) in [
            (Failure::Dns, Failure::Dns, Failure::Dns),
            (Failure::Dns, Failure::Resolver, Failure::Resolver),
            (Failure::Local, Failure::Resolver, Failure::Local),
        ] {
            let mut known = asked(now);
            known[0].fail(one, now);
            for families in [Families::Both, Families::V4ElseV6, Families::V6ElseV4] {
                assert_eq!(decided(families, &known, now), Decision::Wait(None), "{families:?}");
            }
            known[1].fail(other, now);
            for families in [Families::Both, Families::V4ElseV6, Families::V6ElseV4] {
                assert_eq!(decided(families, &known, now), Decision::Fail(wanted), "{families:?}");
            }
        }
    }
}
