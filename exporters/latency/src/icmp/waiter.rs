//! Who waits for what becomes of an echo, and who was answered too late (I/O).

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::Answer;
use super::options::Asked;
use super::pending::Arrival;
use super::socket::Refusal;
use crate::metrics::counts::Strays;
use crate::outcome::Failure;

/// Who waits for an echo, or did.
#[derive(Debug)]
pub(super) struct Waiter {
    /// Taken by what decides the echo.
    verdict: Option<oneshot::Sender<Result<Answer, Refusal>>>,
    /// The first ICMP error about the echo. Boxed: hardly any has one, and many wait.
    pub(super) refusal: Option<Box<Refusal>>,
    pub(super) strays: Arc<Strays>,
}

/// No reply and no error came.
pub(super) const TIMEOUT: Refusal = Refusal::of(Failure::Timeout);

impl Waiter {
    /// One, and what it waits for.
    pub(super) fn new(strays: &Arc<Strays>) -> (Self, oneshot::Receiver<Result<Answer, Refusal>>) {
        let (sender, verdict) = oneshot::channel();
        let strays = Arc::clone(strays);
        (Self { verdict: Some(sender), refusal: None, strays }, verdict)
    }

    /// Nobody waits any longer.
    pub(super) fn give_up(&mut self) -> Refusal {
        self.verdict = None;
        self.without_reply()
    }

    /// Why it failed, when no reply came within the limit.
    fn without_reply(&self) -> Refusal {
        self.refusal.as_deref().copied().unwrap_or(TIMEOUT)
    }

    /// Tells who waits what came.
    pub(super) fn take(&mut self, arrival: Arrival, reply_hop_limit: Option<u8>) {
        let verdict = match arrival {
            Arrival::Answer(rtt) => Ok(Answer { rtt, reply_hop_limit }),
            Arrival::Late => {
                self.strays.late.inc();
                Err(self.without_reply())
            }
            Arrival::Duplicate => {
                self.strays.duplicate.inc();
                return;
            }
        };
        if let Some(sender) = self.verdict.take() {
            // Nobody waits when the target was removed meanwhile.
            let _ = sender.send(verdict);
        }
    }
}

/// Who has answered too late since it was last asked: no more of them than echoes were given up meanwhile.
#[derive(Clone, Debug, Default)]
pub(super) struct LateAnswers(Arc<Mutex<Vec<Asked>>>);

impl LateAnswers {
    pub(super) fn add(&self, asked: Asked) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    }

    /// All of them; none are left.
    pub(super) fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
