//! The echoes to all targets that are addresses themselves: begun, waited for and decided by one task (I/O).
//!
//! A task of its own costs such a target two timers a round, a future, and a channel to wait at; one task for all has
//! one timer. The target's own task stays, and holds its place here for as long as it lives: it ends as any other.
//!
//! An echo for which there is no room to be sent waits in a task of its own.

mod agenda;

use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use exporter_kit::Every;
use futures_util::FutureExt as _;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use self::agenda::{Agenda, SPACIOUS, UnderWay, Way};
use crate::calendar::Slot;
use crate::clock::Clock;
use crate::config::Work;
use crate::host::Host;
use crate::icmp::{EchoOptions, Grounded, Icmp, Inbox, Refusal, Verdict};
use crate::outcome::Failure;
use crate::probe::outcome_of_echo;
use crate::state::TargetState;

/// What is due within so long is sent together, and what is past its limit given up: a timer for each costs more than
/// all the rest.
const TICK: Duration = Duration::from_millis(2);

/// So many are sent before what came meanwhile is taken in and other tasks have their turn.
const BATCH: usize = 64;

/// Sends the echoes of targets.
#[derive(Clone, Debug)]
pub(crate) struct Pacer(Option<Arc<Pacing>>);

/// What is paced, and the task that does it, for as long as anybody has the pacer.
#[derive(Debug)]
struct Pacing {
    shared: Arc<Shared>,
    task: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    icmp: Icmp,
    clock: Clock,
    inbox: Arc<Inbox>,
    agenda: Mutex<Agenda>,
    /// Somebody was added.
    changed: Notify,
}

/// A target whose echoes are paced.
#[derive(Debug)]
pub(crate) struct Paced {
    /// What is probed, and how: an echo to an address.
    pub(crate) work: Arc<Work>,
    /// Where the outcomes go.
    pub(crate) state: Arc<TargetState>,
    /// Its rounds.
    pub(crate) every: Every,
    /// The number of the newest.
    pub(crate) round: u64,
}

/// Somebody's place among those that are paced; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    pacing: Arc<Pacing>,
    target: Slot,
}

impl Pacer {
    /// Paces what these sockets send, if they can send without waiting. Must be called inside the runtime.
    pub(crate) fn start(icmp: &Icmp, clock: Clock) -> Self {
        Self(icmp.inbox().map(|inbox| {
            let (agenda, changed) = (Mutex::default(), Notify::new());
            let shared = Arc::new(Shared { icmp: icmp.clone(), clock, inbox, agenda, changed });
            let task = tokio::spawn(pace(Arc::clone(&shared))).abort_handle();
            Arc::new(Pacing { shared, task })
        }))
    }

    /// Sends the echoes of a target from now on, until its place is given back; gives the target back if it is none that
    /// can be paced.
    pub(crate) fn add(&self, mut target: Paced) -> Result<Place, Paced> {
        let Some(pacing) = self.0.as_ref().filter(|_| target.echo().is_some()) else {
            return Err(target);
        };
        let at = target.every.due();
        let target = pacing.shared.agenda().targets.add(at, target);
        pacing.shared.changed.notify_one();
        Ok(Place { pacing: Arc::clone(pacing), target })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let gone = self.pacing.shared.agenda().remove(self.target);
        // Where we have it last, it leaves the verdicts, which have a lock of their own.
        drop(gone);
    }
}

impl Drop for Pacing {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What is to be done next.
enum Next {
    /// Something, at once.
    More,
    /// Nothing before then.
    At(Instant),
    /// Nothing, unless somebody comes.
    Idle,
}

/// Paces for ever.
async fn pace(shared: Arc<Shared>) {
    let mut told = Vec::new();
    loop {
        let now = Instant::now();
        // What panics each time would else be all that this machine does.
        let until = match apart(|| shared.work(now, &mut told)).unwrap_or(Next::At(now)) {
            Next::More => {
                tokio::task::yield_now().await;
                continue;
            }
            Next::At(at) => Some(at.max(now + TICK)),
            Next::Idle => None,
        };
        let due = async {
            match until {
                Some(until) => sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = due => {}
            () = shared.inbox.comes() => {}
            () = shared.changed.notified() => {}
        }
    }
}

impl Shared {
    fn agenda(&self) -> MutexGuard<'_, Agenda> {
        self.agenda.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what came, gives up what is past its limit, and begins what is due.
    fn work(&self, now: Instant, told: &mut Vec<(u64, Verdict)>) -> Next {
        let mut agenda = self.agenda();
        self.take_in(&mut agenda, told);
        // After a stop, or at an outage, there are thousands of these: others have their turn between.
        if self.give_up(&mut agenda, told) {
            return Next::More;
        }
        for _ in 0..BATCH {
            let Some(target) = agenda.targets.due(now) else { return self.next(&mut agenda) };
            apart(|| self.begin(&mut agenda, target));
        }
        Next::More
    }

    /// When something is to be done next.
    fn next(&self, agenda: &mut Agenda) -> Next {
        let now = (Instant::now(), self.clock.monotonic());
        let deadline = agenda.next_deadline();
        let deadline = deadline.map(|deadline| now.0 + deadline.saturating_sub(now.1));
        let next = deadline.into_iter().chain(agenda.targets.next()).min();
        next.map_or(Next::Idle, Next::At)
    }

    /// A round of a target begins.
    fn begin(&self, agenda: &mut Agenda, slot: Slot) {
        let Some(target) = agenda.targets.get_mut(slot) else { return };
        target.round += 1;
        // First, so that nothing that fails ends its rounds.
        let (round, next) = (target.round, target.every.due());
        agenda.targets.put_off(slot, next);
        let Some(target) = agenda.targets.get_mut(slot) else { return };
        let Some((ip, options)) = target.echo() else { return };
        let (begun, timeout) = (self.clock.monotonic(), target.work.timeout);
        let number = agenda.begun;
        agenda.begun += 1;
        target.state.begun_at(ip, begun);
        let strays = &target.state.counts.strays;
        let sent = apart(|| self.icmp.begin(ip, options, (begun, timeout), (number, strays)));
        let way = match sent.unwrap_or(Err(Grounded::Refused(Refusal::of(Failure::Local)))) {
            Ok(flight) => Way::Flies(flight),
            Err(Grounded::Waits) => {
                Way::Waits(self.wait_to_send(number, &target.work, &target.state))
            }
            Err(Grounded::Refused(refusal)) => {
                return target.decide(round, begun, Err(refusal), self.clock);
            }
        };
        match &way {
            // Where this machine was stopped meanwhile, it left just now.
            Way::Flies(flight) => {
                let held_up = self.clock.monotonic().saturating_sub(begun);
                agenda.wait(timeout, flight.deadline() + held_up, number);
            }
            Way::Waits(_) => agenda.waits(number),
        }
        agenda.under_way.insert(number, UnderWay { target: slot, round, begun, way });
    }

    /// Has a task send an echo for which there is no room, once there is.
    fn wait_to_send(&self, number: u64, work: &Arc<Work>, state: &Arc<TargetState>) -> AbortHandle {
        let (icmp, inbox) = (self.icmp.clone(), Arc::clone(&self.inbox));
        let (work, strays) = (Arc::clone(work), Arc::clone(&state.counts.strays));
        let task = tokio::spawn(async move {
            let Some((ip, options)) = echo_of(&work) else { return };
            let echo = AssertUnwindSafe(icmp.echo(ip, options, work.timeout, &strays));
            let found = echo.catch_unwind().await;
            inbox.tell(number, found.unwrap_or(Err(Refusal::of(Failure::Local))));
        });
        task.abort_handle()
    }

    /// Decides what the inbox was told of.
    fn take_in(&self, agenda: &mut Agenda, told: &mut Vec<(u64, Verdict)>) {
        told.clear();
        self.inbox.take(told);
        for (number, found) in told.drain(..) {
            if let Some(under_way) = agenda.under_way.remove(&number) {
                apart(|| self.end(agenda, &under_way, found));
            }
        }
        // As many as after a stop come seldom.
        told.shrink_to(SPACIOUS);
    }

    /// Gives up what is past its deadline, as much as is done at once; whether there may be more. What lies in the socket
    /// had come in time.
    fn give_up(&self, agenda: &mut Agenda, told: &mut Vec<(u64, Verdict)>) -> bool {
        let now = self.clock.monotonic();
        for _ in 0..BATCH {
            let Some(number) = agenda.past_deadline(now) else { return false };
            let Some(flight) = agenda.flight(number) else { continue };
            flight.look();
            self.take_in(agenda, told);
            let Some(under_way) = agenda.under_way.remove(&number) else { continue };
            let Way::Flies(flight) = &under_way.way else { continue };
            let refusal = flight.give_up();
            apart(|| self.end(agenda, &under_way, Err(refusal)));
        }
        true
    }

    /// An echo has ended.
    fn end(&self, agenda: &mut Agenda, under_way: &UnderWay, found: Verdict) {
        let UnderWay { target, round, begun, way } = under_way;
        let target = agenda.targets.get_mut(*target);
        // Of a target that was removed meanwhile, silence says nothing of the way to others.
        if target.is_none() && found.is_err() {
            return;
        }
        let found = match way {
            Way::Flies(flight) => or_local(|| self.icmp.settle(flight, found)),
            Way::Waits(_) => found,
        };
        if let Some(target) = target {
            target.decide(*round, *begun, found, self.clock);
        }
    }
}

impl Paced {
    fn echo(&self) -> Option<(IpAddr, &EchoOptions)> {
        echo_of(&self.work)
    }

    /// A round has ended.
    fn decide(&self, round: u64, begun: Duration, found: Verdict, clock: Clock) {
        let Some((ip, _)) = self.echo() else { return };
        let outcome = outcome_of_echo(ip, found, self.work.timeout);
        let now = clock.now();
        self.state.decided(round, ip, &outcome, now);
        if let Some(reason) = outcome.failure {
            self.state.silent(round, reason, now);
        }
        self.state.judge(begun, now, &[(ip, outcome)]);
    }
}

/// Does something for one target: what panics is lost, and nothing of the others.
fn apart<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

/// What became of an echo; where that panics, the fault is this program's. Otherwise it would be under way for ever.
fn or_local(work: impl FnOnce() -> Verdict) -> Verdict {
    apart(work).unwrap_or(Err(Refusal::of(Failure::Local)))
}

/// Where echoes go, and how, of a target that is an address to which they go.
fn echo_of(work: &Work) -> Option<(IpAddr, &EchoOptions)> {
    let ip = match work.host {
        Host::Ip(ip) => ip,
        Host::Zoned(ip, _) => ip.into(),
        Host::Name(_) => return None,
    };
    Some((ip, work.probe.echo()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_panics_for_one_target_is_lost_and_none_of_the_others() {
        let (mut told, mut ended) = ((0..4).collect::<Vec<_>>(), Vec::new());
        for number in told.drain(..) {
            apart(|| {
                assert_ne!(number, 1, "as it should");
                ended.push(number);
            });
        }
        assert_eq!(ended, [0, 2, 3]);
        let found = or_local(|| panic!("as it should"));
        assert_eq!(found.unwrap_err().failure, Failure::Local, "it is decided all the same");
    }
}
