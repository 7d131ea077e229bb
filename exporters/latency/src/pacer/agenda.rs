//! Who is paced, and what is under way to them.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::Paced;
use crate::calendar::{Calendar, Slot};
use crate::icmp::Flight;

/// More room than for so many echoes under way is given back when it is not needed.
pub(super) const SPACIOUS: usize = 4096;

/// Who is paced, and what is under way.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    pub(super) targets: Calendar<Instant, Paced>,
    /// By their numbers.
    pub(super) under_way: HashMap<u64, UnderWay>,
    /// How many echoes were begun.
    pub(super) begun: u64,
    /// When each is given up, for each timeout in the order of sending.
    deadlines: Vec<(Duration, VecDeque<(Duration, u64)>)>,
    /// Those that wait to be sent, and some that have.
    waiting: Vec<u64>,
}

/// An echo that is under way.
#[derive(Debug)]
pub(super) struct UnderWay {
    pub(super) target: Slot,
    pub(super) round: u64,
    pub(super) begun: Duration,
    pub(super) way: Way,
}

/// How an echo is under way.
#[derive(Debug)]
pub(super) enum Way {
    Flies(Flight),
    /// This task waits until it can be sent, for as long as somebody wants that.
    Waits(AbortHandle),
}

impl Drop for Way {
    fn drop(&mut self) {
        if let Self::Waits(task) = self {
            task.abort();
        }
    }
}

impl Agenda {
    /// An echo is given up then, if it is not decided before.
    pub(super) fn wait(&mut self, timeout: Duration, deadline: Duration, number: u64) {
        let known = self.deadlines.iter().position(|(known, _)| *known == timeout);
        let place = known.unwrap_or_else(|| {
            self.deadlines.push((timeout, VecDeque::new()));
            self.deadlines.len() - 1
        });
        self.deadlines[place].1.push_back((deadline, number));
    }

    /// An echo waits to be sent.
    pub(super) fn waits(&mut self, number: u64) {
        if self.waiting.len() == self.waiting.capacity() {
            self.waiting.retain(|number| self.under_way.contains_key(number));
            // Room for as many again, or the next one would look at all of them once more.
            self.waiting.reserve(self.waiting.len());
        }
        self.waiting.push(number);
    }

    /// A target is gone, and what waits to be sent to it is not sent any more.
    pub(super) fn remove(&mut self, target: Slot) -> Option<Paced> {
        let Self { targets, under_way, waiting, .. } = self;
        waiting.retain(|number| match under_way.get(number) {
            Some(echo) if echo.target == target => {
                under_way.remove(number);
                false
            }
            waits => waits.is_some(),
        });
        targets.remove(target)
    }

    /// The flight of an echo that was sent.
    pub(super) fn flight(&self, number: u64) -> Option<&Flight> {
        match &self.under_way.get(&number)?.way {
            Way::Flies(flight) => Some(flight),
            Way::Waits(_) => None,
        }
    }

    /// The next deadline of an echo that is not decided.
    pub(super) fn next_deadline(&mut self) -> Option<Duration> {
        let Self { deadlines, under_way, .. } = self;
        for (_, queue) in &mut *deadlines {
            while queue.front().is_some_and(|(_, number)| !under_way.contains_key(number)) {
                queue.pop_front();
            }
            // One that is silent keeps none that are decided behind it.
            if queue.len() > SPACIOUS && queue.len() / 4 > under_way.len() {
                queue.retain(|(_, number)| under_way.contains_key(number));
            }
            if queue.capacity() > SPACIOUS && queue.capacity() / 4 > queue.len() {
                queue.shrink_to(queue.len() * 2);
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
    pub(super) fn past_deadline(&mut self, now: Duration) -> Option<u64> {
        let mut queues = self.deadlines.iter_mut();
        let is_past = |queue: &VecDeque<(Duration, u64)>| {
            queue.front().is_some_and(|(deadline, _)| *deadline <= now)
        };
        let (_, queue) = queues.find(|(_, queue)| is_past(queue))?;
        queue.pop_front().map(|(_, number)| number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An echo to somebody that waits to be sent.
    fn waiting(target: Slot, number: u64) -> UnderWay {
        let way = Way::Waits(tokio::spawn(std::future::pending::<()>()).abort_handle());
        UnderWay { target, round: number, begun: Duration::ZERO, way }
    }

    #[tokio::test]
    async fn what_waits_to_be_sent_to_who_is_removed_is_not_sent() {
        let mut calendar = Calendar::default();
        let [stays, goes] = [0, 1].map(|who| calendar.add(Instant::now(), who));
        let mut agenda = Agenda::default();
        for number in 0..100 {
            agenda.waits(number);
            let target = if number % 2 == 0 { stays } else { goes };
            agenda.under_way.insert(number, waiting(target, number));
        }
        let task = |agenda: &Agenda, number| match &agenda.under_way[&number].way {
            Way::Waits(task) => task.clone(),
            Way::Flies(_) => panic!("it waits"),
        };
        let tasks = [0, 1].map(|number| task(&agenda, number));
        agenda.remove(goes);
        while !tasks[1].is_finished() {
            tokio::task::yield_now().await;
        }
        assert!(!tasks[0].is_finished());
        assert_eq!((agenda.under_way.len(), agenda.waiting.len()), (50, 50));
        // Of those that were sent no number is kept for ever.
        agenda.under_way.clear();
        (100..10_000).for_each(|number| agenda.waits(number));
        assert!(agenda.waiting.len() < 200, "{}", agenda.waiting.len());
    }

    #[tokio::test]
    async fn while_many_wait_not_each_that_comes_looks_at_all_of_them() {
        let mut agenda = Agenda::default();
        let target = Calendar::default().add(Instant::now(), ());
        let comes = |agenda: &mut Agenda, number| {
            agenda.under_way.insert(number, waiting(target, number));
            agenda.waits(number);
        };
        (0..100).for_each(|number| comes(&mut agenda, number));
        let number = (100..10_000).find(|number| {
            comes(&mut agenda, *number);
            agenda.waiting.len() == agenda.waiting.capacity()
        });
        // One was sent: its room is not all that there is.
        agenda.under_way.remove(&0);
        comes(&mut agenda, number.unwrap() + 1);
        let (many, room) = (agenda.waiting.len(), agenda.waiting.capacity());
        assert!(room >= many * 3 / 2, "{many} {room}");
    }

    #[tokio::test]
    async fn deadlines_of_each_timeout_come_in_order_and_only_of_what_is_under_way() {
        let mut agenda = Agenda::default();
        let seconds = Duration::from_secs;
        let mut calendar = Calendar::default();
        let target = calendar.add(Instant::now(), ());
        // A long timeout first, and a short one that ends before it.
        for (timeout, deadline, number) in [(60, 60, 0), (1, 2, 1), (60, 61, 2), (1, 3, 3)] {
            agenda.wait(seconds(timeout), seconds(deadline), number);
            agenda.under_way.insert(number, waiting(target, number));
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

    #[tokio::test]
    async fn room_for_an_outage_is_given_back_behind_it() {
        let mut agenda = Agenda::default();
        let target = Calendar::default().add(Instant::now(), ());
        let second = Duration::from_secs(1);
        for number in 0..30_000 {
            agenda.under_way.insert(number, waiting(target, number));
            agenda.wait(second, second, number);
        }
        let room =
            |agenda: &Agenda| (agenda.under_way.capacity(), agenda.deadlines[0].1.capacity());
        assert!(agenda.next_deadline().is_some() && room(&agenda).0.min(room(&agenda).1) >= 30_000);
        // The first is silent still.
        agenda.under_way.retain(|number, _| *number < 10);
        agenda.next_deadline();
        let (under_way, deadlines) = room(&agenda);
        assert!(under_way < SPACIOUS && deadlines < SPACIOUS, "{under_way} {deadlines}");
        assert_eq!((agenda.under_way.len(), agenda.deadlines[0].1.len()), (10, 10));
    }
}
