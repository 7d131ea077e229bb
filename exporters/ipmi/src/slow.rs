//! What is asked of a BMC now and then beside its sensors' values, and in which turn. No I/O, no clock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::inventory::Known;
use crate::journal::Summary;
use crate::outcome::PollFailure;

mod answer;
mod fact;
mod grave;
mod silent;

pub(crate) use answer::{Answer, Asserted, Drawn, Log, Part, Parts, Power, Watchdog, Watts, Who};
pub(crate) use fact::Fact;
pub(crate) use grave::is_critical_as_event;
pub(crate) use silent::{KeptSupplies, Silent};

/// A part of what is read, under the name that `ipmi_exporter` has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Collector {
    /// The sensors.
    Ipmi,
    /// Whether the machine is on, and what is wrong with it.
    Chassis,
    /// The event log.
    Sel,
    /// The power of the whole machine.
    Dcmi,
    /// Who made the BMC, and its firmware.
    Bmc,
    /// The entries of the event log.
    SelEvents,
    /// The watchdog timer.
    BmcWatchdog,
    /// Which of its ports a BMC of Supermicro uses.
    SmLanMode,
    /// What the machine's parts say that they are.
    Fru,
}

impl Collector {
    /// Every collector.
    pub(crate) const ALL: [Self; 9] = [
        Self::Ipmi,
        Self::Chassis,
        Self::Sel,
        Self::Dcmi,
        Self::Bmc,
        Self::SelEvents,
        Self::BmcWatchdog,
        Self::SmLanMode,
        Self::Fru,
    ];
    /// Those of a module that does not say.
    pub(crate) const USUAL: [Self; 5] =
        [Self::Ipmi, Self::Chassis, Self::Sel, Self::Dcmi, Self::Bmc];

    /// The name in the config and in the label.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ipmi => "ipmi",
            Self::Chassis => "chassis",
            Self::Sel => "sel",
            Self::Dcmi => "dcmi",
            Self::Bmc => "bmc",
            Self::SelEvents => "sel-events",
            Self::BmcWatchdog => "bmc-watchdog",
            Self::SmLanMode => "sm-lan-mode",
            Self::Fru => "fru",
        }
    }

    /// What it asks; `None` for the sensors, which are read in polls.
    fn question(self) -> Option<Question> {
        match self {
            Self::Ipmi => None,
            Self::Chassis => Some(Question::Power),
            Self::Sel => Some(Question::Log),
            Self::Dcmi => Some(Question::Watts),
            Self::Bmc => Some(Question::Who),
            Self::SelEvents => Some(Question::Events),
            Self::BmcWatchdog => Some(Question::Watchdog),
            Self::SmLanMode => Some(Question::LanMode),
            Self::Fru => Some(Question::Parts),
        }
    }
}

/// A question that is asked slowly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// Whether the machine is on, and what is wrong with it.
    Power,
    /// How full the event log is.
    Log,
    /// The power of the whole machine.
    Watts,
    /// Who made the BMC, and its firmware.
    Who,
    /// The entries of the event log that were added, as many as are read at once.
    Events,
    /// The watchdog timer.
    Watchdog,
    /// Which of its ports a BMC of Supermicro uses.
    LanMode,
    /// What the parts say that they are, one part at once.
    Parts,
    /// The states of a discrete sensor, by its place in the list.
    States(usize),
}

/// The questions that wait for their turn. Times are since any fixed moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Schedule {
    waiting: VecDeque<Question>,
    /// What is asked first after the next poll.
    sooner: Vec<Question>,
    /// What is asked last after the next poll.
    later: Vec<Question>,
    last: Option<Duration>,
}

impl Schedule {
    /// Puts every question in line, once the last ones are answered and `interval` old.
    pub(crate) fn refill(
        &mut self,
        now: Duration,
        interval: Duration,
        collectors: &[Collector],
        discrete: usize,
    ) {
        let due = self.last.is_none_or(|last| now.saturating_sub(last) >= interval);
        if due && self.waiting.is_empty() {
            self.last = Some(now);
            self.waiting.extend(collectors.iter().filter_map(|it| it.question()));
            self.waiting.extend((0..discrete).map(Question::States));
        }
        for question in self.sooner.drain(..).rev() {
            self.waiting.push_front(question);
        }
        for question in self.later.drain(..) {
            if !self.waiting.contains(&question) {
                self.waiting.push_back(question);
            }
        }
    }

    /// The question whose turn it is.
    pub(crate) fn take(&mut self) -> Option<Question> {
        self.waiting.pop_front()
    }

    /// Puts a question in line once more, since its answer was not all.
    pub(crate) fn again(&mut self, question: Question) {
        self.waiting.push_back(question);
    }

    /// Asks a question first after the next poll, since its answer is to be confirmed. At most so often
    /// as there are questions: each is asked for once.
    pub(crate) fn sooner(&mut self, question: Question) {
        if !self.sooner.contains(&question) {
            self.sooner.push(question);
        }
    }

    /// Asks a question once more after the next poll, since it had no answer and more hangs on it than can
    /// wait for its turn: behind the others, which one that is never answered must not hold up.
    pub(crate) fn later(&mut self, question: Question) {
        if !self.later.contains(&question) {
            self.later.push(question);
        }
    }

    /// Makes every question due, as when no answer holds any more.
    pub(crate) fn start_over(&mut self) {
        *self = Self::default();
    }
}

/// What a question brought; `None` while it was not asked.
type Told<T> = Option<Result<T, PollFailure>>;

/// What the slow questions brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Slow {
    power: Told<Power>,
    log: Told<Log>,
    watts: Told<Watts>,
    who: Told<Arc<Who>>,
    events: Told<Arc<Summary>>,
    watchdog: Told<Watchdog>,
    lan_mode: Told<u8>,
    parts: Told<Arc<Parts>>,
    /// The states of discrete sensors, those that can be read, by sensor. A list with no room to spare:
    /// a tree would have room for eleven at each of ten thousand machines.
    states: Vec<(Arc<Known>, Asserted)>,
    /// Questions about states that were answered.
    states_told: usize,
}

impl Slow {
    /// Takes in what `question` brought; `sensor` is the one whose states were asked for.
    pub(crate) fn learn(
        &mut self,
        question: Question,
        sensor: Option<&Arc<Known>>,
        answer: Result<Answer, PollFailure>,
    ) {
        // One that is asked a second time for it to be sure says nothing of another.
        let is_known = sensor.is_some_and(|sensor| self.place(sensor).is_ok());
        self.states_told += usize::from(matches!(question, Question::States(_)) && !is_known);
        match (question, answer) {
            (_, Ok(Answer::Power(power))) => self.power = Some(Ok(power)),
            (_, Ok(Answer::Log(log))) => self.log = Some(Ok(log)),
            (_, Ok(Answer::Watts(watts))) => self.watts = Some(Ok(watts)),
            (_, Ok(Answer::Who(who))) => self.who = Some(Ok(who)),
            (_, Ok(Answer::Events(events))) => self.events = Some(Ok(events)),
            (_, Ok(Answer::Watchdog(watchdog))) => self.watchdog = Some(Ok(watchdog)),
            (_, Ok(Answer::LanMode(mode))) => self.lan_mode = Some(Ok(mode)),
            (_, Ok(Answer::Parts(parts))) => self.parts = Some(Ok(parts)),
            (_, Ok(Answer::States(Some(states)))) => {
                if let Some(sensor) = sensor {
                    self.set_states(sensor, states);
                }
            }
            (Question::States(_), _) | (_, Ok(Answer::States(None))) => {
                let place = sensor.and_then(|sensor| self.place(sensor).ok());
                place.map(|place| self.states.remove(place));
            }
            (Question::Power, Err(failure)) => self.power = Some(Err(failure)),
            (Question::Log, Err(failure)) => self.log = Some(Err(failure)),
            (Question::Watts, Err(failure)) => self.watts = Some(Err(failure)),
            (Question::Who, Err(failure)) => self.who = Some(Err(failure)),
            (Question::Events, Err(failure)) => self.events = Some(Err(failure)),
            (Question::Watchdog, Err(failure)) => self.watchdog = Some(Err(failure)),
            (Question::LanMode, Err(failure)) => self.lan_mode = Some(Err(failure)),
            (Question::Parts, Err(failure)) => self.parts = Some(Err(failure)),
        }
    }

    /// Whether a collector other than `ipmi` got its answer; `None` while it was not asked.
    pub(crate) fn is_up(&self, collector: Collector) -> Option<bool> {
        match collector {
            Collector::Ipmi => None,
            Collector::Chassis => self.power.as_ref().map(Result::is_ok),
            Collector::Sel => self.log.as_ref().map(Result::is_ok),
            Collector::Dcmi => self.watts.as_ref().map(Result::is_ok),
            Collector::Bmc => self.who.as_ref().map(Result::is_ok),
            Collector::SelEvents => self.events.as_ref().map(Result::is_ok),
            Collector::BmcWatchdog => self.watchdog.as_ref().map(Result::is_ok),
            Collector::SmLanMode => self.lan_mode.as_ref().map(Result::is_ok),
            Collector::Fru => self.parts.as_ref().map(Result::is_ok),
        }
    }

    /// Whether every question of `collectors` was answered once, and that about each of so many
    /// `discrete` sensors.
    pub(crate) fn has_told(&self, collectors: &[Collector], discrete: usize) -> bool {
        let asking = collectors.iter().filter(|it| it.question().is_some());
        self.states_told >= discrete && asking.into_iter().all(|it| self.is_up(*it).is_some())
    }

    /// What is known of a machine's faults by this, or by `before` where this was not told yet.
    pub(crate) fn or(mut self, before: Self) -> Self {
        self.power = self.power().or(before.power()).map(Ok);
        self.log = self.log().or(before.log()).map(Ok);
        for (sensor, states) in before.states {
            if self.place(&sensor).is_err() {
                self.set_states(&sensor, states);
            }
        }
        self
    }

    /// What there is to [`Slow::forget`].
    pub(crate) fn facts(&self) -> impl Iterator<Item = Fact> {
        let power = self.power().map(|_| Fact::Power);
        let log = self.log().map(|_| Fact::Log);
        let states = self.states.iter().map(|(sensor, _)| Fact::States(Arc::clone(sensor)));
        power.into_iter().chain(log).chain(states)
    }

    /// Whether this is known.
    pub(crate) fn tells(&self, fact: &Fact) -> bool {
        match fact {
            Fact::Power => self.power().is_some(),
            Fact::Log => self.log().is_some(),
            Fact::States(sensor) => self.place(sensor).is_ok(),
        }
    }

    /// Knows this no more.
    pub(crate) fn forget(&mut self, fact: &Fact) {
        match fact {
            Fact::Power => self.power = None,
            Fact::Log => self.log = None,
            Fact::States(sensor) => {
                if let Ok(place) = self.place(sensor) {
                    self.states.remove(place);
                }
            }
        }
    }

    /// Whether the machine is on, and what is wrong with it.
    pub(crate) fn power(&self) -> Option<Power> {
        self.power?.ok()
    }

    /// How full the event log is.
    pub(crate) fn log(&self) -> Option<Log> {
        self.log?.ok()
    }

    /// The power of the whole machine, and what it was of late; `None` while it is not measured.
    pub(crate) fn drawn(&self) -> Option<Drawn> {
        self.watts?.ok()?.drawn
    }

    /// The limit that holds it, watts.
    pub(crate) fn limit(&self) -> Option<f64> {
        self.watts?.ok()?.limit
    }

    /// What the entries of the event log come to.
    pub(crate) fn events(&self) -> Option<&Arc<Summary>> {
        self.events.as_ref()?.as_ref().ok()
    }

    /// The watchdog timer.
    pub(crate) fn watchdog(&self) -> Option<Watchdog> {
        self.watchdog?.ok()
    }

    /// Which of its ports a BMC of Supermicro uses.
    pub(crate) fn lan_mode(&self) -> Option<u8> {
        self.lan_mode?.ok()
    }

    /// What the machine's parts say that they are; none while that is not known.
    pub(crate) fn parts(&self) -> &[Part] {
        self.parts.as_ref().and_then(|it| it.as_ref().ok()).map_or(&[], |it| &it.parts)
    }

    /// The same, once each of them was read.
    pub(crate) fn all_parts(&self) -> Option<&[Part]> {
        let parts = self.parts.as_ref()?.as_ref().ok().filter(|it| it.is_whole)?;
        Some(&parts.parts)
    }

    /// Who made the BMC, and its firmware.
    pub(crate) fn who(&self) -> Option<&Who> {
        self.who.as_ref()?.as_ref().ok().map(Arc::as_ref)
    }

    /// The states of a discrete sensor; `None` while they are not known.
    pub(crate) fn states(&self, sensor: &Arc<Known>) -> Option<&Asserted> {
        let place = self.place(sensor).ok()?;
        self.states.get(place).map(|(_, states)| states)
    }

    fn set_states(&mut self, sensor: &Arc<Known>, mut states: Asserted) {
        let place = self.place(sensor);
        let before = place.ok().and_then(|place| self.states.get(place));
        states.is_confirmed |=
            !states.is_grave() || before.is_some_and(|(_, before)| before.bears_out(&states));
        match place {
            Ok(place) => self.states[place].1 = states,
            Err(place) => {
                self.states.reserve_exact(1);
                self.states.insert(place, (Arc::clone(sensor), states));
            }
        }
    }

    /// Where the states of a sensor are, or would be.
    fn place(&self, sensor: &Arc<Known>) -> Result<usize, usize> {
        self.states.binary_search_by(|(known, _)| known.cmp(sensor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::sensor::Severity;

    const MINUTE: Duration = Duration::from_secs(60);

    fn all(schedule: &mut Schedule) -> Vec<Question> {
        std::iter::from_fn(|| schedule.take()).collect()
    }

    #[test]
    fn every_question_has_its_turn_once_a_minute() {
        let mut schedule = Schedule::default();
        let collectors = [Collector::Ipmi, Collector::Sel];
        schedule.refill(Duration::ZERO, MINUTE, &collectors, 2);
        let expected = [Question::Log, Question::States(0), Question::States(1)];
        assert_eq!(all(&mut schedule), expected);
        schedule.refill(Duration::from_secs(59), MINUTE, &collectors, 2);
        assert_eq!(all(&mut schedule), []);
        schedule.refill(MINUTE, MINUTE, &collectors, 2);
        assert_eq!(all(&mut schedule), expected);
    }

    #[test]
    fn what_still_waits_is_not_asked_twice() {
        let mut schedule = Schedule::default();
        schedule.refill(Duration::ZERO, MINUTE, &[], 2);
        assert_eq!(schedule.take(), Some(Question::States(0)));
        schedule.refill(MINUTE * 2, MINUTE, &[], 2);
        assert_eq!(all(&mut schedule), [Question::States(1)]);
        schedule.refill(MINUTE * 2, MINUTE, &[], 2);
        assert_eq!(all(&mut schedule).len(), 2);
    }

    #[test]
    fn what_is_to_be_confirmed_is_asked_first_after_the_next_poll_and_once() {
        let mut schedule = Schedule::default();
        schedule.refill(Duration::ZERO, MINUTE, &[], 3);
        for place in [0, 1] {
            assert_eq!(schedule.take(), Some(Question::States(place)));
            for _ in 0..2 {
                schedule.sooner(Question::States(place));
            }
        }
        assert_eq!(all(&mut schedule), [Question::States(2)]);
        schedule.refill(Duration::from_secs(5), MINUTE, &[], 3);
        assert_eq!(all(&mut schedule), [Question::States(0), Question::States(1)]);
        schedule.refill(Duration::from_secs(10), MINUTE, &[], 3);
        assert_eq!(all(&mut schedule), []);
    }

    #[test]
    fn what_had_no_answer_is_asked_last_after_the_next_poll() {
        let mut schedule = Schedule::default();
        schedule.refill(Duration::ZERO, MINUTE, &[], 3);
        assert_eq!(schedule.take(), Some(Question::States(0)));
        for _ in 0..2 {
            schedule.later(Question::States(0));
        }
        // It is not its turn in this one.
        assert_eq!(schedule.take(), Some(Question::States(1)));
        schedule.refill(Duration::from_secs(5), MINUTE, &[], 3);
        assert_eq!(schedule.take(), Some(Question::States(2)));
        // One that is never answered holds up no other.
        schedule.later(Question::States(2));
        assert_eq!(all(&mut schedule), [Question::States(0)]);
        schedule.refill(MINUTE, MINUTE, &[], 3);
        assert_eq!(all(&mut schedule), [0, 1, 2].map(Question::States));
    }

    #[test]
    fn after_a_failed_poll_everything_is_due() {
        let mut schedule = Schedule::default();
        schedule.refill(Duration::ZERO, MINUTE, &[], 1);
        schedule.start_over();
        assert_eq!(schedule.take(), None);
        schedule.refill(Duration::from_secs(1), MINUTE, &[], 1);
        assert_eq!(all(&mut schedule), [Question::States(0)]);
    }

    #[test]
    fn a_refusal_is_an_answer() {
        let mut slow = Slow::default();
        slow.learn(Question::Watts, None, Err(PollFailure::Malformed));
        assert_eq!((slow.is_up(Collector::Dcmi), slow.drawn()), (Some(false), None));
        assert_eq!(slow.is_up(Collector::Chassis), None);
        let drawn = Drawn { now: 121.0, least: 90.0, most: 300.0, average: 130.0 };
        let watts = Watts { drawn: Some(drawn), limit: None };
        slow.learn(Question::Watts, None, Ok(Answer::Watts(watts)));
        assert_eq!((slow.is_up(Collector::Dcmi), slow.drawn()), (Some(true), Some(drawn)));
    }

    #[test]
    fn states_that_cannot_be_read_any_more_are_not_known() {
        let bay = Arc::new(Known::new("32.0.64", "Bay 1", crate::entity::Entity::Disk));
        let mut slow = Slow::default();
        let fault = Asserted {
            sensor_type: "Drive Slot",
            states: ["drive fault"].into(),
            severity: Some(Severity::Critical),
            worst: Some("drive fault"),
            is_confirmed: true,
        };
        for lost in [Ok(Answer::States(None)), Err(PollFailure::Timeout)] {
            let answer = Answer::States(Some(fault.clone()));
            slow.learn(Question::States(0), Some(&bay), Ok(answer));
            assert_eq!(slow.states(&bay), Some(&fault));
            slow.learn(Question::States(0), Some(&bay), lost);
            assert_eq!(slow.states(&bay), None);
        }
    }
}
