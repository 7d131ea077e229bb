//! The machines of a world, polled in virtual time by turbulence-ipmi's own code. No I/O, no clock.

use std::time::Duration;

use anyhow::Context as _;
use turbulence_ipmi::simulation::{self as ipmi, Quantity};

use super::format::World;
use super::format::machine::{Kind, Machine, Reading, Sensor, Threshold, Unit};
use super::format::steps::is_on;
use super::recording::{Recording, Scraped};

/// The exporter asks for what the BMC says beside its sensors so often, between the polls.
const SLOWLY: u64 = 60;

/// Polls every machine of a world, and records what is scraped.
pub(crate) fn record(world: &World, recording: &mut Recording) -> anyhow::Result<()> {
    for machine in &world.machines {
        record_one(world, machine, recording)
            .with_context(|| format!("machine {}", machine.target))?;
    }
    Ok(())
}

fn record_one(world: &World, machine: &Machine, recording: &mut Recording) -> anyhow::Result<()> {
    let mut scraped = Scraped::new("turbulence-ipmi", &machine.exporter);
    let moments: Vec<(usize, u64)> = recording.scrapes().collect();
    pages(world, machine, &moments, |scrape, _, page| recording.page(&mut scraped, scrape, page))
}

/// Polls a machine of a world, and gives the page of each scrape that reaches its exporter.
pub(crate) fn pages(
    world: &World,
    machine: &Machine,
    scrapes: &[(usize, u64)],
    mut each: impl FnMut(usize, u64, &str),
) -> anyhow::Result<()> {
    let mut moments = scrapes.iter().copied().peekable();
    let mut running: Option<Running> = None;
    let mut kept: Option<String> = None;
    for second in machine.added_at..=world.seconds {
        let runs = is_on(machine.exporter_runs.as_ref(), second);
        if !runs || machine.exporter_restarts.contains(&second) {
            kept = running.take().and_then(|running: Running| running.machine.kept()).or(kept);
        }
        if runs {
            let running = match &mut running {
                Some(running) => running,
                none => none.insert(Running::start(machine, kept.as_deref(), second)?),
            };
            running.poll(machine, second);
        }
        while let Some((scrape, at)) = moments.next_if(|(_, at)| *at <= second) {
            if at == second
                && !world.is_lost(second)
                && let Some(running) = &mut running
            {
                each(scrape, second, &running.machine.page(Duration::from_secs(second)));
            }
        }
    }
    Ok(())
}

/// An exporter that runs.
struct Running {
    machine: ipmi::Machine,
    /// When it polls next, and when it asks for the rest next.
    poll: u64,
    slowly: u64,
}

impl Running {
    fn start(machine: &Machine, kept: Option<&str>, second: u64) -> anyhow::Result<Self> {
        let machine = ipmi::Machine::new(setup(machine), kept)?;
        Ok(Self { machine, poll: second, slowly: second })
    }

    /// Polls, if it is time to.
    fn poll(&mut self, machine: &Machine, second: u64) {
        if second < self.poll {
            return;
        }
        self.poll = second + machine.interval.0;
        let at = Duration::from_secs(second);
        if !is_on(machine.answers.as_ref(), second) {
            self.machine.poll(at, None);
            return;
        }
        if second >= self.slowly {
            self.slowly = second + SLOWLY;
            let is_on = machine.chassis_on.as_ref().and_then(|steps| steps.at(second)).copied();
            self.machine.chassis(is_on);
            if let Some(dcmi) = &machine.dcmi {
                self.machine.watts(dcmi.at(second).copied().flatten());
            }
        }
        let readings: Vec<ipmi::Reading> =
            machine.sensors.iter().map(|sensor| reading(sensor, second)).collect();
        self.machine.poll(at, Some(&readings));
    }
}

fn setup(machine: &Machine) -> ipmi::Setup {
    ipmi::Setup {
        target: machine.target.clone(),
        site: machine.site.clone(),
        rack: machine.rack.clone(),
        interval: Duration::from_secs(machine.interval.0),
        sensors: machine.sensors.iter().map(|sensor| self::sensor(sensor)).collect(),
        has_state_file: machine.state_file,
    }
}

fn sensor(sensor: &Sensor) -> ipmi::Sensor {
    ipmi::Sensor {
        id: format!("32.0.{}", sensor.number),
        name: sensor.name.clone(),
        entity: sensor.entity,
        quantity: match (sensor.kind, sensor.unit) {
            (Kind::Temperature, _) => Quantity::Temperature,
            (Kind::Fan, Some(Unit::Percent)) => Quantity::FanRatio,
            (Kind::Fan, _) => Quantity::FanSpeed,
            (Kind::Power, _) => Quantity::Power,
            (Kind::Voltage, _) => Quantity::Voltage,
        },
        thresholds: sensor.thresholds.iter().map(|(at, value)| (level(*at), *value)).collect(),
    }
}

fn level(threshold: Threshold) -> ipmi::Level {
    match threshold {
        Threshold::LowerNonRecoverable => ipmi::Level::LowerNonRecoverable,
        Threshold::LowerCritical => ipmi::Level::LowerCritical,
        Threshold::LowerNonCritical => ipmi::Level::LowerNonCritical,
        Threshold::UpperNonCritical => ipmi::Level::UpperNonCritical,
        Threshold::UpperCritical => ipmi::Level::UpperCritical,
        Threshold::UpperNonRecoverable => ipmi::Level::UpperNonRecoverable,
    }
}

/// What a poll reads. A world gives the speed of fans in hundredths, the exporter in parts of one.
fn reading(sensor: &Sensor, second: u64) -> ipmi::Reading {
    match sensor.reads.at(second) {
        Some(Reading::Value(value)) if sensor.unit == Some(Unit::Percent) => {
            ipmi::Reading::Value(value / 100.0)
        }
        Some(Reading::Value(value)) => ipmi::Reading::Value(*value),
        Some(Reading::Unreadable) => ipmi::Reading::Unreadable,
        Some(Reading::Gone) | None => ipmi::Reading::Gone,
    }
}
