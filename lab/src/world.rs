//! The whole simulated world: machines, a WAN and resolvers, the exporters that watch them, the real
//! Prometheus and Alertmanager that judge what the exporters say, and the exporter that asks this Prometheus.

pub mod claims;
pub mod hardware;
pub mod homing;
pub mod names;
pub mod router;
pub mod wide;

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tempfile::TempDir;
use tokio::time::Instant;

use self::claims::StatusPages;
use self::hardware::Hardware;
use self::homing::Homing;
use self::names::Names;
use self::router::Router;
use self::wide::Wide;
use crate::alertmanager::Alertmanager;
use crate::netns::Namespace;
use crate::process::{Launcher, Program, find_own};
use crate::prometheus::{self, Prometheus, ScrapeTarget};
use crate::sink::{Mark, Sink};
use crate::{http, ports};

/// The usual ports, taken when they are free.
const PROMETHEUS_PORT: u16 = 9090;
const ALERTMANAGER_PORT: u16 = 9093;
const SINK_PORT: u16 = 9778;

/// How long the world may take to come up on a slow machine.
const START_LIMIT: Duration = Duration::from_secs(120);

/// How a world is made.
#[derive(Clone, Debug)]
pub struct Options {
    /// The root of the repository, where the shipped rules and configurations are.
    pub suite: PathBuf,
    /// Whether to take the usual ports when they are free. A test must not.
    pub usual_ports: bool,
}

/// A running world. Dropping it ends everything in it.
#[derive(Debug)]
pub struct World {
    // Dropped in this order: who asks goes before who answers.
    homing: Homing,
    prometheus: Prometheus,
    /// All that it scrapes.
    scraped: Vec<ScrapeTarget>,
    alertmanager: Alertmanager,
    /// What is watched, and by which exporters.
    pub simulation: Simulation,
    sink: Sink,
    folder: TempDir,
    // Its thread is the parent of Prometheus and Alertmanager: they end with it.
    _launcher: Launcher,
}

/// The simulated part of the world, with the exporters that watch it.
#[derive(Debug)]
pub struct Simulation {
    /// The machines and turbulence-ipmi.
    pub hardware: Hardware,
    /// The WAN, its services and a turbulence-latency at each vantage.
    pub wide: Wide,
    /// The resolvers and turbulence-dns.
    pub names: Names,
    /// What the providers of the services say.
    pub pages: StatusPages,
    /// What says who announces their addresses.
    pub router: Router,
    scraped: Vec<ScrapeTarget>,
}

/// What the parts of the simulation are made with.
#[derive(Clone, Debug)]
pub struct Ground {
    /// A folder for configurations, logs and states.
    pub folder: PathBuf,
    /// The address of this machine that the exporters' pages are served on.
    pub listen: IpAddr,
    /// The host name that Prometheus knows this machine by.
    pub host: String,
}

impl Simulation {
    /// Starts the simulated parts and the exporters, and waits until each has had its first round.
    pub async fn start(ground: &Ground) -> anyhow::Result<Self> {
        let (hardware, mut scraped) = Hardware::start(ground).await.context("the machines")?;
        let (wide, more) = Wide::start(ground).await.context("the WAN")?;
        scraped.extend(more);
        let (names, more) = Names::start(ground).await.context("the resolvers")?;
        scraped.extend(more);
        let pages = StatusPages::start().context("the status pages")?;
        let router = Router::start(subfolder(&ground.folder, "router")?).context("the router")?;
        Ok(Self { hardware, wide, names, pages, router, scraped })
    }

    /// What Prometheus has to scrape.
    pub fn scraped(&self) -> &[ScrapeTarget] {
        &self.scraped
    }

    /// Fails when an exporter has ended.
    pub fn must_run(&mut self) -> anyhow::Result<()> {
        self.hardware.must_run()?;
        self.wide.must_run()?;
        self.names.must_run()
    }
}

impl World {
    /// Starts everything and waits until the whole chain has been proven: every exporter is
    /// scraped, and the watchdog's notification has come through Alertmanager.
    pub async fn start(options: &Options) -> anyhow::Result<Self> {
        Self::start_with(options, Vec::new()).await
    }

    /// The same, where Prometheus scrapes `more` than what is in the world.
    pub async fn start_with(options: &Options, more: Vec<ScrapeTarget>) -> anyhow::Result<Self> {
        let folder = crate::folder::own()?;
        let usual = |port: u16| options.usual_ports.then_some(port);
        let launcher = Launcher::start()?;

        let runbooks = options.suite.join("alerts/runbooks");
        let sink = Sink::start(ports::listener(usual(SINK_PORT))?, &runbooks)?;
        let simulation = Simulation::start(&Ground {
            folder: folder.path().to_owned(),
            listen: Ipv4Addr::LOCALHOST.into(),
            host: Ipv4Addr::LOCALHOST.to_string(),
        })
        .await?;

        let address = ports::address(usual(ALERTMANAGER_PORT));
        let alertmanager_folder = subfolder(folder.path(), "alertmanager")?;
        let alertmanager = Alertmanager::start(
            &launcher,
            &options.suite,
            &alertmanager_folder,
            address,
            sink.address(),
        )
        .await?;
        let (place, target) = Homing::place();
        let mut scraped = simulation.scraped().to_vec();
        scraped.push(target);
        scraped.extend(more);
        let setup = prometheus::Setup {
            suite: &options.suite,
            folder: &subfolder(folder.path(), "prometheus")?,
            usual_port: usual(PROMETHEUS_PORT),
            targets: &scraped,
            alertmanager: address,
            runbooks: sink.address(),
        };
        let mut prometheus = Prometheus::start(&launcher, setup).await?;
        // What is judged first is told at once, and stands for minutes: it must not be judged by some of the vantages.
        let vantages = simulation.wide.vantages().len();
        let all = format!(
            "count(count by (vantage) (latency_rtt_min_seconds{{window=\"1m\"}})) >= {vantages}"
        );
        prometheus.wait_for(&all, START_LIMIT).await?;
        let url = prometheus.url();
        let homing = Homing::start(&launcher, folder.path(), place, &url, &simulation).await?;

        let mut world = Self {
            homing,
            prometheus,
            scraped,
            alertmanager,
            simulation,
            sink,
            folder,
            _launcher: launcher,
        };
        world.wait_until_whole().await?;
        Ok(world)
    }

    /// What knows where the services live.
    pub fn homing(&self) -> &Homing {
        &self.homing
    }

    /// The sink, where the notifications arrive.
    pub fn sink(&self) -> &Sink {
        &self.sink
    }

    /// Prometheus.
    pub fn prometheus(&self) -> &Prometheus {
        &self.prometheus
    }

    /// Every page that is worth opening, with what it is.
    pub fn pages(&self) -> Vec<(String, String)> {
        let mut pages = vec![
            ("notifications".to_owned(), format!("http://{}/", self.sink.address())),
            ("Prometheus".to_owned(), format!("{}/alerts", self.prometheus.url())),
            ("Alertmanager".to_owned(), format!("{}/", self.alertmanager.url())),
        ];
        let exporters = self.scraped.iter().filter(|target| target.job != "drives");
        pages.extend(exporters.map(|target| {
            let vantage = target.labels.iter().find(|(name, _)| *name == "vantage");
            let place = vantage.map_or_else(String::new, |(_, place)| format!(" at {place}"));
            (format!("{}{place}", target.job), format!("http://{}/", target.address))
        }));
        pages
    }

    /// The addresses of the exporters' metrics pages.
    pub fn metrics_pages(&self) -> Vec<String> {
        let pages = self.scraped.iter().filter(|target| target.job != "drives");
        pages.map(|target| format!("http://{}/metrics", target.address)).collect()
    }

    /// Where the logs and states are, for as long as the world lives.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends everything, and leaves the logs and states for as long as what is returned lives.
    pub fn into_folder(self) -> TempDir {
        self.folder
    }

    /// Fails when something that must run has ended.
    pub fn must_run(&mut self) -> anyhow::Result<()> {
        self.homing.must_run()?;
        self.prometheus.must_run()?;
        self.alertmanager.must_run()?;
        self.simulation.must_run()
    }

    async fn wait_until_whole(&mut self) -> anyhow::Result<()> {
        let scraped = format!("count(up == 1) >= {}", self.scraped.len());
        self.prometheus.wait_for(&scraped, START_LIMIT).await?;
        let deadline = Instant::now() + START_LIMIT;
        while self.sink.since(Mark::default()).is_empty() {
            self.must_run()?;
            if Instant::now() > deadline {
                bail!("the watchdog's notification did not arrive within {START_LIMIT:?}");
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }
}

/// An exporter in a namespace, its port on this machine. Gives where Prometheus finds it.
pub(crate) async fn start_exporter(
    ground: &Ground,
    namespace: &Namespace,
    program: &str,
    name: &str,
    config: &str,
) -> anyhow::Result<(Program, String)> {
    let folder = subfolder(&ground.folder, name)?;
    let config_file = folder.join("config.yml");
    fs::write(&config_file, config)?;
    let listener = ports::listener_on(ground.listen, None)?;
    let port = listener.local_addr()?.port();
    let mut command = Command::new(find_own(program)?);
    command.arg("--config.file").arg(&config_file).arg("--web.systemd-socket");
    let mut exporter = Program::start(name, &folder, command, |command| {
        namespace.spawn_with_listener(command, listener)
    })?;
    let deadline = Instant::now() + START_LIMIT;
    loop {
        exporter.must_run()?;
        match http::get(&format!("http://127.0.0.1:{port}/-/ready")).await {
            Ok((200, _)) => return Ok((exporter, format!("{}:{port}", ground.host))),
            Ok((_, answer)) if Instant::now() > deadline => bail!("{name}: {answer}"),
            Err(error) if Instant::now() > deadline => return Err(error.context(name.to_owned())),
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

pub(crate) fn subfolder(folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let folder = folder.join(name);
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    Ok(folder)
}
