//! The page of metrics: of all targets, or of one.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use exporter_kit::{Page, Registry};

use super::labels::{CollectorLabels, LevelLabels, TargetLabels, TypeLabels, TypeLevelLabels};
use super::writer::{Gauges, View, Writer, by_reason};
use super::{faults, machine, verdicts};
use crate::sensor::list::SensorList;
use crate::sensor::{Quantity, Sensor};
use crate::slow::Collector;
use crate::state::{BmcState, Outcome, Targets};

/// Renders every target.
#[derive(Debug)]
pub(crate) struct Metrics(pub(crate) Arc<Targets>);

impl exporter_kit::Collector for Metrics {
    fn collect(&self, page: &mut Page<'_>) {
        let views: Vec<_> = self.0.wanted_on(page).iter().map(|state| View::of(state)).collect();
        put(&views, page);
    }
}

/// A registry with one target's series alone.
pub(crate) fn page(state: Arc<BmcState>) -> Registry {
    let mut registry = Registry::default();
    registry.register(One(state));
    registry
}

#[derive(Debug)]
struct One(Arc<BmcState>);

impl exporter_kit::Collector for One {
    fn collect(&self, page: &mut Page<'_>) {
        put(&[View::of(&self.0)], page);
    }
}

fn put(views: &[View], page: &mut Page<'_>) {
    let mut writer = Writer { page, views };
    polls(&mut writer);
    verdicts::verdicts(&mut writer);
    faults::faults(&mut writer);
    temperatures(&mut writer);
    quantities(&mut writer);
    inventory(&mut writer);
    machine::machine(&mut writer);
    machine::sessions(&mut writer);
}

fn polls(writer: &mut Writer<'_, '_>) {
    writer.gauge(
        "ipmi_up",
        "Whether the collector's last request to the BMC succeeded. Absent before its first.",
        |view| {
            let labels =
                |of: Collector| CollectorLabels { target: &view.labels, collector: of.as_str() };
            view.up().map(|(part, up)| (labels(part), f64::from(u8::from(up)))).collect()
        },
    );
    writer.counter("ipmi_polls_total", "Polls that ended, well or not.", |view| {
        vec![(&view.labels, view.polled.counts.polls)]
    });
    writer.counter("ipmi_failures_total", "Polls that failed.", |view| {
        vec![(&view.labels, view.polled.counts.poll_failures.total())]
    });
    writer.counter(
        "ipmi_poll_failures_total",
        "Polls that failed, by reason; a reason is there once it has occurred.",
        |view| by_reason(view, &view.polled.counts.poll_failures),
    );
    writer.gauge(
        "ipmi_poll_duration_seconds",
        "How long the last poll took, from first to last request.",
        |view| seconds(view, view.polled.duration),
    );
    writer.gauge(
        "ipmi_poll_age_seconds",
        "Time since the last successful poll ended: how old the readings are.",
        |view| seconds(view, view.age),
    );
    writer.gauge(
        "ipmi_last_success_timestamp_seconds",
        "When the last successful poll ended, as seconds since the epoch.",
        |view| {
            let since_epoch = |at: SystemTime| at.duration_since(UNIX_EPOCH).unwrap_or_default();
            seconds(view, view.polled.success.map(|(_, at)| since_epoch(at)))
        },
    );
}

fn temperatures(writer: &mut Writer<'_, '_>) {
    readings(writer, Quantity::Temperature, "ipmi_temperature_celsius", "Temperature.");
    states(writer, Quantity::Temperature, "ipmi_temperature_state", "temperature");
    thresholds(writer, Quantity::Temperature, "ipmi_temperature_threshold_celsius");
}

fn quantities(writer: &mut Writer<'_, '_>) {
    readings(
        writer,
        Quantity::FanSpeed,
        "ipmi_fan_speed_rpm",
        "Fan speed in revolutions per minute.",
    );
    readings(
        writer,
        Quantity::FanRatio,
        "ipmi_fan_speed_ratio",
        "Fan speed as a share of full speed.",
    );
    thresholds(writer, Quantity::FanSpeed, "ipmi_fan_speed_threshold_rpm");
    thresholds(writer, Quantity::FanRatio, "ipmi_fan_speed_threshold_ratio");
    writer.gauge("ipmi_fan_speed_state", &state_help("fan speed"), |view| {
        let is_fan = |it: Quantity| it.is_fan();
        severities(view, is_fan).map(|(sensor, it)| (view.sensor(&sensor.known), it)).collect()
    });
    for (quantity, [name, state, threshold], what) in [
        (
            Quantity::Voltage,
            ["ipmi_voltage_volts", "ipmi_voltage_state", "ipmi_voltage_threshold_volts"],
            "Voltage",
        ),
        (
            Quantity::Current,
            ["ipmi_current_amperes", "ipmi_current_state", "ipmi_current_threshold_amperes"],
            "Current",
        ),
        (
            Quantity::Power,
            ["ipmi_power_watts", "ipmi_power_state", "ipmi_power_threshold_watts"],
            "Power",
        ),
    ] {
        readings(writer, quantity, name, &format!("{what}."));
        states(writer, quantity, state, &what.to_lowercase());
        thresholds(writer, quantity, threshold);
    }
    writer.gauge("ipmi_sensor_value", "Value of any other sensor, in its own unit.", |view| {
        let rows =
            view.values().filter_map(|(sensor, value)| Some((typed(view, sensor)?, value.number)));
        rows.collect()
    });
    writer.gauge(
        "ipmi_sensor_threshold_value",
        "Threshold in force at the BMC, by level.",
        |view| {
            let rows = view.rows().filter_map(|(sensor, _)| Some((sensor, typed(view, sensor)?)));
            let rows = rows.flat_map(|(sensor, labels)| {
                sensor.thresholds.iter().map(move |(level, value)| {
                    (TypeLevelLabels { typed: labels.clone(), level: level.as_str() }, *value)
                })
            });
            rows.collect()
        },
    );
    let help = "What the BMC holds of the sensor: 0 nominal, 1 warning, 2 critical; of discrete sensors by \
                FreeIPMI's interpretation of their states.";
    writer.gauge("ipmi_sensor_state", help, |view| {
        let others = |it: Quantity| matches!(it, Quantity::Other(_));
        let rows = severities(view, others);
        let rows = rows.filter_map(|(sensor, state)| Some((typed(view, sensor)?, state)));
        rows.chain(discrete(view)).collect()
    });
}

/// The discrete sensors of whose states somebody knows what they say.
fn discrete(view: &View) -> impl Iterator<Item = (TypeLabels<'_>, f64)> {
    let sensors = view.polled.snapshot.iter().flat_map(|it| &it.list.discrete);
    sensors.filter_map(|known| {
        let asserted = view.polled.slow.states(known)?;
        let labels = TypeLabels { sensor: view.sensor(known), sensor_type: asserted.sensor_type };
        Some((labels, f64::from(asserted.severity? as u8)))
    })
}

fn inventory(writer: &mut Writer<'_, '_>) {
    writer.gauge(
        "ipmi_sensor_present",
        "Whether a sensor that was ever seen is there: 0 after two polls without it, until it is \
         seen again or the inventory is accepted.",
        |view| {
            view.presence()
                .map(|(it, there)| (view.sensor(it), f64::from(u8::from(there))))
                .collect()
        },
    );
    writer.gauge(
        "ipmi_sensor_readable",
        "0 for a sensor from which the last poll got no value. Absent while there is one.",
        |view| {
            let failed = view.rows().filter(|(_, it)| matches!(it, Outcome::Failed(_)));
            failed.map(|(sensor, _)| (view.sensor(&sensor.known), 0.0)).collect()
        },
    );
    writer.counter(
        "ipmi_sensor_read_failures_total",
        "Sensors that gave no value in a poll that succeeded, by reason; a reason is there once it \
         has occurred.",
        |view| by_reason(view, &view.polled.counts.read_failures),
    );
    writer.gauge("ipmi_sdr_records", "Records in the BMC's SDR repository.", |view| {
        listed(view, |it| it.records)
    });
    writer.gauge(
        "ipmi_sdr_complete",
        "Whether the BMC's list of sensors could be read to its end and is no shorter than the BMC \
         says. A sensor that is not in a list of which this is 0 is lost when the list has read the \
         same twice.",
        |view| listed(view, |it| it.records.map(|_| usize::from(it.is_whole))),
    );
    writer.gauge(
        "ipmi_sdr_duplicate_records",
        "Records left out because an earlier one describes the same sensor by the same name.",
        |view| listed(view, |it| it.records.map(|_| it.duplicates)),
    );
    writer.gauge(
        "ipmi_sensors_implausible_thresholds",
        "Sensors with thresholds that cannot be meant and are not believed: all the same, an upper one \
         that is 0, that no part can have or that is not above a lower one, or critical before it warns.",
        |view| listed(view, |it| Some(it.implausible)),
    );
    writer.gauge(
        "ipmi_sensors_left_out",
        "Sensors that are not exported, or not remembered, because the BMC lists more than 1024. \
         Absent while there are none.",
        |view| {
            let left_out = |it: &SensorList| it.left_out + view.not_remembered;
            listed(view, |it| Some(left_out(it)).filter(|count| *count > 0))
        },
    );
}

fn readings(writer: &mut Writer<'_, '_>, quantity: Quantity, name: &str, help: &str) {
    writer.gauge(name, help, |view| {
        let rows = view.values().filter(|(sensor, _)| sensor.quantity == quantity);
        rows.map(|(sensor, value)| (view.sensor(&sensor.known), value.number)).collect()
    });
}

fn states(writer: &mut Writer<'_, '_>, quantity: Quantity, name: &str, what: &str) {
    writer.gauge(name, &state_help(what), |view| {
        let rows = severities(view, |it| it == quantity);
        rows.map(|(sensor, state)| (view.sensor(&sensor.known), state)).collect()
    });
}

fn state_help(what: &str) -> String {
    format!("What the BMC holds of the {what}: 0 nominal, 1 warning, 2 critical.")
}

fn severities(view: &View, of: impl Fn(Quantity) -> bool) -> impl Iterator<Item = (&Sensor, f64)> {
    let rows = view.values().filter(move |(sensor, _)| of(sensor.quantity));
    rows.filter_map(|(sensor, value)| Some((sensor, f64::from(value.severity? as u8))))
}

fn thresholds(writer: &mut Writer<'_, '_>, quantity: Quantity, name: &str) {
    writer.gauge(name, "Threshold in force at the BMC, by level.", |view| {
        let sensors = view.rows().filter(|(sensor, _)| sensor.quantity == quantity);
        let rows = sensors.flat_map(|(sensor, _)| {
            sensor.thresholds.iter().map(|(level, value)| {
                let sensor = view.sensor(&sensor.known);
                (LevelLabels { sensor, level: level.as_str() }, *value)
            })
        });
        rows.collect()
    });
}

fn typed<'v>(view: &'v View, sensor: &'v Sensor) -> Option<TypeLabels<'v>> {
    let Quantity::Other(sensor_type) = sensor.quantity else { return None };
    Some(TypeLabels { sensor: view.sensor(&sensor.known), sensor_type })
}

fn seconds(view: &View, time: Option<Duration>) -> Gauges<'_, &TargetLabels> {
    time.map(|time| (&view.labels, time.as_secs_f64())).into_iter().collect()
}

fn listed(view: &View, of: impl Fn(&SensorList) -> Option<usize>) -> Gauges<'_, &TargetLabels> {
    let counts = view.polled.snapshot.iter().filter_map(|snapshot| of(&snapshot.list));
    counts.map(|count| (&view.labels, count as f64)).collect()
}

#[cfg(test)]
mod tests;
