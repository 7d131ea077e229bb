//! What is asked of a BMC now and then beside its sensors' values, and in which turn. No I/O, no clock.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ipmi_lan::chassis::ChassisStatus;
use ipmi_lan::dcmi::DcmiPower;
use ipmi_lan::sel::SelInfo;
use ipmi_lan::{CommandError, DeviceId};

use crate::inventory::Known;

/// A part of what is read, under the name that `ipmi_exporter` has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collector {
    /// The sensors.
    Ipmi,
    /// Get Chassis Status.
    Chassis,
    /// Get SEL Info.
    Sel,
    /// DCMI's power reading.
    Dcmi,
    /// Get Device ID.
    Bmc,
}

impl Collector {
    /// Every collector.
    pub const ALL: [Self; 5] = [Self::Ipmi, Self::Chassis, Self::Sel, Self::Dcmi, Self::Bmc];

    /// The name in the config and in the label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ipmi => "ipmi",
            Self::Chassis => "chassis",
            Self::Sel => "sel",
            Self::Dcmi => "dcmi",
            Self::Bmc => "bmc",
        }
    }
}

/// One request of the slow lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// All that a collector other than `ipmi` asks.
    Of(Collector),
    /// The states of a discrete sensor, by its place in the repository.
    States(usize),
}

/// The questions that wait for their turn. Times are since any fixed moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Turns {
    waiting: VecDeque<Question>,
    last: Option<Duration>,
}

impl Turns {
    /// Puts every question in line, once the last ones are answered and `interval` old.
    pub fn refill(
        &mut self,
        now: Duration,
        interval: Duration,
        collectors: &[Collector],
        discrete: usize,
    ) {
        let due = self.last.is_none_or(|last| now.saturating_sub(last) >= interval);
        if due && self.waiting.is_empty() {
            self.last = Some(now);
            let others = collectors.iter().filter(|it| **it != Collector::Ipmi);
            self.waiting.extend(others.map(|it| Question::Of(*it)));
            self.waiting.extend((0..discrete).map(Question::States));
        }
    }

    /// The question whose turn it is.
    pub fn take(&mut self) -> Option<Question> {
        self.waiting.pop_front()
    }

    /// Makes every question due, as when no answer holds any more.
    pub fn start_over(&mut self) {
        *self = Self::default();
    }
}

/// What a question brought; `None` while it was not asked.
pub type Answer<T> = Option<Result<T, CommandError>>;

/// What the slow lane knows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Slow {
    /// Whether the machine is on, and what is wrong with it.
    pub chassis: Answer<ChassisStatus>,
    /// How full the event log is.
    pub sel: Answer<SelInfo>,
    /// The power of the whole machine.
    pub dcmi: Answer<DcmiPower>,
    /// What the BMC says of itself.
    pub bmc: Answer<DeviceId>,
    /// The states of discrete sensors, bits 0 to 14; those that can be read.
    pub states: BTreeMap<Arc<Known>, u16>,
}

impl Slow {
    /// Whether a collector other than `ipmi` got its answer; `None` while it was not asked.
    pub fn is_up(&self, collector: Collector) -> Option<bool> {
        match collector {
            Collector::Ipmi => None,
            Collector::Chassis => self.chassis.as_ref().map(Result::is_ok),
            Collector::Sel => self.sel.as_ref().map(Result::is_ok),
            Collector::Dcmi => self.dcmi.as_ref().map(Result::is_ok),
            Collector::Bmc => self.bmc.as_ref().map(Result::is_ok),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn all(turns: &mut Turns) -> Vec<Question> {
        std::iter::from_fn(|| turns.take()).collect()
    }

    #[test]
    fn every_question_has_its_turn_once_a_minute() {
        let mut turns = Turns::default();
        let collectors = [Collector::Ipmi, Collector::Sel];
        turns.refill(Duration::ZERO, MINUTE, &collectors, 2);
        let expected = [Question::Of(Collector::Sel), Question::States(0), Question::States(1)];
        assert_eq!(all(&mut turns), expected);
        turns.refill(Duration::from_secs(59), MINUTE, &collectors, 2);
        assert_eq!(all(&mut turns), []);
        turns.refill(MINUTE, MINUTE, &collectors, 2);
        assert_eq!(all(&mut turns), expected);
    }

    #[test]
    fn what_still_waits_is_not_asked_twice() {
        let mut turns = Turns::default();
        turns.refill(Duration::ZERO, MINUTE, &[], 2);
        assert_eq!(turns.take(), Some(Question::States(0)));
        turns.refill(MINUTE * 2, MINUTE, &[], 2);
        assert_eq!(all(&mut turns), [Question::States(1)]);
        turns.refill(MINUTE * 2, MINUTE, &[], 2);
        assert_eq!(all(&mut turns).len(), 2);
    }

    #[test]
    fn after_a_failed_poll_everything_is_due() {
        let mut turns = Turns::default();
        turns.refill(Duration::ZERO, MINUTE, &[], 1);
        turns.start_over();
        assert_eq!(turns.take(), None);
        turns.refill(Duration::from_secs(1), MINUTE, &[], 1);
        assert_eq!(all(&mut turns), [Question::States(0)]);
    }

    #[test]
    fn a_refusal_is_an_answer() {
        let slow = Slow { dcmi: Some(Err(CommandError::Malformed)), ..Slow::default() };
        assert_eq!(slow.is_up(Collector::Dcmi), Some(false));
        assert_eq!(slow.is_up(Collector::Chassis), None);
    }
}
