//! The paths to a target: traced for ever, beside its probes and by sockets of its own (I/O).
//!
//! | file | noun |
//! |---|---|
//! | `due` | when an address is traced (pure) |
//! | `tracer`, `socket` | traces, and the sockets that they are sent by (I/O) |
//! | `course`, `flights`, `packet` | what is sent when, whose an answer is, the bytes (pure) |
//! | `trace`, `known`, `autonomous` | what a trace found; a path; the networks that it crosses (pure) |
//! | `memory` | what a change is (pure) |
//! | `names`, `cache` | the names of routers (I/O); those that are known (pure) |
//! | `hint`, `evidence` | where a name says that a router is; what a path says of where it goes (pure) |
//! | `slots` | what is known of a target's paths, for the pages |

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

mod autonomous;
mod cache;
mod course;
mod due;
pub(crate) mod evidence;
mod flights;
pub(crate) mod hint;
mod known;
mod memory;
mod names;
mod packet;
pub(crate) mod slots;
mod socket;
#[cfg(test)]
mod tests;
pub(crate) mod trace;
mod tracer;

use crate::clock::Clock;
use crate::config::path::PathSettings;
use crate::link;
use crate::standing::MOST_ADDRESSES;
use crate::state::{CurrentVantage, TargetState};
use crate::tables::Tables;
use due::{Due, Signs};
use evidence::Light;
use memory::Verdict;
pub(crate) use names::Names;
pub(crate) use trace::TraceResult;
pub(crate) use tracer::Tracer;

/// How often it is looked whether an address is to be traced.
const LOOK: Duration = Duration::from_secs(1);

/// By what paths are looked at.
#[derive(Clone, Debug)]
pub(crate) struct Sight {
    /// Where the vantage is.
    pub(crate) vantage: Arc<CurrentVantage>,
    /// Whose addresses are.
    pub(crate) tables: Tables,
    /// What routers are called.
    pub(crate) names: Names,
}

/// All that tracing the paths to one target needs.
#[derive(Debug)]
pub(crate) struct Task {
    /// How often, and how far.
    pub(crate) settings: PathSettings,
    /// The link that the target is on, where its address says so.
    pub(crate) link: Option<String>,
    /// Where the paths go.
    pub(crate) state: Arc<TargetState>,
    /// What sends traces.
    pub(crate) tracer: Tracer,
    /// What is made of them.
    pub(crate) sight: Sight,
    /// For the time of each trace.
    pub(crate) clock: Clock,
}

impl Task {
    /// Traces each address of the target, one after the other.
    pub(crate) async fn run(self) {
        let mut plans: Vec<(IpAddr, Due)> = Vec::new();
        loop {
            let seen = self.seen();
            plans.retain(|(ip, _)| seen.iter().any(|(known, _)| known == ip));
            for (slot, (ip, signs)) in seen.into_iter().enumerate() {
                let place = plans.iter().position(|(known, _)| *known == ip);
                let place = place.unwrap_or_else(|| {
                    plans.push((ip, Due::new(self.settings.interval, self.splay(ip))));
                    plans.len() - 1
                });
                let due = &mut plans[place].1;
                if due.is_due(self.clock.now().monotonic, signs) {
                    let is_doubted =
                        self.trace(slot, ip, signs.rtt).await == Some(Verdict::Doubted);
                    due.traced(self.clock.now().monotonic, is_doubted, signs);
                }
            }
            sleep(LOOK).await;
        }
    }

    async fn trace(&self, slot: usize, ip: IpAddr, rtt: Option<Duration>) -> Option<Verdict> {
        let slots = self.state.paths.as_ref()?;
        let link = self.link.as_deref().and_then(|name| link::index(name).ok());
        let to = tracer::destination(ip, link);
        let trace = self.tracer.trace(to, self.settings.max_hops, slots.length(ip)).await;
        let verdict = slots.take_in(slot, &trace, self.clock.now().unix_seconds);
        if let Some(path) = slots.path(ip) {
            // At once by the names that are known, and again by those that were asked for.
            self.judge(slot, ip, rtt);
            let wanted = evidence::asks_for(&path, &self.sight.tables.get());
            self.sight.names.look_up(wanted).await;
            self.judge(slot, ip, rtt);
        }
        Some(verdict)
    }

    /// Says anew what the path to an address says.
    fn judge(&self, slot: usize, ip: IpAddr, rtt: Option<Duration>) {
        let Some(slots) = self.state.paths.as_ref() else { return };
        let Some(path) = slots.path(ip) else { return };
        let vantage = self.sight.vantage.get().place;
        let tables = self.sight.tables.get();
        let light = Light { tables: &tables, vantage, rtt };
        let report = evidence::report(&path, light, |ip| self.sight.names.get(ip));
        slots.report(slot, ip, report, self.clock.now().unix_seconds);
    }

    /// The addresses that are probed, by slot, and what is seen of each.
    fn seen(&self) -> Vec<(IpAddr, Signs)> {
        let now = self.clock.now().monotonic;
        let standing = self.state.standing();
        let failed = standing.consecutive_failures();
        let addresses = standing.addresses().iter().take(MOST_ADDRESSES);
        addresses.map(|it| (it.ip, Signs { rtt: it.min_rtt(now), failed })).collect()
    }

    /// The same share of the interval at each start.
    fn splay(&self, ip: IpAddr) -> f64 {
        let mut hasher = DefaultHasher::new();
        (self.state.name(), ip).hash(&mut hasher);
        f64::from(u32::try_from(hasher.finish() >> 32).unwrap_or(0)) / f64::from(u32::MAX)
    }
}
