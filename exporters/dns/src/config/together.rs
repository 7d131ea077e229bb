//! How long sets take that ask resolvers of the same networks and systems. No I/O, no clock.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use exporter_kit::config::{self as kit, Problems};

use super::Config;
use super::plan::TCP_LIMIT;
use crate::courtesy::{MAX_PER_NETWORK, MAX_PER_SYSTEM, is_stranger};
use crate::resolvers::{ResolverList, network};

/// Whose resolvers share a measure.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Crowd {
    /// A /24 or a /48, by its first address.
    Network(IpAddr),
    /// An autonomous system.
    System(u32),
}

impl fmt::Display for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(first) if first.is_ipv4() => {
                write!(f, "those of {first}/24 take, at {MAX_PER_NETWORK} a second,")
            }
            Self::Network(first) => {
                write!(f, "those of {first}/48 take, at {MAX_PER_NETWORK} a second,")
            }
            Self::System(number) => {
                write!(f, "those of AS{number} take, at {MAX_PER_SYSTEM} a second,")
            }
        }
    }
}

/// What a set asks of each crowd in a sweep, and how often that is.
struct Load {
    /// Seconds that it takes.
    seconds: HashMap<Crowd, f64>,
    interval: f64,
}

impl Load {
    fn new(list: &ResolverList, queries: usize, interval: Duration) -> Self {
        let mut seconds = HashMap::new();
        let mut add = |crowd, most: u32| {
            *seconds.entry(crowd).or_default() += queries as f64 / f64::from(most);
        };
        for resolver in list.resolvers.iter().filter(|it| is_stranger(it.address)) {
            add(Crowd::Network(network(resolver.address)), MAX_PER_NETWORK);
            if resolver.asn != 0 {
                add(Crowd::System(resolver.asn), MAX_PER_SYSTEM);
            }
        }
        Self { seconds, interval: interval.as_secs_f64() }
    }
}

impl Config {
    /// Adds a problem for each set that does not fit its interval where others ask the same networks or systems: their
    /// sweeps may come together.
    pub(super) fn check_crowds(&self, problems: &mut Problems) {
        let tries = |number: usize| 1 + usize::from(self.sets[number].retries);
        let load = |number: usize| {
            let set = &self.sets[number];
            let queries = self.plan(set).most_per_resolver();
            Load::new(&set.list, queries, set.interval)
        };
        let loads: Vec<Load> = (0..self.sets.len()).map(load).collect();
        for (number, own) in loads.iter().enumerate() {
            let set = &self.sets[number];
            let together = own.seconds.iter().filter_map(|(crowd, seconds)| {
                let others = loads.iter().enumerate().filter(|(other, _)| *other != number);
                let others: f64 = others
                    .filter_map(|(_, it)| {
                        Some(it.seconds.get(crowd)? * (own.interval / it.interval).max(1.0))
                    })
                    .sum();
                (others > 0.0).then_some((seconds + others, crowd))
            });
            let Some((seconds, crowd)) = together.max_by(|one, other| one.0.total_cmp(&other.0))
            else {
                continue;
            };
            let waits = set.timeout * u32::try_from(tries(number)).unwrap_or(u32::MAX) + TCP_LIMIT;
            let all = Duration::from_secs_f64(seconds.min(f64::from(u32::MAX))) + waits;
            if all >= set.interval {
                problems.add(
                    set.place,
                    format!(
                        "sets[{number}].interval: other sets ask the same networks, and {crowd} up to {} for all of \
                         them, which is longer than {}",
                        kit::Duration::new(all),
                        kit::Duration::new(set.interval)
                    ),
                );
            }
        }
    }
}
