//! An echo that is under way, for which no task waits (I/O).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::channel::{Channel, GRACE, Unsent};
use super::options::{Asked, EchoOptions};
use super::pending::Ticket;
use super::socket::{Kind, Refusal};
use super::waiter::{Inbox, Verdict};
use super::{Icmp, Sender};
use crate::metrics::counts::Strays;

/// One of them.
#[derive(Debug)]
pub(crate) struct Flight {
    kind: Kind,
    asked: Asked,
    channel: Arc<Channel>,
    ticket: Ticket,
    sent: Duration,
    timeout: Duration,
}

/// An echo that is none under way.
#[derive(Debug)]
pub(crate) enum Grounded {
    /// There is no room for it at this moment, or it cannot be sent without a task: [`Icmp::echo`] sends it.
    Waits,
    /// It failed.
    Refused(Refusal),
}

impl Flight {
    /// When nobody has to wait any longer: its reply may come to its limit, and may then lie in the socket a while.
    pub(crate) fn deadline(&self) -> Duration {
        self.sent + self.timeout + GRACE
    }

    /// Takes in what may lie in the socket, once it is past its limit: the inbox is told of it.
    pub(crate) fn look(&self) {
        self.channel.look_unless_empty_since(self.sent + self.timeout);
    }

    /// It is past its deadline, and the inbox was not told of it.
    pub(crate) fn give_up(&self) -> Refusal {
        self.channel.give_up(self.ticket)
    }
}

impl Icmp {
    /// Where it is told what became of echoes that were begun; none where all are waited for.
    pub(crate) fn inbox(&self) -> Option<Arc<Inbox>> {
        match &*self.0 {
            Sender::Kernel(engine) => Some(Arc::clone(&engine.told.inbox)),
            Sender::Surge(_) => None,
        }
    }

    /// Sends one echo with these options, and does not wait: the inbox is told by this number what becomes of it, which
    /// is for [`Icmp::settle`].
    pub(crate) fn begin(
        &self,
        to: IpAddr,
        options: &EchoOptions,
        (sent, timeout): (Duration, Duration),
        (number, strays): (u64, &Arc<Strays>),
    ) -> Result<Flight, Grounded> {
        let Sender::Kernel(engine) = &*self.0 else { return Err(Grounded::Waits) };
        let way = engine.way(to.to_canonical(), options, sent);
        let (kind, asked, channel) = way.map_err(Grounded::Refused)?;
        match channel.begin(asked, options, (sent, timeout), (number, strays)) {
            Ok(ticket) => Ok(Flight { kind, asked, channel, ticket, sent, timeout }),
            Err(Unsent::NoRoom) => Err(Grounded::Waits),
            Err(Unsent::Refused(refusal)) => {
                let found = engine.settle(kind, asked, (&channel, sent), Err(refusal));
                Err(Grounded::Refused(found.err().unwrap_or(refusal)))
            }
        }
    }

    /// What is to be said of an echo that was begun, of which this became.
    pub(crate) fn settle(&self, flight: &Flight, found: Verdict) -> Verdict {
        let Sender::Kernel(engine) = &*self.0 else { return found };
        engine.settle(flight.kind, flight.asked, (&flight.channel, flight.sent), found)
    }
}
