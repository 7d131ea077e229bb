//! What is said of a history, in words. No I/O, no clock.

use std::fmt::{self, Write as _};

use super::history::Place;
use crate::simulation::Verdict;

/// A verdict of a history.
#[derive(Debug)]
pub(super) struct Opened {
    /// When it was reached, milliseconds since the epoch.
    pub(super) begin: i64,
    /// As it was at its worst.
    pub(super) verdict: Verdict,
}

impl Opened {
    /// The line of a verdict that was over at a moment, or still holds.
    pub(super) fn line(&self, place: &Place, end: Option<i64>) -> String {
        let Verdict { verdict, cause, level, sensor, evidence, .. } = &self.verdict;
        let (severity, end) = (severity(*level), end.map_or("-".to_owned(), time));
        let begin = time(self.begin);
        let mut line = format!(
            "machine={place} begin={begin} end={end} severity={severity} verdict={verdict} cause={cause}"
        );
        if let Some(alert) = alert(verdict) {
            let _ = write!(line, " alert={alert}");
        }
        if let Some((id, name)) = sensor {
            let _ = write!(line, " id={id} name={name:?}");
        }
        for (what, number) in evidence {
            let number = format!("{number:.3}");
            let _ = write!(line, " {what}={}", number.trim_end_matches('0').trim_end_matches('.'));
        }
        line
    }
}

/// What came of all machines.
#[derive(Debug, Default)]
pub(super) struct Sum {
    /// Those that there is something of.
    pub(super) machines: usize,
    days: f64,
    begun: [usize; 3],
}

impl Sum {
    /// Counts a machine, its days, and the verdicts that began, by level.
    pub(super) fn add(&mut self, days: f64, begun: [usize; 3]) {
        self.machines += 1;
        self.days += days;
        for (sum, count) in self.begun.iter_mut().zip(begun) {
            *sum += count;
        }
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { machines, days, begun: [infos, tickets, pages] } = self;
        write!(
            f,
            "RESULT backtest machines={machines} machine_days={days:.2} pages={pages} tickets={tickets} \
             infos={infos}"
        )
    }
}

fn severity(level: u8) -> &'static str {
    match level {
        1 => "info",
        2 => "ticket",
        _ => "page",
    }
}

/// The alert that the shipped rules make of a verdict.
fn alert(verdict: &str) -> Option<&'static str> {
    Some(match verdict {
        "phantom_temperature" => "IpmiPhantomTemperature",
        "fans_follow_phantom" => "IpmiPhantomFanRunaway",
        "cooling_lost" => "IpmiThermalRunaway",
        "limit_exceeded" => "IpmiLimitExceeded",
        "fan_failed" => "IpmiFanFailed",
        "sensor_lost" => "IpmiSensorLost",
        "sensor_unreadable" => "IpmiSensorUnreadable",
        "near_silent_limit" => "IpmiSensorNearSilentLimit",
        "power_step" => "IpmiPowerStep",
        _ => return None,
    })
}

/// A moment as people write it, in UTC.
pub(super) fn time(milliseconds: i64) -> String {
    let seconds = jiff::Timestamp::from_second(milliseconds.div_euclid(1000));
    seconds.map_or_else(|_| milliseconds.to_string(), |it| it.to_string())
}

/// Milliseconds in days.
pub(super) fn days(milliseconds: i64) -> f64 {
    milliseconds as f64 / 86_400_000.0
}
