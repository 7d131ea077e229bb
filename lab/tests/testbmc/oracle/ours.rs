//! Every sensor as `ipmi-lan` reads it.

use std::net::SocketAddr;

use ipmi_lan::sdr::{CompactSensor, FullSensor, Record};
use ipmi_lan::sensor::{RawReading, ThresholdState};
use ipmi_lan::threshold::Level;
use ipmi_lan::{Credentials, Options, Password, SensorType, Session, states};

use super::seen::{self, Seen};

/// A sensor, where its record is, and the names of the states that hold.
pub(crate) struct Ours {
    pub(crate) record: u16,
    pub(crate) id: String,
    pub(crate) seen: Seen,
    pub(crate) names: Vec<String>,
}

/// Logs in as the tools do and reads every sensor, those of other controllers too.
pub(crate) async fn read(bmc: SocketAddr) -> Vec<Ours> {
    let credentials = Credentials {
        user: "monitor".into(),
        password: Password::new("s3cretpass").unwrap(),
        k_g: None,
    };
    let options = Options { bridge_sensors: true, ..Options::default() };
    let mut session = Session::open(bmc, &credentials, &options).await.unwrap();
    let repository = session.read_sdr().await.unwrap();
    assert!(repository.complete, "every record is there");
    let mut all = Vec::new();
    for record in repository.records {
        let ours = match record {
            Record::Full(sensor) => full(&mut session, &sensor).await,
            Record::Compact(sensor) => compact(&mut session, &sensor).await,
            _ => continue,
        };
        all.push(ours);
    }
    session.close().await;
    all
}

async fn full(session: &mut Session, sensor: &FullSensor) -> Ours {
    let value = if sensor.is_analog() { session.sensor_value(sensor).await.ok() } else { None };
    let reading = session.reading_of(sensor).await.ok();
    let in_force = session.sensor_threshold_values(sensor).await.unwrap_or_default();
    let digits = |value: f64| format!("{value:.3}");
    let levels = Level::ALL.map(|level| in_force.get(level).map(digits));
    let hysteresis =
        if sensor.id.is_bmc() { session.sensor_hysteresis(sensor.id).await.ok() } else { None };
    let mut seen = Seen {
        name: sensor.name.clone(),
        value: value.map(digits).unwrap_or_default(),
        unit: value.map(|_| sensor.unit.to_string()).unwrap_or_default(),
        state: reading.and_then(|it| sensor.state(&it)).map(level).unwrap_or_default().to_owned(),
        thresholds: seen::thresholds(levels.iter().map(|it| it.as_deref().unwrap_or("-")), "-"),
        hysteresis: String::new(),
    };
    if let Some((positive, negative)) = hysteresis.and_then(|raw| sensor.convert_hysteresis(&raw)) {
        seen.hysteresis = format!("{} {}", digits(positive), digits(negative));
    }
    let mut names = Vec::new();
    if !sensor.is_threshold() {
        (seen.state, names) = held(sensor.event_type, sensor.sensor_type, reading);
    }
    Ours { record: sensor.record_id, id: sensor.id.to_string(), seen, names }
}

async fn compact(session: &mut Session, sensor: &CompactSensor) -> Ours {
    let reading = session.sensor_reading(sensor.id).await.ok();
    let (state, names) = held(sensor.event_type, sensor.sensor_type, reading);
    let seen = Seen { name: sensor.name.clone(), state, ..Seen::default() };
    Ours { record: sensor.record_id, id: sensor.id.to_string(), seen, names }
}

fn level(state: ThresholdState) -> &'static str {
    match state {
        ThresholdState::Nominal => "ok",
        ThresholdState::At(Level::LowerNonCritical) => "lnc",
        ThresholdState::At(Level::LowerCritical) => "lcr",
        ThresholdState::At(Level::LowerNonRecoverable) => "lnr",
        ThresholdState::At(Level::UpperNonCritical) => "unc",
        ThresholdState::At(Level::UpperCritical) => "ucr",
        ThresholdState::At(Level::UpperNonRecoverable) => "unr",
    }
}

/// The states that hold, by number and by name; those without a name by number again.
fn held(
    event_type: u8,
    sensor_type: SensorType,
    reading: Option<RawReading>,
) -> (String, Vec<String>) {
    let Some(bits) = reading.and_then(|it| it.discrete_states()) else { return Default::default() };
    let names = states::names(event_type, sensor_type, bits);
    let name = |(state, name): (u8, Option<&str>)| name.map_or(state.to_string(), str::to_owned);
    (seen::states(bits), names.map(name).collect())
}
