//! The slow lane: what is asked each minute, between two polls and over their session.

use std::sync::Arc;

use ipmi_lan::sensor::RawReading;
use ipmi_lan::{CommandError, Session};
use tokio::time::Instant;

use super::Poller;
use crate::command::Kind;
use crate::slow::{Collector, Question};

impl Poller<'_> {
    /// Asks what is due, one question at least, until `deadline`; what is left waits for the end of
    /// the next poll. Nothing that happens here fails a poll.
    pub(super) async fn ask_slowly(&mut self, session: &mut Session, deadline: Instant) {
        let module = &self.state.bmc.module;
        let discrete = self.repository.as_ref().map_or(0, |it| it.sensors.discrete.len());
        let now = self.began.elapsed();
        self.turns.refill(now, module.slow_interval, &module.collectors, discrete);
        while let Some(question) = self.turns.take() {
            let answered = self.ask(session, question).await;
            // It is for the next poll to find out whether the session is dead.
            if answered.is_err_and(CommandError::ends_session) || Instant::now() >= deadline {
                break;
            }
        }
    }

    async fn ask(&mut self, session: &mut Session, question: Question) -> Result<(), CommandError> {
        match question {
            Question::Of(Collector::Chassis) => {
                let answer = session.chassis_status().await;
                self.count(session, Kind::ChassisStatus);
                self.state.learn(|slow| slow.chassis = Some(answer));
                answer.map(drop)
            }
            Question::Of(Collector::Sel) => {
                let answer = session.sel_info().await;
                self.count(session, Kind::SelInfo);
                self.state.learn(|slow| slow.sel = Some(answer));
                answer.map(drop)
            }
            Question::Of(Collector::Dcmi) => {
                let answer = session.dcmi_power().await;
                self.count(session, Kind::PowerReading);
                self.state.learn(|slow| slow.dcmi = Some(answer));
                answer.map(drop)
            }
            Question::Of(Collector::Bmc) => {
                let answer = session.device_id().await;
                self.count(session, Kind::DeviceId);
                let outcome = answer.as_ref().map(drop).map_err(|error| *error);
                self.state.learn(|slow| slow.bmc = Some(answer));
                outcome
            }
            Question::Of(Collector::Ipmi) => Ok(()),
            Question::States(place) => self.ask_states(session, place).await,
        }
    }

    async fn ask_states(
        &mut self,
        session: &mut Session,
        place: usize,
    ) -> Result<(), CommandError> {
        let repository = self.repository.clone();
        let sensor = repository.as_ref().and_then(|it| it.sensors.discrete.get(place));
        let Some(sensor) = sensor else { return Ok(()) };
        let raw = if sensor.id.is_bmc() {
            session.sensor_reading(sensor.id).await
        } else {
            session.bridged_reading(sensor.channel, sensor.id).await
        };
        self.count(session, Kind::SensorReading);
        let states = raw.as_ref().ok().and_then(RawReading::discrete_states);
        self.state.learn(|slow| match states {
            Some(states) => {
                slow.states.insert(Arc::clone(&sensor.known), states);
            }
            None => {
                slow.states.remove(&sensor.known);
            }
        });
        raw.map(drop)
    }
}
