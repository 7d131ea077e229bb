//! How a BMC is read: a closed set of sources, one file each.
//!
//! A source owns its connection, how each sensor is asked for, and the quirks of its protocol; it
//! speaks of sensors, reasons and questions in words that hold for all. When to ask, what to make of an
//! answer, and what is remembered is not its business.

use std::sync::Arc;

use tokio::time::Instant;

use crate::config::{Bmc, Driver, Module};
use crate::metrics::counts::Traffic;
use crate::outcome::PollFailure;
use crate::sensor::Slot;
use crate::sensor::list::SensorList;
use crate::slow::{Answer, Question};

mod device;
mod events;
mod interpretation;
mod lan;
mod makers;
mod options;
mod reasons;
mod records;
#[cfg(test)]
pub(crate) mod scripted;
mod session;

pub(crate) use records::entity_of;
#[cfg(test)]
pub(crate) use records::tests as samples;
pub(crate) use session::EventLog;

/// The way to one BMC.
#[derive(Debug)]
#[cfg_attr(
    test,
    expect(clippy::large_enum_variant, reason = "the small one exists in tests alone")
)]
pub(crate) enum Source {
    /// IPMI, over the LAN or by the device of the machine's own BMC.
    Ipmi(session::IpmiSession),
    /// As unlike the others as can be.
    #[cfg(test)]
    Scripted(scripted::Scripted),
}

/// What every source does.
macro_rules! each {
    ($source:expr, $it:ident => $does:expr) => {
        match $source {
            Source::Ipmi($it) => $does,
            #[cfg(test)]
            Source::Scripted($it) => $does,
        }
    };
}

impl Source {
    /// The source of a BMC; nothing is opened yet.
    pub(crate) fn of(bmc: &Arc<Bmc>) -> Self {
        match bmc.module.driver {
            Driver::Lan20 | Driver::OpenIpmi => {
                Self::Ipmi(session::IpmiSession::new(Arc::clone(bmc)))
            }
        }
    }

    /// What is wrong with a module that only a source can know, each with its field.
    pub(crate) fn problems((name, module): (&str, &Module)) -> Vec<String> {
        let problems = interpretation::problems(&module.sensor_states).into_iter();
        problems.map(|problem| format!("modules.{name}.{problem}")).collect()
    }

    /// Whether it can tell a reply from one that comes too late.
    pub(crate) fn tells_stale_replies(&self) -> bool {
        match self {
            Self::Ipmi(_) => true,
            #[cfg(test)]
            Self::Scripted(_) => false,
        }
    }

    /// What was read of its event log, for whoever polls the BMC next.
    pub(crate) fn event_log(&self) -> EventLog {
        match self {
            Self::Ipmi(session) => session.event_log(),
            #[cfg(test)]
            Self::Scripted(_) => EventLog::default(),
        }
    }

    /// Goes on with what another read of it.
    pub(crate) fn go_on_with(&mut self, event_log: EventLog) {
        match self {
            Self::Ipmi(session) => session.go_on_with(event_log),
            #[cfg(test)]
            Self::Scripted(_) => {}
        }
    }

    /// Whether a session is open that an earlier poll has left.
    pub(crate) fn is_open(&self) -> bool {
        each!(self, it => it.is_open())
    }

    /// The sensors there are, the same `Arc` while nothing changed. Opens a session if none is open;
    /// one that is in doubt is given up with the failure.
    pub(crate) async fn look(&mut self, until: Instant) -> Result<Arc<SensorList>, PollFailure> {
        each!(self, it => it.look(until).await)
    }

    /// Reads the sensors of the list that [`Self::look`] gave last, one slot each, by their places.
    /// Those that are not `due` are [`Slot::NotAsked`].
    pub(crate) async fn read(
        &mut self,
        due: impl Fn(usize) -> bool,
        until: Instant,
    ) -> Result<Vec<Slot>, PollFailure> {
        each!(self, it => it.read(due, until).await)
    }

    /// Asks a slow question over the session there is. No failure of it ends the session:
    /// the next poll finds out whether that still lives.
    pub(crate) async fn ask(&mut self, question: Question) -> Result<Answer, PollFailure> {
        each!(self, it => it.ask(question).await)
    }

    /// What was sent and received since this was last asked.
    pub(crate) fn spent(&mut self) -> Traffic {
        each!(self, it => it.spent())
    }

    /// Says good-bye, so that the BMC need not time a session out: some have room for four.
    pub(crate) async fn close(self) {
        each!(self, it => it.close().await);
    }
}
