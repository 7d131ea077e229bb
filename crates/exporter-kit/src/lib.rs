//! The life of an exporter: flags, config, web server, reload, targets, drain.
//!
//! An exporter says what it measures by implementing [`Exporter`]; this crate does the rest and
//! knows no protocol, no target and no metric but its own. A thing enters here when the third
//! exporter needs it, unchanged, and it can be described without naming an exporter.
//!
//! | file | noun |
//! |---|---|
//! | `flags` | the command line, the same for every exporter |
//! | [`config`] | reading a YAML file; errors name file, line and field; durations, names, labels, vantages |
//! | [`discovery`] | targets that others list: `file_sd_configs`, `http_sd_configs` |
//! | `http_auth` | who sends an HTTP request: `basic_auth`, `authorization`, `http_headers` |
//! | `secret` | a value that never shows itself |
//! | `regular_file` | a file of a user's, read only if it is a regular one, and not without end |
//! | `state_file` | what outlives the process, written whole or not at all |
//! | `listen` | the sockets to serve on |
//! | `server` | `/`, `/metrics`, `/-/healthy`, `/-/ready`, `/-/reload` |
//! | `web` | connections: taken, limited, served; on a thread of their own |
//! | `client` | who is at the other end, as far as limits are concerned |
//! | `web_config` | TLS, basic auth and headers, in exporter-toolkit's format |
//! | `document` | the frame of a page for a browser |
//! | `landing` | the page at `/` |
//! | `rows` | a long list for a program, in JSON, never whole in memory |
//! | `aside` | work that takes long, off the threads that measure and serve |
//! | `words` | a duration and a part of a query, as pages have them |
//! | `http_sd` | the page at `/sd`: the exporter's own targets, for Prometheus to discover |
//! | `exposition` | what a scraper gets: protobuf or text, packed, never whole in memory |
//! | `page` | a page of metrics, family by family |
//! | [`on_demand`] | pages that measure when they are asked to: whom, how long, how many at once |
//! | `registry` | the collectors of a process |
//! | `counts` | counters, alone and by the values of a closed label |
//! | `histogram` | a histogram with buckets for text and native ones for protobuf |
//! | `reload` | one door for SIGHUP and POST, beside the worker that measures |
//! | `in_force` | the config and what is discovered beside it, changed one at a time |
//! | `targets` | the set of running targets, kept in step with the config: work and labels apart |
//! | `changes` | the last changes of state |
//! | `state` | the states of a target |
//! | `health` | how a target stands, logged when that changes |
//! | `rounds` | when the next round is due: splayed, never overlapping |
//! | `process` | build and process metrics |
//! | `open_files` | the limit of open files: what measuring needs, and what that leaves to the web server |
//! | `logging` | the log on stderr |
//! | `healthcheck` | the subcommand for images without a shell |
//! | `heap` | the heap, of which what is free is given back |

mod aside;
mod changes;
mod client;
pub mod config;
mod counts;
pub mod discovery;
mod document;
mod exposition;
mod flags;
mod health;
mod healthcheck;
mod heap;
mod histogram;
mod http_auth;
mod http_sd;
mod in_force;
mod landing;
mod listen;
mod logging;
pub mod on_demand;
mod open_files;
mod page;
mod process;
mod registry;
mod regular_file;
mod reload;
mod rounds;
mod rows;
mod secret;
mod server;
mod state;
mod state_file;
mod targets;
mod web;
mod web_config;
mod words;

pub use aside::{off_the_thread, render_page};
pub use config::parse;
pub use counts::{Counter, CountsBy, LabelEnum};
pub use document::document;
pub use exposition::respond;
pub use health::Health;
pub use histogram::{BOUNDS, Buckets, Histogram};
pub use http_auth::{Authorization, BasicAuth, HttpAuth, HttpHeader};
pub use open_files::Descriptors;
pub use page::{Collector, Count, LabelSet, LabelWriter, Number, Page, Value, openmetrics};
pub use process::WRITTEN;
pub use registry::Registry;
pub use regular_file::{open_file, read_file};
pub use rounds::{Every, Rounds};
pub use rows::{body_of_parts, json_rows};
pub use secret::{Secret, SecretSource};
pub use state::State;
pub use state_file::{Content, StateFile};
pub use targets::{Key, Running, Target, TargetId, Targets, Wanted};
pub use web::Query;
pub use words::{duration, in_a_query};

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use serde::de::DeserializeOwned;
use tokio::runtime::{Builder, Handle};
use tokio::sync::Mutex;
use tracing::{error, info};

use crate::discovery::{Discovery, Found, Skipped};
use crate::flags::{Command, Flags};
use crate::in_force::InForce;
use crate::open_files::BUDGET;
use crate::reload::Reloads;

/// What differs from one exporter to the next.
pub trait Exporter: Sized + Send + Sync + 'static {
    /// The program's name, as in `turbulence-ipmi`.
    const NAME: &'static str;
    /// One sentence for `--help` and the landing page.
    const ABOUT: &'static str;
    /// The port it listens on unless told otherwise.
    const PORT: u16;
    /// Pages of its own, as `(path, what it shows)`, linked from the landing page.
    const LINKS: &'static [(&'static str, &'static str)] = &[];
    /// Where one target's own page is, up to its name, as in `/one?target=`; linked from each row of
    /// the landing page. Where there is none, its part of the page of metrics is.
    const TARGET_PAGE: Option<&'static str> = None;
    /// What a name is unique within, as in `site`: the parameter of that page that tells targets of one
    /// name apart, and the word for it on the landing page.
    const GROUP: &'static str = "group";
    /// The paths of the pages of its own, but those below `/-/`: where the page of metrics cannot be.
    const PAGES: &'static [&'static str] = &[];
    /// The config of a program that is started without a file, and what it then does, as in
    /// `("{}", "watches this machine")`. Where there is none, a file must be named.
    const NO_CONFIG: Option<(&'static str, &'static str)> = None;
    /// What `--help` says at its end: commands that its `main` takes before the kit's.
    const COMMANDS: &'static str = "";
    /// The config file. Deserialising it is also what validates it.
    type Config: DeserializeOwned + Send + 'static;

    /// Completes a config that was just read: reads secret files and lists, taking relative paths
    /// from `folder`, the config file's own. Contacts nobody and starts nothing.
    fn prepare(config: Self::Config, folder: &Path) -> anyhow::Result<Self::Config> {
        let _ = folder;
        Ok(config)
    }

    /// What is not wrong in a config and may still not be meant, as in `line 7: address: ...`: logged
    /// at start, at a reload and by `--config.check`.
    fn warnings(config: &Self::Config) -> Vec<String> {
        let _ = config;
        Vec::new()
    }

    /// Where a config wants to keep what outlives the process. The kit makes the folder and makes sure
    /// that it can be written in before the config is in force, at start and at a reload; otherwise the
    /// old one stays in force, whole. `--config.check` looks whether that would go well.
    fn state_directory(config: &Self::Config) -> Option<&Path> {
        let _ = config;
        None
    }

    /// Makes the exporter and registers the collectors; what is measured comes with `keep_in_step`.
    /// Called once, inside the runtime.
    fn start(config: &Self::Config, kit: &mut Kit) -> anyhow::Result<Self>;

    /// Where a config says that targets are discovered.
    fn discovery(config: &Self::Config) -> Discovery {
        let _ = config;
        Discovery::default()
    }

    /// Measures what the config says and what is discovered beside it, from now on and nothing else;
    /// returns the discovered targets that were left out. What the config's own targets may not be, these
    /// may not be either. Called after `start`, at each reload and whenever something else is discovered,
    /// inside the runtime, on a thread that may block, never on the one that measures, and never twice
    /// at a time. The config is the exporter's to take out of it what is needed once.
    fn keep_in_step(&self, config: &mut Self::Config, found: &[Found]) -> Vec<Skipped>;

    /// The health of every target, in the order of the landing page's table. The exporter is ready
    /// when none of them is pending.
    fn health(&self) -> Vec<Arc<Health>>;

    /// Whether there is a target of that name, so that the page of it alone can be asked for. To be
    /// answered faster by who has 10,000 targets.
    fn has_target(&self, name: &str) -> bool {
        self.health().iter().any(|target| target.name() == name)
    }

    /// Pages of its own, beside the kit's. Called inside the runtime that measures.
    fn routes(self: &Arc<Self>) -> Router {
        Router::new()
    }

    /// Ends what a peer would otherwise have to time out (sessions). Given a few seconds at exit.
    fn stop(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

/// What the kit lends to an exporter at start.
#[derive(Debug)]
pub struct Kit {
    /// Where the exporter registers its collectors. Names are taken as they are: no prefix.
    pub registry: Registry,
    /// Says when a task's next round is due, and counts those that were missed.
    pub rounds: Rounds,
}

/// How long the threads that still wait for something may take at exit.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// Runs an exporter until it is told to stop: all that an exporter's `main` has to call.
pub fn main<E: Exporter>() -> ExitCode {
    let flags = Flags::parse::<E>();
    if let Some(Command::Healthcheck(check)) = &flags.command {
        return healthcheck::run(check, E::PORT);
    }
    let _log = match logging::start(&flags) {
        Ok(log) => log,
        Err(message) => return refuse(&message),
    };
    open_files::allow_all();
    heap::give_back();
    match run::<E>(&flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line each: a config may have more than one mistake.
            format!("{error:#}").lines().for_each(|line| error!("{line}"));
            ExitCode::FAILURE
        }
    }
}

/// Two runtimes, so that whoever looks at a page does not disturb what is measured: the caller's
/// thread serves, one worker measures. One worker, because handing small tasks from thread to thread
/// costs more than it gains, a quarter of the CPU of ten thousand probes a second (`make bench`).
/// What takes long goes to a thread of its own.
fn run<E: Exporter>(flags: &Flags) -> anyhow::Result<()> {
    let measuring = Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let measuring = measuring.context("starting the runtime")?;
    let serving = Builder::new_current_thread().enable_all().build();
    let serving = serving.context("starting the runtime")?;
    let result = serving.block_on(start::<E>(flags, measuring.handle()));
    // A thread that waits for a device or a resolver that hangs is not waited for.
    serving.shutdown_background();
    measuring.shutdown_timeout(LAST_WAIT);
    result
}

async fn start<E: Exporter>(flags: &Flags, measuring: &Handle) -> anyhow::Result<()> {
    let config_file = flags.config_file();
    let config = config::load::<E>(config_file)?;
    let web_config = flags.web_config()?;
    if flags.config_check {
        E::state_directory(&config).map_or(Ok(()), state_file::could_prepare)?;
        info!(file = %config_file.display(), "config file is good");
        return Ok(());
    }

    // Before anything else can be signalled at: unhandled, SIGHUP would end the process.
    let hangups = reload::hangups()?;
    let stopped = server::stopped()?;
    let listeners = listen::bind(&flags.listen_addresses, flags.systemd_socket, E::PORT).await?;

    health::call_groups(E::GROUP);
    let mut kit = Kit { registry: Registry::default(), rounds: Rounds::default() };
    process::register::<E>(&mut kit.registry);
    kit.rounds.register(&mut kit.registry);
    logging::register(&mut kit.registry);
    let reloads = Reloads::register(&mut kit.registry);
    let discovery = E::discovery(&config);
    state_file::admit::<E>(&config)?;
    BUDGET.begin();
    let (exporter, in_force) = {
        let _there = measuring.enter();
        let exporter = Arc::new(E::start(&config, &mut kit)?);
        let in_force = InForce::new(Arc::clone(&exporter), config);
        (exporter, Arc::new(Mutex::new(in_force)))
    };
    reloads.discover(&in_force, config_file, discovery, measuring.clone());

    let app = server::App::new(exporter, in_force, kit.registry, reloads, flags, measuring.clone());
    server::serve(listeners, app, web_config, hangups, stopped).await
}

/// Says what is wrong with the command line before there is a log to say it in.
fn refuse(message: &str) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::FAILURE
}
