//! The commands of a session by which a BMC says what it is and how it is set.

use super::Session;
use crate::chassis::RestartCause;
use crate::command::Command;
use crate::dcmi::DcmiPowerLimit;
use crate::error::{CommandError, CompletionCode};
use crate::system_info::{self, SystemText};
use crate::watchdog::WatchdogTimer;

/// The numbers under which Supermicro's BMCs say who made them.
const SUPERMICRO: [u32; 2] = [10_876, 47_488];

impl Session {
    /// Why the system was last started.
    pub async fn restart_cause(&mut self) -> Result<RestartCause, CommandError> {
        RestartCause::parse(&self.read(Command::RestartCause).await?)
    }

    /// The watchdog timer.
    pub async fn watchdog_timer(&mut self) -> Result<WatchdogTimer, CommandError> {
        WatchdogTimer::parse(&self.read(Command::WatchdogTimer).await?)
    }

    /// A text that the BMC has about the system; many have none and refuse.
    pub async fn system_text(&mut self, text: SystemText) -> Result<String, CommandError> {
        let mut fetch = system_info::Fetch::new(text);
        loop {
            let answer = self.read(fetch.question()).await;
            let next = fetch.answer(answer.as_deref().map_err(|error| *error));
            if let system_info::Next::Done(result) = next {
                return result;
            }
        }
    }

    /// The limit that holds the machine's power; a BMC without one refuses with 80h.
    pub async fn dcmi_power_limit(&mut self) -> Result<DcmiPowerLimit, CommandError> {
        DcmiPowerLimit::parse(&self.read(Command::DcmiPowerLimit).await?)
    }

    /// Which of its ports a BMC of Supermicro uses: 0 its own, 1 one of the machine's, 2 either.
    /// The same command may mean anything to another maker's BMC, so that is not asked.
    pub async fn supermicro_lan_mode(&mut self) -> Result<u8, CommandError> {
        if !SUPERMICRO.contains(&self.device_id().await?.manufacturer_id) {
            return Err(CommandError::Completion(CompletionCode::INVALID_COMMAND));
        }
        match *self.read(Command::SupermicroLanMode).await? {
            [mode @ 0..=2] => Ok(mode),
            _ => Err(CommandError::Malformed),
        }
    }
}
