//! Reading a session's BMC for its records, wherever it keeps them.

use super::Session;
use crate::command::Command;
use crate::error::CommandError;
use crate::sdr::fetch::{Fetch, Next};
use crate::sdr::{DeviceSdrInfo, DeviceSdrs, SdrRepository, SdrStamp};

impl Session {
    /// Reads every record: of the SDR repository and, where that is not there or has no sensor in it,
    /// the BMC's device SDRs. An error means that the session ended or the BMC has neither; a list with
    /// holes comes with `complete: false`.
    pub async fn read_sdr(&mut self) -> Result<SdrRepository, CommandError> {
        let repository = self.fetch(Fetch::new(self.chunk)).await;
        match &repository {
            Ok(list) if list.has_sensors() => return repository,
            Err(CommandError::Timeout) => {
                // A BMC without a repository may be silent about it. Any answer is a sign of life.
                if let Err(dead) = self.device_id().await
                    && dead.ends_session()
                {
                    return Err(dead);
                }
            }
            Err(error) if error.ends_session() => return repository,
            _ => {}
        }
        match self.read_device_sdrs().await {
            Ok(device) if device.read > 0 => Ok(both(repository.ok(), device)),
            // A time-out may be all that is said of a list that is not there.
            Err(error) if error.ends_session() && error != CommandError::Timeout => Err(error),
            _ => repository,
        }
    }

    /// Reads the records that the BMC has of its own
    /// ([`crate::DeviceId::provides_device_sdrs`]), on every LUN that has sensors.
    pub async fn read_device_sdrs(&mut self) -> Result<DeviceSdrs, CommandError> {
        let info = match self.device_sdr_info().await {
            Ok(info) => Some(info),
            Err(error) if error.ends_session() && error != CommandError::Timeout => {
                return Err(error);
            }
            // They can be read all the same: those of LUN 0, as it is nearly always.
            Err(_) => None,
        };
        let luns = info.map_or(1, |info| info.luns.max(1));
        let mut sdrs = DeviceSdrs { info, records: Vec::new(), read: 0, complete: true };
        let mut refused = None;
        for lun in (0..4).filter(|lun| luns & (1 << lun) != 0) {
            match self.fetch(Fetch::of_device(lun, self.chunk)).await {
                Ok(part) => {
                    sdrs.records.extend(part.records);
                    sdrs.read += part.read;
                    sdrs.complete &= part.complete;
                }
                Err(error) if error.ends_session() => return Err(error),
                Err(error) => {
                    sdrs.complete = false;
                    refused = Some(error);
                }
            }
        }
        if let Some(error) = refused.filter(|_| sdrs.read == 0) {
            return Err(error);
        }
        sdrs.complete &= sdrs.read >= info.map_or(0, |info| usize::from(info.record_count));
        Ok(sdrs)
    }

    /// What the BMC says now of the list that `read` was of; `None` where it had said nothing.
    pub async fn sdr_stamp(
        &mut self,
        read: Option<SdrStamp>,
    ) -> Result<Option<SdrStamp>, CommandError> {
        Ok(match read {
            None => None,
            Some(SdrStamp::Repository(_)) => {
                Some(SdrStamp::Repository(self.sdr_repository_info().await?))
            }
            Some(SdrStamp::Device(_)) => Some(SdrStamp::Device(self.device_sdr_info().await?)),
        })
    }

    async fn device_sdr_info(&mut self) -> Result<DeviceSdrInfo, CommandError> {
        DeviceSdrInfo::parse(&self.read(Command::DeviceSdrInfo).await?)
    }

    async fn fetch(&mut self, mut fetch: Fetch) -> Result<SdrRepository, CommandError> {
        loop {
            let answer = self.read(fetch.question()).await;
            let next = fetch.answer(answer.as_deref().map_err(|error| *error));
            self.chunk = fetch.chunk();
            if let Next::Done(result) = next {
                return result;
            }
        }
    }
}

/// What stands in a repository without sensors, and the records of the sensors.
fn both(repository: Option<SdrRepository>, device: DeviceSdrs) -> SdrRepository {
    let mut records = Vec::new();
    let (mut read, mut complete) = (device.read, device.complete);
    if let Some(repository) = repository {
        read += repository.read;
        complete &= repository.complete;
        records = repository.records;
    }
    records.extend(device.records);
    SdrRepository { stamp: device.info.map(SdrStamp::Device), records, read, complete }
}
