//! The paths to a target: traced for ever, beside its probes and by sockets of its own (I/O).
//!
//! | file | noun |
//! |---|---|
//! | `due`, `plans` | when an address is traced; those of one target (pure) |
//! | `tracer`, `permits`, `socket` | traces, who may trace, and the sockets that they are sent by (I/O) |
//! | `course`, `flights`, `packet` | what is sent when, whose an answer is, the bytes (pure) |
//! | `trace`, `known`, `autonomous` | what a trace found; a path; the networks that it crosses (pure) |
//! | `memory` | what a change is (pure) |
//! | `names`, `asked` | the names of routers; whose are being asked for (I/O) |
//! | `cache` | those that are known (pure) |
//! | `hint`, `evidence` | where a name says that a router is; what a path says of where it goes (pure) |
//! | `slots` | what is known of a target's paths, for the pages |

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

mod asked;
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
mod permits;
mod plans;
pub(crate) mod slots;
mod socket;
#[cfg(test)]
mod tests;
pub(crate) mod trace;
mod tracer;

use crate::clock::Clock;
use crate::config::path::PathSettings;
use crate::link;
use crate::standing::{Address, Standing};
use crate::state::{CurrentVantage, TargetState};
use crate::tables::Tables;
use asked::Asked;
use due::{Due, Signs, Why};
use evidence::Light;
use memory::Verdict;
pub(crate) use names::Names;
use plans::Plans;
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
        let (mut plans, mut asked) = (Plans::new(), Asked::default());
        loop {
            for (slot, ip, signs) in self.seen() {
                let plan = || Due::new(self.settings.interval, self.splay(ip));
                let Some(why) = plans.why(ip, self.clock.monotonic(), signs, plan) else {
                    continue;
                };
                let verdict = self.trace(why, slot, ip, signs.rtt, &mut asked).await;
                let is_doubted = verdict == Some(Verdict::Doubted);
                plans.traced(ip, self.clock.monotonic(), is_doubted, signs);
            }
            tokio::select! {
                () = sleep(LOOK) => {}
                ip = asked.next() => self.judge_again(ip),
            }
        }
    }

    async fn trace(
        &self,
        why: Why,
        slot: usize,
        ip: IpAddr,
        rtt: Option<Duration>,
        asked: &mut Asked,
    ) -> Option<Verdict> {
        let slots = self.state.paths.as_deref()?;
        let link = self.link.as_deref().and_then(|name| link::index(name).ok());
        let to = tracer::destination(ip, link);
        let trace = self.tracer.trace(why, to, self.settings.max_hops, slots.length(ip)).await;
        let verdict = slots.take_in(slot, &trace, self.clock.now().unix_seconds);
        if let Some(path) = slots.path(ip) {
            // At once by the names that are known, and again by those that are asked for meanwhile.
            self.judge(slot, ip, rtt);
            let wanted = evidence::asks_for(&path, &self.sight.tables.get());
            asked.begin(&self.sight.names, ip, wanted);
        }
        Some(verdict)
    }

    /// The names of the path to an address are there; it may have another slot by now, or none.
    fn judge_again(&self, ip: IpAddr) {
        let seen = self.seen();
        if let Some((slot, _, signs)) = seen.iter().find(|(_, it, _)| *it == ip) {
            self.judge(*slot, ip, signs.rtt);
        }
    }

    /// Says anew what the path to an address says.
    fn judge(&self, slot: usize, ip: IpAddr, rtt: Option<Duration>) {
        let Some(slots) = self.state.paths.as_deref() else { return };
        let Some(path) = slots.path(ip) else { return };
        let vantage = self.sight.vantage.get().place;
        let tables = self.sight.tables.get();
        let light = Light { tables: &tables, vantage, rtt };
        let report = evidence::report(&path, light, |ip| self.sight.names.get(ip));
        slots.report(slot, ip, report, self.clock.now().unix_seconds);
    }

    /// The addresses that are probed, by slot, and what is seen of each.
    fn seen(&self) -> Vec<(usize, IpAddr, Signs)> {
        let now = self.clock.monotonic();
        signs(&self.state.standing(), now)
    }

    /// The same share of the interval at each start.
    fn splay(&self, ip: IpAddr) -> f64 {
        let mut hasher = DefaultHasher::new();
        (self.state.name(), ip).hash(&mut hasher);
        f64::from(u32::try_from(hasher.finish() >> 32).unwrap_or(0)) / f64::from(u32::MAX)
    }
}

/// What is seen of each address: how it fares itself, not how the target does by its others.
fn signs(standing: &Standing, now: Duration) -> Vec<(usize, IpAddr, Signs)> {
    // The address of one whose name only a proxy knows is none.
    let addresses = standing.addresses().iter().filter(|it| !it.ip.is_unspecified());
    let of = |it: &Address| Signs { rtt: it.min_rtt(now), failed: it.consecutive_failures() };
    addresses.map(|it| (it.slot, it.ip, of(it))).collect()
}
