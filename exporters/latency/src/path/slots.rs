//! What is known of the paths to one target, for the task that traces and the pages that show.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use exporter_kit::CountsBy;

use super::evidence::Report;
use super::known::Known as Path;
use super::memory::{Memory, Verdict};
use super::trace::{Trace, TraceResult};
use crate::standing::MOST_ADDRESSES;

/// So many addresses of a target are remembered: those that it has, and a few that it had.
const MOST_KNOWN: usize = 2 * MOST_ADDRESSES;

/// The paths to a target. A change is counted at the place of the address, so that a count does not move when
/// addresses do.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    /// How traces ended.
    pub(crate) traces: CountsBy<TraceResult>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    counts: [Counts; MOST_ADDRESSES],
    /// The newest last.
    known: Vec<Known>,
}

/// How often the path of a slot changed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Counts {
    /// By its routers.
    pub(crate) changes: u64,
    /// By the networks of its routers.
    pub(crate) as_changes: u64,
    /// That it was not the same from one trace to the next.
    pub(crate) unstable: u64,
    /// When it last changed, in seconds since the epoch.
    pub(crate) changed: Option<f64>,
    /// The same of the networks.
    pub(crate) as_changed: Option<f64>,
}

#[derive(Clone, Debug)]
struct Known {
    ip: IpAddr,
    memory: Memory,
    /// Whether the present path is another one than was last reported.
    has_changed: bool,
    report: Option<Arc<Report>>,
    /// The path before the last change, and when that was.
    before: Option<(Arc<Report>, f64)>,
    completed: Option<Completed>,
}

/// What the newest trace that was sent found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Completed {
    /// When it ended, in seconds since the epoch.
    pub(crate) at: f64,
    /// How many hops away the target is, where it was reached.
    pub(crate) hops: Option<u8>,
    /// How many before the last that answered stayed silent; none where nobody answered.
    pub(crate) silent: Option<u8>,
}

/// What is shown of one slot.
#[derive(Clone, Debug)]
pub(crate) struct SlotView {
    /// Its counts.
    pub(crate) counts: Counts,
    /// The newest trace.
    pub(crate) completed: Option<Completed>,
    /// The id of the path, and of the way through the networks.
    pub(crate) id: Option<u64>,
    pub(crate) as_id: Option<u64>,
    /// What the path says.
    pub(crate) report: Option<Arc<Report>>,
    /// The path before the last change, and when that was, in seconds since the epoch.
    pub(crate) before: Option<(Arc<Report>, f64)>,
}

impl Slots {
    /// Takes in a trace to the address of a slot, at a time in seconds since the epoch.
    pub(crate) fn take_in(&self, slot: usize, trace: &Trace, at: f64) -> Verdict {
        self.traces.inc(trace.result());
        let mut inner = self.inner();
        if trace.result() == TraceResult::Local {
            // What the one before found is not so any more, as far as anybody knows.
            if let Some(known) = inner.known.iter_mut().find(|known| known.ip == trace.to) {
                known.memory.forget_doubt();
                let at = known.completed.map(|completed| completed.at);
                known.completed = at.map(|at| Completed { at, hops: None, silent: None });
            }
            return Verdict::Same;
        }
        let known = inner.known_of(trace.to);
        let silent = trace.hops.iter().filter(|hop| hop.is_none()).count();
        let silent = u8::try_from(silent).ok().filter(|_| !trace.hops.is_empty());
        known.completed = Some(Completed { at, hops: trace.length(), silent });
        let verdict = known.memory.take_in(trace.into());
        if verdict == Verdict::Changed {
            known.has_changed = true;
            known.before = known.report.take().map(|report| (report, at));
        }
        let Some(counts) = inner.counts.get_mut(slot) else { return verdict };
        match verdict {
            Verdict::Changed => (counts.changes, counts.changed) = (counts.changes + 1, Some(at)),
            Verdict::Unstable => counts.unstable += 1,
            Verdict::Same | Verdict::Doubted | Verdict::First => {}
        }
        verdict
    }

    /// The path to an address, once it is confirmed.
    pub(crate) fn path(&self, ip: IpAddr) -> Option<Path> {
        let inner = self.inner();
        let known = inner.known.iter().find(|known| known.ip == ip)?;
        known.memory.path().map(|(_, path)| path.clone())
    }

    /// Takes in what the path to the address of a slot says.
    pub(crate) fn report(&self, slot: usize, ip: IpAddr, report: Report, at: f64) {
        let mut inner = self.inner();
        let Some(known) = inner.known.iter_mut().find(|known| known.ip == ip) else { return };
        let has_changed = std::mem::take(&mut known.has_changed);
        let is_other = known.memory.take_in_networks(report.networks.clone(), has_changed);
        known.report = Some(Arc::new(report));
        if let Some(counts) = inner.counts.get_mut(slot).filter(|_| is_other) {
            (counts.as_changes, counts.as_changed) = (counts.as_changes + 1, Some(at));
        }
    }

    /// How long the path to an address was, and may be again.
    pub(crate) fn length(&self, ip: IpAddr) -> Option<u8> {
        let inner = self.inner();
        let known = inner.known.iter().find(|known| known.ip == ip)?;
        let (_, path) = known.memory.path()?;
        path.is_whole.then(|| u8::try_from(path.places.len()).unwrap_or(u8::MAX))
    }

    /// What is shown of the slot that this address has.
    pub(crate) fn view(&self, slot: usize, ip: IpAddr) -> Option<SlotView> {
        let inner = self.inner();
        let counts = *inner.counts.get(slot)?;
        let known = inner.known.iter().find(|known| known.ip == ip)?;
        Some(SlotView {
            counts,
            completed: known.completed,
            id: known.memory.path().map(|(id, _)| id),
            as_id: known.memory.as_path().map(|(id, _)| id),
            report: known.report.clone(),
            before: known.before.clone(),
        })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// What is known of an address, which becomes the newest; the oldest makes room.
    fn known_of(&mut self, ip: IpAddr) -> &mut Known {
        let known = match self.known.iter().position(|known| known.ip == ip) {
            Some(place) => self.known.remove(place),
            None => Known {
                ip,
                memory: Memory::default(),
                has_changed: false,
                report: None,
                before: None,
                completed: None,
            },
        };
        if self.known.len() >= MOST_KNOWN {
            self.known.remove(0);
        }
        self.known.push(known);
        self.known.last_mut().expect("one was put there")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::trace::{End, Hop};
    use super::*;

    const TO: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 9));

    fn reached() -> Trace {
        let hop = Hop { address: TO, rtt: Duration::from_millis(1), mpls: Vec::new() };
        Trace { to: TO, hops: vec![None, Some(hop)], end: End::Reached }
    }

    fn completed(slots: &Slots) -> Completed {
        slots.view(0, TO).unwrap().completed.unwrap()
    }

    #[test]
    fn what_is_not_sent_leaves_no_old_length() {
        let slots = Slots::default();
        slots.take_in(0, &Trace::unsent(TO, End::Local), 1.0);
        assert!(slots.view(0, TO).is_none());
        slots.take_in(0, &reached(), 2.0);
        assert_eq!(completed(&slots), Completed { at: 2.0, hops: Some(2), silent: Some(1) });
        slots.take_in(0, &Trace::unsent(TO, End::Local), 3.0);
        assert_eq!(completed(&slots), Completed { at: 2.0, hops: None, silent: None });
    }

    #[test]
    fn where_nobody_answers_nobody_is_silent_before_the_last() {
        let slots = Slots::default();
        slots.take_in(0, &Trace::unsent(TO, End::Incomplete), 1.0);
        assert_eq!(completed(&slots), Completed { at: 1.0, hops: None, silent: None });
    }

    #[test]
    fn a_doubt_is_forgotten_with_the_network() {
        let slots = Slots::default();
        assert_eq!(slots.take_in(0, &reached(), 1.0), Verdict::Doubted);
        slots.take_in(0, &Trace::unsent(TO, End::Local), 2.0);
        assert_eq!(slots.take_in(0, &reached(), 3.0), Verdict::Doubted);
        slots.take_in(0, &Trace::unsent(TO, End::Incomplete), 4.0);
        assert_eq!(slots.take_in(0, &reached(), 5.0), Verdict::Doubted);
        assert_eq!(slots.take_in(0, &reached(), 6.0), Verdict::First);
    }
}
