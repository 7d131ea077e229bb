//! Who waits for what becomes of an echo, and who was answered too late (I/O).

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, oneshot};

use super::Answer;
use super::options::Asked;
use super::pending::Arrival;
use super::socket::Refusal;
use crate::metrics::counts::Strays;
use crate::outcome::Failure;

/// What became of an echo.
pub(crate) type Verdict = Result<Answer, Refusal>;

/// Who is told what became of an echo.
#[derive(Debug)]
enum Who {
    Nobody,
    /// A task that waits for this one.
    Task(oneshot::Sender<Verdict>),
    /// The inbox, by this number.
    Inbox(u64),
}

/// Who waits for an echo, or did.
#[derive(Debug)]
pub(super) struct Waiter {
    /// Taken by what decides the echo.
    who: Who,
    /// The first ICMP error about the echo. Boxed: hardly any has one, and many wait.
    pub(super) refusal: Option<Box<Refusal>>,
    pub(super) strays: Arc<Strays>,
}

/// No reply and no error came.
pub(super) const TIMEOUT: Refusal = Refusal::of(Failure::Timeout);

impl Waiter {
    /// One, and what it waits for.
    pub(super) fn new(strays: &Arc<Strays>) -> (Self, oneshot::Receiver<Verdict>) {
        let (sender, verdict) = oneshot::channel();
        let strays = Arc::clone(strays);
        (Self { who: Who::Task(sender), refusal: None, strays }, verdict)
    }

    /// One whose inbox is told by this number.
    pub(super) fn by_inbox(number: u64, strays: &Arc<Strays>) -> Self {
        Self { who: Who::Inbox(number), refusal: None, strays: Arc::clone(strays) }
    }

    /// Nobody waits any longer.
    pub(super) fn give_up(&mut self) -> Refusal {
        self.who = Who::Nobody;
        self.without_reply()
    }

    /// Why it failed, when no reply came within the limit.
    fn without_reply(&self) -> Refusal {
        self.refusal.as_deref().copied().unwrap_or(TIMEOUT)
    }

    /// Tells who waits what came.
    pub(super) fn take(&mut self, arrival: Arrival, reply_hop_limit: Option<u8>, inbox: &Inbox) {
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
        match std::mem::replace(&mut self.who, Who::Nobody) {
            Who::Nobody => {}
            // Nobody waits when the target was removed meanwhile.
            Who::Task(sender) => drop(sender.send(verdict)),
            Who::Inbox(number) => inbox.tell(number, verdict),
        }
    }
}

/// What became of echoes that no task waits for, each by its number.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    told: Mutex<Vec<(u64, Verdict)>>,
    comes: Notify,
}

impl Inbox {
    /// Tells what became of one.
    pub(crate) fn tell(&self, number: u64, verdict: Verdict) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_empty() {
            self.comes.notify_one();
        }
        told.push((number, verdict));
    }

    /// Completes when something may have been told.
    pub(crate) async fn comes(&self) {
        self.comes.notified().await;
    }

    /// All that was told, put into an empty list.
    pub(crate) fn take(&self, into: &mut Vec<(u64, Verdict)>) {
        std::mem::swap(into, &mut *self.told.lock().unwrap_or_else(PoisonError::into_inner));
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
