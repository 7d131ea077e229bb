//! The slow questions: what is asked each minute, between two polls and over their session.

use tokio::time::Instant;

use super::Poller;
use crate::outcome::PollFailure;
use crate::slow::{Answer, Question};
use crate::source::Source;

impl Poller<'_> {
    /// Asks what is due, one question at least, until `deadline`; what is left waits for the end of
    /// the next poll. Nothing that happens here fails a poll.
    pub(super) async fn ask_slowly(&mut self, source: &mut Source, deadline: Instant) {
        let module = &self.state.bmc.module;
        let discrete = self.list.as_ref().map_or(0, |it| it.discrete.len());
        let now = self.began.elapsed();
        self.schedule.refill(now, module.slow_interval, &module.collectors, discrete);
        while let Some(question) = self.schedule.take() {
            let answer = source.ask(question).await;
            self.state.count(&source.spent());
            let is_lost = answer.as_ref().is_err_and(|it| PollFailure::is_of_the_session(*it));
            let sensor = match question {
                Question::States(place) => self.list.as_ref().and_then(|it| it.discrete.get(place)),
                _ => None,
            };
            let is_all = match &answer {
                Ok(Answer::Events(events)) => events.is_whole,
                Ok(Answer::Parts(parts)) => parts.is_whole,
                _ => true,
            };
            if !is_all {
                self.schedule.again(question);
            }
            let is_answered = answer.is_ok();
            self.state.learn(question, sensor, answer);
            if sensor.is_some_and(|sensor| self.state.doubts_states_of(sensor)) {
                if is_answered {
                    self.schedule.sooner(question);
                } else {
                    self.schedule.later(question);
                }
            }
            // It is for the next poll to find out whether the session is dead.
            if is_lost || Instant::now() >= deadline {
                break;
            }
        }
    }
}
