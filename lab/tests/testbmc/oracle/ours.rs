//! The specimens as our client reads them: every record, every sensor by its own commands.

use std::collections::BTreeMap;

use ipmi_lan::sdr::{CompactSensor, FullSensor, Record};
use ipmi_lan::sensor::{RawReading, ReadingError, Severity, ThresholdState};
use ipmi_lan::threshold::{Level, Thresholds};
use ipmi_lan::{CommandError, Entity, Options, SensorId, SensorType, Session, states};

use super::row::{Digits, Field, NOTHING, Row, six, state_names, value};
use crate::tool::Bmc;

/// More than any tool prints, less than the last bits of a double, which depend on the way there.
pub(super) const DIGITS: Digits = Digits::Significant(12);

/// Reads everything.
pub(super) async fn read(bmc: &Bmc) -> Vec<Row> {
    let options = Options { bridge_sensors: true, ..Options::default() };
    let mut session = bmc.session(&options).await;
    let repository = session.read_sdr().await.unwrap();
    assert!(repository.complete, "every record is there");
    let mut rows = Vec::new();
    for record in &repository.records {
        match record {
            Record::Full(sensor) => rows.push(full(&mut session, sensor).await),
            Record::Compact(sensor) => rows.push(compact(&mut session, sensor).await),
            _ => {}
        }
    }
    session.close().await;
    rows
}

async fn full(session: &mut Session, sensor: &FullSensor) -> Row {
    let raw = reading(session, sensor.channel, sensor.id).await;
    let number = session.sensor_value(sensor).await;
    let limits = session.sensor_threshold_values(sensor).await.unwrap_or_default();
    let hysteresis = session.sensor_hysteresis(sensor.id).await.ok();
    if let Some(live) = &hysteresis {
        assert_eq!(*live, sensor.hysteresis, "{}: in the record and live", sensor.name);
    }
    let hysteresis = hysteresis.and_then(|raw| sensor.convert_hysteresis(&raw));
    let hysteresis = hysteresis.map(|(positive, negative)| {
        format!("{} {}", DIGITS.write(positive), DIGITS.write(negative))
    });
    let state = raw.ok().and_then(|raw| sensor.state(&raw));
    let bits = raw.ok().filter(|_| !sensor.is_threshold()).and_then(|raw| raw.discrete_states());
    row(
        sensor.id,
        &sensor.name,
        sensor.entity,
        [
            (Field::Value, value(&DIGITS.write_some(number.ok()), &sensor.unit.to_string())),
            (Field::Reason, number.err().map_or(NOTHING, ReadingError::as_str).into()),
            (Field::State, state.map_or(NOTHING.into(), state_and_severity)),
            (Field::Thresholds, six_of(&limits)),
            (Field::InRecord, six_of(&sensor.thresholds)),
            (Field::Nominal, DIGITS.write_some(sensor.nominal)),
            (Field::Hysteresis, hysteresis.unwrap_or(NOTHING.into())),
            (Field::States, states_as_bits(bits)),
            (Field::StateNames, names(sensor.event_type, sensor.sensor_type, bits)),
        ],
    )
}

async fn compact(session: &mut Session, sensor: &CompactSensor) -> Row {
    let raw = reading(session, sensor.channel, sensor.id).await;
    let bits = raw.ok().and_then(|raw| sensor.states(&raw));
    row(
        sensor.id,
        &sensor.name,
        sensor.entity,
        [
            (Field::Value, NOTHING.into()),
            // A compact record cannot have a number.
            (Field::Reason, ReadingError::NotAnalog.as_str().into()),
            (Field::State, NOTHING.into()),
            (Field::Thresholds, NOTHING.into()),
            (Field::InRecord, NOTHING.into()),
            (Field::Nominal, NOTHING.into()),
            (Field::Hysteresis, NOTHING.into()),
            (Field::States, states_as_bits(bits)),
            (Field::StateNames, names(sensor.event_type, sensor.sensor_type, bits)),
        ],
    )
}

async fn reading(
    session: &mut Session,
    channel: u8,
    id: SensorId,
) -> Result<RawReading, CommandError> {
    if id.is_bmc() {
        session.sensor_reading(id).await
    } else {
        session.bridged_reading(channel, id).await
    }
}

fn row(id: SensorId, name: &str, entity: Entity, read: [(Field, String); 9]) -> Row {
    let mut cells = BTreeMap::from(read);
    cells.extend([
        (Field::Listed, "listed".into()),
        (Field::Name, name.into()),
        (Field::Entity, format!("{}.{}", entity.id, entity.instance)),
    ]);
    Row { owner: Some((id.owner, id.lun)), number: id.number, cells }
}

fn six_of(thresholds: &Thresholds<f64>) -> String {
    six(&Level::ALL.map(|level| DIGITS.write_some(thresholds.get(level))))
}

fn state_and_severity(state: ThresholdState) -> String {
    let level = match state {
        ThresholdState::Nominal => return "ok".into(),
        ThresholdState::At(Level::LowerNonRecoverable) => "lnr",
        ThresholdState::At(Level::LowerCritical) => "lcr",
        ThresholdState::At(Level::LowerNonCritical) => "lnc",
        ThresholdState::At(Level::UpperNonCritical) => "unc",
        ThresholdState::At(Level::UpperCritical) => "ucr",
        ThresholdState::At(Level::UpperNonRecoverable) => "unr",
    };
    let severity = match state.severity() {
        Severity::Nominal => "nominal",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    };
    format!("{level}, {severity}")
}

fn states_as_bits(bits: Option<u16>) -> String {
    bits.map_or(NOTHING.into(), |bits| format!("{bits:#06x}"))
}

fn names(event_type: u8, sensor_type: SensorType, bits: Option<u16>) -> String {
    let names = states::names(event_type, sensor_type, bits.unwrap_or(0));
    state_names(names.filter_map(|(_, name)| name))
}
