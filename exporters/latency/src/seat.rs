//! The place of one target among the verdicts, which it leaves when it goes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::{Labels, Role, Work};
use crate::host::Host;
use crate::verdict::{Id, Round, Spec, Verdicts};

/// The verdicts, shared by the tasks that probe and the pages that show.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedVerdicts(Arc<Mutex<Verdicts>>);

impl SharedVerdicts {
    /// The verdicts, for a moment.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Verdicts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One target among them.
#[derive(Debug)]
pub(crate) struct Seat {
    verdicts: SharedVerdicts,
    number: u64,
}

impl Seat {
    /// A place for a target of which nothing is known yet.
    pub(crate) fn take(
        verdicts: &SharedVerdicts,
        name: &str,
        work: &Work,
        labels: &Labels,
    ) -> Self {
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
        self.verdicts.lock().feed(self.number, round);
    }

    /// It has other labels from now on.
    pub(crate) fn relabel(&self, name: &str, labels: &Labels) {
        let (module, is_canary) = (labels.module.as_str().into(), labels.role == Role::Canary);
        self.verdicts.lock().relabel(self.number, endpoint(name, labels), module, is_canary);
    }
}

impl Drop for Seat {
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
    fn the_domain_of_a_name_is_its_last_two_labels() {
        for (name, wanted) in
            [("a.b.example.com.", "example.com"), ("example.com", "example.com"), ("host", "host")]
        {
            assert_eq!(domain(&Host::Name(name.to_owned())), Some(wanted));
        }
        assert_eq!(domain(&Host::Ip([192, 0, 2, 1].into())), None);
    }
}
