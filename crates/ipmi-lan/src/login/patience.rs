//! How long each message of a log-in is waited for, and how often it is sent. No I/O, no clock.

use std::time::Duration;

use super::{Login, Step};

impl Login {
    /// The message is answered, though so many attempts later it was sent once more: the BMC is slow.
    pub(super) fn answered_late(&mut self, now: Duration, attempts: u8) {
        if attempts > 0 {
            let all = self.tags.last.wrapping_sub(self.tags.first);
            let before = self.options.timeout.saturating_mul(all.saturating_sub(attempts).into());
            let took = now.saturating_sub(self.began.saturating_add(before));
            self.late = Some(took.max(self.options.timeout));
            self.queued = u32::from(attempts);
        }
    }

    /// Whether the BMC was late with anything.
    pub(super) fn was_slow(&self) -> bool {
        self.slow || self.late.is_some()
    }

    /// How long the present attempt is waited for.
    pub(super) fn patience(&self) -> Duration {
        let timeout = self.options.timeout;
        let retries = self.options.retries;
        let all = timeout.saturating_mul(retries.saturating_add(1));
        let whole = all.saturating_mul(3);
        let is_last = self.attempt >= self.attempts();
        // What is before it at the BMC, itself, and one more.
        let queue = self.queued.saturating_add(2);
        let after_late = self.late.map(|took| took.saturating_mul(queue).saturating_add(timeout));
        let most = whole.saturating_mul(self.queued.saturating_add(1));
        let after_late = after_late.unwrap_or_default().min(most);
        // What the attempts before have left of it.
        let rest = whole.saturating_sub(timeout.saturating_mul(self.attempt));
        let may_be_slow = !(self.unreachable || self.garbage || self.options.impatient);
        match (&self.step, self.attempt) {
            (Step::Capabilities, _) if is_last && may_be_slow => rest,
            (Step::Capabilities, _) => timeout,
            (_, 0) if is_last => most,
            (Step::OpenSession { .. }, 0) if self.late.is_some() => all.max(after_late),
            (Step::OpenSession { .. }, _) if self.late.is_some() => all,
            (Step::OpenSession { .. }, _) if is_last && !self.has_another_suite() => rest,
            (Step::OpenSession { .. }, _) => timeout,
            (Step::Rakp1 { .. } | Step::Rakp3 { .. }, 0) => all.max(after_late),
            (Step::Rakp1 { .. } | Step::Rakp3 { .. }, _) => all.saturating_mul(2),
        }
    }

    /// How often the present step's message may be sent again.
    pub(super) fn attempts(&self) -> u32 {
        let retries = self.options.retries;
        match self.step {
            Step::Capabilities => retries,
            _ if self.slow => 0,
            Step::OpenSession { .. } if self.late.is_none() => retries,
            Step::OpenSession { .. } | Step::Rakp1 { .. } | Step::Rakp3 { .. } => retries.min(1),
        }
    }

    pub(super) fn has_another_suite(&self) -> bool {
        self.suite.saturating_add(1) < self.options.suites.len()
    }

    /// The last attempt of the first message is given the time of any other.
    pub(super) fn nobody_is_slow(&mut self) {
        if matches!(self.step, Step::Capabilities) {
            self.deadline = self.deadline.min(self.sent.saturating_add(self.options.timeout));
        }
    }
}
