//! The slow questions, as IPMI asks them.

use ipmi_lan::CommandError;
use ipmi_lan::sel::SelTime;
use ipmi_lan::sensor::RawReading;

use super::IpmiSession;
use crate::command::Command;
use crate::outcome::PollFailure;
use crate::slow::{Answer, Log, Question};
use crate::source::reasons;

impl IpmiSession {
    /// Asks a slow question.
    pub(in crate::source) async fn ask(
        &mut self,
        question: Question,
    ) -> Result<Answer, PollFailure> {
        let (command, answer) = match question {
            Question::Power => (Command::ChassisStatus, self.power().await),
            Question::Log => (Command::SelInfo, self.log().await),
            Question::Watts => (Command::PowerReading, self.watts().await),
            Question::Who => (Command::DeviceId, self.who().await),
            Question::Events => (Command::SelEntry, self.events().await),
            Question::Watchdog => (Command::WatchdogTimer, self.watchdog().await),
            Question::LanMode => (Command::LanMode, self.lan_mode().await),
            Question::Parts => (Command::Fru, self.parts().await),
            Question::States(place) => (Command::SensorReading, self.states(place).await),
        };
        self.count(Some(command));
        answer.map_err(reasons::of_command)
    }

    async fn log(&mut self) -> Result<Answer, CommandError> {
        let info = self.session()?.sel_info().await?;
        let last_entry = match info.last_addition {
            SelTime::Clock(at) => Some(at),
            SelTime::SinceStart(_) | SelTime::Unspecified => None,
        };
        let free_bytes = Some(u32::from(info.free_bytes));
        Ok(Answer::Log(Log { entries: u32::from(info.entries), free_bytes, last_entry }))
    }

    async fn states(&mut self, place: usize) -> Result<Answer, CommandError> {
        let repository = self.listing.in_force();
        let sensor = repository.as_ref().and_then(|it| it.asked.states.get(place));
        let Some(sensor) = sensor else { return Ok(Answer::States(None)) };
        let session = self.session()?;
        let raw = if sensor.id.is_bmc() {
            session.sensor_reading(sensor.id).await?
        } else {
            session.bridged_reading(sensor.channel, sensor.id).await?
        };
        let own = &self.bmc.module.sensor_states;
        let bits = RawReading::discrete_states(&raw);
        Ok(Answer::States(bits.map(|bits| sensor.asserted(bits, own))))
    }
}
