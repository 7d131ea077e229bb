//! The tokio driver: one UDP socket, one session, one command in flight.

use std::net::SocketAddr;

use crate::counters::Counters;
use crate::credentials::Credentials;
use crate::device::DeviceId;
use crate::error::{CommandError, SessionError};
use crate::options::Options;
use crate::sdr::{SdrRepository, SdrRepositoryInfo};
use crate::sensor::{RawReading, SensorId};
use crate::threshold::RawThresholds;

/// An open session with a BMC.
///
/// One command is in flight at a time (`&mut self`). Dropping a method's future is safe: the late
/// reply is recognised and dropped. After an error for which
/// [`CommandError::ends_session`] holds, drop the session and open a new one: that gives a new
/// socket, new session IDs and new keys. `Drop` sends Close Session once, without waiting.
#[derive(Debug)]
pub struct Session {}

impl Session {
    /// Logs in to the BMC at `bmc` (port 623 by standard), IPv4 or IPv6.
    ///
    /// Tries the cipher suites of `options` in their order. Takes at most about
    /// `timeout * (retries + 1)` per message of the log-in.
    pub async fn open(
        _bmc: SocketAddr,
        _credentials: &Credentials,
        _options: &Options,
    ) -> Result<Session, SessionError> {
        todo!()
    }

    /// What the BMC says of itself. A cheap sign of life, too.
    pub async fn device_id(&mut self) -> Result<DeviceId, CommandError> {
        todo!()
    }

    /// How many records there are and when they last changed.
    pub async fn sdr_repository_info(&mut self) -> Result<SdrRepositoryInfo, CommandError> {
        todo!()
    }

    /// Reads every record. An error means that nothing could be read; a list with holes comes with
    /// `complete: false`.
    pub async fn read_sdr(&mut self) -> Result<SdrRepository, CommandError> {
        todo!()
    }

    /// Reads a sensor. A sensor that the BMC does not own gives [`CommandError::NotBridged`] and
    /// nothing is sent: its number means another sensor at the BMC.
    pub async fn sensor_reading(&mut self, _id: SensorId) -> Result<RawReading, CommandError> {
        todo!()
    }

    /// The thresholds a sensor has now, raw; [`crate::sdr::FullSensor::convert_thresholds`]
    /// gives them in its unit.
    pub async fn sensor_thresholds(
        &mut self,
        _id: SensorId,
    ) -> Result<RawThresholds, CommandError> {
        todo!()
    }

    /// Closes the session at the BMC, waiting for its answer for one timeout at most.
    pub async fn close(self) {
        todo!()
    }

    /// What was counted so far, log-in included.
    pub fn counters(&self) -> Counters {
        todo!()
    }
}
