//! Which name is looked up when. The time is given.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::exchange::HostName;

/// From one look-up of a name to the next: as long as its addresses last, and within these.
const EVERY: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(300));
/// The same where it failed, and twice as long each time.
const AGAIN: Duration = Duration::from_secs(30);

/// All names, each with when it is looked up.
#[derive(Debug, Default)]
pub(super) struct Queue {
    names: BTreeMap<HostName, Due>,
    /// Those that are not looked up at the moment.
    order: BTreeSet<(Instant, HostName)>,
}

#[derive(Debug)]
struct Due {
    /// When it is its turn; nothing while it is looked up.
    at: Option<Instant>,
    failures: u32,
}

impl Queue {
    /// The queue of these names: of others no more, and new ones at once.
    pub(super) fn of(mut self, wanted: &BTreeSet<HostName>, now: Instant) -> Self {
        self.names.retain(|name, _| wanted.contains(name));
        self.order.retain(|(_, name)| wanted.contains(name));
        for name in wanted {
            if !self.names.contains_key(name) {
                self.names.insert(name.clone(), Due { at: Some(now), failures: 0 });
                self.order.insert((now, name.clone()));
            }
        }
        self
    }

    /// The name whose turn it is, if it is any's.
    pub(super) fn next(&mut self, now: Instant) -> Option<HostName> {
        if self.due()? > now {
            return None;
        }
        let (_, name) = self.order.pop_first()?;
        self.names.entry(name.clone()).and_modify(|due| due.at = None);
        Some(name)
    }

    /// When it is the next one's turn.
    pub(super) fn due(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    /// A name was looked up, and what was said of it lasts so long; nothing where that failed.
    pub(super) fn looked_up(&mut self, name: &HostName, lasts: Option<Duration>, now: Instant) {
        // It may be wanted no more, or again, and wait for its turn already.
        let Some(due) = self.names.get_mut(name).filter(|due| due.at.is_none()) else { return };
        let again = (AGAIN * 2_u32.pow(due.failures)).min(EVERY.1);
        let pause = lasts.map_or(again, |lasts| lasts.clamp(EVERY.0, EVERY.1));
        due.failures = if lasts.is_some() { 0 } else { (due.failures + 1).min(8) };
        due.at = Some(now + pause);
        self.order.insert((now + pause, name.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_looked_up_when_it_is_due_and_no_other_for_that() {
        let began = Instant::now();
        let later = |seconds| began + Duration::from_secs(seconds);
        let names = |names: &[&str]| names.iter().map(|it| it.parse().unwrap()).collect();
        let a: HostName = "a.example".parse().unwrap();
        let mut queue = Queue::default().of(&names(&["a.example", "b.example"]), began);
        let due = |queue: &mut Queue, seconds| -> Vec<String> {
            std::iter::from_fn(|| queue.next(later(seconds))).map(|it| it.to_string()).collect()
        };
        assert_eq!(due(&mut queue, 0), ["a.example", "b.example"]);
        assert_eq!((due(&mut queue, 999).len(), queue.due()), (0, None), "both are looked up");
        queue.looked_up(&a, Some(Duration::from_secs(5)), later(0));
        queue.looked_up(&"b.example".parse().unwrap(), Some(Duration::from_secs(9999)), later(0));
        let mut queue = queue.of(&names(&["a.example", "b.example", "c.example"]), later(10));
        assert_eq!(due(&mut queue, 10), ["c.example"], "one that is new costs no other a look-up");
        assert_eq!((due(&mut queue, 59).len(), due(&mut queue, 60)), (0, vec!["a.example".into()]));
        // One that fails is looked up sooner, and then less often.
        for (at, next) in [(60, 90), (90, 150), (150, 270), (270, 510), (570, 870), (870, 1170)] {
            queue.looked_up(&a, None, later(at));
            let of_a = queue.names[&a].at;
            assert_eq!(of_a, Some(later(next.min(at + 300))), "{at}");
            queue.order.retain(|(_, name)| *name != a);
            queue.names.get_mut(&a).unwrap().at = None;
        }
        let mut queue = queue.of(&names(&["b.example"]), later(300));
        queue.looked_up(&a, None, later(300));
        assert_eq!(due(&mut queue, 9_999), ["b.example"]);
    }
}
