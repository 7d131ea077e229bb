//! A machine that its exporter has known for hours: the state file that it would have by now.
//!
//! What is usual for a fan is learnt in ten minutes. Nobody waits for that in front of a demo.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use turbulence_ipmi::simulation::{Level, Machine, Quantity, Reading, Sensor as Simulated, Setup};

use super::{Sensor, shown};
use crate::thermal;

/// For how long it was polled, and how often.
const HOURS: u64 = 3;
const INTERVAL: Duration = Duration::from_secs(60);

/// The text of the state file of an idle machine that was polled until now.
pub fn state_file(target: &str, site: &str) -> anyhow::Result<String> {
    let values = shown(&thermal::Machine::new().values());
    let judged = values
        .iter()
        .filter_map(|(sensor, value)| Some((simulated(*sensor)?, reading(*sensor, *value))));
    let (sensors, readings): (Vec<_>, Vec<_>) = judged.unzip();
    let setup = Setup {
        target: target.to_owned(),
        site: site.to_owned(),
        rack: String::new(),
        interval: INTERVAL,
        sensors,
        has_state_file: true,
    };
    let mut machine = Machine::new(setup, None)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    for minute in (1..=HOURS * 60).rev() {
        machine.poll(now.saturating_sub(INTERVAL * u32::try_from(minute)?), Some(&readings));
    }
    machine.kept().context("nothing was kept of a machine that was polled")
}

/// A sensor whose number is judged by what is usual.
fn simulated(sensor: Sensor) -> Option<Simulated> {
    let record = sensor.record();
    let quantity = match (record.base, record.units & 1, record.kind) {
        (1, ..) => Quantity::Temperature,
        (18, ..) => Quantity::FanSpeed,
        (6, ..) => Quantity::Power,
        (4, ..) => Quantity::Voltage,
        (_, 1, _) => Quantity::FanRatio,
        _ => return None,
    };
    let limits = record.thresholds;
    let thresholds = [
        (Level::UpperNonCritical, limits.upper_non_critical),
        (Level::UpperCritical, limits.upper_critical),
        (Level::UpperNonRecoverable, limits.upper_non_recoverable),
    ];
    let thresholds =
        thresholds.into_iter().filter_map(|(level, raw)| Some((level, f64::from(raw?))));
    Some(Simulated {
        id: format!("32.0.{}", record.number),
        name: record.name.to_owned(),
        entity: record.entity.0,
        quantity,
        thresholds: if quantity == Quantity::Temperature {
            thresholds.collect()
        } else {
            Vec::new()
        },
    })
}

/// As the exporter has it: a share where the BMC says percent.
fn reading(sensor: Sensor, value: f64) -> Reading {
    let is_percent = sensor.record().units & 1 == 1;
    Reading::Value(if is_percent { value / 100.0 } else { value })
}
