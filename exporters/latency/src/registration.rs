//! The registration of one target with the verdicts, which ends when it goes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::warn;

use crate::config::{Labels, Role, Work};
use crate::host::Host;
use crate::verdict::{Id, Round, Spec, Verdicts};

/// Rounds are taken in so often, ...
const TAKEN_IN: Duration = Duration::from_millis(100);

/// ... and by who feeds them where so many wait: nobody else does it, or not fast enough.
const MOST_FED: usize = 1 << 14;

/// The verdicts, shared by the tasks that probe and the pages that show.
///
/// Judging looks at all that is probed, which takes some milliseconds of ten thousand targets: too long for the thread
/// that measures. So a round that is fed waits, until a thread beside it or a page takes it in.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedVerdicts(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    verdicts: Mutex<Verdicts>,
    /// Rounds that are decided and not taken in, in order.
    fed: Mutex<Vec<(u64, Round)>>,
}

impl SharedVerdicts {
    /// Has a thread of its own take in what is fed, for as long as anybody has these.
    pub(crate) fn take_in_beside(&self) {
        let shared = Arc::downgrade(&self.0);
        let take_in = move || {
            while let Some(shared) = shared.upgrade() {
                drop(Self(shared).lock());
                std::thread::sleep(TAKEN_IN);
            }
        };
        if let Err(error) = std::thread::Builder::new().name("judge".into()).spawn(take_in) {
            warn!("verdicts are judged on the thread that measures: {error}");
        }
    }

    /// The verdicts, for a moment, with all that was fed so far.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Verdicts> {
        let mut verdicts = self.0.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        let fed = std::mem::take(&mut *self.0.fed());
        for (number, round) in &fed {
            verdicts.feed(*number, round);
        }
        verdicts
    }

    fn feed(&self, number: u64, round: &Round) {
        let mut fed = self.0.fed();
        fed.push((number, *round));
        let are_too_many = fed.len() >= MOST_FED;
        drop(fed);
        if are_too_many {
            drop(self.lock());
        }
    }
}

impl Shared {
    fn fed(&self) -> MutexGuard<'_, Vec<(u64, Round)>> {
        self.fed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One target among them.
#[derive(Debug)]
pub(crate) struct Registration {
    verdicts: SharedVerdicts,
    number: u64,
}

impl Registration {
    /// That of a target of which nothing is known yet.
    pub(crate) fn new(verdicts: &SharedVerdicts, name: &str, work: &Work, labels: &Labels) -> Self {
        let spec = Spec {
            endpoint: endpoint(name, labels),
            module: labels.module.as_str().into(),
            layer: work.probe.layer(),
            is_canary: labels.role == Role::Canary,
            interval: work.interval.as_secs_f64(),
            timeout: work.timeout.as_secs_f64(),
            domain: domain(&work.host).map(Into::into),
        };
        let number = verdicts.lock().add(spec);
        Self { verdicts: verdicts.clone(), number }
    }

    /// A round of its probes is decided.
    pub(crate) fn feed(&self, round: &Round) {
        self.verdicts.feed(self.number, round);
    }

    /// It has other labels from now on.
    pub(crate) fn relabel(&self, name: &str, labels: &Labels) {
        let (module, is_canary) = (labels.module.as_str().into(), labels.role == Role::Canary);
        self.verdicts.lock().relabel(self.number, endpoint(name, labels), module, is_canary);
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.verdicts.lock().remove(self.number);
    }
}

fn endpoint(name: &str, labels: &Labels) -> Id {
    (labels.team.as_str().into(), name.into())
}

/// The domain that a name is of, as far as that can be told without a list of them: its last two labels.
fn domain(host: &Host) -> Option<&str> {
    let Host::Name(name) = host else { return None };
    let name = name.trim_end_matches('.');
    let mut dots = name.rmatch_indices('.').skip(1).map(|(at, _)| at);
    Some(dots.next().map_or(name, |at| &name[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_fed_waits_and_never_without_end() {
        let verdicts = SharedVerdicts::default();
        let spec = Spec {
            endpoint: ("".into(), "a".into()),
            module: "m".into(),
            layer: crate::verdict::Layer::Icmp,
            is_canary: false,
            interval: 1.0,
            timeout: 1.0,
            domain: None,
        };
        let number = verdicts.lock().add(spec);
        let feed = |second: usize| {
            let at = second as f64;
            verdicts.feed(number, &Round { begun: at, decided: at, ..Round::default() });
        };
        (0..100).for_each(feed);
        assert_eq!(verdicts.0.fed().len(), 100);
        assert_eq!(verdicts.lock().report(100.0).endpoints.len(), 1);
        assert_eq!(verdicts.0.fed().len(), 0);
        (0..MOST_FED).for_each(feed);
        assert_eq!(verdicts.0.fed().len(), 0, "whoever fed the last one took them in");
    }

    #[test]
    fn a_thread_takes_in_what_is_fed_and_ends_with_the_verdicts() {
        let verdicts = SharedVerdicts::default();
        verdicts.take_in_beside();
        verdicts.feed(7, &Round::default());
        let wait_until = |is_so: &dyn Fn() -> bool| {
            let begun = tokio::time::Instant::now();
            while !is_so() {
                assert!(begun.elapsed() < Duration::from_secs(60), "it is not so");
                std::thread::sleep(Duration::from_millis(5));
            }
        };
        wait_until(&|| verdicts.0.fed().is_empty());
        let shared = Arc::downgrade(&verdicts.0);
        drop(verdicts);
        wait_until(&|| shared.strong_count() == 0);
    }

    #[test]
    fn the_domain_of_a_name_is_its_last_two_labels() {
        for (name, wanted) in
            [("a.b.example.com.", "example.com"), ("example.com", "example.com"), ("host", "host")]
        {
            assert_eq!(domain(&Host::Name(name.to_owned())), Some(wanted));
        }
        assert_eq!(domain(&Host::Ip([192, 0, 2, 1].into())), None);
    }
}
