//! The echoes to all targets that are addresses themselves: begun, waited for and decided by one task (I/O).
//!
//! A task of its own costs such a target two timers a round, a future, and a channel to wait at; one task for all has
//! one timer. The target's own task stays, and holds its place here for as long as it lives: it ends as any other.
//!
//! An echo for which there is no room to be sent waits in a task of its own.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use exporter_kit::Every;
use futures_util::FutureExt as _;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use crate::calendar::{Calendar, Slot};
use crate::clock::Clock;
use crate::config::Work;
use crate::host::Host;
use crate::icmp::{EchoOptions, Flight, Grounded, Icmp, Inbox, Refusal, Verdict};
use crate::outcome::Failure;
use crate::probe::outcome_of_echo;
use crate::state::TargetState;

/// What is due within so long is sent together, and what is past its limit given up: a timer for each costs more than
/// all the rest.
const TICK: Duration = Duration::from_millis(2);

/// More room than for so many echoes under way is given back when it is not needed.
const SPACIOUS: usize = 4096;

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

/// Who is paced, and what is under way.
#[derive(Debug, Default)]
struct Agenda {
    targets: Calendar<Instant, Paced>,
    /// By their numbers.
    under_way: HashMap<u64, UnderWay>,
    /// How many echoes were begun.
    begun: u64,
    /// When each is given up, for each timeout in the order of sending.
    deadlines: Vec<(Duration, VecDeque<(Duration, u64)>)>,
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

/// An echo that is under way.
#[derive(Debug)]
struct UnderWay {
    target: Slot,
    round: u64,
    begun: Duration,
    /// None where a task waits to send it.
    flight: Option<Flight>,
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
        let gone = self.pacing.shared.agenda().targets.remove(self.target);
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
        let work = AssertUnwindSafe(|| shared.work(now, &mut told));
        let until = match catch_unwind(work).unwrap_or(Next::More) {
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
        target.state.resolved(&[ip], None, begun);
        target.state.begun();
        let strays = &target.state.counts.strays;
        let flight = match self.icmp.begin(ip, options, (begun, timeout), (number, strays)) {
            Ok(flight) => Some(flight),
            Err(Grounded::Waits) => None,
            Err(Grounded::Refused(refusal)) => {
                return target.decide(round, begun, Err(refusal), self.clock);
            }
        };
        match &flight {
            // Where this machine was stopped meanwhile, it left just now.
            Some(flight) => {
                let held_up = self.clock.monotonic().saturating_sub(begun);
                agenda.wait(timeout, flight.deadline() + held_up, number);
            }
            None => self.wait_to_send(number, &target.work, &target.state),
        }
        agenda.under_way.insert(number, UnderWay { target: slot, round, begun, flight });
    }

    /// Has a task send an echo for which there is no room, once there is.
    fn wait_to_send(&self, number: u64, work: &Arc<Work>, state: &Arc<TargetState>) {
        let (icmp, inbox) = (self.icmp.clone(), Arc::clone(&self.inbox));
        let (work, strays) = (Arc::clone(work), Arc::clone(&state.counts.strays));
        tokio::spawn(async move {
            let Some((ip, options)) = echo_of(&work) else { return };
            let echo = AssertUnwindSafe(icmp.echo(ip, options, work.timeout, &strays));
            let found = echo.catch_unwind().await;
            inbox.tell(number, found.unwrap_or(Err(Refusal::of(Failure::Local))));
        });
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
            let Some(refusal) = under_way.flight.as_ref().map(Flight::give_up) else { continue };
            apart(|| self.end(agenda, &under_way, Err(refusal)));
        }
        true
    }

    /// An echo has ended.
    fn end(&self, agenda: &mut Agenda, under_way: &UnderWay, found: Verdict) {
        let UnderWay { target, round, begun, flight } = under_way;
        let found = match flight {
            Some(flight) => self.icmp.settle(flight, found),
            None => found,
        };
        // Otherwise its target was removed meanwhile.
        if let Some(target) = agenda.targets.get_mut(*target) {
            target.decide(*round, *begun, found, self.clock);
        }
    }
}

impl Agenda {
    /// An echo is given up then, if it is not decided before.
    fn wait(&mut self, timeout: Duration, deadline: Duration, number: u64) {
        let known = self.deadlines.iter().position(|(known, _)| *known == timeout);
        let place = known.unwrap_or_else(|| {
            self.deadlines.push((timeout, VecDeque::new()));
            self.deadlines.len() - 1
        });
        self.deadlines[place].1.push_back((deadline, number));
    }

    fn flight(&self, number: u64) -> Option<&Flight> {
        self.under_way.get(&number)?.flight.as_ref()
    }

    /// The next deadline of an echo that is not decided.
    fn next_deadline(&mut self) -> Option<Duration> {
        let Self { deadlines, under_way, .. } = self;
        for (_, queue) in &mut *deadlines {
            while queue.front().is_some_and(|(_, number)| !under_way.contains_key(number)) {
                queue.pop_front();
            }
        }
        deadlines.retain(|(_, queue)| !queue.is_empty());
        // An outage has many under way, and they are few again behind it.
        if under_way.capacity() > SPACIOUS && under_way.capacity() / 4 > under_way.len() {
            under_way.shrink_to(under_way.len() * 2);
        }
        deadlines.iter().filter_map(|(_, queue)| Some(queue.front()?.0)).min()
    }

    /// An echo that is past its deadline, once.
    fn past_deadline(&mut self, now: Duration) -> Option<u64> {
        let mut queues = self.deadlines.iter_mut();
        let is_past = |queue: &VecDeque<(Duration, u64)>| {
            queue.front().is_some_and(|(deadline, _)| *deadline <= now)
        };
        let (_, queue) = queues.find(|(_, queue)| is_past(queue))?;
        queue.pop_front().map(|(_, number)| number)
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
fn apart(work: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(work));
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
    }

    #[test]
    fn deadlines_of_each_timeout_come_in_order_and_only_of_what_is_under_way() {
        let mut agenda = Agenda::default();
        let seconds = Duration::from_secs;
        let mut calendar = Calendar::default();
        let target = calendar.add(Instant::now(), ());
        // A long timeout first, and a short one that ends before it.
        for (timeout, deadline, number) in [(60, 60, 0), (1, 2, 1), (60, 61, 2), (1, 3, 3)] {
            agenda.wait(seconds(timeout), seconds(deadline), number);
            let under_way = UnderWay { target, round: number, begun: seconds(0), flight: None };
            agenda.under_way.insert(number, under_way);
        }
        assert_eq!(agenda.next_deadline(), Some(seconds(2)));
        agenda.under_way.remove(&1);
        assert_eq!(agenda.next_deadline(), Some(seconds(3)), "nobody waits for what is decided");
        let past = |agenda: &mut Agenda, now| agenda.past_deadline(seconds(now));
        assert_eq!((past(&mut agenda, 2), past(&mut agenda, 3)), (None, Some(3)));
        assert_eq!(past(&mut agenda, 3), None, "each comes once");
        assert_eq!([past(&mut agenda, 99), past(&mut agenda, 99)], [Some(0), Some(2)]);
        assert_eq!((past(&mut agenda, 99), agenda.next_deadline()), (None, None));
        assert!(agenda.deadlines.is_empty(), "room for a timeout that nobody has is given back");
    }

    #[test]
    fn room_for_an_outage_is_given_back_behind_it() {
        let mut agenda = Agenda::default();
        let target = Calendar::default().add(Instant::now(), ());
        for number in 0..30_000 {
            let begun = Duration::ZERO;
            agenda.under_way.insert(number, UnderWay { target, round: 1, begun, flight: None });
        }
        assert!(agenda.next_deadline().is_none() && agenda.under_way.capacity() >= 30_000);
        agenda.under_way.retain(|number, _| *number < 10);
        agenda.next_deadline();
        assert!(agenda.under_way.capacity() < SPACIOUS && agenda.under_way.len() == 10);
    }
}
