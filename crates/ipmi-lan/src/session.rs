//! The tokio driver: one session, one command in flight, over the LAN or in-band.

use std::net::SocketAddr;

use crate::command::Command;
use crate::counters::Counters;
use crate::credentials::Credentials;
use crate::device::DeviceId;
use crate::error::{CommandError, SessionError};
use crate::options::{CipherSuite, Options};
use crate::sdr::SdrRepositoryInfo;
use crate::sensor::{RawReading, SensorId};
use crate::threshold::RawThresholds;

#[cfg(feature = "in-band")]
mod in_band;
mod lan;
mod more;
mod records;
mod says;

use lan::Lan;

/// An open session with a BMC.
///
/// One command is in flight at a time (`&mut self`). Dropping a method's future is safe: the late
/// reply is recognised and dropped. After an error for which [`CommandError::ends_session`] holds,
/// drop the session and open a new one: that gives a new socket, new session IDs and new keys.
/// When many requests were lost over time, the session renews itself in this way before the next
/// command (`Counters::sessions`). `Drop` sends Close Session once, without waiting.
#[derive(Debug)]
pub struct Session {
    link: Link,
    options: Options,
    /// Which chunk size this BMC allows for SDRs.
    chunk: usize,
}

/// How the BMC is reached.
#[derive(Debug)]
enum Link {
    Lan(Box<Lan>),
    #[cfg(feature = "in-band")]
    InBand(in_band::InBand),
}

impl Session {
    /// Logs in to the BMC at `bmc` (port 623 by standard), IPv4 or IPv6.
    ///
    /// Tries the cipher suites of `options` in their order. Each message of the log-in is given
    /// `timeout * (retries + 1)`; a BMC that does not answer at all costs that once.
    pub async fn open(
        bmc: SocketAddr,
        credentials: &Credentials,
        options: &Options,
    ) -> Result<Session, SessionError> {
        let lan = Lan::open(bmc, credentials, options).await?;
        Ok(Session { link: Link::Lan(Box::new(lan)), options: options.clone(), chunk: 0 })
    }

    /// Opens the way to the BMC of this machine, such as `/dev/ipmi0` of Linux's `ipmi_devintf`.
    ///
    /// On 64-bit Linux. No account is needed, but the right to open the device: root's, as a rule. Of `options`,
    /// `timeout`, `ignore_scanning_disabled` and `bridge_sensors` count; `timeout` is one of 1 to
    /// 65,535 ms here, and `retries` is how often a BMC is asked again that says it is busy. Fails
    /// with [`SessionError::NoDevice`], [`SessionError::DevicePermission`], [`SessionError::NotIpmi`]
    /// (another kind of device), [`SessionError::NoAnswer`] or [`SessionError::Local`].
    #[cfg(feature = "in-band")]
    pub async fn open_in_band(
        device: &std::path::Path,
        options: &Options,
    ) -> Result<Session, SessionError> {
        let in_band = in_band::InBand::open(device, options).await?;
        Ok(Session { link: Link::InBand(in_band), options: options.clone(), chunk: 0 })
    }

    /// What the BMC says of itself. A cheap sign of life, too.
    pub async fn device_id(&mut self) -> Result<DeviceId, CommandError> {
        DeviceId::parse(&self.read(Command::DeviceId).await?)
    }

    /// How many records there are and when they last changed.
    pub async fn sdr_repository_info(&mut self) -> Result<SdrRepositoryInfo, CommandError> {
        SdrRepositoryInfo::parse(&self.read(Command::SdrRepositoryInfo).await?)
    }

    /// Reads a sensor. A sensor that the BMC does not own gives [`CommandError::NotBridged`] and
    /// nothing is sent: its number means another sensor at the BMC.
    pub async fn sensor_reading(&mut self, id: SensorId) -> Result<RawReading, CommandError> {
        let reading = RawReading::parse(&self.read(Command::SensorReading(id)).await?)?;
        Ok(self.believed(reading))
    }

    /// The thresholds a sensor has now, raw; [`crate::sdr::FullSensor::convert_thresholds`]
    /// gives them in its unit.
    pub async fn sensor_thresholds(&mut self, id: SensorId) -> Result<RawThresholds, CommandError> {
        RawThresholds::parse(&self.read(Command::SensorThresholds(id)).await?)
    }

    /// Sends any command that there is and gives the data of its reply.
    pub async fn read(&mut self, command: Command) -> Result<Vec<u8>, CommandError> {
        match &mut self.link {
            Link::Lan(lan) => lan.read(command, &self.options).await,
            #[cfg(feature = "in-band")]
            Link::InBand(in_band) => in_band.read(command, &self.options).await,
        }
    }

    /// Closes the session at the BMC, waiting for its answer for one timeout at most.
    pub async fn close(mut self) {
        match &mut self.link {
            Link::Lan(lan) => lan.close().await,
            #[cfg(feature = "in-band")]
            Link::InBand(_) => {}
        }
    }

    /// The cipher suite of a session over the LAN, for [`Options::beginning_with`] of the next one.
    pub fn suite(&self) -> Option<CipherSuite> {
        match &self.link {
            Link::Lan(lan) => lan.suite(),
            #[cfg(feature = "in-band")]
            Link::InBand(_) => None,
        }
    }

    /// What was counted so far, log-in included.
    pub fn counters(&self) -> Counters {
        match &self.link {
            Link::Lan(lan) => lan.counters(),
            #[cfg(feature = "in-band")]
            Link::InBand(in_band) => in_band.counters(),
        }
    }
}
