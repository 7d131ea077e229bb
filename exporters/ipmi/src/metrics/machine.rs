//! The metrics of the slow lane, and of the talking itself.

use super::labels::{CommandLabels, InfoLabels, StateLabels, TargetLabels};
use super::writer::{Gauges, View, Writer, by_reason};
use crate::command::Command;
use crate::slow::Power;

pub(super) fn machine(writer: &mut Writer<'_, '_>) {
    chassis(writer);
    log(writer);
    writer.gauge(
        "ipmi_dcmi_power_consumption_watts",
        "Power of the whole machine by DCMI. Absent while the BMC does not measure it, or says 0.",
        |view| told(view, view.polled.slow.watts()),
    );
    writer.gauge("ipmi_bmc_info", "What the BMC says of itself; always 1.", |view| {
        let labels = view.polled.slow.who().map(|who| InfoLabels { target: &view.labels, who });
        labels.map(|labels| (labels, 1.0)).into_iter().collect()
    });
    writer.gauge(
        "ipmi_sensor_state_asserted",
        "1 for each state of a discrete sensor that holds. Absent while it does not.",
        asserted,
    );
}

fn chassis(writer: &mut Writer<'_, '_>) {
    type Fact = fn(Power) -> bool;
    let facts: [(&str, &str, Fact); 3] = [
        ("ipmi_chassis_power_state", "Whether the machine is on (1=on, 0=off).", |power| {
            power.is_on
        }),
        (
            "ipmi_chassis_drive_fault_state",
            "Whether the drives are well (1=no fault, 0=fault), as ipmi_exporter has it.",
            |power| !power.drive_fault,
        ),
        (
            "ipmi_chassis_cooling_fault_state",
            "Whether the cooling is well (1=no fault, 0=fault), as ipmi_exporter has it.",
            |power| !power.cooling_fault,
        ),
    ];
    for (name, help, fact) in facts {
        writer.gauge(name, help, |view| {
            let power = view.polled.slow.power();
            told(view, power.map(|power| f64::from(u8::from(fact(power)))))
        });
    }
}

fn log(writer: &mut Writer<'_, '_>) {
    writer.gauge("ipmi_sel_entries", "Entries in the system event log.", |view| {
        told(view, view.polled.slow.log().map(|log| f64::from(log.entries)))
    });
    writer.gauge(
        "ipmi_sel_free_space_bytes",
        "Space left in the system event log; 65535 means that or more.",
        |view| told(view, view.polled.slow.log().and_then(|log| log.free_bytes).map(f64::from)),
    );
    writer.gauge(
        "ipmi_sel_last_entry_timestamp_seconds",
        "When an entry was last added to the system event log, by the BMC's clock. Absent while \
         that is not set.",
        |view| told(view, view.polled.slow.log().and_then(|log| log.last_entry).map(f64::from)),
    );
}

pub(super) fn sessions(writer: &mut Writer<'_, '_>) {
    writer.counter("ipmi_sessions_opened_total", "Sessions opened with the BMC.", |view| {
        vec![(&view.labels, view.polled.counts.traffic.sessions)]
    });
    writer.counter(
        "ipmi_retries_total",
        "Requests sent again because no answer came in time.",
        |view| vec![(&view.labels, view.polled.counts.traffic.retries)],
    );
    writer.counter(
        "ipmi_stale_replies_total",
        "Replies that came after their request was given up, and were dropped.",
        |view| {
            let stale =
                view.possible.stale_replies.then_some(view.polled.counts.traffic.stale_replies);
            stale.map(|stale| (&view.labels, stale)).into_iter().collect()
        },
    );
    writer.counter(
        "ipmi_session_failures_total",
        "Sessions that could not be opened, by reason.",
        |view| {
            let failures = &view.polled.counts.traffic.session_failures;
            by_reason(view, &view.possible.session_failures, failures)
        },
    );
    writer.counter(
        "ipmi_commands_total",
        "Commands sent to the BMC, retries not counted.",
        |view| {
            let commands = &view.polled.counts.traffic.commands;
            let labels = |it: Command| CommandLabels { target: &view.labels, command: it.as_str() };
            view.possible.commands.iter().map(|it| (labels(*it), commands.get(*it))).collect()
        },
    );
}

fn told(view: &View, value: Option<f64>) -> Gauges<'_, &TargetLabels> {
    value.map(|value| (&view.labels, value)).into_iter().collect()
}

fn asserted(view: &View) -> Gauges<'_, StateLabels<'_>> {
    let sensors = view.polled.snapshot.iter().flat_map(|it| &it.list.discrete);
    let states = sensors.flat_map(|sensor| {
        let labels = |state: &&'static str| StateLabels { sensor: view.sensor(sensor), state };
        view.polled.slow.states(sensor).iter().map(labels)
    });
    states.map(|labels| (labels, 1.0)).collect()
}
