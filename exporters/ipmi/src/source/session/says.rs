//! The questions about the machine itself and its BMC, as IPMI asks them. What a BMC refuses beside the
//! main answer is left out of it.

use std::sync::Arc;

use ipmi_lan::chassis::{ChassisFact, RestartCause};
use ipmi_lan::system_info::SystemText;
use ipmi_lan::{CommandError, DeviceId};
use tokio::time::Instant;

use super::{ASK_AGAIN, IpmiSession};
use crate::command::Command;
use crate::slow::{Answer, Drawn, Power, Watchdog, Watts, Who};
use crate::source::makers;

impl IpmiSession {
    pub(super) async fn power(&mut self) -> Result<Answer, CommandError> {
        let status = self.session()?.chassis_status().await?;
        self.count(Some(Command::ChassisStatus));
        let cause = self.session()?.restart_cause().await;
        self.count(Some(Command::RestartCause));
        let is = |fact| status.is(fact);
        Ok(Answer::Power(Power {
            is_on: is(ChassisFact::PowerOn),
            main_fault: is(ChassisFact::PowerFault) || is(ChassisFact::PowerControlFault),
            drive_fault: is(ChassisFact::DriveFault),
            cooling_fault: is(ChassisFact::CoolingFault),
            intrusion: is(ChassisFact::ChassisIntrusion),
            restart_cause: unless_refused(cause)?.map(RestartCause::as_str),
        }))
    }

    pub(super) async fn watts(&mut self) -> Result<Answer, CommandError> {
        let power = self.session()?.dcmi_power().await?;
        self.count(Some(Command::PowerReading));
        let limit = self.session()?.dcmi_power_limit().await;
        self.count(Some(Command::PowerLimit));
        let drawn = power.watts().map(|now| Drawn {
            now: f64::from(now),
            least: f64::from(power.minimum_watts),
            most: f64::from(power.maximum_watts),
            average: f64::from(power.average_watts),
        });
        // A limit of 0 is none that anybody has set.
        let limit = unless_refused(limit)?.map(|limit| f64::from(limit.watts));
        Ok(Answer::Watts(Watts { drawn, limit: limit.filter(|watts| *watts > 0.0) }))
    }

    pub(super) async fn watchdog(&mut self) -> Result<Answer, CommandError> {
        let timer = self.session()?.watchdog_timer().await?;
        let named = |names: &[&'static str], number: u8| names.get(usize::from(number)).copied();
        Ok(Answer::Watchdog(Watchdog {
            is_running: timer.is_running,
            logs: timer.logs,
            used_for: timer.timer_use.checked_sub(1).and_then(|it| named(&Watchdog::USES, it)),
            action: named(&Watchdog::ACTIONS, timer.timeout_action),
            interrupt: named(&Watchdog::INTERRUPTS, timer.pretimeout_interrupt),
            pretimeout: f64::from(timer.pretimeout_seconds),
            initial: f64::from(timer.initial_countdown) / 10.0,
            left: timer.present_countdown.map(|left| f64::from(left) / 10.0),
        }))
    }

    pub(super) async fn lan_mode(&mut self) -> Result<Answer, CommandError> {
        self.session()?.supermicro_lan_mode().await.map(Answer::LanMode)
    }

    /// Who the BMC is. What its firmware alone changes is asked for once an hour.
    pub(super) async fn who(&mut self) -> Result<Answer, CommandError> {
        let device = self.session()?.device_id().await?;
        self.count(Some(Command::DeviceId));
        self.device = Some(device.clone());
        let known = self.who.take().filter(|(_, at)| at.elapsed() < ASK_AGAIN);
        let (who, at) = match known {
            Some((who, at)) if *who.firmware == *device.firmware() => (who, at),
            _ => (Arc::new(self.texts(&device).await?), Instant::now()),
        };
        self.who = Some((Arc::clone(&who), at));
        Ok(Answer::Who(who))
    }

    async fn texts(&mut self, device: &DeviceId) -> Result<Who, CommandError> {
        let firmware = self.session()?.system_text(SystemText::FirmwareVersion).await;
        self.count(Some(Command::SystemInfo));
        let firmware = unless_refused(firmware)?;
        let url = self.session()?.system_text(SystemText::BmcUrl).await;
        self.count(Some(Command::SystemInfo));
        let url = unless_refused(url)?;
        let guid = self.session()?.system_guid().await;
        self.count(Some(Command::SystemGuid));
        let guid = unless_refused(guid)?;
        let text = |text: String| Some(text.into_boxed_str()).filter(|text| !text.is_empty());
        Ok(Who {
            firmware: device.firmware().into(),
            manufacturer: makers::shown(device.manufacturer_id).into(),
            product: device.product_id.to_string().into(),
            system_firmware: firmware.and_then(text),
            url: url.and_then(text),
            guid: guid.map(|guid| guid.as_smbios().into()),
        })
    }
}

/// An answer that a BMC may do without: only a session in doubt is an error.
fn unless_refused<T>(answer: Result<T, CommandError>) -> Result<Option<T>, CommandError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.ends_session() => Err(error),
        Err(_) => Ok(None),
    }
}
