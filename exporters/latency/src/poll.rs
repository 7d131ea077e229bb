//! One target, probed for ever.
//!
//! The schedule is open: a probe begins when it is due, whether or not the one before has ended. So
//! a target that becomes slow is not probed less, and what its users wait for stays in the
//! distribution. How many are under way is bounded all the same: each ends by its timeout, an echo
//! whose name had to be looked up by twice that, and the config bounds the timeout in intervals.

use std::future::{pending, poll_fn};
use std::net::{IpAddr, Ipv4Addr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use exporter_kit::{Every, Rounds};
use futures_util::FutureExt as _;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::config::Work;
use crate::host::Host;
use crate::icmp::Icmp;
use crate::outcome::{Failure, Outcome, Phase};
use crate::pacer::{Paced, Pacer};
use crate::probe::Attempt;
use crate::resolve::{Addresses, Resolved};
use crate::standing::Moment;
use crate::state::TargetState;

/// All that probing one target needs.
#[derive(Debug)]
pub(crate) struct Task {
    /// What is probed, and how.
    pub(crate) work: Arc<Work>,
    /// Where the outcomes go.
    pub(crate) state: Arc<TargetState>,
    /// For echoes.
    pub(crate) icmp: Icmp,
    /// Sends those of targets that are addresses.
    pub(crate) pacer: Pacer,
    /// For the time of each outcome.
    pub(crate) clock: Clock,
}

impl Task {
    /// Probes at the target's interval, splayed by its name.
    pub(crate) fn run(self, rounds: &Rounds) -> impl Future<Output = ()> + use<> {
        let every = rounds.every(self.work.interval, self.state.name());
        let (work, state) = (Arc::clone(&self.work), Arc::clone(&self.state));
        let way = match self.pacer.add(Paced { work, state, every, round: 0 }) {
            Ok(place) => Ok(place),
            Err(Paced { every, .. }) => Err(self.repeat(every)),
        };
        async move {
            match way {
                // Kept until this task ends.
                Ok(_place) => pending().await,
                Err(rounds) => rounds.await,
            }
        }
    }

    /// Probes by itself. In a box: most are paced, and their tasks are small.
    fn repeat(self, every: Every) -> Playing {
        let Work { host, families, resolvers, timeout, .. } = &*self.work;
        // There is one round of one probe, also where nobody here knows the name.
        let is_for_proxy = self.work.probe.leaves_name_to_proxy();
        let nobody = || Host::Ip(Ipv4Addr::UNSPECIFIED.into());
        let host = if is_for_proxy { nobody() } else { host.clone() };
        let addresses = Addresses::new(host, *families, resolvers.clone(), *timeout);
        // What it took to begin is not kept in the future, of which there is one a target.
        Box::pin(Arc::new(Round { addresses, task: self }).repeat(every))
    }
}

/// A round that is under way.
type Playing = Pin<Box<dyn Future<Output = ()> + Send>>;

#[derive(Debug)]
struct Round {
    task: Task,
    addresses: Addresses,
}

impl Round {
    /// Begins a round whenever one is due.
    async fn repeat(self: Arc<Self>, mut every: Every) {
        let mut number = 0;
        // Most rounds end before the next one begins: they are played here, and only those that do not are tasks.
        let mut newest = None;
        // Dropped with this task, and every probe with it.
        let mut older = JoinSet::new();
        loop {
            let mut due = pin!(every.next());
            loop {
                tokio::select! {
                    biased;
                    () = &mut due => break,
                    () = playing(&mut newest) => {}
                    // What has ended is let go at once, not when the next one begins.
                    Some(_) = older.join_next() => {}
                }
            }
            older.extend(newest.take());
            number += 1;
            newest = Some(Arc::clone(&self).play(number));
        }
    }

    /// One probe of each address. In a box of the size that it needs: most are of one address that nobody looks up.
    fn play(self: Arc<Self>, number: u64) -> Playing {
        match self.addresses {
            Addresses::Literal(ip) => Box::pin(self.play_literal(number, ip)),
            Addresses::Named(_) => Box::pin(self.play_named(number)),
        }
    }

    async fn play_literal(self: Arc<Self>, number: u64, ip: IpAddr) {
        let begun = self.task.clock.monotonic();
        self.task.state.resolved(&[ip], None, begun);
        let (outcome, decided) = self.probe_one(number, ip, Duration::ZERO).await;
        self.decide(number, begun, decided, &[outcome]);
    }

    async fn play_named(self: Arc<Self>, number: u64) {
        let begun = self.task.clock.monotonic();
        let (found, spent) = match Box::pin(self.look_up()).await {
            Ok(found) => found,
            Err(outcome) => return self.without_address(number, outcome, begun),
        };
        let state = &self.task.state;
        let ips = state.resolved(&found.ips, found.took, begun);
        let outcomes = match *ips {
            [ip] => vec![self.probe_one(number, ip, spent).await.0],
            ref ips => {
                Box::pin(state.make_room()).await;
                Box::pin(self.probe_each(number, ips, spent)).await
            }
        };
        self.decide(number, begun, self.task.clock.now(), &outcomes);
    }

    /// Every probe of a round is decided.
    fn decide(
        &self,
        number: u64,
        begun: Duration,
        decided: Moment,
        outcomes: &[(IpAddr, Outcome)],
    ) {
        let state = &self.task.state;
        if let Some(reason) = first_reason(outcomes) {
            state.silent(number, reason, decided);
        }
        state.judge(begun, decided, outcomes);
    }

    /// The addresses, and how long they were waited for.
    async fn look_up(&self) -> Result<(Resolved, Duration), Outcome> {
        let timeout = self.task.work.timeout;
        let started = Instant::now();
        match self.addresses.get(timeout).await {
            Ok(resolved) => Ok((resolved, started.elapsed())),
            // A lookup may take as long as the probe: its timeout counts as the probe's.
            Err(Failure::Timeout) => {
                let failure = Some(Failure::Resolver);
                Err(Outcome { failure, ..Outcome::timed_out(timeout) })
            }
            Err(failure) => Err(Outcome::failed(failure)),
        }
    }

    /// Probes each address, all at the same time.
    async fn probe_each(
        self: &Arc<Self>,
        number: u64,
        ips: &[IpAddr],
        spent: Duration,
    ) -> Vec<(IpAddr, Outcome)> {
        let mut probes = JoinSet::new();
        for ip in ips.iter().copied() {
            let round = Arc::clone(self);
            probes.spawn(async move { round.probe_one(number, ip, spent).await.0 });
        }
        probes.join_all().await
    }

    /// Probes one address, and records the outcome; returns when it was decided as well.
    async fn probe_one(
        &self,
        number: u64,
        ip: IpAddr,
        spent: Duration,
    ) -> ((IpAddr, Outcome), Moment) {
        let Task { work, state, icmp, clock, .. } = &self.task;
        let strays = &state.counts.strays;
        let (timeout, resolvers) = (work.timeout, work.resolvers.as_slice());
        let attempt = Attempt { ip, timeout, spent, icmp, strays, resolvers };
        state.begun();
        // One that panics is decided as well, or it would be under way for ever, and says nothing of the target.
        let outcome = AssertUnwindSafe(work.probe.run(&attempt)).catch_unwind().await;
        let outcome = outcome.unwrap_or_else(|_| Outcome::failed(Failure::Local));
        let decided = clock.now();
        state.decided(number, ip, &outcome, decided);
        ((ip, outcome), decided)
    }

    fn without_address(&self, number: u64, outcome: Outcome, begun: Duration) {
        let mut outcome = Outcome { phase: Some(Phase::Resolve), ..outcome };
        if let Some(duration) = outcome.duration {
            outcome.phases.set(Phase::Resolve, duration);
        }
        let state = &self.task.state;
        state.unresolved(&outcome);
        let (reason, now) = (outcome.failure.unwrap_or(Failure::Dns), self.task.clock.now());
        state.silent(number, reason, now);
        state.judge_unresolved(begun, now, reason);
    }
}

/// Completes when a round has ended, and leaves none. One that panics has ended as well: its target is probed again.
async fn playing(round: &mut Option<Playing>) {
    poll_fn(|context| {
        let Some(playing) = round else { return Poll::Pending };
        let polled = catch_unwind(AssertUnwindSafe(|| playing.as_mut().poll(context)));
        if let Ok(Poll::Pending) = polled {
            return Poll::Pending;
        }
        *round = None;
        Poll::Ready(())
    })
    .await;
}

/// Why no address answered: the reason of the first of those whose failure says something of the
/// target, or of the first of all when none does; `None` if one answered.
fn first_reason(outcomes: &[(IpAddr, Outcome)]) -> Option<Failure> {
    let failures: Option<Vec<_>> = outcomes
        .iter()
        .map(|(ip, outcome)| Some((outcome.failure?.is_ours(), ip, outcome.failure)))
        .collect();
    let first = failures?.into_iter().min_by_key(|(is_ours, ip, _)| (*is_ours, *ip));
    first.and_then(|(.., failure)| failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(outcomes: [(u8, Option<Failure>); 2]) -> Option<Failure> {
        let outcome = |(last, failure): (u8, Option<Failure>)| {
            (IpAddr::from([192, 0, 2, last]), Outcome { failure, ..Outcome::default() })
        };
        first_reason(&outcomes.map(outcome))
    }

    const TIMEOUT: Option<Failure> = Some(Failure::Timeout);

    #[test]
    fn a_round_is_silent_only_when_every_address_is() {
        let refused = Some(Failure::Refused);
        assert_eq!(reason([(2, TIMEOUT), (1, refused)]), refused);
        assert_eq!(reason([(2, TIMEOUT), (1, None)]), None);
    }

    #[test]
    fn a_round_is_judged_by_the_addresses_that_could_be_probed() {
        let local = Some(Failure::Local);
        assert_eq!(reason([(1, local), (2, TIMEOUT)]), TIMEOUT);
        assert_eq!(reason([(1, local), (2, local)]), local);
    }

    #[test]
    fn a_round_of_echoes_is_small() {
        // What is larger is none of those pieces that malloc has ready for each thread, and there are ten thousand a
        // second.
        fn size_of_output<F: Future>(_: impl Fn(Arc<Round>) -> F) -> usize {
            std::mem::size_of::<F>()
        }
        let size = size_of_output(|round| round.play_literal(1, [127, 0, 0, 1].into()));
        assert!(size < 900, "{size} bytes");
    }

    #[tokio::test]
    async fn a_round_that_panics_has_ended() {
        let mut round: Option<Playing> = None;
        let is_over = tokio::time::timeout(Duration::from_millis(1), playing(&mut round)).await;
        assert!(is_over.is_err(), "there is none that could end");
        let mut round: Option<Playing> = Some(Box::pin(async {
            tokio::task::yield_now().await;
            panic!("as it should");
        }));
        playing(&mut round).await;
        assert!(round.is_none());
    }
}
