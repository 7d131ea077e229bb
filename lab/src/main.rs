//! The lab's command line.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Parser, Subcommand};
use turbulence_lab::bench;
use turbulence_lab::bench_ipmi;
use turbulence_lab::bench_rules;
use turbulence_lab::debian_sid::Sid;
use turbulence_lab::demo::{self, Outcome, inspection};
use turbulence_lab::in_band;
use turbulence_lab::judge;
use turbulence_lab::netns;
use turbulence_lab::recording;
use turbulence_lab::rehearsal;
use turbulence_lab::replay::{self, Replay};
use turbulence_lab::world::{Options, World};

/// The simulated world: BMCs, a WAN, resolvers, and the incidents played again in it.
#[derive(Debug, Parser)]
#[command(name = "turbulence-lab", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the world and play the incidents, with a commentary.
    Demo(Demo),
    /// Start the world alone, for a Prometheus and an Alertmanager that run elsewhere, and play the
    /// incidents one after the other, for ever.
    World(Rehearsal),
    /// Measure the exporters beside their peers on the same simulated world.
    Bench(bench::Options),
    /// Poll simulated BMCs of 16 sensors with turbulence-ipmi, with its client alone, and with Debian's
    /// newest `ipmi_exporter`.
    BenchIpmi(bench_ipmi::Options),
    /// Let a Prometheus evaluate the rules of server hardware with 10,000 BMCs, and say how long it takes.
    BenchRules(bench_rules::Options),
    /// Prove turbulence-ipmi on /dev/ipmi0, in a QEMU guest whose BMC is simulated.
    InBand(in_band::Options),
    /// Feed worlds to the exporters' own code in virtual time, and say what would have been notified.
    Judge(judge::Options),
    /// List the replays.
    Replays,
    /// Play incidents in the world and keep what Prometheus saw of them, for `make pictures`. Half an hour.
    Record(Recording),
    /// Unpack Debian's newest builds of packages below target/, and print the folders of their programs
    /// as a PATH begins.
    DebianSid {
        /// The packages.
        #[arg(required = true, value_name = "PACKAGE")]
        packages: Vec<String>,
    },
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
struct Demo {
    /// Play this one only; `none` plays none. May be repeated.
    #[arg(long = "replay", value_name = "NAME")]
    replays: Vec<String>,
    /// Play a share of them: one of each kind, drawn by this text (a commit, say).
    #[arg(long, value_name = "SEED", conflicts_with = "replays")]
    share: Option<String>,
    /// End after the replays, with exit code 0 only if every notification was as expected.
    #[arg(long)]
    once: bool,
    /// Play what does not touch each other at the same time.
    #[arg(long)]
    parallel: bool,
    /// Hold every exporter's page and every dashboard query against the running world as well.
    #[arg(long)]
    inspect: bool,
    /// Take any free ports, never the usual ones.
    #[arg(long)]
    any_ports: bool,
    /// The root of the repository. [default: where the lab was built]
    #[arg(long, value_name = "FOLDER")]
    suite: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Rehearsal {
    /// Address of this machine that the exporters' pages are served on.
    #[arg(long, default_value = "0.0.0.0")]
    listen: IpAddr,
    /// Host name that Prometheus knows this machine by.
    #[arg(long, default_value = "lab")]
    host: String,
    /// Folder into which the files of scrape targets go.
    #[arg(long, value_name = "FOLDER")]
    targets_dir: PathBuf,
    /// Where Alertmanager's notifications are received.
    #[arg(long, default_value = "0.0.0.0:9778")]
    notify_listen: SocketAddr,
    /// Folder of the runbooks, which are served beside the notifications.
    #[arg(long, value_name = "FOLDER", default_value = "alerts/runbooks")]
    runbooks_dir: PathBuf,
}

#[derive(Debug, Args)]
struct Recording {
    /// Folder into which it goes.
    #[arg(long, value_name = "FOLDER", default_value = "target/pictures/recording")]
    into: PathBuf,
    /// The root of the repository. [default: where the lab was built]
    #[arg(long, value_name = "FOLDER")]
    suite: Option<PathBuf>,
}

fn main() -> ExitCode {
    let command = Cli::parse().command;
    // What exporters warn of in a world is the world's own trouble.
    let is_of_worlds = matches!(command, Command::Judge(_) | Command::BenchRules(_));
    tracing_subscriber::fmt()
        .with_env_filter(if is_of_worlds { "error" } else { "turbulence_lab=info,warn" })
        .with_writer(std::io::stderr)
        .with_target(false)
        .init();
    match run(command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<bool> {
    match command {
        Command::Replays => {
            for replay in replay::all() {
                println(&format!("{}\n    {}", replay.name, replay.story));
            }
            Ok(true)
        }
        Command::DebianSid { packages } => {
            let sid = Sid::read()?;
            let roots = packages.iter().map(|package| sid.unpack(package));
            let folders: Vec<PathBuf> =
                roots.map(|root| Ok(root?.join("usr/bin"))).collect::<anyhow::Result<_>>()?;
            println(&std::env::join_paths(folders)?.to_string_lossy());
            Ok(true)
        }
        Command::Demo(options) => {
            // Before the first thread: a user namespace is entered by a process that has only one.
            let privilege = netns::acquire()?;
            println(&format!("The lab runs with {privilege}."));
            start_demo(&options)
        }
        Command::Bench(options) => {
            netns::acquire()?;
            start_bench(&options)
        }
        Command::BenchIpmi(options) => start_bench_ipmi(&options),
        Command::BenchRules(options) => start_bench_rules(&options),
        Command::InBand(options) => start_in_band(&options),
        Command::Judge(options) => judge::run(&options, println),
        Command::Record(options) => {
            netns::acquire()?;
            start_recording(&options)
        }
        Command::World(options) => {
            netns::acquire()?;
            start_world(options)
        }
    }
}

#[tokio::main]
async fn start_demo(options: &Demo) -> anyhow::Result<bool> {
    let replays = match &options.share {
        Some(seed) => replay::share(seed),
        None => chosen(&options.replays)?,
    };
    // Interrupted, the world is dropped, and with it everything that was started.
    tokio::select! {
        result = demo(options, replays) => result,
        signal = interrupted() => {
            println(&format!("\n{}: everything is being stopped.", signal?));
            Ok(!options.once)
        }
    }
}

#[tokio::main]
async fn start_bench(options: &bench::Options) -> anyhow::Result<bool> {
    tokio::select! {
        result = bench::run(options) => result.map(|()| true),
        signal = interrupted() => signal.map(|_| false),
    }
}

// With one worker, as the exporters run.
#[tokio::main(worker_threads = 1)]
async fn start_bench_ipmi(options: &bench_ipmi::Options) -> anyhow::Result<bool> {
    tokio::select! {
        result = bench_ipmi::run(options) => {
            result.map(|found| found.iter().all(bench_ipmi::is_good))
        }
        signal = interrupted() => signal.map(|_| false),
    }
}

#[tokio::main]
async fn start_bench_rules(options: &bench_rules::Options) -> anyhow::Result<bool> {
    tokio::select! {
        result = bench_rules::run(options) => result,
        signal = interrupted() => signal.map(|_| false),
    }
}

#[tokio::main]
async fn start_in_band(options: &in_band::Options) -> anyhow::Result<bool> {
    tokio::select! {
        result = in_band::run(options) => result,
        signal = interrupted() => signal.map(|_| false),
    }
}

#[tokio::main]
async fn start_recording(options: &Recording) -> anyhow::Result<bool> {
    let suite = suite(options.suite.as_ref())?;
    tokio::select! {
        result = recording::record(&suite, &options.into) => result.map(|()| true),
        signal = interrupted() => signal.map(|_| false),
    }
}

#[tokio::main]
async fn start_world(options: Rehearsal) -> anyhow::Result<bool> {
    let options = rehearsal::Options {
        listen: options.listen,
        host: options.host,
        targets: options.targets_dir,
        notify: options.notify_listen,
        runbooks: options.runbooks_dir,
    };
    tokio::select! {
        result = rehearsal::run(&options) => result.map(|()| true),
        signal = interrupted() => signal.map(|_| true),
    }
}

async fn demo(options: &Demo, replays: Vec<Replay>) -> anyhow::Result<bool> {
    let suite = suite(options.suite.as_ref())?;
    println(
        "Starting the world: 6 machines, 6 vantages, 2,000 resolvers, 8 exporters, Prometheus, Alertmanager.",
    );
    let world =
        World::start(&Options { suite: suite.clone(), usual_ports: !options.any_ports }).await?;
    println("\nIt is up, and the watchdog's notification has come through:");
    for (name, url) in world.pages() {
        println(&format!("  {name:28} {url}"));
    }
    println(&format!("  {:28} {}\n", "logs", world.folder().display()));

    let outcomes = if options.parallel {
        demo::play_in_lanes(&world, replay::lanes(replays)).await?
    } else {
        demo::play_in_turn(&world, replays).await?
    };
    let mut good = summary(&world, &outcomes);
    if options.inspect {
        let faults = inspection::inspect(&world, &suite).await?;
        good &= faults.is_empty();
        println(&format!("\nPages and dashboards: {} faults", faults.len()));
        for fault in &faults {
            println(&format!("  {fault}"));
        }
    }
    if !options.once {
        println("\nThe world stays up; Ctrl-C ends it.");
        std::future::pending::<()>().await;
    }
    Ok(good)
}

fn summary(world: &World, outcomes: &[Outcome]) -> bool {
    println("");
    for outcome in outcomes {
        println(&outcome.line());
        for problem in &outcome.verdict.problems {
            println(&format!("  NOT AS EXPECTED: {problem}"));
        }
    }
    let unexplained = demo::unexplained(world, outcomes);
    for name in &unexplained {
        println(&format!("NOT AS EXPECTED: {name} was notified outside of every replay"));
    }
    unexplained.is_empty() && outcomes.iter().all(|outcome| outcome.verdict.is_good())
}

/// The replays that were asked for; all of them when none was named.
fn chosen(names: &[String]) -> anyhow::Result<Vec<Replay>> {
    let all = replay::all();
    if names.is_empty() {
        return Ok(all);
    }
    if names == ["none"] {
        return Ok(Vec::new());
    }
    for name in names {
        if !all.iter().any(|replay| replay.name == name) {
            let known: Vec<_> = all.iter().map(|replay| replay.name).collect();
            bail!("there is no replay {name}; there are: {}, none", known.join(", "));
        }
    }
    Ok(all.into_iter().filter(|replay| names.iter().any(|name| name == replay.name)).collect())
}

/// Where the shipped rules are: as told, or where the lab was built, or here.
fn suite(told: Option<&PathBuf>) -> anyhow::Result<PathBuf> {
    let built = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let places = told.into_iter().cloned().chain([built, PathBuf::from(".")]);
    for place in places {
        if place.join("alerts/alertmanager.yml").is_file() {
            return place.canonicalize().with_context(|| format!("finding {}", place.display()));
        }
    }
    bail!("the repository's alerts/ are not here; say where: --suite FOLDER")
}

async fn interrupted() -> anyhow::Result<&'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "Ctrl-C",
    })
}

/// Prints a line, also when nobody reads it any more.
fn println(text: &str) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}
