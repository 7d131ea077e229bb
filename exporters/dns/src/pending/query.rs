//! One query, from the moment it is sent until all is said about it. No I/O, no clock.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::answer::Answer;
use crate::exchange::question::Form;
use crate::outcome::Outcome;

/// A time since the sweep began, in half of the memory: there are tens of thousands of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Since(u64);

impl Since {
    /// As it is compared.
    pub(super) fn get(self) -> Duration {
        Duration::from_nanos(self.0)
    }
}

impl From<Duration> for Since {
    fn from(since: Duration) -> Self {
        Self(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }
}

/// One query on its way.
#[expect(clippy::struct_excessive_bools, reason = "each is seen by itself")]
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// Where it went.
    pub(super) ip: IpAddr,
    pub(super) port: u16,
    /// Which question it puts: an index into the templates.
    pub(super) question: u32,
    /// Its id.
    pub(crate) id: u16,
    /// The letter case of its name.
    pub(crate) case: u64,
    /// How it differs from its template.
    pub(crate) form: Form,
    /// When it was (last) sent.
    pub(super) sent: Since,
    pub(super) retries_left: u8,
    pub(super) over_tcp: bool,
    /// It is to be sent again, and waits for its turn.
    pub(super) is_held: bool,
    /// What was said of EDNS: what remains if nothing is said without.
    pub(super) refusal: Option<Box<Answer>>,
    /// It was answered with an error with EDNS, and without.
    pub(crate) errs_either_way: bool,
    pub(super) saw_malformed: bool,
    pub(super) saw_unreachable: bool,
    /// Set once; but an error gives way to an answer that comes in time.
    pub(super) outcome: Option<Outcome>,
    /// An answer that came while the whole of a cut one is fetched.
    pub(super) meanwhile: Option<Box<Answer>>,
    pub(super) answered: Since,
}

impl Query {
    /// Where it went.
    pub(crate) fn peer(&self) -> SocketAddr {
        (self.ip, self.port).into()
    }

    /// Which question it puts: an index into the templates.
    pub(crate) fn question(&self) -> usize {
        self.question as usize
    }

    /// Whether it is one without EDNS, beside the one with it that was planned.
    pub(crate) fn is_fallback(&self) -> bool {
        self.refusal.is_some()
    }

    /// What became of it, if that is known by now.
    pub(crate) fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// What became of it. Where nothing did, it was cut short by us; one that was silent, and was to be sent again, had
    /// its time.
    pub(crate) fn into_outcome(self) -> Outcome {
        let unasked = match () {
            () if self.over_tcp || self.is_fallback() => Outcome::NotAsked,
            () if self.is_held => Outcome::Timeout,
            () => Outcome::LocalError,
        };
        self.outcome.unwrap_or(unasked)
    }

    /// Whether it waits to be sent again, and nothing came meanwhile that makes that needless.
    pub(crate) fn may_go_again(&self) -> bool {
        self.outcome.is_none() && !self.over_tcp && self.is_held
    }

    /// Whether it was sent, and nothing has come that settles it.
    pub(super) fn waits(&self) -> bool {
        self.outcome.is_none() && !self.over_tcp && !self.is_held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_takes_no_more_than_a_few_lines_of_a_cache() {
        // All that were answered within a second are held: a hundred thousand on this machine.
        assert!(size_of::<Query>() <= 176, "{}", size_of::<Query>());
    }
}
