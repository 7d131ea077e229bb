//! The metrics of the slow lane, and of the talking itself.

use std::fmt;

use ipmi_lan::chassis::{ChassisFact, ChassisStatus};
use ipmi_lan::sel::{SelInfo, SelTime};
use ipmi_lan::{CommandError, SessionError};

use super::labels::{CommandLabels, InfoLabels, StateLabels, TargetLabels};
use super::writer::{Gauges, View, Writer, reasons};
use crate::command::Kind;

pub(super) fn machine(writer: &mut Writer<'_, '_>) -> fmt::Result {
    chassis(writer)?;
    log(writer)?;
    writer.gauge(
        "ipmi_dcmi_power_consumption_watts",
        "Power of the whole machine by DCMI. Absent while the BMC does not measure it, or says 0.",
        |view| {
            let watts = view.account.slow.dcmi.as_ref().and_then(|it| it.as_ref().ok()?.watts());
            watts.map(|watts| (&view.labels, f64::from(watts))).into_iter().collect()
        },
    )?;
    writer.gauge("ipmi_bmc_info", "What the BMC says of itself; always 1.", |view| {
        let device = view.account.slow.bmc.as_ref().and_then(|it| it.as_ref().ok());
        let labels = device.map(|device| InfoLabels { target: &view.labels, device });
        labels.map(|labels| (labels, 1.0)).into_iter().collect()
    })?;
    writer.gauge(
        "ipmi_sensor_state_asserted",
        "1 for each state of a discrete sensor that holds. Absent while it does not.",
        asserted,
    )
}

fn chassis(writer: &mut Writer<'_, '_>) -> fmt::Result {
    let known = |fact: ChassisFact, value_if: bool| {
        move |status: &ChassisStatus| f64::from(u8::from(status.is(fact) == value_if))
    };
    for (name, help, of) in [
        (
            "ipmi_chassis_power_state",
            "Whether the machine is on (1=on, 0=off).",
            known(ChassisFact::PowerOn, true),
        ),
        (
            "ipmi_chassis_drive_fault_state",
            "Whether the drives are well (1=no fault, 0=fault), as ipmi_exporter has it.",
            known(ChassisFact::DriveFault, false),
        ),
        (
            "ipmi_chassis_cooling_fault_state",
            "Whether the cooling is well (1=no fault, 0=fault), as ipmi_exporter has it.",
            known(ChassisFact::CoolingFault, false),
        ),
    ] {
        writer.gauge(name, help, |view| {
            told(view, view.account.slow.chassis.as_ref(), |it| Some(of(it)))
        })?;
    }
    Ok(())
}

fn log(writer: &mut Writer<'_, '_>) -> fmt::Result {
    writer.gauge("ipmi_sel_entries", "Entries in the system event log.", |view| {
        told(view, view.account.slow.sel.as_ref(), |it| Some(f64::from(it.entries)))
    })?;
    writer.gauge(
        "ipmi_sel_free_space_bytes",
        "Space left in the system event log; 65535 means that or more.",
        |view| told(view, view.account.slow.sel.as_ref(), |it| Some(f64::from(it.free_bytes))),
    )?;
    writer.gauge(
        "ipmi_sel_last_entry_timestamp_seconds",
        "When an entry was last added to the system event log, by the BMC's clock. Absent while \
         that is not set.",
        |view| {
            told(view, view.account.slow.sel.as_ref(), |it: &SelInfo| match it.last_addition {
                SelTime::Clock(at) => Some(f64::from(at)),
                SelTime::SinceStart(_) | SelTime::Unspecified => None,
            })
        },
    )
}

pub(super) fn sessions(writer: &mut Writer<'_, '_>) -> fmt::Result {
    writer.counter("ipmi_sessions_opened", "Sessions opened with the BMC.", |view| {
        vec![(&view.labels, view.account.sessions)]
    })?;
    writer.counter(
        "ipmi_retries",
        "Requests sent again because no answer came in time.",
        |view| vec![(&view.labels, view.account.retries)],
    )?;
    writer.counter(
        "ipmi_stale_replies",
        "Replies that came after their request was given up, and were dropped.",
        |view| vec![(&view.labels, view.account.stale_replies)],
    )?;
    writer.counter(
        "ipmi_session_failures",
        "Sessions that could not be opened, by reason.",
        |view| {
            let labels = SessionError::ALL.map(SessionError::as_str);
            reasons(view, &labels, &view.account.session_failures)
        },
    )?;
    writer.counter("ipmi_commands", "Commands sent to the BMC, retries not counted.", |view| {
        let labels = |kind: Kind| CommandLabels { target: &view.labels, command: kind.as_str() };
        Kind::ALL.map(labels).into_iter().zip(view.account.commands).collect()
    })
}

fn told<'v, T>(
    view: &'v View,
    answer: Option<&Result<T, CommandError>>,
    of: impl Fn(&T) -> Option<f64>,
) -> Gauges<'v, &'v TargetLabels> {
    let told = answer.and_then(|it| of(it.as_ref().ok()?));
    told.map(|value| (&view.labels, value)).into_iter().collect()
}

fn asserted(view: &View) -> Gauges<'_, StateLabels<'_>> {
    let sensors = view.account.snapshot.iter().flat_map(|it| &it.repository.sensors.discrete);
    let states = sensors.flat_map(|sensor| {
        let bits = view.account.slow.states.get(&sensor.known).copied().unwrap_or(0);
        let labels = |state| StateLabels { sensor: view.sensor(&sensor.known), state };
        sensor.states(bits).into_iter().map(labels)
    });
    states.map(|labels| (labels, 1.0)).collect()
}
