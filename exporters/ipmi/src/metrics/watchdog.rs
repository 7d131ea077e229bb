//! The metrics of the watchdog timer, by `ipmi_exporter`'s names.

use super::labels::{NamedLabels, TargetLabels};
use super::writer::{Gauges, View, Writer};
use crate::slow::Watchdog;

pub(super) fn watchdog(writer: &mut Writer<'_, '_>) {
    let number =
        |writer: &mut Writer<'_, '_>, name: &str, help: &str, of: fn(Watchdog) -> Option<f64>| {
            writer.gauge(name, help, |view| {
                let told = view.polled.slow.watchdog().and_then(of).into_iter();
                told.map(|value| (&view.labels, value)).collect::<Gauges<'_, &TargetLabels>>()
            });
        };
    number(
        writer,
        "ipmi_bmc_watchdog_timer_state",
        "Whether the watchdog timer runs (1=running, 0=stopped).",
        |it| Some(f64::from(u8::from(it.is_running))),
    );
    one_of(
        writer,
        "ipmi_bmc_watchdog_timer_use_state",
        "1 for what the watchdog timer is used for, 0 for the rest.",
        ("name", &Watchdog::USES),
        |it| it.used_for,
    );
    number(
        writer,
        "ipmi_bmc_watchdog_logging_state",
        "Whether the expiry of the watchdog timer is logged (1=yes, 0=no).",
        |it| Some(f64::from(u8::from(it.logs))),
    );
    one_of(
        writer,
        "ipmi_bmc_watchdog_timeout_action_state",
        "1 for what happens when the watchdog timer expires, 0 for the rest.",
        ("action", &Watchdog::ACTIONS),
        |it| it.action,
    );
    one_of(
        writer,
        "ipmi_bmc_watchdog_pretimeout_interrupt_state",
        "1 for the interrupt that comes before the watchdog timer expires, 0 for the rest.",
        ("interrupt", &Watchdog::INTERRUPTS),
        |it| it.interrupt,
    );
    for (name, help, of) in [
        (
            "ipmi_bmc_watchdog_pretimeout_interval_seconds",
            "How long before the watchdog timer expires the interrupt comes.",
            (|it| Some(it.pretimeout)) as fn(Watchdog) -> Option<f64>,
        ),
        (
            "ipmi_bmc_watchdog_initial_countdown_seconds",
            "From where the watchdog timer counts down.",
            |it| Some(it.initial),
        ),
        (
            "ipmi_bmc_watchdog_current_countdown_seconds",
            "What is left of the watchdog timer's time.",
            |it| it.left,
        ),
    ] {
        number(writer, name, help, of);
    }
}

/// A series for each of the names, 1 for the one that holds.
fn one_of(
    writer: &mut Writer<'_, '_>,
    name: &str,
    help: &str,
    (label, names): (&'static str, &'static [&'static str]),
    which: fn(Watchdog) -> Option<&'static str>,
) {
    writer.gauge(name, help, |view: &View| {
        let of_one = |watchdog: Watchdog| {
            let series = names.iter().map(move |name| {
                let labels = NamedLabels { target: &view.labels, label, value: name };
                (labels, f64::from(u8::from(which(watchdog) == Some(*name))))
            });
            series.collect::<Vec<_>>()
        };
        view.polled.slow.watchdog().map(of_one).unwrap_or_default()
    });
}
