//! A history of readings, as Prometheus kept it. No I/O, no clock.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use super::line::{self, Labels};
use crate::simulation::{Level, Quantity, Sensor};

/// What two series of one sensor have alike: its id and its name.
pub(super) type Key = (String, String);

/// A machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Empty for none.
    pub(super) site: String,
    /// The label `target`, or `instance` as the users of `ipmi_exporter` have it.
    pub(super) target: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.site.as_str() {
            "" => f.write_str(&self.target),
            site => write!(f, "{site}/{}", self.target),
        }
    }
}

impl Place {
    /// The machine that a series is of.
    pub(super) fn of(labels: &Labels) -> Option<Self> {
        let target = labels.get("target").or(labels.get("instance"))?.clone();
        Some(Self { site: labels.get("site").cloned().unwrap_or_default(), target })
    }
}

/// What is told of a machine over some time, by who tells it: job and instance. Two exporters, or two
/// scrapes of one, say the same twice.
pub(super) type Recorded = BTreeMap<String, Vec<Series>>;

/// A series over time.
#[derive(Clone, Debug)]
pub(super) struct Series {
    /// What it tells.
    pub(super) tells: Tells,
    /// Milliseconds since the epoch, and the value.
    pub(super) samples: Vec<(i64, f64)>,
}

/// What a series tells.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tells {
    /// The value of a sensor, whose thresholds others tell.
    Value(Sensor),
    /// What the BMC holds of it.
    State(Key),
    /// Whether it could be read.
    Readable(Key),
    /// A threshold of a sensor.
    Threshold(Key, Level),
    /// Whether the BMC answered.
    Up,
    /// Whether the machine is on.
    IsOn,
    /// What the BMC says beside its sensors that the machine draws, watts.
    Watts,
    /// When the BMC answered last: a page may show one poll twice.
    Success,
}

/// Every series that tells something of a machine.
#[derive(Debug, Default)]
pub(super) struct History {
    series: Vec<(Place, String, Series)>,
    /// By their text; those that tell nothing as well.
    known: HashMap<String, Option<usize>>,
}

impl History {
    /// Takes in a line.
    pub(super) fn line(&mut self, line: &str) -> Result<(), &'static str> {
        let Some(sample) = line::sample(line)? else { return Ok(()) };
        let known = self.known.get(sample.series).copied();
        let number = match known {
            Some(known) => known,
            None => self.meet(sample.series)?,
        };
        if let Some((.., series)) = number.and_then(|it| self.series.get_mut(it)) {
            series.samples.push((sample.at, sample.value));
        }
        Ok(())
    }

    fn meet(&mut self, text: &str) -> Result<Option<usize>, &'static str> {
        let mut number = None;
        if text.starts_with("ipmi_") || text.starts_with("{__name__=\"ipmi_") {
            let (metric, labels) = line::parts(text)?;
            number = self.series(&metric, &labels);
        }
        self.known.insert(text.to_owned(), number);
        Ok(number)
    }

    /// Takes in a series with its samples.
    pub(super) fn add(
        &mut self,
        metric: &str,
        labels: &Labels,
        samples: impl Iterator<Item = (i64, f64)>,
    ) {
        let number = self.series(metric, labels);
        if let Some((.., series)) = number.and_then(|it| self.series.get_mut(it)) {
            series.samples.extend(samples);
        }
    }

    /// Every machine that there is something of, its samples in the order of their times.
    pub(super) fn machines(self) -> BTreeMap<Place, Recorded> {
        let mut machines: BTreeMap<Place, Recorded> = BTreeMap::new();
        for (place, source, mut series) in self.series {
            series.samples.sort_by_key(|(at, _)| *at);
            series.samples.dedup_by_key(|(at, _)| *at);
            machines.entry(place).or_default().entry(source).or_default().push(series);
        }
        machines
    }

    /// The place of a series, unless it tells nothing.
    fn series(&mut self, metric: &str, labels: &Labels) -> Option<usize> {
        let label = |name: &str| labels.get(name).cloned().unwrap_or_default();
        let tells = tells(metric, labels)?;
        let place = Place::of(labels)?;
        let source = format!("{} {}", label("job"), label("instance"));
        self.series.push((place, source, Series { tells, samples: Vec::new() }));
        Some(self.series.len() - 1)
    }
}

fn tells(metric: &str, labels: &Labels) -> Option<Tells> {
    let label = |name: &str| labels.get(name).cloned().unwrap_or_default();
    let key = || (label("id"), label("name"));
    let value = |quantity| {
        let entity = entity(&label("entity"), quantity);
        let (id, name) = key();
        Some(Tells::Value(Sensor { id, name, entity, quantity, thresholds: Vec::new() }))
    };
    match metric {
        "ipmi_temperature_celsius" => value(Quantity::Temperature),
        "ipmi_fan_speed_rpm" => value(Quantity::FanSpeed),
        "ipmi_fan_speed_ratio" => value(Quantity::FanRatio),
        "ipmi_power_watts" => value(Quantity::Power),
        "ipmi_voltage_volts" => value(Quantity::Voltage),
        "ipmi_current_amperes" => value(Quantity::Current),
        "ipmi_temperature_state"
        | "ipmi_fan_speed_state"
        | "ipmi_power_state"
        | "ipmi_voltage_state"
        | "ipmi_current_state" => Some(Tells::State(key())),
        "ipmi_sensor_readable" => Some(Tells::Readable(key())),
        // The other collectors of a BMC fail by themselves.
        "ipmi_up" => ["ipmi", ""].contains(&label("collector").as_str()).then_some(Tells::Up),
        "ipmi_chassis_power_state" => Some(Tells::IsOn),
        "ipmi_dcmi_power_consumption_watts" => Some(Tells::Watts),
        "ipmi_last_success_timestamp_seconds" => Some(Tells::Success),
        other if other.contains("_threshold_") => {
            Some(Tells::Threshold(key(), Level::of(&label("level"))?))
        }
        _ => None,
    }
}

/// An IPMI entity id of the class that a label names. Without one, names decide, as they do where a BMC
/// says no more than "board".
fn entity(label: &str, quantity: Quantity) -> u8 {
    match label {
        "disk" => 4,
        "cpu" => 3,
        "memory" => 32,
        "inlet" => 55,
        "psu" => 10,
        "fan" => 29,
        "other" => 11,
        "" if matches!(quantity, Quantity::FanSpeed | Quantity::FanRatio) => 29,
        _ => 7,
    }
}
