//! Latency of endpoints, seen from one place, continuously: by ICMP, TCP, HTTP and every prober of `/probe`.
//!
//! | file | noun |
//! |---|---|
//! | `config` | the file: from where, to what and how is probed |
//! | `poll` | one target, probed for ever |
//! | `pacer`, `calendar` | the echoes of all targets that are addresses, sent by one task (I/O); who is due next (pure) |
//! | `blackbox` | what is measured when a scraper asks, in the words of `blackbox_exporter` |
//! | `resolve`, `resolver_check` | the addresses of a target; whether resolvers answer at all (I/O) |
//! | `hosts` | what this machine's own list says of names (I/O) |
//! | `host` | whose addresses are probed, and which of them (pure) |
//! | `probe` | the probers, each a file: its settings, its addresses, a probe (I/O) |
//! | `chosen` | which addresses of a name are probed, where it has many (pure) |
//! | `light` | how far a round trip can have been (pure) |
//! | `link` | the links of this machine, by their names (I/O) |
//! | `icmp` | echoes: one socket a family for all targets, or the crate `surge-ping` (I/O) |
//! | `stopwatch`, `clock` | the times of a probe's phases; the time |
//! | `outcome` | what one probe found, or why it failed (pure) |
//! | `standing`, `tally` | how a target stands after all its probes, and how many there were (pure) |
//! | `window`, `spread` | the minimum of the last minutes; how much round trips differ (pure) |
//! | `figures` | what a page shows of each target beside the ordinary (pure) |
//! | `verdict` | what this vantage says of its endpoints, and of itself (pure) |
//! | `tables` | whose addresses, routers and exchanges are, by the user's files (I/O) |
//! | `registration` | the registration of one target with the verdicts |
//! | `state` | what is known of one target, for its task and the pages |
//! | `path` | the routers on the way to a target, and whether they change |
//! | `pages` | `/probe`, `/paths` |
//! | `metrics` | every metric: the counts and the page; nothing else writes one |
//! | [`simulation`] | the same in virtual time, for the judge of worlds |

mod blackbox;
mod calendar;
mod chosen;
mod clock;
mod config;
mod figures;
mod host;
mod hosts;
mod icmp;
mod light;
mod link;
mod metrics;
mod outcome;
mod pacer;
mod pages;
mod path;
mod poll;
mod probe;
mod registration;
mod resolve;
mod resolver_check;
pub mod simulation;
mod spread;
mod standing;
mod state;
mod stopwatch;
mod tables;
mod tally;
mod verdict;
mod window;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use exporter_kit::discovery::{Discovery, Found, Skipped};
use exporter_kit::{
    Counter, Descriptors, Exporter, Health, Kit, Rounds, Running, TargetId, Targets, Wanted,
};
use tracing::warn;

use blackbox::offer::Offer;
use clock::Clock;
use config::{Config, Labels, Work};
use host::Host;
use icmp::Icmp;
use metrics::counts::{ReceiveQueue, Strays};
use metrics::page::Metrics;
use pacer::Pacer;
use path::{Names, Sight, Tracer};
use registration::SharedVerdicts;
use resolver_check::ResolverCheck;
use state::{CurrentVantage, TargetState};
use tables::Tables;

/// How many files echoes and traces hold open: a socket of each family and kind, and fresh ones for
/// addresses that stay silent.
const SHARED: usize = 16;

/// Probes targets, each in its own task; echoes to addresses are sent by one for all.
#[derive(Debug)]
pub struct LatencyExporter {
    targets: Arc<Targets<Arc<Work>, TargetState, Arc<Labels>, TargetId>>,
    vantage: Arc<CurrentVantage>,
    icmp: Icmp,
    pacer: Pacer,
    tracer: Tracer,
    sight: Sight,
    queue: ReceiveQueue,
    verdicts: SharedVerdicts,
    resolver_check: ResolverCheck,
    rounds: Rounds,
    clock: Clock,
    offer: RwLock<Arc<Offer>>,
    /// Kept for the sockets that all echoes and traces share.
    shared: Descriptors,
    /// Of echoes that were asked for.
    strays: Arc<Strays>,
    /// How often a module was asked for that there is not.
    unknown_modules: Arc<Counter>,
    /// Whether there are so few targets that each shows all of its figures.
    are_in_full: AtomicBool,
}

impl Exporter for LatencyExporter {
    const NAME: &'static str = "turbulence-latency";
    const ABOUT: &'static str = "Latency of endpoints from this vantage, by ICMP, TCP, HTTP, DNS, gRPC, WebSocket and Unix sockets, and the paths to them.";
    const PORT: u16 = 9770;
    const PAGES: &'static [&'static str] = &["/probe", "/probe/recent", "/paths", "/api/v1/paths"];
    const GROUP: &'static str = "team";
    const LINKS: &'static [(&'static str, &'static str)] = &[
        ("/paths", "the routers on the way to each address; /api/v1/paths as JSON"),
        ("/probe/recent", "the last probes that were asked for, and what happened in each"),
    ];
    type Config = Config;

    fn prepare(config: Config, folder: &Path) -> anyhow::Result<Config> {
        config.load_files(folder)
    }

    fn start(config: &Config, kit: &mut Kit) -> anyhow::Result<Self> {
        let clock = Clock::start();
        let queue = ReceiveQueue::default();
        let verdicts = SharedVerdicts::default();
        verdicts.take_in_beside();
        let icmp = Icmp::by(config.backend, clock, &queue);
        let pacer = Pacer::start(&icmp, clock);
        let tracer = Tracer::new(&config.vantage.name, config.path_rate.0, clock);
        let targets = Arc::new(Targets::default());
        let unknown_modules = Arc::<Counter>::default();
        let vantage = Arc::new(CurrentVantage::new(config.vantage.clone()));
        let tables = Tables::default();
        let sight = Sight {
            vantage: Arc::clone(&vantage),
            tables: tables.clone(),
            names: Names::new(clock),
        };
        kit.registry.register(Metrics {
            tables,
            vantage: Arc::clone(&vantage),
            targets: Arc::clone(&targets),
            icmp: icmp.clone(),
            queue: queue.clone(),
            verdicts: verdicts.clone(),
            clock,
            unknown_modules: Arc::clone(&unknown_modules),
        });
        Ok(Self {
            targets,
            vantage,
            icmp,
            pacer,
            tracer,
            sight,
            queue,
            verdicts,
            resolver_check: ResolverCheck::default(),
            rounds: kit.rounds.clone(),
            clock,
            offer: RwLock::default(),
            shared: Descriptors::new(0),
            strays: Arc::default(),
            unknown_modules,
            are_in_full: AtomicBool::new(true),
        })
    }

    fn warnings(config: &Config) -> Vec<String> {
        config.warnings()
    }

    fn discovery(config: &Config) -> Discovery {
        config.discovery.clone()
    }

    fn keep_in_step(&self, config: &mut Config, found: &[Found]) -> Vec<Skipped> {
        self.vantage.set(config.vantage.clone());
        *self.offer.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config.offer());
        self.queue.set_buckets(&config.buckets);
        if config.backend != self.icmp.backend() {
            warn!("icmp.backend: is another; it takes effect at the next start");
        }
        self.tracer.set_rate(config.path_rate.0);
        self.sight.tables.set(&config.tables);
        self.sight.names.set_resolvers(&config.resolvers);
        let were_in_full = self.are_in_full.load(Ordering::Relaxed);
        let (targets, skipped) = config.targets(found, were_in_full);
        let are_in_full = figures::are_in_full(targets.len(), were_in_full);
        self.are_in_full.store(are_in_full, Ordering::Relaxed);
        let shares = |work: &Work| work.descriptors_of_an_address() == 0 || work.path.is_some();
        let shares = targets.values().any(|it| shares(&it.work));
        self.shared.set(if shares { SHARED } else { 0 });
        let looks_up = targets.values().any(|it| matches!(it.work.host, Host::Name(_)));
        let resolvers = looks_up.then_some(config.resolvers.as_slice());
        resolve::forget_failures();
        self.resolver_check.ask(resolvers, &self.verdicts, self.clock);
        let start = |id: &TargetId, wanted: &Wanted<Arc<Work>, Arc<Labels>>| {
            let state = Arc::new(TargetState::new(&id.name, wanted, &self.verdicts));
            let task = poll::Task {
                work: Arc::clone(&wanted.work),
                state: Arc::clone(&state),
                icmp: self.icmp.clone(),
                pacer: self.pacer.clone(),
                clock: self.clock,
            };
            let probes = task.run(&self.rounds);
            let Some(settings) = wanted.work.path else {
                return Running::new(state, tokio::spawn(probes));
            };
            let paths = path::Task {
                settings,
                link: wanted.work.host.zone().cloned(),
                state: Arc::clone(&state),
                tracer: self.tracer.clone(),
                sight: self.sight.clone(),
                clock: self.clock,
            };
            let both = async {
                tokio::join!(probes, paths.run());
            };
            Running::new(state, tokio::spawn(both))
        };
        let holds = |wanted: &Wanted<Arc<Work>, Arc<Labels>>| wanted.work.descriptors();
        self.targets.update_with(targets, holds, start, |state, labels| state.relabel(labels));
        skipped
    }

    fn health(&self) -> Vec<Arc<Health>> {
        self.targets.states().iter().map(|state| state.health()).collect()
    }

    fn has_target(&self, name: &str) -> bool {
        self.targets.has(name)
    }

    fn routes(self: &Arc<Self>) -> Router {
        pages::routes(self)
    }
}

impl LatencyExporter {
    /// What a scraper may ask for, as the config in force says.
    fn offer(&self) -> Arc<Offer> {
        Arc::clone(&self.offer.read().unwrap_or_else(PoisonError::into_inner))
    }
}
