//! One question that a scraper asks: whom to probe, until when, and by what.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use exporter_kit::on_demand::Log;
use tokio::time::Instant;

use crate::icmp::Icmp;
use crate::metrics::counts::Strays;

/// What a prober is given beside its section of the module.
#[derive(Clone, Debug)]
pub(crate) struct Ask<'a> {
    /// Whom, as the query says it.
    pub(crate) target: &'a str,
    /// The query's `hostname`: what is asked for in `Host` and in SNI where the module sets neither.
    pub(crate) hostname: Option<&'a str>,
    /// The address to probe where it has been chosen already: nothing is looked up then.
    pub(crate) ip: Option<IpAddr>,
    /// When the probe began.
    pub(crate) started: Instant,
    /// When it ends at the latest. Whoever runs it ends it then; what it has found by that time stays.
    pub(crate) deadline: Instant,
    /// What is said to people. It must not be told a secret.
    pub(crate) log: &'a Log,
    /// Who is asked for names; the system's resolvers when empty.
    pub(crate) resolvers: &'a [SocketAddr],
    /// Sends echoes.
    pub(crate) icmp: &'a Icmp,
    /// Counts replies that come late or twice.
    pub(crate) strays: &'a Arc<Strays>,
}
