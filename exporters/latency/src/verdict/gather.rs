//! A round, gathered from what was found at each address. No I/O, no clock.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::IpAddr;

use super::evidence::{Failed, Round};
use crate::chosen::MOST_ADDRESSES;
use crate::outcome::{Failure, Outcome, Phase, Seen};

/// When a round began and was decided, and how long it might have taken, in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) begun: f64,
    pub(crate) decided: f64,
    pub(crate) limit: f64,
}

impl Span {
    /// Whether it took longer than it could: our own machine was starved, or slept. Half a second is little of it: an
    /// echo waits a fifth of one longer for what may lie in the socket.
    fn is_starved(self, timeout: f64) -> bool {
        self.decided - self.begun > self.limit + (timeout / 2.0).max(0.5)
    }
}

/// The round of these outcomes.
pub(crate) fn round<'a>(
    span: Span,
    timeout: f64,
    outcomes: impl Iterator<Item = (IpAddr, &'a Outcome)> + Clone,
) -> Round {
    let local = span.is_starved(timeout).then_some(Failed::by(Failure::Local));
    let of = |family: Option<bool>| {
        let those = outcomes
            .clone()
            .filter(move |(ip, _)| family.is_none_or(|is_v4| ip.is_ipv4() == is_v4));
        let failed = failed(those)?;
        // What succeeded, succeeded all the same.
        Some(failed.map_err(|failed| local.unwrap_or(failed)))
    };
    let answers = outcomes.clone().map(|(_, outcome)| outcome);
    // The slowest address is the one that runs full first, whichever answered first.
    let times = answers.clone().filter_map(|outcome| {
        let phase = |phase| Some(outcome.phases.get(phase)?.as_secs_f32());
        Some((phase(Phase::Connect)?, phase(Phase::Ttfb)?))
    });
    let times = times.max_by(|one, other| one.1.total_cmp(&other.1));
    let families = [of(Some(true)), of(Some(false))];
    // Most have addresses of one family, and then it is the whole.
    let whole = match families {
        [Some(one), None] | [None, Some(one)] => Some(one),
        _ => of(None),
    };
    let answers_over = |ip: IpAddr| families[usize::from(ip.is_ipv6())] == Some(Ok(()));
    let reachable = outcomes.clone().filter(|(ip, _)| answers_over(*ip));
    let mut rtts = [None; MOST_ADDRESSES];
    let taken = outcomes.clone().filter_map(|(ip, it)| Some((number(ip), it.rtt?.as_secs_f32())));
    for (place, taken) in rtts.iter_mut().zip(taken) {
        *place = Some(taken);
    }
    Round {
        begun: span.begun,
        decided: span.decided,
        failed: whole.and_then(Result::err),
        sampled: sample(reachable, span.begun),
        families,
        times,
        rtts,
        ahead: answers.clone().find_map(|outcome| outcome.ahead).map(|seconds| seconds as f64),
        wall: None,
        network: outcomes.map(|(ip, _)| ip).filter(|ip| !ip.is_unspecified()).min().map(network),
    }
}

/// Why one of these failed, if it did, and not by our own fault: which one is drawn by the time.
fn sample<'a>(
    outcomes: impl Iterator<Item = (IpAddr, &'a Outcome)> + Clone,
    begun: f64,
) -> Option<Failed> {
    // One alone is none of several of which others answered; most targets have one.
    outcomes.clone().nth(1)?;
    let count = outcomes.clone().count() as u64;
    let mut hasher = DefaultHasher::new();
    begun.to_bits().hash(&mut hasher);
    let mut ips: Vec<IpAddr> = outcomes.clone().map(|(ip, _)| ip).collect();
    ips.sort_unstable();
    let drawn = *ips.get(usize::try_from(hasher.finish().checked_rem(count)?).ok()?)?;
    let failed = failed(outcomes.filter(|(ip, _)| *ip == drawn))?.err();
    failed.filter(|it| !it.reason.is_ours())
}

/// A round in which no address was found.
pub(crate) fn without_address(span: Span, timeout: f64, reason: Failure) -> Round {
    let is_starved = span.is_starved(timeout);
    let reason = if is_starved { Failure::Local } else { reason };
    let phase = (!is_starved).then_some(Phase::Resolve);
    Round {
        begun: span.begun,
        decided: span.decided,
        failed: Some(Failed { phase, ..Failed::by(reason) }),
        ..Round::default()
    }
}

/// Why all failed: the first in order whose failure says something of the target, or the first of all when
/// none does; `Ok` if one answered, none if there is no outcome.
fn failed<'a>(outcomes: impl Iterator<Item = (IpAddr, &'a Outcome)>) -> Option<Result<(), Failed>> {
    let mut first: Option<((bool, IpAddr), Failed)> = None;
    for (ip, outcome) in outcomes {
        let Some(reason) = outcome.failure else { return Some(Ok(())) };
        let status = match outcome.seen {
            Seen::Http { status } => Some(status),
            _ => None,
        };
        let order = (reason.is_ours(), ip);
        if first.as_ref().is_none_or(|(known, _)| order < *known) {
            first = Some((order, Failed { reason, status, phase: outcome.phase }));
        }
    }
    first.map(|(_, failed)| Err(failed))
}

/// A number that hardly any other address has.
fn number(ip: IpAddr) -> u32 {
    match ip {
        IpAddr::V4(ip) => ip.into(),
        IpAddr::V6(ip) => {
            let mut hasher = DefaultHasher::new();
            ip.hash(&mut hasher);
            #[expect(clippy::cast_possible_truncation, reason = "any half of a hash is one")]
            let number = hasher.finish() as u32;
            number
        }
    }
}

/// The /24 or /48 that an address is in, as a number.
fn network(ip: IpAddr) -> u64 {
    match ip {
        IpAddr::V4(ip) => u64::from(u32::from(ip) >> 8),
        IpAddr::V6(ip) => (1 << 63) | u64::try_from(u128::from(ip) >> 80).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Span = Span { begun: 10.0, decided: 13.0, limit: 3.0 };

    fn ip(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    fn bad(reason: Failure) -> Outcome {
        Outcome::failed(reason)
    }

    fn gathered(outcomes: &[(IpAddr, Outcome)]) -> Round {
        round(SPAN, 3.0, outcomes.iter().map(|(ip, outcome)| (*ip, outcome)))
    }

    #[test]
    fn a_round_fails_only_when_every_address_does() {
        let [timeout, refused] = [bad(Failure::Timeout), bad(Failure::Refused)];
        let both = [(ip(2), timeout.clone()), (ip(1), refused)];
        assert_eq!(gathered(&both).failed.map(|it| it.reason), Some(Failure::Refused));
        assert_eq!(gathered(&[(ip(2), timeout), (ip(1), Outcome::default())]).failed, None);
    }

    #[test]
    fn what_an_echo_waits_beyond_its_timeout_is_no_fault_of_ours() {
        for (timeout, took, reason) in [
            (0.3, 0.51, Failure::Timeout),
            (0.3, 0.81, Failure::Local),
            (3.0, 4.4, Failure::Timeout),
            (3.0, 4.6, Failure::Local),
        ] {
            let span = Span { begun: 10.0, decided: 10.0 + took, limit: timeout };
            let outcomes = [(ip(1), bad(Failure::Timeout))];
            let round = round(span, timeout, outcomes.iter().map(|(ip, it)| (*ip, it)));
            assert_eq!(round.failed.map(|it| it.reason), Some(reason), "{took} of {timeout}");
        }
    }

    #[test]
    fn a_round_is_judged_by_the_addresses_that_could_be_probed() {
        let outcomes = [(ip(1), bad(Failure::Local)), (ip(2), bad(Failure::Timeout))];
        assert_eq!(gathered(&outcomes).failed.map(|it| it.reason), Some(Failure::Timeout));
        assert_eq!(gathered(&outcomes[..1]).failed.map(|it| it.reason), Some(Failure::Local));
    }

    #[test]
    fn families_are_told_apart() {
        let v6: IpAddr = "2001:db8::1".parse().unwrap();
        let round = gathered(&[(ip(1), Outcome::default()), (v6, bad(Failure::HttpStatus))]);
        assert_eq!(round.families[0], Some(Ok(())));
        assert_eq!(
            round.families[1].and_then(Result::err).map(|it| it.reason),
            Some(Failure::HttpStatus)
        );
        assert_eq!(gathered(&[(ip(1), Outcome::default())]).families[1], None);
    }

    #[test]
    fn a_round_that_took_longer_than_it_could_is_our_own_fault() {
        let late = Span { decided: 15.0, ..SPAN };
        let timeout = bad(Failure::Timeout);
        let of = |outcome: &Outcome| round(late, 3.0, [(ip(1), outcome)].into_iter()).failed;
        assert_eq!(of(&timeout).map(|it| it.reason), Some(Failure::Local));
        assert_eq!(of(&Outcome::default()), None, "an answer is an answer");
        assert_eq!(
            without_address(late, 3.0, Failure::Dns).failed.map(|it| it.reason),
            Some(Failure::Local)
        );
    }

    #[test]
    fn a_dead_backend_is_a_share_of_the_failures_and_a_dead_family_is_not() {
        let v6: IpAddr = "2001:db8::1".parse().unwrap();
        let sampled = |outcomes: &[(IpAddr, Outcome)]| {
            let of = |second: u32| {
                let span = Span { begun: f64::from(second), decided: f64::from(second), ..SPAN };
                round(span, 3.0, outcomes.iter().map(|(ip, it)| (*ip, it))).sampled.is_some()
            };
            (0..5_000).step_by(5).filter(|second| of(*second)).count()
        };
        let dead = bad(Failure::Timeout);
        let one_of_two = sampled(&[(ip(1), Outcome::default()), (ip(2), dead.clone())]);
        assert!((430..570).contains(&one_of_two), "{one_of_two} of 1000");
        assert_eq!(sampled(&[(ip(1), Outcome::default()), (v6, dead.clone())]), 0);
        assert_eq!(sampled(&[(ip(1), Outcome::default()), (ip(2), bad(Failure::Local))]), 0);
        assert_eq!(sampled(&[(ip(1), dead)]), 0, "the round says so itself");
    }

    #[test]
    fn times_are_those_of_the_slowest_address() {
        let took = |ttfb: u64| {
            let mut outcome = Outcome::default();
            outcome.phases.set(Phase::Connect, std::time::Duration::from_millis(10));
            outcome.phases.set(Phase::Ttfb, std::time::Duration::from_millis(ttfb));
            outcome
        };
        for outcomes in
            [[(ip(1), took(20)), (ip(2), took(900))], [(ip(2), took(900)), (ip(1), took(20))]]
        {
            assert_eq!(gathered(&outcomes).times, Some((0.01, 0.9)));
        }
    }
}
