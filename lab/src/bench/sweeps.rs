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
    /// The same for each question that a resolver was asked, in a sweep in which it was.
    pub(super) per_query: Option<f64>,
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
        let each = since(&self.resolvers.received_by_each(), before);
        let most = each.iter().copied().max().unwrap_or_default();
        (each.iter().sum::<u64>() as f64, most as f64)
    }

    /// Datagrams of each question to each resolver since `before` and `controls`, for each sweep in which it was asked: of
    /// no resolver are there more sweeps than so many.
    pub(super) fn per_query_since(&self, before: &[u64], controls: &[u64], sweeps: f64) -> f64 {
        let all = since(&self.resolvers.received_by_each(), before);
        let controls = since(&self.resolvers.controls_by_each(), controls);
        per_query(&all, &controls, sweeps)
    }
}

/// How much higher each count is than before.
fn since(now: &[u64], before: &[u64]) -> Vec<u64> {
    now.iter().zip(before).map(|(now, before)| now.saturating_sub(*before)).collect()
}

/// What each resolver got in all, and of the control question, over so many sweeps: how many datagrams for each time that it
/// was asked one of the two, which is one at least. More than one of a sweep were needless; over several, one that was lost
/// in a sweep makes up for a needless one in another.
fn per_query(all: &[u64], controls: &[u64], sweeps: f64) -> f64 {
    let needless = |count: u64| (count as f64 - sweeps).max(0.0);
    let each = all.iter().zip(controls);
    let more: f64 = each
        .map(|(all, control)| needless(*control) + needless(all.saturating_sub(*control)))
        .sum();
    let all = all.iter().sum::<u64>() as f64;
    all / (all - more).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_more_than_one_for_a_question_of_a_sweep_is_seen() {
        // Two that pass the control, and one that does not, in three sweeps.
        let is = |all: &[u64], controls: &[u64]| per_query(all, controls, 3.0);
        assert!((is(&[6, 6, 3], &[3, 3, 3]) - 1.0).abs() < f64::EPSILON);
        // One of the first, which was asked on in one sweep.
        assert!((is(&[6, 6, 4], &[3, 3, 3]) - 1.0).abs() < f64::EPSILON);
        assert!(is(&[6, 7, 3], &[3, 3, 3]) > 1.0);
        assert!(is(&[6, 7, 3], &[3, 4, 3]) > 1.0);
        assert!(is(&[6, 6, 4], &[3, 3, 4]) > 1.0);
    }
}
