//! What canaries say: whether our own network works, and how much it loses. No I/O, no clock.

use super::evidence::{Class, Round, patience};
use super::judge::NoEvidence;
use super::rounds::Rounds;

/// Losses are counted over so many seconds.
const LOSS: f64 = 300.0;

/// A target that shows how our own network is.
#[derive(Clone, Debug)]
pub(crate) struct Canary {
    interval: f64,
    pub(crate) heard: Option<f64>,
    pub(crate) known: Option<f64>,
    pub(crate) no_evidence: Option<NoEvidence>,
    rounds: Rounds,
}

impl Canary {
    /// One that is probed at this interval.
    pub(crate) fn new(interval: f64) -> Self {
        let rounds = Rounds::new(interval, LOSS);
        Self { interval, heard: None, known: None, no_evidence: None, rounds }
    }

    /// Takes in a round.
    pub(crate) fn feed(&mut self, round: &Round, class: Class) {
        if class.is_heard() {
            self.heard = Some(round.decided);
        }
        if matches!(class, Class::Local | Class::Queued) {
            self.no_evidence = Some(NoEvidence::after(self.no_evidence, round.decided, class));
            return;
        }
        (self.known, self.no_evidence) = (Some(round.decided), None);
        // A wrong answer came all the way, and a name that is not looked up sends nothing.
        if class != Class::Name {
            self.rounds.put(round.begun, !class.is_heard());
        }
    }

    /// Whether it was heard lately.
    pub(crate) fn is_alive(&self, now: f64, timeout: f64) -> bool {
        self.heard.is_some_and(|heard| now - heard <= patience(self.interval) + timeout)
    }

    /// The share of rounds that failed in the last five minutes; none before the first.
    pub(crate) fn loss(&self) -> Option<f64> {
        let count = self.rounds.count(LOSS);
        (count.rounds > 0).then(|| count.share())
    }

    /// Whether for a minute nothing has left this machine.
    pub(crate) fn is_local_fault(&self, now: f64) -> bool {
        self.no_evidence.is_some_and(|run| run.is_local && run.lasts(self.interval, now))
    }

    /// How long its silence says nothing.
    pub(crate) fn patience(&self) -> f64 {
        patience(self.interval)
    }
}
