//! A machine of a world: its sensors, and the drives that other exporters tell of. No I/O, no clock.

use std::collections::BTreeMap;
use std::fmt;

use exporter_kit::config::Located;
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use super::period::Period;
use super::steps::Steps;

/// A BMC, and who polls it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Machine {
    /// The label `target`.
    pub(crate) target: String,
    /// The label `site`; none where it is empty.
    #[serde(default)]
    pub(crate) site: String,
    /// The label `rack`; none where it is empty.
    #[serde(default)]
    pub(crate) rack: String,
    /// The exporter that polls it: the label `instance`.
    #[serde(default = "default_exporter")]
    pub(crate) exporter: String,
    /// The time from one poll to the next.
    pub(crate) interval: Period,
    /// Whether the BMC answers.
    pub(crate) answers: Option<Steps<bool>>,
    /// Whether the exporter runs; when it does again, it knows what its state file says.
    pub(crate) exporter_runs: Option<Steps<bool>>,
    /// Seconds at which the exporter is restarted.
    #[serde(default)]
    pub(crate) exporter_restarts: Vec<u64>,
    /// Whether the exporter keeps a state file.
    #[serde(default = "default_state_file")]
    pub(crate) state_file: bool,
    /// The second of the first poll.
    #[serde(default)]
    pub(crate) added_at: u64,
    /// Whether the chassis is switched on, as the BMC says; unknown where it is left out.
    pub(crate) chassis_on: Option<Steps<bool>>,
    /// What it draws, watts, as the BMC says beside its sensors (DCMI), `null` while it does not measure
    /// that; not asked where it is left out.
    pub(crate) dcmi: Option<Steps<Option<f64>>>,
    /// What the BMC has records of.
    pub(crate) sensors: Vec<Located<Sensor>>,
    /// What other exporters say of its drives.
    #[serde(default)]
    pub(crate) drives: Vec<Located<Drive>>,
}

fn default_exporter() -> String {
    "10.0.0.2:9290".to_owned()
}

fn default_state_file() -> bool {
    true
}

/// A sensor of a BMC.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sensor {
    /// Its number: the last part of the label `id`.
    pub(crate) number: u8,
    /// Its name.
    pub(crate) name: String,
    /// What it measures.
    pub(crate) kind: Kind,
    /// Of a fan: by what its speed is told.
    pub(crate) unit: Option<Unit>,
    /// The IPMI entity id (table 43-13).
    pub(crate) entity: u8,
    /// The sensor's resolution. For the reader alone: the values are rounded already.
    #[serde(default, rename = "step")]
    _step: Option<f64>,
    /// The limits that the BMC holds its value against.
    #[serde(default)]
    pub(crate) thresholds: BTreeMap<Threshold, f64>,
    /// What it would be read as.
    #[serde(rename = "value")]
    pub(crate) reads: Steps<Reading>,
}

/// What a sensor measures.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Degrees Celsius.
    Temperature,
    /// A fan's speed, in the sensor's unit.
    Fan,
    /// Watts.
    Power,
    /// Volts.
    Voltage,
}

/// By what a fan's speed is told.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Unit {
    /// Turns a minute.
    Rpm,
    /// Hundredths of the full speed.
    Percent,
}

/// A limit of a sensor.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Threshold {
    /// Below it the part is beyond mending.
    LowerNonRecoverable,
    /// Below it the part is in danger.
    LowerCritical,
    /// Below it something is not as it should be.
    LowerNonCritical,
    /// Above it something is not as it should be.
    UpperNonCritical,
    /// Above it the part is in danger.
    UpperCritical,
    /// Above it the part is beyond mending.
    UpperNonRecoverable,
}

/// What a sensor would be read as.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reading {
    /// A value, in the unit of the sensor.
    Value(f64),
    /// `null`: it cannot be read.
    Unreadable,
    /// `gone`: the BMC has no record of it.
    Gone,
}

impl<'de> Deserialize<'de> for Reading {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Reading;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, null (cannot be read) or gone (no record of it)")
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Reading, E> {
                Ok(Reading::Value(value))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Reading, E> {
                Ok(Reading::Value(value as f64))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Reading, E> {
                Ok(Reading::Value(value as f64))
            }

            fn visit_unit<E: de::Error>(self) -> Result<Reading, E> {
                Ok(Reading::Unreadable)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Reading, E> {
                let must = de::Unexpected::Other("another word");
                if text == "gone" { Ok(Reading::Gone) } else { Err(E::invalid_value(must, &self)) }
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// What another exporter says of a drive.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Drive {
    /// The exporter.
    pub(crate) source: DriveSource,
    /// The drive (`smartctl`), or the chip (`hwmon`).
    pub(crate) device: String,
    /// Of `smartctl`: the temperature at which the drive switches itself off.
    pub(crate) trip: Option<f64>,
    /// Of `hwmon`: the chip's name, as in `drivetemp` or `nvme`.
    pub(crate) chip_name: Option<String>,
    /// The scrape job.
    #[serde(default = "default_job")]
    pub(crate) job: String,
    /// Whether its series have the labels `target` and `site`.
    #[serde(default = "default_labelled")]
    pub(crate) labelled: bool,
    /// The label `site`, where the series have one.
    pub(crate) site: Option<String>,
    /// Degrees Celsius; of `hwmon` a list of steps for each of the chip's sensors.
    pub(crate) celsius: Celsius,
}

fn default_job() -> String {
    "drives".to_owned()
}

fn default_labelled() -> bool {
    true
}

/// Who tells of a drive.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DriveSource {
    /// `smartctl_exporter`.
    Smartctl,
    /// `node_exporter`'s collector `hwmon`.
    Hwmon,
}

/// The temperatures of a drive, `null` where it says none.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "must be [[second, value], ...], of hwmon one such list for each sensor"
)]
pub(crate) enum Celsius {
    /// Of one sensor.
    One(Steps<Option<f64>>),
    /// Of several.
    Each(Vec<Steps<Option<f64>>>),
}

impl Celsius {
    /// The sensors, in their order.
    pub(crate) fn sensors(&self) -> &[Steps<Option<f64>>] {
        match self {
            Self::One(steps) => std::slice::from_ref(steps),
            Self::Each(list) => list,
        }
    }
}
