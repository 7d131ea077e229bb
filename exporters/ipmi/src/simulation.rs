//! A machine that is polled in virtual time: for worlds and for histories, through the code that
//! judges real ones.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::baseline;
use crate::config::{Config, Labels};
use crate::inventory::MOST_SENSORS;
use crate::metrics;
use crate::metrics::counts::ReadFailures;
use crate::outcome::{PollFailure, ReadFailure};
use crate::sensor::list::{Lister, SensorList};
use crate::sensor::{Kind, Severity};
use crate::slow::{Answer, Drawn, Power, Question, Watts};
use crate::source::{self, Source};
use crate::state::{BmcState, Clock, Found, Outcome, Snapshot, Value};
use crate::verdict::{Moment, Reading as Fed};

pub use crate::sensor::Level;

/// What a sensor's number is a number of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Degrees Celsius.
    Temperature,
    /// Revolutions per minute.
    FanSpeed,
    /// A share of full speed, 0 to 1.
    FanRatio,
    /// Watts.
    Power,
    /// Volts.
    Voltage,
    /// Amperes.
    Current,
}

/// A sensor of a simulated machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Sensor {
    /// As in `32.0.5`.
    pub id: String,
    /// As the BMC names it.
    pub name: String,
    /// The entity id of IPMI's table 43-13.
    pub entity: u8,
    /// What its number is.
    pub quantity: Quantity,
    /// Its thresholds, in the quantity's unit.
    pub thresholds: Vec<(Level, f64)>,
}

/// A simulated machine, as the config of its exporter has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Setup {
    /// Its name: letters, digits, `.`, `_`, `-`.
    pub target: String,
    /// Its site; empty for none.
    pub site: String,
    /// Its rack; empty for none.
    pub rack: String,
    /// From one poll to the next.
    pub interval: Duration,
    /// Every sensor that it ever lists.
    pub sensors: Vec<Sensor>,
    /// Whether its exporter keeps a state file.
    pub has_state_file: bool,
}

/// What a poll gets of one sensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reading {
    /// A value, in the sensor's unit.
    Value(f64),
    /// A value, and what the BMC itself holds of it: 0 nominal, 1 warning, 2 critical.
    Judged(f64, u8),
    /// None, though the BMC lists the sensor.
    Unreadable,
    /// The BMC does not list the sensor.
    Gone,
}

/// A verdict that is held.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What is said, as the label `verdict` has it.
    pub verdict: &'static str,
    /// Why, as the label `cause` has it.
    pub cause: &'static str,
    /// 1 information, 2 ticket, 3 page.
    pub level: u8,
    /// The id and the name of the sensor; of the machine, none.
    pub sensor: Option<(String, String)>,
    /// Since when, since the epoch.
    pub since: Duration,
    /// What it rests on, as the label `what` has it.
    pub evidence: Vec<(&'static str, f64)>,
}

/// One machine and its exporter.
#[derive(Debug)]
pub struct Machine {
    setup: Setup,
    state: Arc<BmcState>,
    list: Arc<SensorList>,
    /// Which of [`Setup::sensors`] are listed.
    listed: Vec<usize>,
    kept: Option<String>,
}

impl Machine {
    /// A machine whose exporter has just started; `kept` is the text of its state file.
    ///
    /// Fails if two sensors are alike or too many, the config would be refused, or the state file is not
    /// understood.
    pub fn new(setup: Setup, kept: Option<&str>) -> anyhow::Result<Self> {
        let mut ids: Vec<_> = setup.sensors.iter().map(|it| (&it.id, &it.name)).collect();
        ids.sort_unstable();
        ids.dedup();
        ensure!(ids.len() == setup.sensors.len(), "two sensors have one id and name");
        ensure!(ids.len() <= MOST_SENSORS, "more than {MOST_SENSORS} sensors");
        let text = format!(
            "modules: {{ default: {{ user: u, pass: p, interval: {}ms }} }}\ntargets: [ {{ name: {:?}, address: localhost }} ]\n",
            setup.interval.as_millis(),
            setup.target
        );
        let config: Config = exporter_kit::parse(&text, "simulation")?;
        let wanted =
            config.wanted(&[]).0.into_values().next().context("the target is not wanted")?;
        let place = |place: &String| Some(place.clone()).filter(|place| !place.is_empty());
        let labels = Labels { site: place(&setup.site), rack: place(&setup.rack), ..wanted.labels };
        let kept = kept.filter(|_| setup.has_state_file);
        let baseline = kept.map(|kept| baseline::parse(kept.as_bytes())).transpose()?;
        let clock = Clock::Set(Mutex::new(Moment::from_seconds(0.0)));
        let source = Source::of(&wanted.work);
        let state = BmcState::new(wanted.work, labels, source, None, baseline.unwrap_or_default());
        Ok(Self {
            state: Arc::new(state.with_clock(clock)),
            list: Arc::default(),
            listed: Vec::new(),
            kept: kept.map(str::to_owned),
            setup,
        })
    }

    /// One poll at a moment since the epoch. `answer` has what each of [`Setup::sensors`] gave; `None`
    /// if the BMC did not answer.
    pub fn poll(&mut self, at: Duration, answer: Option<&[Reading]>) {
        self.state.clock().set(moment(at));
        let failed = ReadFailures::default();
        let outcome = match answer {
            None => Err(PollFailure::NoAnswer),
            Some(readings) => Ok(self.found(at, readings, &failed)),
        };
        self.state.record(outcome, &failed, Duration::ZERO);
        if self.setup.has_state_file
            && let Some(unsaved) = self.state.unsaved()
        {
            let text = baseline::text(&self.setup.site, unsaved).ok();
            self.kept = text.and_then(|text| String::from_utf8(text).ok()).or(self.kept.take());
        }
    }

    /// What the BMC says of the machine's power; `None` if it was not asked.
    pub fn chassis(&self, is_on: Option<bool>) {
        let power = |is_on| Power {
            is_on,
            main_fault: false,
            drive_fault: false,
            cooling_fault: false,
            intrusion: false,
            restart_cause: None,
        };
        if let Some(is_on) = is_on {
            self.state.learn(Question::Power, None, Ok(Answer::Power(power(is_on))));
        }
    }

    /// What the BMC says beside its sensors (DCMI) that the machine draws, watts; `None` while it does
    /// not measure that.
    pub fn watts(&self, watts: Option<f64>) {
        let drawn = |now| Drawn { now, least: now, most: now, average: now };
        let answer = Answer::Watts(Watts { drawn: watts.map(drawn), limit: None });
        self.state.learn(Question::Watts, None, Ok(answer));
    }

    /// Learns of a sensor, or of other thresholds of one; returns its place in [`Setup::sensors`].
    ///
    /// Fails if there are too many.
    pub fn know(&mut self, sensor: Sensor) -> anyhow::Result<usize> {
        let is_it = |it: &Sensor| (&it.id, &it.name) == (&sensor.id, &sensor.name);
        let place = self.setup.sensors.iter().position(is_it);
        let place = place.unwrap_or(self.setup.sensors.len());
        ensure!(place < MOST_SENSORS, "more than {MOST_SENSORS} sensors");
        match self.setup.sensors.get_mut(place) {
            Some(known) if *known == sensor => return Ok(place),
            Some(known) => *known = sensor,
            None => self.setup.sensors.push(sensor),
        }
        // The next poll makes another list.
        self.listed.clear();
        Ok(place)
    }

    /// How many sensors are known.
    pub fn sensors(&self) -> usize {
        self.setup.sensors.len()
    }

    /// The verdicts that are held at that moment; `None` while the machine is not judged.
    pub fn verdicts(&self, at: Duration) -> Option<Vec<Verdict>> {
        self.state.clock().set(moment(at));
        let held = self.state.verdicts()?;
        let told = held.into_iter().map(|it| Verdict {
            verdict: it.kind.as_str(),
            cause: it.cause.as_str(),
            level: it.level as u8,
            sensor: it.sensor.map(|known| (known.id.clone(), known.name.clone())),
            since: Duration::from_secs_f64(it.since.seconds()),
            evidence: it.evidence.iter().map(|(what, number)| (what.as_str(), *number)).collect(),
        });
        Some(told.collect())
    }

    /// The page of metrics, as a scrape at that moment would get it.
    pub fn page(&self, at: Duration) -> String {
        self.state.clock().set(moment(at));
        metrics::page(Arc::clone(&self.state)).openmetrics()
    }

    /// The text of the state file, for an exporter that starts again.
    pub fn kept(&self) -> Option<String> {
        self.kept.clone()
    }

    fn found(&mut self, at: Duration, readings: &[Reading], failed: &ReadFailures) -> Found {
        let is_listed = |place: &usize| readings.get(*place).is_some_and(|it| *it != Reading::Gone);
        let listed: Vec<_> = (0..self.setup.sensors.len()).filter(is_listed).collect();
        if listed != self.listed || self.list.known.is_empty() {
            self.list = Arc::new(self.list_of(&listed));
            self.listed = listed;
        }
        let now = moment(at);
        let (mut outcomes, mut fed) = (Vec::new(), Vec::new());
        for (place, sensor) in self.list.sensors.iter().enumerate() {
            let (value, severity) =
                match readings.get(self.listed.get(place).copied().unwrap_or(usize::MAX)) {
                    Some(Reading::Value(value)) => {
                        (Some(*value), Some(severity(&sensor.thresholds, *value)))
                    }
                    Some(Reading::Judged(value, held)) => (Some(*value), Some(told(*held))),
                    _ => (None, None),
                };
            outcomes.push(if let Some(number) = value {
                Outcome::Read(Value { number, severity })
            } else {
                failed.inc(ReadFailure::Unavailable);
                Outcome::Failed(ReadFailure::Unavailable)
            });
            fed.push(Fed { place, value, severity, asked: now, answered: now });
        }
        Found { snapshot: Snapshot { list: Arc::clone(&self.list), outcomes }, readings: fed }
    }

    fn list_of(&self, listed: &[usize]) -> SensorList {
        let limits = BTreeMap::new();
        let mut all = Lister::new(&[], &limits);
        for sensor in listed.iter().filter_map(|place| self.setup.sensors.get(*place)) {
            // None is left out: `new` has seen that no two are alike.
            let entity = source::entity_of(sensor.entity);
            let Some(known) = all.sensor(&sensor.id, &sensor.name, entity) else { continue };
            let quantity = match sensor.quantity {
                Quantity::Temperature => crate::sensor::Quantity::Temperature,
                Quantity::FanSpeed => crate::sensor::Quantity::FanSpeed,
                Quantity::FanRatio => crate::sensor::Quantity::FanRatio,
                Quantity::Power => crate::sensor::Quantity::Power,
                Quantity::Voltage => crate::sensor::Quantity::Voltage,
                Quantity::Current => crate::sensor::Quantity::Current,
            };
            let kind = Kind::by_name(quantity, &sensor.name);
            all.number(known, quantity, kind, sensor.thresholds.clone());
        }
        all.finish(true)
    }
}

fn moment(at: Duration) -> Moment {
    Moment::from_seconds(at.as_secs_f64())
}

/// What the number of a state says.
fn told(state: u8) -> Severity {
    match state {
        0 => Severity::Nominal,
        1 => Severity::Warning,
        _ => Severity::Critical,
    }
}

/// What a BMC holds of a value with these thresholds.
fn severity(thresholds: &[(Level, f64)], value: f64) -> Severity {
    let beyond = |(level, limit): &(Level, f64)| match level {
        Level::UpperNonCritical if value >= *limit => Severity::Warning,
        Level::LowerNonCritical if value <= *limit => Severity::Warning,
        Level::UpperCritical | Level::UpperNonRecoverable if value >= *limit => Severity::Critical,
        Level::LowerCritical | Level::LowerNonRecoverable if value <= *limit => Severity::Critical,
        _ => Severity::Nominal,
    };
    thresholds.iter().map(beyond).max_by_key(|it| *it as u8).unwrap_or(Severity::Nominal)
}
