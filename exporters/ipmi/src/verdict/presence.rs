//! Sensors that are lost, and those that give no value any more. No I/O, no clock.

use std::sync::Arc;

use super::held::{Cause, Held, Kind, Level, Verdict, What};
use super::observed::Observed;
use super::watched::Watched;

/// Seconds without a sensor after which it is lost.
const LOST: f64 = 120.0;
/// Seconds without a value after which a sensor counts as unreadable.
const UNREADABLE: f64 = 600.0;
/// Seconds for which it must have been readable: ten minutes, less the polls at both ends.
const READABLE: f32 = 540.0;

/// Judges each sensor's presence.
pub(super) fn judge(seen: &Observed, held: &mut Held) {
    let now = seen.now();
    let others_are_read = seen.temperatures().any(|it| it.value().is_some());
    for it in &seen.sensors {
        let sensor = || Some(Arc::clone(&it.known));
        match it.gone().filter(|(since, polls)| *polls >= 2 && now.since(*since) >= LOST) {
            Some((since, _)) => held.hold(Verdict {
                kind: Kind::SensorLost,
                sensor: sensor(),
                level: Level::Ticket,
                cause: Cause::NotListed,
                since,
                evidence: last(it),
            }),
            None => held.drop(Kind::SensorLost, Some(&it.known)),
        }
        let may_judge = it.gone().is_none()
            && seen.running.is_on()
            && others_are_read
            && !seen.boots(600.0)
            && it.readable >= READABLE
            && it.failed().is_none();
        match it.unreadable.filter(|since| may_judge && now.since(*since) >= UNREADABLE) {
            Some(since) => held.hold(Verdict {
                kind: Kind::SensorUnreadable,
                sensor: sensor(),
                level: Level::Ticket,
                cause: Cause::NoReading,
                since,
                evidence: last(it),
            }),
            None => held.drop(Kind::SensorUnreadable, Some(&it.known)),
        }
    }
}

fn last(it: &Watched) -> Vec<(What, f64)> {
    it.accepted().map(|last| (What::Base, last)).into_iter().collect()
}
