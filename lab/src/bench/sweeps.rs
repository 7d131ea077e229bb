//! The resolvers that a benchmark sweeps, and what was seen of a program that does.

use std::net::{Ipv4Addr, SocketAddr};

use crate::netns::Namespace;
use crate::resolvers::{self, Resolvers};

/// What was seen of a program that sweeps them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) cpu_seconds: f64,
    pub(super) rss: f64,
    pub(super) peak_rss: f64,
    /// Datagrams that the resolvers received.
    pub(super) datagrams: f64,
    /// Of each resolver, the most in one sweep.
    pub(super) most: f64,
    pub(super) sweeps: f64,
    /// What one sweep took.
    pub(super) wall_seconds: f64,
    /// Queries of each sweep that were answered.
    pub(super) answered: Option<f64>,
    /// Answers laid to a resolver that did not give them.
    pub(super) wrong: Option<f64>,
}

/// The resolvers, in a namespace of their own.
pub(super) struct World {
    // Dropped in this order.
    pub(super) resolvers: Resolvers,
    pub(super) namespace: Namespace,
}

impl World {
    pub(super) fn start(count: usize) -> anyhow::Result<Self> {
        let namespace = Namespace::new("bench-dns")?;
        let socket = namespace.udp_socket(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 53)))?;
        let options = resolvers::Options { resolvers: count, latency: 0.0 };
        Ok(Self { resolvers: Resolvers::start(socket, options)?, namespace })
    }

    /// Datagrams at each resolver since `before`: their sum, and the most at one of them.
    pub(super) fn received_since(&self, before: &[u64]) -> (f64, f64) {
        let now = self.resolvers.received_by_each();
        let each: Vec<u64> =
            now.iter().zip(before).map(|(now, before)| now.saturating_sub(*before)).collect();
        let most = each.iter().copied().max().unwrap_or_default();
        (each.iter().sum::<u64>() as f64, most as f64)
    }
}
