//! A name that a probe looks up once: nothing is kept of it but whether that was in vain. Probes that look up the same
//! name at the same time share a lookup, and what comes of it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::queues::Kind;
use super::shared::Shared;
use super::{Found, Names, PATIENCE, program};
use crate::host::Families;
use crate::outcome::Failure;

/// Looks a name up once, for a probe that has so much time left, and ends with it: the addresses in the order of
/// the answer, of the family that is preferred or else of the other. What scrapers ask for waits by itself.
pub(crate) async fn once(
    name: &str,
    families: Families,
    resolvers: &[SocketAddr],
    is_of_target: bool,
    left: Duration,
) -> Result<Found, Failure> {
    let kind = if is_of_target { Kind::Target } else { Kind::Scraper };
    once_of(program(), name, families, resolvers, (kind, left)).await
}

/// All addresses of a name, looked up once for a probe.
pub(crate) async fn all(
    name: &str,
    resolvers: &[SocketAddr],
    is_of_target: bool,
    left: Duration,
) -> Result<Vec<IpAddr>, Failure> {
    let kind = if is_of_target { Kind::Target } else { Kind::Scraper };
    let asked = found_of(program(), name, Families::Both, resolvers, (kind, left));
    asked.await.map(|(ips, _)| ips)
}

pub(super) async fn once_of(
    shared: Arc<Shared>,
    name: &str,
    families: Families,
    resolvers: &[SocketAddr],
    (kind, left): (Kind, Duration),
) -> Result<Found, Failure> {
    let families = if families == Families::Both { Families::V6ElseV4 } else { families };
    found_of(shared, name, families, resolvers, (kind, left)).await
}

async fn found_of(
    shared: Arc<Shared>,
    name: &str,
    families: Families,
    resolvers: &[SocketAddr],
    (kind, left): (Kind, Duration),
) -> Result<Found, Failure> {
    let new = || {
        let names = Names::new(Arc::clone(&shared), families, resolvers.to_vec());
        Names { kind: Some(kind), ..names }
    };
    let lookup = (kind, name.to_owned(), families, resolvers.to_vec());
    let names = shared.once.join(lookup, Names::is_asked, new);
    let patience = PATIENCE.min(left / 3);
    names.within(name, left, names.get(name, patience)).await.map(|(found, _)| found)
}
