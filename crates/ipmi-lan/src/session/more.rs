//! The commands of a session beside those for a BMC's own sensors and its SDR repository.

use super::Session;
use crate::chassis::ChassisStatus;
use crate::command::{Command, SensorQuery};
use crate::conversion::Factors;
use crate::dcmi::{
    self, DcmiAveragingPeriods, DcmiCapabilities, DcmiEntity, DcmiPower, DcmiTemperature,
};
use crate::device::{SelfTest, SystemGuid};
use crate::error::CommandError;
use crate::event_status::EventStatus;
use crate::fru::{self, Fru};
use crate::sdr::{FullSensor, Hysteresis};
use crate::sel::{self, Sel, SelEntry, SelInfo};
use crate::sensor::{RawReading, ReadingError, SensorId};
use crate::threshold::{Level, RawThresholds, Thresholds};

impl Session {
    /// A sensor's value in its unit; a non-linear sensor costs a second command. A sensor of
    /// another controller is asked over the bridge if [`crate::Options::bridge_sensors`] allows it.
    pub async fn sensor_value(&mut self, sensor: &FullSensor) -> Result<f64, ReadingError> {
        let reading = self.reading_of(sensor).await?;
        if !sensor.is_non_linear() || reading.usable().is_err() {
            return sensor.value(&reading);
        }
        let factors = self.factors_of(sensor, reading.value).await?;
        sensor.value_by_factors(&reading, &factors)
    }

    /// A sensor's reading before any conversion. Bridged as [`Session::sensor_value`].
    pub async fn reading_of(&mut self, sensor: &FullSensor) -> Result<RawReading, CommandError> {
        if sensor.id.is_bmc() {
            self.sensor_reading(sensor.id).await
        } else {
            self.bridged_reading(sensor.channel, sensor.id).await
        }
    }

    /// The conversion factors that hold for one raw reading of a non-linear sensor. Bridged as
    /// [`Session::sensor_value`].
    pub async fn factors_of(
        &mut self,
        sensor: &FullSensor,
        reading: u8,
    ) -> Result<Factors, CommandError> {
        let (id, channel) = (sensor.id, sensor.channel);
        if id.is_bmc() {
            return self.sensor_reading_factors(id, reading).await;
        }
        let query = SensorQuery::Factors(reading);
        Factors::parse_reply(&self.read(Command::Bridged { channel, id, query }).await?)
    }

    /// The thresholds a sensor has now, in its unit. Each one of a non-linear sensor costs a
    /// command of its own; one that is refused is left out. Bridged as [`Session::sensor_value`].
    pub async fn sensor_threshold_values(
        &mut self,
        sensor: &FullSensor,
    ) -> Result<Thresholds<f64>, CommandError> {
        let (id, channel) = (sensor.id, sensor.channel);
        let raw = if id.is_bmc() {
            self.sensor_thresholds(id).await?
        } else {
            self.bridged_thresholds(channel, id).await?
        };
        if !sensor.is_non_linear() {
            return Ok(sensor.convert_thresholds(&raw));
        }
        let mut values: Vec<(Level, f64)> = Vec::new();
        for (level, value) in raw.iter() {
            // A raw threshold is converted as a raw reading is; 40h says that it may be used.
            let reading = RawReading::parse(&[value, 0x40])?;
            match self.factors_of(sensor, value).await {
                Ok(factors) => values.extend(
                    sensor.value_by_factors(&reading, &factors).ok().map(|value| (level, value)),
                ),
                Err(error) if error.ends_session() => return Err(error),
                Err(_) => {}
            }
        }
        Ok(Thresholds::from_levels(|level| {
            values.iter().find(|(of, _)| *of == level).map(|(_, value)| *value)
        }))
    }

    /// Reads a sensor of another controller through the BMC; `channel` is that of its record.
    pub async fn bridged_reading(
        &mut self,
        channel: u8,
        id: SensorId,
    ) -> Result<RawReading, CommandError> {
        let command = Command::Bridged { channel, id, query: SensorQuery::Reading };
        let reading = RawReading::parse(&self.read(command).await?)?;
        Ok(self.believed(reading))
    }

    /// The thresholds of a sensor of another controller.
    pub async fn bridged_thresholds(
        &mut self,
        channel: u8,
        id: SensorId,
    ) -> Result<RawThresholds, CommandError> {
        let command = Command::Bridged { channel, id, query: SensorQuery::Thresholds };
        RawThresholds::parse(&self.read(command).await?)
    }

    /// The hysteresis a sensor has now, raw; [`FullSensor::convert_hysteresis`] gives it in its
    /// unit.
    pub async fn sensor_hysteresis(&mut self, id: SensorId) -> Result<Hysteresis, CommandError> {
        Hysteresis::parse(&self.read(Command::SensorHysteresis(id)).await?)
    }

    /// Which events of a sensor hold now.
    pub async fn sensor_event_status(&mut self, id: SensorId) -> Result<EventStatus, CommandError> {
        EventStatus::parse(&self.read(Command::SensorEventStatus(id)).await?)
    }

    /// The conversion factors that hold for one raw reading of a non-linear sensor.
    pub async fn sensor_reading_factors(
        &mut self,
        id: SensorId,
        reading: u8,
    ) -> Result<Factors, CommandError> {
        Factors::parse_reply(&self.read(Command::SensorReadingFactors { id, reading }).await?)
    }

    /// The result of the BMC's self test.
    pub async fn self_test(&mut self) -> Result<SelfTest, CommandError> {
        SelfTest::parse(&self.read(Command::SelfTestResults).await?)
    }

    /// The machine's GUID.
    pub async fn system_guid(&mut self) -> Result<SystemGuid, CommandError> {
        SystemGuid::parse(&self.read(Command::SystemGuid).await?)
    }

    /// Whether the machine is on, and what is wrong with its power and chassis.
    pub async fn chassis_status(&mut self) -> Result<ChassisStatus, CommandError> {
        ChassisStatus::parse(&self.read(Command::ChassisStatus).await?)
    }

    /// How full the event log is, and when it changed.
    pub async fn sel_info(&mut self) -> Result<SelInfo, CommandError> {
        SelInfo::parse(&self.read(Command::SelInfo).await?)
    }

    /// One record of the event log: 0 is the oldest, 0xFFFF the newest.
    pub async fn sel_entry(&mut self, record_id: u16) -> Result<SelEntry, CommandError> {
        SelEntry::parse(&self.read(Command::SelEntry { record_id }).await?)
    }

    /// Reads the event log from record `first` on (0 for the oldest), `most` records at most.
    ///
    /// A log that is cleared meanwhile, or runs in a circle, comes with `complete: false`.
    pub async fn read_sel(&mut self, first: u16, most: usize) -> Result<Sel, CommandError> {
        let mut fetch = sel::fetch::Fetch::new(first, most);
        loop {
            let answer = self.read(fetch.question()).await;
            let next = fetch.answer(answer.as_deref().map_err(|error| *error));
            if let sel::fetch::Next::Done(result) = next {
                return result;
            }
        }
    }

    /// The inventory of a FRU; 0 is the BMC's own, the others are those of FRU locator records
    /// that are logical devices of the BMC.
    pub async fn fru(&mut self, device: u8) -> Result<Fru, CommandError> {
        let mut fetch = fru::fetch::Fetch::new(device);
        loop {
            let answer = self.read(fetch.question()).await;
            let next = fetch.answer(answer.as_deref().map_err(|error| *error));
            if let fru::fetch::Next::Done(result) = next {
                return result.map(|fru| *fru);
            }
        }
    }

    /// What DCMI the BMC has. Any refusal ([`CommandError::Completion`]) means: none, or not with
    /// this privilege.
    pub async fn dcmi_capabilities(&mut self) -> Result<DcmiCapabilities, CommandError> {
        let parameter = DcmiCapabilities::PARAMETER;
        DcmiCapabilities::parse(&self.read(Command::DcmiCapabilities { parameter }).await?)
    }

    /// Over which times the BMC averages power.
    pub async fn dcmi_averaging_periods(&mut self) -> Result<DcmiAveragingPeriods, CommandError> {
        let parameter = DcmiAveragingPeriods::PARAMETER;
        DcmiAveragingPeriods::parse(&self.read(Command::DcmiCapabilities { parameter }).await?)
    }

    /// The power of the whole machine. Refused by many BMCs, by some to users below OPERATOR.
    pub async fn dcmi_power(&mut self) -> Result<DcmiPower, CommandError> {
        DcmiPower::parse(&self.read(Command::DcmiPowerReading).await?)
    }

    /// Every temperature that DCMI gives for `entity`.
    pub async fn dcmi_temperatures(
        &mut self,
        entity: DcmiEntity,
    ) -> Result<Vec<DcmiTemperature>, CommandError> {
        let mut fetch = dcmi::fetch::Fetch::new(entity);
        loop {
            let answer = self.read(fetch.question()).await;
            let next = fetch.answer(answer.as_deref().map_err(|error| *error));
            if let dcmi::fetch::Next::Done(result) = next {
                return result;
            }
        }
    }

    /// The reading, its scanning bit not believed if the options say so.
    pub(super) fn believed(&self, reading: RawReading) -> RawReading {
        RawReading {
            scanning: reading.scanning || self.options.ignore_scanning_disabled,
            ..reading
        }
    }
}
