//! A machine in real time: the thermal model drives a BMC and the true temperatures of its drives.

use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{Bmc, HD_MAX};
use crate::drives::Drives;
use crate::thermal::{Machine, Scenario};

/// How often a machine's sensors move.
const STEP: Duration = Duration::from_millis(250);

/// A machine that plays one scenario until it is told another. It ends when it is dropped, and its
/// BMC with it.
#[derive(Debug)]
pub struct Player {
    name: String,
    orders: mpsc::Sender<Order>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Order {
    what: What,
    done: oneshot::Sender<anyhow::Result<Instant>>,
}

#[derive(Debug)]
enum What {
    Play(Scenario),
    Reset,
    Stop,
    Pause,
    Resume,
}

impl Player {
    /// Begins idle. Needs a tokio runtime.
    pub fn start(bmc: Bmc, drives: Drives) -> Self {
        let (orders, receiver) = mpsc::channel(1);
        let name = bmc.name().to_owned();
        let stage = Stage {
            bmc,
            drives,
            machine: Machine::new(),
            scenario: Scenario::Idle,
            since: Instant::now(),
            whole: true,
            powered: true,
        };
        Self { name, orders, task: tokio::spawn(stage.run(receiver)) }
    }

    /// The machine's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Plays a scenario from its beginning, on the machine as it is now. Returns the moment at which
    /// it began: for [`Scenario::SensorLost`], when the BMC was back.
    pub async fn play(&self, scenario: Scenario) -> anyhow::Result<Instant> {
        self.order(What::Play(scenario)).await
    }

    /// A fresh machine with all of its sensors, idle since hours.
    pub async fn back_to_idle(&self) -> anyhow::Result<Instant> {
        self.order(What::Reset).await
    }

    /// Takes the BMC's power away, until the next scenario or [`Player::back_to_idle`].
    pub async fn stop(&self) -> anyhow::Result<Instant> {
        self.order(What::Stop).await
    }

    /// Lets the BMC hang.
    pub async fn pause(&self) -> anyhow::Result<Instant> {
        self.order(What::Pause).await
    }

    /// Ends a [`Player::pause`].
    pub async fn resume(&self) -> anyhow::Result<Instant> {
        self.order(What::Resume).await
    }

    async fn order(&self, what: What) -> anyhow::Result<Instant> {
        let (done, answer) = oneshot::channel();
        let gone = || format!("{} plays no more", self.name);
        self.orders.send(Order { what, done }).await.ok().with_context(gone)?;
        answer.await.with_context(gone)?
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a player's task works on.
struct Stage {
    bmc: Bmc,
    drives: Drives,
    machine: Machine,
    scenario: Scenario,
    since: Instant,
    /// Whether the BMC has all of its sensors.
    whole: bool,
    /// Whether the BMC runs.
    powered: bool,
}

impl Stage {
    async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        let mut ticks = interval(STEP);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = Instant::now();
        loop {
            tokio::select! {
                now = ticks.tick() => {
                    self.step((now - last).as_secs_f64());
                    last = now;
                }
                order = orders.recv() => {
                    let Some(Order { what, done }) = order else { return };
                    let result = self.obey(what).await;
                    // Whoever gave the order may have gone.
                    let _ = done.send(result);
                    last = Instant::now();
                }
            }
        }
    }

    fn step(&mut self, dt: f64) {
        let t = self.since.elapsed().as_secs_f64();
        let values = self.machine.step(dt, self.scenario, t);
        self.drives.set(self.bmc.name(), &values.drives);
        if let Err(error) = self.bmc.show(&values) {
            tracing::error!(%error, name = self.bmc.name(), "could not set a BMC's sensors");
        }
        if let Err(error) = self.bmc.must_run() {
            tracing::error!("{error:#}");
        }
    }

    async fn obey(&mut self, what: What) -> anyhow::Result<Instant> {
        match what {
            What::Play(scenario) => {
                let without: &[&str] =
                    if scenario == Scenario::SensorLost { &[HD_MAX] } else { &[] };
                self.ensure(without).await?;
                self.scenario = scenario;
            }
            What::Reset => {
                self.machine = Machine::new();
                self.scenario = Scenario::Idle;
                self.bmc.show(&self.machine.values())?;
                self.ensure(&[]).await?;
            }
            What::Stop => {
                self.bmc.stop()?;
                self.powered = false;
                return Ok(Instant::now());
            }
            What::Pause => {
                self.bmc.pause()?;
                return Ok(Instant::now());
            }
            What::Resume => {
                self.bmc.resume()?;
                return Ok(Instant::now());
            }
        }
        self.since = Instant::now();
        Ok(self.since)
    }

    /// Restarts the BMC when it is off or has other sensors than asked for.
    async fn ensure(&mut self, without: &[&str]) -> anyhow::Result<()> {
        if !self.powered || self.whole != without.is_empty() {
            self.powered = false;
            self.bmc.restart_without(without).await?;
            (self.powered, self.whole) = (true, without.is_empty());
        }
        Ok(())
    }
}
