//! The metrics of the slow questions, and of the talking itself.

use std::sync::Arc;

use super::labels::{
    CommandLabels, EventLabels, InfoLabels, NamedLabels, StateLabels, TargetLabels,
};
use super::writer::{Gauges, View, Writer, by_reason};
use super::{parts, watchdog};
use crate::command::Command;
use crate::journal::{Named, Summary};
use crate::slow::{Drawn, Power};

pub(super) fn machine(writer: &mut Writer<'_, '_>) {
    chassis(writer);
    restart_cause(writer);
    log(writer);
    events(writer);
    power(writer);
    watchdog::watchdog(writer);
    writer.gauge(
        "ipmi_config_lan_mode",
        "Which port a Supermicro BMC uses (0=dedicated, 1=shared, 2=failover).",
        |view| told(view, view.polled.slow.lan_mode().map(f64::from)),
    );
    writer.gauge("ipmi_bmc_info", "What the BMC says of itself; always 1.", |view| {
        let labels = view.polled.slow.who().map(|who| InfoLabels { target: &view.labels, who });
        labels.map(|labels| (labels, 1.0)).into_iter().collect()
    });
    parts::parts(writer);
    writer.gauge(
        "ipmi_sensor_state_asserted",
        "1 for each state of a discrete sensor that holds. Absent while it does not.",
        asserted,
    );
}

fn chassis(writer: &mut Writer<'_, '_>) {
    type Fact = fn(Power) -> bool;
    let facts: [(&str, &str, Fact); 5] = [
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
        (
            "ipmi_chassis_power_fault_state",
            "Whether the main power is well (1=no fault, 0=fault).",
            |power| !power.main_fault,
        ),
        (
            "ipmi_chassis_intrusion_state",
            "Whether the chassis is closed (1=closed, 0=open).",
            |power| !power.intrusion,
        ),
    ];
    for (name, help, fact) in facts {
        writer.gauge(name, help, |view| {
            let power = view.polled.slow.power();
            told(view, power.map(|power| f64::from(u8::from(fact(power)))))
        });
    }
}

/// The power of the whole machine. `ipmi_exporter` has the first of them.
fn power(writer: &mut Writer<'_, '_>) {
    const ABSENT: &str = "Absent while the BMC does not measure it, or says 0.";
    type Part = fn(Drawn) -> f64;
    let parts: [(&str, &str, Part); 4] = [
        ("ipmi_dcmi_power_consumption_watts", "Power of the whole machine by DCMI.", |it| it.now),
        (
            "ipmi_dcmi_power_minimum_watts",
            "Least power of the time that the BMC looks back.",
            |it| it.least,
        ),
        (
            "ipmi_dcmi_power_maximum_watts",
            "Most power of the time that the BMC looks back.",
            |it| it.most,
        ),
        (
            "ipmi_dcmi_power_average_watts",
            "Mean power over the time that the BMC looks back.",
            |it| it.average,
        ),
    ];
    for (name, help, part) in parts {
        writer.gauge(name, &format!("{help} {ABSENT}"), |view| {
            told(view, view.polled.slow.drawn().map(part))
        });
    }
    writer.gauge(
        "ipmi_dcmi_power_limit_watts",
        "Limit that holds the machine's power. Absent where none is set.",
        |view| told(view, view.polled.slow.limit()),
    );
}

/// What the entries of the log come to, by `ipmi_exporter`'s names.
fn events(writer: &mut Writer<'_, '_>) {
    type Part = fn(&Named) -> f64;
    writer.gauge(
        "ipmi_sel_events_count_by_state",
        "Entries in the system event log by what they say of the machine.",
        |view| {
            let of_all = |events: &'_ Arc<Summary>| {
                let counts = Summary::STATES.into_iter().zip(events.by_state);
                // Of entries that nobody understands there are none at most BMCs.
                let told = counts.filter(|(state, count)| *state != "N/A" || *count > 0);
                let labels = |value| NamedLabels { target: &view.labels, label: "state", value };
                told.map(|(state, count)| (labels(state), f64::from(count))).collect()
            };
            view.polled.slow.events().map(of_all).unwrap_or_default()
        },
    );
    writer.gauge(
        "ipmi_sel_entries_refused",
        "Entries in the system event log that the BMC counts and refuses to give: they are in no count by \
         state or name. Absent where there are none.",
        |view| {
            let refused = view.polled.slow.events().map(|events| f64::from(events.refused));
            told(view, refused.filter(|refused| *refused > 0.0))
        },
    );
    let parts: [(&str, &str, Part); 2] = [
        (
            "ipmi_sel_events_count_by_name",
            "Entries in the system event log that match an event of the config.",
            |it| f64::from(it.count),
        ),
        (
            "ipmi_sel_events_latest_timestamp",
            "When the latest entry was that matches an event of the config, as seconds since the epoch by \
             the BMC's clock; 0 for never.",
            |it| f64::from(it.latest),
        ),
    ];
    for (name, help, part) in parts {
        writer.gauge(name, help, |view| {
            let named = view.polled.slow.events().into_iter().flat_map(|it| &it.by_name);
            let row = |it| (EventLabels { target: &view.labels, event: it }, part(it));
            named.map(row).collect()
        });
    }
}

fn log(writer: &mut Writer<'_, '_>) {
    for name in ["ipmi_sel_entries", "ipmi_sel_logs_count"] {
        writer.gauge(name, "Entries in the system event log.", |view| {
            told(view, view.polled.slow.log().map(|log| f64::from(log.entries)))
        });
    }
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
                view.tells_stale_replies.then_some(view.polled.counts.traffic.stale_replies);
            stale.map(|stale| (&view.labels, stale)).into_iter().collect()
        },
    );
    writer.counter(
        "ipmi_session_failures_total",
        "Sessions that could not be opened, by reason; a reason is there once it has occurred.",
        |view| by_reason(view, &view.polled.counts.traffic.session_failures),
    );
    writer.counter(
        "ipmi_commands_total",
        "Commands sent to the BMC, retries not counted; a command is there once it was sent.",
        |view| {
            let commands = &view.polled.counts.traffic.commands;
            let labels = |it: Command| CommandLabels { target: &view.labels, command: it.as_str() };
            commands.counted().map(|(it, count)| (labels(it), count)).collect()
        },
    );
}

/// Why the machine was last started.
fn restart_cause(writer: &mut Writer<'_, '_>) {
    writer.gauge(
        "ipmi_chassis_restart_cause_info",
        "Why the machine was last started; always 1.",
        |view| {
            let cause = view.polled.slow.power().and_then(|power| power.restart_cause);
            let labels = |value| NamedLabels { target: &view.labels, label: "cause", value };
            cause.map(|cause| (labels(cause), 1.0)).into_iter().collect()
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
        let asserted = view.polled.slow.states(sensor);
        asserted.into_iter().flat_map(|it| &it.states).map(labels)
    });
    states.map(|labels| (labels, 1.0)).collect()
}
